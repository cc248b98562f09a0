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
    {"vpn.txt", "ann\nb\xff\n", "list `vpn`: vpn.txt is not UTF-8 (line 2)"},
    {"owners.csv", "", "list `owners`: owners.csv is empty"},
    {"owners.csv", "id,ownr\n1,ann\n", "list `owners`: owners.csv has no column `owner`"},
    {"owners.csv", "id,owner\n1,\"ann\n2,bob\n", "list `owners`: owners.csv has a quote that nothing closes, in row 2"},
    {"owners.csv", "id,owner\n1,\xc3(\n", "list `owners`: owners.csv is not UTF-8 (line 2)"},
    {"cards.csv", "", "table `cards`: cards.csv is empty"},
    {"cards.csv", "card,tier\nann,gold\n", "table `cards`: cards.csv has no column `id`, which is its key"},
    {"cards.csv", "id,tier\nann,\"gold", "table `cards`: cards.csv has a quote that nothing closes, in row 2"},
    {"cards.csv", "id,tier\nann,\xff\n", "table `cards`: cards.csv is not UTF-8 (line 2)"},
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
