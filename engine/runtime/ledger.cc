#include "engine/runtime/ledger.h"

#include <algorithm>
#include <tuple>

#include "engine/event/state_bytes.h"
#include "engine/runtime/kept_shape.h"

namespace tocsin {
namespace {

constexpr std::uint8_t kVersion = 5, kWithoutReaches = 4, kWithoutTimeless = 3, kWithoutIndex = 2;

template <class Archive>
void source_parts(Archive& a, SourceId& source) {  // in a ledger a number as any other
  a(source.index);
}

template <class Archive>
void ledger_parts(Archive& a, Ledger& ledger, std::uint8_t version) {
  a(ledger.programs, ledger.layouts.types, ledger.layouts.sources);
  Cut& cut = ledger.cut;
  a(cut.number, cut.frontier.events_before, cut.frontier.timers_before);
  const std::size_t partitions = a.count(cut.partitions.size());
  if constexpr (Archive::kReads) cut.partitions.assign(partitions, {{}, PartitionClock({}), 0, 0, {}, {}, {}, 0});
  for (Cut::Partition& partition : cut.partitions) {
    source_parts(a, partition.source);
    a(partition.clock, partition.next_offset, partition.resume_offset, partition.late, partition.bookmark,
      partition.memory);
    if (version <= kWithoutTimeless) partition.timeless_offset = partition.resume_offset;
  }
  const std::size_t begun = a.count(cut.begun.size());
  if constexpr (Archive::kReads) cut.begun.resize(begun);
  for (Cut::Begun& source : cut.begun) {
    source_parts(a, source.source);
    a(source.from);
  }
  const std::size_t sinks = a.count(ledger.sinks.size());
  if constexpr (Archive::kReads) ledger.sinks.resize(sinks);
  for (SinkDelivery& sink : ledger.sinks) a(sink.sink, sink.delivery.epoch.number, sink.delivery.bookmark);
  if (version == kWithoutIndex) return;
  for (Ledger::Known& program : ledger.programs) a(program.due);
  if (version == kWithoutTimeless) return;
  for (Cut::Partition& partition : cut.partitions) a(partition.timeless_offset);
  if (version == kWithoutReaches) return;
  for (Ledger::Known& program : ledger.programs) a(program.reach);
}

// A ledger names everything itself.
const StateNames& no_names() {
  static const StateNames kNone(Schema{}, {});
  return kNone;
}

}  // namespace

std::vector<std::uint32_t> Ledger::numbers_of(const RuleSet& rules) {
  const std::vector<std::uint64_t> shapes = kept_shapes(rules);
  std::vector<std::uint32_t> out;
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    const auto& [name, was] = std::tie(rules.programs[i].name, rules.programs[i].was);
    const auto known = [&](const std::string& called) {
      return std::ranges::find_if(programs, [&](const Known& k) { return k.name == called && k.shape == shapes[i]; });
    };
    auto at = known(name);
    // Renamed: the number goes over, once and for all.
    if (!was.empty() && std::ranges::find(programs, name, &Known::name) == programs.end())
      if (at = known(was); at != programs.end()) at->name = name;
    if (at == programs.end()) at = programs.insert(at, {name, shapes[i], 0, {}});
    out.push_back(static_cast<std::uint32_t>(at - programs.begin()));
  }
  return out;
}

std::string Ledger::bytes() const {
  std::string out(1, static_cast<char>(kVersion));
  StateWriter writer(out, no_names());
  ledger_parts(writer, const_cast<Ledger&>(*this), kVersion);  // a writer changes nothing
  return out;
}

Result<Ledger> Ledger::read(std::string_view bytes) {
  const std::uint8_t version = bytes.empty() ? 0 : static_cast<std::uint8_t>(bytes.front());
  if (version < kWithoutIndex || version > kVersion)
    return failure(Error::Code::malformed,
                   "the state was written by another version of tocsin, which this one does not know");
  Ledger out;
  StateReader reader(bytes.substr(1), no_names());
  ledger_parts(reader, out, version);
  if (!reader.ok() || !reader.at_end())
    return failure(Error::Code::malformed, "what the newest epoch says of its positions cannot be read");
  return out;
}

}  // namespace tocsin
