// One value is a tag byte and what follows from it; numbers in the machine's order (little-endian everywhere we run; a
// checkpoint says so in its header).
#include "engine/event/encode.h"

#include <algorithm>
#include <bit>
#include <vector>

#include "engine/base/hash.h"
#include "engine/event/value_copy.h"

namespace tocsin {
namespace {

static_assert(std::endian::native == std::endian::little);

// Embedded in checkpoints: never renumbered.
enum class Tag : std::uint8_t {
  missing = 0,
  no = 1,
  yes = 2,
  integer = 3,
  floating = 4,
  text = 5,
  time = 6,
  duration = 7,
  ip = 8,
  point = 9,
  list = 10,
  object = 11
};
constexpr std::uint8_t kTags = 12;

// Decoders refuse what is nested deeper than 64; this only guards against broken bytes.
constexpr int kDepthMax = 256;

template <class T>
void put(std::string& out, const T& value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}
void put_tag(std::string& out, Tag tag) { out += static_cast<char>(tag); }
template <class T>
void put(std::string& out, Tag tag, const T& value) {
  char bytes[1 + sizeof value];
  bytes[0] = static_cast<char>(tag);
  std::memcpy(bytes + 1, &value, sizeof value);
  out.append(bytes, sizeof bytes);
}
void put_size(std::string& out, std::size_t size) { put(out, static_cast<std::uint32_t>(size)); }
void put_text(std::string& out, std::string_view text) {
  put_size(out, text.size());
  out.append(text);
}

bool is_whole(double d) {
  return d >= -9223372036854775808.0 && d < 9223372036854775808.0 &&
         static_cast<double>(static_cast<std::int64_t>(d)) == d;
}

double without_minus_zero(double d) { return d == 0 ? 0.0 : d; }

template <bool kCanonical>
void append_value(std::string& out, const Value& value) {
  switch (value.type()) {
    case Type::missing:
      return put_tag(out, Tag::missing);
    case Type::boolean:
      return put_tag(out, value.as_boolean() ? Tag::yes : Tag::no);
    case Type::integer:
      return put(out, Tag::integer, value.as_integer());
    case Type::floating: {
      const double d = value.as_floating();
      if (kCanonical && is_whole(d)) return put(out, Tag::integer, static_cast<std::int64_t>(d));
      return put(out, Tag::floating, d);
    }
    case Type::text:
      put_tag(out, Tag::text);
      return put_text(out, value.as_text());
    case Type::time:
      return put(out, Tag::time, value.as_time().us);
    case Type::duration:
      return put(out, Tag::duration, value.as_duration().us);
    case Type::ip:
      return put(out, Tag::ip, value.as_ip());
    case Type::point: {
      const Point& p = value.as_point();
      const double degrees[] = {kCanonical ? without_minus_zero(p.latitude) : p.latitude,
                                kCanonical ? without_minus_zero(p.longitude) : p.longitude};
      return put(out, Tag::point, degrees);
    }
    case Type::list:
      put_tag(out, Tag::list);
      put_size(out, value.as_list().size());
      for (const Value& item : value.as_list()) append_value<kCanonical>(out, item);
      return;
    case Type::object: {
      const std::span<const Member> members = value.as_object();
      put_tag(out, Tag::object);
      put_size(out, members.size());
      const auto append_member = [&](const Member& member) {
        put_text(out, member.name);
        append_value<kCanonical>(out, member.value);
      };
      if constexpr (kCanonical) {
        std::vector<Member> sorted(members.begin(), members.end());
        std::sort(sorted.begin(), sorted.end(), [](const Member& a, const Member& b) { return a.name < b.name; });
        std::for_each(sorted.begin(), sorted.end(), append_member);
      } else {
        std::for_each(members.begin(), members.end(), append_member);
      }
      return;
    }
  }
}

template <class T>
bool take(std::string_view& bytes, T& value) {
  if (bytes.size() < sizeof value) return false;
  std::memcpy(&value, bytes.data(), sizeof value);
  bytes.remove_prefix(sizeof value);
  return true;
}

// A reader whose texts are copied or not.
struct Reader {
  // The fewest bytes of an item, and of a member: its name's size comes before.
  static constexpr std::size_t kLeastItem = 1, kLeastMember = sizeof(std::uint32_t) + kLeastItem;

  Arena& arena;
  bool copies;
  std::size_t awaited = 0;  // bytes that the items to come of all lists in hand take at least

