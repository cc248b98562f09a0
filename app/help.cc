// One walk over the table for each kind of page: help, manual, Markdown, and a script for each shell, each with its own
// escapes.
#include "app/help.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <iterator>

#include "app/version.h"
#include "dsl/diagnostic.h"

namespace tocsin::app {

namespace {

constexpr std::size_t kWidth = 100;  // of help: read on a terminal, compared in tests

// "-q, --quiet", "--format FORMAT"
std::string spelled(const Option& option) {
  std::string text = option.letter.empty() ? "" : fmt::format("{}, ", option.letter);
  text += option.name;
  if (!option.value.empty()) text += fmt::format(" {}", option.value);
  if (option.value.empty() && !option.choices.empty()) text += "[=HOW]";
  return text;
}

// "[PATHS…]", "SHELL"
std::string spelled(const Operand& operand) {
  const std::string name = operand.most == 1 ? std::string(operand.name) : fmt::format("{}...", operand.name);
  return operand.least == 0 ? fmt::format("[{}]", name) : name;
}

std::string choices_of(const std::vector<std::string_view>& choices) {
  return fmt::format("{}", fmt::join(choices, "|"));
}

std::string help_of(const Option& option) {
  if (option.choices.empty()) return std::string(option.help);
  return fmt::format("{} ({})", option.help, choices_of(option.choices));
}

struct Row {
  std::string left, right;
};

std::string columns(const std::vector<Row>& rows) {
  std::size_t left = 0;
  for (const Row& row : rows) left = std::max(left, row.left.size());
  std::string out;
  for (const Row& row : rows)
    out += fmt::format("  {:<{}}  {}\n", row.left, left, wrap(row.right, kWidth - left - 4, left + 4));
  return out;
}

std::string usage_line(const Command& command) {
  std::string line = fmt::format("tocsin {}", command.name);
  if (!command.options.empty()) line += " [OPTIONS]";
  for (const Operand& operand : command.operands) line += " " + spelled(operand);
  return line;
}

std::vector<Row> rows_of(const std::vector<Option>& options) {
  std::vector<Row> rows;
  for (const Option& option : options) rows.push_back({spelled(option), help_of(option)});
  return rows;
}

// ----- man ---------------------------------------------------------------------------------------------------------

// Text as roff wants it: backslashes and minus signs escaped, and no line that begins like a request.
std::string roff(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else {
      out += c;
    }
  }
  if (!out.empty() && (out.front() == '.' || out.front() == '\'')) out.insert(0, "\\&");
  return out;
}

std::string roff_options(const std::vector<Option>& options) {
  std::string out;
  for (const Option& option : options)
    out += fmt::format(".TP\n.B {}\n{}\n", roff(spelled(option)), roff(help_of(option)));
  return out;
}

std::string roff_command(const Command& command) {
  std::string out =
      fmt::format(".SS {}\n.B {}\n.PP\n{}.\n", roff(command.name), roff(usage_line(command)), roff(command.one_line));
  if (!command.more.empty()) out += fmt::format(".PP\n{}\n", roff(command.more));
  for (const Operand& operand : command.operands)
    out += fmt::format(".TP\n.I {}\n{}\n", roff(operand.name), roff(operand.help));
  out += roff_options(command.options);
  if (!command.examples.empty()) out += ".PP\nExamples:\n.PP\n.nf\n";
  for (const std::string_view example : command.examples) out += fmt::format(".RS 4\n{}\n.RE\n", roff(example));
  if (!command.examples.empty()) out += ".fi\n";
  return out;
}

// ----- markdown -----------------------------------------------------------------------------------------------------

// A cell of a table: `|` would end it, `<` begin a tag.
std::string cell(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '|' || c == '<') out += '\\';
    out += c;
  }
  return out;
}

// Between backticks `<` is itself, and `|` ends the cell all the same.
std::string code_cell(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out += '\\';
    out += c;
  }
  return out;
}

std::string table_of(const std::vector<Row>& rows) {
  std::string out = "| | |\n| --- | --- |\n";
  for (const Row& row : rows) out += fmt::format("| `{}` | {} |\n", code_cell(row.left), cell(row.right));
  return out;
}

