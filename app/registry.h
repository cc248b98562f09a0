// Which adapter is behind which address of tocsin.toml: one line each, in registry.cc. What `run` reads from and writes
// to is opened here and nowhere else.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "adapters/codec/config.h"
#include "app/settings.h"
#include "engine/io/clock.h"
#include "engine/io/sink.h"
#include "engine/io/source.h"
#include "engine/io/tell.h"

namespace tocsin::app {

// What adapters get of the daemon. All of it may be called by threads of theirs, and outlives them.
struct Surroundings {
  const Clock& clock;
  Tell tell;  // what is wrong; sentences begin with the name of the source or sink
  Tell note;  // what is as it should be, likewise
  // An alert that a sink has given up.
  std::function<void(const std::string& sink, const std::string& id, const std::string& body, const std::string& why)>
      dead;
};

// `codec`: of its records; `record_max`: bytes, a longer record is given cut. Refused: a source without an address, and
// Kafka, which this version does not read.
Result<std::unique_ptr<Source>> open_source(const SourceSettings& settings, const CodecConfig& codec,
                                            std::uint64_t record_max, SourceId id, const Surroundings& around);

struct OpenSink {
  std::string name;
  std::unique_ptr<Sink> sink;
};

// In the order of the settings. Refused as above, and when two sinks are one file: each would cut what the other wrote.
Result<std::vector<OpenSink>> open_sinks(const std::vector<SinkSettings>& settings, const Surroundings& around);

}  // namespace tocsin::app
