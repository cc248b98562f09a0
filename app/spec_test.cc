// Behaviour as text beside the rule: every file under tests/spec/ is a rule set of its own, and every `test` in it is a
// case here, run as written and in other orders of arrival. Would be wrong if one failed: the engine does not do what
// semantics.md says, to the instant.
//
// What a spec shows stands in comments of a fixed form:
//
//   // form: N x within D          a row of the table in docs/language.md, section 5; anywhere in the file
//   // clause: reset on x          likewise of section 6
//   // and not: the reading that .. behind one of several in a file: which of the file's `not:` is about it
//   // shows C1 T4: why            in front of each test: the lines of docs/semantics.md that it shows
//   // section 11: why           of a test that shows what docs/language.md says there, and no line of semantics.md
//   // not: the reading that ..    behind it: what an engine would do that read the line in another way
//
// From these docs/specs.md and the last section of docs/language.md are made (with TOCSIN_UPDATE=1; review the
// difference). A row, a line, an aggregate, a function or a word that no spec shows fails here; what no rule text can
// show is listed below with the test that shows it instead.
#include <doctest/doctest.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <deque>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "app/compiled.h"
#include "app/reference_files.h"
#include "app/test_run.h"
#include "dsl/compile.h"
#include "dsl/lines.h"
#include "dsl/load.h"
#include "engine/program/aggregates.h"
#include "engine/program/functions.h"

