// Keys that stand in durable state and not in memory: there may be more of them than memory holds. One is read when an
// event asks for it, or before something is due for it. Where a program has left none of its keys there, nobody asks.
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

  // The addresses in [from, to), in their order, until `see(address)` says that it is enough. False: as above.
  template <class See>
  bool scan(std::string_view from, std::string_view to, const See& see) {
    if (error_) return false;
    bool is_enough = false;
    const auto scanned = store_.scan(from, to, [&](std::string_view address, std::string_view) -> Result<void> {
      is_enough = !see(address);
      if (is_enough) return failure(Error::Code::refused, {});
      return {};
    });
    if (!scanned && !is_enough) error_ = scanned.error();
    return !error_;
  }

  const std::optional<Error>& error() const { return error_; }
  std::uint64_t read() const { return read_; }
  std::uint64_t read_for_time() const { return read_for_time_; }
  void count_for_time() { ++read_for_time_; }

 private:
  const CheckpointStore& store_;
  StateReader reader_;
  std::string address_;
  std::optional<Error> error_;
  std::uint64_t read_ = 0, read_for_time_ = 0;
};

}  // namespace tocsin
