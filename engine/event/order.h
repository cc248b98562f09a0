// Which values are equal, and which come first. Numbers compare by their exact mathematical value, whatever their type:
// 9007199254740993 is not 9007199254740992.0, though as doubles they are the same. Texts compare by their UTF-8 bytes
// (X2).
#pragma once

#include <compare>

#include "engine/event/value.h"

namespace tocsin {

// Unordered: one is missing, or nothing orders the two (a text and a number, two points, lists or objects that differ).
// A network stands before its addresses.
std::partial_ordering compare(const Value& a, const Value& b);

// Values of two types are different, but for int and float. Lists are equal item by item, objects whatever the order of
// their members. Missing equals missing here (a list may hold it); what a comparison in a rule makes of it is X1, in
// eval.cc.
bool equal(const Value& a, const Value& b);

// An order of all values, for output that must not depend on chance (ties of `top`): by type, then as above; numbers
// of both types are one type. Equal exactly when equal() says so.
std::strong_ordering total_order(const Value& a, const Value& b);

// Does the address (or the whole network) `inner` lie inside `outer`? An address lies in itself.
bool lies_in(const IpAddress& inner, const IpAddress& outer);

// The network of the first `prefix` bits (of 128).
IpAddress network_of(const IpAddress& address, std::uint8_t prefix);

inline bool is_v4(const IpAddress& address) {
  constexpr std::uint8_t kMapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
  return address.prefix >= 96 && std::memcmp(address.bytes.data(), kMapped, sizeof kMapped) == 0;
}

}  // namespace tocsin
