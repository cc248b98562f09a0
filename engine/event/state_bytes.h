// State as bytes and back. What a state is made of is said once, for writing and for reading alike, so that the two
// cannot drift apart:
//
//   struct LastSeen {
//     template <class Archive> void state_parts(Archive& a) { a(last, from, seen); }
//   };
//
// or, for a type of its own kind, a free function `state_parts(Archive&, T&)` beside it. Both archives take the same
// parts in the same order; `Archive::kReads` tells them apart where that matters.
//
// The reader meets bytes that may be broken, or of another time: it never reads beyond its end and never asks for more
// memory than the bytes could fill. After its first mistake it gives zeros, and `ok()` says so: who reads looks once,
// at the end. Numbers are LEB128 (signed ones zigzag), times and floats 8 bytes little-endian, texts a size and their
// bytes. docs/formats.md.
#pragma once

#include <bit>
#include <bitset>
#include <cstdint>
#include <cstring>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <type_traits>
#include <unordered_map>
#include <utility>
#include <vector>

#include "engine/base/arena.h"
#include "engine/base/time.h"
#include "engine/event/encode.h"
#include "engine/event/event.h"
#include "engine/event/layouts.h"

namespace tocsin {

static_assert(std::endian::native == std::endian::little);

namespace state_bytes {
template <class T>
concept Sequence = requires(T t) {
  t.size();
  t[0];
  t.push_back(std::move(t[0]));
};
template <class T>
inline constexpr bool is_optional = false;
template <class T>
inline constexpr bool is_optional<std::optional<T>> = true;
template <class T>
inline constexpr bool is_pointer = false;
template <class T>
inline constexpr bool is_pointer<std::unique_ptr<T>> = true;
template <class T>
inline constexpr bool is_shared = false;
template <class T>
inline constexpr bool is_shared<std::shared_ptr<const T>> = true;
}  // namespace state_bytes

class StateWriter {
 public:
  static constexpr bool kReads = false;

  // What is written stands behind what `out` has.
  StateWriter(std::string& out, const StateNames& names) : out_(out), names_(names) {}

  template <class... T>
  void operator()(const T&... parts) {
    (put(parts), ...);
  }
  // `size` things that the caller writes one by one.
  std::size_t count(std::size_t size) {
    number(size);
    return size;
  }
  // One of a closed set, from 0 to `last`.
  template <class E>
  void choice(const E& value, E /*last*/) {
    out_ += static_cast<char>(value);
  }
  bool ok() const { return true; }
  void fail() {}
  const StateNames& names() const { return names_; }

 private:
  // What several may hold is written where it stands first, and named afterwards. 0 stands for none.
  template <class T>
  void put_shared(const std::shared_ptr<const T>& value) {
    if (value == nullptr) return number(0);
    const auto [at, fresh] = shared_.try_emplace(value.get(), shared_.size() + 1);
    number(at->second);
    if (fresh) put(*value);
  }
  void number(std::uint64_t n) {
    for (; n >= 0x80; n >>= 7) out_ += static_cast<char>(n | 0x80);
    out_ += static_cast<char>(n);
  }
  template <class T>
  void raw(const T& value) {
    out_.append(reinterpret_cast<const char*>(&value), sizeof value);
  }

  template <class T>
  void put(const T& value) {
    if constexpr (std::is_same_v<T, bool>) {
      out_ += static_cast<char>(value);
    } else if constexpr (std::is_unsigned_v<T>) {
      number(value);
    } else if constexpr (std::is_integral_v<T>) {
      const auto wide = static_cast<std::int64_t>(value);
      number(static_cast<std::uint64_t>(wide) << 1 ^ static_cast<std::uint64_t>(wide >> 63));
    } else if constexpr (std::is_floating_point_v<T>) {
      raw(value);
    } else if constexpr (std::is_same_v<T, Time>) {
      raw(value.us);
    } else if constexpr (std::is_same_v<T, Duration>) {
      put(value.us);
    } else if constexpr (std::is_same_v<T, Value>) {
      append_exact(out_, value);
    } else if constexpr (std::is_same_v<T, std::string>) {
      number(value.size());
      out_ += value;
    } else if constexpr (state_bytes::is_optional<T>) {
      put(value.has_value());
      if (value) put(*value);
    } else if constexpr (state_bytes::is_shared<T>) {
      put_shared(value);
    } else if constexpr (state_bytes::is_pointer<T>) {
      put(value != nullptr);
      if (value != nullptr) put(*value);
    } else if constexpr (std::is_same_v<T, std::vector<bool>>) {
      number(value.size());
      for (const bool b : value) put(b);
    } else if constexpr (state_bytes::Sequence<T>) {
      number(value.size());
      for (std::size_t i = 0; i < value.size(); ++i) put(value[i]);
    } else if constexpr (requires(T& t) { t.state_parts(*this); }) {
      const_cast<T&>(value).state_parts(*this);  // a writer changes nothing
    } else {
      state_parts(*this, const_cast<T&>(value));
    }
  }

