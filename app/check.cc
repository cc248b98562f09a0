// `tocsin check`: every mistake, in the format asked for, and an exit code that a build can trust.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <ostream>
#include <set>

#include "adapters/codec/config.h"
#include "app/command.h"
#include "app/files.h"
#include "app/inputs.h"
#include "app/rules.h"
#include "app/settings_read.h"
#include "app/version.h"
#include "dsl/emit.h"
#include "dsl/render.h"
#include "engine/base/wording.h"

namespace tocsin::app {

namespace {

struct Tally {
  std::size_t errors = 0, warnings = 0;
};

Tally count(const std::vector<dsl::Diagnostic>& diagnostics) {
  Tally tally;
  for (const dsl::Diagnostic& d : diagnostics) ++(d.level() == dsl::Level::error ? tally.errors : tally.warnings);
  return tally;
}

// "1 error, 1 warning", "no mistakes"
std::string in_words(const Tally& tally) {
  if (tally.errors == 0 && tally.warnings == 0) return "no mistakes";
  std::string text;
  if (tally.errors > 0) text = counted(tally.errors, "error");
  if (tally.warnings > 0) text += (text.empty() ? "" : ", ") + counted(tally.warnings, "warning");
  return text;
}

// `--allow` and `--deny` name codes of the table; an error cannot be allowed, for nothing would run then.
std::string refused_codes(const Arguments& arguments) {
  std::vector<std::string> known;
  for (const dsl::CodeInfo& row : dsl::all_codes()) known.emplace_back(row.code);
  for (const char* option : {"--allow", "--deny"}) {
    for (const std::string& code : arguments.all(option)) {
      const dsl::CodeInfo* row = dsl::find_code(code);
      if (row == nullptr) return fmt::format("{}: there is no code `{}`", option, code);
      if (row->level == dsl::Level::error && option == std::string_view("--allow"))
        return fmt::format("--allow: {} is an error ({}); only warnings can be allowed", code, row->title);
    }
  }
  return {};
}

void apply_policy(std::vector<dsl::Diagnostic>& diagnostics, const Arguments& arguments) {
  const auto& allow = arguments.all("--allow");
  const auto& deny = arguments.all("--deny");
  const auto named = [](const std::vector<std::string>& codes, const dsl::Diagnostic& d) {
    return std::ranges::find(codes, d.code) != codes.end();
  };
  std::erase_if(diagnostics, [&](const dsl::Diagnostic& d) { return named(allow, d) && !named(deny, d); });
  for (dsl::Diagnostic& d : diagnostics) d.denied = named(deny, d);
}

// The edits of one file, last first; of two that overlap the first found stays, the next run mends the other.
std::vector<dsl::Edit> edits_of(const std::vector<dsl::Diagnostic>& diagnostics, std::uint32_t file) {
  std::vector<dsl::Edit> edits;
  for (const dsl::Diagnostic& d : diagnostics)
    if (d.fix && d.fix->span.file == file) edits.push_back(*d.fix);
  std::ranges::stable_sort(edits, {}, [](const dsl::Edit& e) { return e.span.begin; });
  std::vector<dsl::Edit> apart;
  for (dsl::Edit& edit : edits)
    if (apart.empty() || apart.back().span.end <= edit.span.begin) apart.push_back(std::move(edit));
  std::ranges::reverse(apart);
  return apart;
}

// Writes the certain mends into the files; the number of them, or what failed. A Markdown document is read again,
// because its prose was blanked out; places are the same.
Result<std::size_t> mend(const std::vector<dsl::SourceText>& files, const std::vector<dsl::Diagnostic>& diagnostics) {
  std::size_t mended = 0;
  for (std::uint32_t i = 0; i < files.size(); ++i) {
    const std::vector<dsl::Edit> edits = edits_of(diagnostics, i);
    if (edits.empty()) continue;
    Result<std::string> text = dsl::read_file(files[i].path);
    if (!text) return tl::unexpected(text.error());
    for (const dsl::Edit& edit : edits) text->replace(edit.span.begin, edit.span.end - edit.span.begin, edit.text);
    if (const Result<void> written = write_file(files[i].path, *text); !written) return tl::unexpected(written.error());
    mended += edits.size();
  }
  return mended;
}

std::optional<int> number_of(const std::string& text) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || number < 0) return std::nullopt;
  return number;
}

// What the sources of the configuration cannot mean under these rules; empty: nothing.
std::string refused_sources(const Arguments& arguments, const ReadRules& rules, Console& console) {
  if (!arguments.has("--config") || rules.has_errors() || rules.sets.size() != 1) return {};
  const Result<SettingsRead> config = settings_of(arguments, console);
  if (!config) return config.error().message;
  const RuleSet set = dsl::emit(rules.sets.front().model);
  for (const SourceSettings& source : config->settings.sources) {
    const Result<CodecConfig> codec = codec_of(source.codec, set.schema);
    const Result<void> fine =
        codec.and_then([&](const CodecConfig& c) { return make_decoder(c, set.schema).map([](const auto&) {}); });
    if (!fine) return fmt::format("{}: source.{}: {}", arguments.value("--config"), source.name, fine.error().message);
  }
  return {};
}

Exit exit_of(const Tally& tally, bool deny_warnings) {
  if (tally.errors > 0) return Exit::no;
  return tally.warnings > 0 && deny_warnings ? Exit::warnings : Exit::done;
}

}  // namespace

Exit run_check(const Arguments& arguments, Console& console) {
  const auto started = std::chrono::steady_clock::now();
  const std::vector<std::string> paths = paths_of(arguments.operands());
  if (waits_for_terminal(paths, console)) return refuse_terminal(console, "check");
  if (const std::string complaint = refused_codes(arguments); !complaint.empty())
    return refuse(console, "check", complaint);
  const std::optional<int> require_tests = number_of(arguments.value("--require-tests", "0"));
  if (!require_tests) return refuse(console, "check", "--require-tests needs a number, such as 2");
  const bool fix = arguments.has("--fix");
  if (fix && std::ranges::find(paths, "-") != paths.end())
    return refuse(console, "check", "--fix mends files, and standard input is none");

  const auto read = [&] { return read_rules(paths, arguments, console, *require_tests); };
  Result<ReadRules> rules = read();
  if (rules && fix) {
    const Result<std::size_t> mended = mend(rules->files, rules->diagnostics());
    if (!mended) return unreadable(console, "check", mended.error());
    if (!console.quiet) console.err << fmt::format("mended {}\n", counted(*mended, "mistake"));
    if (*mended > 0) rules = read();
  }
  if (!rules) return unreadable(console, "check", rules.error());

  if (const std::string complaint = refused_sources(arguments, *rules, console); !complaint.empty())
    return refuse(console, "check", complaint);
  std::vector<dsl::Diagnostic> diagnostics = rules->diagnostics();
  apply_policy(diagnostics, arguments);
  const std::string word = arguments.has("--json") ? "json" : arguments.value("--format", "human");
  const dsl::Format format = *dsl::format_of(word);
  console.out << dsl::render(diagnostics, rules->files, format, {console.colours, console.width(), kVersion});

  const Tally tally = count(diagnostics);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - started;
  // Part of the answer for people; for a program that reads the answer it would be a line too many.
  std::ostream& summary = format == dsl::Format::human ? console.out : console.err;
  if (!console.quiet)
    summary << fmt::format("checked {} in {}: {} ({:.2f} s)\n", counted(rules->rules(), "rule"),
                           counted(rules->files.size(), "file"), in_words(tally), took.count());
  return exit_of(tally, arguments.has("--deny-warnings"));
}

}  // namespace tocsin::app
