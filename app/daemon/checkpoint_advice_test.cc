// If one of these fails, people hear nothing of a disk that is too slow, or too much of one that is not.
#include "app/daemon/checkpoint_advice.h"

#include <doctest/doctest.h>

#include <vector>

#include "app/testing.h"

namespace tocsin::app {
namespace {

CheckpointNote note(Duration took, std::uint64_t bytes = 1'000, std::string failure = {}) {
  CheckpointNote out;
  out.took = took;
  out.bytes = bytes;
  out.failure = std::move(failure);
  return out;
}

}  // namespace

TEST_CASE("checkpoint advice: nothing while they are quick and small, or one of them was slow") {
  const CheckpointSettings settings;
  CHECK(checkpoint_advice({}, settings).empty());
  const std::vector<CheckpointNote> well{note(seconds(9)), note(seconds(1)), note(seconds(1)), note(seconds(2))};
  CHECK(checkpoint_advice(well, settings).empty());
  CHECK(failures_in_a_row(well) == 0);
}

TEST_CASE("checkpoint advice: failures with their cause, slow ones and large ones with what to change") {
  const CheckpointSettings settings;
  std::vector<CheckpointNote> notes{note({}, 0, "disk full"), note({}, 0, "disk full"), note(seconds(1))};
  CHECK(failures_in_a_row(notes) == 2);
  CHECK(contains(checkpoint_advice(notes, settings), "2 checkpoints failed in a row (disk full)"));
  notes = {note(seconds(7)), note(seconds(6)), note(seconds(6))};
  CHECK(contains(checkpoint_advice(notes, settings), "takes 6.0 s, and one begins every 10.0 s"));
  notes.assign(3, note(seconds(1), (std::uint64_t{3} << 30) + 5));
  CHECK(contains(checkpoint_advice(notes, settings), "writes 3GiB"));
}

}  // namespace tocsin::app
