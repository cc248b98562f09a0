// eval(): one case per form of language.md section 11; aggregate(): one per word of section 8.
#include "tests/support/reference_expr.h"

#include <date/tz.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>

namespace tocsin::reference {
namespace {

using Kind = Value::Kind;

const Value* member(const Value& object, const std::string& name) {
  if (object.kind != Kind::object) return nullptr;
  for (std::size_t i = 0; i < object.compound->names.size(); ++i)
    if (object.compound->names[i] == name) return &object.compound->items[i];
  return nullptr;
}

Value descend(Value value, const std::vector<std::string>& path, std::size_t from) {
  for (; from < path.size(); ++from) {
    const Value* next = member(value, path[from]);
    if (next == nullptr) return {};
    value = Value(*next);
  }
  return value;
}

std::string lower(std::string s) {
  for (char& c : s)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return s;
}
Value lowered(Value v) {
  if (v.kind == Kind::text) v.text = lower(v.text);
  return v;
}

// Data of one kind beside another that says what it means: text as an address or a time.
void meet(Value& a, Value& b) {
  if (a.kind == b.kind) return;
  if (b.kind == Kind::text) return meet(b, a);
  if (a.kind != Kind::text) return;
  if (b.kind == Kind::ip) {
    if (Value parsed = Value::ip(a.text); !parsed.missing()) a = parsed;
  } else if (b.kind == Kind::time) {
    if (const auto t = parse_rfc3339(a.text)) a = Value::of(*t);
  }
}

Value compare(ast::BinaryOp op, Value a, Value b, bool ignoring_case) {
  if (a.missing() || b.missing()) return {};  // X1
  if (ignoring_case) {
    a = lowered(a);
    b = lowered(b);
  }
  meet(a, b);
  if (op == ast::BinaryOp::equal) return Value::of(same(a, b));
  if (op == ast::BinaryOp::not_equal) return Value::of(!same(a, b));
  const auto o = order(a, b);
  if (!o) return {};
  if (op == ast::BinaryOp::less) return Value::of(*o < 0);
  if (op == ast::BinaryOp::less_equal) return Value::of(*o <= 0);
  if (op == ast::BinaryOp::greater) return Value::of(*o > 0);
  return Value::of(*o >= 0);
}

Value text_test(ast::BinaryOp op, Value a, Value b, bool ignoring_case) {
  if (a.missing() || b.missing()) return {};
  if (ignoring_case) b = lowered(b);
  if (op == ast::BinaryOp::contains && a.kind == Kind::list) {
    for (Value item : a.items()) {
      if (ignoring_case) item = lowered(item);
      Value other = b;
      meet(item, other);
      if (same(item, other)) return Value::of(true);
    }
    return Value::of(false);
  }
  if (a.kind != Kind::text || b.kind != Kind::text) return {};
  if (ignoring_case) a = lowered(a);
  if (op == ast::BinaryOp::contains) return Value::of(a.text.find(b.text) != std::string::npos);
  if (op == ast::BinaryOp::starts_with) return Value::of(a.text.starts_with(b.text));
  return Value::of(a.text.ends_with(b.text));
}

Value whole(long double x, bool overflowed, std::int64_t n) {
  return overflowed ? Value::of(static_cast<double>(x)) : Value::of(n);
}

// A time may only stand where a record's may: in the years 1 to 9999.
Value in_years(std::int64_t us) {
  constexpr std::int64_t kFirst = -62'135'596'800'000'000, kBehind = 253'402'300'800'000'000;
  return us >= kFirst && us < kBehind ? Value::of(Time{us}) : Value();
}

Value arithmetic(ast::BinaryOp op, const Value& a, const Value& b) {
  using Op = ast::BinaryOp;
  if (a.missing() || b.missing()) return {};
  std::int64_t n = 0;
  if (a.kind == Kind::integer && b.kind == Kind::integer) {
    const auto x = static_cast<long double>(a.number), y = static_cast<long double>(b.number);
    if (op == Op::add) {
      const bool over = __builtin_add_overflow(a.number, b.number, &n);
      return whole(x + y, over, n);
    }
    if (op == Op::subtract) {
      const bool over = __builtin_sub_overflow(a.number, b.number, &n);
      return whole(x - y, over, n);
    }
    if (op == Op::multiply) {
      const bool over = __builtin_mul_overflow(a.number, b.number, &n);
      return whole(x * y, over, n);
    }
    if (b.number == 0) return {};
    if (op == Op::divide) return Value::of(a.as_double() / b.as_double());
    return b.number == -1 ? Value::of(std::int64_t{0}) : Value::of(a.number % b.number);
  }
  if (a.numeric() && b.numeric()) {
    const double x = a.as_double(), y = b.as_double();
    if (op == Op::add) return Value::of(x + y);
    if (op == Op::subtract) return Value::of(x - y);
    if (op == Op::multiply) return Value::of(x * y);
    if (y == 0) return {};
    return op == Op::divide ? Value::of(x / y) : Value::of(std::fmod(x, y));
  }
  const auto duration = [](double us) {
    return us > -9.2e18 && us < 9.2e18 ? Value::of(Duration{static_cast<std::int64_t>(std::llround(us))}) : Value();
  };
  if (a.kind == Kind::time && b.kind == Kind::time && op == Op::subtract)
    return Value::of(Duration{a.number - b.number});
  if (a.kind == Kind::time && b.kind == Kind::duration && op == Op::add)
    return __builtin_add_overflow(a.number, b.number, &n) ? Value() : in_years(n);
  if (a.kind == Kind::duration && b.kind == Kind::time && op == Op::add) return arithmetic(op, b, a);
  if (a.kind == Kind::time && b.kind == Kind::duration && op == Op::subtract)
    return __builtin_sub_overflow(a.number, b.number, &n) ? Value() : in_years(n);
  if (a.kind == Kind::duration && b.kind == Kind::duration) {
    if (op == Op::add) return Value::of(Duration{a.number + b.number});
    if (op == Op::subtract) return Value::of(Duration{a.number - b.number});
    if (op == Op::divide && b.number != 0)
      return Value::of(static_cast<double>(a.number) / static_cast<double>(b.number));
    return {};
  }
  if (a.kind == Kind::duration && b.numeric()) {
    if (op == Op::multiply) return duration(static_cast<double>(a.number) * b.as_double());
    if (op == Op::divide && b.as_double() != 0) return duration(static_cast<double>(a.number) / b.as_double());
  }
  if (a.numeric() && b.kind == Kind::duration && op == Op::multiply)
    return duration(a.as_double() * static_cast<double>(b.number));
  return {};
}

Value in_values(const Value& what, const std::vector<Value>& values, bool ignoring_case) {
  if (what.missing()) return {};
  bool unknown = false;
  for (const Value& v : values) {
    if (v.missing()) unknown = true;
    Value a = ignoring_case ? lowered(what) : what, b = ignoring_case ? lowered(v) : v;
    meet(a, b);
    if (a.kind == Kind::ip && b.kind == Kind::ip ? inside(a, b) : same(a, b)) return Value::of(true);
  }
  return unknown ? Value{} : Value::of(false);
}

bool glob(const char* text, const char* pattern) {
  if (*pattern == 0) return *text == 0;
  if (*pattern == '*') return glob(text, pattern + 1) || (*text != 0 && glob(text + 1, pattern));
  if (*text == 0) return false;
  if (*pattern == '?') {  // one character, not one byte
    ++text;
    while ((static_cast<unsigned char>(*text) & 0xC0) == 0x80) ++text;
    return glob(text, pattern + 1);
  }
  return *text == *pattern && glob(text + 1, pattern + 1);
}

Value from_json(const nlohmann::json& j) {
  if (j.is_boolean()) return Value::of(j.get<bool>());
  if (j.is_number_unsigned() &&
      j.get<std::uint64_t>() > static_cast<std::uint64_t>(std::numeric_limits<std::int64_t>::max()))
    return Value::of(j.get<double>());
  if (j.is_number_integer()) return Value::of(j.get<std::int64_t>());
  if (j.is_number_float()) return Value::of(j.get<double>());
  if (j.is_string()) return Value::of(j.get<std::string>());
  if (j.is_array()) {
    std::vector<Value> items;
    for (const auto& item : j) items.push_back(from_json(item));
    return Value::list(std::move(items));
  }
  if (j.is_object()) {
    std::vector<std::pair<std::string, Value>> members;
    for (const auto& [name, item] : j.items()) members.emplace_back(name, from_json(item));
    return Value::object(std::move(members));
  }
  return {};
}

// Characters, not bytes: `substring` and `length` count them.
std::vector<std::string> characters(const std::string& s) {
  std::vector<std::string> out;
  for (const char c : s) {
    if ((static_cast<unsigned char>(c) & 0xC0) != 0x80 || out.empty()) out.emplace_back();
    out.back() += c;
  }
  return out;
}

Value number_of(const std::string& text, std::int64_t base) {
  std::string s = lower(text);
  bool minus = false;
  if (!s.empty() && (s[0] == '-' || s[0] == '+')) {
    minus = s[0] == '-';
    s.erase(0, 1);
  }
  const std::string prefix = base == 16 ? "0x" : base == 8 ? "0o" : base == 2 ? "0b" : "";
  if (!prefix.empty() && s.starts_with(prefix)) s.erase(0, 2);
  if (s.empty()) return {};
  if (base == 10 && s.find_first_not_of("0123456789") != std::string::npos) {
    if (s.find_first_not_of("0123456789.e+-") != std::string::npos ||
        !(std::isdigit(static_cast<unsigned char>(s[0])) || s[0] == '.'))
      return {};
    char* end = nullptr;
    const double d = std::strtod(s.c_str(), &end);
    return *end == 0 ? Value::of(minus ? -d : d) : Value{};
  }
  std::int64_t n = 0;
  bool over = false;
  double wide = 0;
  for (const char c : s) {
    const std::int64_t digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'z' ? c - 'a' + 10 : 99;
    if (digit >= base) return {};
    over = over || __builtin_mul_overflow(n, base, &n) || __builtin_add_overflow(n, digit, &n);
    wide = wide * static_cast<double>(base) + static_cast<double>(digit);
  }
  if (over) return Value::of(minus ? -wide : wide);
  return Value::of(minus ? -n : n);
}

double radians(double degrees) { return degrees * 3.14159265358979323846 / 180; }

Value call(const Node& node, const Scope& scope) {
  const std::string& f = node.name;
  if (f == "if") {
    if (node.kids.size() != 3) return {};
    return eval(*node.kids[eval(*node.kids[0], scope).truth() ? 1 : 2], scope);  // unknown is not true
  }
  std::vector<Value> a;
  for (const auto& kid : node.kids) a.push_back(eval(*kid, scope));
  if (f == "coalesce") {
    for (const Value& v : a)
      if (!v.missing()) return v;
    return {};
  }
  for (const Value& v : a)
    if (v.missing() && !(f == "extract")) return {};
  if (a.empty()) return {};
  const auto text = [&](std::size_t i) { return i < a.size() && a[i].kind == Kind::text; };
  const auto num = [&](std::size_t i) { return i < a.size() && a[i].numeric(); };
  if (f == "abs") {
    if (a[0].kind == Kind::integer)
      return a[0].number < 0 ? arithmetic(ast::BinaryOp::subtract, Value::of(std::int64_t{0}), a[0]) : a[0];
    if (a[0].kind == Kind::duration) return Value::of(Duration{std::abs(a[0].number)});
    return num(0) ? Value::of(std::fabs(a[0].real)) : Value{};
  }
  if (f == "min" || f == "max") {
    Value best = a[0];
    for (const Value& v : a) {
      const auto o = order(v, best);
      if (!o) return {};
      if (f == "min" ? *o < 0 : *o > 0) best = v;
    }
    return best;
  }
  if (f == "round" || f == "floor") {
    if (a[0].kind == Kind::integer) return a[0];
    if (!num(0)) return {};
    const double d = f == "round" ? std::round(a[0].real) : std::floor(a[0].real);
    return std::fabs(d) < 9.2e18 ? Value::of(static_cast<std::int64_t>(d)) : Value::of(d);
  }
  if (f == "sqrt") return num(0) && a[0].as_double() >= 0 ? Value::of(std::sqrt(a[0].as_double())) : Value{};
  if (f == "log") return num(0) && a[0].as_double() > 0 ? Value::of(std::log(a[0].as_double())) : Value{};
  if (f == "pow") return num(0) && num(1) ? Value::of(std::pow(a[0].as_double(), a[1].as_double())) : Value{};
  if (f == "lower") return text(0) ? lowered(a[0]) : Value{};
  if (f == "upper") {
    if (!text(0)) return {};
    for (char& c : a[0].text)
      if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
    return a[0];
  }
  if (f == "length") {
    if (a[0].kind == Kind::list) return Value::of(static_cast<std::int64_t>(a[0].items().size()));
    return text(0) ? Value::of(static_cast<std::int64_t>(characters(a[0].text).size())) : Value{};
  }
  if (f == "substring") {  // X4
    if (!text(0) || a.size() < 2 || a[1].kind != Kind::integer) return {};
    const auto chars = characters(a[0].text);
    const auto size = static_cast<std::int64_t>(chars.size());
    std::int64_t from = a[1].number < 0 ? size + a[1].number : a[1].number;
    from = std::clamp<std::int64_t>(from, 0, size);
    std::int64_t n = size - from;
    if (a.size() > 2) {
      if (a[2].kind != Kind::integer) return {};
      n = std::clamp<std::int64_t>(a[2].number, 0, n);
    }
    std::string out;
    for (std::int64_t i = from; i < from + n; ++i) out += chars[static_cast<std::size_t>(i)];
    return Value::of(out);
  }
  if (f == "trim") {
    if (!text(0)) return {};
    const auto from = a[0].text.find_first_not_of(" \t\r\n");
    if (from == std::string::npos) return Value::of("");
    return Value::of(a[0].text.substr(from, a[0].text.find_last_not_of(" \t\r\n") - from + 1));
  }
  if (f == "split") {
    if (!text(0) || !text(1) || a[1].text.empty()) return {};
    std::vector<Value> out;
    std::size_t from = 0;
    for (std::size_t to = 0; (to = a[0].text.find(a[1].text, from)) != std::string::npos; from = to + a[1].text.size())
      out.push_back(Value::of(a[0].text.substr(from, to - from)));
    out.push_back(Value::of(a[0].text.substr(from)));
    return Value::list(std::move(out));
  }
  if (f == "replace") {
    if (!text(0) || !text(1) || !text(2) || a[1].text.empty()) return {};
    std::string out;
    std::size_t from = 0;
    for (std::size_t to = 0; (to = a[0].text.find(a[1].text, from)) != std::string::npos; from = to + a[1].text.size())
      out += a[0].text.substr(from, to - from) + a[2].text;
    return Value::of(out + a[0].text.substr(from));
  }
  if (f == "concat") {
    std::string out;
    for (const Value& v : a) out += show(v);
    return Value::of(out);
  }
  const std::map<std::string, double> units{
      {"hours", 3.6e9}, {"minutes", 6e7}, {"seconds", 1e6}, {"ms", 1e3}, {"days", 8.64e10}};
  if (const auto unit = units.find(f); unit != units.end())
    return a[0].kind == Kind::duration ? Value::of(static_cast<double>(a[0].number) / unit->second) : Value{};
  if (f == "hour" || f == "weekday" || f == "date") {
    if (a[0].kind != Kind::time) return {};
    const std::string zone = text(1) ? a[1].text : "UTC";
    const std::int64_t local = a[0].number + local_offset_us(zone, Time{a[0].number});
    const std::int64_t day = local >= 0 ? local / days(1).us : (local - days(1).us + 1) / days(1).us;
    if (f == "hour") return Value::of((local - day * days(1).us) / hours(1).us);
    if (f == "weekday") return Value::of(((day + 3) % 7 + 7) % 7 + 1);  // 1 is Monday
    return Value::of(show(Time{day * days(1).us}).substr(0, 10));
  }
  if (f == "subnet") {
    Value ip = text(0) ? Value::ip(a[0].text) : a[0];
    if (ip.kind != Kind::ip || a.size() < 2 || a[1].kind != Kind::integer) return {};
    const bool v4 = ip.text.compare(0, 12, std::string("\0\0\0\0\0\0\0\0\0\0\xff\xff", 12)) == 0;
    if (a[1].number < 0 || a[1].number > (v4 ? 32 : 128)) return {};
    ip.number = a[1].number + (v4 ? 96 : 0);
    for (std::int64_t bit = ip.number; bit < 128; ++bit) {
      char& c = ip.text[static_cast<std::size_t>(bit / 8)];
      c = static_cast<char>(static_cast<unsigned char>(c) & ~(0x80U >> (bit % 8)));
    }
    return ip;
  }
  if (f == "in_network") {
    const Value ip = text(0) ? Value::ip(a[0].text) : a[0];
    const Value network = text(1) ? Value::ip(a[1].text) : a.size() > 1 ? a[1] : Value{};
    return ip.kind == Kind::ip && network.kind == Kind::ip ? Value::of(inside(ip, network)) : Value{};
  }
  if (f == "distance_km") {  // the great circle on a sphere of 6371.0088 km
    if (a.size() < 2 || a[0].kind != Kind::point || a[1].kind != Kind::point) return {};
    const double p = radians(a[0].real), q = radians(a[1].real);
    const double s = std::sin((q - p) / 2), t = std::sin(radians(a[1].real2 - a[0].real2) / 2);
    return Value::of(2 * 6371.0088 * std::asin(std::min(1.0, std::sqrt(s * s + std::cos(p) * std::cos(q) * t * t))));
  }
  if (f == "hash") {  // its value is the engine's own affair; equal values have equal ones
    std::uint64_t h = 1469598103934665603U;
    for (const char c : canonical(a[0])) h = (h ^ static_cast<unsigned char>(c)) * 1099511628211U;
    return Value::of(static_cast<std::int64_t>(h >> 1));
  }
  if (f == "glob") return text(0) && text(1) ? Value::of(glob(a[0].text.c_str(), a[1].text.c_str())) : Value{};
  if (f == "json") {
    if (!text(0) || !text(1)) return {};
    const auto parsed = nlohmann::json::parse(a[0].text, nullptr, false);
    if (parsed.is_discarded()) return {};
    std::vector<std::string> path;
    std::string part;
    for (const char c : a[1].text + ".") {
      if (c != '.')
        part += c;
      else
        path.push_back(std::exchange(part, ""));
    }
    return descend(from_json(parsed), path, 0);
  }
  if (f == "number") {
    if (num(0)) return a[0];
    return text(0) ? number_of(a[0].text, a.size() > 1 ? a[1].number : 10) : Value{};
  }
  if (f == "text") return Value::of(show(a[0]));
  if (f == "ip") return text(0) ? Value::ip(a[0].text) : a[0].kind == Kind::ip ? a[0] : Value{};
  if (f == "time") {
    if (!text(0)) return {};
    if (a.size() < 2)
      if (const auto t = parse_rfc3339(a[0].text)) return Value::of(*t);
    return {};  // formats are shown by the engine's own tests
  }
  if (f == "extract") {
    if (!text(0) || node.kids.size() < 2 || node.kids[1]->regex == nullptr) return {};
    const RE2& re = *node.kids[1]->regex;
    re2::StringPiece groups[2];
    if (!re.Match(a[0].text, 0, a[0].text.size(), RE2::UNANCHORED, groups,
                  std::min(2, re.NumberOfCapturingGroups() + 1)))
      return {};
    return Value::of(re.NumberOfCapturingGroups() > 0 ? groups[1].as_string() : groups[0].as_string());
  }
  // A word for an aggregate with one argument may stand as a call of a name.
  return {};
}

std::optional<Value> path_in_items(const std::vector<std::string>& path, const Scope& scope) {
  if (scope.items.empty()) return std::nullopt;
  if (path[0] == "item") return descend(*scope.items.back(), path, 1);
  for (auto it = scope.items.rbegin(); it != scope.items.rend(); ++it)
    if (const Value* found = member(**it, path[0])) return descend(*found, path, 1);
  return std::nullopt;
}

Value path(const Node& node, const Scope& scope) {
  const auto& p = node.path;
  if (const auto found = path_in_items(p, scope)) return *found;
  if (p.size() > 1 && p[0] == "previous" && scope.event != nullptr) {  // E4
    const Seen* previous = nullptr;
    if (scope.history != nullptr)
      for (const Seen* e : *scope.history) {
        if (e != nullptr && e->order >= scope.event->order) break;
        if (e == nullptr || e->type == scope.event->type) previous = e;
      }
    return previous == nullptr ? Value{} : field(*previous, p, 1);
  }
  if (p.size() > 1 && scope.names != nullptr && scope.names->contains(p[0])) {
    if (scope.taken != nullptr)
      for (auto it = scope.taken->rbegin(); it != scope.taken->rend(); ++it)
        if (it->name == p[0]) return field(*it->event, p, 1);
    // A pattern of one stream under its base's name is left to the event's own fields.
    if (scope.event == nullptr) return {};
    return {};
  }
  if (scope.event != nullptr) {
    if (Value v = field(*scope.event, p); !v.missing()) return v;
  }
  std::string joined;
  for (const auto& part : p) joined += (joined.empty() ? "" : ".") + part;
  if (scope.values != nullptr) {
    for (const auto& [name, value] : *scope.values)
      if (name == joined) return value;
    if (p.size() > 1)
      for (const auto& [name, value] : *scope.values)
        if (name == p[0]) return descend(value, p, 1);
  }
  if (scope.event != nullptr && p.size() == 1 && p[0] == "time") return Value::of(scope.event->time);
  // `reading.cpu` where the alias of `reading` was counted: an event of that base.
  if (p.size() > 1 && scope.taken != nullptr && scope.model != nullptr && scope.event == nullptr)
    for (auto it = scope.taken->rbegin(); it != scope.taken->rend(); ++it)
      if (it->event->type == scope.model->find_base(p[0])) return field(*it->event, p, 1);
  return {};
}

// A5: the same expression over the windows before this one.
std::vector<Value> before(const NodePtr& what, std::int64_t all, const Scope& scope) {
  std::vector<Value> out;
  const std::int64_t width = window_of(what, scope.windows->within);
  const Events& events = scope.windows->named != nullptr ? *scope.windows->named : *scope.windows->events;
  if (width <= 0 || events.empty()) return out;
  // The key's first event; one without events for D + W is new.
  std::size_t first = 0;
  for (std::size_t i = 1; i < events.size(); ++i)
    if (events[i]->time.us - events[i - 1]->time.us > all + width) first = i;
  const std::int64_t first2 = 2 * events[first]->time.us;
  for (std::int64_t i = 1; i <= all / width; ++i) {
    if (scope.windows->at2 - 2 * (i + 1) * width < first2) break;
    Windows shifted = *scope.windows;
    shifted.shift = i;
    Scope inner = scope;
    inner.windows = &shifted;
    inner.compared = nullptr;
    out.push_back(eval(*what, inner));
  }
  return out;
}

// Numbers, or where there are none but 0 (what a window of nothing comes to, A1), durations in microseconds.
struct Comparable {
  std::vector<double> values;
  bool lengths = false;
};

Comparable comparable(const std::vector<Value>& values) {
  const auto is_number = [](const Value& v) { return v.numeric() && v.as_double() != 0; };
  Comparable out;
  out.lengths = std::ranges::none_of(values, is_number) &&
                std::ranges::any_of(values, [](const Value& v) { return v.kind == Kind::duration; });
  for (const Value& v : values) {
    if (v.numeric()) out.values.push_back(v.as_double());
    if (out.lengths && v.kind == Kind::duration) out.values.push_back(static_cast<double>(v.number));
  }
  return out;
}

Value mean_of(const std::vector<Value>& values) {
  const auto [measured, lengths] = comparable(values);
  if (measured.empty()) return {};
  double sum = 0;
  for (const double v : measured) sum += v;
  const double mean = sum / static_cast<double>(measured.size());
  return lengths ? Value::of(Duration{std::llround(mean)}) : Value::of(mean);
}

// `its previous`, `its average`: without the factor of `2x its previous`, as an alert tells it (N1).
Value its(const NodePtr& left_node, const Node& its_node, const Scope& scope) {
  if (scope.windows == nullptr) return {};
  Value base;
  if (its_node.flag) {
    Windows shifted = *scope.windows;
    shifted.shift = 1;
    Scope inner = scope;
    inner.windows = &shifted;
    inner.compared = nullptr;
    base = eval(*left_node, inner);
  } else {
    base = mean_of(before(left_node, its_node.over ? its_node.over->us : 0, scope));
  }
  return base;
}

Value multiplied(const Value& base, double factor) {
  if (base.missing() || factor == 1) return base;
  return arithmetic(ast::BinaryOp::multiply, base, Value::of(factor));
}

Value binary(const Node& node, const Scope& outer) {
  using Op = ast::BinaryOp;
  Scope scope = outer;
  const bool joins = node.op == Op::logical_or || node.op == Op::logical_and;
  if (!joins) scope.compared = nullptr;  // N1: the condition's own comparison, not one within: `if(x > 1, 1, 0) = 1`
  const Value a = eval(*node.kids[0], scope);
  switch (node.op) {
    case Op::logical_or:
    case Op::logical_and: {
      const Value b = eval(*node.kids[1], scope);
      const bool decides = node.op == Op::logical_or;
      if ((!a.missing() && a.truth() == decides) || (!b.missing() && b.truth() == decides)) return Value::of(decides);
      return a.missing() || b.missing() ? Value{} : Value::of(!decides);
    }
    case Op::equal:
    case Op::not_equal:
    case Op::less:
    case Op::less_equal:
    case Op::greater:
    case Op::greater_equal: {
      const Node& right = *node.kids[1];
      const bool of_its_own = right.kind == Node::Kind::its;
      const Value b = of_its_own ? its(node.kids[0], right, scope) : eval(right, scope);
      if (outer.compared != nullptr && !*outer.compared) *outer.compared = {a, b};
      return compare(node.op, a, of_its_own ? multiplied(b, right.factor) : b, node.flag);
    }
    case Op::contains:
    case Op::starts_with:
    case Op::ends_with:
      return text_test(node.op, a, eval(*node.kids[1], scope), node.flag);
    case Op::matches: {
      if (a.kind != Kind::text || node.kids[1]->regex == nullptr) return {};
      if (!node.flag) return Value::of(RE2::PartialMatch(a.text, *node.kids[1]->regex));
      const RE2 insensitive("(?i)" + node.kids[1]->regex->pattern(), RE2::Quiet);
      return Value::of(RE2::PartialMatch(a.text, insensitive));
    }
    case Op::add:
    case Op::subtract:
    case Op::multiply:
    case Op::divide:
    case Op::remainder:
      return arithmetic(node.op, a, eval(*node.kids[1], scope));
  }
  return {};
}

Value negated(Value v, bool negate) { return v.missing() || !negate ? v : Value::of(!v.truth()); }

std::pair<std::int64_t, std::int64_t> range2(const Node& node, const Windows& w) {
  constexpr std::int64_t kEver = std::numeric_limits<std::int64_t>::min() / 4;
  if (w.range2 && !node.over) {
    const std::int64_t width = w.range2->second + 1 - w.range2->first;
    return {w.range2->first - w.shift * width, w.range2->second - w.shift * width};
  }
  const auto width = node.over ? node.over : w.within;
  if (!width) return {kEver, w.at2};
  if (w.shift == 0) return {w.at2 - 2 * width->us, w.at2};
  return {w.at2 - 2 * (w.shift + 1) * width->us, w.at2 - 2 * w.shift * width->us - 1};
}

// The least-squares line; the sums of whole microseconds are exact for what tests hold.
struct Line {
  long double n = 0, sx = 0, sy = 0, sxx = 0, sxy = 0;
  double above() const { return static_cast<double>(n * sxy - sx * sy); }
  double below() const { return static_cast<double>(n * sxx - sx * sx); }
  double slope() const { return above() * 1e6 / below(); }  // per second
  double at(std::int64_t x) const {
    return static_cast<double>(sy / n) +
           above() * static_cast<double>((n * static_cast<long double>(x) - sx) / n) / below();
  }
};

std::optional<Line> line(const Events& events, const std::vector<std::string>& path, Time zero, bool lengths) {
  Line out;
  for (const Seen* e : events) {
    const Value v = field(*e, path);
    if (lengths ? v.kind != Kind::duration : !v.numeric()) continue;
    const auto x = static_cast<long double>(e->time.us - zero.us),
               y = static_cast<long double>(lengths ? static_cast<double>(v.number) : v.as_double());
    out.n += 1;
    out.sx += x;
    out.sy += y;
    out.sxx += x * x;
    out.sxy += x * y;
  }
  if (out.n < 2 || out.below() == 0) return std::nullopt;
  return out;
}

Events by_name(const Node& node, const Stream& stream, const Scope& scope) {
  Events out;
  if (scope.taken == nullptr) return out;
  const bool bare =
      stream.any.empty() && stream.filter == nullptr && scope.names != nullptr && scope.names->contains(stream.name);
  (void)node;
  for (const Taken& t : *scope.taken)
    if (bare ? t.name == stream.name : t.shown && fits(stream, *t.event, scope)) out.push_back(t.event);
  return out;
}

bool has_stream(const StreamField& s) { return !s.stream.bases.empty(); }

// The double nearest to the mean, the squares summed in 113 bits: for what tests are made of, without any error.
struct Spread {
  double mean = 0, deviation = 0;
};
Spread spread_of(const std::vector<double>& values) {
  __extension__ typedef __float128 Exact;
  Exact sum = 0, squares = 0;
  for (const double v : values) sum += v;
  const double n = static_cast<double>(values.size()), mean = static_cast<double>(sum / n);
  for (const double v : values) squares += (Exact{v} - mean) * (Exact{v} - mean);
  return {mean, std::sqrt(static_cast<double>(squares) / n)};
}

Value aggregate_node(const Node& node, const Scope& scope) {
  const Windows* w = scope.windows;
  if (node.name == "zscore") {
    if (w == nullptr || node.kids.size() < 2) return {};
    const Value now = eval(*node.kids[0], scope);
    const auto [values, lengths] = comparable(before(node.kids[0], node.kids[1]->value.number, scope));
    const bool fits_them =
        lengths ? now.kind == Kind::duration || (now.numeric() && now.as_double() == 0) : now.numeric();
    if (values.size() < 2 || !fits_them) return {};
    const double measured = now.kind == Kind::duration ? static_cast<double>(now.number) : now.as_double();
    const auto [mean, deviation] = spread_of(values);
    return deviation == 0 ? Value{} : Value::of((measured - mean) / deviation);
  }
  const auto of = [&](std::size_t i) {
    if (i >= node.streams.size() || !has_stream(node.streams[i]))
      return w != nullptr ? window_events(node, nullptr, scope) : Events{};
    return w != nullptr ? window_events(node, &node.streams[i].stream, scope)
                        : by_name(node, node.streams[i].stream, scope);
  };
  if (node.name == "ratio") {
    return arithmetic(ast::BinaryOp::divide, Value::of(static_cast<std::int64_t>(of(0).size())),
                      Value::of(static_cast<std::int64_t>(of(1).size())));
  }
  const std::vector<std::string> none;
  return aggregate(node, of(0), node.streams.empty() ? none : node.streams[0].field, scope);
}

Value sum_of(const std::vector<Value>& values) {
  Value sum = Value::of(std::int64_t{0});
  for (const Value& v : values) {
    if (v.kind == Kind::duration && sum.kind == Kind::integer) sum = Value::of(Duration{0});
    sum = arithmetic(ast::BinaryOp::add, sum, v);
  }
  return sum;
}

// From each x to the key's next event of its base, cut at the window; the last one up to now.
// The base of an alias is the set of base events under it.
bool is_of_base(const StreamField& of, const Seen& event) {
  return std::ranges::find(of.stream.bases, event.type) != of.stream.bases.end();
}

Value lasting(const Node& node, const Events& in_window, const Scope& scope) {
  std::int64_t total = 0;
  if (scope.windows == nullptr) {  // over the events of a match, or of a session
    for (std::size_t i = 0; i < in_window.size() && scope.history != nullptr; ++i)
      for (const Seen* e : *scope.history)
        if (e != nullptr && e->type == in_window[i]->type && e->order > in_window[i]->order) {
          total += e->time.us - in_window[i]->time.us;
          break;
        }
    return Value::of(Duration{total});
  }
  auto [from2, to2] = range2(node, *scope.windows);
  // A window that ends before the one in hand begins, or at its own end, ends right before an instant: it lasts to it.
  const std::int64_t to = scope.windows->shift > 0 || scope.windows->range2 ? (to2 + 1) / 2 : scope.windows->at2 / 2;
  std::int64_t from = from2 < -(std::int64_t{1} << 60) ? std::numeric_limits<std::int64_t>::min() / 4 : from2 / 2;
  if (node.over_last > 0) from = in_window.empty() ? to : in_window.front()->time.us;
  const Windows& w = *scope.windows;
  const Events& all = w.around != nullptr ? *w.around : *w.events;
  const auto is_x = [&](const Seen& e) {
    if (w.rows != nullptr && !fits(*w.rows, e, scope)) return false;
    return node.streams.empty() ? w.rows != nullptr
                                : !has_stream(node.streams[0]) || fits(node.streams[0].stream, e, scope);
  };
  const auto is_base = [&](const Seen& e) {
    return node.streams.empty() ? std::ranges::find(w.rows->bases, e.type) != w.rows->bases.end()
                                : is_of_base(node.streams[0], e);
  };
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (!is_x(*all[i])) continue;
    std::int64_t until = to;
    for (std::size_t j = i + 1; j < all.size(); ++j)
      if (all[j]->type == all[i]->type || is_base(*all[j])) {
        until = std::min(until, all[j]->time.us);
        break;
      }
    total += std::max<std::int64_t>(0, until - std::max(from, all[i]->time.us));
  }
  return Value::of(Duration{total});
}

Value percentile(std::vector<double> v, double p) {
  if (v.empty()) return {};
  std::sort(v.begin(), v.end());
  const double rank = p / 100 * static_cast<double>(v.size() - 1);
  const auto low = static_cast<std::size_t>(std::floor(rank));
  const std::size_t high = std::min(low + 1, v.size() - 1);
  return Value::of(v[low] + (rank - static_cast<double>(low)) * (v[high] - v[low]));
}

}  // namespace