namespace tocsin {
namespace {

namespace fs = std::filesystem;

const fs::path& root() {
  static const fs::path path = TOCSIN_SOURCE_DIR;
  return path;
}

std::string read(const fs::path& path) {
  const Result<std::string> text = dsl::read_file(path.string());
  return text ? *text : std::string();
}

// ----- what no rule text can show ------------------------------------------------------------------------------

struct Elsewhere {
  std::string_view line;
  std::string_view file;  // a golden of tests/diagnostics, or a test program with the same marks
  std::string_view why;
  std::string_view not_this;  // of what is refused; a test program says it in its marks
};
constexpr Elsewhere kElsewhere[] = {
    {"T2", "app/history_test.cc", "a test sends no event late", {}},
    {"T7", "tests/diagnostics/local_hours.rules", "refused: it has no run", "hours of a zone as parts of its days"},
    {"T8", "app/history_test.cc", "a test has no flags of `replay`", {}},
    {"E2", "tests/diagnostics/key_part_missing.rules", "refused",
     "an event without a part that is skipped in silence, or seen under every key"},
    {"C1", "tests/diagnostics/unbreakable_streak.rules", "refused", "a streak without an end, which counts like `N x`"},
    {"Q10", "tests/diagnostics/bound_of_maybe.rules", "refused", "a bound from a step that took nothing"},
    {"Q15", "tests/diagnostics/begins_with_no.rules", "refused",
     "a match without an event; a pattern that reaches back to the beginning of all time"},
    {"Q15", "tests/diagnostics/ends_in_maybe.rules", "refused",
     "a match that waits for its last step, or one with it and one without"},
    {"Q15", "tests/diagnostics/ends_in_zero_or_more.rules", "refused", "a match that waits for the last a"},
    {"Q15", "tests/diagnostics/unbounded_sequence.rules", "a warning", "partial matches that are kept for ever unsaid"},
    {"F10", "tests/diagnostics/keeps_every_key.rules", "a warning", "keys that are kept for ever unsaid"},
    {"F12", "tests/diagnostics/remind_without_resolve.rules", "a warning", "a reminder that nothing ends, unsaid"},
    {"F13", "app/history_test.cc", "a test cannot compare the ids of two alerts", {}},
    {"F14", "app/history_test.cc", "a test sends no event late", {}},
    {"F16", "app/history_test.cc", "ids are hashes", {}},
    {"F17", "app/history_test.cc", "a test has no evidence", {}},
    {"F18", "tests/diagnostics/count_of_a_sequence.rules", "refused", "the number of all events of the match"},
    {"N1", "tests/diagnostics/event_called_like_an_aggregate.rules", "refused", "an event that hides the aggregate"},
    {"N1", "tests/diagnostics/no_gap.rules", "refused", "a name that is missing in the text"},
    {"S2", "tests/diagnostics/session_starts_on_a_stranger.rules", "refused",
     "a session that begins with an event outside of it"},
    {"S3", "tests/diagnostics/session_with_a_stranger.rules", "refused",
     "a number over events that no session holds, 0 for ever"},
    {"S4", "tests/diagnostics/empty_windows_for_ever.rules", "refused", "windows of every key for ever"},
    {"X3", "tests/diagnostics/host_bits.rules", "refused", "the one address; the network without a word"},
    {"X6", "tests/diagnostics/always_true.rules", "a warning", "an alert for each event, unsaid"},
    {"X6", "tests/diagnostics/never_true.rules", "a warning", "a rule that is silent for ever, unsaid"},
    {"V2", "tests/diagnostics/test_of_a_union.rules", "refused", "the first of the union"},
    {"V2", "tests/diagnostics/test_of_a_false_filter.rules", "refused",
     "an event that the filter lets through all the same"},
    {"send to \"sink\"", "dsl/emit_test.golden", "an alert does not say where it goes",
     "one sink in place of the other"},
    {"list l from topic \"t\"", "app/test_test.cc", "nothing follows a topic yet: it is said", {}},
    {"table t from topic \"t\"", "app/test_test.cc", "nothing follows a topic yet: it is said", {}},
};

// ----- the words of the other sections -----------------------------------------------------------------------------

struct Word {
  std::string_view shown, text;  // `text`: what stands in a rule text that uses it
};
struct Part {
  std::string_view title;
  std::vector<std::string_view> folders;  // whose specs show it
  std::vector<Word> words;
};

const std::vector<Part>& parts() {
  static const std::vector<Part> all = {
      {"Events and time (section 4)",
       {"time/", "expressions/"},
       {{"event e has f T, f T?", " has "},
        {"timestamp f [in UNIT]", "timestamp "},
        {"late D", " late "},
        {"tiebreak f", " tiebreak "},
        {"list of T", "list of "},
        {"some f (E)", "some "}}},
      {"Aggregates and conditions (section 8)",
       {"aggregates/", "patterns/condition"},
       {{"over D", " over "},
        {"over last N", " over last "},
        {"C within D for D", " within 10s for "},
        {"its previous", "its previous"},
        {"its average over D", "its average over "},
        {"zscore(A, D)", "zscore("},
        {"forecast(x.f over W, D)", "forecast("}}},
      {"Sessions, summaries, derived events (section 9)",
       {"derived/"},
       {{"session s of x by k", "session "},
        {"ends after D idle", "ends after "},
        {"ends after D idle when last is y", " idle when last is "},
        {"ends on y", "ends on "},
        {"starts on y", "starts on "},
        {"at most D", "at most "},
        {"summary s of x by k every D", " every "},
        {"every D over W", " over "},
        {"every event", " every event"},
        {"over all", " over all"},
        {"every D in \"ZONE\"", " in \"Europe/Paris\""},
        {"even if empty", "even if empty"},
        {"emit each with f = E", "emit each with "}}},
      {"Reference data (section 10)",
       {"reference/", "clauses/by"},
       {{"list l = [..]", " = [\""},
        {"list l from \"file\"", " from \"names.txt\""},
        {"list l from \"file.csv\" column c", " column "},
        {"x in list l", " in list "},
        {"by k from list l", " from list "},
        {"table t from \"file.csv\" key k", "table "},
        {"t[E].f", "cards["},
        {"list l from topic \"t\"", " from topic "},
        {"table t from topic \"t\"", " from topic "},
        {"calendar c = ... in \"ZONE\"", "calendar "},
        {"x in calendar c", " in calendar "}}},
      {"Expressions (section 11)",
       {"expressions/", "reference/", "aggregates/"},
       {{"or", " or "},
        {"and", " and "},
        {"not", "not "},
        {"= !=", " != "},
        {"< <= > >=", " <= "},
        {"+ -", " + "},
        {"* /", " / "},
        {"%", " % "},
        {"in [..]", " in ["},
        {"between a and b", " between "},
        {"contains", " contains "},
        {"starts with", " starts with "},
        {"ends with", " ends with "},
        {"matches /re/", " matches /"},
        {"ignoring case", " ignoring case"},
        {"is missing", " is missing"},
        {"is present", " is present"}}},
      {"Reuse (section 12)",
       {"reuse/"},
       {{"let $c = V", "let $"},
        {"template t($p) ...", "template "},
        {"rule r uses t(..)", " uses "},
        {"extend rule r", "extend rule "},
        {"rule r was q", " was "}}},
      {"Tests (section 13)",
       {"reuse/", "expressions/objects", "derived/summaries"},
       {{"at T [N] event [every D] {fields}", " every "},
        {"at T expect alert {fields}", "expect alert"},
        {"at T expect no alert", "expect no alert"},
        {"at T expect NAME {fields}", "expect tumbling "},
        {"load \"events.ndjson\"", "load \""},
        {"at T reload \"file\"", "reload \""},
        {"at T restart", " restart"}}},
  };
  return all;
}

// Specs that are right and do not hold yet, as `file: title`. Each must fail: who mends the engine deletes its line.
constexpr std::array<std::string_view, 0> kKnownToFail{};

// ----- marks -----------------------------------------------------------------------------------------------------

struct Shown {
  std::vector<std::string> lines;
  std::string not_this;
  std::string test;
};

// A row that a file shows, and what it is not; empty: all that the file's tests say.
struct RowMark {
  std::string row, not_this;
};

struct SpecFile {
  std::string name;  // patterns/within.rules
  std::vector<RowMark> forms, clauses;
  std::vector<Shown> shown;
  std::vector<std::string> unmarked;  // tests without `shows`
  std::vector<std::string> tests;
  std::string rules;  // the text without comments
};

std::string trimmed(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(" \t\r");
  if (begin == std::string_view::npos) return {};
  return std::string(text.substr(begin, text.find_last_not_of(" \t\r") - begin + 1));
}

bool is_line_id(std::string_view word) {
  return word.size() >= 2 && word.size() <= 3 && word[0] >= 'A' && word[0] <= 'Z' &&
         std::all_of(word.begin() + 1, word.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// "C1 T4: why" to C1, T4
std::vector<std::string> ids_of(const std::string& text) {
  std::vector<std::string> ids;
  std::istringstream in(text.substr(0, text.find(':')));
  for (std::string word; in >> word;) {
    if (word.back() == ',') word.pop_back();
    if (is_line_id(word)) ids.push_back(word);
  }
  return ids;
}

// `opens` is what a test begins with: `test "` in rules, `TEST_CASE("` in a program. Titles hold no escaped quotes.
SpecFile marks_of(std::string name, const std::string& text, std::string_view opens) {
  SpecFile file;
  file.name = std::move(name);
  std::istringstream in(text);
  std::vector<std::string> ids, refused;
  bool in_not = false, of_a_section = false;
  for (std::string line; std::getline(in, line);) {
    const std::string_view view = line;
    if (!view.starts_with("//")) in_not = false;
    file.rules += line.substr(0, line.find("//")) + "\n";
    const auto rest_of = [&](std::string_view mark) { return trimmed(view.substr(mark.size())); };
    if (view.starts_with("// form:")) file.forms.push_back({rest_of("// form:"), {}});
    if (view.starts_with("// section ")) of_a_section = true;
    if (view.starts_with("// clause:")) file.clauses.push_back({rest_of("// clause:"), {}});
    if (view.starts_with("// and not:") && !(file.forms.empty() && file.clauses.empty()))
      (file.clauses.empty() ? file.forms : file.clauses).back().not_this = rest_of("// and not:");
    if (view.starts_with("// shows ")) {
      std::ranges::copy(ids_of(rest_of("// shows ")), std::back_inserter(ids));
      in_not = false;
    } else if (view.starts_with("// not:")) {
      refused.push_back(rest_of("// not:"));
      in_not = true;
    } else if (in_not) {
      refused.back() += " " + rest_of("//");
    }
    if (!view.starts_with(opens)) continue;
    const std::size_t end = view.find('"', opens.size());
    const std::string title(view.substr(opens.size(), end - opens.size()));
    file.tests.push_back(title);
    if (ids.empty() && !of_a_section) file.unmarked.push_back(title);
    of_a_section = false;
    std::string all;
    for (const std::string& one : refused) all += (all.empty() ? "" : "; ") + one;
    if (!ids.empty()) file.shown.push_back({std::exchange(ids, {}), all, title});
    refused.clear();
  }
  return file;
}

// Every .rules file in a folder under tests/spec; those beside the folders are other tests' samples.
std::vector<fs::path> spec_paths() {
  std::vector<fs::path> paths;
  for (const auto& folder : fs::directory_iterator(root() / "tests/spec"))
    if (folder.is_directory())
      for (const auto& entry : fs::recursive_directory_iterator(folder.path()))
        if (entry.path().extension() == ".rules") paths.push_back(entry.path());
  std::ranges::sort(paths);
  return paths;
}

std::string name_of(const fs::path& path) { return fs::relative(path, root() / "tests/spec").generic_string(); }

std::vector<SpecFile> spec_files() {
  std::vector<SpecFile> files;
  for (const fs::path& path : spec_paths()) files.push_back(marks_of(name_of(path), read(path), "test \""));
  return files;
}

// ----- running -----------------------------------------------------------------------------------------------------

struct Set {
  std::vector<dsl::SourceText> texts;
  dsl::Compiled compiled;
  std::shared_ptr<const ReferenceData> reference;
  std::string wrong;  // why it does not run
};

// Each file is compiled once, for all its tests.
const Set& set_of(const std::string& name) {
  static std::map<std::string, Set> sets;
  const auto [at, is_new] = sets.try_emplace(name);
  Set& set = at->second;
  if (!is_new) return set;
  const fs::path path = root() / "tests/spec" / name;
  set.texts = {{path.string(), read(path)}};
  set.compiled = dsl::compile(set.texts);
  if (!set.compiled.ok()) {
    for (const dsl::Diagnostic& d : set.compiled.diagnostics)
      if (d.level() == dsl::Level::error)
        set.wrong += fmt::format("line {}: {}\n", dsl::Lines(set.texts.front().text).position(d.here.span.begin).line,
                                 d.message);
    return set;
  }
  Result<std::shared_ptr<const ReferenceData>> reference = app::read_reference(set.compiled, set.texts);
  if (reference)
    set.reference = *reference;
  else
    set.wrong = reference.error().message;
  return set;
}

// Empty when it holds, as written and in other orders of arrival.
std::string failure_of(const Set& set, const std::string& title) {
  if (!set.wrong.empty()) return "its file does not run";
  const auto& tests = set.compiled.model.tests;
  const auto test = std::ranges::find_if(tests, [&](const auto& t) { return t.decl.title.value == title; });
  if (test == tests.end()) return "the test is not among those of the file";
  app::TestOptions options;
  options.read = [&](std::uint32_t, const std::string& name) {
    return dsl::read_file((fs::path(set.texts.front().path).parent_path() / name).string());
  };
  options.reload = [&](std::uint32_t file, const std::string& other) -> Result<app::OtherRules> {
    app::CompiledSet own;
    own.files = set.texts;
    Result<app::CompiledSet> made = own.with_file(file, other);
    if (!made) return tl::unexpected(made.error());
    const auto kept = std::make_shared<const app::CompiledSet>(std::move(*made));
    return app::OtherRules{{kept, &kept->compiled}, kept->reference};
  };
  constexpr std::uint64_t kOrders = 4;
  for (options.permutation = 0; options.permutation < kOrders; ++options.permutation) {
    const app::TestOutcome outcome = app::run_test(set.compiled, set.reference, *test, options);
    if (outcome.passed) continue;
    return fmt::format("{}line {}: {}", options.permutation == 0 ? "" : "in another order of arrival: ",
                       dsl::Lines(set.texts.front().text).position(outcome.failed_at.begin).line, outcome.message);
  }
  return {};
}

void run_spec() {
  const std::string name = doctest::getContextOptions()->currentTest->m_name;  // patterns/within.rules: title
  const std::size_t colon = name.find(": ");
  const std::string failure = failure_of(set_of(name.substr(0, colon)), name.substr(colon + 2));
  if (std::ranges::find(kKnownToFail, name) != std::end(kKnownToFail)) {
    CHECK_MESSAGE(!failure.empty(), "it holds now: delete its line in kKnownToFail");
    return;
  }
  CHECK_MESSAGE(failure.empty(), failure);
}

// A case for each test, so that the summary counts them. Only texts are looked at here, before main().
int register_specs() {
  static std::deque<std::string> names;  // doctest keeps pointers into it
  static const doctest::detail::TestSuite suite{};
  for (const SpecFile& file : spec_files())
    for (const std::string& test : file.tests)
      doctest::detail::regTest(doctest::detail::TestCase(run_spec, __FILE__, __LINE__, suite) *
                               names.emplace_back(file.name + ": " + test).c_str());
  return static_cast<int>(names.size());
}
const int kSpecs = register_specs();

// ----- the table ----------------------------------------------------------------------------------------------------

std::vector<std::string> lines_of_semantics() {
  std::vector<std::string> ids;
  std::istringstream in(read(root() / "docs/semantics.md"));
  for (std::string line; std::getline(in, line);)
    if (line.starts_with("- **")) ids.push_back(line.substr(4, line.find("**", 4) - 4));
  return ids;
}

// The first cells of the table in one section of docs/language.md, as written and without backticks.
struct Row {
  std::string cell, plain;
};
std::vector<Row> rows_of_section(std::string_view begins) {
  std::vector<Row> rows;
  std::istringstream in(read(root() / "docs/language.md"));
  bool inside = false;
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with("## ")) inside = line.starts_with(begins);
    if (!inside || !line.starts_with("| ") || line.starts_with("| ---") || line.starts_with("| form |") ||
        line.starts_with("| clause |") || line.starts_with("| phrase |"))
      continue;
    Row row;
    for (std::size_t i = 2; i < line.size() && !(line[i] == '|' && line[i - 1] != '\\'); ++i) row.cell += line[i];
    row.cell = trimmed(row.cell);
    for (const char c : row.cell)
      if (c != '`' && c != '\\') row.plain += c;
    row.plain = row.plain.substr(0, row.plain.find(" ([section"));
    rows.push_back(row);
  }
  return rows;
}

std::vector<SpecFile> files_elsewhere() {
  std::vector<SpecFile> files;
  std::set<std::string_view> seen;
  for (const Elsewhere& e : kElsewhere)
    if (e.file.ends_with(".cc") && seen.insert(e.file).second)
      files.push_back(marks_of(std::string(e.file), read(root() / e.file), "TEST_CASE(\""));
  return files;
}

std::string link(const std::string& file) {
  const bool spec = file.ends_with(".rules") && !file.starts_with("tests/");
  return spec ? fmt::format("[{}](../tests/spec/{})", file, file) : fmt::format("[{}](../{})", file, file);
}

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) out += c == '|' ? "\\|" : std::string(1, c);
  return out;
}

