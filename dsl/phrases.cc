// A shape is cut at its spaces, a rewrite into tokens, all rows when somebody first asks.
#include "dsl/phrases.h"

#include <array>
#include <utility>

#include "dsl/operators.h"
#include "engine/base/contract.h"

namespace tocsin::dsl {
namespace {

using Kind = PhrasePart::Kind;

constexpr std::array<std::pair<std::string_view, Kind>, 5> kSlots{{{"step", Kind::step},
                                                                   {"event", Kind::event},
                                                                   {"value", Kind::value},
                                                                   {"number", Kind::number},
                                                                   {"duration", Kind::duration}}};

Kind kind_of(std::string_view name) {
  for (const auto& [slot, kind] : kSlots)
    if (name.starts_with(slot)) return kind;
  TOCSIN_ASSERT(false);
  return Kind::word;
}

std::vector<PhrasePart> parts_of(std::string_view shape) {
  std::vector<PhrasePart> parts;
  while (!shape.empty()) {
    const std::size_t end = std::min(shape.find(' '), shape.size());
    const std::string_view part = shape.substr(0, end);
    shape.remove_prefix(std::min(end + 1, shape.size()));
    if (part.starts_with('$'))
      parts.push_back({kind_of(part.substr(1)), part.substr(1)});
    else
      parts.push_back({Kind::word, part});
  }
  return parts;
}

}  // namespace

std::size_t PhraseParts::slot_of(const Token& param) const {
  const std::string name = content(param, rewrite);
  std::size_t slot = 0;
  for (const PhrasePart& part : shape) {
    if (part.kind == Kind::word) continue;
    if (part.text == name) return slot;
    ++slot;
  }
  TOCSIN_ASSERT(false);
  return slot;
}

std::span<const PhraseParts> phrase_parts() {
  static const std::vector<PhraseParts> all = [] {
    std::vector<PhraseParts> out;
    for (const Phrase& phrase : phrases()) {
      const SourceText text{"a phrase", std::string(phrase.rewrite)};
      Lexed lexed = lex(text);
      TOCSIN_ASSERT(lexed.diagnostics.empty());
      lexed.tokens.pop_back();  // the end
      out.push_back({parts_of(phrase.shape), phrase.rewrite, std::move(lexed.tokens)});
    }
    return out;
  }();
  return all;
}

}  // namespace tocsin::dsl