std::string markdown_of(const Command& command) {
  std::string out =
      fmt::format("\n## tocsin {}\n\n{}.\n\n    {}\n", command.name, command.one_line, usage_line(command));
  if (!command.more.empty()) out += fmt::format("\n{}\n", command.more);
  std::vector<Row> rows;
  for (const Operand& operand : command.operands)
    rows.push_back({std::string(operand.name), std::string(operand.help)});
  for (Row& row : rows_of(command.options)) rows.push_back(std::move(row));
  if (!rows.empty()) out += "\n" + table_of(rows);
  if (!command.examples.empty()) out += "\nExamples:\n\n";
  for (const std::string_view example : command.examples) out += fmt::format("    {}\n", example);
  return out;
}

// ----- completions -------------------------------------------------------------------------------------------------

// `--config`, `-c`.
std::vector<std::string> names_of(const Option& option) {
  std::vector<std::string> names{std::string(option.name)};
  if (!option.letter.empty()) names.emplace_back(option.letter);
  return names;
}

std::vector<std::string> words_of(const std::vector<Option>& options) {
  std::vector<std::string> words;
  for (const Option& option : options) std::ranges::copy(names_of(option), std::back_inserter(words));
  return words;
}

std::vector<Option> with_globals(const Command& command) {
  std::vector<Option> options = command.options;
  options.insert(options.end(), global_options().begin(), global_options().end());
  return options;
}

std::string codes() {
  std::vector<std::string_view> all;
  for (const dsl::CodeInfo& row : dsl::all_codes()) all.push_back(row.code);
  return fmt::format("{}", fmt::join(all, " "));
}

// What bash completes with, for a value or an operand.
std::string bash_words(Fills fills, const std::vector<std::string_view>& choices) {
  if (!choices.empty()) return fmt::format("COMPREPLY=($(compgen -W \"{}\" -- \"$word\"))", fmt::join(choices, " "));
  switch (fills) {
    case Fills::nothing:
      return "COMPREPLY=()";
    case Fills::files:
      return "compopt -o filenames; COMPREPLY=($(compgen -f -- \"$word\"))";
    case Fills::rules_and_codes:
      return "compopt -o filenames; COMPREPLY=($(compgen -W \"$codes\" -- \"$word\") $(compgen -f -- \"$word\"))";
  }
  return {};
}

std::string bash() {
  std::string values, operands, options;
  std::vector<std::string_view> names;
  for (const Command& command : all_commands()) {
    names.push_back(command.name);
    const std::vector<Option> all = with_globals(command);
    for (const Option& option : all)
      if (!option.value.empty())
        for (const std::string& name : names_of(option))
          values +=
              fmt::format("    {}:{}) {}; return ;;\n", command.name, name, bash_words(option.fills, option.choices));
    options += fmt::format("    {}) options=\"{}\" ;;\n", command.name, fmt::join(words_of(all), " "));
    if (!command.operands.empty())
      operands += fmt::format("    {}) {} ;;\n", command.name,
                              bash_words(command.operands.front().fills, command.operands.front().choices));
  }
  return fmt::format(R"(# bash completion for tocsin; made by `tocsin completions bash`
_tocsin() {{
  local word=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}} command='' options='' i
  local codes="{codes}"
  COMPREPLY=()
  for ((i = 1; i < COMP_CWORD; i++)); do
    case "${{COMP_WORDS[i]}}" in
      {commands}) command=${{COMP_WORDS[i]}}; break ;;
    esac
  done
  if [[ -z $command ]]; then
    COMPREPLY=($(compgen -W "{names} {globals} --version" -- "$word"))
    return
  fi
  case "$command:$before" in
{values}  esac
  case "$command" in
{options}  esac
  if [[ $word == -* ]]; then
    COMPREPLY=($(compgen -W "$options" -- "$word"))
    return
  fi
  case "$command" in
{operands}  esac
}}
complete -F _tocsin tocsin
)",
                     fmt::arg("codes", codes()), fmt::arg("commands", fmt::join(names, "|")),
                     fmt::arg("names", fmt::join(names, " ")),
                     fmt::arg("globals", fmt::join(words_of(global_options()), " ")), fmt::arg("values", values),
                     fmt::arg("options", options), fmt::arg("operands", operands));
}

