// If one of these fails, a filter lets the wrong events through, or an alert shows what did not happen.
#include "engine/program/eval.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <optional>
#include <string>
#include <vector>

#include "engine/base/utf8.h"
#include "engine/event/ip.h"
#include "engine/event/key.h"
#include "engine/event/order.h"
#include "engine/event/write.h"
#include "engine/program/functions.h"
#include "engine/program/reference_data.h"
#include "engine/program/scratch.h"
#include "tests/support/any_value.h"

using namespace tocsin;

namespace {

std::string json(const Value& value) {
  std::string out;
  append_json(out, value);
  return out;
}

// A tree of an expression; `code` writes it in postfix, `naive` says what it means in the plainest way there is.
struct Node {
  ExprOp op = ExprOp::constant;
  std::uint32_t a = 0, b = 0;
  std::vector<Node> args;
};

// Everything that a random expression can look at.
struct World {
  Code code;
  std::vector<Value> constants;
  Event event, previous;
  std::vector<Value> fields, previous_fields, key;
  Scratch scratch;
  Time now{5'000'000};
};

Constant constant_of(const Value& v) {
  switch (v.type()) {
    case Type::missing:
    case Type::point:
    case Type::list:
    case Type::object:
      return {};
    case Type::boolean:
      return {v.as_boolean()};
    case Type::integer:
      return {v.as_integer()};
    case Type::floating:
      return {v.as_floating()};
    case Type::text:
      return {std::string(v.as_text())};
    case Type::time:
      return {v.as_time()};
    case Type::duration:
      return {v.as_duration()};
    case Type::ip:
      return {v.as_ip()};
  }
  return {};
}

void write_code(const Node& node, Code& code) {
  for (const Node& arg : node.args) write_code(arg, code);
  code.instructions.push_back({node.op, node.a, node.b});
}

ExprId add(const Node& node, Code& code) {
  Expr expr;
  expr.begin = static_cast<std::uint32_t>(code.instructions.size());
  write_code(node, code);
  expr.end = static_cast<std::uint32_t>(code.instructions.size());
  code.exprs.push_back(expr);
  return ExprId(code.exprs.size() - 1);
}

// ----- the naive meaning: X1-X4 and A3, word for word ---------------------------------------------------

using Truth = std::optional<bool>;
Truth truth(const Value& v) { return v.type() == Type::boolean ? Truth(v.as_boolean()) : std::nullopt; }
Value value(Truth t) { return t ? Value::boolean(*t) : Value(); }

std::string lower(std::string_view text) {
  std::string out;
  append_lower(out, text);
  return out;
}

// A long double has 64 bits of mantissa: all 64-bit integers and all doubles are exact in it.
long double exact(const Value& v) {
  return v.type() == Type::integer ? static_cast<long double>(v.as_integer())
                                   : static_cast<long double>(v.as_floating());
}

Truth naive_equal(const Value& a, const Value& b, bool fold) {
  if (a.is_missing() || b.is_missing()) return std::nullopt;
  if (a.is_number() && b.is_number()) return exact(a) == exact(b);
  if (a.type() == Type::text && b.type() == Type::text)
    return fold ? lower(a.as_text()) == lower(b.as_text()) : a.as_text() == b.as_text();
  return equal(a, b);
}

// -1, 0, 1, or nothing.
std::optional<int> naive_order(const Value& a, const Value& b, bool fold) {
  if (a.is_missing() || b.is_missing()) return std::nullopt;
  const auto sign = [](auto x, auto y) { return x < y ? -1 : x > y ? 1 : 0; };
  if (a.is_number() && b.is_number()) return sign(exact(a), exact(b));
  if (a.type() != b.type()) return std::nullopt;
  if (a.type() == Type::text)
    return fold ? sign(lower(a.as_text()), lower(b.as_text())) : sign(a.as_text(), b.as_text());
  if (a.type() == Type::time || a.type() == Type::duration || a.type() == Type::boolean)
    return sign(a.as_integer(), b.as_integer());
  const auto order = compare(a, b);
  return order == std::partial_ordering::unordered ? std::nullopt : std::optional(order < 0 ? -1 : order > 0 ? 1 : 0);
}

Truth naive_in(const Value& v, const std::vector<Value>& items, bool fold) {
  if (v.is_missing()) return std::nullopt;
  bool unknown = false;
  for (const Value& item : items) {
    if (v.type() == Type::ip && item.type() == Type::ip) {
      if (lies_in(v.as_ip(), item.as_ip())) return true;
    } else if (const Truth same = naive_equal(v, item, fold)) {
      if (*same) return true;
    } else {
      unknown = true;
    }
  }
  return unknown ? std::nullopt : Truth(false);
}

Value whole_or_float(long double d) {
  if (d >= -9223372036854775808.0L && d <= 9223372036854775807.0L) return Value::integer(static_cast<std::int64_t>(d));
  return Value::floating(static_cast<double>(d));
}
Value finite(double d) { return std::isfinite(d) ? Value::floating(d) : Value(); }

// Sums, differences and products of integers are exact in 128 bits.
__extension__ typedef __int128 Wide;
Value from_wide(Wide n, double rounded) {
  return n >= INT64_MIN && n <= INT64_MAX ? Value::integer(static_cast<std::int64_t>(n)) : Value::floating(rounded);
}
Value length_or_nothing(Wide n) {
  return n >= INT64_MIN && n <= INT64_MAX ? Value::duration({static_cast<std::int64_t>(n)}) : Value();
}
Value time_or_nothing(Wide n) {
  constexpr Wide kFirst = -62'135'596'800'000'000, kBehind = 253'402'300'800'000'000;  // the years 1 to 9999
  return n >= kFirst && n < kBehind ? Value::time({static_cast<std::int64_t>(n)}) : Value();
}

Value naive_arithmetic(ExprOp op, const Value& a, const Value& b) {
  const bool ints = a.type() == Type::integer && b.type() == Type::integer, numbers = a.is_number() && b.is_number();
  const Wide x = a.as_integer(), y = b.as_integer();
  const Type l = a.type(), r = b.type();
  if (op == ExprOp::add) {
    if (ints) return from_wide(x + y, a.number() + b.number());
    if (numbers) return finite(a.number() + b.number());
    if (l == Type::duration && r == Type::duration) return length_or_nothing(x + y);
    if ((l == Type::time && r == Type::duration) || (l == Type::duration && r == Type::time))
      return time_or_nothing(x + y);
  } else if (op == ExprOp::subtract) {
    if (ints) return from_wide(x - y, a.number() - b.number());
    if (numbers) return finite(a.number() - b.number());
    if ((l == Type::duration || l == Type::time) && l == r) return length_or_nothing(x - y);
    if (l == Type::time && r == Type::duration) return time_or_nothing(x - y);
  } else if (op == ExprOp::multiply) {
    if (ints) return from_wide(x * y, a.number() * b.number());
    if (numbers) return finite(a.number() * b.number());
    if ((l == Type::duration && r == Type::integer) || (l == Type::integer && r == Type::duration))
      return length_or_nothing(x * y);
    if ((l == Type::duration && r == Type::floating) || (l == Type::floating && r == Type::duration)) {
      const double us = l == Type::duration ? static_cast<double>(a.as_integer()) * b.as_floating()
                                            : a.as_floating() * static_cast<double>(b.as_integer());
      return std::fabs(us) < 9.2e18 ? Value::duration({static_cast<std::int64_t>(us)}) : Value();
    }
  } else if (op == ExprOp::divide) {
    if (numbers) return b.number() == 0 ? Value() : finite(a.number() / b.number());
    if (l == Type::duration && r == Type::duration)
      return y == 0 ? Value()
                    : Value::floating(static_cast<double>(a.as_integer()) / static_cast<double>(b.as_integer()));
    if (l == Type::duration && b.is_number()) {
      if (b.number() == 0) return {};
      const double us = static_cast<double>(a.as_integer()) / b.number();
      return std::fabs(us) < 9.2e18 ? Value::duration({static_cast<std::int64_t>(us)}) : Value();
    }
  } else if (op == ExprOp::remainder) {
    if (ints) return y == 0 ? Value() : Value::integer(static_cast<std::int64_t>(x % y));
    if (numbers) return b.number() == 0 ? Value() : finite(std::fmod(a.number(), b.number()));
  }
  return {};
}

Value naive(const Node& node, World& world, const std::vector<Value>& items = {}) {
  std::vector<Value> args;
  for (const Node& arg : node.args) args.push_back(naive(arg, world, items));
  const bool fold = node.a == 1;
  const auto order = [&](auto holds) {
    const auto sign = naive_order(args[0], args[1], fold);
    return sign ? Value::boolean(holds(*sign)) : Value();
  };
  const auto texts = [&] { return args[0].type() == Type::text && args[1].type() == Type::text; };
  const auto text_of = [&](std::size_t i) { return fold ? lower(args[i].as_text()) : std::string(args[i].as_text()); };
  const auto either_missing = [&] { return args[0].is_missing() || args[1].is_missing(); };
  switch (node.op) {
    case ExprOp::constant:
      return world.constants[node.a];
    case ExprOp::field:
      return world.fields[node.a];
    case ExprOp::previous:
      return world.previous_fields[node.a];
    case ExprOp::previous_time:
      return Value::time(world.previous.time);
    case ExprOp::time:
      return Value::time(world.now);
    case ExprOp::key:
      return world.key[node.a];
    case ExprOp::item:
      return items.empty() ? Value() : items.back();
    case ExprOp::logical_not:
      return value(truth(args[0]) ? Truth(!*truth(args[0])) : std::nullopt);
    case ExprOp::logical_and:
      if (truth(args[0]) == false || truth(args[1]) == false) return Value::boolean(false);
      return value(truth(args[0]) && truth(args[1]) ? Truth(true) : std::nullopt);
    case ExprOp::logical_or:
      if (truth(args[0]) == true || truth(args[1]) == true) return Value::boolean(true);
      return value(truth(args[0]) && truth(args[1]) ? Truth(false) : std::nullopt);
    case ExprOp::equal:
      return value(naive_equal(args[0], args[1], fold));
    case ExprOp::not_equal: {
      const Truth same = naive_equal(args[0], args[1], fold);
      return value(same ? Truth(!*same) : std::nullopt);
    }
    case ExprOp::less:
      return order([](int s) { return s < 0; });
    case ExprOp::less_equal:
      return order([](int s) { return s <= 0; });
    case ExprOp::greater:
      return order([](int s) { return s > 0; });
    case ExprOp::greater_equal:
      return order([](int s) { return s >= 0; });
    case ExprOp::contains:
      if (either_missing()) return {};
      if (args[0].type() == Type::list)
        return value(naive_in(args[1], {args[0].as_list().begin(), args[0].as_list().end()}, fold));
      return Value::boolean(texts() && text_of(0).find(text_of(1)) != std::string::npos);
    case ExprOp::starts_with:
      return either_missing() ? Value() : Value::boolean(texts() && text_of(0).rfind(text_of(1), 0) == 0);
    case ExprOp::ends_with:
      return either_missing() ? Value() : Value::boolean(texts() && text_of(0).ends_with(text_of(1)));
    case ExprOp::in_items:
      return value(naive_in(args[0], {args.begin() + 1, args.end()}, fold));
    case ExprOp::is_missing:
      return Value::boolean(args[0].is_missing());
    case ExprOp::add:
    case ExprOp::subtract:
    case ExprOp::multiply:
    case ExprOp::divide:
    case ExprOp::remainder:
      return naive_arithmetic(node.op, args[0], args[1]);
    case ExprOp::negate:
      if (args[0].type() == Type::integer) return whole_or_float(-static_cast<long double>(args[0].as_integer()));
      if (args[0].type() == Type::floating) return Value::floating(-args[0].as_floating());
      if (args[0].type() == Type::duration) return length_or_nothing(-Wide{args[0].as_integer()});
      return {};
    case ExprOp::make_list:
      return world.scratch.list(args);
    case ExprOp::call:
      return functions()[node.a].call(args, world.scratch);
    case ExprOp::join: {
      std::string out;
      for (const Value& v : args) append_text(out, v);
      return Value::text(world.scratch.text(out));
    }
    default:
      FAIL("not made by this test");
      return {};
  }
}

// ----- random trees -------------------------------------------------------------------------------------

Node leaf(tests::AnyValue& any, World& world) {
  const auto pick = [&](std::size_t n) { return static_cast<std::uint32_t>(any.below(n)); };
  switch (any.below(6)) {
    case 0:
      return {ExprOp::field, pick(world.fields.size()), 0, {}};
    case 1:
      return {ExprOp::previous, pick(world.previous_fields.size()), 0, {}};
    case 2:
      return {ExprOp::key, pick(world.key.size()), 0, {}};
    case 3:
      return {any.below(2) == 0 ? ExprOp::time : ExprOp::previous_time, 0, 0, {}};
    default:
      return {ExprOp::constant, pick(world.constants.size()), 0, {}};
  }
}

Node tree(tests::AnyValue& any, World& world, int depth) {
  if (depth == 0 || any.below(6) == 0) return leaf(any, world);
  static const ExprOp unary[] = {ExprOp::logical_not, ExprOp::is_missing, ExprOp::negate};
  static const ExprOp compare_ops[] = {ExprOp::equal,      ExprOp::not_equal,   ExprOp::less,
                                       ExprOp::less_equal, ExprOp::greater,     ExprOp::greater_equal,
                                       ExprOp::contains,   ExprOp::starts_with, ExprOp::ends_with};
  static const ExprOp binary[] = {ExprOp::add, ExprOp::subtract, ExprOp::multiply, ExprOp::divide, ExprOp::remainder};
  const auto sub = [&] { return tree(any, world, depth - 1); };
  const auto some_of = [&](std::size_t n) {
    std::vector<Node> args;
    for (std::size_t i = 0; i < n; ++i) args.push_back(sub());
    return args;
  };
  const auto fold = static_cast<std::uint32_t>(any.below(2));
  switch (any.below(9)) {
    case 0:
      return {unary[any.below(3)], 0, 0, {sub()}};
    case 1:
      return {any.below(3) == 0 ? ExprOp::logical_or : ExprOp::logical_and, 0, 0, {sub(), sub()}};
    case 2:
    case 3:
    case 4:
      return {compare_ops[any.below(std::size(compare_ops))], fold, 0, {sub(), sub()}};
    case 5:
      return {binary[any.below(std::size(binary))], 0, 0, {sub(), sub()}};
    case 6: {
      const std::size_t items = any.below(4) == 0 ? 40 : any.below(4);  // also more than the near stack holds
      std::vector<Node> args = {sub()};
      for (std::size_t i = 0; i < items; ++i) args.push_back(leaf(any, world));
      return {ExprOp::in_items, fold, static_cast<std::uint32_t>(items), args};
    }
    case 7: {
      const std::size_t count = 1 + any.below(3);
      const ExprOp op = any.below(2) == 0 ? ExprOp::make_list : ExprOp::join;
      return {op, 0, static_cast<std::uint32_t>(count), some_of(count)};
    }
    default: {
      static const char* const names[] = {"coalesce", "concat", "abs", "lower", "length", "max"};
      const auto id = *find_function(names[any.below(std::size(names))]);
      const std::size_t count = functions()[id.index].required;
      return {ExprOp::call, id.index, static_cast<std::uint32_t>(count), some_of(count)};
    }
  }
}

void fill(World& world, tests::AnyValue& any) {
  for (int i = 0; i < 24; ++i) {
    Value v = any.scalar();
    if (v.type() == Type::point) v = Value();
    world.constants.push_back(v);
    world.code.constants.push_back(constant_of(v));
  }
  for (int i = 0; i < 6; ++i) world.fields.push_back(any.any());
  for (int i = 0; i < 3; ++i) world.previous_fields.push_back(any.any());
  for (int i = 0; i < 2; ++i) world.key.push_back(any.any());
  world.event.time = world.now;
  world.event.fields = world.fields;
  world.previous.time = Time{3'000'000};
  world.previous.fields = world.previous_fields;
}

EvalContext context_of(World& world) {
  EvalContext context;
  context.event = &world.event;
  context.time = world.now;
  context.previous = &world.previous;
  context.key = world.key;
  context.scratch = &world.scratch;
  return context;
}

// ----- small pieces for the cases below -----------------------------------------------------------------

std::uint32_t constant(Code& code, Constant c) {
  code.constants.push_back(std::move(c));
  return static_cast<std::uint32_t>(code.constants.size() - 1);
}
Node literal(Code& code, Constant c) { return {ExprOp::constant, constant(code, std::move(c)), 0, {}}; }

}  // namespace

