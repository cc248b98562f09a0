// What commands share that ask a running daemon: where it is, by what they authorise, how they tell that it refused.
#pragma once

#include <functional>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "app/command.h"
#include "app/control/client.h"

namespace tocsin::app {

// What a status means for a script.
Exit exit_of(unsigned status);

// A text of the daemon's, for a terminal: nothing in it that a terminal obeys.
std::string shown(const nlohmann::ordered_json& json);

class DaemonClient {
 public:
  using Json = nlohmann::ordered_json;
  struct Asked {
    HttpAnswer answer;
    Json json;  // null where the answer is none
  };

  DaemonClient(std::string_view command, const Arguments& arguments, Console& console)
      : command_(command), arguments_(arguments), console_(console) {}

  Exit exit() const { return exit_; }
  // Where `--timeout` says nothing.
  void wait_at_most(Duration timeout) { timeout_ = timeout; }

  // The daemon's answer; nothing: why has been said, and `exit` is the command's.
  std::optional<Asked> ask(std::string_view method, std::string target, const Json& body = {});
  // As above, and said what was refused.
  std::optional<Asked> ask_well(std::string_view method, std::string target, const Json& body = {});
  // Of an answer that goes on: each line, until `hear` says false, `waits` does, or the daemon ends it. The exit is
  // done, or why has been said.
  void listen(std::string target, const std::function<bool(std::string_view line)>& hear,
              const std::function<bool()>& waits);
  void complain(const Asked& asked);

 private:
  std::optional<std::pair<DaemonAddress, HttpAsked>> request(std::string_view method, std::string target,
                                                             const Json& body);
  void unreachable(const Error& error);
  std::nullopt_t refused(const std::string& message);

  std::string_view command_;
  const Arguments& arguments_;
  Console& console_;
  Duration timeout_ = HttpAsked().timeout;
  Exit exit_ = Exit::usage;
};

}  // namespace tocsin::app
