#include "engine/event/ip.h"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

namespace tocsin {
namespace {

// By hand: addresses stand in the hot path, and inet_pton wants a terminated copy.
bool parse_v4(std::string_view text, std::uint8_t* bytes) {
  const char *at = text.data(), *end = at + text.size();
  for (int part = 0; part < 4; ++part) {
    if (part > 0 && (at == end || *at++ != '.')) return false;
    unsigned value = 0;
    const char* first = at;
    for (; at != end && *at >= '0' && *at <= '9' && at - first < 3; ++at) {
      value = value * 10 + static_cast<unsigned>(*at - '0');
    }
    // A leading zero is octal to some and decimal to others: no address.
    if (at == first || value > 255 || (*first == '0' && at - first > 1)) return false;
    bytes[part] = static_cast<std::uint8_t>(value);
  }
  return at == end;
}

bool parse_v6(std::string_view text, std::uint8_t* bytes) {
  char terminated[INET6_ADDRSTRLEN];
  if (text.size() >= sizeof terminated) return false;
  *std::copy(text.begin(), text.end(), terminated) = '\0';
  return inet_pton(AF_INET6, terminated, bytes) == 1;
}

}  // namespace

std::optional<IpAddress> parse_ip(std::string_view text) {
  IpAddress address;
  unsigned prefix = 0;
  const std::size_t slash = text.find('/');
  const std::string_view host = text.substr(0, slash);
  const bool v6 = host.find(':') != std::string_view::npos;
  if (v6 ? !parse_v6(host, address.bytes.data()) : !parse_v4(host, address.bytes.data() + 12)) return {};
  if (!v6) address.bytes[10] = address.bytes[11] = 0xff;
  if (slash == std::string_view::npos) return address;
  const std::string_view digits = text.substr(slash + 1);
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), prefix);
  if (error != std::errc() || end != digits.data() + digits.size() || prefix > (v6 ? 128u : 32u)) return {};
  address.prefix = static_cast<std::uint8_t>(v6 ? prefix : prefix + 96);
  return address;
}

}  // namespace tocsin
