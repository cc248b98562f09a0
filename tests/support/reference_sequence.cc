// The search goes over the items of a pattern from left to right. Single events are tried from the latest back. A run
// of repeated places is worked out between the event before it and the event after it, which is guessed first (Q3: a
// place lies between its neighbours). A `maybe` is another list of items (reference_model.h), and the reported choice
// is the greatest by Q6.
#include "tests/support/reference_sequence.h"

#include <algorithm>
#include <map>
#include <tuple>

namespace tocsin::reference {

bool plays(const Seen& event, const std::string& bound, const std::string& written,
           const std::set<std::string>* parts) {
  if (event.part.empty() || parts == nullptr) return true;
  if (!bound.empty() && parts->contains(bound)) return event.part == bound;
  if (parts->contains(written)) return event.part == written;
  return true;
}

namespace {

constexpr int kNone = -1;
constexpr int kAny = std::numeric_limits<int>::max();

struct Group {
  std::optional<Duration> within;
  std::optional<Time> upper;  // by the link before it
  int first = kNone;
  int guess = kNone;  // where it ends
};

struct State {
  int prev = kNone;
  int limit = 0;  // events from here on are not looked at
  std::vector<const Stream*> no;
  bool next = false;
  int required = kNone;     // the next event taken is this one
  int next_at_most = kAny;  // ... and none behind this one: a repeated place would be larger
  std::optional<Time> absent_until;
  std::vector<Time> deadlines;
  std::vector<Group> groups;
};

using Go = std::function<void(State)>;

class Solver {
 public:
  explicit Solver(const Search& search) : s_(search), events_(*search.events) {
    scope_ = s_.scope;
    scope_.taken = &taken_;
    scope_.names = &s_.pattern->names;
  }

  std::vector<Choice> all() {
    const int size = static_cast<int>(events_.size());
    if (size == 0) return {};
    for (const auto& variant : s_.pattern->variants) {
      for (end_ = size - 1; end_ >= (s_.deadline ? 0 : size - 1); --end_) search(variant);
    }
    std::sort(found_.begin(), found_.end(), [](const Choice& a, const Choice& b) { return orders(a) < orders(b); });
    return found_;
  }

  // Q4: would these single events, without any `maybe`, give a repeated step more?
  void force(const Items& items, int end, const std::map<int, int>& singles) {
    forced_ = &singles;
    end_ = end;
    search(items);
  }
  std::map<int, std::vector<int>> repeated_of_first() const { return repeated_; }
  bool any_found() const { return !found_.empty(); }

 private:
  static std::vector<std::int64_t> orders(const Choice& c) {  // Q18
    std::vector<std::int64_t> out;
    for (const Taken& t : c.taken)
      if (t.shown) out.push_back(t.event->order);
    std::sort(out.begin(), out.end());
    return out;
  }

  const Seen& event(int i) const { return *events_[static_cast<std::size_t>(i)]; }
  Time time(int i) const { return event(i).time; }
  int index_of(const Seen* e) const {
    return static_cast<int>(std::find(events_.begin(), events_.end(), e) - events_.begin());
  }
  bool is_taken(int i) const {  // Q1, and E2's "never twice in one match"
    return std::any_of(taken_.begin(), taken_.end(),
                       [&](const Taken& t) { return t.shown && t.event->order == event(i).order; });
  }

  void search(const Items& items) {
    top_ = &items;
    taken_.clear();
    singles_.clear();
    maybes_.assign(static_cast<std::size_t>(s_.pattern->places) + 1, -1);
    // The first choice found is the best where nothing but single events is chosen, and these from the latest on.
    greedy_ = !s_.every && s_.pattern->variants.size() == 1 &&
              std::all_of(items.begin(), items.end(),
                          [](const Item& i) { return i.kind != Item::Kind::any && !i.guess_end; });
    done_ = false;
    State st;
    st.limit = end_ + 1;
    solve(items, 0, st, [&](const State& last) { finish(last); });
  }

  bool fitting(const Stream& stream, const std::string& bound, int i, std::string* name) const {
    std::string written;
    if (!fits(stream, event(i), scope_, &written) || !plays(event(i), bound, written, s_.parts)) return false;
    if (name != nullptr) *name = bound.empty() ? written : bound;
    return true;
  }

