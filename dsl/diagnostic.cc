// What every finder of mistakes shares: order, one message per cause, and the guess at what was meant.
// How a message looks is render.cc's business.
#include "dsl/diagnostic.h"

#include <algorithm>
#include <numeric>
#include <tuple>

namespace tocsin::dsl {

namespace {

auto place(const Diagnostic& d) { return std::tuple(d.here.span.file, d.here.span.begin, d.here.span.end, d.code); }

}  // namespace

Level Diagnostic::level() const {
  if (denied) return Level::error;
  const CodeInfo* row = find_code(code);
  // A code without a row is ours to mend (a test compares all codes used); to its reader it is an error meanwhile.
  return row != nullptr ? row->level : Level::error;
}

void sort_and_unique(std::vector<Diagnostic>& diagnostics) {
  std::ranges::stable_sort(diagnostics, {}, place);
  const auto rest = std::ranges::unique(diagnostics, {}, place);
  diagnostics.erase(rest.begin(), rest.end());
}

// Optimal string alignment: insert, delete, replace, swap neighbours; no substring is edited twice. Three rows suffice.
std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> before(b.size() + 1), last(b.size() + 1), now(b.size() + 1);
  std::iota(last.begin(), last.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    now[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      now[j] = std::min({last[j] + 1, now[j - 1] + 1, last[j - 1] + (a[i - 1] != b[j - 1])});
      if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1]) now[j] = std::min(now[j], before[j - 2] + 1);
    }
    std::swap(before, last);
    std::swap(last, now);
  }
  return last[b.size()];
}

std::string nearest(std::string_view word, const std::vector<std::string>& candidates) {
  const std::size_t most = std::min<std::size_t>(2, word.size() / 3);
  std::size_t best = most + 1;
  const std::string* found = nullptr;
  for (const std::string& candidate : candidates) {
    // A length that differs by more than the best so far cannot be nearer: 10,000 names stay cheap.
    const std::size_t longer = std::max(word.size(), candidate.size()),
                      shorter = std::min(word.size(), candidate.size());
    if (longer - shorter >= best) continue;
    if (const std::size_t distance = edit_distance(word, candidate); distance < best && candidate != word) {
      best = distance;
      found = &candidate;
    }
  }
  return found != nullptr ? *found : std::string();
}

}  // namespace tocsin::dsl
