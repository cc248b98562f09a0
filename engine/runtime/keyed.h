// The keys of one program: canonical bytes to state, the deadlines of all of them, and which have changed. A deadline
// is looked up again when it comes due (lazy cancellation): most events move one, and few of them ever ring.
#pragma once

#include <algorithm>
#include <boost/unordered/unordered_flat_map.hpp>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/base/hash.h"
#include "engine/event/event.h"
#include "engine/event/key.h"
#include "engine/match/pattern.h"
#include "engine/match/seen.h"
#include "engine/program/eval.h"
#include "engine/program/program.h"
#include "engine/runtime/changes.h"
#include "engine/runtime/cold.h"
#include "engine/runtime/cold_due.h"
#include "engine/runtime/keyed_visits.h"
#include "engine/runtime/runner.h"
#include "engine/state/gone_keys.h"
#include "engine/state/touched.h"

namespace tocsin {

// The keys of this shard under which the program sees the event (E1, E2); none: it does not, and where that is to be
// known it is counted.
std::span<KeyedVisit> visits_of(const RunContext& context, ProgramId id, const Event& event, ProgramCounters& counters);

// The fields that are the role's key, in order; nothing: some part of it is worked out.
std::optional<std::vector<SlotId>> key_fields(const RuleSet& rules, const Role& role);

// Does the program see the event at all (E1)?
const Input* input_of(const Program& program, EventTypeId type);

// What puts an event into the streams of one program, in one piece: with thousands of programs it is never in the
// cache.
class StreamFilters {
 public:
  explicit StreamFilters(const Program& program);

  // The program's streams that the event is of; relations are not judged.
  StreamSet fits(const EvalContext& context, const Evaluator& evaluator) const;
  // The memory that fits() reads, to be fetched ahead.
  void add_memory(const Evaluator& evaluator, std::vector<const void*>& out) const;

 private:
  struct Filter {
    std::uint32_t stream = 0;
    EventTypeId type;
    ExprId filter;
  };
  std::vector<Filter> filters_;
};

// A key whose hash is known (KeyBook).
struct HashedKey {
  std::string_view bytes;
  std::uint64_t hash = 0;
};
struct StringHash {
  using is_transparent = void;
  using is_avalanching = void;
  std::size_t operator()(std::string_view s) const { return hash_of_key(s); }
  std::size_t operator()(const HashedKey& key) const { return key.hash; }
};
struct StringEqual {
  using is_transparent = void;
  bool operator()(std::string_view a, std::string_view b) const { return a == b; }
  bool operator()(const HashedKey& a, std::string_view b) const { return a.bytes == b; }
  bool operator()(std::string_view a, const HashedKey& b) const { return a == b.bytes; }
};

// How far apart the times are under which an index has keys of a program that waits so long: where a deadline moves
// with every event, it stands under the same time for a while.
Duration step_of_index(std::span<const Duration> waits);

template <class State>
class Keyed {
 public:
  State* find(std::string_view key) { return find({key, hash_of_key(key)}); }
  State* find(const HashedKey& key) {
    const auto at = states_.find(key);
    return at == states_.end() ? nullptr : at->second.get();
  }
  // The same where the key may stand in durable state alone.
  State* bring(const HashedKey& key) {
    State* there = find(key);
    return there != nullptr || !is_cold_ ? there : read_cold(key);
  }
  State* bring(std::string_view key) { return bring({key, hash_of_key(key)}); }
  // How often a state has gone: what find() gave before is good as long as this stays the same.
  std::uint64_t erasures() const { return erasures_; }
  // REQUIRES: there is none of this key.
  State& insert(std::string key, std::unique_ptr<State> state) {
    State& out = *state;
    const auto at = states_.insert_or_assign(std::move(key), std::move(state)).first;
    will_change(at->first, out);
    return out;
  }
  void erase(std::string_view key) {
    const auto at = states_.find(HashedKey{key, hash_of_key(key)});
    if (at == states_.end()) return;
    will_go(at->first, *at->second);
    unschedule(*at->second);
    states_.erase(at);
    ++erasures_;
  }

  // ----- durable state: what has changed since the last cut (state/touched.h) --------------------------

