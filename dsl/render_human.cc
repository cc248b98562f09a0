// The message as language.md, section 15 shows it: the author's own line, a caret run under the span, what is
// wrong here, the cause with dashes under it, the help. Marks are placed by columns of the terminal, so tabs, wide
// and combining characters keep them where they belong. Nothing of the author's text reaches the terminal that it
// would obey.
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <iterator>

#include "dsl/characters.h"
#include "dsl/code_pages.h"
#include "dsl/render_parts.h"

namespace tocsin::dsl::rendering {

namespace {

constexpr std::size_t kTab = 4;            // a tab goes to the next multiple of this
constexpr std::uint32_t kLinesOfSpan = 4;  // of a longer span: its first two lines and its last
constexpr std::size_t kContext = 12;       // columns kept before a span that a narrow terminal cuts out of its line
constexpr std::size_t kWidest = 500;  // columns of a line that are shown at most, whatever the width: nobody reads on

// Of a longer line only a piece is looked at, from a little before the mark on: there may be a message per byte of it.
constexpr std::size_t kLongLine = std::size_t{16} << 10, kBeforeMark = 400;

struct Paint {
  bool on = false;
  std::string operator()(std::string_view sequence, std::string_view text) const {
    return on && !text.empty() ? fmt::format("\x1b[{}m{}\x1b[0m", sequence, text) : std::string(text);
  }
};
constexpr std::string_view kRed = "1;31", kYellow = "1;33", kBlue = "1;34", kCyan = "1;36", kBold = "1";

std::string_view colour_of(Level level) { return level == Level::error ? kRed : kYellow; }

// A line as shown, cell by cell: where each byte of it begins, in columns.
struct Shown {
  std::vector<std::string> cells;      // what is printed; a wide character is its text and an empty cell
  std::vector<std::size_t> column_of;  // of each byte, and of the end
};

Shown show(std::string_view line) {
  Shown shown;
  shown.column_of.resize(line.size() + 1);
  for (std::size_t at = 0; at < line.size();) {
    const Character c = first_character(line.substr(at));
    for (std::size_t i = 0; i < c.bytes; ++i) shown.column_of[at + i] = shown.cells.size();
    if (c.code == '\t') {
      do shown.cells.emplace_back(" ");
      while (shown.cells.size() % kTab != 0);
    } else if (!c.valid || is_unprintable(c.code)) {
      shown.cells.emplace_back("\uFFFD");
    } else if (const int columns = columns_of(c.code); columns > 0) {
      shown.cells.emplace_back(line.substr(at, c.bytes));
      if (columns == 2) shown.cells.emplace_back();
    } else if (!shown.cells.empty()) {
      shown.cells.back() += line.substr(at, c.bytes);
    }
    at += c.bytes;
  }
  shown.column_of[line.size()] = shown.cells.size();
  return shown;
}

// A part of one line to underline, and what to say behind the last part of a label.
struct Mark {
  std::uint32_t line = 1;
  std::size_t from = 0, to = 0;  // bytes of the line
  bool primary = true;
  std::string label;
};

// The marks of a span: one per line that it covers, or of its first two and its last when there are many.
std::vector<Mark> marks_of(const Label& label, bool primary, Atlas& atlas) {
  const SourceSpan span = atlas.tame(label.span);
  const Lines& lines = atlas.lines(span.file);
  const std::uint32_t first = lines.position(span.begin).line;
  const std::uint32_t last = lines.position(span.end > span.begin ? span.end - 1 : span.end).line;
  std::vector<Mark> marks;
  for (std::uint32_t line = first; line <= last; ++line) {
    if (last - first >= kLinesOfSpan && line == first + 2) line = last;
    const std::string_view text = lines.line(line);
    const std::size_t start = lines.start(line);
    std::size_t from =
        line == first ? std::min<std::size_t>(span.begin - start, text.size()) : text.find_first_not_of(" \t");
    const std::size_t to = line == last ? std::min<std::size_t>(span.end - start, text.size()) : text.size();
    if (from == std::string_view::npos || (from >= to && line != first)) {
      if (line != last) continue;  // an empty line inside the span
      from = to;
    }
    marks.push_back({line, from, std::max(from, to), primary, {}});
  }
  marks.back().label = readable(label.text);
  return marks;
}

class Snippet {
 public:
  Snippet(std::uint32_t file, Atlas& atlas, std::size_t gutter, Paint paint, int width, std::string_view primary_colour)
      : file_(file), atlas_(atlas), gutter_(gutter), paint_(paint), primary_colour_(primary_colour) {
    const std::size_t taken = gutter + 3;
    if (width > 0)
      room_ = std::min(kWidest, std::max<std::size_t>(static_cast<std::size_t>(width), taken + 20) - taken);
    has_width_ = width > 0;
  }

