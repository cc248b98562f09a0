// What a test does when engine and reference, or two ways through the engine, do not say the same: where they differ,
// and the smallest rules and events that are found for which they still do.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "tests/support/both.h"

namespace tocsin::tests {

// Does the engine say something else than the reference; its fast matchers something else than the general ones?
bool differs(const Case& c);
bool ways_differ(const Case& c);
// ... or something else when its state goes through bytes and back after each event?
bool bytes_differ(const Case& c);
bool shards_differ(const Case& c);
// ... or gives two alerts one id?
bool ids_meet(const Case& c);

// What the environment says: how long a campaign is, where it begins.
std::uint64_t number_from(const char* name, std::uint64_t otherwise);
// Nobody has asked for other seeds, or for fewer. How much random cases show at least is certain of these alone: of
// others it is a matter of chance, and says nothing of the engine.
bool seeds_are_the_usual();

// Leaves away what is not needed for the difference: events, rules, clauses, fields.
Case minimised(Case c, const std::function<bool(const Case&)>& still);

// The rules, the events, and what each of them says.
std::string report(const Case& c);

}  // namespace tocsin::tests
