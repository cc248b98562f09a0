// Were this wrong, a caret would point at the wrong word, a number would mean another number, or a slip in one line
// would swallow the rest of the file.
#include "dsl/lex.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace tocsin::dsl {
namespace {

// The tokens as written, each with a letter for its kind: `w:when n:5 d:5m`.
std::string kinds(const std::string& text) {
  const SourceText source{"t", text};
  std::string out;
  for (const Token& t : lex(source).tokens) {
    if (t.kind == TokenKind::end) break;
    constexpr std::string_view letters = "wQPnf%sdctra.";
    if (!out.empty()) out += ' ';
    out += letters[static_cast<std::size_t>(t.kind)];
    out += ':';
    out += spelling(t, text);
  }
  return out;
}

// What is told of a text: codes and the bytes they mark.
std::string told(const std::string& text) {
  const SourceText source{"t", text};
  std::string out;
  for (const Diagnostic& d : lex(source).diagnostics) {
    if (!out.empty()) out += ' ';
    out += std::string(d.code) + "[" + text.substr(d.here.span.begin, d.here.span.end - d.here.span.begin) + "]";
    if (d.fix) out += ">" + d.fix->text;
  }
  return out;
}

Token only(const std::string& text) {
  const SourceText source{"t", text};
  const Lexed lexed = lex(source);
  REQUIRE(lexed.tokens.size() == 2);
  return lexed.tokens[0];
}

TEST_CASE("words, names and signs, and where each begins") {
  CHECK(kinds("rule r when 5 a(x = 1) within 5m") == "w:rule w:r w:when n:5 w:a .:( w:x .:= n:1 .:) w:within d:5m");
  CHECK(kinds("`User-Agent`.f $n a.b != c<=d>=e") ==
        "Q:`User-Agent` .:. w:f P:$n w:a .:. w:b .:!= w:c .:<= w:d .:>= w:e");
  CHECK(kinds("p99.9(x.f) p99.f p9 p100") == "w:p99.9 .:( w:x .:. w:f .:) w:p99 .:. w:f w:p9 w:p100");
  CHECK(only("within").word == Word::within);
  CHECK(only("WITHIN").word == Word::none);
  CHECK(only("p95").word == Word::p);
}

TEST_CASE("numbers of all kinds") {
  CHECK(only("10_000").integer == 10'000);
  CHECK(only("1.5").number == 1.5);
  CHECK(only("1e3").real);
  CHECK(only("20%").number == 0.2);
  CHECK(only("14.4%").number == 0.144);
  CHECK(only("3x").number == 3);
  CHECK(only("10MB").integer == 10'000'000);
  CHECK(only("64KiB").integer == 65'536);
  CHECK(only("1.5KiB").integer == 1'536);
  CHECK(only("1h30m").integer == minutes(90).us);
  CHECK(only("250ms").integer == 250'000);
  CHECK(only("2w").integer == days(14).us);
  CHECK(only("09:00").integer == 540);
  CHECK(only("9223372036854775807").integer == 9'223'372'036'854'775'807);
  CHECK(told("9223372036854775808") == "R008[9223372036854775808]");
  CHECK(told("99999999999w") == "R008[99999999999w]");
  // A percentage has nothing behind it; a remainder has a right side.
  CHECK(kinds("a % 3 + 20%") == "w:a .:% n:3 .:+ %:20%");
  CHECK(kinds("7%n") == "n:7 .:% w:n");
}

TEST_CASE("units as people write them are understood, and told how they are written") {
  CHECK(told("5min") == "R008[5min]>5m");
  CHECK(told("5hours") == "R008[5hours]>5h");
  CHECK(told("1.5h") == "R008[1.5h]>1h30m");
  CHECK(told("30m1h") == "R008[30m1h]");
  CHECK(told("3months") == "R008[3months]");
  CHECK(told("0x1f") == "R008[0x1f]");
  CHECK(told("2026-01-05T10:00:00Z") == "R008[2026-01-05T10:00:00Z]>\"2026-01-05T10:00:00Z\"");
}

TEST_CASE("addresses and networks") {
  const auto address = [](const std::string& text) { return content(only(text), text); };
  CHECK(address("10.0.0.1") == "10.0.0.1");
  CHECK(address("10.0.0.0/8") == "10.0.0.0/8");
  CHECK(address("::1") == "::1");
  CHECK(address("FE80::0/10") == "fe80::/10");
  CHECK(address("2001:db8:0:0:0:0:0:1") == "2001:db8::1");
  CHECK(told("10.0.0.256") == "R009[10.0.0.256]");
  CHECK(told("10.0.0.0/33") == "R009[10.0.0.0/33]");
  // A map of a test is no address.
  CHECK(kinds("{a: 1, cafe: ::1, b:2}") == ".:{ w:a .:: n:1 .:, w:cafe .:: a:::1 .:, w:b .:: n:2 .:}");
}

TEST_CASE("regular expressions stand where a value can, division everywhere else") {
  CHECK(kinds("f matches /a\\/b/ and g / 2 / h") == "w:f w:matches r:/a\\/b/ w:and w:g .:/ n:2 .:/ w:h");
  CHECK(kinds("extract(t, /x{2}/)") == "w:extract .:( w:t .:, r:/x{2}/ .:)");
  const std::string text = "matches /a\\/\\d/";
  const SourceText source{"t", text};
  CHECK(content(lex(source).tokens[1], text) == "a/\\d");
}

TEST_CASE("texts and their escapes") {
  const auto value = [](const std::string& text) { return content(only(text), text); };
  CHECK(value("\"a\\\"b\\\\c\\n\\t\\u{e9}\"") == "a\"b\\c\n\t\u00e9");
  CHECK(told("\"a\\d\"") == "R004[\\d]");
  CHECK(told("\"\\u{110000}\"") == "R004[\\u]");
  // One line is lost, not the file.
  CHECK(told("alert \"abc\nrule r") == "R003[\"abc]");
  CHECK(kinds("\"abc\nrule") == "t:\"abc w:rule");
}

TEST_CASE("other languages are told what to write, and read as what they mean") {
  CHECK(told("a == b") == "R011[==]>=");
  CHECK(kinds("a == b && c || !d <> e") == "w:a .:== w:b w:&& w:c w:|| w:! w:d .:<> w:e");
  CHECK(told("a && b") == "R011[&&]>and");
  CHECK(told("a&&b") == "R011[&&]> and ");
  CHECK(told("a -> b") == "R011[->]>then");
  CHECK(told("'x'") == "R015['x']>\"x\"");
  CHECK(told("a;") == "R015[;]>");
  CHECK(told("a # b") == "R015[#]>//");
  CHECK(told("a /* b */ c") == "R015[/*]");
  CHECK(told("a -- b") == "R015[--]>//");
  CHECK(told("${n}") == "R015[${n}]>$n");
  CHECK(told("a \u2265 b") == "R002[\u2265]>>=");
  CHECK(told("\u201cx\u201d") == "R015[\u201cx\u201d]>\"x\"");
  CHECK(told("na\u00efve") == "R016[na\u00efve]>`na\u00efve`");
}

// Were it wrong, messages about a text that breaks off would point behind its last byte.
TEST_CASE("a sign that is the last byte ends where the text ends") {
  for (const std::string text : {"avg(", "a]", "a =", "a >="}) {
    const SourceText source{"t", text};
    CHECK(lex(source).tokens[1].end == text.size());
  }
}

TEST_CASE("comments stand beside the tokens") {
  const SourceText source{"t", "a // b \n  /// c\nd//e"};
  const Lexed lexed = lex(source);
  REQUIRE(lexed.comments.size() == 3);
  CHECK(lexed.comments[0].text == "// b");
  CHECK_FALSE(lexed.comments[0].own_line);
  CHECK(lexed.comments[1].text == "/// c");
  CHECK(lexed.comments[1].own_line);
  CHECK(lexed.comments[2].span.begin == 17);
  CHECK(lexed.tokens.size() == 3);
}

TEST_CASE("what is no text, or too much of it, is told once and costs little") {
  CHECK(told("a \xff b") == "R006[\xff]");
  CHECK(told(std::string("a \0 b", 5)) == "R006[" + std::string(1, '\0') + "]");
  CHECK(told("\xef\xbb\xbf"
             "a")
            .empty());  // a byte order mark is no mistake
  CHECK(told("a\r\nb\r\n").empty());
  const SourceText large{"t", std::string(100'000'000, '(')};
  const Lexed lexed = lex(large);
  CHECK(lexed.diagnostics.size() == 1);
  CHECK(lexed.diagnostics[0].code == "R007");
  const SourceText many{"t", std::string(1'000'000, '~')};
  CHECK(lex(many).diagnostics.size() == kMaxMistakes);
}

TEST_CASE("durations outside of rules are the same durations") {
  CHECK(parse_duration("1h30m")->us == minutes(90).us);
  CHECK_FALSE(parse_duration("5").has_value());
  CHECK_FALSE(parse_duration("5m ").has_value());
  CHECK_FALSE(parse_duration("5min").has_value());
  CHECK(write_duration(minutes(90)) == "90m");
  CHECK(write_duration({0}) == "0s");
  CHECK(write_duration({1}) == "1us");
}

}  // namespace
}  // namespace tocsin::dsl
