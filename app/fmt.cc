// `tocsin fmt`: the one layout. A text that cannot be read is never written: what the tree does not hold would be lost.
#include <fmt/format.h>

#include <algorithm>
#include <istream>
#include <iterator>
#include <ostream>

#include "app/command.h"
#include "app/diff.h"
#include "app/files.h"
#include "app/rules.h"
#include "dsl/parser.h"
#include "dsl/print.h"
#include "dsl/render.h"
#include "engine/base/wording.h"

namespace tocsin::app {

namespace {

struct Formatted {
  std::string text;
  std::vector<dsl::Diagnostic> mistakes;
};

Formatted format(const dsl::SourceText& source) {
  dsl::Parsed parsed = dsl::parse(source);
  std::erase_if(parsed.diagnostics, [](const dsl::Diagnostic& d) { return d.level() != dsl::Level::error; });
  if (!parsed.diagnostics.empty()) return {source.text, std::move(parsed.diagnostics)};
  return {dsl::print(parsed.file, source), {}};
}

// The line's indentation, where a fence stands inside a list.
std::string indentation(std::string_view text) {
  const std::size_t end = text.find_first_not_of(' ');
  return std::string(end == std::string_view::npos ? 0 : end, ' ');
}

// Each fence by itself, from the last to the first so that the places of the others hold. Mistakes are those of the
// document, with every other byte blanked out.
Formatted format_markdown(const std::string& path, std::string text) {
  const dsl::SourceText whole{path, dsl::only_rules(text)};
  Formatted all = format(whole);
  if (!all.mistakes.empty()) return {std::move(text), std::move(all.mistakes)};
  std::vector<dsl::Fence> fences = dsl::rule_fences(text);
  std::ranges::reverse(fences);
  for (const dsl::Fence& fence : fences) {
    if (fence.quotes > 0) continue;  // what is quoted stays as it was
    const std::string inside = text.substr(fence.begin, fence.end - fence.begin);
    const Formatted part = format({path, inside});
    if (part.mistakes.empty()) text.replace(fence.begin, inside.size(), indented(part.text, indentation(inside)));
  }
  return {std::move(text), {}};
}

struct Job {
  std::string path;
  std::string before;  // as read: of documents the whole, prose and all
  bool input = false;  // standard input
};

Result<std::vector<Job>> jobs_of(const std::vector<std::string>& paths, const Arguments& arguments, Console& console) {
  std::vector<Job> jobs;
  const auto input = std::ranges::find(paths, "-");
  if (input != paths.end())
    jobs.push_back({arguments.value("--stdin-filename", "-"), {std::istreambuf_iterator<char>(console.in), {}}, true});
  std::vector<std::string> files;
  std::ranges::copy_if(paths, std::back_inserter(files), [](const std::string& path) { return path != "-"; });
  Result<std::vector<dsl::SourceSet>> sets = dsl::load(files);
  if (!sets) return tl::unexpected(sets.error());
  for (dsl::SourceSet& set : *sets) {
    for (dsl::SourceText& file : set.files) {
      Result<std::string> text = set.markdown ? dsl::read_file(file.path) : Result<std::string>(std::move(file.text));
      if (!text) return tl::unexpected(text.error());
      jobs.push_back({std::move(file.path), std::move(*text), false});
    }
  }
  return jobs;
}

}  // namespace

Exit run_fmt(const Arguments& arguments, Console& console) {
  const std::vector<std::string> paths = paths_of(arguments.operands());
  if (waits_for_terminal(paths, console)) return refuse_terminal(console, "fmt");
  const Result<std::vector<Job>> jobs = jobs_of(paths, arguments, console);
  if (!jobs) return unreadable(console, "fmt", jobs.error());

  const bool check = arguments.has("--check");
  std::size_t changed = 0, broken = 0;
  for (const Job& job : *jobs) {
    const bool markdown = dsl::is_markdown(job.path);
    const Formatted after = markdown ? format_markdown(job.path, job.before) : format({job.path, job.before});
    if (!after.mistakes.empty()) {
      const dsl::SourceText shown{job.path, markdown ? dsl::only_rules(job.before) : job.before};
      console.err << dsl::render(after.mistakes, std::span(&shown, 1), dsl::Format::human,
                                 {console.err_colours, console.err_width(), {}});
      ++broken;
    }
    const bool differs = after.text != job.before;
    changed += differs;
    if (check) {
      console.out << unified_diff(job.path, job.before, "formatted", after.text, console.colours);
    } else if (job.input) {
      console.out << after.text;
    } else if (differs) {
      if (const Result<void> written = write_file(job.path, after.text); !written)
        return unreadable(console, "fmt", written.error());
      if (!console.quiet) console.err << fmt::format("formatted {}\n", job.path);
    }
  }
  if (check && !console.quiet && changed > 0)
    console.err << fmt::format("{} of {} files would change\n", changed, jobs->size());
  return broken > 0 || (check && changed > 0) ? Exit::no : Exit::done;
}

}  // namespace tocsin::app
