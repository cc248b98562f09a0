// Core forms to Programs: a checked model in, a RuleSet out, with streams per base event, captures of what later
// filters and texts read, slots of what some rule reads, constants and expressions each once over the whole set.
//
// REQUIRES: the model was checked without errors. What comes out passes verify(), but for what is beyond
// a limit that only the program shows; anything else is a bug here.
#pragma once

#include "dsl/check.h"
#include "engine/program/program.h"

namespace tocsin::dsl {

RuleSet emit(const Model& model);

}  // namespace tocsin::dsl
