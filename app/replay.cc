// `tocsin replay`: rules over history. Standard output has the alerts (or, with --compare, what would change), standard
// error everything else. Nothing goes to a sink.
#include <fmt/format.h>
#include <re2/re2.h>

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <ostream>
#include <sstream>
#include <unordered_set>

#include "app/command.h"
#include "app/compare.h"
#include "app/compiled.h"
#include "app/diff.h"
#include "app/files.h"
#include "app/history.h"
#include "app/inputs.h"
#include "app/profile.h"
#include "app/rules.h"
#include "app/shards.h"
#include "app/watching.h"
#include "dsl/diagnostic.h"
#include "dsl/load.h"
#include "engine/base/hash.h"
#include "engine/base/text.h"
#include "engine/base/wording.h"
#include "engine/base/write.h"
#include "engine/event/key.h"

namespace tocsin::app {

namespace fs = std::filesystem;

namespace {

// ----- what is counted ----------------------------------------------------------------------------------------------

struct Tally {
  std::uint64_t fired = 0, resolved = 0, withdrawn = 0, reminders = 0;
  std::unordered_set<std::string> keys;
  Time first{}, last{};

  void add(const Alert& alert) {
    if (fired + resolved + withdrawn + reminders == 0) first = alert.time;
    last = alert.time;
    if (alert.state == Alert::State::resolved) {
      ++resolved;
    } else if (alert.state == Alert::State::withdrawn) {
      ++withdrawn;
    } else if (alert.reminder > 0) {
      ++reminders;
    } else {
      ++fired;
      keys.insert(alert.key_bytes);
    }
  }
};

// Which events there were, and what became of the rest.
std::string input_in_words(const HistoryResult& result) {
  std::string text = counted(result.events, "event");
  if (result.first && result.last) text += fmt::format(" from {} to {}", rfc3339(*result.first), rfc3339(*result.last));
  if (const std::string rest = not_judged(result); !rest.empty()) text += "; besides them " + rest;
  return text + "\n";
}

// `suppressed`: all of them (F7), those, too, that no later alert has carried.
std::string rule_in_words(const std::string& name, std::size_t width, const Tally* tally, std::uint64_t suppressed) {
  if (tally == nullptr) return fmt::format("  {:<{}}  no alert\n", name, width);
  const Tally& t = *tally;
  std::string text = fmt::format("  {:<{}}  {}", name, width, counted(t.fired, "alert"));
  text += fmt::format(" of {}", counted(t.keys.size(), "key"));
  if (t.resolved > 0) text += fmt::format(", {} resolved", t.resolved);
  if (t.withdrawn > 0) text += fmt::format(", {} withdrawn", t.withdrawn);
  if (t.reminders > 0) text += fmt::format(", {}", counted(t.reminders, "reminder"));
  if (suppressed > 0) text += fmt::format(", {} suppressed", suppressed);
  return text + fmt::format(", first {}, last {}\n", rfc3339(t.first), rfc3339(t.last));
}

// What is silent otherwise: sessions and summaries stand here, too.
std::string unjudged_in_words(const HistoryResult& result) {
  std::string text;
  for (const auto& [name, unjudged] : result.unjudged) {
    if (unjudged.missing_key > 0)
      text += fmt::format("  {} skipped {} without its key\n", name, counted(unjudged.missing_key, "event"));
    if (unjudged.cut_short > 0)
      text += fmt::format("  {} let go of the oldest it held, or gave up a search, {}: a limit was reached\n", name,
                          counted(unjudged.cut_short, "time"));
  }
  return text;
}

std::string pending_in_words(const HistoryResult& result) {
  std::string text;
  for (const Pending& p : result.pending_rules) text += fmt::format("  {} waits for {}\n", p.rule, rfc3339(p.at));
  if (!text.empty()) text = "pending (--until TIME or --drain moves time on):\n" + text;
  return text;
}

// ----- one version of the rules over the input ----------------------------------------------------------------------

// `1/100 by user`
struct Sample {
  std::uint64_t take = 1, of = 1;
  std::string field;
};

struct Wanted {
  std::vector<std::string> inputs;
  std::optional<Time> from, to;
  EndOfInput end;
  std::uint64_t most_alerts = UINT64_MAX;
  std::optional<Sample> sample;
  std::uint32_t shards = 1;
};

// The events of the values that the sample takes: which they are is a matter of the value alone, so that two runs take
// the same. A number that is a text in another event is another value.
std::function<bool(const Event&)> taken_by(const Sample& sample, const Schema& schema) {
  std::map<std::uint32_t, std::uint32_t> slots;  // by type
  for (std::uint32_t t = 0; t < schema.types.size(); ++t)
    for (std::uint32_t s = 0; s < schema.types[t].fields.size(); ++s)
      if (schema.types[t].fields[s].name() == sample.field) slots.emplace(t, s);
  return [sample, slots](const Event& event) {
    const auto slot = slots.find(event.type.index);
    const Value value = slot == slots.end() ? Value() : event.field(SlotId(slot->second));
    if (value.is_missing()) return true;
    std::string bytes;
    append_key(bytes, value);
    return hash_bytes(bytes) % sample.of < sample.take;
  };
}

struct Streams {
  std::ostream* alerts = nullptr;  // NDJSON, or lines for people
  bool for_people = false;
  bool emitted = false;
  std::ostream* dead = nullptr;
  std::ostream* late = nullptr;
  OutputBook* book = nullptr;  // takes what is emitted, too
  Profile* profile = nullptr;
};

class Replay {
 public:
  Replay(const CompiledSet& set, const Wanted& wanted, const Streams& streams, const Arguments& arguments,
         Console& console)
      : set_(set), wanted_(wanted), streams_(streams), arguments_(arguments), console_(console), progress_(console) {}

