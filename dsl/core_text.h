// The core form written down: for people (`explain`), and for the two hashes of language.md, section 14. The text of a
// hash is kept stable over releases (a golden pins it); the formatter may change as it likes, so this has a writer of
// its own.
#pragma once

#include <string>

#include "dsl/check.h"
#include "dsl/core.h"

namespace tocsin::dsl {

enum class CoreText : std::uint8_t {
  whole,  // for people
  shape,  // streams, filters, key, pattern structure; `_` where a dial stands
  dials,  // counts, durations, texts, severities, fire policy, sinks, lists: one a line
};

std::string core_text(const Model& model, const RuleInfo& rule, const core::Rule& core, CoreText which);
std::string core_text(const Model& model, const SessionInfo& session, CoreText which);
std::string core_text(const Model& model, const SummaryInfo& summary, CoreText which);

}  // namespace tocsin::dsl
