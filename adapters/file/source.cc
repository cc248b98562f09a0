#include "adapters/file/source.h"

#include <fmt/format.h>
#include <poll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstring>
#include <deque>
#include <filesystem>
#include <iterator>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "adapters/file/reader.h"
#include "adapters/file/rotation.h"
#include "engine/base/contract.h"
#include "engine/base/hash.h"
#include "engine/base/utf8.h"

namespace tocsin {
namespace {

// So many bytes before a place tell its file from others.
constexpr std::uint64_t kKnownBy = 1024;
// A file that was moved away is left when nobody has written it for so long: its writer may not have noticed yet.
constexpr Duration kLinger = seconds(2);
// Without news from the system, and with them, as they may be lost.
constexpr Duration kLookAgain = milliseconds(50), kLookAtLast = milliseconds(250), kListAgain = seconds(1);
// Places remembered between what is stored and what was read; of more, every other one is forgotten.
constexpr std::size_t kPlacesMax = 4096;
// How often one that is written is left for a look at those that were moved away.
constexpr Duration kLookBack = seconds(5);
// Files remembered as left. All of them stand in the bookmark of each epoch.
constexpr std::size_t kLeftMax = 64;
constexpr std::size_t kPassedOverMax = 10'000;

// A file that was read to its end, and left for another; what is appended to it later is read on there.
struct Left {
  std::uint64_t identity = 0;
  std::uint64_t size = 0;              // packed or not, when it was left
  std::uint64_t byte = 0, digest = 0;  // as in Place
  std::string path;                    // where it was found last; "" not since the start

  std::string_view name() const { return std::string_view(path).substr(path.rfind('/') + 1); }
};

// Where to go on in files that had been left.
struct LeftFiles {
  std::vector<Left> files;       // the one that was left last stands last
  bool is_out_of_order = false;  // the source has come back to one: lines are not in the order of the files any more
  bool has_forgotten = false;    // one was left that is not here
};

// The beginning of a line, as a bookmark says it.
struct Place {
  std::uint64_t line = 1;
  std::uint64_t identity = 0;  // of its file
  std::uint64_t byte = 0, digest = 0;
  std::string name;  // the file's, when it was read
  std::shared_ptr<const LeftFiles> left;

  std::string text() const {
    std::string out = fmt::format("lines2 {} {} {} {:016x} {} {} {}", line, identity, byte, digest,
                                  left->is_out_of_order ? 1 : 0, left->has_forgotten ? 1 : 0, left->files.size());
    for (const Left& file : left->files)
      fmt::format_to(std::back_inserter(out), " {} {} {} {:016x}", file.identity, file.size, file.byte, file.digest);
    return out + ' ' + name;
  }

  static Result<Place> read(std::string_view text) {
    Place out;
    const auto number = [&](int base, std::uint64_t& into) {
      if (text.empty()) return false;
      text.remove_prefix(1);
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), into, base);
      text.remove_prefix(static_cast<std::size_t>(end - text.data()));
      return error == std::errc{};
    };
    const bool is_first = text.starts_with("lines1 ");
    const bool known = is_first || text.starts_with("lines2 ");
    if (known) text.remove_prefix(6);
    LeftFiles left;
    left.has_forgotten = is_first;  // it did not say what had been left
    std::uint64_t out_of_order = 0, forgotten = 0, count = 0;
    bool is_whole =
        known && number(10, out.line) && number(10, out.identity) && number(10, out.byte) && number(16, out.digest);
    if (is_whole && !is_first) {
      is_whole = number(10, out_of_order) && number(10, forgotten) && number(10, count) && count <= kLeftMax;
      left.is_out_of_order = out_of_order != 0;
      left.has_forgotten = forgotten != 0;
      for (std::uint64_t i = 0; is_whole && i < count; ++i) {
        Left& file = left.files.emplace_back();
        is_whole =
            number(10, file.identity) && number(10, file.size) && number(10, file.byte) && number(16, file.digest);
      }
    }
    if (!is_whole || text.empty())
      return failure(Error::Code::malformed,
                     "what the state says of a file that was read is nothing that this version of tocsin knows");
    out.name = text.substr(1);
    out.left = std::make_shared<const LeftFiles>(std::move(left));
    return out;
  }
};