  // Q10: how far the link of an item lets it reach.
  std::optional<Time> link_end(const Item& item, const State& st) const {
    if (!item.link_within) return std::nullopt;
    if (item.link_within->of.empty()) {
      if (st.prev == kNone) return std::nullopt;
      return time(st.prev) + item.link_within->length;
    }
    const Taken* named = last_of(item.link_within->of);
    if (named == nullptr) return std::nullopt;
    return named->event->time + item.link_within->length;
  }
  const Taken* last_of(const std::string& name) const {
    for (auto it = taken_.rbegin(); it != taken_.rend(); ++it)
      if (it->name == name) return &*it;
    return nullptr;
  }

  bool in_bounds(const State& st, int i, const std::optional<Time>& upper) const {
    const Time t = time(i);
    if (upper && t > *upper) return false;
    if (s_.pattern->within && t < time(end_) - *s_.pattern->within) return false;
    for (const Group& g : st.groups) {
      if (g.upper && t > *g.upper) return false;
      if (g.guess != kNone && i > g.guess) return false;
      if (!g.within) continue;
      if (g.first != kNone && t > time(g.first) + *g.within) return false;
      if (g.guess != kNone && t < time(g.guess) - *g.within) return false;
    }
    return true;
  }

  // Q7, Q8 and the guesses: may the next event taken be this one?
  bool may_follow(const State& st, int i) const {
    if (i <= st.prev || i >= st.limit || (st.required != kNone && i != st.required) || i > st.next_at_most)
      return false;
    if (st.absent_until && time(i) <= *st.absent_until) return false;
    if (st.prev == kNone) return true;
    if (event(i).order == event(st.prev).order) return false;
    if (free_) return true;
    for (int x = st.prev + 1; x < i; ++x) {
      if (event(x).order == event(i).order || event(x).order == event(st.prev).order) continue;
      if (st.next && s_.pattern->bases.contains(event(x).type)) return false;
      for (const Stream* no : st.no)
        if (fitting(*no, "", x, nullptr)) return false;
    }
    return true;
  }

  static State followed(State st, int first, int last) {
    st.prev = last;
    st.no.clear();
    st.next = false;
    st.required = kNone;
    st.next_at_most = kAny;
    st.absent_until.reset();
    for (Group& g : st.groups)
      if (g.first == kNone) g.first = first;
    return st;
  }

  static void enter(const Item& item, State& st) {
    for (const Stream& no : item.no) st.no.push_back(&no);
    st.next = st.next || item.next;
  }

  void push(int i, const std::string& name, int slot) {
    taken_.push_back({events_[static_cast<std::size_t>(i)], name, slot, true});
  }

  // --- one item after the other

  void solve(const Items& items, std::size_t at, State st, const Go& go) {
    if (done_) return;
    if (at == items.size()) return go(std::move(st));
    const Item& item = items[at];
    switch (item.kind) {
      case Item::Kind::nothing:
        for (const Stream& no : item.no) st.no.push_back(&no);
        return solve(items, at + 1, std::move(st), go);
      case Item::Kind::group_begin:
        return begin(items, at, std::move(st), go);
      case Item::Kind::group_end:
        if (!leave(item, st)) return;
        mark_group(item, st);
        solve(items, at + 1, st, go);
        unmark_group(item);
        return;
      case Item::Kind::single:
        return single(items, at, std::move(st), go);
      case Item::Kind::any:
        return any(items, at, std::move(st), go);
      case Item::Kind::repeat:
        if (item.until != nullptr) return until(items, at, std::move(st), go);
        return run(items, at, std::move(st), go);
      case Item::Kind::repeat_group:
        return run(items, at, std::move(st), go);
    }
  }

  bool last_taker(const Items& items, std::size_t at) const {
    return &items == top_ &&
           std::all_of(items.begin() + static_cast<std::ptrdiff_t>(at) + 1, items.end(),
                       [](const Item& i) { return i.kind == Item::Kind::group_end || i.kind == Item::Kind::nothing; });
  }

  void single(const Items& items, std::size_t at, State st, const Go& go) {
    const Item& item = items[at];
    enter(item, st);
    const auto upper = link_end(item, st);
    const int from = last_taker(items, at) ? end_ : st.prev + 1;
    for (int i = st.limit - 1; i >= from && !done_; --i) {
      if (forced_ != nullptr && forced_->contains(item.slot) && forced_->at(item.slot) != i) continue;
      std::string name;
      if (!in_bounds(st, i, upper) || is_taken(i) || !may_follow(st, i) || !fitting(item.stream, item.name, i, &name))
        continue;
      push(i, name, item.slot);
      const bool ranked = inside_any_ == 0 && item.tier == 0;
      const auto slot = static_cast<std::size_t>(item.slot);
      if (ranked) singles_.push_back({event(i).order});
      if (item.tier == 1) maybes_[slot] = event(i).order;
      solve(items, at + 1, followed(st, i, i), go);
      if (item.tier == 1) maybes_[slot] = -1;
      if (ranked) singles_.pop_back();
      taken_.pop_back();
    }
  }

