#include "adapters/savepoint/reader.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "adapters/savepoint/format.h"

namespace tocsin {
namespace {

using namespace savepoint_format;

constexpr std::string_view kOtherFile = "take another savepoint, or another copy of this one";

bool take_text(std::string_view& bytes, std::string& text) {
  std::uint64_t size = 0;
  if (!take_varint(bytes, size) || size > bytes.size()) return false;
  text = bytes.substr(0, size);
  bytes.remove_prefix(size);
  return true;
}

}  // namespace

SavepointReader::SavepointReader(std::unique_ptr<DiskFile> file, std::string shown)
    : file_(std::move(file)), shown_(std::move(shown)) {}

tl::unexpected<Error> SavepointReader::damage(std::uint64_t at, const std::string& what) const {
  return failure(Error::Code::malformed, fmt::format("{} is damaged at byte {}: {}; {}", shown_, at, what, kOtherFile));
}

Result<std::unique_ptr<SavepointReader>> SavepointReader::open(Disk& disk, const std::string& path, std::string shown) {
  auto file = disk.open(path, Disk::Open::read);
  if (!file) return tl::unexpected(file.error());
  std::unique_ptr<SavepointReader> reader(new SavepointReader(std::move(*file), std::move(shown)));
  if (auto read = reader->read_head().and_then([&] { return reader->read_preface(); }); !read)
    return tl::unexpected(read.error());
  return reader;
}

Result<SavepointNote> read_savepoint_note(Disk& disk, const std::string& path, std::string shown) {
  auto file = disk.open(path, Disk::Open::read);
  if (!file) return tl::unexpected(file.error());
  SavepointReader reader(std::move(*file), std::move(shown));
  const auto read =
      reader.read_head().and_then([&] { return reader.read_section(); }).and_then([&] { return reader.take_note(); });
  if (!read) return tl::unexpected(read.error());
  return reader.note_;
}

// ----- sections -----------------------------------------------------------------------------------

// Appends to `into`.
Result<void> SavepointReader::read_exactly(std::string& into, std::size_t size) {
  const std::size_t before = into.size();
  if (size > size_ - at_)
    return damage(size_, fmt::format("the file ends here, {} bytes too early", size - (size_ - at_)));
  into.resize(before + size);
  const auto got = file_->read(at_, std::span(into).subspan(before));
  if (!got) return tl::unexpected(got.error());
  if (*got != size) return damage(at_ + *got, "the file became shorter while it was read");
  at_ += size;
  return {};
}

Result<void> SavepointReader::read_head() {
  const auto size = file_->size();
  if (!size) return tl::unexpected(size.error());
  size_ = *size;
  std::string bytes;
  if (auto read = read_exactly(bytes, std::min<std::size_t>(kHeadSize, size_)); !read) return read;
  if (!bytes.starts_with(kMagic)) {
    if (kMagic.starts_with(bytes)) return damage(size_, "the file ends inside its head");
    return failure(Error::Code::refused,
                   fmt::format("{} is no savepoint: it does not begin as one (byte 0); what `tocsin savepoint create` "
                               "has written is one",
                               shown_));
  }
  if (bytes.size() < kHeadSize) return damage(size_, "the file ends inside its head");
  const auto version = read_little<std::uint32_t>(bytes, 8);
  const bool is_whole = read_little<std::uint32_t>(bytes, 12) == crc32c(std::string_view(bytes).substr(0, 12));
  // Another version may have another head, with its checksum elsewhere: it cannot be told from damage for sure.
  if (version == 0 || version > kVersion)
    return failure(is_whole ? Error::Code::refused : Error::Code::malformed,
                   fmt::format("{} has format version {} (byte 8), and this tocsin reads version {}; {}", shown_,
                               version, kVersion,
                               is_whole ? "read it with the tocsin that wrote it, or a newer one"
                                        : "read it with the tocsin that wrote it, or take another copy"));
  if (!is_whole) return damage(12, "the checksum of its head does not fit");
  crc_ = crc32c(bytes);
  return {};
}

Result<void> SavepointReader::read_section() {
  section_.clear();
  section_at_ = at_;
  if (auto read = read_exactly(section_, kSectionHeadSize); !read) return read;
  const SectionHead head = section_head(section_);
  if (head.size > size_ - at_)
    return damage(section_at_,
                  fmt::format("section {} of {} bytes does not fit into a file of {}", next_number_, head.size, size_));
  if (auto read = read_exactly(section_, head.size); !read) return read;
  const std::uint32_t crc = crc32c(std::string_view(section_).substr(4));
  if (crc != head.crc)
    return damage(section_at_, fmt::format("the checksum of section {} is {:08x}, that of its bytes {:08x}",
                                           next_number_, head.crc, crc));
  if (head.number != next_number_)
    return damage(section_at_, fmt::format("section {} stands in the place of section {}", head.number, next_number_));
  ++next_number_;
  kind_ = head.kind;
  rest_ = std::string_view(section_).substr(kSectionHeadSize);
  crc_before_ = std::exchange(crc_, crc32c(section_, crc_));
  return {};
}

// ----- what stands before the state -----------------------------------------------------------------

// Sections come in the order of their kinds.
Result<void> SavepointReader::read_preface() {
  std::string texts;
  std::uint32_t last = 0;
  for (;;) {
    if (auto read = read_section(); !read) return read;
    if (kind_ < last || kind_ > static_cast<std::uint32_t>(Kind::end) || (last == 0) != (kind_ == 1) ||
        (last == 1 && kind_ == 1))
      return damage(section_at_, fmt::format("a section of kind {} stands where it cannot", kind_));
    last = kind_;
    switch (static_cast<Kind>(kind_)) {
      case Kind::note:
        if (auto taken = take_note(); !taken) return taken;
        break;
      case Kind::manifest:
        newest_.manifest += rest_;
        break;
      case Kind::outbox:
        if (auto taken = take_outbox(); !taken) return taken;
        break;
      case Kind::rules:
        texts += rest_;
        break;
      case Kind::state:
      case Kind::end:
        newest_.epoch = note_.epoch;
        return take_rules(texts);
    }
  }
}

Result<void> SavepointReader::take_note() {
  if (static_cast<Kind>(kind_) != Kind::note || rest_.size() < 32)
    return damage(section_at_, "it does not begin with what it says of itself");
  note_.made.us = static_cast<std::int64_t>(read_little<std::uint64_t>(rest_));
  note_.epoch.number = read_little<std::uint64_t>(rest_, 8);
  note_.generation = read_little<std::uint64_t>(rest_, 16);
  note_.rules = read_little<std::uint64_t>(rest_, 24);
  note_.version = rest_.substr(32);
  if (note_.epoch == Epoch{}) return damage(section_at_, "it is of no epoch");
  return {};
}

Result<void> SavepointReader::take_outbox() {
  if (rest_.size() < 8) return damage(section_at_, "a piece of an outbox does not say of which epoch");
  const Epoch epoch{read_little<std::uint64_t>(rest_)};
  auto& all = newest_.outboxes;
  const bool goes_on = !all.empty() && all.back().first == epoch;
  if (epoch > note_.epoch || epoch == Epoch{} || (!all.empty() && epoch < all.back().first))
    return damage(section_at_, fmt::format("the outbox of epoch {} stands where it cannot", epoch.number));
  if (!goes_on) all.emplace_back(epoch, "");
  all.back().second += rest_.substr(8);
  return {};
}

Result<void> SavepointReader::take_rules(std::string_view texts) {
  while (!texts.empty()) {
    SavepointRules& file = rules_.emplace_back();
    if (!take_text(texts, file.path) || !take_text(texts, file.text))
      return damage(section_at_, "the rule texts before this end too early");
  }
  return {};
}

// ----- state ----------------------------------------------------------------------------------------

Result<bool> SavepointReader::next() {
  if (ended_) return false;
  while (static_cast<Kind>(kind_) == Kind::state && rest_.empty()) {
    if (auto read = read_section(); !read) return tl::unexpected(read.error());
    if (static_cast<Kind>(kind_) != Kind::state && static_cast<Kind>(kind_) != Kind::end)
      return damage(section_at_, fmt::format("a section of kind {} stands where it cannot", kind_));
  }
  if (static_cast<Kind>(kind_) == Kind::end) {
    if (auto taken = take_end(); !taken) return tl::unexpected(taken.error());
    ended_ = true;
    return false;
  }
  std::uint64_t address_size = 0, value_size = 0;
  if (!take_varint(rest_, address_size) || !take_varint(rest_, value_size) || address_size > rest_.size() ||
      value_size > rest_.size() - address_size)
    return damage(section_at_, "a section ends inside a state");
  address_ = rest_.substr(0, address_size);
  value_ = rest_.substr(address_size, value_size);
  rest_.remove_prefix(address_size + value_size);
  if (figures_.addresses > 0 && address_ <= before_) return damage(section_at_, "its states are not in order");
  before_ = address_;
  ++figures_.addresses;
  figures_.digest = figures_.digest + digest_of(address_, value_);
  return true;
}

Result<void> SavepointReader::take_end() {
  if (rest_.size() != 36) return damage(section_at_, "its end is none");
  const Hash128 digest{read_little<std::uint64_t>(rest_, 8), read_little<std::uint64_t>(rest_, 16)};
  if (const auto size = read_little<std::uint64_t>(rest_, 24); size != size_)
    return damage(section_at_, fmt::format("its end says that it has {} bytes, and it has {}", size, size_));
  if (read_little<std::uint32_t>(rest_, 32) != crc_before_)
    return damage(section_at_, "the checksum of all of it does not fit: sections of another savepoint stand in it");
  if (read_little<std::uint64_t>(rest_) != figures_.addresses || digest != figures_.digest)
    return damage(section_at_, "its end counts other states than there are");
  figures_.bytes = size_;
  return {};
}

}  // namespace tocsin