// Sleeps until something changes in a folder, or a while.
class FolderWatch {
 public:
  explicit FolderWatch(const std::string& folder) : fd_(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC)) {
    if (fd_ >= 0)
      watches_ = ::inotify_add_watch(fd_, folder.c_str(), IN_MODIFY | IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM) >= 0;
  }
  ~FolderWatch() {
    if (fd_ >= 0) ::close(fd_);
  }
  FolderWatch(const FolderWatch&) = delete;
  FolderWatch& operator=(const FolderWatch&) = delete;

  void wait(Duration at_most) {
    const Duration wait = std::min(at_most, watches_ ? kLookAtLast : kLookAgain);
    pollfd asked{watches_ ? fd_ : -1, POLLIN, 0};
    if (::poll(&asked, 1, static_cast<int>(wait.us / 1000)) <= 0) return;
    char news[4096];
    while (::read(fd_, news, sizeof news) > 0) {
    }
  }

 private:
  const int fd_;
  bool watches_ = false;
};

class FileSource final : public Source {
 public:
  // `reader`: what was opened already. `files`: none of a pipe.
  FileSource(const FileSourceConfig& config, SourceId id, Time now, const Clock* clock, std::optional<FileSet> files,
             std::unique_ptr<FileReader> reader)
      : config_(config), id_(id), now_(now), clock_(clock), files_(std::move(files)), reader_(std::move(reader)) {
    if (files_ && config_.follow) watch_ = std::make_unique<FolderWatch>(files_->folder());
  }

  std::uint32_t partitions() const override { return 1; }
  bool can_go_back() const override { return files_.has_value(); }

  Result<void> start(std::span<const Progress> from) override {
    std::string bookmark;
    for (const Progress& progress : from) {
      first_wanted_ = std::max<std::uint64_t>(progress.next_offset, 1);
      bookmark = progress.bookmark;
    }
    if (!files_) {
      line_ = first_wanted_;
      return {};
    }
    if (!bookmark.empty()) return Place::read(bookmark).and_then([&](const Place& place) { return go_back(place); });
    return reader_ == nullptr ? open_first().map([](bool) {}) : Result<void>{};
  }

  Result<std::vector<Progress>> start_at_oldest(std::span<const Progress> at,
                                                const std::atomic<bool>& given_up) override {
    if (at.empty() || at.front().bookmark.empty()) return std::vector<Progress>(at.begin(), at.end());  // nothing yet
    return Place::read(at.front().bookmark)
        .and_then([&](const Place& place) { return go_to_oldest(place, given_up); })
        .map([&] { return std::vector<Progress>{{0, line_, {}}}; });
  }

  std::string bookmark(std::uint32_t, std::uint64_t next_offset) const override {
    if (places_.empty()) return {};
    auto behind = std::ranges::upper_bound(places_, next_offset, {}, &Place::line);
    return (behind == places_.begin() ? behind : std::prev(behind))->text();
  }

  void stored(std::span<const Progress> safe) override {
    for (const Progress& progress : safe)
      while (places_.size() > 1 && places_[1].line <= progress.next_offset) places_.pop_front();
  }

  Result<Polled> poll(Block& into, Duration wait) override {
    if (ended_) return Polled::finished;
    if (paused_) return Polled::nothing;
    if (reader_ == nullptr) {
      const auto opened = open_first();
      if (!opened) return tl::unexpected(opened.error());
      if (!*opened) {
        watch_->wait(wait);
        return Polled::nothing;
      }
    }
    into.source = id_;
    into.arrived = clock_ != nullptr ? clock_->now() : now_;
    Bytes& bytes = into.bytes;
    bytes.append(rest_.view());  // the begun line of the block before
    rest_.clear();
    std::size_t room = std::max(block_, bytes.size() + 1);  // the buffer may have more
    bytes.reserve(room);
    // Until a line is whole, the block is full of them, or nothing more comes for now.
    std::size_t whole = 0;
    while (whole == 0 || bytes.size() < room) {
      if (bytes.size() == room) {
        if (bytes.size() > config_.line_max) return cut(into);
        bytes.reserve(room *= 2);
      }
      const std::size_t had = bytes.size();
      const auto got = reader_->read(bytes.data() + had, room - had, whole == 0 ? wait : Duration{});
      if (!got && is_passing(got.error())) break;
      if (!got) return tl::unexpected(got.error());
      trouble_.clear();
      if (!*got) break;
      bytes.set_size(had + **got);
      if (**got == 0) {
        if (!files_) return last(into);
        if (whole == 0) return at_end(into, wait);
        break;
      }
      if (files_ && files_->is_one_file()) noticed_.reset();  // of a folder others wait, too
      const std::size_t newline = bytes.view().substr(had).rfind('\n');
      if (newline != std::string_view::npos) whole = had + newline + 1;
      // A pipe that is slow is given on at once, not when a block is full.
      if (whole != 0 && **got < kSmall) break;
    }
    rest_.append(bytes.view().substr(whole));
    bytes.set_size(whole);
    if (whole != 0) return give(into);
    if (!trouble_.empty()) watch_->wait(wait);
    return Polled::nothing;
  }

