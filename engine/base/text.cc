#include "engine/base/text.h"

#include <algorithm>
#include <charconv>
#include <limits>
#include <system_error>

#include "engine/base/units.h"

namespace tocsin {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// Two digits at `at`, or something over 99.
unsigned two_digits(std::string_view text, std::size_t at) {
  if (!is_digit(text[at]) || !is_digit(text[at + 1])) return 1000;
  return static_cast<unsigned>(text[at] - '0') * 10 + static_cast<unsigned>(text[at + 1] - '0');
}

// Takes `.ddd` from the front, as microseconds, cut. False: a point without digits.
bool take_fraction(std::string_view& text, std::int64_t& us) {
  if (text.empty() || (text[0] != '.' && text[0] != ',')) return true;
  text.remove_prefix(1);
  if (text.empty() || !is_digit(text[0])) return false;
  for (std::int64_t unit = 100'000; !text.empty() && is_digit(text[0]); unit /= 10, text.remove_prefix(1)) {
    us += (text[0] - '0') * unit;
  }
  return true;
}

// All of `text` as an offset from UTC.
std::optional<Duration> parse_offset(std::string_view text) {
  if (text == "Z" || text == "z") return Duration{};
  if (text.size() == 6 ? text[3] != ':' : text.size() != 5) return {};
  if (text[0] != '+' && text[0] != '-') return {};
  const unsigned hour = two_digits(text, 1), minute = two_digits(text, text.size() - 2);
  if (hour > 23 || minute > 59) return {};
  const Duration offset = hours(hour) + minutes(minute);
  return text[0] == '-' ? Duration{-offset.us} : offset;
}

// Takes a unit from the front, up to the next number: so many nanoseconds. 0: there is none of this name.
std::int64_t take_unit(std::string_view& text) {
  const std::string_view name = text.substr(0, text.find_first_of("0123456789."));
  text.remove_prefix(name.size());
  if (name == "ns") return 1;
  if (name == "\xC2\xB5s") return 1'000;
  for (const DurationUnit& unit : kDurationUnits)
    if (name == unit.name) return unit.length.us * 1'000;
  return 0;
}

__extension__ typedef __int128 Wide;  // both compilers have it; -Wpedantic wants it said

bool add(std::int64_t& sum, std::int64_t n) { return !__builtin_add_overflow(sum, n, &sum); }

// How many digits stand before the point, with the exponent: above 0 the number is at least 1. For telling too large
// from too small, which from_chars does not.
std::int64_t magnitude(std::string_view text) {
  std::int64_t digits = 0, leading_zeros = 0, exponent = 0;
  bool seen_point = false, seen_digit = false;
  std::size_t i = 0;
  for (; i < text.size() && text[i] != 'e' && text[i] != 'E'; ++i) {
    if (text[i] == '.') seen_point = true;
    if (!is_digit(text[i])) continue;
    seen_digit = seen_digit || text[i] != '0';
    if (!seen_digit && seen_point) ++leading_zeros;
    if (seen_digit && !seen_point) ++digits;
  }
  if (i < text.size()) {
    const std::size_t from = i + 1 + (text[i + 1] == '+' ? 1 : 0);
    const auto [end, error] = std::from_chars(text.data() + from, text.data() + text.size(), exponent);
    constexpr std::int64_t kFar = 1'000'000'000'000;  // further than any text has digits
    exponent = error == std::errc() ? std::clamp(exponent, -kFar, kFar) : text[from] == '-' ? -kFar : kFar;
  }
  return digits - leading_zeros + exponent;
}

}  // namespace

std::optional<Time> parse_rfc3339(std::string_view text) {
  if (text.size() < 20 || text[4] != '-' || text[7] != '-' || text[13] != ':' || text[16] != ':') return {};
  if (text[10] != 'T' && text[10] != 't' && text[10] != ' ') return {};
  const unsigned year = two_digits(text, 0) * 100 + two_digits(text, 2);
  const unsigned month = two_digits(text, 5), day = two_digits(text, 8);
  const unsigned hour = two_digits(text, 11), minute = two_digits(text, 14), second = two_digits(text, 17);
  if (year < 1 || year > 9999 || month < 1 || month > 12 || day < 1 || day > days_in_month(year, month)) return {};
  if (hour > 23 || minute > 59 || second > 60) return {};
  std::int64_t us = 0;
  text.remove_prefix(19);
  if (!take_fraction(text, us)) return {};
  const std::optional<Duration> offset = parse_offset(text);
  if (!offset) return {};
  const Duration of_day = hours(hour) + minutes(minute) + seconds(second) + Duration{us};
  return Time{days(days_from_civil(year, month, day)).us} + of_day - *offset;
}

