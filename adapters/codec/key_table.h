// The keys that are looked for in one object, found by hash, nearly always without collisions: one load, one
// multiplication, one comparison for a key, wanted or not. Keys of up to 16 bytes (nearly all) are compared as two
// words.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

namespace tocsin {

class KeyTable {
 public:
  static constexpr std::uint32_t kNone = 0xffffffff;

  // Number i is that of keys[i]. REQUIRES: no key twice.
  explicit KeyTable(const std::vector<std::string>& keys) : keys_(keys) {
    std::size_t size = std::bit_ceil(keys.size() * 2 + 2);  // at least 2: one slot would mean a shift by 64
    // A multiplier without collisions is soon found; after some hundred tries a larger table makes it all but certain.
    // Where even that is not enough, what collides shares a slot.
    std::uint64_t state = 0x9e3779b97f4a7c15;
    for (int tries = 1; !fill(size, state | 1, tries < kTriesMax); ++tries) {
      state = state * 6364136223846793005u + 1442695040888963407u;
      if (tries % 256 == 0) size *= 2;
    }
  }

  // REQUIRES: eight bytes may be read from `key` on, whatever the length.
  std::uint32_t find(const char* key, std::size_t length) const {
    const Words words = words_of(key, length);
    const Slot* slot = &slots_[place(words, length)];
    while (!is_of(*slot, words, key, length)) {
      if (slot->next == kNone) [[likely]]
        return kNone;
      slot = &slots_[slot->next];
    }
    return slot->number;
  }

 private:
  struct Words {
    std::uint64_t first = 0, last = 0;
  };
  struct Slot {
    Words words;
    std::size_t length = static_cast<std::size_t>(-1);
    std::uint32_t number = kNone;
    std::uint32_t next = kNone;  // the slot, behind those of the table, of another key with this place
    bool looks_like(const Words& w, std::size_t l) const {
      return words.first == w.first && words.last == w.last && length == l;
    }
  };
  static constexpr int kTriesMax = 2048;  // the table has grown 128-fold by then

  static Words words_of(const char* key, std::size_t length) {
    Words words;
    std::memcpy(&words.first, key, 8);
    if (length >= 8) {
      std::memcpy(&words.last, key + length - 8, 8);
    } else {
      words.first &= (std::uint64_t{1} << (8 * length)) - 1;
    }
    return words;
  }
  std::size_t place(const Words& words, std::size_t length) const {
    return static_cast<std::size_t>(((words.first ^ std::rotl(words.last, 23) ^ length) * multiplier_) >> shift_);
  }
  bool is_of(const Slot& slot, const Words& words, const char* key, std::size_t length) const {
    if (!slot.looks_like(words, length)) return false;
    return length <= 16 || std::memcmp(keys_[slot.number].data(), key, length) == 0;
  }

  // False: some keys collide that another multiplier may keep apart. Those that none does, as they differ in their
  // middle alone (`shipping_address_postal_code`, `shipping_country_postal_code`), share a slot at once.
  bool fill(std::size_t size, std::uint64_t multiplier, bool may_refuse) {
    multiplier_ = multiplier;
    shift_ = 64 - std::countr_zero(size);
    slots_.assign(size, Slot{});
    for (std::uint32_t i = 0; i < keys_.size(); ++i) {
      std::string padded = keys_[i];
      padded.resize(padded.size() + 8);
      const Words words = words_of(padded.data(), keys_[i].size());
      std::uint32_t at = static_cast<std::uint32_t>(place(words, keys_[i].size()));
      if (slots_[at].number == kNone) {
        slots_[at] = {words, keys_[i].size(), i, kNone};
        continue;
      }
      if (may_refuse && !slots_[at].looks_like(words, keys_[i].size())) return false;
      while (slots_[at].next != kNone) at = slots_[at].next;
      slots_[at].next = static_cast<std::uint32_t>(slots_.size());
      slots_.push_back({words, keys_[i].size(), i, kNone});
    }
    return true;
  }

  std::vector<std::string> keys_;
  std::vector<Slot> slots_;
  std::uint64_t multiplier_ = 1;
  int shift_ = 63;
};

}  // namespace tocsin
