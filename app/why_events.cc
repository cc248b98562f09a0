#include "app/why_events.h"

#include <fmt/format.h>

#include <algorithm>
#include <istream>
#include <iterator>
#include <map>
#include <set>
#include <tuple>

#include "engine/event/write.h"

namespace tocsin::app {
namespace {

// ----- what a rule reads of an event --------------------------------------------------------------------------------

// The slots that an expression reads of the event in hand; what it does for each item of a list is part of it.
void add_slots(const RuleSet& rules, ExprId id, std::set<std::uint32_t>& slots) {
  if (!id.exists()) return;
  const Expr& expr = rules.code.exprs[id.index];
  for (std::uint32_t i = expr.begin; i < expr.end; ++i) {
    const ExprInst& instruction = rules.code.instructions[i];
    if (instruction.op == ExprOp::field) slots.insert(instruction.a);
    if (instruction.op == ExprOp::some) add_slots(rules, ExprId{instruction.a}, slots);
  }
}

// The slots of a type that the program judges, takes as its key, counts or captures.
std::set<std::uint32_t> slots_read(const RuleSet& rules, const Program& program, EventTypeId type) {
  std::set<std::uint32_t> slots;
  for (const Input& input : program.inputs) {
    if (input.type != type) continue;
    for (const Role& role : input.roles)
      for (const ExprId key : role.key) add_slots(rules, key, slots);
  }
  for (const Stream& stream : program.streams) {
    for (const Alternative& alternative : stream.alternatives) {
      if (alternative.type != type) continue;
      add_slots(rules, alternative.filter, slots);
      add_slots(rules, alternative.relation, slots);
      for (const ExprId value : alternative.values) add_slots(rules, value, slots);
    }
  }
  for (const Pattern& pattern : program.patterns) {
    for (const Step& step : pattern.steps) {
      if (!step.stream.exists()) continue;
      const std::vector<Alternative>& alternatives = program.streams[step.stream.index].alternatives;
      for (const std::vector<ExprId>& capture : step.captures)
        for (std::size_t i = 0; i < std::min(capture.size(), alternatives.size()); ++i)
          if (alternatives[i].type == type) add_slots(rules, capture[i], slots);
    }
  }
  return slots;
}

std::vector<std::pair<std::string, std::string>> values_read(const RuleSet& rules, const Program& program,
                                                             const Event& event) {
  std::vector<std::pair<std::string, std::string>> values;
  const EventType& type = rules.schema[event.type];
  for (const std::uint32_t slot : slots_read(rules, program, event.type)) {
    const Value value = event.field(SlotId(slot));
    if (value.is_missing()) continue;
    std::string text;
    append_json(text, value);
    values.emplace_back(type.fields[slot].name(), std::move(text));
  }
  return values;
}

using Place = std::pair<std::uint32_t, std::uint64_t>;  // partition, offset: there is one source
Place place_of(const Position& position) { return {position.partition, position.offset}; }

}  // namespace

WhyEvents::WhyEvents(const CompiledSet& set, const Arguments& arguments, Console& console)
    : set_(set), arguments_(arguments), console_(console), paths_(arguments.all("--input")) {
  if (reads_standard_input(paths_)) kept_.assign(std::istreambuf_iterator<char>(console.in), {});
}

Result<HistoryResult> WhyEvents::run(const dsl::Compiled& rules, const EndOfInput& end,
                                     const std::function<void(const Alert&)>& on_alert) {
  Result<CodecConfig> codec = codec_of(arguments_, set_.compiled.rules->schema);
  if (!codec) return tl::unexpected(codec.error());
  History history;
  history.rules = rules.rules;
  history.reference = set_.reference;
  history.codec = std::move(*codec);
  history.source = name_of_inputs(arguments_);
  history.end = end;
  HistoryOutputs outputs;
  outputs.alert = [&](const Alert& alert, const DocumentNames&) { on_alert(alert); };
  const Result<std::unique_ptr<InputSource>> source = open();
  if (!source) return tl::unexpected(source.error());
  outputs.reached = [&source](std::uint32_t partition, Time at) { (*source)->reached(partition, at); };
  return run_history(history, **source, outputs);
}

std::string WhyEvents::id_of(const Position& p) const {
  return fmt::format("{}/{}/{}", name_of_inputs(arguments_), p.partition, p.offset);
}

Result<std::vector<Line>> WhyEvents::evidence_of(const Alert& alert, const Program& program) {
  std::vector<Line> lines;
  for (const EvidenceOf& of : alert.evidence)
    for (const Position& p : of.events) lines.push_back({of.label, id_of(p), p, {}, {}, {}});
  if (auto done = read(lines, program); !done) return tl::unexpected(done.error());
  std::ranges::stable_sort(lines, {}, [](const Line& line) { return std::pair(line.time, line.position); });
  return lines;
}

Result<std::unique_ptr<InputSource>> WhyEvents::open() {
  again_ = std::istringstream(kept_);
  return open_inputs(paths_, console_, &again_);
}

// What the lines say, when it happened, and what the rule sees of it.
Result<void> WhyEvents::read(std::vector<Line>& lines, const Program& program) {
  std::multimap<Place, Line*> wanted;
  for (Line& line : lines) wanted.emplace(place_of(line.position), &line);
  const RuleSet& rules = *set_.compiled.rules;
  const Result<CodecConfig> codec = codec_of(arguments_, rules.schema);
  if (!codec) return tl::unexpected(codec.error());
  const Result<std::unique_ptr<InputSource>> source = open();
  if (!source) return tl::unexpected(source.error());
  std::vector<std::unique_ptr<Decoder>> decoders;  // by partition: each remembers what came before
  for (std::uint32_t i = 0; i < (*source)->partitions(); ++i) {
    Result<std::unique_ptr<Decoder>> decoder = make_decoder(*codec, rules.schema);
    if (!decoder) return tl::unexpected(decoder.error());
    decoders.push_back(std::move(*decoder));
  }
  if (auto started = (*source)->start({}); !started) return started;
  const auto each_at = [&wanted](const Place& place, auto&& change) {
    for (auto [at, end] = wanted.equal_range(place); at != end; ++at) change(*at->second);
  };
  Block block;
  for (;;) {
    block.clear();
    const Result<Polled> polled = (*source)->poll(block, seconds(1));
    if (!polled) return tl::unexpected(polled.error());
    if (*polled == Polled::finished) return {};
    std::string_view text = block.bytes.view();
    for (std::uint64_t number = block.first_offset; !text.empty(); ++number) {
      const std::size_t end = std::min(text.find('\n'), text.size());
      each_at({block.partition, number}, [&](Line& line) { line.text = text.substr(0, end); });
      text.remove_prefix(std::min(end + 1, text.size()));
    }
    EventBatch batch;
    DeadLetters dead;
    decoders[block.partition]->decode(block, batch, dead);
    for (const Event& event : batch.events())
      each_at(place_of(event.position), [&](Line& line) {
        line.time = event.time;
        line.values = values_read(rules, program, event);
      });
  }
}

}  // namespace tocsin::app
