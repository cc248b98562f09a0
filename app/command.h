// What a command is: a row of one table (commands.cc). From that table come the parser, help, did-you-mean, the
// manual page and the completions; a command's own file sees only its arguments and the console.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "app/console.h"

namespace tocsin::app {

// One table for all commands, promised to scripts: never change a number.
enum class Exit : int {
  done = 0,
  no = 1,             // the answer is "no": mistakes found, a test failed, `fmt --check` would change
  usage = 2,          // called wrongly, or the input cannot be read
  warnings = 3,       // nothing but warnings, and `--deny-warnings`
  unreachable = 4,    // no daemon, no broker, or no answer in time
  state_refused = 5,  // state is damaged, does not fit, or is in use
  bug = 70,           // ours
  interrupted = 130,  // SIGINT
};

struct ExitRow {
  Exit code;
  std::string_view meaning;
};
std::span<const ExitRow> exit_rows();

// What a shell offers where an argument stands.
enum class Fills { nothing, files, rules_and_codes };

struct Option {
  std::string_view name;                       // "--format"
  std::string_view letter = {};                // "-q"
  std::string_view value = {};                 // "FORMAT"; none: a flag, which may be repeated
  std::vector<std::string_view> choices = {};  // of a flag: what may stand behind it and an equals sign
  bool repeats = false;                        // each one counts; else it stands once
  std::string_view help = {};
  Fills fills = Fills::nothing;
};

struct Operand {
  std::string_view name;  // "PATHS"
  std::size_t least = 0;
  std::size_t most = 0;  // 0: any number
  std::vector<std::string_view> choices = {};
  std::string_view help = {};
  Fills fills = Fills::nothing;
};

// What was given, by the names of the table.
class Arguments {
 public:
  void add(std::string_view option, std::string value) { options_[std::string(option)].push_back(std::move(value)); }
  // Instead of what was given before.
  void replace(std::string_view option, std::vector<std::string> values) {
    options_[std::string(option)] = std::move(values);
  }
  void add_operand(std::string value) { operands_.push_back(std::move(value)); }

  bool has(std::string_view option) const { return count(option) != 0; }
  std::size_t count(std::string_view option) const { return all(option).size(); }
  // The last value, or `otherwise`.
  std::string value(std::string_view option, std::string_view otherwise = {}) const {
    const auto& values = all(option);
    return values.empty() ? std::string(otherwise) : values.back();
  }
  const std::vector<std::string>& all(std::string_view option) const {
    static const std::vector<std::string> none;
    const auto found = options_.find(std::string(option));
    return found != options_.end() ? found->second : none;
  }
  const std::vector<std::string>& operands() const { return operands_; }

 private:
  std::unordered_map<std::string, std::vector<std::string>> options_;
  std::vector<std::string> operands_;
};

struct Command {
  std::string_view name;
  std::string_view one_line;
  std::string_view more;  // for its help and the manual page; whole sentences
  std::vector<Operand> operands;
  std::vector<Option> options;
  std::vector<std::string_view> examples;
  Exit (*run)(const Arguments& arguments, Console& console);
};

const std::vector<Command>& all_commands();
const std::vector<Option>& global_options();

const Command* find_command(std::string_view name);

// ----- what the commands' own files offer the table ----------------------------------------------------------------

Exit run_check(const Arguments& arguments, Console& console);
Exit run_fmt(const Arguments& arguments, Console& console);
Exit run_tests(const Arguments& arguments, Console& console);
Exit run_replay(const Arguments& arguments, Console& console);
Exit run_run(const Arguments& arguments, Console& console);
Exit run_explain(const Arguments& arguments, Console& console);
Exit run_config(const Arguments& arguments, Console& console);
Exit run_status(const Arguments& arguments, Console& console);
Exit run_rules(const Arguments& arguments, Console& console);
Exit run_alerts(const Arguments& arguments, Console& console);
Exit run_tap(const Arguments& arguments, Console& console);
Exit run_reload(const Arguments& arguments, Console& console);
Exit run_savepoint(const Arguments& arguments, Console& console);
Exit run_version(const Arguments& arguments, Console& console);
Exit run_completions(const Arguments& arguments, Console& console);
Exit run_man(const Arguments& arguments, Console& console);

// A complaint about the call itself: one line on stderr, and where help is. Always Exit::usage.
Exit refuse(Console& console, std::string_view command, std::string_view complaint);
// Standard input is a terminal where data is expected: the command's help on stderr. Always Exit::usage.
Exit refuse_terminal(Console& console, std::string_view command);

}  // namespace tocsin::app