  // From here on changes are noted, for `out`; what is there already counts as changed, unless it is known.
  // `write(writer, state)` puts a state's parts, and changes nothing.
  void track(const StateOut& out, StateKind kind, std::function<void(StateWriter&, State&)> write) {
    out_ = out;
    kind_ = kind;
    write_ = std::move(write);
    touched_.begin();
    if (out.is_known) return;
    for (const auto& [key, state] : states_) {
      if constexpr (kWaits) state->indexed.reset();
      will_change(key, *state);
    }
  }
  // Durable state has the key, which was erased before it was tracked what changes.
  void note_gone(std::string_view key) { gone_.add(key); }
  // Before anything of the state changes.
  void will_change(const std::string& key, State& state) {
    if (touched_.is_on() && touched_.touch(state.touched, [&] { return key; })) put(key, state);
  }
  void cut() {
    touched_.cut();
    gone_.cut([this](const std::string& key) {
      if (find(key) == nullptr) out_.changes->gone(out_.address(kind_, key));
    });
    for (const auto& [at, key] : left_index_) change_index(at, key, true);
    left_index_.clear();
  }
  // About `most` keys of the cut; how many are left.
  std::size_t save(std::size_t most) {
    for (; most > 0; --most) {
      const auto key = touched_.next();
      if (!key) break;
      State* state = find(*key);
      if (state == nullptr || !touched_.is_due(state->touched)) continue;
      put(*key, *state);
      state->touched = Touched<std::string>::kClean;
    }
    return touched_.left();
  }
  // A state that comes out of durable state: as it is there, so it has not changed.
  State& restore(std::string key, std::unique_ptr<State> state) {
    State& out = *state;
    if (State* before = find(key)) unschedule(*before);
    if constexpr (kWaits) out.indexed = time_in_index(out);
    states_.insert_or_assign(std::move(key), std::move(state));
    return out;
  }

  // ----- keys that need not be in memory ---------------------------------------------------------------

  // Durable state has keys that memory has not. `read(key, reader)` restores one. REQUIRES: track().
  void begin_cold(std::function<bool(std::string, StateReader&)> read) {
    if (is_cold_) return;
    read_ = std::move(read);
    is_cold_ = true;
  }
  // Something may be due for keys that memory has not: durable state has an index of when that is, and what is missing
  // is read in time. `due_of(state)` is what `next` is given, and depends on what is written of the state alone.
  // REQUIRES: State::indexed; before anything else.
  void keep_index(Duration step, std::function<std::optional<Instant>(const State&)> due_of) {
    step_ = step;
    due_of_ = std::move(due_of);
  }
  // The index has keys of this group from `at` on.
  void cold_from(std::uint16_t group, Time at) { cold_due_.add(group, at); }

  // What each has beside its State, however little is written of it.
  void each_has(std::size_t bytes) { each_has_ = bytes; }
  // About how much memory all of them take: a state in memory is some times as large as it was written.
  std::size_t held() const {
    return states_.size() *
           (sizeof(State) + each_has_ + kAround + kUnpacked * put_bytes_ / std::max<std::uint64_t>(puts_, 1));
  }
  // Looks at up to `most` keys, each in its turn, and takes those out of memory that durable state has as they are. How
  // many. REQUIRES: the last cut is durable, all that was due before `passed` has happened; whoever takes something out
  // calls begin_cold() before anybody looks.
  std::size_t evict(std::size_t most, Time passed) {
    gone_.stored();
    cold_due_.set_read_before(passed);
    auto at = states_.find(std::string_view(hand_));
    if (at == states_.end()) at = states_.begin();
    std::size_t out = 0;
    for (; most > 0 && at != states_.end(); --most) {
      const auto one = at++;
      if (one->second->touched != Touched<std::string>::kClean || !may_leave(one->first, *one->second)) continue;
      unschedule(*one->second);
      states_.erase(one);
      ++out;
    }
    hand_ = at == states_.end() ? std::string() : at->first;
    erasures_ += out;
    return out;
  }

  std::size_t size() const { return states_.size(); }
  // Of a program whose keys stop to matter: called before a key is added, gives up those that `idle` says are what a
  // new one would be. Looks at all of them whenever they have doubled, so a key costs the same however many there are,
  // and no more than twice as many are kept as matter.
  template <class Idle>
  void make_room(std::size_t few, const Idle& idle) {
    if (states_.size() < std::max(few, room_)) return;
    const std::size_t gone = boost::unordered::erase_if(states_, [&](const auto& entry) {
      if (!idle(entry.first, *entry.second)) return false;
      will_go(entry.first, *entry.second);
      unschedule(*entry.second);
      return true;
    });
    erasures_ += gone;
    room_ = 2 * states_.size();
  }
  // The earliest of what is due for any key. Walks all of them: for what is asked once.
  template <class DueOf>
  std::optional<Instant> earliest(const DueOf& due_of) {
    bring_due(kForever);
    std::optional<Instant> out;
    for (const auto& [key, state] : states_) {
      const std::optional<Instant> due = due_of(*state);
      if (due && (!out || *due < *out)) out = due;
    }
    return out;
  }
  // What is due for each key for which something is.
  template <class DueOf>
  void due_keys(const DueOf& due_of, std::vector<std::pair<Instant, std::string>>& out) {
    bring_due(kForever);
    for (const auto& [key, state] : states_)
      if (const std::optional<Instant> due = due_of(*state)) out.emplace_back(*due, key);
  }
  auto begin() const { return states_.begin(); }
  auto end() const { return states_.end(); }

