// `tocsin savepoint`: create asks the daemon; list and delete do, too, unless --config or --dir says where the files
// are; the others read files. Everything that is printed of a file was checked first.
#include "app/savepoint_command.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <map>
#include <nlohmann/json.hpp>
#include <ostream>
#include <tuple>

#include "app/control/json.h"
#include "app/one_line.h"
#include "app/savepoints.h"
#include "app/settings_read.h"
#include "app/table.h"
#include "dsl/diagnostic.h"
#include "engine/base/hash.h"
#include "engine/base/text.h"
#include "engine/base/wording.h"
#include "engine/base/write.h"
#include "engine/runtime/cold.h"
#include "engine/runtime/engine.h"
#include "engine/runtime/kept_shape.h"
#include "engine/runtime/outbox.h"

namespace tocsin::app {

namespace {

using Json = nlohmann::ordered_json;

std::string time_text(const std::optional<Time>& time) {
  return !time || *time == Frontier::kNothing ? "-" : rfc3339(*time);
}

std::string digest_text(const Hash128& digest) { return fmt::format("{:016x}{:016x}", digest.high, digest.low); }

void print(Console& console, const Json& json) {
  console.out << json.dump(2, ' ', false, Json::error_handler_t::replace) << "\n";
}

// The rule that --rule names; null: why not has been said.
const RuleInSavepoint* rule_of(const SavepointView& view, const std::string& name, Console& console) {
  std::vector<std::string> names;
  for (const RuleInSavepoint& rule : view.rules) {
    if (rule.name == name) return &rule;
    names.push_back(rule.name);
  }
  const std::string near = dsl::nearest(name, names);
  refuse(console, "savepoint",
         fmt::format("the savepoint remembers nothing of a rule `{}`{}", name,
                     near.empty() ? "" : fmt::format("; did you mean `{}`?", near)));
  return nullptr;
}

// The rules of a savepoint as they ran, to ask what is remembered of a key: nothing is in them yet. Of a rule that this
// version does not take any more, or keeps another way, there is nobody to ask.
class RulesAsked {
 public:
  explicit RulesAsked(const SavepointView& view) : rules_(view.compiled()) {
    if (rules_ == nullptr) return;
    const auto reference = ReferenceData::make(*rules_, {});
    if (!reference) return;
    engine_.emplace(rules_, *reference);
    names_.emplace(rules_->schema, view.ledger.layouts.sources, view.ledger.layouts);
    const std::vector<std::uint64_t> shapes = kept_shapes(*rules_);
    for (const Ledger::Known& known : view.ledger.programs) {
      const auto program = std::ranges::find(rules_->programs, known.name, &Program::name);
      const auto at = static_cast<std::size_t>(program - rules_->programs.begin());
      ids_.push_back(at < shapes.size() && shapes[at] == known.shape ? ProgramId(at) : ProgramId());
    }
  }
  // By the rule's number in addresses; none: nobody.
  ProgramId id_of(std::uint32_t number) const { return number < ids_.size() ? ids_[number] : ProgramId(); }
  // REQUIRES, all: there is one by this number.
  Shard& shard() { return engine_->lane(0).shard(); }
  const Runner& runner(std::uint32_t number) { return shard().runner(ids_[number]); }
  bool load(const StateAddress& address, std::string_view value) {
    return read(value, [&](StateReader& in) { return engine_->load(ids_[address.program], address, in); });
  }
  template <class Read>
  bool read(std::string_view value, const Read& how) {
    StateReader reader({}, *names_);
    return read_whole(reader, value, how);
  }

