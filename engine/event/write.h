// Values as alerts show them: JSON for programs, plain text for people.
#pragma once

#include <string>

#include "engine/event/value.h"

namespace tocsin {

// Missing is null; times are RFC 3339 in UTC with six decimals, durations seconds (`1.5`, whole ones without a
// fraction), addresses texts, points `{"lat":48.85,"lon":2.35}`, texts escaped.
void append_json(std::string& out, const Value& value);

// Texts as they are, numbers as JSON writes them, durations `1m41s`, times RFC 3339, points `48.85,2.35`, lists with
// commas between their items, objects as JSON. Missing reads `missing`: a gap in a sentence would go unseen.
void append_text(std::string& out, const Value& value);

// `10.0.0.7`, `10.0.0.0/8`, `2001:db8::1` (RFC 5952).
void append_ip(std::string& out, const IpAddress& address);

}  // namespace tocsin
