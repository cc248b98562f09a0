// What each path of the control API does: a table of routes over the Desk. Knows nothing of sockets, so that everything
// but bytes can be tried without one; server.h brings the requests.
#pragma once

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "app/control/access.h"
#include "app/control/desk.h"

namespace tocsin::app {

// The largest JSON that is read, and how deep it may nest.
inline constexpr std::size_t kJsonMax = std::size_t{1} << 20;
inline constexpr int kJsonDepthMax = 64;

struct ControlRequest {
  std::string method = {}, target = {};                           // "GET", "/api/v1/alerts?rule=x"
  std::vector<std::pair<std::string, std::string>> headers = {};  // names in small letters
  std::string body = {};
  bool is_local = false;  // by the Unix socket
};

struct ControlResponse {
  unsigned status = 200;
  std::string body = {};
  std::string_view type = "application/json";
  std::string_view allow = {};               // of 405
  bool is_late = false;                      // to be held back a moment, so that guessing takes long
  std::shared_ptr<LongAnswer> goes_on = {};  // the body, as it comes; then the connection ends
};

struct RouteRow {
  std::string_view methods = {};  // "GET HEAD", "POST PUT"
  std::string_view path = {};     // "/api/v1/rules/*/enable": the star is one part
  Wants wants;
  std::string_view help = {};
};
std::span<const RouteRow> control_routes();

// docs/control.md: the routes, who may ask for what, and the metrics.
std::string control_page();

// Answers through `done`, once: at once, or later from whatever thread the desk answers on.
void answer(const ControlRequest& request, std::string_view prefix, const Access& access, Desk& desk,
            std::function<void(ControlResponse)> done);

// `a%20b+c` as `a b c`; nothing where it is broken or has a zero byte.
std::optional<std::string> decode_url(std::string_view text);

}  // namespace tocsin::app
