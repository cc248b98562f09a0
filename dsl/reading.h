// A rule read aloud: English sentences made from the tree, one per thing that the rule says. They say what
// language.md means by the words, so that an author sees whether that is what was meant.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "dsl/ast.h"
#include "dsl/check.h"

namespace tocsin::dsl {

// "Fires when the same `user` has 5 `login_failed` within 5 minutes.", "The fifth fires.", ... in the order in which
// one would tell it: what fires it, when again, what it ignores, what comes of it.
std::vector<std::string> read_aloud(const RuleInfo& rule, const Model& model);
std::vector<std::string> read_aloud(const SessionInfo& session);
std::vector<std::string> read_aloud(const SummaryInfo& summary);

// Not a count or condition that turns true and false, but a choice of events, which a fire uses up (C7, F3).
bool is_sequence(const ast::Pattern& pattern);

// `1h30m` as "1 hour 30 minutes".
std::string in_words(Duration duration);
// 5 as "fifth"; from 21 on "21st".
std::string ordinal(std::int64_t number);

}  // namespace tocsin::dsl
