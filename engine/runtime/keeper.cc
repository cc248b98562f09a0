#include "engine/runtime/keeper.h"

#include <algorithm>
#include <utility>

#include <fmt/format.h>

#include "engine/base/contract.h"
#include "engine/program/dump.h"
#include "engine/program/hash.h"
#include "engine/runtime/kept_shape.h"
#include "engine/runtime/placement.h"
#include "engine/state/key_group.h"

namespace tocsin {
namespace {

// Keys that a shard saves before it looks whether there is something to judge.
constexpr std::size_t kAtOnce = 256;
// Keys of a run that nobody wants are read so far before the rest is stepped over.
constexpr std::size_t kStepsOver = 64;
// Addresses that one epoch looks at for what rules that have gone have left, and removes at most.
constexpr std::size_t kLooksMost = 16'384, kSweptMost = 4'096;
// Of the memory that a shard may take a part is left free after each epoch, for what changes until the next one; and so
// much at least, or it would be an epoch for each key.
constexpr std::size_t kLeftFree = 4, kLeastFree = std::size_t{64} << 10;
// A shard looks at so many programs for each piece of its work to find out how much it holds.
constexpr std::size_t kWeighed = 64;
constexpr std::string_view kBehindNotes = "\xFF\xFF\xFF\xFF\xFF\xFF\xFF";

}  // namespace

struct Keeper::Part {
  enum class Stage : std::uint8_t { judging, saving, saved };
  std::atomic<Stage> stage{Stage::judging};
  // An epoch has become durable since the lane looked last whether its shard holds too much; and how many keys it may
  // look at for it.
  std::atomic<bool> may_evict{false};
  std::size_t looks = 0;
};

struct Keeper::Room {
  // Nothing is read while the shard holds more than `mark`. What it cannot do without may be more than it may have:
  // then it gets as much again as is left free else, so that there is always something that can be read.
  std::size_t mark = 0;
  std::atomic<bool> is_full{false}, wants_epoch{false};
  bool was_full_at_cut = false;
  std::size_t unweighed = 0;  // pieces of work since it was weighed
  std::size_t saved = 0;      // bytes of the epoch in hand
};

// Addresses that are others today: which programs are kept together depends on all rules (placement.h).
struct Keeper::Moves {
  struct Move {
    std::string from, to, value;  // no `to`: it is older than what stands there, or nobody's
  };
  std::vector<Move> all;
};

Keeper::Keeper(Engine& engine, CheckpointStore& store, std::vector<std::string> sources, const KeeperLimits& limits)
    : engine_(engine), store_(store), sources_(std::move(sources)), limits_(limits) {
  for (std::size_t i = 0; i < engine.lanes(); ++i) parts_.push_back(std::make_unique<Part>());
  for (std::size_t i = 0; i < engine.shards(); ++i)
    rooms_.emplace_back(std::make_unique<Room>())->mark = std::max(kLeastFree, limits_.memory / engine.shards());
}

Keeper::~Keeper() = default;

Result<Keeper::Resumed> Keeper::restore(const ComesAgain& comes_again, const Rebuilt& rebuilt) {
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
  notes_.resize(engine_.sources_of_partitions().size());
  forget(rebuilt.programs);
  const std::size_t known = ledger_.programs.size();
  numbers_ = ledger_.numbers_of(rules);
  run_out_.assign(ledger_.programs.size(), ProgramId());
  for (std::size_t i = 0; i < numbers_.size(); ++i)
    if (engine_.lane(0).shard().runner(ProgramId(i)).keys_run_out()) run_out_[numbers_[i]] = ProgramId(i);
  names_ = std::make_unique<StateNames>(rules.schema, sources_, ledger_.layouts);
  ledger_.layouts = names_->layouts();
  std::vector<bool> cold(rules.programs.size(), false);
  std::vector<ProgramId> unknown = indexed_anew(known);
  unknown.insert(unknown.end(), rebuilt.programs.begin(), rebuilt.programs.end());
  const std::vector<std::pair<ProgramId, Lost>> longer = longer_now(known);

  Moves moves;
  if (!out.is_first) {
    std::vector<ProgramId> programs(ledger_.programs.size());  // by number; none: it has gone
    for (std::size_t i = 0; i < numbers_.size(); ++i) programs[numbers_[i]] = ProgramId(i);
    for (std::size_t i = 0; i < known; ++i) {
      Ledger::Known& program = ledger_.programs[i];
      if (programs[i].exists() || program.name.empty()) continue;
      out.lost.push_back(std::move(program.name));
      program = {};
    }
    const Cut cut = cut_of_today(comes_again, out);
    if (const auto loaded = load_notes(out); !loaded) return tl::unexpected(loaded.error());
    const StateNames own(rules.schema, sources_);
    std::vector<Changes> elsewhere;
    if (!rebuilt.programs.empty()) {
      const auto engine = rebuilt.at(cut);
      if (!engine) return tl::unexpected(engine.error());
      std::vector<Shard*> shards;
      for (std::size_t i = 0; i < (*engine)->lanes(); ++i) shards.push_back(&(*engine)->lane(i).shard());
      elsewhere = bytes_of(shards, own);
    }
    // Since when a program watches has to be known before its keys.
    for (const bool watching : {true, false}) {
      if (const auto loaded = load(programs, watching, cold, moves); !loaded) return tl::unexpected(loaded.error());
      if (const auto taken = take(elsewhere, rebuilt.programs, own, watching); !taken)
        return tl::unexpected(taken.error());
      if (!watching) break;
      for (const auto& [id, lost] : longer) engine_.lost(id, lost);
    }
    engine_.resume(cut);
  }
  for (std::size_t i = 0; i < engine_.shards(); ++i) {
    changes_.emplace_back(*names_);
    cold_.emplace_back(store_, *names_);
  }
  for (const auto& [from, to, value] : moves.all) {
    changes_at(*StateAddress::read(from)).gone(*StateAddress::read(from));
    if (const auto address = StateAddress::read(to)) changes_at(*address).put_again(*address, value);
  }
  engine_.track(changes_, cold_, numbers_, !out.is_first, unknown);
  for (std::size_t lane = 0; lane < engine_.lanes(); ++lane)
    for (std::size_t i = 0; i < cold.size(); ++i)
      if (cold[i]) engine_.lane(lane).shard().begin_cold(ProgramId(i));
  return out;
}

// Those whose index was made when other things decided what is due, or never: all their keys are read, and written with
// the next epoch as if they had changed. Where all that decides it is the same, the index is what it would be if it
// were made now.
std::vector<ProgramId> Keeper::indexed_anew(std::size_t known) {
  const RuleSet& rules = engine_.rules();
  std::vector<ProgramId> out;
  has_index_.assign(rules.programs.size(), false);
  for (std::size_t i = 0; i < numbers_.size(); ++i) {
    const Duration step = engine_.lane(0).shard().index_step(ProgramId(i));
    const std::uint64_t today =
        step.us == 0 ? 0 : hash_of(fmt::format("1 {} {}", step.us, dump(rules, rules.programs[i]))) | 1;
    const std::uint64_t before = std::exchange(ledger_.programs[numbers_[i]].due, today);
    has_index_[i] = today != 0 && (before == today || numbers_[i] >= known);
    if (today != 0 && !has_index_[i]) out.emplace_back(i);
  }
  return out;
}

// Programs whose windows are longer than they were.
std::vector<std::pair<ProgramId, Lost>> Keeper::longer_now(std::size_t known) {
  const std::vector<Duration> lasts = reaches(engine_.rules());
  std::vector<std::pair<ProgramId, Lost>> out;
  for (std::size_t i = 0; i < numbers_.size(); ++i) {
    const Duration before = std::exchange(ledger_.programs[numbers_[i]].reach, lasts[i]);
    const auto lost = lost_by(before, lasts[i], passed_at(ledger_.cut.frontier));
    if (lost && numbers_[i] < known) out.emplace_back(i, *lost);
  }
  return out;
}

// Their numbers are nobody's any more, so that what the store has by them is that of rules that have gone.
void Keeper::forget(const std::vector<ProgramId>& programs) {
  for (const ProgramId id : programs)
    for (Ledger::Known& known : ledger_.programs)
      if (known.name == engine_.rules().programs[id.index].name) known = {};
}

// What another engine with the same rules remembers of these.
Result<void> Keeper::take(std::span<Changes> from, const std::vector<ProgramId>& programs, const StateNames& names,
                          bool watching) {
  StateReader reader({}, names);
  for (Changes& changes : from)
    for (const StateChange& change : changes.sorted()) {
      const auto address = StateAddress::read(change.address);
      TOCSIN_ASSERT(address.has_value());
      const ProgramId id(address->program);
      if (change.gone || (address->kind == StateKind::program) != watching ||
          std::ranges::find(programs, id) == programs.end())
        continue;
      if (!read_whole(reader, change.value, [&](StateReader& in) { return engine_.load(id, *address, in); }))
        return tl::unexpected(unreadable_state(engine_.rules().programs[id.index].name));
    }
  return {};
}

// Since when programs watch, or all else. Of keys that need not be in memory only so many are loaded; the rest is
// stepped over, which costs as much as reading a few of them: so a few are read first. `cold`: by program, some of its
// keys were left out. One that stands where nobody would look for it today is loaded anyway, and moved.
Result<void> Keeper::load(const std::vector<ProgramId>& programs, bool watching, std::vector<bool>& cold,
                          Moves& moves) {
  const RuleSet& rules = engine_.rules();
  const Placement& placement = engine_.lane(0).shard().placement();
  StateReader reader({}, *names_);
  std::size_t room = watching ? 0 : limits_.load_at_once, unwanted = 0;
  using Next = Result<std::optional<std::string>>;
  const Next kNext = std::optional<std::string>();
  const auto take = [&](std::string_view bytes, std::string_view value) -> Next {
    if (NoteAddress::read(bytes)) return std::optional(std::string(kBehindNotes));
    const auto address = StateAddress::read(bytes);
    if (!address || address->program >= programs.size() || value.empty() ||
        value.front() != static_cast<char>(kStateVersion))
      return failure(Error::Code::malformed, "the state holds an address or a value that this version does not know");
    const ProgramId id = programs[address->program];
    const bool is_key = address->kind == StateKind::key, is_due = address->kind == StateKind::due;
    const auto timed = is_due ? TimedKey::read(address->key) : std::nullopt;
    if (is_due && !timed) return failure(Error::Code::malformed, "the state holds a time that cannot be read");
    if (!id.exists()) sweeps_ = true;
    if (id.exists() && (is_due ? !has_index_[id.index] : !engine_.lane(0).shard().keeps(id, *address))) {
      if (!watching) moves.all.push_back({std::string(bytes), {}, {}});
      return kNext;
    }
    std::string to;
    if (id.exists() && !watching && address->kind != StateKind::program) {
      StateAddress today = *address;
      today.group = placement.group_of(id, address->kind, address->key);
      if (today.group != address->group) today.append(to);
    }
    const bool may_stay = is_key && id.exists() && to.empty() && may_stay_cold(id);
    const bool is_left_out = (may_stay && room == 0) || (is_due && to.empty());
    if (!id.exists() || (address->kind == StateKind::program) != watching || is_left_out) {
      if (may_stay && !watching) cold[id.index] = true;
      if (is_due && id.exists() && !watching && cold[id.index]) engine_.load(id, *address, reader);
      if ((!is_key && !is_due) || ++unwanted < kStepsOver) return kNext;
      unwanted = 0;
      StateAddress next = *address;  // behind all of the kind that the program has in this group
      next.kind = StateKind{static_cast<std::uint8_t>(static_cast<std::uint8_t>(address->kind) + 1)};
      next.key = {};
      std::string behind;
      next.append(behind);
      return std::optional(std::move(behind));
    }
    unwanted = 0;
    room -= may_stay;
    if (!to.empty()) {
      // What stands there already is newer: from there on it was written there.
      std::string key = to;
      if (is_due) {  // it goes where its key goes
        key.clear();
        StateAddress{StateAddress::read(to)->group, address->program, StateKind::key, timed->key}.append(key);
      }
      const auto is_there = store_.find(key);
      if (!is_there) return tl::unexpected(is_there.error());
      moves.all.push_back({std::string(bytes), *is_there ? std::string() : std::move(to), std::string(value)});
      if (*is_there || is_due) return kNext;
    }
    if (read_whole(reader, value, [&](StateReader& in) { return engine_.load(id, *address, in); })) return kNext;
    return tl::unexpected(unreadable_state(rules.programs[id.index].name));
  };
  return store_.leap({}, take);
}

bool Keeper::may_stay_cold(ProgramId id) const {
  const Shard& shard = engine_.lane(0).shard();
  return shard.may_be_cold(id) && (shard.index_step(id).us == 0 || has_index_[id.index]);
}

Changes& Keeper::changes_at(const StateAddress& address) {
  return changes_[shard_of(address.group, static_cast<std::uint32_t>(engine_.shards()))];
}

// Keys of rules that only count are given up in memory when there is need of room there (counter_runner.cc); those that
// durable state alone has nobody would ever ask for again.
bool Keeper::wants_sweep() {
  if (std::ranges::none_of(run_out_, &ProgramId::exists)) return false;
  const std::uint64_t addresses = store_.figures().base_addresses;
  if (!swept_) {
    swept_ = begun_;
    swept_addresses_ = addresses;
  }
  return addresses > swept_addresses_ + swept_addresses_ / 4 + limits_.sweep_growth ||
         begun_ >= *swept_ + limits_.sweep_every;
}

bool Keeper::has_run_out(const StateAddress& address, StateReader& reader, std::string_view value) const {
  if (address.kind != StateKind::key || address.program >= run_out_.size() || !run_out_[address.program].exists() ||
      ledger_.cut.frontier.events_before == Frontier::kNothing || value.empty())
    return false;
  const Runner& runner = engine_.lane(0).shard().runner(run_out_[address.program]);
  return read_whole(reader, value,
                    [&](StateReader& in) { return runner.has_run_out(in, ledger_.cut.frontier.events_before); });
}

// In the order of addresses, until all have been looked at. What is found goes with the epoch that is being stored.
void Keeper::sweep() {
  if (has_swept_ || (!sweeps_ && !wants_sweep())) return;
  has_swept_ = sweeps_ = true;
  std::size_t looks = 0, found = 0;
  bool is_enough = false;
  StateReader reader({}, *names_);
  const auto scanned =
      store_.scan(sweep_from_, {}, [&](std::string_view bytes, std::string_view value) -> Result<void> {
        is_enough = looks == kLooksMost || found == kSweptMost;
        if (is_enough) {
          sweep_from_ = bytes;
          return failure(Error::Code::refused, "that is enough for one epoch");
        }
        ++looks;
        const auto address = StateAddress::read(bytes);
        if (!address) return {};
        const bool has_gone = ledger_.programs[address->program].name.empty();
        if (!has_gone && !has_run_out(*address, reader, value)) return {};
        if (has_gone)
          changes_at(*address).gone(*address);
        else
          changes_at(*address).gone_unless_put(*address);
        ++found;
        return {};
      });
  // What cannot be read now may be readable with the next epoch.
  if (!scanned) return;
  sweeps_ = false;
  sweep_from_.clear();
  swept_ = begun_;
  swept_addresses_ = store_.figures().base_addresses;
}

// The cut of the ledger, for the partitions that there are now.
Cut Keeper::cut_of_today(const ComesAgain& comes_again, Resumed& out) const {
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
      cut.partitions.push_back({sources[i], PartitionClock({}), 0, 0, {}, {}, {}});
      continue;
    }
    Cut::Partition& now = cut.partitions.emplace_back(*known);
    if (comes_again && !comes_again(i, now.resume_offset)) {
      now.resume_offset = now.next_offset;
      now.late.clear();
    }
    out.from.push_back({static_cast<std::uint32_t>(i), now.resume_offset, now.bookmark});
    out.readings.push_back({now.next_offset, now.memory});
  }
  return cut;
}

