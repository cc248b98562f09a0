#include "engine/runtime/counter_runner.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/container/small_vector.hpp>
#include <boost/unordered/unordered_flat_map.hpp>
#include <optional>

#include "engine/base/hash.h"
#include "engine/base/table_memory.h"
#include "engine/base/wording.h"
#include "engine/base/write.h"
#include "engine/event/key.h"
#include "engine/match/events_report.h"
#include "engine/program/choose.h"
#include "engine/runtime/alert_maker.h"
#include "engine/runtime/changes.h"
#include "engine/runtime/cold.h"
#include "engine/runtime/key_book.h"
#include "engine/runtime/keyed.h"
#include "engine/runtime/watermark.h"
#include "engine/state/gone_keys.h"
#include "engine/state/slot_table.h"

namespace tocsin {
namespace {

// ----- what is remembered of an event -------------------------------------------------------------------

// Sixteen bytes: the time, and what evidence needs, with all but the lower part of the offset interned.
struct Mark {
  Time time{};
  std::uint64_t origin : 20;
  std::uint64_t offset : 44;
};
static_assert(sizeof(Mark) == 16);

// Where marked events came from: few, as many as partitions times event types.
class Origins {
 public:
  Mark mark(const Event& event) {
    const Position& at = event.position;
    if (last_.type != event.type || last_.source != at.source || last_.partition != at.partition ||
        last_.upper != at.offset >> 44) [[unlikely]]
      look_up({event.type, at.source, at.partition, at.offset >> 44});
    return {event.time, number_ & kMost, at.offset & ((std::uint64_t{1} << 44) - 1)};
  }
  Event event(const Mark& mark) const {
    const Origin& origin = all_[mark.origin];
    Event out;
    out.time = mark.time;
    out.type = origin.type;
    out.position = {origin.source, origin.partition, origin.upper << 44 | mark.offset};
    return out;
  }

 private:
  static constexpr std::uint64_t kMost = (1u << 20) - 1;
  struct Origin {
    EventTypeId type;
    SourceId source;
    std::uint32_t partition = 0;
    std::uint64_t upper = 0;  // of the offset
    friend bool operator==(const Origin&, const Origin&) = default;
  };
  struct Hash {
    std::size_t operator()(const Origin& o) const {
      const std::uint64_t parts[] = {o.type.index, o.source.index, o.partition, o.upper};
      return hash_bytes({reinterpret_cast<const char*>(parts), sizeof parts});
    }
  };
  [[gnu::noinline]] void look_up(const Origin& origin) {
    const auto [at, fresh] = numbers_.try_emplace(origin, static_cast<std::uint32_t>(all_.size()));
    if (fresh) all_.push_back(origin);
    TOCSIN_ASSERT(all_.size() <= kMost);  // a million partitions, or files of 2^64 bytes
    last_ = origin;
    number_ = at->second;
  }
  std::vector<Origin> all_;
  boost::unordered_flat_map<Origin, std::uint32_t, Hash> numbers_;
  Origin last_{.type = {}, .source = {}, .upper = ~std::uint64_t{0}};  // of the event before; there is no such one
  std::uint32_t number_ = 0;                                           // its number
};

// A key: its newest marks, up to the largest N of the group, and which bounds are armed.
struct Tally {
  std::uint32_t armed = ~std::uint32_t{0};  // by number of the bounds
  // How many marks there are; of those in the slot, above it: the place of the one that comes. One word, written whole:
  // what was written in part cannot be read again at once.
  std::uint32_t marks = 0;
  static constexpr std::uint32_t kSizeBits = 28;

  std::uint32_t size() const { return marks & ((1u << kSizeBits) - 1); }
  std::uint32_t next() const { return marks >> kSizeBits; }
  void set(std::uint32_t size, std::uint32_t next = 0) { marks = size | next << kSizeBits; }
};
using Table = SlotTable<Tally>;
using Slot = Table::Slot;

// The marks of a slot, in a ring, so that one that comes is all that is written. Up to kInline stand in the slot
// itself; more are in memory of their own that grows.
class Marks {
 public:
  static constexpr std::uint32_t kInline = 12;

  explicit Marks(std::uint32_t most) : most_(most) {}
  std::size_t tail() const { return most_ <= kInline ? most_ * sizeof(Mark) : sizeof(Ring*); }
  std::size_t bytes() const { return ring_bytes_; }

  // The n-th newest, from 0. REQUIRES: n < size.
  const Mark& newest(const Slot& slot, std::uint32_t n) const {
    if (most_ <= kInline) {
      const std::uint32_t at = slot.body.next() + most_ - 1 - n;
      return slot.tail<Mark>()[at - only_if(at >= most_, most_)];
    }
    const Ring& ring = **slot.tail<Ring*>();
    return ring.marks()[(ring.next + ring.room - 1 - n) % ring.room];
  }

  void push(Slot& slot, const Mark& mark) {
    if (most_ <= kInline) {
      const std::uint32_t size = slot.body.size(), place = slot.body.next(), next = place + 1;
      slot.tail<Mark>()[place] = mark;
      slot.body.set(size + (size < most_ ? 1 : 0), only_if(next != most_, next));
      return;
    }
    Ring*& ring = *slot.tail<Ring*>();
    const std::uint32_t size = slot.body.size();
    if (ring == nullptr || (size == ring->room && ring->room < most_)) grow(slot);
    ring->marks()[ring->next] = mark;
    ring->next = ring->next + 1 == ring->room ? 0 : ring->next + 1;
    slot.body.set(std::min(size + 1, most_));
  }