  void begin(const Items& items, std::size_t at, State st, const Go& go) {
    const Item& item = items[at];
    if (item.guess_end && item.only_repeats) return run(items, at, std::move(st), go);
    enter(item, st);
    Group g;
    g.within = item.within;
    g.upper = link_end(item, st);
    st.groups.push_back(g);
    if (!item.guess_end) return solve(items, at + 1, std::move(st), go);
    for (int guess = st.limit - 1; guess > st.prev; --guess) {
      st.groups.back().guess = guess;
      solve(items, at + 1, st, go);
    }
  }

  // The end of a group, or the absence that ends a pattern.
  bool leave(const Item& item, State& st) const {
    if (item.absent != nullptr) {
      if (st.prev == kNone) return false;
      const Taken* named = item.absent_within.of.empty() ? nullptr : last_of(item.absent_within.of);
      const Time base = named != nullptr ? named->event->time : time(st.prev);
      const Time deadline = base + item.absent_within.length;
      if (deadline < time(st.prev)) return false;
      for (int x = st.prev + 1; x < static_cast<int>(events_.size()) && time(x) <= deadline; ++x)
        if (event(x).order > event(st.prev).order && fitting(*item.absent, "", x, nullptr)) return false;
      st.absent_until = st.absent_until ? std::max(*st.absent_until, deadline) : deadline;
      st.deadlines.push_back(deadline);
    }
    if (&item == &top_->back() && st.groups.empty()) return true;
    if (st.groups.empty()) return true;
    const Group g = st.groups.back();
    if (g.guess != kNone && st.prev != g.guess) return false;
    st.groups.pop_back();
    return true;
  }
  // `(..) as NAME` names the last event of the group, beside the names inside.
  void mark_group(const Item& item, const State& st) {
    if (!item.name.empty() && st.prev != kNone)
      taken_.push_back({events_[static_cast<std::size_t>(st.prev)], item.name, item.slot, false});
  }
  void unmark_group(const Item& item) {
    if (!item.name.empty() && !taken_.empty() && !taken_.back().shown && taken_.back().name == item.name)
      taken_.pop_back();
  }

  // --- repeated places

  static bool runs(const Item& i) {
    switch (i.kind) {
      case Item::Kind::repeat:
        return i.until == nullptr;
      case Item::Kind::repeat_group:
      case Item::Kind::group_end:
      case Item::Kind::nothing:
        return true;
      case Item::Kind::group_begin:
        return !i.guess_end || i.only_repeats;
      case Item::Kind::single:
      case Item::Kind::any:
        return false;
    }
    return false;
  }

  void run(const Items& items, std::size_t at, State st, const Go& go) {
    std::size_t to = at;
    while (to < items.size() && runs(items[to])) ++to;
    if (to == items.size()) {
      bool settled = false;
      places(items, at, to, st.limit, &items == top_, std::move(st), settled, go);
      return;
    }
    for (int q = st.limit - 1; q > st.prev && !done_; --q) {
      const Item& next = items[to];
      if (next.kind == Item::Kind::single &&
          std::find(next.stream.bases.begin(), next.stream.bases.end(), event(q).type) == next.stream.bases.end())
        continue;
      bool settled = false;
      places(items, at, to, q, false, st, settled, [&](State after) {
        after.required = q;
        solve(items, to, std::move(after), go);
      });
    }
  }

  // Q3: items[at, to) between st.prev and q. The first division that leaves all their number stands; `every` goes on to
  // all.
  void places(const Items& items, std::size_t at, std::size_t to, int q, bool trailing, State st, bool& settled,
              const Go& go) {
    if (done_ || (settled && !s_.every)) return;
    if (at == to) {
      if (trailing ? st.next_at_most != kAny : q > st.next_at_most) return;
      settled = true;
      return go(std::move(st));
    }
    const Item& item = items[at];
    const Go on = [&](State after) { places(items, at + 1, to, q, trailing, std::move(after), settled, go); };
    switch (item.kind) {
      case Item::Kind::nothing:
        for (const Stream& no : item.no) st.no.push_back(&no);
        return on(std::move(st));
      case Item::Kind::group_end:
        if (!leave(item, st)) return;
        mark_group(item, st);
        on(st);
        unmark_group(item);
        return;
      case Item::Kind::group_begin: {
        enter(item, st);
        Group g;
        g.within = item.within;
        g.upper = link_end(item, st);
        st.groups.push_back(g);
        if (!item.guess_end) return on(std::move(st));
        for (int guess = q - 1; guess > st.prev && (!settled || s_.every); --guess) {  // "the latest such window"
          st.groups.back().guess = guess;
          on(st);
        }
        return;
      }
      case Item::Kind::repeat_group:
        return repeat_group(items, at, to, q, trailing, std::move(st), on);
      case Item::Kind::repeat:
        if (item.consecutive) return streak(items, at, to, q, trailing, std::move(st), on);
        return repeat(items, at, to, q, trailing, std::move(st), on);
      case Item::Kind::single:
      case Item::Kind::any:
        return;
    }
  }

