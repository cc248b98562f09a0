// Savepoints by name: files NAME.savepoint in one folder, made of the newest epoch of a store.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "adapters/savepoint/reader.h"
#include "app/compiled.h"
#include "app/control/answers.h"
#include "app/settings.h"
#include "engine/io/checkpoint_store.h"
#include "engine/io/disk.h"
#include "engine/runtime/ledger.h"
#include "engine/state/address.h"

namespace tocsin::app {

// [A-Za-z0-9._-]{1,64}, not beginning with a dot: so no name leads out of the folder.
bool is_savepoint_name(std::string_view name);

// "": there is none, state being in memory.
std::string savepoint_folder(const Settings& settings);
std::string savepoint_path(const std::string& folder, std::string_view name);

// Newest first; one that cannot be read says why. A folder that is not there has none.
Result<std::vector<SavepointStatus>> list_savepoints(const std::string& folder);

struct SavepointAsk {
  std::string folder, name;  // "" one is made up of the time
  Time now;
  std::uint64_t generation = 0;
};
struct SavepointMade {
  std::string name, path;
  Epoch epoch;
  SavepointFigures figures;
  std::uint64_t keys = 0;
};
// The newest epoch, of those rules that run: what others have left in the store is not of it. `refused`: there is one
// of this name, or nothing has been stored yet. `gives_up` is asked now and then.
Result<SavepointMade> make_savepoint(const SavepointAsk& asked, const CompiledSet& rules, const CheckpointStore& store,
                                     const std::function<bool()>& gives_up);

// `refused`: there is none of this name.
Result<void> delete_savepoint(const std::string& folder, const std::string& name);

// Of a name in the folder, or of a path (with a / in it, or ending in .savepoint).
struct SavepointFile {
  std::unique_ptr<Disk> disk;
  std::string name, path;
  Result<std::unique_ptr<SavepointReader>> open() const;
};
Result<SavepointFile> find_savepoint(const std::string& folder, const std::string& name_or_path);

// What a savepoint remembers of one rule (of one shape).
struct RuleInSavepoint {
  std::uint32_t number = 0;  // in addresses
  std::string name;
  std::uint64_t shape = 0;
  std::uint64_t keys = 0, budgets = 0, bytes = 0;
  std::optional<Time> since;  // it has been watching
  bool is_remembered() const { return keys + budgets > 0; }
};

// All of a savepoint but its keys: each byte of the file has been read and is sound.
struct SavepointView {
  SavepointNote note;
  CheckpointStore::Newest newest;
  Ledger ledger;
  std::vector<SavepointRules> texts;
  std::vector<RuleInSavepoint> rules;  // of which something stands in it, by name
  SavepointFigures figures;

  // Before it all events have been judged; none: there were none.
  std::optional<Time> passed() const;
  // The rules that ran, compiled from their texts; null: this version does not take them any more.
  std::shared_ptr<const RuleSet> compiled() const;
};
// Each address in its order goes to `see`, too, which may be empty.
using SeeAddress = std::function<void(const StateAddress& address, std::string_view value)>;
Result<SavepointView> look_at_savepoint(const SavepointFile& file, const SeeAddress& see = {});

// A key as people read it: its parts, with commas between them.
std::string text_of_key(std::string_view key);

}  // namespace tocsin::app