  // Where keys stand in their rings is anybody's guess: no branch.
  static std::uint32_t only_if(bool is, std::uint32_t n) { return n & (0u - static_cast<std::uint32_t>(is)); }

  void begin(Slot& slot) const {
    if (most_ > kInline) *slot.tail<Ring*>() = nullptr;
  }
  void clear(Slot& slot) {
    drop_ring(slot);
    slot.body.set(0);
  }

 private:
  struct Ring {
    std::uint32_t room = 0, next = 0;
    Mark* marks() { return reinterpret_cast<Mark*>(this + 1); }
    const Mark* marks() const { return reinterpret_cast<const Mark*>(this + 1); }
  };
  static std::size_t size_of(std::uint32_t room) { return sizeof(Ring) + room * sizeof(Mark); }

  // REQUIRES: the ring is full, and so has not wrapped, or there is none.
  void grow(Slot& slot) {
    Ring*& ring = *slot.tail<Ring*>();
    const std::uint32_t room = ring == nullptr ? kInline : std::min(ring->room * 2, most_);
    Ring* grown = new (::operator new(size_of(room))) Ring{room, slot.body.size()};
    ring_bytes_ += size_of(room);
    if (ring != nullptr) std::memcpy(grown->marks(), ring->marks(), slot.body.size() * sizeof(Mark));
    drop_ring(slot);
    ring = grown;
  }
  void drop_ring(Slot& slot) {
    if (most_ <= kInline) return;
    Ring*& ring = *slot.tail<Ring*>();
    if (ring == nullptr) return;
    ring_bytes_ -= size_of(ring->room);
    ::operator delete(ring);
    ring = nullptr;
  }

  const std::uint32_t most_;
  std::size_t ring_bytes_ = 0;
};

// ----- what a group looks at ----------------------------------------------------------------------------

// What the events of one type are for the group.
struct TypePlan {
  EventTypeId type;
  std::vector<SlotId> key;
  ExprId refused;
  bool counts = false;  // where `filter` holds
  ExprId filter;
  bool rest_breaks = false;                           // a streak: what is of the base and does not count
  std::vector<ExprId> breaks;                         // a streak with `of y`
  std::vector<ExprId> resets;                         // filters, any of them
  bool always_breaks = false, always_resets = false;  // ... of which one is empty
  friend bool operator==(const TypePlan&, const TypePlan&) = default;
};

struct Shape {
  std::vector<TypePlan> types;
  bool streak = false;
  bool starts_over = false;
  std::uint32_t n = 0;
  Duration window{};
};

bool plain(const Code& code, ExprId id) {
  return !id.exists() || (code.exprs[id.index].reads & ~(kReadsEvent | kReadsReference)) == 0;
}

// Can a value of the field be told from the bytes of a key? Not where different values have equal bytes (1 and 1.0).
bool is_told_by_key(const FieldSlot& field) {
  if (field.list) return false;
  switch (field.type) {
    case Type::text:
    case Type::integer:
    case Type::boolean:
    case Type::time:
    case Type::duration:
    case Type::ip:
      return true;
    case Type::missing:
    case Type::floating:
    case Type::point:
    case Type::list:
    case Type::object:
      return false;
  }
  return false;
}

// Clauses that only the general way knows. choose.h has refused learn, where, resolve, mute, at most and during
// already.
bool has_other_clauses(const Program& program, const RuleBody& rule) {
  return rule.remind.us != 0 || rule.forget.us != 0 || !rule.escalations.empty() || program.keys_from.exists();
}

// False: an alternative cannot be judged by the event alone.
bool add_filters(const RuleSet& rules, const Program& program, StreamId id, EventTypeId type,
                 std::vector<ExprId>& filters, bool& always) {
  const Stream& stream = program.streams[id.index];
  if (stream.nested.exists()) return false;
  for (const Alternative& a : stream.alternatives) {
    if (a.type != type) continue;
    if (!plain(rules.code, a.filter)) return false;
    if (a.filter.exists()) filters.push_back(a.filter);
    always = always || !a.filter.exists();
  }
  return true;
}

std::optional<TypePlan> type_plan(const RuleSet& rules, const Program& program, const RuleBody& rule, const Cell& cell,
                                  const Input& input) {
  TypePlan out;
  out.type = input.type;
  out.refused = input.refused;
  if (input.roles.size() != 1 || !plain(rules.code, input.refused)) return std::nullopt;
  const auto key = key_fields(rules, input.roles.front());
  if (!key) return std::nullopt;
  for (const SlotId part : *key)
    if (!is_told_by_key(rules.schema[input.type].fields[part.index])) return std::nullopt;
  out.key = *key;
  const bool streak = cell.window.kind == Window::Kind::streak;
  for (const Alternative& a : program.streams[cell.stream.index].alternatives) {  // a type stands there once at most
    if (a.type != input.type) continue;
    if (!plain(rules.code, a.filter)) return std::nullopt;
    out.counts = true;
    out.filter = a.filter;
    out.rest_breaks = streak && !cell.window.breaking.exists();
  }
  if (streak && cell.window.breaking.exists() &&
      !add_filters(rules, program, cell.window.breaking, input.type, out.breaks, out.always_breaks))
    return std::nullopt;
  for (const StreamId reset : rule.resets)
    if (!add_filters(rules, program, reset, input.type, out.resets, out.always_resets)) return std::nullopt;
  return out;
}

std::optional<Shape> shape_of(const RuleSet& rules, const Program& program) {
  const auto* rule = std::get_if<RuleBody>(&program.body);
  if (rule == nullptr || program.inputs.empty() || has_other_clauses(program, *rule)) return std::nullopt;
  if (choose_matcher(rules, program, rule->when, match_options(program)).kind != MatcherKind::counter)
    return std::nullopt;
  const Pattern& pattern = program.patterns[rule->when.index];
  const Cell& cell = program.cells[pattern.evidence.front().index];
  Shape out;
  out.streak = cell.window.kind == Window::Kind::streak;
  out.starts_over = rule->firing == Firing::start_over;
  out.n = *counter_threshold(rules, program, pattern);
  out.window = cell.window.length;
  for (const Input& input : program.inputs) {
    auto plan = type_plan(rules, program, *rule, cell, input);
    if (!plan) return std::nullopt;
    out.types.push_back(std::move(*plan));
  }
  return out;
}

// What an event is for the group: Ahead::what.
constexpr std::uint8_t kCounts = 1, kBreaks = 2, kResets = 4;

}  // namespace

// ----- a group ------------------------------------------------------------------------------------------

class CounterGroup : public InTableMemory<CounterGroup> {
 public:
  static constexpr std::size_t kBitsMax = 32;    // of bounds, in Tally
  static constexpr std::size_t kBoundsMax = 24;  // the rest is for rules that are new among old ones

