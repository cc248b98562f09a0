// Were this wrong, messages would come in another order on every run, twice, or with silly suggestions.
#include "dsl/diagnostic.h"

#include <doctest/doctest.h>

#include <cctype>
#include <string>

namespace tocsin::dsl {
namespace {

Diagnostic at(std::uint32_t file, std::uint32_t begin, std::string_view code, std::string message = "m") {
  return {code, std::move(message), {{file, begin, begin + 1}, ""}, {}, "", {}};
}

TEST_CASE("messages stand in the order of files and places, one per cause") {
  std::vector<Diagnostic> all{at(1, 3, "R021"), at(0, 9, "R021", "first"), at(0, 9, "R021", "again"), at(0, 9, "R020"),
                              at(0, 2, "R107")};
  sort_and_unique(all);
  REQUIRE(all.size() == 4);
  CHECK(all[0].here.span.begin == 2);
  CHECK(all[1].code == "R020");
  CHECK(all[2].message == "first");
  CHECK(all[3].here.span.file == 1);
}

TEST_CASE("edit distance counts a swap of neighbours once") {
  CHECK(edit_distance("", "") == 0);
  CHECK(edit_distance("", "abc") == 3);
  CHECK(edit_distance("login_faild", "login_failed") == 1);
  CHECK(edit_distance("lgoin", "login") == 1);
  CHECK(edit_distance("ca", "abc") == 3);  // no substring is edited twice
  CHECK(edit_distance("kitten", "sitting") == 3);
}

TEST_CASE("a suggestion is near, or there is none") {
  const std::vector<std::string> names{"login", "logout", "login_failed", "user", "ip"};
  CHECK(nearest("login_faild", names) == "login_failed");
  CHECK(nearest("lgoin", names) == "login");
  CHECK(nearest("usr", names) == "user");
  CHECK(nearest("us", names).empty());     // two letters: anything would be near
  CHECK(nearest("logxx", names).empty());  // two slips in five letters: more than a third
  CHECK(nearest("logoxt_", names) == "logout");
  CHECK(nearest("purchase", names).empty());
  CHECK(nearest("aab", {"aac", "aad"}) == "aac");  // ties: the first
}

TEST_CASE("the table of codes is in order, and its pages are whole") {
  std::string_view last;
  for (const CodeInfo& row : all_codes()) {
    CAPTURE(row.code);
    CHECK(last < row.code);
    last = row.code;
    REQUIRE(row.code.size() == 4);
    CHECK(row.code[0] == 'R');
    CHECK(std::isdigit(static_cast<unsigned char>(row.code[1])) != 0);
    CHECK((row.code < "R100") == (row.level == Level::error));
    CHECK(!row.title.empty());
    CHECK(row.page.size() > 40);
    CHECK(!row.wrong.empty());
    CHECK(!row.right.empty());
    CHECK(row.wrong != row.right);
    CHECK(find_code(row.code) == &row);
  }
  CHECK(find_code("R999") == nullptr);
  CHECK(find_code("") == nullptr);
}

}  // namespace
}  // namespace tocsin::dsl
