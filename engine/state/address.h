// Where a state stands in durable state:
//   key group (2 bytes, big-endian), program (4, big-endian), kind (1), canonical key
// so that the state of one shard is a run of addresses, whatever the number of shards. Programs have numbers that
// outlive the rule files, never their place among today's rules. A value begins with the version of its codec.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "engine/base/time.h"
#include "engine/state/key_group.h"

namespace tocsin {

// What stands at an address. Never renumbered.
enum class StateKind : std::uint8_t {
  key = 0,      // one key of a program
  budget = 1,   // a budget with keys of its own (`per src`)
  program = 2,  // since when a program has been watching; the key is empty
  due = 3       // when a key has to be in memory, since something is due for it soon (TimedKey); the value has no parts
};
inline constexpr StateKind kLastStateKind = StateKind::due;
inline constexpr std::uint8_t kStateVersion = 1;

struct StateAddress {
  std::uint16_t group = 0;
  std::uint32_t program = 0;
  StateKind kind = StateKind::key;
  std::string_view key;

  void append(std::string& out) const {
    out += static_cast<char>(group >> 8);
    out += static_cast<char>(group);
    for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(program >> shift);
    out += static_cast<char>(kind);
    out += key;
  }
  // Nothing: the bytes are no address.
  static std::optional<StateAddress> read(std::string_view bytes) {
    if (bytes.size() < 7) return std::nullopt;
    const auto byte = [&](std::size_t i) { return std::uint32_t{static_cast<std::uint8_t>(bytes[i])}; };
    StateAddress out;
    out.group = static_cast<std::uint16_t>(byte(0) << 8 | byte(1));
    out.program = byte(2) << 24 | byte(3) << 16 | byte(4) << 8 | byte(5);
    if (out.group >= kKeyGroups || byte(6) > static_cast<std::uint32_t>(kLastStateKind)) return std::nullopt;
    out.kind = static_cast<StateKind>(byte(6));
    out.key = bytes.substr(7);
    return out;
  }
};

// Where a note of a source stands (engine/io/source.h), behind all state of rules:
//   0xFFFF, the source's number (4 bytes, big-endian), its partition (4, big-endian), the note's key
struct NoteAddress {
  std::uint32_t source = 0, partition = 0;
  std::string_view key;

  void append(std::string& out) const {
    out += kFirst;
    for (const std::uint32_t number : {source, partition})
      for (int shift = 24; shift >= 0; shift -= 8) out += static_cast<char>(number >> shift);
    out += key;
  }
  // Nothing: the bytes are no such address.
  static std::optional<NoteAddress> read(std::string_view bytes) {
    if (bytes.size() < 10 || !bytes.starts_with(kFirst)) return std::nullopt;
    NoteAddress out;
    for (std::size_t i = 2; i < 6; ++i) out.source = out.source << 8 | static_cast<std::uint8_t>(bytes[i]);
    for (std::size_t i = 6; i < 10; ++i) out.partition = out.partition << 8 | static_cast<std::uint8_t>(bytes[i]);
    out.key = bytes.substr(10);
    return out;
  }

  static constexpr std::string_view kFirst = "\xFF\xFF";
};

// What stands for the key in an address of kind `due`: they are in the order of times.
struct TimedKey {
  Time at{};
  std::string_view key;

  void append(std::string& out) const {
    const std::uint64_t ascends = static_cast<std::uint64_t>(at.us) ^ kSign;
    for (int shift = 56; shift >= 0; shift -= 8) out += static_cast<char>(ascends >> shift);
    out += key;
  }
  // Nothing: the bytes are none.
  static std::optional<TimedKey> read(std::string_view bytes) {
    if (bytes.size() < 8) return std::nullopt;
    std::uint64_t ascends = 0;
    for (std::size_t i = 0; i < 8; ++i) ascends = ascends << 8 | static_cast<std::uint8_t>(bytes[i]);
    return TimedKey{Time{static_cast<std::int64_t>(ascends ^ kSign)}, bytes.substr(8)};
  }

 private:
  static constexpr std::uint64_t kSign = std::uint64_t{1} << 63;
};

}  // namespace tocsin
