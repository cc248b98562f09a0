// The lexer: one pass, no recursion, no allocation per token. Each kind of token is one function of Lexer.
#include "dsl/lex.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <utility>

#include "engine/base/units.h"

namespace tocsin::dsl {

namespace {

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool is_name(char c) { return is_letter(c) || is_digit(c); }
bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
bool is_beyond_ascii(char c) { return (static_cast<unsigned char>(c) & 0x80U) != 0; }
std::uint32_t narrow(std::size_t n) { return static_cast<std::uint32_t>(n); }
std::string quoted(std::string_view text) { return "`" + std::string(text) + "`"; }

// The length of the UTF-8 sequence at `at`, 0 when there is none (RFC 3629: no surrogates, nothing overlong).
std::size_t utf8_length(std::string_view text, std::size_t at) {
  const auto byte = [&](std::size_t i) { return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : 0U; };
  const auto tail = [&](std::size_t i) { return (byte(i) & 0xC0U) == 0x80U; };
  const unsigned first = byte(0), second = byte(1);
  if (first < 0x80U) return 1;
  if (first >= 0xC2U && first <= 0xDFU) return tail(1) ? 2 : 0;
  if (first >= 0xE0U && first <= 0xEFU) {
    const bool in_range = (first != 0xE0U || second >= 0xA0U) && (first != 0xEDU || second <= 0x9FU);
    return in_range && tail(1) && tail(2) ? 3 : 0;
  }
  if (first >= 0xF0U && first <= 0xF4U) {
    const bool in_range = (first != 0xF0U || second >= 0x90U) && (first != 0xF4U || second <= 0x8FU);
    return in_range && tail(1) && tail(2) && tail(3) ? 4 : 0;
  }
  return 0;
}

std::size_t first_bad_byte(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t length = utf8_length(text, at);
    if (length == 0 || text[at] == '\0') return at;
    at += length;
  }
  return std::string_view::npos;
}

void append_utf8(std::string& out, std::uint32_t code) {
  const auto put = [&](std::uint32_t bits) { out.push_back(static_cast<char>(bits)); };
  if (code < 0x80) return put(code);
  if (code < 0x800) {
    put(0xC0U | (code >> 6));
  } else {
    if (code < 0x10000) {
      put(0xE0U | (code >> 12));
    } else {
      put(0xF0U | (code >> 18));
      put(0x80U | ((code >> 12) & 0x3FU));
    }
    put(0x80U | ((code >> 6) & 0x3FU));
  }
  put(0x80U | (code & 0x3FU));
}

// Reads one escape of a text, `at` on its backslash; appends what it means. The length, or 0 when it means nothing.
std::size_t read_escape(std::string_view text, std::size_t at, std::size_t limit, std::string* out) {
  if (at + 1 >= limit) return 0;
  constexpr std::string_view names = "\"\\nt", meanings = "\"\\\n\t";
  if (const std::size_t which = names.find(text[at + 1]); which != std::string_view::npos) {
    if (out != nullptr) out->push_back(meanings[which]);
    return 2;
  }
  if (text[at + 1] != 'u' || at + 2 >= limit || text[at + 2] != '{') return 0;
  std::uint32_t code = 0;
  std::size_t end = at + 3;
  while (end < limit && is_hex(text[end]) && end < at + 9) {
    std::from_chars(text.data() + end, text.data() + end + 1, code, 16);
    ++end;
  }
  if (end == at + 3 || end >= limit || text[end] != '}') return 0;
  std::from_chars(text.data() + at + 3, text.data() + end, code, 16);
  if (code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) return 0;
  if (out != nullptr) append_utf8(*out, code);
  return end + 1 - at;
}

// What people copy from documents and type in other languages: the signs beyond ASCII that mean one of ours.
struct Sign {
  std::string_view sign, meant;
};
constexpr auto kSigns = std::to_array<Sign>({
    {"\u00A0", " "},  {"\u2007", " "},   {"\u202F", " "},  {"\u3000", " "},    {"\u200B", " "},
    {"\uFEFF", " "},  {"\u2028", " "},   {"\u2013", "-"},  {"\u2014", "-"},    {"\u2212", "-"},
    {"\u2264", "<="}, {"\u2265", ">="},  {"\u2260", "!="}, {"\u2192", "then"}, {"\u00D7", "*"},
    {"\u00F7", "/"},  {"\u2227", "and"}, {"\u2228", "or"}, {"\u00AC", "not"},  {"\u2208", "in"},
});
// Quotes of typesetters, opening and closing.
constexpr auto kQuotes = std::to_array<Sign>({
    {"\u201C", "\u201D"},
    {"\u201D", "\u201D"},
    {"\u201E", "\u201C"},
    {"\u2018", "\u2019"},
    {"\u00AB", "\u00BB"},
});

// Operators of other languages: longest first.
struct Operator {
  std::string_view written, meant;
  std::string_view help;
};
constexpr auto kForeignOperators = std::to_array<Operator>({
    {"===", "=", "equality is one `=`"},
    {"!==", "!=", "inequality is `!=`"},
    {"==", "=", "equality is one `=`"},
    {"=~", "matches", "a regular expression is asked for with `matches /.../`"},
    {"!~", "not", "write `not x matches /.../`"},
    {"=>", "then", "steps follow each other with `then`"},
    {":=", "=", "one `=` gives a value"},
    {"->", "then", "steps follow each other with `then`"},
    {"<>", "!=", "inequality is `!=`"},
    {"&&", "and", "both is `and`"},
    {"||", "or", "either is `or`"},
    {"**", "*", "a power is `pow(x, n)`"},
    {"&", "and", "both is `and`"},
    {"|", "", "there are no pipes: a rule says in `when` what it looks for"},
    {"!", "not", "the opposite is `not`"},
});

class Lexer {
 public:
  Lexer(std::string_view text, std::size_t begin, std::size_t limit, bool inside, std::uint32_t file)
      : text_(text.substr(0, limit)), at_(begin), file_(file), inside_(inside) {}

  void run() {
    if (!inside_) tokens_.reserve(text_.size() / 6 + 1);
    while (at_ < text_.size() && end_ == std::string_view::npos && diagnostics_.size() < kMaxMistakes) next();
    Token end;
    end.begin = end.end = narrow(at_);
    tokens_.push_back(end);
  }

