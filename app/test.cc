// `tocsin test`: the tests that stand beside the rules, each in virtual time on the engine that production runs.
// Standard output is the report, in words or as a machine wants it; what cannot be run at all is said on standard
// error.
#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <functional>
#include <future>
#include <iterator>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <ostream>
#include <set>
#include <thread>

#include "app/command.h"
#include "app/compiled.h"
#include "app/diff.h"
#include "app/files.h"
#include "app/nearest.h"
#include "app/rules.h"
#include "app/test_run.h"
#include "app/trace.h"
#include "dsl/lines.h"
#include "dsl/load.h"
#include "dsl/print.h"
#include "dsl/render.h"
#include "engine/base/wording.h"
#include "engine/runtime/router.h"

namespace tocsin::app {

namespace {

using Json = nlohmann::ordered_json;
using Clock = std::chrono::steady_clock;

// One test that ran, and where it stands.
struct Ran {
  std::string title, rule;  // no rule: the test looks at all
  std::string place;        // rules/logins.rules:83
  bool passed = true;
  std::string message, failed_place, failed_line;       // the line of the test that was not met, as written
  std::vector<std::string> fired;                       // the rules that sent an alert in it
  std::vector<dsl::Edit> edits;                         // with them it would pass
  std::map<std::string, std::vector<EdgeTaken>> edges;  // of the rules that see its events, for the coverage
  std::string trace;                                    // what its rules did, event by event
  double seconds = 0;
};

struct Coverage {
  std::string rule, place;
  bool fired = false;            // some test sees an alert of it
  bool silent = false;           // some test of it sees none
  std::vector<EdgeTaken> edges;  // of its automaton, all but the firing one
};

struct Report {
  std::vector<Ran> tests;
  std::vector<Coverage> coverage;  // rules as written
  double seconds = 0;

  std::size_t failed() const {
    return static_cast<std::size_t>(std::ranges::count_if(tests, [](const Ran& t) { return !t.passed; }));
  }
};

// ----- running ------------------------------------------------------------------------------------------------------

std::string place_of(const dsl::SourceSpan& span, std::span<const dsl::SourceText> files) {
  const dsl::SourceText& file = files[span.file];
  return fmt::format("{}:{}", file.path, dsl::Lines(file.text).position(span.begin).line);
}

std::string line_of(const dsl::SourceSpan& span, std::span<const dsl::SourceText> files) {
  const dsl::Lines lines(files[span.file].text);
  const std::string_view line = lines.line(lines.position(span.begin).line);
  const std::size_t begin = line.find_first_not_of(" \t");
  return std::string(begin == std::string_view::npos ? line : line.substr(begin));
}

struct Wanted {
  std::unique_ptr<RE2> name;  // none: all
  std::uint64_t permutations = 0;
  std::vector<std::uint32_t> shards{1};  // one run with each

