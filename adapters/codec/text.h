// Lines of text -> events: CSV (RFC 4180), logfmt, and lines told apart by regular expressions.
//
// All values are texts and become what the schema says (convert.h). A value that is not there, or is empty without
// quotes, is missing.
//
//   csv     The first line names the columns, unless the configuration does. Fields in quotes may hold separators,
//           quotes (doubled) and line breaks; such a record has the number of its first line. A record with another
//           number of columns is broken. A quote that is never closed spoils its own line only.
//   logfmt  key=value key="a value" flag. A flag is the text "true"; escapes in quotes as in JSON.
//   regex   The first expression that is found in the line decides the event; its named groups are the fields. A line
//           whose event no rule reads is no dead letter: the configuration knows it.
#pragma once

#include <memory>

#include "adapters/codec/config.h"
#include "adapters/codec/plan.h"

namespace tocsin {

std::unique_ptr<Decoder> make_csv_decoder(const CodecConfig& config, Plan plan);
std::unique_ptr<Decoder> make_logfmt_decoder(const CodecConfig& config, Plan plan);
Result<std::unique_ptr<Decoder>> make_regex_decoder(const CodecConfig& config, Plan plan);

}  // namespace tocsin