  std::vector<Token> tokens_;
  std::vector<ast::Comment> comments_;
  std::vector<Diagnostic> diagnostics_;
  std::size_t end_ = std::string_view::npos;  // of the brace that closes an interpolation

 private:
  char peek(std::size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }
  std::string_view rest() const { return text_.substr(at_); }
  std::string_view slice(std::size_t begin, std::size_t end) const { return text_.substr(begin, end - begin); }
  SourceSpan span(std::size_t begin, std::size_t end) const { return {file_, narrow(begin), narrow(end)}; }

  Token& add(TokenKind kind, std::size_t begin, std::size_t end) {
    Token token;
    token.kind = kind;
    token.begin = narrow(begin);
    token.end = narrow(end);
    tokens_.push_back(token);
    line_has_token_ = true;
    at_ = end;
    return tokens_.back();
  }

  Diagnostic& report(std::string_view code, std::size_t begin, std::size_t end, std::string message, std::string label,
                     std::string help) {
    diagnostics_.push_back({code, std::move(message), {span(begin, end), std::move(label)}, {}, std::move(help), {}});
    return diagnostics_.back();
  }

  void next() {
    const char c = peek();
    if (c == '\n') {
      line_has_token_ = false;
      ++at_;
    } else if (c == ' ' || c == '\t' || c == '\r') {
      ++at_;
    } else if (is_letter(c)) {
      word();
    } else if (is_digit(c)) {
      if (!address()) number();
    } else if (c == ':' && peek(1) == ':') {
      if (!address()) sign();
    } else if (c == '"') {
      text('"');
    } else if (c == '/') {
      slash();
    } else if (c == '$') {
      param();
    } else if (c == '`') {
      backticks();
    } else if (is_beyond_ascii(c)) {
      beyond_ascii();
    } else {
      sign();
    }
  }

  // ----- words ---------------------------------------------------------------------------------

  void word() {
    if (is_hex(peek()) && address()) return;
    std::size_t end = at_;
    while (end < text_.size() && is_name(text_[end])) ++end;
    if (end < text_.size() && is_beyond_ascii(text_[end]) && !starts_sign(end)) return foreign_name(end);
    end = with_percentile_decimals(end);
    Token& token = add(TokenKind::word, at_, end);
    token.word = find_word(slice(token.begin, end));
  }

  // `p99.9` is one word before its parenthesis; `p99.f` is a field.
  std::size_t with_percentile_decimals(std::size_t end) const {
    if (end - at_ != 3 || !is_percentile(slice(at_, end))) return end;
    std::size_t decimals = end;
    if (decimals < text_.size() && text_[decimals] == '.') ++decimals;
    while (decimals > end && decimals < text_.size() && is_digit(text_[decimals])) ++decimals;
    return decimals > end + 1 && decimals < text_.size() && text_[decimals] == '(' ? decimals : end;
  }

  void foreign_name(std::size_t end) {
    while (end < text_.size() && (is_name(text_[end]) || is_beyond_ascii(text_[end])) && !starts_sign(end)) ++end;
    const std::string name(slice(at_, end));
    if (at_ > 0 && is_digit(text_[at_ - 1])) {  // `80°`
      report("R016", at_, end, "the number has `" + name + "` behind it", "not part of a number",
             "numbers stand without a unit; only durations have one: `5m`");
      add(TokenKind::quoted_name, at_, end);
      return;
    }
    report("R016", at_, end, "the name `" + name + "` has letters beyond a to z", "not a plain name",
           "put it in backticks: it is then taken as it stands")
        .fix = Edit{span(at_, end), "`" + name + "`"};
    add(TokenKind::quoted_name, at_, end);
  }

  bool starts_sign(std::size_t at) const {
    const std::string_view here = text_.substr(at);
    const auto starts = [&](const Sign& s) { return here.starts_with(s.sign); };
    return std::ranges::any_of(kSigns, starts) || std::ranges::any_of(kQuotes, starts);
  }

  void param() {
    std::size_t end = at_ + 1;
    while (end < text_.size() && is_name(text_[end])) ++end;
    if (end > at_ + 1 && !is_digit(text_[at_ + 1])) {
      add(TokenKind::param, at_, end);
      return;
    }
    if (peek(1) == '{') {
      const std::size_t close = text_.find('}', at_);
      std::size_t stop = at_ + 2;
      while (stop < text_.size() && is_name(text_[stop])) ++stop;
      if (stop == close && stop > at_ + 2 && !inside_) {
        const std::string name = "$" + std::string(slice(at_ + 2, stop));
        report("R015", at_, close + 1, "a constant stands without braces", "braces around a name",
               "write " + quoted(name))
            .fix = Edit{span(at_, close + 1), name};
        add(TokenKind::param, at_, close + 1);
        return;
      }
    }
    report("R002", at_, at_ + 1, "`$` is followed by a name", "no name follows", "a constant is written `$name`");
    ++at_;
  }

  void backticks() {
    std::size_t end = at_ + 1;
    while (end < text_.size() && text_[end] != '`' && text_[end] != '\n') ++end;
    if (end == text_.size() || text_[end] != '`') {
      end = trimmed(at_, end);
      report("R003", at_, end, "this name is not closed", "the closing backtick is missing",
             "a name in backticks ends on its line");
      add(TokenKind::quoted_name, at_, end);
      return;
    }
    if (end == at_ + 1) report("R016", at_, end + 1, "this name is empty", "nothing between the backticks", "");
    add(TokenKind::quoted_name, at_, end + 1);
  }

  std::size_t trimmed(std::size_t begin, std::size_t end) const {
    while (end > begin + 1 && (text_[end - 1] == ' ' || text_[end - 1] == '\r' || text_[end - 1] == '\t')) --end;
    return end;
  }

  // ----- addresses -----------------------------------------------------------------------------

