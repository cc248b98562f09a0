// Where a slot ends is found on tokens alone; then the phrase's meaning is read as if the author had written it.
#include "dsl/grammar/phrase.h"

#include <algorithm>

namespace tocsin::dsl::grammar {
namespace {

bool is_punct(const Token* t, const Token* last, Punct p) {
  return t < last && t->kind == TokenKind::punctuation && t->punct == p;
}

// Behind a name, or brackets, and the filter after it.
const Token* behind_stream(const Token* t, const Token* last) {
  t += is_punct(t, last, Punct::open_round) && t->partner > 0 ? t->partner + 1 : 1;
  if (is_punct(t, last, Punct::open_round) && t->partner > 0) t += t->partner + 1;
  return std::min(t, last);
}

void join_round_brackets(std::vector<Token>& tokens) {
  std::vector<std::size_t> open;
  for (std::size_t i = 0; i < tokens.size(); ++i) {
    if (tokens[i].kind != TokenKind::punctuation) continue;
    if (tokens[i].punct == Punct::open_round) open.push_back(i);
    if (tokens[i].punct != Punct::close_round || open.empty()) continue;
    const auto far = static_cast<std::int32_t>(i - open.back());
    tokens[open.back()].partner = far;
    tokens[i].partner = -far;
    open.pop_back();
  }
}

}  // namespace

const Token* behind_slot(PhrasePart::Kind kind, const Token* t, const Token* last) {
  switch (kind) {
    case PhrasePart::Kind::step:
      if (t->kind == TokenKind::number ||
          (t->kind == TokenKind::param && t + 1 < last && t[1].kind == TokenKind::word && t[1].word == Word::none))
        ++t;
      if (t >= last) return last;
      t = behind_stream(t, last);
      return t < last && t->kind == TokenKind::word && t->word == Word::as ? std::min(t + 2, last) : t;
    case PhrasePart::Kind::event:
      return behind_stream(t, last);
    case PhrasePart::Kind::value:
      t = behind_stream(t, last);
      while (is_punct(t, last, Punct::dot)) t = std::min(t + 2, last);
      return t;
    case PhrasePart::Kind::word:
    case PhrasePart::Kind::number:
    case PhrasePart::Kind::duration:
      return t + 1;
  }
  return t + 1;
}

std::vector<Token> rewritten(const PhraseParts& phrase,
                             const std::vector<std::pair<const Token*, const Token*>>& slots) {
  std::vector<Token> out;
  std::uint32_t place = slots.front().first->begin;  // made tokens stand, without width, behind what is before them
  for (const Token& token : phrase.tokens) {
    if (token.kind == TokenKind::param) {
      const auto& [begin, end] = slots[phrase.slot_of(token)];
      out.insert(out.end(), begin, end);
      place = out.back().end;
    } else {
      out.push_back(token);
      out.back().begin = out.back().end = place;
    }
  }
  join_round_brackets(out);
  return out;
}

}  // namespace tocsin::dsl::grammar