  bool operator()(const std::string& title, const std::string& rule) const {
    return name == nullptr || RE2::PartialMatch(title, *name) || RE2::PartialMatch(rule, *name);
  }
};

std::string rule_of(const dsl::TestInfo& test, const dsl::Model& model) {
  return test.rule == dsl::kNone ? std::string() : model.rules[test.rule].name;
}

// Once as written, then in other orders of arrival; the first that fails is what is told.
TestOutcome run_permuted(const CompiledSet& set, const dsl::TestInfo& test, TestOptions options, std::uint64_t times) {
  TestOutcome outcome = run_test(set.compiled, set.reference, test, options);
  for (std::uint64_t i = 1; outcome.passed && i <= times; ++i) {
    options.permutation = i;
    TestOutcome permuted = run_test(set.compiled, set.reference, test, options);
    if (permuted.passed) continue;
    permuted.message =
        fmt::format("in another order of arrival (number {} of --permute), and only there:\n{}", i, permuted.message);
    return permuted;
  }
  return outcome;
}

// The same with each number of shards.
TestOutcome run_sharded(const CompiledSet& set, const dsl::TestInfo& test, TestOptions options, const Wanted& wanted) {
  TestOutcome outcome;
  for (const std::uint32_t shards : wanted.shards) {
    options.shards = shards;
    TestOutcome sharded = run_permuted(set, test, options, wanted.permutations);
    if (shards == wanted.shards.front()) {
      outcome = std::move(sharded);
      continue;
    }
    if (!outcome.passed || sharded.passed) continue;
    sharded.message = fmt::format("with {}, and only there:\n{}", counted(shards, "shard"), sharded.message);
    return sharded;
  }
  return outcome;
}

// How far the nearest match came, where an alert was expected and none was there.
std::string explained(const CompiledSet& set, const dsl::TestInfo& test, const Missed& missed,
                      const TestOptions& options) {
  Question question;
  question.rule = missed.rule;
  question.after = missed.after;
  question.until = missed.until;
  question.of_key = [&](const Program& program, const Alert& alert) {
    for (std::size_t i = 0; i < alert.key.values().size(); ++i) {
      const auto wanted = missed.fields.find(program.key_names[i]);
      if (wanted != missed.fields.end() && wanted->second != in_message(alert.key.values()[i])) return false;
    }
    return true;
  };
  const std::optional<Nearest> nearest = nearest_match(
      set, question, [&](const dsl::Compiled& variant) { return alerts_of(variant, set.reference, test, options); },
      [&](Time time) { return in_message(time, test); });
  return nearest ? "\n" + in_words(*nearest) : "";
}

// A test that is wanted, of one of the sets.
struct Job {
  const CompiledSet* set = nullptr;
  const dsl::TestInfo* test = nullptr;
  std::size_t rules = 0;  // where the coverage of the set's rules begins
};

enum class Traces { none, of_failed, of_all };

struct HowToRun {
  bool fail_fast = false, edges = false;
  Traces traces = Traces::none;
  std::size_t side_by_side = 1;
};

Ran named(const Job& job) {
  Ran ran;
  ran.title = job.test->decl.title.value;
  ran.rule = rule_of(*job.test, job.set->compiled.model);
  ran.place = place_of(job.test->decl.title.span, job.set->files);
  return ran;
}

// Of the test's rule, or of all where it names none.
std::string traced(const Job& job, const TestOptions& options) {
  const CompiledSet& set = *job.set;
  const std::string own = rule_of(*job.test, set.compiled.model);
  const std::vector<SentEvent> events = events_of(set.compiled, set.reference, *job.test, options);
  std::string out;
  for (const dsl::RuleInfo& rule : set.compiled.model.rules) {
    if (!own.empty() && rule.name != own) continue;
    const std::vector<Deadline> deadlines = deadlines_of(set.compiled, set.reference, *job.test, rule.name, options);
    const RunVariant run = [&](const dsl::Compiled& variant) {
      return alerts_of(variant, set.reference, *job.test, options);
    };
    const WriteTime write = [&](Time time) { return in_message(time, *job.test); };
    out += fmt::format("what {} did:\n{}", rule.name, trace_of(set, rule.name, {events, deadlines, run, write}));
  }
  return out;
}

// The edges that the test's events take, of each rule that sees some of them, whichever rule the test names. What other
// rules emit may come of anything.
std::map<std::string, std::vector<EdgeTaken>> edges_of(const Job& job, const TestOptions& options) {
  const CompiledSet& set = *job.set;
  const dsl::Model& model = set.compiled.model;
  std::set<std::string> sent;
  for (const SentEvent& event : events_of(set.compiled, set.reference, *job.test, options)) sent.insert(event.type);
  const auto may_come = [&](dsl::EventId id) {
    const dsl::EventInfo& event = model.events[id];
    const bool base =
        event.origin == dsl::EventInfo::Origin::declared || event.origin == dsl::EventInfo::Origin::assumed;
    return !base || sent.contains(event.name);
  };
  const RunVariant run = [&](const dsl::Compiled& variant) {
    return alerts_of(variant, set.reference, *job.test, options);
  };
  std::map<std::string, std::vector<EdgeTaken>> edges;
  for (const dsl::RuleInfo& rule : model.rules)
    if (std::ranges::any_of(rule.events, may_come)) edges[rule.name] = edges_taken(set, rule.name, run);
  return edges;
}

// By itself: what it looks at of the set is never changed, its engine is its own.
Ran run_one(const Job& job, const Wanted& wanted, const HowToRun& how) {
  const auto started = Clock::now();
  const CompiledSet& set = *job.set;
  TestOptions options;
  options.read = [&set](std::uint32_t file, const std::string& name) { return set.read_beside(file, name); };
  options.reload = [&set](std::uint32_t file, const std::string& name) -> Result<OtherRules> {
    Result<CompiledSet> other = set.with_file(file, name);
    if (!other) return tl::unexpected(other.error());
    const auto kept = std::make_shared<const CompiledSet>(std::move(*other));
    return OtherRules{{kept, &kept->compiled}, kept->reference};
  };
  const TestOutcome outcome = run_sharded(set, *job.test, options, wanted);
  Ran ran = named(job);
  ran.passed = outcome.passed;
  ran.fired = outcome.fired;
  if (!outcome.passed) {
    ran.message = outcome.message;
    if (outcome.missed) ran.message += explained(set, *job.test, *outcome.missed, options);
    ran.edits = outcome.edits;
    ran.failed_place = place_of(outcome.failed_at, set.files);
    ran.failed_line = line_of(outcome.failed_at, set.files);
  }
  if (how.traces == Traces::of_all || (how.traces == Traces::of_failed && !ran.passed))
    ran.trace = traced(job, options);
  if (how.edges) ran.edges = edges_of(job, options);
  ran.seconds = std::chrono::duration<double>(Clock::now() - started).count();
  return ran;
}

// Calls `run` with 0 to `count` - 1 in this order, `threads` of them at once. Where it answers no, those behind are not
// wanted; those before it are all run.
void side_by_side(std::size_t count, std::size_t threads, const std::function<bool(std::size_t)>& run) {
  std::atomic<std::size_t> next = 0, end = count;
  const auto work = [&] {
    for (std::size_t i = next++; i < end; i = next++) {
      if (run(i)) continue;
      std::size_t before = end;
      while (i + 1 < before && !end.compare_exchange_weak(before, i + 1)) continue;
    }
  };
  std::vector<std::future<void>> others;
  for (std::size_t i = 1; i < std::min(threads, count); ++i) others.push_back(std::async(std::launch::async, work));
  work();
  for (std::future<void>& other : others) other.get();
}

// The tests as they stand in the files, and the rules that they may cover.
std::vector<Job> jobs_of(const std::vector<CompiledSet>& sets, const Wanted& wanted, bool with_edges, Report& report) {
  const RunVariant nothing = [](const dsl::Compiled&) { return std::vector<Alert>(); };  // so no edge is taken
  std::vector<Job> jobs;
  for (const CompiledSet& set : sets) {
    const std::size_t rules = report.coverage.size();
    for (const dsl::RuleInfo& rule : set.compiled.model.rules)
      report.coverage.push_back({rule.name, place_of(rule.at, set.files), false, false,
                                 with_edges ? edges_taken(set, rule.name, nothing) : std::vector<EdgeTaken>()});
    for (const dsl::TestInfo& test : set.compiled.model.tests)
      if (wanted(test.decl.title.value, rule_of(test, set.compiled.model))) jobs.push_back({&set, &test, rules});
  }
  return jobs;
}

void cover(const Ran& ran, std::span<Coverage> rules) {
  for (Coverage& c : rules) {
    const bool fired = std::ranges::find(ran.fired, c.rule) != ran.fired.end();
    c.fired |= fired;
    c.silent |= !fired && ran.rule == c.rule;
    const auto edges = ran.edges.find(c.rule);
    if (edges == ran.edges.end()) continue;
    for (std::size_t i = 0; i < c.edges.size(); ++i) c.edges[i].taken |= edges->second[i].taken;
  }
}

// What is told does not depend on how many run side by side: the tests stay in their order, and --fail-fast ends with
// the first of them that fails.
void run_all(const std::vector<Job>& jobs, const Wanted& wanted, HowToRun how, Report& report) {
  std::vector<Ran> all(jobs.size());
  side_by_side(jobs.size(), how.side_by_side, [&](std::size_t i) {
    all[i] = run_one(jobs[i], wanted, how);
    return all[i].passed || !how.fail_fast;
  });
  for (std::size_t i = 0; i < all.size(); ++i) {
    const Ran& ran = report.tests.emplace_back(std::move(all[i]));
    cover(ran, std::span(report.coverage).subspan(jobs[i].rules, jobs[i].set->compiled.model.rules.size()));
    if (how.fail_fast && !ran.passed) break;
  }
}

// ----- telling: in words --------------------------------------------------------------------------------------------

std::string title_of(const Ran& ran) {
  return ran.rule.empty() ? fmt::format("\"{}\"", ran.title) : fmt::format("\"{}\" rule {}", ran.title, ran.rule);
}

std::string failure_in_words(const Ran& ran, bool colours) {
  return fmt::format("{}FAILED{}  {}\n  --> {}\n   |  {}\n{}\n", colours ? "\x1b[1;31m" : "", colours ? "\x1b[0m" : "",
                     title_of(ran), ran.failed_place, ran.failed_line, indented(ran.message));
}

struct Covered {
  std::size_t both = 0, rules = 0, taken = 0, edges = 0;

