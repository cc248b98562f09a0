// Expressions to instructions: a stack machine's code, written in the order in which it is evaluated.
#include <algorithm>
#include <array>

#include "dsl/emit/patterns.h"
#include "dsl/simplify.h"
#include "dsl/values.h"
#include "engine/program/aggregates.h"
#include "engine/program/functions.h"

namespace tocsin::dsl::emitting {
namespace {

constexpr std::uint16_t reads_of(ExprOp op) {
  switch (op) {
    case ExprOp::field:
    case ExprOp::time:
      return kReadsEvent;
    case ExprOp::previous:
    case ExprOp::previous_time:
      return kReadsPrevious;
    case ExprOp::key:
      return kReadsKey;
    case ExprOp::captured:
    case ExprOp::captured_first:
    case ExprOp::captured_all:
    case ExprOp::step_time:
      return kReadsSteps;
    case ExprOp::cell:
      return kReadsCells;
    case ExprOp::fact:
      return kReadsFacts;
    case ExprOp::in_list:
    case ExprOp::in_calendar:
    case ExprOp::lookup:
      return kReadsReference;
    case ExprOp::constant:
    case ExprOp::member:
    case ExprOp::item:
    case ExprOp::logical_not:
    case ExprOp::logical_and:
    case ExprOp::logical_or:
    case ExprOp::equal:
    case ExprOp::not_equal:
    case ExprOp::less:
    case ExprOp::less_equal:
    case ExprOp::greater:
    case ExprOp::greater_equal:
    case ExprOp::contains:
    case ExprOp::starts_with:
    case ExprOp::ends_with:
    case ExprOp::matches:
    case ExprOp::in_items:
    case ExprOp::is_missing:
    case ExprOp::add:
    case ExprOp::subtract:
    case ExprOp::multiply:
    case ExprOp::divide:
    case ExprOp::remainder:
    case ExprOp::negate:
    case ExprOp::call:
    case ExprOp::some:
    case ExprOp::make_list:
    case ExprOp::join:
      return 0;
  }
  return 0;
}

ExprOp op_of(ast::BinaryOp op) {
  switch (op) {
    case ast::BinaryOp::logical_or:
      return ExprOp::logical_or;
    case ast::BinaryOp::logical_and:
      return ExprOp::logical_and;
    case ast::BinaryOp::equal:
      return ExprOp::equal;
    case ast::BinaryOp::not_equal:
      return ExprOp::not_equal;
    case ast::BinaryOp::less:
      return ExprOp::less;
    case ast::BinaryOp::less_equal:
      return ExprOp::less_equal;
    case ast::BinaryOp::greater:
      return ExprOp::greater;
    case ast::BinaryOp::greater_equal:
      return ExprOp::greater_equal;
    case ast::BinaryOp::contains:
      return ExprOp::contains;
    case ast::BinaryOp::starts_with:
      return ExprOp::starts_with;
    case ast::BinaryOp::ends_with:
      return ExprOp::ends_with;
    case ast::BinaryOp::matches:
      return ExprOp::matches;
    case ast::BinaryOp::add:
      return ExprOp::add;
    case ast::BinaryOp::subtract:
      return ExprOp::subtract;
    case ast::BinaryOp::multiply:
      return ExprOp::multiply;
    case ast::BinaryOp::divide:
      return ExprOp::divide;
    case ast::BinaryOp::remainder:
      return ExprOp::remainder;
  }
  return ExprOp::logical_or;
}

std::span<const ast::Name> field_of(const ast::Path& path) {
  return std::span(path.parts).subspan(std::min<std::size_t>(path.ref.skip, path.parts.size()));
}

const std::string* regex_of(const ast::Expr& expr) {
  const auto* literal = std::get_if<ast::Literal>(&expr.node);
  const auto* regex = literal != nullptr ? std::get_if<ast::Regex>(&literal->value) : nullptr;
  return regex != nullptr ? &regex->pattern : nullptr;
}

std::optional<Duration> length_of(const ast::Expr& expr) {
  const auto* literal = std::get_if<ast::Literal>(&expr.node);
  const auto* d = literal != nullptr ? std::get_if<Duration>(&literal->value) : nullptr;
  return d != nullptr ? std::optional(*d) : std::nullopt;
}

double number_of(const ast::Expr& expr) {
  const auto* literal = std::get_if<ast::Literal>(&expr.node);
  if (literal == nullptr) return 0;
  if (const auto* d = std::get_if<double>(&literal->value)) return *d;
  if (const auto* n = std::get_if<std::int64_t>(&literal->value)) return static_cast<double>(*n);
  return 0;
}

AggregateId row_of(AggregateKind kind) {
  const auto& rows = aggregates();
  const auto row = std::find_if(rows.begin(), rows.end(), [&](const tocsin::Aggregate& a) { return a.kind == kind; });
  return AggregateId(static_cast<std::size_t>(row - rows.begin()));
}

AggregateId row_of(std::string_view word) {
  if (word == "changes") return row_of(AggregateKind::changes);  // a pattern form has no word for it
  if (word == "forecast") return row_of(AggregateKind::slope);   // the line through the values, looked at further on
  return find_aggregate(word).value_or(row_of(AggregateKind::count));
}

}  // namespace

std::vector<CellId> cells_of(std::span<const ExprInst> instructions) {
  std::vector<CellId> out;
  for (const ExprInst& inst : instructions) {
    if (inst.op != ExprOp::cell) continue;
    const CellId cell(std::size_t{inst.a});
    if (std::find(out.begin(), out.end(), cell) == out.end()) out.push_back(cell);
  }
  return out;
}

// ----- the ways in ------------------------------------------------------------------------------------

ExprId ProgramMaker::expr(const ast::Expr& expr, const Hand& hand) {
  Builder out;
  go(expr, hand, out);
  return code_.expr(out.code, out.reads);
}

ExprId ProgramMaker::all_of(std::span<const ast::Expr* const> conjuncts, const Hand& hand) {
  if (conjuncts.empty()) return {};
  Builder out;
  for (std::size_t i = 0; i < conjuncts.size(); ++i) {
    go(*conjuncts[i], hand, out);
    if (i > 0) put(out, ExprOp::logical_and);
  }
  return code_.expr(out.code, out.reads);
}

ExprId ProgramMaker::text(const ast::Template& text, const Hand& hand) {
  Builder out;
  node(text, hand, out);
  return code_.expr(out.code, out.reads);
}

ExprId ProgramMaker::one(ExprOp op, std::uint32_t a, std::uint32_t b) {
  Builder out;
  put(out, op, a, b);
  return code_.expr(out.code, out.reads);
}

ExprId ProgramMaker::field(EventId event, std::span<const ast::Name> parts) {
  Builder out;
  put_field(event, parts, out);
  return code_.expr(out.code, out.reads);
}

void ProgramMaker::put(Builder& out, ExprOp op, std::uint32_t a, std::uint32_t b) {
  out.code.push_back({op, a, b});
  out.reads = static_cast<std::uint16_t>(out.reads | reads_of(op));
}

// ----- names --------------------------------------------------------------------------------------------

void ProgramMaker::put_field(EventId event, std::span<const ast::Name> parts, Builder& out) {
  const SchemaPool::Field field = event == kNone ? SchemaPool::Field{} : schema_.field(event, parts);
  switch (field.kind) {
    case SchemaPool::Field::Kind::slot:
      return put(out, ExprOp::field, field.slot.index);
    case SchemaPool::Field::Kind::time:
      return put(out, ExprOp::time);
    case SchemaPool::Field::Kind::none:
      return put(out, ExprOp::constant, code_.constant({}).index);
  }
}

void ProgramMaker::put_previous(EventId event, std::span<const ast::Name> parts, Builder& out) {
  const SchemaPool::Field field = event == kNone ? SchemaPool::Field{} : schema_.field(event, parts);
  switch (field.kind) {
    case SchemaPool::Field::Kind::slot:
      return put(out, ExprOp::previous, field.slot.index);
    case SchemaPool::Field::Kind::time:
      return put(out, ExprOp::previous_time);
    case SchemaPool::Field::Kind::none:
      return put(out, ExprOp::constant, code_.constant({}).index);
  }
}

void ProgramMaker::put_step(PatternScope& scope, std::uint32_t step, std::span<const ast::Name> field, ExprOp which,
                            Builder& out) {
  const bool time = field.size() == 1 && field[0].text == "time" && which == ExprOp::captured;
  if (time && step < scope.local.size() && scope.local[step].exists() && scope.x == nullptr &&
      of(scope).steps[scope.local[step].index].stream.exists())
    return put(out, ExprOp::step_time, scope.local[step].index);
  if (const auto found = capture(scope, step, field)) return put(out, which, found->step.index, found->index);
  put(out, ExprOp::constant, code_.constant({}).index);
}

void ProgramMaker::put_word(std::string_view word, Builder& out) {
  static constexpr std::array kFacts = {
#define X(name) std::pair{std::string_view(#name), Fact::name},
      TOCSIN_FACTS(X)
#undef X
  };
  if (word == "time") return put(out, ExprOp::time);
  if (word == "session_start") word = "start";
  const auto* fact = std::find_if(kFacts.begin(), kFacts.end(), [&](const auto& f) { return f.first == word; });
  if (fact == kFacts.end()) return put(out, ExprOp::constant, code_.constant({}).index);
  put(out, ExprOp::fact, static_cast<std::uint32_t>(fact->second));
}

// X7: in the object, then in the object around it, then in the event.
void ProgramMaker::put_item(const ast::Path& path, const Hand& hand, Builder& out) {
  const auto parts = field_of(path);
  if (parts.empty()) return put(out, ExprOp::item);
  put(out, ExprOp::member, code_.text(dotted(parts)).index);
  const bool of_item = path.ref.skip > 0;
  if (of_item || hand.event == kNone || !schema_.may_have(hand.event, parts)) return;
  put_field(hand.event, parts, out);
  put(out, ExprOp::call, find_function("coalesce")->index, 2);
}

void ProgramMaker::node(const ast::Path& path, const Hand& hand, Builder& out) {
  switch (path.ref.kind) {
    case ast::Ref::Kind::field:
      return put_field(hand.event, field_of(path), out);
    case ast::Ref::Kind::previous:
      return put_previous(hand.event, field_of(path), out);
    case ast::Ref::Kind::key:
      return put(out, ExprOp::key, path.ref.index);
    case ast::Ref::Kind::special:
      return put_word(path.parts.front().text, out);
    case ast::Ref::Kind::item:
      return put_item(path, hand, out);
    case ast::Ref::Kind::step:
      if (hand.scope != nullptr) return put_step(*hand.scope, path.ref.index, field_of(path), ExprOp::captured, out);
      break;
    case ast::Ref::Kind::none:
    case ast::Ref::Kind::stream:
    case ast::Ref::Kind::own:
      break;
  }
  put(out, ExprOp::constant, code_.constant({}).index);
}

// ----- the other nodes ----------------------------------------------------------------------------------

void ProgramMaker::go(const ast::Expr& expr, const Hand& hand, Builder& out) {
  std::visit([&](const auto& n) { node(n, hand, out); }, expr.node);
}

template <class Node>
void ProgramMaker::each(const std::vector<Node>& nodes, const Hand& hand, Builder& out) {
  for (const Node& n : nodes) go(n, hand, out);
}

void ProgramMaker::node(const ast::Literal& literal, const Hand&, Builder& out) {
  if (const auto* regex = std::get_if<ast::Regex>(&literal.value)) {  // a function's argument: its number in the pool
    const RegexId id = code_.regex(regex->pattern);
    return put(out, ExprOp::constant, code_.constant({std::int64_t{id.index}}).index);
  }
  put(out, ExprOp::constant, code_.constant(constant_of(literal)).index);
}

void ProgramMaker::node(const ast::Param&, const Hand&, Builder& out) {
  put(out, ExprOp::constant, code_.constant({}).index);
}

void ProgramMaker::node(const ast::Lookup& lookup, const Hand& hand, Builder& out) {
  go(*lookup.key, hand, out);
  const auto table = model_.table_ids.find(lookup.table.text);
  const std::uint32_t id = table != model_.table_ids.end() ? table->second : TableId::kNone;
  put(out, ExprOp::lookup, id, code_.text(dotted(lookup.field.parts)).index);
}

void ProgramMaker::node(const ast::Call& call, const Hand& hand, Builder& out) {
  each(call.args, hand, out);
  const auto function = find_function(call.function.text);
  put(out, ExprOp::call, function ? function->index : FunctionId::kNone, static_cast<std::uint32_t>(call.args.size()));
}

void ProgramMaker::node(const ast::Unary& unary, const Hand& hand, Builder& out) {
  go(*unary.operand, hand, out);
  put(out, unary.op == ast::UnaryOp::logical_not ? ExprOp::logical_not : ExprOp::negate);
}

void ProgramMaker::node(const ast::Binary& binary, const Hand& hand, Builder& out) {
  go(*binary.left, hand, out);
  if (binary.op == ast::BinaryOp::matches) {
    const std::string* pattern = regex_of(*binary.right);
    const std::string regex = pattern != nullptr ? (binary.ignoring_case ? "(?i)" : "") + *pattern : std::string();
    return put(out, ExprOp::matches, code_.regex(regex).index);
  }
  if (const auto* its = std::get_if<ast::Its>(&binary.right->node))
    put_its(*its, *binary.left, hand, out);
  else
    go(*binary.right, hand, out);
  put(out, op_of(binary.op), binary.ignoring_case ? 1 : 0);
}

void ProgramMaker::node(const ast::In& in, const Hand& hand, Builder& out) {
  go(*in.what, hand, out);
  const std::uint32_t fold = in.ignoring_case ? 1 : 0;
  if (const auto* list = std::get_if<ast::InList>(&in.where)) {
    const auto id = model_.list_ids.find(list->list.text);
    put(out, ExprOp::in_list, id != model_.list_ids.end() ? id->second : ListId::kNone, fold);
  } else if (const auto* calendar = std::get_if<ast::InCalendar>(&in.where)) {
    const auto id = model_.calendar_ids.find(calendar->calendar.text);
    put(out, ExprOp::in_calendar, id != model_.calendar_ids.end() ? id->second : CalendarId::kNone);
  } else {
    const auto& items = std::get<ast::InItems>(in.where).items;
    each(items, hand, out);
    put(out, ExprOp::in_items, fold, static_cast<std::uint32_t>(items.size()));
  }
  if (in.negated) put(out, ExprOp::logical_not);
}

// low <= what <= high; `what` is evaluated twice, which is cheaper than an opcode that duplicates.
void ProgramMaker::node(const ast::Between& between, const Hand& hand, Builder& out) {
  go(*between.what, hand, out);
  go(*between.low, hand, out);
  put(out, ExprOp::greater_equal);
  go(*between.what, hand, out);
  go(*between.high, hand, out);
  put(out, ExprOp::less_equal);
  put(out, ExprOp::logical_and);
}

void ProgramMaker::node(const ast::Is& is, const Hand& hand, Builder& out) {
  go(*is.what, hand, out);
  put(out, ExprOp::is_missing);
  if (!is.missing) put(out, ExprOp::logical_not);
}

void ProgramMaker::node(const ast::Some& some, const Hand& hand, Builder& out) {
  node(some.list, hand, out);
  Builder inner;
  go(*some.condition, hand, inner);
  put(out, ExprOp::some, code_.expr(inner.code, inner.reads).index);
  out.reads = static_cast<std::uint16_t>(out.reads | inner.reads);
}

void ProgramMaker::node(const ast::Its&, const Hand&, Builder& out) {  // only right of a comparison, see put_its
  put(out, ExprOp::constant, code_.constant({}).index);
}

void ProgramMaker::node(const ast::ListOf& list, const Hand& hand, Builder& out) {
  each(list.items, hand, out);
  put(out, ExprOp::make_list, 0, static_cast<std::uint32_t>(list.items.size()));
}

void ProgramMaker::node(const ast::Template& text, const Hand& hand, Builder& out) {
  if (text.pieces.size() == 1)
    if (const auto* plain = std::get_if<std::string>(&text.pieces.front()))
      return put(out, ExprOp::constant, code_.text(*plain).index);
  for (const auto& piece : text.pieces) {
    if (const auto* plain = std::get_if<std::string>(&piece))
      put(out, ExprOp::constant, code_.text(*plain).index);
    else
      go(*std::get<ast::Box<ast::Expr>>(piece), hand, out);
  }
  put(out, ExprOp::join, 0, static_cast<std::uint32_t>(text.pieces.size()));
}

// ----- aggregates ---------------------------------------------------------------------------------------

// `3x its average over 30d`: the factor, and the left side's aggregate over the windows before.
void ProgramMaker::put_its(const ast::Its& its, const ast::Expr& left, const Hand& hand, Builder& out) {
  const auto* aggregate = std::get_if<ast::Aggregate>(&left.node);
  if (aggregate == nullptr) return put(out, ExprOp::constant, code_.constant({}).index);
  Baseline baseline;
  baseline.kind = its.what == ast::Its::What::previous ? Baseline::Kind::previous : Baseline::Kind::average;
  if (its.over) baseline.over = settled(*its.over);
  put(out, ExprOp::cell, cell(*aggregate, hand, baseline).index);
  if (!its.factor) return;
  put(out, ExprOp::constant, code_.constant({*its.factor}).index);
  put(out, ExprOp::multiply);
}

void ProgramMaker::node(const ast::Aggregate& aggregate, const Hand& hand, Builder& out) {
  if (hand.scope == nullptr) return put(out, ExprOp::constant, code_.constant({}).index);
  const std::string& word = aggregate.function.text;
  if (word == "zscore" && aggregate.args.size() == 2) {
    const auto* inner = std::get_if<ast::Aggregate>(&aggregate.args[0].node);
    const Baseline baseline{Baseline::Kind::zscore, length_of(aggregate.args[1]).value_or(Duration{})};
    if (inner != nullptr) return put(out, ExprOp::cell, cell(*inner, hand, baseline).index);
  }
  if (word == "forecast" && aggregate.args.size() == 1) {
    const Baseline baseline{Baseline::Kind::forecast, length_of(aggregate.args[0]).value_or(Duration{})};
    return put(out, ExprOp::cell, cell(aggregate, hand, baseline).index);
  }
  // What a step has taken is at hand: no cell is needed to say its first, last or all values.
  const ast::StreamPath* path = aggregate.streams.empty() ? nullptr : &aggregate.streams.front();
  const bool of_step =
      path != nullptr && path->ref.kind == ast::Ref::Kind::step && !aggregate.over && hand.scope->sequence;
  if (of_step && !path->field.parts.empty()) {
    if (word == "first") return put_step(*hand.scope, path->ref.index, path->field.parts, ExprOp::captured_first, out);
    if (word == "last") return put_step(*hand.scope, path->ref.index, path->field.parts, ExprOp::captured, out);
    if (word == "values") return put_step(*hand.scope, path->ref.index, path->field.parts, ExprOp::captured_all, out);
  }
  put(out, ExprOp::cell, cell(aggregate, hand, {}).index);
}

CellId ProgramMaker::cell(const ast::Aggregate& aggregate, const Hand& hand, Baseline baseline) {
  Cell made = plain_cell(aggregate, hand);
  made.baseline = baseline;
  return intern(made);
}

CellId ProgramMaker::intern(const Cell& cell) {
  const auto found = std::find(program_.cells.begin(), program_.cells.end(), cell);
  if (found != program_.cells.end()) return CellId(static_cast<std::size_t>(found - program_.cells.begin()));
  program_.cells.push_back(cell);
  return CellId(program_.cells.size() - 1);
}

// The pattern's own x, or the counted group that step `step` stands in.
StreamId ProgramMaker::own_stream(PatternScope& scope, std::uint32_t step, std::span<const ast::Path> values) {
  if (scope.x == nullptr) return {};
  if (scope.x->nested.empty() || step == scope.x_step) return stream(*scope.x, values, &scope);
  // A field of an inner step, or its events: the nested stream, with the list that the nested match gives.
  tocsin::Stream made = program_.streams[stream(*scope.x, {}, &scope).index];
  PatternScope& inner = *scope.nested.front().scope;
  for (const ast::Path& value : values)
    made.alternatives.front().values.push_back(nested_value(inner, step, value.parts, ExprOp::captured_all));
  if (values.empty())
    if (const ExprId events = nested_events(inner, step); events.exists())
      made.alternatives.front().values.push_back(events);
  const auto found = std::find(program_.streams.begin(), program_.streams.end(), made);
  if (found != program_.streams.end()) return StreamId(static_cast<std::size_t>(found - program_.streams.begin()));
  program_.streams.push_back(std::move(made));
  return StreamId(program_.streams.size() - 1);
}

Cell ProgramMaker::plain_cell(const ast::Aggregate& aggregate, const Hand& hand) {
  PatternScope& scope = *hand.scope;
  Cell out;
  out.function = row_of(aggregate.function.text);
  const tocsin::Aggregate& row = aggregates()[out.function.index];
  if (row.kind == AggregateKind::percentile) out.alpha = percentile_of(aggregate.function.text).value_or(50);
  if (row.kind == AggregateKind::ema && !aggregate.args.empty()) out.alpha = number_of(aggregate.args.front());
  if (row.kind == AggregateKind::top && !aggregate.args.empty())
    out.number = static_cast<std::uint32_t>(number_of(aggregate.args.front()));
  out.window = scope.window;
  if (aggregate.over) {
    out.window = {};
    if (const auto* d = std::get_if<ast::Length>(&aggregate.over->window)) {
      out.window.length = settled(*d);
    } else {
      out.window.kind = tocsin::Window::Kind::last;
      out.window.count = static_cast<std::uint32_t>(settled(std::get<ast::Count>(aggregate.over->window)));
    }
  }
  if (aggregate.streams.empty()) {  // `count()` of a summary
    out.stream = scope.whole;
    return out;
  }
  std::vector<ast::Path> values;
  for (const ast::StreamPath& path : aggregate.streams) {
    if (path.ref.kind == ast::Ref::Kind::own) {
      ast::Path field = path.field;
      field.parts.insert(field.parts.begin(), path.stream->name);
      values.push_back(std::move(field));
    } else if (!path.field.parts.empty()) {
      values.push_back(path.field);
    }
  }
  const ast::StreamPath& first = aggregate.streams.front();
  const auto over = [&](const ast::StreamPath& path) {
    if (path.ref.kind == ast::Ref::Kind::step) return own_stream(scope, path.ref.index, values);
    if (path.ref.kind == ast::Ref::Kind::own && scope.rows != nullptr) return stream(*scope.rows, values, &scope);
    return stream(plain_stream(model_, *path.stream), values, nullptr);
  };
  const bool of_step = first.ref.kind == ast::Ref::Kind::step && scope.sequence;
  if (of_step && !aggregate.over) {
    out.window = {};
    out.window.kind = tocsin::Window::Kind::step;
    if (first.ref.index < scope.local.size()) out.window.step = scope.local[first.ref.index];
    if (!values.empty())
      if (const auto found = capture(scope, first.ref.index, values.front().parts)) {
        out.window.step = found->step;
        out.window.capture = found->index;
      }
    return out;  // without a stream: the step has one
  }
  if (of_step && first.ref.index < scope.local.size() && scope.local[first.ref.index].exists())
    out.stream = of(scope).steps[scope.local[first.ref.index].index].stream;
  else
    out.stream = over(first);
  if (row.takes_second_stream && aggregate.streams.size() > 1) out.second = over(aggregate.streams[1]);
  return out;
}

// ----- captures -----------------------------------------------------------------------------------------

ProgramMaker::Captured ProgramMaker::capture_in(PatternScope& scope, StepId step, std::span<const ast::Name> field,
                                                ExprId ready) {
  const std::string name = dotted(field);
  if (scope.captures.size() <= step.index) scope.captures.resize(step.index + 1);
  auto& known = scope.captures[step.index];
  const auto found =
      std::find_if(known.begin(), known.end(), [&](const auto& c) { return c.name == name && c.ready == ready; });
  const auto index = static_cast<std::uint32_t>(found - known.begin());
  if (found == known.end()) known.push_back({name, {field.begin(), field.end()}, ready});
  return {step, index};
}

std::optional<ProgramMaker::Captured> ProgramMaker::capture(PatternScope& scope, std::uint32_t step,
                                                            std::span<const ast::Name> field) {
  if (field.empty()) return std::nullopt;
  if (step < scope.local.size() && scope.local[step].exists()) return capture_in(scope, scope.local[step], field, {});
  for (const PatternScope::Nested& nested : scope.nested)
    if (const ExprId value = nested_value(*nested.scope, step, field, ExprOp::captured); value.exists())
      return capture_in(scope, nested.step, field, value);
  return std::nullopt;
}

ExprId ProgramMaker::nested_value(PatternScope& inner, std::uint32_t step, std::span<const ast::Name> field,
                                  ExprOp which) {
  const auto found = capture(inner, step, field);
  return found ? one(which, found->step.index, found->index) : ExprId{};
}

ExprId ProgramMaker::nested_events(PatternScope& inner, std::uint32_t step) {
  if (step >= inner.local.size() || !inner.local[step].exists()) return {};
  const ExprId each = one(ExprOp::constant, code_.constant({std::int64_t{1}}).index);
  const Captured found = capture_in(inner, inner.local[step], {}, each);
  return one(ExprOp::captured_all, found.step.index, found.index);
}

ExprId ProgramMaker::captured(PatternScope& scope, StepId step, const ast::Path& field) {
  const StreamId stream = of(scope).steps[step.index].stream;
  if (!stream.exists() || field.parts.empty()) return {};
  const Captured found = capture_in(scope, step, field.parts, {});
  return one(ExprOp::captured, found.step.index, found.index);
}

}  // namespace tocsin::dsl::emitting
