#include <doctest/doctest.h>

#include <algorithm>
#include <random>

#include "adapters/lmdb/fill.h"
#include "adapters/lmdb/testing.h"

using namespace tocsin;
using namespace tocsin::tests;

namespace {

// What a savepoint of the model carries.
Carried carried_of(const StoreModel& model) {
  Carried out;
  out.newest.epoch = model.newest;
  out.newest.manifest = model.manifest;
  out.newest.outboxes = model.outboxes_behind(model.delivered);
  out.next = [&model, at = model.state.begin()](StateChange& change) mutable -> Result<bool> {
    if (at == model.state.end()) return false;
    change = {at->first, at->second, false};
    ++at;
    return true;
  };
  return out;
}

StoreModel random_model(unsigned seed) {
  std::mt19937 random(seed);
  StoreModel model;
  for (std::uint64_t i = 1; i <= 1 + seed % 9; ++i) model.apply(random_epoch(random, i));
  model.delivered.number = random() % (model.newest.number + 1);
  return model;
}

}  // namespace

TEST_CASE("fill: a folder goes on as the store did that was carried there") {
  for (unsigned seed = 1; seed <= 30; ++seed) {
    CAPTURE(seed);
    House house;
    house.config.changes_per_transaction = seed % 2 == 0 ? 7 : 32'768;
    house.model = random_model(seed);
    const auto filled = fill_folder(house.config, house.disk, carried_of(house.model), false);
    REQUIRE_MESSAGE(filled, filled.error().message);
    REQUIRE(house.open());
    CHECK(house.store->was_checked());
    CHECK(difference(*house.store, house.model, false) == "");
    house.fill(2);
    house.deliver_all();
    REQUIRE(house.store->merge());
    CHECK(difference(*house.store, house.model, false) == "");
    REQUIRE(house.open());
    CHECK(difference(*house.store, house.model, true) == "");
  }
}

TEST_CASE("fill: a folder that is in use or holds a state is left alone, unless it is to be replaced") {
  House house;
  CHECK_FALSE(holds_state(house.config, house.disk).value());
  REQUIRE(house.open());
  house.fill(3);
  const StoreModel other = random_model(5);
  const auto used = fill_folder(house.config, house.disk, carried_of(other), true);
  REQUIRE_FALSE(used);
  CHECK(used.error().message.find("is in use by process") != std::string::npos);
  house.store.reset();
  CHECK(holds_state(house.config, house.disk).value());
  const auto held = fill_folder(house.config, house.disk, carried_of(other), false);
  REQUIRE_FALSE(held);
  CHECK(held.error().message == house.config.folder + " holds a state already; --force puts this one in its place");
  REQUIRE(house.open());
  CHECK(difference(*house.store, house.model, true) == "");
  house.store.reset();
  REQUIRE(fill_folder(house.config, house.disk, carried_of(other), true));
  REQUIRE(house.open());
  CHECK(difference(*house.store, other, false) == "");
}

TEST_CASE("fill: broken off anywhere, the folder is what it was, what it is to be, or says that it is neither") {
  const StoreModel other = random_model(7);
  int kept = 0, broken = 0, done = 0, failing = 1;
  for (;; ++failing) {
    House house;
    REQUIRE(house.open());
    house.fill(3);
    house.deliver_all();
    REQUIRE(house.store->merge());
    house.fill(2);
    house.store.reset();
    int calls = 0;
    bool broke = false;
    HookedDisk hooked(house.disk, [&](const std::string& call, const std::string& path) -> Result<void> {
      broke = broke || ++calls == failing;
      if (!broke) return {};
      return failure(Error::Code::unreadable, "cannot " + call + " " + path + ": it is over");
    });
    if (const auto filled = fill_folder(house.config, hooked, carried_of(other), true); filled) break;
    const auto opened = house.open();
    if (!opened) {
      ++broken;
      CHECK(opened.error().message == house.config.folder + ": a restore was broken off here (" + house.config.folder +
                                          "/restoring is there); run `tocsin savepoint restore` with --force again");
    } else if (difference(*house.store, house.model, true).empty()) {
      ++kept;
    } else {
      ++done;
      CHECK(difference(*house.store, other, false) == "");
    }
    house.store.reset();
    const auto again = fill_folder(house.config, house.disk, carried_of(other), true);
    REQUIRE_MESSAGE(again, again.error().message);
    REQUIRE(house.open());
    CHECK(difference(*house.store, other, false) == "");
  }
  CHECK(kept > 3);
  CHECK(broken > 5);
  CHECK(done > 0);
}

TEST_CASE("fill: what is carried breaks off; the folder is what it was") {
  House house;
  REQUIRE(house.open());
  house.fill(3);
  house.store.reset();
  const StoreModel other = random_model(5);
  Carried carried = carried_of(other);
  int left = 2;
  carried.next = [&, next = carried.next](StateChange& change) -> Result<bool> {
    if (left-- == 0) return failure(Error::Code::malformed, "x is damaged");
    return next(change);
  };
  CHECK(fill_folder(house.config, house.disk, carried, true).error().message == "x is damaged");
  CHECK_FALSE(std::filesystem::exists(house.folder.in("base.new.mdb")));
  REQUIRE(house.open());
  CHECK(difference(*house.store, house.model, true) == "");
}
