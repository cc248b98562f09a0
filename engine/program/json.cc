#include "engine/program/json.h"

#include <charconv>
#include <string>
#include <vector>

#include "engine/base/text.h"
#include "engine/base/utf8.h"

namespace tocsin {
namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }

class Parser {
 public:
  Parser(std::string_view text, Arena& arena) : rest_(text), arena_(arena) {}

  std::optional<Value> all() {
    Value value;
    if (!read(value, 0)) return std::nullopt;
    skip_space();
    return rest_.empty() ? std::optional(value) : std::nullopt;
  }

 private:
  void skip_space() {
    while (!rest_.empty() && (rest_[0] == ' ' || rest_[0] == '\t' || rest_[0] == '\n' || rest_[0] == '\r'))
      rest_.remove_prefix(1);
  }
  bool take(char c) {
    skip_space();
    if (!rest_.starts_with(c)) return false;
    rest_.remove_prefix(1);
    return true;
  }
  bool take_word(std::string_view word) {
    if (!rest_.starts_with(word)) return false;
    rest_.remove_prefix(word.size());
    return true;
  }

  bool read(Value& value, int depth) {
    skip_space();
    if (rest_.empty() || depth > kJsonDepth) return false;
    switch (rest_[0]) {
      case '{':
        return read_object(value, depth);
      case '[':
        return read_list(value, depth);
      case '"': {
        std::string_view text;
        return read_text(text) && (value = Value::text(text), true);
      }
      case 't':
        return take_word("true") && (value = Value::boolean(true), true);
      case 'f':
        return take_word("false") && (value = Value::boolean(false), true);
      case 'n':
        return take_word("null") && (value = Value(), true);
      default:
        return read_number(value);  // any other byte: a number or an error
    }
  }

  bool read_list(Value& value, int depth) {
    take('[');
    std::vector<Value> items;
    if (!take(']')) {
      do {
        if (!read(items.emplace_back(), depth + 1)) return false;
      } while (take(','));
      if (!take(']')) return false;
    }
    value = Value::list(arena_.copy(std::span<const Value>(items)));
    return true;
  }

  bool read_object(Value& value, int depth) {
    take('{');
    std::vector<Member> members;
    if (!take('}')) {
      do {
        Member& member = members.emplace_back();
        skip_space();
        if (!read_text(member.name) || !take(':') || !read(member.value, depth + 1)) return false;
      } while (take(','));
      if (!take('}')) return false;
    }
    value = Value::object(arena_.copy(std::span<const Member>(members)));
    return true;
  }

  // JSON's grammar is narrower than ours: no leading zero, no plus, digits on both sides of the point.
  bool read_number(Value& value) {
    std::size_t i = rest_.starts_with('-') ? 1 : 0;
    const std::size_t first = i;
    const auto digits = [&] {
      const std::size_t from = i;
      while (i < rest_.size() && is_digit(rest_[i])) ++i;
      return i > from;
    };
    if (!digits() || (rest_[first] == '0' && i > first + 1)) return false;
    bool whole = true;
    if (i < rest_.size() && rest_[i] == '.') {
      whole = false;
      ++i;
      if (!digits()) return false;
    }
    if (i < rest_.size() && (rest_[i] == 'e' || rest_[i] == 'E')) {
      whole = false;
      ++i;
      if (i < rest_.size() && (rest_[i] == '+' || rest_[i] == '-')) ++i;
      if (!digits()) return false;
    }
    const std::string_view text = rest_.substr(0, i);
    rest_.remove_prefix(i);
    std::int64_t integer = 0;
    if (whole && parse_integer(text, integer) == NumberText::good) return value = Value::integer(integer), true;
    double floating = 0;  // also integers beyond 64 bits
    return parse_floating(text, floating) == NumberText::good && (value = Value::floating(floating), true);
  }