  static bool more_places(const Items& items, std::size_t at, std::size_t to) {
    return std::any_of(
        items.begin() + static_cast<std::ptrdiff_t>(at) + 1, items.begin() + static_cast<std::ptrdiff_t>(to),
        [](const Item& i) { return i.kind == Item::Kind::repeat || i.kind == Item::Kind::repeat_group; });
  }
  static bool ends_in_absence(const Items& items, std::size_t at) {
    return std::any_of(items.begin() + static_cast<std::ptrdiff_t>(at), items.end(),
                       [](const Item& i) { return i.absent != nullptr; });
  }
  // Q5 and Q11: does a repeated step at the very end have its number now?
  static bool number_at_end(const Item& item, const Items& items, std::size_t at, std::int64_t n) {
    return ends_in_absence(items, at) ? n >= item.low && n <= item.high : n == item.low;
  }

  // All fitting events in the place, each seeing those before it (Q2). They are left on taken_.
  std::vector<int> take_all(const Item& item, const State& st, int q, const std::optional<Time>& upper) {
    std::vector<int> out;
    for (int i = st.prev + 1; i < q; ++i) {
      std::string name;
      if (!in_bounds(st, i, upper) || is_taken(i) || (st.absent_until && time(i) <= *st.absent_until)) continue;
      if (!fitting(item.stream, item.name, i, &name)) continue;
      push(i, name, item.slot);
      out.push_back(i);
    }
    return out;
  }
  void untake(std::size_t n) { taken_.resize(taken_.size() - n); }

  void repeat(const Items& items, std::size_t at, std::size_t to, int q, bool trailing, State st, const Go& on) {
    const Item& item = items[at];
    State nothing = st;
    enter(item, st);
    for (const Stream& no : item.no) nothing.no.push_back(&no);  // Q7: hands its `no` on
    const auto upper = link_end(item, st);
    const std::vector<int> all = take_all(item, st, q, upper);
    const bool more = more_places(items, at, to);
    const auto size = static_cast<std::int64_t>(all.size());
    if (s_.every) {
      untake(all.size());
      const bool enough = size >= item.low && (more || trailing || size <= item.high);  // Q17: the place satisfies Q4
      if (enough) subsets(items, at, q, trailing && !more, st, upper, all, on);
      return;
    }
    if (!more) {
      const bool right = trailing ? number_at_end(item, items, at, size) && size > 0 && all.back() == end_
                                  : size >= item.low && size <= item.high;
      if (right && size > 0 && may_follow(st, all.front())) on(followed(st, all.front(), all.back()));
      untake(all.size());
      if (right && size == 0) on(std::move(nothing));
      return;
    }
    for (std::int64_t n = size; n >= item.low; --n) {
      if (n <= item.high && (n == 0 || may_follow(st, all.front()))) {
        const auto count = static_cast<std::size_t>(n);
        State after = n == 0 ? nothing : followed(st, all.front(), all[count - 1]);
        if (n < size) after.next_at_most = std::min(after.next_at_most, all[count]);
        on(std::move(after));
      }
      if (n > 0) untake(1);
    }
    if (item.low > 0) untake(static_cast<std::size_t>(std::min(item.low - 1, size)));
  }

  // Q17: every N or more of the fitting events.
  void subsets(const Items& items, std::size_t at, int q, bool last, const State& st, const std::optional<Time>& upper,
               const std::vector<int>& all, const Go& on) {
    const Item& item = items[at];
    std::vector<int> chosen;
    std::function<void(int)> from = [&](int i) {
      const auto n = static_cast<std::int64_t>(chosen.size());
      const bool at_end = last && !ends_in_absence(items, at);
      if (i >= q) {
        if (n < item.low || (at_end && n != item.low) || (last && (n == 0 || chosen.back() != end_))) return;
        State after = st;
        if (n > 0) {
          if (!may_follow(st, chosen.front())) return;
          after = followed(st, chosen.front(), chosen.back());
        }
        if (static_cast<std::int64_t>(all.size()) > item.high && !last)
          after.next_at_most = all[static_cast<std::size_t>(item.high)];
        return on(std::move(after));
      }
      std::string name;
      if (in_bounds(st, i, upper) && !is_taken(i) && fitting(item.stream, item.name, i, &name)) {
        push(i, name, item.slot);
        chosen.push_back(i);
        from(i + 1);
        chosen.pop_back();
        taken_.pop_back();
      }
      from(i + 1);
    };
    from(st.prev + 1);
  }