  // REQUIRES: marks are in the order of their lines.
  std::string draw(const std::vector<Mark>& marks) {
    std::string out = bar() + "\n";
    std::uint32_t before = 0;
    for (auto from = marks.begin(); from != marks.end();) {
      const auto to = std::find_if(from, marks.end(), [&](const Mark& m) { return m.line != from->line; });
      if (before != 0 && from->line == before + 2) out += number(before + 1) + atlas_line(before + 1) + "\n";
      if (before != 0 && from->line > before + 2) out += paint_(kBlue, "...") + "\n";
      out += draw_line(std::vector<Mark>(from, to));
      before = from->line;
      from = to;
    }
    return out;
  }

 private:
  std::string bar() const { return paint_(kBlue, std::string(gutter_ + 1, ' ') + "|"); }
  std::string number(std::uint32_t line) const { return paint_(kBlue, fmt::format("{:>{}} |", line, gutter_)); }

  std::string cut(const Shown& shown, std::size_t from) const {
    const std::size_t end = std::min(shown.cells.size(), from + room_);
    std::string text;
    for (std::size_t i = from; i < end; ++i) text += shown.cells[i];
    if (from > 0 && !shown.cells.empty()) text.replace(0, shown.cells[from].size(), "…");
    if (end < shown.cells.size()) {
      text.resize(text.size() - shown.cells[end - 1].size());
      text += "…";
    }
    return text.empty() ? text : " " + text;
  }

  std::string atlas_line(std::uint32_t line) const {
    return cut(show(atlas_.lines(file_).line(line).substr(0, kLongLine)), 0);
  }

  // Of a very long line the piece around its first mark, and the marks as places in it; how many bytes were left out
  // before it.
  static std::size_t skip_to(std::vector<Mark>& marks, std::string_view& text) {
    if (text.size() <= kLongLine) return 0;
    std::size_t from = marks.front().from > kBeforeMark ? marks.front().from - kBeforeMark : 0;
    while (from > 0 && continues_a_character(text[from])) --from;
    text = text.substr(from, kLongLine);
    for (Mark& mark : marks) {
      mark.from = std::clamp(mark.from, from, from + text.size()) - from;
      mark.to = std::clamp(mark.to, from, from + text.size()) - from;
    }
    return from;
  }

  // The line, and under it a row per mark: one that is read from left to right has its marks in that order too, but
  // the primary comes first, next to the line.
  std::string draw_line(std::vector<Mark> marks) {
    std::ranges::stable_sort(marks, [](const Mark& a, const Mark& b) { return a.primary && !b.primary; });
    const std::uint32_t line = marks.front().line;
    std::string_view text = atlas_.lines(file_).line(line);
    const std::size_t skipped = skip_to(marks, text);
    const Shown shown = show(text);
    const std::size_t primary = shown.column_of[marks.front().from];
    const std::size_t end = shown.column_of[marks.front().to];
    // A line wider than the terminal is cut so that the mark is seen.
    std::size_t from = 0;
    if (shown.cells.size() > room_ && (end > room_ || skipped > 0)) from = primary > kContext ? primary - kContext : 0;
    std::string out = number(line) + cut(shown, from) + "\n";
    for (const Mark& mark : marks) out += draw_mark(mark, shown, from);
    return out;
  }

