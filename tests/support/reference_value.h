// Values of the reference matcher: they own everything, compare as language.md section 11 says, and are slow.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "engine/base/time.h"

namespace tocsin::reference {

struct Value;
struct Compound {
  std::vector<Value> items;
  std::vector<std::string> names;  // of an object: as many as items
};

struct Value {
  enum class Kind : std::uint8_t { missing, boolean, integer, floating, text, time, duration, ip, point, list, object };
  Kind kind = Kind::missing;
  std::int64_t number = 0;     // boolean, integer, time and duration in microseconds; ip: the prefix of 128
  double real = 0, real2 = 0;  // floating; point: latitude, longitude
  std::string text;            // text; ip: sixteen bytes
  std::shared_ptr<const Compound> compound;

  static Value of(bool b);
  static Value of(std::int64_t n);
  static Value of(double d);
  static Value of(std::string s);
  static Value of(const char* s) { return of(std::string(s)); }
  static Value of(Time t);
  static Value of(Duration d);
  static Value point(double latitude, double longitude);
  static Value list(std::vector<Value> items);
  static Value object(std::vector<std::pair<std::string, Value>> members);
  // An address or a network; missing for anything else.
  static Value ip(std::string_view s);

  bool missing() const { return kind == Kind::missing; }
  bool is(Kind k) const { return kind == k; }
  bool numeric() const { return kind == Kind::integer || kind == Kind::floating; }
  double as_double() const { return kind == Kind::floating ? real : static_cast<double>(number); }
  bool truth() const { return kind == Kind::boolean && number != 0; }
  const std::vector<Value>& items() const { return compound->items; }
};

// Equal as values (T10): 1 and 1.0 are, the text "1" is another. Missing equals missing here: this is for keys and
// sets.
bool same(const Value& a, const Value& b);
// A total order of values of one kind, numbers by value, texts by bytes; none for kinds that do not compare.
std::optional<int> order(const Value& a, const Value& b);
// Sorts and hashes as `same` says.
std::string canonical(const Value& v);
// As texts of alerts write it: numbers as JSON does, durations as `1m41s`, times as RFC 3339 UTC with six decimals.
std::string show(const Value& v);
std::string show(Time t);
std::string show(Duration d);

// Where an instant stands in the civil calendar (UTC). Days are counted from 1970-01-01.
std::int64_t days_from_civil(std::int64_t year, unsigned month, unsigned day);
std::optional<Time> parse_rfc3339(std::string_view s);

// Is the address inside the network?
bool inside(const Value& address, const Value& network);

}  // namespace tocsin::reference
