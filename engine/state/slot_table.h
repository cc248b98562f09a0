// Keys to a fixed number of bytes each, for what runs at every event of a program with a million keys: no allocation
// per event, one cache miss for the index and one for the slot, and both can be fetched ahead.
//
// The index is open addressing over 8-byte entries; the slots stand apart in chunks and never move, so growing the
// table moves 8 bytes a key. A slot holds the key's bytes beside its state (up to 24 of them; longer keys have a block
// of their own).
//
// When the table is full, the slots that the owner calls idle are given up first, and only if most are in use the index
// doubles: so a table never holds more than a few times the keys that were in use at once. What durable state has as
// well may be erased a piece at a time (erase_some).
//
// One thread.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "engine/base/contract.h"
#include "engine/base/same_bytes.h"
#include "engine/base/table_memory.h"
#include "engine/event/key.h"
#include "engine/state/touched.h"

namespace tocsin {

// `Body`: the first part of the state, trivial; `tail` bytes of the owner's own follow it.
template <class Body>
class SlotTable {
 public:
  static constexpr std::size_t kInlineKey = 24;

  struct Slot {
    std::uint64_t hash = 0;
    std::uint32_t key_size = 0;
    bool in_use = false;
    TouchTag touched = 0;
    char key[kInlineKey] = {};
    Body body;

    std::string_view key_view() const {
      if (key_size <= kInlineKey) return {key, key_size};
      const char* block;
      std::memcpy(&block, key, sizeof block);
      return {block, key_size};
    }
    // REQUIRES: T is trivial, the tail has room.
    template <class T>
    T* tail() {
      return reinterpret_cast<T*>(reinterpret_cast<std::byte*>(this) + sizeof(Slot));
    }
    template <class T>
    const T* tail() const {
      return reinterpret_cast<const T*>(reinterpret_cast<const std::byte*>(this) + sizeof(Slot));
    }
  };
  static_assert(std::is_trivially_destructible_v<Body> && std::is_trivially_copyable_v<Body>);

  explicit SlotTable(std::size_t tail) : stride_((sizeof(Slot) + tail + 15) / 16 * 16), index_(kFirstIndex) {}
  ~SlotTable() {
    each([this](Slot& slot) { release_key(slot); });
  }
  SlotTable(const SlotTable&) = delete;
  SlotTable& operator=(const SlotTable&) = delete;

  // How many keys there are; some may be idle and not yet given up.
  std::size_t size() const { return used_ - free_.size(); }
  std::size_t bytes() const {
    return index_.size() * sizeof(Entry) + room_ * stride_ + free_.capacity() * sizeof(std::uint32_t) + key_bytes_;
  }

  // Two steps ahead, for keys that are looked up soon: the index first, then, when that has come, the slot, which is
  // most likely the one that find() will give.
  void fetch_index(std::uint64_t hash) const { fetch_line(&index_[hash & mask()]); }
  Slot* fetch_slot(std::uint64_t hash) const {
    for (std::size_t at = hash & mask(); index_[at].slot != kFree; at = (at + 1) & mask()) {
      if (index_[at].tag != tag_of(hash)) continue;
      std::byte* slot = address(index_[at].slot);
      for (std::size_t line = 0; line < stride_ && line < 4 * kLine; line += kLine) fetch_line(slot + line);
      return reinterpret_cast<Slot*>(slot);
    }
    return nullptr;
  }

  // Null: there is no such key. Good until `make`.
  Slot* find(std::uint64_t hash, std::string_view key) {
    for (std::size_t at = hash & mask(); index_[at].slot != kFree; at = (at + 1) & mask()) {
      if (index_[at].tag != tag_of(hash)) continue;
      Slot& slot = *reinterpret_cast<Slot*>(address(index_[at].slot));
      if (is_of(slot, hash, key)) return &slot;
    }
    return nullptr;
  }
  Slot* find(std::string_view key) { return find(hash_of_key(key), key); }
  // The same, when fetch_slot() has given `likely`, whatever has happened since.
  Slot* find(std::uint64_t hash, std::string_view key, Slot* likely) {
    return likely != nullptr && likely->in_use && is_of(*likely, hash, key) ? likely : find(hash, key);
  }

  // A new key, its body as constructed. REQUIRES: find() gave null. `is_idle(slot)`: the slot can be given up; it is
  // asked for all of them when the table is full, and has to give back what its state owns when it says so.
  template <class IsIdle>
  Slot& make(std::uint64_t hash, std::string_view key, const IsIdle& is_idle) {
    if ((size() + 1) * 4 > index_.size() * 3) make_room(is_idle);
    const std::uint32_t number = free_.empty() ? next_slot() : free_.back();
    if (!free_.empty()) free_.pop_back();
    Slot& slot = *new (address(number)) Slot;
    slot.in_use = true;
    slot.hash = hash;
    slot.key_size = static_cast<std::uint32_t>(key.size());
    keep_key(slot, key);
    enter(hash, number);
    return slot;
  }

