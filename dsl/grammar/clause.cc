// Clauses of rules, sessions and summaries. Which clause belongs to what is check's business; here each is read by
// the word that opens it.
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
auto opens(Word first, Word second) {
  return ahead([first, second](const Token* t, const Token* last) {
    return is_word(t, last, first) && is_word(t + 1, last, second);
  });
}
auto opens(Word first, Word second, Word third) {
  return ahead([=](const Token* t, const Token* last) {
    return is_word(t, last, first) && is_word(t + 1, last, second) && is_word(t + 2, last, third);
  });
}

const auto severity =
    token<ast::Severity>("a severity: info, low, medium, high or critical", [](const Cursor& at, ast::Severity& s) {
      if (at->kind != TokenKind::word || !has_use(at->word, kSeverity)) return false;
      s = at->word == Word::info     ? ast::Severity::info
          : at->word == Word::low    ? ast::Severity::low
          : at->word == Word::medium ? ast::Severity::medium
          : at->word == Word::high   ? ast::Severity::high
                                     : ast::Severity::critical;
      return true;
    });

}  // namespace

// ----- by ----------------------------------------------------------------------------------------------------

TOCSIN_RULE(key, ast::Key, "a key field");
const auto has_name = ahead([](const Token* t, const Token* last) { return is_punct(t + 1, last, Punct::equal); });
// `(a.x, b.y)`: the same key under other names; anything else in parentheses is an expression.
const auto has_parts = ahead([](const Token* t, const Token* last) {
  if (!is_punct(t, last, Punct::open_round)) return false;
  bool comma = false;
  for (++t; t < last && !is_punct(t, last, Punct::close_round); ++t) {
    if (is_punct(t, last, Punct::comma))
      comma = true;
    else if (!is_punct(t, last, Punct::dot) && t->kind != TokenKind::word && t->kind != TokenKind::quoted_name &&
             t->kind != TokenKind::param)
      return false;
  }
  return comma;
});
const auto key_value = (has_parts >> punct(Punct::open_round) >> path[push<&ast::Key::parts>] >>
                        *(punct(Punct::comma) >> path[push<&ast::Key::parts>]) >> punct(Punct::close_round)) |
                       (!has_parts >> expr[set<&ast::Key::value>]);
const auto key_def =
    spanned[((has_name >> field_name("a name for the key")[set<&ast::Key::name>] >> punct(Punct::equal) >> key_value) |
             (!has_name >> path[set<&ast::Key::field>])) >>
            -(word(Word::from) >> word(Word::list) >> item_name("a list's name")[set<&ast::Key::list>])];

// `by all, x` and `by all = E` have a field of that name.
const auto is_all = ahead([](const Token* t, const Token* last) {
  return is_word(t, last, Word::all) && !is_punct(t + 1, last, Punct::comma) && !is_punct(t + 1, last, Punct::dot) &&
         !is_punct(t + 1, last, Punct::equal) && !is_word(t + 1, last, Word::from);
});
TOCSIN_RULE(by, ast::By, "`by` and a key");
const auto by_def = word(Word::by) >>
                    ((is_all >> word(Word::all)[put<&ast::By::all, true>]) |
                     (key[push<&ast::By::keys>] >> *(punct(Punct::comma) >> key[push<&ast::By::keys>])));
const auto by_clause_def = spanned[by[node]];

// ----- small ones --------------------------------------------------------------------------------------------

TOCSIN_RULE(where, ast::Where, "`where`");
const auto where_def = word(Word::where) >> expr[set<&ast::Where::condition>];
TOCSIN_RULE(except, ast::Except, "`except`");
const auto except_def = word(Word::except) >> expr[set<&ast::Except::condition>];
TOCSIN_RULE(during, ast::During, "`during`");
const auto calendar_name = item_name("a calendar's name");
const auto during_def = (word(Word::during) | word(Word::outside)[put<&ast::During::outside, true>]) >>
                        calendar_name[set<&ast::During::calendar>];
