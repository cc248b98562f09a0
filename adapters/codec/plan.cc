#include "adapters/codec/plan.h"

#include <algorithm>

#include "engine/base/units.h"
#include "engine/base/wording.h"
#include "engine/base/write.h"

namespace tocsin {
namespace {

std::vector<std::string> split_path(std::string_view dotted) {
  std::vector<std::string> path;
  for (std::size_t from = 0; from <= dotted.size();) {
    const std::size_t dot = std::min(dotted.find('.', from), dotted.size());
    path.emplace_back(dotted.substr(from, dot - from));
    from = dot + 1;
  }
  return path;
}

Entry entry_of(std::vector<std::vector<std::string>>& paths, const std::vector<std::string>& path) {
  const auto it = std::find(paths.begin(), paths.end(), path);
  if (it != paths.end()) return static_cast<Entry>(it - paths.begin());
  paths.push_back(path);
  return static_cast<Entry>(paths.size() - 1);
}

}  // namespace

std::vector<EventTypeId> carried_events(const CodecConfig& config, const Schema& schema) {
  std::vector<EventTypeId> carried;
  for (std::size_t i = 0; i < schema.types.size(); ++i) {
    const EventType& type = schema.types[i];
    const bool named_by_line = std::any_of(config.lines.begin(), config.lines.end(),
                                           [&](const LineRule& line) { return line.event == type.name; });
    const bool fits =
        config.format == Format::regex ? named_by_line : config.event.empty() || config.event == type.name;
    if (!type.emitted && fits) carried.emplace_back(i);
  }
  return carried;
}

Result<Plan> Plan::make(const CodecConfig& config, const Schema& schema) {
  Plan plan;
  plan.event_field = config.event_field;
  for (const EventTypeId id : carried_events(config, schema)) {
    const EventType& type = schema[id];
    TypePlan one{.id = id,
                 .type = &type,
                 .entries = {},
                 .time_entry = kNoEntry,
                 .time_slot = kNoEntry,
                 .time = {},
                 .ahead_max = config.ahead_max,
                 .plain = {}};
    for (const FieldSlot& slot : type.fields) one.entries.push_back(entry_of(plan.paths, slot.path));
    if (!config.time_field.empty()) {
      one.time_entry = entry_of(plan.paths, split_path(config.time_field));
      const auto same = std::find(one.entries.begin(), one.entries.end(), one.time_entry);
      // Where the type declares it as something else than a time it stays that.
      const auto slot = static_cast<std::uint32_t>(same - one.entries.begin());
      if (same != one.entries.end() && type.fields[slot].type == Type::time) one.time_slot = slot;
    } else if (type.timestamp) {
      one.time_slot = type.timestamp->index;
      one.time_entry = one.entries[one.time_slot];
    }
    Result<TimeReader> reader = TimeReader::make(config.time, type.unit);
    if (!reader) return tl::unexpected(reader.error());
    one.time = std::move(*reader);
    one.plain = *TimeReader::make({}, type.unit);
    plan.by_name.emplace(type.name, static_cast<std::uint32_t>(plan.types.size()));
    plan.types.push_back(std::move(one));
  }
  if (config.format == Format::regex) return plan;
  if (!config.event.empty()) {
    if (plan.types.empty()) {
      return failure(Error::Code::refused, "no rule and no schema knows the event `" + config.event + "`");
    }
    plan.fixed = 0;
  } else if (!config.event_field.empty()) {
    plan.event_entry = entry_of(plan.paths, split_path(config.event_field));
  } else {
    return failure(Error::Code::refused, "the source does not say which event a record is: `event` or `event_field`");
  }
  return plan;
}

std::string Plan::joined(Entry entry) const {
  std::string name;
  for (const std::string& part : paths[entry]) name += (name.empty() ? "" : ".") + part;
  return name;
}

std::string complain_of_size(std::size_t size, bool cut, std::size_t most) {
  return std::string(cut ? "more than " : "") + counted(size, "byte") + ", and a record may have " + grouped(most);
}

Complaint complain_of_time_ahead(Time time, Time arrived, Duration most) {
  return {DeadReason::time_ahead, "its time is " + rfc3339(time) + ", more than " + duration_text(most) +
                                      " ahead of its arrival at " + rfc3339(arrived)};
}

Complaint complain_of_field(DeadReason reason, const FieldSlot& slot) {
  std::string name;
  for (const std::string& part : slot.path) name += (name.empty() ? "" : ".") + part;
  const std::string should = (slot.list ? "a list, each item " : "") + std::string(noun_of(slot.type));
  switch (reason) {
    case DeadReason::wrong_type:
      return {reason, "`" + name + "` should be " + should};
    case DeadReason::missing_field:
      return {reason, "`" + name + "` is missing"};
    case DeadReason::out_of_range:
      return {reason, "the number in `" + name + "` does not fit " + should};
    case DeadReason::duplicate_key:
      return {reason, "a key stands twice in `" + name + "`"};
    case DeadReason::broken_record:
    case DeadReason::invalid_utf8:
    case DeadReason::too_large:
    case DeadReason::too_deep:
    case DeadReason::unknown_event:
    case DeadReason::no_line_fits:
    case DeadReason::missing_time:
    case DeadReason::unreadable_time:
    case DeadReason::time_ahead:
      return {reason, "in `" + name + "`"};
  }
  return {reason, name};
}

}  // namespace tocsin