  void set_block(std::size_t bytes) override { block_ = std::min(bytes, config_.block); }
  void pause(std::uint32_t) override { paused_ = true; }
  void resume(std::uint32_t) override { paused_ = false; }
  double done() const override {
    return reader_ == nullptr || config_.follow || (files_ && !files_->is_one_file()) ? -1 : reader_->done();
  }
  std::string trouble() const override { return trouble_; }

 private:
  static constexpr std::size_t kSmall = 4096;

  // ----- lines --------------------------------------------------------------------------------------

  // All bytes of the block are whole lines, or the end of them.
  Result<Polled> give(Block& into) {
    std::string_view text = into.bytes.view();
    const std::size_t mark = byte_ == 0 ? size_of_mark(text) : 0;  // each file may have one
    read_past(text);
    text.remove_prefix(mark);
    const auto take_line = [&] {
      const std::size_t end = std::min(text.find('\n'), text.size() - 1) + 1;
      const std::string_view line = text.substr(0, end);
      text.remove_prefix(end);
      ++line_;
      return line;
    };
    if (skipping_) {  // a line that was cut goes on here
      const std::size_t end = text.find('\n');
      skipping_ = end == std::string_view::npos;
      text.remove_prefix(skipping_ ? text.size() : end + 1);
      if (!skipping_ || into.ends) ++line_;
    }
    if (at_header_ && !text.empty()) {
      at_header_ = false;
      if (header_.empty()) {
        header_ = text.substr(0, std::min(text.find('\n'), text.size() - 1) + 1);
      } else if (take_line() != header_) {
        return failure(
            Error::Code::refused,
            fmt::format("{}: its first line does not name the columns that the files before it have", reader_->name()));
      }
    }
    // Lines before the position that was asked for.
    while (line_ < first_wanted_ && !text.empty()) take_line();
    into.first_offset = line_;
    line_ += static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n'));
    into.next_offset = line_ + (text.empty() || text.back() == '\n' ? 0 : 1);
    if (text.size() < into.bytes.size()) {
      std::memmove(into.bytes.data(), text.data(), text.size());
      into.bytes.set_size(text.size());
    }
    if (!skipping_) note_place();
    if (into.bytes.empty()) return into.ends ? Polled::block : Polled::nothing;
    return Polled::block;
  }

  // The last line may have no line break.
  Result<Polled> last(Block& into) {
    ended_ = into.ends = true;
    return give(into);
  }

  Result<Polled> cut(Block& into) {
    if (at_header_)
      return failure(Error::Code::refused,
                     fmt::format("{}: its first line, which names the columns, is longer than {} bytes",
                                 reader_->name(), config_.line_max));
    const bool again = skipping_;  // more of the same line
    read_past(into.bytes.view());
    skipping_ = true;
    into.cut = true;
    into.first_offset = line_;
    into.next_offset = line_ + 1;
    if (!again && line_ >= first_wanted_) return Polled::block;
    into.clear();
    return Polled::nothing;
  }

  // ----- places -------------------------------------------------------------------------------------

  void read_past(std::string_view text) {
    byte_ += text.size();
    tail_ += text.size() > kKnownBy ? text.substr(text.size() - kKnownBy) : text;
    if (tail_.size() > kKnownBy) tail_.erase(0, tail_.size() - kKnownBy);
  }

