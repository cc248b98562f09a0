// One pattern at one key, as time goes on: what it finds at an event, and at an instant at which something may be due.
// The edge of `fire once` (F1) is kept here, because inner patterns (C7) and `resolve when` fire by it, too.
#pragma once

#include "tests/support/reference_sequence.h"

namespace tocsin::reference {

struct Match {
  std::vector<Taken> taken;
  Time at;
  std::optional<std::int64_t> count;
  Fields values;  // gap, last_seen, value, baseline, rank
  std::optional<Time> first() const;
  std::optional<Time> last() const;
  std::string text;  // what the rule says of it, worked out while its windows are at hand
  Fields with;
  std::vector<Fields> emits;
  // An absence, for F14: what would have disproved it in (after, until].
  const Stream* absent = nullptr;
  std::int64_t after = -1;
  Time from;
};

struct Setup {
  const Model* model = nullptr;
  const Pattern* pattern = nullptr;
  ast::Fire::How how = ast::Fire::How::once;
  NodePtr where;
  std::optional<std::pair<std::string, bool>> resume;
  const std::set<std::string>* parts = nullptr;
  const Events* history = nullptr;  // of the key: `previous`
  Fields key;
  // F15: the opening that the instant lies in; none without `during`.
  std::function<std::optional<Time>(Time)> opening;
  // Fills in text, with, emits.
  std::function<void(Match&, const Scope&)> tell;
};

class Tracker {
 public:
  // `watching`: since when (T9, F9, F11); `seen`: the key counts as seen then.
  Tracker(Setup setup, Time watching, bool seen);

  // `held`: the condition counts as false (F8).
  std::vector<Match> event(const Seen& e, bool held);
  // Phase 1 or 3 of T3.
  std::vector<Match> due(Time t, int phase, bool held);

  bool armed() const { return armed_; }
  // F9: was a silence waiting, or `fewer than` watching?
  bool watches() const { return seen_.has_value(); }

  // T8: is it waited for at the end of the input? What time alone renews is not; a deadline is while a match waits for
  // it, the end of a window while it holds something.
  enum class Waiting { yes, no, if_something_does };
  struct Wake {
    Time at;
    Waiting waiting = Waiting::yes;
  };
  std::vector<Wake> wakes;  // instants at which due() must be called; the owner takes them out

  // Does some match end at this deadline, or something leave a window, if nothing more comes?
  bool waits_at(Time deadline) const;

 private:
  struct Judgement {
    Value truth;
    Match match;
    bool where = true;        // `where` holds of it
    bool left_before = true;  // something was left in the windows before the event
  };

  Events visible() const;
  Scope scope(const std::vector<Taken>* taken) const;
  bool where_holds(Match& match, const Windows* windows);
  Waiting waiting_after(const Seen& e) const;
  void wake_for(const Seen& e);
  void start_over(std::int64_t order);

  Search search(const Events& all, std::optional<Time> deadline) const;
  std::vector<Match> sequence(std::optional<Time> deadline, bool held);
  std::vector<Match> occurrence(const Seen& e, bool held);
  std::vector<Match> ranking(std::int64_t at2, bool held);
  std::optional<Judgement> judge(const Seen* e, std::int64_t at2);
  std::vector<Match> edge(Judgement judged, Time at, bool by_event, bool held);
  std::vector<Match> holding(Judgement judged, Time at, bool by_event, bool held);
  std::vector<Match> window_end(Time t, bool held);
  std::vector<Match> silence(Time t, bool held);

  Match matched(const std::vector<Taken>& taken, Time at) const;
  std::vector<Taken> named(const Events& events) const;
  Events streak(const Events& all, bool* judged) const;
  bool true_of_nothing();
  void put_off(Time t);
  bool begins_history(const Seen& e, Duration new_after) const;
  bool expires_at(Time t) const;
  bool ends_window(Time t) const;
  Time from_opening(Time t, Time now) const;

  Setup s_;
  const Pattern& p_;
  Events events_;
  std::int64_t start_ = -1;  // events up to here are gone
  std::int64_t newest_ = -1;
  bool armed_ = true;
  Time watching_;
  std::optional<Time> seen_;
  std::optional<Time> true_since_;
  std::optional<Time> silent_since_, silence_again_, again_;
  bool silence_told_ = false;
  bool started_over_ = false;  // `fewer than`, and nothing that it counts has come since: time alone renews it (T8)
  const Seen* last_x_ = nullptr;
  std::vector<std::string> ranks_;
};

// The default fires of a pattern over these events alone (C7, Q3).
std::vector<InnerFire> default_fires(const Setup& outer, const Pattern& pattern, const Events& events, Time watching,
                                     Time end, bool end_too);

}  // namespace tocsin::reference
