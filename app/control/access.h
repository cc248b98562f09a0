// Who may ask the control API for what. On the Unix socket its file's mode decides (0600); on TCP the rules below.
//   - Changing anything needs the token, sent as `Authorization: Bearer`. Nothing is ever authorised by a cookie or by
//     an address, so no page in a browser can do it on its owner's behalf.
//   - Looking needs it too (or the read token) where a read token is set, and where it listens beyond this machine.
//   - Host must be an address, localhost, or a name that is allowed: a name that an attacker points at this machine
//     (DNS rebinding) is none of them. Origin, where a browser sends one, must be the page's own.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "app/settings.h"
#include "engine/base/result.h"

namespace tocsin::app {

// Fewer bytes can be guessed.
inline constexpr std::size_t kTokenMin = 32;

struct Access {
  std::string token = {}, read_token = {};  // "" none
  std::vector<std::string> hosts = {};      // beside addresses and localhost; small letters
  bool beyond_this_machine = false;
};

// Who asks, by what the request says.
struct Credentials {
  bool is_local = false;  // by the Unix socket
  std::string_view host = {}, origin = {}, authorization = {};
  bool has_origin = false;
};

enum class Wants { health, read, change };
enum class Allowed { yes, wrong_host, wrong_origin, no_token_set, unauthorized };

Allowed allowed(const Access& access, const Credentials& who, Wants wants);

// Takes as long for a wrong token as for the right one, whatever is wrong with it.
bool same_token(std::string_view given, std::string_view expected);

struct Endpoint {
  std::string host = {}, port = {};  // without brackets
};
// REQUIRES: `listen` is HOST:PORT (settings_read.cc has looked).
Endpoint endpoint_of(std::string_view listen);
// 127.0.0.0/8, ::1, localhost.
bool is_loopback(std::string_view host);

// The tokens behind the settings. Fails where the daemon must not start: a token that is too short or cannot be read,
// or an address beyond this machine without a token, or without `http.insecure` (there is no TLS in this version).
Result<Access> access_of(const HttpSettings& http);

}  // namespace tocsin::app
