// If one of these fails, an address in the data is compared as another one.
#include "engine/event/ip.h"

#include <doctest/doctest.h>

using namespace tocsin;

TEST_CASE("addresses: IPv4 is its IPv6 form, networks keep their prefix") {
  CHECK(parse_ip("10.0.0.7") == parse_ip("::ffff:10.0.0.7"));
  CHECK(parse_ip("10.0.0.7")->prefix == 128);
  CHECK(parse_ip("10.0.0.0/8")->prefix == 104);
  CHECK(parse_ip("10.0.0.7")->bytes[12] == 10);
  CHECK(parse_ip("255.255.255.255").has_value());
  CHECK(parse_ip("2001:db8::1")->bytes[15] == 1);
  CHECK(parse_ip("2001:DB8::/32")->prefix == 32);
  for (const char* text :
       {"", "10", "10.0.0", "10.0.0.", "10.0.0.0.1", "10.0.0.256", "10.0.0.07", "10.0.0.7 ", "a.b.c.d", "10.0.0.0/33",
        "10.0.0.0/", "10.0.0.0/x", "2001:db8::/129", "2001:::1", ":", "1000.0.0.1", "fe80::1%eth0"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_ip(text).has_value());
  }
}
