// The same rules and events through the engine and through the reference matcher, each written down as lines that can
// be compared.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/io/clock.h"
#include "engine/program/program.h"
#include "engine/program/reference_data.h"
#include "engine/runtime/runner.h"
#include "tests/support/reference_matcher.h"
#include "tests/support/rule_generator.h"

namespace tocsin::tests {

// For whom no time goes by.
class StandingClock final : public Clock {
 public:
  Time now() const override { return {}; }
  Duration elapsed() const override { return {}; }
};

// Rules made ready for both.
struct Ready {
  std::shared_ptr<const RuleSet> rules;
  std::shared_ptr<const ReferenceData> data;
  std::shared_ptr<const reference::Matcher> matcher;
};

// Nothing, and why, where the rules have a mistake.
std::optional<Ready> make_ready(const std::string& text, std::string* why = nullptr);

using Lines = std::vector<std::string>;

// `block`: events of one partition that come together. `options.fast` false: the general matchers alone.
// `install_every`: so many blocks the rules are installed anew, the same ones: all state goes through its bytes; 0:
// never.
Lines engine_lines(const Ready& ready, const Case& c, std::size_t block = 1, EngineOptions options = {},
                   std::size_t install_every = 0);
// The same by a crew, a worker for each shard: on threads, or step by step, whoever's turn the seed says. Partitions
// come in an order of its own, too; they are those of so many sources, in turn. REQUIRES: no silent partition.
Lines crew_lines(const Ready& ready, const Case& c, std::size_t block, EngineOptions options, std::uint64_t seed,
                 bool threads, std::size_t sources = 1);
// The same by a crew whose state is kept, and which dies at random, between two steps or before its sink has an epoch;
// then another one goes on, on any number of shards. Few keys are in memory that may be in durable state alone.
// REQUIRES: offsets are the numbers of the events in their partitions, from 1.
struct Kept {
  Lines lines, late;  // what the sink has at the end, and the late events it was told
  std::uint64_t deaths = 0;
  std::uint64_t brought = 0;  // keys that an event asked durable state for
  std::size_t left = 0;       // addresses in durable state at the end that belong to rules that have gone
};
Kept kept_lines(const Ready& ready, const Case& c, std::size_t block, EngineOptions options, std::uint64_t seed);
// The same by other rules every second life, not in the last one.
Kept kept_lines(const Ready& ready, const Ready& other, const Case& c, std::size_t block, EngineOptions options,
                std::uint64_t seed);
Lines reference_lines(const Ready& ready, const Case& c);

// The first line in which they differ; a count that the pattern does not have (F18) is any.
std::optional<std::size_t> difference(const Lines& engine, const Lines& reference);

}  // namespace tocsin::tests
