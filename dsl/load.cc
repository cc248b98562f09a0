// Reading and the choice of what to read. Symbolic links to files are followed and those to folders are not: a
// mounted Kubernetes ConfigMap is links into a hidden folder, and a loop of folders is nobody's rule set.
#include "dsl/load.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <istream>
#include <iterator>
#include <set>
#include <system_error>
#include <thread>

#include "dsl/lex.h"

namespace tocsin::dsl {

namespace {

namespace fs = std::filesystem;

tl::unexpected<Error> unreadable(std::string message) { return failure(Error::Code::unreadable, std::move(message)); }

Result<std::string> read_stream(std::istream& in, const std::string& name) {
  std::string text;
  constexpr std::size_t kPiece = std::size_t{1} << 16;
  while (in) {
    const std::size_t had = text.size();
    text.resize(had + kPiece);
    in.read(text.data() + had, static_cast<std::streamsize>(kPiece));
    text.resize(had + static_cast<std::size_t>(in.gcount()));
    if (text.size() > kMaxFileBytes)
      return unreadable(
          fmt::format("{} is larger than {} MiB, the limit for a file of rules", name, kMaxFileBytes >> 20));
  }
  if (in.bad()) return unreadable(fmt::format("cannot read {}: {}", name, std::strerror(errno)));
  return text;
}

bool is_hidden(const fs::path& path) { return path.filename().native().starts_with('.'); }

std::string no_file(const fs::path& path) {
  std::error_code error;
  if (!fs::is_symlink(path, error)) return fmt::format("{} is no file that can be read", path.string());
  return fmt::format("{} is a link to {}, where no file is; nothing is read until it is mended or deleted",
                     path.string(), fs::read_symlink(path, error).string());
}

Result<std::vector<std::string>> rules_in(const std::string& folder) {
  std::vector<std::string> found;
  std::error_code error;
  fs::recursive_directory_iterator it(folder, error);
  const fs::recursive_directory_iterator end;
  for (; !error && it != end; it.increment(error)) {
    if (is_hidden(it->path())) {
      it.disable_recursion_pending();
    } else if (it->path().extension() == ".rules" && !it->is_directory(error)) {
      // A link that leads nowhere, or a pipe: what it should have said would be missing without a word.
      if (!it->is_regular_file(error)) return unreadable(no_file(it->path()));
      found.push_back(it->path().lexically_normal().string());
    }
  }
  if (error) return unreadable(fmt::format("cannot read the folder {}: {}", folder, error.message()));
  if (found.empty()) return unreadable(fmt::format("there is no .rules file in the folder {}", folder));
  std::ranges::sort(found);
  return found;
}

// The files that a path stands for.
Result<std::vector<std::string>> files_of(const std::string& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (!fs::exists(status)) return unreadable(fmt::format("there is no file or folder {}", path));
  if (fs::is_directory(status)) return rules_in(path);
  return std::vector<std::string>{path};
}

// A line of a fence: its length of backticks or tildes, and what is written behind.
struct FenceLine {
  char sign = 0;
  std::size_t length = 0;
  std::string_view info;
};

FenceLine fence_line(std::string_view line) {
  const std::size_t from = line.find_first_not_of(' ');
  if (from == std::string_view::npos || (line[from] != '`' && line[from] != '~')) return {};
  const std::size_t to = std::min(line.find_first_not_of(line[from], from), line.size());
  if (to - from < 3) return {};
  std::string_view info = line.substr(to);
  while (!info.empty() && std::string_view(" \t\r").find(info.front()) != std::string_view::npos) info.remove_prefix(1);
  while (!info.empty() && std::string_view(" \t\r").find(info.back()) != std::string_view::npos) info.remove_suffix(1);
  return {line[from], to - from, info};
}

// The `> ` of block quotes that a line begins with, so many of them at most.
struct Quoted {
  std::size_t depth = 0, bytes = 0;
};
Quoted quotes_of(std::string_view line, std::size_t most) {
  Quoted out;
  while (out.depth < most) {
    const std::size_t sign = line.find_first_not_of(' ', out.bytes);
    if (sign == std::string_view::npos || line[sign] != '>' || sign - out.bytes > 3) break;
    out.bytes = sign + 1;
    if (out.bytes < line.size() && line[out.bytes] == ' ') ++out.bytes;
    ++out.depth;
  }
  return out;
}

// `rules`, also with more words behind it: "```rules title=x".
bool is_tagged_rules(std::string_view info) { return info.substr(0, info.find_first_of(" \t,{")) == "rules"; }

}  // namespace

bool is_markdown(std::string_view path) { return path.ends_with(".md") || path.ends_with(".markdown"); }

Result<std::string> read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) return unreadable(fmt::format("cannot read {}: {}", path, std::strerror(errno)));
  return read_stream(in, path);
}

