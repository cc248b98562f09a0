// Which files a source reads, and in which order: a file and what rotation has made of it, the files of a folder, those
// that a pattern fits.
//
// The order is that of the names, in which numbers count as numbers, but for rotation: `app.log.2` was before
// `app.log.1`, and the name that others begin with is the newest (`app.log-20261122`, then `app.log`). Names, not
// times: a copy has other times and should give the same.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/result.h"
#include "engine/base/time.h"

namespace tocsin {

// Is `a` read before `b`?
bool is_read_before(std::string_view a, std::string_view b);

// Without the number or the packing that rotation has put behind it.
std::string_view stem_of(std::string_view name);
// What rotation calls a file that was `of` before: with a number or a date behind it, packed or not.
bool is_rotated_name(std::string_view name, std::string_view of);

bool is_packed_name(std::string_view name);

struct FoundFile {
  std::string path, name;
  std::uint64_t identity = 0, size = 0;
  Time written{}, born{};
};

class FileSet {
 public:
  // A file; a folder: all plain files in it, but for hidden ones; with one of *?[ in its last part, those that fit.
  explicit FileSet(std::string path);

  bool is_one_file() const { return pattern_.empty(); }
  // Is a file of this place one of them, whether it is there or not?
  bool has(const std::string& path) const;
  const std::string& path() const { return path_; }
  const std::string& folder() const { return folder_; }
  // In the order in which they are read. With the ones that rotation has moved away: `app.log.1` beside `app.log`.
  Result<std::vector<FoundFile>> files(bool with_rotated) const;
  // All that stands beside it, and beside what it leads to, whatever it is called: to look for one by its number.
  std::vector<FoundFile> anything_near() const;
  std::string path_of(const std::string& name) const { return name == name_ ? path_ : folder_ + "/" + name; }

 private:
  bool fits(const std::string& name, bool with_rotated) const;

  std::string path_, folder_, name_, pattern_;
};

}  // namespace tocsin
