#include "adapters/lmdb/delta.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>

#include "engine/base/contract.h"
#include "engine/base/crc32c.h"
#include "engine/base/hash.h"
#include "engine/base/little_endian.h"

namespace tocsin {
namespace {

// All of this is embedded in files: docs/formats.md says the same.
constexpr std::string_view kMagic = "tocsin\x1A\n";  // a file cut or converted as text shows at once
constexpr std::size_t kHeadSize = 48, kBlockHeadSize = 16;
constexpr std::size_t kBlockBytes = 16 << 10;                      // of changes: what one `find` reads
constexpr std::size_t kPieceBytes = 1 << 20;                       // of manifest and outbox
constexpr std::size_t kFirstAhead = kBlockHeadSize + kBlockBytes;  // read at once, behind the first block
constexpr std::uint64_t kRecordMax = std::uint64_t{1} << 31;
constexpr std::size_t kWriteBytes = 1 << 20;  // handed to the file at once

constexpr std::uint32_t kChanges = 1, kManifest = 2, kOutbox = 3, kEnd = 4;

tl::unexpected<Error> damage(const std::string& shown, std::uint64_t at, const std::string& what) {
  return failure(Error::Code::malformed, fmt::format("{} is damaged at byte {}: {}", shown, at, what));
}

std::string head_bytes(const DeltaHead& head) {
  std::string bytes(kMagic);
  append_little(bytes, kDeltaVersion);
  append_little(bytes, head.store);
  append_little(bytes, head.epoch.number);
  append_little(bytes, head.delivered.number);
  append_little(bytes, head.changes);
  append_little(bytes, crc32c(bytes));
  TOCSIN_ASSERT(bytes.size() == kHeadSize);
  return bytes;
}

// Block checksums begin with whose block it is, so that a block of another file or epoch is not taken for one of this.
std::uint32_t seed_of(const DeltaHead& head) {
  std::string bytes;
  append_little(bytes, head.store);
  append_little(bytes, head.epoch.number);
  return crc32c(bytes);
}

struct BlockHead {
  std::uint32_t crc, kind, size, number;
};

BlockHead block_head(std::string_view bytes) {
  return {read_little<std::uint32_t>(bytes), read_little<std::uint32_t>(bytes, 4), read_little<std::uint32_t>(bytes, 8),
          read_little<std::uint32_t>(bytes, 12)};
}

// `block` with its head, `at` where it lies in the file.
Result<void> check_block(const std::string& shown, std::uint64_t at, std::string_view block, std::uint32_t seed) {
  const BlockHead head = block_head(block);
  const std::uint32_t crc = crc32c(block.substr(4), seed);
  if (crc == head.crc) return {};
  return damage(
      shown, at,
      fmt::format("the checksum of block {} is {:08x}, that of its bytes {:08x}", head.number, head.crc, crc));
}

void append_change(std::string& out, const StateChange& change) {
  append_varint(out, change.address.size());
  append_varint(out, std::uint64_t{change.value.size()} << 1 | (change.gone ? 1 : 0));
  out += change.address;
  out += change.value;
}

// False: the bytes are no change.
bool take_change(std::string_view& bytes, StateChange& change) {
  std::uint64_t address_size = 0, value_size = 0;
  if (!take_varint(bytes, address_size) || !take_varint(bytes, value_size)) return false;
  change.gone = (value_size & 1) != 0;
  value_size >>= 1;
  if (address_size > bytes.size() || value_size > bytes.size() - address_size) return false;
  change.address = bytes.substr(0, address_size);
  change.value = bytes.substr(address_size, value_size);
  bytes.remove_prefix(address_size + value_size);
  return true;
}

Result<void> read_exactly(const DiskFile& file, const std::string& shown, std::uint64_t at, std::string& into) {
  return file.read(at, into).and_then([&](std::size_t got) -> Result<void> {
    if (got == into.size()) return {};
    return damage(shown, at + got, fmt::format("the file ends here, {} bytes too early", into.size() - got));
  });
}

}  // namespace

std::string delta_path(Epoch epoch) { return fmt::format("{}/{:020}.delta", kDeltaFolder, epoch.number); }

std::optional<Epoch> epoch_of_delta(std::string_view name) {
  Epoch epoch;
  if (name.size() != 26 || !name.ends_with(".delta")) return std::nullopt;
  const auto [end, error] = std::from_chars(name.data(), name.data() + 20, epoch.number);
  if (error != std::errc() || end != name.data() + 20) return std::nullopt;
  return epoch;
}

// ----- a delta ------------------------------------------------------------------------------------

Delta::Delta(Disk& disk, std::string shown, DeltaHead head)
    : disk_(disk), shown_(std::move(shown)), head_(head), filter_(head.changes) {}

Delta::~Delta() {
  // What cannot be removed is in the base, and goes at the next start.
  if (retired_) static_cast<void>(disk_.remove(delta_path(head_.epoch)));
}

std::size_t Delta::index_bytes() const {
  std::size_t bytes = sizeof(*this) + filter_.bytes() + changes_.capacity() * sizeof(Block);
  for (const Block& block : changes_) bytes += block.first.size();
  return bytes;
}

// The only block in which the address can stand; the first one for addresses before all.
std::size_t Delta::block_for(std::string_view address) const {
  const auto behind = std::upper_bound(changes_.begin(), changes_.end(), address,
                                       [](std::string_view a, const Block& block) { return a < block.first; });
  return static_cast<std::size_t>(behind - changes_.begin()) - (behind == changes_.begin() ? 0 : 1);
}

Result<std::optional<Delta::Found>> Delta::find(std::string_view address, std::uint64_t hash) const {
  if (changes_.empty() || !filter_.may_have(hash)) return std::nullopt;
  const Block& block = changes_[block_for(address)];
  std::string bytes(kBlockHeadSize + block.size, '\0');
  const auto read = disk_.open(delta_path(head_.epoch), Disk::Open::read)
                        .and_then([&](const auto& file) { return read_exactly(*file, shown_, block.at, bytes); })
                        .and_then([&] { return check_block(shown_, block.at, bytes, seed_of(head_)); });
  if (!read) return tl::unexpected(read.error());
  std::string_view records = std::string_view(bytes).substr(kBlockHeadSize);
  StateChange change;
  while (take_change(records, change) && change.address <= address)
    if (change.address == address) return Found{std::string(change.value), change.gone};
  return std::nullopt;
}

Result<std::string> Delta::text_of(const std::vector<Block>& pieces) const {
  std::string text, bytes;
  if (pieces.empty()) return text;
  auto file = disk_.open(delta_path(head_.epoch), Disk::Open::read);
  if (!file) return tl::unexpected(file.error());
  for (const Block& piece : pieces) {
    bytes.resize(kBlockHeadSize + piece.size);
    const auto read = read_exactly(*file.value(), shown_, piece.at, bytes).and_then([&] {
      return check_block(shown_, piece.at, bytes, seed_of(head_));
    });
    if (!read) return tl::unexpected(read.error());
    text.append(bytes, kBlockHeadSize);
  }
  return text;
}

// ----- writing ------------------------------------------------------------------------------------

Result<std::shared_ptr<const Delta>> DeltaWriter::write(DeltaHead head, const EpochUnit& unit) {
  head.changes = 0;
  for (const auto& run : unit.changes) head.changes += run.size();
  const std::string path = delta_path(head.epoch), unfinished = path + ".tmp";
  const auto delta = std::make_shared<Delta>(disk_, shown_ + "/" + path, head);

  bool renamed = false;
  const auto written = disk_.open(unfinished, Disk::Open::create)
                           .and_then([&](const auto& file) { return write_file(*file, *delta, unit); })
                           .and_then([&] { return disk_.rename(unfinished, path); })
                           .and_then([&] {
                             renamed = true;
                             return disk_.sync_folder(kDeltaFolder);
                           });
  if (buffer_.capacity() > 4 * kWriteBytes) buffer_ = {};
  if (written) return delta;
  // Without the folder's sync nobody knows whether the name is durable, so the epoch does not count; should a crash
  // come before it is offered again, it may count after all, as any epoch that was being stored.
  static_cast<void>(disk_.remove(renamed ? path : unfinished));
  return tl::unexpected(written.error());
}

Result<void> DeltaWriter::write_file(DiskFile& file, Delta& delta, const EpochUnit& unit) {
  written_ = 0;
  next_block_ = 0;
  seed_ = seed_of(delta.head_);
  buffer_ = head_bytes(delta.head_);
  return put_text(file, kManifest, unit.manifest, delta.manifest_)
      .and_then([&] { return put_text(file, kOutbox, unit.outbox, delta.outbox_); })
      .and_then([&] { return put_changes(file, delta, unit); })
      .and_then([&] {
        begin_block(nullptr, {});
        delta.bytes_ = written_ + buffer_.size() + 8;
        append_little(buffer_, delta.bytes_);
        return end_block(file, kEnd);
      })
      .and_then([&] { return flush(file); })
      .and_then([&] { return file.sync(); });
}

Result<void> DeltaWriter::put_text(DiskFile& file, std::uint32_t kind, std::string_view text,
                                   std::vector<Delta::Block>& pieces) {
  for (; !text.empty(); text.remove_prefix(std::min(text.size(), kPieceBytes))) {
    begin_block(&pieces, {});
    buffer_ += text.substr(0, kPieceBytes);
    if (auto ended = end_block(file, kind); !ended) return ended;
  }
  return {};
}

Result<void> DeltaWriter::put_changes(DiskFile& file, Delta& delta, const EpochUnit& unit) {
  std::string_view before;
  bool is_open = false;
  for (const auto& run : unit.changes) {
    for (const StateChange& change : run) {
      TOCSIN_ASSERT(before.data() == nullptr || before < change.address);
      TOCSIN_ASSERT(!change.gone || change.value.empty());
      before = change.address;
      const std::uint64_t size = change.address.size() + change.value.size() + 20;
      if (size > kRecordMax)
        return failure(Error::Code::refused, fmt::format("a state of {} bytes is more than a file takes", size));
      if (is_open && buffer_.size() - block_at_ + size > kBlockHeadSize + kBlockBytes) {
        if (auto ended = end_block(file, kChanges); !ended) return ended;
        is_open = false;
      }
      if (!is_open) begin_block(&delta.changes_, change.address);
      is_open = true;
      append_change(buffer_, change);
      delta.filter_.add(hash_bytes(change.address));
    }
  }
  return is_open ? end_block(file, kChanges) : Result<void>{};
}

void DeltaWriter::begin_block(std::vector<Delta::Block>* listed, std::string_view first) {
  block_at_ = buffer_.size();
  listed_ = listed;
  if (listed != nullptr) listed->push_back({written_ + block_at_, 0, next_block_, std::string(first)});
  buffer_.append(kBlockHeadSize, '\0');
}

Result<void> DeltaWriter::end_block(DiskFile& file, std::uint32_t kind) {
  const auto size = static_cast<std::uint32_t>(buffer_.size() - block_at_ - kBlockHeadSize);
  if (listed_ != nullptr) listed_->back().size = size;
  char* head = buffer_.data() + block_at_;
  write_little(head + 4, kind);
  write_little(head + 8, size);
  write_little(head + 12, next_block_++);
  write_little(head, crc32c(std::string_view(buffer_).substr(block_at_ + 4), seed_));
  return buffer_.size() < kWriteBytes ? Result<void>{} : flush(file);
}

Result<void> DeltaWriter::flush(DiskFile& file) {
  auto appended = file.append(buffer_);
  written_ += buffer_.size();
  buffer_.clear();
  return appended;
}

// ----- reading ------------------------------------------------------------------------------------

class DeltaReader {
 public:
  DeltaReader(Disk& disk, std::string shown) : disk_(disk), shown_(std::move(shown)) {}

