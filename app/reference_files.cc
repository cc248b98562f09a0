#include "app/reference_files.h"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <utility>

namespace tocsin::app {
namespace {

namespace fs = std::filesystem;

// Beside one of the rule files, or as it stands.
std::optional<fs::path> find(const std::string& name, std::span<const dsl::SourceText> texts) {
  if (!fs::path(name).is_absolute())
    for (const dsl::SourceText& text : texts) {
      const fs::path beside = fs::path(text.path).parent_path() / name;
      if (fs::is_regular_file(beside)) return beside;
    }
  if (fs::is_regular_file(name)) return fs::path(name);
  return std::nullopt;
}

std::string trimmed(std::string line) {
  while (!line.empty() && (line.back() == '\r' || line.back() == ' ' || line.back() == '\t')) line.pop_back();
  return line;
}

// RFC 4180, one line at a time with quotes that may hold newlines; no more than `most` rows.
std::vector<std::vector<std::string>> read_csv(std::istream& in, std::size_t most = SIZE_MAX) {
  std::vector<std::vector<std::string>> rows;
  std::vector<std::string> row;
  std::string cell;
  bool quoted = false, any = false;
  for (const char mark : {'\xEF', '\xBB', '\xBF'})  // spreadsheets write it before the first column
    if (in.peek() == static_cast<unsigned char>(mark)) in.get();
  for (int c = in.get(); c != EOF && rows.size() < most; c = in.get()) {
    any = true;
    const char ch = static_cast<char>(c);
    if (quoted) {
      if (ch != '"')
        cell += ch;
      else if (in.peek() == '"')
        cell += static_cast<char>(in.get());
      else
        quoted = false;
    } else if (ch == '"') {
      quoted = true;
    } else if (ch == ',') {
      row.push_back(std::exchange(cell, {}));
    } else if (ch == '\n') {
      row.push_back(trimmed(std::exchange(cell, {})));
      if (row.size() > 1 || !row.front().empty()) rows.push_back(std::move(row));
      row.clear();
      any = false;
    } else {
      cell += ch;
    }
  }
  if (any && rows.size() < most) {
    row.push_back(trimmed(cell));
    rows.push_back(std::move(row));
  }
  return rows;
}

tl::unexpected<Error> not_there(const char* what, const std::string& name, const std::string& file) {
  return failure(Error::Code::unreadable, std::string(what) + " `" + name + "`: the file " + file + " is not there");
}

// Of the file that a rule file names: the one beside it.
fs::path beside(std::span<const dsl::SourceText> texts, std::uint32_t file, std::string_view name) {
  return fs::path(texts[file].path).parent_path() / name;
}

}  // namespace

void look_into_files(dsl::CheckOptions& options, std::span<const dsl::SourceText> texts) {
  options.sources = texts;
  options.file_exists = [texts](std::uint32_t file, std::string_view name) {
    std::error_code error;
    return fs::exists(beside(texts, file, name), error);
  };
  options.columns = [texts](std::uint32_t file, std::string_view name) -> std::optional<std::vector<std::string>> {
    std::error_code error;
    const fs::path path = beside(texts, file, name);
    if (!fs::is_regular_file(path, error)) return std::nullopt;
    std::ifstream in(path, std::ios::binary);
    std::vector<std::vector<std::string>> rows = read_csv(in, 1);
    if (rows.empty()) return std::nullopt;
    return std::move(rows.front());
  };
}

Result<std::shared_ptr<const ReferenceData>> read_reference(const RuleSet& rules,
                                                            std::span<const dsl::SourceText> texts) {
  ReferenceTexts data;
  data.lists.resize(rules.lists.size());
  data.tables.resize(rules.tables.size());
  for (std::size_t i = 0; i < rules.lists.size(); ++i) {
    const ListDef& def = rules.lists[i];
    if (def.file.empty()) continue;
    const auto path = find(def.file, texts);
    if (!path) return not_there("list", def.name, def.file);
    std::ifstream in(*path, std::ios::binary);
    if (def.column.empty()) {
      for (std::string line; std::getline(in, line);)
        if (line = trimmed(line); !line.empty()) data.lists[i].push_back(line);
      continue;
    }
    const auto rows = read_csv(in);
    const std::vector<std::string> header = rows.empty() ? std::vector<std::string>() : rows.front();
    const auto column = std::find(header.begin(), header.end(), def.column);
    if (column == header.end())
      return failure(Error::Code::malformed,
                     "list `" + def.name + "`: " + def.file + " has no column `" + def.column + "`");
    const auto at = static_cast<std::size_t>(column - header.begin());
    for (std::size_t r = 1; r < rows.size(); ++r)
      if (at < rows[r].size() && !rows[r][at].empty()) data.lists[i].push_back(rows[r][at]);
  }
  for (std::size_t i = 0; i < rules.tables.size(); ++i) {
    const TableDef& def = rules.tables[i];
    if (def.file.empty()) continue;
    const auto path = find(def.file, texts);
    if (!path) return not_there("table", def.name, def.file);
    std::ifstream in(*path, std::ios::binary);
    auto rows = read_csv(in);
    if (rows.empty()) return failure(Error::Code::malformed, "table `" + def.name + "`: " + def.file + " is empty");
    data.tables[i].columns = rows.front();
    data.tables[i].rows.assign(rows.begin() + 1, rows.end());
  }
  return ReferenceData::make(rules, data);
}

}  // namespace tocsin::app