  Place place() const { return {line_, identity_, byte_, hash_bytes(tail_), name_, left_}; }

  template <class Change>
  void change_left(const Change& change) {
    LeftFiles left = *left_;
    change(left);
    left_ = std::make_shared<const LeftFiles>(std::move(left));
  }

  // The file in hand is put down for another one.
  void leave() {
    if (reader_ == nullptr || !files_) return;
    change_left([&](LeftFiles& left) {
      std::erase_if(left.files, [&](const Left& file) { return file.identity == identity_; });
      left.files.push_back({identity_, reader_->taken(), byte_, hash_bytes(tail_), path_});
      if (left.files.size() <= kLeftMax) return;
      left.has_forgotten = true;
      left.files.erase(left.files.begin());
    });
  }
  void forget_left(std::uint64_t identity) {  // a number may be given again
    change_left([&](LeftFiles& left) {
      std::erase_if(left.files, [&](const Left& file) { return file.identity == identity; });
    });
  }

  void note_place() {
    if (!files_) return;
    if (!places_.empty() && places_.back().line == line_) places_.pop_back();
    places_.push_back(place());
    if (places_.size() <= kPlacesMax) return;
    std::size_t kept = 1;  // the first stays where it is
    for (std::size_t i = 2; i < places_.size(); i += 2) places_[kept++] = std::move(places_[i]);
    places_.resize(kept);
  }

  // From the beginning of a file. False: it has gone meanwhile.
  Result<bool> use(const FoundFile& file) {
    auto opened = FileReader::open(file.path);
    if (!opened && config_.follow) {
      trouble_ = opened.error().message;
      return false;
    }
    if (!opened) return tl::unexpected(opened.error());
    leave();
    forget_left(file.identity);
    if (reader_ != nullptr && config_.follow && is_read_before(file.name, name_)) come_back();
    adopt(std::move(*opened), file, {});
    at_header_ = config_.header;
    return true;
  }

  void come_back() {
    change_left([](LeftFiles& left) { left.is_out_of_order = true; });
  }

  void adopt(std::unique_ptr<FileReader> reader, const FoundFile& file, std::string tail) {
    reader_ = std::move(reader);
    const auto facts = reader_->facts();  // not what was listed: it may have been moved since
    identity_ = facts ? facts->identity : file.identity;
    name_ = file.name;
    std::error_code error;  // what a link leads to: it may lead to another one later
    const auto leads_to = std::filesystem::canonical(file.path, error);
    path_ = error ? file.path : leads_to.string();
    byte_ = reader_->position();
    tail_ = std::move(tail);
    noticed_.reset();
    trouble_.clear();
    rest_.clear();
    note_place();
  }

  // False: there is none yet.
  Result<bool> open_first() {
    const auto files = list(false);
    if (!files) return tl::unexpected(files.error());
    if (!files->empty()) return use(files->front());
    if (!config_.follow)
      return failure(Error::Code::unreadable, fmt::format("{}: there is no such file", config_.path));
    if (trouble_.empty()) trouble_ = fmt::format("waiting for {}: there is no such file yet", config_.path);
    return false;
  }

  // A folder that cannot be listed passes, where it is followed.
  Result<std::vector<FoundFile>> list(bool with_rotated) {
    auto files = files_->files(with_rotated);
    if (files || !config_.follow) return files;
    trouble_ = files.error().message;
    return std::vector<FoundFile>{};
  }

  // A reader that stands at the place, and the bytes before it; nothing: that is another file.
  Result<std::optional<std::pair<std::unique_ptr<FileReader>, std::string>>> at_place(const FoundFile& file,
                                                                                      const Place& place) const {
    auto reader = FileReader::open(file.path);
    if (!reader) return tl::unexpected(reader.error());
    std::string tail(std::min(place.byte, kKnownBy), '\0');
    const auto there = (*reader)->skip(place.byte - tail.size());
    if (!there) return tl::unexpected(there.error());
    if (!*there) return std::nullopt;
    for (std::size_t had = 0; had < tail.size();) {
      const auto got = (*reader)->read(tail.data() + had, tail.size() - had, seconds(1));
      if (!got) return tl::unexpected(got.error());
      if (*got && **got == 0) return std::nullopt;
      had += got->value_or(0);
    }
    if (hash_bytes(tail) != place.digest) return std::nullopt;
    return std::pair{std::move(*reader), std::move(tail)};
  }

