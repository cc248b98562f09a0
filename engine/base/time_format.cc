#include "engine/base/time_format.h"

#include <array>
#include <cstdlib>
#include <type_traits>

#include "engine/base/text.h"

namespace tocsin {
namespace {

constexpr std::array<std::string_view, 12> kMonths = {"january",   "february", "march",    "april",
                                                      "may",       "june",     "july",     "august",
                                                      "september", "october",  "november", "december"};
constexpr std::array<std::string_view, 7> kDays = {"monday", "tuesday",  "wednesday", "thursday",
                                                   "friday", "saturday", "sunday"};

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

void skip_space(std::string_view& text) {
  while (!text.empty() && is_space(text[0])) text.remove_prefix(1);
}

// A number of at most `width` digits between low and high; blanks in front are padding.
std::optional<std::int64_t> take_number(std::string_view& text, std::size_t width, std::int64_t low,
                                        std::int64_t high) {
  skip_space(text);
  std::int64_t value = 0;
  std::size_t digits = 0;
  for (; digits < width && digits < text.size() && is_digit(text[digits]); ++digits)
    value = value * 10 + (text[digits] - '0');
  if (digits == 0 || value < low || value > high) return {};
  text.remove_prefix(digits);
  return value;
}

// The full name or its first three letters.
template <std::size_t N>
std::optional<unsigned> take_name(std::string_view& text, const std::array<std::string_view, N>& names) {
  for (unsigned i = 0; i < N; ++i) {
    std::size_t same = 0;
    while (same < names[i].size() && same < text.size() && lower(text[same]) == names[i][same]) ++same;
    if (same < 3) continue;
    text.remove_prefix(same == names[i].size() ? same : 3);
    return i;
  }
  return {};
}

std::optional<Duration> take_fraction(std::string_view& text) {
  std::int64_t us = 0, unit = 100'000;
  if (text.empty() || !is_digit(text[0])) return {};
  for (; !text.empty() && is_digit(text[0]); unit /= 10, text.remove_prefix(1)) us += (text[0] - '0') * unit;
  return Duration{us};
}

// `+01:00`, `+0100`, `+01`, `Z`.
std::optional<Duration> take_offset(std::string_view& text) {
  if (!text.empty() && lower(text[0]) == 'z') {
    text.remove_prefix(1);
    return Duration{};
  }
  if (text.size() < 3 || (text[0] != '+' && text[0] != '-') || !is_digit(text[1]) || !is_digit(text[2])) return {};
  const bool west = text[0] == '-';
  std::int64_t hour = (text[1] - '0') * 10 + (text[2] - '0'), minute = 0;
  text.remove_prefix(3);
  const std::size_t colon = text.starts_with(':') ? 1 : 0;
  if (text.size() >= colon + 2 && is_digit(text[colon]) && is_digit(text[colon + 1])) {
    minute = (text[colon] - '0') * 10 + (text[colon + 1] - '0');
    text.remove_prefix(colon + 2);
  }
  if (hour > 23 || minute > 59) return {};
  const Duration offset = hours(hour) + minutes(minute);
  return west ? Duration{-offset.us} : offset;
}

std::string_view expansion(char directive) {
  switch (directive) {
    case 'T':
      return "%H:%M:%S";
    case 'R':
      return "%H:%M";
    case 'D':
      return "%m/%d/%y";
    case 'F':
      return "%Y-%m-%d";
    default:
      return {};  // not a closed set: any byte of a format
  }
}

// %S before a point or comma of the format: the fraction there is the format's own (`%S.%f`).
constexpr char kBareSecond = '.';

// What has been read so far, with what must be put together at the end.
struct Reading {
  CivilTime civil;
  std::int64_t hour = 0, minute = 0, second = 0;
  Duration fraction{};
  std::optional<bool> afternoon;
};

bool follow(char directive, std::string_view& text, Reading& r) {
  const auto number = [&](std::size_t width, std::int64_t low, std::int64_t high, auto& into) {
    const auto value = take_number(text, width, low, high);
    if (value) into = static_cast<std::remove_reference_t<decltype(into)>>(*value);
    return value.has_value();
  };
  switch (directive) {
    case 'Y': {
      std::int64_t year = 0;
      if (!number(4, 1, 9999, year)) return false;
      r.civil.year = year;
      return true;
    }
    case 'y': {
      std::int64_t year = 0;
      if (!number(2, 0, 99, year)) return false;
      r.civil.year = year + (year < 69 ? 2000 : 1900);  // as POSIX
      return true;
    }
    case 'm':
      return number(2, 1, 12, r.civil.month);
    case 'd':
    case 'e':
      return number(2, 1, 31, r.civil.day);
    case 'j': {
      std::int64_t day = 0;
      if (!number(3, 1, 366, day)) return false;
      r.civil.day_of_year = day;
      return true;
    }
    case 'b':
    case 'B':
    case 'h': {
      const auto month = take_name(text, kMonths);
      if (month) r.civil.month = *month + 1;
      return month.has_value();
    }
    case 'a':
    case 'A':
      return take_name(text, kDays).has_value();
    case 'H':
    case 'k':
      return number(2, 0, 23, r.hour);
    case 'I':
    case 'l':
      return number(2, 1, 12, r.hour);
    case 'M':
      return number(2, 0, 59, r.minute);
    case kBareSecond:
      return number(2, 0, 60, r.second);
    case 'S': {
      if (!number(2, 0, 60, r.second)) return false;
      if (text.size() < 2 || (text[0] != '.' && text[0] != ',') || !is_digit(text[1])) return true;
      text.remove_prefix(1);
      r.fraction = *take_fraction(text);
      return true;
    }
    case 'f': {
      const auto fraction = take_fraction(text);
      if (fraction) r.fraction = *fraction;
      return fraction.has_value();
    }
    case 'p': {
      if (text.size() < 2 || lower(text[1]) != 'm' || (lower(text[0]) != 'a' && lower(text[0]) != 'p')) return false;
      r.afternoon = lower(text[0]) == 'p';
      text.remove_prefix(2);
      return true;
    }
    case 'z': {
      skip_space(text);
      r.civil.offset = take_offset(text);
      return r.civil.offset.has_value();
    }
    case 'Z': {
      std::size_t length = 0;
      while (length < text.size() && lower(text[length]) >= 'a' && lower(text[length]) <= 'z') ++length;
      const std::string_view word = text.substr(0, length);
      if (word == "UTC" || word == "GMT" || word == "Z") r.civil.offset = Duration{};
      text.remove_prefix(length);
      return length > 0;
    }
    case 's': {
      std::size_t length = text.starts_with('-') ? 1 : 0;
      while (length < text.size() && (is_digit(text[length]) || text[length] == '.')) ++length;
      const auto us = parse_scaled(text.substr(0, length), 1'000'000, 1);
      if (us) r.civil.exact = Time{*us};
      text.remove_prefix(length);
      return us.has_value();
    }
    default:
      return false;  // `compile` lets nothing else through
  }
}

constexpr std::string_view kDirectives = "YymdejbBhaAHkIlMSfpzZs";

}  // namespace

Result<TimeFormat> TimeFormat::compile(std::string_view format) {
  TimeFormat compiled;
  bool has_day = false, has_month = false;
  for (std::size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%') {
      compiled.steps_.push_back({0, is_space(format[i]) ? ' ' : format[i]});
      continue;
    }
    const char directive = ++i < format.size() ? format[i] : '\0';
    if (directive == '%' || directive == 'n' || directive == 't') {
      compiled.steps_.push_back({0, directive == '%' ? '%' : ' '});
    } else if (const std::string_view longer = expansion(directive); !longer.empty()) {
      for (std::size_t k = 0; k < longer.size(); ++k) {
        if (longer[k] == '%') {
          compiled.steps_.push_back({longer[++k], 0});
        } else {
          compiled.steps_.push_back({0, longer[k]});
        }
      }
    } else if (directive != '\0' && kDirectives.find(directive) != std::string_view::npos) {
      compiled.steps_.push_back({directive, 0});
    } else {
      return failure(Error::Code::malformed, "the time format `" + std::string(format) + "` has `%" +
                                                 (directive == '\0' ? std::string() : std::string(1, directive)) +
                                                 "`, which means nothing");
    }
  }
  for (std::size_t i = 0; i + 1 < compiled.steps_.size(); ++i) {
    const Step& next = compiled.steps_[i + 1];
    const bool point = next.directive == 0 && (next.literal == '.' || next.literal == ',');
    if (compiled.steps_[i].directive == 'S' && point) compiled.steps_[i].directive = kBareSecond;
  }
  for (const Step& step : compiled.steps_) {
    const char d = step.directive;
    compiled.has_year_ = compiled.has_year_ || d == 'Y' || d == 'y' || d == 's';
    has_month = has_month || d == 'm' || d == 'b' || d == 'B' || d == 'h' || d == 'j' || d == 's';
    has_day = has_day || d == 'd' || d == 'e' || d == 'j' || d == 's';
  }
  if (!has_day || !has_month) {
    return failure(Error::Code::malformed, "the time format `" + std::string(format) +
                                               "` does not say the day: it needs a month and a day, `%j` or `%s`");
  }
  return compiled;
}

