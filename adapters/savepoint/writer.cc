#include "adapters/savepoint/writer.h"

#include <utility>

#include "adapters/savepoint/format.h"
#include "engine/base/contract.h"

namespace tocsin {
namespace {

using namespace savepoint_format;

constexpr std::size_t kWriteBytes = 1 << 20;  // handed to the file at once
constexpr std::uint64_t kRecordMax = std::uint64_t{1} << 31;

class Writer {
 public:
  explicit Writer(DiskFile& file) : file_(file), buffer_(head()) {}

  Result<void> note(const SavepointNote& note) {
    open();
    append_little(buffer_, static_cast<std::uint64_t>(note.made.us));
    append_little(buffer_, note.epoch.number);
    append_little(buffer_, note.generation);
    append_little(buffer_, note.rules);
    buffer_ += note.version;
    return close(Kind::note);
  }
  // `before` stands at the beginning of each piece.
  Result<void> pieces(Kind kind, std::string_view before, std::string_view text) {
    do {
      open();
      buffer_ += before;
      buffer_ += text.substr(0, kPieceBytes);
      text.remove_prefix(std::min(text.size(), kPieceBytes));
      if (auto closed = close(kind); !closed) return closed;
    } while (!text.empty());
    return {};
  }
  Result<void> epoch(const CheckpointStore::Newest& newest, std::span<const SavepointRules> rules) {
    if (auto written = pieces(Kind::manifest, {}, newest.manifest); !written) return written;
    for (const auto& [epoch, outbox] : newest.outboxes) {
      std::string before;
      append_little(before, epoch.number);
      if (auto written = pieces(Kind::outbox, before, outbox); !written) return written;
    }
    std::string texts;
    for (const SavepointRules& file : rules)
      for (const std::string* text : {&file.path, &file.text}) {
        append_varint(texts, text->size());
        texts += *text;
      }
    return pieces(Kind::rules, {}, texts);
  }
  Result<void> state(std::string_view address, std::string_view value) {
    const std::uint64_t size = address.size() + value.size() + 20;
    if (size > kRecordMax)
      return failure(Error::Code::refused, "a state of more than 2 GiB is more than a savepoint takes");
    if (is_open_ && buffer_.size() - begun_ + size > kSectionHeadSize + kStateBytes)
      if (auto closed = close(Kind::state); !closed) return closed;
    if (!is_open_) open();
    append_varint(buffer_, address.size());
    append_varint(buffer_, value.size());
    buffer_ += address;
    buffer_ += value;
    ++figures_.addresses;
    figures_.digest = figures_.digest + digest_of(address, value);
    return {};
  }
  Result<SavepointFigures> end() {
    if (is_open_)
      if (auto closed = close(Kind::state); !closed) return tl::unexpected(closed.error());
    if (auto flushed = flush(); !flushed) return tl::unexpected(flushed.error());
    const std::uint32_t of_all = crc_;
    open();
    append_little(buffer_, figures_.addresses);
    append_little(buffer_, figures_.digest.low);
    append_little(buffer_, figures_.digest.high);
    figures_.bytes = written_ + buffer_.size() + 12;
    append_little(buffer_, figures_.bytes);
    append_little(buffer_, of_all);
    return close(Kind::end).and_then([&] { return flush(); }).and_then([&] { return file_.sync(); }).map([&] {
      TOCSIN_ASSERT(figures_.bytes == written_);
      return figures_;
    });
  }

 private:
  void open() {
    begun_ = buffer_.size();
    is_open_ = true;
    buffer_.append(kSectionHeadSize, '\0');
  }
  Result<void> close(Kind kind) {
    is_open_ = false;
    char* head = buffer_.data() + begun_;
    write_little(head + 4, static_cast<std::uint32_t>(kind));
    write_little(head + 8, static_cast<std::uint32_t>(buffer_.size() - begun_ - kSectionHeadSize));
    write_little(head + 12, next_++);
    write_little(head, crc32c(std::string_view(buffer_).substr(begun_ + 4)));
    return buffer_.size() < kWriteBytes ? Result<void>{} : flush();
  }
  Result<void> flush() {
    auto appended = file_.append(buffer_);
    crc_ = crc32c(buffer_, crc_);
    written_ += buffer_.size();
    buffer_.clear();
    return appended;
  }

  DiskFile& file_;
  std::string buffer_;  // what is not handed to the file yet
  std::uint64_t written_ = 0;
  std::uint32_t crc_ = 0;  // of what is
  std::size_t begun_ = 0;  // of the open section, in the buffer
  bool is_open_ = false;
  std::uint32_t next_ = 0;  // section
  SavepointFigures figures_;
};

}  // namespace

Result<SavepointFigures> write_savepoint(Disk& disk, const std::string& path, SavepointNote note,
                                         std::span<const SavepointRules> rules, const CheckpointStore& store,
                                         const SeeEpoch& begin, const WantedAddress& wanted) {
  const std::string unfinished = path + ".tmp";
  const auto fill = [&](DiskFile& file) -> Result<SavepointFigures> {
    Writer writer(file);
    bool has_epoch = false;
    const auto written = store.image(
        [&](const CheckpointStore::Newest& newest) {
          has_epoch = true;
          note.epoch = newest.epoch;
          return begin(newest).and_then([&] { return writer.note(note); }).and_then([&] {
            return writer.epoch(newest, rules);
          });
        },
        [&](std::string_view address, std::string_view value) -> Result<void> {
          const auto is_wanted = wanted(address);
          if (!is_wanted) return tl::unexpected(is_wanted.error());
          return *is_wanted ? writer.state(address, value) : Result<void>{};
        });
    if (!written) return tl::unexpected(written.error());
    if (!has_epoch) return failure(Error::Code::refused, "nothing has been stored yet: there is no epoch to keep");
    return writer.end();
  };
  const auto slash = path.rfind('/');
  auto made =
      disk.open(unfinished, Disk::Open::create)
          .and_then([&](const std::unique_ptr<DiskFile>& file) { return fill(*file); })
          .and_then([&](const SavepointFigures& figures) {
            return disk.rename(unfinished, path)
                .and_then([&] { return disk.sync_folder(slash == std::string::npos ? "" : path.substr(0, slash)); })
                .map([&] { return figures; });
          });
  if (!made) static_cast<void>(disk.remove(unfinished));  // it is replaced the next time, too
  return made;
}

}  // namespace tocsin
