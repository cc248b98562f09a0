// The functions of expressions: one row each, and above the table what each row calls. A function gets as many
// arguments as the author wrote, of any types (schemas may be missing), so each says itself what it does with a type it
// has no use for: the answer is missing.
#include "engine/program/functions.h"

#include <re2/re2.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>
#include <numbers>

#include "engine/base/hash.h"
#include "engine/base/text.h"
#include "engine/base/utf8.h"
#include "engine/base/write.h"
#include "engine/event/encode.h"
#include "engine/event/ip.h"
#include "engine/event/order.h"
#include "engine/event/write.h"
#include "engine/program/json.h"
#include "engine/program/made_text.h"
#include "engine/program/operators.h"
#include "engine/program/scratch.h"

namespace tocsin {
namespace {

using operators::finite;
using Args = std::span<const Value>;

bool is_text(const Value& v) { return v.type() == Type::text; }
bool are_texts(Args args) { return std::all_of(args.begin(), args.end(), is_text); }
bool any_missing(Args args) {
  return std::any_of(args.begin(), args.end(), [](const Value& v) { return v.is_missing(); });
}

// A whole double as an integer, where it fits.
Value whole(double d) {
  if (!(d >= -9223372036854775808.0 && d < 9223372036854775808.0)) return finite(d);
  return Value::integer(static_cast<std::int64_t>(d));
}

// ----- numbers ------------------------------------------------------------------------------------------

Value abs_of(Args args, Scratch&) {
  const Value& x = args[0];
  const bool least = x.as_integer() == std::numeric_limits<std::int64_t>::min();  // has no positive
  if (x.type() == Type::floating) return Value::floating(std::fabs(x.as_floating()));
  if (x.type() == Type::integer)
    return least ? Value::floating(9223372036854775808.0) : Value::integer(std::abs(x.as_integer()));
  if (x.type() == Type::duration) return least ? Value() : Value::duration({std::abs(x.as_duration().us)});
  return {};
}

// A missing argument makes it missing, as in a comparison; who wants to ignore it says `coalesce`.
template <bool kLess>
Value extreme(Args args, Scratch&) {
  Value best = args[0];
  for (const Value& next : args) {
    const std::partial_ordering order = compare(next, best);
    if (order == std::partial_ordering::unordered) return {};
    if (kLess ? order < 0 : order > 0) best = next;
  }
  return best;
}

Value round_of(Args args, Scratch&) {
  const Value& x = args[0];
  if (!x.is_number()) return {};
  if (args.size() == 1) return x.type() == Type::integer ? x : whole(std::round(x.as_floating()));
  if (args[1].type() != Type::integer) return {};
  const std::int64_t decimals = args[1].as_integer();
  if (decimals >= 0 && x.type() == Type::integer) return x;
  // A double has 17 digits and ends at 1e308: beyond that nothing is left to round, or nothing of the number.
  if (decimals > 308) return x;
  if (decimals < -308) return x.type() == Type::integer ? Value::integer(0) : Value::floating(0);
  const double scale = std::pow(10.0, static_cast<double>(std::abs(decimals)));
  const double scaled = decimals >= 0 ? x.number() * scale : x.number() / scale;
  if (!std::isfinite(scaled)) return x;  // so large that it has no decimals
  const double rounded = decimals >= 0 ? std::round(scaled) / scale : std::round(scaled) * scale;
  return x.type() == Type::integer ? whole(rounded) : finite(rounded);
}

Value ceil_of(Args args, Scratch&) {
  const Value& x = args[0];
  if (!x.is_number()) return {};
  return x.type() == Type::integer ? x : whole(std::ceil(x.as_floating()));
}

Value floor_of(Args args, Scratch&) {
  const Value& x = args[0];
  if (!x.is_number()) return {};
  return x.type() == Type::integer ? x : whole(std::floor(x.as_floating()));
}

Value sqrt_of(Args args, Scratch&) { return args[0].is_number() ? finite(std::sqrt(args[0].number())) : Value(); }

Value log_of(Args args, Scratch&) {
  if (!args[0].is_number()) return {};
  if (args.size() == 1) return finite(std::log(args[0].number()));
  return args[1].is_number() ? finite(std::log(args[0].number()) / std::log(args[1].number())) : Value();
}

// Nothing: it does not fit.
std::optional<std::int64_t> integer_power(std::int64_t base, std::int64_t exponent) {
  std::int64_t result = 1;
  for (; exponent > 0; exponent >>= 1) {
    if ((exponent & 1) != 0 && __builtin_mul_overflow(result, base, &result)) return std::nullopt;
    if (exponent > 1 && __builtin_mul_overflow(base, base, &base)) return std::nullopt;
  }
  return result;
}

Value pow_of(Args args, Scratch&) {
  if (!args[0].is_number() || !args[1].is_number()) return {};
  if (args[0].type() == Type::integer && args[1].type() == Type::integer && args[1].as_integer() >= 0)
    if (const auto exact = integer_power(args[0].as_integer(), args[1].as_integer())) return Value::integer(*exact);
  return finite(std::pow(args[0].number(), args[1].number()));
}

// ----- texts --------------------------------------------------------------------------------------------

template <void (*kMap)(std::string&, std::string_view)>
Value mapped(Args args, Scratch& scratch) {
  if (!is_text(args[0])) return {};
  std::string& out = scratch.buffer();
  kMap(out, args[0].as_text());
  return made_text(out, scratch);
}

Value length_of(Args args, Scratch&) {
  if (is_text(args[0])) return Value::integer(static_cast<std::int64_t>(count_characters(args[0].as_text())));
  if (args[0].type() == Type::list) return Value::integer(static_cast<std::int64_t>(args[0].as_list().size()));
  return {};
}

// The byte where character number `count` begins; the end if there are fewer.
std::size_t byte_of(std::string_view text, std::size_t count) {
  std::size_t at = 0;
  for (; count > 0 && at < text.size(); --count) at += character_length(text, at);
  return at;
}

// X4. A position before the beginning is the beginning.
Value substring_of(Args args, Scratch&) {
  if (!is_text(args[0]) || args[1].type() != Type::integer) return {};
  std::string_view text = args[0].as_text();
  std::int64_t from = args[1].as_integer();
  if (from < 0) from += static_cast<std::int64_t>(count_characters(text));
  text.remove_prefix(byte_of(text, static_cast<std::size_t>(std::max<std::int64_t>(from, 0))));
  if (args.size() == 2) return Value::text(text);
  if (args[2].type() != Type::integer) return {};
  return Value::text(
      text.substr(0, byte_of(text, static_cast<std::size_t>(std::max<std::int64_t>(args[2].as_integer(), 0)))));
}

constexpr std::string_view kSpace = " \t\n\v\f\r";

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

Value trim_of(Args args, Scratch&) { return is_text(args[0]) ? Value::text(trimmed(args[0].as_text())) : Value(); }

// Calls `part` with each piece between separators; an empty separator splits into characters.
template <class Part>
void each_part(std::string_view text, std::string_view separator, Part part) {
  if (separator.empty()) {
    for (std::size_t at = 0; at < text.size(); at += character_length(text, at))
      part(text.substr(at, character_length(text, at)));
    return;
  }
  for (std::size_t at = text.find(separator); at != std::string_view::npos; at = text.find(separator)) {
    part(text.substr(0, at));
    text.remove_prefix(at + separator.size());
  }
  part(text);
}

Value split_of(Args args, Scratch& scratch) {
  if (!are_texts(args)) return {};
  std::size_t count = 0;
  each_part(args[0].as_text(), args[1].as_text(), [&](std::string_view) { ++count; });
  const std::span<Value> parts = scratch.values(count);
  std::size_t i = 0;
  each_part(args[0].as_text(), args[1].as_text(), [&](std::string_view part) { parts[i++] = Value::text(part); });
  return Value::list(parts);
}

Value replace_of(Args args, Scratch& scratch) {
  if (!are_texts(args)) return {};
  std::string_view text = args[0].as_text(), what = args[1].as_text();
  if (what.empty()) return args[0];
  std::string& out = scratch.buffer();
  for (std::size_t at = text.find(what); at != std::string_view::npos; at = text.find(what)) {
    if (!has_room(out, at + args[2].as_text().size())) return {};
    out.append(text.substr(0, at)).append(args[2].as_text());
    text.remove_prefix(at + what.size());
  }
  if (!has_room(out, text.size())) return {};
  return made_text(out.append(text), scratch);
}

Value concat_of(Args args, Scratch& scratch) { return any_missing(args) ? Value() : joined_text(args, scratch); }

// Four times the longest record: a pattern that somebody wrote needs little more than the text is long.
constexpr std::uint64_t kGlobStepsMax = 4'000'000;

// One star at a time: when what follows does not fit, the last star takes one more character. No recursion, so at worst
// the length of the text times the length of the pattern; a record may bring both, so beyond the limit nothing is said.
std::optional<bool> glob_covers(std::string_view text, std::string_view pattern) {
  std::size_t t = 0, p = 0, star = std::string_view::npos, taken = 0;
  std::uint64_t steps = 0;
  while (t < text.size()) {
    if (++steps > kGlobStepsMax) return std::nullopt;
    if (p < pattern.size() && pattern[p] == '*') {
      star = ++p;
      taken = t;
    } else if (p < pattern.size() && pattern[p] == '?') {
      t += character_length(text, t);
      ++p;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++t, ++p;
    } else if (star != std::string_view::npos) {
      taken += character_length(text, taken);
      t = taken;
      p = star;
    } else {
      return false;
    }
  }
  return pattern.find_first_not_of('*', p) == std::string_view::npos;
}

Value glob_of(Args args, Scratch&) {
  if (!are_texts(args)) return {};
  const auto covers = glob_covers(args[0].as_text(), args[1].as_text());
  return covers ? Value::boolean(*covers) : Value();
}

Value extract_of(Args args, Scratch& scratch) {
  if (!is_text(args[0]) || args[1].type() != Type::integer) return {};
  const auto which = static_cast<std::size_t>(args[1].as_integer());
  if (which >= scratch.regexes.size() || scratch.regexes[which] == nullptr) return {};
  const re2::RE2& regex = *scratch.regexes[which];
  const std::string_view text = args[0].as_text();
  re2::StringPiece found[2];
  const int groups = regex.NumberOfCapturingGroups() > 0 ? 2 : 1;
  if (!regex.Match({text.data(), text.size()}, 0, text.size(), re2::RE2::UNANCHORED, found, groups)) return {};
  const re2::StringPiece& piece = found[groups - 1];
  return piece.data() == nullptr ? Value() : Value::text({piece.data(), piece.size()});  // a group that took no part
}

Value json_of(Args args, Scratch& scratch) {
  if (!are_texts(args)) return {};
  const auto parsed = parse_json(args[0].as_text(), scratch.arena());
  return parsed ? at_path(*parsed, args[1].as_text()) : Value();
}

// ----- conversions --------------------------------------------------------------------------------------

Value number_in_base(std::string_view text, std::int64_t base) {
  if (base < 2 || base > 36) return {};
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  const char prefix = base == 16 ? 'x' : base == 8 ? 'o' : base == 2 ? 'b' : '\0';
  if (prefix != '\0' && text.size() > 2 && text[0] == '0' && (text[1] | 0x20) == prefix) text.remove_prefix(2);
  std::uint64_t n = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), n, static_cast<int>(base));
  if (error != std::errc() || end != text.data() + text.size()) return {};
  const std::uint64_t limit = std::uint64_t{1} << 63;
  if (n < limit + (negative ? 1 : 0)) return Value::integer(static_cast<std::int64_t>(negative ? 0 - n : n));
  return Value::floating(negative ? -static_cast<double>(n) : static_cast<double>(n));  // A3
}

