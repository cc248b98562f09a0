#include "app/daemon/checkpoint_advice.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "app/setting_keys.h"
#include "engine/base/wording.h"
#include "engine/base/write.h"

namespace tocsin::app {
namespace {

// So many of the last are looked at: one that was slow is nobody's business.
constexpr std::size_t kLooked = 5;
// A checkpoint that writes more than this is large.
constexpr std::uint64_t kLarge = std::uint64_t{1} << 30;

template <class Of>
auto middle(std::span<const CheckpointNote> notes, const Of& of) {
  std::vector<decltype(of(notes.front()))> all;
  for (const CheckpointNote& note : notes) all.push_back(of(note));
  std::ranges::sort(all);
  return all[all.size() / 2];
}

std::string text_of(Duration duration) { return fmt::format("{:.1f} s", static_cast<double>(duration.us) / 1e6); }

}  // namespace

std::size_t failures_in_a_row(std::span<const CheckpointNote> notes) {
  return static_cast<std::size_t>(
      std::ranges::find_if(notes, [](const CheckpointNote& n) { return n.failure.empty(); }) - notes.begin());
}

std::string checkpoint_advice(std::span<const CheckpointNote> notes, const CheckpointSettings& settings) {
  if (const std::size_t failures = failures_in_a_row(notes); failures > 0)
    return fmt::format(
        "{} failed in a row ({}): nothing is lost, but epochs pile up in state.dir until one succeeds, and the next "
        "start "
        "takes longer; look at that disk",
        counted(failures, "checkpoint"), notes.front().failure);
  notes = notes.first(std::min(notes.size(), kLooked));
  if (notes.size() < 3) return {};
  const Duration took = middle(notes, [](const CheckpointNote& n) { return n.took; });
  if (took.us > settings.every.us / 2)
    return fmt::format(
        "a checkpoint takes {}, and one begins every {}: a longer state.checkpoint.every merges keys that change often "
        "once and not each time; or put state.dir on a faster disk",
        text_of(took), text_of(settings.every));
  const std::uint64_t bytes = middle(notes, [](const CheckpointNote& n) { return n.bytes; });
  if (bytes > kLarge)
    return fmt::format(
        "a checkpoint writes {}: a longer state.checkpoint.every writes keys that change often once and not each time",
        size_text(bytes >> 20 << 20));
  return {};
}

}  // namespace tocsin::app