Value field(const Seen& event, const std::vector<std::string>& path, std::size_t from) {
  const auto& fields = event.event->fields;
  for (std::size_t to = path.size(); to > from; --to) {  // the whole dotted name first, then its beginnings
    std::string name = path[from];
    for (std::size_t i = from + 1; i < to; ++i) name += "." + path[i];
    for (const auto& [key, value] : fields)
      if (key == name) {
        Value v = descend(value, path, to);
        if (!v.missing() || to == path.size()) return v;
      }
  }
  if (path.size() == from + 1 && path[from] == "time") return Value::of(event.time);
  return {};
}

Value eval(const Node& node, const Scope& scope) {
  using N = Node::Kind;
  switch (node.kind) {
    case N::literal:
      return node.value;
    case N::path:
      return path(node, scope);
    case N::lookup: {
      const Value key = eval(*node.kids[0], scope);
      const auto table = scope.model->tables.find(node.name);
      if (key.missing() || table == scope.model->tables.end()) return {};
      const auto row = table->second.find(canonical(key));
      return row == table->second.end() ? Value{} : descend(row->second, node.path, 0);
    }
    case N::call:
      return call(node, scope);
    case N::aggregate:
      return aggregate_node(node, scope);
    case N::negation:
      return negated(eval(*node.kids[0], scope), true);
    case N::minus: {
      const Value v = eval(*node.kids[0], scope);
      if (v.kind == Kind::duration) return Value::of(Duration{-v.number});
      return v.numeric() ? arithmetic(ast::BinaryOp::subtract, Value::of(std::int64_t{0}), v) : Value{};
    }
    case N::binary:
      return binary(node, scope);
    case N::in_list: {
      const auto list = scope.model->lists.find(node.name);
      if (list == scope.model->lists.end()) return {};
      return negated(in_values(eval(*node.kids[0], scope), list->second, node.flag), node.negated);
    }
    case N::in_calendar: {
      const Value t = eval(*node.kids[0], scope);
      return t.kind == Kind::time ? negated(Value::of(is_open(*scope.model, node.name, Time{t.number})), node.negated)
                                  : Value{};
    }
    case N::in_items: {
      std::vector<Value> items;
      for (std::size_t i = 1; i < node.kids.size(); ++i) items.push_back(eval(*node.kids[i], scope));
      return negated(in_values(eval(*node.kids[0], scope), items, node.flag), node.negated);
    }
    case N::between: {
      const Value v = eval(*node.kids[0], scope);
      const Value low = compare(ast::BinaryOp::greater_equal, v, eval(*node.kids[1], scope), false);
      const Value high = compare(ast::BinaryOp::less_equal, v, eval(*node.kids[2], scope), false);
      if ((!low.missing() && !low.truth()) || (!high.missing() && !high.truth())) return Value::of(false);
      return low.missing() || high.missing() ? Value{} : Value::of(true);
    }
    case N::is_missing:
      return Value::of(eval(*node.kids[0], scope).missing() == node.flag);
    case N::some: {
      Node list;
      list.kind = N::path;
      list.path = node.path;
      const Value v = eval(list, scope);
      if (v.kind != Kind::list) return {};
      bool unknown = false;
      for (const Value& item : v.items()) {
        Scope inner = scope;
        inner.items.push_back(&item);
        const Value holds_here = eval(*node.kids[0], inner);
        if (holds_here.truth()) return holds_here;
        unknown = unknown || holds_here.missing();
      }
      return unknown ? Value{} : Value::of(false);
    }
    case N::its:
      return {};
    case N::list: {
      std::vector<Value> items;
      for (const auto& kid : node.kids) items.push_back(eval(*kid, scope));
      return Value::list(std::move(items));
    }
    case N::text: {
      std::string out = node.pieces[0];
      for (std::size_t i = 0; i < node.kids.size(); ++i) {
        const Value v = eval(*node.kids[i], scope);
        out += (v.missing() ? "missing" : show(v)) + node.pieces[i + 1];  // a gap in a sentence would go unseen
      }
      return Value::of(out);
    }
  }
  return {};
}