Value number_of(Args args, Scratch&) {
  if (args.size() == 1 && args[0].is_number()) return args[0];
  if (!is_text(args[0])) return {};
  const std::string_view text = trimmed(args[0].as_text());
  if (args.size() == 2) return args[1].type() == Type::integer ? number_in_base(text, args[1].as_integer()) : Value();
  std::int64_t n = 0;
  if (parse_integer(text, n) == NumberText::good) return Value::integer(n);
  double d = 0;
  return parse_floating(text, d) == NumberText::good ? Value::floating(d) : Value();
}

Value text_of(Args args, Scratch& scratch) {
  return args[0].is_missing() || is_text(args[0]) ? args[0] : joined_text(args, scratch);
}

Value ip_of(Args args, Scratch& scratch) {
  if (args[0].type() == Type::ip) return args[0];
  if (!is_text(args[0])) return {};
  const auto address = parse_ip(trimmed(args[0].as_text()));
  return address ? scratch.ip(*address) : Value();
}

// Without a year in the text nobody knows which one is meant: missing.
Value time_of(Args args, Scratch& scratch) {
  if (!are_texts(args)) return {};
  const TimeFormat* format = scratch.time_format(args[1].as_text());
  const Zone* zone = args.size() == 3 ? scratch.zone(args[2].as_text()) : nullptr;
  if (format == nullptr || (args.size() == 3 && zone == nullptr)) return {};
  const auto civil = format->parse(args[0].as_text());
  if (!civil) return {};
  if (civil->exact) return operators::made_time(*civil->exact);
  if (!civil->year) return {};
  const Time local = as_if_utc(*civil, *civil->year);
  return operators::made_time(civil->offset ? local - *civil->offset : from_local(zone, local));
}

