// Tree to text: the formatter, and the words in which messages and `explain` show a piece of a rule. One canonical
// layout, no options: `parse(print(x)) == x`, and printing what was printed changes nothing.
//
// A rule is its head, then one clause a line, `when` first and `by` beside it; 120 columns; `then` begins a line where
// a pattern needs several. Short declarations that stood together stay together, in columns.
#pragma once

#include <string>
#include <string_view>

#include "dsl/ast.h"
#include "dsl/source.h"

namespace tocsin::dsl {

// A whole file. Comments go before, or behind, the line that they stood beside.
std::string print(const ast::RuleFile& file);
// The same, keeping the author's paragraphs: `source` is the text that `file` was parsed from.
std::string print(const ast::RuleFile& file, const SourceText& source);

// Single things, on one line.
std::string print(const ast::Expr& expr);
std::string print(const ast::Stream& stream);
std::string print(const ast::Pattern& pattern);
std::string print(const ast::Clause& clause);
std::string print(const ast::Path& path);
std::string print(const ast::Name& name);  // as the name of an item: in backticks where the language needs them

// An operator as the language writes it: `and`, `>=`, `starts with`.
std::string_view sign_of(ast::BinaryOp op);

// `"..."` with its escapes.
std::string quote(std::string_view text);

}  // namespace tocsin::dsl
