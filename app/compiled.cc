#include "app/compiled.h"

#include <fmt/format.h>

#include <algorithm>
#include <ostream>
#include <utility>

#include "app/files.h"
#include "app/reference_files.h"
#include "app/rules.h"
#include "dsl/load.h"
#include "dsl/render.h"
#include "engine/base/wording.h"

namespace tocsin::app {

Result<std::string> CompiledSet::read_beside(std::uint32_t file, const std::string& name) const {
  return dsl::read_file(beside(files, file, name).string());
}

Result<CompiledSet> CompiledSet::with_file(std::uint32_t file, const std::string& name) const {
  Result<std::string> text = read_beside(file, name);
  if (!text) return tl::unexpected(text.error());
  CompiledSet out;
  out.files = files;
  out.files[file] = {beside(files, file, name).string(), std::move(*text)};
  dsl::CheckOptions options;
  look_into_files(options, out.files);
  out.compiled = dsl::compile(out.files, options);
  const auto wrong = std::ranges::find_if(out.compiled.diagnostics,
                                          [](const dsl::Diagnostic& d) { return d.level() == dsl::Level::error; });
  if (wrong != out.compiled.diagnostics.end())
    return failure(Error::Code::malformed,
                   fmt::format("with {} in its place, the rules have a mistake: {}", name, wrong->message));
  const auto data_files = ReferenceFiles::read(out.compiled, out.files);
  if (!data_files) return tl::unexpected(data_files.error());
  out.reference = data_files->data();
  return out;
}

namespace {

void add_named(std::vector<FileRead>& out, const CompiledSet& set, std::uint32_t file, const std::string& name,
               std::string_view by) {
  out.push_back({beside(set.files, file, name).string(), fmt::format("{}, which {} reads", name, by)});
}

void add_of_test(std::vector<FileRead>& out, const CompiledSet& set, const ast::TestDecl& test) {
  for (const ast::TestLine& line : test.lines) {
    if (const auto* load = std::get_if<ast::Load>(&line.node))
      add_named(out, set, test.title.span.file, load->file.value, "a test");
    if (const auto* reload = std::get_if<ast::Reload>(&line.node))
      add_named(out, set, test.title.span.file, reload->file.value, "a test");
  }
}

}  // namespace

std::vector<FileRead> CompiledSet::files_read() const {
  std::vector<FileRead> out;
  for (const dsl::SourceText& file : files) out.push_back({file.path, fmt::format("the rules in {}", file.path)});
  for (const ast::ListDecl& list : compiled.model.lists)
    if (const auto* from = std::get_if<ast::FromFile>(&list.source))
      add_named(out, *this, from->file.span.file, from->file.value, "a list");
  for (const ast::TableDecl& table : compiled.model.tables)
    if (const auto* from = std::get_if<ast::FromFile>(&table.source))
      add_named(out, *this, from->file.span.file, from->file.value, "a table");
  for (const dsl::TestInfo& test : compiled.model.tests) add_of_test(out, *this, test.decl);
  return out;
}

namespace {

// What keeps the set from running; its errors alone, for whoever wants the warnings too has `check`.
Exit tell_errors(std::string_view command, const CompiledSet& set, Console& console) {
  std::vector<dsl::Diagnostic> errors;
  std::ranges::copy_if(set.compiled.diagnostics, std::back_inserter(errors),
                       [](const dsl::Diagnostic& d) { return d.level() == dsl::Level::error; });
  console.err << dsl::render(errors, set.files, dsl::Format::human, {console.err_colours, console.err_width(), {}});
  if (set.compiled.ok()) {
    console.err << fmt::format("tocsin {}: what has a mistake is left out; {} run\n", command,
                               counted(set.compiled.rules->programs.size(), "rule"));
    return Exit::done;
  }
  if (command != "reload")  // others run on
    console.err << fmt::format("tocsin {}: nothing runs while the rules have errors\n", command);
  return Exit::no;
}

// What is decided by an empty list must not look as if the topic had been asked.
void tell_unread_topics(std::string_view command, const RuleSet& rules, Console& console) {
  const auto tell = [&](std::string_view kind, const std::string& name, const std::string& topic) {
    if (topic.empty()) return;
    console.err << fmt::format("tocsin {}: {} `{}` is empty here: nothing follows its topic \"{}\" yet\n", command,
                               kind, name, topic);
  };
  for (const ListDef& list : rules.lists) tell("list", list.name, list.topic);
  for (const TableDef& table : rules.tables) tell("table", table.name, table.topic);
}

// The data may have been written by others, long after somebody has checked the rules.
void tell_no_addresses(const CompiledSet& set, Console& console) {
  std::vector<dsl::Diagnostic> told;
  std::ranges::copy_if(set.compiled.diagnostics, std::back_inserter(told),
                       [](const dsl::Diagnostic& d) { return d.code == "R132"; });
  console.err << dsl::render(told, set.files, dsl::Format::human, {console.err_colours, console.err_width(), {}});
}

Exit prepare(std::string_view command, CompiledSet& set, bool leaves_out, Console& console) {
  dsl::CheckOptions options;
  look_into_files(options, set.files);
  look_into_addresses(options, set.files);
  set.compiled = dsl::compile(set.files, options);
  if (!set.compiled.ok()) {
    if (leaves_out) set.compiled = compile_sound_part(set.files, options);
    if (const Exit told = tell_errors(command, set, console); told != Exit::done) return told;
  }
  if (command == "test" && set.compiled.model.tests.empty()) return Exit::done;  // nothing of it runs
  const auto reference = ReferenceFiles::read(set.compiled, set.files);
  if (!reference) return unreadable(console, command, reference.error());
  set.reference = reference->data();
  set.data_hash = reference->hash();
  tell_no_addresses(set, console);
  tell_unread_topics(command, *set.compiled.rules, console);
  return Exit::done;
}

}  // namespace

dsl::Compiled compile_sound_part(std::span<const dsl::SourceText> files, const dsl::CheckOptions& options) {
  std::vector<dsl::Parsed> trees = dsl::parse_all(files);
  dsl::Compiled out = dsl::compile(trees, options);
  const std::vector<dsl::Diagnostic> told = out.diagnostics;
  const auto leave_out = [&](const std::vector<dsl::Diagnostic>& all) {
    std::size_t left_out = 0;
    for (const dsl::Diagnostic& said : all) {
      const dsl::SourceSpan at = said.here.span;
      if (said.level() != dsl::Level::error) continue;
      left_out += std::erase_if(trees[at.file].file.items, [&](const ast::Item& item) {
        return item.span.begin <= at.begin && at.begin < item.span.end;
      });
    }
    return left_out > 0;
  };
  for (dsl::Parsed& tree : trees) {
    const std::vector<dsl::Diagnostic> broken = std::exchange(tree.diagnostics, {});
    leave_out(broken);        // what was read of those is a guess
    tree.unreadable.clear();  // from here on they are as if they were not there
    tree.unreadable_rules = 0;
    tree.mended.clear();
  }
  for (bool goes_on = !out.ok(); goes_on;) {
    out = dsl::compile(trees, options);
    goes_on = !out.ok() && leave_out(out.diagnostics);
  }
  out.diagnostics = told;
  return out;
}

CompiledPaths compile_paths(std::string_view command, const std::vector<std::string>& paths, const Arguments& arguments,
                            Console& console) {
  CompiledPaths out;
  Result<std::vector<dsl::SourceSet>> sources = load_sources(paths, arguments, console);
  if (!sources) return {{}, unreadable(console, command, sources.error())};
  for (dsl::SourceSet& source : *sources) {
    CompiledSet& set = out.sets.emplace_back();
    set.files = std::move(source.files);
    if (const Exit exit = prepare(command, set, arguments.has("--dev"), console); exit != Exit::done) out.exit = exit;
  }
  return out;
}

}  // namespace tocsin::app