std::optional<Duration> parse_duration(std::string_view text) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  if (text.empty()) return {};
  std::int64_t sum_us = 0;
  while (!text.empty()) {
    std::size_t length = 0;
    while (length < text.size() && (is_digit(text[length]) || text[length] == '.')) ++length;
    const std::string_view number = text.substr(0, length);
    text.remove_prefix(length);
    const std::int64_t ns = take_unit(text);
    if (number.empty() || ns == 0) return {};
    const auto part = ns >= 1000 ? parse_scaled(number, ns / 1000, 1) : parse_scaled(number, 1, 1000);
    if (!part || !add(sum_us, *part)) return {};
  }
  return Duration{negative ? -sum_us : sum_us};
}

NumberText parse_integer(std::string_view text, std::int64_t& value) {
  if (text.starts_with('+') && text.size() > 1 && is_digit(text[1])) text.remove_prefix(1);
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (end != text.data() + text.size() || error == std::errc::invalid_argument) return NumberText::not_a_number;
  return error == std::errc() ? NumberText::good : NumberText::out_of_range;
}

NumberText parse_floating(std::string_view text, double& value) {
  if (text.starts_with('+') && text.size() > 1 && text[1] != '-') text.remove_prefix(1);
  // from_chars takes `inf` and `nan`; in data they are words.
  const std::size_t first = text.starts_with('-') ? 1 : 0;
  if (text.size() <= first || (!is_digit(text[first]) && text[first] != '.')) return NumberText::not_a_number;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (end != text.data() + text.size() || error == std::errc::invalid_argument) return NumberText::not_a_number;
  if (error == std::errc()) return NumberText::good;
  if (magnitude(text) > 0) return NumberText::out_of_range;
  value = first == 1 ? -0.0 : 0.0;
  return NumberText::good;
}

std::optional<std::int64_t> parse_scaled(std::string_view text, std::int64_t unit_us, std::int64_t divisor) {
  const bool negative = text.starts_with('-');
  if (negative || text.starts_with('+')) text.remove_prefix(1);
  // Exponents are rare in times; they go through a double, whose 53 bits hold microseconds until the year 2255.
  if (text.find_first_of("eE") != std::string_view::npos) {
    double number = 0;
    if (text.empty() || !is_digit(text[0]) || parse_floating(text, number) != NumberText::good) return {};
    number = (negative ? -number : number) * static_cast<double>(unit_us) / static_cast<double>(divisor);
    if (!(number > -9.2e18 && number < 9.2e18)) return {};
    return static_cast<std::int64_t>(__builtin_floor(number));
  }
  Wide whole = 0;
  std::size_t i = 0;
  for (; i < text.size() && is_digit(text[i]); ++i) {
    whole = whole * 10 + (text[i] - '0');
    if (whole > std::numeric_limits<std::int64_t>::max()) return {};
  }
  if (i == 0) return {};
  Wide scaled = whole * unit_us;
  bool cut = false;  // something finer than a unit of the result was left out
  if (i < text.size()) {
    if (text[i] != '.' || i + 1 == text.size()) return {};
    Wide part = 0, tens = 1;
    for (++i; i < text.size(); ++i) {
      if (!is_digit(text[i])) return {};
      if (tens < 1'000'000'000'000'000) {
        part = part * 10 + (text[i] - '0');
        tens *= 10;
      } else {
        cut = cut || text[i] != '0';
      }
    }
    scaled += part * unit_us / tens;
    cut = cut || part * unit_us % tens != 0;
  }
  cut = cut || scaled % divisor != 0;
  scaled /= divisor;
  if (scaled > std::numeric_limits<std::int64_t>::max() - 1) return {};
  const auto result = static_cast<std::int64_t>(scaled);
  return negative ? -result - (cut ? 1 : 0) : result;
}

}  // namespace tocsin