  CounterGroup(const RunContext& context, const Shape& shape) : context_(context), shape_(shape) {
    for (const TypePlan& type : shape.types) {
      const bool only_counts = type.counts && !type.refused.exists() && !type.rest_breaks && !type.always_breaks &&
                               !type.always_resets && type.breaks.empty() && type.resets.empty();
      types_.push_back({type.type, only_counts, type.filter, context.keys->number_of(type.key)});
    }
  }
  ~CounterGroup() {
    if (table_) table_->each([this](Slot& slot) { marks_->clear(slot); });
  }
  CounterGroup(const CounterGroup&) = delete;
  CounterGroup& operator=(const CounterGroup&) = delete;

  // A rule that starts over empties the ring for itself alone, so it shares none.
  bool takes(const Shape& shape) {
    return (bounds_.size() < kBoundsMax || find(shape) != bounds_.end()) && !shape_.starts_over && !shape.starts_over &&
           shape_.streak == shape.streak && shape_.types == shape.types;
  }
  std::size_t join(ProgramId id, const Shape& shape) {
    const Program& program = context_.rules->programs[id.index];
    const Pattern& pattern = program.patterns[std::get<RuleBody>(program.body).when.index];
    auto bounds = find(shape);
    if (bounds == bounds_.end())
      bounds = bounds_.insert(bounds_.end(), {shape.n, shape.window, Frontier::kNothing, {}});
    if (members_.empty()) first_ = id;
    members_.push_back({program,
                        pattern,
                        AlertMaker(id, program, *context_.evaluator, *context_.sources),
                        shape.n,
                        shape.window,
                        static_cast<std::uint32_t>(bounds - bounds_.begin()),
                        ProgramCounters{},
                        {}});
    bounds->members.push_back(static_cast<std::uint32_t>(members_.size() - 1));
    least_ = std::min(least_, shape.n);
    shape_.n = std::max(shape_.n, shape.n);
    shape_.window = std::max(shape_.window, shape.window);
    return members_.size() - 1;
  }

  void is_answered(EventTypeId id) {
    for (Type& type : types_)
      if (type.id == id && type.only_counts) type.filter = ExprId();
  }

  // A rule that is new counts from now on; another of the same bounds may remember more. REQUIRES: nothing is loaded
  // yet for it.
  void watch(std::size_t number, Time from) {
    Member& member = members_[number];
    Bounds& shared = bounds_[member.bounds];
    if (shared.since == Frontier::kNothing || shared.members.size() == 1) shared.since = from;
    if (shared.since == from) return;
    auto own = std::find_if(bounds_.begin(), bounds_.end(), [&](const Bounds& b) {
      return b.n == shared.n && b.window == shared.window && b.since == from;
    });
    if (own == bounds_.end() && bounds_.size() == kBitsMax) return;  // counts as the others do
    shared.members.erase(std::find(shared.members.begin(), shared.members.end(), number));
    if (own == bounds_.end()) own = bounds_.insert(own, {shared.n, shared.window, from, {}});
    own->members.push_back(static_cast<std::uint32_t>(number));
    member.bounds = static_cast<std::uint32_t>(own - bounds_.begin());
  }

  Time watches_since(std::size_t number) const { return bounds_[members_[number].bounds].since; }

