#include "app/calls.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <iterator>

#include "engine/program/aggregates.h"
#include "engine/program/functions.h"

namespace tocsin::app {
namespace {

std::string_view word_of(ArgType type) {
  switch (type) {
    case ArgType::any:
    case ArgType::same:
      return "any";
    case ArgType::number:
      return "number";
    case ArgType::integer:
      return "int";
    case ArgType::quantity:
      return "number or duration";
    case ArgType::text:
      return "text";
    case ArgType::countable:
      return "text or list";
    case ArgType::boolean:
      return "bool";
    case ArgType::time:
      return "time";
    case ArgType::duration:
      return "duration";
    case ArgType::ip:
      return "ip";
    case ArgType::network:
      return "ip or network";
    case ArgType::point:
      return "point";
    case ArgType::list:
      return "list";
    case ArgType::regex:
      return "/regex/";
    case ArgType::constant_text:
      return "\"text\"";
    case ArgType::zone:
      return "\"zone\"";
    case ArgType::time_format:
      return "\"format\"";
  }
  return {};
}

// `weekday(time[, "zone"])`, `concat(any, ...)`
std::string form_of(const Function& f) {
  std::string out = fmt::format("{}(", f.name);
  std::size_t open = 0;
  for (std::size_t i = 0; i < f.args.size(); ++i) {
    const bool optional = i >= f.required && !(f.variadic && i + 1 == f.args.size());
    if (optional) ++open;
    out += fmt::format("{}{}{}", optional ? "[" : "", i > 0 ? ", " : "", word_of(f.args[i]));
  }
  if (f.variadic) out += ", ...";
  return out + std::string(open, ']') + ")";
}

std::string gives(const Function& f) {
  if (f.result != ArgType::same) return std::string(word_of(f.result));
  return word_of(f.args[f.like]) == "any" ? "what its arguments are" : std::string(word_of(f.args[f.like]));
}

std::string form_of(const Aggregate& a, std::string_view name) {
  return fmt::format("{}({}{}{})", name, a.takes_field ? "x.field" : "x", a.takes_second_stream ? ", y" : "",
                     a.takes_number ? ", number" : "");
}

std::string gives(const Aggregate& a) {
  switch (a.result) {
    case Aggregate::Result::integer:
      return "int";
    case Aggregate::Result::floating:
      return "float";
    case Aggregate::Result::quantity:
      return "float; of durations a duration";
    case Aggregate::Result::as_field:
      return "what the field is";
    case Aggregate::Result::duration:
      return "duration";
    case Aggregate::Result::list:
      return "list";
  }
  return {};
}

Call call_of(const Function& f) { return {std::string(f.name), form_of(f), gives(f), std::string(f.help), false, {}}; }
// The percentiles are one row of many names.
Call call_of(const Aggregate& a, std::string_view name) {
  return {std::string(name), form_of(a, name), gives(a), std::string(a.help), true, std::string(a.of_nothing)};
}

// Of other aggregates: forms of their own, and no rows of the table.
const std::vector<Call>& of_aggregates() {
  static const std::vector<Call> kCalls = {
      {"zscore", "zscore(aggregate, past)", "float",
       "how many deviations an aggregate of a window lies from its own windows in the past: `zscore(count(x over 1d), "
       "14d)`",
       true, "missing"},
      {"forecast", "forecast(x.field over D, ahead)", "float; of durations a duration",
       "the least-squares line over the window, so far ahead: `forecast(disk.free over 3h, 24h)`", true, "missing"},
  };
  return kCalls;
}

// Of a missing argument the others give a missing value.
constexpr auto kChoose = std::to_array<std::string_view>({"coalesce", "if"});

std::string row_of(const Call& call) {
  return fmt::format("| `{}` | {} | {} | {} |\n", call.form, call.gives, call.of_nothing, call.help);
}

}  // namespace

std::vector<Call> calls_named(std::string_view name) {
  std::vector<Call> out;
  if (const auto id = find_aggregate(name)) out.push_back(call_of(aggregates()[id->index], name));
  std::ranges::copy_if(of_aggregates(), std::back_inserter(out), [&](const Call& call) { return call.name == name; });
  if (const auto id = find_function(name)) out.push_back(call_of(functions()[id->index]));
  return out;
}

std::string in_text(const Call& call) {
  const bool chooses = !call.aggregate && std::ranges::find(kChoose, call.name) != kChoose.end();
  return fmt::format("{} {}\ngives: {}{}\n{}\n", call.aggregate ? "aggregate" : "function", call.form, call.gives,
                     call.aggregate ? fmt::format("; {} where there is no value", call.of_nothing)
                     : chooses      ? "; missing where the argument that it takes is"
                                    : "; missing where an argument is, or where it cannot be worked out",
                     call.help);
}

std::string functions_page() {
  std::string out =
      "# Functions and aggregates\n\nMade from the tables in engine/program/functions.cc and aggregates.cc (of "
      "`zscore` and "
      "`forecast` in app/calls.cc); `tocsin explain\nNAME` prints a row. How expressions are written stands "
      "in\n[language.md](language.md), sections 8 and 11; what each means to the last digit in "
      "[semantics.md](semantics.md).\n\n## Functions\n\nA value from values. "
      "Missing where an argument is missing (but for " +
      fmt::format("`{}`", fmt::join(kChoose, "`, `")) +
      "), or where it cannot be worked out: a text "
      "that\nis no number, a root of -1, a number too large for a float. What stands in quotes or between slashes here "
      "is written in the rule.\n\n| function | gives | what |\n| --- | --- | --- |\n";
  for (const Function& f : functions()) {
    const Call call = call_of(f);
    out += fmt::format("| `{}` | {} | {} |\n", call.form, call.gives, call.help);
  }
  out +=
      "\n## Aggregates\n\nA value from the events of a window. A missing value of a field is left out; a sum beyond "
      "what a float holds is missing.\n\n| aggregate | gives | of nothing | what |\n| --- | --- | --- | --- |\n";
  for (const Aggregate& a : aggregates()) {
    if (a.name.empty()) continue;  // no author can write it
    const Call call = call_of(a, a.name == "p" ? "p95" : a.name);
    out += row_of(call);
  }
  for (const Call& call : of_aggregates()) out += row_of(call);
  return out;
}

std::vector<std::string> names_of_calls() {
  std::vector<std::string> names;
  for (const Function& f : functions()) names.emplace_back(f.name);
  for (const Aggregate& a : aggregates())
    if (!a.name.empty() && a.name != "p") names.emplace_back(a.name);
  for (const Call& call : of_aggregates()) names.push_back(call.name);
  return names;
}

}  // namespace tocsin::app
