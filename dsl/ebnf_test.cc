// Were this wrong, the grammar that people read would not be the one that the parser follows.
#include "dsl/ebnf.h"

#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "dsl/lex.h"
#include "dsl/parser.h"
#include "dsl/words.h"

namespace tocsin::dsl {
namespace {

// A production's text, cut into words, signs and marks.
std::vector<std::string> parts_of(std::string_view text) {
  std::vector<std::string> out;
  std::istringstream in{std::string(text)};
  for (std::string part; in >> part;) out.push_back(part);
  return out;
}

bool is_quoted(const std::string& part) { return part.size() > 2 && part.front() == '"'; }
std::string unquoted(const std::string& part) { return part.substr(1, part.size() - 2); }

// Sentences at random. The deeper, the more often what may be missing is missing.
class Sentences {
 public:
  explicit Sentences(std::uint64_t seed) : random_(seed) {
    for (const Production& p : productions()) rules_[std::string(p.name)] = parts_of(p.text);
  }

  std::string make(const std::string& name) {
    out_.clear();
    produce(name, 0);
    return out_;
  }

 private:
  std::size_t below(std::size_t n) { return static_cast<std::size_t>(random_() % n); }

  void produce(const std::string& name, int depth) {
    const std::vector<std::string>& parts = rules_.at(name);
    alternatives(parts, 0, parts.size(), depth);
  }

  // The end of the bracket that opens at `at`.
  static std::size_t close_of(const std::vector<std::string>& parts, std::size_t at) {
    int open = 0;
    for (std::size_t i = at;; ++i) {
      if (parts[i] == "(" || parts[i] == "[" || parts[i] == "{") ++open;
      if ((parts[i] == ")" || parts[i] == "]" || parts[i] == "}") && --open == 0) return i;
    }
  }

  void alternatives(const std::vector<std::string>& parts, std::size_t begin, std::size_t end, int depth) {
    std::vector<std::pair<std::size_t, std::size_t>> choices;
    std::size_t from = begin;
    for (std::size_t i = begin; i < end; ++i) {
      if (parts[i] == "(" || parts[i] == "[" || parts[i] == "{")
        i = close_of(parts, i);
      else if (parts[i] == "|")
        choices.emplace_back(std::exchange(from, i + 1), i);
    }
    choices.emplace_back(from, end);
    // Deep down the first is taken: literals, single events, plain fields stand first.
    const auto [first, last] = choices[depth > 9 ? 0 : below(choices.size())];
    for (std::size_t i = first; i < last; ++i) {
      if (parts[i] == "(" || parts[i] == "[" || parts[i] == "{") {
        const std::size_t close = close_of(parts, i);
        std::size_t times = parts[i] == "(" ? 1 : depth > 9 ? 0 : below(parts[i] == "{" ? 3 : 2);
        for (; times > 0; --times) alternatives(parts, i + 1, close, depth + 1);
        i = close;
      } else {
        part(parts[i], depth);
      }
    }
  }

  void part(const std::string& p, int depth) {
    if (is_quoted(p)) return word(unquoted(p));
    if (p == "NAME") return word(pick({"a", "login", "login_failed", "`User-Agent`", "`count`"}));
    if (p == "FIELD") return word(pick({"user", "ip", "start", "count", "rule", "camelCase", "`two words`"}));
    if (p == "FUNCTION") return word(pick({"lower", "hours", "coalesce"}));
    if (p == "PARAM") return word("$n");
    if (p == "NUMBER") return word(pick({"5", "10_000"}));
    if (p == "PERCENT") return word("20%");
    if (p == "SIZE") return word("64KiB");
    if (p == "FACTOR") return word("3x");
    if (p == "DURATION") return word(pick({"5m", "1h30m"}));
    if (p == "CLOCK") return word("09:00");
    if (p == "ADDRESS") return word("10.0.0.0/8");
    if (p == "TEXT") return word("\"text\"");
    if (p == "TEMPLATE") return word("\"{user} {{text}}\"");
    if (p == "REGEX") return word("/a+/");
    if (p == "PERCENTILE") return word("p95");
    produce(p, depth + 1);
  }

  std::string pick(std::initializer_list<const char*> all) { return *(all.begin() + below(all.size())); }
  void word(const std::string& text) { out_ += (out_.empty() ? "" : " ") + text; }

  std::map<std::string, std::vector<std::string>> rules_;
  std::mt19937_64 random_;
  std::string out_;
};

TEST_CASE("the parser reads every sentence of the grammar") {
  for (std::uint64_t seed = 0; seed < 5'000; ++seed) {
    const SourceText source{"sentence.rules", Sentences(seed).make("item")};
    CAPTURE(seed);
    CAPTURE(source.text);
    for (const Diagnostic& d : parse(source).diagnostics) FAIL_CHECK(d.code << " " << d.message << ": " << d.here.text);
  }
}

TEST_CASE("every word of the table has its place in the grammar, and no other word has one") {
  std::set<std::string> used, named;
  for (const Production& p : productions()) named.insert(std::string(p.name));
  for (const Production& p : productions())
    for (const std::string& part : parts_of(p.text)) {
      if (is_quoted(part)) {
        if (p.name != "phrase") used.insert(unquoted(part));  // its words are no keywords
      } else if (part.size() > 1 && part[0] >= 'a' && part[0] <= 'z') {
        CHECK_MESSAGE(named.contains(part), part, " is used in ", p.name, " and not defined");
      }
    }
  for (const WordRow& word : all_words())
    if (word.word != Word::p)
      CHECK_MESSAGE(used.contains(std::string(word.text)), word.text, " has no place in the grammar");
  for (const std::string& word : used)
    if (word[0] >= 'a' && word[0] <= 'z')
      CHECK_MESSAGE(find_word(word) != Word::none, word, " is not in the table of words");
}

// With TOCSIN_UPDATE=1 the page is written anew.
TEST_CASE("docs/grammar.md is what the tables say") {
  const char* file = TOCSIN_SOURCE_DIR "/docs/grammar.md";
  if (std::getenv("TOCSIN_UPDATE") != nullptr) std::ofstream(file, std::ios::binary) << grammar_page();
  std::ifstream in(file);
  std::stringstream page;
  page << in.rdbuf();
  const bool is_current = page.str() == grammar_page();
  CHECK_MESSAGE(is_current, "write the page again with TOCSIN_UPDATE=1");
}

}  // namespace
}  // namespace tocsin::dsl