std::vector<Fence> rule_fences(std::string_view markdown) {
  std::vector<Fence> fences;
  FenceLine open;
  Fence inside;
  bool wanted = false;
  const auto close = [&](std::size_t end) {
    inside.end = end;
    if (wanted) fences.push_back(inside);
    open = {};
  };
  for (std::size_t at = 0; at < markdown.size();) {
    const std::size_t next = std::min(markdown.find('\n', at), markdown.size() - 1) + 1;
    const std::string_view line = markdown.substr(at, next - at - (markdown[next - 1] == '\n' ? 1 : 0));
    // What is inside of a fence is no quote, but for those that the fence stands in; a line outside of them ends it.
    const Quoted quoted = quotes_of(line, open.sign == 0 ? line.size() : inside.quotes);
    if (open.sign != 0 && quoted.depth < inside.quotes) close(at);
    const FenceLine fence = fence_line(line.substr(quoted.bytes));
    if (open.sign == 0 && fence.sign != 0) {
      open = fence;
      wanted = is_tagged_rules(fence.info);
      inside = {next, next, quoted.depth};
    } else if (open.sign != 0 && fence.sign == open.sign && fence.length >= open.length && fence.info.empty()) {
      close(at);
    }
    at = next;
  }
  if (open.sign != 0) close(markdown.size());  // never closed: to the end, as in CommonMark
  return fences;
}

std::string only_rules(std::string_view markdown) {
  std::string text(markdown.size(), ' ');
  for (std::size_t i = 0; i < markdown.size(); ++i)
    if (markdown[i] == '\n') text[i] = '\n';
  for (const Fence& fence : rule_fences(markdown)) {
    for (std::size_t at = fence.begin; at < fence.end;) {
      const std::size_t next = std::min(markdown.find('\n', at), fence.end - 1) + 1;
      const std::string_view line = markdown.substr(at, next - at);
      const std::size_t quotes = quotes_of(line, fence.quotes).bytes;
      std::ranges::copy(line.substr(quotes), text.begin() + static_cast<std::ptrdiff_t>(at + quotes));
      at = next;
    }
  }
  return text;
}

Result<std::vector<SourceSet>> load(std::span<const std::string> paths, const LoadOptions& options) {
  std::vector<SourceSet> sets(1);
  const auto add = [&](std::string name, std::string text) {
    if (is_markdown(name)) {
      sets.push_back({{{std::move(name), only_rules(text)}}, true});
    } else {
      sets.front().files.push_back({std::move(name), std::move(text)});
    }
  };
  std::set<fs::path> seen;
  for (const std::string& path : paths) {
    if (path == "-") {
      if (!seen.insert("-").second) continue;
      if (options.input == nullptr) return unreadable("`-` is standard input, and there is none here");
      Result<std::string> text = read_stream(*options.input, "standard input");
      if (!text) return tl::unexpected(text.error());
      add(options.input_name, std::move(*text));
      continue;
    }
    const Result<std::vector<std::string>> files = files_of(path);
    if (!files) return tl::unexpected(files.error());
    for (const std::string& file : *files) {
      std::error_code error;
      if (!seen.insert(fs::weakly_canonical(file, error)).second) continue;
      Result<std::string> text = read_file(file);
      if (!text) return tl::unexpected(text.error());
      add(file, std::move(*text));
    }
  }
  if (sets.front().files.empty()) sets.erase(sets.begin());
  return sets;
}

std::vector<Parsed> parse_all(std::span<const SourceText> files) {
  std::vector<Parsed> parsed(files.size());
  std::atomic<std::size_t> next = 0;
  const auto work = [&] {
    for (std::size_t i = next++; i < files.size(); i = next++)
      parsed[i] = parse(files[i], static_cast<std::uint32_t>(i));
  };
  // A thread costs about as much as a few kilobytes of rules.
  constexpr std::size_t kBytesPerThread = 32 << 10;
  std::size_t bytes = 0;
  for (const SourceText& file : files) bytes += file.text.size();
  const std::size_t most =
      std::min<std::size_t>({std::thread::hardware_concurrency(), files.size(), bytes / kBytesPerThread, 8});
  std::vector<std::jthread> helpers;
  for (std::size_t i = 1; i < most; ++i) helpers.emplace_back(work);
  work();
  helpers.clear();  // joins
  return parsed;
}

}  // namespace tocsin::dsl