  bool take_text(std::string_view& bytes, std::string_view& text) {
    std::uint32_t size = 0;
    if (!take(bytes, size) || size > bytes.size()) return false;
    text = copies ? arena.text(bytes.substr(0, size)) : bytes.substr(0, size);
    bytes.remove_prefix(size);
    return true;
  }

  // A count that the rest of the bytes can hold beside what the lists around it still have to come: so broken bytes
  // never ask for more memory than whole ones, however deep they are nested.
  bool take_count(std::string_view& bytes, std::uint32_t& count, std::size_t least) {
    if (!take(bytes, count) || std::uint64_t{count} * least + awaited > bytes.size()) return false;
    awaited += count * least;
    return true;
  }

  bool take_list(std::string_view& bytes, Value& value, int depth) {
    std::uint32_t count = 0;
    if (!take_count(bytes, count, kLeastItem)) return false;
    const std::span<Value> items = arena.array<Value>(count);
    for (Value& item : items) {
      awaited -= kLeastItem;
      if (!read(bytes, item, depth + 1)) return false;
    }
    value = Value::list(items);
    return true;
  }

  bool take_object(std::string_view& bytes, Value& value, int depth) {
    std::uint32_t count = 0;
    if (!take_count(bytes, count, kLeastMember)) return false;
    const std::span<Member> members = arena.array<Member>(count);
    for (Member& member : members) {
      awaited -= kLeastMember;
      if (!take_text(bytes, member.name) || !read(bytes, member.value, depth + 1)) return false;
    }
    value = Value::object(members);
    return true;
  }

  bool read(std::string_view& bytes, Value& value, int depth) {
    std::uint8_t tag = 0;
    if (depth > kDepthMax || !take(bytes, tag) || tag >= kTags) return false;
    std::int64_t number = 0;
    switch (Tag{tag}) {
      case Tag::missing:
        return value = Value(), true;
      case Tag::no:
        return value = Value::boolean(false), true;
      case Tag::yes:
        return value = Value::boolean(true), true;
      case Tag::integer:
        return take(bytes, number) && (value = Value::integer(number), true);
      case Tag::time:
        return take(bytes, number) && (value = Value::time({number}), true);
      case Tag::duration:
        return take(bytes, number) && (value = Value::duration({number}), true);
      case Tag::floating: {
        double d = 0;
        return take(bytes, d) && (value = Value::floating(d), true);
      }
      case Tag::text: {
        std::string_view text;
        return take_text(bytes, text) && (value = Value::text(text), true);
      }
      case Tag::ip: {
        IpAddress address;
        if (!take(bytes, address) || address.prefix > 128) return false;
        return value = Value::ip(arena.put(address)), true;
      }
      case Tag::point: {
        Point point;
        return take(bytes, point) && (value = Value::point(arena.put(point)), true);
      }
      case Tag::list:
        return take_list(bytes, value, depth);
      case Tag::object:
        return take_object(bytes, value, depth);
    }
    return false;
  }
};

std::optional<Value> read_value(std::string_view& bytes, Reader reader) {
  Value value;
  std::string_view rest = bytes;
  if (!reader.read(rest, value, 0)) return std::nullopt;
  bytes = rest;
  return value;
}

}  // namespace

void append_key(std::string& out, const Value& value) { append_value<true>(out, value); }
char* write_text_key(char* out, std::string_view text) {
  const auto size = static_cast<std::uint32_t>(text.size());
  static_assert(kTextKeyExtra == 1 + sizeof size && kTextKeyTag == static_cast<char>(Tag::text));
  *out = static_cast<char>(Tag::text);
  std::memcpy(out + 1, &size, sizeof size);
  std::copy(text.begin(), text.end(), out + kTextKeyExtra);
  return out + kTextKeyExtra + text.size();
}
void append_exact(std::string& out, const Value& value) { append_value<false>(out, value); }

std::optional<Value> take_value(std::string_view& bytes, Arena& arena) { return read_value(bytes, {arena, true}); }
std::optional<Value> view_value(std::string_view& bytes, Arena& arena) { return read_value(bytes, {arena, false}); }

std::uint64_t hash_of(const Value& value) {
  // Nearly all keys are texts, integers or short lists; the rest may take the long way.
  if (value.type() == Type::text) return hash_of_text_key(value.as_text());
  std::string bytes;
  append_key(bytes, value);
  return hash_of_key(bytes);
}

Value copy_value(const Value& value, Arena& arena) {
  return ValueWriter(static_cast<std::byte*>(arena.allocate(bytes_outside(value), alignof(Value)))).copy(value);
}

}  // namespace tocsin
