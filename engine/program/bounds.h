// The worst case of what one key can hold for one program, so that `check` and `explain` can print it. An estimate in
// bytes (a text counts 32), exact in events; what is bounded by nothing in the rule is bounded by limits.h, and says so.
#pragma once

#include "engine/program/program.h"

namespace tocsin {

Bounds bounds_of(const Program& program, const Code& code);

}  // namespace tocsin
