// Streams to alternatives with specialised filters, and the captures of steps.
#include <algorithm>

#include "dsl/emit/patterns.h"
#include "engine/base/contract.h"

namespace tocsin::dsl::emitting {
namespace {

// Does it look at another event than the one in hand and the key's previous one? Then it is a relation between steps.
bool relates(const ast::Expr& expr);

struct Relates {
  static bool any(const std::vector<ast::Expr>& all) { return std::any_of(all.begin(), all.end(), relates); }
  bool operator()(const ast::Literal&) const { return false; }
  bool operator()(const ast::Param&) const { return false; }
  bool operator()(const ast::Path& path) const { return path.ref.kind == ast::Ref::Kind::step; }
  bool operator()(const ast::Lookup& l) const { return relates(*l.key); }
  bool operator()(const ast::Call& c) const { return any(c.args); }
  bool operator()(const ast::Aggregate&) const { return true; }
  bool operator()(const ast::Unary& u) const { return relates(*u.operand); }
  bool operator()(const ast::Binary& b) const { return relates(*b.left) || relates(*b.right); }
  bool operator()(const ast::In& in) const {
    const auto* items = std::get_if<ast::InItems>(&in.where);
    return relates(*in.what) || (items != nullptr && any(items->items));
  }
  bool operator()(const ast::Between& b) const { return relates(*b.what) || relates(*b.low) || relates(*b.high); }
  bool operator()(const ast::Is& is) const { return relates(*is.what); }
  bool operator()(const ast::Some& s) const { return (*this)(s.list) || relates(*s.condition); }
  bool operator()(const ast::Its&) const { return true; }
  bool operator()(const ast::ListOf& l) const { return any(l.items); }
  bool operator()(const ast::Template&) const { return false; }
};

bool relates(const ast::Expr& expr) { return std::visit(Relates{}, expr.node); }

// `a and b and c` as three.
void add_conjuncts(const ast::Expr& expr, std::vector<const ast::Expr*>& out) {
  const auto* both = std::get_if<ast::Binary>(&expr.node);
  if (both == nullptr || both->op != ast::BinaryOp::logical_and) return out.push_back(&expr);
  add_conjuncts(*both->left, out);
  add_conjuncts(*both->right, out);
}

}  // namespace

StreamId ProgramMaker::stream(const core::Stream& from, std::span<const ast::Path> values, PatternScope* scope) {
  tocsin::Stream made;
  made.label = from.label;
  if (!from.nested.empty()) {
    TOCSIN_ASSERT(scope != nullptr);
    if (scope->nested.empty()) {
      PatternScope& inner = pattern(from.nested.front(), steps_);
      scope->nested.push_back({scope->x_step < scope->local.size() ? scope->local[scope->x_step] : StepId{}, &inner});
    }
    made.nested = scope->nested.front().scope->id;
    made.alternatives.emplace_back();
  }
  for (const core::Alternative& alternative : from.alternatives) {
    tocsin::Alternative& one = made.alternatives.emplace_back();
    const Hand hand{alternative.event, scope};
    one.type = schema_.type(alternative.event);
    one.label = alternative.label;
    std::vector<const ast::Expr*> conjuncts, own, relations;
    for (const ast::Expr& filter : alternative.filters) add_conjuncts(filter, conjuncts);
    for (const ast::Expr* conjunct : conjuncts) (relates(*conjunct) ? relations : own).push_back(conjunct);
    one.filter = all_of(own, hand);
    one.relation = all_of(relations, hand);
    for (const ast::Path& value : values) one.values.push_back(field(alternative.event, value.parts));
  }
  const auto found = std::find(program_.streams.begin(), program_.streams.end(), made);
  if (found != program_.streams.end()) return StreamId(static_cast<std::size_t>(found - program_.streams.begin()));
  program_.streams.push_back(std::move(made));
  return StreamId(program_.streams.size() - 1);
}

// Captures are known now; each is one expression per alternative of its step's stream.
void ProgramMaker::finish() {
  for (PatternScope& scope : scopes_) {
    if (!scope.id.exists()) continue;
    for (std::size_t i = 0; i < scope.captures.size(); ++i) {
      Step& step = of(scope).steps[i];
      if (!step.stream.exists()) continue;
      const tocsin::Stream& stream = program_.streams[step.stream.index];
      for (const PatternScope::Capture& capture : scope.captures[i]) {
        step.capture_names.push_back(capture.name);
        std::vector<ExprId>& values = step.captures.emplace_back();
        for (const tocsin::Alternative& alternative : stream.alternatives) {
          if (capture.ready.exists() || !alternative.type.exists())
            values.push_back(capture.ready);
          else
            values.push_back(field(schema_.event_of(alternative.type), capture.field));
        }
      }
    }
  }
}

}  // namespace tocsin::dsl::emitting
