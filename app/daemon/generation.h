// A set of rules, and all that was made for it.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "adapters/codec/config.h"
#include "app/compiled.h"
#include "app/daemon/rewind.h"
#include "app/settings.h"
#include "engine/io/source.h"
#include "engine/runtime/crew.h"
#include "engine/runtime/document.h"
#include "engine/runtime/engine.h"
#include "engine/runtime/keeper.h"
#include "engine/runtime/steward.h"

namespace tocsin::app {

struct Generation {
  struct Input {
    CodecConfig codec;
    std::vector<EventTypeId> carried;
  };

  std::uint64_t number = 1;
  std::string hash;  // of the texts
  CompiledSet set;
  DocumentNames names;
  std::vector<Input> inputs;  // as in the settings
  std::unique_ptr<Engine> engine;
  std::unique_ptr<Keeper> keeper;
  // As in the settings. The next generation has those, too, that cannot go back; `rewinds` are these, null for others.
  std::vector<std::shared_ptr<Source>> sources;
  std::vector<std::shared_ptr<Rewind>> rewinds;
  std::unique_ptr<Crew> crew;
  std::unique_ptr<Steward> steward;
  Epoch before;                   // the newest that was durable when it was made
  std::vector<std::string> lost;  // rules whose state nobody wants any more
  // Rules that were rebuilt, and may miss matches until then.
  std::map<std::string, Time> warming_until;

  const RuleSet& rules() const { return *set.compiled.rules; }
};

}  // namespace tocsin::app
