// An address, taken apart.
#pragma once

#include <string>
#include <string_view>

#include "engine/base/result.h"

namespace tocsin {

struct Url {
  bool is_tls = false;
  std::string host;       // without the brackets of an IPv6 address
  std::string port;       // 80 or 443 where none is given
  std::string target;     // path and query, as they are sent
  std::string authority;  // as the Host header has it
};

// http:// or https://. No user and password inside: they would be written into logs; there is a token for that.
Result<Url> parse_url(std::string_view text);

}  // namespace tocsin
