// The interfaces hold no code; this compiles them as a stranger would see them, and pins what metrics and documents
// name.
#include <doctest/doctest.h>

#include "engine/io/block.h"
#include "engine/io/checkpoint_history.h"
#include "engine/io/checkpoint_store.h"
#include "engine/io/clock.h"
#include "engine/io/dead_letter.h"
#include "engine/io/decoder.h"
#include "engine/io/disk.h"
#include "engine/io/sink.h"
#include "engine/io/source.h"
#include "engine/io/tell.h"

using namespace tocsin;

TEST_CASE("dead letters: counted by reason, bytes capped, the true size beside them") {
  DeadLetters dead;
  dead.add(DeadReason::too_deep, Position{SourceId(0), 1, 7}, "deeper than 64", std::string(5000, '['));
  dead.add(DeadReason::too_deep, Position{SourceId(0), 1, 8}, "deeper than 64", "[");
  CHECK(dead.of(DeadReason::too_deep) == 2);
  CHECK(dead.of(DeadReason::broken_record) == 0);
  REQUIRE(dead.letters.size() == 2);
  CHECK(dead.letters[0].bytes.size() == DeadLetters::kBytesMax);
  CHECK(dead.letters[0].size == 5000);
  CHECK(name_of(dead.letters[0].reason) == "too_deep");
  CHECK(name_of(DeadReason::out_of_range) == "out_of_range");
}
