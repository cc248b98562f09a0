#include "dsl/check/test_values.h"

#include <cmath>
#include <optional>

#include "engine/base/overloaded.h"
#include "engine/base/text.h"
#include "engine/event/ip.h"
#include "engine/event/read.h"

namespace tocsin::dsl::checking {
namespace {

using F = ast::FieldType;

// The literal, and whether a minus sign stands before it.
struct Plain {
  const ast::Literal* literal = nullptr;
  bool negative = false;
};

std::optional<Plain> plain(const ast::Expr& e) {
  if (const auto* literal = std::get_if<ast::Literal>(&e.node)) return Plain{literal};
  const auto* unary = std::get_if<ast::Unary>(&e.node);
  if (unary == nullptr || unary->op != ast::UnaryOp::negate) return std::nullopt;
  const auto inner = plain(*unary->operand);
  if (!inner || inner->negative) return std::nullopt;
  return Plain{inner->literal, true};
}

std::optional<double> number_of(const ast::Expr& e) {
  const auto value = plain(e);
  if (!value) return std::nullopt;
  const double sign = value->negative ? -1 : 1;
  if (const auto* n = std::get_if<std::int64_t>(&value->literal->value)) return sign * static_cast<double>(*n);
  if (const auto* d = std::get_if<double>(&value->literal->value)) return sign * *d;
  return std::nullopt;
}

// Of the types that are written as text though they are none.
std::optional<tocsin::Type> written_as_text(F kind) {
  if (kind == F::time) return tocsin::Type::time;
  if (kind == F::duration) return tocsin::Type::duration;
  if (kind == F::ip) return tocsin::Type::ip;
  if (kind == F::point) return tocsin::Type::point;
  return std::nullopt;
}

bool reads_as(F kind, const std::string& text) {
  const auto type = written_as_text(kind);
  if (!type) return kind == F::text;
  if (kind == F::time && parse_scaled(text, 1, 1)) return true;  // a number of the timestamp's unit, in quotes
  Arena arena;
  Value value;
  return read_text(*type, text, arena, value) == Reading::good;
}

bool fits(F kind, const ast::Expr& e, Given given) {
  if (kind == F::any) return true;
  if (const auto* list = std::get_if<ast::ListOf>(&e.node))
    return kind == F::point && list->items.size() == 2 && number_of(list->items[0]) && number_of(list->items[1]) &&
           make_point(*number_of(list->items[0]), *number_of(list->items[1]));
  if (const auto number = number_of(e)) {
    if (kind == F::integer) return given == Given::expected || *number == std::floor(*number);
    return kind == F::floating || kind == F::duration || (kind == F::time && given == Given::sent);
  }
  const auto value = plain(e);
  if (!value) return kind == F::text;  // a text with braces
  return std::visit(Overloaded{
                        [&](bool) { return kind == F::boolean; },
                        [&](Duration) { return kind == F::duration || (kind == F::time && given == Given::expected); },
                        [&](const ast::Address& a) { return kind == F::ip && parse_ip(a.text).has_value(); },
                        [&](const std::string& s) { return reads_as(kind, s); },
                        [](const auto&) { return false; },
                    },
                    value->literal->value);
}

std::string how_to_write(F kind, Given given) {
  switch (kind) {
    case F::text:
      return "text stands in quotes: `\"ann\"`";
    case F::integer:
      return "write a whole number, without quotes: `5`";
    case F::floating:
      return "write a number, without quotes: `1.5`";
    case F::boolean:
      return "write `true` or `false`, without quotes";
    case F::time:
      return given == Given::sent ? "write it in quotes: `\"2026-01-31T12:00:00Z\"`"
                                  : "write it in quotes, `\"2026-01-31T12:00:00Z\"`, or as `at` does: `5m`";
    case F::duration:
      return "write `5s` or `10m`; a number is seconds";
    case F::ip:
      return "write an address or a network: `10.0.0.7`, `10.0.0.0/8`";
    case F::point:
      return "write latitude and longitude: `\"48.85,2.35\"` or `[48.85, 2.35]`";
    case F::any:
      break;
  }
  return {};
}

std::string what_it_is(const ast::Expr& e) {
  if (std::holds_alternative<ast::ListOf>(e.node)) return "this is a list";
  if (const auto value = plain(e)) {
    const char* what = std::visit(Overloaded{
                                      [](bool) { return "true or false"; },
                                      [](std::int64_t) { return "a whole number"; },
                                      [](double) { return "a number with a fraction"; },
                                      [](const std::string&) { return "text"; },
                                      [](Duration) { return "a duration"; },
                                      [](const ast::Address&) { return "an address"; },
                                      [](const ast::Regex&) { return "a regular expression"; },
                                  },
                                  value->literal->value);
    return std::string("this is ") + what;
  }
  return "this is text";
}

// A value, or a list of them: nothing that has to be worked out.
const ast::Expr* not_plain(const ast::Expr& e) {
  if (const auto* list = std::get_if<ast::ListOf>(&e.node)) {
    for (const ast::Expr& item : list->items)
      if (const ast::Expr* bad = not_plain(item)) return bad;
    return nullptr;
  }
  if (std::holds_alternative<ast::Template>(e.node)) return nullptr;
  const auto value = plain(e);
  return value && !std::holds_alternative<ast::Regex>(value->literal->value) ? nullptr : &e;
}

}  // namespace

void check_test_value(Context& c, const ast::Expr& value, Type type, Given given, const std::string& whose) {
  // Names and parameters have been told.
  if (std::holds_alternative<ast::Path>(value.node) || std::holds_alternative<ast::Param>(value.node)) return;
  if (const ast::Expr* bad = not_plain(value)) {
    c.report("R081", bad->span, "a test holds plain values", "this would have to be worked out",
             "write the value that it has");
    return;
  }
  const ast::Expr* wrong = nullptr;
  const auto* list = std::get_if<ast::ListOf>(&value.node);
  if (!type.list || list == nullptr) {
    if (type.list || !fits(type.kind, value, given)) wrong = &value;
  } else {
    for (const ast::Expr& item : list->items)
      if (wrong == nullptr && !fits(type.kind, item, given)) wrong = &item;
  }
  if (wrong == nullptr) return;
  const auto literal = plain(*wrong);
  const bool text = literal && std::holds_alternative<std::string>(literal->literal->value);
  const bool list_wanted = type.list && wrong == &value;
  c.report("R081", wrong->span, whose + " is " + name_of(type),
           text && !list_wanted && written_as_text(type.kind) ? "this text cannot be read as one" : what_it_is(*wrong),
           list_wanted ? "give a list: `[..]`" : how_to_write(type.kind, given));
}

}  // namespace tocsin::dsl::checking