TOCSIN_RULE(reset, ast::Reset, "`reset on`");
const auto reset_def = word(Word::reset) >> word(Word::on) >> stream[set<&ast::Reset::on>];
TOCSIN_RULE(learn, ast::Learn, "`learn`");
const auto learn_def = word(Word::learn) >> length()[set<&ast::Learn::length>];
TOCSIN_RULE(resolve, ast::Resolve, "`resolve when`");
const auto resolve_def = word(Word::resolve) >> word(Word::when) >> pattern[set<&ast::Resolve::when>];
TOCSIN_RULE(mute, ast::Mute, "`mute while`");
const auto mute_def = word(Word::mute) >> word(Word::while_) >> item_name("a rule's name")[set<&ast::Mute::rule>] >>
                      -(word(Word::on) >> word(Word::same) >> path[push<&ast::Mute::same>] >>
                        *(punct(Punct::comma) >> path[push<&ast::Mute::same>]));
TOCSIN_RULE(escalate, ast::Escalate, "`escalate to`");
const auto escalate_def = word(Word::escalate) >> word(Word::to) >> severity[set<&ast::Escalate::to>] >>
                          word(Word::after) >> ((length()[set<&ast::Escalate::length>] >> word(Word::unresolved)) |
                                                (count()[set<&ast::Escalate::number>] >> word(Word::in) >>
                                                 length()[set<&ast::Escalate::length>]));
TOCSIN_RULE(remind, ast::Remind, "`remind every`");
const auto remind_def = word(Word::remind) >> word(Word::every) >> length()[set<&ast::Remind::every>];
TOCSIN_RULE(alert, ast::Alert, "`alert`");
const auto alert_def = word(Word::alert) >> -severity[set<&ast::Alert::severity>] >> texts[set<&ast::Alert::text>];
TOCSIN_RULE(runbook, ast::Runbook, "`runbook`");
const auto runbook_def = word(Word::runbook) >> texts[set<&ast::Runbook::url>];
TOCSIN_RULE(tags, ast::Tags, "`tags`");
const auto tag = text("a tag in quotes");
const auto tags_def = word(Word::tags) >> tag[push<&ast::Tags::tags>] >>
                      *(punct(Punct::comma) >> tag[push<&ast::Tags::tags>]);
TOCSIN_RULE(owner, ast::Owner, "`owner`");
const auto owner_def = word(Word::owner) >> text("a team in quotes")[set<&ast::Owner::team>];
TOCSIN_RULE(forget, ast::Forget, "`forget after D idle`");
const auto forget_def = word(Word::forget) >> word(Word::after) >> length()[set<&ast::Forget::idle>] >>
                        word(Word::idle);

// ----- fields ------------------------------------------------------------------------------------------------

// A text alone is a template: `with note = "seen {count} times"`. Behind an operator it is a value like any other.
TOCSIN_RULE(assigned, ast::Expr, "a value");
const auto is_text_alone = ahead([](const Token* t, const Token* last) {
  if (t->kind != TokenKind::text) return false;
  if (t + 1 >= last || is_punct(t + 1, last, Punct::comma)) return true;
  if (t[1].kind != TokenKind::word || has_use(t[1].word, kExpression)) return false;
  return !((t[1].word == Word::starts || t[1].word == Word::ends) && is_word(t + 2, last, Word::with));
});
const auto assigned_def = spanned[is_text_alone >> texts[node]] | (!is_text_alone >> expr[become]);
TOCSIN_RULE(assign, ast::Assign, "a name, `=` and a value");
const auto assign_def = spanned[field_name("a field's name")[set<&ast::Assign::name>] >> punct(Punct::equal) >>
                                assigned[set<&ast::Assign::value>]];
TOCSIN_RULE(with, ast::With, "`with`");
const auto with_def = word(Word::with) >> assign[push<&ast::With::fields>] >>
                      *(punct(Punct::comma) >> assign[push<&ast::With::fields>]);
TOCSIN_RULE(emit, ast::Emit, "`emit`");
const auto emit_def = word(Word::emit) >> item_name("a name for the event")[set<&ast::Emit::event>] >>
                      -(word(Word::with) >> assign[push<&ast::Emit::fields>] >>
                        *(punct(Punct::comma) >> assign[push<&ast::Emit::fields>]));