  std::string& out_;
  const StateNames& names_;
  std::unordered_map<const void*, std::uint64_t> shared_;
};

class StateReader {
 public:
  static constexpr bool kReads = true;

  // REQUIRES: the bytes outlive it. Values that were read (put into nothing that owns them) are good as long as the
  // reader.
  StateReader(std::string_view bytes, const StateNames& names) : rest_(bytes), names_(names) {}
  // The next state, with the memory of the one before.
  void open(std::string_view bytes) {
    rest_ = bytes;
    arena_.clear();
    shared_.clear();
    ok_ = true;
  }

  template <class... T>
  void operator()(T&... parts) {
    (take(parts), ...);
  }
  std::size_t count(std::size_t = 0) {
    const std::uint64_t n = number();
    if (n > rest_.size()) fail();  // a thing has a byte at least
    return ok_ ? n : 0;
  }
  template <class E>
  void choice(E& value, E last) {
    const std::uint8_t n = byte();
    if (n > static_cast<std::uint8_t>(last)) fail();
    value = static_cast<E>(ok_ ? n : 0);
  }
  bool ok() const { return ok_; }
  void fail() {
    ok_ = false;
    rest_ = {};
  }
  bool at_end() const { return rest_.empty(); }
  const StateNames& names() const { return names_; }
  Arena& arena() { return arena_; }

 private:
  // REQUIRES: all that one state shares is of one type.
  template <class T>
  void take_shared(std::shared_ptr<const T>& value) {
    value = nullptr;
    const std::uint64_t n = number();
    if (n > shared_.size() + 1) fail();
    if (n == 0 || !ok_) return;
    if (n == shared_.size() + 1) {
      auto made = std::make_shared<T>();
      shared_.push_back(made);  // before its parts: numbers are given in this order
      take(*made);
    }
    value = std::static_pointer_cast<const T>(std::shared_ptr<const void>(shared_[n - 1]));
  }
  std::uint8_t byte() {
    if (rest_.empty()) return fail(), std::uint8_t{0};
    const auto out = static_cast<std::uint8_t>(rest_.front());
    rest_.remove_prefix(1);
    return out;
  }
  std::uint64_t number() {
    std::uint64_t out = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      const std::uint8_t b = byte();
      out |= std::uint64_t{b & 0x7fu} << shift;
      if ((b & 0x80) == 0) return out;
    }
    return fail(), std::uint64_t{0};
  }
  template <class T>
  void raw(T& value) {
    if (rest_.size() < sizeof value) fail();
    if (!ok_) return void(value = T{});
    std::memcpy(&value, rest_.data(), sizeof value);
    rest_.remove_prefix(sizeof value);
  }

