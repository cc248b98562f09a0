// Phrases (dsl/operators.cc): a pattern in other words. The slots are read as what they are, then the words that the
// phrase stands for are read with the slots' own tokens among them, so that a mistake in a slot is shown where it
// stands.
#pragma once

#include <utility>
#include <vector>

#include "dsl/grammar/rules.h"
#include "dsl/phrases.h"

namespace tocsin::dsl::grammar {

// Behind what begins at `t`, if it is an event with its name, or an event's field; a guess that costs nothing.
const Token* behind_slot(PhrasePart::Kind kind, const Token* t, const Token* last);

// The words of a phrase with the tokens of its slots, brackets joined.
std::vector<Token> rewritten(const PhraseParts& phrase,
                             const std::vector<std::pair<const Token*, const Token*>>& slots);

template <class StepRule>
struct PhraseParser : x3::parser<PhraseParser<StepRule>> {
  using attribute_type = x3::unused_type;
  static constexpr bool has_attribute = false;
  StepRule step;
  explicit PhraseParser(const StepRule& s) : step(s) {}

  template <class Context, class Attribute>
  bool parse(Cursor& first, const Cursor& last, const Context&, ast::Pattern& out, Attribute&) const {
    for (std::size_t row = 0; row < phrase_parts().size(); ++row)
      if (begins(phrase_parts()[row], first, last) && read(row, first, last, out)) return true;
    return false;
  }

 private:
  // Does the first word of the shape stand where it would?
  static bool begins(const PhraseParts& phrase, const Cursor& first, const Cursor& last) {
    const Token* at = first.at;
    for (const PhrasePart& part : phrase.shape) {
      if (at >= last.at) return false;
      if (part.kind == PhrasePart::Kind::word) return is_word(part, *at, *first.state);
      at = behind_slot(part.kind, at, last.at);
    }
    return false;
  }
  static bool is_word(const PhrasePart& part, const Token& token, const ParseState& state) {
    return token.kind == TokenKind::word && spelling(token, state.text) == part.text;
  }

  template <class Slot, class Rule>
  static bool read_slot(const Rule& rule, Cursor& at, const Cursor& last, ast::Phrase& out) {
    Slot slot;
    if (!rule.parse(at, last, x3::unused, x3::unused, slot)) return false;
    out.slots.emplace_back(std::move(slot));
    return true;
  }

  bool read(std::size_t row, Cursor& first, const Cursor& last, ast::Pattern& out) const {
    const PhraseParts& phrase = phrase_parts()[row];
    ast::Phrase written{row, {}};
    std::vector<std::pair<const Token*, const Token*>> slots;
    Cursor at = first;
    for (const PhrasePart& part : phrase.shape) {
      const Token* begin = at.at;
      switch (part.kind) {
        case PhrasePart::Kind::word:
          if (at == last || !is_word(part, *at, *at.state)) {
            at.state->want(at.at, part.text);
            return false;
          }
          ++at;
          continue;
        case PhrasePart::Kind::step:
          if (!read_slot<ast::Step>(step, at, last, written)) return false;
          break;
        case PhrasePart::Kind::event:
          if (!read_slot<ast::Stream>(stream, at, last, written)) return false;
          break;
        case PhrasePart::Kind::value:
          if (!read_slot<ast::StreamPath>(stream_path, at, last, written)) return false;
          break;
        case PhrasePart::Kind::number:
          if (!read_slot<ast::Expr>(expr, at, last, written)) return false;
          break;
        case PhrasePart::Kind::duration:
          if (!read_slot<ast::Length>(length(), at, last, written)) return false;
          break;
      }
      slots.emplace_back(begin, at.at);
    }
    ast::Pattern meant;
    if (!read_meant(rewritten(phrase, slots), *first.state, meant)) return false;
    out.form = std::move(meant.form);
    out.phrase = std::move(written);
    first = at;
    return true;
  }

  // The state hears nothing of it: its places are those of other tokens.
  static bool read_meant(std::vector<Token> tokens, const ParseState& state, ast::Pattern& out) {
    ParseState inner = state;
    inner.farthest = nullptr;
    inner.wants.clear();
    const std::size_t size = tokens.size();
    tokens.emplace_back();  // the end
    Cursor at{tokens.data(), &inner};
    const Cursor last{tokens.data() + size, &inner};
    return pattern.parse(at, last, x3::unused, x3::unused, out) && at == last;
  }
};

}  // namespace tocsin::dsl::grammar
