// What stands in the tables of the base, to the byte (docs/formats.md). Readers check what they read: an error names
// the file and the record.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "adapters/lmdb/base.h"

namespace tocsin {

// The room that LMDB reserves, once and for all; the file is as large as it must be.
inline constexpr std::uint64_t kMapBytes = std::uint64_t{1} << 40;

// ----- table `meta`
inline constexpr std::string_view kHeadKey = "head", kManifestKey = "manifest";
std::string head_record(const BaseHead& head);
Result<BaseHead> read_head(const std::string& file, std::string_view record);
std::string manifest_record(Epoch through, std::string_view manifest);
Result<std::string> read_manifest(const std::string& file, Epoch through, std::string_view record);

// ----- table `state`
// LMDB takes keys of 511 bytes. A longer address has its first 495 and a hash for a key, and stands whole in the value;
// a key of 511 bytes is always one of those.
inline constexpr std::size_t kKeyMax = 511, kPrefixBytes = kKeyMax - 16;
inline bool is_long(std::string_view address) { return address.size() >= kKeyMax; }
std::string key_of(std::string_view address, std::uint64_t seed);
void write_state(std::string& record, std::string_view address, std::string_view value);
struct StateRecord {
  std::string_view address, value;
};
Result<StateRecord> read_state(const std::string& file, std::string_view key, std::string_view record);

// ----- table `groups`, by the first two bytes of addresses
inline constexpr std::size_t kGroupBytes = 2;
std::string group_record(std::string_view key, const RecordSum& group);
Result<RecordSum> read_group(const std::string& file, std::string_view key, std::string_view record);

// ----- keys of the tables `outboxes` and `history`: a number, so that LMDB keeps them in order
std::string number_key(std::uint64_t number);
std::uint64_t number_of(std::string_view key);

// ----- table `outboxes`, by epoch
std::string outbox_record(Epoch epoch, std::string_view outbox);
Result<std::string_view> read_outbox(const std::string& file, std::string_view key, std::string_view record);

// ----- table `history`
std::string note_record(std::uint64_t number, const CheckpointNote& note);
Result<CheckpointNote> read_note(const std::string& file, std::string_view key, std::string_view record);

// Beside the base: whether the last process closed it (store.cc).
inline constexpr char kMarkName[] = "mark";

}  // namespace tocsin
