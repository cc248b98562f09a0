#include "adapters/file/sink.h"

#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <thread>
#include <utility>
#include <vector>

#include "adapters/file/disk.h"
#include "engine/base/contract.h"
#include "engine/base/hash.h"

namespace tocsin {
namespace {

// Synced in the middle of an epoch, too, so that no more than this (and one call's messages) waits in memory.
constexpr std::size_t kFlush = std::size_t{1} << 20;
// So many bytes before its end tell a file from others: several alerts, and alerts have times in them.
constexpr std::uint64_t kKnownBy = 1024;
constexpr Duration kFirstPause = milliseconds(100), kLongestPause = seconds(5);
constexpr std::string_view kBookmark = "file1";

// What a file was when an epoch was delivered.
struct Mark {
  std::uint64_t identity = 0, length = 0;
  std::uint64_t digest = 0;  // of the last bytes before `length`, at most kKnownBy

  std::string text() const { return fmt::format("{} {} {} {:016x}", kBookmark, identity, length, digest); }

  static Result<Mark> read(std::string_view text) {
    const auto number = [&](int base, std::uint64_t& into) {
      text.remove_prefix(std::min(text.size(), std::size_t{1}));
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), into, base);
      text.remove_prefix(static_cast<std::size_t>(end - text.data()));
      return error == std::errc{};
    };
    Mark out;
    const bool known = text.starts_with(kBookmark);
    if (known) text.remove_prefix(kBookmark.size());
    if (known && number(10, out.identity) && number(10, out.length) && number(16, out.digest) && text.empty())
      return out;
    return failure(Error::Code::malformed,
                   "what the state says of a file that was written is nothing that this version of tocsin knows");
  }
};

Result<std::uint64_t> digest_before(const DiskFile& file, std::uint64_t length) {
  std::string bytes(std::min(length, kKnownBy), '\0');
  return file.read(length - bytes.size(), bytes).map([&](std::size_t got) {
    bytes.resize(got);
    return hash_bytes(bytes);
  });
}

// The file's own name, then what rotation made of it: alerts.ndjson.1, alerts.ndjson-20261122.
Result<std::vector<std::string>> names_of(const Disk& disk, const std::string& name) {
  return disk.list("").map([&](const std::vector<std::string>& all) {
    std::vector<std::string> out{name};
    for (const std::string& other : all)
      if (other != name && other.starts_with(name)) out.push_back(other);
    return out;
  });
}

Result<bool> is_marked(Disk& disk, const std::string& name, const Mark& mark) {
  const auto file = disk.open(name, Disk::Open::read);
  if (!file) return tl::unexpected(file.error());
  const auto size = (*file)->size();
  if (!size) return tl::unexpected(size.error());
  if (*size < mark.length) return false;
  return digest_before(**file, mark.length).map([&](std::uint64_t digest) { return digest == mark.digest; });
}

// What the file is called that was written: by its number first; one that was copied (a restored volume, copytruncate)
// is known by its bytes. Nothing: none fits.
Result<std::optional<std::string>> find_marked(Disk& disk, const std::string& own, const Mark& mark) {
  const auto candidates = names_of(disk, own);
  if (!candidates) return tl::unexpected(candidates.error());
  for (const bool by_number : {true, false}) {
    for (const std::string& name : *candidates) {
      const auto identity = disk.identity(name);
      if (!identity) return tl::unexpected(identity.error());
      if (!*identity || (**identity == mark.identity) != by_number) continue;
      if (mark.length == 0 && !by_number) continue;  // any file ends like nothing
      const auto same = is_marked(disk, name, mark);
      if (!same && name == own) return tl::unexpected(same.error());
      if (same && *same) return name;  // what others have beside it may be no file at all
    }
  }
  return std::nullopt;
}

class FileSink final : public Sink {
 public:
  FileSink(Disk& disk, std::string name, const Clock& clock, Tell tell, std::unique_ptr<Disk> own = nullptr)
      : own_(std::move(own)), disk_(disk), name_(std::move(name)), clock_(clock), tell_(std::move(tell)) {}

