// Constants are told apart by their bytes, expressions by a hash of their instructions and then by these.
#include "dsl/emit/pools.h"

#include <algorithm>
#include <cstring>

#include "dsl/values.h"
#include "engine/base/overloaded.h"
#include "engine/event/ip.h"

namespace tocsin::dsl::emitting {
namespace {

template <class T>
std::string bytes_of(const T& value) {
  std::string out(sizeof value, '\0');
  std::memcpy(out.data(), &value, sizeof value);
  return out;
}

// Equal constants have equal keys; 1 and 1.0 are two constants.
std::string key_of(const Constant& constant) {
  const std::string tag(1, static_cast<char>('a' + constant.value.index()));
  return tag +
         std::visit(Overloaded{[](std::monostate) { return std::string(); }, [](const std::string& s) { return s; },
                               [](const IpAddress& a) {
                                 std::string out(a.bytes.begin(), a.bytes.end());
                                 return out + static_cast<char>(a.prefix);
                               },
                               [](const auto& plain) { return bytes_of(plain); }},
                    constant.value);
}

std::uint64_t hash_of(std::span<const ExprInst> instructions) {
  std::uint64_t hash = instructions.size();
  for (const ExprInst& inst : instructions) {
    hash ^= (static_cast<std::uint64_t>(inst.op) << 56) ^ (static_cast<std::uint64_t>(inst.a) << 24) ^ inst.b;
    hash *= 0x9E3779B97F4A7C15ULL;
    hash ^= hash >> 29;
  }
  return hash;
}

TimeUnit engine_unit(ast::TimeUnit unit) {
  switch (unit) {
    case ast::TimeUnit::seconds:
      return TimeUnit::seconds;
    case ast::TimeUnit::milliseconds:
      return TimeUnit::milliseconds;
    case ast::TimeUnit::microseconds:
      return TimeUnit::microseconds;
    case ast::TimeUnit::nanoseconds:
      return TimeUnit::nanoseconds;
  }
  return TimeUnit::milliseconds;
}

bool emitted(EventInfo::Origin origin) {
  return origin != EventInfo::Origin::declared && origin != EventInfo::Origin::assumed;
}

// `winlog.event_data.Image` may be declared whole, or lie in a field `winlog` of type `any`.
bool holds(const EventInfo& event, const std::string& name) {
  if (event.find(name) != nullptr) return true;
  for (std::size_t dot = name.rfind('.'); dot != std::string::npos && dot > 0; dot = name.rfind('.', dot - 1)) {
    const FieldInfo* outer = event.find(std::string_view(name).substr(0, dot));
    if (outer != nullptr && outer->type.kind == ast::FieldType::any && !outer->type.list) return true;
  }
  return std::any_of(event.fields.begin(), event.fields.end(),
                     [&](const FieldInfo& f) { return f.name.starts_with(name + "."); });
}

}  // namespace

tocsin::Type engine_type(ast::FieldType kind) {
  switch (kind) {
    case ast::FieldType::text:
      return tocsin::Type::text;
    case ast::FieldType::integer:
      return tocsin::Type::integer;
    case ast::FieldType::floating:
      return tocsin::Type::floating;
    case ast::FieldType::boolean:
      return tocsin::Type::boolean;
    case ast::FieldType::time:
      return tocsin::Type::time;
    case ast::FieldType::duration:
      return tocsin::Type::duration;
    case ast::FieldType::ip:
      return tocsin::Type::ip;
    case ast::FieldType::point:
      return tocsin::Type::point;
    case ast::FieldType::any:
      return tocsin::Type::object;
  }
  return tocsin::Type::object;
}

std::string dotted(std::span<const ast::Name> parts) {
  std::string out;
  for (const ast::Name& part : parts) {
    if (!out.empty()) out += '.';
    out += part.text;
  }
  return out;
}

Constant constant_of(const ast::Literal& literal) {
  return std::visit(Overloaded{[](const ast::Address& a) {
                                 const auto parsed = parse_ip(a.text);
                                 return parsed ? Constant{*parsed} : Constant{};
                               },
                               [](const ast::Regex& r) { return Constant{r.pattern}; },
                               [](const auto& plain) { return Constant{plain}; }},
                    literal.value);
}

// ----- code ----------------------------------------------------------------------------------------------

ConstantId CodePool::constant(Constant value) {
  const auto [found, fresh] = constants_.try_emplace(key_of(value), ConstantId(code_.constants.size()));
  if (fresh) code_.constants.push_back(std::move(value));
  return found->second;
}

RegexId CodePool::regex(const std::string& pattern) {
  const auto [found, fresh] = regexes_.try_emplace(pattern, RegexId(code_.regexes.size()));
  if (fresh) code_.regexes.push_back(pattern);
  return found->second;
}

std::span<const ExprInst> CodePool::instructions(ExprId id) const {
  if (!id.exists()) return {};
  const tocsin::Expr& expr = code_.exprs[id.index];
  return std::span(code_.instructions).subspan(expr.begin, expr.end - expr.begin);
}

ExprId CodePool::expr(std::span<const ExprInst> instructions, std::uint16_t reads) {
  const std::uint64_t hash = hash_of(instructions);
  const auto [begin, end] = exprs_.equal_range(hash);
  for (auto it = begin; it != end; ++it)
    if (std::ranges::equal(this->instructions(it->second), instructions)) return it->second;
  tocsin::Expr made;
  made.begin = static_cast<std::uint32_t>(code_.instructions.size());
  code_.instructions.insert(code_.instructions.end(), instructions.begin(), instructions.end());
  made.end = static_cast<std::uint32_t>(code_.instructions.size());
  made.reads = reads;
  const ExprId id(code_.exprs.size());
  code_.exprs.push_back(made);
  exprs_.emplace(hash, id);
  return id;
}

// ----- schema --------------------------------------------------------------------------------------------

EventTypeId SchemaPool::type(EventId event) {
  if (types_[event].exists()) return types_[event];
  const EventInfo& info = model_.events[event];
  types_[event] = EventTypeId(schema_.types.size());
  schema_.by_name.emplace(info.name, types_[event]);
  events_.push_back(event);
  EventType& made = schema_.types.emplace_back();
  made.name = info.name;
  made.emitted = emitted(info.origin);
  if (info.late) {
    made.late = settled(info.late->length);
    made.late_adaptive = info.late->adaptive;
  }
  if (info.timestamp) {
    if (info.timestamp->unit) made.unit = engine_unit(*info.timestamp->unit);
    const SlotId at = slot(event, info.timestamp->field.parts, dotted(info.timestamp->field.parts));
    schema_.types[types_[event].index].timestamp = at;
  }
  if (info.tiebreak) {
    const SlotId at = slot(event, info.tiebreak->parts, dotted(info.tiebreak->parts));
    schema_.types[types_[event].index].tiebreak = at;
  }
  if (emitted(info.origin)) {  // its maker fills all of them, in this order
    for (const FieldInfo& field : info.fields) {
      ast::Name name;
      name.text = field.name;
      slot(event, std::span(&name, 1), field.name);
    }
  }
  return types_[event];
}

SlotId SchemaPool::slot(EventId event, std::span<const ast::Name> parts, const std::string& name) {
  const auto [found, fresh] = slots_[event].try_emplace(name, SlotId(schema_.types[types_[event].index].fields.size()));
  if (!fresh) return found->second;
  FieldSlot made;
  for (const ast::Name& part : parts) made.path.push_back(part.text);
  if (const FieldInfo* info = model_.events[event].find(name)) {
    made.type = engine_type(info->type.kind);
    made.list = info->type.list;
    made.declared = info->declared && model_.events[event].is_base();
    made.required = made.declared && !info->optional;
  }
  schema_.types[types_[event].index].fields.push_back(std::move(made));
  return found->second;
}

bool SchemaPool::may_have(EventId event, std::span<const ast::Name> parts) const {
  const EventInfo& info = model_.events[event];
  return (info.is_base() && !info.has_schema) || holds(info, dotted(parts));
}

SchemaPool::Field SchemaPool::field(EventId event, std::span<const ast::Name> parts) {
  const std::string name = dotted(parts);
  const EventInfo& info = model_.events[event];
  if (name == "time" && info.find(name) == nullptr) return {Field::Kind::time, {}};
  if (!may_have(event, parts)) return {};
  type(event);
  return {Field::Kind::slot, slot(event, parts, name)};
}

}  // namespace tocsin::dsl::emitting
