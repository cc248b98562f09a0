#include "adapters/file/rotation.h"

#include <dirent.h>
#include <fnmatch.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <memory>
#include <optional>
#include <utility>

#include "adapters/file/reader.h"

namespace tocsin {
namespace {

constexpr std::string_view kDigits = "0123456789";

// `app.log.12` is the twelfth before `app.log`; `part.0012` is no rotation.
struct Generation {
  std::string_view stem;
  std::uint64_t number = 0;
};

Generation generation_of(std::string_view name) {
  if (name.ends_with(".zst")) name.remove_suffix(4);
  const std::size_t dot = name.rfind('.');
  if (dot == std::string_view::npos || dot == 0) return {name};
  const std::string_view digits = name.substr(dot + 1);
  if (digits.empty() || digits.size() > 4 || digits.front() == '0' ||
      digits.find_first_not_of(kDigits) != std::string_view::npos)
    return {name};
  Generation out{name.substr(0, dot)};
  for (const char digit : digits) out.number = out.number * 10 + static_cast<std::uint64_t>(digit - '0');
  return out;
}

// The digits at the beginning, without zeros in front.
std::string_view number_at(std::string_view text) {
  const std::string_view digits = text.substr(0, text.find_first_not_of(kDigits));
  return digits.substr(std::min(digits.find_first_not_of('0'), digits.size()));
}

// `path_of`: where one of this name is read; nothing: it is none of them.
template <class PathOf>
Result<std::vector<FoundFile>> plain_files(const std::string& folder, const PathOf& path_of) {
  const std::unique_ptr<DIR, int (*)(DIR*)> entries(::opendir(folder.c_str()), ::closedir);
  const auto broken = [&] {
    return failure(Error::Code::unreadable, "cannot list " + folder + ": " + std::strerror(errno));
  };
  if (entries == nullptr) return broken();
  std::vector<FoundFile> out;
  for (errno = 0; const dirent* entry = ::readdir(entries.get()); errno = 0) {
    FoundFile found;
    found.name = entry->d_name;
    auto path = path_of(found.name);
    if (!path) continue;
    found.path = std::move(*path);
    const auto facts = facts_of(found.path);
    if (!facts || !*facts || !(*facts)->is_plain) continue;  // moved away just now, or no file
    found.identity = (*facts)->identity;
    found.size = (*facts)->size;
    found.written = (*facts)->written;
    found.born = (*facts)->born;
    out.push_back(std::move(found));
  }
  if (errno != 0) return broken();
  return out;
}

}  // namespace

bool is_read_before(std::string_view a, std::string_view b) {
  const Generation x = generation_of(a), y = generation_of(b);
  if (x.stem == y.stem) return x.number != y.number ? x.number > y.number : a < b;
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  std::string_view left = x.stem, right = y.stem;
  while (!left.empty() && !right.empty()) {
    if (is_digit(left.front()) && is_digit(right.front())) {
      const std::string_view m = number_at(left), n = number_at(right);
      if (m.size() != n.size()) return m.size() < n.size();
      if (m != n) return m < n;
      left.remove_prefix(std::min(left.find_first_not_of(kDigits), left.size()));
      right.remove_prefix(std::min(right.find_first_not_of(kDigits), right.size()));
    } else {
      if (left.front() != right.front()) return left.front() < right.front();
      left.remove_prefix(1);
      right.remove_prefix(1);
    }
  }
  // The one that the other begins with is the newest.
  return left.empty() == right.empty() ? x.stem < y.stem : right.empty();
}

std::string_view stem_of(std::string_view name) { return generation_of(name).stem; }

bool is_packed_name(std::string_view name) { return name.ends_with(".zst") || name.ends_with(".gz"); }

bool is_rotated_name(std::string_view name, std::string_view of) {
  if (!name.starts_with(of)) return false;
  std::string_view behind = name.substr(of.size());
  const bool is_packed = is_packed_name(behind);
  if (is_packed) behind.remove_suffix(behind.ends_with(".gz") ? 3 : 4);
  if (behind.empty()) return is_packed;
  return (behind.front() == '.' || behind.front() == '-') &&
         behind.find_first_not_of("0123456789.-_T:Z") == std::string_view::npos;  // a number or a date, no `.bak`
}

FileSet::FileSet(std::string path) : path_(std::move(path)) {
  const std::size_t slash = path_.rfind('/');
  folder_ = slash == std::string::npos ? "." : slash == 0 ? "/" : path_.substr(0, slash);
  const std::string last = path_.substr(slash == std::string::npos ? 0 : slash + 1);
  if (const auto facts = facts_of(path_); facts && *facts) {
    if (!(*facts)->is_folder) {
      name_ = last;  // also one that has a * in its name
    } else {
      folder_ = path_;
      pattern_ = "*";
    }
  } else if (last.find_first_of("*?[") != std::string::npos) {
    pattern_ = last;
  } else {
    name_ = last;
  }
}

bool FileSet::fits(const std::string& name, bool with_rotated) const {
  if (!pattern_.empty()) return ::fnmatch(pattern_.c_str(), name.c_str(), FNM_PERIOD) == 0;
  return name == name_ ||
         (with_rotated && !name.ends_with(".gz") && name != name_ + ".zst" && is_rotated_name(name, name_));
}

bool FileSet::has(const std::string& path) const {
  namespace fs = std::filesystem;
  std::error_code error;
  if (fs::equivalent(path, path_, error)) return true;
  const fs::path place = fs::weakly_canonical(path, error), folder = fs::weakly_canonical(folder_, error);
  return place.parent_path() == folder && fits(place.filename().string(), false);
}

Result<std::vector<FoundFile>> FileSet::files(bool with_rotated) const {
  auto out = plain_files(folder_, [&](const std::string& name) {
    return fits(name, with_rotated) ? std::optional(path_of(name)) : std::nullopt;
  });
  if (out)
    std::sort(out->begin(), out->end(),
              [](const FoundFile& a, const FoundFile& b) { return is_read_before(a.name, b.name); });
  return out;
}

std::vector<FoundFile> FileSet::anything_near() const {
  std::vector<std::string> folders{folder_};
  std::error_code error;
  if (const auto leads_to = std::filesystem::canonical(path_, error); !error)
    folders.push_back(leads_to.parent_path().string());
  std::vector<FoundFile> out;
  for (const std::string& folder : folders)
    if (auto files = plain_files(folder, [&](const std::string& name) { return std::optional(folder + "/" + name); }))
      out.insert(out.end(), files->begin(), files->end());
  return out;
}

}  // namespace tocsin
