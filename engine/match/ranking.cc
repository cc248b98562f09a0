// `top N x.f by count over D`: how often each value is there is kept as events come and go, and the values stand in
// their order. So an event costs as much as finding the place of its value, however long the window. What condition.cc
// works out from all events of the window is the same (tests/equality_test.cc).
#include <algorithm>
#include <boost/unordered/unordered_flat_map.hpp>
#include <functional>
#include <limits>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "engine/base/hash.h"
#include "engine/event/write.h"
#include "engine/match/events_report.h"
#include "engine/match/forms.h"
#include "engine/match/ring.h"
#include "engine/match/stream_values.h"

namespace tocsin {
namespace {

// A value that is there, and its events.
struct Row {
  std::string key, shown;
  Ring<Seen> events;

  template <class Archive>
  void state_parts(Archive& a) {
    a(key, shown, events);
  }
};
// By count; ties by the bytes that people see (A7).
struct Before {
  bool operator()(const Row* a, const Row* b) const {
    if (a->events.size() != b->events.size()) return a->events.size() > b->events.size();
    return a->shown != b->shown ? a->shown < b->shown : a->key < b->key;
  }
};

struct State : PatternState {
  struct Entry {
    Time time{};
    Row* row = nullptr;  // null: an event without the value, which counts nowhere (E5) and is waited for all the same
  };
  Ring<Entry> entries;  // of the window, the oldest first
  boost::unordered_flat_map<std::string, std::unique_ptr<Row>, TextHash, std::equal_to<>> rows;
  std::set<Row*, Before> order;
  std::vector<std::string> places;  // the first N, as they were told
  bool seen = false;

  // The rows, then which of them each event is of, by their number: their own events follow from that.
  template <class Archive>
  void state_parts(Archive& a) {
    a(places, seen);
    std::vector<Row*> numbered;
    const std::size_t count = a.count(rows.size());
    if constexpr (Archive::kReads) {
      for (std::size_t i = 0; i < count && a.ok(); ++i) {
        auto row = std::make_unique<Row>();
        a(*row);
        numbered.push_back(row.get());
        std::string key = row->key;
        if (row->events.empty() || !rows.emplace(std::move(key), std::move(row)).second) return a.fail();
        order.insert(numbered.back());
      }
    } else {
      for (const auto& [key, row] : rows) numbered.push_back(row.get());
      std::ranges::sort(numbered, {}, &Row::key);  // not the order of a hash map
      for (Row* row : numbered) a(*row);
    }
    entry_parts(a, numbered);
  }

  template <class Archive>
  void entry_parts(Archive& a, const std::vector<Row*>& numbered) {
    const std::size_t count = a.count(entries.size());
    if constexpr (Archive::kReads) {
      std::vector<std::size_t> left;  // by row: its events that no entry has named yet
      for (const Row* row : numbered) left.push_back(row->events.size());
      for (std::size_t i = 0; i < count && a.ok(); ++i) {
        Entry entry;
        std::size_t number = 0;
        a(entry.time, number);
        if (number > numbered.size() || (number > 0 && left[number - 1]-- == 0)) return a.fail();
        if (number > 0) entry.row = numbered[number - 1];
        entries.push_back(entry);
      }
      if (std::ranges::any_of(left, [](std::size_t n) { return n > 0; })) a.fail();
    } else {
      boost::unordered_flat_map<const Row*, std::size_t> number{{nullptr, 0}};
      for (const Row* row : numbered) number.emplace(row, number.size());
      for (const Entry& entry : entries) a(entry.time, number[entry.row]);
    }
  }

  std::size_t bytes() const override {
    std::size_t sum = sizeof(State) + entries.size() * sizeof(Entry);
    for (const auto& [key, row] : rows) {
      sum += sizeof(Row) + 2 * key.size() + row->shown.size();
      for (const Seen& e : row->events) sum += e.bytes();
    }
    return sum;
  }
};

class Ranking : public WithStateParts<State> {
 public:
  Ranking(const Program& program, const Pattern& pattern, const Evaluator& evaluator, const MatchOptions& options)
      : program_(program), pattern_(pattern), evaluator_(evaluator), options_(options) {}

