// Diagnostics as people and machines read them. All formats say the same: code, place, what is wrong here, the
// cause, the help. Spans are looked up in `sources` by their file number; a span may lie about anything but that.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dsl/diagnostic.h"
#include "dsl/source.h"

namespace tocsin::dsl {

enum class Format {
  human,   // the author's own line with a caret under it (language.md, section 15)
  brief,   // `file:line:col: error[R021]: message`: one line each, for editors and grep; called `short`
  json,    // one object a line, shaped like rustc's, "schema": "tocsin/check/1"
  github,  // workflow commands: `::error file=..,line=..,col=..::message`
  sarif,   // 2.1.0, for code scanning; rules from the table of codes
  junit,   // a test case per message, and one that passed per file without any
};

// The word of `--format`; nothing for a word that names no format.
std::optional<Format> format_of(std::string_view word);
const std::vector<std::string>& format_words();

struct RenderOptions {
  bool colours = false;
  int width = 0;             // columns of the terminal; 0: as wide as it needs
  std::string_view version;  // of the program, for formats that name it
};

// All of the messages, in the order given. Ends with a newline unless empty (human, short, json, github of nothing).
std::string render(std::span<const Diagnostic> diagnostics, std::span<const SourceText> sources, Format format,
                   const RenderOptions& options = {});

// Text for XML 1.0, which has no way at all to write most control characters: those are U+FFFD. Newlines stay.
std::string escape_xml(std::string_view text);

}  // namespace tocsin::dsl
