// Is a RuleSet well formed? Every id in range, every expression leaves one value and never reaches below its stack,
// groups open and close, jumps meet, a program stands behind those that it uses. Called after every emit and before
// every install: what passes needs no checks while events run.
#pragma once

#include <string>
#include <vector>

#include "engine/program/program.h"

namespace tocsin {

// What is wrong, in plain words. `program`: the number of the one it is in; none: it is of the whole set.
struct Fault {
  ProgramId program;
  std::string what;
};

// Empty: well formed. Fills in Expr::depth.
std::vector<Fault> verify(RuleSet& set);

}  // namespace tocsin