bool fits(const Stream& stream, const Seen& event, const Scope& scope, std::string* written) {
  if (std::find(stream.bases.begin(), stream.bases.end(), event.type) == stream.bases.end()) return false;
  if (!stream.any.empty()) {
    if (std::none_of(stream.any.begin(), stream.any.end(),
                     [&](const Stream& s) { return fits(s, event, scope, written); }))
      return false;
  } else if (stream.alias != nullptr && !fits(*stream.alias, event, scope)) {
    return false;
  }
  if (stream.filter != nullptr) {
    Scope inner = scope;
    inner.event = &event;
    inner.compared = nullptr;  // N1: the first comparison is the condition's, not that of a filter in it
    if (!eval(*stream.filter, inner).truth()) return false;
  }
  if (written != nullptr && stream.any.empty()) *written = stream.name;
  return true;
}

Events window_events(const Node& node, const Stream* stream, const Scope& scope) {
  Events out;
  const Windows& w = *scope.windows;
  const auto [from2, to2] =
      node.over_last > 0 ? std::pair{std::numeric_limits<std::int64_t>::min(), w.at2} : range2(node, w);
  for (const Seen* e : *w.events) {
    const std::int64_t t2 = 2 * e->time.us;
    const auto is_of = [&](const StreamField& s) { return fits(s.stream, *e, scope); };
    // A6: those of either take places among the last N of a `ratio`.
    const bool takes_place = node.over_last > 0 && stream != nullptr ? std::ranges::any_of(node.streams, is_of)
                                                                     : stream == nullptr || fits(*stream, *e, scope);
    if (t2 >= from2 && t2 <= to2 && takes_place) out.push_back(e);
  }
  if (node.over_last == 0) return out;
  if (static_cast<std::int64_t>(out.size()) > node.over_last) out.erase(out.begin(), out.end() - node.over_last);
  if (stream != nullptr) std::erase_if(out, [&](const Seen* e) { return !fits(*stream, *e, scope); });
  return out;
}