// Inside zsh's single quotes and its _arguments brackets.
std::string zsh_text(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\'') {
      out += "'\\''";
    } else {
      if (c == '[' || c == ']' || c == ':') out += '\\';
      out += c;
    }
  }
  return out;
}

std::string zsh_action(Fills fills, const std::vector<std::string_view>& choices) {
  if (!choices.empty()) return fmt::format("({})", fmt::join(choices, " "));
  switch (fills) {
    case Fills::nothing:
      return " ";
    case Fills::files:
      return "_files";
    case Fills::rules_and_codes:
      return "_tocsin_codes";
  }
  return {};
}

std::string zsh() {
  std::string cases, rows;
  for (const Command& command : all_commands()) {
    rows += fmt::format("    '{}:{}'\n", command.name, zsh_text(command.one_line));
    cases += fmt::format("        {})\n          _arguments \\\n", command.name);
    for (const Option& option : with_globals(command)) {
      const std::string value = option.value.empty() ? ""
                                                     : fmt::format(":{}:{}", zsh_text(option.value),
                                                                   zsh_action(option.fills, option.choices));
      for (const std::string& name : names_of(option))
        cases +=
            fmt::format("            '{}{}[{}]{}' \\\n", option.repeats ? "*" : "", name, zsh_text(option.help), value);
    }
    for (std::size_t i = 0; i < command.operands.size(); ++i) {
      const Operand& operand = command.operands[i];
      const std::string place = operand.most == 1 ? std::to_string(i + 1) : "*";
      cases += fmt::format("            '{}:{}:{}' \\\n", place, zsh_text(operand.name),
                           zsh_action(operand.fills, operand.choices));
    }
    cases += "            && return\n          ;;\n";
  }
  return fmt::format(R"(#compdef tocsin
# zsh completion for tocsin; made by `tocsin completions zsh`
_tocsin_codes() {{
  compadd -- {codes}
  _files
}}
_tocsin() {{
  local -a commands
  local context state line
  commands=(
{rows}  )
  _arguments -C '1:command:->command' '*::argument:->argument'
  case $state in
    command) _describe command commands ;;
    argument)
      case $line[1] in
{cases}      esac
      ;;
  esac
}}
compdef _tocsin tocsin
)",
                     fmt::arg("codes", codes()), fmt::arg("rows", rows), fmt::arg("cases", cases));
}

std::string fish_text(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\'' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

std::string fish_option(const Option& option, std::string_view when) {
  std::string line =
      fmt::format("complete -c tocsin {}-l {} -d '{}'", when, option.name.substr(2), fish_text(option.help));
  if (!option.letter.empty()) line += fmt::format(" -s {}", option.letter.substr(1));
  if (!option.value.empty()) line += option.fills == Fills::files ? " -r -F" : " -x";
  if (!option.value.empty() && !option.choices.empty()) line += fmt::format(" -a '{}'", fmt::join(option.choices, " "));
  if (option.fills == Fills::rules_and_codes) line += fmt::format(" -a '{}'", codes());
  return line + "\n";
}

std::string fish() {
  std::string out = "# fish completion for tocsin; made by `tocsin completions fish`\n";
  for (const Command& command : all_commands())
    out += fmt::format("complete -c tocsin -n __fish_use_subcommand -f -a {} -d '{}'\n", command.name,
                       fish_text(command.one_line));
  for (const Option& option : global_options()) out += fish_option(option, "");
  for (const Command& command : all_commands()) {
    const std::string when = fmt::format("-n '__fish_seen_subcommand_from {}' ", command.name);
    for (const Option& option : command.options) out += fish_option(option, when);
    for (const Operand& operand : command.operands) {
      if (!operand.choices.empty())
        out += fmt::format("complete -c tocsin {}-f -a '{}'\n", when, fmt::join(operand.choices, " "));
      if (operand.fills == Fills::rules_and_codes) out += fmt::format("complete -c tocsin {}-a '{}'\n", when, codes());
    }
  }
  return out;
}

}  // namespace

