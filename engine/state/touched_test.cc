#include "engine/state/touched.h"

#include <doctest/doctest.h>

#include <map>
#include <random>
#include <string>

namespace tocsin {
namespace {

// Keys with a number each; what is written at every cut must be the numbers as they stood there, however much happens
// before they are.
TEST_CASE("touched: what an epoch writes is what stood at its cut") {
  struct Key {
    int value = 0;
    TouchTag tag = 0;
  };
  std::map<std::string, Key> keys;
  Touched<std::string> touched;
  std::map<std::string, int> written;
  const auto change = [&](const std::string& name, int value) {
    Key& key = keys[name];
    if (touched.touch(key.tag, [&] { return name; })) written[name] = key.value;
    key.value = value;
  };
  const auto write = [&](std::size_t most) {
    for (; most > 0; --most) {
      const auto name = touched.next();
      if (!name) return;
      Key& key = keys[*name];
      if (!touched.is_due(key.tag)) continue;
      CHECK(written.count(*name) == 0);
      written[*name] = key.value;
      key.tag = Touched<std::string>::kClean;
    }
  };
  touched.begin();
  std::mt19937 random(7);
  std::map<std::string, int> at_cut, changed;
  for (int i = 0; i < 20'000; ++i) {
    const std::string name = std::to_string(random() % 50);
    const int value = static_cast<int>(random());
    changed[name] = value;
    change(name, value);
    if (random() % 3 == 0) write(random() % 4);
    if (random() % 100 != 0) continue;
    write(1'000);
    CHECK(written == at_cut);  // of the cut before
    written.clear();
    CHECK(touched.changed() == changed.size());
    touched.cut();
    at_cut = std::exchange(changed, {});
  }
}

}  // namespace
}  // namespace tocsin
