// If one of these fails, durable files are not written as the store believes, or a full disk is taken for something
// else.
#include "adapters/file/disk.h"

#include <doctest/doctest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

using namespace tocsin;

namespace {

class TempFolder {
 public:
  TempFolder() : path_(std::filesystem::temp_directory_path() / ("tocsin_disk_" + std::to_string(::getpid()))) {
    std::filesystem::remove_all(path_);
  }
  ~TempFolder() { std::filesystem::remove_all(path_); }
  std::string path() const { return path_.string(); }

 private:
  std::filesystem::path path_;
};

std::string content(Disk& disk, const std::string& path) {
  const auto file = disk.open(path, Disk::Open::read);
  if (!file) return file.error().message;
  std::string bytes(file.value()->size().value(), ' ');
  REQUIRE(file.value()->read(0, bytes).value() == bytes.size());
  return bytes;
}

}  // namespace

TEST_CASE("disk: written, appended, cut, renamed, listed and removed") {
  const TempFolder folder;
  const auto disk = open_disk(folder.path()).value();
  struct stat status;
  REQUIRE(::stat(folder.path().c_str(), &status) == 0);
  CHECK((status.st_mode & 0777) == 0700);

  REQUIRE(disk->make_folder("sub"));
  REQUIRE(disk->make_folder("sub"));
  {
    const auto file = disk->open("sub/b", Disk::Open::create).value();
    REQUIRE(file->append("one two"));
    REQUIRE(file->truncate(4));
    REQUIRE(file->append("three"));
    REQUIRE(file->sync());
    std::string some(100, ' ');
    CHECK(file->read(4, some).value() == 5);
    CHECK(some.substr(0, 5) == "three");
  }
  REQUIRE(disk->open("sub/b", Disk::Open::append).value()->append("!"));
  CHECK(content(*disk, "sub/b") == "one three!");

  const auto still_open = disk->open("sub/b", Disk::Open::read).value();
  REQUIRE(disk->rename("sub/b", "sub/a"));
  CHECK(disk->identity("sub/a").value() == still_open->identity().value());
  CHECK(disk->identity("sub/b").value() == std::nullopt);
  REQUIRE(write_durably(*disk, "sub/c", "of c"));
  REQUIRE(write_durably(*disk, "top", "of top"));
  CHECK(disk->list("sub").value() == std::vector<std::string>{"a", "c"});
  CHECK(disk->list("").value() == std::vector<std::string>{"sub", "top"});
  REQUIRE(disk->remove("sub/a"));
  CHECK(still_open->size().value() == 10);
  REQUIRE(disk->open("sub/c", Disk::Open::create));
  CHECK(content(*disk, "sub/c").empty());
  REQUIRE(disk->sync_folder("sub"));
}

TEST_CASE("disk: an error names the path and the reason, and a full disk is told from others") {
  const TempFolder folder;
  const auto disk = open_disk(folder.path()).value();
  CHECK(content(*disk, "none") == "cannot open " + folder.path() + "/none: No such file or directory");
  CHECK_FALSE(disk->remove("none"));
  CHECK_FALSE(disk->rename("none", "other"));
  CHECK_FALSE(disk->list("none"));
  CHECK_FALSE(disk->sync_folder("none"));
  CHECK(open_disk("/nowhere/at/all").error().message ==
        "cannot make the folder /nowhere/at/all: No such file or directory");
  const auto file = disk->open("../../../../../../../../dev/full", Disk::Open::append);
  REQUIRE(file);
  CHECK(file.value()->append("x").error().code == Error::Code::full);
}