TOCSIN_RULE(send_to, ast::SendTo, "`send to`");
const auto sink = text("a sink's name in quotes");
const auto send_to_def = word(Word::send) >> word(Word::to) >> sink[push<&ast::SendTo::sinks>] >>
                         *(punct(Punct::comma) >> sink[push<&ast::SendTo::sinks>]);

// ----- firing ------------------------------------------------------------------------------------------------

TOCSIN_RULE(fire, ast::Fire, "`fire`");
using How = ast::Fire::How;
const auto fire_def =
    word(Word::fire) >>
    ((word(Word::once)[put<&ast::Fire::how, How::once>] >> ((!opens(Word::every)) | Wanted("at most"))) |
     word(Word::always)[put<&ast::Fire::how, How::always>] |
     (word(Word::and_) >> word(Word::start) >> word(Word::over)[put<&ast::Fire::how, How::start_over>]) |
     (word(Word::every) >> word(Word::match)[put<&ast::Fire::how, How::every_match>]) | Wanted("at most"));
TOCSIN_RULE(fire_at_most, ast::FireAtMost, "`fire at most`");
struct Once {
  template <class Context>
  void operator()(Context& context) const {
    ast::Count one;
    one.value = std::int64_t{1};
    one.spelling.text = "once";
    x3::_val(context).number = std::move(one);
  }
};
const auto is_per_keys = ahead([](const Token* t, const Token* last) { return is_word(t, last, Word::per); });
const auto fire_at_most_def = word(Word::fire) >> word(Word::at) >> word(Word::most) >>
                              (word(Word::once)[Once()] | count()[set<&ast::FireAtMost::number>]) >> word(Word::per) >>
                              length()[set<&ast::FireAtMost::per>] >>
                              -(is_per_keys >> word(Word::per) >> path[push<&ast::FireAtMost::keys>] >>
                                *(punct(Punct::comma) >> path[push<&ast::FireAtMost::keys>]));
TOCSIN_RULE(resume, ast::Resume, "`resume at`");
const auto resume_def = word(Word::resume) >> word(Word::at) >>
                        (word(Word::first) | word(Word::last)[put<&ast::Resume::last, true>]) >>
                        item_name("a step's name")[set<&ast::Resume::at>];

// ----- of sessions -------------------------------------------------------------------------------------------

TOCSIN_RULE(ends_after, ast::EndsAfter, "`ends after`");
const auto ends_after_def = word(Word::ends) >> word(Word::after) >> length()[set<&ast::EndsAfter::idle>] >>
                            word(Word::idle) >> -(word(Word::when) >> word(Word::last) >> word(Word::is) >>
                                                  stream[set<&ast::EndsAfter::when_last>]);
TOCSIN_RULE(ends_on, ast::EndsOn, "`ends on`");
const auto ends_on_def = word(Word::ends) >> word(Word::on) >> stream[set<&ast::EndsOn::on>];
TOCSIN_RULE(starts_on, ast::StartsOn, "`starts on`");
const auto starts_on_def = word(Word::starts) >> word(Word::on) >> stream[set<&ast::StartsOn::on>];
TOCSIN_RULE(at_most, ast::AtMost, "`at most`");
const auto at_most_def = word(Word::at) >> word(Word::most) >> length()[set<&ast::AtMost::length>];

// `emit each with session_id, page = url`: a bare name is the field of that name.
TOCSIN_RULE(enriched, ast::Assign, "a field");
struct BareField {
  template <class Context>
  void operator()(Context& context) const {
    ast::Assign& a = x3::_val(context);
    a.name = std::move(x3::_attr(context));
    ast::Path p;
    p.parts.push_back(a.name);
    p.span = a.name.span;
    a.value.node = std::move(p);
    a.value.span = a.name.span;
  }
};
const auto enriched_def = (has_name >> assign[become]) | (!has_name >> spanned[field_name("a field")[BareField()]]);
TOCSIN_RULE(emit_each, ast::EmitEach, "`emit each`");
const auto emit_each_def = word(Word::emit) >> word(Word::each) >>
                           -(word(Word::with) >> enriched[push<&ast::EmitEach::fields>] >>
                             *(punct(Punct::comma) >> enriched[push<&ast::EmitEach::fields>])) >>
                           -(word(Word::send) >> word(Word::to) >> sink[push<&ast::EmitEach::sinks>] >>
                             *(punct(Punct::comma) >> sink[push<&ast::EmitEach::sinks>]));

