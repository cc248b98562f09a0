#include "engine/runtime/shard.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <limits>
#include <numeric>
#include <utility>

#include "engine/base/contract.h"
#include "engine/base/hash.h"
#include "engine/runtime/changes.h"
#include "engine/runtime/cold.h"
#include "engine/runtime/kept_shape.h"
#include "engine/runtime/watermark.h"

namespace tocsin {

Shard::Shard(std::shared_ptr<const RuleSet> rules, std::shared_ptr<const ReferenceData> reference,
             std::shared_ptr<const Placement> placement, std::uint32_t number, const EngineOptions& options,
             std::uint32_t level)
    : rules_(std::move(rules)),
      reference_(std::move(reference)),
      placement_(std::move(placement)),
      number_(number),
      level_(level),
      outputs_at_once_(options.outputs_at_once),
      sources_(options.sources),
      given_up_(options.given_up),
      evaluator_(rules_->code) {
  RunContext context;
  context.fast = options.fast;
  context.window_events = options.window_events;
  context.sources = &sources_;
  context.rules = rules_.get();
  context.evaluator = &evaluator_;
  context.reference = &reference_;
  context.scratch = &scratch_;
  context.keys = &keys_;
  context.visits = &visits_;
  context.share = {placement_.get(), number, &is_own_event_};
  context.apart = options.apart;
  context.runners = &runners_;
  runners_ = make_runners(context);
  if (options.fast)
    index_.emplace(*rules_, [this](ProgramId id) { return is_here(id) && runners_[id.index]->is_asked(); });
  wanted_by_.resize(rules_->schema.types.size());
  for (std::size_t i = 0; i < rules_->programs.size(); ++i) {
    for (const Input& input : rules_->programs[i].inputs) {
      if (is_here(ProgramId(i))) wanted_by_[input.type.index].push_back(ProgramId{i});
      if (index_ && index_->answers(input.type, ProgramId{i})) runners_[i]->is_answered(input.type);
    }
    has_timers_.push_back(runners_[i]->has_timers());
    looks_ahead_.push_back(runners_[i]->looks_ahead());
    if (runners_.size() <= kFewPrograms) continue;
    std::vector<const void*> lines{runners_[i].get()};
    runners_[i]->add_memory(lines);
    lines.resize(kLines);  // null: no more
    memory_.insert(memory_.end(), lines.begin(), lines.end());
  }
  watching_.resize(runners_.size());
  lost_.resize(runners_.size());
  deadlines_ = Deadlines(runners_.size());
}

Shard::~Shard() = default;

void Shard::begin_watching(std::span<const EventTypeId> carried, Time from) {
  std::vector<bool> reads(runners_.size(), false);
  for (std::size_t i = 0; i < runners_.size(); ++i) {
    const Program& program = rules_->programs[i];
    reads[i] = std::any_of(program.inputs.begin(), program.inputs.end(), [&](const Input& input) {
      return std::find(carried.begin(), carried.end(), input.type) != carried.end();
    });
    for (const ProgramId used : program.after) reads[i] = reads[i] || reads[used.index];
    if (!reads[i] || watching_[i] || !is_here(ProgramId(i))) continue;
    watching_[i] = from;
    runners_[i]->watch(from);
    look_at_due(static_cast<std::uint32_t>(i));
  }
}

// ----- durable state --------------------------------------------------------------------------------------

void Shard::track(const Durable& durable) {
  durable_ = durable;
  has_saved_watching_.assign(runners_.size(), false);
  for (std::size_t i = 0; i < runners_.size(); ++i) {
    const ProgramId id(i);
    runners_[i]->track({.changes = durable.changes,
                        .is_known = durable.is_known && std::ranges::find(durable.unknown, id) == durable.unknown.end(),
                        .program = durable.numbers[i],
                        .placement = placement_.get(),
                        .id = id,
                        .name = rules_->programs[i].name,
                        .cold = durable.cold});
  }
}

std::size_t Shard::held() const {
  std::size_t sum = 0;
  for (const auto& runner : runners_) sum += runner->held();
  return sum;
}

std::size_t Shard::keys() const {
  std::size_t sum = 0;
  for (const auto& runner : runners_)
    if (runner->held() > 0) sum += runner->keys();
  return sum;
}

// Programs in turn.
std::size_t Shard::evict(std::size_t most, Time passed) {
  for (std::size_t tried = 0; tried < runners_.size(); ++tried) {
    const ProgramId id(evicting_);
    evicting_ = evicting_ + 1 == runners_.size() ? 0 : evicting_ + 1;
    if (!may_be_cold(id) || runners_[id.index]->held() == 0) continue;
    const std::size_t out = runners_[id.index]->evict(most, passed);
    if (out > 0) {
      runners_[id.index]->begin_cold();
      look_at_due(static_cast<std::uint32_t>(id.index));
    }
    return out;
  }
  return 0;
}

void Shard::cut() {
  TOCSIN_ASSERT(saving_ == 0 || saving_ == runners_.size());
  saving_ = 0;
  for (std::size_t i = 0; i < runners_.size(); ++i) {
    runners_[i]->cut();
    if (!watching_[i] || has_saved_watching_[i]) continue;
    has_saved_watching_[i] = true;
    if (placement_->shard_of(placement_->group_of(ProgramId(i))) != number_) continue;  // another one writes it
    durable_.changes->put({placement_->group_of(ProgramId(i)), durable_.numbers[i], StateKind::program, {}},
                          [&](StateWriter& w) { w(Watching{*watching_[i], lost_[i]}); });
  }
}

std::size_t Shard::save(std::size_t most) {
  for (; saving_ < runners_.size(); ++saving_)
    if (const std::size_t left = runners_[saving_]->save(most); left > 0) return left;
  return 0;
}

bool Shard::keeps(ProgramId id, const StateAddress& address) const { return runners_[id.index]->keeps(address); }

bool Shard::load(ProgramId id, const StateAddress& address, StateReader& in) {
  if (address.kind == StateKind::due) {  // of keys that are left out: of others it is known
    const auto timed = TimedKey::read(address.key);
    if (timed) runners_[id.index]->cold_from(address.group, timed->at);
    return timed.has_value();
  }
  if (address.kind != StateKind::program) return runners_[id.index]->load(address, in);
  Watching since;
  in(since);
  if (in.ok()) watched(id, since);
  return in.ok();
}

void Shard::watched_since(ProgramId id, Time from) {
  if (!is_here(id)) return;
  watching_[id.index] = from;
  runners_[id.index]->watched(from);
}

void Shard::watched(ProgramId id, const Watching& since) {
  watched_since(id, since.from);
  if (since.lost) lost(id, *since.lost);
}

void Shard::lost(ProgramId id, const Lost& lost) {
  if (!is_here(id)) return;
  std::optional<Lost>& known = lost_[id.index];
  known = known ? Lost{std::max(known->before, lost.before), std::max(known->at, lost.at)} : lost;
  runners_[id.index]->lost(*known);
}

std::vector<Changes> bytes_of(std::span<Shard* const> shards, const StateNames& names) {
  std::vector<std::uint32_t> numbers(shards.front()->rules().programs.size());
  std::iota(numbers.begin(), numbers.end(), 0u);
  std::vector<Changes> out;
  out.reserve(shards.size());
  for (Shard* shard : shards) {
    Changes& changes = out.emplace_back(names);
    shard->track({&changes, numbers});
    shard->cut();
    shard->save(std::numeric_limits<std::size_t>::max());
  }
  return out;
}

Result<void> hand_over(std::span<const std::unique_ptr<Shard>> from, std::span<const std::unique_ptr<Shard>> to,
                       std::span<const std::string> sources, Instant passed) {
  const RuleSet &before = from.front()->rules(), &after = to.front()->rules();
  std::vector<ProgramId> successors(before.programs.size());  // none: it is gone, or begins anew
  const std::vector<std::uint64_t> kept = kept_shapes(before), keeps = kept_shapes(after);
  const std::vector<Duration> lasted = reaches(before), lasts = reaches(after);
  for (std::size_t i = 0; i < after.programs.size(); ++i)
    if (const auto old = before_in(before, after.programs[i]); old && kept[old->index] == keeps[i])
      successors[old->index] = ProgramId(i);
  const StateNames names(before.schema, sources);
  const StateNames new_names(after.schema, sources, names.layouts());
  StateReader reader({}, new_names);
  std::vector<Shard*> shards;
  for (const auto& old : from) shards.push_back(old.get());
  std::vector<Changes> all = bytes_of(shards, names);
  // Since when a program watches has to be known before its keys.
  for (const bool programs : {true, false}) {
    for (Changes& changes : all)
      for (const StateChange& change : changes.sorted()) {
        const auto address = StateAddress::read(change.address);
        TOCSIN_ASSERT(address.has_value());
        const ProgramId id = successors[address->program];
        if (change.gone || !id.exists() || (address->kind == StateKind::program) != programs) continue;
        if (!to.front()->keeps(id, *address)) continue;
        for (std::uint32_t i = 0; i < to.size(); ++i) {
          if (!programs && !to[i]->has(id, address->kind, address->key)) continue;
          if (!read_whole(reader, change.value, [&](StateReader& in) { return to[i]->load(id, *address, in); }))
            return tl::unexpected(unreadable_state(after.programs[id.index].name));
        }
      }
    if (!programs) break;
    for (std::size_t i = 0; i < successors.size(); ++i)
      if (const ProgramId id = successors[i]; id.exists())
        if (const auto lost = lost_by(lasted[i], lasts[id.index], passed))
          for (const auto& shard : to) shard->lost(id, *lost);
  }
  for (const auto& shard : to) shard->restored(passed);
  return {};
}

void Shard::restored(Instant passed) {
  restored_at_ = passed.time;
  for (std::size_t i = 0; i < runners_.size(); ++i) {
    if (is_here(ProgramId(i)) && restored_at_ != Frontier::kNothing) runners_[i]->restored(passed);
    look_at_due(static_cast<std::uint32_t>(i));
  }
}

void Shard::swap(std::shared_ptr<const ReferenceData> reference, Time from) {
  reference_ = std::move(reference);
  for (std::size_t i = 0; i < runners_.size(); ++i) {
    if (!is_here(ProgramId(i))) continue;
    runners_[i]->on_swap(from);
    look_at_due(static_cast<std::uint32_t>(i));
  }
}

// Two walks over a hand of events: the first finds out what the events alone decide and fetches memory, so that cache
// misses of many overlap; the second is their turn, one after the other.
std::size_t Shard::on_events(std::span<const Event* const> events) {
  std::size_t seen = 0;
  for (;;) {
    while (seen_of_hand_ < hand_) {
      if (is_given_up()) {
        seen_of_hand_ = hand_ = 0;
        return events.size();
      }
      if (is_full()) return seen;
      std::size_t more = 1;
      if (is_alone_ && deadlines_.empty() && !has_arrived())
        more = on_ahead_alone();
      else if (!on_event_ahead(*events[seen]))
        return seen;
      seen_of_hand_ += more;
      seen += more;
    }
    const auto rest = events.subspan(seen);
    if (rest.empty()) return seen;
    hand_ = std::min(rest.size(), kAhead);
    seen_of_hand_ = 0;
    look_ahead(rest.first(hand_));
  }
}

void Shard::look_ahead(std::span<const Event* const> events) {
  keys_.begin();
  find_wanted(events);
  if (!memory_.empty()) bring_programs();
  by_program([](Runner& runner, std::span<Ahead> ahead) { runner.look_ahead(ahead); });
  std::erase_if(ahead_, [](const Ahead& ahead) { return !ahead.is_wanted; });
  by_program([](Runner& runner, std::span<Ahead> ahead) { runner.fetch(ahead); });
  seen_ahead_ = 0;
  is_alone_ =
      ahead_.empty() || (!has_timers_[ahead_.front().program] && std::ranges::all_of(ahead_, [&](const Ahead& ahead) {
        return ahead.program == ahead_.front().program;
      }));
  scratch_.reset();
}

// What is in hand, in runs of one program that looks ahead.
template <class See>
void Shard::by_program(const See& see) {
  for (std::size_t begin = 0, end = 0; begin < ahead_.size(); begin = end) {
    const std::uint32_t program = ahead_[begin].program;
    for (end = begin + 1; end < ahead_.size() && ahead_[end].program == program;) ++end;
    if (looks_ahead_[program]) see(turn_of(program), std::span(ahead_).subspan(begin, end - begin));
  }
}

void Shard::find_wanted(std::span<const Event* const> events) {
  const bool fetches = index_ && index_->fetches();
  hashes_.clear();
  ahead_.clear();
  if (fetches)
    for (const Event* event : events) index_->fetch(*event, hashes_);
  auto hash = hashes_.cbegin();
  for (std::size_t i = 0; i < events.size(); ++i) {
    std::optional<std::span<const ProgramId>> wanted;
    if (index_ && !fetches) wanted = index_->all_of(*events[i]);
    if (!wanted) {
      asked_.clear();
      if (fetches)
        index_->candidates(*events[i], hash, asked_);
      else
        find_wanted(*events[i], asked_);
      wanted = asked_;
    }
    for (const ProgramId program : *wanted)
      ahead_.push_back({.event = events[i], .program = program.index, .at = static_cast<std::uint16_t>(i)});
  }
}

// Of ten thousand programs an event meets a few, and none of them is in the cache: the misses of a hand of events
// overlap.
void Shard::bring_programs() const {
  const auto lines = [this](const Ahead& ahead) { return std::span(memory_).subspan(ahead.program * kLines, kLines); };
  for (const Ahead& ahead : ahead_) fetch_line(lines(ahead).data());
  for (const Ahead& ahead : ahead_)
    for (const void* line : lines(ahead)) {
      if (line == nullptr) break;
      fetch_line(line);
    }
}

// False: it has not seen it; what there is, is to be taken first.
bool Shard::on_event_ahead(const Event& event) {
  if ((!deadlines_.empty() || has_arrived()) && !go_to(event)) return false;
  ordinal_ = 0;
  for (; seen_ahead_ < ahead_.size() && ahead_[seen_ahead_].at == seen_of_hand_; ++seen_ahead_) {
    const Ahead& ahead = ahead_[seen_ahead_];
    turn_of(ahead.program).on_ahead(std::span(&ahead, 1), outputs_);
    after_program(ahead.program, &event, [&] { return place_of(event); }, emitted_now_);
  }
  if (has_arrived_of(event))
    deliver_emitted(std::exchange(emitted_now_, {}), place_of(event));
  else if (!emitted_now_.empty())
    deliver_emitted(std::exchange(emitted_now_, {}), {});
  scratch_.reset();
  return true;
}

// The events in hand up to one that brings something out, or all; how many.
std::size_t Shard::on_ahead_alone() {
  const auto ahead = std::span(ahead_).subspan(seen_ahead_);
  if (ahead.empty()) return hand_ - seen_of_hand_;
  ordinal_ = 0;
  const std::size_t seen = turn_of(ahead.front().program).on_ahead(ahead, outputs_);
  seen_ahead_ += seen;
  const Ahead& last = ahead[seen - 1];
  after_program(last.program, last.event, [&] { return place_of(*last.event); }, emitted_now_);
  if (!emitted_now_.empty()) deliver_emitted(std::exchange(emitted_now_, {}), {});
  scratch_.reset();
  return last.at + 1 - seen_of_hand_;
}

void Shard::on_late(const Event& event, Time watermark, bool among_events) {
  if (is_given_up()) return;
  const Place place = place_of_late(event, watermark, among_events);
  for (const ProgramId id : wanted_by_[event.type.index]) {
    turn_of(id.index).on_late(event, watermark, outputs_);
    after_program(id.index, &event, [&]() -> const Place& { return place; }, emitted_now_);
  }
  scratch_.reset();
}

void Shard::find_wanted(const Event& event, std::vector<ProgramId>& out) const {
  if (index_)
    index_->candidates(event, out);
  else
    out.insert(out.end(), wanted_by_[event.type.index].begin(), wanted_by_[event.type.index].end());
}

// Programs stand in an order in which each is behind those it uses, and an emitted event right behind its cause (S5).
void Shard::deliver(const Event& event, const Place& place, bool is_own) {
  const bool was_own = std::exchange(is_own_event_, is_own);
  if (in_hand_ == wanted_.size()) wanted_.emplace_back();
  std::vector<ProgramId>& wanted = wanted_[in_hand_++];
  wanted.clear();
  find_wanted(event, wanted);
  std::vector<Emitted> emitted;
  for (const ProgramId id : wanted) {
    turn_of(id.index).on_event(event, outputs_);
    after_program(id.index, &event, [&]() -> const Place& { return place; }, emitted);
  }
  --in_hand_;
  if (!emitted.empty()) deliver_emitted(std::move(emitted), place);
  is_own_event_ = was_own;
}

// Nearly no event brings anything out: its place is made when one does.
template <class MakePlace>
void Shard::after_program(std::uint32_t program, const Event* cause, const MakePlace& place,
                          std::vector<Emitted>& emitted) {
  if (!outputs_.alerts.empty() || !outputs_.emitted.empty()) take_outputs(cause, place(), emitted);
  if (has_timers_[program]) look_at_due(program);
}

void Shard::take_outputs(const Event* cause, const Place& place, std::vector<Emitted>& emitted) {
  for (Alert& alert : outputs_.alerts) {
    alert.place = place;
    append_alert(alert.place, placement_->rank(alert.rule), alert.key_bytes);
    alerts_.push_back(std::move(alert));
  }
  std::uint32_t number = 0;
  for (Emitted& e : outputs_.emitted) {
    if (cause != nullptr) {
      e.position = cause->position;
      if (!cause->tiebreak.is_missing()) e.tiebreak = OwnedValues(std::span(&cause->tiebreak, 1));
    }
    e.place = place;
    append_emitted(e.place, rank_of_emitter(e.by), e.key_bytes, number++);
    emitted.push_back(std::move(e));
  }
  outputs_.alerts.clear();
  outputs_.emitted.clear();
}

// Those of one cause leave by rule name. What deadlines bring is seen by those who use it before their own turn comes,
// but at the end of a window, where all leave together (T3).
std::uint32_t Shard::rank_of_emitter(ProgramId program) const {
  return instant_ == Phase::waited ? program.index : placement_->rank(program);
}

// What has arrived of the same cause has its turn among them.
void Shard::deliver_emitted(std::vector<Emitted> emitted, std::string_view cause) {
  std::ranges::sort(emitted, {}, &Emitted::place);
  const auto instant = std::exchange(instant_, std::nullopt);  // what these bring is brought by events
  for (Emitted& e : emitted) {
    while (has_arrived() && first_arrived().place < e.place) deliver_first_arrived();
    const std::size_t slot = emitted_.size();  // before what it causes
    emitted_.emplace_back();
    const Event event = event_of(e);
    if (!e.enriched) deliver(event, e.place, true);
    emitted_[slot] = std::move(e);
  }
  if (!cause.empty())
    while (has_arrived_of(cause)) deliver_first_arrived();
  instant_ = instant;
}

Event Shard::event_of(const Emitted& e) {
  Event event;
  event.type = e.type;
  event.time = e.time;
  event.position = e.position;
  if (!e.tiebreak.values().empty()) event.tiebreak = e.tiebreak.values().front();
  event.ordinal = ++ordinal_;
  const Phase phase = instant_of(e.place).phase;
  if (phase == Phase::over) event.ordinal |= Event::kBeforeOthers;
  if (phase == Phase::waited) event.ordinal |= Event::kBehindOthers;
  event.mark = hash_bytes(rules_->schema[e.type].name, e.mark);
  event.fields = e.fields.values();
  event.origins = e.origins;
  return event;
}

// ----- what arrives from below ----------------------------------------------------------------------------

void Shard::arrive(std::vector<std::shared_ptr<const Emitted>> emitted) {
  arrived_.erase(arrived_.begin(), arrived_.begin() + static_cast<std::ptrdiff_t>(next_arrived_));
  next_arrived_ = 0;
  std::ranges::move(emitted, std::back_inserter(arrived_));
}

void Shard::deliver_first_arrived() {
  const std::shared_ptr<const Emitted> first = std::move(arrived_[next_arrived_++]);
  deliver(event_of(*first), first->place, false);
}

bool Shard::see_arrived() {
  return go_on([] { return false; }, {Time{std::numeric_limits<std::int64_t>::min()}, Phase::over});
}

bool Shard::go_to(Instant before, std::string_view place) {
  return go_on(
      [&] {
        const Instant first = instant_of(first_arrived().place);
        return first >= before && (first != before || place.empty() || first_arrived().place >= place);
      },
      before);
}

bool Shard::go_to(const Event& event) {
  const bool some_arrive = has_arrived() && first_arrived().time <= event.time;
  return go_to({event.time, Phase::event}, some_arrive ? place_of(event) : Place());
}

bool Shard::advance_to_late(const Event& event, Time watermark, bool among_events) {
  return go_to({watermark, among_events ? Phase::event : Phase::over},
               among_events ? place_of_late(event, watermark, true) : Place());
}

// What is due before `before`, and what has arrived up to what is behind, each at its place.
template <class IsBehind>
bool Shard::go_on(const IsBehind& arrived_is_behind, Instant before) {
  for (;;) {
    const bool arrives = has_arrived() && !arrived_is_behind();
    const std::optional<Instant> due = deadlines_.first();
    const bool is_due = due && (*due < before || (arrives && *due < instant_of(first_arrived().place)));
    if (!arrives && !is_due) return true;
    if (is_given_up()) return true;  // what would have kept it from coming due may be among what is not looked at
    if (is_full()) return false;
    if (!arrives || (is_due && *due < instant_of(first_arrived().place))) {
      on_instant(*due);
    } else if (!cause_of(first_arrived().place)) {
      on_instant(instant_of(first_arrived().place));
    } else {
      ordinal_ = 0;
      deliver_emitted({}, std::string(place_of_cause(first_arrived().place)));
      scratch_.reset();
    }
  }
}

void Shard::look_at_due(std::uint32_t program) { deadlines_.set(program, not_passed(runners_[program]->due())); }

// Nothing is due before the rules of today were there: what they would have told earlier they tell then, behind the
// events of that time, some of which may have been seen.
std::optional<Instant> Shard::not_passed(std::optional<Instant> due) const {
  return due && due->time < restored_at_ ? Instant{restored_at_, Phase::waited} : due;
}

// Programs in their order; what one makes may make one behind it due. What becomes due for one whose turn is over waits
// for the next call. Programs below have their turns in the same order: what they emitted has arrived.
void Shard::on_instant(Instant now) {
  if (now != std::exchange(last_instant_, now)) ordinal_ = 0;
  const Place place = place_of(now);
  std::vector<Emitted> later;
  std::vector<std::uint32_t> ready, again;  // ready: a heap, the first program on top
  for (std::int64_t done = -1;;) {
    while (!deadlines_.empty() && *deadlines_.first() <= now) {
      const std::uint32_t program = deadlines_.first_program();
      deadlines_.set(program, std::nullopt);
      if (program <= done) {
        again.push_back(program);
        continue;
      }
      ready.push_back(program);
      std::ranges::push_heap(ready, std::greater());
    }
    if (now.phase == Phase::waited && has_arrived_of(place))
      if (const std::uint32_t below = first_emitter(first_arrived().place); ready.empty() || below < ready.front()) {
        done = below;
        while (has_arrived_of(place) && first_emitter(first_arrived().place) == below) deliver_first_arrived();
        continue;
      }
    if (ready.empty()) break;
    std::ranges::pop_heap(ready, std::greater());
    const std::uint32_t program = ready.back();
    ready.pop_back();
    if (program == done) continue;  // it had become due twice before its turn
    done = program;
    instant_ = now.phase;
    std::vector<Emitted> emitted;
    turn_of(program).on_instant(now, outputs_);
    take_outputs(nullptr, place, emitted);
    look_at_due(program);
    // For those who use it, an emitted event is one of the events at its time: after their (1), before their (3) (S5).
    if (now.phase == Phase::over)
      std::move(emitted.begin(), emitted.end(), std::back_inserter(later));
    else if (!emitted.empty())
      deliver_emitted(std::move(emitted), {});
    instant_.reset();
  }
  for (const std::uint32_t program : again) look_at_due(program);
  if (!later.empty() || has_arrived_of(place)) deliver_emitted(std::move(later), place);
  scratch_.reset();
}

std::optional<Instant> Shard::due(bool renewing) const {
  std::optional<Instant> out;
  for (const auto& runner : runners_) {
    const auto due = renewing ? runner->due() : runner->due_but_renewing();
    if (due && (!out || *due < *out)) out = due;
  }
  return not_passed(out);
}

std::vector<Alert> Shard::take_alerts() {
  // Nearly always they are in order; sorting would move them all.
  if (!std::ranges::is_sorted(alerts_, {}, &Alert::place)) std::ranges::stable_sort(alerts_, {}, &Alert::place);
  return std::exchange(alerts_, {});
}

std::vector<Emitted> Shard::take_emitted() { return std::exchange(emitted_, {}); }

}  // namespace tocsin
