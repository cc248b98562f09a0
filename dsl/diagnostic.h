// One mistake in a rule text: where, what is wrong here, what caused it elsewhere, how to fix it
// (language.md, section 15). Values only: whoever finds a mistake appends a Diagnostic, nobody throws
// and nobody prints. render() below turns them into what people and machines read.
#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dsl/source.h"

namespace tocsin::dsl {

enum class Level { error, warning };

// A row of the table of codes (codes.cc): the same text feeds `explain CODE` and docs/diagnostics.md.
struct CodeInfo {
  std::string_view code;  // "R021"; R0xx are errors, R1xx warnings
  Level level;
  std::string_view title;  // "unknown event"
  std::string_view page;   // plain words: what it means, why it matters
  std::string_view wrong;  // a rule text that earns it ...
  std::string_view right;  // ... and the same mended
};

// The row of a code; null for a code that does not exist.
const CodeInfo* find_code(std::string_view code);
// All rows, in order of their codes.
const std::vector<CodeInfo>& all_codes();

struct Label {
  SourceSpan span;
  std::string text;  // what is wrong here: "not an event or alias"
};

// A replacement that mends the mistake, where one is certain (`check --fix`).
struct Edit {
  SourceSpan span;
  std::string text;
};

struct Diagnostic {
  std::string_view code;       // a row of codes.cc
  std::string message;         // "unknown event `login_faild`"
  Label here;                  // the smallest wrong span, on the author's own line
  std::optional<Label> cause;  // where the cause stands, if elsewhere
  std::string help;            // "did you mean `login_failed`? (declared at rules/auth.rules:3)"; may be empty
  std::optional<Edit> fix;

  bool denied = false;  // `check --deny CODE`: a warning that counts as an error

  Level level() const;  // of the code's row, or error when denied
};

// Sorted by file, place, code; one message per cause: of equal code and span the first stays.
void sort_and_unique(std::vector<Diagnostic>& diagnostics);

// The declared name that `word` may stand for: least Damerau-Levenshtein distance, at most 2 and at most a
// third of the word's length (but 1 for words of three letters); empty when nothing is near. Ties: the first.
std::string nearest(std::string_view word, const std::vector<std::string>& candidates);

// Damerau-Levenshtein (swapped neighbours are one slip), over bytes.
std::size_t edit_distance(std::string_view a, std::string_view b);

}  // namespace tocsin::dsl