// By which partitions stand in addresses: the number of the source, and the place among its partitions.
std::vector<std::pair<std::uint32_t, std::uint32_t>> Keeper::numbers_of_partitions() const {
  std::vector<std::pair<std::uint32_t, std::uint32_t>> out;
  const std::vector<SourceId> sources = engine_.sources_of_partitions();
  for (auto own = sources.begin(); own != sources.end(); ++own)
    out.emplace_back(names_->number_of(*own), static_cast<std::uint32_t>(std::count(sources.begin(), own, *own)));
  return out;
}

Result<void> Keeper::load_notes(Resumed& out) {
  const auto numbers = numbers_of_partitions();
  return store_.scan(NoteAddress::kFirst, {}, [&](std::string_view bytes, std::string_view value) -> Result<void> {
    const auto address = NoteAddress::read(bytes);
    if (!address) return failure(Error::Code::malformed, "the state holds an address that this version does not know");
    const auto partition = static_cast<std::size_t>(
        std::ranges::find(numbers, std::pair(address->source, address->partition)) - numbers.begin());
    const auto from = std::ranges::find(out.from, partition, &Progress::partition);
    if (from != out.from.end())
      from->notes.push_back({std::string(address->key), std::string(value), false});
    else
      notes_of_nobody_.emplace_back(bytes);
    return {};
  });
}