// ----- times and durations ------------------------------------------------------------------------------

template <std::int64_t kUnit>
Value in_units(Args args, Scratch&) {
  if (args[0].type() != Type::duration) return {};
  return Value::floating(static_cast<double>(args[0].as_duration().us) / static_cast<double>(kUnit));
}

// What the clock shows; nothing: no time, or no such zone.
std::optional<Time> local_time(Args args, Scratch& scratch) {
  if (args[0].type() != Type::time) return std::nullopt;
  if (args.size() == 1) return args[0].as_time();
  const Zone* zone = is_text(args[1]) ? scratch.zone(args[1].as_text()) : nullptr;
  return zone != nullptr ? std::optional(to_local(zone, args[0].as_time())) : std::nullopt;
}

Value hour_of(Args args, Scratch& scratch) {
  const auto local = local_time(args, scratch);
  if (!local) return {};
  const std::int64_t day = days(1).us, of_day = (local->us % day + day) % day;
  return Value::integer(of_day / hours(1).us);
}

Value minute_of(Args args, Scratch& scratch) {
  const auto local = local_time(args, scratch);
  if (!local) return {};
  const std::int64_t hour = hours(1).us, of_hour = (local->us % hour + hour) % hour;
  return Value::integer(of_hour / minutes(1).us);
}

