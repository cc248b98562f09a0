#include "app/savepoints.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <utility>

#include "adapters/file/disk.h"
#include "adapters/savepoint/writer.h"
#include "app/version.h"
#include "dsl/compile.h"
#include "engine/base/arena.h"
#include "engine/base/little_endian.h"
#include "engine/base/write.h"
#include "engine/event/encode.h"
#include "engine/event/write.h"

namespace tocsin::app {
namespace {

constexpr std::string_view kEnding = ".savepoint";

std::string file_of(std::string_view name) { return std::string(name) + std::string(kEnding); }

// "20260301-142011": sorts as it came.
std::string name_of(Time time) {
  std::string out = rfc3339(time);
  out.resize(std::min<std::size_t>(out.size(), 19));
  std::erase_if(out, [](char c) { return c == '-' || c == ':'; });
  std::ranges::replace(out, 'T', '-');
  return out;
}

Result<void> there_is_none(const std::string& folder, std::string_view name) {
  return failure(Error::Code::refused, fmt::format("there is no savepoint `{}` in {}", name, folder));
}

}  // namespace

bool is_savepoint_name(std::string_view name) {
  return !name.empty() && name.size() <= 64 && !name.starts_with('.') && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '_' ||
           c == '-';
  });
}

std::string savepoint_folder(const Settings& settings) {
  if (!settings.state.savepoints.empty()) return settings.state.savepoints;
  return settings.state.dir.empty() ? "" : settings.state.dir + "/savepoints";
}

std::string savepoint_path(const std::string& folder, std::string_view name) { return folder + "/" + file_of(name); }

Result<std::vector<SavepointStatus>> list_savepoints(const std::string& folder) {
  std::vector<SavepointStatus> out;
  std::error_code error;
  if (folder.empty() || !std::filesystem::exists(folder, error)) return out;
  const auto disk = open_disk_to_read(folder);
  if (!disk) return tl::unexpected(disk.error());
  const auto names = (*disk)->list("");
  if (!names) return tl::unexpected(names.error());
  for (const std::string& file : *names) {
    if (!file.ends_with(kEnding)) continue;
    SavepointStatus& status = out.emplace_back();
    status.name = file.substr(0, file.size() - kEnding.size());
    status.bytes = std::filesystem::file_size(folder + "/" + file, error);
    if (error) status.bytes = 0;
    if (const auto note = read_savepoint_note(**disk, file, folder + "/" + file); note) {
      status.at = note->made;
      status.epoch = note->epoch.number;
      status.generation = note->generation;
      status.rules = note->rules;
    } else {
      status.problem = note.error().message;
    }
  }
  std::ranges::stable_sort(out, [](const auto& a, const auto& b) { return a.at > b.at; });
  return out;
}

