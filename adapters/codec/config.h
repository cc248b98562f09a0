// How a source's bytes become events: what a `[source.NAME]` table of the configuration, or the flags of `replay`, say.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/result.h"
#include "engine/base/time.h"
#include "engine/event/schema.h"
#include "engine/io/decoder.h"

namespace tocsin {

enum class Format : std::uint8_t { json, csv, logfmt, regex };

// How times are written, where it is not left to the schema (RFC 3339, or numbers in the unit of the timestamp).
struct TimeSpec {
  std::optional<TimeUnit> unit;  // numbers
  bool numbers = true;           // false: a number is no time, whatever the schema says
  std::string format;            // strptime; "" none
  std::string zone;              // of times that name no offset; "" UTC
  std::optional<int> year;  // of times that name none; else the latest that is no more than a day behind the arrival
};

// One kind of line of a regex source. The first that fits decides.
struct LineRule {
  std::string event;
  std::string regex;  // RE2; its named groups are the fields (`(?P<a__b>..)` is the nested field a.b)
};

// The fields that its named groups are; none: it is no expression.
std::optional<std::vector<std::string>> fields_of(const LineRule& line);

struct CodecConfig {
  // A record beyond this is a dead letter. Large enough for any sane event, small enough that one cannot fill the
  // memory.
  static constexpr std::size_t kRecordMax = std::size_t{1} << 20;
  // As deep as rules may nest.
  static constexpr std::size_t kDepthMax = 64;

  Format format = Format::json;
  std::string event;        // every record is this one; or
  std::string event_field;  // this field's value names it (dots: nested). Regex lines name it themselves
  std::string time_field;   // instead of the schema's timestamp, and for it where a record lacks it; "" the schema's
  TimeSpec time;
  std::vector<LineRule> lines;
  char separator = ',';              // csv
  std::vector<std::string> columns;  // csv: instead of a header line
  // How far the time of a record may be ahead of its arrival. A broken clock, or a year 9999 that stands for "never",
  // would put event time there, and all that comes after it would be late. 0: as far as it likes, as history may.
  Duration ahead_max{};
  std::size_t record_max = kRecordMax;
  std::size_t depth_max = kDepthMax;
};

// One decoder for one partition. The schema must outlive it. Fails for a format, zone or expression that means nothing,
// and for an event that the schema does not have.
Result<std::unique_ptr<Decoder>> make_decoder(const CodecConfig& config, const Schema& schema);

// The base events that a source with this configuration may carry: its lateness is theirs (T2).
std::vector<EventTypeId> carried_events(const CodecConfig& config, const Schema& schema);

}  // namespace tocsin
