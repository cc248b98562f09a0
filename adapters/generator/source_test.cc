// Were this wrong, the demo would show another world each time, or events that no rule can read.
#include "adapters/generator/source.h"

#include <doctest/doctest.h>

#include <map>
#include <string>

namespace tocsin {
namespace {

constexpr Time kBegin{1'767'225'600'000'000};  // 2026-01-01

GeneratorConfig config_of(std::string_view scenario, std::uint64_t seed = 1) {
  return {.scenario = std::string(scenario), .seed = seed, .from = kBegin, .until = kBegin + minutes(5)};
}

// All lines by partition; blocks number their lines one after the other.
std::map<std::uint32_t, std::string> lines_of(const GeneratorConfig& config, const Clock* clock = nullptr) {
  auto source = open_generator(config, SourceId{0}, clock);
  REQUIRE(source);
  REQUIRE((*source)->start({}));
  std::map<std::uint32_t, std::string> out;
  std::map<std::uint32_t, std::uint64_t> next;
  Block block;
  for (;;) {
    block.clear();
    const auto polled = (*source)->poll(block, milliseconds(1));
    REQUIRE(polled);
    if (*polled == Polled::finished) return out;
    if (*polled == Polled::nothing) continue;
    const std::string_view text = block.bytes.view();
    std::uint64_t& line = next.try_emplace(block.partition, 1).first->second;
    CHECK(block.first_offset == line);
    line += static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n'));
    out[block.partition] += text;
  }
}

// Goes on by itself, a different while each time.
class HurriedClock final : public Clock {
 public:
  Time now() const override {
    at_ = at_ + Duration{137'000 + (at_.us / 1'000) % 900'000};
    return at_;
  }
  Duration elapsed() const override { return {}; }

 private:
  mutable Time at_ = kBegin;
};

TEST_CASE("generator: one seed, one world, whoever asks when; another seed, another world") {
  const HurriedClock clock;
  for (const std::string_view scenario : generator_scenarios()) {
    CAPTURE(scenario);
    const auto once = lines_of(config_of(scenario));
    CHECK(once.size() == 4);
    CHECK(once == lines_of(config_of(scenario)));
    CHECK(once == lines_of(config_of(scenario), &clock));
    CHECK(once != lines_of(config_of(scenario, 2)));
    CHECK(once.at(0) != once.at(1));
  }
}

TEST_CASE("generator: the rate is kept, records are objects with an event and a time inside the asked one") {
  for (const std::string_view scenario : generator_scenarios()) {
    CAPTURE(scenario);
    GeneratorConfig config = config_of(scenario);
    config.rate = 200;
    std::size_t lines = 0;
    for (const auto& [partition, text] : lines_of(config)) {
      for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = text.find('\n', at);
        const std::string line = text.substr(at, end - at);
        REQUIRE(line.starts_with("{\"event\":\""));
        REQUIRE(line.ends_with("Z\"}"));
        const std::string time = line.substr(line.rfind("\"ts\":\"") + 6, 16);
        REQUIRE(time >= "2026-01-01T00:00");
        REQUIRE(time < "2026-01-01T00:05");
        ++lines;
        at = end + 1;
      }
    }
    CHECK(lines > 60'000 * 0.95);
    CHECK(lines < 60'000 * 1.4);  // stories and heartbeats come on top
  }
}

TEST_CASE("generator: numbers go on where they stopped, so that no two events of a source have one") {
  auto source = open_generator(config_of("sre"), SourceId{0}, nullptr).value();
  const Progress from{0, 1'001};
  REQUIRE(source->start({&from, 1}));
  std::uint64_t next = 1'001;
  Block block;
  while (source->poll(block, {}).value() != Polled::finished) {
    if (block.partition == 0) {
      CHECK(block.first_offset == next);
      next = block.next_offset;
    }
    block.clear();
  }
  CHECK(next > 1'001);
}

TEST_CASE("generator: what it cannot do is a failure") {
  CHECK(!open_generator(config_of("weather"), SourceId{0}, nullptr));
  GeneratorConfig still = config_of("sre");
  still.rate = 0;
  CHECK(!open_generator(still, SourceId{0}, nullptr));
  CHECK(lines_of([] {
          GeneratorConfig none = config_of("sre");
          none.until = none.from;
          return none;
        }())
            .at(0)
            .empty());
  GeneratorConfig none = config_of("sre");
  none.until = none.from;
  CHECK(open_generator(none, SourceId{0}, nullptr).value()->done() == 1);
}

}  // namespace
}  // namespace tocsin
