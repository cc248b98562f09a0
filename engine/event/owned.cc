// A list or object on the heap is one block: its items first, then what they view, one part after the other, each on an
// eight-byte boundary.
#include "engine/event/owned.h"

namespace tocsin {
namespace {

static_assert(sizeof(IpAddress) <= OwnedValue::kInline && sizeof(Point) <= OwnedValue::kInline);
static_assert(sizeof(Member) % 8 == 0);

std::size_t rounded(std::size_t size) { return (size + 7) & ~std::size_t{7}; }

// What a value's parts take beside the value itself.
std::size_t size_of_parts(const Value& value) {
  switch (value.type()) {
    case Type::missing:
    case Type::boolean:
    case Type::integer:
    case Type::floating:
    case Type::time:
    case Type::duration:
      return 0;
    case Type::text:
      return rounded(value.as_text().size());
    case Type::ip:
      return rounded(sizeof(IpAddress));
    case Type::point:
      return rounded(sizeof(Point));
    case Type::list: {
      std::size_t size = value.as_list().size() * sizeof(Value);
      for (const Value& item : value.as_list()) size += size_of_parts(item);
      return size;
    }
    case Type::object: {
      std::size_t size = value.as_object().size() * sizeof(Member);
      for (const Member& member : value.as_object()) size += rounded(member.name.size()) + size_of_parts(member.value);
      return size;
    }
  }
  return 0;
}

// Writes parts one after the other into a block that has the room.
struct Writer {
  std::byte* at;

  template <class T>
  T* room(std::size_t count) {
    T* place = reinterpret_cast<T*>(at);
    at += rounded(count * sizeof(T));
    return place;
  }
  std::string_view text(std::string_view from) {
    if (from.empty()) return {};
    char* place = room<char>(from.size());
    std::memcpy(place, from.data(), from.size());
    return {place, from.size()};
  }

  Value copy(const Value& value) {
    switch (value.type()) {
      case Type::missing:
      case Type::boolean:
      case Type::integer:
      case Type::floating:
      case Type::time:
      case Type::duration:
        return value;
      case Type::text:
        return Value::text(text(value.as_text()));
      case Type::ip:
        return Value::ip(new (room<IpAddress>(1)) IpAddress(value.as_ip()));
      case Type::point:
        return Value::point(new (room<Point>(1)) Point(value.as_point()));
      case Type::list: {
        const std::span<const Value> from = value.as_list();
        Value* items = room<Value>(from.size());
        for (std::size_t i = 0; i < from.size(); ++i) new (items + i) Value(copy(from[i]));
        return Value::list({items, from.size()});
      }
      case Type::object: {
        const std::span<const Member> from = value.as_object();
        Member* members = room<Member>(from.size());
        for (std::size_t i = 0; i < from.size(); ++i) new (members + i) Member{text(from[i].name), copy(from[i].value)};
        return Value::object({members, from.size()});
      }
    }
    return {};
  }
};

}  // namespace

void OwnedValue::allocate(std::size_t bytes) {
  std::byte* block = new std::byte[bytes];
  std::memcpy(store_, &block, sizeof block);
  std::memcpy(store_ + sizeof block, &bytes, sizeof bytes);
  on_heap_ = true;
}

OwnedValue::OwnedValue(const Value& value) {
  switch (value.type()) {
    case Type::missing:
      return;
    case Type::boolean:
    case Type::integer:
    case Type::floating:
    case Type::time:
    case Type::duration: {
      const std::int64_t word = value.as_integer();  // the word of any of them
      std::memcpy(store_, &word, sizeof word);
      break;
    }
    case Type::ip:
      std::memcpy(store_, &value.as_ip(), sizeof(IpAddress));
      break;
    case Type::point:
      std::memcpy(store_, &value.as_point(), sizeof(Point));
      break;
    case Type::text: {
      const std::string_view text = value.as_text();
      size_ = static_cast<std::uint32_t>(text.size());
      if (text.size() > kInline) allocate(text.size());
      if (!text.empty()) std::memcpy(on_heap_ ? reinterpret_cast<char*>(block()) : store_, text.data(), text.size());
      break;
    }
    case Type::list:
    case Type::object: {
      const bool list = value.type() == Type::list;
      size_ = static_cast<std::uint32_t>(list ? value.as_list().size() : value.as_object().size());
      if (size_ == 0) break;
      allocate(size_of_parts(value));
      Writer{block()}.copy(value);
      break;
    }
  }
  type_ = value.type();
}

Value OwnedValue::view() const {
  std::int64_t word = 0;
  std::memcpy(&word, store_, sizeof word);
  const char* bytes = on_heap_ ? reinterpret_cast<const char*>(block()) : store_;
  switch (type_) {
    case Type::missing:
      return {};
    case Type::boolean:
      return Value::boolean(word != 0);
    case Type::integer:
      return Value::integer(word);
    case Type::floating: {
      double d = 0;
      std::memcpy(&d, store_, sizeof d);
      return Value::floating(d);
    }
    case Type::time:
      return Value::time({word});
    case Type::duration:
      return Value::duration({word});
    case Type::text:
      return Value::text({bytes, size_});
    case Type::ip:
      return Value::ip(reinterpret_cast<const IpAddress*>(bytes));
    case Type::point:
      return Value::point(reinterpret_cast<const Point*>(bytes));
    case Type::list:
      return size_ == 0 ? Value::list({}) : Value::list({reinterpret_cast<const Value*>(bytes), size_});
    case Type::object:
      return size_ == 0 ? Value::object({}) : Value::object({reinterpret_cast<const Member*>(bytes), size_});
  }
  return {};
}

}  // namespace tocsin
