// Filters that can never be true, or always are (X6). Only what is certain from the text: bounds and equalities of one
// field that contradict, literals compared with each other, `missing` of what is always there, what a function never
// gives. Silent wherever in doubt.
#include <algorithm>
#include <cmath>
#include <limits>
#include <unordered_map>

#include "dsl/check/comparisons.h"
#include "dsl/check/context.h"
#include "dsl/check/walk.h"
#include "dsl/print.h"
#include "engine/program/zone.h"

namespace tocsin::dsl::checking {
namespace {

using ast::BinaryOp;
using What = Verdict::What;

struct Constant {
  enum class Kind { none, number, text, boolean } kind = Kind::none;
  Exact number = 0;
  std::string text;
};

Constant constant(const ast::Expr& expr) {
  if (const auto* u = std::get_if<ast::Unary>(&expr.node); u && u->op == ast::UnaryOp::negate) {
    Constant inner = constant(*u->operand);
    inner.number = -inner.number;
    return inner;
  }
  const auto* literal = std::get_if<ast::Literal>(&expr.node);
  if (!literal) return {};
  using K = Constant::Kind;
  return std::visit(Overloaded{
                        [](bool b) { return Constant{K::boolean, b ? Exact{1} : Exact{0}, ""}; },
                        [](std::int64_t n) { return Constant{K::number, static_cast<Exact>(n), ""}; },
                        [](double d) { return Constant{K::number, d, ""}; },
                        [](const std::string& s) { return Constant{K::text, 0, s}; },
                        [](Duration d) { return Constant{K::number, static_cast<Exact>(d.us), ""}; },
                        [](const ast::Address&) { return Constant{}; },
                        [](const ast::Regex&) { return Constant{}; },
                    },
                    literal->value);
}

// What is known of one field after some conditions.
struct Known {
  Exact low = -std::numeric_limits<Exact>::infinity(), high = std::numeric_limits<Exact>::infinity();
  bool low_open = false, high_open = false;
  std::optional<std::vector<std::string>> texts;  // the values that are left
  std::vector<std::string> not_texts;
  std::vector<Exact> not_numbers;
  std::optional<bool> truth, missing;
  SourceSpan last;  // the condition that said something last
  bool said = false;

  bool impossible() const {
    if (low > high || (low == high && (low_open || high_open))) return true;
    if (low == high && std::find(not_numbers.begin(), not_numbers.end(), low) != not_numbers.end()) return true;
    return texts && std::all_of(texts->begin(), texts->end(), [&](const std::string& t) {
             return std::find(not_texts.begin(), not_texts.end(), t) != not_texts.end();
           });
  }
};

// `hour(ts) between 22 and 4` means the night; of anything else, the numbers have changed places.
std::string between_turned_round(const ast::Between& b) {
  const std::string x = print(*b.what), low = print(*b.low), high = print(*b.high);
  const auto* call = std::get_if<ast::Call>(&b.what->node);
  const std::string around = ticked("(" + x + " >= " + low + " or " + x + " <= " + high + ")");
  if (call != nullptr && (call->function.text == "hour" || call->function.text == "minute"))
    return "over the turn of the clock it is " + around;
  return "write the smaller number first; for all that lies outside: " + around;
}

// What a function can give at all. `fits`: of texts, whether it may give this one; `parts`: and all parts of it, too.
struct Results {
  std::string_view function;
  Exact low = 0, high = 0;
  bool (*fits)(std::string_view) = nullptr;
  bool parts = false;
  std::string_view why;
};

bool is_weekday(std::string_view t) { return std::ranges::find(kWeekdays, t) != std::end(kWeekdays); }
bool has_no_capitals(std::string_view t) {
  return std::ranges::none_of(t, [](char c) { return c >= 'A' && c <= 'Z'; });
}
bool has_capitals_alone(std::string_view t) {
  return std::ranges::none_of(t, [](char c) { return c >= 'a' && c <= 'z'; });
}

constexpr Results kResults[] = {
    {.function = "hour", .high = 23, .why = "this is 0 to 23"},
    {.function = "minute", .high = 59, .why = "this is 0 to 59"},
    {.function = "weekday", .fits = is_weekday, .why = "this is `mon`, `tue`, `wed`, `thu`, `fri`, `sat` or `sun`"},
    {.function = "lower", .fits = has_no_capitals, .parts = true, .why = "this has small letters alone"},
    {.function = "upper", .fits = has_capitals_alone, .parts = true, .why = "this has capital letters alone"},
};

const Results* results_of(const ast::Expr& e) {
  const auto* call = std::get_if<ast::Call>(&e.node);
  if (call == nullptr) return nullptr;
  const auto at = std::ranges::find(kResults, call->function.text, &Results::function);
  return at == std::end(kResults) ? nullptr : at;
}

class Judge {
 public:
  Judge(const Context& c, const std::vector<EventId>& events) : c_(c), events_(events) {}

