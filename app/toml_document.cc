// toml11 says line, column and length of every value, and of a table those of its header; keys have no place of their
// own, so theirs is found again in the text before the value. toml11 throws; all of it is caught here.
#include "app/toml_document.h"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <sstream>
#include <toml.hpp>

namespace tocsin::app {

namespace {

class Tree {
 public:
  Tree(std::string_view text, std::uint32_t file) : text_(text), file_(file) {
    lines_.push_back(0);
    for (std::size_t i = 0; i < text.size(); ++i)
      if (text[i] == '\n') lines_.push_back(i + 1);
  }

  TomlNode node(const toml::value& value) const {
    TomlNode out{TomlOther{}, span_of(value)};
    if (value.is_string()) out.value = std::string(value.as_string());
    if (value.is_boolean()) out.value = value.as_boolean();
    if (value.is_integer()) out.value = std::int64_t{value.as_integer()};
    if (value.is_floating()) out.value = double{value.as_floating()};
    if (value.is_array()) {
      std::vector<TomlNode> items;
      for (const toml::value& item : value.as_array()) items.push_back(node(item));
      out.value = std::move(items);
    }
    if (value.is_table()) out.value = table(value);
    return out;
  }

  // toml11 keeps no order: that of the places.
  TomlTable table(const toml::value& value) const {
    TomlTable items;
    for (const auto& [key, item] : value.as_table()) items.push_back({key, key_of(key, item), node(item)});
    std::ranges::sort(items, [](const TomlItem& a, const TomlItem& b) {
      return std::pair(a.key_span.begin, a.key) < std::pair(b.key_span.begin, b.key);
    });
    return items;
  }

  std::size_t offset(std::size_t line, std::size_t column) const {
    const std::size_t row = std::clamp<std::size_t>(line, 1, lines_.size()) - 1;
    return std::min(lines_[row] + std::max<std::size_t>(column, 1) - 1, text_.size());
  }

  dsl::SourceSpan span(std::size_t begin, std::size_t end) const {
    return {file_, static_cast<std::uint32_t>(begin), static_cast<std::uint32_t>(std::min(end, text_.size()))};
  }

  // From there to the end of the line.
  dsl::SourceSpan rest_of_line(std::size_t begin) const {
    return span(begin, std::max(begin, std::min(text_.find_first_of("\r\n", begin), text_.size())));
  }

 private:
  dsl::SourceSpan span_of(const toml::value& value) const {
    const toml::source_location at = value.location();
    const std::size_t begin = offset(at.line(), at.column());
    return span(begin, begin + std::max<std::size_t>(at.region(), 1));
  }

  // The last `key` before the value on its line; of a table with a header, and of one that a dotted key made, the one
  // inside. An escaped key is not found: then the value's place serves.
  dsl::SourceSpan key_of(const std::string& key, const toml::value& value) const {
    const dsl::SourceSpan here = span_of(value);
    const std::size_t line = text_.rfind('\n', here.begin == 0 ? 0 : here.begin - 1);
    const std::size_t start = line == std::string_view::npos || line >= here.begin ? 0 : line + 1;
    std::size_t found = text_.substr(start, here.begin - start).rfind(key);
    if (found != std::string_view::npos) return span(start + found, start + found + key.size());
    found = text_.substr(here.begin, here.end - here.begin).find(key);
    return found == std::string_view::npos ? here : span(here.begin + found, here.begin + found + key.size());
  }