Result<SavepointMade> make_savepoint(const SavepointAsk& asked, const CompiledSet& rules, const CheckpointStore& store,
                                     const std::function<bool()>& gives_up) {
  SavepointMade out;
  const auto disk = open_disk(asked.folder);
  if (!disk) return tl::unexpected(disk.error());
  const std::string made_up = name_of(asked.now);  // of the second
  std::string file;
  bool is_taken = true;
  for (int number = 1; is_taken && (number == 1 || asked.name.empty()); ++number) {
    out.name = !asked.name.empty() ? asked.name : number == 1 ? made_up : fmt::format("{}-{}", made_up, number);
    file = file_of(out.name);
    const auto there = (*disk)->identity(file);
    if (!there) return tl::unexpected(there.error());
    is_taken = there->has_value();
  }
  out.path = savepoint_path(asked.folder, out.name);
  if (is_taken)
    return failure(Error::Code::refused, fmt::format("there is a savepoint `{}` already: {}", out.name, out.path));

  const RuleSet& set = *rules.compiled.rules;
  SavepointNote note;
  note.made = asked.now;
  note.generation = asked.generation;
  note.rules = set.programs.size();
  note.version = kVersion;
  std::vector<SavepointRules> texts;
  for (const dsl::SourceText& text : rules.files) texts.push_back({text.path, text.text});
  std::set<std::uint32_t> numbers;
  std::uint64_t asks = 0;
  const auto made = write_savepoint(
      **disk, file, note, texts, store,
      [&](const CheckpointStore::Newest& newest) -> Result<void> {
        out.epoch = newest.epoch;
        auto ledger = Ledger::read(newest.manifest);
        if (!ledger) return tl::unexpected(ledger.error());
        for (const std::uint32_t number : ledger->numbers_of(set)) numbers.insert(number);
        return {};
      },
      [&](std::string_view bytes) -> Result<bool> {
        if (++asks % 1'024 == 0 && gives_up()) return failure(Error::Code::unreachable, "it was broken off");
        if (NoteAddress::read(bytes)) return true;
        const auto address = StateAddress::read(bytes);
        if (!address)
          return failure(Error::Code::malformed, "the state holds an address that this version does not know");
        if (!numbers.contains(address->program)) return false;
        out.keys += address->kind == StateKind::key;
        return true;
      });
  if (!made) return tl::unexpected(made.error());
  out.figures = *made;
  return out;
}

Result<void> delete_savepoint(const std::string& folder, const std::string& name) {
  std::error_code error;
  if (!is_savepoint_name(name) || !std::filesystem::exists(savepoint_path(folder, name), error))
    return there_is_none(folder, name);
  return open_disk(folder).and_then([&](const std::unique_ptr<Disk>& disk) {
    return disk->remove(file_of(name)).and_then([&] { return disk->sync_folder(""); });
  });
}

Result<std::unique_ptr<SavepointReader>> SavepointFile::open() const {
  return SavepointReader::open(*disk, path.substr(path.rfind('/') + 1), path);
}

Result<SavepointFile> find_savepoint(const std::string& folder, const std::string& name_or_path) {
  SavepointFile out;
  const bool is_path = name_or_path.find('/') != std::string::npos || name_or_path.ends_with(kEnding);
  if (!is_path && folder.empty())
    return failure(
        Error::Code::unreadable,
        fmt::format("`{}` is a name, and nobody says of which folder: --dir or state.dir does", name_or_path));
  out.path = is_path ? name_or_path : savepoint_path(folder, name_or_path);
  if (out.path.find('/') == std::string::npos) out.path = "./" + out.path;
  std::error_code error;
  if (!std::filesystem::is_regular_file(out.path, error)) {
    if (is_path) return failure(Error::Code::unreadable, fmt::format("there is no file {}", out.path));
    return tl::unexpected(there_is_none(folder, name_or_path).error());
  }
  const auto slash = out.path.rfind('/');
  out.name = out.path.substr(slash + 1);
  if (out.name.ends_with(kEnding)) out.name.resize(out.name.size() - kEnding.size());
  auto disk = open_disk_to_read(slash == 0 ? "/" : out.path.substr(0, slash));
  if (!disk) return tl::unexpected(disk.error());
  out.disk = std::move(*disk);
  return out;
}

// ----- what is in one -----------------------------------------------------------------------------------------------

std::optional<Time> SavepointView::passed() const {
  const Time before = ledger.cut.frontier.events_before;
  return before == Frontier::kNothing ? std::nullopt : std::optional(before);
}

std::shared_ptr<const RuleSet> SavepointView::compiled() const {
  std::vector<dsl::SourceText> sources;
  for (const SavepointRules& file : texts) sources.push_back({file.path, file.text});
  return dsl::compile(sources).rules;
}

Result<SavepointView> look_at_savepoint(const SavepointFile& file, const SeeAddress& see) {
  auto opened = file.open();
  if (!opened) return tl::unexpected(opened.error());
  SavepointReader& reader = **opened;
  const auto wrong = [&](const std::string& what) {
    return failure(Error::Code::refused, fmt::format("{}: {}; read it with the tocsin that wrote it ({})", file.path,
                                                     what, reader.note().version));
  };
  SavepointView out;
  auto ledger = Ledger::read(reader.newest().manifest);
  if (!ledger) return wrong(ledger.error().message);
  out.ledger = std::move(*ledger);
  std::vector<RuleInSavepoint> rules(out.ledger.programs.size());
  for (;;) {
    const auto more = reader.next();
    if (!more) return tl::unexpected(more.error());
    if (!*more) break;
    if (NoteAddress::read(reader.address())) continue;
    const auto address = StateAddress::read(reader.address());
    if (!address || address->program >= rules.size() || reader.value().empty() ||
        reader.value().front() != static_cast<char>(kStateVersion))
      return wrong("it holds an address or a value that this version does not know");
    RuleInSavepoint& rule = rules[address->program];
    rule.keys += address->kind == StateKind::key;
    rule.budgets += address->kind == StateKind::budget;
    rule.bytes += reader.address().size() + reader.value().size();
    if (address->kind == StateKind::program && reader.value().size() >= 9)
      rule.since = Time{static_cast<std::int64_t>(read_little<std::uint64_t>(reader.value(), 1))};
    if (see) see(*address, reader.value());
  }
  for (std::size_t i = 0; i < rules.size(); ++i) {
    if (rules[i].bytes == 0) continue;
    rules[i].number = static_cast<std::uint32_t>(i);
    rules[i].name = out.ledger.programs[i].name;
    rules[i].shape = out.ledger.programs[i].shape;
    out.rules.push_back(std::move(rules[i]));
  }
  std::ranges::stable_sort(out.rules, {}, &RuleInSavepoint::name);
  out.note = reader.note();
  out.newest = reader.newest();
  out.texts = reader.rules();
  out.figures = reader.figures();
  return out;
}

std::string text_of_key(std::string_view key) {
  std::string out;
  Arena arena;
  while (!key.empty()) {
    const auto value = take_value(key, arena);
    if (!value) return out + "?";
    if (!out.empty()) out += ", ";
    append_text(out, *value);
  }
  return out;
}

}  // namespace tocsin::app