  std::unique_ptr<PatternState> begin(Time, bool seen) const override {
    auto state = std::make_unique<State>();
    state->seen = seen;
    return state;
  }

  void on_event(PatternState& base, const Visit& visit, const Findings& found) const override {
    auto& state = static_cast<State&>(base);
    if (!visit.fits[pattern_.stream.index]) return;
    const Time now = visit.event->time;
    while (!state.entries.empty() && state.entries.front().time < now - pattern_.length) drop_oldest(state);
    take(state, visit);
    judge(state, visit.context, now, found);
  }

  void on_timer(PatternState& base, Instant now, const EvalContext& context, const Findings& found) const override {
    auto& state = static_cast<State&>(base);
    if (now.phase != Phase::waited) return;
    while (!state.entries.empty() && state.entries.front().time <= now.time - pattern_.length) drop_oldest(state);
    judge(state, context, now.time, found);
  }

  std::optional<Instant> due(const PatternState& base) const override {
    const auto& entries = static_cast<const State&>(base).entries;
    if (entries.empty()) return std::nullopt;
    return Instant{entries.front().time + pattern_.length, Phase::waited};
  }

  void start_over(PatternState&, Instant) const override {}  // its places are one after the other at one instant
  bool watches(const PatternState& base) const override { return static_cast<const State&>(base).seen; }

 private:
  void take(State& state, const Visit& visit) const {
    Row* row = row_of(state, *visit.event, visit.context);
    if (row != nullptr) {
      state.order.erase(row);
      row->events.emplace_back(*visit.event, visit.fits);
      state.order.insert(row);
    }
    state.entries.push_back({visit.event->time, row});
    if (state.entries.size() <= options_.window_events) return;
    drop_oldest(state);
    options_.count_cut();
  }

  Row* row_of(State& state, const Event& event, const EvalContext& context) const {
    std::string key;
    if (!append_values(key, program_, pattern_.stream, event, context, evaluator_)) return nullptr;
    auto& row = state.rows[key];
    if (row == nullptr) {
      row = std::make_unique<Row>();
      append_text(row->shown, sample_value(program_, pattern_.stream, event, context, evaluator_));
      row->key = std::move(key);
    }
    return row.get();
  }

  static void drop_oldest(State& state) {
    Row* row = state.entries.front().row;
    state.entries.pop_front();
    if (row == nullptr) return;
    state.order.erase(row);
    row->events.pop_front();
    if (!row->events.empty())
      state.order.insert(row);
    else
      state.rows.erase(state.rows.find(row->key));
  }

  // One alert for each place whose value is another.
  void judge(State& state, const EvalContext& context, Time now, const Findings& found) const {
    std::vector<const Row*> ranked;
    for (auto row = state.order.begin(); row != state.order.end() && ranked.size() < pattern_.count; ++row)
      ranked.push_back(*row);
    const auto is_told = [&](const std::vector<std::string>& places, std::size_t i) {
      return i < places.size() && places[i] == ranked[i]->key;
    };
    std::size_t same = 0;
    while (same < ranked.size() && is_told(state.places, same)) ++same;
    if (same == ranked.size()) return state.places.resize(same);
    const std::vector<std::string> before = std::move(state.places);
    state.places.clear();
    for (const Row* row : ranked) state.places.push_back(row->key);
    bool refused = false;
    for (std::size_t i = same; i < ranked.size(); ++i) {
      if (is_told(before, i)) continue;
      EventsReport report(program_, pattern_, evaluator_, context, now);
      for (const Seen& e : ranked[i]->events) report.add(0, e.event());
      report.set(Fact::rank, Value::integer(static_cast<std::int64_t>(i) + 1));
      Finding finding;
      finding.report = &report;
      found(finding);
      refused = refused || finding.refused;
    }
    if (refused) state.places = before;  // F8: what still holds when it may speak again is news then
  }

  const Program& program_;
  const Pattern& pattern_;
  const Evaluator& evaluator_;
  MatchOptions options_;
};

}  // namespace

std::unique_ptr<PatternMatcher> make_ranking(const Program& program, const Pattern& pattern, const Evaluator& evaluator,
                                             const MatchOptions& options) {
  return std::make_unique<Ranking>(program, pattern, evaluator, options);
}

}  // namespace tocsin