  // Remembers when something is due for the key. Only an earlier deadline is queued: a later one is found when the
  // earlier rings, so an event that moves a deadline costs nothing here. REQUIRES: State::scheduled.
  void schedule(const std::string& key, State& state, std::optional<Instant> due) {
    if (!due || (state.scheduled && *state.scheduled <= *due)) return;
    if (!state.scheduled) ++scheduled_;
    state.scheduled = due;
    if (queue_.size() >= kFewQueued && queue_.size() > 2 * scheduled_) drop_stale();
    queue_.push_back({*due, key});
    std::push_heap(queue_.begin(), queue_.end());
  }
  std::size_t queued() const { return queue_.size(); }
  // The next deadline that still stands, or when keys have to be read for which there may be one. `due_of(state)` gives
  // the state's own.
  template <class DueOf>
  std::optional<Instant> next(const DueOf& due_of) {
    const std::optional<Instant> out = next_in_memory(due_of);
    const std::optional<Time> cold = cold_due_.first();
    if (!cold || (out && *out <= Instant{*cold, Phase::over})) return out;
    return Instant{*cold, Phase::over};
  }
  // The keys with something due until `now`, in their order; each once. Their next deadlines want scheduling.
  std::vector<std::string> take(Instant now) {
    bring_due(now.time);
    std::vector<std::string> out;
    while (!queue_.empty() && queue_.front().at <= now) {
      State* state = standing(queue_.front());
      Entry top = pop();
      if (state == nullptr) continue;
      unschedule(*state);
      out.push_back(std::move(top.key));
    }
    std::sort(out.begin(), out.end());
    return out;
  }

 private:
  struct Entry {
    Instant at;
    std::string key;
    friend bool operator<(const Entry& a, const Entry& b) { return a.at != b.at ? a.at > b.at : a.key > b.key; }
    friend bool operator==(const Entry&, const Entry&) = default;
  };
  template <class DueOf>
  std::optional<Instant> next_in_memory(const DueOf& due_of) {
    while (!queue_.empty()) {
      State* state = standing(queue_.front());
      const std::optional<Instant> due = state != nullptr ? due_of(*state) : std::nullopt;
      if (state != nullptr && due == queue_.front().at) return due;
      const Entry top = pop();
      if (state == nullptr) continue;
      unschedule(*state);
      schedule(top.key, *state, due);
    }
    return std::nullopt;
  }
  // Whose deadline this is still; null: nobody's.
  State* standing(const Entry& entry) {
    State* state = find(entry.key);
    return state != nullptr && state->scheduled == entry.at ? state : nullptr;
  }
  Entry pop() {
    std::pop_heap(queue_.begin(), queue_.end());
    Entry out = std::move(queue_.back());
    queue_.pop_back();
    return out;
  }
  void unschedule(State& state) {
    if constexpr (requires { state.scheduled; })
      if (std::exchange(state.scheduled, std::nullopt)) --scheduled_;
  }
  // Keys that are erased early, and deadlines that come earlier, leave entries behind: of sessions that ended long
  // before they could have fallen idle there are ever more. Each costs a look-up here, as it would at the top.
  void drop_stale() {
    std::erase_if(queue_, [this](const Entry& entry) { return standing(entry) == nullptr; });
    std::sort(queue_.begin(), queue_.end(), [](const Entry& a, const Entry& b) { return b < a; });  // a heap, too
    queue_.erase(std::unique(queue_.begin(), queue_.end()), queue_.end());
  }
  void will_go(const std::string& key, State& state) {
    if (!touched_.is_on()) return;
    if (touched_.is_due(state.touched)) put(key, state);
    gone_.add(key);
    if constexpr (kWaits)
      if (state.indexed) left_index_.emplace_back(*state.indexed, key);
  }
  void put(const std::string& key, State& state) {
    put_bytes_ += out_.changes->put(out_.address(kind_, key), [&](StateWriter& w) { write_(w, state); });
    ++puts_;
    if constexpr (kWaits) put_index(key, state);
  }

  // ----- when something is due for keys that memory has not ---------------------------------------------

  static constexpr bool kWaits = requires(State& state) { state.indexed; };
  static constexpr Time kForever{std::numeric_limits<std::int64_t>::max()};
  static constexpr std::size_t kReadAtOnce = 1'024;  // of the index