  Verdict all(const std::vector<const ast::Expr*>& exprs) {
    std::vector<const ast::Expr*> parts;
    for (const ast::Expr* e : exprs) flatten(*e, BinaryOp::logical_and, parts);
    bool always = !parts.empty();
    for (const ast::Expr* part : parts) {
      const Verdict one = single(*part);
      if (one.what == What::never) return one;
      always &= one.what == What::always;
      if (const std::optional<SourceSpan> with = add(*part)) return {What::never, part->span, *with};
    }
    return {always ? What::always : What::maybe, parts.empty() ? SourceSpan{} : parts.front()->span, {}};
  }

 private:
  static void flatten(const ast::Expr& e, BinaryOp op, std::vector<const ast::Expr*>& out) {
    const auto* b = std::get_if<ast::Binary>(&e.node);
    if (!b || b->op != op) return out.push_back(&e);
    flatten(*b->left, op, out);
    flatten(*b->right, op, out);
  }

  Verdict single(const ast::Expr& e) {
    if (const auto* b = std::get_if<ast::Binary>(&e.node))
      return b->op == BinaryOp::logical_or ? any(e) : comparison(e, *b);
    if (const auto* u = std::get_if<ast::Unary>(&e.node); u && u->op == ast::UnaryOp::logical_not) {
      Judge inner(c_, events_);
      const Verdict v = inner.all({&*u->operand});
      // `not` of what is never true is true, unless a missing value made it unknown.
      return {v.what == What::always ? What::never : What::maybe, e.span, {}};
    }
    if (const auto* in = std::get_if<ast::In>(&e.node))
      if (const auto* items = std::get_if<ast::InItems>(&in->where)) {
        if (items->items.empty()) return {in->negated ? What::maybe : What::never, e.span, {}};
        if (!in->negated && !in->ignoring_case && std::ranges::all_of(items->items, [&](const ast::Expr& item) {
              return is_never_given(*in->what, BinaryOp::equal, constant(item));
            }))
          return never_given(e.span, *in->what);
      }
    if (const auto* b = std::get_if<ast::Between>(&e.node)) {
      const Constant low = constant(*b->low), high = constant(*b->high);
      if (low.kind == Constant::Kind::number && high.kind == low.kind && low.number > high.number)
        return {What::never, b->high->span, b->low->span, "more than this", between_turned_round(*b)};
    }
    if (const auto* is = std::get_if<ast::Is>(&e.node)) return presence(e, *is);
    const Constant value = constant(e);
    if (value.kind == Constant::Kind::boolean) return {value.number != 0 ? What::always : What::never, e.span, {}};
    return {What::maybe, e.span, {}};
  }

  Verdict any(const ast::Expr& e) {
    std::vector<const ast::Expr*> parts;
    flatten(e, BinaryOp::logical_or, parts);
    bool never = true;
    for (const ast::Expr* part : parts) {
      Judge inner(c_, events_);
      const Verdict v = inner.all({part});
      if (v.what == What::always) return v;
      never &= v.what == What::never;
    }
    if (never) return {What::never, e.span, {}};
    return complement(parts) ? Verdict{What::always, e.span, {}} : Verdict{What::maybe, e.span, {}};
  }

