// Visits the nodes of a tree in the order in which they are written, each before what it holds. `f` is called
// with every node that it can be called with (make_visitor puts several functions into one); the others are only
// passed through. Works on const trees and, for rewriting, on others.
#pragma once

#include <optional>
#include <type_traits>
#include <utility>
#include <variant>
#include <vector>

#include "dsl/ast.h"
#include "engine/base/overloaded.h"

namespace tocsin::dsl::checking {

template <class F>
class Walk {
 public:
  explicit Walk(F& f) : f_(f) {}

  // Every other overload falls back to this one: visit it, then stop.
  template <class T>
  void leaf(T& node) {
    if constexpr (std::is_invocable_v<F&, T&>) f_(node);
  }

  template <class T>
  void each(T& many) {
    for (auto& one : many) (*this)(one);
  }
  template <class T>
  void maybe(T& optional) {
    if (optional) (*this)(*optional);
  }

  template <class T>
  void operator()(T& node) {
    leaf(node);
    go(node);
  }

 private:
  template <class T, class U>
  static constexpr bool is = std::is_same_v<std::remove_const_t<T>, U>;

  template <class T>
  static constexpr bool is_leaf =
      is<T, ast::Name> || is<T, ast::Count> || is<T, ast::Length> || is<T, ast::Literal> || is<T, ast::Param> ||
      is<T, ast::During> || is<T, ast::Fire> || is<T, ast::Resume> || is<T, ast::Owner> || is<T, ast::SendTo> ||
      is<T, ast::Tags> || is<T, ast::EvenIfEmpty>;

  template <class T>
  void variant(T& v) {
    std::visit([this](auto& node) { (*this)(node); }, v);
  }

  template <class T>
  void go(T& n) {
    using namespace ast;
    if constexpr (is<T, Expr>)
      variant(n.node);
    else if constexpr (is<T, Path>)
      each(n.parts);
    else if constexpr (is<T, Template>)
      pieces(n);
    else if constexpr (is<T, Lookup>)
      (*this)(n.table), (*this)(*n.key), (*this)(n.field);
    else if constexpr (is<T, Call>)
      each(n.args);
    else if constexpr (is<T, StreamPath>)
      (*this)(*n.stream), (*this)(n.field);
    else if constexpr (is<T, Over>)
      variant(n.window);
    else if constexpr (is<T, ast::Aggregate>)
      each(n.streams), maybe(n.over), each(n.args);
    else if constexpr (is<T, Unary>)
      (*this)(*n.operand);
    else if constexpr (is<T, Binary>)
      (*this)(*n.left), (*this)(*n.right);
    else if constexpr (is<T, InItems>)
      each(n.items);
    else if constexpr (is<T, InList> || is<T, InCalendar>) {
    } else if constexpr (is<T, In>)
      (*this)(*n.what), variant(n.where);
    else if constexpr (is<T, Between>)
      (*this)(*n.what), (*this)(*n.low), (*this)(*n.high);
    else if constexpr (is<T, Is>)
      (*this)(*n.what);
    else if constexpr (is<T, Some>)
      (*this)(n.list), (*this)(*n.condition);
    else if constexpr (is<T, Its>)
      maybe(n.over);
    else if constexpr (is<T, ListOf>)
      each(n.items);
    else
      pattern(n);
  }

