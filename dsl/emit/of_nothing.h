// Is a condition true when its windows hold nothing (F1)? Worked out once, when the program is made.
#pragma once

#include "engine/program/program.h"

namespace tocsin::dsl::emitting {

bool true_of_nothing(const Code& code, ExprId condition, const Program& program);

}  // namespace tocsin::dsl::emitting