  Result<std::shared_ptr<const Delta>> read(std::uint64_t store, Epoch epoch) {
    auto file = disk_.open(delta_path(epoch), Disk::Open::read);
    if (!file) return tl::unexpected(file.error());
    const auto size = file.value()->size();
    if (!size) return tl::unexpected(size.error());
    size_ = size.value();
    const auto head = read_head(*file.value(), store, epoch);
    if (!head) return tl::unexpected(head.error());
    delta_ = std::make_shared<Delta>(disk_, shown_, head.value());
    delta_->bytes_ = size_;
    if (auto blocks = read_blocks(*file.value()); !blocks) return tl::unexpected(blocks.error());
    return delta_;
  }

 private:
  Result<DeltaHead> read_head(const DiskFile& file, std::uint64_t store, Epoch epoch) {
    std::string bytes(kHeadSize, '\0');
    if (auto read = read_exactly(file, shown_, 0, bytes); !read) return tl::unexpected(read.error());
    if (!bytes.starts_with(kMagic)) return damage(shown_, 0, "it does not begin as a delta does");
    const auto version = read_little<std::uint32_t>(bytes, 8);
    const auto crc = read_little<std::uint32_t>(bytes, 44);
    const bool is_whole = crc == crc32c(std::string_view(bytes).substr(0, 44));
    // Another version may have another head, with its checksum elsewhere: it cannot be told from damage for sure.
    if (version != kDeltaVersion)
      return failure(
          is_whole ? Error::Code::refused : Error::Code::malformed,
          fmt::format("{} has format version {}, and this tocsin reads version {}", shown_, version, kDeltaVersion));
    if (!is_whole) return damage(shown_, 44, "the checksum of its head does not fit");
    const DeltaHead head{read_little<std::uint64_t>(bytes, 12), Epoch{read_little<std::uint64_t>(bytes, 20)},
                         Epoch{read_little<std::uint64_t>(bytes, 28)}, read_little<std::uint64_t>(bytes, 36)};
    if (head.store != store)
      return failure(Error::Code::refused,
                     fmt::format("{} belongs to store {:016x}, and this is store {:016x}", shown_, head.store, store));
    if (head.epoch != epoch)
      return failure(Error::Code::refused, fmt::format("{} holds epoch {}: it was renamed", shown_, head.epoch.number));
    if (head.changes > size_) return damage(shown_, 36, fmt::format("{} changes in {} bytes", head.changes, size_));
    return head;
  }

