// A file, or standard input, as a source: one partition whose offsets are 1-based line numbers. Files that begin as
// zstd frames are unpacked on the way, whatever they are called.
//
// Finite: at the end of the file the partition ends. Going back means reading from the beginning and counting lines, so
// a resume costs a pass over what was read before; standard input cannot go back.
#pragma once

#include <memory>
#include <string>

#include "engine/io/source.h"

namespace tocsin {

struct FileSourceConfig {
  std::string path;                             // "-" is standard input
  std::size_t block = std::size_t{128} << 10;   // fits the second cache with what is made of it
  std::size_t line_max = std::size_t{1} << 20;  // a longer line is given as `cut`
};

// Fails if the file cannot be opened. `now` is the arrival time of all its records.
Result<std::unique_ptr<Source>> open_file_source(const FileSourceConfig& config, SourceId id, Time now);

}  // namespace tocsin
