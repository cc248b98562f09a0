#include "tests/support/crash_disk.h"

#include <algorithm>

namespace tocsin::tests {
namespace {

constexpr std::size_t kSector = 512;

std::string folder_of(const std::string& path) {
  const auto slash = path.rfind('/');
  return slash == std::string::npos ? "" : path.substr(0, slash);
}

void write_at(std::string& bytes, std::uint64_t at, std::string_view written) {
  if (bytes.size() < at + written.size()) bytes.resize(at + written.size());
  std::copy(written.begin(), written.end(), bytes.begin() + static_cast<std::ptrdiff_t>(at));
}

}  // namespace

class CrashFile final : public DiskFile {
 public:
  CrashFile(CrashDisk& disk, std::shared_ptr<CrashDisk::Node> node) : disk_(disk), node_(std::move(node)) {}
  Result<void> append(std::string_view bytes) override {
    const std::scoped_lock held(disk_.mutex_);
    node_->unsynced.push_back({node_->now.size(), std::string(bytes)});
    node_->now += bytes;
    return {};
  }
  Result<void> sync() override {
    const std::scoped_lock held(disk_.mutex_);
    node_->durable = node_->now;
    node_->unsynced.clear();
    return {};
  }
  Result<std::uint64_t> size() const override {
    const std::scoped_lock held(disk_.mutex_);
    return node_->now.size();
  }
  Result<std::size_t> read(std::uint64_t from, std::span<char> into) const override {
    const std::scoped_lock held(disk_.mutex_);
    if (from >= node_->now.size()) return 0;
    return node_->now.copy(into.data(), into.size(), from);
  }
  Result<void> truncate(std::uint64_t size) override {
    const std::scoped_lock held(disk_.mutex_);
    node_->unsynced.push_back({size, {}, true});
    node_->now.resize(size);
    return {};
  }
  Result<std::uint64_t> identity() const override { return node_->identity; }

 private:
  CrashDisk& disk_;
  std::shared_ptr<CrashDisk::Node> node_;
};

CrashDisk::CrashDisk(const Image& image) {
  for (const auto& [path, bytes] : image) names_[path] = std::make_shared<Node>(Node{bytes, bytes, {}, ++identities_});
  durable_names_ = names_;
}

void CrashDisk::apply(const Naming& naming, Names& names) {
  if (!naming.gone.empty()) names.erase(naming.gone);
  if (!naming.come.empty()) names[naming.come] = naming.node;
}

std::string CrashDisk::bytes_after_crash(const Node& node, std::mt19937& random, unsigned percent) {
  std::string bytes = node.durable;
  for (const Change& change : node.unsynced) {
    if (change.cuts) {
      if (random() % 100 < percent) bytes.resize(change.at);
      continue;
    }
    for (std::size_t from = 0; from < change.bytes.size();) {
      // To the end of the sector, as the file has them.
      const std::size_t size = std::min(change.bytes.size() - from, kSector - (change.at + from) % kSector);
      if (random() % 100 < percent)
        write_at(bytes, change.at + from, std::string_view(change.bytes).substr(from, size));
      from += size;
    }
  }
  // The length may have been written without the bytes.
  if (bytes.size() < node.now.size() && random() % 2 == 0)
    bytes.resize(bytes.size() + random() % (node.now.size() - bytes.size() + 1));
  return bytes;
}

CrashDisk::Left CrashDisk::left_by_crash(std::mt19937& random) const {
  // Sometimes most of it has reached the disk, sometimes hardly anything.
  constexpr unsigned kPercents[] = {0, 10, 50, 90, 100};
  const unsigned of_names = kPercents[random() % 5], of_bytes = kPercents[random() % 5];
  Left left{durable_names_, {}};
  for (const Naming& naming : unsynced_)
    if (random() % 100 < of_names) apply(naming, left.names);
  for (const auto& [path, node] : left.names)
    if (!left.bytes.contains(node)) left.bytes[node] = bytes_after_crash(*node, random, of_bytes);
  return left;
}

CrashDisk::Image CrashDisk::crash(std::mt19937& random) const {
  const std::scoped_lock held(mutex_);
  const Left left = left_by_crash(random);
  Image image;
  for (const auto& [path, node] : left.names) image[path] = left.bytes.at(node);
  return image;
}

void CrashDisk::cut_power(std::mt19937& random) {
  const std::scoped_lock held(mutex_);
  Left left = left_by_crash(random);
  for (auto& [node, bytes] : left.bytes) {
    node->durable = node->now = std::move(bytes);
    node->unsynced.clear();
  }
  names_ = durable_names_ = std::move(left.names);
  unsynced_.clear();
}

CrashDisk::Image CrashDisk::now() const {
  const std::scoped_lock held(mutex_);
  Image image;
  for (const auto& [path, node] : names_) image[path] = node->now;
  return image;
}

Result<std::unique_ptr<DiskFile>> CrashDisk::open(const std::string& path, Open how) {
  const std::scoped_lock held(mutex_);
  auto there = names_.find(path);
  if (there == names_.end()) {
    if (how == Open::read)
      return failure(Error::Code::unreadable, "cannot open " + path + ": No such file or directory");
    unsynced_.push_back({folder_of(path), "", path, std::make_shared<Node>(Node{{}, {}, {}, ++identities_})});
    apply(unsynced_.back(), names_);
    there = names_.find(path);
  } else if (how == Open::create) {
    there->second->unsynced.push_back({0, {}, true});
    there->second->now.clear();
  }
  return std::make_unique<CrashFile>(*this, there->second);
}

Result<std::optional<std::uint64_t>> CrashDisk::identity(const std::string& path) const {
  const std::scoped_lock held(mutex_);
  const auto there = names_.find(path);
  if (there == names_.end()) return std::nullopt;
  return there->second->identity;
}

Result<void> CrashDisk::rename(const std::string& from, const std::string& to) {
  const std::scoped_lock held(mutex_);
  const auto there = names_.find(from);
  if (there == names_.end()) return failure(Error::Code::unreadable, "cannot rename " + from);
  unsynced_.push_back({folder_of(to), from, to, there->second});
  apply(unsynced_.back(), names_);
  return {};
}

Result<void> CrashDisk::remove(const std::string& path) {
  const std::scoped_lock held(mutex_);
  if (names_.find(path) == names_.end()) return failure(Error::Code::unreadable, "cannot remove " + path);
  unsynced_.push_back({folder_of(path), path, "", nullptr});
  apply(unsynced_.back(), names_);
  return {};
}

Result<void> CrashDisk::sync_folder(const std::string& folder) {
  const std::scoped_lock held(mutex_);
  std::vector<Naming> others;
  for (Naming& naming : unsynced_) {
    if (naming.folder == folder) {
      apply(naming, durable_names_);
    } else {
      others.push_back(std::move(naming));
    }
  }
  unsynced_ = std::move(others);
  return {};
}

Result<std::vector<std::string>> CrashDisk::list(const std::string& folder) const {
  const std::scoped_lock held(mutex_);
  std::vector<std::string> names;
  for (const auto& [path, node] : names_)
    if (folder_of(path) == folder) names.push_back(folder.empty() ? path : path.substr(folder.size() + 1));
  return names;
}

}  // namespace tocsin::tests