  // Q13.
  void streak(const Items& items, std::size_t at, std::size_t to, int q, bool trailing, State st, const Go& on) {
    const Item& item = items[at];
    enter(item, st);
    const auto upper = link_end(item, st);
    const bool more = more_places(items, at, to);
    std::vector<std::vector<int>> streaks{{}};
    for (int i = st.prev + 1; i < q; ++i) {
      if (!in_bounds(st, i, upper) || is_taken(i)) continue;
      std::string name;
      for (int attempt = 0; attempt < 2; ++attempt) {
        if (fitting(item.stream, item.name, i, &name)) {
          push(i, name, item.slot);
          streaks.back().push_back(i);
          break;
        }
        const bool breaks = item.of != nullptr ? fitting(*item.of, "", i, nullptr)
                                               : std::find(item.stream.bases.begin(), item.stream.bases.end(),
                                                           event(i).type) != item.stream.bases.end();
        if (!breaks || streaks.back().empty()) break;
        untake(streaks.back().size());  // a broken streak is not seen by the event that may begin the next one
        streaks.emplace_back();
      }
    }
    untake(streaks.back().size());
    for (auto it = streaks.rbegin(); it != streaks.rend(); ++it) {
      const auto n = static_cast<std::int64_t>(it->size());
      const bool right = trailing && !more ? n > 0 && it->back() == end_ && number_at_end(item, items, at, n)
                                           : n >= item.low && n <= item.high;
      if (!right || n == 0) continue;
      if (may_follow(st, it->front())) {
        for (const int i : *it) {
          std::string name;
          fits(item.stream, event(i), scope_, &name);
          push(i, item.name.empty() ? name : item.name, item.slot);
        }
        on(followed(st, it->front(), it->back()));
        untake(it->size());
      }
      if (!s_.every) return;  // "the latest that has the number"
    }
    if (item.low == 0) on(std::move(st));
  }

  // Q3: a repeated group takes its own default fires, one after the other.
  void repeat_group(const Items& items, std::size_t at, std::size_t to, int q, bool trailing, State st, const Go& on) {
    const Item& item = items[at];
    enter(item, st);
    const auto upper = link_end(item, st);
    Events place;
    for (int i = st.prev + 1; i < q; ++i)
      if (in_bounds(st, i, upper) && !(st.absent_until && time(i) <= *st.absent_until)) place.push_back(&event(i));
    const bool open_end = q >= static_cast<int>(events_.size());
    const Time end = open_end ? (s_.deadline ? *s_.deadline : time(end_)) : time(q);
    std::vector<InnerFire> fires = s_.inner(*item.inner, place, end, open_end && s_.deadline.has_value());
    const bool more = more_places(items, at, to);
    if (item.last_fire_only && fires.size() > 1) fires.erase(fires.begin(), fires.end() - 1);
    const auto size = static_cast<std::int64_t>(fires.size());
    const auto bounds = [&](const InnerFire& f) {
      int low = kAny, high = kNone;
      for (const Taken& t : f.taken) {
        const int i = index_of(t.event);
        low = std::min(low, i);
        high = std::max(high, i);
      }
      return std::pair{low, high};
    };
    const auto take = [&](const std::vector<const InnerFire*>& these, std::optional<int> next_at_most) {
      State after = st;
      std::size_t pushed = 0;
      if (!these.empty()) {
        const int first = bounds(*these.front()).first, last = bounds(*these.back()).second;
        if (first == kAny || !may_follow(st, first)) return;
        after = followed(st, first, last);
        const bool timed = these.back()->at > time(last);
        if (timed) {
          after.absent_until = these.back()->at;
          after.deadlines.push_back(these.back()->at);
        }
        for (const InnerFire* f : these)
          for (const Taken& one : f->taken) {
            Taken t = one;
            t.slot = item.slot;
            t.ends_group = &one == &f->taken.back();
            taken_.push_back(t);
            ++pushed;
          }
        if (!item.name.empty())
          for (const InnerFire* f : these) {
            taken_.push_back({&event(bounds(*f).second), item.name, item.slot, false});
            ++pushed;
          }
      }
      if (next_at_most) after.next_at_most = *next_at_most;
      on(std::move(after));
      untake(pushed);
    };
    std::vector<const InnerFire*> all;
    for (const InnerFire& f : fires) all.push_back(&f);
    if (s_.every) {
      for (std::uint64_t mask = 0; mask < (std::uint64_t{1} << std::min<std::size_t>(all.size(), 20)); ++mask) {
        std::vector<const InnerFire*> some;
        for (std::size_t i = 0; i < all.size(); ++i)
          if (mask >> i & 1) some.push_back(all[i]);
        const auto n = static_cast<std::int64_t>(some.size());
        if (n < item.low || (!trailing && size > item.high)) continue;
        if (trailing && !more && (n != item.low || bounds(*some.back()).second != end_)) continue;
        take(some, std::nullopt);
      }
      return;
    }
    if (!more) {
      const bool right = trailing
                             ? number_at_end(item, items, at, size) && size > 0 && bounds(fires.back()).second == end_
                             : size >= item.low && size <= item.high;
      if (right) take(all, std::nullopt);
      return;
    }
    for (std::int64_t n = size; n >= item.low; --n) {
      if (n <= item.high) {
        const auto count = static_cast<std::size_t>(n);
        take({all.begin(), all.begin() + n}, n < size ? std::optional(bounds(fires[count]).first) : std::nullopt);
      }
    }
  }

