// The hashes of a rule (language.md, section 14): of canonical texts that dsl/core_text writes. Stable over releases
// and machines: state that is kept over a reload, and `rule_version` in alerts, depend on it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace tocsin {

std::uint64_t hash_of(std::string_view text);

// `rule_version` of an alert: 8 hex digits of both hashes.
std::string rule_version(std::uint64_t shape, std::uint64_t dials);

}  // namespace tocsin
