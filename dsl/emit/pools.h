// What the programs of a rule set share while they are made: constants, expressions and regular expressions, each once;
// event types and the slots of the fields that some rule reads.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "dsl/ast.h"
#include "dsl/check.h"
#include "engine/program/program.h"

namespace tocsin::dsl::emitting {

// `any` is an object: who reads such a value looks at what it is.
tocsin::Type engine_type(ast::FieldType kind);

// Interns into a Code.
class CodePool {
 public:
  explicit CodePool(Code& code) : code_(code) {}

  ConstantId constant(Constant value);
  ConstantId text(std::string_view text) { return constant({std::string(text)}); }
  RegexId regex(const std::string& pattern);
  ExprId expr(std::span<const ExprInst> instructions, std::uint16_t reads);

  const Code& code() const { return code_; }
  std::span<const ExprInst> instructions(ExprId id) const;
  std::uint16_t reads(ExprId id) const { return id.exists() ? code_.exprs[id.index].reads : std::uint16_t{0}; }

 private:
  Code& code_;
  std::unordered_map<std::string, ConstantId> constants_;
  std::unordered_map<std::string, RegexId> regexes_;
  std::unordered_multimap<std::uint64_t, ExprId> exprs_;
};

// Makes event types and slots when somebody first asks for them: what nobody asks for is never decoded.
class SchemaPool {
 public:
  SchemaPool(const Model& model, Schema& schema)
      : model_(model), schema_(schema), types_(model.events.size()), slots_(model.events.size()) {}

  EventTypeId type(EventId event);
  EventId event_of(EventTypeId type) const { return events_[type.index]; }

  struct Field {
    enum class Kind { slot, time, none } kind = Kind::none;  // time: the event's own; none: such events do not have it
    SlotId slot;
  };
  // The field whose path is `parts[skip..]`.
  Field field(EventId event, std::span<const ast::Name> parts);
  // The same as a question, without making a slot.
  bool may_have(EventId event, std::span<const ast::Name> parts) const;

 private:
  SlotId slot(EventId event, std::span<const ast::Name> parts, const std::string& name);

  const Model& model_;
  Schema& schema_;
  std::vector<EventTypeId> types_;                              // by EventId
  std::vector<EventId> events_;                                 // by EventTypeId
  std::vector<std::unordered_map<std::string, SlotId>> slots_;  // by EventId
};

std::string dotted(std::span<const ast::Name> parts);
Constant constant_of(const ast::Literal& literal);

}  // namespace tocsin::dsl::emitting