  // `10.0.0.1`, `10.0.0.0/8`, `fe80::1/64`. What only looks like one for a while is left alone.
  bool address() {
    std::size_t end = at_, dots = 0, colons = 0;
    bool twice = false, hex = false;
    while (end < text_.size() && (is_hex(text_[end]) || text_[end] == '.' || text_[end] == ':')) {
      dots += text_[end] == '.';
      colons += text_[end] == ':';
      twice = twice || (text_[end] == ':' && end + 1 < text_.size() && text_[end + 1] == ':');
      hex = hex || (is_hex(text_[end]) && !is_digit(text_[end]));
      if (++end - at_ > 64) return false;
    }
    if (end < text_.size() && is_name(text_[end])) return false;
    while (end > at_ && (text_[end - 1] == '.' || (text_[end - 1] == ':' && !slice(at_, end).ends_with("::")))) {
      dots -= text_[end - 1] == '.';
      colons -= text_[end - 1] == ':';
      --end;
    }
    const bool four = dots == 3 && colons == 0 && !hex;
    if (!four && !twice && colons != 7) return false;
    if (end < text_.size() && text_[end] == '/' && end + 1 < text_.size() && is_digit(text_[end + 1])) {
      ++end;
      while (end < text_.size() && is_digit(text_[end])) ++end;
    }
    if (canonical_address(slice(at_, end)).empty()) {
      if (!four) return false;
      report("R009", at_, end, quoted(slice(at_, end)) + " is not an address", "a part is too large",
             "four numbers of at most 255, and for a network its length of at most 32: `10.0.0.0/8`");
    }
    add(TokenKind::address, at_, end);
    return true;
  }

  // ----- numbers -------------------------------------------------------------------------------

  void number() {
    if (clock() || bare_time()) return;
    const std::size_t begin = at_;
    bool real = false;
    std::size_t end = digits(begin);
    if (end + 1 < text_.size() && text_[end] == '.' && is_digit(text_[end + 1])) {
      real = true;
      end = digits(end + 1);
    }
    if (const std::size_t exponent = with_exponent(end); exponent != end) {
      real = true;
      end = exponent;
    }
    std::size_t letters = end;
    while (letters < text_.size() && is_letter(text_[letters])) ++letters;
    const bool word_ends = letters >= text_.size() || !is_name(text_[letters]);
    const std::string_view suffix = slice(end, letters);
    if (suffix.empty()) return percent_at(end) ? percent(begin, end) : plain_number(begin, end, real);
    if (suffix == "x" && word_ends) return factor(begin, end);
    if (is_duration_unit(suffix)) return duration(begin, end, real);
    if (const auto unit = std::ranges::find(size_units(), suffix, &UnitRow::text);
        unit != size_units().end() && word_ends)
      return size(begin, end, unit->factor);
    strange_suffix(begin, end, real);
  }

  std::size_t digits(std::size_t at) const {
    while (at < text_.size() &&
           (is_digit(text_[at]) || (text_[at] == '_' && at + 1 < text_.size() && is_digit(text_[at + 1]))))
      ++at;
    return at;
  }

  std::size_t with_exponent(std::size_t at) const {
    if (at >= text_.size() || (text_[at] != 'e' && text_[at] != 'E')) return at;
    std::size_t end = at + 1;
    if (end < text_.size() && (text_[end] == '+' || text_[end] == '-')) ++end;
    if (end >= text_.size() || !is_digit(text_[end])) return at;
    while (end < text_.size() && is_digit(text_[end])) ++end;
    return end;
  }

  static bool is_duration_unit(std::string_view text) {
    return std::ranges::find(duration_units(), text, &UnitRow::text) != duration_units().end();
  }

  // `09:00` of a calendar.
  bool clock() {
    std::size_t hours = at_;
    while (hours < text_.size() && is_digit(text_[hours]) && hours < at_ + 2) ++hours;
    const auto at = [&](std::size_t i) { return i < text_.size() ? text_[i] : '\0'; };
    if (at(hours) != ':' || !is_digit(at(hours + 1)) || !is_digit(at(hours + 2)) || is_name(at(hours + 3)))
      return false;
    const std::size_t end = hours + 3;
    const auto number = [&](std::size_t i) { return std::int64_t{text_[i] - '0'}; };
    std::int64_t h = 0;
    for (std::size_t i = at_; i < hours; ++i) h = h * 10 + number(i);
    const std::int64_t minutes = h * 60 + number(hours + 1) * 10 + number(hours + 2);
    if (minutes > 24 * 60 || number(hours + 1) > 5)
      report("R008", at_, end, quoted(slice(at_, end)) + " is not a time of day", "from `00:00` to `24:00`", "");
    add(TokenKind::clock, at_, end).integer = std::min<std::int64_t>(minutes, 24 * 60);
    return true;
  }

  // `2026-01-05T00:00:00Z` without its quotes.
  bool bare_time() {
    constexpr std::string_view shape = "0000-00-00";
    if (rest().size() < shape.size()) return false;
    for (std::size_t i = 0; i < shape.size(); ++i)
      if (shape[i] == '0' ? !is_digit(text_[at_ + i]) : text_[at_ + i] != shape[i]) return false;
    std::size_t end = at_ + shape.size();
    while (end < text_.size() &&
           (is_name(text_[end]) || text_[end] == ':' || text_[end] == '.' || text_[end] == '+' || text_[end] == '-'))
      ++end;
    const std::string time = "\"" + std::string(slice(at_, end)) + "\"";
    report("R008", at_, end, "a point in time stands in quotes", "a time without quotes", "write `" + time + "`").fix =
        Edit{span(at_, end), time};
    add(TokenKind::text, at_, end);
    return true;
  }

  std::string plain(std::size_t begin, std::size_t end) const {
    std::string out(slice(begin, end));
    std::erase(out, '_');
    return out;
  }

