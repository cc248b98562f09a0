// How long does an epoch take to be durable, how long a merge, how long a restart? Wall time, on the disk of the folder
// for temporary files (TMPDIR names another): what a sync costs there is part of what is measured.
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <filesystem>
#include <random>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include "adapters/file/disk.h"
#include "adapters/lmdb/store.h"
#include "bench/scenarios/scenario.h"

namespace tocsin::bench {
namespace {

constexpr std::size_t kAddressBytes = 16, kValueBytes = 64;

double ms_of(auto since) {
  return std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - since).count();
}

// Addresses of 16 bytes: two of a key group of 720, then a number that is spread.
std::string address_of(std::uint64_t key) {
  std::uint64_t spread = (key + 1) * 0x9E3779B97F4A7C15;
  std::string address{static_cast<char>(spread % 720 >> 8), static_cast<char>(spread % 720)};
  for (; address.size() < 10; spread >>= 8) address += static_cast<char>(spread);
  for (; address.size() < kAddressBytes; key >>= 8) address += static_cast<char>(key);
  return address;
}

std::string value_of(std::uint64_t key, std::uint64_t epoch) {
  std::string value = fmt::format("{} of epoch {} ", key, epoch);
  value.resize(kValueBytes, '.');
  return value;
}

// The next epochs of a store, each over other keys, and what they took.
class Epochs {
 public:
  Epochs(const std::string& folder, std::uint64_t keys) : keys_(keys), disk_(good(open_disk(folder))), folder_(folder) {
    open(CheckBase::in_doubt);
  }

  void open(CheckBase check) {
    store_.reset();
    LmdbStoreConfig config;
    config.folder = folder_;
    config.check = check;
    store_ = good(LmdbStore::open(config, *disk_));
  }

  // `from` and on: all of them in a row; otherwise at random.
  double store(std::uint64_t dirty, bool in_a_row = false) {
    const std::uint64_t epoch = ++newest_;
    std::vector<std::uint64_t> keys(dirty);
    for (std::uint64_t i = 0; i < dirty; ++i) keys[i] = in_a_row ? next_key_++ : random_() % keys_;
    std::vector<std::pair<std::string, std::string>> texts;
    texts.reserve(dirty);
    for (const std::uint64_t key : keys) texts.emplace_back(address_of(key), value_of(key, epoch));
    std::sort(texts.begin(), texts.end());
    texts.erase(std::unique(texts.begin(), texts.end()), texts.end());
    std::vector<StateChange> changes;
    for (const auto& [address, value] : texts) changes.push_back({address, value});
    const std::span<const StateChange> run = changes;
    last_key_ = keys.back();
    const double cpu = cpu_ns();
    const auto began = std::chrono::steady_clock::now();
    bytes_ = good(store_->store({Epoch{epoch}, {&run, 1}, "positions", ""}));
    const double took = ms_of(began);
    cpu_ms_ = (cpu_ns() - cpu) / 1e6;
    changes_ = changes.size();
    store_->delivered(Epoch{epoch});
    return took;
  }

  MergeFigures merge() { return good(store_->merge()); }

  // What was stored last is found, and there are as many addresses as were ever stored.
  void prove() {
    const auto found = good(store_->find(address_of(last_key_)));
    if (!found || *found != value_of(last_key_, newest_)) wrong("checkpoint_store: the newest value is not found");
    std::uint64_t count = 0;
    const auto scanned = store_->scan({}, {}, [&](auto, auto) -> Result<void> {
      ++count;
      return {};
    });
    if (!scanned || count != keys_) wrong(fmt::format("checkpoint_store: {} addresses instead of {}", count, keys_));
  }

  double find_us(int times) {
    const auto began = std::chrono::steady_clock::now();
    for (int i = 0; i < times; ++i)
      if (!good(store_->find(address_of(random_() % keys_)))) wrong("checkpoint_store: an address is missing");
    return ms_of(began) * 1'000 / times;
  }

  double cpu_ms() const { return cpu_ms_; }  // of the last epoch
  double bytes_per_change() const { return static_cast<double>(bytes_) / static_cast<double>(changes_); }
  StoreFigures figures() const { return store_->figures(); }

  template <class T>
  static T good(Result<T> result) {
    if (!result) wrong("checkpoint_store: " + result.error().message);
    return std::move(result.value());
  }

