#include "adapters/lmdb/records.h"

#include <fmt/format.h>

#include <algorithm>

#include "engine/base/crc32c.h"
#include "engine/base/hash.h"
#include "engine/base/little_endian.h"

namespace tocsin {
namespace {

constexpr std::size_t kCrcSize = 4;

tl::unexpected<Error> damaged(const std::string& file, const std::string& what) {
  return failure(Error::Code::malformed, fmt::format("{} is damaged: {}", file, what));
}

// "00 2a 41 .. (37 bytes)": addresses are bytes, and may be long.
std::string shown(std::string_view address) {
  std::string text;
  for (const char byte : address.substr(0, 24)) text += fmt::format("{:02x} ", static_cast<unsigned char>(byte));
  return text + fmt::format("({} bytes)", address.size());
}

// A record ends with the checksum of its key and of what stands before.
void seal(std::string& record, std::string_view key) { append_little(record, crc32c(record, crc32c(key))); }

bool is_sealed(std::string_view record, std::string_view key) {
  if (record.size() < kCrcSize) return false;
  const std::string_view content = record.substr(0, record.size() - kCrcSize);
  return read_little<std::uint32_t>(record, content.size()) == crc32c(content, crc32c(key));
}

void append_sum(std::string& record, const RecordSum& sum) {
  append_little(record, sum.digest.low);
  append_little(record, sum.digest.high);
  append_little(record, sum.records);
}

RecordSum read_sum(std::string_view record, std::size_t at) {
  return {{read_little<std::uint64_t>(record, at), read_little<std::uint64_t>(record, at + 8)},
          read_little<std::uint64_t>(record, at + 16)};
}

}  // namespace

// ----- meta ---------------------------------------------------------------------------------------

std::string head_record(const BaseHead& head) {
  std::string record;
  append_little(record, kBaseVersion);
  append_little(record, head.store);
  append_little(record, head.seed);
  append_little(record, head.through.number);
  append_little(record, head.addresses);
  append_little(record, head.delivered.number);
  append_sum(record, head.outboxes);
  seal(record, kHeadKey);
  return record;
}

Result<BaseHead> read_head(const std::string& file, std::string_view record) {
  if (!is_sealed(record, kHeadKey)) return damaged(file, "the checksum of its head does not fit");
  const auto version = read_little<std::uint32_t>(record);
  if (version == 0 || version > kBaseVersion)
    return failure(Error::Code::refused, fmt::format("{} has format version {}, and this tocsin reads version {}", file,
                                                     version, kBaseVersion));
  if (record.size() != (version == 1 ? 40 : 72))
    return damaged(file, fmt::format("its head has {} bytes", record.size()));
  BaseHead head;
  head.store = read_little<std::uint64_t>(record, 4);
  head.seed = read_little<std::uint64_t>(record, 12);
  head.through.number = read_little<std::uint64_t>(record, 20);
  head.addresses = read_little<std::uint64_t>(record, 28);
  head.version = version;
  head.delivered = head.through;
  if (version == 1) return head;
  head.delivered.number = read_little<std::uint64_t>(record, 36);
  head.outboxes = read_sum(record, 44);
  return head;
}

std::string manifest_record(Epoch through, std::string_view manifest) {
  std::string record;
  append_little(record, through.number);
  record += manifest;
  seal(record, kManifestKey);
  return record;
}

Result<std::string> read_manifest(const std::string& file, Epoch through, std::string_view record) {
  if (record.size() < 8 || !is_sealed(record, kManifestKey))
    return damaged(file, "the checksum of its manifest does not fit");
  const auto of = read_little<std::uint64_t>(record);
  if (of != through.number)
    return damaged(file, fmt::format("it stands at epoch {}, its manifest at epoch {}", through.number, of));
  return std::string(record.substr(8, record.size() - 8 - kCrcSize));
}

// ----- state --------------------------------------------------------------------------------------

std::string key_of(std::string_view address, std::uint64_t seed) {
  if (!is_long(address)) return std::string(address);
  std::string key(address.substr(0, kPrefixBytes));
  const Hash128 hash = hash_bytes_128(address, seed);
  append_little(key, hash.low);
  append_little(key, hash.high);
  return key;
}

void write_state(std::string& record, std::string_view address, std::string_view value) {
  record.clear();
  if (is_long(address)) {
    append_little(record, static_cast<std::uint32_t>(address.size()));
    record += address;
  }
  record += value;
  append_little(record, crc32c(value, crc32c(address)));
}

Result<StateRecord> read_state(const std::string& file, std::string_view key, std::string_view record) {
  const auto wrong = [&](const char* what) {
    return damaged(file, fmt::format("the state at address {} {}", shown(key), what));
  };
  if (record.size() < kCrcSize) return wrong("has no checksum");
  StateRecord read{key, record.substr(0, record.size() - kCrcSize)};
  if (key.size() == kKeyMax) {
    const std::string_view content = read.value;
    const std::size_t size = content.size() < 4 ? content.size() : read_little<std::uint32_t>(content);
    if (content.size() < 4 || size > content.size() - 4) return wrong("is shorter than its address");
    read = {content.substr(4, size), content.substr(4 + size)};
  }
  if (read_little<std::uint32_t>(record, record.size() - kCrcSize) != crc32c(read.value, crc32c(read.address)))
    return wrong("does not fit its checksum");
  return read;
}

// ----- groups -------------------------------------------------------------------------------------

std::string group_record(std::string_view key, const RecordSum& group) {
  std::string record;
  append_sum(record, group);
  seal(record, key);
  return record;
}

Result<RecordSum> read_group(const std::string& file, std::string_view key, std::string_view record) {
  if (key.size() != kGroupBytes || record.size() != 28 || !is_sealed(record, key))
    return damaged(file, fmt::format("the sum of key group {} does not fit its checksum", shown(key)));
  return read_sum(record, 0);
}

// ----- outboxes and history -----------------------------------------------------------------------

std::string number_key(std::uint64_t number) {
  std::string key;
  append_little(key, number);
  std::reverse(key.begin(), key.end());
  return key;
}

std::uint64_t number_of(std::string_view key) {
  std::uint64_t number = 0;
  for (const char byte : key) number = number << 8 | static_cast<unsigned char>(byte);
  return number;
}

std::string outbox_record(Epoch epoch, std::string_view outbox) {
  std::string record(outbox);
  seal(record, number_key(epoch.number));
  return record;
}

Result<std::string_view> read_outbox(const std::string& file, std::string_view key, std::string_view record) {
  if (key.size() != 8 || !is_sealed(record, key))
    return damaged(file, fmt::format("the outbox of epoch {} does not fit its checksum", number_of(key)));
  return record.substr(0, record.size() - kCrcSize);
}

std::string note_record(std::uint64_t number, const CheckpointNote& note) {
  std::string record;
  append_little(record, static_cast<std::uint64_t>(note.at.us));
  append_little(record, static_cast<std::uint64_t>(note.took.us));
  for (const std::uint64_t figure : {note.through.number, note.epochs, note.changes, note.bytes, note.base_bytes})
    append_little(record, figure);
  record += note.failure;
  seal(record, number_key(number));
  return record;
}

Result<CheckpointNote> read_note(const std::string& file, std::string_view key, std::string_view record) {
  constexpr std::size_t kFigures = 7 * 8;
  if (record.size() < kFigures + kCrcSize || !is_sealed(record, key))
    return damaged(file, fmt::format("note {} of the history does not fit its checksum", number_of(key)));
  const auto figure = [&](std::size_t i) { return read_little<std::uint64_t>(record, 8 * i); };
  return CheckpointNote{Time{static_cast<std::int64_t>(figure(0))},
                        Epoch{figure(2)},
                        figure(3),
                        figure(4),
                        figure(5),
                        figure(6),
                        Duration{static_cast<std::int64_t>(figure(1))},
                        std::string(record.substr(kFigures, record.size() - kFigures - kCrcSize))};
}

}  // namespace tocsin
