// Expressions and streams, weakest operator first. A stream is here because an expression can hold one (an aggregate)
// and a stream can hold an expression (its filter).
#include "dsl/grammar/rules.h"
#include "dsl/grammar/template_text.h"

namespace tocsin::dsl::grammar {
namespace {

using ast::BinaryOp;
using ast::Expr;

// ----- literals ----------------------------------------------------------------------------------------------

const auto literal = token<Expr>("a value", [](const Cursor& at, Expr& e) {
  ast::Literal l;
  switch (at->kind) {
    case TokenKind::number:
      if (at->real)
        l.value = at->number;
      else
        l.value = at->integer;
      break;
    case TokenKind::percent:
      l.value = at->number;
      break;
    case TokenKind::size:
      l.value = at->integer;
      break;
    case TokenKind::duration:
      l.value = Duration{at->integer};
      break;
    case TokenKind::text:
      l.value = text_at(at);
      break;
    case TokenKind::regex:
      l.value = ast::Regex{text_at(at)};
      break;
    case TokenKind::address:
      l.value = ast::Address{text_at(at)};
      break;
    case TokenKind::word:
      if (at->word != Word::true_ && at->word != Word::false_) return false;
      l.value = at->word == Word::true_;
      break;
    case TokenKind::quoted_name:
    case TokenKind::param:
    case TokenKind::factor:
    case TokenKind::clock:
    case TokenKind::punctuation:
    case TokenKind::end:
      return false;
  }
  if (at->kind != TokenKind::text) l.spelling.text = spelled_at(at);
  e.node = std::move(l);
  e.span = span_of(at);
  return true;
});

const auto regex = token<Expr>("a regular expression such as /^admin/", [](const Cursor& at, Expr& e) {
  if (at->kind != TokenKind::regex) return false;
  e.node = ast::Literal{ast::Regex{text_at(at)}, {spelled_at(at)}};
  e.span = span_of(at);
  return true;
});

struct Factor {
  double value = 1;
  std::string spelling;
};
const auto factor = token<Factor>("a factor such as 3x", [](const Cursor& at, Factor& f) {
  if (at->kind != TokenKind::factor) return false;
  f = {at->number, spelled_at(at)};
  return true;
});

// ----- looking ahead -----------------------------------------------------------------------------------------

bool is_punct(const Token* t, const Token* last, Punct p) {
  return t < last && t->kind == TokenKind::punctuation && t->punct == p;
}

// Is there a comma at the top level of the brackets that open at `open`?
bool has_comma(const Token* open, const Token* last) {
  for (const Token* t = open + 1; t < last && !is_punct(t, last, Punct::close_round); ++t) {
    if (is_punct(t, last, Punct::comma)) return true;
    if (t->kind == TokenKind::punctuation && t->partner > 0) t += t->partner;
  }
  return false;
}

// A word of an aggregate before its parenthesis; min(a, b) and max(a, b) are functions of values.
bool aggregate_at(const Token* t, const Token* last) {
  if (t->kind != TokenKind::word || !has_use(t->word, kAggregate)) return false;
  if (!is_punct(t + 1, last, Punct::open_round)) return false;
  return !((t->word == Word::min || t->word == Word::max) && has_comma(t + 1, last));
}
auto aggregate_of(Shape shape) {
  return ahead(
      [shape](const Token* t, const Token* last) { return aggregate_at(t, last) && row(t->word).shape == shape; });
}

// Never both an aggregate and a call: two readings of each of 30 brackets would be a billion.
const auto is_call = ahead([](const Token* t, const Token* last) {
  return t->kind == TokenKind::word && is_punct(t + 1, last, Punct::open_round) && !aggregate_at(t, last);
});
const auto is_lookup = ahead([](const Token* t, const Token* last) {
  return (t->kind == TokenKind::word || t->kind == TokenKind::quoted_name) && is_punct(t + 1, last, Punct::open_square);
});
const auto is_some = ahead([](const Token* t, const Token* last) {
  if (t->kind != TokenKind::word || t->word != Word::some) return false;
  for (++t; is_punct(t + 1, last, Punct::dot); t += 2) {
  }
  return is_punct(t + 1, last, Punct::open_round);
});
const auto is_own_param = ahead([](const Token* t, const Token* last) {
  return t->kind == TokenKind::param && !is_punct(t + 1, last, Punct::dot);
});
const auto is_its = ahead([](const Token* t, const Token* last) {
  return t->kind == TokenKind::word && t->word == Word::its && t + 1 < last && t[1].kind == TokenKind::word &&
         (t[1].word == Word::average || t[1].word == Word::previous);
});

// ----- names -------------------------------------------------------------------------------------------------

const auto any_name =
    token<ast::Name>("a name", [](const Cursor& at, ast::Name& n) { return make_name(at, n, kExpression); });
const auto aggregate_name = token<ast::Name>("an aggregate", [](const Cursor& at, ast::Name& n) {
  if (at->kind != TokenKind::word) return false;
  n.text = spelled_at(at);
  n.span = span_of(at);
  return true;
});

}  // namespace

// Behind a dot every word is a name.
const auto nested_name =
    token<ast::Name>("a field", [](const Cursor& at, ast::Name& n) { return make_name(at, n, 0); });
// A keyword of clauses with a plain word, a number or a text behind it opens its clause; as a field it would have an
// operator, a bracket or another keyword there. So `where a > by user` lacks a value before `by`.
static bool opens_clause(const Token* t, const Token* last) {
  if (t->kind != TokenKind::word || t + 1 >= last) return false;
  if (!has_use(t->word, kClause) && t->word != Word::within && t->word != Word::for_) return false;
  switch (t[1].kind) {
    case TokenKind::number:
    case TokenKind::duration:
    case TokenKind::text:
    case TokenKind::param:
    case TokenKind::quoted_name:
      return true;
    case TokenKind::word:
      return !has_use(t[1].word, kReservedForItems | kType);
    case TokenKind::factor:
    case TokenKind::percent:
    case TokenKind::size:
    case TokenKind::clock:
    case TokenKind::regex:
    case TokenKind::address:
    case TokenKind::punctuation:
    case TokenKind::end:
      return false;
  }
  return false;
}
const auto opens_no_clause = ahead([](const Token* t, const Token* last) { return !opens_clause(t, last); });
const auto path_def = spanned[(opens_no_clause | Wanted("a field")) >> field_name("a field")[push<&ast::Path::parts>] >>
                              *(punct(Punct::dot) >> nested_name[push<&ast::Path::parts>])];

// ----- streams -----------------------------------------------------------------------------------------------

const auto stream_name = item_name("an event");
const auto filter_def_of_stream = punct(Punct::open_round) >> expr[set<&ast::Stream::filter>] >>
                                  punct(Punct::close_round);
const auto stream_def =
    spanned[(stream_name[set<&ast::Stream::name>] |
             (punct(Punct::open_round) >> stream[push<&ast::Stream::any>] >>
              *(word(Word::or_) >> stream[push<&ast::Stream::any>]) >> punct(Punct::close_round))) >>
            -filter_def_of_stream];

// In an aggregate the name may be a field of a summary's own events, so any word will do.
TOCSIN_RULE(counted, ast::Stream, "an event or a field");
const auto counted_def = spanned[(any_name[set<&ast::Stream::name>] >> -filter_def_of_stream) |
                                 (punct(Punct::open_round) >> stream[push<&ast::Stream::any>] >>
                                  *(word(Word::or_) >> stream[push<&ast::Stream::any>]) >> punct(Punct::close_round) >>
                                  -filter_def_of_stream)];
const auto stream_path_def =
    spanned[counted[set<&ast::StreamPath::stream>] >> -(punct(Punct::dot) >> path[set<&ast::StreamPath::field>])];

// ----- aggregates --------------------------------------------------------------------------------------------

TOCSIN_RULE(over, ast::Over, "`over` and a window");
const auto over_def = spanned[word(Word::over) >> ((word(Word::last) >> count()[set<&ast::Over::window>]) |
                                                   length()[set<&ast::Over::window>])];

TOCSIN_RULE(aggregate, ast::Aggregate, "an aggregate");
const auto aggregate_head = aggregate_name[set<&ast::Aggregate::function>] >> punct(Punct::open_round);
const auto aggregate_over = -over[set<&ast::Aggregate::over>];
const auto aggregate_stream = stream_path[push<&ast::Aggregate::streams>];
const auto aggregate_args = *(punct(Punct::comma) >> expr[push<&ast::Aggregate::args>]) >> punct(Punct::close_round);
const auto aggregate_def =
    (aggregate_of(Shape::one) >> aggregate_head >> -aggregate_stream >> aggregate_over >> punct(Punct::close_round)) |
    (aggregate_of(Shape::two) >> aggregate_head >> aggregate_stream >> punct(Punct::comma) >> aggregate_stream >>
     aggregate_over >> punct(Punct::close_round)) |
    (aggregate_of(Shape::number) >> aggregate_head >> aggregate_stream >> aggregate_over >> aggregate_args) |
    (aggregate_of(Shape::nested) >> aggregate_head >> expr[push<&ast::Aggregate::args>] >> aggregate_args);

// ----- operands ----------------------------------------------------------------------------------------------

TOCSIN_RULE(call, ast::Call, "a function");
const auto call_def = is_call >> any_name[set<&ast::Call::function>] >> punct(Punct::open_round) >>
                      -(expr[push<&ast::Call::args>] >> *(punct(Punct::comma) >> expr[push<&ast::Call::args>])) >>
                      punct(Punct::close_round);

TOCSIN_RULE(lookup, ast::Lookup, "a row of a table");
const auto lookup_def = is_lookup >> any_name[set<&ast::Lookup::table>] >>
                        punct(Punct::open_square) >> expr[set<&ast::Lookup::key>] >> punct(Punct::close_square) >>
                        punct(Punct::dot) >> path[set<&ast::Lookup::field>];

TOCSIN_RULE(some, ast::Some, "`some`");
const auto some_def = is_some >> word(Word::some) >> path[set<&ast::Some::list>] >>
                      punct(Punct::open_round) >> expr[set<&ast::Some::condition>] >> punct(Punct::close_round);

TOCSIN_RULE(its, ast::Its, "`its average` or `its previous`");
struct SetFactor {
  template <class Context>
  void operator()(Context& context) const {
    x3::_val(context).factor = x3::_attr(context).value;
    x3::_val(context).factor_spelling.text = x3::_attr(context).spelling;
  }
};
const auto its_what = word(Word::its) >> (word(Word::average)[put<&ast::Its::what, ast::Its::What::average>] |
                                          word(Word::previous)[put<&ast::Its::what, ast::Its::What::previous>]) >>
                      -(word(Word::over) >> length()[set<&ast::Its::over>]);
const auto its_def = (factor[SetFactor()] >> its_what) | (is_its >> its_what);

TOCSIN_RULE(list_of, ast::ListOf, "a list");
const auto list_of_def = punct(Punct::open_square) >> -(expr[push<&ast::ListOf::items>] >>
                                                        *(punct(Punct::comma) >> expr[push<&ast::ListOf::items>])) >>
                         punct(Punct::close_square);

TOCSIN_RULE(operand, Expr, "a value");
TOCSIN_RULE(operand_node, Expr, "a value");
const auto operand_node_def = spanned[its[node] | aggregate[node] | some[node] | call[node] | lookup[node] |
                                      list_of[node] | (is_own_param >> param_name()[node]) | path[node]];
const auto operand_def =
    literal[become] | (punct(Punct::open_round) >> expr[become] >> punct(Punct::close_round)) | operand_node[become];

// ----- operators ---------------------------------------------------------------------------------------------

// What an operand on the left has become so far is in the rule's value; each tail wraps it.
struct Wrap {
  template <class Context, class Make>
  static void with(Context& context, Make make) {
    Expr& value = x3::_val(context);
    Expr left = std::move(value);
    value = Expr{};
    value.span = left.span;
    make(value, std::move(left));
  }
};

struct Tail {  // an operator and its right side
  BinaryOp op = BinaryOp::add;
  SourceSpan op_span;
  Expr right;
  bool ignoring_case = false;
};
struct FoldTail {
  template <class Context>
  void operator()(Context& context) const {
    Tail tail = std::move(x3::_attr(context));
    Wrap::with(context, [&](Expr& value, Expr left) {
      value.span.end = tail.right.span.end;
      value.node = ast::Binary{tail.op, std::move(left), std::move(tail.right), tail.ignoring_case, tail.op_span};
    });
  }
};

template <BinaryOp op, class Parser>
auto op_is(const Parser& parser) {
  return SpanInto<&Tail::op_span, typename x3::extension::as_parser<Parser>::value_type>(x3::as_parser(parser)) >>
         x3::eps[put<&Tail::op, op>];
}
const auto ignoring = -(word(Word::ignoring) >> word(Word::case_)[put<&Tail::ignoring_case, true>]);

TOCSIN_RULE(unary, Expr, "a value");
TOCSIN_RULE(product, Expr, "a value");
TOCSIN_RULE(product_tail, Tail, "`*`, `/` or `%`");
TOCSIN_RULE(sum, Expr, "a value");
TOCSIN_RULE(sum_tail, Tail, "`+` or `-`");
TOCSIN_RULE(comparison, Expr, "a comparison");
TOCSIN_RULE(comparison_tail, Tail, "a comparison");
TOCSIN_RULE(negation, Expr, "a condition");
TOCSIN_RULE(conjunction, Expr, "a condition");
TOCSIN_RULE(conjunction_tail, Tail, "`and`");
TOCSIN_RULE(disjunction_tail, Tail, "`or`");

struct Negate {
  template <class Context>
  void operator()(Context& context) const {
    x3::_val(context).node = ast::Unary{ast::UnaryOp::negate, std::move(x3::_attr(context))};
  }
};
struct Not {
  template <class Context>
  void operator()(Context& context) const {
    x3::_val(context).node = ast::Unary{ast::UnaryOp::logical_not, std::move(x3::_attr(context))};
  }
};

const auto unary_def = spanned[punct(Punct::minus) >> unary[Negate()]] | operand[become];

const auto product_tail_def =
    (op_is<BinaryOp::multiply>(punct(Punct::times)) | op_is<BinaryOp::divide>(punct(Punct::divide)) |
     op_is<BinaryOp::remainder>(punct(Punct::remainder))) >>
    unary[set<&Tail::right>];
const auto product_def = unary[become] >> *product_tail[FoldTail()];

const auto sum_tail_def = (op_is<BinaryOp::add>(punct(Punct::plus)) | op_is<BinaryOp::subtract>(punct(Punct::minus))) >>
                          product[set<&Tail::right>];
const auto sum_def = product[become] >> *sum_tail[FoldTail()];

const auto comparison_tail_def =
    ((op_is<BinaryOp::equal>(punct(Punct::equal)) | op_is<BinaryOp::not_equal>(punct(Punct::not_equal)) |
      op_is<BinaryOp::less_equal>(punct(Punct::less_equal)) | op_is<BinaryOp::less>(punct(Punct::less)) |
      op_is<BinaryOp::greater_equal>(punct(Punct::greater_equal)) | op_is<BinaryOp::greater>(punct(Punct::greater)) |
      op_is<BinaryOp::contains>(word(Word::contains)) |
      op_is<BinaryOp::starts_with>(word(Word::starts) >> word(Word::with)) |
      op_is<BinaryOp::ends_with>(word(Word::ends) >> word(Word::with))) >>
     sum[set<&Tail::right>] >> ignoring) |
    (op_is<BinaryOp::matches>(word(Word::matches)) >> regex[set<&Tail::right>] >> ignoring);

// `in`, `between`, `is`: the left side is filled in by the comparison.
struct Membership {
  ast::In in;
  SourceSpan span;
};
TOCSIN_RULE(membership, ast::In, "`in`");
TOCSIN_RULE(in_items, ast::InItems, "a list in square brackets");
TOCSIN_RULE(in_list, ast::InList, "`list` and its name");
TOCSIN_RULE(in_calendar, ast::InCalendar, "`calendar` and its name");
const auto in_items_def = punct(Punct::open_square) >> -(expr[push<&ast::InItems::items>] >>
                                                         *(punct(Punct::comma) >> expr[push<&ast::InItems::items>])) >>
                          punct(Punct::close_square);
const auto in_list_def = word(Word::list) >> item_name("a list's name")[set<&ast::InList::list>];
const auto in_calendar_def = word(Word::calendar) >> item_name("a calendar's name")[set<&ast::InCalendar::calendar>];
const auto is_not_in = ahead([](const Token* t, const Token* last) {
  return t->kind == TokenKind::word && t->word == Word::not_ && t + 1 < last && t[1].kind == TokenKind::word &&
         t[1].word == Word::in;
});
const auto membership_def = -(is_not_in >> word(Word::not_)[put<&ast::In::negated, true>]) >> word(Word::in) >>
                            (in_items[set<&ast::In::where>] | in_list[set<&ast::In::where>] |
                             in_calendar[set<&ast::In::where>]) >>
                            -(word(Word::ignoring) >> word(Word::case_)[put<&ast::In::ignoring_case, true>]);

TOCSIN_RULE(range, ast::Between, "`between a and b`");
const auto range_def = word(Word::between) >> sum[set<&ast::Between::low>] >>
                       word(Word::and_) >> sum[set<&ast::Between::high>];

TOCSIN_RULE(presence, ast::Is, "`is missing` or `is present`");
const auto presence_def = word(Word::is) >> (word(Word::missing)[put<&ast::Is::missing, true>] |
                                             word(Word::present)[put<&ast::Is::missing, false>]);

template <auto Left>
struct FoldLeft {  // In, Between, Is: the operand so far becomes their `what`
  template <class Context>
  void operator()(Context& context) const {
    auto tail = std::move(x3::_attr(context));
    Wrap::with(context, [&](Expr& value, Expr left) {
      tail.*Left = std::move(left);
      value.node = std::move(tail);
    });
  }
};

const auto comparison_def =
    spanned[sum[become] >> -(comparison_tail[FoldTail()] | membership[FoldLeft<&ast::In::what>()] |
                             range[FoldLeft<&ast::Between::what>()] | presence[FoldLeft<&ast::Is::what>()])];

const auto negation_def = spanned[word(Word::not_) >> negation[Not()]] | comparison[become];

const auto conjunction_tail_def = op_is<BinaryOp::logical_and>(word(Word::and_)) >> negation[set<&Tail::right>];
const auto conjunction_def = negation[become] >> *conjunction_tail[FoldTail()];

const auto disjunction_tail_def = op_is<BinaryOp::logical_or>(word(Word::or_)) >> conjunction[set<&Tail::right>];
const auto expr_def = conjunction[become] >> *disjunction_tail[FoldTail()];

// ----- texts -------------------------------------------------------------------------------------------------

const auto texts_def = TemplateText("a text in quotes")[become];

BOOST_SPIRIT_DEFINE(path, stream, counted, stream_path, over, aggregate, call, lookup, some, its, list_of, operand,
                    operand_node, unary, product, product_tail, sum, sum_tail, comparison, comparison_tail, membership,
                    in_items, in_list, in_calendar, range)
BOOST_SPIRIT_DEFINE(presence, negation, conjunction, conjunction_tail, disjunction_tail, expr, texts)

BOOST_SPIRIT_INSTANTIATE(expr_type, Cursor, x3::unused_type)
BOOST_SPIRIT_INSTANTIATE(path_type, Cursor, x3::unused_type)
BOOST_SPIRIT_INSTANTIATE(stream_type, Cursor, x3::unused_type)
BOOST_SPIRIT_INSTANTIATE(stream_path_type, Cursor, x3::unused_type)
BOOST_SPIRIT_INSTANTIATE(texts_type, Cursor, x3::unused_type)

}  // namespace tocsin::dsl::grammar