  // From `digits` with the decimal point moved: exact, where a division by 100 would round twice.
  static double to_double(std::string digits, int exponent = 0) {
    if (exponent != 0) digits += "e" + std::to_string(exponent);
    double value = 0;
    const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), value);
    return result.ec == std::errc() ? value : std::numeric_limits<double>::infinity();
  }

  void too_large(std::size_t begin, std::size_t end) {
    report("R008", begin, end, "this number is too large", "beyond what can be counted",
           "whole numbers go up to 9_223_372_036_854_775_807");
  }

  void plain_number(std::size_t begin, std::size_t end, bool real) {
    const std::string written = plain(begin, end);
    if (real) {
      double value = to_double(written);
      if (value == std::numeric_limits<double>::infinity()) {
        // from_chars says the same of what is too small to tell from 0.
        if (written.find("e-") != std::string::npos || written.find("E-") != std::string::npos)
          value = 0;
        else
          too_large(begin, end), value = 0;
      }
      Token& token = add(TokenKind::number, begin, end);
      token.real = true;
      token.number = value;
      return;
    }
    std::int64_t value = 0;
    if (std::from_chars(written.data(), written.data() + written.size(), value).ec != std::errc()) {
      too_large(begin, end);
      value = 2;  // a count of which nothing else is to be said
    }
    add(TokenKind::number, begin, end).integer = value;
  }

  // `20%` is a percentage, `20 % 3`, `20%3` and `20%n` are a remainder.
  bool percent_at(std::size_t end) const {
    if (end >= text_.size() || text_[end] != '%') return false;
    const char after = end + 1 < text_.size() ? text_[end + 1] : '\0';
    return !is_name(after) && after != '(' && after != '$' && after != '`';
  }

  void percent(std::size_t begin, std::size_t end) {
    const std::string written = plain(begin, end);
    double value = 0;
    if (const std::size_t e = written.find_first_of("eE"); e != std::string::npos)
      value = to_double(written) / 100;
    else
      value = to_double(written, -2);
    if (value == std::numeric_limits<double>::infinity()) too_large(begin, end + 1), value = 0;
    add(TokenKind::percent, begin, end + 1).number = value;
  }

  void factor(std::size_t begin, std::size_t end) {
    double value = to_double(plain(begin, end));
    if (value == std::numeric_limits<double>::infinity()) too_large(begin, end + 1), value = 0;
    add(TokenKind::factor, begin, end + 1).number = value;
  }

  void size(std::size_t begin, std::size_t end, std::int64_t unit) {
    std::size_t letters = end;
    while (letters < text_.size() && is_letter(text_[letters])) ++letters;
    const double value = to_double(plain(begin, end)) * static_cast<double>(unit);
    std::int64_t whole = 0;
    const std::string written = plain(begin, end);
    const auto result = std::from_chars(written.data(), written.data() + written.size(), whole);
    const bool decimals = result.ptr != written.data() + written.size();
    if (value >= 9.2e18 || result.ec != std::errc()) {
      too_large(begin, letters);
      whole = 0;
    } else {
      whole = decimals ? static_cast<std::int64_t>(value) : whole * unit;
    }
    add(TokenKind::size, begin, letters).integer = whole;
  }

  // `1h30m`: numbers with units, each smaller than the one before.
  void duration(std::size_t begin, std::size_t end, bool real) {
    if (real) return decimal_duration(begin, end);
    std::int64_t sum = 0, last_unit = std::numeric_limits<std::int64_t>::max();
    std::size_t number = begin, after = end;
    bool overflow = false;
    std::string wrong;
    while (true) {
      std::size_t letters = after;
      while (letters < text_.size() && is_letter(text_[letters])) ++letters;
      const std::string_view name = slice(after, letters);
      const auto unit = std::ranges::find(duration_units(), name, &UnitRow::text);
      if (unit == duration_units().end()) {
        wrong = name.empty() ? quoted(slice(number, after)) + " of what? There is no unit behind it"
                             : quoted(name) + " is not a unit of time";
      } else if (unit->factor >= last_unit) {
        wrong = quoted(name) + " stands behind a smaller unit, or twice";
      } else {
        std::int64_t value = 0;
        const std::string written = plain(number, after);
        overflow = overflow ||
                   std::from_chars(written.data(), written.data() + written.size(), value).ec != std::errc() ||
                   __builtin_mul_overflow(value, unit->factor, &value) || __builtin_add_overflow(sum, value, &sum);
        last_unit = unit->factor;
      }
      after = letters;
      if (after >= text_.size() || !is_digit(text_[after])) break;
      number = after;
      after = digits(after);
    }
    while (after < text_.size() && is_name(text_[after])) ++after;
    if (!wrong.empty())
      report("R008", begin, after, quoted(slice(begin, after)) + " is not a duration", wrong,
             "units are `w d h m s ms us`, the largest first: `1h30m`");
    if (overflow) {
      report("R008", begin, after, "this duration is too long", "beyond what can be counted",
             "a rule looks back ten years at most");
      sum = hours(1).us;  // of which nothing else is to be said
    }
    add(TokenKind::duration, begin, after).integer = sum;
  }

  // `1.5h` is understood, and written `1h30m`: one way to write a length of time.
  void decimal_duration(std::size_t begin, std::size_t end) {
    std::size_t letters = end;
    while (letters < text_.size() && is_name(text_[letters])) ++letters;
    const auto unit = std::ranges::find(duration_units(), slice(end, letters), &UnitRow::text);
    double us = unit == duration_units().end() ? 0 : to_double(plain(begin, end)) * static_cast<double>(unit->factor);
    if (!(us < 9e18)) us = 0;
    const auto whole = static_cast<std::int64_t>(us);
    Diagnostic& d = report("R008", begin, letters, "a duration has no decimals", quoted(slice(begin, letters)), "");
    if (whole > 0) {
      const std::string meant = duration_text(Duration{whole});
      d.help = "write " + quoted(meant);
      d.fix = Edit{span(begin, letters), meant};
    }
    add(TokenKind::duration, begin, letters).integer = std::max<std::int64_t>(whole, 1);
  }

  // `9am`, `12pm`.
  bool hour_of_half_a_day(std::size_t begin, std::size_t end, std::size_t behind, bool afternoon) {
    int hour = 0;
    const std::string_view written = slice(begin, end);
    std::from_chars(written.data(), written.data() + written.size(), hour);
    if (hour < 1 || hour > 12) return false;
    hour = hour % 12 + (afternoon ? 12 : 0);
    const std::string meant = (hour < 10 ? "0" : "") + std::to_string(hour) + ":00";
    report("R008", begin, behind, "a time of day is counted to 24 hours", quoted(slice(begin, behind)),
           "write " + quoted(meant))
        .fix = Edit{span(begin, behind), meant};
    add(TokenKind::clock, begin, behind).integer = std::int64_t{hour} * 60;
    return true;
  }

  // `5min`, `0x1f`, `10k`, `5th`: a number that something else sticks to.
  void strange_suffix(std::size_t begin, std::size_t end, bool real) {
    std::size_t letters = end;
    while (letters < text_.size() && is_name(text_[letters])) ++letters;
    std::string suffix(slice(end, letters));
    const std::string written(slice(begin, letters));
    std::string_view unit = duration_unit_meant(suffix);
    std::string lower = suffix;
    std::ranges::transform(lower, lower.begin(),
                           [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
    if (unit.empty() && suffix != "M") unit = duration_unit_meant(lower);
    if (!unit.empty() && !real) {
      const std::string meant = std::string(slice(begin, end)) + std::string(unit);
      report("R008", begin, letters, quoted(written) + " is not a duration", quoted(suffix) + " is not a unit",
             "write " + quoted(meant))
          .fix = Edit{span(begin, letters), meant};
      std::int64_t value = 0;
      const std::string number = plain(begin, end);
      const auto row = std::ranges::find(duration_units(), unit, &UnitRow::text);
      if (std::from_chars(number.data(), number.data() + number.size(), value).ec != std::errc() ||
          __builtin_mul_overflow(value, row->factor, &value))
        value = row->factor;
      add(TokenKind::duration, begin, letters).integer = value;
      return;
    }
    if ((lower == "am" || lower == "pm") && !real && hour_of_half_a_day(begin, end, letters, lower == "pm")) return;
    std::string help = suffix == "M"
                           ? "minutes are " + quoted(std::string(slice(begin, end)) + "m") + ", sizes " +
                                 quoted(std::string(slice(begin, end)) + "MB") +
                                 "; months have no fixed length: write days, such as `30d`"
                           : "units are `w d h m s ms us` for durations, `KB KiB MB MiB GB GiB TB TiB` for sizes";
    if (lower == "mo" || lower == "month" || lower == "months" || lower == "y" || lower == "year" || lower == "years")
      help = "months and years have no fixed length: write days, such as `30d`";
    if (written.starts_with("0x") || written.starts_with("0X"))
      help = "numbers are written in decimals; text becomes one by `number(t, 16)`";
    if (lower == "f" && inside_ && begin > 0 && (text_[begin - 1] == '.' || text_[begin - 1] == ':'))
      help = "braces take no format: `round(x, 2)` leaves two decimals";
    if (lower == "k") help = "write `" + std::string(slice(begin, end)) + "_000`";
    report("R008", begin, letters, quoted(written) + " is no number and no duration", quoted(suffix) + " is not a unit",
           help);
    Token& token = add(TokenKind::number, begin, letters);
    token.integer = 1;
  }

  // ----- text, regular expressions, comments ---------------------------------------------------

  void text(char quote) {
    const std::size_t begin = at_;
    std::size_t end = begin + 1;
    while (end < text_.size() && text_[end] != quote && text_[end] != '\n') {
      if (text_[end] != '\\' || quote != '"') {
        ++end;
        continue;
      }
      const std::size_t length = read_escape(text_, end, text_.size(), nullptr);
      if (length == 0 && !inside_) bad_escape(end);
      end += length != 0 ? length : end + 1 < text_.size() && text_[end + 1] != '\n' ? 2 : 1;
    }
    if (quote == '"' && !inside_)
      if (const auto whole = end_behind_quotes(begin)) end = *whole;
    if (end >= text_.size() || text_[end] != quote) {
      end = trimmed(begin, std::min(end, text_.size()));
      if (const Token* first = end == begin + 1 ? glued_text() : nullptr)
        report("R003", first->begin, end, "this text is not closed", "a quote is missing in here",
               "close the first text where it ends: all that follows on this line reads the wrong way round");
      else
        report("R003", begin, end, "this text is not closed", "the closing quote is missing",
               "a text ends on its line; a new line inside is written `\\n`");
      add(TokenKind::text, begin, end);
      return;
    }
    if (quote == '\'') {
      const std::string mark = inside_ ? "\\\"" : "\"";
      const std::string meant = mark + std::string(slice(begin + 1, end)) + mark;
      report("R015", begin, end + 1, "text stands in double quotes", "single quotes", "write `" + meant + "`").fix =
          Edit{span(begin, end + 1), meant};
    }
    add(TokenKind::text, begin, end + 1);
  }

  // A place in a text that is looked through for quotes between its braces.
  struct InBraces {
    std::size_t brace = 0;  // where the one stands that is open; 0: none is

    // The next place: a brace that is doubled is none.
    std::size_t step(std::string_view text, std::size_t at) {
      const bool twice = brace == 0 && at + 1 < text.size() && text[at + 1] == text[at];
      if (text[at] == '{' && twice) return at + 2;
      if (text[at] == '{' && brace == 0) brace = at;
      if (text[at] == '}') brace = 0;
      return at + (text[at] == '\\' ? 2 : 1);
    }
  };

  // `"{split(f, ",")}"`: a quote stands between braces where a value is awaited, so it is no end but should
  // have had its backslash. Told once, with all of them; the true end of the text. Nothing: it is the end.
  std::optional<std::size_t> end_behind_quotes(std::size_t begin) {
    const std::size_t line_end = std::min(text_.find('\n', begin), text_.size());
    InBraces place;
    std::string meant = "\"";
    bool between_quotes = false;
    std::size_t first = 0;  // inner quote; 0: none so far
    for (std::size_t at = begin + 1; at < line_end;) {
      if (text_[at] == '"') {
        if (place.brace == 0) {
          if (first == 0) return std::nullopt;
          meant += '"';
          report("R004", first, first + 1, "a quote between the braces of a text is written `\\\"`",
                 "it ends the text here", "write `" + meant + "`")
              .fix = Edit{span(begin, at + 1), meant};
          return at;
        }
        if (!between_quotes && !awaits_value(place.brace, at)) return std::nullopt;
        between_quotes = !between_quotes;
        if (first == 0) first = at;
        meant += "\\\"";
        ++at;
        continue;
      }
      const std::size_t next =
          between_quotes ? at + (text_[at] == '\\' ? 2 : 1) : std::min(place.step(text_, at), line_end);
      meant += slice(at, std::min(next, line_end));
      at = next;
    }
    return std::nullopt;
  }

  // Does what stands between the brace and `at` end so that a value must follow: `{f(`, `{f(x, `?
  bool awaits_value(std::size_t brace, std::size_t at) const {
    std::size_t last = at;
    while (last > brace + 1 && text_[last - 1] == ' ') --last;
    return last > brace + 1 && is_name(text_[brace + 1]) &&
           std::string_view("(,[=<>+").find(text_[last - 1]) != std::string_view::npos;
  }

  // A quote that opens nothing at the end of a line closes what was meant: one before it is missing. From there on the
  // quotes stand the wrong way round, so the first text that touches what follows it is the one without its end.
  const Token* glued_text() const {
    const std::size_t line = text_.rfind('\n', at_) + 1;  // 0 on the first line
    const auto touches = [&](const Token& t) {
      return t.kind == TokenKind::text && t.begin >= line && t.end < text_.size() &&
             (is_name(text_[t.end]) || text_[t.end] == '{');
    };
    const auto found = std::ranges::find_if(tokens_, touches);
    return found == tokens_.end() ? nullptr : &*found;
  }

  void bad_escape(std::size_t at) {
    const std::size_t end = std::min(at + 1 + std::max<std::size_t>(utf8_length(text_, at + 1), 1), text_.size());
    if (at + 1 >= text_.size() || text_[at + 1] == '\n') return;  // the text is not closed either: one message
    const bool unicode = text_[at + 1] == 'u';
    report("R004", at, end, quoted(slice(at, end)) + " stands for nothing", "not an escape",
           unicode ? "a character by its number is written `\\u{e9}`"
                   : "there are `\\\"`, `\\\\`, `\\n`, `\\t` and `\\u{...}`; a backslash is `\\\\`");
  }

  void slash() {
    if (peek(1) == '/') return comment(2);
    if (peek(1) == '*') return block_comment();
    if (regex_may_stand()) return regex();
    add(TokenKind::punctuation, at_, at_ + 1).punct = Punct::divide;
  }

  bool regex_may_stand() const {
    if (tokens_.empty()) return false;
    const Token& before = tokens_.back();
    return before.word == Word::matches || before.punct == Punct::open_round || before.punct == Punct::comma;
  }

  void regex() {
    std::size_t end = at_ + 1;
    while (end < text_.size() && text_[end] != '/' && text_[end] != '\n')
      end += text_[end] == '\\' && end + 1 < text_.size() && text_[end + 1] != '\n' ? 2U : 1U;
    if (end >= text_.size() || text_[end] != '/') {
      end = trimmed(at_, std::min(end, text_.size()));
      report("R003", at_, end, "this regular expression is not closed", "the closing `/` is missing",
             "a regular expression stands between slashes on one line; a slash inside is `\\/`");
      add(TokenKind::regex, at_, end);
      return;
    }
    const std::size_t begin = at_;
    std::size_t flags = end + 1;
    while (flags < text_.size() && is_letter(text_[flags])) ++flags;
    if (flags > end + 1) {
      const std::string letters(slice(end + 1, flags));
      // `/usr/bin/`: no flags, but the slashes of a path.
      if (flags < text_.size() && text_[flags] == '/') return slashes_inside(begin);
      Diagnostic& d = report("R015", end + 1, flags, "flags do not stand behind a regular expression", "not here",
                             letters == "i" ? "write `ignoring case` behind it, or begin it with `(?i)`"
                                            : "begin it with `(?" + letters + ")`");
      if (letters == "i") d.fix = Edit{span(end + 1, flags), " ignoring case"};
    }
    add(TokenKind::regex, begin, end + 1);
    at_ = flags;
  }

  // `/a/b/`: up to the last slash of the word, those between with a backslash.
  void slashes_inside(std::size_t begin) {
    std::size_t end = begin + 1;
    for (std::size_t at = end; at < text_.size() && (is_name(text_[at]) || text_[at] == '/'); ++at)
      if (text_[at] == '/') end = at;
    ++end;
    std::string meant = "/";
    for (const char c : slice(begin + 1, end - 1)) meant += c == '/' ? "\\/" : std::string(1, c);
    report("R015", begin, end, "a slash ends a regular expression", "more than two slashes",
           "a slash inside is `\\/`: " + quoted(meant + "/"))
        .fix = Edit{span(begin, end), meant + "/"};
    add(TokenKind::regex, begin, end);
    at_ = end;
  }

  void comment(std::size_t mark) {
    std::size_t end = text_.find('\n', at_);
    if (end == std::string_view::npos) end = text_.size();
    const std::size_t stop = std::max(trimmed(at_, end), at_ + std::min(mark, end - at_));
    comments_.push_back({std::string(slice(at_, stop)), !line_has_token_, span(at_, stop)});
    at_ = end;
  }

  void foreign_comment(std::size_t mark) {
    report("R015", at_, at_ + mark, "a comment begins with `//`", "not a comment here", "write `//`").fix =
        Edit{span(at_, at_ + mark), "//"};
    const std::size_t end = text_.find('\n', at_);
    at_ = end == std::string_view::npos ? text_.size() : end;
  }

  void block_comment() {
    const std::size_t close = text_.find("*/", at_ + 2);
    report("R015", at_, at_ + 2, "a comment begins with `//`", "not a comment here",
           "write `//` before each line of it");
    at_ = close == std::string_view::npos ? text_.size() : close + 2;
  }

  // ----- signs ---------------------------------------------------------------------------------

  void sign() {
    const char c = peek();
    if (c == ';') return strange_semicolon();
    if (c == '#') return foreign_comment(1);
    if (c == '\'') return text('\'');
    if (rest().starts_with("-- ") || rest().starts_with("--\n")) return foreign_comment(2);
    for (const Operator& op : kForeignOperators)
      if (rest().starts_with(op.written) && !rest().starts_with("!=")) return foreign_operator(op);
    if (rest().starts_with("!==")) return foreign_operator(kForeignOperators[1]);
    for (std::size_t length : {std::size_t{2}, std::size_t{1}})
      if (const Punct punct = find_punct(rest().substr(0, length)); punct != Punct::none)
        return punctuation(punct, text_of(punct).size());  // at the end of the text, one character is all there is
    const std::string_view shown = slice(at_, at_ + 1);
    const bool control = static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
    if (c != '\0')  // a NUL was told already, as what makes the file no text
      report("R002", at_, at_ + 1, control ? "a control character stands here" : quoted(shown) + " means nothing here",
             "not part of the language", "");
    ++at_;
  }

  static Punct find_punct(std::string_view text) {
    for (std::size_t i = 1; i <= static_cast<std::size_t>(Punct::remainder); ++i)
      if (text_of(static_cast<Punct>(i)) == text) return static_cast<Punct>(i);
    return Punct::none;
  }

  void punctuation(Punct punct, std::size_t length) {
    if (inside_ && punct == Punct::open_brace) ++depth_;
    if (inside_ && punct == Punct::close_brace && depth_-- == 0) {
      end_ = at_;
      return;
    }
    add(TokenKind::punctuation, at_, at_ + length).punct = punct;
  }

  void strange_semicolon() {
    report("R015", at_, at_ + 1, "nothing ends with a semicolon", "not needed", "leave it out").fix =
        Edit{span(at_, at_ + 1), ""};
    ++at_;
  }

  void foreign_operator(const Operator& op) {
    const std::size_t end = at_ + op.written.size();
    std::string_view meaning = op.meant;
    const std::size_t operand = text_.find_first_not_of(' ', end);
    if (op.written == "=>" && operand != std::string_view::npos && is_digit(text_[operand])) meaning = ">=";
    const bool whole = !meaning.empty() && op.written != "!~" && op.written != "**";  // the sign alone is the mistake
    Diagnostic& d = report("R011", at_, end, quoted(op.written) + " is not an operator here",
                           whole ? "write " + quoted(meaning) : "not here", std::string(op.help));
    const bool is_word = !meaning.empty() && is_letter(meaning[0]);
    if (whole) {
      const bool joined = is_word && end < text_.size() && text_[end] != ' ' && text_[end] != '\n';
      const bool glued = is_word && at_ > 0 && is_name(text_[at_ - 1]);
      d.fix = Edit{span(at_, end), (glued ? " " : "") + std::string(meaning) + (joined ? " " : "")};
    }
    meant(meaning, end);
  }

  // The token that was meant, over the bytes that were written.
  void meant(std::string_view text, std::size_t end) {
    const std::size_t begin = at_;
    at_ = end;
    if (text.empty() || text == " ") return;
    if (is_letter(text[0]))
      add(TokenKind::word, begin, end).word = find_word(text);
    else
      add(TokenKind::punctuation, begin, end).punct = find_punct(text);
  }

  void beyond_ascii() {
    for (const Sign& s : kSigns)
      if (rest().starts_with(s.sign)) return strange_sign(s);
    for (const Sign& s : kQuotes)
      if (rest().starts_with(s.sign)) return strange_quotes(s);
    std::size_t end = at_;
    while (end < text_.size() && (is_name(text_[end]) || is_beyond_ascii(text_[end]))) ++end;
    if (const std::size_t bad = first_bad_byte(slice(at_, end)); bad == 0) {
      ++at_;  // told already, as what makes the file no text
      return;
    }
    foreign_name(at_);
  }

  // `when 5 × login`: how often, not a product.
  bool is_times_of_a_count() const {
    const std::size_t n = tokens_.size();
    if (n < 2 || tokens_[n - 1].kind != TokenKind::number || tokens_[n - 1].real) return false;
    return tokens_[n - 2].word == Word::when || tokens_[n - 2].word == Word::then;
  }

  void strange_sign(const Sign& s) {
    const std::size_t end = at_ + s.sign.size();
    if (s.meant == "*" && is_times_of_a_count()) {
      report("R002", at_, end, "this sign is not part of the language", "leave this out",
             "a number alone counts: `5 login_failed`")
          .fix = Edit{span(at_, end), ""};
      at_ = end;
      return;
    }
    if (s.meant == " " && at_ == 0) {  // a byte order mark
      at_ = end;
      return;
    }
    // A dash between words is one of prose, and no minus would be better there.
    const bool prose = s.meant == "-" && at_ > 0 && text_[at_ - 1] == ' ' && end + 1 < text_.size() &&
                       text_[end] == ' ' && is_letter(text_[end + 1]);
    Diagnostic& d =
        report("R002", at_, end,
               s.meant == " " ? "a space that is no plain space stands here" : "this sign is not part of the language",
               prose            ? "a dash"
               : s.meant == " " ? "an invisible character"
                                : "write " + quoted(s.meant),
               prose ? "the minus sign is `-`; a comment begins with `//`" : "");
    if (!prose) d.fix = Edit{span(at_, end), std::string(s.meant)};
    meant(s.meant, end);
  }

  void strange_quotes(const Sign& s) {
    const std::size_t begin = at_;
    std::size_t end = begin + s.sign.size();
    const std::size_t line_end = std::min(text_.find('\n', begin), text_.size());
    std::size_t close = std::string_view::npos, length = 1;
    for (const std::string_view mark : {s.meant, std::string_view("\"")})
      if (const std::size_t found = slice(end, line_end).find(mark);
          found != std::string_view::npos && found + end < close) {
        close = found + end;
        length = mark.size();
      }
    if (close == std::string_view::npos) {
      report("R003", begin, trimmed(begin, line_end), "this text is not closed", "the closing quote is missing",
             "text stands between straight quotes");
      add(TokenKind::text, begin, trimmed(begin, line_end));
      return;
    }
    report("R015", begin, close + length, "text stands in straight quotes", "quotes of a word processor", "write `\"`")
        .fix = Edit{span(begin, close + length), "\"" + std::string(slice(end, close)) + "\""};
    add(TokenKind::text, begin, close + length);
  }

  std::string_view text_;  // up to the limit
  std::size_t at_;
  std::uint32_t file_;
  bool inside_;
  bool line_has_token_ = false;
  int depth_ = 0;
};

std::string unescape(std::string_view text) {
  std::string out;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t length = text[at] == '\\' ? read_escape(text, at, text.size(), &out) : 0;
    if (length == 0) out.push_back(text[at]);
    at += std::max<std::size_t>(length, 1);
  }
  return out;
}

