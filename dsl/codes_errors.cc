// R020-R099: mistakes of meaning, found by check. One row per code: code, level, title, page, a rule text
// that earns it, the same mended. `explain CODE` and docs/diagnostics.md print these words.
#include "dsl/codes.h"

namespace tocsin::dsl {

std::vector<CodeInfo> error_codes() {
  return {
      {"R021", Level::error, "unknown event",
       "The name stands where an event is meant, but no `event` of the rule set declares it, and a declared name is so "
       "near that a slip of the pen is likelier than a new event. Names that resemble nothing are taken as base events "
       "without a schema, with one warning.",
       "event login has user text, outcome text\n"
       "event login_failed = login(outcome = \"failure\")\n"
       "rule brute_force when 5 login_faild within 5m by user  alert \"{user}\"\n",
       "event login has user text, outcome text\n"
       "event login_failed = login(outcome = \"failure\")\n"
       "rule brute_force when 5 login_failed within 5m by user  alert \"{user}\"\n"},
  };
}

}  // namespace tocsin::dsl
