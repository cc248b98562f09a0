// One HTTP request and its answer. Blocks; for a thread of its own.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "engine/base/result.h"
#include "engine/base/time.h"

namespace tocsin {

struct Posting {
  std::string body;
  std::string key;  // the same each time this is tried
};

struct PostAnswer {
  int status = 0;                         // 0: there was none
  std::optional<Duration> retry_after{};  // what the receiver asks for
  std::string words{};                    // `503 Service Unavailable`, or why there was no answer
};

class Poster {
 public:
  virtual ~Poster() = default;
  virtual PostAnswer post(const Posting& posting) = 0;
  // Any thread: what is on its way is given up, and all that comes.
  virtual void stop() = 0;
};

struct HttpPosterConfig {
  std::string url;
  // Asked before each request; "": none. Its failure is that of the request.
  std::function<Result<std::string>()> token{};
  Duration timeout = seconds(10);  // from looking the name up to the last byte of the answer's head
  std::string ca_file{};           // instead of the system's authorities
};

// Keeps its connection from one request to the next. Fails for an address that is none and authorities that cannot be
// read.
Result<std::unique_ptr<Poster>> http_poster(const HttpPosterConfig& config);

}  // namespace tocsin
