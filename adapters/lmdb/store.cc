#include "adapters/lmdb/store.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <tuple>
#include <utility>

#include "adapters/lmdb/fill.h"
#include "adapters/lmdb/merged_deltas.h"
#include "adapters/lmdb/records.h"
#include "engine/base/contract.h"
#include "engine/base/hash.h"

namespace tocsin {
namespace {

// Of the base, read at once by a scan: ever more, since many a scan ends after a few addresses.
constexpr std::size_t kFirstSliceBytes = 4 << 10, kSliceBytes = 1 << 20;

constexpr char kRestore[] = "restore a savepoint, or put back a copy of the whole folder";

tl::unexpected<Error> with_help(const Error& error, const std::string& help) {
  return failure(error.code, error.message + "; " + help);
}

bool exists(const std::string& file) {
  struct stat status;
  return ::stat(file.c_str(), &status) == 0;
}

// What it takes on the disk: the file itself is as long as it ever was.
std::uint64_t bytes_of(const std::string& file) {
  struct stat status;
  return ::stat(file.c_str(), &status) == 0 ? static_cast<std::uint64_t>(status.st_blocks) * 512 : 0;
}

// The deltas of a folder, and what a crash left among them.
struct Listed {
  std::vector<Epoch> epochs;
  std::vector<std::string> unfinished;
};

Listed sort_out(const std::vector<std::string>& names) {
  Listed listed;
  for (const std::string& name : names) {
    if (const auto epoch = epoch_of_delta(name)) listed.epochs.push_back(*epoch);
    if (name.ends_with(".tmp")) listed.unfinished.push_back(name);
  }
  return listed;
}

}  // namespace

// ----- the start ----------------------------------------------------------------------------------

LmdbStore::LmdbStore(const LmdbStoreConfig& config, Disk& disk, FolderLock lock)
    : config_(config), disk_(disk), lock_(std::move(lock)), writer_(disk, config.folder) {}

Result<std::unique_ptr<LmdbStore>> LmdbStore::open(const LmdbStoreConfig& config, Disk& disk) {
  auto lock = FolderLock::take(config.folder);
  if (!lock) return tl::unexpected(lock.error());
  std::unique_ptr<LmdbStore> store(new LmdbStore(config, disk, std::move(lock.value())));
  store->is_doubtful_ = true;  // what is not opened is not closed
  const auto mark = read_mark(disk);
  const auto opened = refuse_unfinished(config, disk)
                          .and_then([&] { return disk.make_folder(kDeltaFolder); })
                          .and_then([&] { return store->open_base(mark); })
                          .and_then([&] { return store->open_deltas(mark); })
                          .and_then([&] { return store->mark_open(mark); });
  if (!opened) return tl::unexpected(opened.error());
  store->is_doubtful_ = false;
  store->newest_at_start_ = store->newest_;
  return store;
}

Result<void> LmdbStore::open_base(const std::optional<FolderMark>& mark) {
  const std::string file = base_file();
  if (!exists(file)) {
    const auto names = disk_.list(kDeltaFolder);
    if (!names) return tl::unexpected(names.error());
    if (auto made = make_base(!sort_out(names.value()).epochs.empty(), mark.has_value()); !made) return made;
  }
  was_checked_ = is_in_doubt(mark);
  Result<void> checked;
  if (was_checked_) {
    checked = check_base_in_child(file);
  } else if (config_.check != CheckBase::never) {
    checked = BaseLook::begin(file).map([&](std::unique_ptr<BaseLook> look) { look_ = std::move(look); });
  }
  if (!checked) return checked.error().code == Error::Code::malformed ? with_help(checked.error(), kRestore) : checked;
  opened_ = std::chrono::steady_clock::now();
  auto base = Base::open(file);
  if (!base) return tl::unexpected(base.error());
  base_ = std::move(base.value());
  const auto head = base_->head();
  if (!head) return tl::unexpected(head.error());
  mark_.store = head.value().store;
  newest_ = through_ = head.value().through;
  delivered_ = head.value().delivered;
  figures_.base_addresses = head.value().addresses;
  figures_.base_bytes = base_->bytes().value_or(0);
  return {};
}

// A folder that held a state and has no base any more is no first start.
Result<void> LmdbStore::make_base(bool has_deltas, bool has_mark) {
  if (has_deltas || has_mark)
    return failure(
        Error::Code::malformed,
        fmt::format("{} is missing, though {} shows that this folder held a state; {}; or remove the whole folder to "
                    "begin with nothing",
                    base_file(), has_deltas ? "deltas/" : kMarkName, kRestore));
  return Base::create(base_file(), Base::random_number(), Base::random_number());
}

bool LmdbStore::is_in_doubt(const std::optional<FolderMark>& mark) const {
  switch (config_.check) {
    case CheckBase::always:
      return true;
    case CheckBase::never:
      return false;
    case CheckBase::in_doubt:
      break;
  }
  if (!mark || bytes_of(base_file()) <= config_.small_base) return true;
  if (!mark->is_open) return false;
  const std::string boot = boot_of_machine();
  return boot.empty() || mark->boot != boot || mark->unclosed >= 2;
}

// Whether all of it has been found so; false: it is still being looked at. Where that was broken off, by whomever, the
// next start does it first.
Result<bool> LmdbStore::is_base_sound(Duration wait) const {
  if (look_ == nullptr) return true;
  const auto verdict = look_->verdict(wait);
  if (!verdict) return false;
  if (*verdict) return true;
  doubt();
  const Error& error = verdict->error();
  if (error.code != Error::Code::malformed) return true;
  Epoch newest;
  {
    const std::scoped_lock held(mutex_);
    newest = newest_;
  }
  if (newest == newest_at_start_) return with_help(error, kRestore);
  return with_help(error, fmt::format("epochs {} to {} were made from it, and what they found may be wrong; {}",
                                      newest_at_start_.number + 1, newest.number, kRestore));
}

// A process that was killed between the rename and the sync of the folder leaves an epoch that everybody can read, and
// that a power cut would take away: from here on it counts, so it has to stay.
Result<void> LmdbStore::open_deltas(const std::optional<FolderMark>& mark) {
  if (auto synced = disk_.sync_folder(kDeltaFolder); !synced) return synced;
  const auto names = disk_.list(kDeltaFolder);
  if (!names) return tl::unexpected(names.error());
  Listed listed = sort_out(names.value());
  // What cannot be removed now is tried again at the next start.
  for (const std::string& name : listed.unfinished)
    static_cast<void>(disk_.remove(std::string(kDeltaFolder) + "/" + name));
  // In the base already, and a crash came before they were removed.
  const auto first = std::upper_bound(listed.epochs.begin(), listed.epochs.end(), through_);
  for (auto old = listed.epochs.begin(); old != first; ++old)
    if (*old != through_) static_cast<void>(disk_.remove(delta_path(*old)));
  const bool has_witness = first != listed.epochs.begin() && *(first - 1) == through_;
  listed.epochs.erase(listed.epochs.begin(), first);

  deltas_ = std::make_shared<const Deltas>();
  for (std::size_t i = 0; i < listed.epochs.size(); ++i)
    if (auto read = read_one(listed.epochs, i); !read) return read;
  if (!deltas_->empty()) delivered_ = std::max(delivered_, deltas_->back()->head().delivered);
  return refuse_lost(mark, has_witness);
}

// The newest epochs of all, taken away with their files, leave a state that is whole and old: what it then does once
// more has gone out already.
Result<void> LmdbStore::refuse_lost(const std::optional<FolderMark>& mark, bool has_witness) const {
  const std::string folder = config_.folder + "/" + kDeltaFolder;
  if (mark && mark->store == mark_.store && newest_.number < mark->epoch && !left_out_)
    return failure(Error::Code::malformed,
                   fmt::format("epoch {} was stored here, and {} ends with epoch {}: files are missing; put them back, "
                               "or {}",
                               mark->epoch, folder, newest_.number, kRestore));
  if (through_ != Epoch{0} && !has_witness)
    return failure(Error::Code::malformed,
                   fmt::format("{}/{} is missing, so others behind it may be, too; put them back, or {}",
                               config_.folder, delta_path(through_), kRestore));
  return {};
}

Result<void> LmdbStore::read_one(const std::vector<Epoch>& epochs, std::size_t i) {
  const Epoch epoch = epochs[i];
  const bool is_last = i + 1 == epochs.size();
  if (epoch.number != newest_.number + 1)
    return failure(
        Error::Code::malformed,
        fmt::format(
            "epoch {} is missing: {}/{} is not there, and the next file is that of epoch {}; put it back, or {}",
            newest_.number + 1, config_.folder, delta_path(Epoch{newest_.number + 1}), epoch.number, kRestore));
  auto delta = read_delta(disk_, config_.folder, mark_.store, epoch);
  if (!delta) {
    if (delta.error().code != Error::Code::malformed) return tl::unexpected(delta.error());
    if (!is_last)
      return with_help(delta.error(),
                       fmt::format("the epochs behind it stand on it, so it cannot be left out: {}", kRestore));
    if (config_.fall_back) return set_aside(epoch);
    return with_help(
        delta.error(),
        fmt::format("{}; or start with --fall-back, which goes back to epoch {} and reads the events of epoch "
                    "{} again",
                    kRestore, newest_.number, epoch.number));
  }
  Deltas deltas = *deltas_;
  deltas.push_back(std::move(delta.value()));
  figures_.deltas = deltas.size();
  figures_.delta_bytes += deltas.back()->bytes();
  deltas_ = std::make_shared<const Deltas>(std::move(deltas));
  newest_ = epoch;
  return {};
}

Result<void> LmdbStore::set_aside(Epoch epoch) {
  left_out_ = epoch;
  const std::string path = delta_path(epoch);
  return disk_.rename(path, path + ".damaged").and_then([&] { return disk_.sync_folder(kDeltaFolder); });
}

Result<void> LmdbStore::mark_open(const std::optional<FolderMark>& before) {
  mark_.epoch = newest_.number;
  mark_.boot = boot_of_machine();
  mark_.is_open = true;
  mark_.unclosed = was_checked_ || !before || !before->is_open ? 1 : before->unclosed + 1;
  return write_mark(disk_, mark_);
}

LmdbStore::~LmdbStore() {
  deltas_.reset();
  base_.reset();
  if (is_doubtful_) return;
  mark_.epoch = newest_.number;
  mark_.is_open = false;
  mark_.unclosed = 0;
  static_cast<void>(write_mark(disk_, mark_));  // not written: the next start looks more closely
}

void LmdbStore::doubt() const {
  if (!is_doubtful_.exchange(true)) static_cast<void>(disk_.remove(kMarkName));
}

// ----- epochs -------------------------------------------------------------------------------------

Result<std::uint64_t> LmdbStore::store(const EpochUnit& unit) {
  // Only this thread changes these two.
  TOCSIN_ASSERT(unit.epoch.number == newest_.number + 1);
  const std::chrono::duration<double, std::micro> open_for = std::chrono::steady_clock::now() - opened_;
  const Duration left = config_.verdict_wait - Duration{static_cast<std::int64_t>(open_for.count())};
  if (const auto sound = is_base_sound(std::max(left, Duration{})); !sound) return tl::unexpected(sound.error());
  auto delta = writer_.write({mark_.store, unit.epoch, delivered_, 0}, unit);
  if (!delta) return tl::unexpected(delta.error());
  const std::uint64_t bytes = delta.value()->bytes();
  if (mark_.epoch == 0 && !is_doubtful_) {  // from here on it shows when files are missing; not written: it does not
    mark_.epoch = unit.epoch.number;
    static_cast<void>(write_mark(disk_, mark_));
  }

  const std::scoped_lock held(mutex_);
  auto deltas = std::make_shared<Deltas>(*deltas_);
  deltas->push_back(std::move(delta.value()));
  figures_.deltas = deltas->size();
  figures_.delta_bytes += bytes;
  deltas_ = std::move(deltas);
  newest_ = unit.epoch;
  return bytes;
}

void LmdbStore::delivered(Epoch epoch) {
  const std::scoped_lock held(mutex_);
  TOCSIN_ASSERT(epoch <= newest_);
  delivered_ = std::max(delivered_, epoch);
}

// As long as it lives, the base does not stand for epochs that are newer than the deltas it sees, and keeps the
// outboxes that were not delivered then.
class LmdbStore::Pin {
 public:
  explicit Pin(const LmdbStore& store) : store_(store) {
    const std::scoped_lock held(store.mutex_);
    seen = {store.deltas_, store.newest_, store.delivered_};
    place_ = store.pins_.insert({store.newest_, store.delivered_});
  }
  ~Pin() {
    const std::scoped_lock held(store_.mutex_);
    store_.pins_.erase(place_);
  }
  Seen seen;

