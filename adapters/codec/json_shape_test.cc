// If this fails, a line is another event on another processor.
#include "adapters/codec/json_shape.h"

#include <doctest/doctest.h>

#include <random>
#include <string>
#include <vector>

#include "engine/base/bytes.h"

using namespace tocsin;

namespace {

// What came of lines: the values as they are written, and how much of the text they are.
struct Fitted {
  std::vector<std::string> values;
  std::ptrdiff_t size = 0;
  std::size_t lines = 0;
  friend bool operator==(const Fitted&, const Fitted&) = default;
};

template <class Fit>
Fitted fitted(const std::vector<KeyText>& keys, const std::string& text, const Fit& fit) {
  constexpr std::size_t kMost = 4;
  Bytes bytes(text);
  bytes.data()[bytes.size()] = '\0';
  std::vector<const char*> ends((keys.size() + 1) * kMost), line_ends(kMost);
  Fitted out;
  out.lines = fit({keys.data(), keys.data() + keys.size(), ""}, bytes.data(), bytes.data() + bytes.size(), kMost,
                  ends.data(), line_ends.data());
  if (out.lines == 0) return out;
  out.size = line_ends[out.lines - 1] - bytes.data();
  for (std::size_t line = 0; line < out.lines; ++line)
    for (std::size_t i = 0; i < keys.size(); ++i) {
      const char* const* of_line = &ends[line * (keys.size() + 1)];
      out.values.emplace_back(of_line[i] + keys[i].size, of_line[i + 1]);
    }
  return out;
}

KeyText key(const std::string& text, bool usual = true) {
  KeyText out;
  out.size = static_cast<std::uint32_t>(text.size());
  std::copy(text.begin(), text.end(), out.bytes);
  std::fill_n(out.mask, text.size(), std::uint8_t{0xff});
  out.is_usual = usual;
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
  const std::vector<KeyText> unusual = {key("{\"a\":", false), key(",\"b\":", false), key(",\"c\":", false)};
  const std::vector<std::string> pieces = {"\"",       "\\",   ",",     "}",    "x",
                                           "1",        "-",    ".5",    "true", "null",
                                           "\n",       "\x7f", "\x80",  "\x1f", "\"text\"",
                                           "\"text\"", "17",   "false", "\t",   "\r",
                                           " ",        "1e5",  "\xff",  "\"\"", "123456789012345678"};
  std::mt19937_64 random(1);
  std::size_t lines = 0, runs = 0;
  for (int i = 0; i < 100'000; ++i) {
    std::string text;
    for (std::size_t more = 1 + random() % 5; more > 0; --more) {
      for (const char* before : {"{\"a\":", ",\"b\":", ",\"c\":"}) {
        text += before;
        if (random() % 3 == 0)
          text += '"' + std::string(random() % 200, 'y') + '"';
        else
          text += pieces[random() % pieces.size()];
      }
      text += random() % 10 == 0 ? "}\r\n" : "}\n";
    }
    if (random() % 4 == 0) text.insert(random() % text.size(), pieces[random() % pieces.size()]);
    if (random() % 2 == 0) text.pop_back();
    const Fitted plain = fitted(keys, text, fit_lines), wide = fitted(keys, text, fit_lines_avx2);
    CAPTURE(text);
    REQUIRE(plain == wide);
    REQUIRE(plain == fitted(unusual, text, fit_lines));
    lines += plain.lines;
    runs += plain.lines > 1 ? 1 : 0;
  }
  CHECK(lines > 10'000);
  CHECK(lines < 200'000);
  CHECK(runs > 1'000);
#endif
}