  void look_ahead(std::span<Ahead> all) {
    for (Ahead& ahead : all) {
      const std::size_t type = type_of(*ahead.event);
      ahead.is_wanted = type < types_.size() && (ahead.what = judge(*ahead.event, type)) != 0;
      if (!ahead.is_wanted) continue;
      ahead.key = &context_.keys->key(types_[type].key, ahead.at, *ahead.event);
      ahead.is_wanted = is_ours(*ahead.key);
      if (ahead.is_wanted && table_) table_->fetch_index(ahead.key->hash);
    }
  }
  void fetch(std::span<Ahead> all) {
    if (!table_) return;
    for (Ahead& ahead : all) ahead.place = table_->fetch_slot(ahead.key->hash);
  }
  std::size_t on_ahead(std::span<const Ahead> all, Outputs& out) {
    std::size_t seen = 0;
    while (seen < all.size() && out.alerts.empty() && out.emitted.empty()) {
      if (seen + 4 < all.size()) fetch_line(all[seen + 4].place);
      step(all[seen++], out);
    }
    return seen;
  }
  void on_event(const Event& event, Outputs& out) {
    const std::size_t type = type_of(event);
    if (type == types_.size()) return;
    Ahead now{.event = &event, .what = judge(event, type)};
    if (now.what == 0) return;
    now.key = &context_.keys->key(types_[type].key, event);
    if (is_ours(*now.key)) step(now, out);
  }
  void add_memory(std::vector<const void*>& out) const {
    context_.evaluator->add_memory(types_.front().filter, out);
    for (const char* line = reinterpret_cast<const char*>(this); line < reinterpret_cast<const char*>(&seen_);
         line += table_memory::kCacheLine)
      out.push_back(line);
  }

  const ProgramCounters& counters(std::size_t member) const {
    Member& m = members_[member];
    m.counters.events = seen_.events;
    m.counters.missing_key = seen_.missing_key;
    m.counters.refused = seen_.refused;
    m.counters.keys_most = seen_.keys_most;
    return m.counters;
  }
  std::size_t keys() const { return table_ ? table_->size() : 0; }
  std::size_t bytes() const { return table_ ? table_->bytes() + marks_->bytes() : 0; }

  // ----- durable state: each member has its own, as if it shared with nobody: who shares may be others tomorrow -----

  void track(std::size_t member, const StateOut& out) {
    members_[member].out = out;
    if (member + 1 < members_.size()) return;
    touched_.begin();
    if (table_ && !out.is_known) table_->each([this](Slot& slot) { will_change(slot); });
  }
  void cut() {
    touched_.cut();
    gone_.cut([this](const std::string& key) {
      if (table_->find(key) == nullptr)
        for (const Member& member : members_) member.out.changes->gone(member.out.address(StateKind::key, key));
    });
  }
  std::size_t save(std::size_t most) {
    for (; most > 0; --most) {
      const auto slot = touched_.next();
      if (!slot) break;
      if (!(*slot)->in_use || !touched_.is_due((*slot)->touched)) continue;
      save_slot(**slot);
      (*slot)->touched = Touched<Slot*>::kClean;
    }
    return touched_.left();
  }
  // A key whose events have all left the window is what a new one is (F1).
  bool keys_run_out() const { return !shape_.streak; }
  bool has_run_out(std::size_t number, StateReader& in, Time passed) const {
    Remembered remembered;
    in(remembered);
    return in.ok() && !remembered.events.empty() &&
           passed - remembered.events.back().event.time > members_[number].window;
  }
  std::vector<std::string> in_words(std::size_t number, std::string_view key) {
    Slot* slot = table_ ? table_->find(key) : nullptr;
    const Member& member = members_[number];
    const std::uint32_t n = slot == nullptr ? 0 : remembered_of(*slot, member);
    if (n == 0) return {};
    std::vector<std::string> out{fmt::format("{} of {} counted, from {} to {}", n, counted(member.n, "event"),
                                             rfc3339(marks_->newest(*slot, n - 1).time),
                                             rfc3339(marks_->newest(*slot, 0).time))};
    if (!is_armed(*slot, static_cast<std::uint32_t>(number), key))
      out.push_back("it has fired, and fires again when there were fewer meanwhile");
    return out;
  }
  // What one member remembers of a key: its newest marks. The one that remembers most speaks for all.
  bool load(std::size_t number, std::string_view key, StateReader& in) {
    auto& [armed, events] = remembered_;
    in(remembered_);
    if (!in.ok() || events.empty()) return false;
    const std::size_t n = members_[number].n;
    if (armed && held(events, members_[number])) keep_surplus(key, events);
    if (events.size() > n) events.erase(events.begin(), events.end() - static_cast<std::ptrdiff_t>(n));
    const std::uint64_t hash = hash_of_key(key);
    Slot* slot = table_ ? table_->find(hash, key) : nullptr;
    if (slot == nullptr) slot = &new_slot(hash, key, events.back().event.time);
    if (slot->body.size() < events.size()) {
      marks_->clear(*slot);
      for (const Counted& counted : events) marks_->push(*slot, origins_.mark(counted.event));
    }
    // The first of those with one N and window speaks for them, and is loaded first.
    const std::uint32_t bounds = members_[number].bounds;
    if (bounds_[bounds].members.front() == number)
      set_armed(*slot, bounds, armed);
    else if (is_armed(*slot, bounds) != armed)
      apart_[std::string(key)].push_back({static_cast<std::uint32_t>(number), armed});
    return true;
  }