 private:
  std::shared_ptr<const RuleSet> rules_;
  std::optional<Engine> engine_;
  std::optional<StateNames> names_;
  std::vector<ProgramId> ids_;
};

// ----- inspect ------------------------------------------------------------------------------------------------------

// What is delivered by whom, and what waits.
struct SinkView {
  std::string name;
  Epoch delivered;
  std::uint64_t waiting = 0;  // messages
};

std::vector<SinkView> sinks_of(const SavepointView& view) {
  std::vector<SinkView> out;
  for (const SinkDelivery& sink : view.ledger.sinks) {
    SinkView& one = out.emplace_back(SinkView{sink.sink, sink.delivery.epoch, 0});
    for (const auto& [epoch, outbox] : view.newest.outboxes)
      if (epoch > one.delivered)
        if (const auto messages = messages_for(one.name, outbox)) one.waiting += messages->size();
  }
  return out;
}

std::string source_of(const SavepointView& view, const Cut::Partition& partition) {
  const auto& names = view.ledger.layouts.sources;
  return partition.source.index < names.size() ? names[partition.source.index] : "?";
}

Json json_of(const SavepointFile& file, const SavepointView& view) {
  Json out = {{"schema", "tocsin/savepoint/1"},
              {"name", file.name},
              {"path", file.path},
              {"time", time_text(view.note.made)},
              {"version", view.note.version},
              {"generation", view.note.generation},
              {"epoch", view.newest.epoch.number},
              {"bytes", view.figures.bytes},
              {"addresses", view.figures.addresses},
              {"digest", digest_text(view.figures.digest)},
              {"event_time", view.passed() ? Json(time_text(view.passed())) : Json()}};
  for (const Cut::Partition& partition : view.ledger.cut.partitions)
    out["sources"].push_back(
        {{"name", source_of(view, partition)},
         {"next_record", partition.resume_offset},
         {"watermark",
          partition.clock.watermark() == Frontier::kNothing ? Json() : Json(time_text(partition.clock.watermark()))},
         {"position", partition.bookmark}});
  for (const SinkView& sink : sinks_of(view))
    out["sinks"].push_back({{"name", sink.name}, {"epoch", sink.delivered.number}, {"waiting", sink.waiting}});
  for (const RuleInSavepoint& rule : view.rules)
    out["rules"].push_back({{"name", rule.name},
                            {"keys", rule.keys},
                            {"budgets", rule.budgets},
                            {"bytes", rule.bytes},
                            {"since", rule.since ? Json(time_text(rule.since)) : Json()}});
  for (const SavepointRules& text : view.texts) out["files"].push_back(text.path);
  return out;
}

void print_view(const SavepointFile& file, const SavepointView& view, std::ostream& out) {
  const auto line = [&](std::string_view name, const std::string& text) {
    out << fmt::format("{:<12} {}\n", name, text);
  };
  line("savepoint", fmt::format("{}: epoch {}, generation {}, made {} by tocsin {}", on_one_line(file.name),
                                view.newest.epoch.number, view.note.generation, time_text(view.note.made),
                                on_one_line(view.note.version)));
  line("file", fmt::format("{}, {}, sound", on_one_line(file.path), rounded_bytes(view.figures.bytes)));
  line("state",
       fmt::format("{} addresses, digest {}", grouped(view.figures.addresses), digest_text(view.figures.digest)));
  line("event time", time_text(view.passed()));
  for (const Cut::Partition& partition : view.ledger.cut.partitions)
    line("source", fmt::format("{}: goes on at record {}, watermark {}", on_one_line(source_of(view, partition)),
                               grouped(partition.resume_offset), time_text(partition.clock.watermark())));
  for (const SinkView& sink : sinks_of(view))
    line("sink", fmt::format("{}: has epoch {}, {} still to come", on_one_line(sink.name), sink.delivered.number,
                             counted(sink.waiting, "message")));
  for (const SavepointRules& text : view.texts) line("rule file", on_one_line(text.path));
  std::vector<std::vector<std::string>> rows{{"rule", "keys", "budgets", "size", "watching since"}};
  for (const RuleInSavepoint& rule : view.rules)
    rows.push_back({on_one_line(rule.name), grouped(rule.keys), grouped(rule.budgets), rounded_bytes(rule.bytes),
                    time_text(rule.since)});
  if (rows.size() > 1) print_table(out << "\n", rows);
}

constexpr std::size_t kKeysShown = 100;

// The keys of one rule, and what is remembered of one of them.
Exit inspect_rule(const SavepointFile& file, const Arguments& arguments, Console& console) {
  const std::string name = arguments.value("--rule");
  const std::string wanted = fmt::format("{}", fmt::join(arguments.all("--key"), ", "));  // as text_of_key has it
  const bool one_key = arguments.has("--key");
  struct Found {
    std::string bytes, text, value;
  };
  std::vector<Found> found;  // of many the first ones: a heap, by what people read
  const auto is_before = [](const Found& a, const Found& b) {
    return std::tie(a.text, a.bytes) < std::tie(b.text, b.bytes);
  };
  auto first = look_at_savepoint(file);
  if (!first) return savepoint_failure(console, first.error());
  const RuleInSavepoint* rule = rule_of(*first, name, console);
  if (rule == nullptr) return Exit::usage;
  const auto view = look_at_savepoint(file, [&](const StateAddress& address, std::string_view value) {
    if (address.program != rule->number || address.kind != StateKind::key) return;
    std::string text = text_of_key(address.key);
    if (one_key && text != wanted) return;
    found.push_back({std::string(address.key), std::move(text), one_key ? std::string(value) : std::string()});
    found.back().value.resize(value.size());
    std::ranges::push_heap(found, is_before);
    if (one_key || found.size() <= kKeysShown) return;
    std::ranges::pop_heap(found, is_before);
    found.pop_back();
  });
  if (!view) return savepoint_failure(console, view.error());
  std::ranges::sort_heap(found, is_before);
  if (one_key && found.empty()) {
    console.err << fmt::format("tocsin savepoint: rule `{}` remembers nothing of {}\n", name, on_one_line(wanted));
    return Exit::no;
  }

  // What it is, and when something is due, is asked of the rule itself, with its state in its hands.
  struct Asked {
    std::optional<Instant> due;
    std::vector<std::string> words;
  };
  const auto ask = [&](const Found& one) -> Asked {
    if (!one_key) return {};
    RulesAsked rules(*view);
    const ProgramId id = rules.id_of(rule->number);
    if (!id.exists()) return {};
    if (rule->since) rules.shard().watched_since(id, *rule->since);
    if (!rules.load({0, rule->number, StateKind::key, one.bytes}, one.value)) return {};
    const Runner& runner = rules.runner(rule->number);
    return {runner.due(), runner.in_words(one.bytes)};
  };
  Json json = {{"schema", "tocsin/savepoint-keys/1"}, {"rule", rule->name}, {"keys", rule->keys}};
  std::string text;
  for (const Found& one : found) {
    Json& of = json["shown"].emplace_back(Json{{"key", one.text}, {"bytes", one.value.size()}});
    if (!one_key) {
      text += fmt::format("{}  {}\n", on_one_line(one.text), rounded_bytes(one.value.size()));
      continue;
    }
    text += fmt::format("rule `{}` remembers {} of {}\n", rule->name, rounded_bytes(one.value.size()),
                        one.text.empty() ? "all events together" : on_one_line(one.text));
    if (rule->since) text += fmt::format("  it has been watching since {}\n", time_text(rule->since));
    const auto [due, words] = ask(one);
    of["remembers"] = words;
    for (const std::string& line : words) text += fmt::format("  {}\n", line);
    if (due) {
      of["due"] = time_text(due->time);
      text += fmt::format("  something is due at {} in event time, if nothing comes before it\n", time_text(due->time));
    } else {
      text += "  nothing is due\n";
    }
    if (view->passed()) text += fmt::format("  all events before {} have been judged\n", time_text(view->passed()));
  }
  if (arguments.has("--json")) {
    print(console, json);
    return Exit::done;
  }
  console.out << text;
  if (!one_key && rule->keys > found.size())
    console.out << fmt::format("... and {} more; --key shows one\n", grouped(rule->keys - found.size()));
  return Exit::done;
}

Exit inspect(const std::string& folder, const Arguments& arguments, Console& console) {
  if (arguments.operands().size() != 2) return refuse(console, "savepoint", "inspect takes one savepoint");
  if (arguments.has("--key") && !arguments.has("--rule"))
    return refuse(console, "savepoint", "--key goes with --rule: a key is one of a rule");
  const auto file = find_savepoint(folder, arguments.operands()[1]);
  if (!file) return not_found(console, file.error());
  if (arguments.has("--rule")) return inspect_rule(*file, arguments, console);
  const auto view = look_at_savepoint(*file);
  if (!view) return savepoint_failure(console, view.error());
  if (arguments.has("--json"))
    print(console, json_of(*file, *view));
  else
    print_view(*file, *view, console.out);
  return Exit::done;
}

// ----- diff ---------------------------------------------------------------------------------------------------------

// What has become of the keys of one rule.
struct RuleDiff {
  std::uint64_t gone = 0, come = 0, changed = 0, same = 0;
  std::map<std::string, char> lines;  // of the rule that --rule names: the first of them, and what became of each
  bool keeps_lines = false;

