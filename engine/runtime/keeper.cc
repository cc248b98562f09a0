#include "engine/runtime/keeper.h"

#include <algorithm>

#include "engine/base/contract.h"

namespace tocsin {
namespace {

// Keys that a shard saves before it looks whether there is something to judge.
constexpr std::size_t kAtOnce = 256;

}  // namespace

struct Keeper::Part {
  enum class Stage : std::uint8_t { judging, saving, saved };
  std::atomic<Stage> stage{Stage::judging};
};

Keeper::Keeper(Engine& engine, CheckpointStore& store, std::vector<std::string> sources)
    : engine_(engine), store_(store), sources_(std::move(sources)) {
  for (std::size_t i = 0; i < engine.shards(); ++i) parts_.push_back(std::make_unique<Part>());
}

Keeper::~Keeper() = default;

Result<Keeper::Resumed> Keeper::restore(std::span<const std::size_t> cannot_go_back) {
  Resumed out;
  auto newest = store_.newest();
  if (!newest) return tl::unexpected(newest.error());
  if (*newest) {
    auto ledger = Ledger::read((*newest)->manifest);
    if (!ledger) return tl::unexpected(ledger.error());
    ledger_ = std::move(*ledger);
    newest_ = (*newest)->epoch;
    out.is_first = false;
    out.newest = newest_;
    out.sinks = ledger_.sinks;
    out.outboxes = std::move((*newest)->outboxes);
  }
  const RuleSet& rules = engine_.rules();
  const std::size_t known = ledger_.programs.size();
  numbers_ = ledger_.numbers_of(rules);
  names_ = std::make_unique<StateNames>(rules.schema, sources_, ledger_.layouts);
  ledger_.layouts = names_->layouts();

  if (!out.is_first) {
    std::vector<ProgramId> programs(ledger_.programs.size());  // by number; none: it has gone
    for (std::size_t i = 0; i < numbers_.size(); ++i) programs[numbers_[i]] = ProgramId(i);
    for (std::size_t i = 0; i < known; ++i)
      if (!programs[i].exists()) out.lost.push_back(ledger_.programs[i].name);
    StateReader reader({}, *names_);
    // Since when a program watches has to be known before its keys.
    for (const bool watching : {true, false}) {
      const auto loaded = store_.scan({}, {}, [&](std::string_view bytes, std::string_view value) -> Result<void> {
        const auto address = StateAddress::read(bytes);
        if (!address || address->program >= programs.size() || value.empty() ||
            value.front() != static_cast<char>(kStateVersion))
          return failure(Error::Code::malformed,
                         "the state holds an address or a value that this version does not know");
        const ProgramId id = programs[address->program];
        if (!id.exists() || (address->kind == StateKind::program) != watching) return {};
        reader.open(value.substr(1));
        if (engine_.load(id, *address, reader) && reader.ok() && reader.at_end()) return {};
        return failure(Error::Code::malformed, "the state of rule `" + rules.programs[id.index].name +
                                                   "` cannot be read: its bytes are none that this rule writes");
      });
      if (!loaded) return tl::unexpected(loaded.error());
    }
    engine_.resume(cut_of_today(cannot_go_back, out.from));
  }
  for (std::size_t i = 0; i < engine_.shards(); ++i) changes_.emplace_back(*names_);
  engine_.track(changes_, numbers_, !out.is_first);
  return out;
}

// The cut of the ledger, for the partitions that there are now.
Cut Keeper::cut_of_today(std::span<const std::size_t> cannot_go_back, std::vector<Progress>& from) const {
  Cut cut = ledger_.cut;
  for (Cut::Partition& partition : cut.partitions) partition.source = names_->source(partition.source.index);
  for (Cut::Begun& begun : cut.begun) begun.source = names_->source(begun.source.index);
  const std::vector<Cut::Partition> before = std::exchange(cut.partitions, {});
  const std::vector<SourceId> sources = engine_.sources_of_partitions();
  for (std::size_t i = 0; i < sources.size(); ++i) {
    const auto place = std::count(sources.begin(), sources.begin() + static_cast<std::ptrdiff_t>(i), sources[i]);
    auto known = before.begin();
    for (std::ptrdiff_t n = place; known != before.end(); ++known)
      if (known->source == sources[i] && n-- == 0) break;
    if (known == before.end()) {  // a new one
      cut.partitions.push_back({sources[i], PartitionClock({}), 0, 0, {}, {}});
      continue;
    }
    Cut::Partition& now = cut.partitions.emplace_back(*known);
    if (std::ranges::find(cannot_go_back, i) != cannot_go_back.end()) {
      now.resume_offset = now.next_offset;
      now.late.clear();
    }
    from.push_back({static_cast<std::uint32_t>(i), now.resume_offset, now.bookmark});
  }
  return cut;
}

Epoch Keeper::add_output(std::string_view text) {
  const std::scoped_lock lock(mutex_);
  outbox_.append(text);
  return Epoch{newest_.number + (outputs_are_out_ ? 2 : 1)};
}

void Keeper::add_told(std::string_view text) {
  const std::scoped_lock lock(mutex_);
  told_.append(text);
}

void Keeper::begin(Duration now) {
  TOCSIN_ASSERT(!busy_);
  const std::unique_lock no_block_comes(cutting_);
  busy_ = true;
  {
    const std::scoped_lock lock(mutex_);
    told_before_cut_ = std::exchange(told_, {});
  }
  Cut cut = engine_.cut(now);
  for (Cut::Partition& partition : cut.partitions) partition.source.index = names_->number_of(partition.source);
  for (Cut::Begun& begun : cut.begun) begun.source.index = names_->number_of(begun.source);
  ledger_.cut = std::move(cut);
}

void Keeper::cut(std::size_t shard) { parts_[shard]->stage = Part::Stage::saving; }

void Keeper::outputs_are_out() {
  const std::scoped_lock lock(mutex_);
  finished_outbox_ = std::exchange(told_before_cut_, {});
  finished_outbox_ += std::exchange(outbox_, {});
  outputs_are_out_ = true;
}

bool Keeper::save(std::size_t shard) {
  Part& part = *parts_[shard];
  if (part.stage != Part::Stage::saving) return false;
  if (engine_.lane(shard).shard().save(kAtOnce) == 0) part.stage = Part::Stage::saved;
  return true;
}

bool Keeper::is_ready() const {
  return busy_ && std::ranges::all_of(parts_, [](const auto& part) { return part->stage == Part::Stage::saved; });
}

std::vector<Progress> Keeper::positions() const {
  std::vector<Progress> out;
  for (const Cut::Partition& partition : ledger_.cut.partitions)
    out.push_back({static_cast<std::uint32_t>(out.size()), partition.resume_offset, partition.bookmark});
  return out;
}

// A sink that the configuration has no more keeps its place, for the day when it comes back. The store hears of it when
// the ledger that knows of it is durable: before that it might merge an epoch, and forget its outbox, of which a sink
// that begins again would know nothing.
void Keeper::delivered(Epoch epoch, std::span<const SinkDelivery> sinks) {
  delivered_ = epoch;
  for (const SinkDelivery& sink : sinks) {
    const auto known = std::ranges::find(ledger_.sinks, sink.sink, &SinkDelivery::sink);
    if (known != ledger_.sinks.end())
      *known = sink;
    else
      ledger_.sinks.push_back(sink);
  }
}

Result<Keeper::Stored> Keeper::store() {
  Stored out;
  {
    const std::scoped_lock lock(mutex_);
    TOCSIN_ASSERT(outputs_are_out_);
    out.outbox = finished_outbox_;
  }
  std::vector<std::span<const StateChange>> runs;
  for (Changes& changes : changes_) out.changes += runs.emplace_back(changes.sorted()).size();
  const std::string manifest = ledger_.bytes();
  EpochUnit unit;
  unit.epoch = out.epoch = Epoch{newest_.number + 1};
  unit.changes = runs;
  unit.manifest = manifest;
  unit.outbox = out.outbox;
  const auto stored = store_.store(unit);
  if (!stored) return tl::unexpected(stored.error());
  store_.delivered(delivered_);
  out.bytes = *stored;
  for (Changes& changes : changes_) changes.clear();
  for (const auto& part : parts_) part->stage = Part::Stage::judging;
  {
    const std::scoped_lock lock(mutex_);
    newest_ = unit.epoch;
    finished_outbox_.clear();
    outputs_are_out_ = false;
  }
  busy_ = false;
  return out;
}

std::size_t Keeper::outbox_bytes() const {
  const std::scoped_lock lock(mutex_);
  return outbox_.size() + told_.size();
}

}  // namespace tocsin