  // By its number first; a copy is known by its bytes. False: nowhere.
  Result<bool> find(const Place& place, const std::vector<FoundFile>& files, std::uint64_t but_not) {
    for (const bool by_number : {true, false}) {
      for (const FoundFile& file : files) {
        if ((file.identity == place.identity) != by_number || file.identity == but_not) continue;
        if (!by_number && place.byte == 0) continue;  // before any file stands the same
        auto there = at_place(file, place);
        if (!there && by_number) return tl::unexpected(there.error());
        if (!there || !*there) continue;
        line_ = place.line;
        adopt(std::move((*there)->first), file, std::move((*there)->second));
        return true;
      }
    }
    return false;
  }

  Result<void> go_back(const Place& place) {
    const auto files = files_->files(true);
    if (!files) return tl::unexpected(files.error());
    reader_.reset();
    left_ = place.left;
    auto found = find(place, *files, 0);
    if (found && !*found && place.byte != 0) {
      std::vector<FoundFile> same = files_->anything_near();
      std::erase_if(same, [&](const FoundFile& file) { return file.identity != place.identity; });
      for (FoundFile& file : same) file.name = place.name;  // its place in the order is the one that it had
      found = find(place, same, 0);
    }
    if (!found) return tl::unexpected(found.error());
    if (*found && place.byte != 0) return read_header();
    if (*found) return begin_file();
    line_ = place.line;
    if (place.byte != 0)
      return failure(
          Error::Code::refused,
          fmt::format("{}: cannot go on at line {}: the file that was being read, {} with {} bytes, is not there any "
                      "more, nor beside it under another name; put it back, or give the source another name in "
                      "tocsin.toml: then it is read from its beginning, as a new one",
                      config_.path, first_wanted_, place.name, place.byte));
    // Nothing had been read of it: the next one is as good.
    for (const FoundFile& file : *files)
      if (!is_read_before(file.name, place.name)) return use(file).map([](bool) {});
    return config_.follow ? Result<void>{} : open_first().map([](bool) {});
  }

  // Lines are counted back from the place through the files that were read before it, up to the first line of all.
  Result<void> go_to_oldest(const Place& place, const std::atomic<bool>& given_up) {
    if (place.left->is_out_of_order)
      return failure(
          Error::Code::refused,
          fmt::format("{}: files that had been left have grown, and were read on behind others; in that order "
                      "they cannot be read again",
                      config_.path));
    const auto files = files_->files(true);
    if (!files) return tl::unexpected(files.error());
    if (const auto found = go_back(place); !found) return found;
    left_ = std::make_shared<const LeftFiles>(LeftFiles{.files = {}, .has_forgotten = true});
    if (byte_ == 0 && std::ranges::find(*files, identity_, &FoundFile::identity) == files->end()) return {};
    // It may not be one of them: what a link led to before, or one that was moved under another name.
    std::vector<FoundFile> before_it = *files;
    std::erase_if(before_it, [&](const FoundFile& other) {
      return other.identity == identity_ || !is_read_before(other.name, name_);
    });
    before_it.push_back({path_, name_, identity_});
    auto file = std::prev(before_it.end());
    const auto before = lines_of(*file, byte_, given_up);
    if (!before) return tl::unexpected(before.error());
    line_ -= std::min(*before, line_ - 1);
    while (line_ > 1 && file != before_it.begin()) {
      const auto lines = lines_of(*std::prev(file), std::nullopt, given_up);
      if (!lines) return tl::unexpected(lines.error());
      if (*lines >= line_) break;  // not all of it was read
      line_ -= *lines;
      --file;
    }
    auto opened = FileReader::open(file->path);
    if (!opened) return tl::unexpected(opened.error());
    places_.clear();
    header_.clear();
    first_wanted_ = line_;
    adopt(std::move(*opened), *file, {});
    return begin_file();
  }