  // A key that rules share may have come for one of them and not for the others: then it has not come at all.
  void begin_cold() {
    if (!is_cold_ && members_.size() > 1 && table_) evict(table_->slots());
    is_cold_ = true;
  }
  std::size_t held() const { return (table_ ? table_->held() + marks_->bytes() : 0) + surplus_bytes_; }
  std::size_t evict(std::size_t most) {
    gone_.stored();
    if (!table_) return 0;
    const std::size_t out = table_->erase_some(most, [this](Slot& slot) {
      if (slot.touched != Touched<Slot*>::kClean) return false;
      take_surplus(slot.key_view());
      arm_together(slot.key_view());
      marks_->clear(slot);
      return true;
    });
    is_cold_ = is_cold_ || out > 0;
    return out;
  }

 private:
  // The filter and key of a type that does nothing but count: nearly all.
  struct Type {
    EventTypeId id;
    bool only_counts = false;
    ExprId filter;
    std::size_t key = 0;  // its number in the book
  };
  // Rules with the same N and window hold and are armed together: of thousands of rules few bounds are different.
  struct Bounds {
    std::uint32_t n = 0;
    Duration window{};
    Time since = Frontier::kNothing;  // watched since then: what came before they do not count
    boost::container::small_vector<std::uint32_t, 1> members;
  };
  using AllBounds = boost::container::small_vector<Bounds, 1>;
  struct Member {
    const Program& program;
    const Pattern& pattern;
    AlertMaker alerts;
    std::uint32_t n = 0;
    Duration window{};
    std::uint32_t bounds = 0;  // the number of its bounds, and of its bit in Tally::armed
    ProgramCounters counters;
    StateOut out;
  };

  // What one member remembers of a key: its newest events, oldest first.
  struct Counted {
    Event event;

    template <class Archive>
    void state_parts(Archive& a) {
      a(event.time, event.type, event.position);
    }
  };
  struct Remembered {
    bool armed = true;
    std::vector<Counted> events;

    template <class Archive>
    void state_parts(Archive& a) {
      a(armed, events);
    }
  };

  // ----- after a reload that has made an N less ------------------------------------------------------

  // Armed, and true at its newest event: it counted to more then. At its next event more than N may be in the window,
  // and the ring has no room for them.
  bool held(const std::vector<Counted>& events, const Member& member) const {
    if (events.size() < member.n) return false;
    const Time first = events[events.size() - member.n].event.time;
    return !is_out(bounds_[member.bounds], first, events.back().event.time);
  }
  void keep_surplus(std::string_view key, const std::vector<Counted>& events) {
    std::vector<Counted>& kept = surplus_[std::string(key)];
    if (kept.size() >= events.size()) return;
    surplus_bytes_ += (events.size() - kept.size()) * sizeof(Counted);
    kept = events;
  }
  std::vector<Counted> take_surplus(std::string_view key) {
    if (surplus_.empty()) [[likely]]
      return {};
    const auto at = surplus_.find(key);
    if (at == surplus_.end()) return {};
    std::vector<Counted> out = std::move(at->second);
    surplus_bytes_ -= out.size() * sizeof(Counted);
    surplus_.erase(at);
    return out;
  }

  // ----- after a reload that has given rules one N and window ----------------------------------------

  // One of several of the same bounds that did not always have them: on a key that one of them has told of and the
  // other has not, it is armed or not by itself, until both are alike.
  struct Apart {
    std::uint32_t member = 0;
    bool armed = false;
  };
  static bool is_armed(const Slot& slot, std::uint32_t bounds) { return (slot.body.armed >> bounds & 1) != 0; }
  static void set_armed(Slot& slot, std::uint32_t bounds, bool armed) {
    const std::uint32_t bit = std::uint32_t{1} << bounds;
    slot.body.armed = armed ? slot.body.armed | bit : slot.body.armed & ~bit;
  }
  bool is_armed(const Slot& slot, std::uint32_t member, std::string_view key) const {
    if (!apart_.empty())
      if (const auto at = apart_.find(key); at != apart_.end())
        for (const Apart& apart : at->second)
          if (apart.member == member) return apart.armed;
    return is_armed(slot, members_[member].bounds);
  }
  void arm_together(std::string_view key) {
    if (apart_.empty()) [[likely]]
      return;
    if (const auto at = apart_.find(key); at != apart_.end()) apart_.erase(at);
  }
  void ring_apart(const Slot& slot, std::string_view key, bool was_empty, Time before, Time now) {
    const auto at = apart_.find(key);
    if (at == apart_.end()) return;
    std::erase_if(at->second, [&](Apart& apart) {
      const std::uint32_t bounds = members_[apart.member].bounds;
      std::erase(firing_, apart.member);
      if (rings(apart.armed, slot, bounds_[bounds], was_empty, before, now)) firing_.push_back(apart.member);
      return apart.armed == is_armed(slot, bounds);
    });
    if (at->second.empty()) apart_.erase(at);
  }