std::string regex_content(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '\\' || i + 1 >= text.size()) {
      out.push_back(text[i]);
      continue;
    }
    ++i;
    if (text[i] != '/') out.push_back('\\');
    out.push_back(text[i]);
  }
  return out;
}

}  // namespace

std::string_view text_of(Punct punct) {
  static constexpr auto kTexts = std::to_array<std::string_view>({"",
#define X(enumerator, text) text,
                                                                  TOCSIN_PUNCTUATION(X)
#undef X
  });
  return kTexts[static_cast<std::size_t>(punct)];
}

std::string_view spelling(const Token& token, std::string_view source) {
  if (token.kind == TokenKind::word && token.begin == token.end) return row(token.word).text;  // put there by a phrase
  // A bracket that the parser closed for its author may stand behind the last byte.
  return token.begin < source.size() ? source.substr(token.begin, token.end - token.begin) : std::string_view();
}

std::string content(const Token& token, std::string_view source) {
  std::string_view text = spelling(token, source);
  const auto strip = [&](char mark) {
    if (text.size() > 1 && text.ends_with(mark)) text.remove_suffix(1);
    text.remove_prefix(1);
    return text;
  };
  switch (token.kind) {
    case TokenKind::text:
      if (text.starts_with('"')) return unescape(strip('"'));
      if (text.starts_with('\'')) return std::string(strip('\''));
      return std::string(text);
    case TokenKind::regex:
      return regex_content(strip('/'));
    case TokenKind::quoted_name:
      return text.starts_with('`') ? std::string(strip('`')) : std::string(text);
    case TokenKind::param:
      if (text.starts_with('$')) text.remove_prefix(text.starts_with("${") ? 2 : 1);
      if (text.ends_with('}')) text.remove_suffix(1);
      return std::string(text);
    case TokenKind::address:
      return canonical_address(text);
    case TokenKind::word:
      return token.word != Word::none && token.word != Word::p ? std::string(row(token.word).text) : std::string(text);
    case TokenKind::number:
    case TokenKind::factor:
    case TokenKind::percent:
    case TokenKind::size:
    case TokenKind::duration:
    case TokenKind::clock:
    case TokenKind::punctuation:
    case TokenKind::end:
      break;
  }
  return std::string(text);
}

