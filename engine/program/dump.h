// A Program as text: for `explain`, and for tests that compare what a rule becomes with what it should become (as RE2
// does). The text names what the ids mean and is stable: equal programs have equal dumps, whatever stands beside them
// in the set.
#pragma once

#include <string>
#include <string_view>

#include "engine/program/program.h"

namespace tocsin {

std::string dump(const RuleSet& set, const Program& program);

// One expression on one line, as its stack machine runs it: `outcome, "failure", equal`. `type`: whose fields it reads.
std::string dump(const RuleSet& set, const Program& program, ExprId expr, EventTypeId type = {},
                 PatternId pattern = {});

// The same, one opcode a line with its meaning.
std::string dump_code(const RuleSet& set, const Program& program, ExprId expr, EventTypeId type = {},
                      PatternId pattern = {});

// The event types of the set and the slots that some rule reads.
std::string dump_schema(const RuleSet& set);

// "high": the word of rules, documents and dumps.
std::string_view name_of(Severity severity);

}  // namespace tocsin
