// Ids are types of their own: an event type never passes for a field, a step never for a stream.
#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>

namespace tocsin {

template <class Tag>
struct Id {
  static constexpr std::uint32_t kNone = std::numeric_limits<std::uint32_t>::max();
  std::uint32_t index = kNone;

  constexpr Id() = default;
  constexpr explicit Id(std::size_t i) : index(static_cast<std::uint32_t>(i)) {}
  constexpr bool exists() const { return index != kNone; }
  friend auto operator<=>(const Id&, const Id&) = default;
};

using EventTypeId = Id<struct EventTypeTag>;  // a row of Schema::types
using SlotId = Id<struct SlotTag>;            // a field of one event type, as decoded
using SourceId = Id<struct SourceTag>;
using ConstantId = Id<struct ConstantTag>;  // the pools of Code and RuleSet ...
using ExprId = Id<struct ExprTag>;
using RegexId = Id<struct RegexTag>;
using ListId = Id<struct ListTag>;
using TableId = Id<struct TableTag>;
using CalendarId = Id<struct CalendarTag>;
using FunctionId = Id<struct FunctionTag>;    // a row of functions.cc
using AggregateId = Id<struct AggregateTag>;  // a row of aggregates.cc
using ProgramId = Id<struct ProgramTag>;
using StreamId = Id<struct StreamTag>;  // ... and those of one Program
using PatternId = Id<struct PatternTag>;
using StepId = Id<struct StepTag>;
using CellId = Id<struct CellTag>;

}  // namespace tocsin

template <class Tag>
struct std::hash<tocsin::Id<Tag>> {
  std::size_t operator()(tocsin::Id<Tag> id) const noexcept { return id.index; }
};
