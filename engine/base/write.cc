#include "engine/base/write.h"

#include <array>
#include <charconv>
#include <cmath>
#include <span>

#include "engine/base/units.h"
#include "engine/base/utf8.h"

namespace tocsin {
namespace {

constexpr std::int64_t kDay = days(1).us;

void append_padded(std::string& out, std::int64_t number, std::size_t width) {
  std::array<char, 20> digits;
  const char* end = std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr;
  const auto length = static_cast<std::size_t>(end - digits.data());
  if (length < width) out.append(width - length, '0');
  out.append(digits.data(), length);
}

// The digits of a double and where the point stands: 0.digits * 10^point.
struct Decimal {
  std::array<char, 24> text;
  std::size_t length = 0;
  int point = 0;
  std::string_view digits() const { return {text.data(), length}; }
};

Decimal decimal_of(double number) {
  std::array<char, 32> scientific;
  const char* end =
      std::to_chars(scientific.data(), scientific.data() + scientific.size(), number, std::chars_format::scientific)
          .ptr;
  Decimal decimal;
  const char* at = scientific.data();
  for (; at != end && *at != 'e'; ++at)
    if (*at != '.') decimal.text[decimal.length++] = *at;
  if (at != end) ++at;
  if (at != end && *at == '+') ++at;
  std::from_chars(at, end, decimal.point);
  ++decimal.point;
  return decimal;
}

void append_exponent(std::string& out, int exponent) {
  out += exponent < 0 ? "e-" : "e+";
  append_padded(out, std::abs(exponent), 2);
}

constexpr std::string_view kHex = "0123456789abcdef";

void append_escape(std::string& out, unsigned char c) {
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\b':
      out += "\\b";
      return;
    case '\f':
      out += "\\f";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      out += "\\u00", out += kHex[c >> 4], out += kHex[c & 15];  // the other control characters
  }
}

}  // namespace

CivilDate civil_from_days(std::int64_t days_since_1970) {
  const std::int64_t z = days_since_1970 + 719'468;
  const std::int64_t era = (z >= 0 ? z : z - 146'096) / 146'097;
  const auto doe = static_cast<unsigned>(z - era * 146'097);
  const unsigned yoe = (doe - doe / 1460 + doe / 36'524 - doe / 146'096) / 365;
  const unsigned doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
  const unsigned mp = (5 * doy + 2) / 153;
  const unsigned month = mp < 10 ? mp + 3 : mp - 9;
  return {static_cast<std::int64_t>(yoe) + era * 400 + (month <= 2 ? 1 : 0), month, doy - (153 * mp + 2) / 5 + 1};
}

void append_rfc3339(std::string& out, Time time) {
  const std::int64_t day = time.us / kDay - (time.us % kDay < 0 ? 1 : 0);
  const std::int64_t us = time.us - day * kDay;
  const CivilDate date = civil_from_days(day);
  if (date.year < 0) out += '-';
  if (date.year > 9999) out += '+';
  append_padded(out, std::abs(date.year), 4);
  out += '-', append_padded(out, date.month, 2);
  out += '-', append_padded(out, date.day, 2);
  out += 'T', append_padded(out, us / 3'600'000'000, 2);
  out += ':', append_padded(out, us / 60'000'000 % 60, 2);
  out += ':', append_padded(out, us / 1'000'000 % 60, 2);
  out += '.', append_padded(out, us % 1'000'000, 6);
  out += 'Z';
}

std::string rfc3339(Time time) {
  std::string out;
  append_rfc3339(out, time);
  return out;
}

void append_duration(std::string& out, Duration duration) {
  if (duration.us == 0) {
    out += "0s";
    return;
  }
  if (duration.us < 0) out += '-';
  // Unsigned, since the least 64-bit number has no positive.
  std::uint64_t rest =
      duration.us < 0 ? 0 - static_cast<std::uint64_t>(duration.us) : static_cast<std::uint64_t>(duration.us);
  for (const auto& [name, word, length] : std::span(kDurationUnits).subspan(1)) {  // no weeks: 10d
    const auto us = static_cast<std::uint64_t>(length.us);
    if (rest < us) continue;
    append_number(out, static_cast<std::int64_t>(rest / us));
    out += name;
    rest %= us;
  }
}

std::string duration_text(Duration duration) {
  std::string out;
  append_duration(out, duration);
  return out;
}

void append_number(std::string& out, std::int64_t number) {
  std::array<char, 20> digits;
  out.append(digits.data(), std::to_chars(digits.data(), digits.data() + digits.size(), number).ptr);
}

void append_number(std::string& out, double number) {
  if (!std::isfinite(number)) {
    out += "null";
    return;
  }
  if (std::signbit(number)) out += '-', number = -number;
  if (number == 0) {
    out += "0.0";
    return;
  }
  // The limits -4 and 15 are nlohmann's: what lies beyond has an exponent.
  const Decimal decimal = decimal_of(number);
  const std::string_view digits = decimal.digits();
  const int length = static_cast<int>(digits.size()), point = decimal.point;
  if (length <= point && point <= 15) {
    out.append(digits).append(static_cast<std::size_t>(point - length), '0').append(".0");
  } else if (0 < point && point <= 15) {
    out.append(digits.substr(0, static_cast<std::size_t>(point)))
        .append(".")
        .append(digits.substr(static_cast<std::size_t>(point)));
  } else if (-4 < point && point <= 0) {
    out.append("0.").append(static_cast<std::size_t>(-point), '0').append(digits);
  } else {
    out += digits[0];
    if (length > 1) out.append(".").append(digits.substr(1));
    append_exponent(out, point - 1);
  }
}

void append_hex(std::string& out, std::uint64_t number) {
  char digits[16];
  for (int i = 0; i < 16; ++i) digits[i] = kHex[(number >> (60 - 4 * i)) & 15];
  out.append(digits, sizeof digits);
}

void append_json_text(std::string& out, std::string_view text) {
  out += '"';
  std::size_t plain = 0;  // from here on nothing needs a change
  for (std::size_t i = 0; i < text.size();) {
    const auto c = static_cast<unsigned char>(text[i]);
    if (c >= 0x20 && c < 0x80 && c != '"' && c != '\\') {
      ++i;
      continue;
    }
    const std::size_t length = c < 0x80 ? 1 : character_length(text, i);
    if (length == 1) {
      out.append(text.substr(plain, i - plain));
      if (c < 0x80) {
        append_escape(out, c);
      } else {
        out += "\xEF\xBF\xBD";
      }
      plain = i + 1;
    }
    i += length;
  }
  out.append(text.substr(plain));
  out += '"';
}

}  // namespace tocsin
