#include "tests/support/reference_value.h"

#include <arpa/inet.h>

#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>

namespace tocsin::reference {

Value Value::of(bool b) {
  Value v;
  v.kind = Kind::boolean;
  v.number = b ? 1 : 0;
  return v;
}
Value Value::of(std::int64_t n) {
  Value v;
  v.kind = Kind::integer;
  v.number = n;
  return v;
}
Value Value::of(double d) {
  Value v;
  if (!std::isfinite(d)) return v;
  v.kind = Kind::floating;
  v.real = d;
  return v;
}
Value Value::of(std::string s) {
  Value v;
  v.kind = Kind::text;
  v.text = std::move(s);
  return v;
}
Value Value::of(Time t) {
  Value v;
  v.kind = Kind::time;
  v.number = t.us;
  return v;
}
Value Value::of(Duration d) {
  Value v;
  v.kind = Kind::duration;
  v.number = d.us;
  return v;
}
Value Value::point(double latitude, double longitude) {
  Value v;
  v.kind = Kind::point;
  v.real = latitude;
  v.real2 = longitude;
  return v;
}
Value Value::list(std::vector<Value> items) {
  Value v;
  v.kind = Kind::list;
  v.compound = std::make_shared<const Compound>(Compound{std::move(items), {}});
  return v;
}
Value Value::object(std::vector<std::pair<std::string, Value>> members) {
  Compound c;
  for (auto& [name, value] : members) {
    c.names.push_back(name);
    c.items.push_back(value);
  }
  Value v;
  v.kind = Kind::object;
  v.compound = std::make_shared<const Compound>(std::move(c));
  return v;
}

Value Value::ip(std::string_view s) {
  std::string address(s);
  int prefix = -1;
  if (const auto slash = address.find('/'); slash != std::string::npos) {
    const std::string digits = address.substr(slash + 1);
    if (digits.empty() || digits.size() > 3 || digits.find_first_not_of("0123456789") != std::string::npos) return {};
    prefix = std::stoi(digits);
    address.resize(slash);
  }
  std::array<unsigned char, 16> bytes{};
  int width = 128;
  if (inet_pton(AF_INET, address.c_str(), bytes.data() + 12) == 1) {
    bytes[10] = bytes[11] = 0xff;
    width = 32;
  } else if (inet_pton(AF_INET6, address.c_str(), bytes.data()) != 1) {
    return {};
  }
  if (prefix > width) return {};
  Value v;
  v.kind = Kind::ip;
  v.text.assign(bytes.begin(), bytes.end());
  v.number = prefix < 0 ? 128 : 128 - width + prefix;
  return v;
}

bool inside(const Value& address, const Value& network) {
  if (address.kind != Value::Kind::ip || network.kind != Value::Kind::ip || address.number < network.number)
    return false;
  for (std::int64_t bit = 0; bit < network.number; ++bit) {
    const auto byte = static_cast<std::size_t>(bit / 8);
    const int shift = 7 - static_cast<int>(bit % 8);
    if (((address.text[byte] ^ network.text[byte]) >> shift) & 1) return false;
  }
  return true;
}

std::optional<int> order(const Value& a, const Value& b) {
  const auto three = [](auto x, auto y) { return x < y ? -1 : x > y ? 1 : 0; };
  if (a.kind == Value::Kind::integer && b.kind == Value::Kind::integer) return three(a.number, b.number);
  if (a.numeric() && b.numeric()) {
    // long double holds every int64 exactly.
    const auto wide = [](const Value& v) {
      return v.kind == Value::Kind::integer ? static_cast<long double>(v.number) : static_cast<long double>(v.real);
    };
    return three(wide(a), wide(b));
  }
  if (a.kind != b.kind) return std::nullopt;
  switch (a.kind) {
    case Value::Kind::boolean:
    case Value::Kind::time:
    case Value::Kind::duration:
      return three(a.number, b.number);
    case Value::Kind::text:
      return three(a.text.compare(b.text), 0);
    case Value::Kind::ip: {
      const int c = a.text.compare(b.text);
      return c != 0 ? three(c, 0) : three(a.number, b.number);
    }
    case Value::Kind::point:
    case Value::Kind::list:
    case Value::Kind::object:
    case Value::Kind::missing:
    case Value::Kind::integer:
    case Value::Kind::floating:
      return std::nullopt;
  }
  return std::nullopt;
}

bool same(const Value& a, const Value& b) {
  if (const auto o = order(a, b)) return *o == 0;
  if (a.kind != b.kind) return false;
  if (a.kind == Value::Kind::point) return a.real == b.real && a.real2 == b.real2;
  if (a.kind == Value::Kind::list || a.kind == Value::Kind::object) return canonical(a) == canonical(b);
  return a.kind == Value::Kind::missing;
}

std::string canonical(const Value& v) {
  std::string out(1, static_cast<char>('a' + static_cast<int>(v.kind)));
  switch (v.kind) {
    case Value::Kind::missing:
      break;
    case Value::Kind::floating:
      if (v.real == std::floor(v.real) && std::fabs(v.real) < 9e18)
        return canonical(Value::of(static_cast<std::int64_t>(v.real)));
      out += show(v);
      break;
    case Value::Kind::boolean:
    case Value::Kind::integer:
    case Value::Kind::time:
    case Value::Kind::duration:
      out += std::to_string(v.number);
      break;
    case Value::Kind::text:
      out += v.text;
      break;
    case Value::Kind::ip:
      out += v.text + std::to_string(v.number);
      break;
    case Value::Kind::point:
      out += show(Value::of(v.real)) + "," + show(Value::of(v.real2));
      break;
    case Value::Kind::list:
    case Value::Kind::object:
      for (std::size_t i = 0; i < v.items().size(); ++i) {
        const std::string item = canonical(v.items()[i]);
        const std::string name = v.kind == Value::Kind::object ? v.compound->names[i] : "";
        out += std::to_string(name.size()) + name + std::to_string(item.size()) + ":" + item;
      }
      break;
  }
  return out;
}

std::int64_t days_from_civil(std::int64_t y, unsigned m, unsigned d) {
  // The algorithm of Howard Hinnant's "chrono-compatible low-level date algorithms", with his names.
  y -= m <= 2;
  const std::int64_t era = (y >= 0 ? y : y - 399) / 400;
  const std::int64_t yoe = y - era * 400;
  const std::int64_t doy =
      (153 * (static_cast<std::int64_t>(m) + (m > 2 ? -3 : 9)) + 2) / 5 + static_cast<std::int64_t>(d) - 1;
  const std::int64_t doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
  return era * 146097 + doe - 719468;
}

std::string show(Time t) {
  std::int64_t day = t.us / days(1).us;
  std::int64_t rest = t.us % days(1).us;
  if (rest < 0) {
    rest += days(1).us;
    --day;
  }
  const std::int64_t z = day + 719468;
  const std::int64_t era = (z >= 0 ? z : z - 146096) / 146097;
  const std::int64_t doe = z - era * 146097;
  const std::int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
  const std::int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
  const std::int64_t mp = (5 * doy + 2) / 153;
  const std::int64_t d = doy - (153 * mp + 2) / 5 + 1;
  const std::int64_t m = mp < 10 ? mp + 3 : mp - 9;
  const std::int64_t y = yoe + era * 400 + (m <= 2);
  std::array<char, 96> buffer{};
  std::snprintf(buffer.data(), buffer.size(), "%04lld-%02lld-%02lldT%02lld:%02lld:%02lld.%06lldZ",
                static_cast<long long>(y), static_cast<long long>(m), static_cast<long long>(d),
                static_cast<long long>(rest / hours(1).us), static_cast<long long>(rest / minutes(1).us % 60),
                static_cast<long long>(rest / seconds(1).us % 60), static_cast<long long>(rest % seconds(1).us));
  return buffer.data();
}

std::string show(Duration d) {
  if (d.us == 0) return "0s";
  std::string out = d.us < 0 ? "-" : "";
  std::int64_t rest = d.us < 0 ? -d.us : d.us;
  const std::array<std::pair<std::int64_t, const char*>, 4> units{
      {{days(1).us, "d"}, {hours(1).us, "h"}, {minutes(1).us, "m"}, {seconds(1).us, "s"}}};
  for (const auto& [length, name] : units) {
    if (rest >= length) out += std::to_string(rest / length) + name;
    rest %= length;
  }
  if (rest >= 1000) out += std::to_string(rest / 1000) + "ms";
  if (rest % 1000 != 0) out += std::to_string(rest % 1000) + "us";
  return out;
}

std::string show(const Value& v) {
  switch (v.kind) {
    case Value::Kind::missing:
      return "";
    case Value::Kind::boolean:
      return v.number != 0 ? "true" : "false";
    case Value::Kind::integer:
      return std::to_string(v.number);
    case Value::Kind::floating: {
      std::array<char, 64> buffer{};
      const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), v.real).ptr;
      std::string s(buffer.data(), end);
      if (s.find_first_of(".e") == std::string::npos) s += ".0";
      return s;
    }
    case Value::Kind::text:
      return v.text;
    case Value::Kind::time:
      return show(Time{v.number});
    case Value::Kind::duration:
      return show(Duration{v.number});
    case Value::Kind::ip: {
      std::array<char, INET6_ADDRSTRLEN> buffer{};
      const bool v4 = v.text.compare(0, 12, std::string("\0\0\0\0\0\0\0\0\0\0\xff\xff", 12)) == 0;
      inet_ntop(v4 ? AF_INET : AF_INET6, v.text.data() + (v4 ? 12 : 0), buffer.data(),
                static_cast<socklen_t>(buffer.size()));
      std::string s = buffer.data();
      if (v.number != 128) s += "/" + std::to_string(v4 ? v.number - 96 : v.number);
      return s;
    }
    case Value::Kind::point:
      return show(Value::of(v.real)) + "," + show(Value::of(v.real2));
    case Value::Kind::list: {
      std::string out;
      for (const Value& item : v.items()) out += (out.empty() ? "" : ", ") + show(item);
      return out;
    }
    case Value::Kind::object: {
      std::string out;
      for (std::size_t i = 0; i < v.items().size(); ++i)
        out += (i == 0 ? "" : ", ") + v.compound->names[i] + ": " + show(v.items()[i]);
      return out;
    }
  }
  return "";
}