  std::optional<Time> time_in_index(const State& state) const {
    if (step_.us == 0) return std::nullopt;
    const std::optional<Instant> due = due_of_(state);
    if (!due) return std::nullopt;
    const std::int64_t over = due->time.us % step_.us;
    return Time{due->time.us - (over < 0 ? over + step_.us : over)};
  }
  // Who only wants to carry state elsewhere reads nothing, and is given no index.
  void put_index(const std::string& key, State& state) {
    if (out_.cold == nullptr) return;
    const std::optional<Time> at = time_in_index(state);
    if (at == state.indexed) return;
    if (state.indexed) change_index(*state.indexed, key, true);
    if (at) change_index(*at, key, false);
    state.indexed = at;
  }
  void change_index(Time at, std::string_view key, bool gone) {
    timed_.clear();
    TimedKey{at, key}.append(timed_);
    const StateAddress address{out_.group_of(key), out_.program, StateKind::due, timed_};
    if (gone)
      out_.changes->gone(address);
    else
      out_.changes->put(address, [](StateWriter&) {});
  }
  // What is due soon stays: it would be read again at once.
  bool may_leave(const std::string& key, const State& state) {
    if constexpr (kWaits) {
      if (state.indexed && !cold_due_.is_ahead(*state.indexed)) return false;
      if (state.indexed) cold_due_.add(out_.group_of(key), *state.indexed);
    }
    return true;
  }
  // All keys that the index has until `now` are in memory, or durable state has them no more.
  void bring_due(Time now) {
    if (!cold_due_.group_until(now)) return;
    while (const auto group = cold_due_.group_until(now)) bring_due(*group, now);
    cold_due_.set_read(now);
  }
  void bring_due(std::uint16_t group, Time now) {
    std::string from, to;
    timed_.clear();
    TimedKey{Time{cold_due_.read_until().us + 1}, {}}.append(timed_);
    StateAddress{group, out_.program, StateKind::due, timed_}.append(from);
    StateAddress{group, out_.program, StateKind{static_cast<std::uint8_t>(kLastStateKind) + 1}, {}}.append(to);
    const std::size_t head = from.size() - timed_.size();
    std::vector<std::string> keys;
    for (bool is_more = true; is_more;) {
      keys.clear();
      is_more = false;
      std::optional<Time> later;
      const auto see = [&](std::string_view address) {
        const auto timed = TimedKey::read(address.substr(head));
        if (!timed) return true;
        if (timed->at > now) {
          later = timed->at;
          return false;
        }
        if (is_more = keys.size() == kReadAtOnce; is_more)
          from = address;
        else
          keys.emplace_back(timed->key);
        return !is_more;
      };
      if (!out_.cold->scan(from, to, see)) return cold_due_.clear();  // all end here
      for (const std::string& key : keys)
        if (find(key) == nullptr && bring(key) != nullptr) out_.cold->count_for_time();
      if (!is_more) cold_due_.set(group, later);
    }
  }
  State* read_cold(const HashedKey& key) {
    if (gone_.has(key.bytes)) return nullptr;
    const auto restore = [&](StateReader& in) { return read_(std::string(key.bytes), in); };
    return out_.cold->read(out_.address(kind_, key.bytes), out_.name, restore) ? find(key) : nullptr;
  }

  // Of a key, beside its state: its bytes twice (in the table, in the state), the table's place, the heap's.
  static constexpr std::size_t kAround = 160, kUnpacked = 3;

  boost::unordered_flat_map<std::string, std::unique_ptr<State>, StringHash, StringEqual> states_;
  static constexpr std::size_t kFewQueued = 64;
  std::vector<Entry> queue_;   // a heap, the earliest on top; not all of them stand
  std::size_t scheduled_ = 0;  // states that have an entry
  std::uint64_t erasures_ = 0;
  std::size_t room_ = 0;
  Touched<std::string> touched_;
  GoneKeys gone_;
  StateOut out_;
  StateKind kind_ = StateKind::key;
  std::function<void(StateWriter&, State&)> write_;
  std::function<bool(std::string, StateReader&)> read_;
  bool is_cold_ = false;
  std::string hand_;  // the key that evict() looks at next
  std::uint64_t puts_ = 0, put_bytes_ = 0;
  std::size_t each_has_ = 0;
  Duration step_{};  // of the index; 0: there is none
  std::function<std::optional<Instant>(const State&)> due_of_;
  ColdDue cold_due_;
  std::vector<std::pair<Time, std::string>> left_index_;  // of keys that have gone since the last cut
  std::string timed_;
};

}  // namespace tocsin
