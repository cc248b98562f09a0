// Sugar to core forms, tree to tree: a checked rule in, its core form out. What each operator is rewritten to stands in
// operators.cc; here is what they share: streams down to their base events, sequences down to elements.
//
// REQUIRES: the model was checked without errors. Throws nothing, reports nothing: all mistakes were found before.
#pragma once

#include "dsl/check.h"
#include "dsl/core.h"

namespace tocsin::dsl {

core::Rule simplify(const Model& model, const RuleInfo& rule);

// A stream down to its base events, with the name that each part was written by.
core::Stream plain_stream(const Model& model, const ast::Stream& stream);

}  // namespace tocsin::dsl
