// A file as a sink: one message a line, exactly once (NDJSON).
//
// Messages are appended, and synced before their epoch is called delivered. The bookmark of a delivery says which file
// it was and how long; after a crash, what is written again is compared with what already stands behind that length:
// what is there stays as it is, what is not the same (a torn line, zeros after a power cut) is cut and written anew. So
// a reader that follows the file sees no line twice, and nothing changes that it may have read whole.
//
//   rotated   Between two epochs, a file that was moved away is left where it is and a new one is begun; after a crash
//             it is found again beside the new one, by its number or by its last bytes.
//   cut       (copytruncate, `> alerts.ndjson`) while it is written: said, and it goes on at the new end.
//   refused   when it is opened: a file that is shorter than what was delivered, is another one, or is gone.
//   full      A disk that takes no more is tried again, with growing pauses; half a line is taken back first.
// The file is the sink's own: what others append to it while it is written stays, but not over a crash.
#pragma once

#include <memory>
#include <string>

#include "engine/io/clock.h"
#include "engine/io/disk.h"
#include "engine/io/sink.h"
#include "engine/io/tell.h"

namespace tocsin {

struct FileSinkConfig {
  std::string path;  // in a folder that is there, or can be made in one that is
};

// Fails if the folder cannot be written, or if there is something else than a plain file. The file is made by `open`,
// readable for nobody but the user: alerts are events of others. The clock outlives the sink.
Result<std::unique_ptr<Sink>> open_file_sink(const FileSinkConfig& config, const Clock& clock, Tell tell = tell_nobody);

// The same on any disk: `name` in its folder "". It outlives the sink.
std::unique_ptr<Sink> file_sink_on(Disk& disk, const std::string& name, const Clock& clock, Tell tell = tell_nobody);

// What a delivery was to, as it is now: for whoever goes back to a state of then. A sink that is opened there cuts off
// what stands behind it.
struct FileSinkStanding {
  std::string path;                         // "": the file is gone, or another one
  std::uint64_t delivered = 0, behind = 0;  // bytes
};
Result<FileSinkStanding> file_sink_standing(const FileSinkConfig& config, const std::string& bookmark);

}  // namespace tocsin
