// What a decoder has to look for: the fields of every event type that the source may carry, each once, and how each
// type is put together from them. Made once from configuration and schema; then read only.
#pragma once

#include <cstdint>
#include <limits>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "adapters/codec/config.h"
#include "adapters/codec/convert.h"
#include "engine/event/batch.h"

namespace tocsin {

// A field to look for; equal paths of several types are one entry.
using Entry = std::uint32_t;
constexpr Entry kNoEntry = std::numeric_limits<Entry>::max();

struct TypePlan {
  EventTypeId id;
  const EventType* type = nullptr;
  std::vector<Entry> entries;          // by SlotId
  Entry time_entry = kNoEntry;         // none: the record's own time
  std::uint32_t time_slot = kNoEntry;  // the slot that is the timestamp too; none: it is no field of the type
  TimeReader time;                     // of the timestamp, as the source writes it
  Duration ahead_max{};                // CodecConfig's
  TimeReader plain;                    // of other time fields: RFC 3339, or numbers in the unit of the timestamp
};

struct Plan {
  std::vector<std::vector<std::string>> paths;  // by Entry
  std::vector<TypePlan> types;
  std::unordered_map<std::string_view, std::uint32_t> by_name;  // the schema's names -> types
  std::uint32_t fixed = kNoEntry;                               // every record is this type; else
  Entry event_entry = kNoEntry;                                 // the field that decides
  std::string event_field;

  static Result<Plan> make(const CodecConfig& config, const Schema& schema);

  std::string joined(Entry entry) const;
  const TypePlan* find(std::string_view name) const {
    const auto it = by_name.find(name);
    return it == by_name.end() ? nullptr : &types[it->second];
  }
};

// Why a record is no event.
struct Complaint {
  DeadReason reason = DeadReason::broken_record;
  std::string detail;
};

Complaint complain_of_field(DeadReason reason, const FieldSlot& slot);
Complaint complain_of_time_ahead(Time time, Time arrived, Duration most);
// Of a record that is too large. `cut`: its source gave no more than so much of it, and that is its size in the dead
// letter.
std::string complain_of_size(std::size_t size, bool cut, std::size_t most);

// Puts an event together; the formats differ only in how they get at a field. `Fields` has
//   std::optional<DeadReason> value(Entry, const FieldSlot&, Value&)   missing stays missing
//   std::optional<DeadReason> time(Entry, const TimeReader&, Time arrived, std::optional<Time>&)   nothing: missing
// Returns false with a complaint; the batch then holds nothing of the record but some lost memory.
template <class Fields>
bool make_event(const TypePlan& plan, Fields& fields, const Position& position, Time own_time, EventBatch& into,
                Complaint& complaint) {
  const EventType& type = *plan.type;
  Time at = own_time;
  if (plan.time_entry != kNoEntry) {
    std::optional<Time> time;
    if (const auto fault = fields.time(plan.time_entry, plan.time, own_time, time)) {
      complaint = {*fault, {}};
      return false;
    }
    if (!time) {
      complaint = {DeadReason::missing_time, {}};
      return false;
    }
    at = *time;
    if (plan.ahead_max != Duration{} && at > own_time + plan.ahead_max) {
      complaint = complain_of_time_ahead(at, own_time, plan.ahead_max);
      return false;
    }
  }
  const std::span<Value> row = into.row(type.fields.size());
  for (std::size_t i = 0; i < row.size(); ++i) {
    if (i == plan.time_slot) {
      row[i] = Value::time(at);
      continue;
    }
    const FieldSlot& slot = type.fields[i];
    if (const auto fault = fields.value(plan.entries[i], slot, row[i])) {
      // A field that no schema declares is what the rules take it for, or missing.
      row[i] = Value();
      if (*fault == DeadReason::wrong_type && !slot.declared) continue;
      complaint = complain_of_field(*fault, slot);
      return false;
    }
    // The source names another field for the time: that stands for the schema's, where a record lacks it.
    if (row[i].is_missing() && type.timestamp && type.timestamp->index == i) row[i] = Value::time(at);
    if (slot.required && row[i].is_missing()) {
      complaint = complain_of_field(DeadReason::missing_field, slot);
      return false;
    }
  }
  Event& event = into.add(plan.id, at, position, row);
  if (type.tiebreak) event.tiebreak = row[type.tiebreak->index];
  return true;
}

}  // namespace tocsin
