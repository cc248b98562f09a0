#include "adapters/webhook/url.h"

#include <algorithm>
#include <charconv>

namespace tocsin {

Result<Url> parse_url(std::string_view text) {
  const auto refused = [&](const std::string& why) {
    return failure(Error::Code::refused, "`" + std::string(text) + "` is no address of a webhook: " + why);
  };
  Url out;
  std::string_view rest = text;
  if (rest.starts_with("https://")) {
    out.is_tls = true;
    rest.remove_prefix(8);
  } else if (rest.starts_with("http://")) {
    rest.remove_prefix(7);
  } else {
    return refused("it begins with neither http:// nor https://");
  }
  if (std::ranges::any_of(text, [](unsigned char c) { return c <= ' ' || c >= 0x7F; }))
    return refused("spaces and what is no ASCII have to be written as %20 and the like");
  rest = rest.substr(0, rest.find('#'));
  const std::size_t slash = std::min(rest.find_first_of("/?"), rest.size());
  std::string_view authority = rest.substr(0, slash);
  out.authority = authority;
  out.target = rest.substr(slash);
  if (!out.target.starts_with('/')) out.target.insert(0, "/");
  if (authority.find('@') != std::string_view::npos)
    return refused("no user and password in it; say `token` in the configuration");
  out.port = out.is_tls ? "443" : "80";
  const std::size_t bracket = authority.starts_with('[') ? authority.find(']') : 0;
  if (bracket == std::string_view::npos) return refused("its [ is not closed");
  if (const std::size_t colon = authority.find(':', bracket); colon != std::string_view::npos) {
    const std::string_view digits = authority.substr(colon + 1);
    unsigned port = 0;
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
    if (error != std::errc{} || end != digits.data() + digits.size() || port == 0 || port > 65'535)
      return refused("`" + std::string(digits) + "` is no port");
    out.port = digits;
    authority = authority.substr(0, colon);
  }
  out.host = bracket == 0 ? authority : authority.substr(1, bracket - 1);
  if (out.host.empty()) return refused("it names no host");
  return out;
}

}  // namespace tocsin
