// Texts that expressions make, none longer than kMadeTextMax: the value of a longer one is missing.
#pragma once

#include <string>

#include "engine/event/value.h"
#include "engine/program/limits.h"
#include "engine/program/scratch.h"

namespace tocsin {

// What has been built in a buffer of the scratch.
inline Value made_text(const std::string& built, Scratch& scratch) {
  return built.size() <= kMadeTextMax ? Value::text(scratch.text(built)) : Value();
}

// Is there room behind `built` for so many bytes?
inline bool has_room(const std::string& built, std::size_t bytes) {
  return built.size() <= kMadeTextMax && bytes <= kMadeTextMax - built.size();
}

// The values one behind the other, as append_text writes them.
Value joined_text(std::span<const Value> parts, Scratch& scratch);

// The same of a text that is for people: of one that would be too long as much as fits, and `..`.
Value told_text(std::span<const Value> parts, Scratch& scratch);

}  // namespace tocsin