  bool at_least(std::uint64_t percent) const { return both * 100 >= rules * percent && taken * 100 >= edges * percent; }
};

Covered covered_by(const Report& report) {
  Covered covered;
  covered.rules = report.coverage.size();
  for (const Coverage& c : report.coverage) {
    covered.both += c.fired && c.silent;
    covered.edges += c.edges.size();
    covered.taken += static_cast<std::size_t>(std::ranges::count_if(c.edges, &EdgeTaken::taken));
  }
  return covered;
}

std::string coverage_in_words(const Report& report) {
  std::string out;
  std::size_t width = 0;
  for (const Coverage& c : report.coverage) width = std::max(width, c.rule.size());
  for (const Coverage& c : report.coverage) {
    for (const EdgeTaken& e : c.edges) {
      if (!e.taken) out += fmt::format("  {:<{}}  no test shows: {}\n", c.rule, width, e.edge);
    }
    if (c.fired && c.silent) continue;
    const std::string_view what = !c.fired && !c.silent ? "has no test"
                                  : c.fired             ? "fires in a test; no test shows it silent"
                                                        : "is silent in a test; no test shows it fire";
    out += fmt::format("  {:<{}}  {}\n", c.rule, width, what);
  }
  const Covered covered = covered_by(report);
  return fmt::format("coverage: {} of {} shown firing and silent, {} of {} of their automata taken\n{}", covered.both,
                     counted(covered.rules, "rule"), covered.taken, counted(covered.edges, "edge"), out);
}

std::string summary_of(const Report& report) {
  return fmt::format("{}, {} passed, {} failed ({:.2f} s)\n", counted(report.tests.size(), "test"),
                     report.tests.size() - report.failed(), report.failed(), report.seconds);
}

std::string in_words(const Report& report, bool with_coverage, const Console& console) {
  std::string out;
  for (const Ran& ran : report.tests) {
    if (!ran.passed) out += failure_in_words(ran, console.colours);
    if (ran.passed && (console.verbose > 0 || !ran.trace.empty())) out += fmt::format("ok      {}\n", title_of(ran));
    out += ran.trace;
  }
  if (with_coverage) out += coverage_in_words(report);
  return out;
}

// ----- telling: to machines -----------------------------------------------------------------------------------------

// For an attribute, where a bare newline would be read as a space.
std::string escape_xml(std::string_view text) {
  std::string out = dsl::escape_xml(text);
  for (std::size_t at = out.find('\n'); at != std::string::npos; at = out.find('\n', at)) out.replace(at, 1, "&#10;");
  return out;
}

std::string whole_message(const Ran& ran) {
  return ran.trace.empty() ? ran.message : fmt::format("{}\n{}", ran.message, ran.trace);
}

std::string in_junit(const Report& report) {
  std::string cases;
  for (const Ran& ran : report.tests) {
    const std::string file = ran.place.substr(0, ran.place.rfind(':'));
    cases += fmt::format("    <testcase classname=\"{}\" name=\"{}\" file=\"{}\" line=\"{}\" time=\"{:.6f}\"",
                         escape_xml(ran.rule.empty() ? file : ran.rule), escape_xml(ran.title), escape_xml(file),
                         ran.place.substr(ran.place.rfind(':') + 1), ran.seconds);
    if (ran.passed) {
      cases += "/>\n";
      continue;
    }
    const std::string first = ran.message.substr(0, ran.message.find('\n'));
    cases +=
        fmt::format(">\n      <failure message=\"{}\">{}: {}&#10;{}</failure>\n    </testcase>\n", escape_xml(first),
                    escape_xml(ran.failed_place), escape_xml(ran.failed_line), escape_xml(whole_message(ran)));
  }
  return fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n"
      "  <testsuite name=\"tocsin test\" tests=\"{}\" failures=\"{}\" time=\"{:.6f}\">\n{}  "
      "</testsuite>\n</testsuites>\n",
      report.tests.size(), report.failed(), report.seconds, cases);
}

// `#` begins a directive in TAP, and a title is one line.
std::string tap_title(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '#' || c == '\\') out += '\\';
    out += c == '\n' ? ' ' : c;
  }
  return out;
}