  // An Error when the input cannot be read, or the options do not fit it.
  Result<HistoryResult> run(InputSource& source) {
    Result<CodecConfig> codec = codec_of(arguments_, set_.compiled.rules->schema);
    if (!codec) return tl::unexpected(codec.error());
    History history;
    history.rules = set_.compiled.rules;
    history.reference = set_.reference;
    history.codec = std::move(*codec);
    history.source = name_of_inputs(arguments_);
    history.from = wanted_.from;
    history.to = wanted_.to;
    history.end = wanted_.end;
    history.profile = streams_.profile;
    history.engine.given_up = &interrupt_.flag();
    history.engine.shards = wanted_.shards;
    if (wanted_.sample) history.sampled = taken_by(*wanted_.sample, set_.compiled.rules->schema);
    Result<HistoryResult> result = run_history(history, source, outputs(source));
    progress_.clear();
    return result;
  }

  bool full() const { return alerts_ >= wanted_.most_alerts; }

  std::string summary(const HistoryResult& result) const {
    std::string text = input_in_words(result);
    if (result.late > 0 && streams_.late == nullptr) text += "which events were late: --late FILE\n";
    if (full())
      text = fmt::format("stopped at alert {}; the numbers are of what was read until then\n", alerts_) + text;
    std::size_t width = 0;
    for (const Program& program : set_.compiled.rules->programs)
      if (is_rule(program)) width = std::max(width, program.name.size());
    for (const Program& program : set_.compiled.rules->programs) {
      if (!is_rule(program)) continue;
      const auto tally = tallies_.find(program.name);
      const auto suppressed = result.suppressed.find(program.name);
      text += rule_in_words(program.name, width, tally == tallies_.end() ? nullptr : &tally->second,
                            suppressed == result.suppressed.end() ? 0 : suppressed->second);
    }
    return text + unjudged_in_words(result) + pending_in_words(result);
  }

 private:
  // Rules that only emit send no alert, and are none of the summary.
  static bool is_rule(const Program& program) {
    const auto* body = std::get_if<RuleBody>(&program.body);
    return body != nullptr && body->alert.has_value();
  }

  HistoryOutputs outputs(InputSource& source) {
    HistoryOutputs outputs;
    outputs.reached = [&source](std::uint32_t partition, Time at) { source.reached(partition, at); };
    outputs.alert = [this](const Alert& alert, const DocumentNames& names) { on_alert(alert, names); };
    if (streams_.emitted || streams_.book != nullptr)
      outputs.emitted = [this](const Emitted& emitted, const DocumentNames& names) { on_emitted(emitted, names); };
    outputs.dead = [this](const DeadLetter& letter, const DocumentNames& names) { on_dead(letter, names); };
    if (streams_.late != nullptr)
      outputs.late = [this](const LateEvent& late, const DocumentNames& names) { on_late(late, names); };
    outputs.progress = [this](double done, std::uint64_t events, Time at) {
      progress_.show(done, events, alerts_, at);
    };
    outputs.stopped = [this] {
      return full() || interrupt_.came() || (streams_.alerts != nullptr && !*streams_.alerts);
    };
    return outputs;
  }