  void add(std::uint64_t RuleDiff::* what, char sign, std::string_view key) {
    ++(this->*what);
    if (!keeps_lines || sign == '=') return;
    lines.emplace(on_one_line(text_of_key(key)), sign);
    if (lines.size() > kKeysShown) lines.erase(std::prev(lines.end()));
  }
};

// One side of a diff, address by address.
struct Side {
  SavepointView view;
  std::unique_ptr<SavepointReader> reader;
  bool has = false;
  std::unique_ptr<RulesAsked> rules;  // where they are asked

  // To the next that says something: when something is due follows from what is remembered, and what a rule that has
  // gone has left is nobody's.
  Result<void> next() {
    for (;;) {
      const auto read = reader->next();
      if (!read) return tl::unexpected(read.error());
      has = *read;
      if (!has || (rule() != nullptr && address()->kind != StateKind::due)) return {};
    }
  }
  std::optional<StateAddress> address() const { return StateAddress::read(reader->address()); }
  const std::string* rule() const {
    const auto at = address();
    if (!at || at->program >= view.ledger.programs.size()) return nullptr;
    const std::string& name = view.ledger.programs[at->program].name;
    return name.empty() ? nullptr : &name;
  }
  // Is it a key of which nothing matters any more, and that is given up when there is need of room? Then it is all the
  // same whether it is there.
  bool has_run_out() {
    const auto passed = view.passed();
    const StateAddress at = *address();
    if (!passed || at.kind != StateKind::key) return false;
    if (rules == nullptr) rules = std::make_unique<RulesAsked>(view);
    if (!rules->id_of(at.program).exists()) return false;
    const Runner& runner = rules->runner(at.program);
    return runner.keys_run_out() &&
           rules->read(reader->value(), [&](StateReader& in) { return runner.has_run_out(in, *passed); });
  }
  std::uint64_t shape_of(const std::string& rule) const {
    const auto known = std::ranges::find(view.ledger.programs, rule, &Ledger::Known::name);
    return known == view.ledger.programs.end() ? 0 : known->shape;
  }
};

// Two states, each in the order of its own addresses. In another store, or beside other rules, a rule may have another
// number, and a key may be of another group: so what stands at an address of one side alone waits until the other side
// brings the same rule and key, as a hash of what is remembered. Where nothing has another place nothing waits but what
// has come or gone.
class Difference {
 public:
  Difference(Side a, Side b, std::string wanted) : a_(std::move(a)), b_(std::move(b)), wanted_(std::move(wanted)) {}

