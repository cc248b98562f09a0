// Which programs can want an event? For every event type the programs that name it stand in posting lists: under one
// `field = constant` or `field > constant` that every event they want must pass (the access predicate), or in the rest.
// An event looks up the values of the fields that some list is kept by, and only the programs found there judge it
// further.
//
// The index may name a program that does not want the event in the end, never leave out one that does. It is built once
// for a rule set, then immutable and shared by all shards. What an event costs: one hash per indexed field, then the
// programs found; 10,000 rules with an equality each cost as much as the few that fit.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <vector>

#include "engine/base/same_bytes.h"
#include "engine/base/table_memory.h"
#include "engine/event/event.h"
#include "engine/program/program.h"

namespace tocsin {

class PredicateIndex {
 public:
  // How one program is found for one event type, for `explain`: the field is one of the constants, or on one side of it
  // (the constant itself is asked, too).
  struct Access {
    enum class Kind : std::uint8_t { among, at_least, at_most };
    SlotId slot;
    std::vector<ConstantId> constants;  // among: texts, numbers and truth values; else one number
    Kind kind = Kind::among;
    friend bool operator==(const Access&, const Access&) = default;
  };

  // `asked`: false leaves a program out, because another sees the events for it.
  explicit PredicateIndex(const RuleSet& set, const std::function<bool(ProgramId)>& asked = {});

  // Appends the programs that can want `event`, each once, in the order of the set.
  void candidates(const Event& event, std::vector<ProgramId>& out) const {
    if (const auto all = all_of(event))
      out.insert(out.end(), all->begin(), all->end());
    else
      find_candidates(event, out);
  }
  // The same where they stand in one list as they are; nothing: they have to be put together.
  std::optional<std::span<const ProgramId>> all_of(const Event& event) const {
    const auto& only = types_[event.type.index].only_text;
    if (!only) return std::nullopt;
    const Value value = event.field(only->slot);
    const bool fits = value.type() == Type::text && same_bytes(value.as_text(), only->text);
    return std::span(only->programs).first(fits ? only->programs.size() : 0);
  }

  // In two steps, for events that come soon: the memory that many values are looked up in is fetched for all of them
  // first. `hashes` grows by what the second step needs; that moves `at` on.
  bool fetches() const { return fetches_; }  // false: there is nothing to fetch, and no second step
  void fetch(const Event& event, std::vector<std::uint64_t>& hashes) const;
  void candidates(const Event& event, std::vector<std::uint64_t>::const_iterator& at,
                  std::vector<ProgramId>& out) const;

  // Is an event for which candidates() names the program one that passes its filter, so that nobody need judge that
  // again? False is always right.
  bool answers(EventTypeId type, ProgramId program) const;

  // Any of these brings an event of the type to the program; empty: every event of the type is asked (or none, when the
  // program does not name it).
  std::span<const Access> access(EventTypeId type, ProgramId program) const;

 private:
  // The programs by hash of the value: open addressing over 16 bytes a value, most of which have one program, so that a
  // lookup is one cache miss.
  class Lists {
   public:
    Lists() = default;
    explicit Lists(const std::map<std::uint64_t, std::vector<ProgramId>>& lists);
    std::span<const ProgramId> find(std::uint64_t hash) const;
    void fetch(std::uint64_t hash) const {
      if (!entries_.empty()) fetch_line(&entries_[hash & (entries_.size() - 1)]);
    }
    std::size_t size() const { return size_; }

   private:
    struct Entry {
      std::uint64_t hash = 0;
      std::uint32_t size = 0;  // none: it is free
      ProgramId first;         // the only one; where there are more, their place in programs_
    };
    std::vector<Entry, TableAllocator<Entry>> entries_;  // a power of two of them
    std::vector<ProgramId> programs_;
    std::size_t size_ = 0;
  };
  // Programs in the order of their bounds: a value brings all of those up to it.
  struct Ranges {
    std::vector<double> bounds;  // in order; of at_most: negated
    std::vector<ProgramId> programs;
    void add(double bound, ProgramId program);
    std::size_t append(double value, std::vector<ProgramId>& out) const;
  };
  struct Field {
    SlotId slot;
    Ranges at_least, at_most;
    Lists lists;
    // The same lists by the value itself, where there are few and all are of texts: comparing is less work than
    // hashing.
    std::vector<std::pair<std::string, std::vector<ProgramId>>> few;
    std::span<const ProgramId> find(const Value& value, std::uint64_t hash) const;
    bool is_hashed() const { return few.empty() && lists.size() > 0; }
  };
  static constexpr std::size_t kFew = 4;
  struct PerType {
    std::vector<Field> fields;
    std::vector<ProgramId> rest;
    std::unordered_map<ProgramId, std::vector<Access>> access;
    std::vector<ProgramId> whole;  // whose one filter for the type is its one access, in order
    // All that there is, often: one text of one field.
    struct OnlyText {
      SlotId slot;
      std::string text;
      std::vector<ProgramId> programs;
    };
    std::optional<OnlyText> only_text;
  };

  void find_candidates(const Event& event, std::vector<ProgramId>& out) const;
  template <class HashOf>
  void find(const Event& event, const HashOf& hash_of_field, std::vector<ProgramId>& out) const;

  static constexpr std::size_t kFetched = 512;  // values of a field: fewer are in the cache
  std::vector<PerType> types_;                  // by EventTypeId
  bool fetches_ = false;
};

// As text: `outcome = "failure"`, `method in ["POST", "PUT"]`, or `every login`.
std::string dump_access(const RuleSet& set, EventTypeId type, std::span<const PredicateIndex::Access> access);

}  // namespace tocsin
