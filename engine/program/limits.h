// The named limits of what one key may hold (language.md, section 16). Each has its outcome: the oldest goes first, and
// a counter of the rule counts it; never silent. What one program may have stands here
// where the engine is built on it, what one rule set may contain in dsl/limits.h; `check` refuses both with R074.
#pragma once

#include <cstddef>
#include <cstdint>

namespace tocsin {

// Events that one key keeps for one sequence, as candidates of its matches. A pattern without `within` would keep for
// ever; 10,000 is far beyond what a person can follow in an alert.
inline constexpr std::size_t kSeenPerKeyMax = 10'000;

// Events that each window of one key keeps for one rule: 1 M timestamps are 8 MB, for the one key that an attacker
// floods.
inline constexpr std::size_t kWindowEventsPerKeyMax = 1'000'000;

// Values that `new x.f` remembers per key: past it the oldest goes first.
inline constexpr std::size_t kValuesPerKeyMax = 100'000;

// Fired absences that one key remembers, in case an event that comes late disproves one (F14): each holds its alert,
// about a KB.
inline constexpr std::size_t kFiredAbsencesPerKeyMax = 100;

// Evidence ids of one step; the true count stands beside them. 100 is what a person reads and a sink takes.
inline constexpr std::size_t kEvidencePerStepMax = 100;

// Steps of the walk for one event, and events that they look at and copy: a pattern that needs more gives up for this
// event and says so (a counter, never silent). Most need some ten; these are a tenth of a second.
inline constexpr std::uint64_t kSearchStepsMax = 2'000'000;
inline constexpr std::uint64_t kSearchWorkMax = 50'000'000;
// Choices reported for one event under `fire every match`, and the events of all of them: 10,000 of 100 events each.
inline constexpr std::size_t kMatchesPerEventMax = 10'000;
inline constexpr std::size_t kMatchedEventsPerEventMax = 1'000'000;

// Streams of one program: the matchers keep a bit per stream with every event.
inline constexpr std::size_t kStreamsPerProgramMax = 256;

// Windows of the past that one aggregate is compared with (`its average over D`, zscore), and windows of a summary that
// one event is in. Each is kept for every key, in a quarter of a KB when it is empty; the hours of a year are 8,784.
inline constexpr std::int64_t kWindowsMax = 10'000;

// Steps of one pattern: the matchers keep a bit per step with every event.
inline constexpr std::size_t kStepsPerPatternMax = 64;

// `maybe` steps of one pattern: each may take part or not, and the search walks every choice of them.
inline constexpr std::size_t kMaybesPerPatternMax = 12;

// Bytes of a text that an expression makes (replace, concat, a text with `{}`): as much as a record may have where
// nothing else is set. Beyond it the value is missing.
inline constexpr std::size_t kMadeTextMax = std::size_t{1} << 20;

// Values on the stack of one expression: nesting is limited to 64 when it is read, and lists have a value per item.
inline constexpr std::size_t kStackMax = 4'096;

}  // namespace tocsin
