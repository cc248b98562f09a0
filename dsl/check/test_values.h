// What a value in a test may be: what a line of JSON with the same content may be, for what is sent, and what an alert
// or event may carry, for what is expected.
#pragma once

#include <string>

#include "dsl/check/context.h"

namespace tocsin::dsl::checking {

enum class Given { sent, expected };

// Reports a value that is none, or that the type cannot be. `whose`: "`ip` of `login`".
void check_test_value(Context& c, const ast::Expr& value, Type type, Given given, const std::string& whose);

}  // namespace tocsin::dsl::checking
