// CLI11 reads the words; what it cannot say well (unknown words, did-you-mean, help) is said here from the table.
#include "app/cli.h"

#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <csignal>
#include <cstring>
#include <deque>
#include <exception>
#include <ostream>

#include "app/config.h"
#include "app/help.h"
#include "app/version.h"
#include "dsl/diagnostic.h"

namespace tocsin::app {

namespace {

// Where CLI11 puts what it read for one row of the table.
struct Slot {
  const Option* option = nullptr;
  std::vector<std::string> values;
  std::int64_t times = 0;
  CLI::Option* parsed = nullptr;
};

void add_option(CLI::App& app, const Option& option, std::deque<Slot>& slots) {
  Slot& slot = slots.emplace_back();
  slot.option = &option;
  const std::string names =
      option.letter.empty() ? std::string(option.name) : fmt::format("{},{}", option.letter, option.name);
  if (option.value.empty() && option.choices.empty()) {
    slot.parsed = app.add_flag(names, slot.times);
  } else if (option.value.empty()) {
    slot.parsed = app.add_flag(names, slot.values);  // "true" where nothing stands behind it
  } else {
    slot.parsed = app.add_option(names, slot.values)->allow_extra_args(false);
  }
}

std::string list_of(const std::vector<std::string_view>& words) { return fmt::format("{}", fmt::join(words, ", ")); }

std::string did_you_mean(std::string_view word, const std::vector<std::string>& known) {
  const std::string near = dsl::nearest(word, known);
  return near.empty() ? std::string() : fmt::format("; did you mean `{}`?", near);
}

std::vector<std::string> names_of(const std::vector<std::string_view>& words) { return {words.begin(), words.end()}; }

// What is wrong with a value of a row that has choices; empty: nothing.
std::string refused_choice(std::string_view name, std::string_view value,
                           const std::vector<std::string_view>& choices) {
  if (choices.empty() || std::ranges::find(choices, value) != choices.end()) return {};
  return fmt::format("{} is one of {}, not `{}`{}", name, list_of(choices), value,
                     did_you_mean(value, names_of(choices)));
}

std::vector<std::string> options_of(const Command* command) {
  std::vector<std::string> names;
  if (command != nullptr)
    for (const Option& option : command->options) names.emplace_back(option.name);
  for (const Option& option : global_options()) names.emplace_back(option.name);
  return names;
}

Exit unknown(Console& console, const Command* command, std::string_view word) {
  const std::string_view of = command != nullptr ? command->name : std::string_view();
  if (word.starts_with('-')) {
    const std::string_view name = word.substr(0, word.find('='));
    return refuse(console, of, fmt::format("there is no option `{}`{}", name, did_you_mean(name, options_of(command))));
  }
  if (command != nullptr) return refuse(console, of, fmt::format("`{}` is one word too many", word));
  std::vector<std::string> names;
  for (const Command& row : all_commands()) names.emplace_back(row.name);
  return refuse(console, {}, fmt::format("there is no command `{}`{}", word, did_you_mean(word, names)));
}

// What is wrong with the operands: too few for the rows' least numbers, too many for their most, or none of the
// choices. Empty: nothing.
std::string refused_operands(const Command& command, const std::vector<std::string>& given) {
  std::size_t least = 0, most = 0;
  bool any = false;
  for (const Operand& operand : command.operands) {
    if (given.size() < least + operand.least) return fmt::format("{} is missing", operand.name);
    least += operand.least;
    any |= operand.most == 0;
    most += operand.most;
  }
  if (!any && given.size() > most) return fmt::format("`{}` is one word too many", given[most]);
  for (std::size_t i = 0; i < std::min(given.size(), command.operands.size()); ++i)
    if (std::string complaint = refused_choice(command.operands[i].name, given[i], command.operands[i].choices);
        !complaint.empty())
      return complaint;
  return {};
}

// The complaint of CLI11 in our words. The only ones left to it are values that are missing.
std::string in_our_words(const CLI::ParseError& error) {
  std::string text = error.what();
  if (const std::size_t colon = text.find(':'); colon != std::string::npos && text.starts_with("--"))
    return fmt::format("{} needs a value", text.substr(0, colon));
  if (!text.empty()) text.front() = static_cast<char>(std::tolower(static_cast<unsigned char>(text.front())));
  return text;
}

Exit dispatch(const std::vector<std::string>& words, Console& console) {
  CLI::App app;
  app.set_help_flag();
  app.allow_extras();
  std::deque<Slot> globals, locals;
  bool wants_version = false;
  app.add_flag("--version", wants_version);
  for (const Option& option : global_options()) add_option(app, option, globals);

  // Only the command that was named: the others' options would cost start-up for nothing.
  const auto named = std::ranges::find_if(words, [](const std::string& word) { return find_command(word) != nullptr; });
  const Command* command = named != words.end() ? find_command(*named) : nullptr;
  std::vector<std::string> operands;
  CLI::App* sub = nullptr;
  if (command != nullptr) {
    sub = app.add_subcommand(std::string(command->name));
    sub->set_help_flag();
    sub->fallthrough();
    sub->allow_extras();
    for (const Option& option : command->options) add_option(*sub, option, locals);
    sub->add_option("operands", operands);
  }

  const std::string_view of = command != nullptr ? command->name : std::string_view();
  try {
    std::vector<std::string> backwards(words.rbegin(), words.rend());  // CLI11 takes them from the back
    app.parse(backwards);
  } catch (const CLI::ParseError& error) {
    return refuse(console, of, in_our_words(error));
  }
  if (sub != nullptr && !sub->parsed()) command = nullptr;  // `tocsin nonsense check`

  Arguments arguments;
  for (const std::deque<Slot>* slots : {&globals, &locals}) {
    for (const Slot& slot : *slots) {
      // Of the options of all commands the last counts, so that an alias can name one.
      if (slots == &locals && !slot.option->repeats && slot.values.size() > 1)
        return refuse(console, of, fmt::format("{} is given twice; which one is meant?", slot.option->name));
      for (std::int64_t i = 0; i < slot.times; ++i) arguments.add(slot.option->name, {});
      for (std::string value : slot.values) {
        const bool bare = slot.option->value.empty() && value == "true";
        if (bare) value = slot.option->choices.front();
        if (const std::string complaint = refused_choice(slot.option->name, value, slot.option->choices);
            !complaint.empty())
          return refuse(console, of, complaint);
        arguments.add(slot.option->name, value);
      }
    }
  }
  console.quiet = arguments.has("--quiet");
  console.verbose = static_cast<int>(arguments.count("--verbose"));
  decide_colours(arguments.value("--color", "auto"), console);

  for (const std::string& word : app.remaining(true))
    if (word != "--") return unknown(console, command, word);
  if (arguments.has("--help")) {
    console.out << (command != nullptr ? help(*command) : help());
    return Exit::done;
  }
  if (wants_version && command == nullptr) return run_version(arguments, console);
  if (command == nullptr) {
    console.err << help();
    return Exit::usage;
  }
  if (const std::string complaint = refused_operands(*command, operands); !complaint.empty())
    return refuse(console, of, complaint);
  for (std::string& operand : operands) arguments.add_operand(std::move(operand));
  const bool reads_rules = std::ranges::find(command->operands, "PATHS", &Operand::name) != command->operands.end();
  if (const Result<void> configured = reads_rules ? apply_config(arguments, console) : Result<void>(); !configured)
    return refuse(console, of, configured.error().message);
  return command->run(arguments, console);
}

constexpr std::string_view kAttach =
    "This is a bug in tocsin. Please report it with: the output of `tocsin version`, the command line,\n"
    "the rules (and input) that it was given, and what stands above.\n";

extern "C" void on_abort(int) {
  // Only what is safe in a signal handler.
  if (write(STDERR_FILENO, kAttach.data(), kAttach.size()) < 0) _exit(static_cast<int>(Exit::bug));
  _exit(static_cast<int>(Exit::bug));
}

}  // namespace

Exit run_command_line(const std::vector<std::string>& words, Console& console) {
  try {
    return dispatch(words, console);
  } catch (const std::exception& error) {
    console.err << "tocsin: bug: " << error.what() << "\n" << kAttach;
  }
  return Exit::bug;
}

void turn_aborts_into_bugs() { std::signal(SIGABRT, on_abort); }

Exit refuse(Console& console, std::string_view command, std::string_view complaint) {
  const std::string name = command.empty() ? "tocsin" : fmt::format("tocsin {}", command);
  console.err << fmt::format("{}: {}\nhelp: `{} --help`\n", name, complaint, name);
  return Exit::usage;
}

Exit refuse_terminal(Console& console, std::string_view command) {
  console.err << fmt::format("tocsin {}: standard input is a terminal; text is expected there\n\n", command);
  if (const Command* row = find_command(command)) console.err << help(*row);
  return Exit::usage;
}

}  // namespace tocsin::app
