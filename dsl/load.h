// Files, folders, Markdown documents and standard input to texts, and texts to trees. What cannot be read is a
// failure of the world (an Error); what is written wrongly in it is for parse and check to say.
#pragma once

#include <iosfwd>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dsl/parser.h"
#include "dsl/source.h"
#include "engine/base/result.h"

namespace tocsin::dsl {

// Texts whose names see each other. All .rules files of one call are one set; each Markdown document is a set of its
// own, because documents tell the same story with the same names.
struct SourceSet {
  std::vector<SourceText> files;
  bool markdown = false;
};

struct LoadOptions {
  std::istream* input = nullptr;  // where `-` reads; null: `-` is a failure
  std::string input_name = "-";   // how messages call it (`--stdin-filename`); `.md` makes it Markdown
};

// Each path is a folder (all its .rules files, recursively, hidden ones left out, in order of their paths), a file,
// or `-`. A folder without .rules files is a failure: a wrong path must not look like success. A file named twice is
// read once. The set of .rules files comes first.
Result<std::vector<SourceSet>> load(std::span<const std::string> paths, const LoadOptions& options = {});

bool is_markdown(std::string_view path);

// The same text with everything but the fences tagged `rules` blanked out: every byte of a rule keeps its offset,
// line and column.
std::string only_rules(std::string_view markdown);

// A part of a Markdown document: the inside of one fence tagged `rules`.
struct Fence {
  std::size_t begin = 0, end = 0;  // bytes; whole lines
  std::size_t quotes = 0;          // block quotes that it stands in: each line begins with so many `>`
};
std::vector<Fence> rule_fences(std::string_view markdown);

// The whole file, byte for byte.
Result<std::string> read_file(const std::string& path);

// Parses all files, on several threads where it pays. File i of the result is file i of `files`, whose texts the
// result's spans point into.
std::vector<Parsed> parse_all(std::span<const SourceText> files);

}  // namespace tocsin::dsl