  AllBounds::iterator find(const Shape& shape) {
    return std::find_if(bounds_.begin(), bounds_.end(),
                        [&](const Bounds& b) { return b.n == shape.n && b.window == shape.window; });
  }

  std::size_t type_of(const Event& event) const {
    std::size_t i = 0;
    while (i < types_.size() && types_[i].id != event.type) ++i;
    return i;
  }

  // What durable state has of a key that is not in memory; null: nothing. Each member has its own there.
  Slot* read_cold(const EventKey& key) {
    if (gone_.has(key.bytes)) return nullptr;
    for (std::size_t i = 0; i < members_.size(); ++i) {
      const StateOut& out = members_[i].out;
      out.cold->read(out.address(StateKind::key, key.bytes), out.name,
                     [&](StateReader& in) { return load(i, key.bytes, in); });
    }
    return table_ ? table_->find(key.hash, key.bytes) : nullptr;
  }

  // How many of the marks the member remembers: what had left its window at the newest one counts for nothing. One slot
  // may have it and another not, which was given up when there was need of room.
  std::uint32_t remembered_of(const Slot& slot, const Member& member) const {
    std::uint32_t n = std::min(slot.body.size(), member.n);
    while (n > 0 && is_out(bounds_[member.bounds], marks_->newest(slot, n - 1).time, marks_->newest(slot, 0).time)) --n;
    return n;
  }

  void will_change(Slot& slot) {
    if (touched_.is_on() && touched_.touch(slot.touched, [&] { return &slot; })) save_slot(slot);
  }
  void save_slot(const Slot& slot) {
    for (std::uint32_t i = 0; i < members_.size(); ++i) {
      const Member& member = members_[i];
      const std::uint32_t n = remembered_of(slot, member);
      const StateAddress address = member.out.address(StateKind::key, slot.key_view());
      if (n == 0) {  // as good as new
        member.out.changes->gone(address);
        continue;
      }
      remembered_.armed = is_armed(slot, i, slot.key_view());
      remembered_.events.clear();
      if (!surplus_.empty())
        if (const auto more = surplus_.find(slot.key_view()); more != surplus_.end() && more->second.size() > n) {
          remembered_.events = more->second;
          member.out.changes->put(address, [&](StateWriter& w) { w(remembered_); });
          continue;
        }
      for (std::uint32_t at = n; at-- > 0;) remembered_.events.push_back({origins_.event(marks_->newest(slot, at))});
      member.out.changes->put(address, [&](StateWriter& w) { w(remembered_); });
    }
  }

  // Reads the event and nothing else, so it may run before the event's turn.
  std::uint8_t judge(const Event& event, std::size_t number) {
    if (types_[number].only_counts && !types_[number].filter.exists()) return kCounts;
    const EvalContext context = context_.at(&event, event.time);
    if (types_[number].only_counts) return context_.evaluator->holds(types_[number].filter, context) ? kCounts : 0;
    return judge_all(shape_.types[number], context);
  }
  std::uint8_t judge_all(const TypePlan& type, const EvalContext& context) {
    const auto holds = [&](ExprId filter) { return context_.evaluator->holds(filter, context); };
    if (type.refused.exists() && holds(type.refused)) {
      ++seen_.refused;
      return 0;
    }
    const bool counts = type.counts && holds(type.filter);
    const bool breaks = !counts && (type.rest_breaks || type.always_breaks ||
                                    std::any_of(type.breaks.begin(), type.breaks.end(), holds));
    const bool resets = type.always_resets || std::any_of(type.resets.begin(), type.resets.end(), holds);
    return static_cast<std::uint8_t>((counts ? kCounts : 0) | (breaks ? kBreaks : 0) | (resets ? kResets : 0));
  }
  // Counts the event. False: it has no key, or that of another shard. Members are dealt alike, so one speaks for all.
  bool is_ours(const EventKey& key) {
    if (key.missing) {
      seen_.missing_key += context_.share.has_keyless();
      return false;
    }
    if (!context_.share.has(first_, key.bytes)) return false;
    ++seen_.events;
    return true;
  }

  // REQUIRES: the event has a key.
  void step(const Ahead& look, Outputs& out) {
    const Event& event = *look.event;
    Slot* slot = table_ ? table_->find(look.key->hash, look.key->bytes, static_cast<Slot*>(look.place)) : nullptr;
    if (slot == nullptr && is_cold_) slot = read_cold(*look.key);
    if (slot != nullptr) will_change(*slot);
    std::vector<Counted> surplus = take_surplus(look.key->bytes);
    if (slot != nullptr && (look.what & (kResets | kBreaks)) != 0) {  // F9: as if the key were new
      marks_->clear(*slot);
      slot->body.armed = ~std::uint32_t{0};
      surplus.clear();
      arm_together(look.key->bytes);
    }
    if ((look.what & kCounts) == 0) return;
    if (slot == nullptr) slot = &new_slot(look.key->hash, look.key->bytes, event.time);
    const bool was_empty = slot->body.size() == 0;
    const Time before = was_empty ? Time{} : marks_->newest(*slot, 0).time;
    marks_->push(*slot, origins_.mark(event));
    if (slot->body.size() < least_) {  // no member can hold
      slot->body.armed = ~std::uint32_t{0};
      arm_together(look.key->bytes);
      return;
    }
    firing_.clear();
    for (std::uint32_t i = 0; i < bounds_.size(); ++i)
      if (rings(*slot, i, was_empty, before, event.time))
        firing_.insert(firing_.end(), bounds_[i].members.begin(), bounds_[i].members.end());
    if (!apart_.empty()) [[unlikely]]
      ring_apart(*slot, look.key->bytes, was_empty, before, event.time);
    if (firing_.empty()) return;
    std::sort(firing_.begin(), firing_.end());  // in the order of the programs
    for (const std::uint32_t member : firing_) fire(*slot, member, event, *look.key, surplus, out);
    if (!shape_.starts_over) return;
    marks_->clear(*slot);
    slot->body.armed = ~std::uint32_t{0};  // it shares with nobody
  }

