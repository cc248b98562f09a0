// If one of these fails, events lose their values while somebody still reads them, or every block asks for new memory.
#include "engine/event/batch.h"

#include <doctest/doctest.h>

#include <string>

using namespace tocsin;

namespace {

void fill(EventBatch& batch, int count) {
  for (int i = 0; i < count; ++i) {
    const std::span<Value> row = batch.row(3);
    row[0] = Value::integer(i);
    row[1] = Value::text(batch.arena().text("text " + std::to_string(i)));
    batch.add(Event{.type = EventTypeId(0), .time = Time{i}, .position = {}, .tiebreak = {}, .fields = row});
  }
}

}  // namespace

TEST_CASE("batch: each event keeps its own row; what was not written is missing") {
  EventBatch batch;
  fill(batch, 10'000);
  REQUIRE(batch.size() == 10'000);
  for (int i = 0; i < 10'000; ++i) {
    const Event& event = batch[static_cast<std::size_t>(i)];
    REQUIRE(event.field(SlotId(0)).as_integer() == i);
    REQUIRE(event.field(SlotId(1)).as_text() == "text " + std::to_string(i));
    REQUIRE(event.field(SlotId(2)).is_missing());
  }
}

TEST_CASE("batch: a row used again after clear begins with missing values") {
  EventBatch batch;
  fill(batch, 10);
  batch.clear();
  CHECK(batch.empty());
  for (const Value value : batch.row(3)) CHECK(value.is_missing());
}

TEST_CASE("batch: held bytes stay where they are, and come back after clear") {
  EventBatch batch;
  Bytes bytes("some bytes");
  const char* place = bytes.data();
  CHECK(batch.hold(std::move(bytes)).room() == 0);
  CHECK(std::string_view(place, 10) == "some bytes");
  batch.clear();
  const Bytes again = batch.hold(Bytes("others"));
  CHECK(again.data() == place);
  CHECK(again.empty());
}

TEST_CASE("batch pool: the last reader gives the batch back, with its memory, also after the pool is gone") {
  auto pool = std::make_unique<BatchPool>();
  const EventBatch* first = nullptr;
  {
    std::shared_ptr<EventBatch> batch = pool->take();
    first = batch.get();
    fill(*batch, 100);
    const std::shared_ptr<const EventBatch> reader = batch;
    batch.reset();
    CHECK(pool->idle() == 0);
    CHECK(reader->size() == 100);
  }
  CHECK(pool->idle() == 1);
  std::shared_ptr<EventBatch> again = pool->take();
  CHECK(again.get() == first);
  CHECK(again->empty());
  pool.reset();
  fill(*again, 10);
}