std::optional<Time> parse_rfc3339(std::string_view s) {
  const std::string text(s);
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0, used = 0;
  char separator = 0;
  if (std::sscanf(text.c_str(), "%4d-%2d-%2d%c%2d:%2d:%2d%n", &year, &month, &day, &separator, &hour, &minute, &second,
                  &used) != 7)
    return std::nullopt;
  if (month < 1 || month > 12 || day < 1 || day > 31 || hour > 23 || minute > 59 || second > 60) return std::nullopt;
  auto at = static_cast<std::size_t>(used);
  std::int64_t us = 0;
  if (at < text.size() && text[at] == '.') {
    std::int64_t scale = 100'000;
    for (++at; at < text.size() && text[at] >= '0' && text[at] <= '9'; ++at, scale /= 10)
      us += (text[at] - '0') * scale;
  }
  std::int64_t offset_minutes = 0;
  if (at >= text.size()) return std::nullopt;
  if (text[at] != 'Z' && text[at] != 'z') {
    int oh = 0, om = 0;
    char sign = 0;
    if (std::sscanf(text.c_str() + at, "%c%2d:%2d", &sign, &oh, &om) != 3 || (sign != '+' && sign != '-'))
      return std::nullopt;
    offset_minutes = (sign == '-' ? -1 : 1) * (oh * 60 + om);
  }
  const std::int64_t day_number = days_from_civil(year, static_cast<unsigned>(month), static_cast<unsigned>(day));
  return Time{((day_number * 24 + hour) * 60 + minute - offset_minutes) * minutes(1).us + second * seconds(1).us + us};
}

}  // namespace tocsin::reference
