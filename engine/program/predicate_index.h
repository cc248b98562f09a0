// Which programs can want an event? For every event type the programs that name it stand in posting lists: under one
// `field = constant` that every event they want must pass (the access predicate), or in the rest. An event looks up the
// values of the fields that some list is kept by, and only the programs found there judge it further.
//
// The index may name a program that does not want the event in the end, never leave out one that does. It is built once
// for a rule set, then immutable and shared by all shards. What an event costs: one hash per indexed field, then the
// programs found; 10,000 rules with an equality each cost as much as the few that fit.
#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/event/event.h"
#include "engine/program/program.h"

namespace tocsin {

class PredicateIndex {
 public:
  // How one program is found for one event type, for `explain`: the field is one of the constants.
  struct Access {
    SlotId slot;
    std::vector<ConstantId> constants;  // texts, numbers and truth values
    friend bool operator==(const Access&, const Access&) = default;
  };

  // `asked`: false leaves a program out, because another sees the events for it.
  explicit PredicateIndex(const RuleSet& set, const std::function<bool(ProgramId)>& asked = {});

  // Appends the programs that can want `event`, each once, in the order of the set.
  void candidates(const Event& event, std::vector<ProgramId>& out) const;

  // Any of these brings an event of the type to the program; empty: every event of the type is asked (or none, when the
  // program does not name it).
  std::span<const Access> access(EventTypeId type, ProgramId program) const;

 private:
  struct Field {
    SlotId slot;
    std::unordered_map<std::uint64_t, std::vector<ProgramId>> lists;  // by hash of the value
  };
  struct PerType {
    std::vector<Field> fields;
    std::vector<ProgramId> rest;
    std::unordered_map<ProgramId, std::vector<Access>> access;
  };

  std::vector<PerType> types_;  // by EventTypeId
};

// As text: `outcome = "failure"`, `method in ["POST", "PUT"]`, or `every login`.
std::string dump_access(const RuleSet& set, EventTypeId type, std::span<const PredicateIndex::Access> access);

}  // namespace tocsin
