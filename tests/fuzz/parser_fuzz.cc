// Any bytes: the front end answers, points inside of the file, and what it reads without a mistake it can write down,
// read again as the same, and, when check finds nothing either, make into a program that verify accepts (compile()
// asserts it).
#include <cstdint>
#include <cstdlib>
#include <string>
#include <vector>

#include "dsl/compile.h"
#include "dsl/parser.h"
#include "dsl/print.h"

namespace {

using namespace tocsin::dsl;  // NOLINT: a file about nothing else

void require(bool holds) {
  if (!holds) std::abort();
}

void require_sound(const std::vector<Diagnostic>& diagnostics, std::size_t size) {
  const auto inside = [&](const SourceSpan& s) { return s.begin <= s.end && s.end <= size; };
  for (const Diagnostic& d : diagnostics) {
    require(inside(d.here.span));
    require(!d.fix || inside(d.fix->span));
    require(!d.cause || inside(d.cause->span));
    require(find_code(d.code) != nullptr && !d.message.empty());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const SourceText source{"fuzz.rules", std::string(reinterpret_cast<const char*>(data), size)};
  const Parsed parsed = parse(source);
  require_sound(parsed.diagnostics, size);
  // Also with mistakes: check looks at what could be read.
  const Compiled compiled = compile(std::span(&source, 1));
  require_sound(compiled.diagnostics, size);
  if (!parsed.diagnostics.empty()) return 0;
  const SourceText printed{"printed.rules", print(parsed.file, source)};
  const Parsed again = parse(printed);
  require(again.diagnostics.empty());
  require(again.file.items == parsed.file.items);
  require(again.file.comments.size() == parsed.file.comments.size());
  require(print(again.file, printed) == printed.text);
  return 0;
}
