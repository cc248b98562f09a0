// Standard output as a sink: one message a line, at least once.
//
// Nothing here blocks: what the reader does not take waits, up to a bound, then `write` says full. A reader that has
// gone is final. REQUIRES: SIGPIPE is ignored.
#pragma once

#include <memory>

#include "engine/io/sink.h"

namespace tocsin {

// The descriptor stays the caller's, and open as long as the sink.
std::unique_ptr<Sink> console_sink(int descriptor = 1);

}  // namespace tocsin
