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
#include <map>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
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
// To look at a folder takes time: so long is waited for each file that it has, but not longer than kListAgain.
constexpr Duration kRestPerFile{20};
// A file that is gone is remembered so long: it may be on its way to another name.
constexpr Duration kGoneAfter = seconds(60);
// What is remembered of what no epoch has yet; where it cannot be stored that goes on growing.
constexpr std::size_t kNotedMax = 1'000'000;
constexpr std::size_t kInOldBookmarks = 64;  // files that were left
// A folder is listed so often until nothing moves in it any more.
constexpr int kSettles = 8;
// So much of a file is compared at once with what was read of others.
constexpr std::size_t kCompared = std::size_t{1} << 20;

// Numbers of a text, each behind a space.
class Numbers {
 public:
  explicit Numbers(std::string_view text) : text_(text) {}
  template <class Number>
  bool next(Number& into, int base = 10) {
    if (text_.empty() || text_.front() != ' ') return false;
    const auto [end, error] = std::from_chars(text_.data() + 1, text_.data() + text_.size(), into, base);
    text_.remove_prefix(static_cast<std::size_t>(end - text_.data()));
    return error == std::errc{};
  }
  bool next(bool& into) {
    std::uint64_t number = 0;
    const bool is_there = next(number);
    into = number != 0;
    return is_there;
  }
  // Behind one more space; nothing: there is none.
  std::optional<std::string> rest() const {
    return text_.empty() ? std::nullopt : std::optional<std::string>(text_.substr(1));
  }

 private:
  std::string_view text_;
};

tl::unexpected<Error> unknown_words() {
  return failure(Error::Code::malformed,
                 "what the state says of a file that was read is nothing that this version of tocsin knows");
}

// A file that was read to its end, and left for another; what is appended to it later is read on there.
struct Left {
  std::uint64_t size = 0;              // packed or not, when it was left
  std::uint64_t byte = 0, digest = 0;  // as in Place
  bool is_open = false;                // its last line was not whole, and somebody was writing it
  bool is_passed_over = false;         // it holds what another one had, or nobody knows: it is not read
  Time born{}, written{};              // 0: nobody knows
  std::string path;                    // where it was found last
  std::uint64_t look = 0;              // that found it last
  std::optional<Duration> missed{};    // since when no look has found it

  std::string_view name() const { return std::string_view(path).substr(path.rfind('/') + 1); }

  std::string text() const {
    return fmt::format(" {} {} {:016x} {:d} {:d} {} {} {}", size, byte, digest, is_open, is_passed_over, born.us,
                       written.us, path);
  }
  bool read(Numbers& from) {
    const bool is_there = from.next(size) && from.next(byte) && from.next(digest, 16) && from.next(is_open) &&
                          from.next(is_passed_over) && from.next(born.us) && from.next(written.us);
    auto rest = from.rest();
    if (is_there && rest) path = std::move(*rest);
    return is_there && rest;
  }
};

// Another file was taken up: how far the one in hand had been read, and where it went on.
struct Turn {
  std::uint64_t to = 0, byte = 0, digest = 0;
  bool comes_back = false;  // to one that stands before, or had been left
  bool leaves = true;       // what is appended to the one before is read on there
  Left left;                // the one before

  std::string text() const {
    return fmt::format("1 {} {} {:016x} {:d} {:d}{}", to, byte, digest, comes_back, leaves, left.text());
  }
  bool read(Numbers& from) {
    return from.next(to) && from.next(byte) && from.next(digest, 16) && from.next(comes_back) && from.next(leaves) &&
           left.read(from);
  }
};

// The beginning of a line, as a bookmark says it.
struct Place {
  std::uint64_t line = 1;
  std::uint64_t identity = 0;  // of its file
  std::uint64_t byte = 0, digest = 0;
  bool is_out_of_order = false;  // the source has come back to one: lines are not in the order of the files any more
  bool has_forgotten = false;    // one was left that is not remembered
  std::uint64_t lefts = 0;       // how many files are
  std::uint64_t turn = 0;        // how often another file was taken up before it
  std::string name{};            // the file's, when it was read
  std::uint64_t changes = 0;     // of what is remembered, before it

  std::string text() const {
    return fmt::format("lines3 {} {} {} {:016x} {:d} {:d} {} {} {}", line, identity, byte, digest, is_out_of_order,
                       has_forgotten, lefts, turn, name);
  }

  // Older ones say what was left themselves, or, the oldest, do not know.
  static Result<Place> read(std::string_view text, std::unordered_map<std::uint64_t, Left>& left) {
    Place out;
    if (!text.starts_with("lines") || text.size() < 7) return unknown_words();
    const char version = text[5];
    Numbers numbers(text.substr(6));
    bool is_whole = version >= '1' && version <= '3' && numbers.next(out.line) && numbers.next(out.identity) &&
                    numbers.next(out.byte) && numbers.next(out.digest, 16);
    out.has_forgotten = version == '1';
    if (is_whole && version >= '2')
      is_whole = numbers.next(out.is_out_of_order) && numbers.next(out.has_forgotten) && numbers.next(out.lefts);
    if (is_whole && version == '3') is_whole = numbers.next(out.turn);
    if (is_whole && version == '2') is_whole = out.lefts <= kInOldBookmarks;
    for (std::uint64_t i = 0; is_whole && version == '2' && i < out.lefts; ++i) {
      std::uint64_t identity = 0;
      Left file;
      is_whole =
          numbers.next(identity) && numbers.next(file.size) && numbers.next(file.byte) && numbers.next(file.digest, 16);
      left[identity] = std::move(file);
    }
    auto name = numbers.rest();
    if (!is_whole || !name) return unknown_words();
    out.name = std::move(*name);
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
    if (::poll(&asked, 1, static_cast<int>(wait.us / 1000)) > 0) look();
  }