namespace {

Diagnostic of_whole_file(std::string_view code, std::string message, Label here, std::string help) {
  Diagnostic d;
  d.code = code;
  d.message = std::move(message);
  d.here = std::move(here);
  d.help = std::move(help);
  return d;
}

}  // namespace

Lexed lex(const SourceText& source, std::uint32_t file) {
  Lexed out;
  if (source.text.size() > kMaxFileBytes) {
    out.diagnostics.push_back(of_whole_file("R007", "this file is too large",
                                            {{file, 0, 0}, std::to_string(source.text.size() >> 20) + " MiB"},
                                            "a file of rules has at most 16 MiB: put the rules into several files, and "
                                            "long lists into `list L from \"file\"`"));
    out.tokens.emplace_back();
    return out;
  }
  if (const std::size_t bad = first_bad_byte(source.text); bad != std::string_view::npos) {
    const bool zero = source.text[bad] == '\0';
    out.diagnostics.push_back(of_whole_file(
        "R006", zero ? "this file is not text: it contains a zero byte" : "this file is not UTF-8 text",
        {{file, narrow(bad), narrow(bad + 1)}, zero ? "a zero byte" : "this byte is part of no character"},
        "save the file as UTF-8"));
  }
  Lexer lexer(source.text, 0, source.text.size(), false, file);
  lexer.run();
  out.tokens = std::move(lexer.tokens_);
  out.comments = std::move(lexer.comments_);
  std::ranges::move(lexer.diagnostics_, std::back_inserter(out.diagnostics));
  return out;
}

