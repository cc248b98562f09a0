// The command line as tests call it: words and a world in, both streams and the exit code out; and a folder to try
// things in.
#pragma once

#include <doctest/doctest.h>
#include <unistd.h>

#include <chrono>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <thread>
#include <vector>

#include "app/cli.h"

namespace tocsin::app {

struct Ran {
  int code = -1;
  std::string out, err;
};

struct World {
  std::string input = {};
  bool in_is_terminal = false, out_is_terminal = false;
  std::map<std::string, std::string> environment = {};
};

inline Ran run(const std::vector<std::string>& words, const World& world = {}) {
  std::istringstream in(world.input);
  std::ostringstream out, err;
  Console console{in, out, err};
  console.in_is_terminal = world.in_is_terminal;
  console.out_is_terminal = world.out_is_terminal;
  console.environment = [&](const char* name) {
    const auto found = world.environment.find(name);
    return found != world.environment.end() ? std::optional(found->second) : std::nullopt;
  };
  const Exit exit = run_command_line(words, console);
  return {static_cast<int>(exit), out.str(), err.str()};
}

// A folder that is gone when the test is.
class Folder {
 public:
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "tocsin_cli_XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~Folder() { std::filesystem::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string write(const std::string& name, const std::string& text) const {
    std::filesystem::create_directories((path_ / name).parent_path());
    std::ofstream(path_ / name, std::ios::binary) << text;
    return path_ / name;
  }
  static std::string read(const std::string& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  std::string path() const { return path_; }

 private:
  std::filesystem::path path_;
};

// What has to become true soon. A minute: a busy machine takes its time, and what is broken stays so.
inline bool soon(const std::function<bool()>& is_so) {
  const auto until = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  while (!is_so()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return true;
}

inline bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

}  // namespace tocsin::app
