// If one of these fails, systemd kills a daemon that works, or waits for one that is ready.
#include "app/daemon/notify.h"

#include <doctest/doctest.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "app/testing.h"

namespace tocsin::app {

TEST_CASE("notify: one datagram each, to the socket that is named") {
  const Folder folder;
  const std::string path = folder.path() + "/notify";
  const int socket = ::socket(AF_UNIX, SOCK_DGRAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  REQUIRE(::bind(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  const auto got = [&] {
    char bytes[256];
    const ssize_t size = ::recv(socket, bytes, sizeof bytes, MSG_DONTWAIT);
    return size > 0 ? std::string(bytes, static_cast<std::size_t>(size)) : std::string();
  };
  const Notify notify(path);
  notify.ready();
  CHECK(got() == "READY=1\n");
  notify.alive();
  CHECK(got() == "WATCHDOG=1\n");
  notify.reloading();
  CHECK(got().starts_with("RELOADING=1\nMONOTONIC_USEC="));
  notify.stopping();
  CHECK(got() == "STOPPING=1\n");
  Notify("").ready();
  Notify(path + "/nobody").ready();
  CHECK(got().empty());
  ::close(socket);
}

}  // namespace tocsin::app
