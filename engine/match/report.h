// What a matcher says when a pattern has happened: enough to judge `where`, write the alert and name the evidence.
// It is looked at while the matcher still stands at the match, and never kept.
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/base/time.h"
#include "engine/event/event.h"
#include "engine/program/eval.h"
#include "engine/program/limits.h"

namespace tocsin {

// The events of one step (or counted stream), in the total order.
struct Evidence {
  std::string_view label;  // the program's
  std::uint64_t count = 0;
  std::vector<Position> events{};  // kEvidencePerStepMax at most
  // Those behind them, where matches are told apart by all their events (F16).
  bool is_whole = false;
  std::vector<Position> beyond{};
  std::uint64_t marks = 0;  // of those among them that were emitted, in one

  void add(const Position& position) {
    if (events.size() < kEvidencePerStepMax)
      events.push_back(position);
    else if (is_whole)
      beyond.push_back(position);
  }
};

// Adds the ids that an event stands for: its own, or those of the match that emitted it (F17).
inline void add_ids(Evidence& evidence, const Event& event) {
  // An emitted event of no events (an empty window) has no id.
  if (!event.is_emitted()) evidence.add(event.position);
  for (const Position& p : event.origins) evidence.add(p);
  if (event.mark != 0) evidence.marks = evidence.marks * 0x9e3779b97f4a7c15 + event.mark;
}

// What an emitted event came of: the ids of its `n` events, as many as are evidence. `at(i)`: the i-th.
template <class EventAt>
std::vector<Position> origins_of(std::size_t n, const EventAt& at) {
  Evidence out;
  for (std::size_t i = 0; i < n && out.events.size() < kEvidencePerStepMax; ++i) add_ids(out, at(i));
  return std::move(out.events);
}

class Report : public MatchView {
 public:
  virtual Time at() const = 0;  // when it happened: the completing event's time, or the deadline's
  // The first and the last event of the match; null where nothing happened (a silence of a listed key).
  virtual const Event* first() const = 0;
  virtual const Event* last() const = 0;
  virtual void evidence(std::vector<Evidence>& out) const = 0;
};

}  // namespace tocsin