  bool read_text(std::string_view& text) {
    if (!rest_.starts_with('"')) return false;
    const std::size_t end = rest_.find_first_of("\"\\", 1);
    if (end == std::string_view::npos) return false;
    if (rest_[end] == '"') {
      text = rest_.substr(1, end - 1);
      rest_.remove_prefix(end + 1);
      return !has_control(text);
    }
    std::string unescaped;
    if (!read_escaped(unescaped) || has_control_after_unescape_) return false;
    text = arena_.text(unescaped);
    return true;
  }

  static bool has_control(std::string_view text) {
    for (const char c : text)
      if (static_cast<unsigned char>(c) < 0x20) return true;
    return false;
  }

  bool read_escaped(std::string& out) {
    std::size_t i = 1;
    has_control_after_unescape_ = false;
    for (; i < rest_.size() && rest_[i] != '"'; ++i) {
      if (rest_[i] != '\\') {
        if (static_cast<unsigned char>(rest_[i]) < 0x20) has_control_after_unescape_ = true;
        out += rest_[i];
        continue;
      }
      if (++i == rest_.size()) return false;
      if (rest_[i] == 'u') {
        if (!read_code(i, out)) return false;
        continue;
      }
      constexpr std::string_view kNames = "\"\\/bfnrt", kMeant = "\"\\/\b\f\n\r\t";
      const std::size_t which = kNames.find(rest_[i]);
      if (which == std::string_view::npos) return false;
      out += kMeant[which];
    }
    if (i >= rest_.size()) return false;
    rest_.remove_prefix(i + 1);
    return true;
  }

  bool hex(std::size_t at, unsigned& code) const {
    if (at + 4 > rest_.size()) return false;
    const char* from = rest_.data() + at;
    const auto [end, error] = std::from_chars(from, from + 4, code, 16);
    return error == std::errc() && end == from + 4;
  }

  // `i` stands at the u, and afterwards at the last digit. Half a pair alone is no character.
  bool read_code(std::size_t& i, std::string& out) {
    unsigned code = 0, low = 0;
    if (!hex(i + 1, code)) return false;
    i += 4;
    if (code >= 0xDC00 && code < 0xE000) return false;
    if (code >= 0xD800 && code < 0xDC00) {
      if (rest_.substr(i + 1, 2) != "\\u" || !hex(i + 3, low) || low < 0xDC00 || low >= 0xE000) return false;
      i += 6;
      code = 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00);
    }
    append_character(out, code);
    return true;
  }

  std::string_view rest_;
  Arena& arena_;
  bool has_control_after_unescape_ = false;
};

Value member_of(const Value& value, std::string_view name) {
  if (value.type() != Type::object) return {};
  for (const Member& member : value.as_object())
    if (member.name == name) return member.value;
  return {};
}

Value item_of(const Value& value, std::string_view index) {
  std::int64_t i = 0;
  if (value.type() != Type::list || parse_integer(index, i) != NumberText::good) return {};
  const auto size = static_cast<std::int64_t>(value.as_list().size());
  if (i < 0) i += size;
  return i >= 0 && i < size ? value.as_list()[static_cast<std::size_t>(i)] : Value();
}

}  // namespace

std::optional<Value> parse_json(std::string_view text, Arena& arena) { return Parser(text, arena).all(); }

Value at_path(const Value& value, std::string_view path) {
  if (path.empty() || value.is_missing()) return value;
  if (path[0] == '[') {
    const std::size_t end = path.find(']');
    if (end == std::string_view::npos) return {};
    std::string_view rest = path.substr(end + 1);
    if (rest.starts_with('.')) rest.remove_prefix(1);
    return at_path(item_of(value, path.substr(1, end - 1)), rest);
  }
  if (const Value whole = member_of(value, path); !whole.is_missing()) return whole;
  const std::size_t end = path.find_first_of(".[");
  if (end == std::string_view::npos) return {};
  return at_path(member_of(value, path.substr(0, end)), path.substr(path[end] == '.' ? end + 1 : end));
}

}  // namespace tocsin
