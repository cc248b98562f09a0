// Items of a file: events, aliases, constants, reference data, sessions, summaries, templates, rules, overlays, tests.
#include "dsl/grammar/rules.h"

namespace tocsin::dsl::grammar {
namespace {

bool is_word(const Token* t, const Token* last, Word w) {
  return t < last && t->kind == TokenKind::word && t->word == w;
}
bool is_punct(const Token* t, const Token* last, Punct p) {
  return t < last && t->kind == TokenKind::punctuation && t->punct == p;
}
auto opens(Word w) {
  return ahead([w](const Token* t, const Token* last) { return is_word(t, last, w); });
}

const auto type_word = token<ast::FieldType>("a type: text, int, float, bool, time, duration, ip, point or any",
                                             [](const Cursor& at, ast::FieldType& type) {
                                               if (at->kind != TokenKind::word || !has_use(at->word, kType))
                                                 return false;
                                               type = at->word == Word::text       ? ast::FieldType::text
                                                      : at->word == Word::int_     ? ast::FieldType::integer
                                                      : at->word == Word::float_   ? ast::FieldType::floating
                                                      : at->word == Word::bool_    ? ast::FieldType::boolean
                                                      : at->word == Word::time     ? ast::FieldType::time
                                                      : at->word == Word::duration ? ast::FieldType::duration
                                                      : at->word == Word::ip       ? ast::FieldType::ip
                                                      : at->word == Word::point    ? ast::FieldType::point
                                                                                   : ast::FieldType::any;
                                               return true;
                                             });
const auto time_unit = token<ast::TimeUnit>("a unit: s, ms, us or ns", [](const Cursor& at, ast::TimeUnit& unit) {
  if (at->kind != TokenKind::word || !has_use(at->word, kTimeUnit)) return false;
  unit = at->word == Word::s    ? ast::TimeUnit::seconds
         : at->word == Word::ms ? ast::TimeUnit::milliseconds
         : at->word == Word::us ? ast::TimeUnit::microseconds
                                : ast::TimeUnit::nanoseconds;
  return true;
});
const auto day = token<int>("a day: mon, tue, wed, thu, fri, sat or sun", [](const Cursor& at, int& d) {
  if (at->kind != TokenKind::word || !has_use(at->word, kDay)) return false;
  d = static_cast<int>(at->word) - static_cast<int>(Word::mon);
  return true;
});
const auto clock = token<int>("a time of day such as 09:00", [](const Cursor& at, int& minute) {
  if (at->kind != TokenKind::clock) return false;
  minute = static_cast<int>(at->integer);
  return true;
});

}  // namespace

// ----- events ------------------------------------------------------------------------------------------------

TOCSIN_RULE(field, ast::Field, "a field and its type");
const auto field_def =
    spanned[path[set<&ast::Field::name>] >>
            -(opens(Word::list) >> word(Word::list)[put<&ast::Field::list, true>] >> word(Word::of)) >>
            type_word[set<&ast::Field::type>] >> -punct(Punct::question)[put<&ast::Field::optional, true>]];

TOCSIN_RULE(timestamp, ast::Timestamp, "`timestamp` and a field");
const auto timestamp_def = spanned[word(Word::timestamp) >> path[set<&ast::Timestamp::field>] >>
                                   -(word(Word::in) >> time_unit[set<&ast::Timestamp::unit>])];

TOCSIN_RULE(late, ast::Late, "`late` and a duration");
const auto late_def = spanned[word(Word::late) >> -(word(Word::adaptive)[put<&ast::Late::adaptive, true>] >>
                                                    word(Word::up) >> word(Word::to)) >>
                              length()[set<&ast::Late::length>]];

const auto event_name = item_name("a name for the event");
TOCSIN_RULE(event_decl, ast::EventDecl, "an event");
const auto once_timestamp = x3::eps[([](auto& c) { x3::_pass(c) = !x3::_val(c).timestamp.has_value(); })];
const auto once_late = x3::eps[([](auto& c) { x3::_pass(c) = !x3::_val(c).late.has_value(); })];
const auto once_tiebreak = x3::eps[([](auto& c) { x3::_pass(c) = !x3::_val(c).tiebreak.has_value(); })];
const auto event_decl_def = word(Word::event) >> event_name[set<&ast::EventDecl::name>] >>
                            -(word(Word::has)[put<&ast::EventDecl::has, true>] >>
                              field[push<&ast::EventDecl::fields>] >>
                              *(punct(Punct::comma) >> field[push<&ast::EventDecl::fields>])) >>
                            *((once_timestamp >> timestamp[set<&ast::EventDecl::timestamp>]) |
                              (once_late >> late[set<&ast::EventDecl::late>]) |
                              (once_tiebreak >> word(Word::tiebreak) >> path[set<&ast::EventDecl::tiebreak>]));

TOCSIN_RULE(alias_decl, ast::AliasDecl, "an alias");
const auto is_alias = ahead([](const Token* t, const Token* last) { return is_punct(t + 2, last, Punct::equal); });
const auto alias_decl_def = is_alias >> word(Word::event) >> event_name[set<&ast::AliasDecl::name>] >>
                            punct(Punct::equal) >> stream[set<&ast::AliasDecl::stream>];

// ----- constants and reference data -----------------------------------------------------------------------------

TOCSIN_RULE(let_decl, ast::LetDecl, "a constant");
const auto constant_name = token<ast::Name>("a constant's name such as $n", [](const Cursor& at, ast::Name& n) {
  if (at->kind != TokenKind::param) return false;
  n = {text_at(at), true, span_of(at)};
  return true;
});
const auto let_decl_def = word(Word::let) >> constant_name[set<&ast::LetDecl::name>] >>
                          punct(Punct::equal) >> expr[set<&ast::LetDecl::value>];

TOCSIN_RULE(from_topic, ast::FromTopic, "`from topic`");
TOCSIN_RULE(from_file, ast::FromFile, "`from` and a file in quotes");
const auto is_topic = ahead([](const Token* t, const Token* last) {
  return is_word(t, last, Word::from) && is_word(t + 1, last, Word::topic);
});
const auto from_topic_def = is_topic >> word(Word::from) >> word(Word::topic) >>
                            text("a topic in quotes")[set<&ast::FromTopic::topic>];
const auto column_name = field_name("a column's name");
const auto from_file_def = word(Word::from) >> text("a file in quotes")[set<&ast::FromFile::file>] >>
                           -(word(Word::column) >> column_name[set<&ast::FromFile::column>]);

TOCSIN_RULE(list_decl, ast::ListDecl, "a list");
TOCSIN_RULE(list_items, ast::ListOf, "a list in square brackets");
const auto list_items_def = punct(Punct::open_square) >> -(expr[push<&ast::ListOf::items>] >>
                                                           *(punct(Punct::comma) >> expr[push<&ast::ListOf::items>])) >>
                            -punct(Punct::comma) >> punct(Punct::close_square);
struct SetItems {
  template <class Context>
  void operator()(Context& context) const {
    x3::_val(context).source = std::move(x3::_attr(context).items);
  }
};
const auto list_decl_def = word(Word::list) >> item_name("a name for the list")[set<&ast::ListDecl::name>] >>
                           ((punct(Punct::equal) >> list_items[SetItems()]) | from_topic[set<&ast::ListDecl::source>] |
                            from_file[set<&ast::ListDecl::source>]);

TOCSIN_RULE(table_decl, ast::TableDecl, "a table");
const auto table_decl_def = word(Word::table) >> item_name("a name for the table")[set<&ast::TableDecl::name>] >>
                            (from_topic[set<&ast::TableDecl::source>] |
                             (from_file[set<&ast::TableDecl::source>] >> word(Word::key) >>
                              column_name[set<&ast::TableDecl::key>]));

TOCSIN_RULE(open_hours, ast::OpenHours, "days such as mon-fri");
const auto open_hours_def =
    spanned[day[([](auto& c) { x3::_val(c).first_day = x3::_val(c).last_day = x3::_attr(c); })] >>
            -(punct(Punct::minus) >> day[set<&ast::OpenHours::last_day>]) >>
            -(clock[set<&ast::OpenHours::from_minute>] >> punct(Punct::minus) >>
              clock[set<&ast::OpenHours::to_minute>])];
TOCSIN_RULE(calendar_decl, ast::CalendarDecl, "a calendar");
const auto calendar_decl_def = word(Word::calendar) >>
                               item_name("a name for the calendar")[set<&ast::CalendarDecl::name>] >>
                               punct(Punct::equal) >> open_hours[push<&ast::CalendarDecl::open>] >>
                               *(punct(Punct::comma) >> open_hours[push<&ast::CalendarDecl::open>]) >> word(Word::in) >>
                               text("a time zone such as \"Europe/Paris\"")[set<&ast::CalendarDecl::zone>];

// ----- sessions and summaries -----------------------------------------------------------------------------------

TOCSIN_RULE(session_decl, ast::SessionDecl, "a session");
const auto session_decl_def = word(Word::session) >>
                              item_name("a name for the session")[set<&ast::SessionDecl::name>] >>
                              word(Word::of) >> stream[set<&ast::SessionDecl::of>] >>
                              *clause[push<&ast::SessionDecl::clauses>];
TOCSIN_RULE(summary_decl, ast::SummaryDecl, "a summary");
const auto summary_decl_def = word(Word::summary) >>
                              item_name("a name for the summary")[set<&ast::SummaryDecl::name>] >>
                              word(Word::of) >> stream[set<&ast::SummaryDecl::of>] >>
                              *clause[push<&ast::SummaryDecl::clauses>];

// ----- rules ----------------------------------------------------------------------------------------------------

TOCSIN_RULE(template_decl, ast::TemplateDecl, "a template");
const auto template_decl_def = word(Word::template_) >>
                               item_name("a name for the template")[set<&ast::TemplateDecl::name>] >>
                               punct(Punct::open_round) >>
                               -(param_name()[push<&ast::TemplateDecl::params>] >>
                                 *(punct(Punct::comma) >> param_name()[push<&ast::TemplateDecl::params>])) >>
                               punct(Punct::close_round) >>
                               word(Word::when) >> pattern[set<&ast::TemplateDecl::when>] >>
                               *clause[push<&ast::TemplateDecl::clauses>];

TOCSIN_RULE(uses, ast::Uses, "`uses` and a template");
const auto uses_def =
    spanned[word(Word::uses) >> item_name("a template's name")[set<&ast::Uses::name>] >> punct(Punct::open_round) >>
            -(expr[push<&ast::Uses::args>] >> *(punct(Punct::comma) >> expr[push<&ast::Uses::args>])) >>
            punct(Punct::close_round)];

const auto rule_name = item_name("a rule's name");
TOCSIN_RULE(rule_decl, ast::RuleDecl, "a rule");
const auto rule_decl_def = word(Word::rule) >> rule_name[set<&ast::RuleDecl::name>] >>
                           -text("a title in quotes")[set<&ast::RuleDecl::title>] >>
                           -(word(Word::was) >> rule_name[set<&ast::RuleDecl::was>]) >>
                           ((word(Word::when) >> pattern[set<&ast::RuleDecl::body>]) |
                            uses[set<&ast::RuleDecl::body>]) >>
                           *clause[push<&ast::RuleDecl::clauses>];

TOCSIN_RULE(extend_decl, ast::ExtendDecl, "`extend rule`");
const auto extend_decl_def = word(Word::extend) >> word(Word::rule) >> rule_name[set<&ast::ExtendDecl::name>] >>
                             *clause[push<&ast::ExtendDecl::clauses>];

// ----- tests ----------------------------------------------------------------------------------------------------

TOCSIN_RULE(field_value, ast::FieldValue, "a field, `:` and a value");
const auto field_value_def =
    spanned[path[set<&ast::FieldValue::name>] >> punct(Punct::colon) >> expr[set<&ast::FieldValue::value>]];

template <auto Fields>
auto braces() {
  return punct(Punct::open_brace) >>
         -(field_value[push<Fields>] >> *(punct(Punct::comma) >> field_value[push<Fields>])) >>
         punct(Punct::close_brace);
}

TOCSIN_RULE(send, ast::Send, "an event to send");
const auto send_def = -count()[set<&ast::Send::number>] >> item_name("an event")[set<&ast::Send::event>] >>
                      -(word(Word::every) >> length()[set<&ast::Send::every>]) >> -braces<&ast::Send::fields>();

TOCSIN_RULE(expect, ast::Expect, "`expect`");
const auto expect_def = word(Word::expect) >> -word(Word::no)[put<&ast::Expect::none, true>] >>
                        (word(Word::alert) | item_name("an event")[set<&ast::Expect::event>]) >>
                        -braces<&ast::Expect::fields>();

TOCSIN_RULE(reload, ast::Reload, "`reload`");
const auto reload_def = word(Word::reload) >> text("a file in quotes")[set<&ast::Reload::file>];
TOCSIN_RULE(load, ast::Load, "`load`");
const auto load_def = word(Word::load) >> text("a file in quotes")[set<&ast::Load::file>];

TOCSIN_RULE(test_line, ast::TestLine, "a line of the test");
struct AtLength {
  template <class Context>
  void operator()(Context& context) const {
    x3::_val(context).at = std::move(x3::_attr(context));
  }
};
// A bare 0 is a duration, too: the beginning.
const auto at_time = length()[AtLength()] | text("a time such as \"2026-03-01T10:00:00Z\"")[AtLength()];
const auto test_line_def = spanned[-(word(Word::at) >> at_time) >>
                                   ((opens(Word::expect) >> expect[node]) | (opens(Word::reload) >> reload[node]) |
                                    (opens(Word::restart) >> word(Word::restart)[node_is<ast::Restart>]) |
                                    (opens(Word::load) >> load[node]) | send[node])];

TOCSIN_RULE(test_decl, ast::TestDecl, "a test");
const auto test_decl_def = word(Word::test) >> text("the test's title in quotes")[set<&ast::TestDecl::title>] >>
                           -(word(Word::rule) >> rule_name[set<&ast::TestDecl::rule>]) >>
                           *test_line[push<&ast::TestDecl::lines>];

// ----- the whole ------------------------------------------------------------------------------------------------

const auto item_def =
    spanned[(opens(Word::event) >> (alias_decl[node] | event_decl[node])) | (opens(Word::let) >> let_decl[node]) |
            (opens(Word::list) >> list_decl[node]) | (opens(Word::table) >> table_decl[node]) |
            (opens(Word::calendar) >> calendar_decl[node]) | (opens(Word::session) >> session_decl[node]) |
            (opens(Word::summary) >> summary_decl[node]) | (opens(Word::template_) >> template_decl[node]) |
            (opens(Word::rule) >> rule_decl[node]) | (opens(Word::extend) >> extend_decl[node]) |
            (opens(Word::test) >> test_decl[node]) |
            Wanted("an item: event, rule, list, table, session, summary, test ...")];

BOOST_SPIRIT_DEFINE(field, timestamp, late, event_decl, alias_decl, let_decl, from_topic, from_file, list_items,
                    list_decl, table_decl, open_hours, calendar_decl, session_decl, summary_decl, template_decl)
BOOST_SPIRIT_DEFINE(uses, rule_decl, extend_decl, field_value, send, expect, reload, load, test_line, test_decl, item)

BOOST_SPIRIT_INSTANTIATE(item_type, Cursor, x3::unused_type)

}  // namespace tocsin::dsl::grammar
