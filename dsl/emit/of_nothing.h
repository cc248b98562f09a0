// Is a condition true when its windows hold nothing (F1)? Worked out once, when all programs are made. What compares
// with the key, a list or a table is not known then, and counts as not true: an empty window arms.
#pragma once

#include "engine/program/program.h"

namespace tocsin::dsl::emitting {

void find_true_of_nothing(RuleSet& set);

}  // namespace tocsin::dsl::emitting