  // `a until c` (Q5).
  void until(const Items& items, std::size_t at, State st, const Go& go) {
    const Item& item = items[at];
    enter(item, st);
    const auto upper = link_end(item, st);
    const auto ends = [&](int i) { return !is_taken(i) && fitting(*item.until, item.until_name, i, nullptr); };
    const auto with_end = [&](int from, int c) {  // the place is (from, c)
      std::vector<int> all;
      for (int i = from + 1; i < c; ++i) {
        std::string name;
        if (!in_bounds(st, i, upper) || is_taken(i) || !fitting(item.stream, item.name, i, &name)) continue;
        push(i, name, item.slot);
        all.push_back(i);
      }
      const auto size = static_cast<std::int64_t>(all.size());
      std::string name;
      const bool right = size >= item.low && size <= item.high && in_bounds(st, c, upper) &&
                         fitting(*item.until, item.until_name, c, &name);
      const auto complete = [&](int first) {
        if (!may_follow(st, first)) return;
        push(c, name, item.slot);
        solve(items, at + 1, followed(st, first, c), go);
        taken_.pop_back();
      };
      if (right && !s_.every) complete(all.empty() ? c : all.front());
      untake(all.size());
      if (!right || !s_.every) return;
      std::vector<int> chosen;
      std::function<void(std::size_t)> pick = [&](std::size_t i) {
        if (i == all.size()) {
          if (static_cast<std::int64_t>(chosen.size()) >= item.low) complete(chosen.empty() ? c : chosen.front());
          return;
        }
        std::string as;
        if (fitting(item.stream, item.name, all[i], &as)) {
          push(all[i], as, item.slot);
          chosen.push_back(all[i]);
          pick(i + 1);
          chosen.pop_back();
          taken_.pop_back();
        }
        pick(i + 1);
      };
      pick(0);
    };
    if (st.prev == kNone) {  // "at the start of a pattern its place begins after the c before"
      for (int c = st.limit - 1; c >= 0 && !done_; --c) {
        if (last_taker(items, at) && c != end_) break;
        if (!ends(c)) continue;
        int from = c - 1;
        while (from >= 0 && !ends(from)) --from;
        if (inside_any_ == 0) singles_.push_back({event(c).order});
        with_end(from, c);
        if (inside_any_ == 0) singles_.pop_back();
      }
      return;
    }
    // The first c: with those a taken that came before it, for its filter may look at them.
    std::size_t seen = 0;
    int c = kNone;
    for (int i = st.prev + 1; i < st.limit && c == kNone; ++i) {
      if (event(i).order == event(st.prev).order) continue;
      std::string name;
      if (ends(i)) {
        c = i;
      } else if (in_bounds(st, i, upper) && !is_taken(i) && fitting(item.stream, item.name, i, &name)) {
        push(i, name, item.slot);
        ++seen;
      }
    }
    untake(seen);
    if (c != kNone) with_end(st.prev, c);
  }

  // --- `any N of`, `all of` (Q14)

