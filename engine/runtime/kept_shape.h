// What decides whether a program can go on with what durable state holds of it: its shape, and how it is kept. The
// lean ways write other bytes than the general ones, and which one a program gets depends on its other clauses and on
// the rules around it (choose.h, counter_runner.h).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "engine/program/program.h"
#include "engine/runtime/runner.h"

namespace tocsin {

// By ProgramId. They are embedded in durable state (ledger.h).
std::vector<std::uint64_t> kept_shapes(const RuleSet& rules);

// By ProgramId: for how long an event of a rule can matter; 0: for ever, or it is none. A key whose last event is older
// is given up when there is need of room: whether it is there yet is nothing that an alert may follow from.
std::vector<Duration> reaches(const RuleSet& rules);
// Where that is longer now: what a key has lost by then, so that it is the same whatever was given up.
std::optional<Lost> lost_by(Duration before, Duration now, Instant passed);

// Whose state it is that a program of a later set goes on with where both are kept alike: of the program of its name,
// or where none has that, of the name that it had (`rule new was old`). None: it is new.
std::optional<ProgramId> before_in(const RuleSet& before, const Program& program);

// Until when a program that goes on with what it has may miss matches: a window that grew has to fill first, and so has
// one that counts to more now, where no more was kept than the count before asked for. `passed`: how far time has come;
// nothing: nothing is remembered yet.
std::optional<Time> warming_until(const RuleSet& before, ProgramId was, const RuleSet& now, ProgramId id,
                                  std::optional<Time> passed);

// Why a program begins anew though one of its name was there, as a clause. REQUIRES: their kept_shapes differ.
std::string why_reset(const RuleSet& before, ProgramId was, const RuleSet& now, ProgramId id);

// `N consecutive x` whose N is more now, and nobody knows by how much a streak was longer than the N before: such a
// streak counts from what was kept, and may be told too late.
inline constexpr const char* kWarmingStreaks = ", warming until a streak begins anew";
bool forgot_streaks(const RuleSet& before, ProgramId was, const RuleSet& now, ProgramId id);

}  // namespace tocsin
