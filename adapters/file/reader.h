// The bytes of one file or pipe, unpacked on the way where it begins as a zstd frame.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "engine/base/result.h"
#include "engine/base/time.h"

namespace tocsin {

// What the system says of a file.
struct FileFacts {
  std::uint64_t identity = 0;  // the same under another name
  std::uint64_t size = 0;
  Time written;
  bool is_plain = false, is_folder = false;
  Time born{};  // 0: the file system does not know
};

// Nothing: there is none.
Result<std::optional<FileFacts>> facts_of(const std::string& path);

// What gzip says at the end of a file that it has packed: how many bytes that had, modulo 2^32. Nothing: it is none.
std::optional<std::uint32_t> size_in_gzip(const std::string& path);

// One thread.
class FileReader {
 public:
  // Does not wait for who writes into a named pipe. `follow`: such a pipe has no end, writers come and go.
  static Result<std::unique_ptr<FileReader>> open(const std::string& path, bool follow = false);
  static std::unique_ptr<FileReader> standard_input();
  ~FileReader();
  FileReader(const FileReader&) = delete;
  FileReader& operator=(const FileReader&) = delete;

  // At most `room` bytes; 0: the end. Nothing: no byte came in `wait`, or a signal did.
  Result<std::optional<std::size_t>> read(char* to, std::size_t room, Duration wait);
  // More may have been written behind the end.
  void look_again() { ended_ = false; }
  // Goes to this place among the unpacked bytes; false: the file is shorter. REQUIRES: nothing has been read. What is
  // packed is unpacked up to there.
  Result<bool> skip(std::uint64_t to);

  std::uint64_t position() const { return position_; }  // unpacked
  std::uint64_t taken() const { return taken_; }        // as the file has them
  Result<FileFacts> facts() const;
  bool is_packed() const { return is_packed_; }  // known when something has been read
  // Became shorter than what has been read of it.
  bool was_cut() const;
  // How much of the file has been read, for progress; less than 0 where nobody knows.
  double done() const;
  const std::string& name() const { return name_; }

 private:
  FileReader(int fd, bool owned, std::string name);
  std::string_view first() const { return packed_; }
  bool may_be_packed() const;
  Result<bool> fill(Duration wait);
  Result<std::optional<std::size_t>> copy(char* to, std::size_t room, Duration wait);
  Result<std::optional<std::size_t>> unpack(char* to, std::size_t room, Duration wait);

  const int fd_;
  const bool owned_;
  const std::string name_;
  std::string packed_;  // what was read and not yet given
  std::size_t at_ = 0;
  std::uint64_t taken_ = 0, position_ = 0;  // as the file has them, as they are given
  bool begun_ = false, ended_ = false, inside_frame_ = false, is_packed_ = false;
  struct Unpacker;
  std::unique_ptr<Unpacker> unpacker_;
};

}  // namespace tocsin
