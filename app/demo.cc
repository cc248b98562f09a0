// `tocsin demo`: made-up events from several inputs, four rules from easy to hard, and what they find, as it happens.
// Needs no configuration and leaves nothing behind.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <map>
#include <ostream>

#include "adapters/generator/source.h"
#include "app/demo.h"
#include "app/demo_rules.h"
#include "app/files.h"
#include "app/history.h"
#include "app/wall_clock.h"
#include "app/watching.h"
#include "dsl/compile.h"
#include "engine/base/write.h"
#include "engine/program/dump.h"

namespace tocsin::app {

namespace {

namespace fs = std::filesystem;

// Ten minutes have passed before anybody looks: there is something to see at once.
constexpr Duration kBefore = minutes(10);
constexpr std::uint32_t kInputs = 4;
// More a second than these is no demo: ten minutes of it would not come up at once, and of a folder to start from
// nobody wants gigabytes.
constexpr double kRateMost = 10'000, kRateMostExported = 1'000;
// What showing the ten minutes may take beyond --seconds, on the clock on the wall.
constexpr Duration kGrace = seconds(5);
// Where virtual time begins, and exported events.
constexpr Time kVirtualBegin{1'767'225'600'000'000};  // 2026-01-01

struct Wanted {
  const DemoRules* rules = nullptr;
  GeneratorConfig events;
  bool paced = true;  // by the clock on the wall
  Duration lasts{};   // --seconds
};

std::optional<double> number_of(const std::string& text) {
  double number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end != text.data() + text.size() || !(number > 0) || number > 1e9) return std::nullopt;
  return number;
}

// ----- what is shown ------------------------------------------------------------------------------------------------

std::string_view word_of(const Alert& alert) {
  return alert.state != Alert::State::firing ? "resolved" : name_of(alert.severity);
}

// Bold red, red, yellow, none; resolved is green. The word says it too.
std::string_view colour_of(const Alert& alert) {
  if (alert.state != Alert::State::firing) return "\x1b[32m";
  switch (alert.severity) {
    case Severity::critical:
      return "\x1b[1;31m";
    case Severity::high:
      return "\x1b[31m";
    case Severity::medium:
      return "\x1b[33m";
    case Severity::low:
    case Severity::info:
      return "";
  }
  return "";
}

// `18:04:11  high      brute_force  5 failed logins for ann in 41s`
class Screen {
 public:
  Screen(const RuleSet& rules, Console& console) : console_(console) {
    for (const Program& program : rules.programs) {
      counts_[program.name] = 0;
      width_ = std::max(width_, program.name.size());
    }
  }

  void show(const Alert& alert, const DocumentNames& names) {
    const std::string& rule = names.rules->programs[alert.rule.index].name;
    if (alert.state == Alert::State::firing) ++counts_[rule];
    const std::string time = rfc3339(alert.time);
    const std::string_view colour = console_.colours ? colour_of(alert) : "";
    console_.out << fmt::format("{}  {}{:<8}{}  {:<{}}  {}\n", time.substr(11, 8), colour, word_of(alert),
                                colour.empty() ? "" : "\x1b[0m", rule, width_, alert.text)
                 << std::flush;
  }

  std::string summary() const {
    std::string text;
    for (const auto& [rule, count] : counts_) text += fmt::format("{}{} {}", text.empty() ? "" : ", ", rule, count);
    return text;
  }