TEST_CASE("random expressions mean what the naive reading of semantics.md X1-X4, A3 says; holds and filter agree") {
  std::size_t trues = 0, falses = 0, unknowns = 0;
  for (std::uint64_t seed = 1; seed <= 500; ++seed) {
    CAPTURE(seed);
    tests::AnyValue any(seed);
    World world;
    fill(world, any);
    std::vector<Node> trees;
    for (int i = 0; i < 60; ++i) {
      trees.push_back(tree(any, world, 4));
      add(trees.back(), world.code);
    }
    const Evaluator evaluator(world.code);
    const EvalContext context = context_of(world);
    for (std::size_t i = 0; i < trees.size(); ++i) {
      CAPTURE(i);
      const Value expected = naive(trees[i], world), got = evaluator.evaluate(ExprId(i), context);
      REQUIRE(json(got) == json(expected));
      REQUIRE(got.type() == expected.type());
      const Truth said = truth(expected);
      REQUIRE(evaluator.holds(ExprId(i), context) == (said == true));
      std::vector<std::uint32_t> selection = {0};
      evaluator.filter(ExprId(i), {&world.event, 1}, context, selection);
      REQUIRE(selection.size() == (said == true ? 1 : 0));
      ++(!said ? unknowns : *said ? trues : falses);
    }
  }
  CHECK(trues > 1000);  // else the trees are too dull to show anything
  CHECK(falses > 1000);
  CHECK(unknowns > 1000);
}

