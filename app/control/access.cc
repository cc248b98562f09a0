#include "app/control/access.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>

namespace tocsin::app {

namespace {

std::string small(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return out;
}

// `example:80`, `[::1]:80`, `example` without the port and the brackets.
std::string_view without_port(std::string_view authority) {
  if (authority.starts_with('[')) {
    const std::size_t end = authority.find(']');
    return end == std::string_view::npos ? std::string_view() : authority.substr(1, end - 1);
  }
  return authority.substr(0, authority.find(':'));
}

bool is_address(const std::string& host) {
  std::array<unsigned char, sizeof(in6_addr)> bytes{};
  return inet_pton(AF_INET, host.c_str(), bytes.data()) == 1 || inet_pton(AF_INET6, host.c_str(), bytes.data()) == 1;
}

bool is_known_host(const Access& access, std::string_view authority) {
  const std::string host = small(without_port(authority));
  return host == "localhost" || is_address(host) || std::ranges::find(access.hosts, host) != access.hosts.end();
}

bool is_own_origin(std::string_view origin, std::string_view host) {
  for (const std::string_view scheme : {"http://", "https://"})
    if (origin.starts_with(scheme)) return small(origin.substr(scheme.size())) == small(host);
  return false;  // `null`, too
}

std::string_view bearer(std::string_view authorization) {
  constexpr std::string_view kBearer = "bearer ";
  if (authorization.size() <= kBearer.size() || small(authorization.substr(0, kBearer.size())) != kBearer) return {};
  return authorization.substr(kBearer.size());
}

Result<std::string> token_of(const Secret& secret, std::string_view key) {
  if (!secret.is_set()) return std::string();
  Result<std::string> token = read_secret(secret);
  if (!token) return failure(token.error().code, fmt::format("{}: {}", key, token.error().message));
  if (token->size() < kTokenMin)
    return failure(Error::Code::refused,
                   fmt::format("{}: {} bytes can be guessed; a token has at least {}: `openssl rand -hex 32`", key,
                               token->size(), kTokenMin));
  return token;
}

}  // namespace

bool same_token(std::string_view given, std::string_view expected) {
  unsigned char differs = given.size() == expected.size() && !expected.empty() ? 0 : 1;
  for (std::size_t i = 0; i < expected.size(); ++i) {
    const char c = i < given.size() ? given[i] : '\0';
    differs = static_cast<unsigned char>(differs | (c ^ expected[i]));
  }
  return differs == 0;
}

Allowed allowed(const Access& access, const Credentials& who, Wants wants) {
  if (who.is_local) return Allowed::yes;
  if (!is_known_host(access, who.host)) return Allowed::wrong_host;
  if (who.has_origin && !is_own_origin(who.origin, who.host)) return Allowed::wrong_origin;
  const std::string_view given = bearer(who.authorization);
  const bool admin = !access.token.empty() && same_token(given, access.token);
  const bool reader = !access.read_token.empty() && same_token(given, access.read_token);
  switch (wants) {
    case Wants::health:
      return Allowed::yes;
    case Wants::read:
      if (access.read_token.empty() && !access.beyond_this_machine) return Allowed::yes;
      return admin || reader ? Allowed::yes : Allowed::unauthorized;
    case Wants::change:
      if (access.token.empty()) return Allowed::no_token_set;
      return admin ? Allowed::yes : Allowed::unauthorized;
  }
  return Allowed::unauthorized;
}

Endpoint endpoint_of(std::string_view listen) {
  const std::size_t colon = listen.rfind(':');
  return {std::string(without_port(listen)), std::string(listen.substr(colon + 1))};
}

bool is_loopback(std::string_view host) {
  const std::string text = small(host);
  in_addr four{};
  in6_addr six{};
  if (inet_pton(AF_INET, text.c_str(), &four) == 1) return (ntohl(four.s_addr) >> 24) == 127;
  if (inet_pton(AF_INET6, text.c_str(), &six) == 1) return IN6_IS_ADDR_LOOPBACK(&six);
  return text == "localhost";
}

Result<Access> access_of(const HttpSettings& http) {
  Access access;
  Result<std::string> token = token_of(http.token, "http.token"), read = token_of(http.read_token, "http.read_token");
  if (!token) return tl::unexpected(token.error());
  if (!read) return tl::unexpected(read.error());
  access.token = std::move(*token);
  access.read_token = std::move(*read);
  for (const std::string& host : http.hosts) access.hosts.push_back(small(host));
  if (http.listen.empty()) return access;
  const std::string host = endpoint_of(http.listen).host;
  access.hosts.push_back(small(host));
  access.beyond_this_machine = !is_loopback(host);
  if (!access.beyond_this_machine) return access;
  const auto refused = [&](std::string_view how) {
    return failure(Error::Code::refused,
                   fmt::format("http.listen = \"{}\" is reached from other machines: {}", http.listen, how));
  };
  if (access.token.empty()) return refused("set http.token, or listen at 127.0.0.1");
  if (!http.insecure)
    return refused(
        "there is no TLS in this version, so the token could be overheard; put a proxy with TLS in front and listen at "
        "127.0.0.1, or say http.insecure = true where the network is trusted");
  return access;
}

}  // namespace tocsin::app
