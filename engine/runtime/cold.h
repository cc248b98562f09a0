// Keys that stand in durable state and not in memory: there may be more of them than memory holds. One is read when an
// event asks for it. Where a program has none of its keys there (`StateOut::cold` is off), nobody asks.
//
// One shard's.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "engine/base/result.h"
#include "engine/event/state_bytes.h"
#include "engine/io/checkpoint_store.h"
#include "engine/state/address.h"

namespace tocsin {

inline Error unreadable_state(std::string_view rule) {
  return {Error::Code::malformed,
          "the state of rule `" + std::string(rule) + "` cannot be read: its bytes are none that this rule writes"};
}

// `read(reader)` takes the parts of a value, which stand behind its version, and says whether they are what it knows.
// False: they are not, or not all of it.
template <class Read>
bool read_whole(StateReader& reader, std::string_view value, const Read& read) {
  reader.open(value.substr(1));
  return read(reader) && reader.ok() && reader.at_end();
}

class Cold {
 public:
  Cold(const CheckpointStore& store, const StateNames& names) : store_(store), reader_({}, names) {}

  // What stands at the address of rule `whose`, as read_whole(). False: there is nothing; or it cannot be read, and
  // then `error` says so: nothing that is found from here on can be trusted.
  template <class Read>
  bool read(const StateAddress& address, std::string_view whose, const Read& read) {
    if (error_) return false;
    address_.clear();
    address.append(address_);
    const auto found = store_.find(address_);
    if (!found) error_ = found.error();
    if (!found || !*found) return false;
    ++read_;
    const std::string& value = **found;
    if (!value.empty() && value.front() == static_cast<char>(kStateVersion) && read_whole(reader_, value, read))
      return true;
    error_ = unreadable_state(whose);
    return false;
  }

  const std::optional<Error>& error() const { return error_; }
  std::uint64_t read() const { return read_; }

 private:
  const CheckpointStore& store_;
  StateReader reader_;
  std::string address_;
  std::optional<Error> error_;
  std::uint64_t read_ = 0;
};

}  // namespace tocsin
