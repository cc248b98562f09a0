// If one of these fails, a list, table or calendar says yes to what it does not hold, or no to what it does.
#include "engine/program/reference_data.h"

#include <doctest/doctest.h>

#include "engine/base/text.h"
#include "engine/event/ip.h"
#include "engine/event/write.h"
#include "engine/program/zone.h"

using namespace tocsin;

namespace {

Value t(std::string_view text) { return Value::text(text); }
Time at(std::string_view rfc3339) { return *parse_rfc3339(rfc3339); }
std::string json(const Value& value) {
  std::string out;
  append_json(out, value);
  return out;
}

std::shared_ptr<const ReferenceData> data_of(const RuleSet& rules, const ReferenceTexts& texts = {}) {
  auto data = ReferenceData::make(rules, texts);
  REQUIRE(data.has_value());
  return *data;
}

RuleSet with_list_file() {
  RuleSet rules;
  rules.lists.push_back({"l", {}, "l.txt", "", ""});
  rules.code.instructions.push_back({ExprOp::in_list, 0, 1});  // somebody asks ignoring case
  return rules;
}

RuleSet with_calendar(std::string zone, std::vector<OpenHours> open) {
  RuleSet rules;
  rules.calendars.push_back({"c", std::move(zone), std::move(open)});
  return rules;
}

}  // namespace

TEST_CASE("a line of a list file is what it reads as: text, number, address, network") {
  const auto data =
      data_of(with_list_file(), {{{"Root", "443", "10.0.0.0/8", "192.168.1.7", "443", "true", "5m"}}, {}});
  const ListId l(0);
  CHECK(data->contains(l, t("Root"), false));
  CHECK_FALSE(data->contains(l, t("root"), false));
  CHECK(data->contains(l, t("rOOT"), true));
  CHECK(data->contains(l, t("443"), false));
  CHECK(data->contains(l, Value::integer(443), false));
  CHECK(data->contains(l, Value::floating(443.0), false));
  CHECK_FALSE(data->contains(l, Value::integer(44), false));
  CHECK(data->contains(l, Value::boolean(true), false));
  CHECK(data->contains(l, Value::duration(minutes(5)), false));
  CHECK_FALSE(data->contains(l, Value(), false));
  const IpAddress inside = *parse_ip("10.1.2.3"), one = *parse_ip("192.168.1.7"), outside = *parse_ip("192.168.1.8");
  CHECK(data->contains(l, Value::ip(&inside), false));
  CHECK(data->contains(l, Value::ip(&one), false));
  CHECK_FALSE(data->contains(l, Value::ip(&outside), false));
  CHECK(data->contains(l, t("10.1.2.3"), false));  // a field without a type is a text
  CHECK_FALSE(data->contains(l, t("11.1.2.3"), false));
  CHECK(data->keys(l, Type::text).size() == 6);  // each once
  CHECK(data->keys(l, Type::object).size() == 6);
  REQUIRE(data->keys(l, Type::integer).size() == 1);
  CHECK(json(data->keys(l, Type::integer)[0]) == "443");
  REQUIRE(data->keys(l, Type::ip).size() == 1);  // not the network
  CHECK(json(data->keys(l, Type::ip)[0]) == "\"192.168.1.7\"");
}

TEST_CASE("a word with leading zeros is a name and no number, in lists and as a key of a table") {
  RuleSet rules = with_list_file();
  rules.tables.push_back({"people", "people.csv", "id", ""});
  const TableText people{{"id", "name"}, {{"7", "seven"}, {"007", "bond"}}};
  const auto data = data_of(rules, {{{"007", "-08", "0.5", "0"}}, {people}});
  const ListId l(0);
  CHECK(data->contains(l, t("007"), false));
  CHECK_FALSE(data->contains(l, Value::integer(7), false));
  CHECK_FALSE(data->contains(l, Value::integer(-8), false));
  CHECK(data->contains(l, Value::floating(0.5), false));
  CHECK(data->contains(l, Value::integer(0), false));
  CHECK(data->keys(l, Type::integer).size() == 2);
  const TableId table(0);
  CHECK(json(data->lookup(table, Value::integer(7), "name")) == "\"seven\"");
  CHECK(json(data->lookup(table, t("007"), "name")) == "\"bond\"");
  CHECK(json(data->lookup(table, t("7"), "name")) == "\"seven\"");
}