  // Looks at up to `most` slots, each in its turn, and erases those for which `goes` is true (it gives back what their
  // state owns). How many.
  template <class Goes>
  std::size_t erase_some(std::size_t most, const Goes& goes) {
    std::size_t out = 0;
    for (; most > 0 && hand_ < used_; --most, ++hand_) {
      Slot& slot = *reinterpret_cast<Slot*>(address(hand_));
      if (!slot.in_use || !goes(slot)) continue;
      leave(slot.hash, hand_);
      release_key(slot);
      slot.in_use = false;
      free_.push_back(hand_);
      ++out;
    }
    if (hand_ == used_) hand_ = 0;
    return out;
  }
  std::size_t slots() const { return used_; }
  // Of the keys that there are, without the room for others.
  std::size_t held() const { return size() * (stride_ + 2 * sizeof(Entry)) + key_bytes_; }

  template <class F>
  void each(const F& f) {
    for (std::uint32_t i = 0; i < used_; ++i)
      if (Slot& slot = *reinterpret_cast<Slot*>(address(i)); slot.in_use) f(slot);
  }

 private:
  struct Entry {
    std::uint32_t tag = 0;  // the upper half of the hash: a wrong slot is nearly never looked at
    std::uint32_t slot = kFree;
  };
  static constexpr std::uint32_t kFree = 0xffffffff;
  static constexpr std::size_t kFirstIndex = 8;
  static constexpr std::size_t kFirstChunk =
      8;  // slots; each chunk has as many as all before it, so an idle rule costs little
  static constexpr std::size_t kLine = 64;

  static bool is_of(const Slot& slot, std::uint64_t hash, std::string_view key) {
    if (slot.hash != hash || slot.key_size != key.size()) return false;
    return same_bytes(slot.key_view(), key);
  }
  std::size_t mask() const { return index_.size() - 1; }
  static std::uint32_t tag_of(std::uint64_t hash) { return static_cast<std::uint32_t>(hash >> 32); }

  std::byte* address(std::uint32_t slot) const {
    const std::size_t from_first = slot / kFirstChunk;  // chunk 0: the first eight; chunk k: from 8 * 2^(k-1) on
    if (from_first == 0) return chunks_[0].get() + slot * stride_;
    const auto chunk = static_cast<std::size_t>(std::bit_width(from_first));
    return chunks_[chunk].get() + (slot - (kFirstChunk << (chunk - 1))) * stride_;
  }

  std::uint32_t next_slot() {
    if (used_ == room_) {
      const std::size_t grown = std::max(room_, kFirstChunk);
      chunks_.push_back(make_table_memory(grown * stride_));
      room_ += grown;
    }
    return used_++;
  }

  void enter(std::uint64_t hash, std::uint32_t slot) {
    std::size_t at = hash & mask();
    while (index_[at].slot != kFree) at = (at + 1) & mask();
    index_[at] = {tag_of(hash), slot};
  }

  // Takes the slot out of the index. What was entered behind it because its place was taken moves up.
  void leave(std::uint64_t hash, std::uint32_t slot) {
    std::size_t hole = hash & mask();
    while (index_[hole].slot != slot) hole = (hole + 1) & mask();
    for (std::size_t at = (hole + 1) & mask(); index_[at].slot != kFree; at = (at + 1) & mask()) {
      const std::size_t first = reinterpret_cast<const Slot*>(address(index_[at].slot))->hash & mask();
      if (((at - first) & mask()) < ((at - hole) & mask())) continue;  // it does not reach back so far
      index_[hole] = index_[at];
      hole = at;
    }
    index_[hole] = Entry();
  }

  template <class IsIdle>
  void make_room(const IsIdle& is_idle) {
    for (std::uint32_t i = 0; i < used_; ++i) {
      Slot& slot = *reinterpret_cast<Slot*>(address(i));
      if (!slot.in_use || !is_idle(slot)) continue;
      release_key(slot);
      slot.in_use = false;
      free_.push_back(i);
    }
    // Half of the room at least is free afterwards, so that the next time is as many new keys away.
    std::size_t entries = index_.size();
    while ((size() + 1) * 8 > entries * 3) entries *= 2;
    index_.assign(entries, Entry());
    for (std::uint32_t i = 0; i < used_; ++i)
      if (const Slot& slot = *reinterpret_cast<const Slot*>(address(i)); slot.in_use) enter(slot.hash, i);
  }

  void keep_key(Slot& slot, std::string_view key) {
    if (key.size() <= kInlineKey) {
      if (!key.empty()) std::memcpy(slot.key, key.data(), key.size());
      return;
    }
    char* block = new char[key.size()];
    std::memcpy(block, key.data(), key.size());
    std::memcpy(slot.key, &block, sizeof block);
    key_bytes_ += key.size();
  }
  void release_key(Slot& slot) {
    if (slot.key_size <= kInlineKey) return;
    key_bytes_ -= slot.key_size;
    delete[] slot.key_view().data();
  }

  std::size_t stride_;
  std::vector<Entry, TableAllocator<Entry>> index_;
  std::vector<TableMemory> chunks_;
  std::size_t room_ = 0;
  std::uint32_t used_ = 0;  // slots given out so far, the free ones among them
  std::vector<std::uint32_t> free_;
  std::uint32_t hand_ = 0;  // the slot that erase_some() looks at next
  std::size_t key_bytes_ = 0;
};

}  // namespace tocsin
