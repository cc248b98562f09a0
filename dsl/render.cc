// The choice of format, what all share, and the formats that are one line a message. Human text is in
// render_human.cc, JSON and SARIF in render_json.cc.
#include "dsl/render.h"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <utility>

#include "dsl/characters.h"
#include "dsl/render_parts.h"
#include "engine/base/contract.h"

namespace tocsin::dsl {

namespace rendering {

const Lines& Atlas::lines(std::uint32_t file) {
  TOCSIN_ASSERT(file < sources_.size());
  auto& slot = lines_[file];
  if (slot == nullptr) slot = std::make_unique<Lines>(sources_[file].text);
  return *slot;
}

SourceSpan Atlas::tame(SourceSpan span) const {
  TOCSIN_ASSERT(span.file < sources_.size());
  const std::string_view text = sources_[span.file].text;
  const auto size = static_cast<std::uint32_t>(text.size());
  span.begin = std::min(span.begin, size);
  span.end = std::clamp(span.end, span.begin, size);
  if (span.begin == size) {
    const std::size_t last = text.find_last_not_of(" \t\r\n");
    span.begin = span.end = last == std::string_view::npos ? 0 : static_cast<std::uint32_t>(last + 1);
  }
  return span;
}

Place Atlas::place(SourceSpan span) {
  span = tame(span);
  const Lines& in = lines(span.file);
  return {sources_[span.file].path, in.position(span.begin), in.position(span.end)};
}

std::string_view word_of(Level level) {
  switch (level) {
    case Level::error:
      return "error";
    case Level::warning:
      return "warning";
  }
  return {};
}

namespace {

// Of one sentence, and what is kept of each of its ends: the words of the message stand there, the name between them.
constexpr std::size_t kLongestSentence = 1'000, kKept = 400;

}  // namespace

std::string readable(std::string_view sentence) {
  if (sentence.size() <= kLongestSentence) return printable(sentence);
  std::size_t head = kKept, tail = sentence.size() - kKept;
  while (head > 0 && continues_a_character(sentence[head])) --head;
  while (tail < sentence.size() && continues_a_character(sentence[tail])) ++tail;
  return printable(sentence.substr(0, head)) + " … " + printable(sentence.substr(tail));
}

}  // namespace rendering

namespace {

using rendering::Atlas;
using rendering::Place;
using rendering::readable;
using rendering::word_of;

// What is wrong, and how to mend it, without the author's line to look at.
std::string in_words(const Diagnostic& d, std::string_view between) {
  std::string text = readable(d.message);
  if (!d.here.text.empty()) text += fmt::format(" ({})", readable(d.here.text));
  if (!d.help.empty()) text += fmt::format("{}help: {}", between, readable(d.help));
  return text;
}

std::string one_line(std::string text) {
  std::ranges::replace(text, '\n', ' ');
  return text;
}

std::string brief(const Diagnostic& d, Atlas& atlas) {
  const Place at = atlas.place(d.here.span);
  return fmt::format("{}:{}:{}: {}[{}]: {}\n", printable(at.path), at.begin.line, at.begin.column, word_of(d.level()),
                     d.code, one_line(in_words(d, "; ")));
}

// Workflow commands end at a newline, and properties also at `:` and `,`.
std::string escape_github(std::string_view text, bool property) {
  std::string out;
  for (const char c : text) {
    if (c == '%' || c == '\r' || c == '\n' || (property && (c == ':' || c == ','))) {
      out += fmt::format("%{:02X}", static_cast<unsigned char>(c));
    } else {
      out += c;
    }
  }
  return out;
}

std::string github(const Diagnostic& d, Atlas& atlas) {
  const Place at = atlas.place(d.here.span);
  return fmt::format("::{} file={},line={},col={},endLine={},endColumn={},title={}::{}\n", word_of(d.level()),
                     escape_github(printable(at.path), true), at.begin.line, at.begin.column, at.end.line,
                     at.end.column, escape_github(d.code, true), escape_github(in_words(d, "\n"), false));
}

std::string junit_case(const Diagnostic& d, Atlas& atlas) {
  const Place at = atlas.place(d.here.span);
  const bool failed = d.level() == Level::error;
  const std::string_view tag = failed ? "failure" : "system-out";
  return fmt::format(
      "    <testcase classname=\"{}\" name=\"{} at {}:{}\">\n      <{}{}>{}</{}>\n    </testcase>\n",
      escape_xml(at.path), d.code, at.begin.line, at.begin.column, tag,
      failed ? fmt::format(" type=\"{}\" message=\"{}\"", d.code, escape_xml(one_line(readable(d.message)))) : "",
      escape_xml(rendering::human(d, atlas, {})), tag);
}

// Every file is a test case that passes, or stands in the cases of its messages.
std::string junit(std::span<const Diagnostic> diagnostics, Atlas& atlas) {
  std::string cases;
  std::size_t count = 0, failures = 0;
  std::vector<bool> mentioned(atlas.sources().size());
  for (const Diagnostic& d : diagnostics) {
    cases += junit_case(d, atlas);
    mentioned[d.here.span.file] = true;
    ++count;
    if (d.level() == Level::error) ++failures;
  }
  for (std::size_t i = 0; i < mentioned.size(); ++i) {
    if (mentioned[i]) continue;
    cases += fmt::format("    <testcase classname=\"{}\" name=\"check\"/>\n", escape_xml(atlas.sources()[i].path));
    ++count;
  }
  return fmt::format(
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n"
      "  <testsuite name=\"tocsin check\" tests=\"{}\" failures=\"{}\">\n{}  </testsuite>\n</testsuites>\n",
      count, failures, cases);
}

constexpr std::pair<std::string_view, Format> kFormats[] = {
    {"human", Format::human},   {"short", Format::brief}, {"json", Format::json},
    {"github", Format::github}, {"sarif", Format::sarif}, {"junit", Format::junit},
};

}  // namespace

std::string escape_xml(std::string_view text) {
  std::string out;
  for (const char c : printable(text)) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      case '"':
        out += "&quot;";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::optional<Format> format_of(std::string_view word) {
  for (const auto& [name, format] : kFormats)
    if (name == word) return format;
  return std::nullopt;
}

const std::vector<std::string>& format_words() {
  static const std::vector<std::string> words = [] {
    std::vector<std::string> all;
    for (const auto& [name, format] : kFormats) all.emplace_back(name);
    return all;
  }();
  return words;
}

std::string render(std::span<const Diagnostic> diagnostics, std::span<const SourceText> sources, Format format,
                   const RenderOptions& options) {
  Atlas atlas(sources);
  std::string out;
  switch (format) {
    case Format::human:
      for (const Diagnostic& d : diagnostics) out += rendering::human(d, atlas, options);
      return out;
    case Format::brief:
      for (const Diagnostic& d : diagnostics) out += brief(d, atlas);
      return out;
    case Format::json:
      return rendering::json(diagnostics, atlas);
    case Format::github:
      for (const Diagnostic& d : diagnostics) out += github(d, atlas);
      return out;
    case Format::sarif:
      return rendering::sarif(diagnostics, atlas, options.version);
    case Format::junit:
      return junit(diagnostics, atlas);
  }
  return out;
}

}  // namespace tocsin::dsl