  Result<void> open(const std::optional<Delivery>& from, Epoch newest) override {
    newest_ = newest;
    delivered_ = finished_ = from ? from->epoch : newest;
    const bool is_known = from && !from->bookmark.empty();
    return (is_known ? Mark::read(from->bookmark).and_then([&](const Mark& mark) { return take_up(mark); })
                     : begin_at_end())
        .and_then([&] { return bring(); })  // where nothing comes again, what stands behind the mark is cut now
        .and_then([&] {
          finished_length_ = length_;
          return mark_end();
        });
  }

  Result<Written> write(Epoch epoch, std::span<const Message> messages) override {
    TOCSIN_ASSERT(file_ != nullptr);
    if (messages.empty() || epoch <= delivered_) return Written::all;  // those are in the file
    if (!may_try()) return Written::full;
    if (!trouble_.empty())
      if (auto tried = flush(); !tried) return tl::unexpected(tried.error());
    if (trouble_.empty() && epoch > begun_)
      if (auto looked = attempt(look_at_file(epoch)); !looked) return tl::unexpected(looked.error());
    if (!trouble_.empty()) return Written::full;
    begun_ = epoch;
    for (const Message& message : messages) (pending_ += message.body) += '\n';
    if (pending_.size() >= kFlush)
      if (auto tried = flush(); !tried) return tl::unexpected(tried.error());
    return Written::all;
  }

  Result<void> finish(Epoch epoch) override {
    if (epoch <= finished_) return {};
    // Also where no message comes, or rotation packs the file of the mark, and the next start looks for it.
    if (pending_.empty() && trouble_.empty() && !comes_again_ && epoch > newest_)
      if (auto looked = attempt(look_at_file(epoch)); !looked) return looked;
    finished_ = epoch;
    finished_length_ = length_ + pending_.size();
    return may_try() ? flush() : Result<void>{};
  }

  Epoch delivered() const override { return delivered_; }
  Delivery delivery() const override { return {delivered_, mark_.text()}; }
  std::string trouble() const override { return trouble_; }

  Result<bool> drain(Duration wait) override {
    if (may_try())
      if (auto tried = flush(); !tried) return tl::unexpected(tried.error());
    if (delivered_ < finished_ && wait > Duration{}) {
      std::this_thread::sleep_for(std::chrono::microseconds(std::min(wait, pause_).us));
      if (auto tried = flush(); !tried) return tl::unexpected(tried.error());
    }
    return delivered_ == finished_;
  }

 private:
  // ----- which file ---------------------------------------------------------------------------------

  Result<void> use(const std::string& name) {
    return disk_.open(name, Disk::Open::append).and_then([&](std::unique_ptr<DiskFile> file) -> Result<void> {
      const auto identity = file->identity();
      if (!identity) return tl::unexpected(identity.error());
      // Its lines would be cut as if a crash had left them.
      if (file_ == nullptr || *identity != identity_) {
        const auto is_ours = file->lock();
        if (!is_ours) return tl::unexpected(is_ours.error());
        if (!*is_ours)
          return failure(Error::Code::refused,
                         fmt::format("{}: another sink writes into this file, of this process or of another one; "
                                     "each sink needs a file of its own",
                                     name));
        file_ = std::move(file);
      }
      identity_ = *identity;
      called_ = name;
      // Or a crash may leave what is delivered under no name.
      return disk_.sync_folder("");
    });
  }

  // A file nobody knows anything of: what stands in it stays, and its last line is ended.
  Result<void> begin_at_end() {
    return use(name_).and_then([&] { return file_->size(); }).and_then([&](std::uint64_t size) -> Result<void> {
      length_ = size;
      char last = '\n';
      if (size > 0)
        if (const auto got = file_->read(size - 1, {&last, 1}); !got) return tl::unexpected(got.error());
      if (last != '\n') pending_ = "\n";
      return {};
    });
  }

  Result<void> take_up(const Mark& mark) {
    const auto found = find_marked(disk_, name_, mark);
    if (!found) return tl::unexpected(found.error());
    if (!*found) return nothing_fits(mark);
    length_ = mark.length;
    comes_again_ = true;
    return use(**found);
  }

