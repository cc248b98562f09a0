// Texts with `{expression}` in them: the pieces of a text token, each expression read by the grammar itself.
#pragma once

#include "dsl/grammar/primitive.h"

namespace tocsin::dsl::grammar {

// The pieces of the text token at `at`. Mistakes inside the braces are appended to the state's diagnostics; the text is
// then read with that piece left out, so that one slip costs one message.
ast::Template read_template(const Token& token, ParseState& state);

struct TemplateText : x3::parser<TemplateText> {
  using attribute_type = ast::Template;
  static constexpr bool has_attribute = true;
  std::string_view what;
  explicit TemplateText(std::string_view w) : what(w) {}

  template <class Context, class RContext, class Attribute>
  bool parse(Cursor& first, const Cursor& last, const Context&, RContext&, Attribute& attribute) const {
    if (first == last || first->kind != TokenKind::text) {
      first.state->want(first.at, what);
      return false;
    }
    x3::traits::move_to(read_template(*first.at, *first.state), attribute);
    ++first;
    return true;
  }
};

}  // namespace tocsin::dsl::grammar