void Keeper::collect_notes() {
  note_changes_.clear();
  for (const std::string& address : notes_of_nobody_) note_changes_.emplace_back(address, SourceNote{{}, {}, true});
  const auto numbers = numbers_of_partitions();
  for (std::size_t i = 0; i < notes_.size(); ++i)
    for (const SourceNote& note : notes_[i])
      NoteAddress{numbers[i].first, numbers[i].second, note.key}.append(note_changes_.emplace_back("", note).first);
  // A source that begins anew may have notes by the keys of those that are nobody's any more: the last one counts.
  std::ranges::stable_sort(note_changes_, {}, [](const auto& change) { return change.first; });
  const auto behind = std::ranges::unique(note_changes_.rbegin(), note_changes_.rend(), {},
                                          [](const auto& change) { return change.first; });
  note_changes_.erase(note_changes_.begin(), behind.begin().base());
}

Result<void> Keeper::sound() const {
  {
    const std::scoped_lock lock(mutex_);
    if (damage_) return tl::unexpected(*damage_);
  }
  for (const Cold& cold : cold_)
    if (cold.error()) return tl::unexpected(*cold.error());
  return {};
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

std::string Keeper::take_told() {
  const std::scoped_lock lock(mutex_);
  return std::exchange(told_, {});
}

void Keeper::begin(Duration now) {
  TOCSIN_ASSERT(!busy_);
  begun_ = now;
  const std::unique_lock no_block_comes(cutting_);
  busy_ = true;
  blocks_at_cut_ = blocks_.load();
  {
    const std::scoped_lock lock(mutex_);
    told_before_cut_ = std::exchange(told_, {});
  }
  Cut cut = engine_.cut();
  for (Cut::Partition& partition : cut.partitions) partition.source.index = names_->number_of(partition.source);
  for (Cut::Begun& begun : cut.begun) begun.source.index = names_->number_of(begun.source);
  ledger_.cut = std::move(cut);
}

void Keeper::cut(std::size_t lane) {
  Room& room = *rooms_[lane % engine_.shards()];
  const bool is_first = lane < engine_.shards();
  room.was_full_at_cut = room.is_full && (is_first || room.was_full_at_cut);
  if (is_first) room.wants_epoch = false;
  parts_[lane]->stage = Part::Stage::saving;
}

void Keeper::outputs_are_out() {
  const std::scoped_lock lock(mutex_);
  finished_outbox_ = std::exchange(told_before_cut_, {});
  finished_outbox_ += std::exchange(outbox_, {});
  outputs_are_out_ = true;
}

bool Keeper::save(std::size_t shard) {
  for (std::size_t level = 0; level < engine_.levels(); ++level) {
    const std::size_t lane = engine_.lane_of(shard, level);
    Part& part = *parts_[lane];
    if (part.stage != Part::Stage::saving) continue;
    const std::size_t left = engine_.lane(lane).shard().save(kAtOnce);
    rooms_[shard]->saved = changes_[shard].bytes();  // once all lanes have saved all of it they are the store's
    if (left == 0) part.stage = Part::Stage::saved;
    return true;
  }
  return false;
}

// Between an epoch's becoming durable and the shard's next cut: then durable state has all that was not touched since.
bool Keeper::evict(std::size_t shard) {
  Room& room = *rooms_[shard];
  const std::size_t most = limits_.memory / rooms_.size(), left_free = std::max(kLeastFree, most / kLeftFree);
  bool has_looked = false, is_done = true;
  for (std::size_t level = 0; level < engine_.levels(); ++level) {
    const std::size_t number = engine_.lane_of(shard, level);
    Part& part = *parts_[number];
    if (part.stage == Part::Stage::judging && !has_looked) {
      Lane& lane = engine_.lane(number);
      if (part.may_evict.exchange(false)) {
        part.looks = 2 * lane.shard().keys() + 1;
        room.saved = 0;
      }
      if (part.looks > 0) {
        if (held(shard) <= most - std::min(most, left_free)) {
          part.looks = 0;
          room.mark = std::max(most, left_free);
          room.is_full = false;
          continue;
        }
        lane.shard().evict(kAtOnce, lane.passed());
        part.looks -= std::min(part.looks, kAtOnce);
        has_looked = true;
      }
    }
    is_done = is_done && part.looks == 0 && !part.may_evict;
  }
  if (!has_looked || !is_done || !room.is_full) return has_looked;
  if (room.was_full_at_cut) {  // nothing was read meanwhile: what is there now cannot leave
    room.mark = std::max(most, held(shard) + left_free);
    room.is_full = false;
  } else {
    room.wants_epoch = true;
  }
  return true;
}

std::size_t Keeper::held(std::size_t shard) const {
  std::size_t sum = 0;
  for (std::size_t level = 0; level < engine_.levels(); ++level)
    sum += engine_.lane(engine_.lane_of(shard, level)).shard().held();
  return sum;
}

void Keeper::weigh(std::size_t shard) {
  Room& room = *rooms_[shard];
  if (room.is_full) return;
  if (++room.unweighed * kWeighed < engine_.levels() * engine_.rules().programs.size()) return;
  room.unweighed = 0;
  if (held(shard) + room.saved <= room.mark) return;
  room.is_full = true;
  room.wants_epoch = true;
}

bool Keeper::is_full() const {
  return std::ranges::any_of(rooms_, [](const auto& room) { return room->is_full.load(); });
}

bool Keeper::wants_epoch() const {
  return std::ranges::any_of(rooms_, [](const auto& room) { return room->wants_epoch.load(); });
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
  sweep();
  std::vector<std::span<const StateChange>> runs;
  for (Changes& changes : changes_) out.changes += runs.emplace_back(changes.sorted()).size();
  collect_notes();
  std::vector<StateChange> notes;
  for (const auto& [address, note] : note_changes_) notes.push_back({address, note.value, note.gone});
  out.changes += runs.emplace_back(notes).size();
  const std::string manifest = ledger_.bytes();
  EpochUnit unit;
  unit.epoch = out.epoch = Epoch{newest_.number + 1};
  unit.changes = runs;
  unit.manifest = manifest;
  unit.outbox = out.outbox;
  const auto stored = store_.store(unit);
  if (!stored && stored.error().code == Error::Code::malformed) {
    const std::scoped_lock lock(mutex_);
    damage_ = stored.error();
  }
  if (!stored) return tl::unexpected(stored.error());
  store_.delivered(delivered_);
  out.bytes = *stored;
  for (Changes& changes : changes_) changes.clear();
  for (auto& of_partition : notes_) of_partition.clear();
  note_changes_.clear();
  notes_of_nobody_.clear();
  for (const auto& part : parts_) {
    part->may_evict = true;
    part->stage = Part::Stage::judging;
  }
  has_swept_ = false;
  {
    const std::scoped_lock lock(mutex_);
    newest_ = unit.epoch;
    stored_ = ledger_.cut;
    finished_outbox_.clear();
    outputs_are_out_ = false;
  }
  busy_ = false;
  return out;
}

std::optional<Cut> Keeper::stored() const {
  const std::scoped_lock lock(mutex_);
  return stored_;
}

std::uint64_t Keeper::brought() const {
  std::uint64_t sum = 0;
  for (const Cold& cold : cold_) sum += cold.read();
  return sum;
}

std::uint64_t Keeper::brought_for_time() const {
  std::uint64_t sum = 0;
  for (const Cold& cold : cold_) sum += cold.read_for_time();
  return sum;
}

std::size_t Keeper::outbox_bytes() const {
  const std::scoped_lock lock(mutex_);
  return outbox_.size() + told_.size();
}

}  // namespace tocsin
