// R100-R199: what means something, but hardly what was wanted. One row per code: code, level, title, page, a
// rule text that earns it, the same mended. `explain CODE` and docs/diagnostics.md print these words.
#include "dsl/codes.h"

namespace tocsin::dsl {

std::vector<CodeInfo> warning_codes() {
  return {
      {"R107", Level::warning, "nothing bounds this pattern",
       "A sequence without `within` keeps the partial matches of a key until the next step comes, and it may never "
       "come: memory grows with every key ever seen. `within D` bounds the pattern; `forget after D idle` bounds what "
       "is "
       "kept of a key that has gone quiet.",
       "rule payout when password_reset then payout_changed by user  alert high \"{user}\"\n",
       "rule payout when password_reset then payout_changed within 24h by user  alert high \"{user}\"\n"},
  };
}

}  // namespace tocsin::dsl