  template <class T>
  void take(T& value) {
    if constexpr (std::is_same_v<T, bool>) {
      const std::uint8_t b = byte();
      if (b > 1) fail();
      value = b == 1;
    } else if constexpr (std::is_unsigned_v<T>) {
      const std::uint64_t n = number();
      value = static_cast<T>(n);
      if (value != n) fail();
    } else if constexpr (std::is_integral_v<T>) {
      const std::uint64_t n = number();
      const auto wide = static_cast<std::int64_t>(n >> 1 ^ (std::uint64_t{0} - (n & 1)));
      value = static_cast<T>(wide);
      if (value != wide) fail();
    } else if constexpr (std::is_floating_point_v<T>) {
      raw(value);
    } else if constexpr (std::is_same_v<T, Time>) {
      raw(value.us);
    } else if constexpr (std::is_same_v<T, Duration>) {
      take(value.us);
    } else if constexpr (std::is_same_v<T, Value>) {
      const auto read = take_value(rest_, arena_);
      if (!read) fail();
      value = read.value_or(Value());
    } else if constexpr (std::is_same_v<T, std::string>) {
      const std::size_t size = count();
      value.assign(rest_.substr(0, size));
      rest_.remove_prefix(size);
    } else if constexpr (state_bytes::is_optional<T>) {
      bool there = false;
      take(there);
      value.reset();
      if (there) take(value.emplace());
    } else if constexpr (state_bytes::is_shared<T>) {
      take_shared(value);
    } else if constexpr (state_bytes::is_pointer<T>) {
      bool there = false;
      take(there);
      value.reset();
      if (there) take(*(value = std::make_unique<typename T::element_type>()));
    } else if constexpr (std::is_same_v<T, std::vector<bool>>) {
      value.assign(count(), false);
      for (std::size_t i = 0; i < value.size(); ++i) {
        bool b = false;
        take(b);
        value[i] = b;
      }
    } else if constexpr (state_bytes::Sequence<T>) {
      value.clear();
      for (std::size_t left = count(); left > 0 && ok_; --left) {
        value.push_back(std::remove_cvref_t<decltype(value[0])>());
        take(value[value.size() - 1]);
      }
    } else if constexpr (requires(T& t) { t.state_parts(*this); }) {
      value.state_parts(*this);
    } else {
      state_parts(*this, value);
    }
  }

  std::string_view rest_;
  const StateNames& names_;
  Arena arena_;
  std::vector<std::shared_ptr<void>> shared_;
  bool ok_ = true;
};

// ----- what events are made of --------------------------------------------------------------------------

template <class Archive>
void state_parts(Archive& a, EventTypeId& type) {
  std::uint32_t number = 0;
  if constexpr (!Archive::kReads) number = a.names().number_of(type);
  a(number);
  if constexpr (Archive::kReads) {
    const StateNames::Type* named = a.names().type(number);
    type = named == nullptr ? EventTypeId() : named->id;
    if (!type.exists()) a.fail();  // it is gone: whose state this is has another shape now, and is not read
  }
}

template <class Archive>
void state_parts(Archive& a, SourceId& source) {
  std::uint32_t number = 0;  // 0: none; what a rule emits of nothing has no source
  if constexpr (!Archive::kReads) number = source.exists() ? a.names().number_of(source) + 1 : 0;
  a(number);
  if constexpr (Archive::kReads) {
    source = {};
    if (number == 0) return;
    if (!a.names().has_source(number - 1)) return a.fail();
    source = a.names().source(number - 1);
  }
}

template <class Archive>
void state_parts(Archive& a, Position& position) {
  a(position.source, position.partition, position.offset);
}

template <class Archive, std::size_t kBits>
void state_parts(Archive& a, std::bitset<kBits>& bits) {
  static const std::bitset<kBits> kWord(~std::uint64_t{0});
  std::vector<std::uint64_t> words;  // the lowest first; what is left out is zero
  if constexpr (!Archive::kReads)
    for (auto rest = bits; rest.any(); rest >>= 64) words.push_back((rest & kWord).to_ullong());
  a(words);
  if constexpr (Archive::kReads) {
    bits.reset();
    if (words.size() > (kBits + 63) / 64) a.fail();
    for (std::size_t i = words.size(); i-- > 0;) bits = bits << 64 | std::bitset<kBits>(words[i]);
  }
}

// A map, in its order.
template <class Archive, class Map>
void map_parts(Archive& a, Map& map) {
  std::size_t left = a.count(map.size());
  if constexpr (Archive::kReads) {
    for (map.clear(); left > 0 && a.ok(); --left) {
      typename Map::key_type key{};
      typename Map::mapped_type value{};
      a(key, value);
      map.emplace(std::move(key), std::move(value));
    }
  } else {
    for (const auto& [key, value] : map) a(key, value);
  }
}

// The fields of an event of `type`: as many as it had when it was written, by the layout of that time.
void put_fields(StateWriter& a, EventTypeId type, std::span<const Value> fields);
std::span<const Value> take_fields(StateReader& a, EventTypeId& type);

}  // namespace tocsin
