#include "engine/program/made_text.h"

#include <numeric>

#include "engine/base/utf8.h"
#include "engine/event/write.h"

namespace tocsin {
namespace {

// What a value takes at least when it is written, so that what can never fit is not written at all; escaped it is six
// times as long at most.
std::size_t least_size(const Value& value) {
  switch (value.type()) {
    case Type::text:
      return value.as_text().size();
    case Type::list: {
      const auto items = value.as_list();
      return std::accumulate(items.begin(), items.end(), std::size_t{0},
                             [](std::size_t sum, const Value& item) { return sum + 1 + least_size(item); });
    }
    case Type::object: {
      const auto members = value.as_object();
      return std::accumulate(members.begin(), members.end(), std::size_t{0}, [](std::size_t sum, const Member& m) {
        return sum + m.name.size() + least_size(m.value);
      });
    }
    case Type::missing:
    case Type::boolean:
    case Type::integer:
    case Type::floating:
    case Type::time:
    case Type::duration:
    case Type::ip:
    case Type::point:
      break;
  }
  return 1;
}

}  // namespace

Value joined_text(std::span<const Value> parts, Scratch& scratch) {
  std::string& out = scratch.buffer();
  for (const Value& part : parts) {
    if (!has_room(out, least_size(part))) return {};
    append_text(out, part);
  }
  return made_text(out, scratch);
}

Value told_text(std::span<const Value> parts, Scratch& scratch) {
  if (const Value whole = joined_text(parts, scratch); !whole.is_missing()) return whole;
  constexpr std::string_view kMore = "..";
  std::string& out = scratch.buffer();
  for (const Value& part : parts) {
    const std::size_t before = out.size(), room = kMadeTextMax - kMore.size() - before;
    if (part.type() == Type::text) {
      out += whole_characters(part.as_text(), room);
      if (part.as_text().size() > room) break;
      continue;
    }
    if (least_size(part) > room) break;  // half of a list is no list
    append_text(out, part);
    if (out.size() - before <= room) continue;
    out.resize(before);
    break;
  }
  return made_text(out += kMore, scratch);
}

}  // namespace tocsin