  Result<void> nothing_fits(const Mark& mark) {
    const auto identity = disk_.identity(name_);
    if (!identity) return tl::unexpected(identity.error());
    if (!*identity && mark.length == 0) return use(name_);  // it was made, and lost before anything stood in it
    const std::string_view what_to_do =
        "; put the file back as it was, or give the sink another name in tocsin.toml: then it begins anew at the end "
        "of "
        "the file that is there";
    if (!*identity)
      return failure(Error::Code::refused, fmt::format("{}: the file is gone, with {} bytes of delivered messages{}",
                                                       name_, mark.length, what_to_do));
    const auto size = disk_.open(name_, Disk::Open::read).and_then([](const auto& file) { return file->size(); });
    if (!size) return tl::unexpected(size.error());
    if (*size < mark.length)
      return failure(Error::Code::refused, fmt::format("{}: the file has {} bytes, but {} had been delivered to it{}",
                                                       name_, *size, mark.length, what_to_do));
    if (mark.length == 0 && *size == 0) return use(name_);
    return failure(
        Error::Code::refused,
        fmt::format("{}: this is another file than the one that messages were delivered to{}", name_, what_to_do));
  }

  // Before an epoch begins: has somebody moved the file away, or changed it?
  Result<void> look_at_file(Epoch epoch) {
    const auto size = file_->size();
    if (!size) return tl::unexpected(size.error());
    const bool again = epoch <= newest_;
    if (*size > length_ && again && comes_again_) return {};  // what was written before the crash
    const auto identity = disk_.identity(name_);
    if (!identity) return tl::unexpected(identity.error());
    if (*identity && **identity == identity_) return *size == length_ ? Result<void>{} : changed(*size);
    if (!again || !*identity) {
      if (auto begun = begin_at_end(); !begun) return begun;
      comes_again_ = false;
      tell_(fmt::format("{}: the file was moved away; a new one is begun", name_));
      return {};
    }
    // The new file was begun before the crash: it holds what comes next.
    length_ = 0;
    comes_again_ = follows_ = true;
    return use(name_);
  }

  Result<void> changed(std::uint64_t size) {
    tell_(size < length_ ? fmt::format("{}: somebody has cut the file, from {} to {} bytes; it goes on at its new end",
                                       name_, length_, size)
                         : fmt::format("{}: somebody else writes into the file; it goes on behind that", name_));
    return begin_at_end();
  }

  // ----- writing ------------------------------------------------------------------------------------

  bool may_try() const { return trouble_.empty() || clock_.elapsed() >= again_at_; }

  // What passes by itself is trouble, and no error.
  Result<void> attempt(const Result<void>& done) {
    if (done) {
      trouble_.clear();
      pause_ = {};
      return {};
    }
    if (done.error().code == Error::Code::refused) return done;
    trouble_ = done.error().message;
    pause_ = pause_ == Duration{} ? kFirstPause : std::min(Duration{pause_.us * 2}, kLongestPause);
    again_at_ = clock_.elapsed() + pause_;
    return {};
  }
  Result<void> flush() { return attempt(bring()); }

  Result<void> cut_to(std::uint64_t length) {
    return file_->size().and_then([&](std::uint64_t size) {  // never longer: that would be zeros
      return size > length ? file_->truncate(length) : Result<void>{};
    });
  }

  // All that is pending into the file, and synced.
  Result<void> bring() {
    if (torn_) {
      if (auto cut = cut_to(length_ + in_file_); !cut) return cut;
      torn_ = false;
    }
    if (comes_again_)
      if (auto compared = compare(); !compared) return compared;
    if (in_file_ < pending_.size()) {
      torn_ = true;  // until all of it is there
      if (auto written = file_->append(std::string_view(pending_).substr(in_file_)); !written) return written;
      torn_ = false;
      in_file_ = pending_.size();
    }
    if (in_file_ > 0) {
      if (auto synced = file_->sync(); !synced) {
        // What the system could not write it may have dropped: it is written again, all of it.
        torn_ = true;
        in_file_ = 0;
        return synced;
      }
      length_ += in_file_;
      in_file_ = 0;
      pending_.clear();
    }
    if (delivered_ == finished_) return {};
    return mark_end().map([&] { delivered_ = finished_; });
  }

