// Files of lists and tables, at the start and while rules run. Would be wrong if one failed: half a file is in force, a
// broken one takes away what was there, or says nothing.
#include "app/reference_files.h"

#include <string>
#include <vector>

#include "app/testing.h"
#include "dsl/compile.h"

namespace tocsin::app {
namespace {

using Lines = std::vector<std::string>;

const std::string kRules =
    "event a has k text, ts time  timestamp ts\n"
    "list vpn from \"vpn.txt\"\n"
    "list owners from \"owners.csv\" column owner\n"
    "table cards from \"cards.csv\" key id\n"
    "rule r when a(k in list vpn and k in list owners and cards[k].tier = \"gold\") by k  alert low \"\"\n";

const ListId kVpn(0), kOwners(1);
const TableId kCards(0);

struct Running {
  Folder folder;
  std::vector<dsl::SourceText> texts;
  dsl::Compiled compiled;

  Running() {
    texts = {{folder.write("r.rules", kRules), kRules}};
    compiled = dsl::compile(texts);
    REQUIRE(compiled.ok());
    folder.write("vpn.txt", "ann\nbob\n");
    folder.write("owners.csv", "id,owner\n1,ann\n");
    folder.write("cards.csv", "id,tier\nann,gold\n");
  }
  Result<ReferenceFiles> start() const { return ReferenceFiles::read(compiled, texts); }
};

struct Broken {
  std::string file, content, message;
};

const std::vector<Broken> kBroken = {
    {"vpn.txt", "ann\nb\xff\n", "list `vpn`: vpn.txt line 2 is not UTF-8; save the file as UTF-8"},
    {"owners.csv", "", "list `owners`: owners.csv is empty"},
    {"owners.csv", "id,ownr\n1,ann\n", "list `owners`: owners.csv has no column `owner`"},
    {"owners.csv", "id,owner\n1,\"ann\n2,bob\n",
     "list `owners`: owners.csv line 2 opens a quote that nothing closes; a quote in a value is written twice: \"\""},
    {"owners.csv", "id,owner\n1,\xc3(\n", "list `owners`: owners.csv line 2 is not UTF-8; save the file as UTF-8"},
    {"owners.csv", "id,owner\n1,ann\n2\n",
     "list `owners`: owners.csv line 3 has 1 value and the first line 2 columns; a value that is missing still needs "
     "its comma"},
    {"owners.csv", "owner,owner\nann,bob\n",
     "list `owners`: owners.csv has two columns `owner`; give one of them another name"},
    {"cards.csv", "", "table `cards`: cards.csv is empty"},
    {"cards.csv", "card,tier\nann,gold\n", "table `cards`: cards.csv has no column `id`, which is its key"},
    {"cards.csv", "id,tier\nann,\"gold",
     "table `cards`: cards.csv line 2 opens a quote that nothing closes; a quote in a value is written twice: \"\""},
    {"cards.csv", "id,tier\nann,\xff\n", "table `cards`: cards.csv line 2 is not UTF-8; save the file as UTF-8"},
    {"cards.csv", "id,tier\n\"ann\nlee\",gold\n\nbob,gold,red\n",
     "table `cards`: cards.csv line 5 has 3 values and the first line 2 columns; a value with a comma in it needs "
     "quotes"},
    {"cards.csv", "id,tier\nann,gold\nbob,tin\nann,tin\n",
     "table `cards`: cards.csv line 4 has the id `ann` of line 2 again; delete one of them"},
    {"cards.csv", "id,tier\nann,gold\n,tin\n",
     "table `cards`: cards.csv line 3 has no `id`, which is the key; fill it in, or delete the line"},
};

bool has(const ReferenceFiles& files, ListId list, std::string_view text) {
  return files.data()->contains(list, Value::text(text), false);
}

std::string tier(const ReferenceFiles& files, std::string_view id) {
  const Value cell = files.data()->lookup(kCards, Value::text(id), "tier");
  return cell.is_missing() ? "" : std::string(cell.as_text());
}

}  // namespace

TEST_CASE("files that have changed are swapped in whole, each for itself") {
  const Running running;
  auto files = running.start();
  REQUIRE(files);
  CHECK(has(*files, kVpn, "ann"));
  CHECK(has(*files, kOwners, "ann"));
  CHECK(tier(*files, "ann") == "gold");

  const auto first = files->data();
  CHECK(files->look_again().changed.empty());
  CHECK(files->data() == first);

  const std::string vpn = running.folder.write("vpn.txt",
                                               "\xEF\xBB\xBF"
                                               "eve\r\n\r\nbob");
  CHECK(files->look_again().changed == Lines{vpn});
  CHECK(has(*files, kVpn, "eve"));
  CHECK(has(*files, kVpn, "bob"));
  CHECK(!has(*files, kVpn, "ann"));
  CHECK(tier(*files, "ann") == "gold");
  CHECK(first->contains(kVpn, Value::text("ann"), false));  // who still holds the old one sees it whole

  const std::string cards = running.folder.write("cards.csv", "id,tier\neve,tin\n");
  running.folder.write("vpn.txt", "");  // nobody: that is a list, too
  CHECK(files->look_again().changed == Lines{vpn, cards});
  CHECK(!has(*files, kVpn, "eve"));
  CHECK(tier(*files, "ann") == "");
  CHECK(tier(*files, "eve") == "tin");
}

TEST_CASE("a broken file leaves the old data, and is told once") {
  for (const Broken& broken : kBroken) {
    CAPTURE(broken.message);
    const Running running;
    auto files = running.start();
    REQUIRE(files);
    const auto first = files->data();
    running.folder.write(broken.file, broken.content);
    const ReferenceFiles::Change change = files->look_again();
    CHECK(change.changed.empty());
    REQUIRE(change.broken.size() == 1);
    CHECK(change.broken[0].message == broken.message);
    CHECK(files->data() == first);
    CHECK(files->look_again().broken.empty());
    // Another file goes in meanwhile; and this one once it is whole again.
    const std::string other = running.folder.write(broken.file == "vpn.txt" ? "cards.csv" : "vpn.txt", "id,tier\n");
    CHECK(files->look_again().changed == Lines{other});
    const bool csv = broken.file != "vpn.txt";
    const std::string mended = running.folder.write(broken.file, csv ? "id,tier,owner\nx,tin,eve\n" : "x\n");
    CHECK(files->look_again().changed == Lines{mended});
  }
}

TEST_CASE("a broken file that becomes what it was is told again when it breaks again") {
  const Running running;
  auto files = running.start();
  REQUIRE(files);
  for (int i = 0; i < 2; ++i) {
    running.folder.write("cards.csv", "");
    CHECK(files->look_again().broken.size() == 1);
    running.folder.write("cards.csv", "id,tier\nann,gold\n");
    const ReferenceFiles::Change change = files->look_again();
    CHECK(change.changed.empty());
    CHECK(change.broken.empty());
  }
}

TEST_CASE("a file that goes away leaves the old data") {
  const Running running;
  auto files = running.start();
  REQUIRE(files);
  std::filesystem::remove(std::filesystem::path(running.folder.path()) / "vpn.txt");
  const ReferenceFiles::Change change = files->look_again();
  REQUIRE(change.broken.size() == 1);
  CHECK(change.broken[0].message == "list `vpn`: the file vpn.txt is not there");
  CHECK(has(*files, kVpn, "ann"));
  CHECK(files->look_again().broken.empty());
  running.folder.write("vpn.txt", "eve\n");
  CHECK(files->look_again().changed.size() == 1);
  CHECK(has(*files, kVpn, "eve"));
}

TEST_CASE("a byte order mark is taken off; a letter that only begins as one is none") {
  Running r;
  r.folder.write("vpn.txt", "\xEF\xBD\x93\xEF\xBD\x94\nbob\n");  // full-width letters
  r.folder.write("owners.csv", "\xEF\xBB\xBFowner\nann\n");
  const auto files = r.start();
  REQUIRE(files.has_value());
  CHECK(has(*files, kVpn, "\xEF\xBD\x93\xEF\xBD\x94"));
  CHECK(has(*files, kVpn, "bob"));
  CHECK(has(*files, kOwners, "ann"));
  r.folder.write("vpn.txt", "a");  // shorter than a mark
  auto again = r.start();
  REQUIRE(again.has_value());
  CHECK(has(*again, kVpn, "a"));
}

TEST_CASE("a value that stands twice in a list is in it, as one that stands once; an empty cell is none") {
  const Running running;
  running.folder.write("vpn.txt", "ann\nann\n");
  running.folder.write("owners.csv", "id,owner\r\n1,ann\r\n2,ann\r\n3,\r\n");
  const auto files = running.start();
  REQUIRE(files);
  CHECK(has(*files, kVpn, "ann"));
  CHECK(has(*files, kOwners, "ann"));
  CHECK(!has(*files, kOwners, ""));
}

TEST_CASE("a folder in place of a file is told as one, and checked as no file") {
  const Running running;
  const std::filesystem::path vpn = std::filesystem::path(running.folder.path()) / "vpn.txt";
  std::filesystem::remove(vpn);
  std::filesystem::create_directory(vpn);
  const auto files = running.start();
  REQUIRE(!files);
  CHECK(files.error().message == "list `vpn`: vpn.txt is a folder; name a file in it");
  const Ran checked = run({"check", running.texts[0].path});
  CHECK(contains(checked.out, "there is no file \"vpn.txt\""));
}

TEST_CASE("nothing starts with a broken file, or without one") {
  for (const Broken& broken : kBroken) {
    const Running running;
    running.folder.write(broken.file, broken.content);
    const auto files = running.start();
    REQUIRE(!files);
    CHECK(files.error().message == broken.message);
  }
  const Running running;
  std::filesystem::remove(std::filesystem::path(running.folder.path()) / "cards.csv");
  const auto files = running.start();
  REQUIRE(!files);
  CHECK(files.error().message == "table `cards`: the file cards.csv is not there");
}

}  // namespace tocsin::app
