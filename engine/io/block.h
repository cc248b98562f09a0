// Bytes as they came: several records of one partition. Control works in blocks (64 to 256 KB are good), only decoding
// looks at single records.
//
// Two ways to frame:
//   lines    `records` is empty. Records end with a newline; the block holds whole lines (the last may lack its newline
//            at the end of the input). The first line has the number `first_offset`, each next line one more. A format
//            whose records may span lines (CSV) carries the rest over itself.
//   records  the source knows where each one lies, and its offset and time (Kafka). Between two records stands a
//            newline that belongs to neither, so that a decoder may look at the block as a whole first.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "engine/base/bytes.h"
#include "engine/base/ids.h"
#include "engine/base/time.h"

namespace tocsin {

struct Record {
  std::uint32_t begin = 0, size = 0;  // in Block::bytes
  std::uint64_t offset = 0;
  std::optional<Time> time;  // the source's own time of the record
};

struct Block {
  SourceId source;
  std::uint32_t partition = 0;
  Bytes bytes;
  std::uint64_t first_offset = 1;
  std::uint64_t next_offset = 1;  // behind its last record
  std::vector<Record> records;
  Time arrived;       // event time of records that have none of their own and whose type names no timestamp
  bool cut = false;   // one record that is larger than the source's limit; only its beginning is here
  bool ends = false;  // nothing more comes from this partition (the block may be empty then)

  // Ready for the next poll; the memory stays.
  void clear() {
    bytes.clear();
    records.clear();
    first_offset = next_offset = 1;
    cut = ends = false;
  }
};

}  // namespace tocsin
