// Wants are put in the order in which people need them, and cut where a list of all would say nothing.
#include "dsl/grammar/messages.h"

#include "dsl/grammar/absence.h"

#include <algorithm>
#include <array>

namespace tocsin::dsl::grammar {

namespace {

// Signs and words that continue any expression: named together, or a message would be nothing but them.
constexpr auto kOperators = std::to_array<std::string_view>(
    {"=",  "!=",  "<",  "<=", ">",       ">=",       "+",       "-",      "*",    "/",    "%",       "and",
     "or", "not", "in", "is", "between", "contains", "matches", "starts", "ends", "with", "ignoring"});
constexpr std::string_view kAnOperator = "an operator such as `=` or `and`";
// What may nearly always follow a name, and is hardly ever what is missing.
constexpr auto kQuiet = std::to_array<std::string_view>({"(", ".", "[", ","});

bool among(std::string_view word, auto& words) { return std::ranges::find(words, word) != words.end(); }

// A want as people read it: a word of the language in backticks, a phrase as it is.
std::string shown(std::string_view want) {
  const bool phrase = want.find(' ') != std::string_view::npos || want.starts_with('`');
  return phrase ? std::string(want) : "`" + std::string(want) + "`";
}

// The wants in the order in which people need them: things, then words, then what opens something new.
std::vector<std::string> in_order(const std::vector<std::string_view>& wants) {
  std::vector<std::string> things, words, last;
  std::size_t operators = 0;
  for (const std::string_view w : wants) operators += among(w, kOperators);
  const bool only_quiet =
      std::ranges::all_of(wants, [](std::string_view w) { return among(w, kQuiet) || w == kEndWanted; });
  for (const std::string_view w : wants) {
    if (!only_quiet && among(w, kQuiet)) continue;
    if (w == kEndWanted && wants.size() > 1) continue;
    if (operators > 2 && among(w, kOperators)) continue;
    if (w == "a clause")
      last.emplace_back("a clause such as `by`, `where` or `alert`");
    else if (w.find(' ') != std::string_view::npos)
      things.push_back(shown(w));
    else
      words.push_back(shown(w));
  }
  if (operators > 2) words.emplace_back(kAnOperator);
  things.insert(things.end(), words.begin(), words.end());
  things.insert(things.end(), last.begin(), last.end());
  return things;
}

std::string joined(const std::vector<std::string>& wants) {
  constexpr std::size_t kShown = 6;  // more helps nobody
  std::string out;
  const std::size_t n = std::min(wants.size(), kShown);
  for (std::size_t i = 0; i < n; ++i) {
    if (i > 0) out += i + 1 == n ? " or " : ", ";
    out += wants[i];
  }
  return out;
}

std::string shortened(std::string_view text) {
  constexpr std::size_t kLongest = 40;
  if (text.size() <= kLongest) return std::string(text);
  std::size_t end = kLongest;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  return std::string(text.substr(0, end)) + "..";
}

}  // namespace

Diagnostic unreadable(const ParseState& state, const Token* begin, const Token* end) {
  const Token* at = state.farthest != nullptr ? state.farthest : begin;
  const std::vector<std::string> wants = in_order(state.wants);
  const std::string wanted = wants.empty() ? "nothing more" : joined(wants);
  const std::string before = at > begin ? "`" + shortened(spelling(at[-1], state.text)) + "`" : "";
  if (auto absence = absence_mistake(begin, at, end, state.file, state.text)) return *absence;
  Diagnostic d;
  d.code = "R001";
  const bool at_end = at >= end;
  const std::string found = at_end ? "" : "`" + shortened(spelling(*at, state.text)) + "`";
  if (before.empty()) {
    d.message = found + " does not begin anything";
    d.here.text = "here comes " + wanted;
  } else if (wants.size() <= 2) {
    d.message = "after " + before + " comes " + wanted;
    d.here.text = at_end ? "nothing follows" : found + " stands here instead";
  } else {
    d.message = at_end ? "this stops too early" : found + " does not fit here";
    d.here.text = "after " + before + " comes " + wanted;
  }
  d.here.span = at_end ? state.span(end[-1].begin, end[-1].end) : state.span(at->begin, at->end);
  return d;
}

}  // namespace tocsin::dsl::grammar
