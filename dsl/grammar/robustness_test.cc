// What nobody writes, and everybody pastes: half a file, a binary, ten thousand brackets. Were this wrong, such a text
// would take the parser's time, its memory, or the process.
#include <doctest/doctest.h>

#include <algorithm>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "dsl/check.h"
#include "dsl/lex.h"
#include "dsl/parser.h"

namespace tocsin::dsl {
namespace {

namespace fs = std::filesystem;

const fs::path kRoot = TOCSIN_SOURCE_DIR;

// Seconds of the processor: what else the machine does is no fault of the parser.
class Stopwatch {
 public:
  double seconds() const { return static_cast<double>(std::clock() - begin_) / CLOCKS_PER_SEC; }

 private:
  std::clock_t begin_ = std::clock();
};

std::string read(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream out;
  out << in.rdbuf();
  return out.str();
}

// All rule texts of the repository that are right as they stand.
std::vector<std::string> valid_texts() {
  std::vector<std::string> out{read(kRoot / "tests/spec/expressiveness.rules")};
  for (const auto& entry : fs::recursive_directory_iterator(kRoot / "rules"))
    if (entry.path().extension() == ".rules") out.push_back(read(entry.path()));
  std::ifstream lines(kRoot / "tests/spec/worked.jsonl");
  for (std::string line; std::getline(lines, line);)
    out.push_back(nlohmann::json::parse(line).at("rules").get<std::string>());
  return out;
}

std::vector<Diagnostic> told(const std::string& text) {
  const SourceText source{"t.rules", text};
  std::vector<Diagnostic> out = parse(source).diagnostics;
  for (const Diagnostic& d : out) {
    REQUIRE(d.here.span.begin <= d.here.span.end);
    REQUIRE(d.here.span.end <= text.size());
    REQUIRE(find_code(d.code) != nullptr);
    REQUIRE_FALSE(d.message.empty());
  }
  return out;
}

std::string repeated(const std::string& text, std::size_t times) {
  std::string out;
  for (; times > 0; --times) out += text;
  return out;
}

// The item that is cut is read with every beginning; those before it were read with it when they were cut themselves.
TEST_CASE("every beginning of a valid file is right or told once") {
  std::set<std::string> known;  // the examples share their events
  for (const std::string& whole : valid_texts()) {
    const SourceText source{"t.rules", whole};
    const Parsed parsed = parse(source);
    REQUIRE(parsed.diagnostics.empty());
    const Lexed lexed = lex(source);
    for (const ast::Item& item : parsed.file.items) {
      if (!known.insert(whole.substr(item.span.begin, item.span.end - item.span.begin)).second) continue;
      for (const Token& t : lexed.tokens) {
        if (t.begin <= item.span.begin || t.begin > item.span.end) continue;
        const std::string text = whole.substr(item.span.begin, t.begin - item.span.begin);
        CAPTURE(text);
        CHECK(told(text).size() <= 1);
      }
    }
  }
}

TEST_CASE("every byte may be the last") {
  std::size_t left = 4;
  for (const std::string& whole : valid_texts()) {
    if (whole.size() > 1'300 || left == 0) continue;
    --left;
    for (std::size_t length = 0; length <= whole.size(); ++length) {
      CAPTURE(whole.substr(0, length));
      CHECK(told(whole.substr(0, length)).size() <= 2);  // a text that is not closed, and what it should have been
    }
  }
}

// Times: a bomb of 65 costs no more than a rule of its length; one of a million is refused by the brackets alone.
TEST_CASE("nesting beyond 64 is refused, however it is written") {
  const auto bomb = [](const std::string& before, const std::string& open, const std::string& inside,
                       const std::string& close) {
    CAPTURE(before + open);
    for (const std::size_t depth : {std::size_t{65}, std::size_t{5'000}}) {
      CAPTURE(depth);
      const Stopwatch watch;
      const auto mistakes = told(before + repeated(open, depth) + inside + repeated(close, depth));
      REQUIRE_FALSE(mistakes.empty());
      CHECK(mistakes[0].code == "R005");
      CHECK(watch.seconds() < 3);
    }
  };
  const std::string in_filter = "rule r when a(x = ";
  for (const char* open : {"(", "[", "f(", "min(1, ", "t[", "some a (", "in [", "1 + (", "x not in [", "count(a(", "-",
                           "not ", "not (", "{"})
    bomb(in_filter, open, "1", "");
  bomb(in_filter, "(", "1", ")");
  bomb(in_filter, "[", "1", "]");
  bomb(in_filter, "f(", "1", ")");
  bomb(in_filter, "count(a(", "1", "))");
  bomb("rule r when ", "(", "a then b", ")");
  bomb("rule r when ", "2 (", "a then b", " within 1m)");
  bomb("rule r when ", "all of (", "a", ")");
  bomb("rule r when ", "any 2 of (a, ", "b", ")");
  bomb("event e = ", "(a or ", "b", ")");
  bomb("event e = ", "a(", "x", ")");
  bomb("rule r when a by k = ", "(", "1", ")");
  bomb("list l = ", "[", "1", "]");
  bomb("test \"t\" at 0s e {a: ", "[", "1", "]");
  bomb("test \"t\" at 0s e {a: ", "{", "1", "}");
  bomb("rule r when count(a) > 5 and ", "not (", "count(b) > 5", ")");
  bomb("rule r when ", "not ", "count(b) > 5", "");
  // An expression in a text has no more room.
  const auto in_text = told("rule r when a by k alert \"{" + repeated("(", 1'000) + "1" + repeated(")", 1'000) + "}\"");
  REQUIRE_FALSE(in_text.empty());
  CHECK(in_text[0].code == "R005");
  const Stopwatch watch;
  CHECK(told("event e = a(x = " + repeated("not (", 200'000)).at(0).code == "R005");
  CHECK(watch.seconds() < 20);
}

TEST_CASE("long chains without brackets are refused before they are a tree as deep") {
  for (const char* link : {" or 1", " and 1", " + 1", " - 1", " * 1", " = 1", " not in x"}) {
    CAPTURE(link);
    const Stopwatch watch;
    const auto mistakes = told("rule r when a(1" + repeated(link, 10'000) + ") by k");
    REQUIRE_FALSE(mistakes.empty());
    CHECK(mistakes[0].code == "R005");
    CHECK(watch.seconds() < 3);
  }
}

// Two readings of each of 60 levels would outlast the Sun.
TEST_CASE("no form is read twice for every bracket around it") {
  const auto deep = [](const std::string& before, const std::string& open, const std::string& inside,
                       const std::string& close, bool is_right) {
    CAPTURE(before + open);
    const std::size_t brackets =
        static_cast<std::size_t>(std::ranges::count(open, '(') + std::ranges::count(open, '['));
    const std::size_t levels = 40 / std::max<std::size_t>(brackets, 1);
    const Stopwatch watch;
    const std::string text = before + repeated(open, levels) + inside;
    CHECK(told(text + repeated(close, levels)).empty() == is_right);
    CHECK_FALSE(told(text + " ]").empty());
    CHECK_FALSE(told(text).empty());
    CHECK(watch.seconds() < 3);
  };
  for (const char* open :
       {"count(a(", "min(a(", "(a or b(", "f(", "(", "some a (", "min(1, ", "t[", "x in [", "[", "not (", "1 + (", "-(",
        "avg(a.x over 5m) + (", "3x its average over (", "x between (", "ratio(a, b("})
    deep("rule r when a(x = ", open, "1", "", false);
  deep("rule r when ", "3 (", "a then b", ")", true);
  deep("rule r when ", "(", "a then b", ")", true);
  deep("rule r when ", "(", "a", ")", true);
  deep("rule r when ", "(a or ", "b", ")", true);
  deep("rule r when ", "all of (", "a", ")", true);
  deep("rule r when ", "any 2 of (a, ", "b", ")", true);
  deep("rule r when 5 distinct ", "(", "a.x", ")", false);
  deep("rule r when ", "(", "count(a) > 5 within 1m", ")", true);
  deep("rule r when ", "not (", "count(a) > 5", ")", true);
  deep("rule r when ", "(count(a) + ", "count(b)", ")", true);
  deep("rule r when ", "5 a(x > 1) then (", "b then c", ")", true);
  deep("rule r when ", "a then no (b or ", "c", ") then d", false);
  deep("event e = ", "(a or ", "b", ")", true);
  deep("list l = ", "[", "1", "]", true);
}

TEST_CASE("bytes that are no text") {
  const std::string rule = "rule r when a by k alert \"x\"\n";
  for (const std::string& bad :
       {std::string("\xff\xfe"), std::string("\xc3"), std::string("\x80"), std::string("\xed\xa0\x80"),
        std::string("\xf4\x90\x80\x80"), std::string("\xc0\xaf"), std::string(1, '\0')}) {
    for (const std::string& text :
         {bad, bad + rule, rule + bad, "rule r when a by k alert \"" + bad + "\"\n", "// " + bad + "\n" + rule,
          "rule `" + bad + "` when a", "event e = a(x matches /" + bad + "/)"}) {
      const auto mistakes = told(text);
      CHECK(std::ranges::count(mistakes, "R006", &Diagnostic::code) == 1);  // once, wherever and however often
    }
  }
  CHECK(told("\xef\xbb\xbf" + rule).empty());  // a byte order mark harms nobody
  // A binary: each byte is wrong, and nobody reads the thousandth message.
  std::string binary;
  for (int i = 0; i < 200'000; ++i) binary += static_cast<char>(i * 7919 >> 3);
  CHECK(told(binary).size() <= 2 * kMaxMistakes);
}

TEST_CASE("large files take bounded time") {
  const Stopwatch watch;
  const auto mistakes = told(std::string(100'000'000, 'a'));
  REQUIRE(mistakes.size() == 1);
  CHECK(mistakes[0].code == "R007");
  CHECK(told(std::string(kMaxFileBytes / 4, ' ')).empty());
  CHECK(told(repeated("rule x when a b c ", 10'000)).size() <= 2 * kMaxMistakes);
  CHECK(told("list l = [" + repeated("\"10.0.0.1\", ", 30'000) + "1]").empty());
  CHECK(told("event e has " + repeated("f text, ", 20'000) + "g").size() == 1);
  CHECK(told(repeated("`", 100'000)).size() <= kMaxMistakes);
  CHECK(told(repeated("by ", 100'000)).size() <= kMaxMistakes);
  CHECK(told(repeated("rule ", 100'000)).size() <= kMaxMistakes);
  CHECK(told("rule r when " + repeated("a then ", 20'000) + "b").size() <= 1);
  CHECK(told("rule r when a alert \"" + repeated("{a} ", 20'000) + "\"").empty());
  CHECK(told("rule r when a alert \"" + repeated("{", 20'000) + "\"").size() <= 2);
  CHECK(watch.seconds() < 60);
}

// Found by mutating the rules of tests/: what was mended is read in another order than it stands in.
TEST_CASE("places of mended items run forwards") {
  for (const std::string text : {"rule r when login > 5 left within 5m by user alert low \"x\"",
                                 "rule r when login 5 times left by user alert low \"x\"", "rule r when avg("}) {
    const SourceText source{"t", text};
    const std::vector<Parsed> files{parse(source)};
    std::vector<Diagnostic> all = files[0].diagnostics;
    for (const Diagnostic& d : check(files).diagnostics) all.push_back(d);
    CHECK(!all.empty());
    for (const Diagnostic& d : all) {
      CAPTURE(d.message);
      CHECK(d.here.span.begin <= d.here.span.end);
      CHECK(d.here.span.end <= text.size());
    }
  }
}

TEST_CASE("bytes at random are told, not obeyed") {
  std::uint64_t seed = 1;
  const auto next = [&] {
    return seed = seed * 6364136223846793005U + 1442695040888963407U, static_cast<std::size_t>(seed >> 33U);
  };
  const std::string whole = read(kRoot / "tests/spec/expressiveness.rules");
  for (int round = 0; round < 400; ++round) {
    std::string text = whole.substr(next() % whole.size(), 400);
    for (int i = 0; i < 5; ++i) text[next() % text.size()] = static_cast<char>(next());
    (void)told(text);
  }
}

}  // namespace
}  // namespace tocsin::dsl