  void on_alert(const Alert& alert, const DocumentNames& names) {
    if (full()) return;  // more of the block in hand
    ++alerts_;
    tallies_[names.rules->programs[alert.rule.index].name].add(alert);
    if (streams_.book != nullptr) streams_.book->add(alert, names);
    line_.clear();
    if (streams_.for_people) {
      line_ = line_of(alert, names);
    } else {
      append_alert(line_, alert, names);
    }
    write_line();
  }

  void on_emitted(const Emitted& emitted, const DocumentNames& names) {
    if (full()) return;
    if (streams_.book != nullptr) streams_.book->add(emitted, names);
    if (!streams_.emitted) return;
    line_.clear();
    if (streams_.for_people) {
      line_ = line_of(emitted, names);
    } else {
      append_emitted(line_, emitted, names);
    }
    write_line();
  }

  void write_line() {
    if (streams_.alerts == nullptr) return;
    if (console_.out_is_terminal) progress_.clear();
    *streams_.alerts << line_ << '\n';
  }

  void on_dead(const DeadLetter& letter, const DocumentNames& names) {
    if (console_.verbose > 0) {
      progress_.clear();
      console_.err << fmt::format("{}: {}: {}\n", id_of(letter.position, names), name_of(letter.reason), letter.detail);
    }
    if (streams_.dead == nullptr) return;
    line_.clear();
    append_dead_letter(line_, letter, names);
    *streams_.dead << line_ << '\n';
  }

  void on_late(const LateEvent& late, const DocumentNames& names) {
    line_.clear();
    append_late(line_, late, names);
    *streams_.late << line_ << '\n';
  }

  const CompiledSet& set_;
  const Wanted& wanted_;
  const Streams streams_;
  const Arguments& arguments_;
  Console& console_;
  ProgressLine progress_;
  Interrupt interrupt_;
  std::map<std::string, Tally> tallies_;
  std::uint64_t alerts_ = 0;
  std::string line_;
};

// ----- the command --------------------------------------------------------------------------------------------------

// One set of the paths: a document among them would be rules of its own, and one input has one set.
struct OneSet {
  CompiledSet set;
  Exit exit = Exit::done;
};
OneSet compile_one(const std::vector<std::string>& paths, const Arguments& arguments, Console& console) {
  CompiledPaths compiled = compile_paths("replay", paths, arguments, console);
  if (compiled.exit != Exit::done) return {{}, compiled.exit};
  if (compiled.sets.size() != 1)
    return {{}, refuse(console, "replay", "rules and documents are sets of their own; name those of one")};
  return {std::move(compiled.sets.front()), Exit::done};
}

Result<Sample> sample_of(const std::string& words) {
  static const RE2 kShape("\\s*(\\d+)\\s*/\\s*(\\d+)\\s+by\\s+(\\S+)\\s*");
  Sample sample;
  if (!RE2::FullMatch(words, kShape, &sample.take, &sample.of, &sample.field) || sample.take == 0 ||
      sample.take > sample.of)
    return failure(Error::Code::refused,
                   fmt::format("--sample is a share and a field, such as '1/100 by user', not `{}`", words));
  return sample;
}

// --input, and how much of it.
Result<Wanted> wanted_of(const Arguments& arguments) {
  Wanted wanted;
  Result<std::vector<std::string>> inputs = inputs_of(arguments);
  if (!inputs) return tl::unexpected(inputs.error());
  wanted.inputs = std::move(*inputs);
  if (arguments.has("--max-alerts")) {
    std::int64_t most = 0;
    if (parse_integer(arguments.value("--max-alerts"), most) != NumberText::good || most < 1)
      return failure(Error::Code::refused, "--max-alerts needs a number, such as 10");
    wanted.most_alerts = static_cast<std::uint64_t>(most);
  }
  if (arguments.has("--shards")) {
    std::int64_t shards = 0;
    if (parse_integer(arguments.value("--shards"), shards) != NumberText::good || shards < 0 || shards > kShardsMax)
      return failure(Error::Code::refused,
                     fmt::format("--shards needs a number from 0 to {}; 0 is one a core", kShardsMax));
    wanted.shards = shards_or_cores(static_cast<std::uint32_t>(shards));
  }
  if (arguments.has("--sample")) {
    const Result<Sample> sample = sample_of(arguments.value("--sample"));
    if (!sample) return tl::unexpected(sample.error());
    wanted.sample = *sample;
  }
  wanted.end.drain = arguments.has("--drain");
  if (wanted.end.drain && arguments.has("--until"))
    return failure(Error::Code::refused, "--until says how far time goes on, --drain as far as it must; give one");
  for (const auto& [option, time] :
       {std::pair{"--from", &wanted.from}, {"--to", &wanted.to}, {"--until", &wanted.end.until}}) {
    if (!arguments.has(option)) continue;
    const Result<Time> given = time_on_command_line(arguments.value(option), arguments);
    if (!given) return tl::unexpected(given.error());
    *time = *given;
  }
  if (wanted.from && wanted.to && *wanted.from >= *wanted.to)
    return failure(Error::Code::refused, "--from is not before --to, so no event is between them");
  return wanted;
}

// Time does not go back: such an --until asks for what cannot be had, most often because of a wrong day or unit.
std::string until_too_early(const Wanted& wanted, const HistoryResult& result) {
  if (!wanted.end.until || !result.last || *wanted.end.until >= *result.last) return {};
  return fmt::format(
      "--until {} is before the last event, at {}; all events have been judged (--to TIME leaves later ones out)",
      rfc3339(*wanted.end.until), rfc3339(*result.last));
}

// Why the sample would take all: only fields that some rule reads are decoded.
std::string no_sample(const Sample& sample, const Schema& schema) {
  std::vector<std::string> names;
  for (const EventType& type : schema.types)
    if (!type.emitted)
      for (const FieldSlot& field : type.fields) names.push_back(field.name());
  if (std::ranges::find(names, sample.field) != names.end()) return {};
  const std::string near = dsl::nearest(sample.field, names);
  return fmt::format("--sample: no rule reads a field `{}`{}", sample.field,
                     near.empty() ? "" : fmt::format("; did you mean `{}`?", near));
}

// A stream for outputs, where the option names one: a file, or - for standard output.
class Written {
 public:
  Written(std::string path, Console& console) : path_(std::move(path)) {
    if (path_ == "-") {
      stream_ = &console.out;
    } else if (!path_.empty()) {
      file_.open(path_, std::ios::binary);
      stream_ = &file_;
    }
  }
  const std::string& path() const { return path_; }
  std::ostream* stream() { return stream_; }
  // Has all come through so far? Standard output that nobody reads any more is the end of the run, not a failure.
  bool good() {
    if (path_.empty() || path_ == "-") return true;
    file_.flush();
    return file_.good();
  }

