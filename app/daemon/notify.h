// What systemd is told (sd_notify): one datagram to the socket that NOTIFY_SOCKET names. Nothing where it is not set.
#pragma once

#include <string>
#include <string_view>

namespace tocsin::app {

class Notify {
 public:
  // `socket`: what NOTIFY_SOCKET says; "" nobody listens.
  explicit Notify(std::string socket) : socket_(std::move(socket)) {}
  void ready() const { send("READY=1\n"); }
  void stopping() const { send("STOPPING=1\n"); }
  void alive() const { send("WATCHDOG=1\n"); }
  void reloading() const;  // until `ready`

 private:
  void send(std::string_view message) const;
  std::string socket_;
};

}  // namespace tocsin::app
