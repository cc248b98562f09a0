#include "dsl/code_pages.h"

#include <fmt/format.h>

#include <string_view>

#include "dsl/characters.h"
#include "engine/base/wording.h"

namespace tocsin::dsl {

namespace {

std::string_view word_of(Level level) { return level == Level::error ? "error" : "warning"; }

std::string with_newline(std::string_view text) {
  return text.ends_with('\n') ? std::string(text) : std::string(text) + "\n";
}

}  // namespace

std::string wrapped(std::string_view text, std::size_t width) {
  std::string out;
  std::size_t column = 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find_first_of(" \n"), text.size());
    const std::string_view word = text.substr(0, end);
    const std::size_t columns = columns_of(word);
    if (column != 0 && column + 1 + columns > width) {
      out += '\n';
      column = 0;
    } else if (column != 0 && !word.empty()) {
      out += ' ';
      ++column;
    }
    out += word;
    column += columns;
    if (end < text.size() && text[end] == '\n') {
      out += '\n';
      column = 0;
    }
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

std::string code_page(const CodeInfo& row, int width) {
  std::string page = fmt::format("{}: {} ({})\n\n{}\n", row.code, row.title, word_of(row.level),
                                 wrapped(row.page, static_cast<std::size_t>(width)));
  if (!row.wrong.empty()) page += fmt::format("\nwrong:\n{}", indented(row.wrong));
  if (!row.right.empty()) page += fmt::format("\nright:\n{}", indented(row.right));
  return page;
}

std::string diagnostics_document() {
  std::string out =
      "# Messages of `tocsin check`\n\n"
      "Every message has a code that never changes its meaning. R0xx are errors, R1xx warnings; `tocsin check --deny "
      "CODE`\n"
      "makes an error of a warning, `--allow CODE` is silent about it. `tocsin explain CODE` prints the same pages. "
      "This file\n"
      "is written from the table of codes in `dsl/codes_*.cc`; a test compares the two (`TOCSIN_UPDATE=1` writes it "
      "anew).\n\n"
      "| code | | |\n| --- | --- | --- |\n";
  for (const CodeInfo& row : all_codes())
    out += fmt::format("| [{0}](#{1}) | {2} | {3} |\n", row.code, row.code, word_of(row.level), row.title);
  for (const CodeInfo& row : all_codes()) {
    // An explicit anchor: headings change their words, links to codes should not break.
    out += fmt::format("\n<a id=\"{0}\"></a>\n## {0}: {1}\n\n{2}\n", row.code, row.title, wrapped(row.page, 120));
    // Not tagged `rules`: what is wrong here is wrong on purpose.
    if (!row.wrong.empty()) out += fmt::format("\nWrong:\n```\n{}```\n", with_newline(row.wrong));
    if (!row.right.empty()) out += fmt::format("\nRight:\n```\n{}```\n", with_newline(row.right));
  }
  return out;
}

}  // namespace tocsin::dsl