  // Of its first bytes; of all of them where none are named: then its last line counts without a line break, too.
  static Result<std::uint64_t> lines_of(const FoundFile& file, std::optional<std::uint64_t> bytes,
                                        const std::atomic<bool>& given_up) {
    const auto reader = FileReader::open(file.path);
    if (!reader) return tl::unexpected(reader.error());
    std::uint64_t out = 0;
    bool is_open = false;
    for (std::string buffer(std::size_t{1} << 18, '\0'); !given_up;) {
      const std::uint64_t left = bytes ? *bytes - (*reader)->position() : buffer.size();
      if (left == 0) return out;
      const auto got = (*reader)->read(buffer.data(), std::min<std::uint64_t>(buffer.size(), left), seconds(1));
      if (!got) return tl::unexpected(got.error());
      if (!*got) continue;
      if (**got == 0) return out + (is_open && !bytes ? 1 : 0);
      out += static_cast<std::uint64_t>(std::count(buffer.data(), buffer.data() + **got, '\n'));
      is_open = buffer[**got - 1] != '\n';
    }
    return failure(Error::Code::refused, "it was given up");
  }

  Result<void> begin_file() {
    at_header_ = config_.header;
    return {};
  }

  // What the file in hand calls its columns.
  Result<void> read_header() {
    if (!config_.header) return {};
    const auto reader = FileReader::open(files_->path_of(name_));
    if (!reader) return tl::unexpected(reader.error());
    for (char next = 0; next != '\n' && header_.size() < config_.line_max; header_ += next) {
      const auto got = (*reader)->read(&next, 1, seconds(1));
      if (!got) return tl::unexpected(got.error());
      if (!*got || **got == 0) break;
    }
    header_.erase(0, size_of_mark(header_));
    return {};
  }

  // ----- the end of a file --------------------------------------------------------------------------

  // Where to go from the end of the file in hand.
  struct Next {
    FoundFile file;
    std::optional<Left> left;  // nothing: none of it was read
  };

  Result<Polled> at_end(Block& into, Duration wait) {
    if (config_.follow && reader_->was_cut()) return was_cut(into);
    const auto next = next_file();
    if (!next) return tl::unexpected(next.error());
    if (!*next && !config_.follow) return last(into);
    if (*next && (*next)->left && ((into.bytes.empty() && !skipping_) || is_left_alone()))
      return go_on_in(into, **next);
    if (*next && !(*next)->left && (!config_.follow || is_left_alone())) return end_file(into, (*next)->file);
    reader_->look_again();
    rest_.append(into.bytes.view());
    into.bytes.clear();
    watch_->wait(wait);
    return Polled::nothing;
  }

  const Left* left_of(std::uint64_t identity) const {
    const auto at = std::ranges::find(left_->files, identity, &Left::identity);
    return at == left_->files.end() ? nullptr : &*at;
  }

  // Is it worth a look at the folder?
  bool is_time_to_list() const {
    if (!config_.follow) return !files_->is_one_file();
    const auto now = files_->is_one_file() ? facts_of(files_->path()) : std::nullopt;
    const bool is_there = now && *now, is_in_hand = is_there && (*now)->identity == identity_;
    if (is_in_hand && left_->files.empty()) return false;
    const Left* left = is_there ? left_of((*now)->identity) : nullptr;
    if (is_there && !is_in_hand && (left == nullptr || left->size != (*now)->size)) return true;
    return noticed_ || !listed_ || clock_->elapsed() - *listed_ >= (is_in_hand ? kLookBack : kListAgain);
  }

