// What an epoch says beside its changes: what the numbers in addresses and values mean, and where everything stood. It
// is whole in each epoch (the manifest of the store).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/result.h"
#include "engine/event/layouts.h"
#include "engine/io/sink.h"
#include "engine/program/program.h"
#include "engine/runtime/board.h"

namespace tocsin {

// How far a sink had come when the epoch was stored.
struct SinkDelivery {
  std::string sink;
  Delivery delivery;
};

struct Ledger {
  // Numbers are places here: they are given once and outlive the rule files. The place of a rule that has gone stays,
  // without a name, so that its number is nobody else's: should it be written again, it begins anew.
  struct Known {
    std::string name;
    std::uint64_t shape = 0;  // kept_shape.h
    std::uint64_t due = 0;    // what decides when something is due for its keys, of which there is an index; 0: none
    Duration reach{};         // as kept_shape.h has it; 0 also: nobody knows

    template <class Archive>
    void state_parts(Archive& a) {
      a(name, shape);
    }
  };
  std::vector<Known> programs;
  Layouts layouts;
  Cut cut;  // sources by their place in layouts.sources
  std::vector<SinkDelivery> sinks;

  // The number of each program, by ProgramId; those that are new get one.
  std::vector<std::uint32_t> numbers_of(const RuleSet& rules);

  std::string bytes() const;
  static Result<Ledger> read(std::string_view bytes);
};

}  // namespace tocsin