  bool is_out(const Bounds& bounds, Time time, Time now) const {
    return time < bounds.since || (!shape_.streak && now - time > bounds.window);
  }

  // F1: the edge. Nothing left in the window before the event arms, and so does finding it false.
  bool rings(bool& armed, const Slot& slot, const Bounds& bounds, bool was_empty, Time before, Time now) const {
    const bool holds = slot.body.size() >= bounds.n && !is_out(bounds, marks_->newest(slot, bounds.n - 1).time, now);
    if (!holds || was_empty || is_out(bounds, before, now)) armed = true;
    return holds && std::exchange(armed, false);
  }
  bool rings(Slot& slot, std::uint32_t number, bool was_empty, Time before, Time now) const {
    bool armed = is_armed(slot, number);
    const bool out = rings(armed, slot, bounds_[number], was_empty, before, now);
    set_armed(slot, number, armed);
    return out;
  }

  // `surplus`: as it was before this event.
  void fire(const Slot& slot, std::size_t number, const Event& event, const EventKey& key,
            const std::vector<Counted>& surplus, Outputs& out) {
    Member& member = members_[number];
    find_counted(slot, member, event, surplus);
    fired_key_.clear();
    for (const SlotId part : shape_.types[type_of(event)].key) fired_key_.push_back(event.field(part));
    EvalContext context = context_.at(&event, event.time);
    context.key = fired_key_;
    EventsReport report(member.program, member.pattern, *context_.evaluator, context, event.time);
    for (const Event& counted : fired_events_) report.add(0, counted);
    report.set(Fact::count, Value::integer(static_cast<std::int64_t>(fired_events_.size())));
    ++member.counters.fired;
    Alert alert = member.alerts.make({fired_key_, key.bytes}, report, context, event.time, 0, out.emitted);
    if (std::get<RuleBody>(member.program.body).alert) out.alerts.push_back(std::move(alert));
  }

  // What is in the member's window, oldest first, into fired_events_: N events, as fewer were there at the one before;
  // but more where that was judged by rules that counted to more.
  void find_counted(const Slot& slot, const Member& member, const Event& event, const std::vector<Counted>& surplus) {
    const Bounds& bounds = bounds_[member.bounds];
    const auto is_in = [&](Time time) { return !is_out(bounds, time, event.time); };
    std::uint32_t n = member.n;
    while (n < slot.body.size() && is_in(marks_->newest(slot, n).time)) ++n;
    fired_events_.clear();
    for (const Counted& counted : surplus)
      if (is_in(counted.event.time)) fired_events_.push_back(counted.event);
    if (fired_events_.size() >= n) {
      fired_events_.push_back(origins_.event(marks_->newest(slot, 0)));
      return;
    }
    fired_events_.clear();
    while (n-- > 0) fired_events_.push_back(origins_.event(marks_->newest(slot, n)));
  }

  // A key whose events have all left the longest window is what a new one is (F1), so it is given up when there is need
  // of room.
  Slot& new_slot(std::uint64_t hash, std::string_view key, Time now) {
    if (!table_) {
      marks_.emplace(shape_.n);
      table_.emplace(marks_->tail());
    }
    Slot& slot = table_->make(hash, key, [&](Slot& old) {
      const bool idle = old.body.size() == 0 || (!shape_.streak && now - marks_->newest(old, 0).time > shape_.window);
      if (idle) give_up(old);
      return idle;
    });
    marks_->begin(slot);
    will_change(slot);
    seen_.keys_most = std::max<std::uint64_t>(seen_.keys_most, table_->size());
    return slot;
  }

  void give_up(Slot& slot) {
    take_surplus(slot.key_view());
    if (touched_.is_on()) {
      if (touched_.is_due(slot.touched)) save_slot(slot);
      gone_.add(slot.key_view());
    }
    arm_together(slot.key_view());
    marks_->clear(slot);
  }

