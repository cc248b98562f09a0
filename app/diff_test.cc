// Were this wrong, `fmt --check` would show a change that is not the one it makes.
#include "app/diff.h"

#include <doctest/doctest.h>

#include <string>

namespace tocsin::app {
namespace {

TEST_CASE("equal texts have no difference") {
  CHECK(unified_diff("a", "", "formatted", "", false).empty());
  CHECK(unified_diff("a", "x\ny\n", "formatted", "x\ny\n", true).empty());
}

TEST_CASE("changes stand with three lines around them, near ones together") {
  CHECK(unified_diff("a.rules", "1\n2\n3\n4\n5\n6\n7\n8\n9\n10\n11\n12\n13\n14\n15\n16\n", "formatted",
                     "1\n2\n3\n4\nfive\n6\n7\n9\n10\n11\n12\n13\n14\n15\n16\n17\n", false) ==
        "--- a.rules\n+++ a.rules (formatted)\n"
        "@@ -2,10 +2,9 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n-8\n 9\n 10\n 11\n"
        "@@ -14,3 +13,4 @@\n 14\n 15\n 16\n+17\n");
}

TEST_CASE("all removed, all added, no newline at the end") {
  CHECK(unified_diff("a", "x\n", "formatted", "", false) == "--- a\n+++ a (formatted)\n@@ -1,1 +0,0 @@\n-x\n");
  CHECK(unified_diff("a", "", "formatted", "x", false) ==
        "--- a\n+++ a (formatted)\n@@ -0,0 +1,1 @@\n+x\n\\ No newline at end of file\n");
}

TEST_CASE("texts that share nothing are replaced, however long") {
  std::string before, after;
  for (int i = 0; i < 5000; ++i) {
    before += "b" + std::to_string(i) + "\n";
    after += "a" + std::to_string(i) + "\n";
  }
  const std::string diff = unified_diff("a", before, "formatted", after, false);
  CHECK(diff.find("@@ -1,5000 +1,5000 @@\n-b0\n") != std::string::npos);
}

}  // namespace
}  // namespace tocsin::app