  // `x > 5 or x <= 5` of a field that is never missing.
  bool complement(const std::vector<const ast::Expr*>& parts) {
    for (const ast::Expr* a : parts)
      for (const ast::Expr* b : parts) {
        const auto* l = std::get_if<ast::Binary>(&a->node);
        const auto* r = std::get_if<ast::Binary>(&b->node);
        if (l && r && opposite(l->op) == r->op && *l->left == *r->left && *l->right == *r->right &&
            always_there(*l->left) && constant(*l->right).kind != Constant::Kind::none)
          return true;
      }
    return false;
  }

  const ast::Path* own_field(const ast::Expr& e) const {
    const auto* path = std::get_if<ast::Path>(&e.node);
    return path && path->ref.kind == ast::Ref::Kind::field ? path : nullptr;
  }

  // Declared, without `?`, on every event that this can be.
  bool always_there(const ast::Expr& e) const {
    const ast::Path* path = own_field(e);
    if (!path || events_.empty()) return false;
    return std::all_of(events_.begin(), events_.end(), [&](EventId id) {
      const EventInfo& event = c_.model.events[id];
      const FieldInfo* field = event.find(text_of(*path));
      return event.is_base() && field && field->declared && !field->optional;
    });
  }

  Verdict presence(const ast::Expr& e, const ast::Is& is) {
    if (!always_there(*is.what)) return {What::maybe, e.span, {}};
    const auto* path = own_field(*is.what);
    const FieldInfo* field = c_.model.events[events_.front()].find(text_of(*path));
    return {is.missing ? What::never : What::always, e.span, field->at, "declared without `?`, so it is always there",
            "put a `?` behind its type if records may lack it"};
  }

  static std::optional<bool> folded(BinaryOp op, const Constant& l, const Constant& r) {
    if (l.kind == Constant::Kind::none || l.kind != r.kind) return std::nullopt;
    const int order = l.kind == Constant::Kind::text ? l.text.compare(r.text)
                      : l.number < r.number          ? -1
                      : l.number > r.number          ? 1
                                                     : 0;
    switch (op) {
      case BinaryOp::equal:
        return order == 0;
      case BinaryOp::not_equal:
        return order != 0;
      case BinaryOp::less:
        return order < 0;
      case BinaryOp::less_equal:
        return order <= 0;
      case BinaryOp::greater:
        return order > 0;
      case BinaryOp::greater_equal:
        return order >= 0;
      case BinaryOp::logical_or:
      case BinaryOp::logical_and:
      case BinaryOp::contains:
      case BinaryOp::starts_with:
      case BinaryOp::ends_with:
      case BinaryOp::matches:
      case BinaryOp::add:
      case BinaryOp::subtract:
      case BinaryOp::multiply:
      case BinaryOp::divide:
      case BinaryOp::remainder:
        return std::nullopt;
    }
    return std::nullopt;
  }

  Verdict comparison(const ast::Expr& e, const ast::Binary& b) {
    if (const auto known = folded(b.op, constant(*b.left), constant(*b.right)))
      return {*known ? What::always : What::never, e.span, {}};
    const bool is_turned = results_of(*b.right) != nullptr;
    const ast::Expr& call = is_turned ? *b.right : *b.left;
    const auto op = is_turned ? mirrored(b.op) : std::optional(b.op);
    if (op && !b.ignoring_case && is_never_given(call, *op, constant(is_turned ? *b.left : *b.right)))
      return never_given(e.span, call);
    const auto* l = std::get_if<ast::Path>(&b.left->node);
    const auto* r = std::get_if<ast::Path>(&b.right->node);
    if (!l || !r || !(*l == *r)) return {What::maybe, e.span, {}};
    if (b.op == BinaryOp::not_equal || b.op == BinaryOp::less || b.op == BinaryOp::greater)
      return {What::never, e.span, {}};
    const bool same = b.op == BinaryOp::equal || b.op == BinaryOp::less_equal || b.op == BinaryOp::greater_equal;
    return {same && always_there(*b.left) ? What::always : What::maybe, e.span, {}};
  }

