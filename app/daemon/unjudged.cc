#include "app/daemon/unjudged.h"

#include <algorithm>
#include <type_traits>
#include <utility>

#include "engine/base/hash.h"
#include "engine/base/little_endian.h"

namespace tocsin::app {
namespace {

constexpr const char* kName = "unjudged";
constexpr std::string_view kMagic = "tocsin unjudged 1\n";
// Of a piece at most: a record has a limit far below.
constexpr std::uint64_t kPieceMax = std::uint64_t{1} << 30;

// Signed ones as the unsigned of the same bits.
template <class T>
void put(std::string& out, T value) {
  append_little(out, static_cast<std::make_unsigned_t<T>>(value));
}

template <class T>
bool take(std::string_view& from, T& value) {
  if (from.size() < sizeof value) return false;
  value = static_cast<T>(read_little<std::make_unsigned_t<T>>(from));
  from.remove_prefix(sizeof value);
  return true;
}

// What may be damaged alone: its size, its hash, its bytes.
Result<void> append_piece(DiskFile& file, std::string_view bytes) {
  std::string head;
  put(head, std::uint64_t{bytes.size()});
  put(head, hash_bytes(bytes));
  return file.append(head).and_then([&] { return file.append(bytes); });
}

std::string piece_of(const std::string& source, const Block& block) {
  std::string out;
  put(out, static_cast<std::uint32_t>(source.size()));
  out += source;
  put(out, block.partition);
  put(out, block.first_offset);
  put(out, block.next_offset);
  put(out, block.arrived.us);
  put(out, static_cast<std::uint8_t>(block.cut));
  put(out, static_cast<std::uint32_t>(block.records.size()));
  for (const Record& record : block.records) {
    put(out, record.begin);
    put(out, record.size);
    put(out, record.offset);
    put(out, static_cast<std::uint8_t>(record.time.has_value()));
    put(out, record.time.value_or(Time{}).us);
  }
  out += block.bytes.view();
  return out;
}

bool read_piece(std::string_view from, std::string& source, Block& block) {
  std::uint32_t size = 0, records = 0;
  std::uint8_t cut = 0;
  if (!take(from, size) || from.size() < size) return false;
  source = from.substr(0, size);
  from.remove_prefix(size);
  if (!take(from, block.partition) || !take(from, block.first_offset) || !take(from, block.next_offset) ||
      !take(from, block.arrived.us) || !take(from, cut) || !take(from, records))
    return false;
  block.cut = cut != 0;
  for (; records > 0; --records) {
    Record record;
    std::uint8_t has_time = 0;
    Time time;
    if (!take(from, record.begin) || !take(from, record.size) || !take(from, record.offset) || !take(from, has_time) ||
        !take(from, time.us))
      return false;
    if (has_time != 0) record.time = time;
    block.records.push_back(record);
  }
  block.bytes.append(from);
  return true;
}

tl::unexpected<Error> damaged() {
  return failure(
      Error::Code::malformed,
      "the file `unjudged` of the state is damaged: it holds what standard input or sockets gave and no rule "
      "had judged; remove it to go on without");
}

Result<std::string> read_exactly(const DiskFile& file, std::uint64_t from, std::uint64_t size) {
  std::string out(size, '\0');
  return file.read(from, out).and_then([&](std::size_t got) -> Result<std::string> {
    if (got != size) return damaged();
    return std::move(out);
  });
}

}  // namespace

Block copy_of(const Block& block) {
  Block out;
  out.source = block.source;
  out.partition = block.partition;
  out.bytes.append(block.bytes.view());
  out.first_offset = block.first_offset;
  out.next_offset = block.next_offset;
  out.records = block.records;
  out.arrived = block.arrived;
  out.cut = block.cut;
  out.ends = block.ends;
  return out;
}

Result<void> keep_unjudged(Disk& disk, std::span<const KeptBlocks> all) {
  if (std::ranges::all_of(all, [](const KeptBlocks& one) { return one.blocks.empty(); }))
    return remove_if_there(disk, kName);
  return write_durably(disk, kName, [&](DiskFile& file) {
    Result<void> done = file.append(kMagic);
    for (const KeptBlocks& one : all)
      for (const Block& block : one.blocks)
        if (done) done = append_piece(file, piece_of(one.source, block));
    return done;
  });
}

Result<std::vector<KeptBlocks>> read_unjudged(Disk& disk) {
  std::vector<KeptBlocks> out;
  const auto file = open_if_there(disk, kName);
  if (!file) return tl::unexpected(file.error());
  if (*file == nullptr) return out;
  const auto size = (*file)->size();
  if (!size) return tl::unexpected(size.error());
  const auto magic = read_exactly(**file, 0, std::min<std::uint64_t>(*size, kMagic.size()));
  if (!magic) return tl::unexpected(magic.error());
  if (*magic != kMagic) return damaged();
  for (std::uint64_t at = kMagic.size(); at < *size;) {
    const auto head = read_exactly(**file, at, 2 * sizeof(std::uint64_t));
    if (!head) return tl::unexpected(head.error());
    std::string_view rest = *head;
    std::uint64_t bytes = 0, hash = 0;
    take(rest, bytes);
    take(rest, hash);
    at += head->size();
    if (bytes > kPieceMax || bytes > *size - at) return damaged();
    const auto piece = read_exactly(**file, at, bytes);
    if (!piece) return tl::unexpected(piece.error());
    at += bytes;
    Block block;
    std::string source;
    if (hash_bytes(*piece) != hash || !read_piece(*piece, source, block)) return damaged();
    auto own = std::ranges::find(out, source, &KeptBlocks::source);
    if (own == out.end()) own = out.insert(own, KeptBlocks{source, {}});
    own->blocks.push_back(std::move(block));
  }
  return out;
}

}  // namespace tocsin::app