  template <class T>
  void pattern(T& n) {
    using namespace ast;
    if constexpr (is<T, Stream>)
      (*this)(n.name), each(n.any), maybe(n.filter);
    else if constexpr (is<T, Quantity>)
      quantity(n);
    else if constexpr (is<T, StepBound>)
      (*this)(n.length);
    else if constexpr (is<T, Link>)
      maybe(n.no), maybe(n.within);
    else if constexpr (is<T, Group>)
      (*this)(*n.pattern);
    else if constexpr (is<T, AnyOf>)
      maybe(n.number), each(n.alternatives);
    else if constexpr (is<T, Until>)
      (*this)(n.stream);
    else if constexpr (is<T, Step>)
      (*this)(n.link), (*this)(n.quantity), variant(n.what), maybe(n.of), maybe(n.until);
    else if constexpr (is<T, Absence>)
      (*this)(n.stream), (*this)(n.within);
    else if constexpr (is<T, Sequence>)
      each(n.steps), maybe(n.ending);
    else if constexpr (is<T, Apart>)
      (*this)(n.number), (*this)(n.stream), (*this)(n.gap);
    else if constexpr (is<T, FewerThan>)
      (*this)(n.number), (*this)(n.stream);
    else if constexpr (is<T, Distinct>)
      (*this)(n.number), each(n.values);
    else if constexpr (is<T, OfLast>)
      (*this)(n.number), (*this)(n.last), (*this)(n.stream);
    else if constexpr (is<T, Changes>)
      (*this)(n.number), (*this)(n.value);
    else if constexpr (is<T, New>)
      (*this)(n.value), (*this)(n.in);
    else if constexpr (is<T, Idle>)
      (*this)(n.stream), (*this)(n.length);
    else if constexpr (is<T, Without>)
      (*this)(n.stream), (*this)(n.length), (*this)(n.missing);
    else if constexpr (is<T, Silence>)
      (*this)(n.stream), (*this)(n.length);
    else if constexpr (is<T, NoAfter>)
      (*this)(n.missing), (*this)(n.within), (*this)(n.after);
    else if constexpr (is<T, Ranking>)
      (*this)(n.number), (*this)(n.value), (*this)(n.over);
    else if constexpr (is<T, Condition>)
      (*this)(n.expr);
    else if constexpr (is<T, Aligned>)
      (*this)(n.length);
    else if constexpr (is<T, Pattern>)
      variant(n.form), maybe(n.within), maybe(n.each), maybe(n.hold);
    else
      clause(n);
  }

  template <class T>
  void clause(T& n) {
    using namespace ast;
    if constexpr (is<T, Clause>)
      variant(n.node);
    else if constexpr (is<T, Key>)
      key(n);
    else if constexpr (is<T, Assign>)
      (*this)(n.value);
    else if constexpr (is<T, By>)
      each(n.keys);
    else if constexpr (is<T, Where> || is<T, Except>)
      (*this)(n.condition);
    else if constexpr (is<T, Reset> || is<T, EndsOn> || is<T, StartsOn>)
      (*this)(n.on);
    else if constexpr (is<T, Learn> || is<T, AtMost>)
      (*this)(n.length);
    else if constexpr (is<T, Resolve>)
      (*this)(*n.when);
    else if constexpr (is<T, Mute>)
      each(n.same);
    else if constexpr (is<T, Escalate>)
      maybe(n.number), (*this)(n.length);
    else if constexpr (is<T, Remind>)
      (*this)(n.every);
    else if constexpr (is<T, Alert>)
      (*this)(n.text);
    else if constexpr (is<T, With> || is<T, Emit> || is<T, EmitEach>)
      each(n.fields);
    else if constexpr (is<T, Runbook>)
      (*this)(n.url);
    else if constexpr (is<T, Forget>)
      (*this)(n.idle);
    else if constexpr (is<T, FireAtMost>)
      (*this)(n.number), (*this)(n.per), each(n.keys);
    else if constexpr (is<T, EndsAfter>)
      (*this)(n.idle), maybe(n.when_last);
    else if constexpr (is<T, Every>)
      maybe(n.aligned), maybe(n.over);
    else
      static_assert(is_leaf<T>, "a node that holds others needs its row here");
  }

  template <class T>
  void pieces(T& n) {
    for (auto& piece : n.pieces)
      if (auto* expr = std::get_if<ast::Box<ast::Expr>>(&piece)) (*this)(**expr);
  }
  template <class T>
  void key(T& n) {
    if (!n.field.parts.empty()) (*this)(n.field);
    maybe(n.value);
    each(n.parts);
  }
  template <class T>
  void quantity(T& n) {
    using K = ast::Quantity::Kind;
    if (n.kind == K::at_least || n.kind == K::exactly || n.kind == K::from_to) (*this)(n.low);
    if (n.kind == K::from_to) (*this)(n.high);
  }

  F& f_;
};

template <class Node, class F>
void walk(Node& node, F&& f) {
  Walk<std::remove_reference_t<F>> w(f);
  w(node);
}
template <class Node, class F>
void walk_all(std::vector<Node>& nodes, F&& f) {
  for (Node& node : nodes) walk(node, f);
}
template <class Node, class F>
void walk_all(const std::vector<Node>& nodes, F&& f) {
  for (const Node& node : nodes) walk(node, f);
}

}  // namespace tocsin::dsl::checking
