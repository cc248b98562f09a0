// What decides whether a program can go on with what durable state holds of it: its shape, and how it is kept. The
// lean ways write other bytes than the general ones, and which one a program gets depends on its other clauses and on
// the rules around it (choose.h, counter_runner.h).
#pragma once

#include <cstdint>
#include <vector>

#include "engine/program/program.h"

namespace tocsin {

// By ProgramId. They are embedded in durable state (ledger.h).
std::vector<std::uint64_t> kept_shapes(const RuleSet& rules);

}  // namespace tocsin