  void any(const Items& items, std::size_t at, State st, const Go& go) {
    const Item& item = items[at];
    enter(item, st);
    const auto upper = link_end(item, st);
    const bool repeats =
        std::any_of(item.alternatives.begin(), item.alternatives.end(), [](const Variants& v) { return repeated(v); });
    const bool last = last_taker(items, at);
    if (!repeats || last) return any_before(items, at, st, st.limit, false, last, upper, go);
    for (int q = st.limit - 1; q > st.prev; --q) any_before(items, at, st, q, true, false, upper, go);
  }
  static bool repeated(const Variants& v) {
    return v.size() == 1 && v[0].size() == 1 && v[0][0].kind == Item::Kind::repeat && v[0][0].until == nullptr;
  }

  struct Alternative {
    const Item* repeat = nullptr;
    int completed = kNone;  // at this event
  };

  void any_before(const Items& items, std::size_t at, const State& st, int q, bool guessed, bool last,
                  const std::optional<Time>& upper, const Go& go) {
    const Item& item = items[at];
    const std::size_t before = taken_.size();
    std::vector<Alternative> chosen;
    State inside = st;  // links look at the first and the last event, not at those between
    inside.no.clear();
    inside.next = false;
    inside.required = kNone;
    inside.next_at_most = kAny;
    inside.limit = q;
    if (upper) {
      Group g;
      g.upper = upper;
      inside.groups.push_back(g);
    }
    const auto whole = [&] {
      std::vector<std::int64_t> orders;
      int low = kAny, high = kNone;
      for (std::size_t i = before; i < taken_.size(); ++i) {
        if (!taken_[i].shown) continue;
        const int index = index_of(taken_[i].event);
        low = std::min(low, index);
        high = std::max(high, index);
        orders.push_back(taken_[i].event->order);
      }
      if (high == kNone || !may_follow(st, low)) return;
      if (last && std::none_of(chosen.begin(), chosen.end(), [&](const Alternative& a) { return a.completed == end_; }))
        return;
      std::sort(orders.begin(), orders.end());
      if (inside_any_ == 0) singles_.push_back(orders);
      State after = followed(st, low, high);
      if (guessed) after.required = q;
      solve(items, at + 1, after, go);
      if (inside_any_ == 0) singles_.pop_back();
    };
    // Repeated alternatives last: they take what no other took.
    std::function<void(std::size_t)> repeats = [&](std::size_t i) {
      while (i < chosen.size() && chosen[i].repeat == nullptr) ++i;
      if (i == chosen.size()) return whole();
      const Item& r = *chosen[i].repeat;
      const auto with = [&](const std::vector<int>& taken) {
        const auto n = static_cast<std::int64_t>(taken.size());
        if (n < r.low || n > r.high) return;
        chosen[i].completed =
            taken.empty() ? kNone : taken[static_cast<std::size_t>(std::max<std::int64_t>(r.low, 1)) - 1];
        repeats(i + 1);
      };
      State place = inside;
      if (!s_.every) {
        const std::vector<int> all = take_all(r, place, q, std::nullopt);
        with(all);
        untake(all.size());
        return;
      }
      std::vector<int> some;
      std::function<void(int)> pick = [&](int e) {
        if (e >= q) return with(some);
        std::string name;
        if (in_bounds(place, e, std::nullopt) && !is_taken(e) && fitting(r.stream, r.name, e, &name)) {
          push(e, name, r.slot);
          some.push_back(e);
          pick(e + 1);
          some.pop_back();
          taken_.pop_back();
        }
        pick(e + 1);
      };
      pick(place.prev + 1);
    };
    std::function<void(std::size_t, std::int64_t)> choose = [&](std::size_t i, std::int64_t left) {
      if (done_) return;
      if (left == 0) return repeats(0);
      if (static_cast<std::int64_t>(item.alternatives.size() - i) < left) return;
      const Variants& v = item.alternatives[i];
      if (repeated(v)) {
        chosen.push_back({&v[0][0], kNone});
        choose(i + 1, left - 1);
        chosen.pop_back();
      } else {
        for (const Items& alternative : v) {
          ++inside_any_;
          solve(alternative, 0, inside, [&](const State& after) {
            if (after.prev == inside.prev) return;  // it took nothing
            const int depth = std::exchange(inside_any_, inside_any_ - 1);
            chosen.push_back({nullptr, after.prev});
            choose(i + 1, left - 1);
            chosen.pop_back();
            inside_any_ = depth;
          });
          --inside_any_;
        }
      }
      choose(i + 1, left);
    };
    choose(0, item.number);
  }

  // --- a whole choice

