// Addresses and networks as text: `10.0.0.7`, `10.0.0.0/8`, `2001:db8::1`, `::ffff:10.0.0.7` (equal to the first).
#pragma once

#include <optional>
#include <string_view>

#include "engine/event/value.h"

namespace tocsin {

// Nothing: no address. Host bits beside a prefix are kept as they are.
std::optional<IpAddress> parse_ip(std::string_view text);

}  // namespace tocsin
