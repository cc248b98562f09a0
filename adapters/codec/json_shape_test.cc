// If this fails, a line is another event on another processor.
#include "adapters/codec/json_shape.h"

#include <doctest/doctest.h>

#include <random>
#include <string>
#include <vector>

#include "engine/base/bytes.h"

using namespace tocsin;

namespace {

// What came of a line: the values as they are written, then how much of it is the record; nothing: no fit.
struct Fitted {
  std::vector<std::string> values;
  std::ptrdiff_t size = 0;
  friend bool operator==(const Fitted&, const Fitted&) = default;
};

template <class Fit>
Fitted fitted(const std::vector<KeyText>& keys, const std::string& line, const Fit& fit) {
  Bytes bytes(line);
  bytes.data()[bytes.size()] = '\0';
  std::vector<const char*> ends(keys.size() + 1);
  const char* behind =
      fit({keys.data(), keys.data() + keys.size(), ""}, bytes.data(), bytes.data() + bytes.size(), ends.data());
  Fitted out;
  if (behind == nullptr) return out;
  out.size = behind - bytes.data();
  for (std::size_t i = 0; i < keys.size(); ++i) out.values.emplace_back(ends[i] + keys[i].size, ends[i + 1]);
  return out;
}

KeyText key(const std::string& text) {
  KeyText out;
  out.size = static_cast<std::uint32_t>(text.size());
  std::copy(text.begin(), text.end(), out.bytes);
  std::fill_n(out.mask, text.size(), std::uint8_t{0xff});
  return out;
}

}  // namespace

TEST_CASE("json shapes: of those that were learnt, each gives way in its turn") {
  ShapePlaces places;
  std::vector<std::size_t> given;
  std::size_t taken = 0, records = 0;
  for (; given.size() < 3 * ShapePlaces::kMost; ++records) {
    const auto place = places.next(taken);
    if (!place) continue;
    if (*place == taken) ++taken;
    given.push_back(*place);
  }
  for (std::size_t i = 0; i < given.size(); ++i) CHECK(given[i] == i % ShapePlaces::kMost);
  CHECK(records > 4'096);  // 16 new ones in so many records
}

TEST_CASE("json shapes: wider instructions find the same") {
#if defined(__x86_64__)
  if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("bmi2")) return;
  const std::vector<KeyText> keys = {key("{\"a\":"), key(",\"b\":"), key(",\"c\":")};
  const std::vector<std::string> pieces = {"\"",       "\\",   ",",     "}",    "x",
                                           "1",        "-",    ".5",    "true", "null",
                                           "\n",       "\x7f", "\x80",  "\x1f", "\"text\"",
                                           "\"text\"", "17",   "false", "\t",   "\r",
                                           " ",        "1e5",  "\xff",  "\"\"", "123456789012345678"};
  std::mt19937_64 random(1);
  std::size_t fits = 0;
  for (int i = 0; i < 100'000; ++i) {
    std::string line;
    for (const char* text : {"{\"a\":", ",\"b\":", ",\"c\":"}) {
      line += text;
      if (random() % 3 == 0)
        line += '"' + std::string(random() % 200, 'y') + '"';
      else
        line += pieces[random() % pieces.size()];
    }
    line += "}\n";
    if (random() % 4 == 0) line.insert(random() % line.size(), pieces[random() % pieces.size()]);
    const Fitted plain = fitted(keys, line, fit_line), wide = fitted(keys, line, fit_line_avx2);
    CAPTURE(line);
    REQUIRE(plain == wide);
    fits += plain.size > 0 ? 1 : 0;
  }
  CHECK(fits > 10'000);
  CHECK(fits < 90'000);
#endif
}