Value weekday_name(Args args, Scratch& scratch) {
  const auto local = local_time(args, scratch);
  return local ? Value::text(kWeekdays[weekday_of(*local)]) : Value();
}

Value date_of(Args args, Scratch& scratch) {
  const auto local = local_time(args, scratch);
  if (!local) return {};
  std::string& out = scratch.buffer();
  append_rfc3339(out, *local);
  return Value::text(scratch.text(std::string_view(out).substr(0, out.find('T'))));
}

// ----- addresses and points -----------------------------------------------------------------------------

Value subnet_of(Args args, Scratch& scratch) {
  if (args[0].type() != Type::ip || args[1].type() != Type::integer) return {};
  const std::int64_t bits = args[1].as_integer();
  const bool v4 = is_v4(args[0].as_ip());
  if (bits < 0 || bits > (v4 ? 32 : 128)) return {};
  return scratch.ip(network_of(args[0].as_ip(), static_cast<std::uint8_t>(bits + (v4 ? 96 : 0))));
}

Value in_network_of(Args args, Scratch&) {
  if (args[0].type() != Type::ip || args[1].type() != Type::ip) return {};
  return Value::boolean(lies_in(args[0].as_ip(), args[1].as_ip()));
}

// The haversine formula on a sphere of the Earth's mean radius; up to 0.5 % off, since the Earth is flatter than that.
Value distance_of(Args args, Scratch&) {
  if (args[0].type() != Type::point || args[1].type() != Type::point) return {};
  constexpr double kRadiusKm = 6371.0088, kRadians = std::numbers::pi / 180;
  const Point &a = args[0].as_point(), &b = args[1].as_point();
  const double north = std::sin((b.latitude - a.latitude) * kRadians / 2),
               east = std::sin((b.longitude - a.longitude) * kRadians / 2);
  const double h = north * north + std::cos(a.latitude * kRadians) * std::cos(b.latitude * kRadians) * east * east;
  return finite(2 * kRadiusKm * std::asin(std::sqrt(std::clamp(h, 0.0, 1.0))));
}

// ----- any value ----------------------------------------------------------------------------------------

Value hash_of_all(Args args, Scratch& scratch) {
  if (any_missing(args)) return {};
  std::string& bytes = scratch.buffer();
  for (const Value& v : args) append_key(bytes, v);
  return Value::integer(
      static_cast<std::int64_t>(hash_bytes(bytes) >> 1));  // never negative: people take `% 100` of it
}

Value coalesce_of(Args args, Scratch&) {
  const auto found = std::find_if(args.begin(), args.end(), [](const Value& v) { return !v.is_missing(); });
  return found == args.end() ? Value() : *found;
}

// An unknown condition is not true (X1).
Value if_of(Args args, Scratch&) { return args[0].type() == Type::boolean && args[0].as_boolean() ? args[1] : args[2]; }

}  // namespace

