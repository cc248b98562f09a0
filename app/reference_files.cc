#include "app/reference_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <optional>
#include <span>
#include <sstream>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "app/one_line.h"
#include "dsl/load.h"
#include "engine/base/hash.h"
#include "engine/base/utf8.h"
#include "engine/base/wording.h"
#include "engine/event/ip.h"

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
  char first[3] = {};
  in.read(first, sizeof first);
  const std::size_t mark = size_of_mark({first, static_cast<std::size_t>(in.gcount())});
  in.clear();
  in.seekg(static_cast<std::streamoff>(mark));
}

struct Csv {
  struct Row {
    std::size_t line = 0;  // where it begins, from 1
    std::vector<std::string> cells;
  };
  std::vector<Row> rows;
  std::size_t open_quote = 0;  // the line of a quote inside of which the input ends; 0: none
};

// RFC 4180, one line at a time with quotes that may hold newlines; no more than `most` rows.
Csv read_csv(std::istream& in, std::size_t most = SIZE_MAX) {
  Csv out;
  Csv::Row row{1, {}};
  std::string cell;
  std::size_t line = 1, quote_at = 0;
  bool quoted = false, any = false;
  for (int c = in.get(); c != EOF && out.rows.size() < most; c = in.get()) {
    any = true;
    const char ch = static_cast<char>(c);
    line += ch == '\n';
    if (quoted) {
      if (ch != '"')
        cell += ch;
      else if (in.peek() == '"')
        cell += static_cast<char>(in.get());
      else
        quoted = false;
    } else if (ch == '"') {
      quoted = true;
      quote_at = line;
    } else if (ch == ',') {
      row.cells.push_back(std::exchange(cell, {}));
    } else if (ch == '\n') {
      if (cell.ends_with('\r')) cell.pop_back();
      row.cells.push_back(std::exchange(cell, {}));
      if (row.cells.size() > 1 || !row.cells.front().empty()) out.rows.push_back(std::move(row));
      row = {line, {}};
      any = false;
    } else {
      cell += ch;
    }
  }
  if (any && out.rows.size() < most) {
    row.cells.push_back(std::move(cell));
    out.rows.push_back(std::move(row));
    if (quoted) out.open_quote = quote_at;
  }
  return out;
}

tl::unexpected<Error> broken(const char* what, const std::string& name, const std::string& file,
                             const std::string& why) {
  return failure(Error::Code::malformed, fmt::format("{} `{}`: {} {}", what, name, file, why));
}

tl::unexpected<Error> not_there(const char* what, const std::string& name, const std::string& file,
                                const std::string& path) {
  std::error_code error;
  if (fs::is_directory(path, error)) return broken(what, name, file, "is a folder; name a file in it");
  if (fs::exists(path, error)) return broken(what, name, file, "cannot be read");
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
    if (!is_valid_utf8(text)) return fmt::format("line {} is not UTF-8; save the file as UTF-8", line);
  return {};
}

// Every row has a value for each column: of one that has not, nobody knows which value belongs where.
std::string ragged(const Csv& csv) {
  const Csv::Row& first = csv.rows.front();
  for (const Csv::Row& row : csv.rows) {
    if (row.cells.size() == first.cells.size()) continue;
    return fmt::format("line {} has {} and the first line {}; {}", row.line, counted(row.cells.size(), "value"),
                       counted(first.cells.size(), "column"),
                       row.cells.size() < first.cells.size() ? "a value that is missing still needs its comma"
                                                             : "a value with a comma in it needs quotes");
  }
  return {};
}

std::string column_twice(const Csv& csv) {
  const std::vector<std::string>& names = csv.rows.front().cells;
  for (auto name = names.begin(); name != names.end(); ++name)
    if (!name->empty() && std::find(names.begin(), name, *name) != name)
      return fmt::format("has two columns `{}`; give one of them another name", *name);
  return {};
}

// Why it is no CSV with a first line of columns; empty: it is one.
std::string no_csv(const Csv& csv) {
  if (csv.rows.empty()) return "is empty";
  if (csv.open_quote != 0)
    return fmt::format("line {} opens a quote that nothing closes; a quote in a value is written twice: \"\"",
                       csv.open_quote);
  const std::string twice = column_twice(csv);
  return twice.empty() ? ragged(csv) : twice;
}

// A row without its key could never be found, of two with one key only one.
std::string no_keys(const Csv& csv, std::size_t column, const std::string& name) {
  std::unordered_map<std::string_view, std::size_t> lines;
  for (const Csv::Row& row : std::span(csv.rows).subspan(1)) {
    const std::string& key = row.cells[column];
    if (key.empty())
      return fmt::format("line {} has no `{}`, which is the key; fill it in, or delete the line", row.line, name);
    const auto [before, is_new] = lines.emplace(key, row.line);
    if (!is_new)
      return fmt::format("line {} has the {} `{}` of line {} again; delete one of them", row.line, name, key,
                         before->second);
  }
  return {};
}

tl::unexpected<Error> fails(const std::string& why) { return failure(Error::Code::malformed, why); }

