// A savepoint, read from its beginning to its end. What has been given was checked; but that all of it is there and
// nothing stands behind it is known only when `next` has said that there is no more. So whoever changes something by
// it reads it to the end first.
//
// Errors name file, place, reason and what to do: `malformed` is damage, `refused` a file that is sound and not for us.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/savepoint/savepoint.h"
#include "engine/io/disk.h"

namespace tocsin {

class SavepointReader {
 public:
  // Reads what stands before the state. `shown`: the path as people are told it.
  static Result<std::unique_ptr<SavepointReader>> open(Disk& disk, const std::string& path, std::string shown);

  const SavepointNote& note() const { return note_; }
  const CheckpointStore::Newest& newest() const { return newest_; }
  const std::vector<SavepointRules>& rules() const { return rules_; }

  // The next address, ascending. False: there are no more, and all of the file is sound.
  Result<bool> next();
  // Good until `next`.
  std::string_view address() const { return address_; }
  std::string_view value() const { return value_; }
  // After the end.
  const SavepointFigures& figures() const { return figures_; }

 private:
  SavepointReader(std::unique_ptr<DiskFile> file, std::string shown);
  Result<void> read_head();
  Result<void> read_section();
  Result<void> read_preface();
  Result<void> take_note();
  Result<void> take_outbox();
  Result<void> take_rules(std::string_view texts);
  Result<void> take_end();
  Result<void> read_exactly(std::string& into, std::size_t size);
  tl::unexpected<Error> damage(std::uint64_t at, const std::string& what) const;
  friend Result<SavepointNote> read_savepoint_note(Disk& disk, const std::string& path, std::string shown);

  std::unique_ptr<DiskFile> file_;
  std::string shown_;
  std::uint64_t size_ = 0, at_ = 0;  // of the file; the next byte to read
  std::uint32_t crc_ = 0;            // of what has been read, but for the section in hand
  std::uint32_t crc_before_ = 0;     // ... and of what stands before that
  std::string section_;              // in hand, with its head
  std::uint64_t section_at_ = 0;
  std::uint32_t kind_ = 0, next_number_ = 0;
  std::string_view rest_;  // of its records
  std::string before_;     // the address before
  std::string_view address_, value_;
  bool ended_ = false;

  SavepointNote note_;
  CheckpointStore::Newest newest_;
  std::vector<SavepointRules> rules_;
  SavepointFigures figures_;
};

// The note alone, for lists: the rest of the file is not looked at.
Result<SavepointNote> read_savepoint_note(Disk& disk, const std::string& path, std::string shown);

}  // namespace tocsin