// ----- of summaries ------------------------------------------------------------------------------------------

TOCSIN_RULE(every, ast::Every, "`every`");
const auto in_zone = -(word(Word::in) >> text("a time zone such as \"Europe/Paris\"")[([](auto& context) {
                         if (x3::_val(context).aligned) x3::_val(context).aligned->zone = x3::_attr(context);
                       })]);
struct Schedule {
  template <class Context>
  void operator()(Context& context) const {
    ast::Aligned a;
    a.length = x3::_attr(context);
    a.span = a.length.span;
    x3::_val(context).aligned = std::move(a);
  }
};
const auto every_over =
    -(word(Word::over) >> (word(Word::all)[put<&ast::Every::over_all, true>] | length()[set<&ast::Every::over>]));
const auto every_def = word(Word::every) >> ((word(Word::event)[put<&ast::Every::event, true>] >> every_over) |
                                             (length()[Schedule()] >> every_over >> in_zone));
TOCSIN_RULE(even_if_empty, ast::EvenIfEmpty, "`even if empty`");
const auto even_if_empty_def = word(Word::even) >> word(Word::if_) >> word(Word::empty)[([](auto&) {})];

// ----- the whole ---------------------------------------------------------------------------------------------

const auto clause_def =
    spanned[(opens(Word::by) >> by[node]) | (opens(Word::where) >> where[node]) |
            (opens(Word::except) >> except[node]) | ((opens(Word::during) | opens(Word::outside)) >> during[node]) |
            (opens(Word::reset) >> reset[node]) | (opens(Word::learn) >> learn[node]) |
            (opens(Word::resolve) >> resolve[node]) | (opens(Word::mute) >> mute[node]) |
            (opens(Word::escalate) >> escalate[node]) | (opens(Word::remind) >> remind[node]) |
            (opens(Word::alert) >> alert[node]) | (opens(Word::with) >> with[node]) |
            (opens(Word::send) >> send_to[node]) | (opens(Word::runbook) >> runbook[node]) |
            (opens(Word::tags) >> tags[node]) | (opens(Word::owner) >> owner[node]) |
            (opens(Word::emit, Word::each) >> emit_each[node]) | (opens(Word::emit) >> emit[node]) |
            (opens(Word::forget) >> forget[node]) | (opens(Word::fire, Word::at, Word::most) >> fire_at_most[node]) |
            (opens(Word::fire) >> fire[node]) | (opens(Word::resume) >> resume[node]) |
            (opens(Word::ends, Word::after) >> ends_after[node]) |
            (opens(Word::ends) >> (Wanted("after") | ends_on[node])) | (opens(Word::starts) >> starts_on[node]) |
            (opens(Word::at) >> at_most[node]) | (opens(Word::every) >> every[node]) |
            (opens(Word::even) >> even_if_empty[node_is<ast::EvenIfEmpty>]) | Wanted("a clause")];

BOOST_SPIRIT_DEFINE(key, by, by_clause, where, except, during, reset, learn, resolve, mute, escalate, remind, alert,
                    runbook, tags, owner, forget, assigned, assign, with, emit, send_to)
BOOST_SPIRIT_DEFINE(fire, fire_at_most, resume, ends_after, ends_on, starts_on, at_most, enriched, emit_each, every,
                    even_if_empty, clause)

BOOST_SPIRIT_INSTANTIATE(clause_type, Cursor, x3::unused_type)
BOOST_SPIRIT_INSTANTIATE(by_clause_type, Cursor, x3::unused_type)

}  // namespace tocsin::dsl::grammar