TEST_CASE("X1: a filter that does not exist holds; an unknown one does not, and neither does its not") {
  World world;
  world.fields = {Value()};
  const Node missing_is_one{ExprOp::equal, 0, 0, {{ExprOp::field, 0, 0, {}}, literal(world.code, {std::int64_t{1}})}};
  const ExprId equal_one = add(missing_is_one, world.code);
  const ExprId not_equal_one = add({ExprOp::logical_not, 0, 0, {missing_is_one}}, world.code);
  world.event.fields = world.fields;
  const Evaluator evaluator(world.code);
  const EvalContext context = context_of(world);
  CHECK(evaluator.holds(ExprId(), context));
  CHECK_FALSE(evaluator.holds(equal_one, context));
  CHECK_FALSE(evaluator.holds(not_equal_one, context));
}

TEST_CASE("a filter keeps exactly the events for which all its conjuncts are true, in their order") {
  Code code;
  const auto field = [](std::uint32_t slot) { return Node{ExprOp::field, slot, 0, {}}; };
  const Node high{ExprOp::greater, 0, 0, {field(0), literal(code, {std::int64_t{3}})}};
  const Node odd{
      ExprOp::equal,
      0,
      0,
      {{ExprOp::remainder, 0, 0, {field(0), literal(code, {std::int64_t{2}})}}, literal(code, {std::int64_t{1}})}};
  const Node present{ExprOp::logical_not, 0, 0, {{ExprOp::is_missing, 0, 0, {field(1)}}}};
  const ExprId all = add({ExprOp::logical_and, 0, 0, {{ExprOp::logical_and, 0, 0, {high, odd}}, present}}, code);
  std::vector<std::vector<Value>> rows;
  std::vector<Event> events;
  for (std::int64_t i = 0; i < 20; ++i) rows.push_back({Value::integer(i), i % 3 == 0 ? Value() : Value::text("x")});
  for (const auto& row : rows) {
    Event event;
    event.fields = row;
    events.push_back(event);
  }
  Scratch scratch;
  EvalContext context;
  context.scratch = &scratch;
  std::vector<std::uint32_t> selection(events.size());
  std::iota(selection.begin(), selection.end(), 0u);
  Evaluator(code).filter(all, events, context, selection);
  CHECK(selection == std::vector<std::uint32_t>{5, 7, 11, 13, 17, 19});
}

