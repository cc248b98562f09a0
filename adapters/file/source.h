// Files, or standard input, as a source: one partition whose offsets are 1-based line numbers. Files that begin as zstd
// frames are unpacked on the way, whatever they are called.
//
// Several files (a folder, a pattern, a file that is rotated) are one after the other, and their lines are counted
// through, as `cat` would give them: so a position never comes twice, and order does not depend on when somebody
// rotates. The order is that of their names (rotation.h). With `follow`, what is appended to a file that was left is
// read on there, and numbered behind what came meanwhile; a new file of a folder is read also where its name stands
// before, or is packed, but for copies of what was read; and so is what rotation has moved away while nobody read, in
// the order of its times where names would say that it is old (README.md).
//
// Without `follow` it is finite: at the end of the last file the partition ends. With it, it waits there for more: for
// lines (one that has no line break yet is not given), for the next file when this one was moved away and nobody writes
// it any more, for the file itself where there is none. Who is told about changes by the system is woken at once; where
// that does not work (network file systems) it looks again by itself.
//
// Going back: the bookmark of a position is the file's number, the place in it and a digest of the bytes before that,
// so a restart finds the file under the name that rotation gave it, goes there at once (what is packed is unpacked up
// to there), and refuses when it has gone or holds something else. The same of each file that was left is a note, and
// so is each turn from one file to another that was taken behind the position: what had been read comes again in the
// order and with the numbers that it had, whatever was appended meanwhile. A file
// that is copied and cut (copytruncate) is read on in its copy; without a copy that is said, and it begins anew.
// Standard input and pipes cannot go back.
#pragma once

#include <memory>
#include <string>

#include "engine/io/clock.h"
#include "engine/io/source.h"
#include "engine/io/tell.h"

namespace tocsin {

struct FileSourceConfig {
  std::string path;                             // "-" is standard input
  std::size_t block = std::size_t{128} << 10;   // fits the second cache with what is made of it
  std::size_t line_max = std::size_t{1} << 20;  // a longer line is given as `cut`
  bool follow = false;
  // The first line of each file names the columns (CSV): it is not given of files behind the first, which must have the
  // same.
  bool header = false;
  Tell tell = tell_nobody;
};

// Fails if the file cannot be opened; one that is followed need not be there yet. Records arrive at the time that the
// clock says, or, without a clock, at `now`. REQUIRES: a clock where it follows; it outlives the source.
Result<std::unique_ptr<Source>> open_file_source(const FileSourceConfig& config, SourceId id, Time now,
                                                 const Clock* clock = nullptr);

}  // namespace tocsin