std::string in_tap(const Report& report) {
  std::string out = fmt::format("TAP version 14\n1..{}\n", report.tests.size());
  for (std::size_t i = 0; i < report.tests.size(); ++i) {
    const Ran& ran = report.tests[i];
    out += fmt::format("{} {} - {}\n", ran.passed ? "ok" : "not ok", i + 1,
                       tap_title(ran.rule.empty() ? ran.title : ran.rule + ": " + ran.title));
    if (ran.passed) continue;
    out += fmt::format("  ---\n  at: {}\n  line: {}\n  message: |\n{}  ...\n", Json(ran.failed_place).dump(),
                       Json(ran.failed_line).dump(), indented(indented(whole_message(ran))));
  }
  return out;
}

Json json_of(const Ran& ran) {
  Json test = {{"title", ran.title}, {"rule", ran.rule.empty() ? Json(nullptr) : Json(ran.rule)},
               {"place", ran.place}, {"passed", ran.passed},
               {"fired", ran.fired}, {"seconds", ran.seconds}};
  if (!ran.passed) test["failure"] = {{"place", ran.failed_place}, {"line", ran.failed_line}, {"message", ran.message}};
  if (!ran.trace.empty()) test["trace"] = ran.trace;
  return test;
}

Json json_of(const std::vector<Coverage>& coverage) {
  Json rules = Json::array();
  for (const Coverage& c : coverage) {
    Json edges = Json::array();
    for (const EdgeTaken& e : c.edges) edges.push_back({{"edge", e.edge}, {"taken", e.taken}});
    rules.push_back(
        {{"rule", c.rule}, {"place", c.place}, {"fired", c.fired}, {"silent", c.silent}, {"edges", std::move(edges)}});
  }
  return rules;
}

