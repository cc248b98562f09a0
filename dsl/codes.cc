// Joins the parts of the table of codes and looks rows up. Built once, then immutable.
#include "dsl/codes.h"

#include <algorithm>
#include <iterator>

namespace tocsin::dsl {

namespace {

std::vector<CodeInfo> join() {
  std::vector<CodeInfo> all = syntax_codes();
  for (auto part : {error_codes(), warning_codes()}) std::move(part.begin(), part.end(), std::back_inserter(all));
  return all;
}

}  // namespace

const std::vector<CodeInfo>& all_codes() {
  static const std::vector<CodeInfo> codes = join();
  return codes;
}

const CodeInfo* find_code(std::string_view code) {
  const auto& codes = all_codes();
  const auto row = std::ranges::lower_bound(codes, code, {}, &CodeInfo::code);
  return row != codes.end() && row->code == code ? &*row : nullptr;
}

}  // namespace tocsin::dsl