 private:
  Console& console_;
  std::map<std::string, std::uint64_t> counts_;
  std::size_t width_ = 0;
};

struct Prepared {
  dsl::Compiled compiled;
  std::shared_ptr<const ReferenceData> reference;
};

Result<Prepared> prepare(const DemoRules& rules) {
  const dsl::SourceText text{fmt::format("{}.rules", rules.name), std::string(rules.text)};
  Prepared out{dsl::compile(std::span(&text, 1)), nullptr};
  if (!out.compiled.ok()) return failure(Error::Code::malformed, "the rules of the demo have errors");
  auto reference = ReferenceData::make(*out.compiled.rules, {});
  if (!reference) return tl::unexpected(reference.error());
  out.reference = std::move(*reference);
  return out;
}

Result<HistoryResult> watch(const Wanted& wanted, const Prepared& prepared, Screen& screen, Console& console) {
  const WallClock clock;
  Result<std::unique_ptr<Source>> source = open_generator(wanted.events, SourceId{0}, wanted.paced ? &clock : nullptr);
  if (!source) return tl::unexpected(source.error());
  History history;
  history.rules = prepared.compiled.rules;
  history.reference = prepared.reference;
  history.codec.event_field = "event";
  history.source = wanted.events.scenario;
  const Interrupt interrupt;
  history.engine.given_up = &interrupt.flag();
  HistoryOutputs outputs;
  outputs.alert = [&](const Alert& alert, const DocumentNames& names) { screen.show(alert, names); };
  const Duration end = clock.elapsed() + wanted.lasts + kGrace;
  bool behind = false;
  outputs.stopped = [&] {
    behind = wanted.paced && clock.elapsed() > end;
    return behind || interrupt.came() || !console.out;
  };
  Result<HistoryResult> result = run_history(history, **source, outputs);
  if (!result || !behind) return result;
  if (!console.quiet)
    console.err << fmt::format("{:g} events a second are more than this machine takes; what follows was not read\n",
                               wanted.events.rate);
  result->stopped = false;  // --seconds are over, and nobody broke it off
  return result;
}

Exit show(const Wanted& wanted, Console& console) {
  const Result<Prepared> prepared = prepare(*wanted.rules);
  if (!prepared) return refuse(console, "demo", prepared.error().message);
  if (!console.quiet)
    console.err << fmt::format("▸ {}: {} inputs, {:g} events a second, {} rules; the last ten minutes first, then {}\n",
                               wanted.rules->about, kInputs, wanted.events.rate,
                               prepared->compiled.rules->programs.size(),
                               wanted.paced ? "as it happens (Ctrl-C stops)" : "on without waiting");
  Screen screen(*prepared->compiled.rules, console);
  const auto started = std::chrono::steady_clock::now();
  const Result<HistoryResult> result = watch(wanted, *prepared, screen, console);
  if (!result) return refuse(console, "demo", result.error().message);
  const double took = std::chrono::duration<double>(std::chrono::steady_clock::now() - started).count();
  if (!console.quiet)
    console.err << fmt::format(
        "{} events in {:.1f} s; alerts: {}\n▸ next: tocsin demo {} --export my, then edit my/{}\n", result->events,
        took, screen.summary(), wanted.rules->name, wanted.rules->file());
  return result->stopped && console.out.good() ? Exit::interrupted : Exit::done;
}

// ----- the folder to start from -------------------------------------------------------------------------------------

// The records of each input, in the order in which they arrive.
Result<std::vector<std::string>> records_by_input(const GeneratorConfig& config) {
  Result<std::unique_ptr<Source>> source = open_generator(config, SourceId{0}, nullptr);
  if (!source) return tl::unexpected(source.error());
  std::vector<std::string> inputs(config.partitions);
  Block block;
  for (;;) {
    block.clear();
    const Result<Polled> polled = (*source)->poll(block, {});
    if (!polled) return tl::unexpected(polled.error());
    if (*polled == Polled::finished) return inputs;
    inputs[block.partition] += block.bytes.view();
  }
}

// One file has one watermark, and the inputs run seconds apart: side by side in it, a third of the events would be
// late. In the order of event time they are judged as the demo judges them; of one time, input by input, as there.
Result<void> write_events(const GeneratorConfig& config, const std::string& path) {
  const Result<std::vector<std::string>> inputs = records_by_input(config);
  if (!inputs) return tl::unexpected(inputs.error());
  struct Record {
    std::string_view time, line;
  };
  constexpr std::size_t kTime = std::string_view("2026-01-01T00:00:00.000000Z\"}").size();  // ends each line
  std::vector<Record> records;
  for (const std::string_view input : *inputs)
    for (std::size_t begin = 0, end = 0; begin < input.size(); begin = end + 1) {
      end = input.find('\n', begin);
      records.push_back({input.substr(end - kTime, kTime), input.substr(begin, end + 1 - begin)});
    }
  std::ranges::stable_sort(records, {}, &Record::time);
  std::ofstream out(path, std::ios::binary);
  for (const Record& record : records) out << record.line;
  out.close();
  if (!out) return failure(Error::Code::unreadable, fmt::format("cannot write {}", path));
  return {};
}

std::string what_next(const Wanted& wanted) {
  return fmt::format(
      "Made by `tocsin demo {0} --export`: rules with their tests, and the made-up events of ten minutes and "
      "{2:g} seconds\nfrom all inputs, in the order in which they happened.\n\n"
      "    tocsin check .                                             every mistake, before they run\n"
      "    tocsin test .                                              the tests beside the rules\n"
      "    {1:<57}  one rule, read aloud and drawn\n"
      "    tocsin replay . --input events.ndjson --event-field event  what they find; the same as the demo showed\n",
      wanted.rules->name, fmt::format("tocsin explain {} .", wanted.rules->first_rule),
      static_cast<double>(wanted.lasts.us) / 1e6);
}

// Ten minutes before `now`, and --seconds of what follows.
void begin_at(Time now, Wanted& wanted) {
  wanted.events.from = now - kBefore;
  wanted.events.until = now + wanted.lasts;
}

Exit export_to(const std::string& folder, Wanted wanted, Console& console) {
  std::error_code error;
  if (fs::exists(folder, error) && !fs::is_empty(folder, error))
    return refuse(console, "demo", fmt::format("--export: {} is there, and not empty", folder));
  fs::create_directories(folder, error);
  if (error)
    return unreadable(console, "demo",
                      {Error::Code::unreadable, fmt::format("cannot make the folder {}: {}", folder, error.message())});
  begin_at(kVirtualBegin + kBefore, wanted);
  Result<void> written = write_file(fmt::format("{}/{}", folder, wanted.rules->file()), wanted.rules->text);
  if (written) written = write_file(folder + "/README.txt", what_next(wanted));
  if (written) written = write_events(wanted.events, folder + "/events.ndjson");
  if (!written) return unreadable(console, "demo", written.error());
  if (!console.quiet) console.err << fmt::format("wrote {0}; {0}/README.txt says what to try\n", folder);
  return Exit::done;
}

}  // namespace

Exit run_demo(const Arguments& arguments, Console& console) {
  Wanted wanted;
  const std::string scenario = arguments.operands().empty() ? "security" : arguments.operands().front();
  wanted.rules = find_demo(scenario);
  if (wanted.rules == nullptr) return refuse(console, "demo", fmt::format("there is no demo `{}`", scenario));
  wanted.events.scenario = scenario;
  wanted.events.partitions = kInputs;
  const std::optional<double> rate = number_of(arguments.value("--rate", "100"));
  if (!rate) return refuse(console, "demo", "--rate needs a number of events a second, such as 100");
  const double most = arguments.has("--export") ? kRateMostExported : kRateMost;
  if (*rate > most)
    return refuse(console, "demo",
                  fmt::format("--rate is at most {:g} events a second{}", most,
                              arguments.has("--export") ? " with --export" : ""));
  wanted.events.rate = *rate;
  const std::optional<double> seconds_wanted = number_of(arguments.value("--seconds", "10"));
  if (!seconds_wanted) return refuse(console, "demo", "--seconds needs a number, such as 30");
  wanted.lasts = {static_cast<std::int64_t>(*seconds_wanted * 1e6)};
  const std::string seed = arguments.value("--seed", "1");
  const auto [end, wrong] = std::from_chars(seed.data(), seed.data() + seed.size(), wanted.events.seed);
  if (wrong != std::errc() || end != seed.data() + seed.size())
    return refuse(console, "demo", "--seed needs a whole number, such as 7");
  if (arguments.has("--export")) return export_to(arguments.value("--export"), wanted, console);

  wanted.paced = arguments.value("--clock", "wall") == "wall";
  begin_at(wanted.paced ? WallClock().now() : kVirtualBegin + kBefore, wanted);
  return show(wanted, console);
}

}  // namespace tocsin::app