std::string dumped(const Json& document) {
  return document.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string in_json(const Report& report, bool with_coverage) {
  Json tests = Json::array();
  for (const Ran& ran : report.tests) tests.push_back(json_of(ran));
  Json document = {{"schema", "tocsin/test/1"},
                   {"passed", report.tests.size() - report.failed()},
                   {"failed", report.failed()},
                   {"seconds", report.seconds},
                   {"tests", std::move(tests)}};
  if (with_coverage) document["coverage"] = json_of(report.coverage);
  return dumped(document);
}

// As geninfo(1) has it. A rule is a function on the line of its name, covered when it fires; its branches are that it
// fires, that it is silent, and the edges of its automaton.
std::string lcov_of(const std::string& file, const std::vector<const Coverage*>& rules) {
  std::string functions, branches, lines;
  std::size_t hit = 0, branch_count = 0, taken = 0;
  for (const Coverage* c : rules) {
    const std::string line = c->place.substr(file.size() + 1);
    functions += fmt::format("FN:{},{}\nFNDA:{},{}\n", line, c->rule, c->fired ? 1 : 0, c->rule);
    lines += fmt::format("DA:{},{}\n", line, c->fired ? 1 : 0);
    hit += c->fired;
    std::size_t branch = 0;
    const auto add_branch = [&](bool is_taken) {
      branches += fmt::format("BRDA:{},0,{},{}\n", line, branch++, is_taken ? 1 : 0);
      ++branch_count;
      taken += is_taken;
    };
    add_branch(c->fired);
    add_branch(c->silent);
    for (const EdgeTaken& e : c->edges) add_branch(e.taken);
  }
  return fmt::format("TN:\nSF:{}\n{}FNF:{}\nFNH:{}\n{}BRF:{}\nBRH:{}\n{}LF:{}\nLH:{}\nend_of_record\n", file, functions,
                     rules.size(), hit, branches, branch_count, taken, lines, rules.size(), hit);
}

std::string in_lcov(const std::vector<Coverage>& coverage) {
  std::map<std::string, std::vector<const Coverage*>> by_file;
  for (const Coverage& c : coverage) by_file[c.place.substr(0, c.place.rfind(':'))].push_back(&c);
  std::string out;
  for (const auto& [file, rules] : by_file) out += lcov_of(file, rules);
  return out;
}

std::string told(const Report& report, const std::string& format, bool with_coverage, const Console& console) {
  if (format == "junit") return in_junit(report);
  if (format == "tap") return in_tap(report);
  if (format == "json") return in_json(report, with_coverage);
  return in_words(report, with_coverage, console);
}

// ----- --update -----------------------------------------------------------------------------------------------------

// A line that goes takes its end with it.
void apply(const dsl::Edit& edit, std::string& text) {
  std::size_t begin = edit.span.begin, end = edit.span.end;
  if (edit.text.empty()) {
    while (begin > 0 && (text[begin - 1] == ' ' || text[begin - 1] == '\t')) --begin;
    while (end < text.size() && (text[end] == ' ' || text[end] == '\t')) ++end;
    if (end < text.size() && text[end] == '\n' && (begin == 0 || text[begin - 1] == '\n')) ++end;
  }
  text.replace(begin, end - begin, edit.text);
}

std::string formatted(const std::string& path, const std::string& text) {
  const dsl::SourceText source{path, text};
  const dsl::Parsed parsed = dsl::parse(source);
  return parsed.diagnostics.empty() ? dsl::print(parsed.file, source) : text;
}

// The texts with what there was in place of what was expected; the difference is the answer.
Exit update(const Report& report, Console& console) {
  std::map<std::string, std::vector<dsl::Edit>> edits;
  std::size_t updated = 0, left = 0;
  for (const Ran& ran : report.tests) {
    if (ran.passed) continue;
    ++(ran.edits.empty() ? left : updated);
    std::vector<dsl::Edit>& of_file = edits[ran.place.substr(0, ran.place.rfind(':'))];
    of_file.insert(of_file.end(), ran.edits.begin(), ran.edits.end());
  }
  for (const auto& [path, all] : edits) {
    const Result<std::string> before = dsl::read_file(path);
    if (!before) return unreadable(console, "test", before.error());
    std::string after = *before;
    std::multimap<std::size_t, const dsl::Edit*> by_place;
    for (const dsl::Edit& edit : all) by_place.emplace(edit.span.begin, &edit);
    // From the back, so that places stay good; of two at one place the last goes in first.
    for (auto edit = by_place.rbegin(); edit != by_place.rend(); ++edit) apply(*edit->second, after);
    if (!dsl::is_markdown(path) && formatted(path, *before) == *before) after = formatted(path, after);
    console.out << unified_diff(path, *before, "updated", after, console.colours);
    if (const Result<void> written = write_file(path, after); !written)
      return unreadable(console, "test", written.error());
  }
  if (!console.quiet)
    console.err << fmt::format("updated {}{}\n", counted(updated, "test"),
                               left > 0 ? fmt::format(", {} cannot be", left) : "");
  return left > 0 ? Exit::no : Exit::done;
}

// The tests that --run chooses are traced though they pass.
Traces traces_of(const Arguments& arguments) {
  if (!arguments.has("--trace")) return Traces::none;
  return arguments.has("--run") ? Traces::of_all : Traces::of_failed;
}

// --jobs: more threads than any machine that runs tests has cores are a slip of the hand.
constexpr std::uint64_t kAtOnceMost = 1024;

std::optional<std::uint64_t> number_of(const std::string& text) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return number;
}

