// A list or object on the heap is one block: its items first, then what they view.
#include "engine/event/owned.h"

#include "engine/event/value_copy.h"

namespace tocsin {

static_assert(sizeof(IpAddress) <= OwnedValue::kInline && sizeof(Point) <= OwnedValue::kInline);

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
      allocate(bytes_outside(value));
      ValueWriter(block()).copy(value);
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