 private:
  const LmdbStore& store_;
  std::multiset<std::pair<Epoch, Epoch>>::iterator place_;
};

Result<std::optional<CheckpointStore::Newest>> LmdbStore::newest() const {
  const Pin pin(*this);
  return newest_of(pin.seen);
}

Result<std::optional<CheckpointStore::Newest>> LmdbStore::newest_of(const Seen& seen) const {
  if (seen.newest == Epoch{0}) return std::nullopt;
  auto manifest = watched(seen.deltas->empty() ? base_->manifest() : seen.deltas->back()->manifest());
  if (!manifest) return tl::unexpected(manifest.error());
  return outboxes_of(seen).map([&](Base::Outboxes outboxes) -> std::optional<Newest> {
    return with_first({seen.newest, std::move(*manifest), std::move(outboxes)}, seen.delivered);
  });
}

// A merge may have put some of them into the base since.
Result<Base::Outboxes> LmdbStore::outboxes_of(const Seen& seen) const {
  const Epoch before = seen.deltas->empty() ? Epoch{seen.newest.number + 1} : seen.deltas->front()->head().epoch;
  auto outboxes = watched(base_->outboxes(seen.delivered, before));
  if (!outboxes) return outboxes;
  for (const auto& delta : *seen.deltas) {
    if (delta->head().epoch <= seen.delivered) continue;
    auto outbox = watched(delta->outbox());
    if (!outbox) return tl::unexpected(outbox.error());
    if (!outbox->empty()) outboxes->emplace_back(delta->head().epoch, std::move(*outbox));
  }
  return outboxes;
}

StoreFigures LmdbStore::figures() const {
  const std::scoped_lock held(mutex_);
  return figures_;
}

// ----- reading ------------------------------------------------------------------------------------

Result<std::optional<std::string>> LmdbStore::find(std::string_view address) const {
  std::shared_ptr<const Deltas> deltas;
  {
    const std::scoped_lock held(mutex_);
    deltas = deltas_;
  }
  const std::uint64_t hash = hash_bytes(address);
  for (auto delta = deltas->rbegin(); delta != deltas->rend(); ++delta) {
    auto found = watched((*delta)->find(address, hash));
    if (!found) return tl::unexpected(found.error());
    if (!found.value()) continue;
    if (found.value()->gone) return std::nullopt;
    return std::move(found.value()->value);
  }
  // The base is read after the deltas were taken, so what was merged meanwhile is in it.
  return watched(base_->find(address));
}

namespace {

CheckpointStore::Leap each(const CheckpointStore::See& see) {
  return [&see](std::string_view address, std::string_view value) {
    return see(address, value).map([] { return std::optional<std::string>(); });
  };
}

}  // namespace

Result<void> LmdbStore::scan(std::string_view from, std::string_view to, const See& see) const {
  const Pin pin(*this);
  return scan(*pin.seen.deltas, from, to, each(see));
}

Result<void> LmdbStore::leap(std::string_view from, const Leap& see) const {
  const Pin pin(*this);
  return scan(*pin.seen.deltas, from, {}, see);
}

Result<void> LmdbStore::image(const SeeNewest& see_newest, const See& see) const {
  for (bool is_known = false; !is_known;) {  // what is carried elsewhere is sound; others may ask meanwhile
    const auto sound = is_base_sound(milliseconds(100));
    if (!sound) return tl::unexpected(sound.error());
    is_known = *sound;
  }
  const Pin pin(*this);
  const auto newest = newest_of(pin.seen);
  if (!newest) return tl::unexpected(newest.error());
  if (!*newest) return {};
  return see_newest(**newest).and_then([&] { return scan(*pin.seen.deltas, {}, {}, each(see)); });
}

Result<void> LmdbStore::scan(const Deltas& deltas, std::string_view from, std::string_view to, const Leap& see) const {
  MergedDeltas changes(deltas, from);
  auto has_change = watched(changes.next());
  std::string next_from(from);
  std::vector<Base::Entry> entries;
  std::size_t next_entry = 0, slice_bytes = kFirstSliceBytes;
  bool is_base_through = false;

  for (;;) {
    if (!has_change) return tl::unexpected(has_change.error());
    if (next_entry == entries.size() && !is_base_through) {
      auto slice = watched(base_->slice(next_from, slice_bytes));
      slice_bytes = std::min(2 * slice_bytes, kSliceBytes);
      if (!slice) return tl::unexpected(slice.error());
      entries = std::move(slice.value());
      next_entry = 0;
      is_base_through = entries.empty();
      if (!is_base_through) next_from = entries.back().address + '\0';
    }
    const bool has_entry = next_entry < entries.size();
    if (!has_entry && !has_change.value()) return {};
    const int order = !has_entry ? 1
                      : !has_change.value()
                          ? -1
                          : std::string_view(entries[next_entry].address).compare(changes.change().address);
    const std::string_view address = order < 0 ? entries[next_entry].address : changes.change().address;
    if (!to.empty() && address >= to) return {};
    Result<std::optional<std::string>> behind;
    if (order < 0)
      behind = see(address, entries[next_entry].value);
    else if (!changes.change().gone)
      behind = see(address, changes.change().value);
    if (!behind) return tl::unexpected(behind.error());
    if (const std::optional<std::string>& next = behind.value()) {
      while (next_entry < entries.size() && entries[next_entry].address < *next) ++next_entry;
      if (next_entry == entries.size() && next_from < *next) {
        next_from = *next;
        slice_bytes = kFirstSliceBytes;
      }
      if (has_change.value() && changes.change().address < *next) has_change = watched(changes.leap(*next));
      continue;
    }
    if (order <= 0) ++next_entry;
    if (order >= 0) has_change = watched(changes.next());
  }
}

// ----- merging ------------------------------------------------------------------------------------

Result<MergeFigures> LmdbStore::merge() {
  const std::scoped_lock one_at_a_time(merging_);
  const auto began = std::chrono::steady_clock::now();
  Deltas deltas;
  MergeFigures figures;
  Epoch delivered;
  {
    const std::scoped_lock held(mutex_);
    Epoch newest = newest_;
    delivered = delivered_;
    if (!pins_.empty()) std::tie(newest, delivered) = *pins_.begin();
    for (const auto& delta : *deltas_)
      if (delta->head().epoch <= newest) deltas.push_back(delta);
    figures.through = through_;
  }
  // What is looked at is not written into; deltas bear to wait.
  const auto sound = is_base_sound({});
  if (!sound) return tl::unexpected(sound.error());
  if (deltas.empty() || !*sound) return figures;
  if (auto merged = watched(merge_into_base(deltas, delivered, figures)); !merged)
    return tl::unexpected(merged.error());
  take_out(deltas);
  figures.took =
      Duration{std::chrono::duration_cast<std::chrono::microseconds>(std::chrono::steady_clock::now() - began).count()};
  return figures;
}

// In parts of a bounded size. Between them the base is neither the old nor the new one, which nobody sees: whatever a
// part has taken in stands in the deltas, too, and they count first, also after a crash. Only the last part says that
// the base stands for them.
Result<void> LmdbStore::merge_into_base(const Deltas& deltas, Epoch delivered, MergeFigures& figures) {
  auto manifest = deltas.back()->manifest();
  if (!manifest) return tl::unexpected(manifest.error());
  Base::Through through{deltas.back()->head().epoch, std::move(*manifest), delivered, {}};
  for (const auto& delta : deltas) {
    if (delta->head().epoch <= delivered) continue;
    auto outbox = delta->outbox();
    if (!outbox) return tl::unexpected(outbox.error());
    if (!outbox->empty()) through.outboxes.emplace_back(delta->head().epoch, std::move(*outbox));
  }
  MergedDeltas changes(deltas, {});
  const auto applied = base_->apply_all(
      [&](StateChange& change) {
        return changes.next().map([&](bool has_change) {
          if (has_change) change = changes.change();
          return has_change;
        });
      },
      config_.changes_per_transaction, through);
  if (!applied) return tl::unexpected(applied.error());
  figures.changes = *applied;
  figures.through = deltas.back()->head().epoch;
  figures.epochs = deltas.size();
  for (const auto& delta : deltas) figures.bytes += delta->bytes();
  return {};
}

// One of a merge that failed may come before the verdict: then it is not kept.
Result<void> LmdbStore::note(const CheckpointNote& note) {
  const auto sound = is_base_sound({});
  if (!sound) return tl::unexpected(sound.error());
  return *sound ? watched(base_->note(note)) : Result<void>{};
}

// They are in the base for sure. Who reads them still may; the last one removes the file. The newest stays until the
// next merge: should LMDB take an old head of its own for the new one (a lost write, a flipped bit), the file shows
// that the base is too old.
void LmdbStore::take_out(const Deltas& merged) {
  const auto head = base_->head();
  const std::uint64_t base_bytes = base_->bytes().value_or(0);
  std::shared_ptr<const Delta> witness = merged.back();  // then the one before
  const std::scoped_lock held(mutex_);
  auto left = std::make_shared<Deltas>();
  for (const auto& delta : *deltas_)
    if (delta->head().epoch > merged.back()->head().epoch) left->push_back(delta);
  deltas_ = std::move(left);
  figures_.deltas = deltas_->size();
  figures_.delta_bytes = 0;
  for (const auto& delta : *deltas_) figures_.delta_bytes += delta->bytes();
  figures_.base_bytes = base_bytes;
  if (head) figures_.base_addresses = head.value().addresses;
  for (const auto& delta : merged)
    if (delta != merged.back()) delta->retire();
  const Epoch before = std::exchange(through_, merged.back()->head().epoch);
  witness_.swap(witness);
  if (witness != nullptr) {
    witness->retire();  // a scan may still read it
  } else if (before != Epoch{0}) {
    static_cast<void>(disk_.remove(delta_path(before)));  // from before the start: nobody has it open
  }
}

}  // namespace tocsin
