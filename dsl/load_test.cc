// Were this wrong, a rule file would be read twice, or not at all and nobody would say so, or a mistake in a
// document would be shown on another line.
#include "dsl/load.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include "dsl/lines.h"

namespace tocsin::dsl {
namespace {

namespace fs = std::filesystem;

// A folder that is gone when the test is.
class Folder {
 public:
  Folder() {
    std::string name = (fs::temp_directory_path() / "tocsin_load_XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~Folder() { fs::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;

  std::string operator/(const std::string& name) const { return path_ / name; }
  std::string write(const std::string& name, const std::string& text) const {
    fs::create_directories((path_ / name).parent_path());
    std::ofstream(path_ / name, std::ios::binary) << text;
    return path_ / name;
  }
  std::string path() const { return path_; }

 private:
  fs::path path_;
};

std::vector<std::string> names(const std::vector<SourceSet>& sets, const Folder& folder) {
  std::vector<std::string> all;
  for (const SourceSet& set : sets)
    for (const SourceText& file : set.files) all.push_back(file.path.substr(folder.path().size() + 1));
  return all;
}

TEST_CASE("a folder is all its .rules files in order, hidden ones and others left out") {
  const Folder folder;
  folder.write("b.rules", "b");
  folder.write("a/z.rules", "z");
  folder.write("a/notes.txt", "no");
  folder.write("README.md", "```rules\nno\n```\n");
  folder.write(".git/x.rules", "no");
  folder.write(".hidden.rules", "no");
  fs::create_symlink(folder / "b.rules", folder / "link.rules");
  const auto sets = load(std::vector{folder.path()});
  REQUIRE(sets);
  REQUIRE(sets->size() == 1);
  CHECK(names(*sets, folder) == std::vector<std::string>{"a/z.rules", "b.rules"});  // the link is b.rules again
}

TEST_CASE("what is named twice is read once") {
  const Folder folder;
  const std::string file = folder.write("a.rules", "x");
  const auto sets = load(std::vector{file, folder.path(), folder.path() + "/./a.rules"});
  REQUIRE(sets);
  CHECK(names(*sets, folder) == std::vector<std::string>{"a.rules"});
}

TEST_CASE("what cannot be read is a failure that names it") {
  const Folder folder;
  const auto message = [](const std::vector<std::string>& paths) {
    const auto sets = load(paths);
    return sets ? "read" : sets.error().message;
  };
  CHECK(message({folder / "nowhere"}) == "there is no file or folder " + (folder / "nowhere"));
  CHECK(message({folder.path()}) == "there is no .rules file in the folder " + folder.path());
  CHECK(message({"-"}) == "`-` is standard input, and there is none here");
}

TEST_CASE("standard input has the name that it is given") {
  std::istringstream input("rule x");
  const auto sets = load(std::vector<std::string>{"-"}, {&input, "editor.rules"});
  REQUIRE(sets);
  CHECK(sets->front().files.front().path == "editor.rules");
  CHECK(sets->front().files.front().text == "rule x");
}

TEST_CASE("a document is a set of its own, its rules on their own lines") {
  const Folder folder;
  const std::string text =
      "# Title\n```rules\nlet $a = 1\n```\ntext `x`\n```\nnot this\n```\n  ~~~~ rules title\n  let $b = 2\n~~~\n  "
      "~~~~\n```rules\nlet $c";
  const std::string document = folder.write("doc.md", text);
  const std::string file = folder.write("a.rules", "x");
  const auto sets = load(std::vector{document, file});
  REQUIRE(sets);
  REQUIRE(sets->size() == 2);
  CHECK(!sets->at(0).markdown);
  CHECK(sets->at(1).markdown);
  const std::string& rules = sets->at(1).files.front().text;
  CHECK(rules.size() == text.size());
  for (const char* name : {"let $a", "let $b", "let $c"}) CHECK(rules.find(name) == text.find(name));
  CHECK(rules.find("not this") == std::string::npos);
  CHECK(rules.find('#') == std::string::npos);
  CHECK(rules.find('`') == std::string::npos);
  CHECK(Lines(rules).position(rules.find("let $b")) == Position{10, 3});
}

// Were it not so, `check docs` would pass over rules that readers of the document see.
TEST_CASE("a fence in a block quote: its signs are no rules, and a line outside of the quote ends it") {
  const std::string text =
      "> ```rules\n> let $a = 1\n>let $b = 2\n> ```\n> > ~~~ rules\n> > let $c = 3\nprose\n"
      "```rules\n> let $d = 4\n```\n> ```rules\n> let $e = 5";
  const std::string rules = only_rules(text);
  CHECK(rules.size() == text.size());
  for (const char* name : {"let $a = 1", "let $b = 2", "let $c = 3", "> let $d = 4", "let $e = 5"})
    CHECK(rules.find(name) == text.find(name));
  CHECK(rules.find("prose") == std::string::npos);
  CHECK(std::ranges::count(rules, '>') == 1);  // what stands in a fence is no quote
}

TEST_CASE("lines end at newlines, columns count characters") {
  const Lines lines("a\xc3\xa9z\r\nb\n");
  CHECK(lines.count() == 3);
  CHECK(lines.line(1) == "a\xc3\xa9z");
  CHECK(lines.line(3).empty());
  CHECK(lines.position(3) == Position{1, 3});
  CHECK(lines.position(6) == Position{2, 1});
  CHECK(lines.position(99) == Position{3, 1});
}

}  // namespace
}  // namespace tocsin::dsl
