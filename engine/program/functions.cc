// The functions of expressions: one row each, and above the table what each row calls.
#include "engine/program/functions.h"

namespace tocsin {

const std::vector<Function>& functions() {
  using enum ArgType;
  // clang-format off
  static const std::vector<Function> table = {
      {"abs", {quantity}, 1, false, same, 0, "the value without its sign", nullptr},
      {"min", {any, same}, 2, true, same, 0, "the smallest of its arguments", nullptr},
      {"max", {any, same}, 2, true, same, 0, "the largest of its arguments", nullptr},
      {"round", {number, integer}, 1, false, number, 0, "to the nearest integer, halves away from zero; with n, to n decimals", nullptr},
      {"floor", {number}, 1, false, integer, 0, "the largest integer that is not above it", nullptr},
      {"sqrt", {number}, 1, false, number, 0, "the square root; missing below 0", nullptr},
      {"log", {number, number}, 1, false, number, 0, "the natural logarithm, or the one to a base; missing up to 0", nullptr},
      {"pow", {number, number}, 2, false, number, 0, "the first to the power of the second; integers stay exact while they fit", nullptr},
      {"lower", {text}, 1, false, text, 0, "the text in lower case", nullptr},
      {"upper", {text}, 1, false, text, 0, "the text in upper case", nullptr},
      {"length", {countable}, 1, false, integer, 0, "the characters of a text, the items of a list", nullptr},
      {"substring", {text, integer, integer}, 2, false, text, 0, "n characters from a position, or all to the end; counted from 0, negative from the end", nullptr},
      {"trim", {text}, 1, false, text, 0, "the text without white space at both ends", nullptr},
      {"split", {text, text}, 2, false, list, 0, "the parts of a text between separators", nullptr},
      {"replace", {text, text, text}, 3, false, text, 0, "the text with every second argument replaced by the third", nullptr},
      {"concat", {any}, 1, true, text, 0, "its arguments as one text; numbers as JSON writes them", nullptr},
      {"hours", {duration}, 1, false, number, 0, "the hours of a duration, as a float", nullptr},
      {"minutes", {duration}, 1, false, number, 0, "the minutes of a duration, as a float", nullptr},
      {"seconds", {duration}, 1, false, number, 0, "the seconds of a duration, as a float", nullptr},
      {"ms", {duration}, 1, false, number, 0, "the milliseconds of a duration, as a float", nullptr},
      {"days", {duration}, 1, false, number, 0, "the days of 24 hours of a duration, as a float", nullptr},
      {"hour", {time, constant_text}, 1, false, integer, 0, "the hour of the day, 0 to 23, in UTC or a zone", nullptr},
      {"weekday", {time, constant_text}, 1, false, text, 0, "the day of the week, \"mon\" to \"sun\", in UTC or a zone", nullptr},
      {"date", {time, constant_text}, 1, false, text, 0, "the date as 2026-01-31, in UTC or a zone", nullptr},
      {"subnet", {ip, integer}, 2, false, network, 0, "the network of an address with so many leading bits", nullptr},
      {"in_network", {ip, network}, 2, false, boolean, 0, "does the address lie in the network", nullptr},
      {"distance_km", {point, point}, 2, false, number, 0, "the great-circle distance of two points", nullptr},
      {"hash", {any}, 1, true, integer, 0, "a number from 0 to 2^63 - 1; equal values give equal numbers, for ever", nullptr},
      {"coalesce", {any, same}, 1, true, same, 0, "the first of its arguments that is not missing", nullptr},
      {"if", {boolean, any, same}, 3, false, same, 1, "the second when the first is true, else the third", nullptr},
      {"glob", {text, text}, 2, false, boolean, 0, "does the pattern cover the whole text; * is any run, ? is one character", nullptr},
      {"json", {text, constant_text}, 2, false, any, 0, "the value at a path such as `a.b[0]` of a JSON text", nullptr},
      {"number", {any, integer}, 1, false, number, 0, "a text as a number, in base 10 or another from 2 to 36", nullptr},
      {"text", {any}, 1, false, text, 0, "any value as alert texts write it", nullptr},
      {"ip", {text}, 1, false, ip, 0, "a text as an address or network", nullptr},
      {"time", {text, constant_text, constant_text}, 2, false, time, 0, "a text as a time, by a format such as \"%Y-%m-%d %H:%M:%S\", in UTC or a zone", nullptr},
      {"extract", {text, regex}, 2, false, text, 0, "the first group of the regular expression where it is found, without a group the whole match", nullptr},
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
