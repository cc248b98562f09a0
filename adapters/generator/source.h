// Made-up events as a source: what `tocsin demo` shows, and sample data for who has none. One scenario is told on
// several partitions at once, each with people (cards, services, sensors) of its own: their ordinary doings, and now
// and then a story that some rule should see. All of it follows from the seed and the moment at which it begins.
//
// Records arrive as JSON lines whose field `event` names them and `ts` is RFC 3339; one in ten comes up to two seconds
// late. It cannot go back: what was polled is gone.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "engine/io/clock.h"
#include "engine/io/source.h"

namespace tocsin {

struct GeneratorConfig {
  std::string scenario;  // a name of generator_scenarios()
  std::uint64_t seed = 1;
  std::uint32_t partitions = 4;
  double rate = 100;  // records a second of event time, all partitions together
  Time from{};        // the first events
  Time until{};       // the partitions end here
};

std::vector<std::string_view> generator_scenarios();

// With a clock, records come when they are due by it (what is due by now, at once); without, as fast as they are taken.
// The clock must outlive the source. Fails for a scenario that does not exist, and for no rate and no partition.
Result<std::unique_ptr<Source>> open_generator(const GeneratorConfig& config, SourceId id, const Clock* clock);

}  // namespace tocsin
