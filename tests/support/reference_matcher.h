// The reference matcher: what language.md and semantics.md say, written down a second time, slow and meant to be
// obviously right. The engine is measured against it, so it shares nothing with the engine but the tree (dsl/ast.h) and
// the types of time.
//
// How it works: time goes from instant to instant. Of every rule and key it keeps the list of all events since the last
// reset, and at every event and every instant at which something may be due it works everything out anew from that
// list. Instants are proposed generously (every event + every duration of the rule); whether something is due is
// decided exactly.
//
// Which function holds which numbered line:
//   reference_value    T1 T10 X2(order)            values, keys, how texts show them
//   reference_model    C5 C7 E2 S2 S3 Q4(maybe: one variant with it, one without) Q7(hands its `no` on)   tree -> plain
//                      structs
//   reference_expr     E4 X1-X7 A1-A3 A5-A7        eval(), aggregate(), fits()
//   reference_sequence Q1-Q18 F4                   all choices by recursion, the best of them
//   reference_tracker  C1-C4 C6 C8 E5 F1-F3 F5 F6 F8 A4 N1 Q5   one pattern at one key: what happens at an event, at an
//                      instant
//   reference_matcher  T2-T9 E1-E3 F7-F17 S1-S5    order, keys, clauses, alerts, sessions, summaries
//
// Bounds of language.md 15 (partial matches, evidence, keys) do not exist here.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "dsl/ast.h"
#include "tests/support/reference_value.h"

namespace tocsin::reference {

using Fields = std::vector<std::pair<std::string, Value>>;

struct Event {
  std::string type;
  Time time;
  std::string source = "input";
  int partition = 0;
  std::uint64_t offset = 0;
  Value tiebreak;
  Fields fields;
  // Of an emitted event: the phase of what brought it about (T3), and the input's event, if it was one.
  int phase = 2;
  const Event* cause = nullptr;
};

// `source/partition/offset`; an emitted event has the evidence of what emitted it instead.
struct EventId {
  std::string source;
  int partition = 0;
  std::uint64_t offset = 0;
  friend bool operator==(const EventId&, const EventId&) = default;
};
using Evidence = std::vector<std::pair<std::string, std::vector<EventId>>>;

struct Alert {
  enum class State { firing, resolved, withdrawn, reminder, escalated };
  Time time;
  std::string rule;
  Fields key;
  State state = State::firing;
  std::optional<std::int64_t> count;
  std::optional<Time> first, last;
  Evidence evidence;
  std::int64_t suppressed = 0;
  std::int64_t reminder = 0;
  std::string severity, text;
  Fields fields;
  std::string id;  // equal for the documents of one alert; not the hash that the engine writes
};

struct Emitted {
  std::string event;
  Time time;
  Fields key, fields;
  Evidence evidence;
  bool each = false;  // by `emit each`: sent to a sink, no event for others
};

struct Output {
  std::vector<Alert> alerts;  // in the order in which they leave
  std::vector<Emitted> emitted;
  std::vector<Event> late;
};

struct Options {
  std::optional<Time> until;  // T8
  bool drain = false;
  // The partitions that the watermark waits for from the start (source, partition); none: those that the events name.
  std::vector<std::pair<std::string, int>> partitions;
  std::map<std::string, std::vector<std::string>>
      carries;                                      // source -> base events; a source that is not named carries all
  std::map<std::string, std::vector<Value>> lists;  // for `from "file"` and `from topic`
  std::map<std::string, std::map<std::string, Value>> tables;  // name -> canonical(key) -> object
};

struct Model;

// Rules made ready once and run over many streams. REQUIRES: the files have no mistakes and outlive nothing (all is
// copied).
class Matcher {
 public:
  explicit Matcher(const std::vector<const ast::RuleFile*>& files, const Options& options = {});
  // Events in order of arrival.
  Output run(const std::vector<Event>& events, const Options& options = {}) const;
  // An event from its JSON text: the type in the field `event`, its time and tiebreak as declared. Fields of declared
  // types that JSON does not have (time, duration, ip, point) are converted.
  Event event(const std::string& json, std::uint64_t offset, const std::string& type_field = "event") const;

 private:
  std::shared_ptr<const Model> model_;
};

}  // namespace tocsin::reference
