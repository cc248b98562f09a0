// The same rules and events through the engine and through the reference matcher, each written down as lines that can
// be compared.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "adapters/codec/config.h"
#include "engine/io/clock.h"
#include "engine/program/program.h"
#include "engine/program/reference_data.h"
#include "engine/runtime/document.h"
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
// `install_every`: so many blocks the rules are installed anew: all state goes through its bytes; 0: never. They are
// the same ones, or in turn those of `other`, of the same programs. Where that is refused, it is the only line.
Lines engine_lines(const Ready& ready, const Case& c, std::size_t block = 1, EngineOptions options = {},
                   std::size_t install_every = 0, const Ready* other = nullptr);
// The same by a crew, a worker for each shard: on threads, or step by step, whoever's turn the seed says. Partitions
// come in an order of its own, too; they are those of so many sources, in turn. REQUIRES: no silent partition.
Lines crew_lines(const Ready& ready, const Case& c, std::size_t block, EngineOptions options, std::uint64_t seed,
                 bool threads, std::size_t sources = 1);
Lines reference_lines(const Ready& ready, const Case& c);

// Lines of the engine end in a tab and the id, of alerts and of sessions.

// How events of cases are decoded, and what outputs are written with.
CodecConfig codec_of_cases();
DocumentNames names_for(const Ready& ready);
std::string line_of(const Alert& alert, const RuleSet& rules);
std::string line_of(const Emitted& emitted, const DocumentNames& names);
// Alerts in their order; emitted events stand behind them and are compared as a set: their order is that of what they
// cause, which the alerts show.
Lines parted(Lines lines);
// What is remembered at the end, as it would be stored: a line for each address, in the order of rules and keys. Keys
// that have run out are left out, as stores give them up sooner or later.
Lines engine_state(const Ready& ready, const Case& c, std::size_t block = 1, EngineOptions options = {},
                   std::size_t install_every = 0);
// As `engine_lines`, each line with the document that leaves behind a tab.
Lines engine_documents(const Ready& ready, const Case& c);
std::string with_document(const Alert& alert, const DocumentNames& names);
std::string with_document(const Emitted& emitted, const DocumentNames& names);
// The events of the case, as the reference has them; the late ones among them by their ids, `partition/offset`.
std::vector<std::string> reference_late(const Ready& ready, const Case& c);

// An alert that has the id of one before it, which is another: a sink that keeps ids apart would lose it (F16).
std::optional<std::string> id_of_two(const Lines& engine);

// The first line in which they differ, but for the engine's ids; a count that the pattern does not have (F18) is any.
std::optional<std::size_t> difference(const Lines& engine, const Lines& reference);

}  // namespace tocsin::tests