std::string wrap(std::string_view text, std::size_t width, std::size_t indent) {
  std::string out;
  std::size_t column = 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, end);
    if (column != 0 && column + 1 + word.size() > width) {
      out += "\n" + std::string(indent, ' ');
      column = 0;
    } else if (column != 0) {
      out += ' ';
      ++column;
    }
    out += word;
    column += word.size();
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

std::string help() {
  std::vector<Row> commands;
  for (const Command& command : all_commands())
    commands.push_back({std::string(command.name), std::string(command.one_line)});
  return fmt::format(
      "tocsin: rules over streams of events\n\nusage: tocsin COMMAND [OPTIONS] "
      "[ARGUMENTS]\n\ncommands:\n{}\noptions:\n{}\n"
      "`tocsin COMMAND --help` says more.\n",
      columns(commands), columns(rows_of(global_options())));
}

std::string help(const Command& command) {
  std::string out = fmt::format("tocsin {}: {}\n\nusage: {}\n", command.name, command.one_line, usage_line(command));
  if (!command.more.empty()) out += fmt::format("\n{}\n", wrap(command.more, kWidth, 0));
  std::vector<Row> operands;
  for (const Operand& operand : command.operands)
    operands.push_back({std::string(operand.name), std::string(operand.help)});
  if (!operands.empty()) out += "\narguments:\n" + columns(operands);
  out += "\noptions:\n" + columns(rows_of(with_globals(command)));
  if (!command.examples.empty()) out += "\nexamples:\n";
  for (const std::string_view example : command.examples) out += fmt::format("  {}\n", example);
  return out;
}

std::string manual_page() {
  std::string out = fmt::format(
      ".TH TOCSIN 1 \"\" \"tocsin {}\" \"User Commands\"\n.SH NAME\ntocsin \\- rules over streams of events\n",
      kVersion);
  out += ".SH SYNOPSIS\n.B tocsin\n.I COMMAND\n[\\fIOPTIONS\\fR] [\\fIARGUMENTS\\fR]\n.SH COMMANDS\n";
  for (const Command& command : all_commands()) out += roff_command(command);
  out += ".SH OPTIONS OF ALL COMMANDS\n" + roff_options(global_options());
  out += ".SH EXIT STATUS\n";
  for (const ExitRow& row : exit_rows())
    out += fmt::format(".TP\n.B {}\n{}\n", static_cast<int>(row.code), roff(row.meaning));
  out +=
      ".SH ENVIRONMENT\n.TP\n.B NO_COLOR\nnot empty: no colours, unless \\-\\-color says otherwise\n"
      ".TP\n.B CLICOLOR_FORCE\nneither empty nor 0: colours, also into files and pipes\n"
      ".TP\n.B TOCSIN_ADDR\nwhere the daemon is that status, rules, alerts, reload and savepoint ask\n"
      ".TP\n.B TOCSIN_TOKEN\nwhat they authorise by over TCP\n"
      ".TP\n.B TOCSIN__A__B\nthe setting a.b, in place of what tocsin.toml says\n"
      ".TP\n.B COLUMNS\nthe width of a terminal, in place of its own; tocsin explain keeps to it in files, too\n";
  return out;
}

std::string commands_page() {
  std::string out =
      "# Commands\n\nWritten from the table of commands in `app/commands.cc`; a test compares the two "
      "(`TOCSIN_UPDATE=1 app_test` writes it anew).\nStandard output is the answer, standard error everything else; "
      "`-` "
      "reads standard input.\n\nOptions of all commands:\n\n";
  out += table_of(rows_of(global_options()));
  out += "\nExit codes, the same for all commands:\n\n";
  std::vector<Row> exits;
  for (const ExitRow& row : exit_rows())
    exits.push_back({std::to_string(static_cast<int>(row.code)), std::string(row.meaning)});
  out += table_of(exits);
  for (const Command& command : all_commands()) out += markdown_of(command);
  return out;
}

std::string completions(std::string_view shell) {
  if (shell == "bash") return bash();
  return shell == "zsh" ? zsh() : fish();
}

}  // namespace tocsin::app
