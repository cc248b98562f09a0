#include "tests/sim/faulty.h"

#include <algorithm>
#include <string>

namespace tocsin::tests {
namespace {

// Longer than a store may take before somebody says that the disk does not answer.
constexpr Duration kVeryLong = seconds(8);

}  // namespace

class FaultyFile final : public DiskFile {
 public:
  FaultyFile(FaultyDisk& disk, std::unique_ptr<DiskFile> file, std::string path)
      : disk_(disk), file_(std::move(file)), path_(std::move(path)) {}

  Result<void> append(std::string_view bytes) override {
    auto begun = disk_.begins("append", path_);
    if (begun) return disk_.ended(file_->append(bytes));
    if (!disk_.fate_.is_dead && begun.error().code == Error::Code::full && disk_.fate_.one_in(2)) {
      disk_.fate_.count(Simulated::short_writes);
      if (auto some = file_->append(bytes.substr(0, disk_.fate_.below(bytes.size() + 1))); !some) return some;
    }
    return begun;
  }
  Result<void> sync() override {
    return disk_.begins("sync", path_).and_then([&] { return disk_.ended(file_->sync()); });
  }
  Result<std::uint64_t> size() const override { return file_->size(); }
  Result<std::size_t> read(std::uint64_t from, std::span<char> into) const override {
    return disk_.begins("read", path_).and_then([&] { return file_->read(from, into); });
  }
  Result<void> truncate(std::uint64_t size) override {
    return disk_.begins("truncate", path_).and_then([&] { return disk_.ended(file_->truncate(size)); });
  }
  Result<std::uint64_t> identity() const override { return file_->identity(); }