// What the file's tests say that its row is not.
std::string not_of(const RowMark& mark, const SpecFile& spec) {
  if (!mark.not_this.empty()) return mark.not_this;
  std::string all;
  for (const Shown& shown : spec.shown)
    if (!shown.not_this.empty()) all += (all.empty() ? "" : "; ") + shown.not_this;
  return all;
}

std::string rows_in_words(const std::vector<Row>& rows, const std::vector<SpecFile>& specs,
                          std::vector<RowMark> SpecFile::* marks, std::vector<std::string>& missing) {
  std::string out;
  for (const Row& row : rows) {
    std::string files, refused;
    const auto add = [&](const std::string& file, std::string_view not_this) {
      files += (files.empty() ? "" : ", ") + link(file);
      refused += (refused.empty() || not_this.empty() ? "" : "; ") + escaped(not_this);
    };
    for (const SpecFile& spec : specs)
      if (const auto mark = std::ranges::find(spec.*marks, row.plain, &RowMark::row);
          mark != (spec.*marks).end() && !spec.tests.empty())
        add(spec.name, not_of(*mark, spec));
    for (const Elsewhere& e : kElsewhere)
      if (e.line == row.plain) add(std::string(e.file), e.not_this);
    if (files.empty()) missing.push_back(row.plain);
    if (refused.empty()) missing.push_back(row.plain + ", and what it is not");
    out += fmt::format("| {} | {} | {} |\n", row.cell, files, refused);
  }
  return out;
}

