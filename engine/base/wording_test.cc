// If this fails, messages count in the wrong number: "1 rules".
#include "engine/base/wording.h"

#include <doctest/doctest.h>

namespace tocsin {
namespace {

TEST_CASE("a number has its thing in the right number, and commas") {
  CHECK(counted(0, "rule") == "0 rules");
  CHECK(counted(1, "rule") == "1 rule");
  CHECK(counted(999, "byte") == "999 bytes");
  CHECK(counted(1'000'000, "byte") == "1,000,000 bytes");
}

TEST_CASE("each line is moved in; an empty one stays empty, and the last one ends") {
  CHECK(indented("").empty());
  CHECK(indented("a\n\nb") == "  a\n\n  b\n");
  CHECK(indented("a\n", "> ") == "> a\n");
}

}  // namespace
}  // namespace tocsin