TEST_CASE("T10: an inline item is what it is written as") {
  RuleSet rules;
  rules.code.constants = {{std::string("1")}, {std::int64_t{2}}, {*parse_ip("10.0.0.0/8")}};
  rules.lists.push_back({"l", {ConstantId(0), ConstantId(1), ConstantId(2)}, "", "", ""});
  const auto data = data_of(rules);
  const ListId l(0);
  CHECK(data->contains(l, t("1"), false));
  CHECK_FALSE(data->contains(l, Value::integer(1), false));
  CHECK(data->contains(l, Value::integer(2), false));
  CHECK_FALSE(data->contains(l, t("2"), false));
  const IpAddress inside = *parse_ip("10.1.2.3");
  CHECK(data->contains(l, Value::ip(&inside), false));
  CHECK_FALSE(data->contains(l, t("10.1.2.3"), false));
}

TEST_CASE("a list is replaced whole; who holds the old one keeps seeing it") {
  const auto before = data_of(with_list_file(), {{{"a"}}, {}});
  const auto after = before->with_list(ListId(0), {"B"});
  CHECK(before->contains(ListId(0), t("a"), false));
  CHECK_FALSE(before->contains(ListId(0), t("B"), false));
  CHECK(after->contains(ListId(0), t("B"), false));
  CHECK(after->contains(ListId(0), t("b"), true));
  CHECK_FALSE(after->contains(ListId(0), t("a"), false));
}

TEST_CASE("tables: numeric columns hold numbers, codes with leading zeros stay texts, empty cells are missing") {
  RuleSet rules;
  rules.tables.push_back({"cards", "cards.csv", "id", ""});
  const TableText text{{"id", "limit", "zip", "vip", "name"},
                       {{"1", "100", "01234", "true", "ann"},
                        {"2", "2.5", "99999", "false", ""},
                        {"x", "", "1", "", "7"},
                        {"1", "300", "", "", "eve"},
                        {""}}};
  const auto data = data_of(rules, {{}, {text}});
  const TableId cards(0);
  CHECK(json(data->lookup(cards, Value::integer(2), "limit")) == "2.5");
  CHECK(json(data->lookup(cards, t("2"), "zip")) == "\"99999\"");
  CHECK(json(data->lookup(cards, t("2"), "vip")) == "false");
  CHECK(json(data->lookup(cards, t("2"), "name")) == "null");
  CHECK(json(data->lookup(cards, t("x"), "name")) == "\"7\"");
  CHECK(json(data->lookup(cards, t("1"), "limit")) == "300");  // the last row of a key counts
  CHECK(json(data->lookup(cards, t("3"), "limit")) == "null");
  CHECK(json(data->lookup(cards, t("1"), "nothing")) == "null");
  CHECK(json(data->lookup(cards, Value(), "limit")) == "null");
  CHECK_FALSE(ReferenceData::make(rules, {{}, {TableText{{"a"}, {}}}}).has_value());
  CHECK_FALSE(data->with_table(cards, TableText{{"a"}, {}}).has_value());
  CHECK(json((*data->with_table(cards, TableText{{"id", "limit"}, {{"1", "7"}}}))->lookup(cards, t("1"), "limit")) ==
        "7");
}

