// Which choices of events satisfy a sequence (semantics.md Q1-Q18): found by trying all, from the latest on.
#pragma once

#include "tests/support/reference_expr.h"

namespace tocsin::reference {

struct Choice {
  std::vector<Taken> taken;
  Time at;                                         // of the completing event, or the deadline
  std::vector<std::vector<std::int64_t>> singles;  // Q6: what is compared, the latest first
  std::vector<std::int64_t> maybes;
  std::int64_t last = -1;
};

// A default fire of a pattern inside another one.
struct InnerFire {
  std::vector<Taken> taken;
  Time at;
};

struct Search {
  const Pattern* pattern = nullptr;
  const Events* events = nullptr;                // those that a match may take, in order; the newest last
  Scope scope;                                   // history, model, values
  const std::set<std::string>* parts = nullptr;  // E2: names of parts
  std::optional<Time> deadline;               // none: completes at the newest event; else what is due at this instant
  bool every = false;                         // `fire every match`
  std::function<bool(const Choice&)> accept;  // `where`
  // The default fires of an inner pattern over these events; deadlines before `end` have passed (at it too, when
  // asked).
  std::function<std::vector<InnerFire>(const Pattern&, const Events&, Time end, bool end_too)> inner;
};

// The reported choice, or under `every` all, in the order of Q18.
std::vector<Choice> choices(const Search& search);

// E2: may an event that plays this part stand here?
bool plays(const Seen& event, const std::string& bound, const std::string& written, const std::set<std::string>* parts);

}  // namespace tocsin::reference
