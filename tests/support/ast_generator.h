// Rule files at random, for property tests: every type of node, every optional part, names that are keywords, texts
// with quotes and braces. What it makes can be written down; what no text can say (an empty union) it does not make.
#pragma once

#include <cstdint>
#include <random>

#include "dsl/ast.h"

namespace tocsin::tests {

class AnyRules {
 public:
  explicit AnyRules(std::uint64_t seed) : random_(seed) {}

  ast::RuleFile file(std::size_t items);
  ast::Item item();
  ast::Item rule();
  ast::Expr expr(int depth);
  ast::Expr condition(int depth);  // a comparison of aggregates
  ast::Pattern pattern(int depth);
  ast::Stream stream(int depth);

 private:
  std::size_t below(std::size_t n) { return static_cast<std::size_t>(random_() % n); }
  bool maybe() { return below(2) == 0; }
  bool rarely() { return below(6) == 0; }
  template <class T>
  T pick(std::initializer_list<T> choices) {
    return *(choices.begin() + below(choices.size()));
  }
  template <class Make>
  auto some(std::size_t least, std::size_t most, Make make);

  std::string word();
  std::string any_text();
  ast::Name item_name();
  ast::Name declared_name();  // of an item: no parameter
  ast::Name field_name();
  ast::Path path();
  ast::Param param();
  ast::Count count();
  ast::Length length();
  ast::Text text();
  ast::Template text_template(int depth);
  ast::Literal literal();
  ast::Expr assigned(int depth);
  ast::Assign assign(int depth);
  ast::StreamPath stream_path(int depth, bool field);
  ast::Aggregate aggregate(int depth);
  ast::Binary comparison(ast::Expr left, ast::Expr right);
  ast::Quantity quantity();
  ast::StepBound bound();
  ast::Link link(int depth);
  ast::Step step(int depth);
  ast::Sequence sequence(int depth, std::size_t most);
  ast::Key key();
  ast::Clause rule_clause();
  ast::Clause session_clause();
  ast::Clause summary_clause();
  ast::Item wrap(decltype(ast::Item::node) node);
  ast::Item event();
  ast::Item test();
  std::vector<ast::Clause> clauses(ast::Clause (AnyRules::*make)());
  std::vector<ast::FieldValue> fields();

  std::mt19937_64 random_;
};

}  // namespace tocsin::tests