TEST_CASE("calendars: half-open hours in their zone, over both changes of the clock") {
  const auto data = data_of(with_calendar("Europe/Paris", {{0, 4, 9 * 60, 18 * 60}}));
  const CalendarId c(0);
  CHECK(data->open(c, at("2026-03-02T08:00:00Z")));  // Monday 09:00 in Paris
  CHECK_FALSE(data->open(c, at("2026-03-02T07:59:59Z")));
  CHECK_FALSE(data->open(c, at("2026-03-02T17:00:00Z")));
  CHECK(data->open(c, at("2026-03-02T16:59:59.999999Z")));
  CHECK(data->open(c, at("2026-03-30T07:00:00Z")));        // summer time since the day before
  CHECK_FALSE(data->open(c, at("2026-03-01T10:00:00Z")));  // Sunday
  CHECK(data->stretch(c, at("2026-03-02T12:00:00Z")).since == at("2026-03-02T08:00:00Z"));
  CHECK(data->stretch(c, at("2026-03-02T08:00:00Z")).since == at("2026-03-02T08:00:00Z"));
  CHECK(data->stretch(c, at("2026-03-01T12:00:00Z")).since ==
        at("2026-02-27T17:00:00Z"));  // closed since Friday evening
  CHECK_FALSE(ReferenceData::make(with_calendar("Europe/Nowhere", {}), {}).has_value());
}

TEST_CASE("calendars: hours past midnight belong to the day they begin on; days without a gap are one opening") {
  const auto night = data_of(with_calendar("UTC", {{4, 4, 22 * 60, 6 * 60}}));  // Friday night
  const CalendarId c(0);
  CHECK(night->open(c, at("2026-03-06T23:00:00Z")));
  CHECK(night->open(c, at("2026-03-07T05:59:00Z")));
  CHECK_FALSE(night->open(c, at("2026-03-07T06:00:00Z")));
  CHECK_FALSE(night->open(c, at("2026-03-07T23:00:00Z")));
  CHECK(night->stretch(c, at("2026-03-07T05:00:00Z")).since == at("2026-03-06T22:00:00Z"));
  CHECK(night->next_change(c, true, at("2026-03-06T21:00:00Z"), at("2026-03-06T21:00:00Z") + days(8)) ==
        at("2026-03-06T22:00:00Z"));
  CHECK(night->next_change(c, true, at("2026-03-06T22:00:00Z"), at("2026-03-06T22:00:00Z") + days(8)) ==
        at("2026-03-13T22:00:00Z"));
  CHECK(night->next_change(c, false, at("2026-03-06T22:00:00Z"), at("2026-03-06T22:00:00Z") + days(8)) ==
        at("2026-03-07T06:00:00Z"));
  CHECK(night->next_change(c, false, at("2026-03-07T06:00:00Z"), at("2026-03-07T06:00:00Z") + days(8)) ==
        at("2026-03-14T06:00:00Z"));
  const auto days_through = data_of(with_calendar("UTC", {{0, 4, 0, 24 * 60}}));
  CHECK(days_through->next_change(c, false, at("2026-03-05T12:00:00Z"), at("2026-03-05T12:00:00Z") + days(8)) ==
        at("2026-03-07T00:00:00Z"));
  CHECK(days_through->next_change(c, true, at("2026-03-05T12:00:00Z"), at("2026-03-05T12:00:00Z") + days(8)) ==
        at("2026-03-09T00:00:00Z"));
  CHECK(days_through->stretch(c, at("2026-03-05T12:00:00Z")).since == at("2026-03-02T00:00:00Z"));
  const auto weekend = data_of(with_calendar("UTC", {{5, 0, 0, 24 * 60}}));  // sat-mon
  CHECK(weekend->open(c, at("2026-03-02T12:00:00Z")));
  CHECK_FALSE(weekend->open(c, at("2026-03-03T12:00:00Z")));
  const auto always = data_of(with_calendar("UTC", {{0, 6, 0, 24 * 60}}));
  CHECK(always->stretch(c, at("2026-03-05T12:00:00Z")).since == kFirstTime);
  CHECK(!always->next_change(c, true, at("2026-03-05T12:00:00Z"), at("2026-03-05T12:00:00Z") + days(8)));
  CHECK(!always->next_change(c, false, at("2026-03-05T12:00:00Z"), at("2026-03-05T12:00:00Z") + days(8)));
}

