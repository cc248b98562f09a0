// What one rule set may ask for at most (language.md, 16). Each number is far above what people write and far below
// what would hurt; a rule text beyond one gets R074, never a slow or dead engine. The nesting and file limits are the
// lexer's.
#pragma once

#include <cstddef>
#include <cstdint>

#include "engine/base/time.h"

namespace tocsin::dsl {

// A key is hashed at every event: more parts than this is a mistake of a generator.
inline constexpr std::size_t kKeysPerRuleMax = 16;
// Fields of one event, declared or made by one clause: beyond, it is no event that anybody described.
inline constexpr std::size_t kFieldsMax = 1'000;
// `N x`: as many timestamps may have to be kept per key.
inline constexpr std::int64_t kCountMax = 1'000'000;
// Ten years: a longer window is a slip of the unit, and no log is kept that long.
inline constexpr Duration kDurationMax = days(3'660);
// Rules of one set.
inline constexpr std::size_t kRulesMax = 100'000;
// Rules, each over what the one before makes: one event runs through all of them before the next has its turn.
inline constexpr std::size_t kChainOfRulesMax = 1'000;
// Parts of one constant, once the constants in it are put in: each may double the one before.
inline constexpr std::size_t kConstantPartsMax = 10'000;
// Base events of one alias, counted as often as its aliases name them.
inline constexpr std::size_t kAlternativesMax = 1'000;
// Aliases one upon the other: each has the filters of all below it.
inline constexpr std::size_t kAliasDepthMax = 100;
// Filters of all aliases of one set, those of the aliases in them each time.
inline constexpr std::size_t kAliasFiltersMax = 1'000'000;
// Values of `in [..]` and of one function: all of them are looked at for each event. A list is looked up.
inline constexpr std::size_t kValuesMax = 4'000;
// Keys under which one event can be seen: `by k = (a.x, a.y)` has two, and each further such part twice as many.
inline constexpr std::size_t kKeysPerEventMax = 64;
// Windows of the past that `duration(x)` is compared with: all of them are looked at anew whenever an event passes from
// one to the next.
inline constexpr std::int64_t kLastingWindowsMax = 100;
// Pieces of one alert text: words, and expressions between them.
inline constexpr std::size_t kTextPiecesMax = 1'000;
// Events of one test: it runs in memory.
inline constexpr std::int64_t kTestEventsMax = 1'000'000;

}  // namespace tocsin::dsl
