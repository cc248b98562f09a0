// Which events somebody wants to look at: those that a name of the rules stands for, an event or an alias, and for
// which an expression of the rule language holds.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "app/compiled.h"
#include "engine/event/event.h"
#include "engine/program/eval.h"
#include "engine/program/program.h"
#include "engine/program/scratch.h"

namespace tocsin::app {

class TapFilter {
 public:
  struct Refusal {
    std::string why, help;
  };
  // Of events as `set` reads them. `name`: "" all; `where`: "" each of them. Compiles the rules once more, with one
  // that says `when name(where)`.
  static tl::expected<std::unique_ptr<TapFilter>, Refusal> make(const CompiledSet& set, const std::string& name,
                                                                const std::string& where);

  // REQUIRES: the event is of the set's schema.
  bool wants(const Event& event);

 private:
  // What the name stands for: a type, and what is to be true of it. The expression reads a row of its own: slot i of it
  // is slot `slots[i]` of the event.
  struct Way {
    EventTypeId type;
    ExprId filter;
    std::vector<std::size_t> slots;
  };

  explicit TapFilter(const Code& code) : evaluator_(code) {}

  bool takes_all_ = false;
  std::vector<Way> ways_;
  std::shared_ptr<const RuleSet> rules_;  // of the filters
  std::shared_ptr<const ReferenceData> reference_;
  Evaluator evaluator_;
  Scratch scratch_;
  std::vector<Value> row_;
};

}  // namespace tocsin::app
