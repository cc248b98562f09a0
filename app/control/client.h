// A small HTTP client for the commands that talk to a daemon: one request, one answer, one deadline for all of it.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "app/command.h"
#include "app/console.h"
#include "engine/base/result.h"
#include "engine/base/time.h"

namespace tocsin::app {

struct DaemonAddress {
  std::string socket = {};                        // a Unix socket; or
  std::string host = {}, port = {}, prefix = {};  // http://host:port/prefix
};

// `unix:/run/tocsin/tocsin.sock`, `http://127.0.0.1:8470/prefix`.
Result<DaemonAddress> parse_daemon_address(std::string_view text);

// --addr, else TOCSIN_ADDR, else the first that is there of $XDG_RUNTIME_DIR/tocsin.sock, /run/tocsin/tocsin.sock and
// http://127.0.0.1:8470.
Result<DaemonAddress> daemon_address(const Arguments& arguments, const Console& console);

struct HttpAsked {
  std::string_view method = {};  // "GET"
  std::string target = {};       // "/api/v1/status"
  std::string body = {};         // JSON; "" none
  std::string token = {};
  Duration timeout = seconds(10);
};
struct HttpAnswer {
  unsigned status = 0;
  std::string body = {};
};

// Fails with Error::Code::unreachable when nobody answers in time, and when what answers is no HTTP.
Result<HttpAnswer> ask_http(const DaemonAddress& address, const HttpAsked& asked);

// As above, of an answer that goes on: each of its lines, while both say true, `waits` at least ten times a second.
// `timeout` is how long nothing may come. Of any status but 200 the answer is whole, and nothing is heard; what ends
// within a line is not heard.
Result<HttpAnswer> hear_http(const DaemonAddress& address, const HttpAsked& asked,
                             const std::function<bool(std::string_view line)>& hear,
                             const std::function<bool()>& waits);

// Of a part of a path: everything but letters, digits and - . _ ~ as %XX.
std::string encode_url(std::string_view text);

}  // namespace tocsin::app
