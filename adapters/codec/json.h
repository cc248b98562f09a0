// JSON records (NDJSON lines, or framed records) -> events.
//
// Most lines of a source have the same keys in the same order, and values without anything special: those are read byte
// by byte against the keys of a line before them (json_shape.h). Any doubt at all, and the line goes the other way, so
// that no line means another thing than it would without; blocks that have many of those are not tried.
//
// The other way is two passes, over a block or, among plain lines, over one. simdjson's stage 1 finds the structure
// (brackets, commas, starts of values) and checks UTF-8, with the widest instructions of this machine. A walk over
// those positions then looks at the keys, notes where the wanted ones have their values, and converts only those by
// the schema.
//
// Why not simdjson's On Demand front end: it reads documents, not lines, so a broken record takes its neighbours with
// it; it does not see a key twice; and a key that is not wanted costs it as much as one that is.
// bench/micro/json_codec.cc compares both.
//
// What is checked of what no rule reads stands in README.md.
#pragma once

#include <memory>

#include "adapters/codec/config.h"
#include "adapters/codec/plan.h"

namespace tocsin {

// `by_bytes` false: no line is read in the first way, as tests compare.
std::unique_ptr<Decoder> make_json_decoder(const CodecConfig& config, Plan plan, bool by_bytes = true);

}  // namespace tocsin
