// Lines over TCP or a Unix socket as a source: any number of connections, one partition, one thread, and that only
// while it polls. Records arrive at the time that the clock says; offsets count lines as they come.
//
// It cannot go back: what was read and is not stored is gone with the process.
#pragma once

#include <memory>
#include <string>

#include "engine/io/clock.h"
#include "engine/io/source.h"
#include "engine/io/tell.h"

namespace tocsin {

struct StreamSourceConfig {
  std::string listen{};                                // HOST:PORT, [IPV6]:PORT; port 0: any
  std::string path{};                                  // instead of it: of a Unix socket
  std::size_t block = std::size_t{128} << 10;          // as files have it
  std::size_t line_max = std::size_t{1} << 20;         // a longer line is given as `cut`
  std::size_t unfinished_max = std::size_t{64} << 20;  // bytes of begun lines, over all connections
  // At most, and at most half of the descriptors that the process may have.
  std::size_t connections_max = 10'000;
};

// Listens from now on, and says where (`note`); `tell` is of what is wrong. Fails if it cannot: the address is taken or
// is none. A socket that a dead process has left is replaced. The clock outlives the source.
Result<std::unique_ptr<Source>> open_stream_source(const StreamSourceConfig& config, SourceId id, const Clock& clock,
                                                   Tell tell = tell_nobody, const Tell& note = tell_nobody);

}  // namespace tocsin
