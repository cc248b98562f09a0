// The functions of expressions: ONE ROW PER FUNCTION (functions.cc): name, argument types, result, code. All pure, all
// total: a failed conversion is missing. The checker reads the types, the interpreter calls the code, `explain` and the
// docs print the line of help. Adding a function is adding a row.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "engine/base/ids.h"
#include "engine/event/value.h"

namespace tocsin {

// What an argument may be. `any`: whatever comes; `same`: as argument `like`, where int and float count as one;
// `quantity`: a number or a duration; `countable`: a text or a list; `network`: an ip, written as an address or with a
// prefix. `constant_text`, `zone` and `time_format` must be written in the rule, so that a wrong one is an author's
// mistake. A `regex` is written in the rule too; it reaches the code as an integer constant, its RegexId.
enum class ArgType : std::uint8_t {
  any,
  same,
  number,
  integer,
  quantity,
  text,
  countable,
  boolean,
  time,
  duration,
  ip,
  network,
  point,
  list,
  regex,
  constant_text,
  zone,
  time_format
};

class Scratch;  // where a function puts texts and lists it makes (engine/program/scratch.h)

struct Function {
  std::string_view name;
  std::vector<ArgType> args;
  std::uint8_t required = 0;  // how many must be given; the rest is optional
  bool variadic = false;      // the last type repeats (concat, coalesce, min, max)
  ArgType result = ArgType::any;
  std::uint8_t like = 0;  // which argument `same` means
  std::string_view help;  // "the hours of a duration, as a float"
  Value (*call)(std::span<const Value> args, Scratch& scratch);
};

const std::vector<Function>& functions();
std::optional<FunctionId> find_function(std::string_view name);

}  // namespace tocsin