TEST_CASE("matches searches; a value that is no text does not match") {
  Code code;
  code.regexes = {"ad.in$", "(", "(?i)ROOT"};
  std::vector<Value> fields = {Value::text("the admin"), Value::integer(5), Value()};
  const auto matches = [&](std::uint32_t slot, std::uint32_t regex) {
    return add({ExprOp::matches, regex, 0, {{ExprOp::field, slot, 0, {}}}}, code);
  };
  const ExprId found = matches(0, 0), broken = matches(0, 1), other = matches(0, 2), number = matches(1, 0),
               missing = matches(2, 0);
  Event event;
  event.fields = fields;
  Scratch scratch;
  EvalContext context;
  context.event = &event;
  context.scratch = &scratch;
  const Evaluator evaluator(code);
  CHECK(json(evaluator.evaluate(found, context)) == "true");
  CHECK(json(evaluator.evaluate(broken, context)) == "false");
  CHECK(json(evaluator.evaluate(other, context)) == "false");
  CHECK(json(evaluator.evaluate(number, context)) == "false");
  CHECK(json(evaluator.evaluate(missing, context)) == "null");
}

TEST_CASE("X7: a name in some is looked for in the object, then around it") {
  Code code;
  const std::uint32_t id = constant(code, {std::string("id")}), outer = constant(code, {std::string("o")}),
                      parts = constant(code, {std::string("parts")});
  const std::uint32_t nested = constant(code, {std::string("deep.x")});
  const auto member = [](std::uint32_t c) { return Node{ExprOp::member, c, 0, {}}; };
  const auto is = [&](std::uint32_t name, std::int64_t n) {
    return Node{ExprOp::equal, 0, 0, {member(name), literal(code, {n})}};
  };
  // some parts (id = 2 and o = 7): id in the part, o in the object around it
  const ExprId inner = add({ExprOp::logical_and, 0, 0, {is(id, 2), is(outer, 7)}}, code);
  const ExprId middle = add({ExprOp::some, inner.index, 0, {member(parts)}}, code);
  const ExprId whole = add({ExprOp::some, middle.index, 0, {{ExprOp::field, 0, 0, {}}}}, code);
  const ExprId item_is_two =
      add({ExprOp::equal, 0, 0, {{ExprOp::item, 0, 0, {}}, literal(code, {std::int64_t{2}})}}, code);
  const ExprId some_item = add({ExprOp::some, item_is_two.index, 0, {{ExprOp::field, 1, 0, {}}}}, code);
  const ExprId no_list = add({ExprOp::some, item_is_two.index, 0, {{ExprOp::field, 2, 0, {}}}}, code);
  const ExprId dotted = add(is(nested, 5), code);
  const ExprId some_dotted = add({ExprOp::some, dotted.index, 0, {{ExprOp::field, 0, 0, {}}}}, code);

  const Member deep[] = {{"x", Value::integer(5)}};
  const Member part1[] = {{"id", Value::integer(1)}}, part2[] = {{"id", Value::integer(2)}};
  const Value part_list[] = {Value::object(part1), Value::object(part2)};
  const Member with[] = {{"o", Value::integer(7)}, {"parts", Value::list(part_list)}, {"deep", Value::object(deep)}};
  const Value items[] = {Value::object(with)}, numbers[] = {Value::integer(1), Value::integer(2)};
  const std::vector<Value> fields = {Value::list(items), Value::list(numbers), Value()};
  Event event;
  event.fields = fields;
  Scratch scratch;
  EvalContext context;
  context.event = &event;
  context.scratch = &scratch;
  const Evaluator evaluator(code);
  CHECK(json(evaluator.evaluate(whole, context)) == "true");
  CHECK(json(evaluator.evaluate(some_item, context)) == "true");
  CHECK(json(evaluator.evaluate(no_list, context)) == "null");
  CHECK(json(evaluator.evaluate(some_dotted, context)) == "true");
}

