// THE TABLE OF COMMANDS, and the table of exit codes. A new command is a row here and a file beside this one.
#include <algorithm>

#include "app/command.h"
#include "app/demo.h"
#include "app/inputs.h"
#include "app/why.h"

namespace tocsin::app {

namespace {

const Operand kPaths{"PATHS",
                     0,
                     0,
                     {},
                     "folders (all .rules files in them), .rules files, Markdown documents (their fences tagged "
                     "`rules`), or - for standard input; the folder rules, else this one, when none is given",
                     Fills::files};
const Option kStdinName{"--stdin-filename", {}, "FILE", {}, false, "what standard input is called in messages",
                        Fills::files};

Option config() {
  return {.name = "--config",
          .letter = "-c",
          .value = "FILE",
          .help = "tocsin.toml: its rules where no PATHS are given, and how its sources' records are written",
          .fills = Fills::files};
}
Option source() {
  return {.name = "--source", .value = "NAME", .help = "with --config: the source whose records --input has"};
}

Option apart() { return {.name = "--apart", .help = "every file is a rule set of its own; else all together are one"}; }

Option json_of() { return {.name = "--json", .help = "the same as --format json"}; }

Command check() {
  return {.name = "check",
          .one_line = "find every mistake in rules, before they run",
          .more =
              "Reads all rules as one set and reports each mistake once, with the place, the cause and the way to mend "
              "it. Each Markdown document is a set of its own. Exit code 0 when there is no error, 1 when there is.",
          .operands = {kPaths},
          .options = {{.name = "--format",
                       .value = "FORMAT",
                       .choices = {"human", "short", "json", "github", "sarif", "junit"},
                       .help = "how mistakes are printed"},
                      json_of(),
                      kStdinName,
                      apart(),
                      config(),
                      {.name = "--deny-warnings", .help = "exit with 3 when there are warnings, and nothing worse"},
                      {.name = "--allow",
                       .value = "CODE",
                       .repeats = true,
                       .help = "say nothing of this warning",
                       .fills = Fills::rules_and_codes},
                      {.name = "--deny",
                       .value = "CODE",
                       .repeats = true,
                       .help = "count this warning as an error",
                       .fills = Fills::rules_and_codes},
                      {.name = "--require-tests", .value = "N", .help = "warn of rules with fewer than N tests"},
                      {.name = "--fix", .help = "mend what can be mended with certainty, in the files"}},
          .examples = {"tocsin check rules", "tocsin check --format github --deny-warnings rules",
                       "tocsin check README.md", "tocsin check - < new.rules"},
          .run = run_check};
}

Command fmt() {
  return {
      .name = "fmt",
      .one_line = "write rules in their one layout, comments kept",
      .more =
          "Files are rewritten in place, standard input to standard output. In Markdown only the fences tagged "
          "`rules` change. Text that cannot be read is left as it is and reported, with exit code 1.",
      .operands = {kPaths},
      .options = {{.name = "--check", .help = "change nothing; print what would change and exit with 1"}, kStdinName},
      .examples = {"tocsin fmt rules", "tocsin fmt --check rules", "tocsin fmt - < draft.rules"},
      .run = run_fmt};
}

Command test() {
  return {
      .name = "test",
      .one_line = "run the tests that stand beside the rules",
      .more =
          "Each test runs by itself in virtual time, on the engine that production uses. Expectations are exact: an "
          "alert that nobody expected fails the test. Exit code 0 when all pass, 1 when one fails or the rules "
          "have errors, 2 when there is no test to run.",
      .operands = {kPaths},
      .options =
          {{.name = "--run",
            .value = "REGEX",
            .help = "only tests whose title, or whose rule's name, this expression finds"},
           {.name = "--format",
            .value = "FORMAT",
            .choices = {"human", "junit", "tap", "json"},
            .help = "how results are printed"},
           json_of(),
           kStdinName,
           apart(),
           config(),
           {.name = "--permute",
            .value = "N",
            .help = "run each test in N more orders of arrival, none of which makes an event late"},
           {.name = "--shards",
            .value = "LIST",
            .help = "run each test with so many shards, such as 1,4: nothing may change"},
           {.name = "--coverage",
            .choices = {"text", "json", "lcov"},
            .help =
                "list the rules that no test shows firing, or silent, and the edges of all their automata that no test "
                "takes, whichever rule it names; "
                "json and lcov are the answer, with the results on standard error"},
           {.name = "--min-coverage",
            .value = "PERCENT",
            .help =
                "with --coverage: exit with 1 when fewer of the rules are shown both ways, or of the edges are taken"},
           {.name = "--junit",
            .value = "FILE",
            .help = "also write the results there, as --format junit has them",
            .fills = Fills::files},
           {.name = "--trace",
            .help =
                "also tell, event by event, what the rule of a failing test did, or of each test that --run chooses: "
                "steps reached, numbers, what was not taken and why, timers"},
           {.name = "--jobs",
            .letter = "-j",
            .value = "N",
            .help = "so many tests at once, else one a core; what is printed stays the same"},
           {.name = "--list", .help = "run nothing; print the place, the rule and the title of each test"},
           {.name = "--update", .help = "write what there was into the tests that fail, and show the difference"},
           {.name = "--fail-fast", .help = "stop at the first test that fails"}},
      .examples = {"tocsin test rules", "tocsin test --run brute_force --permute 20",
                   "tocsin test rules --format junit > report.xml", "tocsin test --apart tests/spec"},
      .run = run_tests};
}

Command replay() {
  Command command{
      .name = "replay",
      .one_line = "run rules over events of the past",
      .more =
          "Alerts go to standard output, one JSON object a line, in the order of event time; a summary of each rule to "
          "standard error. Nothing is sent anywhere. At the end of the input time goes to the last event and no "
          "further; what is still pending is listed. A TIME is `2026-03-01T14:20:05Z`, a number in --time-unit (else "
          "in ms, whatever unit the events have), or a length before now, with an equals sign: --until=-15m. "
          "With --compare the answer is what PATHS would change, of the alerts and of what rules, sessions and "
          "summaries emit: + is new, - is lost, = is as it was, ~ has another content at the same time and for the "
          "same key, with each field as it was and as it is (20 of each kind; -v: all). A rule that `was` another is "
          "the same rule.",
      .operands = {kPaths},
      .options = input_options(),
      .examples = {"tocsin replay rules --input logins.ndjson --event-field type > alerts.ndjson",
                   "tocsin replay rules --input trips.csv.zst --event trip --time-field pickup --time-format '%F %T'",
                   "tocsin replay rules/security --input auth.log --time-field at --time-format '%b %e %T' "
                   "--line 'sshd_fail=^(?P<at>\\S+ +\\S+ \\S+) .*Failed password .* from (?P<ip>\\S+)'",
                   "tocsin replay -c tocsin.toml --source logins --input logins.ndjson",
                   "tocsin replay rules --input last_month.ndjson --compare rules.old"},
      .run = run_replay};
  for (const Option& option : std::initializer_list<Option>{
           config(),
           source(),
           {.name = "--from",
            .value = "TIME",
            .help = "only events from then on; earlier ones are as if they were not there"},
           {.name = "--to", .value = "TIME", .help = "only events before then"},
           {.name = "--until", .value = "TIME", .help = "at the end of the input time goes on until then"},
           {.name = "--drain", .help = "at the end of the input time goes on until nothing is pending"},
           {.name = "--max-alerts", .value = "N", .help = "stop at the Nth alert; what follows is not read"},
           {.name = "--shards",
            .value = "N",
            .help = "so many threads read and judge, else one; 0: one a core; what comes out is the same"},
           {.name = "--sample",
            .value = "SHARE",
            .help = "only events of some values of a field, such as '1/100 by user': always the same ones; events "
                    "without it are kept"},
           {.name = "--out",
            .value = "FILE",
            .help = "alerts go to this file; - is standard output",
            .fills = Fills::files},
           {.name = "--emitted", .help = "also every event that rules, sessions and summaries emit"},
           {.name = "--dead-letters",
            .value = "FILE",
            .help = "records that no rule can want, each with its reason; they are counted anyway",
            .fills = Fills::files},
           {.name = "--late",
            .value = "FILE",
            .help = "events that came too late to be judged: JSON, one object a line, with the event, its time, where "
                    "the watermark stood, and its source, partition and offset",
            .fills = Fills::files},
           {.name = "--compare",
            .value = "OLD_RULES",
            .help = "run these rules too, and print what PATHS add (+), lose (-), keep (=) and change (~)",
            .fills = Fills::files},
           {.name = "--fail-on-diff", .help = "with --compare: exit with 1 when anything differs"},
           {.name = "--expect",
            .value = "FILE",
            .help = "the alerts as an earlier replay or the running tocsin wrote them (of one source, read by -c and "
                    "--source): print what differs, and exit with 1 if anything does",
            .fills = Fills::files},
           {.name = "--profile",
            .choices = {"text", "json"},
            .help =
                "what each rule costs, the dearest first: processor time, events, keys, bytes of state, alerts; text "
                "behind the summary, json is the answer, and alerts go to --out or nowhere"},
           {.name = "--format",
            .value = "FORMAT",
            .choices = {"ndjson", "human", "json"},
            .help = "alerts as JSON, or a line for people; of --compare: json, else a table"},
           kStdinName})
    command.options.push_back(option);
  return command;
}

Command why() {
  Command command{
      .name = "why",
      .one_line = "why an alert fired; why a rule fired for a key, or what kept it from it",
      .more =
          "Runs the rules over a file of events. An alert is named by its id, or the beginning of it: the events of "
          "each step are told, with the source, partition and offset of each, and what the rule reads of it; with -v "
          "the records, too; exit code 1 when no alert has the id. With --rule it tells of the rule's last alert for "
          "the key until then, with its events. Where there was none, or none since: how far the nearest match came, "
          "the events that carried it "
          "there, what was missing, and each condition without which it would have fired. Every step, number and "
          "condition that is tried is one more run over all events, so it takes as long as that many replays.",
      .operands = {{"ALERT_ID", 0, 1, {}, "the alert, where no --rule is named", Fills::nothing}, kPaths},
      .options = input_options(),
      .examples = {"tocsin why 9f86d081884c7d65 rules --input logins.ndjson",
                   "tocsin why --rule brute_force --key ann --at 2026-03-01T10:00:00Z rules --input logins.ndjson",
                   "tocsin why --rule guessed --key user=ann --key ip=10.0.0.7 rules --input logins.ndjson"},
      .run = run_why};
  const std::vector<Option> own{
      {.name = "--rule", .value = "NAME", .help = "the rule"},
      {.name = "--key",
       .value = "KEY",
       .repeats = true,
       .help = "the key: its values in their order, or name=value each; else whichever came furthest"},
      {.name = "--at",
       .value = "TIME",
       .help = "until then; else until the input ends, and for an id until nothing is pending"}};
  command.options.insert(command.options.begin(), own.begin(), own.end());
  for (const Option& option : std::initializer_list<Option>{
           config(),
           source(),
           {.name = "--format", .value = "FORMAT", .choices = {"human", "json"}, .help = "in words, or as JSON"},
           json_of(),
           kStdinName})
    command.options.push_back(option);
  return command;
}

Command demo() {
  return {
      .name = "demo",
      .one_line = "made-up events, four rules, and what they find, as it happens",
      .more =
          "Nothing to configure, nothing left behind. The last ten minutes come first, so there is something to see "
          "at once. The rules are four, from easy to hard; with --export they are yours, with tests and events.",
      .operands = {{"SCENARIO",
                    0,
                    1,
                    {"security", "fraud", "sre", "iot", "clicks"},
                    "security (else), fraud, sre, iot or clicks",
                    Fills::nothing}},
      .options = {{.name = "--seconds", .value = "N", .help = "how long it goes on; 10 where nothing is said"},
                  {.name = "--rate",
                   .value = "N",
                   .help = "events a second, all inputs together, at most 10000 (1000 with --export); else 100"},
                  {.name = "--seed", .value = "N", .help = "another number, another story"},
                  {.name = "--clock",
                   .value = "CLOCK",
                   .choices = {"wall", "virtual"},
                   .help = "virtual: one fixed day, without waiting; the same each time"},
                  {.name = "--export",
                   .value = "DIR",
                   .help = "write the rules, their tests and sample events into a new folder",
                   .fills = Fills::files}},
      .examples = {"tocsin demo", "tocsin demo fraud --seconds 60", "tocsin demo sre --export my && tocsin test my"},
      .run = run_demo};
}

Command explain() {
  return {.name = "explain",
          .one_line = "what a rule does, a function gives, or the code of a message means",
          .more =
              "A rule is read aloud in English, then shown as the machine that runs it, with what it costs. A code "
              "such as R021 has a page: what it means, an example, and the same example mended. Of a function or an "
              "aggregate it says what it takes and gives.",
          .operands = {{"NAME|CODE",
                        1,
                        1,
                        {},
                        "the name of a rule or a function, or the code of a message",
                        Fills::rules_and_codes},
                       kPaths},
          .options = {{.name = "--format",
                       .value = "FORMAT",
                       .choices = {"text", "dot", "mermaid", "svg", "json"},
                       .help = "text, or the automaton alone as a picture, or all as JSON"},
                      json_of(),
                      kStdinName},
          .examples = {"tocsin explain R021", "tocsin explain weekday", "tocsin explain brute_force rules",
                       "tocsin explain brute_force rules --format svg > brute_force.svg"},
          .run = run_explain};
}

Option set() {
  return {.name = "--set",
          .value = "KEY=VALUE",
          .repeats = true,
          .help = "as if tocsin.toml said so: --set state.memory=2GiB"};
}

Command config_command() {
  return {.name = "config",
          .one_line = "what holds by tocsin.toml, the environment and --set; and what may be said there",
          .more =
              "show prints every setting with its value, and with --origin who said it: a flag, --set, a variable "
              "TOCSIN__A__B, a line of the file, or nobody (the default). Secrets are ***. schema prints the JSON "
              "Schema of the file, for editors.",
          .operands = {{"WHAT", 1, 1, {"show", "schema"}, "show or schema", Fills::nothing}},
          .options = {config(),
                      set(),
                      {.name = "--origin", .help = "also who said it"},
                      {.name = "--json", .help = "as a JSON object"}},
          .examples = {"tocsin config show -c tocsin.toml --origin", "tocsin config schema > tocsin.schema.json"},
          .run = run_config};
}

// What every command has that asks a running daemon.
Command client(Command command) {
  for (const Option& option : std::initializer_list<Option>{
           {.name = "--addr",
            .value = "ADDRESS",
            .help = "where the daemon is: unix:PATH or http://HOST:PORT; else TOCSIN_ADDR, else its usual places"},
           {.name = "--timeout", .value = "TIME", .help = "how long to wait for its answer; 10s where nothing is said"},
           {.name = "--token-file",
            .value = "FILE",
            .help = "what to authorise by over TCP; else the variable TOCSIN_TOKEN",
            .fills = Fills::files},
           {.name = "--json", .help = "the daemon's own document"}})
    if (std::ranges::find(command.options, option.name, &Option::name) == command.options.end())
      command.options.push_back(option);
  return command;
}

Command status() {
  return client({.name = "status",
                 .one_line = "one screen of a running daemon",
                 .more = "Exit code 4 when there is none, or no answer in time.",
                 .operands = {},
                 .options = {{.name = "--ready", .help = "only whether it is ready: exit code 0, else 1"},
                             {.name = "--checkpoints", .help = "the last 1,000 checkpoints, newest first"}},
                 .examples = {"tocsin status", "tocsin status --ready --timeout 2s"},
                 .run = run_status});
}

Command live_rules() {
  return client({.name = "rules",
                 .one_line = "the rules of a running daemon; switch one off and on",
                 .more = "A rule that was disabled alerts nobody, and goes on remembering: enabled again, it knows all "
                         "that has happened. It stays so over restarts, and is shown as such everywhere.",
                 .operands = {{"WHAT",
                               0,
                               1,
                               {"list", "show", "enable", "disable"},
                               "list (else), show, enable or disable",
                               Fills::nothing},
                              {"RULE", 0, 1, {}, "the name of a rule", Fills::nothing}},
                 .options = {},
                 .examples = {"tocsin rules", "tocsin rules disable brute_force"},
                 .run = run_rules});
}

Command alerts() {
  return client({.name = "alerts",
                 .one_line = "the last alerts of a running daemon, and what became of each",
                 .more = "Newest first. How many it keeps, limits.alerts_kept says.",
                 .operands = {{"WHAT", 0, 1, {"list"}, "list", Fills::nothing}},
                 .options = {{.name = "--rule", .value = "NAME", .help = "only of this rule"},
                             {.name = "--limit", .value = "N", .help = "so many; 100 where nothing is said"}},
                 .examples = {"tocsin alerts --rule brute_force --limit 10"},
                 .run = run_alerts});
}

Command tap() {
  return client(
      {.name = "tap",
       .one_line = "samples of what goes by in a running daemon: events, alerts, what is late or cannot be read",
       .more =
           "As it comes, until Ctrl-C; reloads do not end it. Of an event it shows the fields that some rule reads, "
           "and --where can look at those. The last line, on standard error, says how many there were: what goes by "
           "faster than it can be looked at is counted and not shown, and the daemon never waits.",
       .operands =
           {{"WHAT",
             0,
             1,
             {},
             "events or events:NAME (of an event or alias), alerts or alerts:RULE, late, dead-letter; events of "
             "all names where nothing is said",
             Fills::nothing}},
       .options = {{.name = "--where",
                    .value = "EXPR",
                    .help = "of events:NAME: only those for which this is true, as in a rule: 'amount > 100'"},
                   {.name = "--limit", .letter = "-n", .value = "N", .help = "end behind so many"},
                   {.name = "--for", .value = "TIME", .help = "end after so long"},
                   {.name = "--rate", .value = "N/s", .help = "so many a second at most; 100/s where nothing is said"},
                   {.name = "--fields", .value = "A,B", .help = "only these of each, such as time,user"},
                   {.name = "--format",
                    .value = "FORMAT",
                    .choices = {"ndjson", "json", "table", "logfmt"},
                    .help = "how they are printed; ndjson: one JSON object a line"},
                   json_of()},
       .examples = {"tocsin tap events:login -n 10",
                    "tocsin tap events:payment --where 'amount > 1_000' --format table",
                    "tocsin tap dead-letter --for 10s --fields reason,record"},
       .run = run_tap});
}

Command reload() {
  return client(
      {.name = "reload",
       .one_line = "make a running daemon take its rule files as they are now",
       .more = "All or nothing: with a mistake in them the rules before run on, and the exit code is 1. Each rule's "
               "verdict says whether its state is kept.",
       .operands = {},
       .options = {{.name = "--dry-run", .help = "change nothing; say what would become of each rule"},
                   {.name = "--require-state-kept", .help = "refuse what would reset any rule"},
                   {.name = "--rebuild",
                    .value = "RULE",
                    .repeats = true,
                    .help = "back-fill this rule from what its sources still have; waits until that is done"}},
       .examples = {"tocsin reload --dry-run", "tocsin reload --rebuild new_country", "tocsin reload --timeout 30s"},
       .run = run_reload});
}

Command savepoint() {
  return client(
      {.name = "savepoint",
       .one_line = "named images of state: to go back to, to carry elsewhere, to upgrade by",
       .more =
           "A savepoint is one file with all of an epoch: what rules remember, how far sources and sinks have come, "
           "what is still to be delivered, the rule texts. create asks a running daemon, which goes on meanwhile; list "
           "and delete ask it, too, unless --config or --dir says where the files are. inspect, diff and restore read "
           "files, and a file is a NAME of that folder or a path. restore makes the state folder of --config anew, for "
           "any number of shards and for the rules that there are now: it prints what becomes of each rule, and "
           "refuses to lose what a rule remembers unless --drop-state names it. Sources go back to where they were, "
           "and "
           "so do files of alerts: what was written behind is kept beside them.",
       .operands = {{"WHAT",
                     1,
                     1,
                     {"create", "list", "inspect", "diff", "restore", "delete"},
                     "create, list, inspect, diff, restore or delete",
                     Fills::nothing},
                    {"NAME", 0, 0, {}, "of a savepoint; create makes one up, diff takes two", Fills::files}},
       .options = {{.name = "--stop", .help = "create: the daemon ends behind it, and nothing comes after it"},
                   config(),
                   set(),
                   {.name = "--dir",
                    .value = "FOLDER",
                    .help = "where savepoints are; else state.savepoints, else savepoints in state.dir",
                    .fills = Fills::files},
                   {.name = "--rule", .value = "RULE", .help = "inspect: its keys; diff: which of them differ"},
                   {.name = "--key",
                    .value = "KEY",
                    .repeats = true,
                    .help = "inspect: what --rule remembers of it; of a key of several values each in its order"},
                   {.name = "--dry-run", .help = "restore: change nothing; say what would become of each rule"},
                   {.name = "--force", .help = "restore: also in the place of a state that is there"},
                   {.name = "--drop-state",
                    .value = "RULE",
                    .repeats = true,
                    .help = "restore: what this rule remembers may be lost"},
                   {.name = "--keep", .value = "N", .help = "delete: all but the newest N"}},
       .examples = {"tocsin savepoint create before-upgrade --stop", "tocsin savepoint list",
                    "tocsin savepoint inspect before-upgrade -c tocsin.toml",
                    "tocsin savepoint restore before-upgrade -c tocsin.toml --dry-run",
                    "tocsin savepoint restore /backup/before-upgrade.savepoint -c tocsin.toml --force"},
       .run = run_savepoint});
}

Command run() {
  return {
      .name = "run",
      .one_line = "the daemon: judges events as they come, on all cores, and survives being killed",
      .more =
          "Sources, sinks and state are those of tocsin.toml; PATHS stand for its `rules`. All that rules remember, "
          "and how far sources and sinks have come, becomes durable a few times a second: after a crash it goes on "
          "from there, and with file sources and file sinks no alert is lost or doubled. Other rules are taken while "
          "it runs, when their files change or at SIGHUP, all or nothing. SIGTERM: what has been judged becomes "
          "durable and is delivered, then it ends with exit code 0; a second one ends it at once. --dev is for "
          "writing rules: one with a mistake is told and left out, and the others run.",
      .operands = {kPaths},
      .options = {config(),
                  set(),
                  {.name = "--dev",
                   .help = "state in memory, rule files looked at twice a second, those that are broken left out, and "
                           "what to type next"},
                  {.name = "--shards", .value = "N", .help = "so many threads judge; 0: one a core (`shards`)"},
                  {.name = "--fall-back",
                   .help = "where the newest epoch of the state is damaged, go on from the one before it: its events "
                           "are read again"}},
      .examples = {"tocsin run -c tocsin.toml", "tocsin run -c tocsin.toml --dev",
                   "tocsin run -c tocsin.toml --set state.epoch=50ms rules/security"},
      .run = run_run};
}

Command version() {
  return {.name = "version",
          .one_line = "the version of the program and of the language",
          .more = {},
          .operands = {},
          .options = {{.name = "--json", .help = "as a JSON object"}},
          .examples = {},
          .run = run_version};
}

Command completions() {
  return {.name = "completions",
          .one_line = "what a shell needs to complete commands and options",
          .more =
              "bash: source it, or put it in /etc/bash_completion.d. zsh: a file named _tocsin in $fpath. fish: "
              "~/.config/fish/completions/tocsin.fish.",
          .operands = {{"SHELL", 1, 1, {"bash", "zsh", "fish"}, "bash, zsh or fish", Fills::nothing}},
          .options = {},
          .examples = {"source <(tocsin completions bash)"},
          .run = run_completions};
}

Command man() {
  return {.name = "man",
          .one_line = "the manual page",
          .more = "In the format of man(7), for a package or a pipe.",
          .operands = {},
          .options = {},
          .examples = {"tocsin man | man -l -"},
          .run = run_man};
}

constexpr ExitRow kExits[] = {
    {Exit::done, "done, nothing wrong"},
    {Exit::no, "the answer is no: mistakes found, a test failed, a file would change"},
    {Exit::usage, "called wrongly, or the input cannot be read"},
    {Exit::warnings, "nothing but warnings, and --deny-warnings was given"},
    {Exit::unreachable, "a daemon or broker cannot be reached, or does not answer in time"},
    {Exit::state_refused, "state is damaged, does not fit, or is in use"},
    {Exit::bug, "a bug in tocsin; it says what to attach to the report"},
    {Exit::interrupted, "interrupted (Ctrl-C)"},
};

}  // namespace

std::span<const ExitRow> exit_rows() { return kExits; }

const std::vector<Command>& all_commands() {
  static const std::vector<Command> commands{check(),   fmt(),    test(),           replay(),  why(),         demo(),
                                             explain(), run(),    config_command(), status(),  live_rules(),  alerts(),
                                             tap(),     reload(), savepoint(),      version(), completions(), man()};
  return commands;
}

const std::vector<Option>& global_options() {
  static const std::vector<Option> options{
      {.name = "--color",
       .value = "WHEN",
       .choices = {"auto", "always", "never"},
       .help = "colours; auto: on a terminal, unless NO_COLOR is set"},
      {.name = "--quiet", .letter = "-q", .help = "only the answer, no summaries or notes"},
      {.name = "--verbose", .letter = "-v", .help = "say more; twice: still more"},
      {.name = "--help", .letter = "-h", .help = "this text"},
  };
  return options;
}

const Command* find_command(std::string_view name) {
  for (const Command& command : all_commands())
    if (command.name == name) return &command;
  return nullptr;
}

}  // namespace tocsin::app
