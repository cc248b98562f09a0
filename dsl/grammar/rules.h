// The doors between the files of the grammar: what one file needs of another. Each is instantiated in its own file.
#pragma once

#include "dsl/grammar/primitive.h"

namespace tocsin::dsl::grammar {

#define TOCSIN_RULE(name, type, words)                  \
  using name##_type = x3::rule<struct name##_id, type>; \
  inline const name##_type name = words

// expression.cc
TOCSIN_RULE(expr, ast::Expr, "an expression");
TOCSIN_RULE(path, ast::Path, "a field");
TOCSIN_RULE(stream_path, ast::StreamPath, "a field of an event, such as login.user");
TOCSIN_RULE(stream, ast::Stream, "an event");
TOCSIN_RULE(texts, ast::Template, "a text");
BOOST_SPIRIT_DECLARE(expr_type, path_type, stream_path_type, stream_type, texts_type)

// pattern.cc
TOCSIN_RULE(pattern, ast::Pattern, "a pattern");
TOCSIN_RULE(aligned, ast::Aligned, "a duration such as 5m");
BOOST_SPIRIT_DECLARE(pattern_type, aligned_type)

// clause.cc
TOCSIN_RULE(clause, ast::Clause, "a clause");
TOCSIN_RULE(by_clause, ast::Clause, "`by`");
BOOST_SPIRIT_DECLARE(clause_type, by_clause_type)

// item.cc
TOCSIN_RULE(item, ast::Item, "an item");
BOOST_SPIRIT_DECLARE(item_type)

}  // namespace tocsin::dsl::grammar
