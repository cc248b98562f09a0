// A TOML text as a tree whose every key and value knows where it stands, so that a complaint can show the author's own
// line. The only file behind this that includes toml11 is toml_document.cc.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "dsl/diagnostic.h"
#include "dsl/source.h"

namespace tocsin::app {

struct TomlNode;

struct TomlItem;
using TomlTable = std::vector<TomlItem>;  // in the order of the text

struct TomlOther {};  // a date or a time: nothing here is one
using TomlValue = std::variant<std::string, bool, std::int64_t, double, std::vector<TomlNode>, TomlTable, TomlOther>;

struct TomlNode {
  TomlValue value;
  dsl::SourceSpan span;
};

struct TomlItem {
  std::string key;
  dsl::SourceSpan key_span;
  TomlNode node;
};

// "a text", "a table": what a value is, for complaints.
std::string_view noun_of(const TomlValue& value);

// The table that `text`, which is file number `file`, is. What is no TOML is one Diagnostic, and an empty table.
TomlTable read_toml(std::string_view text, std::uint32_t file, std::vector<dsl::Diagnostic>& mistakes);

// One value, such as stands behind an equals sign. `at`: where it begins in file number `file`.
TomlNode read_toml_value(std::string_view text, std::uint32_t file, std::uint32_t at,
                         std::vector<dsl::Diagnostic>& mistakes);

}  // namespace tocsin::app