bool is_of_a_name(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_'; }

// Not inside of another name: `p(` is not in `map(`.
bool uses(const std::string& rules, std::string_view text) {
  for (std::size_t at = rules.find(text); at != std::string::npos; at = rules.find(text, at + 1))
    if (at == 0 || !is_of_a_name(text.front()) || !is_of_a_name(rules[at - 1])) return true;
  return false;
}

// The specs of some folders that use a word.
std::string row_of_word(const Part& part, const Word& word, const std::vector<SpecFile>& specs,
                        std::vector<std::string>& missing) {
  std::string files;
  for (const SpecFile& spec : specs)
    if (uses(spec.rules, word.text) &&
        std::ranges::any_of(part.folders, [&](std::string_view folder) { return spec.name.starts_with(folder); }))
      files += (files.empty() ? "" : ", ") + link(spec.name);
  for (const Elsewhere& e : kElsewhere)
    if (e.line == word.shown) files += fmt::format("{}{}", files.empty() ? "" : ", ", link(std::string(e.file)));
  if (files.empty()) missing.emplace_back(word.shown);
  return fmt::format("| `{}` | {} |\n", escaped(word.shown), files);
}

// A call of each, in the specs of the folder.
std::string rows_of_calls(const auto& functions, const Part& part, const std::vector<SpecFile>& specs,
                          std::vector<std::string>& missing) {
  std::string out;
  for (const auto& function : functions) {
    if (function.name.empty()) continue;  // no author can write it
    const bool percentile = function.name == "p";
    const std::string call = percentile ? "p75(" : fmt::format("{}(", function.name);
    out += row_of_word(part, {percentile ? "p50 ... p99.9" : function.name, call}, specs, missing);
  }
  return out;
}

// Every construct with its spec files: the last section of docs/language.md.
constexpr std::string_view kConstructs = "## 18. Specs\n";

struct Constructs {
  std::string text;
  std::vector<std::string> missing;
};

Constructs constructs() {
  const std::vector<SpecFile> specs = spec_files();
  Constructs out;
  out.text = fmt::format(
      "{}\nEvery construct with the specs that show it, made from [tests/spec](../tests/spec) and held by a test; "
      "[specs.md](specs.md) has\nthe lines of [semantics.md](semantics.md).\n",
      kConstructs);
  const auto begin = [&](std::string_view title, bool with_not = false) {
    out.text += fmt::format("\n### {}\n\n| construct | specs |{}\n| --- | --- |{}\n", title,
                            with_not ? " and not |" : "", with_not ? " --- |" : "");
  };
  begin("Patterns (section 5)", true);
  out.text += rows_in_words(rows_of_section("## 5."), specs, &SpecFile::forms, out.missing);
  begin("Clauses and firing (sections 6 and 7)", true);
  out.text += rows_in_words(rows_of_section("## 6."), specs, &SpecFile::clauses, out.missing);
  for (const Part& part : parts()) {
    begin(part.title);
    for (const Word& word : part.words) out.text += row_of_word(part, word, specs, out.missing);
    if (part.title.starts_with("Aggregates")) out.text += rows_of_calls(aggregates(), part, specs, out.missing);
    if (part.title.starts_with("Expressions")) out.text += rows_of_calls(functions(), part, specs, out.missing);
  }
  return out;
}

struct Table {
  std::string text;
  std::vector<std::string> missing, without_other_reading;
};

// Examples of tests/spec/worked.jsonl that semantics.md overrules, and why.
std::string overruled_examples() {
  const auto overruled = nlohmann::json::parse(read(root() / "tests/spec/worked_overruled.json"));
  std::vector<std::string> titles;
  std::istringstream lines(read(root() / "tests/spec/worked.jsonl"));
  for (std::string line; std::getline(lines, line);) titles.push_back(nlohmann::json::parse(line).value("title", ""));
  std::string rows;
  for (const auto& [number, row] : overruled.items())
    rows += fmt::format("| {} | {} | {} | {} |\n", number, escaped(titles.at(std::stoul(number) - 1)),
                        row["line"].get<std::string>(), escaped(row["why"].get<std::string>()));
  return fmt::format(
      "\n## Worked examples\n\n[worked.jsonl](../tests/spec/worked.jsonl) holds {} examples, one a line: rules, "
      "events, how "
      "the input ends, and what is\nexpected of them to the instant. All of them hold in the reference matcher "
      "([worked_test.cc](../tests/worked_test.cc)) and in the\nengine "
      "([worked_engine_test.cc](../app/worked_engine_test.cc)), but for {} that differ from a line of semantics.md, "
      "which wins:\nwhat holds instead stands in [worked_overruled.json](../tests/spec/worked_overruled.json) under "
      "the number of the example's line.\n\n| example | title | line | why it is overruled |\n| --- | --- | --- | --- "
      "|\n{}",
      titles.size(), overruled.size(), rows);
}

Table table() {
  std::vector<SpecFile> all = spec_files();
  std::ranges::copy(files_elsewhere(), std::back_inserter(all));
  Table out;
  out.text =
      "# What the specs show\n\n"
      "Made from the marks in [tests/spec](../tests/spec): every line of [semantics.md](semantics.md), the specs that "
      "show "
      "it, and the\nreadings that it does not have. The constructs of the language with their specs stand in\n"
      "[language.md](language.md#18-specs).\n\n"
      "| line | shown by | and not |\n| --- | --- | --- |\n";
  for (const std::string& id : lines_of_semantics()) {
    std::string files, refused;
    for (const SpecFile& file : all) {
      const auto shows = [&](const Shown& s) { return std::ranges::find(s.lines, id) != s.lines.end(); };
      const auto count = std::ranges::count_if(file.shown, shows);
      if (count > 0) files += fmt::format("{}{} ({})", files.empty() ? "" : ", ", link(file.name), count);
      for (const Shown& s : file.shown)
        if (shows(s) && !s.not_this.empty()) refused += (refused.empty() ? "" : "; ") + escaped(s.not_this);
    }
    for (const Elsewhere& e : kElsewhere)
      if (e.line == id && e.file.ends_with(".rules")) {
        files += fmt::format("{}{}", files.empty() ? "" : ", ", link(std::string(e.file)));
        refused += fmt::format("{}{}", refused.empty() ? "" : "; ", escaped(e.not_this));
      }
    if (files.empty()) out.missing.push_back(id);
    if (refused.empty()) out.without_other_reading.push_back(id);
    out.text += fmt::format("| {} | {} | {} |\n", id, files, refused);
  }
  out.text += overruled_examples();
  return out;
}

}  // namespace

