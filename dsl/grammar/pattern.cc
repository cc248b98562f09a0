// Patterns: one alternative per row of language.md, section 5. Forms that begin alike differ by the word behind, so a
// form is tried only where a look ahead says that it is meant, and a message is about the form that was meant.
#include "dsl/grammar/phrase.h"
#include "dsl/grammar/rules.h"

namespace tocsin::dsl::grammar {
namespace {

bool is_word(const Token* t, const Token* last, Word w) {
  return t < last && t->kind == TokenKind::word && t->word == w;
}
bool is_punct(const Token* t, const Token* last, Punct p) {
  return t < last && t->kind == TokenKind::punctuation && t->punct == p;
}
bool is_number(const Token* t, const Token* last) {
  return t < last && ((t->kind == TokenKind::number && !t->real) || t->kind == TokenKind::param);
}

// Behind the stream that begins at `t`: its name or brackets, and its filter.
const Token* behind_stream(const Token* t, const Token* last) {
  if (t >= last) return last;
  t += is_punct(t, last, Punct::open_round) && t->partner > 0 ? t->partner + 1 : 1;
  if (is_punct(t, last, Punct::open_round) && t->partner > 0) t += t->partner + 1;
  return t;
}

auto number_then(Word w) {
  return ahead([w](const Token* t, const Token* last) { return is_number(t, last) && is_word(t + 1, last, w); });
}
const auto is_apart = ahead([](const Token* t, const Token* last) {
  if (!is_number(t, last)) return false;
  const Token* behind = behind_stream(t + 1, last);
  if (is_word(behind, last, Word::as)) behind += 2;
  return is_word(behind, last, Word::at) && is_word(behind + 1, last, Word::most);
});
const auto is_after = ahead([](const Token* t, const Token* last) {
  const Token* behind = behind_stream(t, last);
  if (is_word(behind, last, Word::as)) behind += 2;
  return is_word(behind, last, Word::after);
});

// `(a or b)` is one stream, `(a then b)` and `(5 a within 1m)` are patterns: only streams have nothing but names,
// filters and `or` between their brackets.
const auto is_union = ahead([](const Token* t, const Token* last) {
  if (!is_punct(t, last, Punct::open_round)) return false;
  for (++t; t < last && !is_punct(t, last, Punct::close_round); ++t) {
    if (t->kind == TokenKind::punctuation && t->partner > 0) {
      t += t->partner;
      continue;
    }
    const bool name = t->kind == TokenKind::quoted_name || t->kind == TokenKind::param ||
                      (t->kind == TokenKind::word && (t->word == Word::or_ || !has_use(t->word, kReservedForItems)));
    if (!name) return false;
  }
  return true;
});

// An operator that can follow an operand of a condition; `and` and `or` follow whole ones.
bool is_operator(const Token* t, const Token* last) {
  if (t >= last) return false;
  if (t->kind == TokenKind::word)
    return t->word == Word::between || t->word == Word::contains || t->word == Word::matches || t->word == Word::is;
  if (t->kind != TokenKind::punctuation) return false;
  switch (t->punct) {
    case Punct::equal:
    case Punct::not_equal:
    case Punct::less:
    case Punct::less_equal:
    case Punct::greater:
    case Punct::greater_equal:
    case Punct::plus:
    case Punct::minus:
    case Punct::times:
    case Punct::divide:
    case Punct::remainder:
      return true;
    case Punct::none:
    case Punct::open_round:
    case Punct::close_round:
    case Punct::open_square:
    case Punct::close_square:
    case Punct::open_brace:
    case Punct::close_brace:
    case Punct::comma:
    case Punct::dot:
    case Punct::colon:
    case Punct::question:
      return false;
  }
  return false;
}

// Does a word of patterns stand between these brackets, not deeper? Then they are no part of a condition.
bool has_pattern_words(const Token* open, const Token* close) {
  for (const Token* t = open + 1; t < close; ++t) {
    if (t->kind == TokenKind::punctuation && t->partner > 0) t += t->partner;
    if (t->word == Word::then || t->word == Word::within || t->word == Word::each || t->word == Word::for_) return true;
  }
  return false;
}

// A condition begins with an aggregate, with a value that an operator follows, or with brackets around such a thing;
// `(count(a) > 5 within 1m) then b` begins with a pattern.
bool condition_at(const Token* t, const Token* last) {
  while (is_word(t, last, Word::not_)) ++t;
  for (; is_punct(t, last, Punct::open_round) && t->partner > 0; ++t) {
    const Token* close = t + t->partner;
    if (is_operator(close + 1, last)) return true;
    if (is_word(close + 1, last, Word::then) || is_word(close + 1, last, Word::as) ||
        is_word(close + 1, last, Word::until) || has_pattern_words(t, close))
      return false;
    while (is_word(t + 1, last, Word::not_)) ++t;
  }
  if (t >= last || is_punct(t, last, Punct::minus)) return t < last;
  if (t->kind == TokenKind::number || t->kind == TokenKind::percent || t->kind == TokenKind::param)
    return is_operator(t + 1, last);
  if (t->kind != TokenKind::word || !is_punct(t + 1, last, Punct::open_round)) return false;
  return has_use(t->word, kAggregate) || (t[1].partner > 0 && is_operator(t + 1 + t[1].partner + 1, last));
}
const auto is_condition = ahead([](const Token* t, const Token* last) { return condition_at(t, last); });

const auto is_absence =
    ahead([](const Token* t, const Token* last) {  // after `then`: `no x within`, against `no x then`
      return is_word(t, last, Word::no) && is_word(behind_stream(t + 1, last), last, Word::within);
    });

const auto bound_name = item_name("a name for the step");
const auto as = word(Word::as) >> bound_name;

}  // namespace

// ----- steps -------------------------------------------------------------------------------------------------

using ast::Quantity;
using Kind = Quantity::Kind;

TOCSIN_RULE(quantity, Quantity, "how many");
struct KindIs {
  Kind kind;
  template <class Context>
  void operator()(Context& context) const {
    x3::_val(context).kind = kind;
  }
};
const auto one_or_zero = ahead([](const Token* t, const Token* last) {
  return (is_word(t, last, Word::one) || is_word(t, last, Word::zero)) && is_word(t + 1, last, Word::or_);
});
// A parameter may be the number or the event: `$n $event`, `$n (a then b)`, but `$event within`, `$event(filter)`.
const auto has_number = ahead([](const Token* t, const Token* last) {
  if (!is_number(t, last)) return false;
  if (t->kind == TokenKind::number) return true;
  const Token* next = t + 1;
  if (is_punct(next, last, Punct::open_round)) return next->begin != t->end;
  if (next >= last) return false;
  if (next->kind == TokenKind::quoted_name || next->kind == TokenKind::param) return true;
  return next->kind == TokenKind::word &&
         (!has_use(next->word, kReservedForItems) || next->word == Word::consecutive || next->word == Word::to ||
          next->word == Word::any || next->word == Word::all);
});
const auto quantity_def = spanned[(word(Word::exactly)[KindIs{Kind::exactly}] >> count()[set<&Quantity::low>]) |
                                  (has_number >> count()[set<&Quantity::low>] >> x3::eps[KindIs{Kind::at_least}] >>
                                   -(word(Word::to)[KindIs{Kind::from_to}] >> count()[set<&Quantity::high>])) |
                                  (one_or_zero >> ((word(Word::one)[KindIs{Kind::one_or_more}] |
                                                    word(Word::zero)[KindIs{Kind::zero_or_more}]) >>
                                                   word(Word::or_) >> word(Word::more))) |
                                  word(Word::maybe)[KindIs{Kind::maybe}]];

TOCSIN_RULE(step, ast::Step, "an event");
TOCSIN_RULE(group, ast::Group, "a pattern in parentheses");
TOCSIN_RULE(any_of, ast::AnyOf, "`any N of (..)`");
TOCSIN_RULE(until, ast::Until, "`until`");

const auto group_def = punct(Punct::open_round) >> pattern[set<&ast::Group::pattern>] >> punct(Punct::close_round);

const auto alternatives = word(Word::of) >> punct(Punct::open_round) >> step[push<&ast::AnyOf::alternatives>] >>
                          *(punct(Punct::comma) >> step[push<&ast::AnyOf::alternatives>]) >> punct(Punct::close_round);
const auto any_of_def =
    (word(Word::any) >> count()[set<&ast::AnyOf::number>] >> alternatives) | (word(Word::all) >> alternatives);

const auto until_def = spanned[word(Word::until) >> stream[set<&ast::Until::stream>] >> -(as[set<&ast::Until::as>])];

const auto step_what = any_of[set<&ast::Step::what>] | (is_union >> stream[set<&ast::Step::what>]) |
                       group[set<&ast::Step::what>] | stream[set<&ast::Step::what>];
struct AsAction {
  template <class Context>
  void operator()(Context& context) const {
    x3::_val(context).as = std::move(x3::_attr(context));
  }
};
const auto step_def =
    spanned[-quantity[set<&ast::Step::quantity>] >> -word(Word::consecutive)[put<&ast::Step::consecutive, true>] >>
            step_what >> -(word(Word::of) >> stream[set<&ast::Step::of>]) >>
            -(word(Word::as) >> bound_name[AsAction()]) >> -until[set<&ast::Step::until>]];

// ----- sequences ---------------------------------------------------------------------------------------------

TOCSIN_RULE(step_bound, ast::StepBound, "`within` and a duration");
const auto step_bound_def = spanned[word(Word::within) >> length()[set<&ast::StepBound::length>] >>
                                    -(word(Word::of) >> item_name("a step's name")[set<&ast::StepBound::of>])];

TOCSIN_RULE(link, ast::Link, "`then`");
const auto link_def =
    spanned[word(Word::then) >> -(word(Word::no) >> stream[set<&ast::Link::no>] >> word(Word::then)) >>
            -(word(Word::next)[put<&ast::Link::next, true>] | word(Word::first)[put<&ast::Link::first, true>]) >>
            -step_bound[set<&ast::Link::within>]];

TOCSIN_RULE(linked_step, ast::Step, "an event");
struct LinkedStep {
  ast::Link link;
  ast::Step step;
};
struct SetLink {
  template <class Context>
  void operator()(Context& context) const {
    x3::_val(context).link = std::move(x3::_attr(context));
  }
};
struct SetStepKeepingLink {
  template <class Context>
  void operator()(Context& context) const {
    ast::Link kept = std::move(x3::_val(context).link);
    x3::_val(context) = std::move(x3::_attr(context));
    x3::_val(context).link = std::move(kept);
  }
};
const auto is_ending = ahead([](const Token* t, const Token* last) {
  return is_word(t, last, Word::then) && is_word(t + 1, last, Word::no) &&
         is_word(behind_stream(t + 2, last), last, Word::within);
});
const auto linked_step_def = !is_ending >> link[SetLink()] >> step[SetStepKeepingLink()];

TOCSIN_RULE(absence, ast::Absence, "`no` and an event");
const auto absence_def =
    spanned[word(Word::no) >> stream[set<&ast::Absence::stream>] >> step_bound[set<&ast::Absence::within>]];

TOCSIN_RULE(sequence, ast::Sequence, "an event");
const auto sequence_def = step[push<&ast::Sequence::steps>] >> *linked_step[push<&ast::Sequence::steps>] >>
                          -(is_ending >> word(Word::then) >> absence[set<&ast::Sequence::ending>]);

// ----- the other forms ---------------------------------------------------------------------------------------

TOCSIN_RULE(apart, ast::Apart, "`N x at most D apart`");
const auto apart_def = is_apart >> count()[set<&ast::Apart::number>] >> stream[set<&ast::Apart::stream>] >>
                       -(word(Word::as) >> bound_name[AsAction()]) >> word(Word::at) >> word(Word::most) >>
                       length()[set<&ast::Apart::gap>] >> word(Word::apart);

TOCSIN_RULE(fewer, ast::FewerThan, "`fewer than N`");
const auto fewer_def = word(Word::fewer) >> word(Word::than) >>
                       count()[set<&ast::FewerThan::number>] >> stream[set<&ast::FewerThan::stream>];

TOCSIN_RULE(distinct, ast::Distinct, "`N distinct x.f`");
const auto distinct_def = number_then(Word::distinct) >> count()[set<&ast::Distinct::number>] >> word(Word::distinct) >>
                          ((!is_union >> punct(Punct::open_round) >> stream_path[push<&ast::Distinct::values>] >>
                            *(punct(Punct::comma) >> stream_path[push<&ast::Distinct::values>]) >>
                            punct(Punct::close_round)) |
                           stream_path[push<&ast::Distinct::values>]);

TOCSIN_RULE(of_last, ast::OfLast, "`N of last M x`");
const auto of_last_def = number_then(Word::of) >> count()[set<&ast::OfLast::number>] >> word(Word::of) >>
                         word(Word::last) >> count()[set<&ast::OfLast::last>] >> stream[set<&ast::OfLast::stream>];

TOCSIN_RULE(changes, ast::Changes, "`N changes of x.f`");
const auto changes_def = number_then(Word::changes) >> count()[set<&ast::Changes::number>] >> word(Word::changes) >>
                         word(Word::of) >> stream_path[set<&ast::Changes::value>];

TOCSIN_RULE(fresh, ast::New, "`new x.f in D`");
const auto fresh_def = word(Word::new_) >> stream_path[set<&ast::New::value>] >> word(Word::in) >>
                       length()[set<&ast::New::in>];

TOCSIN_RULE(idle, ast::Idle, "`x after D idle`");
TOCSIN_RULE(without, ast::Without, "`x after D without y`");
const auto is_idle_form = ahead([](const Token* t, const Token* last) {
  const Token* behind = behind_stream(t, last);
  if (is_word(behind, last, Word::as)) behind += 2;
  return is_word(behind, last, Word::after) && is_word(behind + 2, last, Word::idle);
});
const auto idle_def = is_idle_form >> stream[set<&ast::Idle::stream>] >> -(word(Word::as) >> bound_name[AsAction()]) >>
                      word(Word::after) >> length()[set<&ast::Idle::length>] >> word(Word::idle);
const auto without_def = is_after >> stream[set<&ast::Without::stream>] >>
                         -(word(Word::as) >> bound_name[AsAction()]) >> word(Word::after) >>
                         length()[set<&ast::Without::length>] >>
                         (Wanted("idle") | word(Word::without)) >> stream[set<&ast::Without::missing>];

TOCSIN_RULE(silence, ast::Silence, "`no x for D`");
TOCSIN_RULE(no_after, ast::NoAfter, "`no x within D after y`");
const auto silence_def = word(Word::no) >> stream[set<&ast::Silence::stream>] >> word(Word::for_) >>
                         length()[set<&ast::Silence::length>];
const auto no_after_def = is_absence >> word(Word::no) >> stream[set<&ast::NoAfter::missing>] >> word(Word::within) >>
                          length()[set<&ast::NoAfter::within>] >>
                          word(Word::after) >> stream[set<&ast::NoAfter::after>] >>
                          -(word(Word::as) >> bound_name[AsAction()]);

TOCSIN_RULE(ranking, ast::Ranking, "`top N x.f by count over D`");
const auto is_ranking =
    ahead([](const Token* t, const Token* last) { return is_word(t, last, Word::top) && is_number(t + 1, last); });
const auto ranking_def = is_ranking >> word(Word::top) >>
                         count()[set<&ast::Ranking::number>] >> stream_path[set<&ast::Ranking::value>] >>
                         word(Word::by) >> word(Word::count) >> word(Word::over) >> length()[set<&ast::Ranking::over>];

TOCSIN_RULE(condition, ast::Condition, "a condition");
const auto condition_def = is_condition >> expr[set<&ast::Condition::expr>];

// ----- the whole ---------------------------------------------------------------------------------------------

const auto aligned_def =
    spanned[length()[set<&ast::Aligned::length>] >>
            -(word(Word::in) >> text("a time zone such as \"Europe/Paris\"")[set<&ast::Aligned::zone>])];

const auto begins_with_no = ahead([](const Token* t, const Token* last) { return is_word(t, last, Word::no); });
const auto begins_with = [](Word w) {
  return ahead([w](const Token* t, const Token* last) { return is_word(t, last, w); });
};

const auto form =
    PhraseParser(step) | (begins_with_no >> (no_after[set<&ast::Pattern::form>] | silence[set<&ast::Pattern::form>])) |
    (begins_with(Word::fewer) >> fewer[set<&ast::Pattern::form>]) |
    (begins_with(Word::new_) >> fresh[set<&ast::Pattern::form>]) | ranking[set<&ast::Pattern::form>] |
    distinct[set<&ast::Pattern::form>] | of_last[set<&ast::Pattern::form>] | changes[set<&ast::Pattern::form>] |
    apart[set<&ast::Pattern::form>] | condition[set<&ast::Pattern::form>] |
    (is_after >> (idle[set<&ast::Pattern::form>] | without[set<&ast::Pattern::form>])) |
    sequence[set<&ast::Pattern::form>];

// `within`, `each` and `for` bind last, in any order, each once.
const auto no_within_yet = x3::eps[([](auto& context) { x3::_pass(context) = !x3::_val(context).within.has_value(); })];
const auto no_each_yet = x3::eps[([](auto& context) { x3::_pass(context) = !x3::_val(context).each.has_value(); })];
const auto no_hold_yet = x3::eps[([](auto& context) { x3::_pass(context) = !x3::_val(context).hold.has_value(); })];
const auto pattern_def =
    spanned[form >> *((no_within_yet >> word(Word::within) >> length()[set<&ast::Pattern::within>]) |
                      (no_each_yet >> word(Word::each) >> aligned[set<&ast::Pattern::each>]) |
                      (no_hold_yet >> word(Word::for_) >> length()[set<&ast::Pattern::hold>]))];

BOOST_SPIRIT_DEFINE(quantity, step, group, any_of, until, step_bound, link, linked_step, absence, sequence, apart,
                    fewer, distinct, of_last, changes, fresh, idle, without, silence, no_after, ranking, condition,
                    aligned, pattern)

BOOST_SPIRIT_INSTANTIATE(pattern_type, Cursor, x3::unused_type)
BOOST_SPIRIT_INSTANTIATE(aligned_type, Cursor, x3::unused_type)

}  // namespace tocsin::dsl::grammar