TEST_CASE("what is read of a match comes from the match, and is missing without one") {
  struct Match : MatchView {
    Value captured(StepId step, std::uint32_t capture, Which which) const override {
      return Value::integer(step.index * 100 + capture * 10 + static_cast<std::uint32_t>(which));
    }
    Value step_time(StepId) const override { return Value::time({7}); }
    Value cell(CellId cell) const override { return Value::integer(cell.index); }
    Value fact(Fact fact) const override { return Value::integer(static_cast<int>(fact)); }
  } match;
  Code code;
  const ExprId captured = add({ExprOp::captured, 2, 3, {}}, code),
               first = add({ExprOp::captured_first, 2, 3, {}}, code);
  const ExprId all = add({ExprOp::captured_all, 2, 3, {}}, code), time = add({ExprOp::step_time, 2, 0, {}}, code);
  const ExprId cell = add({ExprOp::cell, 4, 0, {}}, code),
               fact = add({ExprOp::fact, static_cast<std::uint32_t>(Fact::span), 0, {}}, code);
  Scratch scratch;
  EvalContext context;
  context.scratch = &scratch;
  const Evaluator evaluator(code);
  for (const ExprId id : {captured, first, all, time, cell, fact}) CHECK(evaluator.evaluate(id, context).is_missing());
  context.match = &match;
  CHECK(evaluator.evaluate(captured, context).as_integer() == 230 + static_cast<int>(Which::last));
  CHECK(evaluator.evaluate(first, context).as_integer() == 230 + static_cast<int>(Which::first));
  CHECK(evaluator.evaluate(all, context).as_integer() == 230 + static_cast<int>(Which::all));
  CHECK(evaluator.evaluate(time, context).as_time() == Time{7});
  CHECK(evaluator.evaluate(cell, context).as_integer() == 4);
  CHECK(evaluator.evaluate(fact, context).as_integer() == static_cast<int>(Fact::span));
}