 private:
  std::string path_;
  std::ofstream file_;
  std::ostream* stream_ = nullptr;
};

// Opened when everything that is read stands open, so that no mistake in the call empties a file.
struct OutputFiles {
  OutputFiles(const Arguments& arguments, Console& console)
      : out(arguments.value("--out"), console),
        dead(arguments.value("--dead-letters"), console),
        late(arguments.value("--late"), console) {}
  Written out, dead, late;

  // The path of one that cannot be written, or that did not take all of it; empty: all is well.
  std::string broken() {
    for (Written* file : {&out, &dead, &late})
      if (!file->good()) return file->path();
    return {};
  }
  Streams streams(const Arguments& arguments) {
    Streams streams;
    streams.alerts = out.stream();
    streams.dead = dead.stream();
    streams.late = late.stream();
    streams.emitted = arguments.has("--emitted");
    return streams;
  }
};

// Standard output has one thing to say.
std::string both_on_stdout(const Arguments& arguments) {
  std::vector<std::string_view> claims;
  for (const std::string_view option : {"--compare", "--expect"})
    if (arguments.has(option)) claims.push_back(option);
  if (arguments.value("--profile") == "json") claims.push_back("--profile=json");
  for (const std::string_view option : {"--out", "--dead-letters", "--late"})
    if (arguments.value(option) == "-") claims.push_back(option);
  if (claims.size() == 1 && claims.front() != "--out" && !arguments.has("--out") &&
      arguments.value(claims.front()) == "-")
    return fmt::format("{} - and the alerts both have standard output; --out FILE takes the alerts", claims.front());
  return claims.size() < 2 ? std::string() : fmt::format("{} and {} both have standard output", claims[0], claims[1]);
}

Exit cannot_write(Console& console, const std::string& path) {
  return unreadable(console, "replay", {Error::Code::unreadable, fmt::format("cannot write {}", path)});
}

// The column, from 1, at which a line ceases to be JSON; 0: it is an object.
std::size_t no_object_at(std::string_view line) {
  try {
    return nlohmann::json::parse(line).is_object() ? 0 : 1;
  } catch (const nlohmann::json::parse_error& error) {
    return std::max<std::size_t>(1, std::min(error.byte, line.size()));
  }
}

// What a running tocsin wrote of an alert as a replay writes it: without when it was found.
void forget_running(std::string& line) {
  static const RE2 kDetected(R"re("detected":"[-0-9T:.]+Z",("first":))re"), kRunning(R"re("replayed":false}$)re");
  if (RE2::Replace(&line, kRunning, R"re("replayed":true})re")) RE2::Replace(&line, kDetected, R"re(\1)re");
}

// The alerts of --expect. A replay wrote them, or a running tocsin, one JSON object a line: another file can only be a
// mistake.
Result<std::string> expected_alerts(const std::string& path) {
  Result<std::string> text = dsl::read_file(path);
  if (!text) return text;
  std::istringstream in(*text);
  std::string out;
  std::size_t number = 1;
  for (std::string line; std::getline(in, line); ++number) {
    if (const std::size_t column = no_object_at(line); column > 0)
      return failure(
          Error::Code::malformed,
          fmt::format("--expect {}:{}:{}: no JSON object; give it what a replay or the running tocsin wrote, one alert "
                      "a line",
                      path, number, column));
    forget_running(line);
    out += line + "\n";
  }
  return out;
}

// Whether the alerts are those expected; if not, the answer is what differs.
Exit held_against(const std::string& path, const std::string& expected, const std::string& alerts, Console& console) {
  if (expected == alerts) return Exit::done;
  console.out << unified_diff(path, expected, "this replay", alerts, console.colours);
  return Exit::no;
}

// The same input under the old rules, then under the new ones.
Exit run_comparison(const OneSet& before, const OneSet& now, InputSource& source, const Wanted& wanted,
                    const Arguments& arguments, Console& console) {
  Result<std::unique_ptr<InputSource>> again = open_inputs(wanted.inputs, console);
  if (!again) return refuse(console, "replay", again.error().message);
  OutputFiles files(arguments, console);
  if (const std::string path = files.broken(); !path.empty()) return cannot_write(console, path);
  std::array<OutputBook, 2> books{OutputBook(*before.set.compiled.rules), OutputBook(*now.set.compiled.rules)};
  for (const bool is_new : {false, true}) {
    const CompiledSet& set = is_new ? now.set : before.set;
    Streams own = is_new ? files.streams(arguments) : Streams{};
    own.book = &books[is_new ? 1 : 0];
    Replay replay(set, wanted, own, arguments, console);
    const Result<HistoryResult> result = replay.run(is_new ? **again : source);
    if (!result) return refuse(console, "replay", result.error().message);
    if (result->stopped) return Exit::interrupted;
    if (const std::string complaint = until_too_early(wanted, *result); !complaint.empty())
      return refuse(console, "replay", complaint);
    if (!console.quiet) console.err << fmt::format("{} rules: {}", is_new ? "new" : "old", input_in_words(*result));
  }
  if (const std::string path = files.broken(); !path.empty()) return cannot_write(console, path);
  const std::vector<OutputDifference> differences = compare(books[0], books[1]);
  console.out << (arguments.value("--format") == "json" || arguments.has("--json")
                      ? in_json(differences)
                      : in_words(differences, console.verbose > 0 ? 0 : 20));
  const bool differ = std::ranges::any_of(differences, [](const OutputDifference& d) { return d.differs(); });
  return differ && arguments.has("--fail-on-diff") ? Exit::no : Exit::done;
}

}  // namespace

Exit run_replay(const Arguments& arguments, Console& console) {
  if (!arguments.has("--input"))
    return refuse(console, "replay", "name the events: --input FILE, or --input - for standard input");
  const std::vector<std::string> paths = paths_of(arguments.operands());
  const bool rules_from_input = std::ranges::find(paths, "-") != paths.end();
  const bool events_from_input = reads_standard_input(arguments.all("--input"));
  if (rules_from_input && events_from_input)
    return refuse(console, "replay", "rules and events cannot both come from standard input");
  if ((rules_from_input || events_from_input) && console.in_is_terminal) return refuse_terminal(console, "replay");
  const Result<Wanted> wanted = wanted_of(arguments);
  if (!wanted) return refuse(console, "replay", wanted.error().message);
  if (arguments.has("--expect") && (arguments.has("--compare") || arguments.has("--out")))
    return refuse(console, "replay", "--expect holds the alerts against a file; it goes without --compare and --out");
  if (arguments.has("--expect") && arguments.value("--format") == "human")
    return refuse(console, "replay", "--expect holds alerts as JSON against a file; it goes without --format human");
  const bool profile_is_answer = arguments.value("--profile", "text") == "json";
  if (arguments.has("--profile") && arguments.has("--compare"))
    return refuse(console, "replay", "--profile is of one run; it goes without --compare");
  if (arguments.has("--profile") && wanted->shards > 1)
    return refuse(console, "replay", "--profile takes the time of one thread; it goes without --shards");
  if (profile_is_answer && arguments.has("--expect"))
    return refuse(console, "replay", "--profile=json and --expect both have standard output");
  if (arguments.has("--max-alerts") && (arguments.has("--compare") || arguments.has("--expect")))
    return refuse(console, "replay", "--max-alerts stops at some alert; it goes without --compare and --expect");
  if (arguments.has("--fail-on-diff") && !arguments.has("--compare"))
    return refuse(console, "replay", "--fail-on-diff goes with --compare");
  if (const std::string complaint = both_on_stdout(arguments); !complaint.empty())
    return refuse(console, "replay", complaint);
  const Result<std::string> expected =
      arguments.has("--expect") ? expected_alerts(arguments.value("--expect")) : std::string();
  if (!expected) return unreadable(console, "replay", expected.error());

  const OneSet rules = compile_one(paths, arguments, console);
  if (rules.exit != Exit::done) return rules.exit;
  std::vector<FileRead> read = files_read(arguments);
  std::ranges::move(rules.set.files_read(), std::back_inserter(read));
  OneSet old_rules;
  if (arguments.has("--compare")) {
    if (events_from_input) return refuse(console, "replay", "--compare reads the input twice; standard input cannot");
    old_rules = compile_one({arguments.value("--compare")}, arguments, console);
    if (old_rules.exit != Exit::done) return old_rules.exit;
    std::ranges::move(old_rules.set.files_read(), std::back_inserter(read));
  }
  if (const std::string complaint = overwritten(arguments, {"--out", "--dead-letters", "--late"}, read);
      !complaint.empty())
    return refuse(console, "replay", complaint);
  const Result<CodecConfig> codec = codec_of(arguments, rules.set.compiled.rules->schema);
  if (!codec) return refuse(console, "replay", codec.error().message);
  if (wanted->sample)
    if (const std::string complaint = no_sample(*wanted->sample, rules.set.compiled.rules->schema); !complaint.empty())
      return refuse(console, "replay", complaint);
  if (!console.quiet)
    for (const std::string& note : unknown_names(*codec, rules.set.compiled.model))
      console.err << fmt::format("note: {}\n", note);
  Result<std::unique_ptr<InputSource>> source = open_inputs(wanted->inputs, console);
  if (!source) return refuse(console, "replay", source.error().message);
  if (arguments.has("--compare")) return run_comparison(old_rules, rules, **source, *wanted, arguments, console);
  OutputFiles files(arguments, console);
  if (const std::string path = files.broken(); !path.empty()) return cannot_write(console, path);
  Streams streams = files.streams(arguments);
  streams.for_people = arguments.value("--format") == "human";
  std::ostringstream kept;  // for --expect
  if (streams.alerts == nullptr && !profile_is_answer)
    streams.alerts = arguments.has("--expect") ? &kept : &console.out;
  Profile profile;
  if (arguments.has("--profile")) streams.profile = &profile;
  Replay replay(rules.set, *wanted, streams, arguments, console);
  const Result<HistoryResult> result = replay.run(**source);
  if (!result) return refuse(console, "replay", result.error().message);
  if (const std::string path = files.broken(); !path.empty()) return cannot_write(console, path);
  console.out.flush();
  if (!console.quiet)
    console.err << (result->stopped && !replay.full() ? "stopped early\n" : "") << replay.summary(*result);
  if (profile_is_answer) {
    console.out << in_json(profile);
  } else if (arguments.has("--profile")) {
    console.err << in_words(profile);
  }
  if (replay.full()) return Exit::done;
  if (result->stopped && console.out.good()) return Exit::interrupted;
  if (const std::string complaint = until_too_early(*wanted, *result); !complaint.empty())
    return refuse(console, "replay", complaint);
  if (!arguments.has("--expect")) return Exit::done;
  return held_against(arguments.value("--expect"), *expected, kept.str(), console);
}

}  // namespace tocsin::app
