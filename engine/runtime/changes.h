// What an epoch has to write, as one shard hands it over: addresses and values, in the order of addresses.
#pragma once

#include <algorithm>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/arena.h"
#include "engine/event/state_bytes.h"
#include "engine/io/checkpoint_store.h"
#include "engine/runtime/placement.h"
#include "engine/state/address.h"

namespace tocsin {

// Of one shard and epoch.
class Changes {
 public:
  explicit Changes(const StateNames& names) : names_(names) {}

  // How many bytes the value has.
  template <class Parts>
  std::size_t put(const StateAddress& address, const Parts& parts) {
    value_.clear();
    value_ += static_cast<char>(kStateVersion);
    StateWriter writer(value_, names_);
    parts(writer);
    changes_.push_back({address_of(address), arena_.text(value_), false});
    bytes_ += sizeof(StateChange) + address_.size() + value_.size();
    return value_.size();
  }
  void gone(const StateAddress& address) { changes_.push_back({address_of(address), {}, true}); }
  // Unless something is put there by the same epoch.
  void gone_unless_put(const StateAddress& address) { run_out_.push_back({address_of(address), {}, true}); }
  // A value as it stands in durable state already.
  void put_again(const StateAddress& address, std::string_view value) {
    changes_.push_back({address_of(address), arena_.text(value), false});
  }

  bool empty() const { return changes_.empty(); }
  std::size_t size() const { return changes_.size(); }
  // About what those that were put take in memory.
  std::size_t bytes() const { return bytes_; }
  // In order; of several for one address the last one put. Good until `clear`.
  std::span<const StateChange> sorted() {
    changes_.insert(changes_.begin(), run_out_.begin(), run_out_.end());
    run_out_.clear();
    std::ranges::stable_sort(changes_, {}, &StateChange::address);
    std::size_t kept = 0;
    for (std::size_t i = 0; i < changes_.size(); ++i)
      if (i + 1 == changes_.size() || changes_[i].address != changes_[i + 1].address) changes_[kept++] = changes_[i];
    changes_.resize(kept);
    return changes_;
  }
  void clear() {
    changes_.clear();
    run_out_.clear();
    arena_.clear();
    bytes_ = 0;
  }

 private:
  std::string_view address_of(const StateAddress& address) {
    address_.clear();
    address.append(address_);
    return arena_.text(address_);
  }

  const StateNames& names_;
  Arena arena_;
  std::string address_, value_;
  std::vector<StateChange> changes_, run_out_;
  std::size_t bytes_ = 0;
};

class Cold;

// Where one program writes its state.
struct StateOut {
  Changes* changes = nullptr;
  bool is_known = false;      // what is there already stands in durable state
  std::uint32_t program = 0;  // its number in durable state
  const Placement* placement = nullptr;
  ProgramId id;           // there
  std::string_view name;  // of the program
  Cold* cold = nullptr;   // where keys are that are not in memory

  StateAddress address(StateKind kind, std::string_view key) const {
    return {placement->group_of(id, kind, key), program, kind, key};
  }
  std::uint16_t group_of(std::string_view key) const { return placement->group_of(id, key); }
};

}  // namespace tocsin