Inside lex_inside(std::string_view text, std::size_t begin, std::size_t limit) {
  Lexer lexer(text, begin, limit, true, 0);
  lexer.run();
  return {std::move(lexer.tokens_), lexer.end_, std::move(lexer.diagnostics_)};
}

std::optional<Duration> parse_duration(std::string_view text) {
  Lexer lexer(text, 0, text.size(), false, 0);
  lexer.run();
  const auto& tokens = lexer.tokens_;
  if (!lexer.diagnostics_.empty() || tokens.size() != 2 || tokens[0].kind != TokenKind::duration) return std::nullopt;
  if (tokens[0].begin != 0 || tokens[0].end != text.size()) return std::nullopt;
  return Duration{tokens[0].integer};
}

std::string write_duration(Duration duration) {
  if (duration.us == 0) return "0s";
  for (const UnitRow& unit : duration_units())
    if (unit.text != "w" && duration.us % unit.factor == 0)
      return std::to_string(duration.us / unit.factor) + std::string(unit.text);
  return {};  // not reached: microseconds divide everything
}

std::string canonical_address(std::string_view text) {
  const std::size_t slash = text.find('/');
  const std::string host(text.substr(0, slash));
  std::array<unsigned char, sizeof(in6_addr)> bytes{};
  const int family = host.find(':') == std::string::npos ? AF_INET : AF_INET6;
  if (inet_pton(family, host.c_str(), bytes.data()) != 1) return {};
  std::array<char, INET6_ADDRSTRLEN> written{};
  if (inet_ntop(family, bytes.data(), written.data(), written.size()) == nullptr) return {};
  std::string out = written.data();
  if (slash == std::string_view::npos) return out;
  const std::string_view digits = text.substr(slash + 1);
  unsigned length = 0;
  const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), length);
  if (result.ec != std::errc() || result.ptr != digits.data() + digits.size()) return {};
  if (length > (family == AF_INET ? 32U : 128U)) return {};
  return out + "/" + std::to_string(length);
}

}  // namespace tocsin::dsl
