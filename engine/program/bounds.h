// The worst case of what one key can hold for one program, so that `explain` can print it: counted by the matcher that
// the program gets (choose.h). Exact in events; in bytes an estimate (a text counts 32). What the rule does not bound
// is bounded by limits.h, and says so.
//
// How far a rule looks back, and whether it ever forgets a key, is not found here: `check` warns of both (R107, R109)
// and knows them from the tree, so emit hands its answer on, and what `explain` says cannot differ from the warning.
#pragma once

#include "engine/program/program.h"

namespace tocsin {

// `of_rule`: a rule's reach; that of a session or summary stands in its body.
Bounds bounds_of(const RuleSet& rules, const Program& program, const Reach& of_rule);

}  // namespace tocsin