  std::string draw_mark(const Mark& mark, const Shown& shown, std::size_t from) {
    const std::size_t begin = std::max(shown.column_of[mark.from], from);
    std::size_t columns =
        std::max<std::size_t>(1, shown.column_of[mark.to] > begin ? shown.column_of[mark.to] - begin : 0);
    columns = std::min(columns, std::max<std::size_t>(1, from + room_ > begin ? from + room_ - begin : 1));
    const std::string_view colour = mark.primary ? primary_colour_ : kBlue;
    const std::string indent(begin - from + 1, ' ');
    std::string out = bar() + indent + paint_(colour, std::string(columns, mark.primary ? '^' : '-'));
    if (mark.label.empty()) return out + "\n";
    const bool fits = !has_width_ || begin - from + columns + 1 + columns_of(mark.label) <= room_;
    if (fits) return out + " " + paint_(colour, mark.label) + "\n";
    // No room behind the mark: below it, as far left as its length asks for.
    const std::size_t length = columns_of(mark.label);
    const std::size_t left = length >= room_ ? 0 : std::min(begin - from, room_ - length);
    return out + "\n" + bar() + std::string(left + 1, ' ') + paint_(colour, mark.label) + "\n";
  }

  std::uint32_t file_;
  Atlas& atlas_;
  std::size_t gutter_;
  Paint paint_;
  std::string_view primary_colour_;
  std::size_t room_ = kWidest;  // columns for the author's line
  bool has_width_ = false;      // of a terminal: labels keep inside it, too
};

std::size_t digits(std::uint32_t number) { return fmt::formatted_size("{}", number); }

// `help: ` and what follows; further lines stand under the first.
std::string help_lines(std::string_view help, const Paint& paint, int width) {
  constexpr std::size_t kIndent = 6;
  std::string text = readable(help);
  if (width > 0) text = wrapped(text, std::max<std::size_t>(static_cast<std::size_t>(width), kIndent + 20) - kIndent);
  for (std::size_t at = text.find('\n'); at != std::string::npos; at = text.find('\n', at + 1))
    text.insert(at + 1, kIndent, ' ');
  return paint(kCyan, "help") + ": " + text + "\n";
}

}  // namespace

std::string human(const Diagnostic& d, Atlas& atlas, const RenderOptions& options) {
  const Paint paint{options.colours};
  const std::string_view colour = colour_of(d.level());
  const Place at = atlas.place(d.here.span);

  std::vector<Mark> here = marks_of(d.here, true, atlas), there;
  if (d.cause) there = marks_of(*d.cause, false, atlas);
  std::uint32_t last = here.back().line;
  if (!there.empty()) last = std::max(last, there.back().line);
  const std::size_t gutter = digits(last);
  const std::size_t arrow = std::max<std::size_t>(2, gutter);

  std::string out = paint(colour, (d.code.empty() ? std::string(word_of(d.level()))
                                                  : fmt::format("{}[{}]", word_of(d.level()), d.code))) +
                    paint(kBold, ": " + readable(d.message)) + "\n";
  const auto arrow_to = [&](std::string_view sign, const Place& place) {
    return std::string(arrow, ' ') + paint(kBlue, sign) +
           fmt::format(" {}:{}:{}\n", printable(place.path), place.begin.line, place.begin.column);
  };
  const auto snippet = [&](std::uint32_t file, const std::vector<Mark>& marks) {
    return Snippet(file, atlas, gutter, paint, options.width, colour).draw(marks);
  };

  out += arrow_to("-->", at);
  const bool one_file = d.cause && d.cause->span.file == d.here.span.file;
  if (one_file) {
    here.insert(here.end(), there.begin(), there.end());
    std::ranges::stable_sort(here, {}, &Mark::line);
  }
  out += snippet(d.here.span.file, here);
  if (d.cause && !one_file) {
    out += arrow_to(":::", atlas.place(d.cause->span));
    out += snippet(d.cause->span.file, there);
  }
  if (!d.help.empty()) out += help_lines(d.help, paint, options.width);
  return out;
}

}  // namespace tocsin::dsl::rendering
