#include "dsl/check/vocabulary.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <filesystem>
#include <system_error>

#include "dsl/check/context.h"
#include "dsl/diagnostic.h"
#include "dsl/words.h"
#include "engine/program/zone.h"

namespace tocsin::dsl::checking {
namespace {

constexpr const char* kZones = "/usr/share/zoneinfo";

// Zone names have letters, digits, `_ + - /`; anything else would walk out of the folder.
bool looks_like_zone(std::string_view name) {
  return !name.empty() && name.front() != '/' && name.find("..") == std::string_view::npos &&
         std::all_of(name.begin(), name.end(), [](unsigned char ch) {
           return std::isalnum(ch) || ch == '_' || ch == '+' || ch == '-' || ch == '/';
         });
}

std::string lower(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char ch) { return static_cast<char>(std::tolower(ch)); });
  return out;
}

}  // namespace

std::string_view reserved_as(std::string_view word) {
  if (is_aggregate(word)) return "an aggregate";
  if (has_use(find_word(word), kReservedForItems)) return "a word of the language";
  if (is_function(word)) return "a function";
  return {};
}

std::size_t distance(std::string_view a, std::string_view b, std::size_t most) {
  const std::size_t longer = std::max(a.size(), b.size()), shorter = std::min(a.size(), b.size());
  if (longer - shorter > most) return most + 1;
  // Letters that only one of them has: half of those is a lower bound, and cheap for thousands of names.
  std::array<int, 256> seen{};
  for (char ch : a) ++seen[static_cast<unsigned char>(ch)];
  for (char ch : b) --seen[static_cast<unsigned char>(ch)];
  std::size_t odd = 0;
  for (int n : seen) odd += static_cast<std::size_t>(n < 0 ? -n : n);
  if (odd > 2 * most) return most + 1;
  return edit_distance(a, b);
}

bool is_zone(std::string_view name) { return looks_like_zone(name) && find_zone(name) != nullptr; }

std::string near_zone(std::string_view name) {
  std::error_code error;
  std::string best;
  std::size_t least = 3;
  const std::filesystem::path root(kZones);
  auto it = std::filesystem::recursive_directory_iterator(root, error);
  for (; !error && it != std::filesystem::recursive_directory_iterator(); it.increment(error)) {
    if (!it->is_regular_file(error)) continue;
    const std::string zone = std::filesystem::relative(it->path(), root, error).generic_string();
    if (zone.starts_with("posix/") || zone.starts_with("right/") || !looks_like_zone(zone)) continue;
    const std::size_t d = distance(lower(name), lower(zone), 2);
    // An abbreviation such as CEST is no slip of the pen: only a place is guessed at.
    const bool place = name.find('/') != std::string_view::npos;
    const bool city = zone.size() > name.size() && lower(zone).ends_with("/" + lower(name));
    if (const std::size_t cost = city ? 0 : place ? d : 3; cost < least || (cost == least && zone < best))
      least = cost, best = zone;
  }
  return best;
}

}  // namespace tocsin::dsl::checking