TEST_CASE("there are specs, and each test says which lines it shows") {
  CHECK(kSpecs > 0);
  for (const SpecFile& file : spec_files()) {
    CAPTURE(file.name);
    CHECK(!file.tests.empty());
    CHECK(file.forms.size() + file.clauses.size() + file.shown.size() > 0);
    for (const std::string& title : file.unmarked)
      FAIL_CHECK("no `// shows` or `// section` in front of the test \"" << title << "\"");
    CHECK(set_of(file.name).wrong == "");
    CHECK(set_of(file.name).compiled.model.tests.size() == file.tests.size());
  }
}

TEST_CASE("marks name what there is") {
  const std::vector<std::string> ids = lines_of_semantics();
  std::set<std::string> forms, clauses;
  for (const Row& row : rows_of_section("## 5.")) forms.insert(row.plain);
  for (const Row& row : rows_of_section("## 6.")) clauses.insert(row.plain);
  CHECK(forms.size() == 30);
  CHECK(clauses.size() == 20);
  for (const SpecFile& file : spec_files()) {
    CAPTURE(file.name);
    const auto said_by_a_test = [&](const std::string& what) {
      return std::ranges::any_of(file.shown,
                                 [&](const Shown& s) { return s.not_this.find(what) != std::string::npos; });
    };
    for (const auto& [marks, rows] : {std::pair(&file.forms, &forms), std::pair(&file.clauses, &clauses)})
      for (const RowMark& mark : *marks) {
        CHECK_MESSAGE(rows->contains(mark.row), mark.row);
        CHECK_MESSAGE(said_by_a_test(mark.not_this), mark.not_this);
        // All of a file's would be about each of its rows.
        CHECK_MESSAGE((marks->size() == 1) == mark.not_this.empty(), mark.row);
      }
    for (const Shown& shown : file.shown)
      for (const std::string& id : shown.lines)
        CHECK_MESSAGE(std::ranges::find(ids, id) != ids.end(), id, " of ", shown.test);
  }
  for (const Elsewhere& e : kElsewhere) CHECK_MESSAGE(fs::exists(root() / e.file), e.file);
}

TEST_CASE("every construct and every line has its spec, and the reading that it is not") {
  for (const std::string& row : constructs().missing) FAIL_CHECK("no spec shows " << row);
  const Table is = table();
  for (const std::string& row : is.missing) FAIL_CHECK("no spec shows " << row);
  for (const std::string& id : is.without_other_reading) FAIL_CHECK("no spec of " << id << " says what it is `not:`");
}

TEST_CASE("docs/specs.md, and the last section of docs/language.md, are what the specs say") {
  const auto holds = [](const fs::path& file, const std::string& is) {
    if (std::getenv("TOCSIN_UPDATE") != nullptr && read(file) != is) std::ofstream(file, std::ios::binary) << is;
    CHECK(is == read(file));
  };
  holds(root() / "docs/specs.md", table().text);
  const std::string page = read(root() / "docs/language.md");
  const std::size_t at = page.find(kConstructs);
  REQUIRE(at != std::string::npos);
  holds(root() / "docs/language.md", page.substr(0, at) + constructs().text);
}

}  // namespace tocsin
