// If one of these fails, two runs over the same events may see them in another order.
#include "engine/event/event.h"

#include <doctest/doctest.h>

#include <vector>

using namespace tocsin;

TEST_CASE(
    "total order: time, what deadlines emit, tiebreak (missing first, numbers by value), source, partition, "
    "offset, ordinal") {
  const auto event = [](std::int64_t time, Value tiebreak, std::uint32_t source, std::uint32_t partition,
                        std::uint64_t offset, std::uint32_t ordinal = 0) {
    return Event{EventTypeId(0), ordinal, Time{time}, {SourceId(source), partition, offset}, 0, tiebreak, {}};
  };
  const std::vector<Event> ascending = {
      event(1, Value::integer(9), 9, 9, 9),
      event(2, {}, 0, 0, 0, Event::kBeforeOthers | 1),
      event(2, {}, 0, 0, 0, Event::kBeforeOthers | 2),
      event(2, {}, 0, 0, 5),
      event(2, {}, 0, 1, 1),
      event(2, {}, 1, 0, 0),
      event(2, Value::floating(-0.5), 0, 0, 0),
      event(2, Value::integer(0), 0, 0, 0),
      event(2, Value::floating(0.5), 0, 0, 0),
      event(2, Value::integer(1), 0, 0, 7),
      event(2, Value::floating(1.0), 0, 0, 8),  // equal to the one before: the offset decides
      event(2, Value::floating(9007199254740992.0), 0, 0, 9),
      event(2, Value::integer(9007199254740993), 0, 0, 0),  // one more than a double can tell
      event(2, Value::text("a"), 0, 0, 0),
      event(2, Value::text("a\xc3\xa4"), 0, 0, 0),  // by bytes
      event(2, Value::text("b"), 0, 0, 0),
      event(2, Value::text("b"), 0, 0, 0, 1),
      event(2, {}, 0, 0, 0, Event::kBehindOthers | 1),
      event(2, {}, 0, 0, 0, Event::kBehindOthers | 2),
      event(3, {}, 0, 0, 0),
  };
  for (std::size_t i = 0; i < ascending.size(); ++i) {
    for (std::size_t j = 0; j < ascending.size(); ++j) {
      CAPTURE(i);
      CAPTURE(j);
      CHECK(total_order(ascending[i], ascending[j]) == (i <=> j));
    }
  }
}
