// Where records come from: one source of the configuration, with one or more partitions.
//
// The delivery contract
//   - Within a partition records come in the order of their offsets, each once, beginning after the offsets given to
//     `start`. What was polled before a crash and not yet `stored` comes again; so a source must be able to go back to
//     any offset it was told is stored. A source that cannot (standard input, the generator) says so by `can_go_back`.
//   - Nothing is acknowledged to the outside because it was polled; only `stored` says what is safe. Epochs call it
//     with the positions that a durable checkpoint holds, in order, possibly many epochs later.
//   - Back-pressure: who cannot take more does not poll. `pause` stops single partitions (a partition far ahead of the
//     others in event time); the source keeps its connection alive meanwhile.
//   - Failures that pass by themselves are retried inside and said by `trouble`; an error from `poll` is final, and
//     the source is not polled again.
// One thread at a time: calls may come from several threads, none of them concurrently.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine/base/result.h"
#include "engine/base/time.h"
#include "engine/io/block.h"

namespace tocsin {

// One of the things, of which there may be many, that a source has to know to go on and that hardly ever change: a file
// that has been read to its end.
struct SourceNote {
  std::string key, value;
  bool gone = false;
  friend bool operator==(const SourceNote&, const SourceNote&) = default;
};

// How far a partition has been read: the next offset to deliver.
struct Progress {
  std::uint32_t partition = 0;
  std::uint64_t next_offset = 0;
  std::string bookmark{};           // what the source said of it (Source::bookmark)
  std::vector<SourceNote> notes{};  // for `start`: all that are kept, each key once
  friend bool operator==(const Progress&, const Progress&) = default;
};

enum class Polled : std::uint8_t {
  block,     // `into` holds records, or says that a partition ends
  nothing,   // no record came in time; `into` is empty
  finished,  // a finite source: every partition has ended
};

class Source {
 public:
  virtual ~Source() = default;

  virtual std::uint32_t partitions() const = 0;
  virtual bool can_go_back() const = 0;

  // Called once, before the first poll. A partition that is not named begins where the configuration says. Offsets go
  // on from there also where a source cannot go back, so that none is given twice.
  virtual Result<void> start(std::span<const Progress> from) = 0;

  // Instead of `start`: begins with the oldest record that is still there and leads, without a gap, to where another
  // source of the same configuration stands; with the offsets that it had there. Where each partition begins. May take
  // long, and breaks off when it is given up. REQUIRES: can_go_back().
  virtual Result<std::vector<Progress>> start_at_oldest(std::span<const Progress> /*at*/,
                                                        const std::atomic<bool>& /*given_up*/) {
    return failure(Error::Code::refused, "what it gave cannot be read again");
  }

  // The next block of some partition; waits at most `wait`. REQUIRES: `into` is clear; its buffer is reused.
  virtual Result<Polled> poll(Block& into, Duration wait) = 0;

  // A block is to have about so many bytes at most from here on: what blocks bring takes long just now.
  virtual void set_block(std::size_t /*bytes*/) {}

  virtual void pause(std::uint32_t partition) = 0;
  virtual void resume(std::uint32_t partition) = 0;

  // How to find this position again without reading all that stands before it, and how to know whether what is there
  // is still the same: to be stored with it. Asked for the beginning or the end of a block that was polled, or where it
  // started, not before what is `stored`. Empty: the offset says all.
  virtual std::string bookmark(std::uint32_t, std::uint64_t /*next_offset*/) const { return {}; }

  // What belongs to a bookmark, and is too much to stand in it whole each time: which notes have come, have changed or
  // have gone since the position that was `stored` last. Asked right after the bookmark of the same position, and again
  // where that could not be stored; no earlier position is asked for after that.
  virtual std::vector<SourceNote> notes(std::uint32_t, std::uint64_t /*next_offset*/) { return {}; }

  // A checkpoint that holds these positions is durable: nothing before them is asked for again.
  virtual void stored(std::span<const Progress> safe) = 0;

  // Done so far of all there is, between 0 and 1, or less than 0 where the end is not known. For progress lines.
  virtual double done() const { return -1; }

  // What is being retried just now and why, for people. Empty: all is well.
  virtual std::string trouble() const { return {}; }
};

}  // namespace tocsin
