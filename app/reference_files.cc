#include "app/reference_files.h"

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <utility>

namespace tocsin::app {
namespace {

namespace fs = std::filesystem;

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
      if (cell.ends_with('\r')) cell.pop_back();
      row.push_back(std::exchange(cell, {}));
      if (row.size() > 1 || !row.front().empty()) rows.push_back(std::move(row));
      row.clear();
      any = false;
    } else {
      cell += ch;
    }
  }
  if (any && rows.size() < most) {
    row.push_back(std::move(cell));
    rows.push_back(std::move(row));
  }
  return rows;
}

}  // namespace

fs::path beside(std::span<const dsl::SourceText> texts, std::uint32_t file, std::string_view name) {
  return fs::path(texts[file].path).parent_path() / name;
}

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

namespace {

Result<std::ifstream> open(const char* what, const std::string& name, const ast::FromFile& from,
                           std::span<const dsl::SourceText> texts) {
  const fs::path path = beside(texts, from.file.span.file, from.file.value);
  std::error_code error;
  if (!fs::is_regular_file(path, error))
    return failure(Error::Code::unreadable,
                   std::string(what) + " `" + name + "`: the file " + from.file.value + " is not there");
  return std::ifstream(path, std::ios::binary);
}

Result<std::vector<std::string>> read_list(const std::string& name, const ast::FromFile& from,
                                           std::span<const dsl::SourceText> texts) {
  Result<std::ifstream> in = open("list", name, from, texts);
  if (!in) return tl::unexpected(in.error());
  std::vector<std::string> items;
  if (!from.column) {
    for (std::string line; std::getline(*in, line);)
      if (line = trimmed(line); !line.empty()) items.push_back(line);
    return items;
  }
  const auto rows = read_csv(*in);
  const std::vector<std::string> header = rows.empty() ? std::vector<std::string>() : rows.front();
  const auto column = std::ranges::find(header, from.column->text);
  if (column == header.end())
    return failure(Error::Code::malformed,
                   "list `" + name + "`: " + from.file.value + " has no column `" + from.column->text + "`");
  const auto at = static_cast<std::size_t>(column - header.begin());
  for (std::size_t r = 1; r < rows.size(); ++r)
    if (at < rows[r].size() && !rows[r][at].empty()) items.push_back(rows[r][at]);
  return items;
}

Result<TableText> read_table(const std::string& name, const ast::FromFile& from,
                             std::span<const dsl::SourceText> texts) {
  Result<std::ifstream> in = open("table", name, from, texts);
  if (!in) return tl::unexpected(in.error());
  auto rows = read_csv(*in);
  if (rows.empty()) return failure(Error::Code::malformed, "table `" + name + "`: " + from.file.value + " is empty");
  TableText table;
  table.columns = std::move(rows.front());
  table.rows.assign(std::move_iterator(rows.begin() + 1), std::move_iterator(rows.end()));
  return table;
}

}  // namespace

Result<std::shared_ptr<const ReferenceData>> read_reference(const dsl::Compiled& compiled,
                                                            std::span<const dsl::SourceText> texts) {
  const dsl::Model& model = compiled.model;  // its lists and tables are the program's, in the same order
  ReferenceTexts data;
  data.lists.resize(model.lists.size());
  data.tables.resize(model.tables.size());
  for (std::size_t i = 0; i < model.lists.size(); ++i)
    if (const auto* from = std::get_if<ast::FromFile>(&model.lists[i].source)) {
      auto items = read_list(model.lists[i].name.text, *from, texts);
      if (!items) return tl::unexpected(items.error());
      data.lists[i] = std::move(*items);
    }
  for (std::size_t i = 0; i < model.tables.size(); ++i)
    if (const auto* from = std::get_if<ast::FromFile>(&model.tables[i].source)) {
      auto table = read_table(model.tables[i].name.text, *from, texts);
      if (!table) return tl::unexpected(table.error());
      data.tables[i] = std::move(*table);
    }
  return ReferenceData::make(*compiled.rules, data);
}

}  // namespace tocsin::app