 private:
  std::uint64_t keys_, next_key_ = 0, newest_ = 0, last_key_ = 0, bytes_ = 0, changes_ = 1;
  double cpu_ms_ = 0;
  std::mt19937_64 random_{1};
  std::unique_ptr<Disk> disk_;
  std::string folder_;
  std::unique_ptr<LmdbStore> store_;
};

struct Percentiles {
  double p50, p99;
};

Percentiles percentiles(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return {values[values.size() / 2], values[values.size() * 99 / 100]};
}

// `epochs` of so many changes; p50 and p99 of `store`, alone and beside the merge of the first ones.
Percentiles measure(Epochs& store, std::uint64_t dirty, int epochs, bool print) {
  std::vector<double> alone, beside, cpu;
  for (int i = 0; i < epochs; ++i) {
    alone.push_back(store.store(dirty));
    cpu.push_back(store.cpu_ms());
  }
  MergeFigures merged;
  std::thread merging([&] { merged = store.merge(); });
  for (int i = 0; i < epochs; ++i) beside.push_back(store.store(dirty));
  merging.join();
  const double find = store.find_us(2'000);
  store.prove();
  store.merge();
  const Percentiles a = percentiles(alone), b = percentiles(beside);
  if (print)
    fmt::print("{:>9} {:>8} {:>8.1f} {:>8.1f} {:>8.1f} {:>8.1f} {:>8.1f} {:>9.1f} {:>9} {:>9.0f} {:>9.1f}\n", dirty,
               epochs, median(cpu), a.p50, a.p99, b.p50, b.p99, store.bytes_per_change(), merged.changes,
               static_cast<double>(merged.took.us) / 1'000, find);
  return a;
}

int run(bool tiny) {
  const auto folder = std::filesystem::temp_directory_path() / fmt::format("tocsin_bench_{}", ::getpid());
  std::filesystem::remove_all(folder);
  const std::uint64_t keys = tiny ? 3'000 : 5'000'000;
  bool good = true;
  {
    Epochs store(folder.string(), keys);
    const std::uint64_t part = tiny ? 1'000 : 500'000;
    const auto began = std::chrono::steady_clock::now();
    for (std::uint64_t done = 0; done < keys; done += part) store.store(part, true);
    const MergeFigures first = store.merge();
    if (first.changes != keys) wrong("checkpoint_store: the first merge has lost changes");
    if (tiny) {
      measure(store, 100, 3, false);
    } else {
      fmt::print(
          "checkpoint_store: {}; {} keys of {} bytes with {} bytes each, stored and merged in {:.1f} s; ms of wall "
          "time\n",
          machine(), keys, kAddressBytes, kValueBytes, ms_of(began) / 1'000);
      fmt::print("{:>9} {:>8} {:>8} {:>17} {:>17} {:>9} {:>19} {:>9}\n", "", "", "", "store", "beside a merge", "bytes",
                 "merge", "find");
      fmt::print("{:>9} {:>8} {:>8} {:>8} {:>8} {:>8} {:>8} {:>9} {:>9} {:>9} {:>9}\n", "changes", "epochs", "cpu",
                 "p50", "p99", "p50", "p99", "a change", "changes", "ms", "us");
      measure(store, 10'000, 100, true);
      const Percentiles middle = measure(store, 100'000, 30, true);
      measure(store, 1'000'000, 5, true);
      good = at_most(50, middle.p99, "checkpoint_store: store of 100,000 changes, p99 in ms");
      fmt::print("base: {:.0f} bytes a key in the file\n",
                 static_cast<double>(store.figures().base_bytes) / static_cast<double>(keys));
    }
    // A restart that trusts the base, and one that looks at all of it.
    store.store(tiny ? 100 : 100'000);
    for (const CheckBase check : {CheckBase::in_doubt, CheckBase::always}) {
      const auto restarted = std::chrono::steady_clock::now();
      store.open(check);
      store.find_us(1);
      if (!tiny)
        fmt::print("restart with 100,000 changes to read{}: first address found after {:.0f} ms\n",
                   check == CheckBase::always ? ", the base checked in full" : "", ms_of(restarted));
    }
    store.prove();
  }
  std::filesystem::remove_all(folder);
  return good ? 0 : 1;
}

}  // namespace
}  // namespace tocsin::bench

int main(int argc, char** argv) { return tocsin::bench::run(tocsin::bench::is_tiny(argc, argv)); }
