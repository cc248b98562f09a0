// HTTP in front of the desk: one thread of its own, a TCP port and a Unix socket. No client, slow or hostile, holds up
// another or anything else in the process: headers, bodies, time and connections are bounded, and what is beyond a
// bound is closed.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "app/control/access.h"
#include "app/control/desk.h"
#include "engine/base/result.h"

namespace tocsin::app {

struct ControlOptions {
  std::string listen = {};  // HOST:PORT, port 0: any; "" no TCP
  std::string socket = {};  // path of the Unix socket; "" none
  std::string prefix = {};
  Access access = {};
  // Bounds (exactly-once.md E.3 names them); tests have smaller ones.
  std::uint32_t header_max = 16 << 10;
  std::uint64_t body_max = 4 << 20;
  std::size_t connections_max = 256;    // on TCP; as many again on the Unix socket, so that its owner always gets in
  Duration request_time = seconds(10);  // from the end of one request to the last byte of the next
  Duration response_time = seconds(20);
  Duration late = milliseconds(250);  // how long a 401 is held back
};

class ControlServer {
 public:
  // Listens when it returns. Fails where an address is in use or is not this machine's, and where the socket's folder
  // is missing or another daemon answers there; a socket that a dead one left is replaced.
  static Result<std::unique_ptr<ControlServer>> start(const ControlOptions& options, Desk& desk);

  // Closes all connections, also those that wait for an answer.
  virtual ~ControlServer() = default;
  // Of TCP; 0 where there is none.
  virtual std::uint16_t port() const = 0;
};

// The options that settings mean. `runtime_dir`: XDG_RUNTIME_DIR, "" not set. Fails where access_of() does.
Result<ControlOptions> control_options(const HttpSettings& http, const std::string& control_socket,
                                       const std::string& runtime_dir);

}  // namespace tocsin::app