std::optional<CivilTime> TimeFormat::parse(std::string_view text) const {
  Reading r;
  for (const Step& step : steps_) {
    if (step.directive != 0) {
      if (!follow(step.directive, text, r)) return {};
    } else if (step.literal == ' ') {
      skip_space(text);
    } else {
      if (text.empty() || text[0] != step.literal) return {};
      text.remove_prefix(1);
    }
  }
  if (!text.empty()) return {};
  if (r.afternoon) r.hour = r.hour % 12 + (*r.afternoon ? 12 : 0);
  const std::int64_t year = r.civil.year.value_or(2000);  // a leap year: 29 February may be meant
  if (!is_in_year(r.civil, year)) return {};
  r.civil.of_day = hours(r.hour) + minutes(r.minute) + seconds(r.second) + r.fraction;
  return r.civil;
}

bool is_in_year(const CivilTime& civil, std::int64_t year) {
  if (civil.day_of_year) return *civil.day_of_year <= (is_leap_year(year) ? 366 : 365);
  return civil.day <= days_in_month(year, civil.month);
}

Time as_if_utc(const CivilTime& civil, std::int64_t year) {
  if (civil.day_of_year) return Time{days(days_from_civil(year, 1, 1) + *civil.day_of_year - 1).us} + civil.of_day;
  return Time{days(days_from_civil(year, civil.month, civil.day)).us} + civil.of_day;
}

std::int64_t latest_year(const CivilTime& civil, Time arrived) {
  const Time last = arrived + days(1);
  // The year of `last` or the one before it or behind it; the average year is exact enough for that. Only 29 February
  // and a 366th day go further back, eight years at most.
  for (std::int64_t year = 1970 + last.us / (days(146'097).us / 400) + 1;; --year)
    if (is_in_year(civil, year) && as_if_utc(civil, year) <= last) return year;
}

}  // namespace tocsin