// What a list has; an error says what is wrong with the content. `name`: of the column of a CSV file; empty: the lines.
Result<std::vector<std::string>> lines_of(std::string_view name, const std::string& content) {
  if (const std::string why = no_text(content); !why.empty()) return fails(why);
  std::vector<std::string> lines;
  std::istringstream in(content);
  skip_mark(in);
  if (name.empty()) {
    for (std::string line; std::getline(in, line);)
      if (line = trimmed(line); !line.empty()) lines.push_back(line);
    return lines;
  }
  const Csv csv = read_csv(in);
  if (const std::string why = no_csv(csv); !why.empty()) return fails(why);
  const std::vector<std::string>& columns = csv.rows.front().cells;
  const auto column = std::ranges::find(columns, name);
  if (column == columns.end()) return fails(fmt::format("has no column `{}`", name));
  const auto at = static_cast<std::size_t>(column - columns.begin());
  for (const Csv::Row& row : std::span(csv.rows).subspan(1))
    if (!row.cells[at].empty()) lines.push_back(row.cells[at]);
  return lines;
}

Result<TableText> table_of(std::string_view key_name, const std::string& content) {
  if (const std::string why = no_text(content); !why.empty()) return fails(why);
  std::istringstream in(content);
  skip_mark(in);
  Csv csv = read_csv(in);
  if (const std::string why = no_csv(csv); !why.empty()) return fails(why);
  TableText table;
  table.columns = csv.rows.front().cells;
  const auto key = std::ranges::find(table.columns, key_name);
  if (key == table.columns.end()) return fails(fmt::format("has no column `{}`, which is its key", key_name));
  if (const std::string why = no_keys(csv, static_cast<std::size_t>(key - table.columns.begin()), *key); !why.empty())
    return fails(why);
  for (Csv::Row& row : std::span(csv.rows).subspan(1)) table.rows.push_back(std::move(row.cells));
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
    const fs::path path = beside(texts, file, name);
    return fs::exists(path, error) && !fs::is_directory(path, error);
  };
  options.columns = [texts](std::uint32_t file, std::string_view name) -> std::optional<std::vector<std::string>> {
    std::error_code error;
    const fs::path path = beside(texts, file, name);
    if (!fs::is_regular_file(path, error)) return std::nullopt;
    std::ifstream in(path, std::ios::binary);
    skip_mark(in);
    std::vector<Csv::Row> rows = read_csv(in, 1).rows;
    if (rows.empty()) return std::nullopt;
    return std::move(rows.front().cells);
  };
}

void look_into_contents(dsl::CheckOptions& options, std::span<const dsl::SourceText> texts) {
  options.broken_file = [texts](const dsl::CheckOptions::FileUse& use) -> std::string {
    const auto content = read_whole(beside(texts, use.file, use.path).string());
    if (!content) return {};
    const auto why = [](const auto& result) { return result ? std::string() : result.error().message; };
    return use.is_table ? why(table_of(use.column, *content)) : why(lines_of(use.column, *content));
  };
}

void look_into_addresses(dsl::CheckOptions& options, std::span<const dsl::SourceText> texts) {
  options.no_addresses = [texts](const dsl::CheckOptions::FileUse& use) -> std::string {
    constexpr std::size_t kShown = 60;
    const auto content = read_whole(beside(texts, use.file, use.path).string());
    const auto lines = content ? lines_of(use.column, *content) : fails("");
    if (!lines) return {};
    const std::string* first = nullptr;
    std::size_t others = 0;
    for (const std::string& line : *lines) {
      if (parse_ip(line)) continue;
      if (first == nullptr)
        first = &line;
      else
        ++others;
    }
    if (first == nullptr) return {};
    std::string name = on_one_line(whole_characters(*first, kShown));
    if (first->size() > kShown) name += "..";
    return fmt::format("`{}` is no address and no network{}", name,
                       others == 0   ? ""
                       : others == 1 ? ", nor is another one"
                                     : fmt::format(", nor are {} others", grouped(others)));
  };
}

Result<std::shared_ptr<const ReferenceData>> ReferenceFiles::with(const File& file,
                                                                  const std::optional<std::string>& content) const {
  const auto put = [&](const char* what, const auto& def, const auto& read, const auto& put_in) {
    using Data = Result<std::shared_ptr<const ReferenceData>>;
    if (!content) return Data(not_there(what, def.name, def.file, file.path));
    const auto text = read(*content);
    return text ? put_in(*text) : Data(broken(what, def.name, def.file, text.error().message));
  };
  if (file.list.exists()) {
    const ListDef& def = rules_->lists[file.list.index];
    return put(
        "list", def, [&](const std::string& text) { return lines_of(def.column, text); },
        [&](const auto& lines) { return data_->with_list(file.list, lines); });
  }
  const TableDef& def = rules_->tables[file.table.index];
  return put(
      "table", def, [&](const std::string& text) { return table_of(def.key, text); },
      [&](const auto& table) { return data_->with_table(file.table, table); });
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

std::uint64_t ReferenceFiles::hash() const {
  std::string all;
  for (const File& file : files_) all += fmt::format("{} {:016x}\n", file.path, file.hash.value_or(kNotThere));
  return hash_bytes(all);
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
