// Compiled for processors with AVX2 (CMakeLists.txt), asked on no other.
#include "adapters/codec/json_fit.h"

namespace tocsin {

const char* fit_line_avx2(const FitKeys& keys, const char* record, const char* limit, const char** ends) {
  return fit_line(keys, record, limit, ends);
}

}  // namespace tocsin