  Result<void> find() {
    while (a_.has || b_.has) {
      const int order = !a_.has ? 1 : !b_.has ? -1 : a_.reader->address().compare(b_.reader->address());
      const bool meet = order == 0 && *a_.rule() == *b_.rule();
      if (meet) tell(*a_.rule(), *a_.address(), a_.reader->value() == b_.reader->value());
      if (order <= 0 && !meet) wait(a_);
      if (order >= 0 && !meet) wait(b_);
      if (order <= 0)
        if (auto next = a_.next(); !next) return next;
      if (order >= 0)
        if (auto next = b_.next(); !next) return next;
    }
    for (const auto& [what, one] : waiting_) {
      if (one.has_run_out) continue;
      is_equal_ = false;
      if (const auto& [rule, kind, key] = what; kind != StateKind::program)
        one.is_first ? rule_of(rule).add(&RuleDiff::gone, '-', key) : rule_of(rule).add(&RuleDiff::come, '+', key);
    }
    return {};
  }

  const Side& a() const { return a_; }
  const Side& b() const { return b_; }
  const std::map<std::string, RuleDiff>& rules() const { return rules_; }
  bool is_equal() const { return is_equal_; }
  // Rules that are others in the two by the same name.
  std::vector<std::string> other_shapes() const {
    std::vector<std::string> out;
    for (const auto& [name, one] : rules_)
      if (const auto x = a_.shape_of(name), y = b_.shape_of(name); x != 0 && y != 0 && x != y) out.push_back(name);
    return out;
  }

 private:
  struct Waiting {
    bool is_first = false;  // of the first side
    std::uint64_t hash = 0;
    bool has_run_out = false;
  };
  RuleDiff& rule_of(const std::string& name) {
    RuleDiff& out = rules_[name];
    out.keeps_lines = name == wanted_;
    return out;
  }
  void tell(const std::string& rule, const StateAddress& address, bool same) {
    is_equal_ = is_equal_ && same;
    if (address.kind == StateKind::program) return;
    if (same)
      rule_of(rule).add(&RuleDiff::same, '=', address.key);
    else
      rule_of(rule).add(&RuleDiff::changed, '~', address.key);
  }
  void wait(Side& side) {
    const StateAddress address = *side.address();
    const Waiting now{&side == &a_, hash_bytes(side.reader->value()), side.has_run_out()};
    const auto [at, is_new] = waiting_.try_emplace({*side.rule(), address.kind, std::string(address.key)}, now);
    if (is_new || at->second.is_first == now.is_first) return;
    tell(*side.rule(), address, at->second.hash == now.hash);
    waiting_.erase(at);
  }