  Result<void> read_blocks(const DiskFile& file) {
    const std::uint32_t seed = seed_of(delta_->head_);
    for (std::uint64_t at = kHeadSize; !ended_; ++number_) {
      block_.resize(kBlockHeadSize);
      if (auto read = read_exactly(file, shown_, at, block_); !read) return read;
      const BlockHead head = block_head(block_);
      if (head.size > size_ - at - kBlockHeadSize)
        return damage(shown_, at,
                      fmt::format("block {} of {} bytes does not fit into a file of {}", number_, head.size, size_));
      block_.resize(kBlockHeadSize + head.size);
      if (auto read = read_exactly(file, shown_, at, block_); !read) return read;
      if (auto checked = check_block(shown_, at, block_, seed); !checked) return checked;
      if (head.number != number_)
        return damage(shown_, at, fmt::format("block {} stands in the place of block {}", head.number, number_));
      if (auto taken = take_block(head, at); !taken) return taken;
      at += block_.size();
      if (ended_ && at != size_) return damage(shown_, at, fmt::format("{} bytes stand behind its end", size_ - at));
    }
    if (changes_ != delta_->head_.changes)
      return damage(shown_, 36, fmt::format("{} changes are announced, there are {}", delta_->head_.changes, changes_));
    return {};
  }

