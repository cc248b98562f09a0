#include "engine/match/seen.h"

#include <cstring>
#include <new>

namespace tocsin {
namespace {

std::size_t aligned(std::size_t n) { return (n + 15) & ~std::size_t{15}; }

// Writes copies one behind the other into a block that bytes_outside() has measured.
class Writer {
 public:
  explicit Writer(std::byte* at) : at_(at) {}

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
        return Value::ip(new (take(sizeof(IpAddress))) IpAddress(value.as_ip()));
      case Type::point:
        return Value::point(new (take(sizeof(Point))) Point(value.as_point()));
      case Type::list:
        return Value::list(values(value.as_list()));
      case Type::object: {
        const auto from = value.as_object();
        auto* to = reinterpret_cast<Member*>(take(from.size() * sizeof(Member)));
        for (std::size_t i = 0; i < from.size(); ++i) {
          const std::string_view name = text(from[i].name);
          new (to + i) Member{name, copy(from[i].value)};
        }
        return Value::object({to, from.size()});
      }
    }
    return {};
  }

  std::span<const Value> values(std::span<const Value> from) {
    auto* to = reinterpret_cast<Value*>(take(from.size() * sizeof(Value)));
    for (std::size_t i = 0; i < from.size(); ++i) new (to + i) Value(copy(from[i]));
    return {to, from.size()};
  }

  std::span<const Position> positions(std::span<const Position> from) {
    auto* to = reinterpret_cast<Position*>(take(from.size() * sizeof(Position)));
    for (std::size_t i = 0; i < from.size(); ++i) new (to + i) Position(from[i]);
    return {to, from.size()};
  }

 private:
  std::string_view text(std::string_view from) {
    auto* to = reinterpret_cast<char*>(take(from.size()));
    if (!from.empty()) std::memcpy(to, from.data(), from.size());
    return {to, from.size()};
  }
  std::byte* take(std::size_t n) {
    std::byte* here = at_;
    at_ += aligned(n);
    return here;
  }

  std::byte* at_;
};

std::size_t bytes_of(std::span<const Value> values) {
  std::size_t sum = aligned(values.size() * sizeof(Value));
  for (const Value& v : values) sum += bytes_outside(v);
  return sum;
}

}  // namespace

std::size_t bytes_outside(const Value& value) {
  switch (value.type()) {
    case Type::missing:
    case Type::boolean:
    case Type::integer:
    case Type::floating:
    case Type::time:
    case Type::duration:
      return 0;
    case Type::text:
      return aligned(value.as_text().size());
    case Type::ip:
      return aligned(sizeof(IpAddress));
    case Type::point:
      return aligned(sizeof(Point));
    case Type::list:
      return bytes_of(value.as_list());
    case Type::object: {
      std::size_t sum = aligned(value.as_object().size() * sizeof(Member));
      for (const Member& m : value.as_object()) sum += aligned(m.name.size()) + bytes_outside(m.value);
      return sum;
    }
  }
  return 0;
}

OwnedValues::OwnedValues(std::span<const Value> values) : size_(bytes_of(values)) {
  if (values.empty()) return;
  block_ = std::make_unique<std::byte[]>(size_);
  values_ = Writer(block_.get()).values(values);
}

Seen::Seen(const Event& event, const StreamSet& fits, const StepSet& steps)
    : event_(event), fits_(fits), steps_(steps) {
  const std::size_t origins = aligned(event.origins.size() * sizeof(Position));
  size_ = bytes_of(event.fields) + bytes_outside(event.tiebreak) + origins;
  if (size_ == 0) return;
  block_ = std::make_unique<std::byte[]>(size_);
  Writer writer(block_.get());
  event_.fields = writer.values(event.fields);
  event_.tiebreak = writer.copy(event.tiebreak);
  event_.origins = writer.positions(event.origins);
}

}  // namespace tocsin