  // The file behind the one in hand, or one that was left and has grown; nothing: there is none now. All get their
  // turn: it is the first one behind this one, and behind the last one comes the first.
  Result<std::optional<Next>> next_file() {
    if (!is_time_to_list()) return std::nullopt;
    if (config_.follow) listed_ = clock_->elapsed();
    const auto files = list(true);
    if (!files) return tl::unexpected(files.error());
    const auto here = std::ranges::find(*files, identity_, &FoundFile::identity);
    if (here != files->end()) name_ = here->name;  // else it was removed
    for (const FoundFile& file : *files)
      if (const Left* left = left_of(file.identity); left != nullptr && left->path != file.path)
        change_left(
            [&](LeftFiles& all) { std::ranges::find(all.files, file.identity, &Left::identity)->path = file.path; });
    const auto first =
        std::ranges::find_if(*files, [&](const FoundFile& file) { return !is_read_before(file.name, name_); });
    for (auto file = first; file != files->end(); ++file) {
      if (file->identity == identity_) continue;
      const Left* left = left_of(file->identity);
      if (left == nullptr) return Next{*file, std::nullopt};
      if (config_.follow && left->size != file->size) return Next{*file, *left};
    }
    if (!config_.follow) return std::nullopt;
    for (auto file = files->begin(); file != first; ++file) {
      if (file->identity == identity_) continue;
      const Left* left = left_of(file->identity);
      if (left != nullptr && left->size != file->size) return Next{*file, *left};
      if (left == nullptr && is_new(*file)) return Next{*file, std::nullopt};
    }
    // Not in the folder: what a link led to before.
    for (const Left& left : left_->files) {
      const auto now = left.path.empty() ? std::nullopt : facts_of(left.path);
      if (!now || !*now || (*now)->identity != left.identity || (*now)->size == left.size) continue;
      return Next{{left.path, name_, left.identity, (*now)->size}, left};
    }
    return std::nullopt;
  }

  // Of a name that is read before the one in hand: has none of it been read, under whatever name? What rotation has
  // packed or copied has.
  bool is_new(const FoundFile& file) {
    if (files_->is_one_file() || passed_over_.contains(file.identity)) return false;
    const auto is_of = [&](std::string_view of) {
      return is_rotated_name(file.name, of) || is_rotated_name(file.name, stem_of(of));
    };
    bool is_known = is_of(name_) || is_at(file, place());
    for (const Left& left : left_->files)
      is_known = is_known || (!left.path.empty() && is_of(left.name())) || is_at(file, place_of(left));
    if (!is_known && !left_->has_forgotten && is_readable(file)) return true;
    if (passed_over_.size() >= kPassedOverMax) passed_over_.clear();
    passed_over_.insert(file.identity);
    if (!is_known)
      config_.tell(fmt::format(
          "{}: {} is not read: its name stands before {}, and whether it was read before is not known any more",
          config_.path, file.path, name_));
    return false;
  }

  static Place place_of(const Left& left) { return {0, left.identity, left.byte, left.digest, {}, nullptr}; }
  bool is_at(const FoundFile& file, const Place& place) const {
    if (place.byte == 0) return false;  // before any file stands the same
    const auto there = at_place(file, place);
    return there && *there;
  }
  // What cannot be unpacked here is nothing to go on with.
  static bool is_readable(const FoundFile& file) {
    char first = 0;
    const auto reader = FileReader::open(file.path);
    return reader && (*reader)->read(&first, 1, {});
  }

  // In a file that was left: what has come since.
  Result<Polled> go_on_in(Block& into, const Next& next) {
    auto there = at_place(next.file, place_of(*next.left));
    if (!there) {
      trouble_ = there.error().message;
      rest_.append(into.bytes.view());
      into.clear();
      watch_->wait(kLookAgain);
      return Polled::nothing;
    }
    if (!*there && files_->is_one_file() &&
        is_read_before(next.file.name, name_)) {  // its number is another file's now
      forget_left(next.file.identity);
      rest_.append(into.bytes.view());
      into.clear();
      return Polled::nothing;
    }
    Result<Polled> given = Polled::nothing;
    if (skipping_)
      given = end_line(into);  // nobody comes back into the middle of a line
    else
      into.clear();  // its line is not whole: it is read again when it is
    if (!given) return given;
    if (!*there) {  // cut, or begun anew
      if (next.left->byte > 0)
        config_.tell(fmt::format("{}: somebody has cut {} after it was read; it is read from its beginning",
                                 config_.path, next.file.path));
      const auto used = use(next.file);
      if (!used) return tl::unexpected(used.error());
      return given;
    }
    leave();
    forget_left(next.file.identity);
    come_back();
    adopt(std::move((*there)->first), next.file, std::move((*there)->second));
    return given;
  }

  bool is_left_alone() {
    const auto facts = reader_->facts();
    if (facts && facts->written + kLinger <= clock_->now()) return true;
    if (!noticed_) noticed_ = clock_->elapsed();
    return clock_->elapsed() - *noticed_ >= kLinger;  // whatever the file system's clock says
  }

