#include "app/reference_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>
#include <utility>

#include "dsl/load.h"
#include "engine/base/hash.h"
#include "engine/base/utf8.h"

namespace tocsin::app {
namespace {

namespace fs = std::filesystem;

std::string trimmed(const std::string& line) {
  constexpr const char* kBlanks = " \t\r";
  const std::size_t first = line.find_first_not_of(kBlanks);
  return first == std::string::npos ? "" : line.substr(first, line.find_last_not_of(kBlanks) + 1 - first);
}

// Spreadsheets write one before the first column.
void skip_mark(std::istream& in) {
  for (const char mark : {'\xEF', '\xBB', '\xBF'})
    if (in.peek() == static_cast<unsigned char>(mark)) in.get();
}

struct Csv {
  std::vector<std::vector<std::string>> rows;
  std::size_t open_quote = 0;  // the row (from 1) in which the input ends inside of a quote; 0: in none
};

// RFC 4180, one line at a time with quotes that may hold newlines; no more than `most` rows.
Csv read_csv(std::istream& in, std::size_t most = SIZE_MAX) {
  Csv out;
  auto& rows = out.rows;
  std::vector<std::string> row;
  std::string cell;
  bool quoted = false, any = false;
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
    if (quoted) out.open_quote = rows.size();
  }
  return out;
}

tl::unexpected<Error> broken(const char* what, const std::string& name, const std::string& file,
                             const std::string& why) {
  return failure(Error::Code::malformed, fmt::format("{} `{}`: {} {}", what, name, file, why));
}

tl::unexpected<Error> not_there(const char* what, const std::string& name, const std::string& file) {
  return failure(Error::Code::unreadable, fmt::format("{} `{}`: the file {} is not there", what, name, file));
}

// None: it is not there, or may not be read.
std::optional<std::string> read_whole(const std::string& path) {
  auto content = dsl::read_file(path);
  if (!content) return std::nullopt;
  return std::move(*content);
}

// Why a content is no text at all; empty: it is one.
std::string no_text(const std::string& content) {
  std::size_t line = 1;
  std::istringstream in(content);
  for (std::string text; std::getline(in, text); ++line)
    if (!is_valid_utf8(text)) return fmt::format("is not UTF-8 (line {})", line);
  return {};
}

std::string no_csv(const Csv& csv) {
  if (csv.rows.empty()) return "is empty";
  return csv.open_quote == 0 ? "" : fmt::format("has a quote that nothing closes, in row {}", csv.open_quote);
}

Result<std::vector<std::string>> lines_of(const ListDef& def, const std::string& content) {
  const auto fails = [&](const std::string& why) { return broken("list", def.name, def.file, why); };
  if (const std::string why = no_text(content); !why.empty()) return fails(why);
  std::vector<std::string> lines;
  std::istringstream in(content);
  skip_mark(in);
  if (def.column.empty()) {
    for (std::string line; std::getline(in, line);)
      if (line = trimmed(line); !line.empty()) lines.push_back(line);
    return lines;
  }
  const Csv csv = read_csv(in);
  if (const std::string why = no_csv(csv); !why.empty()) return fails(why);
  const auto column = std::ranges::find(csv.rows.front(), def.column);
  if (column == csv.rows.front().end()) return fails("has no column `" + def.column + "`");
  const auto at = static_cast<std::size_t>(column - csv.rows.front().begin());
  for (std::size_t r = 1; r < csv.rows.size(); ++r)
    if (at < csv.rows[r].size() && !csv.rows[r][at].empty()) lines.push_back(csv.rows[r][at]);
  return lines;
}

Result<TableText> table_of(const TableDef& def, const std::string& content) {
  const auto fails = [&](const std::string& why) { return broken("table", def.name, def.file, why); };
  if (const std::string why = no_text(content); !why.empty()) return fails(why);
  std::istringstream in(content);
  skip_mark(in);
  Csv csv = read_csv(in);
  if (const std::string why = no_csv(csv); !why.empty()) return fails(why);
  if (std::ranges::find(csv.rows.front(), def.key) == csv.rows.front().end())
    return fails("has no column `" + def.key + "`, which is its key");
  TableText table;
  table.columns = std::move(csv.rows.front());
  table.rows.assign(std::make_move_iterator(csv.rows.begin() + 1), std::make_move_iterator(csv.rows.end()));
  return table;
}

constexpr std::uint64_t kNotThere = 0;  // in place of a content's hash

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
    skip_mark(in);
    std::vector<std::vector<std::string>> rows = read_csv(in, 1).rows;
    if (rows.empty()) return std::nullopt;
    return std::move(rows.front());
  };
}

Result<std::shared_ptr<const ReferenceData>> ReferenceFiles::with(const File& file,
                                                                  const std::optional<std::string>& content) const {
  if (file.list.exists()) {
    const ListDef& def = rules_->lists[file.list.index];
    auto lines = content ? lines_of(def, *content) : not_there("list", def.name, def.file);
    if (!lines) return tl::unexpected(lines.error());
    return data_->with_list(file.list, *lines);
  }
  const TableDef& def = rules_->tables[file.table.index];
  auto table = content ? table_of(def, *content) : not_there("table", def.name, def.file);
  if (!table) return tl::unexpected(table.error());
  return data_->with_table(file.table, *table);
}

Result<ReferenceFiles> ReferenceFiles::read(const dsl::Compiled& compiled, std::span<const dsl::SourceText> texts) {
  ReferenceFiles out;
  out.rules_ = compiled.rules;
  auto empty = ReferenceData::make(*out.rules_, {});
  if (!empty) return tl::unexpected(empty.error());
  out.data_ = std::move(*empty);
  // Lists and tables of the model are the program's, in the same order.
  const auto add = [&](const auto& decls, auto File::* id) {
    for (std::size_t i = 0; i < decls.size(); ++i) {
      const auto* from = std::get_if<ast::FromFile>(&decls[i].source);
      if (from == nullptr) continue;
      File& file = out.files_.emplace_back();
      (file.*id).index = static_cast<std::uint32_t>(i);
      file.path = beside(texts, from->file.span.file, from->file.value).string();
    }
  };
  add(compiled.model.lists, &File::list);
  add(compiled.model.tables, &File::table);
  if (const Change change = out.look_again(); !change.broken.empty()) return tl::unexpected(change.broken.front());
  return out;
}

ReferenceFiles::Change ReferenceFiles::look_again() {
  Change change;
  for (File& file : files_) {
    const std::optional<std::string> content = read_whole(file.path);
    const std::uint64_t hash = content ? hash_bytes(*content) : kNotThere;
    if (hash == file.hash || hash == file.broken_hash) {
      if (hash == file.hash) file.broken_hash.reset();
      continue;
    }
    auto data = with(file, content);
    if (!data) {
      file.broken_hash = hash;
      change.broken.push_back(data.error());
      continue;
    }
    data_ = std::move(*data);
    file.hash = hash;
    file.broken_hash.reset();
    change.changed.push_back(file.path);
  }
  return change;
}

Result<std::shared_ptr<const ReferenceData>> read_reference(const dsl::Compiled& compiled,
                                                            std::span<const dsl::SourceText> texts) {
  auto files = ReferenceFiles::read(compiled, texts);
  if (!files) return tl::unexpected(files.error());
  return files->data();
}

}  // namespace tocsin::app
