// Expressions over events, matches and windows: three-valued, total, from the tree of reference_model.h.
#pragma once

#include <functional>

#include "tests/support/reference_model.h"

namespace tocsin::reference {

// An event as one rule sees it at one key. `order` numbers all events in the total order.
struct Seen {
  const Event* event = nullptr;
  int type = -1;
  std::int64_t order = 0;
  Time time;
  std::string part;                                // E2: the part that it plays here
  const std::vector<EventId>* evidence = nullptr;  // of an emitted event (F17): what its cause was made of, in order
};
using Events = std::vector<const Seen*>;

// An event in its place of a match.
struct Taken {
  const Seen* event = nullptr;
  std::string name;  // bound, or as written
  int slot = 0;
  bool shown = true;        // false: a group's name beside the names inside it
  bool ends_group = false;  // the last event of one turn of a repeated group
};

// Where aggregates look. Times are doubled, so that "right after T" is 2T + 1 (T5).
struct Windows {
  const Events* events = nullptr;  // of the key, since the last start-over
  const Events* named = nullptr;   // those of them that the condition names (A5); none: all
  std::int64_t at2 = 0;
  std::optional<Duration> within;
  std::optional<std::pair<std::int64_t, std::int64_t>> range2;  // `each`: both ends included
  std::int64_t shift = 0;                                       // A5: the i-th window before
  bool summary = false;                                         // bare names are fields, no stream means all
  // Of a session or summary (A7): all events of the key, from the session's first on, and which of them are rows.
  const Events* around = nullptr;
  const Stream* rows = nullptr;
};

struct Scope {
  const Model* model = nullptr;
  const Seen* event = nullptr;
  const Events* history = nullptr;  // of the key: `previous`; null stands where a reset forgot those before
  const std::vector<Taken>* taken = nullptr;
  const std::set<std::string>* names = nullptr;  // all that the pattern binds
  const Windows* windows = nullptr;
  const Fields* values = nullptr;   // key fields, `count`, `span` ...
  std::vector<const Value*> items;  // X7
  // N1: what the first comparison of a condition compared.
  std::optional<std::pair<Value, Value>>* compared = nullptr;
};

Value eval(const Node& node, const Scope& scope);
inline bool holds(const NodePtr& node, const Scope& scope) { return node == nullptr || eval(*node, scope).truth(); }

// Does the event belong to the stream? `scope.event` is set to it. The name under which it was written is added on
// request.
bool fits(const Stream& stream, const Seen& event, const Scope& scope, std::string* written = nullptr);

Value field(const Seen& event, const std::vector<std::string>& path, std::size_t from = 0);

// An aggregate's arithmetic over events in order (A1-A3, A7).
Value aggregate(const Node& node, const Events& events, const std::vector<std::string>& path, const Scope& scope);
// The events of an aggregate's stream in its window.
Events window_events(const Node& node, const Stream* stream, const Scope& scope);

// Calendars and zones (T7, F15).
bool is_open(const Model& model, const std::string& calendar, Time t);
// The start of the opening that t lies in; REQUIRES is_open.
Time opening(const Model& model, const std::string& calendar, Time t);
// The same of when it was open last; of what never was: before all time.
Time closing(const Model& model, const std::string& calendar, Time t);
std::int64_t local_offset_us(const std::string& zone, Time t);
// The window [start, end) of an aligned length that t lies in.
std::pair<Time, Time> aligned_window(const Aligned& aligned, Time t);

}  // namespace tocsin::reference
