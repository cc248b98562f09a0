// Our own bugs stop the program: one condition per assert, never from input. On in every build: a wrong
// alert costs more than a branch that is always predicted.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace tocsin {

[[noreturn]] inline void broken_contract(const char* condition, const char* file, int line) {
  std::fprintf(stderr, "tocsin: bug: `%s` does not hold at %s:%d\n", condition, file, line);
  std::abort();
}

}  // namespace tocsin

#define TOCSIN_ASSERT(condition) \
  ((condition) ? static_cast<void>(0) : ::tocsin::broken_contract(#condition, __FILE__, __LINE__))
