// If one of these fails, a text in a log line, a record or a test of a rule is another value than the documents say.
#include "engine/event/read.h"

#include <doctest/doctest.h>

#include <string>

#include "engine/event/write.h"

using namespace tocsin;

namespace {

std::string read(Type type, std::string_view text) {
  Arena arena;
  Value value;
  switch (read_text(type, text, arena, value)) {
    case Reading::wrong_type:
      return "wrong type";
    case Reading::out_of_range:
      return "out of range";
    case Reading::good:
      break;
  }
  std::string out;
  append_json(out, value);
  return out;
}

}  // namespace

TEST_CASE("a text is what the type of its field makes of it") {
  CHECK(read(Type::text, "5") == "\"5\"");
  CHECK(read(Type::object, "5") == "\"5\"");
  CHECK(read(Type::integer, "-5") == "-5");
  CHECK(read(Type::floating, "1e3") == "1000.0");
  CHECK(read(Type::boolean, "True") == "true");
  CHECK(read(Type::boolean, "0") == "false");
  CHECK(read(Type::time, "2026-03-01T14:20:05+01:00") == "\"2026-03-01T13:20:05.000000Z\"");
  CHECK(read(Type::duration, "1m30s") == "90");
  CHECK(read(Type::duration, "1.5") == "1.5");
  CHECK(read(Type::ip, "::ffff:10.0.0.7") == "\"10.0.0.7\"");
  CHECK(read(Type::ip, "10.0.0.0/8") == "\"10.0.0.0/8\"");
  CHECK(read(Type::point, "48.85, 2.35") == R"({"lat":48.85,"lon":2.35})");
}

TEST_CASE("a text that its type cannot be says why") {
  CHECK(read(Type::integer, "1.5") == "wrong type");
  CHECK(read(Type::integer, "9223372036854775808") == "out of range");
  CHECK(read(Type::floating, "1e999") == "out of range");
  CHECK(read(Type::boolean, "yes") == "wrong type");
  CHECK(read(Type::time, "2026-03-01 14:20") == "wrong type");
  CHECK(read(Type::duration, "5 minutes") == "wrong type");
  CHECK(read(Type::ip, "10.0.0.256") == "wrong type");
  CHECK(read(Type::point, "48.85") == "wrong type");
  CHECK(read(Type::point, "91,0") == "out of range");
  CHECK(read(Type::list, "[1]") == "wrong type");
}
