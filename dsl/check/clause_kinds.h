// Which clauses there are, how often each may stand, and who may have it: one row each.
#pragma once

#include <string_view>

#include "dsl/ast.h"

namespace tocsin::dsl::checking {

std::string_view word_of(const ast::Clause& clause);  // "`fire at most`"
bool stands_once(const ast::Clause& clause);

}  // namespace tocsin::dsl::checking