  Result<void> take_block(const BlockHead& head, std::uint64_t at) {
    const std::string_view payload = std::string_view(block_).substr(kBlockHeadSize);
    switch (head.kind) {
      case kChanges:
        return take_changes(payload, at);
      case kManifest:
        delta_->manifest_.push_back({at, head.size, head.number, {}});
        return {};
      case kOutbox:
        delta_->outbox_.push_back({at, head.size, head.number, {}});
        return {};
      case kEnd:
        ended_ = true;
        if (payload.size() == 8 && read_little<std::uint64_t>(payload) == size_) return {};
        return damage(shown_, at, "its end says another length than it has");
      default:
        return damage(shown_, at, fmt::format("nobody knows blocks of kind {}", head.kind));
    }
  }

  Result<void> take_changes(std::string_view records, std::uint64_t at) {
    const auto size = static_cast<std::uint32_t>(records.size());
    StateChange change;
    for (bool first = true; !records.empty(); first = false) {
      if (!take_change(records, change))
        return damage(shown_, at, fmt::format("block {} ends inside a change", number_));
      if (changes_ > 0 && change.address <= before_)
        return damage(shown_, at, fmt::format("the changes of block {} are not in order", number_));
      if (first) delta_->changes_.push_back({at, size, number_, std::string(change.address)});
      delta_->filter_.add(hash_bytes(change.address));
      before_.assign(change.address);
      ++changes_;
    }
    return {};
  }

