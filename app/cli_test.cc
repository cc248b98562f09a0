// The command line as a script sees it: what stands on stdout, what on stderr, and the exit code, which is a promise.
#include "app/cli.h"

#include <doctest/doctest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <sstream>
#include <string>

#include "app/calls.h"
#include "app/help.h"
#include "app/testing.h"
#include "engine/base/contract.h"

namespace tocsin::app {
namespace {

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

TEST_CASE("check counts the rules that it could not read, and looks into the files of tables") {
  const Folder folder;
  folder.write("cards.csv", "\xEF\xBB\xBFid,tier\nann,gold\n");
  const std::string file =
      folder.write("a.rules",
                   "event charge has card text\n"
                   "table cards from \"cards.csv\" key id\n"
                   "rule r when charge(cards[card].teir = \"gold\") by card  alert low \"{card}\"\n"
                   "rule broken when charge charge by card  alert low \"x\"\n");
  const Ran ran = run({"check", file});
  CHECK(contains(ran.out, "error[R079]: the file has no column `teir`"));
  CHECK(contains(ran.out, "help: did you mean `tier`?"));
  CHECK(!contains(ran.out, "no column `id`"));
  CHECK(contains(ran.out, "checked 2 rules in 1 file: 2 errors ("));

  folder.write("cards.csv", "id,tier\nann,gold\nann,silver\n");
  CHECK(contains(run({"check", file}).out, "error[R082]: the file is no table as it stands\n"));
  CHECK(contains(run({"check", file}).out, "line 3 has the id `ann` of line 2 again; delete one of them"));
}

TEST_CASE("a line of a list that is no address is told where addresses are looked up, by what runs, too") {
  const Folder folder;
  const std::string file = folder.write("a.rules",
                                        "event login has user text, ip ip\n"
                                        "list exits from \"exits.txt\"\n"
                                        "rule r when login(ip in list exits) by user  alert low \"{user}\"\n");
  folder.write("exits.txt", "10.0.0.7\n10.1.0.0/16\n\n2001:db8::1\n");
  CHECK(!contains(run({"check", file}).out, "R132"));
  folder.write("exits.txt", "# exits\n10.0.0.7\n10.0.0.300\n");
  CHECK(contains(run({"check", file}).out, "`# exits` is no address and no network, nor is another one"));
  const Ran ran = run({"replay", file, "--input", "-"}, {.input = "{\"user\":\"ann\",\"ip\":\"10.0.0.7\"}\n"});
  CHECK(ran.code == 0);
  CHECK(contains(ran.err, "warning[R132]: not all that this list has are addresses"));
  CHECK(contains(ran.out, "\"ann\""));
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
  refused({"explain"}, "tocsin explain: NAME|CODE is missing\n");
  refused({"completions", "tcsh"}, "tocsin completions: SHELL is one of bash, zsh, fish, not `tcsh`");
  refused({"version", "check"}, "tocsin version: `check` is one word too many\n");
}

TEST_CASE("exit 2: an option that counts once is given twice; of those of all commands the last counts") {
  const Ran ran = run({"test", "--run", "a", "--run", "b"});
  CHECK(ran.code == 2);
  CHECK(contains(ran.err, "tocsin test: --run is given twice; which one is meant?\n"));
  CHECK(run({"version", "--color", "never", "--color", "auto"}).code == 0);
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

TEST_CASE("the letter of an option is completed with what its name is") {
  CHECK(contains(completions("bash"), "check:-c) compopt -o filenames"));
  std::istringstream lines(completions("zsh"));
  std::size_t letters = 0;
  for (std::string line; std::getline(lines, line);)
    if (contains(line, "'-c[")) {
      ++letters;
      CHECK(contains(line, ":FILE:_files'"));
    }
  CHECK(letters > 0);
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

TEST_CASE("docs/commands.md says what the table of commands says") {
  const std::string file = TOCSIN_SOURCE_DIR "/docs/commands.md";
  if (std::getenv("TOCSIN_UPDATE") != nullptr) std::ofstream(file, std::ios::binary) << commands_page();
  CHECK(Folder::read(file) == commands_page());
}

TEST_CASE("docs/functions.md says what the tables of functions and aggregates say") {
  const std::string file = TOCSIN_SOURCE_DIR "/docs/functions.md";
  if (std::getenv("TOCSIN_UPDATE") != nullptr) std::ofstream(file, std::ios::binary) << functions_page();
  CHECK(Folder::read(file) == functions_page());
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

TEST_CASE("explain tells what a function or an aggregate takes and gives") {
  CHECK(run({"explain", "weekday"}).out ==
        "function weekday(time[, \"zone\"])\n"
        "gives: text; missing where an argument is, or where it cannot be worked out\n"
        "the day of the week, \"mon\" to \"sun\", in UTC or a zone\n");
  CHECK(contains(run({"explain", "coalesce"}).out,
                 "\ngives: what its arguments are; missing where the argument that it takes is\n"));
  CHECK(run({"explain", "p99"}).out ==
        "aggregate p99(x.field)\n"
        "gives: float; of durations a duration; missing where there is no value\n"
        "a quantile, p50 to p99.9; linear between the closest ranks\n");
  CHECK(contains(run({"explain", "min"}).out, "aggregate min(x.field)\n"));
  CHECK(contains(run({"explain", "zscore"}).out, "aggregate zscore(aggregate, past)\n"));
  CHECK(contains(run({"explain", "weekdya", "-"}, {.input = ""}).err, "did you mean `weekday`?"));
  CHECK(contains(run({"explain", "min"}).out, "\nfunction min(any, any, ...)\n"));
  CHECK(nlohmann::json::parse(run({"explain", "trim", "--json"}).out)["form"] == "trim(text)");
  CHECK(run({"explain", "trim", "--format", "dot"}).code == 2);
}

TEST_CASE("fmt writes the one layout, says what would change, and touches nothing that it cannot read") {
  const Folder folder;
  const std::string ugly = "rule  r when login(user=\"x\")   by user alert low \"{user}\" // why\n";
  const Ran formatted = run({"fmt", "-"}, {.input = ugly});
  CHECK(formatted.code == 0);
  CHECK(contains(formatted.out, "login(user = \"x\")"));
  CHECK(contains(formatted.out, "// why"));
  CHECK(run({"fmt", "-"}, {.input = formatted.out}).out == formatted.out);

  const std::string file = folder.write("a.rules", ugly);
  const Ran check = run({"fmt", "--check", file});
  CHECK(check.code == 1);
  CHECK(contains(check.out, "-" + ugly));
  CHECK(check.err == "1 of 1 files would change\n");
  CHECK(Folder::read(file) == ugly);
  CHECK(run({"fmt", file}).code == 0);
  CHECK(Folder::read(file) == formatted.out);
  CHECK(run({"fmt", "--check", file}).code == 0);

  const std::string broken = "rule r when 5 x within\n";
  const Ran refused = run({"fmt", "-"}, {.input = broken});
  CHECK(refused.code == 1);
  CHECK(refused.out == broken);
  CHECK(contains(refused.err, "error[R0"));
}

TEST_CASE("fmt changes only the rules of a document") {
  const Folder folder;
  const std::string file =
      folder.write("a.md", "#  Title\n```rules\nrule r when  x by k  alert low \"a\"\n```\n```\nrule  other\n```\n");
  CHECK(run({"fmt", file}).code == 0);
  const std::string after = Folder::read(file);
  CHECK(after.starts_with("#  Title\n```rules\nrule r"));
  CHECK(contains(after, "when x by k"));
  CHECK(after.ends_with("```\n```\nrule  other\n```\n"));
}

TEST_CASE("explain: what a key keeps is what its matcher keeps, and the warnings of check say the same") {
  const Folder folder;
  const auto explained = [&](const std::string& rule) {
    const std::string events =
        "event a has u text, v int, ts time  timestamp ts\nevent b has u text, v int, ts time  timestamp ts\n";
    return run({"explain", "r", folder.write("r.rules", events + "rule r when " + rule + "  alert low \"x\"\n")}).out;
  };
  const std::string chain = explained("a then b within 5m by u");
  CHECK(contains(chain, "an event matters for 5 minutes at most\n"));
  CHECK(contains(chain, "a key keeps 1 record and "));
  CHECK(contains(chain, ": the latest a\n"));
  CHECK(contains(chain, "latest chain: single steps"));
  const std::string every = explained("a then b within 5m by u  fire every match");
  CHECK(contains(every, "every event that a match may need within 5m, at most 10,000\n"));
  CHECK(contains(every, "every chain: single steps"));
  const std::string search = explained("a as x then b(v > x.v) within 5m by u");
  CHECK(contains(search, "every event that a match may need within 5m, at most 10,000\n"));
  CHECK(contains(search, "search: a filter looks at another step\n"));
  const std::string count = explained("5 a(v = 1) within 5m by u");
  CHECK(contains(count, "a key keeps 5 records and "));
  CHECK(contains(count, "the 5 last a\n"));
  CHECK(contains(count, "counter: N of one stream in one window"));
  CHECK(contains(count, "asked at\n  a: v = 1\n"));
  const std::string waits = explained("a then no b within 5m by u");
  CHECK(contains(waits, ": the first a that waits; the 100 last alerts, which a late event may withdraw\n"));
  const std::string previous = explained("a(v > previous.v) by u");
  CHECK(contains(previous, "every key is kept for ever (R109)\n"));
  CHECK(contains(previous, ": the last a\n"));
  CHECK(contains(previous, "asked at\n  a: every a\n"));
  const std::string open = explained("a then b by u");
  CHECK(contains(open, "nothing bounds how long an event matters; a key's partial match can live for ever (R107)\n"));
  CHECK(contains(explained("any 2 of (a, b) within 10m by u"), "an event matters for 10 minutes at most\n"));
  CHECK(contains(explained("a(v > 3) by u"), "nothing is kept of a key\n"));
}

TEST_CASE("explain says whether a rule's keys are spread over shards, and why they are not") {
  const Folder folder;
  const auto shards = [&](const std::string& name, const std::string& rules) {
    const std::string events =
        "event a has u text, d text, n int, ts time  timestamp ts\n"
        "session s of a by u, d  ends after 1m idle  with n = count()\n"
        "table t from \"t.csv\" key u\n";
    folder.write("t.csv", "u,c\n");
    const std::string out = run({"explain", name, folder.write("r.rules", events + rules + "\n")}).out;
    const auto begin = out.find("\nshards\n  ");
    REQUIRE(begin != std::string::npos);
    return out.substr(begin + 10, out.find("\n\n", begin + 10) - begin - 10);
  };
  const std::string behind_s = "\n  it runs behind `s`, whose events come from all of them";
  const std::string alert = " alert low \"\"";
  CHECK(shards("s", "") == "keys are spread over all of them");
  CHECK(shards("s", "rule r when s by u" + alert) ==
        "keys are spread over all of them, those with the same u together");
  CHECK(shards("r", "rule r when s by all" + alert) == "all keys are on one: it has no key" + behind_s);
  CHECK(shards("s", "rule r when s by all" + alert) == "keys are spread over all of them");
  CHECK(shards("r", "rule r when s by n" + alert) == "keys are spread over all of them" + behind_s);
  CHECK(shards("s", "rule r when s by u" + alert + "\nrule q when s by d" + alert) ==
        "keys are spread over all of them, those with the same u together");
  CHECK(shards("q", "rule r when s by u" + alert + "\nrule q when s by d" + alert) ==
        "keys are spread over all of them" + behind_s);
  CHECK(shards("q", "rule r when a by u emit e with d = a.d" + alert + "\nrule p when a by u mute while r" + alert +
                        "\nrule q when e by d mute while p" + alert) ==
        "all keys are on one: `p` is muted while `r` fires, whatever the key");
  CHECK(shards("q", "rule r when a by u resolve when a(n = 0)" + alert + "\nrule q when a by u mute while r" + alert) ==
        "all keys are on one: `q` is muted while `r` fires, whatever the key");
  CHECK(shards("r", "rule r when a by u fire at most 1 per 1h per d" + alert) ==
        "all keys are on one: `fire at most` of `r` is shared by keys that have nothing in common");
  CHECK(shards("r", "rule r when a by k = t[u].c" + alert) ==
        "all keys are on one: the key of `r` is looked up in a list or table, which may change");
  const nlohmann::json json = nlohmann::json::parse(run({"explain", "s", folder.path() + "/r.rules", "--json"}).out);
  CHECK(json["shards"] == nlohmann::json::parse(R"({"one":false,"why":null,"by":[],"behind":[]})"));
}

TEST_CASE("explain tells a rule in words, draws it, and shows what runs") {
  const Folder folder;
  const std::string file = folder.write("a.rules", kGood);
  const Ran ran = run({"explain", "brute_force", file});
  CHECK(ran.code == 0);
  CHECK(contains(ran.out, "a.rules:3)\n"));
  CHECK(contains(ran.out, "Fires when the same `user` has 5 `login_failed` within 5 minutes."));
  CHECK(contains(ran.out, "║ fires"));
  CHECK(contains(ran.out, "\ncore form\n"));
  CHECK(contains(ran.out, "\nprogram\n"));
  CHECK(run({"explain", "brute_force", file, "--format", "dot"}).out.starts_with("digraph \"brute_force\""));
  CHECK(run({"explain", "brute_force", file, "--format", "mermaid"}).out.starts_with("flowchart TD\n"));
  CHECK(run({"explain", "brute_force", file, "--format", "svg"}).out.starts_with("<svg "));
  const nlohmann::json json = nlohmann::json::parse(run({"explain", "brute_force", file, "--json"}).out);
  CHECK(json["schema"] == "tocsin/explain/1");
  CHECK(json["graph"]["nodes"].size() == 3);
  CHECK(json["bounds"]["longest_window"] == 300.0);
  const Ran slip = run({"explain", "brute_forse", file});
  CHECK(slip.code == 2);
  CHECK(contains(slip.err, "did you mean `brute_force`?"));
  const Ran broken = run({"explain", "fine", folder.write("b.rules", kWrong)});
  CHECK(broken.code == 0);
  CHECK(contains(broken.err, "the rules have errors"));
}

}  // namespace
}  // namespace tocsin::app