Value aggregate(const Node& node, const Events& events, const std::vector<std::string>& path, const Scope& scope) {
  const std::string& f = node.name;
  std::vector<Value> values;  // A1: what is missing is left out
  for (const Seen* e : events)
    if (!path.empty())
      if (Value v = field(*e, path); !v.missing()) values.push_back(std::move(v));
  std::vector<Value> measures;
  std::vector<double> numbers;
  for (const Value& v : values) {
    if (v.numeric() || v.kind == Kind::duration) measures.push_back(v);
    if (v.numeric()) numbers.push_back(v.as_double());
  }
  const auto gaps = [&] {
    std::vector<double> out;
    for (std::size_t i = 1; i < events.size(); ++i)
      out.push_back(static_cast<double>(events[i]->time.us - events[i - 1]->time.us));
    return out;
  };
  if (f == "count") return Value::of(static_cast<std::int64_t>(path.empty() ? events.size() : values.size()));
  if (f == "sum") return sum_of(measures);
  if (f == "distinct_count") {
    std::set<std::string> distinct;
    for (const Value& v : values) distinct.insert(canonical(v));
    return Value::of(static_cast<std::int64_t>(distinct.size()));
  }
  if (f == "values") return values.empty() ? Value{} : Value::list(values);
  if (f == "first") return values.empty() ? Value{} : values.front();
  if (f == "last") return values.empty() ? Value{} : values.back();
  if (f == "duration") return lasting(node, events, scope);
  if (f == "rate") {
    if (scope.windows == nullptr || events.empty()) return {};
    const auto [from2, to2] = range2(node, *scope.windows);
    const double last = static_cast<double>(scope.windows->at2 / 2 - events.front()->time.us) / 1e6;
    const double width = node.over_last > 0                    ? last  // A6: the window is that of those events
                         : scope.windows->range2 && !node.over ? static_cast<double>((to2 + 1) / 2 - from2 / 2) / 1e6
                         : node.over                           ? static_cast<double>(node.over->us) / 1e6
                         : scope.windows->within               ? static_cast<double>(scope.windows->within->us) / 1e6
                                                               : 0;
    return width > 0 ? Value::of(static_cast<double>(events.size()) / width) : Value{};
  }
  if (f == "gap_avg" || f == "gap_stddev") {
    const auto g = gaps();
    if (g.empty()) return {};
    double sum = 0;
    for (const double x : g) sum += x;
    return Value::of(
        Duration{std::llround(f == "gap_avg" ? sum / static_cast<double>(g.size()) : spread_of(g).deviation)});
  }
  if (f == "top") {
    std::map<std::string, std::pair<std::int64_t, Value>> counts;
    for (const Value& v : values) {
      auto& slot = counts[show(v)];
      ++slot.first;
      slot.second = v;
    }
    std::vector<std::pair<std::int64_t, std::string>> ranked;
    for (const auto& [key, slot] : counts) ranked.emplace_back(-slot.first, key);
    std::sort(ranked.begin(), ranked.end());
    const std::size_t n = node.kids.empty() ? 1 : static_cast<std::size_t>(eval(*node.kids[0], scope).number);
    std::vector<Value> out;
    for (std::size_t i = 0; i < std::min(n, ranked.size()); ++i) out.push_back(counts[ranked[i].second].second);
    return out.empty() ? Value{} : Value::list(std::move(out));
  }
  if (f == "slope" || f == "forecast") {
    const Time zero = events.empty() ? Time{} : events.front()->time;
    const bool lengths = numbers.empty();  // in microseconds, and a slope is of seconds
    const auto l = line(events, path, zero, lengths);
    if (!l) return {};
    if (f == "slope") return Value::of(l->slope() / (lengths ? 1e6 : 1));
    if (scope.windows == nullptr || node.kids.empty()) return {};
    const Value ahead = eval(*node.kids.back(), scope);
    const double at = l->at(scope.windows->at2 / 2 + ahead.number - zero.us);
    return lengths ? Value::of(Duration{std::llround(at)}) : Value::of(at);
  }
  // All others are missing of nothing (A1).
  if (f == "min" || f == "max") {
    Value best;
    for (const Value& v : measures) {
      const auto o = order(v, best);
      if (best.missing() || (o && (f == "min" ? *o < 0 : *o > 0))) best = v;
    }
    return best;
  }
  if (measures.empty()) return {};
  if (f == "delta") return arithmetic(ast::BinaryOp::subtract, measures.back(), measures.front());
  if (f == "avg") {
    const Value sum = sum_of(measures);
    return arithmetic(ast::BinaryOp::divide, sum, Value::of(static_cast<std::int64_t>(measures.size())));
  }
  const bool lengths = numbers.empty();
  if (lengths)
    for (const Value& v : measures) numbers.push_back(static_cast<double>(v.number));
  const auto as_measured = [&](const Value& v) {
    return lengths && !v.missing() ? Value::of(Duration{std::llround(v.real)}) : v;
  };
  if (f == "stddev") return as_measured(Value::of(spread_of(numbers).deviation));
  if (f == "median") return as_measured(percentile(numbers, 50));
  if (f == "ema") {
    const double alpha = node.kids.empty() ? 1 : eval(*node.kids[0], scope).as_double();
    double e = numbers[0];
    for (std::size_t i = 1; i < numbers.size(); ++i) e = alpha * numbers[i] + (1 - alpha) * e;
    return as_measured(Value::of(e));
  }
  if (f.size() > 1 && f[0] == 'p') return as_measured(percentile(numbers, std::strtod(f.c_str() + 1, nullptr)));
  return {};
}