  // What is pending with what stands in the file since before the crash.
  Result<void> compare() {
    const auto size = file_->size();
    if (!size) return tl::unexpected(size.error());
    const std::uint64_t at = length_ + in_file_;
    std::string there(std::min<std::uint64_t>(pending_.size() - in_file_, *size - std::min(*size, at)), '\0');
    if (const auto got = file_->read(at, there); !got) return tl::unexpected(got.error());
    const auto [end, unused] =
        std::mismatch(there.begin(), there.end(), pending_.begin() + static_cast<long>(in_file_));
    const auto same = static_cast<std::size_t>(end - there.begin());
    in_file_ += same;
    const bool all_came = finished_ >= newest_;
    if (in_file_ == pending_.size() && !all_came) return {};  // what stands behind it may be of what comes next
    comes_again_ = false;
    const std::uint64_t left = *size - std::min(*size, length_ + in_file_);
    if (left == 0) return {};
    if (follows_)
      return failure(Error::Code::refused,
                     fmt::format("{}: it was begun after the file that messages were delivered to, and holds others "
                                 "than were to come next; move it away and start again",
                                 name_));
    torn_ = true;
    if (auto cut = cut_to(length_ + in_file_); !cut) return cut;
    torn_ = false;
    tell_(fmt::format(
        "{}: {} bytes were cut from its end: they are of after the epoch that is gone on from (a crash, or a restore)",
        called_, left));
    return {};
  }

  Result<void> mark_end() {
    return digest_before(*file_, finished_length_).map([&](std::uint64_t digest) {
      mark_ = {identity_, finished_length_, digest};
    });
  }

  const std::unique_ptr<Disk> own_;
  Disk& disk_;
  const std::string name_;
  const Clock& clock_;
  const Tell tell_;

  std::unique_ptr<DiskFile> file_;
  std::uint64_t identity_ = 0;
  std::string called_;        // name_, or what it was moved to
  std::uint64_t length_ = 0;  // of what is in the file for certain
  std::string pending_;       // what comes behind it ...
  std::size_t in_file_ = 0;   // ... and how much of it stands there, not yet synced
  bool torn_ = false;         // behind that may stand rubbish
  bool comes_again_ = false;  // behind that may stand what was written before a crash
  bool follows_ = false;      // the file is not the one of the mark, but the one behind it
  Epoch newest_, begun_, finished_, delivered_;
  std::uint64_t finished_length_ = 0;  // of the file when `finished_` is in it
  Mark mark_;                          // when `delivered_` is

  std::string trouble_;
  Duration pause_{}, again_at_{};
};

}  // namespace

namespace {

struct Parts {
  std::string folder, name;
};
Parts parts_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return {slash == std::string::npos ? "."
          : slash == 0               ? "/"
                                     : path.substr(0, slash),
          path.substr(slash == std::string::npos ? 0 : slash + 1)};
}

}  // namespace

Result<std::unique_ptr<Sink>> open_file_sink(const FileSinkConfig& config, const Clock& clock, Tell tell) {
  struct stat status;
  if (::stat(config.path.c_str(), &status) == 0 && !S_ISREG(status.st_mode))
    return failure(Error::Code::refused, config.path + " is no plain file, so nobody could say what was written to it");
  const auto [folder, name] = parts_of(config.path);
  if (name.empty()) return failure(Error::Code::refused, "`" + config.path + "` names no file");
  return open_disk(folder).map([&, own = name](std::unique_ptr<Disk> disk) -> std::unique_ptr<Sink> {
    Disk& on = *disk;
    return std::make_unique<FileSink>(on, own, clock, std::move(tell), std::move(disk));
  });
}

Result<FileSinkStanding> file_sink_standing(const FileSinkConfig& config, const std::string& bookmark) {
  FileSinkStanding out;
  if (bookmark.empty()) return out;
  const auto mark = Mark::read(bookmark);
  if (!mark) return tl::unexpected(mark.error());
  out.delivered = mark->length;
  const auto [folder, name] = parts_of(config.path);
  if (::access(folder.c_str(), F_OK) != 0) return out;
  const auto disk = open_disk_to_read(folder);
  if (!disk) return tl::unexpected(disk.error());
  const auto found = find_marked(**disk, name, *mark);
  if (!found) return tl::unexpected(found.error());
  if (!*found) return out;
  out.path = folder + "/" + **found;
  return (*disk)
      ->open(**found, Disk::Open::read)
      .and_then([](const auto& file) { return file->size(); })
      .map([&](std::uint64_t size) {
        out.behind = size - mark->length;
        return out;
      });
}

std::unique_ptr<Sink> file_sink_on(Disk& disk, const std::string& name, const Clock& clock, Tell tell) {
  return std::make_unique<FileSink>(disk, name, clock, std::move(tell));
}

}  // namespace tocsin
