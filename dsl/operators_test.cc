// Fails when a pattern is taken for another operator's, or an operator's row says what its rewrite does not do.
#include "dsl/operators.h"

#include <doctest/doctest.h>

#include <set>
#include <string>
#include <vector>

#include "dsl/compile.h"
#include "dsl/simplify.h"

namespace tocsin::dsl {
namespace {

struct Row {
  const char* pattern;
  const char* shape;  // of the operator that it is
};

const std::vector<Row> kRows = {
    {"x", "x then y ..."},
    {"x then y", "x then y ..."},
    {"(x then y)", "(P)"},
    {"5 x within 1m", "N x within D, N x each D"},
    {"5 x each 1h", "N x within D, N x each D"},
    {"x each 1h", "N x within D, N x each D"},
    {"3 (x then y) within 1h", "N x within D, N x each D"},
    {"exactly 5 x within 1m", "x then y ..."},
    {"one or more x until y", "x then y ..."},
    {"3 x(count(m) = 0 or v > last(m.v)) as m", "x then y ..."},
    {"3 consecutive x(v > 1)", "N consecutive x [of y] [within D]"},
    {"3 x at most 10s apart", "N x at most D apart [within W]"},
    {"fewer than 3 x within 1h", "fewer than N x within D"},
    {"3 distinct x.f within 1h", "N distinct x.f within D"},
    {"2 of last 5 x(v > 1)", "N of last M x"},
    {"3 changes of x.f within 1h", "N changes of x.f within D"},
    {"new x.f in 14d", "new x.f in D"},
    {"x after 30d idle", "x after D idle"},
    {"x after 1h without y", "x after D without y"},
    {"no x for 5m", "no x for D"},
    {"no x within 5m after y", "no x within D after y"},
    {"x(v > 1) for 5m", "x for D"},
    {"top 3 x.f by count over 1h", "top N x.f by count over D"},
    {"sum(x.v) > 3 within 1h", "C [within D] [for D]"},
    {"any 2 of (x, y)", "x then y ..."},
};

Compiled compile_rule(const std::string& pattern) {
  const std::vector<SourceText> files{{"test.rules", "rule r when " + pattern + " by k alert low \"x\""}};
  return compile(files);
}

TEST_CASE("every pattern finds the row of its operator") {
  std::set<std::string_view> seen;
  for (const Row& row : kRows) {
    const Compiled compiled = compile_rule(row.pattern);
    REQUIRE_MESSAGE(compiled.ok(), row.pattern);
    const Operator& found = operator_of(compiled.model.rules.front().when);
    CHECK_MESSAGE(found.shape == row.shape, row.pattern);
    seen.insert(found.shape);
  }
  for (const Operator& row : operators())
    CHECK_MESSAGE(seen.contains(row.shape), row.shape);  // none without an example
}

core::Pattern core_of(const char* pattern) {
  const Compiled compiled = compile_rule(pattern);
  REQUIRE_MESSAGE(compiled.ok(), pattern);
  return simplify(compiled.model, compiled.model.rules.front()).when;
}

TEST_CASE("what counts is one form: only the window and the place of judging differ") {
  using Kind = core::Window::Kind;
  for (const auto& [pattern, kind] :
       std::vector<std::pair<const char*, Kind>>{{"5 x within 1m", Kind::span},
                                                 {"3 consecutive x(v > 1)", Kind::streak},
                                                 {"3 x at most 10s apart", Kind::chain},
                                                 {"2 of last 5 x(v > 1)", Kind::of_last},
                                                 {"fewer than 3 x within 1h", Kind::span}}) {
    const core::Pattern core = core_of(pattern);
    CHECK_MESSAGE(core.form == core::Form::condition, pattern);
    CHECK_MESSAGE(core.window.kind == kind, pattern);
  }
  CHECK(core_of("5 x each 1h").form == core::Form::aligned);
}

TEST_CASE("a streak is judged at every event of its base, a count only at x") {
  CHECK(core_of("3 consecutive x(v > 1)").judged.exists());
  CHECK_FALSE(core_of("5 x within 1m").judged.exists());
}

TEST_CASE("C5 and Q9: two ways to write one pattern have one core form") {
  const auto text = [](const char* pattern) {
    const Compiled compiled = compile_rule(pattern);
    REQUIRE_MESSAGE(compiled.ok(), pattern);
    return core_form(compiled.model, "r");
  };
  CHECK(text("no x within 5m after y") == text("y then no x within 5m"));
  CHECK(text("x then first y") == text("x then no y then y"));
  CHECK(text("(x then y)") == text("x then y"));
  CHECK(text("x then y") != text("x then no y then y"));
}

}  // namespace
}  // namespace tocsin::dsl
