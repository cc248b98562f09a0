// `tocsin explain`: the page of a code, or all that is known of a rule.
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <ostream>

#include "app/command.h"
#include "dsl/code_pages.h"

namespace tocsin::app {

namespace {

// `r021` is R021; anything but R and three digits is the name of a rule.
std::string as_code(std::string word) {
  const bool digits = word.size() == 4 &&
                      std::all_of(word.begin() + 1, word.end(), [](unsigned char c) { return std::isdigit(c) != 0; });
  if (!digits || (word[0] != 'R' && word[0] != 'r')) return {};
  word[0] = 'R';
  return word;
}

}  // namespace

Exit run_explain(const Arguments& arguments, Console& console) {
  const std::string& word = arguments.operands().front();
  const std::string code = as_code(word);
  const dsl::CodeInfo* row = dsl::find_code(code);
  if (row == nullptr) return refuse(console, "explain", fmt::format("there is no code `{}`", word));
  console.out << dsl::code_page(*row, std::min(console.terminal_width, 100));
  return Exit::done;
}

}  // namespace tocsin::app