  std::string_view text_;
  std::uint32_t file_;
  std::vector<std::size_t> lines_;  // where each begins
};

// toml11's message is several lines: "[error] toml::parse_table: what\n --> file\n ... ^--- here". What is said of the
// last place is the reason.
struct Said {
  std::string what, here;
};
Said said_by(const std::string& text) {
  Said said{text.substr(0, text.find('\n')), {}};
  for (const std::string_view begin : {"[error] ", "toml::"})
    if (said.what.starts_with(begin)) said.what.erase(0, begin.size());
  if (const std::size_t colon = said.what.find(": "); colon != std::string::npos) said.what.erase(0, colon + 2);
  const std::size_t arrow = text.rfind("--- "), tildes = text.rfind("~~~ ");
  const std::size_t label = arrow == std::string::npos    ? tildes
                            : tildes == std::string::npos ? arrow
                                                          : std::max(arrow, tildes);
  if (label != std::string::npos) {
    said.here = text.substr(label + 4);
    said.here.resize(std::min(said.here.find('\n'), said.here.size()));
  }
  return said;
}

dsl::Diagnostic no_toml(const toml::exception& error, const Tree& tree) {
  const Said said = said_by(error.what());
  const std::size_t at = tree.offset(error.location().line(), error.location().column());
  return {.code = {},
          .message = "this is no TOML: " + said.what,
          .here = {tree.rest_of_line(at), said.here},
          .cause = {},
          .help = {},
          .fix = {}};
}

// Calls `parsed` with the document, or notes what is wrong with it.
template <class Parsed>
void parse(const std::string& text, const Tree& tree, std::vector<dsl::Diagnostic>& mistakes, const Parsed& parsed) {
  try {
    std::istringstream in(text, std::ios::binary);
    parsed(toml::parse(in));
  } catch (const toml::exception& error) {
    mistakes.push_back(no_toml(error, tree));
  } catch (const std::exception& error) {
    mistakes.push_back({.code = {},
                        .message = fmt::format("this is no TOML: {}", error.what()),
                        .here = {tree.rest_of_line(0), {}},
                        .cause = {},
                        .help = {},
                        .fix = {}});
  }
}

void move_by(TomlNode& node, std::int64_t by) {
  const auto move = [&](dsl::SourceSpan& span) {
    span.begin = static_cast<std::uint32_t>(std::max<std::int64_t>(0, span.begin + by));
    span.end = static_cast<std::uint32_t>(std::max<std::int64_t>(0, span.end + by));
  };
  move(node.span);
  if (auto* items = std::get_if<std::vector<TomlNode>>(&node.value))
    for (TomlNode& item : *items) move_by(item, by);
  if (auto* table = std::get_if<TomlTable>(&node.value))
    for (TomlItem& item : *table) {
      move(item.key_span);
      move_by(item.node, by);
    }
}

}  // namespace

std::string_view noun_of(const TomlValue& value) {
  constexpr std::string_view kNouns[] = {"a text", "true or false", "a whole number",  "a number",
                                         "a list", "a table",       "a date or a time"};
  return kNouns[value.index()];
}

TomlTable read_toml(std::string_view text, std::uint32_t file, std::vector<dsl::Diagnostic>& mistakes) {
  const Tree tree(text, file);
  TomlTable out;
  parse(std::string(text), tree, mistakes, [&](const toml::value& document) { out = tree.table(document); });
  return out;
}

TomlNode read_toml_value(std::string_view text, std::uint32_t file, std::uint32_t at,
                         std::vector<dsl::Diagnostic>& mistakes) {
  constexpr std::string_view kBefore = "v = ";
  const std::string line = fmt::format("{}{}", kBefore, text);
  const Tree tree(line, file);
  TomlNode out{TomlOther{}, {file, at, at}};
  const std::size_t before = mistakes.size();
  const std::int64_t by = static_cast<std::int64_t>(at) - static_cast<std::int64_t>(kBefore.size());
  parse(line, tree, mistakes, [&](const toml::value& document) {
    out = tree.node(document.as_table().at("v"));
    move_by(out, by);
  });
  for (std::size_t i = before; i < mistakes.size(); ++i) {
    const auto end = static_cast<std::uint32_t>(at + text.size());
    mistakes[i].here.span = {file, at, end};
  }
  return out;
}

}  // namespace tocsin::app
