// If this fails, a phrase is not what its row in dsl/operators.cc says: it is not read, not written back as it stood,
// or does not mean its rewrite.
#include "dsl/phrases.h"

#include <doctest/doctest.h>

#include <map>
#include <string>
#include <variant>

#include "dsl/operators.h"
#include "dsl/parser.h"
#include "dsl/print.h"

namespace tocsin::dsl {
namespace {

using Kind = PhrasePart::Kind;

// What people could put into a slot, one after the other.
const std::vector<std::string>& samples(Kind kind) {
  static const std::map<Kind, std::vector<std::string>> all{
      {Kind::step, {"a", "a(v > 1) as first_a", "3 a", "(a or b)", "$any_event"}},
      {Kind::event, {"b", "b(v = a.v)", "(b or c)", "$any_event", "(b or c)(v > 1)"}},
      {Kind::value, {"a.v", "a(v > 1).w", "(a or b).v.w", "$any_event.v", "a.v"}},
      {Kind::number, {"5", "1.5", "$n", "2 * (3 + 4)", "30s"}},
      {Kind::duration, {"5m", "1h30m", "$d", "250ms", "1w"}},
      {Kind::word, {}},
  };
  return all.at(kind);
}

std::string filled(std::string_view text, const PhraseParts& phrase, std::size_t sample) {
  std::string out(text);
  for (const PhrasePart& part : phrase.shape) {
    if (part.kind == Kind::word) continue;
    const std::string slot = "$" + std::string(part.text);
    for (std::size_t at = out.find(slot); at != std::string::npos; at = out.find(slot, at)) {
      const std::string& value = samples(part.kind)[sample];
      out.replace(at, slot.size(), value);
      at += value.size();
    }
  }
  return out;
}

ast::Pattern pattern_of(const std::string& text) {
  const SourceText source{"t.rules", "template t($any_event, $n, $d) when " + text + " by k alert low \"x\""};
  const Parsed parsed = parse(source);
  for (const Diagnostic& d : parsed.diagnostics) FAIL_CHECK(text << ": " << d.message);
  REQUIRE(parsed.file.items.size() == 1);
  return std::get<ast::TemplateDecl>(parsed.file.items[0].node).when;
}

TEST_CASE("every phrase means its rewrite, and is written as it was") {
  REQUIRE(!phrases().empty());
  for (std::size_t row = 0; row < phrases().size(); ++row) {
    const PhraseParts& parts = phrase_parts()[row];
    for (std::size_t sample = 0; sample < 5; ++sample) {
      const std::string said = filled(phrases()[row].shape, parts, sample);
      const std::string meant = filled(phrases()[row].rewrite, parts, sample);
      CAPTURE(said);
      CAPTURE(meant);
      ast::Pattern pattern = pattern_of(said);
      REQUIRE(pattern.phrase.has_value());
      CHECK(pattern.phrase->row == row);
      CHECK(print(pattern) == said);
      CHECK(pattern_of(print(pattern)) == pattern);
      pattern.phrase.reset();
      CHECK(pattern == pattern_of(meant));
    }
  }
}

TEST_CASE("a rewrite leaves `within`, `each` and `for` of the whole pattern to its author") {
  for (const Phrase& phrase : phrases()) {
    const std::string meant =
        filled(phrase.rewrite, phrase_parts()[static_cast<std::size_t>(&phrase - phrases().data())], 0);
    const ast::Pattern pattern = pattern_of(meant);
    CHECK_MESSAGE((!pattern.within && !pattern.each && !pattern.hold), phrase.rewrite);
  }
}

TEST_CASE("a phrase goes on with the bounds of a pattern, and a mistake in it is shown where it stands") {
  const ast::Pattern bounded = pattern_of("a without b within 5m within 1h");
  CHECK(bounded.phrase.has_value());
  CHECK(bounded.within.has_value());
  const SourceText source{"t.rules", "rule r when a without b within 5 by k alert low \"x\""};
  const Parsed parsed = parse(source);
  REQUIRE(parsed.diagnostics.size() == 1);
  CHECK(source.text.substr(parsed.diagnostics[0].here.span.begin, 1) == "5");
}

}  // namespace
}  // namespace tocsin::dsl