// Minute by minute over both changes of the clock: where it is as it was when a caller asked, the answer is, too. (A
// clock that is put back may close what is open, and open it again.)
TEST_CASE("calendars: a stretch holds as long as it says") {
  const CalendarId c(0);
  for (const OpenHours hours : {OpenHours{0, 4, 9 * 60, 18 * 60}, OpenHours{6, 6, 2 * 60 + 30, 3 * 60 + 30},
                                OpenHours{5, 0, 22 * 60, 6 * 60}, OpenHours{0, 6, 0, 24 * 60}}) {
    const auto data = data_of(with_calendar("Europe/Paris", {hours}));
    for (const char* const from : {"2026-03-27T00:00:00Z", "2026-10-23T00:00:00Z"}) {
      ReferenceData::Stretch known{};
      for (int minute = 0; minute < 4 * 24 * 60; minute += 7) {
        const Time now = at(from) + minutes(minute);
        const ReferenceData::Stretch fresh = data->stretch(c, now);
        if (now < known.seen || now >= known.until) known = fresh;
        if (data->open(c, known.seen) == data->open(c, now)) CHECK(known.since == fresh.since);
        CHECK(fresh.until > now);
      }
    }
  }
}

// Minute by minute over both changes of the clock, and where there is nothing to find.
TEST_CASE("calendars: it opens at the first minute that is open behind one that is not, and closes likewise") {
  const CalendarId c(0);
  for (const std::vector<OpenHours>& hours :
       {std::vector{OpenHours{0, 4, 9 * 60, 18 * 60}}, std::vector{OpenHours{6, 6, 2 * 60 + 30, 3 * 60 + 30}},
        std::vector{OpenHours{6, 6, 60, 2 * 60 + 30}}, std::vector{OpenHours{5, 0, 22 * 60, 6 * 60}},
        std::vector{OpenHours{0, 4, 9 * 60, 12 * 60}, OpenHours{0, 6, 12 * 60, 14 * 60}, OpenHours{2, 2, 0, 24 * 60}},
        std::vector{OpenHours{0, 6, 0, 24 * 60}}}) {
    for (const char* const zone : {"UTC", "Europe/Paris", "Australia/Lord_Howe"}) {
      const auto data = data_of(with_calendar(zone, hours));
      for (const char* const around : {"2026-03-27T00:00:00Z", "2026-10-23T00:00:00Z", "2026-04-02T00:00:00Z"}) {
        const Time begin = at(around), end = begin + days(5);
        for (const bool opens : {true, false}) {
          std::optional<Time> next = data->next_change(c, opens, begin, end);
          for (Time now = begin + minutes(1); now <= end; now = now + minutes(1)) {
            if (data->open(c, now) != opens || data->open(c, now - minutes(1)) == opens) continue;
            REQUIRE(next.has_value());
            CHECK(*next == now);
            CHECK(data->next_change(c, opens, *next - Duration{1}, end) == next);
            CHECK_FALSE(data->next_change(c, opens, *next - minutes(1), *next - Duration{1}).has_value());
            next = data->next_change(c, opens, *next, end);
          }
          CHECK_FALSE(next.has_value());
        }
      }
    }
  }
}

TEST_CASE("zones: what the clock shows and back") {
  const Zone* paris = find_zone("Europe/Paris");
  REQUIRE(paris != nullptr);
  CHECK(find_zone("Europe/Nowhere") == nullptr);
  CHECK(to_local(paris, at("2026-07-01T10:00:00Z")) == at("2026-07-01T12:00:00Z"));
  CHECK(from_local(paris, at("2026-07-01T12:00:00Z")) == at("2026-07-01T10:00:00Z"));
  CHECK(from_local(paris, at("2026-10-25T02:30:00Z")) == at("2026-10-25T00:30:00Z"));  // the first of two
  CHECK(from_local(paris, at("2026-03-29T02:30:00Z")) == at("2026-03-29T01:00:00Z"));  // never: when it was put forward
  CHECK(to_local(nullptr, at("2026-07-01T10:00:00Z")) == at("2026-07-01T10:00:00Z"));
  CHECK(to_local(paris, Time{at("1969-07-01T10:00:00Z").us + 1}) == Time{at("1969-07-01T11:00:00Z").us + 1});
}