  // `weekday(t) = "monday"`, `hour(t) > 23`.
  static bool is_never_given(const ast::Expr& call, BinaryOp op, const Constant& value) {
    const Results* results = results_of(call);
    if (results == nullptr || value.kind == Constant::Kind::none) return false;
    if (results->fits != nullptr) {
      const bool is_part = op == BinaryOp::contains || op == BinaryOp::starts_with || op == BinaryOp::ends_with;
      if (value.kind != Constant::Kind::text || !(op == BinaryOp::equal || (is_part && results->parts))) return false;
      return !results->fits(value.text);
    }
    if (value.kind != Constant::Kind::number) return false;
    Known known;
    known.low = results->low;
    known.high = results->high;
    narrow(known, op, value.number);
    return op != BinaryOp::not_equal && known.impossible();
  }
  static Verdict never_given(SourceSpan span, const ast::Expr& call) {
    return {What::never, span, call.span, results_of(call)->why, "compare it with what it gives"};
  }

  // Takes the condition as true; answers the one that it contradicts.
  std::optional<SourceSpan> add(const ast::Expr& e) {
    if (const auto* b = std::get_if<ast::Binary>(&e.node)) {
      if (const ast::Path* path = own_field(*b->left))
        return bound(*path, b->op, constant(*b->right), b->ignoring_case, e.span);
      if (const ast::Path* path = own_field(*b->right))
        return bound(*path, mirrored(b->op).value_or(BinaryOp::logical_or), constant(*b->left), b->ignoring_case,
                     e.span);
    }
    if (const auto* between = std::get_if<ast::Between>(&e.node))
      if (const ast::Path* path = own_field(*between->what)) {
        const auto low = bound(*path, BinaryOp::greater_equal, constant(*between->low), false, e.span);
        return low ? low : bound(*path, BinaryOp::less_equal, constant(*between->high), false, e.span);
      }
    if (const auto* in = std::get_if<ast::In>(&e.node)) return member(*in, e.span);
    if (const auto* is = std::get_if<ast::Is>(&e.node))
      if (const ast::Path* path = own_field(*is->what))
        return say(*path, e.span, [&](Known& k) { k.missing = is->missing; }, is->missing);
    return std::nullopt;
  }

  template <class F>
  std::optional<SourceSpan> say(const ast::Path& path, SourceSpan span, F&& f, bool wants_missing = false) {
    Known& known = known_[text_of(path)];
    const SourceSpan before = known.last;
    const bool said = known.said;
    const bool clash = said && (wants_missing ? !known.missing.value_or(false) : known.missing.value_or(false));
    f(known);
    known.last = span;
    known.said = true;
    if (said && (clash || known.impossible())) return before;
    return std::nullopt;
  }

  std::optional<SourceSpan> bound(const ast::Path& path, BinaryOp op, const Constant& value, bool folded_case,
                                  SourceSpan span) {
    using K = Constant::Kind;
    const bool order =
        op == BinaryOp::less || op == BinaryOp::less_equal || op == BinaryOp::greater || op == BinaryOp::greater_equal;
    const bool equality = op == BinaryOp::equal || op == BinaryOp::not_equal;
    if (value.kind == K::none || folded_case || (!order && !equality) || (order && value.kind != K::number))
      return std::nullopt;
    return say(path, span, [&](Known& k) {
      if (value.kind == K::text)
        narrow_text(k, op, value.text);
      else
        narrow(k, op, value.number);
    });
  }

  static void narrow_text(Known& k, BinaryOp op, const std::string& text) {
    if (op == BinaryOp::not_equal) return k.not_texts.push_back(text);
    keep(k, {text});
  }

  static void keep(Known& k, const std::vector<std::string>& texts) {
    if (!k.texts)
      k.texts = texts;
    else
      std::erase_if(*k.texts,
                    [&](const std::string& t) { return std::find(texts.begin(), texts.end(), t) == texts.end(); });
  }

