// What durable state calls by number: event types with the order of their fields, and sources. The numbers outlive the
// process and the rule files: they are given once, in the order of first use, and never again to anything else. A type
// whose fields have changed is another layout of the same name; a state that was written with the older one is read
// field by field, by name.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "engine/base/ids.h"
#include "engine/event/schema.h"

namespace tocsin {

struct Layouts {
  struct Type {
    std::string name;
    std::vector<std::string> fields;  // in their order in the values
    friend bool operator==(const Type&, const Type&) = default;

    template <class Archive>
    void state_parts(Archive& a) {
      a(name, fields);
    }
  };
  std::vector<Type> types;
  std::vector<std::string> sources;
};

// Between the numbers of durable state and those of this process.
class StateNames {
 public:
  // `known`: what the state has so far; what is not there yet is added behind it. `sources`: by SourceId.
  StateNames(const Schema& schema, std::span<const std::string> sources, Layouts known = {});

  // To be stored with the state that was written with them.
  const Layouts& layouts() const { return layouts_; }

  std::uint32_t number_of(EventTypeId type) const { return type_numbers_[type.index]; }
  std::uint32_t number_of(SourceId source) const { return source_numbers_[source.index]; }

  struct Type {
    EventTypeId id;             // none: no rule reads it any more
    std::vector<SlotId> slots;  // by place in the values; none: no rule reads that field any more
  };
  // Null: durable state has no such number.
  const Type* type(std::uint32_t number) const { return number < types_.size() ? &types_[number] : nullptr; }
  // None: it is not configured any more (its name stands in `layouts`).
  bool has_source(std::uint32_t number) const { return number < sources_.size(); }
  SourceId source(std::uint32_t number) const { return sources_[number]; }
  std::size_t fields_of(EventTypeId type) const { return fields_of_[type.index]; }

 private:
  Layouts layouts_;
  std::vector<std::uint32_t> type_numbers_, source_numbers_;
  std::vector<std::size_t> fields_of_;
  std::vector<Type> types_;
  std::vector<SourceId> sources_;
};

}  // namespace tocsin