  Disk& disk_;
  std::string shown_;
  std::shared_ptr<Delta> delta_;
  std::uint64_t size_ = 0, changes_ = 0;
  std::uint32_t number_ = 0;
  bool ended_ = false;
  std::string block_, before_;
};

Result<std::shared_ptr<const Delta>> read_delta(Disk& disk, const std::string& shown, std::uint64_t store,
                                                Epoch epoch) {
  return DeltaReader(disk, shown + "/" + delta_path(epoch)).read(store, epoch);
}

// ----- going over it ------------------------------------------------------------------------------

DeltaCursor::DeltaCursor(std::shared_ptr<const Delta> delta, std::string_view from, std::size_t ahead)
    : delta_(std::move(delta)), from_(from), ahead_(ahead), next_block_(delta_->block_for(from)) {}

Result<bool> DeltaCursor::next() {
  for (;;) {
    while (records_left_.empty()) {
      if (blocks_left_.empty()) {
        if (next_block_ == delta_->changes_.size()) return false;
        if (auto filled = fill(); !filled) return tl::unexpected(filled.error());
      }
      const std::size_t size = block_head(blocks_left_).size;
      records_left_ = blocks_left_.substr(kBlockHeadSize, size);
      blocks_left_.remove_prefix(kBlockHeadSize + size);
    }
    if (!take_change(records_left_, change_))
      return damage(delta_->shown_, 0, "a block with the right checksum ends inside a change");
    if (change_.address >= from_) return true;
  }
}

Result<bool> DeltaCursor::leap(std::string_view to) {
  from_ = to;
  if (const std::size_t block = delta_->block_for(to); block >= next_block_) {  // behind all that has been read
    next_block_ = block;
    records_left_ = blocks_left_ = {};
    at_once_ = 0;
  }
  return next();
}

// Blocks of changes lie one behind the other, so several are one read.
Result<void> DeltaCursor::fill() {
  const auto& blocks = delta_->changes_;
  const std::uint64_t at = blocks[next_block_].at;
  std::size_t end = next_block_ + 1;
  const auto end_of = [&](std::size_t block) { return blocks[block].at + kBlockHeadSize + blocks[block].size; };
  while (end < blocks.size() && end_of(end) - at <= at_once_) ++end;
  at_once_ = std::min(ahead_, std::max<std::size_t>(at_once_ * 2, kFirstAhead));
  bytes_.resize(static_cast<std::size_t>(end_of(end - 1) - at));
  const auto read = delta_->disk_.open(delta_path(epoch()), Disk::Open::read).and_then([&](const auto& file) {
    return read_exactly(*file, delta_->shown_, at, bytes_);
  });
  if (!read) return read;
  blocks_left_ = bytes_;
  for (; next_block_ < end; ++next_block_) {
    const auto& block = blocks[next_block_];
    const auto bytes = blocks_left_.substr(static_cast<std::size_t>(block.at - at), kBlockHeadSize + block.size);
    if (auto checked = check_block(delta_->shown_, block.at, bytes, seed_of(delta_->head_)); !checked) return checked;
    // The index knows the size; a head that says another was not the one that was checked in.
    if (block_head(bytes).size != block.size) return damage(delta_->shown_, block.at, "the block has changed its size");
  }
  return {};
}

}  // namespace tocsin