  // What has been heard since the last time.
  struct News {
    std::set<std::string> written;  // names
    bool is_more = false;           // others have come or gone, or not all was heard
  };
  News take() {
    if (watches_) look();
    return std::exchange(news_, {});
  }

 private:
  void look() {
    alignas(inotify_event) char text[4096];
    for (ssize_t size; (size = ::read(fd_, text, sizeof text)) > 0;)
      for (const char* at = text; at < text + size;) {
        const auto* event = reinterpret_cast<const inotify_event*>(at);
        at += sizeof(inotify_event) + event->len;
        if (event->mask == IN_MODIFY && event->len > 0)
          news_.written.emplace(event->name);
        else
          news_.is_more = true;
      }
  }

  const int fd_;
  bool watches_ = false;
  News news_;
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
    is_first_start_ = bookmark.empty();
    if (!bookmark.empty())
      return Place::read(bookmark, left_).and_then([&](const Place& place) {
        return take_notes(from.back().notes, place).and_then([&] { return go_back(place); });
      });
    return reader_ == nullptr ? open_first().map([](bool) {}) : Result<void>{};
  }

  Result<std::vector<Progress>> start_at_oldest(std::span<const Progress> at,
                                                const std::atomic<bool>& given_up) override {
    if (at.empty() || at.front().bookmark.empty()) return std::vector<Progress>(at.begin(), at.end());  // nothing yet
    std::unordered_map<std::uint64_t, Left> left;
    return Place::read(at.front().bookmark, left)
        .and_then([&](const Place& place) { return go_to_oldest(place, given_up); })
        .map([&] { return std::vector<Progress>{{0, line_, {}}}; });
  }

  std::string bookmark(std::uint32_t, std::uint64_t next_offset) const override {
    if (places_.empty()) return {};
    auto behind = std::ranges::upper_bound(places_, next_offset, {}, &Place::line);
    return (behind == places_.begin() ? behind : std::prev(behind))->text();
  }

  // Files that were left stand there as of the place; the turns are those behind it, so that they are taken again.
  std::vector<SourceNote> notes(std::uint32_t, std::uint64_t next_offset) override {
    std::vector<SourceNote> out;
    if (places_.empty()) return out;
    forget_places(next_offset);
    const Place& place = places_.front();
    asked_ = Asked{next_offset, place.changes, place.turn, {}, wrong_turns_};
    std::unordered_map<std::uint64_t, const std::optional<Left>*> changed;
    for (std::size_t i = 0; i < place.changes - changes_before_; ++i) changed[changes_[i].identity] = &changes_[i].now;
    for (const auto& [identity, now] : changed)
      out.push_back({fmt::format("f{}", identity), *now ? "1" + (*now)->text() : std::string(), !*now});
    const auto gone = [&](const std::set<std::uint64_t>& turns) {
      for (const std::uint64_t turn : turns)
        if (turn <= place.turn || turn > last_turn()) out.push_back({fmt::format("t{}", turn), {}, true});
    };
    gone(kept_turns_);
    gone(wrong_turns_);
    for (std::uint64_t turn = std::max(place.turn, turns_before_) + 1; turn <= last_turn(); ++turn) {
      asked_->turns.insert(turn);
      if (!kept_turns_.contains(turn))
        out.push_back({fmt::format("t{}", turn), turns_[turn - turns_before_ - 1].text(), false});
    }
    return out;
  }

  void stored(std::span<const Progress> safe) override {
    for (const Progress& progress : safe) {
      forget_places(progress.next_offset);
      if (!asked_ || asked_->next_offset != progress.next_offset) continue;
      changes_.erase(changes_.begin(),
                     changes_.begin() + static_cast<std::ptrdiff_t>(asked_->changes - changes_before_));
      changes_before_ = asked_->changes;
      for (; turns_before_ < asked_->turn && !turns_.empty(); ++turns_before_) turns_.pop_front();
      kept_turns_ = std::move(asked_->turns);
      std::erase_if(wrong_turns_, [&](std::uint64_t turn) { return asked_->wrong_turns.contains(turn); });
      asked_.reset();
    }
  }

  Result<Polled> poll(Block& into, Duration wait) override {
    // Of many files that are empty, or have nothing new, several at once.
    for (int i = 0;; ++i) {
      has_turned_ = false;
      Result<Polled> polled = read_on(into, wait);
      if (!polled || *polled != Polled::nothing || !has_turned_ || i == 64) return polled;
      into.clear();
    }
  }

  void set_block(std::size_t bytes) override { block_ = std::min(bytes, config_.block); }
  void pause(std::uint32_t) override { paused_ = true; }
  void resume(std::uint32_t) override { paused_ = false; }
  double done() const override {
    return reader_ == nullptr || config_.follow || (files_ && !files_->is_one_file()) ? -1 : reader_->done();
  }
  std::string trouble() const override { return trouble_; }

 private:
  Result<Polled> read_on(Block& into, Duration wait) {
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
      const std::size_t most = std::min<std::uint64_t>(room - had, left_in_turn());
      const auto got = most == 0 ? Result<std::optional<std::size_t>>(0)
                                 : reader_->read(bytes.data() + had, most, whole == 0 ? wait : Duration{});
      if (!got && is_passing(got.error())) break;
      if (!got) return tl::unexpected(got.error());
      trouble_.clear();
      if (!*got) break;
      bytes.set_size(had + **got);
      if (**got == 0) {
        if (!files_) return last(into);
        if (whole == 0) return is_taking_turns() ? take_turn(into) : at_end(into, wait);
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
    if (whole != 0) {
      is_open_ = false;
      return give(into);
    }
    if (!trouble_.empty()) watch_->wait(wait);
    return Polled::nothing;
  }

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

  Place place() const {
    return {line_,
            identity_,
            byte_,
            hash_bytes(tail_),
            is_out_of_order_,
            has_forgotten_,
            left_.size(),
            turn_,
            name_,
            changes_before_ + changes_.size()};
  }

  // ----- what is remembered -------------------------------------------------------------------------

  void put_left(std::uint64_t identity, Left left) {
    left.look = look_;
    changes_.push_back({identity, left});
    left_[identity] = std::move(left);
  }
  void forget_left(std::uint64_t identity) {  // a number may be given again
    if (left_.erase(identity) > 0) changes_.push_back({identity, std::nullopt});
  }
  const Left* left_of(std::uint64_t identity) const {
    const auto at = left_.find(identity);
    return at == left_.end() ? nullptr : &at->second;
  }

  // Of those that no epoch has, only what they have come to: for the first place, of which may have been asked, and the
  // last one.
  void forget_changes() {
    if (places_.empty()) return;
    const auto kept = static_cast<std::ptrdiff_t>(places_.front().changes - changes_before_);
    std::unordered_map<std::uint64_t, std::optional<Left>> last;
    for (auto change = changes_.begin() + kept; change != changes_.end(); ++change)
      last[change->identity] = change->now;
    changes_.erase(changes_.begin() + kept, changes_.end());
    for (auto& [identity, now] : last) changes_.push_back({identity, std::move(now)});
    places_.erase(std::next(places_.begin()), places_.end());
  }

  void forget_places(std::uint64_t next_offset) {
    while (places_.size() > 1 && places_[1].line <= next_offset) places_.pop_front();
  }

  std::uint64_t last_turn() const { return turns_before_ + turns_.size(); }

  Result<void> take_notes(std::span<const SourceNote> notes, const Place& place) {
    std::uint64_t files = left_.size();
    std::map<std::uint64_t, Turn> turns;
    for (const SourceNote& note : notes) {
      std::uint64_t number = 0;
      const std::string key = " " + (note.key.empty() ? std::string() : note.key.substr(1));
      if (!note.value.starts_with("1 ") || !Numbers(key).next(number)) return unknown_words();
      Numbers value(std::string_view(note.value).substr(1));
      bool is_known = false;
      if (note.key.front() == 'f') {
        is_known = left_[number].read(value);
        ++files;
      } else if (note.key.front() == 't') {
        is_known = turns[number].read(value);
        kept_turns_.insert(number);
      }
      if (!is_known) return unknown_words();
    }
    is_out_of_order_ = place.is_out_of_order;
    has_forgotten_ = place.has_forgotten || files != place.lefts;
    if (notes.empty())  // of an older bookmark
      for (const auto& [identity, left] : left_) changes_.push_back({identity, left});
    turn_ = turns_before_ = place.turn;
    for (auto turn = turns.find(turn_ + 1); turn != turns.end() && turn->first == last_turn() + 1; ++turn)
      turns_.push_back(std::move(turn->second));
    give_up_turns(last_turn());
    return {};
  }

  // ----- turns --------------------------------------------------------------------------------------
  // What was read before a stop behind the place where it goes on is read again in the same order, so that each line
  // has the number that it had: whatever has been appended meanwhile comes behind it.

  bool is_taking_turns() const { return turn_ < last_turn(); }
  const Turn& next_turn() const { return turns_[turn_ - turns_before_]; }
  std::uint64_t left_in_turn() const {
    if (!files_ || !is_taking_turns()) return UINT64_MAX;
    const std::uint64_t end = next_turn().left.byte, here = reader_->position();
    return end > here ? end - here : 0;
  }

  Result<Polled> take_turn(Block& into) {
    const Turn turn = next_turn();
    auto to = reader_->position() == turn.left.byte ? opened_for(turn) : std::nullopt;
    if (!to) {
      config_.tell(fmt::format(
          "{}: what had been read behind line {} before the last stop cannot be read again in the same order, as files "
          "have gone or were changed since",
          config_.path, line_ - 1));
      give_up_turns(turn_);
      rest_.append(into.bytes.view());
      into.clear();
      has_turned_ = true;
      return Polled::nothing;
    }
    Result<Polled> given = end_line(into);
    if (!given) return given;
    turn_to(turn, std::move(*to));
    return given;
  }

  // Those behind `last` are taken no more.
  void give_up_turns(std::uint64_t last) {
    const auto is_behind = [&](std::uint64_t turn) { return turn > last; };
    for (std::set<std::uint64_t>* known : {&kept_turns_, asked_ ? &asked_->turns : nullptr}) {
      if (known == nullptr) continue;
      std::ranges::copy_if(*known, std::inserter(wrong_turns_, wrong_turns_.end()), is_behind);
      std::erase_if(*known, is_behind);
    }
    while (last_turn() > last && !turns_.empty()) turns_.pop_back();
  }

  // A file, where it goes on in it.
  struct Opened {
    FoundFile file;
    std::unique_ptr<FileReader> reader;
    std::string tail;  // the bytes before
  };

  std::optional<Opened> opened_for(const Turn& turn) {
    for (const bool looks : {false, true}) {
      if (looks) {
        near_.clear();
        for (FoundFile& file : files_->anything_near()) near_.emplace(file.identity, std::move(file));
      }
      auto known = near_.find(turn.to);
      const Left* left = left_of(turn.to);
      if (known == near_.end() && left != nullptr && looks)
        known = near_.emplace(turn.to, FoundFile{left->path, name_, turn.to, 0, {}, {}}).first;
      if (known == near_.end()) continue;
      FoundFile file = known->second;
      const auto facts = facts_of(file.path);
      if (!facts || !*facts || (*facts)->identity != turn.to) continue;
      auto there = at_place(file, {.byte = turn.byte, .digest = turn.digest});
      if (!there || !*there) return std::nullopt;
      if (file.path != files_->path_of(file.name)) file.name = name_;  // what a link led to
      return Opened{std::move(file), std::move((*there)->first), std::move((*there)->second)};
    }
    return std::nullopt;
  }

  void turn_to(const Turn& turn, Opened to) {
    ++turn_;
    is_out_of_order_ = is_out_of_order_ || turn.comes_back;
    if (turn.leaves) put_left(identity_, turn.left);
    has_turned_ = looks_again_ = true;
    adopt(std::move(to));
  }

  // The file in hand is put down for another one. `is_open`: in the middle of a line.
  void turn_to(Opened to, bool comes_back, bool leaves = true, bool is_open = false) {
    if (reader_ == nullptr || !files_) return adopt(std::move(to));
    const auto facts = to.reader->facts(), before = reader_->facts();
    const Time born = before ? before->born : Time{}, written = before ? before->written : Time{};
    Turn turn{facts ? facts->identity : to.file.identity,
              to.reader->position(),
              hash_bytes(to.tail),
              comes_back,
              leaves,
              {reader_->taken(), byte_, hash_bytes(tail_), is_open, false, born, written, path_}};
    if (turns_.size() >= kNotedMax) {  // then it is not taken again
      give_up_turns(turns_before_);
      turns_before_ = turn_;
    }
    turns_.push_back(turn);
    turn_to(turn, std::move(to));
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
  Result<bool> use(const FoundFile& file, bool is_open = false) {
    auto opened = FileReader::open(file.path);
    if (!opened && config_.follow) {
      trouble_ = opened.error().message;
      return false;
    }
    if (!opened) return tl::unexpected(opened.error());
    if (const auto facts = (*opened)->facts(); facts && facts->identity != file.identity) {
      looks_again_ = true;  // it has been moved since
      return false;
    }
    const bool comes_back = reader_ != nullptr && config_.follow && is_read_before(file.name, name_);
    turn_to(Opened{file, std::move(*opened), {}}, comes_back, true, is_open);
    return true;
  }

  void adopt(Opened to) {
    reader_ = std::move(to.reader);
    const auto facts = reader_->facts();
    identity_ = facts ? facts->identity : to.file.identity;
    name_ = to.file.name;
    std::error_code error;  // what a link leads to: it may lead to another one later
    const auto leads_to = std::filesystem::canonical(to.file.path, error);
    path_ = error ? to.file.path : leads_to.string();
    byte_ = reader_->position();
    tail_ = std::move(to.tail);
    const Left* left = left_of(identity_);
    is_open_ = left != nullptr && left->is_open;
    forget_left(identity_);
    at_header_ = config_.header && byte_ == 0;
    noticed_.reset();
    trouble_.clear();
    rest_.clear();
    if (changes_.size() >= kNotedMax) forget_changes();
    note_place();
  }

  // False: there is none yet.
  Result<bool> open_first() {
    auto files = files_->files(false);
    if (!files && !config_.follow) return tl::unexpected(files.error());
    if (!files) {  // that passes
      trouble_ = files.error().message;
      return false;
    }
    if (config_.follow && is_first_start_) know_what_was_rotated();
    if (config_.follow && !files_->is_one_file())
      std::erase_if(*files, [&](const FoundFile& file) {
        return file.name.ends_with(".gz") && left_of(file.identity) == nullptr && !what_is_new(file, true);
      });
    std::erase_if(*files, [&](const FoundFile& file) {
      const Left* left = left_of(file.identity);
      return left != nullptr && left->size == file.size;
    });
    for (const FoundFile& file : *files) {
      const Left* left = left_of(file.identity);
      auto there = left == nullptr ? Found{} : at_place(file, place_of(*left));
      if (!there || !*there) return use(file);
      turn_to(Opened{file, std::move((*there)->first), std::move((*there)->second)}, true);
      return true;
    }
    if (!config_.follow)
      return failure(Error::Code::unreadable, fmt::format("{}: there is no such file", config_.path));
    const bool had_some = std::ranges::any_of(left_, [](const auto& left) { return !left.second.is_passed_over; });
    if (trouble_.empty() && !had_some)
      trouble_ = fmt::format("waiting for {}: there is no such file yet", config_.path);
    return false;
  }

  // What rotation had moved away before the first start is no part of the source, whatever it is called later.
  void know_what_was_rotated() {
    if (!files_->is_one_file()) return;
    const auto family = files_->files(true);
    if (!family) return;
    for (const FoundFile& file : *family)
      if (file.path != files_->path() && left_of(file.identity) == nullptr)
        put_left(file.identity, {file.size, 0, 0, false, true, file.born, file.written, file.path});
  }

  // A file that is renamed while a folder is listed may be missed by it. Two times that is not likely: so all that were
  // there have to be there still, by the same names, or it is listed again.
  Result<std::vector<FoundFile>> settled_files() {
    for (int i = 0;; ++i) {
      auto files = files_->files(true);
      if (!files) return files;
      auto at = files->begin();
      const bool is_settled = has_listed_ && std::ranges::all_of(listed_files_, [&](const FoundFile& before) {
                                while (at != files->end() && at->name != before.name) ++at;
                                return at != files->end() && at->identity == before.identity;
                              });
      has_listed_ = true;
      listed_files_ = *files;
      if (is_settled || i == kSettles) return files;
    }
  }

  // A reader that stands at the place, and the bytes before it; nothing: that is another file.
  using Found = Result<std::optional<std::pair<std::unique_ptr<FileReader>, std::string>>>;
  static Found at_place(const FoundFile& file, const Place& place) {
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

  // By its number first; a copy is known by its bytes. Nothing: nowhere.
  static Result<std::optional<Opened>> find(const Place& place, const std::vector<FoundFile>& files,
                                            std::uint64_t but_not) {
    for (const bool by_number : {true, false}) {
      for (const FoundFile& file : files) {
        if ((file.identity == place.identity) != by_number || file.identity == but_not) continue;
        if (!by_number && place.byte == 0) continue;  // before any file stands the same
        auto there = at_place(file, place);
        if (!there && by_number) return tl::unexpected(there.error());
        if (!there || !*there) continue;
        return Opened{file, std::move((*there)->first), std::move((*there)->second)};
      }
    }
    return std::nullopt;
  }

  Result<void> go_back(const Place& place) {
    const auto files = settled_files();
    if (!files) return tl::unexpected(files.error());
    reader_.reset();
    auto found = find(place, *files, 0);
    if (found && !*found && place.byte != 0) {
      std::vector<FoundFile> same = files_->anything_near();
      std::erase_if(same, [&](const FoundFile& file) { return file.identity != place.identity; });
      for (FoundFile& file : same) file.name = place.name;  // its place in the order is the one that it had
      found = find(place, same, 0);
      if (found && *found && files_->is_one_file()) tell_of_strange_names((*found)->file);
    }
    if (!found) return tl::unexpected(found.error());
    line_ = place.line;
    if (*found) {
      adopt(std::move(**found));
      return place.byte != 0 ? read_header() : Result<void>{};
    }
    if (place.byte != 0)
      return failure(
          Error::Code::refused,
          fmt::format("{}: cannot go on at line {}: the file that was being read, {} with {} bytes, is not there any "
                      "more, nor beside it under another name; put it back, or give the source another name in "
                      "tocsin.toml: then it is read from its beginning, as a new one",
                      config_.path, first_wanted_, place.name, place.byte));
    // Nothing had been read of it: the next one is as good.
    give_up_turns(turn_);
    for (const FoundFile& file : *files)
      if (!is_read_before(file.name, place.name) && left_of(file.identity) == nullptr)
        return use(file).map([](bool) {});
    return config_.follow ? Result<void>{} : open_first().map([](bool) {});
  }

  // It has a name that no rotation gives which is known here: others may have one, too.
  void tell_of_strange_names(const FoundFile& moved) {
    const auto before = facts_of(moved.path);
    if (!before || !*before) return;
    const std::string_view own = files_->path();
    const std::string_view last = own.substr(own.rfind('/') + 1), stem = last.substr(0, last.rfind('.'));
    std::set<std::string> others;
    for (const FoundFile& file : files_->anything_near()) {
      if (!file.name.starts_with(stem) || file.identity == moved.identity || left_of(file.identity) != nullptr)
        continue;
      if (file.name == last || is_rotated_name(file.name, last) || file.written <= (*before)->written) continue;
      others.insert(file.name);
    }
    if (others.empty()) return;
    config_.tell(
        fmt::format("{}: it was moved to {}, which is no name that is known as one that rotation gives; newer "
                    "than that, and not read: {}{}. Give the source a pattern that has them all",
                    config_.path, moved.path, *others.begin(),
                    others.size() > 1 ? fmt::format(" and {} more", others.size() - 1) : ""));
  }

  // Lines are counted back from the place through the files that were read before it, up to the first line of all.
  Result<void> go_to_oldest(const Place& place, const std::atomic<bool>& given_up) {
    if (place.is_out_of_order)
      return failure(
          Error::Code::refused,
          fmt::format("{}: its files were not read in the order of their names (one that had been left has grown, or "
                      "their numbers count upwards); in that order they cannot be read again",
                      config_.path));
    const auto files = settled_files();
    if (!files) return tl::unexpected(files.error());
    has_forgotten_ = true;
    if (const auto found = go_back(place); !found) return found;
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
    adopt({*file, std::move(*opened), {}});
    return {};
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
    bool comes_first = false;  // what rotation has moved away comes before what was begun since
  };

  Result<Polled> at_end(Block& into, Duration wait) {
    if (config_.follow && reader_->was_cut()) return was_cut(into);
    // It was left in the middle of a line of which nothing more has come.
    if (is_open_ && !into.bytes.empty() && was_written_long_ago()) return end_open_line(into);
    const auto next = next_file();
    if (!next) return tl::unexpected(next.error());
    if (!*next && !config_.follow) return last(into);
    const bool is_whole = into.bytes.empty() && !skipping_;
    if (*next) {
      const auto& [file, left, _] = **next;
      if (left && (is_whole || !files_->is_one_file() || is_left_alone())) return go_on_in(into, **next);
      if (!left && (!config_.follow || is_left_alone())) return end_file(into, file);
      // In a folder nobody waits for who writes on, but for the writer who has not noticed that this one was moved.
      if (!left && !files_->is_one_file() && !is_rotated_name(name_, file.name)) return leave_for(into, file);
    }
    reader_->look_again();
    put_back(into);
    watch_->wait(wait);
    return Polled::nothing;
  }

  void put_back(Block& into) {
    rest_.append(into.bytes.view());
    into.clear();
  }

  // Is it worth a look at the folder?
  bool is_time_to_look() {
    if (!config_.follow) return !files_->is_one_file();
    const Duration since = looked_ ? clock_->elapsed() - *looked_ : kLookBack;
    const Duration rest{kRestPerFile.us * static_cast<std::int64_t>(listed_files_.size())};
    if (!files_->is_one_file()) return since >= kListAgain || ((looks_again_ || news_.is_more) && since >= rest);
    const auto now = facts_of(files_->path());
    const bool is_there = now && *now, is_in_hand = is_there && (*now)->identity == identity_;
    if (is_in_hand && left_.empty()) return false;
    const Left* left = is_there ? left_of((*now)->identity) : nullptr;
    if (is_there && !is_in_hand && (left == nullptr || left->size != (*now)->size)) return true;
    return noticed_ || looks_again_ || since >= (is_in_hand ? kLookBack : kListAgain);
  }

  // The file behind the one in hand, or one that was left and has grown; nothing: there is none now. All get their
  // turn: a look finds all that have something, and the next one is made when each of them has had it.
  Result<std::optional<Next>> next_file() {
    if (config_.follow && !files_->is_one_file()) hear();
    if ((round_.empty() || noticed_) && is_time_to_look())
      if (const auto looked = look(); !looked) return tl::unexpected(looked.error());
    if (round_.empty()) return std::nullopt;
    return round_.front();
  }

  // Files of which the system has said that somebody has written them need no look at all the others.
  void hear() {
    auto now = watch_->take();
    news_.is_more = news_.is_more || now.is_more;
    for (const std::string& name : now.written) {
      if (name == name_ || reader_ == nullptr) continue;
      const auto known = std::ranges::lower_bound(listed_files_, name, is_read_before, &FoundFile::name);
      if (known == listed_files_.end() || known->name != name)
        continue;  // not one of these, or it was told that it came
      const auto facts = facts_of(known->path);
      const Left* left = left_of(known->identity);
      if (!facts || !*facts || (*facts)->identity != known->identity || left == nullptr || left->is_passed_over)
        news_.is_more = true;
      else if (left->size != (*facts)->size && std::ranges::find(round_, known->identity, &identity_of) == round_.end())
        round_.push_back({*known, *left, false});
    }
  }
  static std::uint64_t identity_of(const Next& next) { return next.file.identity; }

  Result<void> look() {
    looks_again_ = false;
    news_ = {};
    round_.clear();
    if (config_.follow) looked_ = clock_->elapsed();
    const auto files = settled_files();
    if (!files && !config_.follow) return tl::unexpected(files.error());
    if (!files) {  // that passes
      trouble_ = files.error().message;
      return {};
    }
    ++look_;
    replaced_.clear();
    const auto here = std::ranges::find(*files, identity_, &FoundFile::identity);
    if (here != files->end()) name_ = here->name;  // else it was removed
    bool is_there = here != files->end();          // the folder, and not what it is mounted on
    for (const FoundFile& file : *files) {
      const auto left = left_.find(file.identity);
      if (left == left_.end()) continue;
      if (is_another(left->second, file)) {
        if (!left->second.is_passed_over) replaced_.push_back(left->second);
        forget_left(file.identity);
        continue;
      }
      left->second.path = file.path;
      left->second.look = look_;
      is_there = true;
    }
    const auto first =
        std::ranges::find_if(*files, [&](const FoundFile& file) { return !is_read_before(file.name, name_); });
    for (auto file = first; file != files->end(); ++file) take_in(*file, true);
    if (!config_.follow) return {};
    for (auto file = files->begin(); file != first; ++file) take_in(*file, false);
    std::ranges::stable_sort(round_, [](const Next& a, const Next& b) {
      return a.comes_first != b.comes_first ? a.comes_first : a.comes_first && a.file.written < b.file.written;
    });
    if (is_there) look_for_missed();
    // They were read in another order than that of their names?
    is_out_of_order_ =
        is_out_of_order_ || (files_->is_one_file() && std::ranges::any_of(left_, [&](const auto& other) {
                               const Left& left = other.second;
                               return !left.is_passed_over && left.look == look_ && !is_read_before(left.name(), name_);
                             }));
    // They may have other names when one of them has been read.
    if (files_->is_one_file() && round_.size() > 1) round_.erase(std::next(round_.begin()), round_.end());
    return {};
  }

  void take_in(const FoundFile& file, bool is_behind) {
    if (file.identity == identity_) return;
    const Left* left = left_of(file.identity);
    if (left == nullptr || (left->is_passed_over && left->size != file.size)) {
      if (!config_.follow || (is_behind && left == nullptr && !is_packed_name(file.name)))
        return round_.push_back({file, std::nullopt, false});
      if (auto next = what_is_new(file, is_behind)) round_.push_back(std::move(*next));
    } else if (config_.follow && !left->is_passed_over &&
               (left->size != file.size || (left->is_open && file.written + kLinger <= clock_->now()))) {
      round_.push_back({file, *left, false});
    }
  }

  // By the number of one that was removed?
  static bool is_another(const Left& left, const FoundFile& file) {
    if (left.born != Time{} && file.born != Time{}) return left.born != file.born;
    return left.size == file.size && left.written != file.written && left.name() != file.name && left.written != Time{};
  }

  // What is not in the folder may be what a link led to before, or gone.
  void look_for_missed() {
    std::vector<std::uint64_t> gone;
    for (auto& [identity, left] : left_) {
      if (left.look == look_) {
        left.missed.reset();
        continue;
      }
      const auto now = left.path.empty() ? Result<std::optional<FileFacts>>() : facts_of(left.path);
      if (!now) continue;
      if (*now && (*now)->identity == identity && !(left.born != Time{} && left.born != (*now)->born)) {
        left.missed.reset();
        if ((*now)->size != left.size && !left.is_passed_over)
          round_.push_back({{left.path, name_, identity, (*now)->size, {}, {}}, left, false});
      } else if (!left.missed) {
        left.missed = clock_->elapsed();
      } else if (clock_->elapsed() - *left.missed >= kGoneAfter) {
        gone.push_back(identity);
      }
    }
    for (const std::uint64_t identity : gone) forget_left(identity);
  }

  // Has rotation made the one of the other, by their names?
  bool is_of_one_family(const FoundFile& file, std::string_view other) const {
    return files_->is_one_file() ||
           (!other.empty() && (is_rotated_name(file.name, other) || is_rotated_name(file.name, stem_of(other))));
  }

  // Of files that were read: `take` gets name, when it was written last, and born; of the one in hand, too.
  template <class Take>
  void for_all_read(const FoundFile& but, const Take& take) const {
    if (reader_ != nullptr)
      if (const auto facts = reader_->facts()) take(std::string_view(name_), facts->written, facts->born);
    for (const auto& [identity, left] : left_)
      if (identity != but.identity && !left.is_passed_over) take(left.name(), left.written, left.born);
    for (const Left& left : replaced_) take(left.name(), left.written, left.born);
  }

  // Rotation may count upwards (the highest number is the newest), or write dates that do not sort: when was the file
  // written, of those that rotation has moved away and that were read? Both of its times have to say the same, as a
  // copy may have kept one of them.
  enum class Age : std::uint8_t { newer, older, unknown };
  Age age_of(const FoundFile& file) const {
    bool is_newer = true, is_older = false, has_any = false;
    for_all_read(file, [&](std::string_view name, Time written, Time born) {
      if (!is_of_one_family(file, name) || written == Time{}) return;
      const bool has_born = born != Time{} && file.born != Time{};
      is_older = is_older || (file.written < written && (!has_born || file.born <= born));
      if (is_rotated_name(file.name, name)) return;  // what all others are made of
      has_any = true;
      is_newer = is_newer && file.written > written && (!has_born || file.born >= born);
    });
    return has_any && is_newer ? Age::newer : is_older ? Age::older : Age::unknown;
  }

  // Of a name that is read before the one in hand, or of one that is packed: has none of it been read, under whatever
  // name? What rotation has packed or copied has, and is read on where it has more. What is not read is remembered,
  // until it changes.
  std::optional<Next> what_is_new(const FoundFile& file, bool is_behind) {
    bool is_rotated = false;
    for_all_read(file,
                 [&](std::string_view name, Time, Time) { is_rotated = is_rotated || is_of_one_family(file, name); });
    const Age age = is_rotated ? age_of(file) : Age::unknown;
    const bool is_told = left_of(file.identity) == nullptr || !files_->is_one_file();
    const auto pass_over = [&](const std::string& why) {
      put_left(file.identity, {file.size, 0, 0, false, true, file.born, file.written, file.path});
      if (!why.empty() && is_told) config_.tell(fmt::format("{}: {} is not read: {}", config_.path, file.path, why));
      return std::nullopt;
    };
    if (files_->is_one_file() && !is_behind && age == Age::older) return pass_over("");  // as it was before the first
    const auto holds = what_it_holds(file);
    if (!holds) {
      const bool may_pass = holds.error().code == Error::Code::unreadable;
      if (may_pass) trouble_ = holds.error().message;
      // Somebody may be packing it just now.
      if (may_pass || (config_.follow && file.written + kLinger > clock_->now())) return std::nullopt;
      return pass_over(is_rotated && was_packed_of_what_was_read(file) ? "" : holds.error().message);
    }
    if (holds->is_known) {
      if (holds->of != nullptr && holds->has_more && is_rotated && (holds->is_sure || is_packed_name(file.name)) &&
          has_gone(holds->identity, *holds->of))
        return Next{file, *holds->of, true};
      if (holds->is_sure) return pass_over(is_rotated ? "" : "it holds what another file held that was read");
    }
    if (is_behind || (!has_forgotten_ && (!is_rotated || age == Age::newer)))
      return Next{file, std::nullopt, !is_behind && is_rotated};
    if (is_rotated)
      return pass_over(
          "by its name it is what rotation has made of a file that was read, and its times do not say "
          "that it is newer; to have it read, give it a name of its own, or append its lines to another");
    return pass_over(
        fmt::format("its name stands before {}, and whether it was read before is not known any more", name_));
  }

  // Moved away, packed, or copied and cut?
  bool has_gone(std::uint64_t identity, const Left& left) const {
    const auto there = std::ranges::find(listed_files_, identity, &FoundFile::identity);
    return there == listed_files_.end() || there->size < left.size;
  }

  bool was_packed_of_what_was_read(const FoundFile& file) const {
    const auto size = size_in_gzip(file.path);
    if (!size) return false;
    bool is_same = reader_ != nullptr && static_cast<std::uint32_t>(byte_) == *size;
    for (const auto& [identity, left] : left_)
      is_same = is_same || (!left.is_passed_over && static_cast<std::uint32_t>(left.byte) == *size);
    for (const Left& left : replaced_) is_same = is_same || static_cast<std::uint32_t>(left.byte) == *size;
    return is_same;
  }

  // The bytes that were read of another one? Of a few only when there is nothing else: many begin in the same way.
  struct Holds {
    bool is_known = false;
    const Left* of = nullptr;  // nothing: the one in hand
    std::uint64_t identity = 0;
    bool is_sure = true;    // else it begins with the few that the other had
    bool has_more = false;  // behind them
  };
  Result<Holds> what_it_holds(const FoundFile& file) {
    struct Known {
      std::uint64_t byte, digest, identity;
      const Left* left;
    };
    std::vector<Known> known;
    if (byte_ > 0) known.push_back({byte_, hash_bytes(tail_), identity_, nullptr});
    for (const auto& [identity, left] : left_)
      if (identity != file.identity && left.byte > 0) known.push_back({left.byte, left.digest, identity, &left});
    for (const Left& left : replaced_)
      if (left.byte > 0) known.push_back({left.byte, left.digest, 0, &left});
    std::ranges::sort(known, {}, &Known::byte);
    const auto reader = FileReader::open(file.path);
    if (!reader) return tl::unexpected(reader.error());
    Holds out;
    const auto take = [&](const Known& same) {
      const bool is_sure = same.byte >= kKnownBy;
      if (!out.is_known || is_sure || !out.is_sure) out = {true, same.left, same.identity, is_sure, false};
    };
    std::string text;                     // the last of what was read
    std::uint64_t end = 0, found_at = 0;  // of the text; of what is held
    for (auto next = known.begin();;) {
      const std::size_t kept = std::min<std::size_t>(text.size(), kKnownBy);
      text.erase(0, text.size() - kept);
      text.resize(kept + kCompared);
      std::size_t size = kept;
      bool ends = false;
      while (!ends && size < text.size()) {
        const auto got = (*reader)->read(text.data() + size, text.size() - size, {});
        if (!got) return tl::unexpected(got.error());
        ends = got->value_or(0) == 0;
        size += got->value_or(0);
      }
      text.resize(size);
      end += size - kept;
      for (; next != known.end() && next->byte <= end; ++next) {
        const std::size_t tail = std::min(next->byte, kKnownBy), at = size - (end - next->byte) - tail;
        if (hash_bytes(std::string_view(text).substr(at, tail)) != next->digest) continue;
        take(*next);
        found_at = next->byte;
      }
      if (ends || (next == known.end() && end > found_at)) break;
      if ((*reader)->is_packed()) continue;
      for (; next != known.end(); ++next) {  // there is no need to read what lies between
        const auto there = at_place(file, {.byte = next->byte, .digest = next->digest});
        if (!there || !*there) continue;
        take(*next);
        found_at = next->byte;
      }
      end = std::max(end, file.size);
      break;
    }
    out.has_more = out.is_known && end > found_at;
    if (!out.has_more) out.is_sure = true;
    return out;
  }

  static Place place_of(const Left& left) { return {.byte = left.byte, .digest = left.digest}; }

  // In a file that was left: what has come since.
  Result<Polled> go_on_in(Block& into, const Next& to) {
    const Next next = to;
    round_.pop_front();
    auto there = at_place(next.file, place_of(*next.left));
    if (!there) {
      trouble_ = there.error().message;
      put_back(into);
      watch_->wait(kLookAgain);
      return Polled::nothing;
    }
    if (!*there && files_->is_one_file() &&
        is_read_before(next.file.name, name_)) {  // its number is another file's now
      forget_left(next.file.identity);
      put_back(into);
      return Polled::nothing;
    }
    const bool is_open = is_open_ && !skipping_ && !into.bytes.empty();
    Result<Polled> given = leave_line(into);
    if (!given) return given;
    if (!*there) {  // cut, or begun anew
      if (next.left->byte > 0)
        config_.tell(fmt::format("{}: somebody has cut {} after it was read; it is read from its beginning",
                                 config_.path, next.file.path));
      const auto used = use(next.file, is_open);
      if (!used) return tl::unexpected(used.error());
      return given;
    }
    turn_to(Opened{next.file, std::move((*there)->first), std::move((*there)->second)}, true, true, is_open);
    return given;
  }

  bool was_written_long_ago() const {
    const auto facts = reader_->facts();
    return facts && facts->written + kLinger <= clock_->now();
  }

  bool is_left_alone() {
    if (was_written_long_ago()) return true;
    if (!noticed_) noticed_ = clock_->elapsed();
    return clock_->elapsed() - *noticed_ >= kLinger;  // whatever the file system's clock says
  }

  // A line that is not whole is read again when it is; but nobody comes back into the middle of one that was cut.
  Result<Polled> leave_line(Block& into) {
    if (skipping_) return end_line(into);
    put_back(into);  // the next file forgets it
    return Polled::nothing;
  }

  // For one of which nothing was read, while this one is written.
  Result<Polled> leave_for(Block& into, const FoundFile& file) {
    const FoundFile next = file;
    round_.pop_front();
    const bool is_open = !skipping_ && !into.bytes.empty();
    Result<Polled> given = leave_line(into);
    if (!given) return given;
    const auto used = use(next, is_open);
    if (!used) return tl::unexpected(used.error());
    return given;
  }

  // As if it were another file from there on: what comes next is another line.
  Result<Polled> end_open_line(Block& into) {
    Result<Polled> given = end_line(into);
    if (!given) return given;
    const FoundFile same{path_, name_, identity_, 0, {}, {}};
    auto there = at_place(same, place());
    if (there && *there) turn_to(Opened{same, std::move((*there)->first), std::move((*there)->second)}, false);
    is_open_ = false;
    return given;
  }

  // Its last line is finished, with a line break or without.
  Result<Polled> end_file(Block& into, const FoundFile& file) {
    const FoundFile next = file;
    if (!round_.empty()) round_.pop_front();
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
    const auto files = settled_files();
    if (!files) return tl::unexpected(files.error());
    round_.clear();
    if (!skipping_) {
      auto found = find(place(), *files, identity_);
      if (!found) return tl::unexpected(found.error());
      if (*found) {
        turn_to(std::move(**found), false, false);
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
    return end_file(into, {files_->path_of(name_), name_, identity_, 0, {}, {}});
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
  std::string path_;          // where the file in hand stood when it was opened
  std::deque<Place> places_;  // ascending by line
  std::string header_;
  bool at_header_ = false;
  bool is_open_ = false;  // it was left in the middle of a line
  bool skipping_ = false, paused_ = false, ended_ = false;
  bool has_turned_ = false;
  bool is_first_start_ = true;

  // Files that were left, by their numbers; and what has changed there that no epoch has yet.
  std::unordered_map<std::uint64_t, Left> left_;
  bool is_out_of_order_ = false, has_forgotten_ = false;
  std::vector<Left> replaced_;  // whose numbers other files had at the last look
  struct Change {
    std::uint64_t identity = 0;
    std::optional<Left> now;  // nothing: it is not left any more
  };
  std::deque<Change> changes_;
  std::uint64_t changes_before_ = 0;

  // The first `turn_` have been taken, counted from the first start; the ones behind `turns_before_` are here.
  std::deque<Turn> turns_;
  std::uint64_t turns_before_ = 0, turn_ = 0;
  std::set<std::uint64_t> kept_turns_, wrong_turns_;   // what durable state has of them, and of some that are none now
  std::unordered_map<std::uint64_t, FoundFile> near_;  // where to find them
  // What notes() has said, until it is stored.
  struct Asked {
    std::uint64_t next_offset = 0, changes = 0, turn = 0;
    std::set<std::uint64_t> turns, wrong_turns;
  };
  std::optional<Asked> asked_;

  // What a look at the folder has found, and what of it has not had its turn.
  std::vector<FoundFile> listed_files_;
  bool has_listed_ = false;
  std::deque<Next> round_;
  std::uint64_t look_ = 0;
  FolderWatch::News news_;
  bool looks_again_ = false;         // something was found the last time
  std::optional<Duration> noticed_;  // that there is a file behind the one in hand
  std::optional<Duration> looked_;
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