// --- calendars

std::int64_t local_offset_us(const std::string& zone, Time t) {
  if (zone.empty() || zone == "UTC") return 0;
  const auto point =
      date::sys_seconds{std::chrono::seconds{t.us >= 0 ? t.us / 1'000'000 : (t.us - 999'999) / 1'000'000}};
  return std::chrono::duration_cast<std::chrono::microseconds>(date::locate_zone(zone)->get_info(point).offset).count();
}

namespace {
std::int64_t floor_div(std::int64_t a, std::int64_t b) { return a >= 0 ? a / b : -((-a + b - 1) / b); }
// The instant at which the local clock first shows at least this (a gap in spring is passed over, autumn's first time
// is taken).
Time local_instant(const std::string& zone, std::int64_t local_us) {
  if (zone.empty() || zone == "UTC") return Time{local_us};
  const auto local = date::local_seconds{std::chrono::seconds{floor_div(local_us, 1'000'000)}};
  const auto instant = date::locate_zone(zone)->to_sys(local, date::choose::earliest);
  return Time{std::chrono::duration_cast<std::chrono::microseconds>(instant.time_since_epoch()).count() +
              (local_us - floor_div(local_us, 1'000'000) * 1'000'000)};
}
const ast::OpenHours* open_row(const Calendar& c, Time t, std::int64_t& day) {
  const std::int64_t local = t.us + local_offset_us(c.zone, t);
  day = floor_div(local, days(1).us);
  const auto weekday = static_cast<int>(((day + 3) % 7 + 7) % 7);
  const std::int64_t minute2 = local - day * days(1).us;
  for (const auto& row : c.open) {
    const bool on = row.first_day <= row.last_day ? weekday >= row.first_day && weekday <= row.last_day
                                                  : weekday >= row.first_day || weekday <= row.last_day;
    if (on && minute2 >= row.from_minute * minutes(1).us && minute2 < row.to_minute * minutes(1).us) return &row;
  }
  return nullptr;
}
}  // namespace

bool is_open(const Model& model, const std::string& calendar, Time t) {
  const auto it = model.calendars.find(calendar);
  std::int64_t day = 0;
  return it != model.calendars.end() && open_row(it->second, t, day) != nullptr;
}

Time opening(const Model& model, const std::string& calendar, Time t) {
  const Calendar& c = model.calendars.at(calendar);
  Time start = t;
  for (int guard = 0; guard < 4000; ++guard) {  // rows that touch are one opening
    std::int64_t day = 0;
    const ast::OpenHours* row = open_row(c, start, day);
    if (row == nullptr) break;
    const Time from = local_instant(c.zone, day * days(1).us + row->from_minute * minutes(1).us);
    const Time just_before{from.us - 1};
    std::int64_t ignored = 0;
    if (open_row(c, just_before, ignored) == nullptr) return from;
    start = just_before;
  }
  return start;
}

Time closing(const Model& model, const std::string& calendar, Time t) {
  const Calendar& c = model.calendars.at(calendar);
  const std::int64_t today = floor_div(t.us + local_offset_us(c.zone, t), days(1).us);
  Time latest{std::numeric_limits<std::int64_t>::min()};  // it has never been open
  for (std::int64_t day = today - 9; day <= today; ++day)
    for (const auto& row : c.open) {
      const Time end = local_instant(c.zone, day * days(1).us + row.to_minute * minutes(1).us);
      if (end <= t && is_open(model, calendar, Time{end.us - 1}) && !is_open(model, calendar, end))
        latest = std::max(latest, end);
    }
  return latest;
}

std::optional<Time> next_closing(const Model& model, const std::string& calendar, Time t) {
  const Calendar& c = model.calendars.at(calendar);
  const std::int64_t today = floor_div(t.us + local_offset_us(c.zone, t), days(1).us);
  std::optional<Time> best;
  for (std::int64_t day = today - 1; day <= today + 8; ++day)
    for (const auto& row : c.open) {
      const Time end = local_instant(c.zone, day * days(1).us + row.to_minute * minutes(1).us);
      if (end > t && is_open(model, calendar, Time{end.us - 1}) && !is_open(model, calendar, end) &&
          (!best || end < *best))
        best = end;
    }
  return best;
}

std::optional<Time> next_opening(const Model& model, const std::string& calendar, Time t) {
  const Calendar& c = model.calendars.at(calendar);
  const std::int64_t today = floor_div(t.us + local_offset_us(c.zone, t), days(1).us);
  std::optional<Time> best;
  for (std::int64_t day = today; day <= today + 8; ++day)
    for (const auto& row : c.open) {
      const Time from = local_instant(c.zone, day * days(1).us + row.from_minute * minutes(1).us);
      if (from > t && is_open(model, calendar, from) && !is_open(model, calendar, Time{from.us - 1}) &&
          (!best || from < *best))
        best = from;
    }
  return best;
}

std::pair<Time, Time> aligned_window(const Aligned& a, Time t) {
  if (a.zone.empty()) {
    const std::int64_t n = floor_div(t.us - kFirstMonday.us, a.length.us);
    return {Time{kFirstMonday.us + n * a.length.us}, Time{kFirstMonday.us + (n + 1) * a.length.us}};
  }
  const std::int64_t each = std::max<std::int64_t>(1, a.length.us / days(1).us);
  const std::int64_t day = floor_div(t.us + local_offset_us(a.zone, t), days(1).us) - 4;
  const std::int64_t n = floor_div(day, each);
  return {local_instant(a.zone, (n * each + 4) * days(1).us), local_instant(a.zone, ((n + 1) * each + 4) * days(1).us)};
}

}  // namespace tocsin::reference
