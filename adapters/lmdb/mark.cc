#include "adapters/lmdb/mark.h"

#include <fmt/format.h>

#include <charconv>
#include <fstream>

#include "adapters/lmdb/records.h"

namespace tocsin {
namespace {

std::string text_of(const FolderMark& mark) {
  return fmt::format("tocsin state, version {}\nstore {:016x}\nepoch {}\nboot {}\n{} {}\n", kBaseVersion, mark.store,
                     mark.epoch, mark.boot, mark.is_open ? "open" : "closed", mark.unclosed);
}

// What stands between the two; what is before is taken away.
std::string_view between(std::string_view& text, std::string_view from, std::string_view to) {
  const auto begin = text.find(from);
  if (begin == std::string_view::npos) return {};
  text.remove_prefix(begin + from.size());
  return text.substr(0, text.find(to));
}

}  // namespace

std::optional<FolderMark> read_mark(Disk& disk) {
  const auto file = disk.open(kMarkName, Disk::Open::read);
  if (!file) return std::nullopt;
  std::string text(512, '\0');
  const auto got = file.value()->read(0, text);
  if (!got) return std::nullopt;
  text.resize(got.value());

  FolderMark mark;
  std::string_view rest = text;
  const std::string_view store = between(rest, "\nstore ", "\n");
  const std::string_view epoch = between(rest, "\nepoch ", "\n");
  mark.boot = between(rest, "\nboot ", "\n");
  const std::string_view state = between(rest, "\n", " "), unclosed = between(rest, " ", "\n");
  mark.is_open = state == "open";
  std::from_chars(store.data(), store.data() + store.size(), mark.store, 16);
  std::from_chars(epoch.data(), epoch.data() + epoch.size(), mark.epoch);
  std::from_chars(unclosed.data(), unclosed.data() + unclosed.size(), mark.unclosed);
  // Whatever was not as it is written does not come out the same.
  if (text_of(mark) != text) return std::nullopt;
  return mark;
}

Result<void> write_mark(Disk& disk, const FolderMark& mark) { return write_durably(disk, kMarkName, text_of(mark)); }

std::string boot_of_machine() {
  std::string boot;
  std::ifstream("/proc/sys/kernel/random/boot_id") >> boot;
  return boot;
}

}  // namespace tocsin
