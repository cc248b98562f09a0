// The command line as a script sees it: what stands on stdout, what on stderr, and the exit code, which is a promise.
#include "app/cli.h"

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "app/help.h"
#include "engine/base/contract.h"

namespace tocsin::app {
namespace {

namespace fs = std::filesystem;

struct Ran {
  int code = -1;
  std::string out, err;
};

struct World {
  std::string input = {};
  bool in_is_terminal = false, out_is_terminal = false;
  std::map<std::string, std::string> environment = {};
};

Ran run(const std::vector<std::string>& words, const World& world = {}) {
  std::istringstream in(world.input);
  std::ostringstream out, err;
  Console console{in, out, err};
  console.in_is_terminal = world.in_is_terminal;
  console.out_is_terminal = world.out_is_terminal;
  console.environment = [&](const char* name) {
    const auto found = world.environment.find(name);
    return found != world.environment.end() ? std::optional(found->second) : std::nullopt;
  };
  const Exit exit = run_command_line(words, console);
  return {static_cast<int>(exit), out.str(), err.str()};
}

constexpr const char* kGood =
    "event login has user text, outcome text, ts time  timestamp ts  late 1s\n"
    "event login_failed = login(outcome = \"failure\")\n"
    "rule brute_force when 5 login_failed within 5m by user  alert high \"{user}\"\n";
constexpr const char* kWrong =
    "event login has user text, outcome text, ts time  timestamp ts  late 1s\n"
    "event login_failed = login(outcome = \"failure\")\n"
    "rule fine when login_failed by user  alert high \"{user}\"\n"
    "rule brute_force when 5 login_faild within 5m by user  alert high \"{user}\"\n";
constexpr const char* kWarned =
    "event login has user text, ts time  timestamp ts  late 1s\n"
    "rule never_ends when login as a then login as b by user  alert high \"{user}\"\n";

// A folder that is gone when the test is.
class Folder {
 public:
  Folder() {
    std::string name = (fs::temp_directory_path() / "tocsin_cli_XXXXXX").string();
    REQUIRE(mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~Folder() { fs::remove_all(path_); }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(path_ / name, std::ios::binary) << text;
    return path_ / name;
  }
  static std::string read(const std::string& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  std::string path() const { return path_; }

 private:
  fs::path path_;
};

bool contains(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

TEST_CASE("exit 0: nothing wrong, the summary is all there is") {
  const Ran ran = run({"check", "-"}, {.input = kGood});
  CHECK(ran.code == 0);
  CHECK(ran.out.starts_with("checked 1 rule in 1 file: no mistakes ("));
  CHECK(ran.err.empty());
  CHECK(run({"check", "-", "-q"}, {.input = kGood}).out.empty());
}

TEST_CASE("exit 1: a mistake, on stdout, under the name that standard input was given") {
  const Ran ran = run({"check", "-", "--stdin-filename", "editor.rules"}, {.input = kWrong});
  CHECK(ran.code == 1);
  CHECK(contains(ran.out, "error[R021]: unknown event `login_faild`\n  --> editor.rules:4:25\n"));
  CHECK(contains(ran.out, "checked 2 rules in 1 file: 1 error ("));
  CHECK(ran.err.empty());
}

TEST_CASE("exit 2: called wrongly, with the nearest word that is right") {
  const auto refused = [](const std::vector<std::string>& words, const std::string& complaint) {
    CAPTURE(complaint);
    const Ran ran = run(words);
    CHECK(ran.code == 2);
    CHECK(ran.out.empty());
    CHECK(ran.err.starts_with(complaint));
  };
  refused({"chekc"}, "tocsin: there is no command `chekc`; did you mean `check`?\nhelp: `tocsin --help`\n");
  refused({"frobnicate"}, "tocsin: there is no command `frobnicate`\n");
  refused({"check", "--fromat", "json"}, "tocsin check: there is no option `--fromat`; did you mean `--format`?\n");
  refused({"check", "--fromat=json"}, "tocsin check: there is no option `--fromat`; did you mean `--format`?\n");
  refused({"--colour"}, "tocsin: there is no option `--colour`; did you mean `--color`?\n");
  refused(
      {"check", "--format", "jsn"},
      "tocsin check: --format is one of human, short, json, github, sarif, junit, not `jsn`; did you mean `json`?\n");
  refused({"check", "--format"}, "tocsin check: --format needs a value\n");
  refused({"check", "--require-tests", "many"}, "tocsin check: --require-tests needs a number, such as 2\n");
  refused({"check", "--allow", "R999"}, "tocsin check: --allow: there is no code `R999`\n");
  refused({"check", "--allow", "R021"}, "tocsin check: --allow: R021 is an error (");
  refused({"check", "--fix", "-"}, "tocsin check: --fix mends files, and standard input is none\n");
  refused({"explain"}, "tocsin explain: RULE|CODE is missing\n");
  refused({"completions", "tcsh"}, "tocsin completions: SHELL is one of bash, zsh, fish, not `tcsh`");
  refused({"version", "check"}, "tocsin version: `check` is one word too many\n");
}

TEST_CASE("exit 2: what cannot be read, and a terminal where text is expected") {
  const Ran missing = run({"check", "/nowhere/at.rules"});
  CHECK(missing.code == 2);
  CHECK(missing.err == "tocsin check: there is no file or folder /nowhere/at.rules\n");
  const Ran terminal = run({"check", "-"}, {.in_is_terminal = true});
  CHECK(terminal.code == 2);
  CHECK(contains(terminal.err, "standard input is a terminal"));
  CHECK(contains(terminal.err, "usage: tocsin check"));
  const Ran nothing = run({});
  CHECK(nothing.code == 2);
  CHECK(nothing.err == help());
}

TEST_CASE("exit 3: nothing but warnings, when they are denied") {
  const World world{.input = kWarned};
  const Ran ran = run({"check", "-"}, world);
  CHECK(ran.code == 0);
  CHECK(contains(ran.out, "warning[R107]"));
  CHECK(run({"check", "-", "--deny-warnings"}, world).code == 3);
  CHECK(run({"check", "-", "--deny-warnings", "--allow", "R107"}, world).code == 0);
  const Ran denied = run({"check", "-", "--deny", "R107"}, world);
  CHECK(denied.code == 1);
  CHECK(contains(denied.out, "error[R107]"));
}

TEST_CASE("exit 70: what is thrown, and a contract that is broken, is our bug and says what to attach") {
  int from_child[2];
  REQUIRE(pipe(from_child) == 0);
  const pid_t child = fork();
  if (child == 0) {
    dup2(from_child[1], STDERR_FILENO);
    turn_aborts_into_bugs();
    TOCSIN_ASSERT(child != 0);
    _exit(0);
  }
  close(from_child[1]);
  std::string said(4096, '\0');
  std::size_t length = 0;
  for (ssize_t n = 1; n > 0; length += static_cast<std::size_t>(std::max<ssize_t>(n, 0)))
    n = read(from_child[0], said.data() + length, said.size() - length);
  close(from_child[0]);
  int status = 0;
  REQUIRE(waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 70);
  CHECK(contains(said, "bug: `child != 0` does not hold"));
  CHECK(contains(said, "Please report it with"));

  std::istringstream in;
  std::ostringstream err;
  Console console{in, err, err};
  console.environment = [](const char*) -> std::optional<std::string> { throw std::runtime_error("thrown"); };
  CHECK(run_command_line({"version"}, console) == Exit::bug);
  CHECK(contains(err.str(), "tocsin: bug: thrown\n"));
}

TEST_CASE("machines get their answer alone on stdout, the summary on stderr") {
  for (const char* format : {"short", "json", "github"}) {
    const Ran ran = run({"check", "-", "--format", format}, {.input = kWrong});
    CAPTURE(format);
    CHECK(ran.code == 1);
    CHECK(std::ranges::count(ran.out, '\n') == 1);
    CHECK(ran.err.starts_with("checked 2 rules"));
  }
  CHECK(run({"check", "-", "--json"}, {.input = kWrong}).out ==
        run({"check", "-", "--format=json"}, {.input = kWrong}).out);
  CHECK(nlohmann::json::parse(run({"check", "-", "--json"}, {.input = kWrong}).out)["code"]["code"] == "R021");
  CHECK(nlohmann::json::parse(run({"check", "-", "--format", "sarif"}, {.input = kWrong}).out)["runs"][0]["results"]
            .size() == 1);
}

TEST_CASE("--fix mends what is certain, in the file, and says how much") {
  const Folder folder;
  const std::string file = folder.write("a.rules",
                                        "event login has user text, ts time  timestamp ts  late 1s\n"
                                        "rule r when login(user == \"x\") by user  alert low \"{user}\"\n");
  const Ran before = run({"check", file});
  CHECK(before.code == 1);
  const Ran ran = run({"check", "--fix", file});
  CHECK(ran.code == 0);
  CHECK(ran.err == "mended 1 mistake\n");
  CHECK(contains(Folder::read(file), "login(user = \"x\")"));
}

TEST_CASE("a mistake in a document is shown on the document's line, and mended there") {
  const Folder folder;
  const std::string text =
      "# Rules\n\n```rules\nevent login has user text, ts time  timestamp ts  late 1s\n"
      "rule r when login(user == \"x\") by user  alert low \"{user}\"\n```\nThe end, `==`.\n";
  const std::string file = folder.write("doc.md", text);
  CHECK(contains(run({"check", file}).out, "doc.md:5:24\n"));
  CHECK(run({"check", "--fix", file}).code == 0);
  std::string mended = text;
  mended.replace(mended.find("=="), 2, "=");
  CHECK(Folder::read(file) == mended);
}

TEST_CASE("two documents are two rule sets") {
  const Folder folder;
  const std::string text = std::string("```rules\n") + kGood + "```\n";
  const Ran ran = run({"check", folder.write("a.md", text), folder.write("b.md", text)});
  CHECK(ran.code == 0);
  CHECK(contains(ran.out, "checked 2 rules in 2 files"));
}

TEST_CASE("colours: --color, then NO_COLOR, then CLICOLOR_FORCE, then the terminal; a dumb one has none") {
  const auto coloured = [](std::vector<std::string> words, bool terminal,
                           std::map<std::string, std::string> environment) {
    words.insert(words.begin(), {"check", "-"});
    const World world{.input = kWrong, .out_is_terminal = terminal, .environment = std::move(environment)};
    return contains(run(words, world).out, "\x1b[");
  };
  CHECK(!coloured({}, false, {}));
  CHECK(coloured({}, true, {}));
  CHECK(!coloured({}, true, {{"TERM", "dumb"}}));
  CHECK(!coloured({}, true, {{"NO_COLOR", "1"}, {"CLICOLOR_FORCE", "1"}}));
  CHECK(coloured({}, true, {{"NO_COLOR", ""}}));
  CHECK(coloured({}, false, {{"CLICOLOR_FORCE", "1"}}));
  CHECK(!coloured({}, false, {{"CLICOLOR_FORCE", "0"}}));
  CHECK(coloured({"--color", "always"}, false, {{"NO_COLOR", "1"}}));
  CHECK(!coloured({"--color=never"}, true, {{"CLICOLOR_FORCE", "1"}}));
}

TEST_CASE("every command has help, a section of the manual, and its options in every completion") {
  const std::string manual = run({"man"}).out;
  for (const Command& command : all_commands()) {
    CAPTURE(command.name);
    const Ran ran = run({std::string(command.name), "--help"});
    CHECK(ran.code == 0);
    CHECK(ran.out.starts_with("tocsin " + std::string(command.name) + ": " + std::string(command.one_line)));
    CHECK(contains(manual, ".SS " + std::string(command.name)));
    for (const Option& option : command.options) {
      CAPTURE(option.name);
      CHECK(contains(ran.out, std::string(option.name)));
      CHECK(contains(completions("bash"), std::string(option.name)));
      CHECK(contains(completions("zsh"), std::string(option.name)));
      CHECK(contains(completions("fish"), "-l " + std::string(option.name.substr(2))));
    }
  }
  CHECK(run({"--help"}).out == help());
  for (const std::string& line : {help(), help(all_commands().front())}) {
    std::istringstream lines(line);
    for (std::string text; std::getline(lines, text);) CHECK(text.size() <= 100);
  }
}

TEST_CASE("version names what a report needs, in both forms") {
  CHECK(run({"version"}).out.starts_with("tocsin 0."));
  CHECK(run({"--version"}).out == run({"version"}).out);
  const nlohmann::json json = nlohmann::json::parse(run({"version", "--json"}).out);
  CHECK(json["schema"] == "tocsin/version/1");
  CHECK(json["language"] == 1);
}

TEST_CASE("explain prints the page of a code, in either case") {
  const Ran ran = run({"explain", "R021"});
  CHECK(ran.code == 0);
  CHECK(ran.out.starts_with("R021: unknown event (error)\n"));
  CHECK(run({"explain", "r021"}).out == ran.out);
  CHECK(run({"explain", "R999"}).code == 2);
}

}  // namespace
}  // namespace tocsin::app
