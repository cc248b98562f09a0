// What adapters have to say to people once, in whole sentences: a file was rotated, a connection was refused. The
// runtime's log takes it; what goes on being wrong is asked for (Source::trouble, Sink::trouble).
#pragma once

#include <functional>
#include <string>

namespace tocsin {

// From any thread. Never empty: use `tell_nobody`.
using Tell = std::function<void(std::string sentence)>;

inline void tell_nobody(const std::string&) {}

}  // namespace tocsin