  Side a_, b_;
  const std::string wanted_;
  std::map<std::tuple<std::string, StateKind, std::string>, Waiting> waiting_;
  std::map<std::string, RuleDiff> rules_;
  bool is_equal_ = true;
};

Result<Side> side_of(const SavepointFile& file) {
  auto view = look_at_savepoint(file);
  if (!view) return tl::unexpected(view.error());
  auto reader = file.open();
  if (!reader) return tl::unexpected(reader.error());
  Side out{std::move(*view), std::move(*reader), false, nullptr};
  if (auto next = out.next(); !next) return tl::unexpected(next.error());
  return out;
}

// Events and sources have numbers in what is remembered: later ones stand behind those that were there. The first
// number that means another thing in the second, in words; nothing: there is none.
std::optional<std::string> other_number(const Layouts& a, const Layouts& b) {
  const auto shown = [](const Layouts::Type& type) {
    return fmt::format("{}({})", on_one_line(type.name), on_one_line(fmt::format("{}", fmt::join(type.fields, ", "))));
  };
  for (std::size_t i = 0; i < std::min(a.types.size(), b.types.size()); ++i)
    if (a.types[i] != b.types[i])
      return fmt::format("event {} is `{}` in the first and `{}` in the second", i + 1, shown(a.types[i]),
                         shown(b.types[i]));
  for (std::size_t i = 0; i < std::min(a.sources.size(), b.sources.size()); ++i)
    if (a.sources[i] != b.sources[i])
      return fmt::format("source {} is `{}` in the first and `{}` in the second", i + 1, on_one_line(a.sources[i]),
                         on_one_line(b.sources[i]));
  return std::nullopt;
}

Exit diff(const std::string& folder, const Arguments& arguments, Console& console) {
  if (arguments.operands().size() != 3) return refuse(console, "savepoint", "diff takes two savepoints");
  std::vector<Side> sides;
  for (const std::size_t i : {1u, 2u}) {
    const auto file = find_savepoint(folder, arguments.operands()[i]);
    if (!file) return not_found(console, file.error());
    auto side = side_of(*file);
    if (!side) return savepoint_failure(console, side.error());
    sides.push_back(std::move(*side));
  }
  if (const auto other = other_number(sides[0].view.ledger.layouts, sides[1].view.ledger.layouts))
    return savepoint_failure(console, {Error::Code::refused,
                                       "the two are of stores that number events, fields or sources otherwise (" +
                                           *other + "), so what they remember cannot be compared; inspect shows each"});
  const std::string wanted = arguments.value("--rule");
  Difference difference(std::move(sides[0]), std::move(sides[1]), wanted);
  if (const auto found = difference.find(); !found) return savepoint_failure(console, found.error());
  const Side &a = difference.a(), &b = difference.b();
  const auto& rules = difference.rules();
  const bool is_equal = difference.is_equal();
  if (!wanted.empty() && !rules.contains(wanted))
    return refuse(console, "savepoint", fmt::format("neither of them remembers anything of a rule `{}`", wanted));
  if (arguments.has("--json")) {
    Json json = {{"schema", "tocsin/savepoint-diff/1"},
                 {"equal", is_equal},
                 {"epochs", {a.view.newest.epoch.number, b.view.newest.epoch.number}}};
    for (const auto& [name, one] : rules) {
      Json& rule = json["rules"].emplace_back(
          Json{{"name", name}, {"gone", one.gone}, {"come", one.come}, {"changed", one.changed}, {"same", one.same}});
      if (name != wanted) continue;
      rule["keys"] = Json::array();
      for (const auto& [key, sign] : one.lines) rule["keys"].push_back(fmt::format("{} {}", sign, key));
    }
    print(console, json);
    return is_equal ? Exit::done : Exit::no;
  }
  console.out << fmt::format("epoch {} -> {}, event time {} -> {}\n", a.view.newest.epoch.number,
                             b.view.newest.epoch.number, time_text(a.view.passed()), time_text(b.view.passed()));
  std::vector<std::vector<std::string>> rows{{"rule", "gone", "come", "changed", "same"}};
  for (const auto& [name, one] : rules)
    rows.push_back({on_one_line(name), grouped(one.gone), grouped(one.come), grouped(one.changed), grouped(one.same)});
  if (rows.size() > 1) print_table(console.out, rows);
  if (!wanted.empty()) {
    const RuleDiff& one = rules.at(wanted);
    for (const auto& [key, sign] : one.lines) console.out << fmt::format("{} {}\n", sign, key);
    const std::uint64_t all = one.gone + one.come + one.changed;
    if (all > one.lines.size()) console.out << fmt::format("... and {} more\n", grouped(all - one.lines.size()));
  }
  for (const std::string& name : difference.other_shapes())
    console.out << fmt::format("rule `{}` is another pattern in the second, or kept another way\n", on_one_line(name));
  console.out << (is_equal ? "the two remember the same\n" : "");
  return is_equal ? Exit::done : Exit::no;
}

// ----- list and delete ----------------------------------------------------------------------------------------------

Exit list(const std::string& folder, const Arguments& arguments, Console& console) {
  const auto savepoints = list_savepoints(folder);
  if (!savepoints) return savepoint_failure(console, savepoints.error());
  const std::string document = savepoints_json(*savepoints);
  if (arguments.has("--json"))
    console.out << document << "\n";
  else
    print_savepoints(Json::parse(document)["savepoints"], console.out);
  return Exit::done;
}

Exit delete_some(const std::string& folder, const Arguments& arguments, Console& console) {
  std::vector<std::string> names(arguments.operands().begin() + 1, arguments.operands().end());
  if (arguments.has("--keep")) {
    std::int64_t keep = 0;
    if (!names.empty()) return refuse(console, "savepoint", "--keep goes without names");
    if (parse_integer(arguments.value("--keep"), keep) != NumberText::good || keep < 0)
      return refuse(console, "savepoint", "--keep is how many of the newest stay, such as 5");
    const auto all = list_savepoints(folder);
    if (!all) return savepoint_failure(console, all.error());
    // Of one that cannot be read nobody knows how old it is: it is deleted by its name.
    for (const SavepointStatus& savepoint : *all)
      if (savepoint.problem.empty() && keep-- <= 0) names.push_back(savepoint.name);
  } else if (names.empty()) {
    return refuse(console, "savepoint", "delete needs names of savepoints, or --keep N");
  }
  for (const std::string& name : names) {
    if (const auto deleted = delete_savepoint(folder, name); !deleted) return not_found(console, deleted.error());
    if (!arguments.has("--json")) console.out << fmt::format("savepoint {} is deleted\n", on_one_line(name));
  }
  if (arguments.has("--json")) print(console, {{"schema", "tocsin/savepoint/1"}, {"deleted", names}});
  return Exit::done;
}

}  // namespace

Exit savepoint_failure(Console& console, const Error& error) {
  console.err << fmt::format("tocsin savepoint: {}\n", error.message);
  switch (error.code) {
    case Error::Code::malformed:
    case Error::Code::refused:
      return Exit::state_refused;
    default:
      return Exit::usage;
  }
}

Exit not_found(Console& console, const Error& error) {
  const Exit exit = savepoint_failure(console, error);
  return error.code == Error::Code::refused ? Exit::no : exit;
}

Exit run_savepoint(const Arguments& arguments, Console& console) {
  const std::string what = arguments.operands().empty() ? "" : arguments.operands().front();
  const bool says_where = arguments.has("--dir") || arguments.has("--config");
  if (what == "create" || ((what == "list" || what == "delete") && !says_where))
    return ask_about_savepoints(arguments, console);
  Settings settings;
  std::string folder = arguments.value("--dir");
  if (folder.empty() || what == "restore") {
    auto read = settings_of(arguments, console);
    if (!read) {
      if (read.error().code != Error::Code::refused)
        console.err << "tocsin savepoint: " << read.error().message << "\n";
      return Exit::usage;
    }
    settings = std::move(read->settings);
    if (folder.empty()) folder = savepoint_folder(settings);
  }
  if (what == "list") return list(folder, arguments, console);
  if (what == "delete") return delete_some(folder, arguments, console);
  if (what == "inspect") return inspect(folder, arguments, console);
  if (what == "diff") return diff(folder, arguments, console);
  return restore_savepoint(settings, folder, arguments, console);
}

}  // namespace tocsin::app