// `1,4`
std::optional<std::vector<std::uint32_t>> shards_of(std::string_view list) {
  std::vector<std::uint32_t> out;
  for (bool more = true; more;) {
    const std::size_t comma = list.find(',');
    const std::optional<std::uint64_t> shards = number_of(std::string(list.substr(0, comma)));
    if (!shards || *shards == 0 || *shards > kShardsMax) return std::nullopt;
    out.push_back(static_cast<std::uint32_t>(*shards));
    more = comma != std::string_view::npos;
    if (more) list.remove_prefix(comma + 1);
  }
  return out;
}

}  // namespace

Exit run_tests(const Arguments& arguments, Console& console) {
  const auto started = Clock::now();
  const std::vector<std::string> paths = paths_of(arguments.operands());
  if (waits_for_terminal(paths, console)) return refuse_terminal(console, "test");
  Wanted wanted;
  const std::optional<std::uint64_t> permutations = number_of(arguments.value("--permute", "0"));
  if (!permutations) return refuse(console, "test", "--permute needs a number, such as 20");
  wanted.permutations = *permutations;
  const auto shards = shards_of(arguments.value("--shards", "1"));
  if (!shards)
    return refuse(console, "test", fmt::format("--shards needs numbers from 1 to {}, such as 1,4", kShardsMax));
  wanted.shards = *shards;
  const std::optional<std::uint64_t> at_once = number_of(arguments.value("--jobs", "0"));
  if (!at_once || (arguments.has("--jobs") && (*at_once == 0 || *at_once > kAtOnceMost)))
    return refuse(console, "test", fmt::format("--jobs needs a number from 1 to {}, such as 4", kAtOnceMost));
  const std::size_t threads = *at_once > 0 ? *at_once : std::max(1U, std::thread::hardware_concurrency());
  const std::optional<std::uint64_t> least = number_of(arguments.value("--min-coverage", "0"));
  if (!least || *least > 100) return refuse(console, "test", "--min-coverage needs a percentage, such as 80");
  const bool coverage = arguments.has("--coverage") || arguments.has("--min-coverage");
  const std::string format = arguments.has("--json") ? "json" : arguments.value("--format", "human");
  const std::string as = arguments.value("--coverage", "text");
  if (as != "text" && format != "human")
    return refuse(console, "test",
                  fmt::format("--coverage={} and --format {} both have standard output; --junit FILE takes the results",
                              as, format));
  if (arguments.has("--run")) {
    wanted.name = std::make_unique<RE2>(arguments.value("--run"), RE2::Quiet);
    if (!wanted.name->ok())
      return refuse(console, "test", fmt::format("--run is no regular expression: {}", wanted.name->error()));
  }

  if (arguments.value("--junit") == "-")
    return refuse(console, "test", "--junit FILE is beside the answer; --format junit has standard output");
  if (arguments.has("--update")) {
    if (console.environment && !console.environment("CI").value_or("").empty())
      return refuse(console, "test", "--update changes what is expected; never under CI");
    if (std::ranges::find(paths, "-") != paths.end())
      return refuse(console, "test", "--update changes files, and standard input is none");
  }

  const CompiledPaths compiled = compile_paths("test", paths, arguments, console);
  if (compiled.exit != Exit::done) return compiled.exit;
  std::vector<FileRead> read = files_read(arguments);
  for (const CompiledSet& set : compiled.sets) std::ranges::move(set.files_read(), std::back_inserter(read));
  if (const std::string complaint = overwritten(arguments, {"--junit"}, read); !complaint.empty())
    return refuse(console, "test", complaint);
  Report report;
  const std::vector<Job> jobs = jobs_of(compiled.sets, wanted, coverage && !arguments.has("--list"), report);
  if (arguments.has("--list")) {
    for (const Job& job : jobs) report.tests.push_back(named(job));
  } else {
    run_all(jobs, wanted, {arguments.has("--fail-fast"), coverage, traces_of(arguments), threads}, report);
  }
  report.seconds = std::chrono::duration<double>(Clock::now() - started).count();
  if (report.tests.empty()) {
    console.err << fmt::format("tocsin test: no test {} in {}\n",
                               wanted.name != nullptr ? fmt::format("fits `{}`", arguments.value("--run")) : "stands",
                               fmt::join(paths, ", "));
    return Exit::usage;  // a wrong path or name must not look like success
  }
  if (arguments.has("--list")) {
    for (const Ran& ran : report.tests) console.out << fmt::format("{}: {}\n", ran.place, title_of(ran));
    return Exit::done;
  }

  if (arguments.has("--update") && report.failed() > 0) return update(report, console);
  if (as == "text") {
    console.out << told(report, format, coverage, console);
  } else {
    console.err << in_words(report, false, console);
    console.out << (as == "lcov" ? in_lcov(report.coverage)
                                 : dumped({{"schema", "tocsin/coverage/1"}, {"rules", json_of(report.coverage)}}));
  }
  if (!console.quiet) (format == "human" && as == "text" ? console.out : console.err) << summary_of(report);
  if (arguments.has("--junit"))
    if (const Result<void> written = write_file(arguments.value("--junit"), in_junit(report)); !written)
      return unreadable(console, "test", written.error());
  if (!covered_by(report).at_least(*least)) {
    console.err << fmt::format("tocsin test: coverage is under {} %\n", *least);
    return Exit::no;
  }
  return report.failed() > 0 ? Exit::no : Exit::done;
}

}  // namespace tocsin::app