  // Its last line is finished, with a line break or without.
  Result<Polled> end_file(Block& into, const FoundFile& next) {
    Result<Polled> given = end_line(into);
    if (!given) return given;
    const auto used = use(next);
    if (!used) return tl::unexpected(used.error());
    return given;
  }

  Result<Polled> end_line(Block& into) {
    if (into.bytes.empty()) {
      if (skipping_) ++line_;
      skipping_ = false;
      return Polled::nothing;
    }
    into.bytes.append("\n");
    Result<Polled> given = give(into);
    --byte_;  // the file does not have it
    tail_.pop_back();
    return given;
  }

  // Somebody has copied it away and cut it, or begun it anew.
  Result<Polled> was_cut(Block& into) {
    const auto files = files_->files(true);
    if (!files) return tl::unexpected(files.error());
    if (!skipping_) {
      const auto found = find(place(), *files, identity_);
      if (!found) return tl::unexpected(found.error());
      if (*found) {
        config_.tell(
            fmt::format("{}: it was copied and cut; what was not read yet is read from {}", config_.path, name_));
        into.clear();
        return Polled::nothing;
      }
    }
    config_.tell(
        fmt::format("{}: somebody has cut it behind line {}; it is read from its beginning, and lines that were "
                    "written meanwhile may be lost",
                    config_.path, line_ - 1));
    const FoundFile same{files_->path_of(name_), name_, identity_};
    return end_file(into, same);
  }

  // Of a file that is followed, what the disk could not give may come later.
  bool is_passing(const Error& error) {
    if (!config_.follow || !files_ || error.code != Error::Code::unreadable) return false;
    trouble_ = error.message;
    return true;
  }

  const FileSourceConfig config_;
  std::size_t block_ = config_.block;
  const SourceId id_;
  const Time now_;
  const Clock* clock_;
  const std::optional<FileSet> files_;
  std::unique_ptr<FolderWatch> watch_;

  // The file in hand, and where the next line stands in it.
  std::unique_ptr<FileReader> reader_;
  std::uint64_t identity_ = 0;
  std::string name_;
  std::uint64_t byte_ = 0;
  std::string tail_;  // the bytes before it

  Bytes rest_;
  std::uint64_t line_ = 1, first_wanted_ = 1;
  std::string path_;  // where the file in hand stood when it was opened
  std::shared_ptr<const LeftFiles> left_ = std::make_shared<const LeftFiles>();
  std::set<std::uint64_t> passed_over_;  // by their numbers: they are not read, and that was said where it has to be
  std::deque<Place> places_;             // ascending by line
  std::string header_;
  bool at_header_ = false;
  bool skipping_ = false, paused_ = false, ended_ = false;
  std::optional<Duration> noticed_;  // that there is a file behind the one in hand
  std::optional<Duration> listed_;
  std::string trouble_;
};

}  // namespace

Result<std::unique_ptr<Source>> open_file_source(const FileSourceConfig& config, SourceId id, Time now,
                                                 const Clock* clock) {
  TOCSIN_ASSERT(clock != nullptr || !config.follow);
  if (config.path == "-")
    return std::make_unique<FileSource>(config, id, now, clock, std::nullopt, FileReader::standard_input());
  const auto facts = facts_of(config.path);
  if (!facts) return tl::unexpected(facts.error());
  if (*facts && !(*facts)->is_plain && !(*facts)->is_folder)  // a pipe
    return FileReader::open(config.path, config.follow)
        .map([&](std::unique_ptr<FileReader> reader) -> std::unique_ptr<Source> {
          return std::make_unique<FileSource>(config, id, now, clock, std::nullopt, std::move(reader));
        });
  FileSet files(config.path);
  if (!config.follow) {  // what cannot be opened is said now, not when somebody polls
    auto first = files.is_one_file() ? FileReader::open(config.path).map([](const auto&) {})
                                     : files.files(false).map([](const auto&) {});
    if (!first) return tl::unexpected(first.error());
  }
  return std::make_unique<FileSource>(config, id, now, clock, std::move(files), nullptr);
}

}  // namespace tocsin
