// Compiled for processors with AVX2 (CMakeLists.txt), asked on no other.
#include "adapters/codec/json_fit.h"

namespace tocsin {

std::size_t fit_lines_avx2(const FitKeys& keys, const char* record, const char* limit, std::size_t most,
                           const char** ends, const char** line_ends) {
  return fit_lines(keys, record, limit, most, ends, line_ends);
}

}  // namespace tocsin