  void finish(const State& st) {
    if (st.prev != end_) return;
    if (forced_ != nullptr) {
      if (found_.empty()) {
        found_.emplace_back();
        repeated_ = repeated_now(*top_);
      }
      done_ = true;
      return;
    }
    Time at = time(end_);
    if (s_.deadline) {
      if (st.deadlines.empty() || *std::max_element(st.deadlines.begin(), st.deadlines.end()) != *s_.deadline) return;
      at = *s_.deadline;
    } else if (!st.deadlines.empty() && *std::max_element(st.deadlines.begin(), st.deadlines.end()) >= at) {
      return;
    }
    Choice choice;
    choice.taken = taken_;
    std::sort(choice.taken.begin(), choice.taken.end(), [](const Taken& a, const Taken& b) {
      return std::tuple(a.event->order, !a.shown, a.slot) < std::tuple(b.event->order, !b.shown, b.slot);
    });
    choice.at = at;
    choice.singles = singles_;
    choice.maybes = maybes_;
    choice.last = event(end_).order;
    if (steals() || !s_.accept(choice)) return;
    if (s_.every) return every(std::move(choice));
    if (found_.empty() || better(choice, found_[0])) found_.assign(1, std::move(choice));
    done_ = greedy_;
  }

  static bool better(const Choice& a, const Choice& b) {
    if (a.singles != b.singles) return a.singles > b.singles;
    if (a.maybes != b.maybes) return a.maybes > b.maybes;
    return a.last > b.last;
  }

  // Under `every` each set of events in its steps once; of two that differ in their `maybe` only, the later (Q4).
  void every(Choice choice) {
    const auto without_maybes = [&](const Choice& c) {
      std::vector<std::pair<std::int64_t, std::string>> out;
      for (const Taken& t : c.taken)
        if (c.maybes[static_cast<std::size_t>(t.slot)] != t.event->order) out.emplace_back(t.event->order, t.name);
      return out;
    };
    const auto mine = without_maybes(choice);
    for (Choice& other : found_)
      if (without_maybes(other) == mine) {
        if (better(choice, other)) other = std::move(choice);
        return;
      }
    found_.push_back(std::move(choice));
  }

  std::map<int, std::vector<int>> repeated_now(const Items& items) const {
    std::map<int, std::vector<int>> out;
    for (const Item& i : items)
      if (i.kind == Item::Kind::repeat || i.kind == Item::Kind::repeat_group) {
        auto& events = out[i.slot];
        for (const Taken& t : taken_)
          if (t.slot == i.slot && t.shown) events.push_back(index_of(t.event));
      }
    return out;
  }

  // Q4: a `maybe` never takes an event's place from a repeated step.
  bool steals() const {
    if (s_.pattern->repeats == 0 || std::all_of(maybes_.begin(), maybes_.end(), [](std::int64_t m) { return m < 0; }))
      return false;
    const auto plain = std::find_if(s_.pattern->variants.begin(), s_.pattern->variants.end(), [](const Items& items) {
      return std::none_of(items.begin(), items.end(), [](const Item& i) { return i.tier == 1; });
    });
    if (plain == s_.pattern->variants.end()) return false;
    std::map<int, int> singles;
    for (const Item& i : *plain)
      if (i.kind == Item::Kind::single)
        for (const Taken& t : taken_)
          if (t.slot == i.slot) singles[i.slot] = index_of(t.event);
    Search other = s_;
    other.every = false;
    other.accept = [](const Choice&) { return true; };
    Solver solver(other);
    solver.free_ = true;
    solver.force(*plain, end_, singles);
    if (!solver.any_found()) return false;
    const auto now = repeated_now(*top_);
    for (const auto& [slot, events] : solver.repeated_of_first()) {
      const auto it = now.find(slot);
      for (const int e : events)
        if (it == now.end() || std::find(it->second.begin(), it->second.end(), e) == it->second.end()) return true;
    }
    return false;
  }

  const Search& s_;
  const Events& events_;
  Scope scope_;
  const Items* top_ = nullptr;
  int end_ = 0;  // the last event of the choice sought
  std::vector<Taken> taken_;
  std::vector<std::vector<std::int64_t>> singles_;
  std::vector<std::int64_t> maybes_;
  int inside_any_ = 0;
  bool greedy_ = false, done_ = false;
  bool free_ = false;  // links do not count
  const std::map<int, int>* forced_ = nullptr;
  std::map<int, std::vector<int>> repeated_;
  std::vector<Choice> found_;
};

}  // namespace

std::vector<Choice> choices(const Search& search) { return Solver(search).all(); }

}  // namespace tocsin::reference
