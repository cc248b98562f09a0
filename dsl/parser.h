// Text to tree: the only view that others have of the grammar.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dsl/ast.h"
#include "dsl/diagnostic.h"
#include "dsl/source.h"

namespace tocsin::dsl {

struct Parsed {
  ast::RuleFile file;                   // every item that could be read, also beside broken ones
  std::vector<Diagnostic> diagnostics;  // every mistake of the text, in order
  std::vector<std::string> unreadable;  // names of items that were begun and could not be read
  std::vector<std::string> mentioned;   // every name inside them: nobody can say that it is not used
  std::size_t unreadable_rules = 0;     // how many of them are rules
  std::vector<SourceSpan> mended;       // what was read as something else than it says: a guess that nobody judges
};

// Never throws, never recurses deeper than the nesting limit, takes time linear in the text.
// `file` is the number that spans of this text carry.
Parsed parse(const SourceText& source, std::uint32_t file = 0);
Parsed parse(SourceText&&, std::uint32_t = 0) = delete;  // spans would outlive their text

}  // namespace tocsin::dsl
