// The world's failures (a file that is not there, a disk that is full, bytes that make no sense) as values.
// A code exists only where some code reacts to it differently; the rest is message and context.
#pragma once

#include <string>
#include <tl/expected.hpp>
#include <utility>

namespace tocsin {

struct Error {
  enum class Code { unreadable, malformed, refused, unreachable, full };
  Code code = Code::unreadable;
  std::string message;  // a whole sentence that names the thing and the reason
};

template <class T>
using Result = tl::expected<T, Error>;

inline tl::unexpected<Error> failure(Error::Code code, std::string message) {
  return tl::unexpected<Error>(Error{code, std::move(message)});
}

}  // namespace tocsin