  static void narrow(Known& k, BinaryOp op, Exact value) {
    const auto raise = [&](bool open) {
      if (value > k.low || (value == k.low && open)) k.low = value, k.low_open = open;
    };
    const auto lower = [&](bool open) {
      if (value < k.high || (value == k.high && open)) k.high = value, k.high_open = open;
    };
    if (op == BinaryOp::not_equal) k.not_numbers.push_back(value);
    if (op == BinaryOp::equal || op == BinaryOp::greater_equal) raise(false);
    if (op == BinaryOp::equal || op == BinaryOp::less_equal) lower(false);
    if (op == BinaryOp::greater) raise(true);
    if (op == BinaryOp::less) lower(true);
  }

  std::optional<SourceSpan> member(const ast::In& in, SourceSpan span) {
    const auto* items = std::get_if<ast::InItems>(&in.where);
    const ast::Path* path = own_field(*in.what);
    if (!items || !path || in.ignoring_case) return std::nullopt;
    std::vector<std::string> texts;
    for (const ast::Expr& item : items->items) {
      const Constant value = constant(item);
      if (value.kind != Constant::Kind::text) return std::nullopt;
      texts.push_back(value.text);
    }
    return say(*path, span, [&](Known& k) {
      if (in.negated)
        k.not_texts.insert(k.not_texts.end(), texts.begin(), texts.end());
      else
        keep(k, texts);
    });
  }

  const Context& c_;
  const std::vector<EventId>& events_;
  std::unordered_map<std::string, Known> known_;
};

bool within(SourceSpan inner, SourceSpan outer) {
  return inner.file == outer.file && inner.begin >= outer.begin && inner.end <= outer.end;
}

}  // namespace

Verdict judge(const Context& c, const std::vector<EventId>& events, const std::vector<const ast::Expr*>& all) {
  return Judge(c, events).all(all);
}

// Does it hold what the parser had to guess? Then its mistake was told.
bool is_guess(const Context& c, SourceSpan span) {
  return std::ranges::any_of(c.files[span.file].mended,
                             [&](SourceSpan guess) { return guess.begin < span.end && span.begin < guess.end; });
}

// The stream's own filter alone, then together with those of the aliases under it.
void lint_filter(Context& c, const ast::Stream& stream) {
  if (is_guess(c, stream.filter->span)) return;
  const Verdict own = judge(c, c.model.events_of(stream), {&*stream.filter});
  if (own.what == What::always)
    return void(c.report("R111", own.at, "this filter is always true", "it lets every event through",
                         "delete it, or look at what it should compare"));
  Verdict worst = own;
  if (own.what != What::never) {
    const std::vector<Alternative> alternatives = c.model.expand(stream);
    for (const Alternative& a : alternatives) {
      std::vector<const ast::Expr*> filters;
      for (const ast::Expr& f : a.filters) filters.push_back(&f);
      std::reverse(filters.begin(), filters.end());  // the alias first: blame the author's own line
      worst = judge(c, {a.event}, filters);
      if (worst.what != What::never) return;
    }
    if (alternatives.empty()) return;
  }
  const bool here = within(worst.at, stream.span);
  Diagnostic& d =
      c.report("R110", here ? worst.at : stream.span, "this filter can never be true", "no event passes it", "");
  const bool has_cause = worst.with.end > worst.with.begin;
  if (has_cause) d.cause = Label{worst.with, std::string(worst.why)};
  d.help = has_cause ? std::string(worst.help) : "look at what it should compare";
  // Nobody writes `or` between a filter and that of its alias.
  const auto alias =
      std::ranges::find_if(c.model.aliases, [&](const AliasInfo& a) { return within(worst.with, a.stream.span); });
  if (has_cause && !within(worst.with, stream.span) && alias != c.model.aliases.end())
    d.help = ticked(alias->name) + " lets only these through; correct one of the two, or filter another event";
}

}  // namespace tocsin::dsl::checking
