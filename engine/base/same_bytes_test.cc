#include "engine/base/same_bytes.h"

#include <doctest/doctest.h>

#include <string>

namespace tocsin {
namespace {

TEST_CASE("texts are the same when each of their bytes is, at every length") {
  for (std::size_t size = 0; size < 40; ++size) {
    std::string a, padded = "<";
    for (std::size_t i = 0; i < size; ++i) a += static_cast<char>('a' + i % 26);
    padded += a + ">";  // neither what stands before nor what stands behind counts
    CHECK(same_bytes(a, std::string_view(padded).substr(1, size)));
    CHECK(!same_bytes(a, a + "x"));
    CHECK(!same_bytes(a + "x", a));
    for (std::size_t i = 0; i < size; ++i) {
      std::string other = a;
      other[i] ^= 1;
      CAPTURE(size);
      CAPTURE(i);
      CHECK(!same_bytes(a, other));
    }
  }
}

}  // namespace
}  // namespace tocsin