const std::vector<Function>& functions() {
  using enum ArgType;
  // clang-format off
  static const std::vector<Function> table = {
      {"abs", {quantity}, 1, false, same, 0, "the value without its sign", abs_of},
      {"min", {any, same}, 2, true, same, 0, "the smallest of its arguments", extreme<true>},
      {"max", {any, same}, 2, true, same, 0, "the largest of its arguments", extreme<false>},
      {"round", {number, integer}, 1, false, number, 0, "to the nearest integer, halves away from zero; with n, to n decimals", round_of},
      {"floor", {number}, 1, false, integer, 0, "the largest integer that is not above it", floor_of},
      {"ceil", {number}, 1, false, integer, 0, "the smallest integer that is not below it", ceil_of},
      {"sqrt", {number}, 1, false, number, 0, "the square root; missing below 0", sqrt_of},
      {"log", {number, number}, 1, false, number, 0, "the natural logarithm, or the one to a base; missing up to 0", log_of},
      {"pow", {number, number}, 2, false, number, 0, "the first to the power of the second; integers stay exact while they fit", pow_of},
      {"lower", {text}, 1, false, text, 0, "the text in lower case", mapped<append_lower>},
      {"upper", {text}, 1, false, text, 0, "the text in upper case", mapped<append_upper>},
      {"length", {countable}, 1, false, integer, 0, "the characters of a text, the items of a list", length_of},
      {"substring", {text, integer, integer}, 2, false, text, 0, "n characters from a position, or all to the end; counted from 0, negative from the end", substring_of},
      {"trim", {text}, 1, false, text, 0, "the text without white space at both ends", trim_of},
      {"split", {text, text}, 2, false, list, 0, "the parts of a text between separators", split_of},
      {"replace", {text, text, text}, 3, false, text, 0, "the text with every second argument replaced by the third", replace_of},
      {"concat", {any}, 1, true, text, 0, "its arguments as one text; numbers as JSON writes them", concat_of},
      {"hours", {duration}, 1, false, number, 0, "the hours of a duration, as a float", in_units<hours(1).us>},
      {"minutes", {duration}, 1, false, number, 0, "the minutes of a duration, as a float", in_units<minutes(1).us>},
      {"seconds", {duration}, 1, false, number, 0, "the seconds of a duration, as a float", in_units<seconds(1).us>},
      {"ms", {duration}, 1, false, number, 0, "the milliseconds of a duration, as a float", in_units<milliseconds(1).us>},
      {"days", {duration}, 1, false, number, 0, "the days of 24 hours of a duration, as a float", in_units<days(1).us>},
      {"hour", {time, zone}, 1, false, integer, 0, "the hour of the day, 0 to 23, in UTC or a zone", hour_of},
      {"minute", {time, zone}, 1, false, integer, 0, "the minute of the hour, 0 to 59, in UTC or a zone", minute_of},
      {"weekday", {time, zone}, 1, false, text, 0, "the day of the week, \"mon\" to \"sun\", in UTC or a zone", weekday_name},
      {"date", {time, zone}, 1, false, text, 0, "the date as 2026-01-31, in UTC or a zone", date_of},
      {"subnet", {ip, integer}, 2, false, network, 0, "the network of an address with so many leading bits", subnet_of},
      {"in_network", {ip, network}, 2, false, boolean, 0, "does the address lie in the network", in_network_of},
      {"distance_km", {point, point}, 2, false, number, 0, "the great-circle distance of two points", distance_of},
      {"hash", {any}, 1, true, integer, 0, "a number from 0 to 2^63 - 1; equal values give equal numbers, for ever", hash_of_all},
      {"coalesce", {any, same}, 1, true, same, 0, "the first of its arguments that is not missing", coalesce_of},
      {"if", {boolean, any, same}, 3, false, same, 1, "the second when the first is true, else the third", if_of},
      {"glob", {text, text}, 2, false, boolean, 0, "does the pattern cover the whole text; * is any run, ? is one character", glob_of},
      {"json", {text, constant_text}, 2, false, any, 0, "the value at a path such as `a.b[0]` of a JSON text", json_of},
      {"number", {any, integer}, 1, false, number, 0, "a text as a number, in base 10 or another from 2 to 36", number_of},
      {"text", {any}, 1, false, text, 0, "any value as alert texts write it", text_of},
      {"ip", {text}, 1, false, ip, 0, "a text as an address or network", ip_of},
      {"time", {text, time_format, zone}, 2, false, time, 0, "a text as a time, by a format such as \"%Y-%m-%d %H:%M:%S\", in UTC or a zone", time_of},
      {"extract", {text, regex}, 2, false, text, 0, "the first group of the regular expression where it is found, without a group the whole match", extract_of},
  };
  // clang-format on
  return table;
}

std::optional<FunctionId> find_function(std::string_view name) {
  for (std::size_t i = 0; i < functions().size(); ++i)
    if (functions()[i].name == name) return FunctionId(i);
  return std::nullopt;
}

}  // namespace tocsin
