// Myers' greedy algorithm ("An O(ND) Difference Algorithm and Its Variations", 1986) with its trace kept: N*D memory is
// fine for rule files, whose layout differs in few places. Beyond kMostEdits the rest is shown as replaced whole.
#include "app/diff.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstddef>
#include <vector>

namespace tocsin::app {

namespace {

using Lines = std::vector<std::string_view>;

constexpr std::ptrdiff_t kMostEdits = 2000;
constexpr std::size_t kContext = 3;  // lines kept around a change, as everyone does

Lines lines_of(std::string_view text) {
  Lines lines;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
    lines.push_back(text.substr(0, end));
    text.remove_prefix(end);
  }
  return lines;
}

struct Edit {
  char sign = ' ';  // ' ' in both, '-' before only, '+' after only
  std::string_view line;
};

// Walks the kept trace back from the end.
std::vector<Edit> walk_back(const Lines& a, const Lines& b, const std::vector<std::vector<std::ptrdiff_t>>& trace) {
  std::vector<Edit> edits;
  auto x = static_cast<std::ptrdiff_t>(a.size()), y = static_cast<std::ptrdiff_t>(b.size());
  const auto line_of = [](const Lines& lines, std::ptrdiff_t i) { return lines[static_cast<std::size_t>(i)]; };
  for (auto d = static_cast<std::ptrdiff_t>(trace.size()) - 1; d >= 0; --d) {
    const auto& v = trace[static_cast<std::size_t>(d)];
    const auto offset = static_cast<std::ptrdiff_t>(v.size() / 2);
    const auto at = [&](std::ptrdiff_t k) { return v[static_cast<std::size_t>(k + offset)]; };
    const std::ptrdiff_t k = x - y;
    const std::ptrdiff_t before = k == -d || (k != d && at(k - 1) < at(k + 1)) ? k + 1 : k - 1;
    const std::ptrdiff_t from_x = d == 0 ? 0 : at(before), from_y = d == 0 ? 0 : from_x - before;
    while (x > from_x && y > from_y) {
      edits.push_back({' ', line_of(a, --x)});
      --y;
    }
    if (d == 0) break;
    if (x == from_x) {
      edits.push_back({'+', line_of(b, --y)});
    } else {
      edits.push_back({'-', line_of(a, --x)});
    }
  }
  std::ranges::reverse(edits);
  return edits;
}

std::vector<Edit> replaced_whole(const Lines& a, const Lines& b) {
  std::vector<Edit> edits;
  for (const std::string_view line : a) edits.push_back({'-', line});
  for (const std::string_view line : b) edits.push_back({'+', line});
  return edits;
}

std::vector<Edit> edits_of(const Lines& a, const Lines& b) {
  const auto n = static_cast<std::ptrdiff_t>(a.size()), m = static_cast<std::ptrdiff_t>(b.size());
  const std::ptrdiff_t most = std::min(n + m, kMostEdits);
  std::vector<std::ptrdiff_t> v(static_cast<std::size_t>(2 * most + 3), 0);
  const auto at = [&](std::ptrdiff_t k) -> std::ptrdiff_t& { return v[static_cast<std::size_t>(k + most + 1)]; };
  std::vector<std::vector<std::ptrdiff_t>> trace;
  for (std::ptrdiff_t d = 0; d <= most; ++d) {
    trace.push_back(v);
    for (std::ptrdiff_t k = -d; k <= d; k += 2) {
      std::ptrdiff_t x = k == -d || (k != d && at(k - 1) < at(k + 1)) ? at(k + 1) : at(k - 1) + 1;
      while (x < n && x - k < m && a[static_cast<std::size_t>(x)] == b[static_cast<std::size_t>(x - k)]) ++x;
      at(k) = x;
      if (x >= n && x - k >= m) return walk_back(a, b, trace);
    }
  }
  return replaced_whole(a, b);
}

std::string shown(const Edit& edit, bool colours) {
  std::string text = edit.sign + std::string(edit.line);
  if (!text.ends_with('\n')) text += "\n\\ No newline at end of file\n";
  if (!colours || edit.sign == ' ') return text;
  text.pop_back();
  return fmt::format("\x1b[{}m{}\x1b[0m\n", edit.sign == '-' ? 31 : 32, text);
}

}  // namespace

std::string unified_diff(std::string_view path, std::string_view before, std::string_view now, std::string_view after,
                         bool colours) {
  if (before == after) return {};
  const std::vector<Edit> edits = edits_of(lines_of(before), lines_of(after));
  std::string out = fmt::format("--- {0}\n+++ {0} ({1})\n", path, now);
  std::size_t old_line = 1, new_line = 1;
  for (std::size_t i = 0; i < edits.size();) {
    if (edits[i].sign == ' ') {
      ++i, ++old_line, ++new_line;
      continue;
    }
    // A hunk: from three lines before this change to three behind the last that is near it.
    const std::size_t begin = i >= kContext ? i - kContext : 0;
    std::size_t end = i;
    for (std::size_t j = i; j < edits.size() && j <= end + 2 * kContext; ++j)
      if (edits[j].sign != ' ') end = j;
    end = std::min(edits.size(), end + 1 + kContext);
    std::size_t old_count = 0, new_count = 0;
    std::string body;
    for (std::size_t j = begin; j < end; ++j) {
      body += shown(edits[j], colours);
      old_count += edits[j].sign != '+';
      new_count += edits[j].sign != '-';
    }
    const std::size_t lead = i - begin;
    // Of nothing the place is the line before it, as diff(1) has it.
    out += fmt::format("@@ -{},{} +{},{} @@\n{}", old_line - lead - (old_count == 0), old_count,
                       new_line - lead - (new_count == 0), new_count, body);
    for (; i < end; ++i) {
      old_line += edits[i].sign != '+';
      new_line += edits[i].sign != '-';
    }
  }
  return out;
}

}  // namespace tocsin::app