  // What every event reads stands first (add_memory).
  boost::container::small_vector<Type, 1> types_;
  const RunContext context_;
  std::optional<Table> table_;
  std::optional<Marks> marks_;
  std::uint32_t least_ = ~std::uint32_t{0};  // the smallest N of all members
  bool is_cold_ = false;                     // durable state has keys that the table has not
  Touched<Slot*> touched_;
  AllBounds bounds_;      // all different
  ProgramCounters seen_;  // of all members alike
  mutable std::vector<Member> members_;
  Shape shape_;  // of all members: the largest N, the longest window
  ProgramId first_;
  Origins origins_;
  std::vector<std::uint32_t> firing_;
  GoneKeys gone_;
  Remembered remembered_;  // of the slot in hand; kept for its memory
  // What a key had before a reload that has made an N less, up to its next event; that may be all keys.
  boost::unordered_flat_map<std::string, std::vector<Counted>, StringHash, StringEqual> surplus_;
  std::size_t surplus_bytes_ = 0;
  boost::unordered_flat_map<std::string, std::vector<Apart>, StringHash, StringEqual> apart_;
  std::vector<Value> fired_key_;  // of the fire in hand; kept for their memory
  std::vector<Event> fired_events_;
};

namespace {

class CounterRunner : public Runner, public InTableMemory<CounterRunner> {
 public:
  CounterRunner(std::shared_ptr<CounterGroup> group, std::size_t member) : group_(std::move(group)), member_(member) {}

  bool is_asked() const override { return member_ == 0; }
  bool has_timers() const override { return false; }
  void watch(Time from) override { group_->watch(member_, from); }
  void watched(Time from) override { group_->watch(member_, from); }
  void lost(const Lost& lost) override {
    group_->watch(member_, std::max(lost.before, group_->watches_since(member_)));
  }
  bool looks_ahead() const override { return true; }
  void is_answered(EventTypeId type) override { group_->is_answered(type); }
  void add_memory(std::vector<const void*>& out) const override { group_->add_memory(out); }
  void look_ahead(std::span<Ahead> all) override { group_->look_ahead(all); }
  void fetch(std::span<Ahead> all) override { group_->fetch(all); }
  std::size_t on_ahead(std::span<const Ahead> all, Outputs& out) override { return group_->on_ahead(all, out); }
  void on_event(const Event& event, Outputs& out) override { group_->on_event(event, out); }
  std::optional<Instant> due() const override { return std::nullopt; }
  std::optional<Instant> due_but_renewing() const override { return std::nullopt; }
  void on_instant(Instant, Outputs&) override {}

  void track(const StateOut& out) override { group_->track(member_, out); }
  void cut() override {
    if (member_ == 0) group_->cut();
  }
  std::size_t save(std::size_t most) override { return member_ == 0 ? group_->save(most) : 0; }
  bool load(const StateAddress& address, StateReader& in) override {
    return address.kind == StateKind::key && group_->load(member_, address.key, in);
  }

  bool may_be_cold() const override { return true; }
  bool keys_run_out() const override { return group_->keys_run_out(); }
  bool has_run_out(StateReader& key, Time passed) const override { return group_->has_run_out(member_, key, passed); }
  void begin_cold() override { group_->begin_cold(); }
  std::size_t held() const override { return member_ == 0 ? group_->held() : 0; }
  std::size_t evict(std::size_t most, Time) override { return member_ == 0 ? group_->evict(most) : 0; }

  bool fires(std::span<const std::uint32_t>, std::string_view) const override {
    TOCSIN_ASSERT(false && "nobody is muted while this rule fires");
    return false;
  }
  std::vector<std::string> in_words(const std::string& key) const override { return group_->in_words(member_, key); }
  const ProgramCounters& counters() const override { return group_->counters(member_); }
  std::size_t keys() const override { return group_->keys(); }
  std::size_t bytes() const override { return member_ == 0 ? group_->bytes() : 0; }

 private:
  std::shared_ptr<CounterGroup> group_;
  std::size_t member_;
};

}  // namespace

std::vector<bool> asked_whether_they_fire(const RuleSet& rules) {
  std::vector<bool> out(rules.programs.size());
  for (const Program& program : rules.programs)
    if (const auto* rule = std::get_if<RuleBody>(&program.body))
      for (const Mute& mute : rule->mutes) out[mute.rule.index] = true;
  return out;
}

bool is_counted(const RuleSet& rules, const Program& program) { return shape_of(rules, program).has_value(); }

CounterRunners::CounterRunners(const RunContext& context)
    : context_(context), asked_(asked_whether_they_fire(*context.rules)) {}

CounterRunners::~CounterRunners() = default;

std::unique_ptr<Runner> CounterRunners::make(ProgramId id) {
  if (!context_.fast || asked_[id.index]) return nullptr;
  const auto shape = shape_of(*context_.rules, context_.rules->programs[id.index]);
  if (!shape) return nullptr;
  if (std::ranges::find(context_.apart, id) != context_.apart.end()) {
    const std::shared_ptr<CounterGroup> own(new CounterGroup(context_, *shape));
    return std::make_unique<CounterRunner>(own, own->join(id, *shape));
  }
  const TypePlan& first = shape->types.front();
  const Placement& placement = *context_.share.placement;
  auto& groups = groups_[{first.type.index, first.filter.index, placement.level(id), placement.dealt(id)}];
  auto group = std::find_if(groups.begin(), groups.end(), [&](const auto& g) { return g->takes(*shape); });
  if (group == groups.end())
    group = groups.insert(groups.end(), std::shared_ptr<CounterGroup>(new CounterGroup(context_, *shape)));
  const std::size_t member = (*group)->join(id, *shape);
  return std::make_unique<CounterRunner>(*group, member);
}

}  // namespace tocsin