 private:
  FaultyDisk& disk_;
  std::unique_ptr<DiskFile> file_;
  std::string path_;
};

Result<void> FaultyDisk::begins(std::string_view call, const std::string& path) const {
  const auto fails = [&](Error::Code code, const char* why) -> Result<void> {
    return failure(code, "cannot " + std::string(call) + " " + path + ": " + why);
  };
  if (fate_.is_dead) return fails(Error::Code::unreadable, "the process is dead");
  fate_.note(call, hash_bytes(path));
  const bool only_looks = call == "open" || call == "read" || call == "list";
  if (!only_looks && fate_.strikes(fate_.odds.death_in_call)) {
    fate_.count(Simulated::deaths_in_calls);
    fate_.is_dead = true;
    return fails(Error::Code::unreadable, "the process is dead");
  }
  // During these nobody holds what others need: whoever is stopped in them stops no one.
  const bool others_may = call == "append" || call == "sync" || call == "read" || call == "rename";
  if (others_may && fate_.others && fate_.strikes(fate_.odds.slow_call)) {
    fate_.count(Simulated::slow_calls);
    fate_.clock.at = fate_.clock.at + (fate_.one_in(6) ? kVeryLong : fate_.within(200));
    fate_.others();
    if (fate_.is_dead) return fails(Error::Code::unreadable, "the process is dead");
  }
  if (fate_.strikes(fate_.odds.full)) {
    fate_.count(Simulated::full);
    full_until_ = fate_.clock.at + fate_.within(2'000);
  }
  const bool needs_room = call == "append" || call == "create";
  if (needs_room && !fate_.is_calm && fate_.clock.at < full_until_) {
    ++fate_.faults;
    return fails(Error::Code::full, "No space left on device");
  }
  if (fate_.strikes(fate_.odds.failed_call)) {
    fate_.count(Simulated::failed_calls);
    ++fate_.faults;
    return fails(Error::Code::unreadable, "Input/output error");
  }
  return {};
}

Result<void> FaultyDisk::ended(Result<void> result) const {
  if (!result || !fate_.strikes(fate_.odds.death_in_call)) return result;
  fate_.count(Simulated::deaths_in_calls);
  fate_.is_dead = true;
  return failure(Error::Code::unreadable, "the process is dead");
}

Result<std::unique_ptr<DiskFile>> FaultyDisk::open(const std::string& path, Open how) {
  return begins(how == Open::create ? "create" : "open", path)
      .and_then([&] { return disk_.open(path, how); })
      .map([&](std::unique_ptr<DiskFile> file) -> std::unique_ptr<DiskFile> {
        return std::make_unique<FaultyFile>(*this, std::move(file), path);
      });
}

Result<void> FaultyDisk::rename(const std::string& from, const std::string& to) {
  return begins("rename", from).and_then([&] { return ended(disk_.rename(from, to)); });
}

Result<void> FaultyDisk::remove(const std::string& path) {
  return begins("remove", path).and_then([&] { return ended(disk_.remove(path)); });
}

Result<void> FaultyDisk::sync_folder(const std::string& folder) {
  return begins("sync_folder", folder).and_then([&] {
    return ended(syncs_folders ? disk_.sync_folder(folder) : Result<void>{});
  });
}

Result<void> FaultyDisk::make_folder(const std::string& folder) {
  return begins("make_folder", folder).and_then([&] { return ended(disk_.make_folder(folder)); });
}

Result<std::vector<std::string>> FaultyDisk::list(const std::string& folder) const {
  return begins("list", folder).and_then([&] { return disk_.list(folder); });
}

Result<std::optional<std::uint64_t>> FaultyDisk::identity(const std::string& path) const {
  return begins("open", path).and_then([&] { return disk_.identity(path); });
}

// ----- the source -----------------------------------------------------------------------------------------

namespace {

// In the order of keys: some come, change and go with each position.
std::vector<SourceNote> notes_at(std::uint64_t next) {
  std::vector<SourceNote> out;
  for (std::uint64_t i = 0; i < 4; ++i)
    if ((next >> i) % 2 != 0) out.push_back({"note " + std::to_string(i), std::to_string(next >> (i + 1)), false});
  return out;
}

}  // namespace

Result<void> FaultySource::start(std::span<const Progress> from) {
  std::vector<bool> is_named(parts_.size());
  for (const Progress& progress : from) {
    const std::uint64_t next = std::max<std::uint64_t>(progress.next_offset, 1);
    is_named[progress.partition] = true;
    parts_[progress.partition].next = next;
    if (next < log_.safe[progress.partition])
      log_.wrong = "records are asked for again that were said to be stored";
    else if (next > log_.partitions[progress.partition].size() + 1)
      log_.wrong = "records are asked for that are none";
    if (!progress.bookmark.empty() && progress.bookmark != bookmark(progress.partition, progress.next_offset))
      log_.wrong = "a bookmark came back as that of another place: " + progress.bookmark;
    std::vector<SourceNote> notes = progress.notes;
    std::ranges::sort(notes, {}, &SourceNote::key);
    if (!progress.bookmark.empty() && notes != notes_at(next))
      log_.wrong = "other notes came back than those of the place: " + progress.bookmark;
    parts_[progress.partition].noted = next;
  }
  for (std::size_t i = 0; i < parts_.size(); ++i) {
    if (!is_named[i] && log_.safe[i] > 1) log_.wrong = "a partition begins anew that was stored";
    parts_[i].ends = {parts_[i].next};
  }
  return {};
}

bool FaultySource::may_give(std::uint32_t partition) const {
  const Part& part = parts_[partition];
  if (part.is_paused || part.told_end) return false;
  if (!log_.last_is_silent || partition + 1 < parts_.size()) return true;
  return std::all_of(parts_.begin(), parts_.end() - 1, [](const Part& other) { return other.told_end; });
}

Result<Polled> FaultySource::poll(Block& into, Duration) {
  if (fate_.strikes(fate_.odds.failed_poll)) {
    has_failed_ = true;
    return failure(Error::Code::unreadable, "the source is gone");
  }
  if (fate_.strikes(fate_.odds.stall)) {
    fate_.count(Simulated::stalls);
    stalls_until_ = fate_.clock.at + fate_.within(400);
  }
  if (fate_.clock.at < stalls_until_ && !fate_.is_calm) return Polled::nothing;
  std::vector<std::uint32_t> ready;
  for (std::uint32_t i = 0; i < partitions(); ++i)
    if (may_give(i)) ready.push_back(i);
  if (ready.empty()) return std::ranges::all_of(parts_, &Part::told_end) ? Polled::finished : Polled::nothing;
  const std::uint32_t partition = ready[fate_.below(ready.size())];
  Part& part = parts_[partition];
  const auto& lines = log_.partitions[partition];
  into.source = id_;
  into.partition = partition;
  into.first_offset = part.next;
  const std::uint64_t left = lines.size() + 1 - part.next;
  if (left == 0) {
    into.next_offset = part.next;
    into.ends = part.told_end = true;
  } else {
    const std::uint64_t n = 1 + fate_.below(std::min<std::uint64_t>(left, 5));
    if (n < left) fate_.count(Simulated::short_reads);
    for (std::uint64_t i = 0; i < n; ++i, ++part.next) into.bytes.append(lines[part.next - 1] + "\n");
    into.next_offset = part.next;
    part.ends.insert(part.next);
  }
  fate_.note("poll", id_.index * 1'000'000 + partition * 1'000 + part.next);
  return Polled::block;
}

void FaultySource::pause(std::uint32_t partition) {
  fate_.count(Simulated::pauses);
  parts_[partition].is_paused = true;
}

std::string FaultySource::bookmark(std::uint32_t partition, std::uint64_t next_offset) const {
  return "place " + std::to_string(partition) + ":" + std::to_string(std::max<std::uint64_t>(next_offset, 1));
}

std::vector<SourceNote> FaultySource::notes(std::uint32_t partition, std::uint64_t next_offset) {
  const Part& part = parts_[partition];
  const std::uint64_t next = std::max<std::uint64_t>(next_offset, 1);
  std::vector<SourceNote> out = notes_at(next);
  for (const SourceNote& before : notes_at(part.noted)) {
    const auto now = std::ranges::find(out, before.key, &SourceNote::key);
    if (now == out.end())
      out.push_back({before.key, {}, true});
    else if (now->value == before.value)
      out.erase(now);
  }
  return out;
}

void FaultySource::stored(std::span<const Progress> safe) {
  for (const Progress& progress : safe) {
    parts_[progress.partition].noted = std::max<std::uint64_t>(progress.next_offset, 1);
    std::uint64_t& known = log_.safe[progress.partition];
    if (std::max<std::uint64_t>(progress.next_offset, 1) < known) log_.wrong = "what is stored went back";
    known = std::max(known, progress.next_offset);
    if (progress.next_offset > parts_[progress.partition].next) log_.wrong = "something is stored that was not read";
    if (progress.next_offset > 0 && !parts_[progress.partition].ends.contains(progress.next_offset))
      log_.wrong = "a position in the middle of a block is stored";
  }
}

// ----- the receiver ---------------------------------------------------------------------------------------

Result<void> FaultySink::open(const std::optional<Delivery>& from, Epoch newest) {
  delivered_ = from ? from->epoch : newest;
  next_ = {};
  return {};
}

Result<Written> FaultySink::write(Epoch epoch, std::span<const Message> messages) {
  if (epoch <= delivered_) return Written::all;
  if (queue_.size() >= 4) {
    send();
    return Written::full;
  }
  if (next_.first != epoch.number) next_ = {epoch.number, 0};
  for (const Message& message : messages) queue_.push_back({{epoch.number, next_.second++}, std::string(message.body)});
  return Written::all;
}

Result<void> FaultySink::finish(Epoch epoch) {
  if (epoch > delivered_) finished_.push_back(epoch);
  send();
  return {};
}

Result<bool> FaultySink::drain(Duration) {
  send();
  return finished_.empty();
}

void FaultySink::send() {
  if (fate_.strikes(fate_.odds.receiver_hang)) {
    fate_.count(Simulated::receiver_hangs);
    hangs_until_ = fate_.clock.at + fate_.within(1'000);
  }
  if (fate_.clock.at < hangs_until_ && !fate_.is_calm) return;
  for (; !queue_.empty(); queue_.pop_front()) {
    const Waiting& first = queue_.front();
    const bool fails = fate_.strikes(fate_.odds.refusal), is_taken = !fails || fate_.one_in(2);
    if (is_taken) {
      const auto [known, is_new] = outside_.messages.try_emplace(first.place, first.body);
      if (!is_new) fate_.count(Simulated::repeats);
      if (known->second != first.body) outside_.wrong = "a message came again as another one: " + first.body;
      if (is_new && first.place < outside_.last) outside_.wrong = "a message came out of its order: " + first.body;
      outside_.last = std::max(outside_.last, first.place);
    }
    if (!fails) continue;
    fate_.count(is_taken ? Simulated::lost_answers : Simulated::refusals);
    return;
  }
  while (!finished_.empty()) {
    delivered_ = finished_.front();
    finished_.pop_front();
  }
}

}  // namespace tocsin::tests
