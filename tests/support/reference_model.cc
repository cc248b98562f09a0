// From the tree to the reference matcher's own structs. Constants, templates, `extend` and aliases are put in here,
// simply and independently of dsl/check; rules are assumed to be right.
#include "tests/support/reference_model.h"

#include <algorithm>
#include <functional>
#include <stdexcept>

#include "engine/base/overloaded.h"

namespace tocsin::reference {

std::int64_t window_of(const NodePtr& node, const std::optional<Duration>& within) {
  std::int64_t widest = 0;
  if (node->kind == Node::Kind::aggregate && node->name != "zscore")
    widest = node->over ? node->over->us : within && node->over_last == 0 ? within->us : 0;
  for (const auto& kid : node->kids) widest = std::max(widest, window_of(kid, within));
  return widest;
}

namespace {

class Compiler {
 public:
  Compiler(Model& model, const Options& options) : model_(model), options_(options) {}

  void items(const std::vector<const ast::RuleFile*>& files);

 private:
  using Arguments = std::map<std::string, const ast::Expr*>;

  template <class T, class F>
  void each(const std::vector<const ast::RuleFile*>& files, F f) {
    for (const auto* file : files)
      for (const auto& item : file->items)
        if (const T* node = std::get_if<T>(&item.node)) f(*node);
  }

  [[noreturn]] static void wrong(const std::string& what) { throw std::runtime_error("reference matcher: " + what); }

  // --- constants and parameters
  const ast::Expr* argument(const std::string& name) const {
    if (const auto it = arguments_.find(name); it != arguments_.end()) return it->second;
    if (const auto it = lets_.find(name); it != lets_.end()) return it->second;
    wrong("no value for $" + name);
  }
  std::vector<std::string> words(const ast::Name& name) const {
    if (!name.param) return {name.text};
    const auto* path = std::get_if<ast::Path>(&argument(name.text)->node);
    if (path == nullptr) wrong("$" + name.text + " is no name");
    return words(*path);
  }
  std::vector<std::string> words(const ast::Path& path) const {
    std::vector<std::string> out;
    for (const auto& part : path.parts)
      for (auto& word : words(part)) out.push_back(std::move(word));
    return out;
  }
  std::string word(const ast::Name& name) const { return joined(words(name)); }
  static std::string joined(const std::vector<std::string>& parts) {
    std::string out;
    for (const auto& p : parts) out += (out.empty() ? "" : ".") + p;
    return out;
  }
  std::int64_t number(const ast::Count& count) const {
    if (const auto* n = std::get_if<std::int64_t>(&count.value)) return *n;
    const auto* literal = std::get_if<ast::Literal>(&argument(std::get<ast::Param>(count.value).name)->node);
    if (literal == nullptr || !std::holds_alternative<std::int64_t>(literal->value)) wrong("a parameter is no number");
    return std::get<std::int64_t>(literal->value);
  }
  Duration length(const ast::Length& l) const {
    if (const auto* d = std::get_if<Duration>(&l.value)) return *d;
    const auto* literal = std::get_if<ast::Literal>(&argument(std::get<ast::Param>(l.value).name)->node);
    if (literal == nullptr || !std::holds_alternative<Duration>(literal->value)) wrong("a parameter is no duration");
    return std::get<Duration>(literal->value);
  }

  int base(const std::string& name) {
    const auto [it, added] = model_.base_ids.try_emplace(name, static_cast<int>(model_.bases.size()));
    if (added) {
      model_.bases.push_back({});
      model_.bases.back().name = name;
    }
    return it->second;
  }

  Stream stream(const ast::Stream& s);
  StreamField stream_field(const ast::StreamPath& p);
  NodePtr expr(const ast::Expr& e);
  NodePtr text(const ast::Template& t);
  Node aggregate(const ast::Aggregate& a);
  Node literal(const ast::Literal& l);

  Pattern pattern(const ast::Pattern& p);
  void sequence(const ast::Sequence& s, Pattern& out);
  Variants steps(const std::vector<ast::Step>& steps, int tier, Pattern& out);
  Variants step(const ast::Step& step, int tier, Pattern& out);
  Variants group(const ast::Step& step, const ast::Pattern& inner, int tier, Pattern& out);
  void quantity(const ast::Quantity& q, Item& item);
  void link(const ast::Step& step, Item& item);
  Aligned aligned(const ast::Aligned& a) { return {length(a.length), a.zone ? a.zone->value : ""}; }

  void clause(const ast::Clause& c, Rule& rule);
  void finish(Rule rule);
  std::vector<Assign> assigns(const std::vector<ast::Assign>& in) {
    std::vector<Assign> out;
    for (const auto& a : in) out.push_back({word(a.name), expr(a.value)});
    return out;
  }

  Model& model_;
  const Options& options_;
  Arguments arguments_;
  std::map<std::string, const ast::Expr*> lets_;
  std::map<std::string, const ast::Stream*> alias_declarations_;
  std::vector<std::shared_ptr<const Rule>> rules_;
  std::set<int> named_;                 // bases met since it was last cleared
  const std::set<int>* own_ = nullptr;  // summary or session: bases under `of`
};

Stream Compiler::stream(const ast::Stream& s) {
  Stream out;
  if (s.any.empty()) {
    out.name = word(s.name);
    if (const auto declared = alias_declarations_.find(out.name); declared != alias_declarations_.end()) {
      auto& alias = model_.aliases[out.name];
      if (alias == nullptr) {
        const auto kept = std::exchange(named_, {});
        alias = std::make_shared<const Stream>(stream(*declared->second));
        named_ = kept;
      }
      out.alias = alias;
      out.bases = alias->bases;
    } else {
      out.base = base(out.name);
      out.bases = {out.base};
    }
  } else {
    for (const auto& member : s.any) {
      out.any.push_back(stream(member));
      for (const int b : out.any.back().bases)
        if (std::find(out.bases.begin(), out.bases.end(), b) == out.bases.end()) out.bases.push_back(b);
    }
  }
  if (s.filter) out.filter = expr(*s.filter);
  named_.insert(out.bases.begin(), out.bases.end());
  return out;
}

StreamField Compiler::stream_field(const ast::StreamPath& p) {
  StreamField out;
  const ast::Stream& s = *p.stream;
  // In a summary or a session the first name may be a field.
  if (own_ != nullptr && s.any.empty() && !s.filter) {
    const std::string name = word(s.name);
    const int b = model_.find_base(name);
    const bool known = alias_declarations_.contains(name) || own_->contains(b) ||
                       (b >= 0 && model_.bases[static_cast<std::size_t>(b)].declared);
    if (!known) {
      out.field = words(s.name);
      for (auto& w : words(p.field)) out.field.push_back(w);
      return out;
    }
  }
  const auto kept = named_;
  out.stream = stream(s);
  // A bound name looks like a stream: what is no event joins no set of bases (see `finish`).
  if (out.stream.base >= 0 && !model_.bases[static_cast<std::size_t>(out.stream.base)].declared) named_ = kept;
  out.field = words(p.field);
  return out;
}

Node Compiler::literal(const ast::Literal& l) {
  Node node;
  std::visit(
      Overloaded{[&](bool b) { node.value = Value::of(b); }, [&](std::int64_t n) { node.value = Value::of(n); },
                 [&](double d) { node.value = Value::of(d); }, [&](const std::string& s) { node.value = Value::of(s); },
                 [&](Duration d) { node.value = Value::of(d); },
                 [&](const ast::Address& a) { node.value = Value::ip(a.text); },
                 [&](const ast::Regex& r) { node.regex = std::make_shared<const RE2>(r.pattern, RE2::Quiet); }},
      l.value);
  return node;
}

NodePtr Compiler::text(const ast::Template& t) {
  Node node;
  node.kind = Node::Kind::text;
  node.pieces.emplace_back();
  for (const auto& piece : t.pieces) {
    if (const auto* s = std::get_if<std::string>(&piece)) {
      node.pieces.back() += *s;
    } else {
      node.kids.push_back(expr(*std::get<ast::Box<ast::Expr>>(piece)));
      node.pieces.emplace_back();
    }
  }
  return std::make_shared<const Node>(std::move(node));
}

Node Compiler::aggregate(const ast::Aggregate& a) {
  Node node;
  node.kind = Node::Kind::aggregate;
  node.name = a.function.text;
  for (const auto& s : a.streams) node.streams.push_back(stream_field(s));
  if (a.over) {
    if (const auto* l = std::get_if<ast::Length>(&a.over->window))
      node.over = length(*l);
    else
      node.over_last = number(std::get<ast::Count>(a.over->window));
  }
  for (const auto& e : a.args) node.kids.push_back(expr(e));
  return node;
}

NodePtr Compiler::expr(const ast::Expr& e) {
  Node node;
  NodePtr replaced;
  std::visit(Overloaded{
                 [&](const ast::Literal& l) { node = literal(l); },
                 [&](const ast::Param& p) { replaced = expr(*argument(p.name)); },
                 [&](const ast::Path& p) {
                   node.kind = Node::Kind::path;
                   node.path = words(p);
                 },
                 [&](const ast::Lookup& l) {
                   node.kind = Node::Kind::lookup;
                   node.name = word(l.table);
                   node.kids.push_back(expr(*l.key));
                   node.path = words(l.field);
                 },
                 [&](const ast::Call& c) {
                   node.kind = Node::Kind::call;
                   node.name = c.function.text;
                   for (const auto& arg : c.args) node.kids.push_back(expr(arg));
                 },
                 [&](const ast::Aggregate& a) { node = aggregate(a); },
                 [&](const ast::Unary& u) {
                   node.kind = u.op == ast::UnaryOp::logical_not ? Node::Kind::negation : Node::Kind::minus;
                   node.kids.push_back(expr(*u.operand));
                 },
                 [&](const ast::Binary& b) {
                   node.kind = Node::Kind::binary;
                   node.op = b.op;
                   node.flag = b.ignoring_case;
                   node.kids = {expr(*b.left), expr(*b.right)};
                 },
                 [&](const ast::In& in) {
                   node.negated = in.negated;
                   node.flag = in.ignoring_case;
                   node.kids.push_back(expr(*in.what));
                   std::visit(Overloaded{[&](const ast::InList& l) {
                                           node.kind = Node::Kind::in_list;
                                           node.name = word(l.list);
                                         },
                                         [&](const ast::InCalendar& c) {
                                           node.kind = Node::Kind::in_calendar;
                                           node.name = word(c.calendar);
                                         },
                                         [&](const ast::InItems& items) {
                                           node.kind = Node::Kind::in_items;
                                           for (const auto& item : items.items) node.kids.push_back(expr(item));
                                         }},
                              in.where);
                 },
                 [&](const ast::Between& b) {
                   node.kind = Node::Kind::between;
                   node.kids = {expr(*b.what), expr(*b.low), expr(*b.high)};
                 },
                 [&](const ast::Is& is) {
                   node.kind = Node::Kind::is_missing;
                   node.flag = is.missing;
                   node.kids.push_back(expr(*is.what));
                 },
                 [&](const ast::Some& some) {
                   node.kind = Node::Kind::some;
                   node.path = words(some.list);
                   node.kids.push_back(expr(*some.condition));
                 },
                 [&](const ast::Its& its) {
                   node.kind = Node::Kind::its;
                   node.factor = its.factor.value_or(1.0);
                   node.flag = its.what == ast::Its::What::previous;
                   if (its.over) node.over = length(*its.over);
                 },
                 [&](const ast::ListOf& list) {
                   node.kind = Node::Kind::list;
                   for (const auto& item : list.items) node.kids.push_back(expr(item));
                 },
                 [&](const ast::Template& t) { replaced = text(t); },
             },
             e.node);
  return replaced != nullptr ? replaced : std::make_shared<const Node>(std::move(node));
}

// --- patterns

void Compiler::quantity(const ast::Quantity& q, Item& item) {
  using Kind = ast::Quantity::Kind;
  switch (q.kind) {
    case Kind::one:
      item.low = 1;
      break;
    case Kind::at_least:
      item.low = number(q.low);
      break;
    case Kind::exactly:
      item.low = item.high = number(q.low);
      break;
    case Kind::from_to:
      item.low = number(q.low);
      item.high = number(q.high);
      break;
    case Kind::one_or_more:
      item.low = 1;
      break;
    case Kind::zero_or_more:
      item.low = 0;
      break;
    case Kind::maybe:
      item.low = 1;
      break;
  }
}

// Q7-Q10. `first b` is `no b` before b (Q9).
void Compiler::link(const ast::Step& step, Item& item) {
  if (step.link.no) item.no.push_back(stream(*step.link.no));
  if (step.link.first)
    if (const auto* s = std::get_if<ast::Stream>(&step.what)) item.no.push_back(stream(*s));
  item.next = step.link.next;
  if (step.link.within)
    item.link_within =
        Within{length(step.link.within->length), step.link.within->of ? word(*step.link.within->of) : ""};
}

// What a pattern's sequence is inside another one: its items between two marks. Other forms are taken as their fires.
Variants Compiler::group(const ast::Step& step, const ast::Pattern& inner, int tier, Pattern& out) {
  const auto* seq = std::get_if<ast::Sequence>(&inner.form);
  const bool flat = seq != nullptr && !inner.each && !inner.hold;
  if (!flat) {
    Item item;
    item.kind = Item::Kind::repeat_group;
    link(step, item);
    item.slot = out.places++;
    item.inner = std::make_shared<const Pattern>(pattern(inner));
    out.delays.insert(out.delays.end(), item.inner->delays.begin(), item.inner->delays.end());
    out.names.insert(item.inner->names.begin(), item.inner->names.end());
    item.last_fire_only = true;
    if (step.as) out.names.insert(item.name = word(*step.as));
    return {{item}};
  }
  Item begin, end;
  begin.kind = Item::Kind::group_begin;
  end.kind = Item::Kind::group_end;
  link(step, begin);
  if (inner.within) begin.within = end.within = length(*inner.within);
  if (step.as) out.names.insert(end.name = begin.name = word(*step.as));
  if (seq->ending) {
    end.absent = std::make_shared<const Stream>(stream(seq->ending->stream));
    end.absent_within = {length(seq->ending->within.length),
                         seq->ending->within.of ? word(*seq->ending->within.of) : ""};
    out.delays.push_back(end.absent_within.length);
  }
  Variants result;
  for (Items& items : steps(seq->steps, tier, out)) {
    Items whole{begin};
    const auto first =
        std::find_if(items.begin(), items.end(), [](const Item& i) { return i.kind != Item::Kind::nothing; });
    whole[0].guess_end = begin.within && first != items.end() && first->kind == Item::Kind::repeat && !first->until;
    whole[0].only_repeats = std::all_of(items.begin(), items.end(), [](const Item& i) {
      return (i.kind == Item::Kind::repeat && !i.until) || i.kind == Item::Kind::repeat_group ||
             i.kind == Item::Kind::nothing;
    });
    whole.insert(whole.end(), items.begin(), items.end());
    whole.push_back(end);
    result.push_back(std::move(whole));
  }
  return result;
}

Variants Compiler::step(const ast::Step& step, int tier, Pattern& out) {
  using Kind = ast::Quantity::Kind;
  const Kind kind = step.quantity.kind;
  if (kind == Kind::maybe) {  // Q4: with it, or without; what it hands on is its `no` (Q7)
    ast::Step present = step;
    present.quantity.kind = Kind::one;
    Variants variants = this->step(present, 1, out);
    ast::Step absent = step;
    absent.link.first = false;
    Item nothing;
    nothing.kind = Item::Kind::nothing;
    link(absent, nothing);
    nothing.next = false;
    nothing.link_within.reset();
    variants.push_back({nothing});
    return variants;
  }
  if (const auto* g = std::get_if<ast::Group>(&step.what)) {
    if (kind == Kind::one && !step.until) return group(step, *g->pattern, tier, out);
    Item item;
    item.kind = Item::Kind::repeat_group;
    link(step, item);
    quantity(step.quantity, item);
    item.slot = out.places++;
    ++out.repeats;
    item.inner = std::make_shared<const Pattern>(pattern(*g->pattern));
    out.repeats += item.inner->repeats;
    out.delays.insert(out.delays.end(), item.inner->delays.begin(), item.inner->delays.end());
    out.names.insert(item.inner->names.begin(), item.inner->names.end());
    if (step.as) out.names.insert(item.name = word(*step.as));
    if (step.until) {
      item.until = std::make_shared<const Stream>(stream(step.until->stream));
      item.until_name = step.until->as ? word(*step.until->as) : "";
      out.names.insert(item.until_name.empty() ? item.until->name : item.until_name);
    }
    return {{item}};
  }
  Item item;
  link(step, item);
  item.tier = tier;
  item.slot = out.places++;
  if (const auto* any = std::get_if<ast::AnyOf>(&step.what)) {
    item.kind = Item::Kind::any;
    item.number = any->number ? number(*any->number) : static_cast<std::int64_t>(any->alternatives.size());
    for (const auto& alternative : any->alternatives) item.alternatives.push_back(this->step(alternative, 0, out));
    return {{item}};
  }
  item.stream = stream(std::get<ast::Stream>(step.what));
  if (step.as) item.name = word(*step.as);
  out.names.insert(item.name.empty() ? item.stream.name : item.name);
  if (item.name.empty())
    for (const auto& member : item.stream.any) out.names.insert(member.name);
  if (kind == Kind::one && !step.until && !step.consecutive) return {{item}};
  item.kind = Item::Kind::repeat;
  ++out.repeats;
  quantity(step.quantity, item);
  item.consecutive = step.consecutive;
  if (step.of) item.of = std::make_shared<const Stream>(stream(*step.of));
  if (step.until) {
    item.until = std::make_shared<const Stream>(stream(step.until->stream));
    item.until_name = step.until->as ? word(*step.until->as) : "";
    out.names.insert(item.until_name.empty() ? item.until->name : item.until_name);
  }
  return {{item}};
}

Variants Compiler::steps(const std::vector<ast::Step>& all, int tier, Pattern& out) {
  Variants result{{}};
  for (const auto& s : all) {
    const Variants here = step(s, tier, out);
    Variants longer;
    for (const auto& start : result)
      for (const auto& more : here) {
        longer.push_back(start);
        longer.back().insert(longer.back().end(), more.begin(), more.end());
      }
    result = std::move(longer);
  }
  return result;
}

void Compiler::sequence(const ast::Sequence& s, Pattern& out) {
  out.form = Pattern::Form::sequence;
  if (s.steps.size() == 1 && !s.ending && s.steps[0].quantity.kind == ast::Quantity::Kind::at_least &&
      !s.steps[0].until && !std::holds_alternative<ast::AnyOf>(s.steps[0].what)) {  // C7
    const ast::Step& step = s.steps[0];
    out.form = step.consecutive ? Pattern::Form::consecutive : Pattern::Form::count;
    out.n = number(step.quantity.low);
    out.places = out.repeats = 1;
    if (step.as) out.name = word(*step.as);
    if (step.of) out.of = std::make_shared<const Stream>(stream(*step.of));
    if (const auto* g = std::get_if<ast::Group>(&step.what)) {
      out.inner = std::make_shared<const Pattern>(pattern(*g->pattern));
      out.names = out.inner->names;
      out.delays = out.inner->delays;
    } else {
      out.stream = stream(std::get<ast::Stream>(step.what));
      for (const auto& member : out.stream.any) out.names.insert(member.name);
    }
    out.names.insert(out.name.empty() ? out.stream.name : out.name);
    return;
  }
  out.variants = steps(s.steps, 0, out);
  if (s.ending) {
    Item end;
    end.kind = Item::Kind::group_end;
    end.absent = std::make_shared<const Stream>(stream(s.ending->stream));
    end.absent_within = {length(s.ending->within.length), s.ending->within.of ? word(*s.ending->within.of) : ""};
    out.delays.push_back(end.absent_within.length);
    for (auto& items : out.variants) items.push_back(end);
  }
  out.timed = !out.delays.empty();
}

// The streams of a condition's aggregates, and when an event changes their windows. `times`: an aggregate under `its
// average` or `zscore` is looked at in so many windows more, those of `past`.
void look_at(const NodePtr& node, Pattern& out, std::int64_t times, std::optional<Duration> past = {}) {
  const auto more = [&](const NodePtr& what, const std::optional<Duration>& all) {
    const std::int64_t width = window_of(what, out.within);
    return width > 0 && all ? all->us / width : 1;
  };
  const auto look_back = [&](const NodePtr& what, const std::optional<Duration>& all) {
    look_at(what, out, more(what, all), all);
  };
  if (node->kind == Node::Kind::binary && node->kids[1]->kind == Node::Kind::its)
    return look_back(node->kids[0], node->kids[1]->flag ? std::nullopt : node->kids[1]->over);
  if (node->kind == Node::Kind::aggregate && node->name == "zscore" && node->kids.size() == 2)
    return look_back(node->kids[0], Duration{node->kids[1]->value.number});
  if (node->kind == Node::Kind::aggregate) {
    const auto width = node->over ? node->over : node->over_last > 0 ? std::nullopt : out.within;
    std::vector<Stream> among;
    for (const auto& s : node->streams) among.push_back(s.stream);
    for (const auto& s : node->streams) {
      out.judged.push_back(s.stream);
      out.counted.push_back({s.stream, width, node->over_last, s.field, among});
      for (std::int64_t i = 1; width && i <= times + 1; ++i)
        out.expiries.push_back({s.stream, Duration{i * width->us}, s.field,
                                past && i > 1 ? std::optional(*past + *width) : std::nullopt,
                                node->name == "duration"});
    }
  }
  for (const auto& kid : node->kids) look_at(kid, out, times, past);
}

Pattern Compiler::pattern(const ast::Pattern& p) {
  using Form = Pattern::Form;
  const auto kept = std::exchange(named_, {});
  Pattern out;
  out.form = Form::sequence;
  if (p.within) out.within = length(*p.within);
  if (p.each) out.each = aligned(*p.each);
  if (p.hold) out.hold = length(*p.hold);
  const auto named = [&](const std::optional<ast::Name>& as) {
    if (as) out.name = word(*as);
    out.names.insert(out.name.empty() ? out.stream.name : out.name);
    if (out.name.empty())
      for (const auto& member : out.stream.any) out.names.insert(member.name);
  };
  std::visit(Overloaded{
                 [&](const ast::Sequence& s) {
                   const bool state = p.hold && s.steps.size() == 1 && !s.ending &&
                                      s.steps[0].quantity.kind == ast::Quantity::Kind::one &&
                                      std::holds_alternative<ast::Stream>(s.steps[0].what);
                   if (!state) return sequence(s, out);
                   out.form = Form::held;
                   out.stream = stream(std::get<ast::Stream>(s.steps[0].what));
                   named(s.steps[0].as);
                 },
                 [&](const ast::Apart& a) {
                   out.form = Form::apart;
                   out.n = number(a.number);
                   out.stream = stream(a.stream);
                   out.length = length(a.gap);
                   named(a.as);
                 },
                 [&](const ast::FewerThan& f) {
                   out.form = Form::fewer;
                   out.n = number(f.number);
                   out.stream = stream(f.stream);
                   named({});
                 },
                 [&](const ast::Distinct& d) {
                   out.form = Form::distinct;
                   out.n = number(d.number);
                   out.stream = stream(*d.values.at(0).stream);
                   for (const auto& v : d.values) out.values.push_back(words(v.field));
                   named({});
                 },
                 [&](const ast::OfLast& o) {
                   out.form = Form::of_last;
                   out.n = number(o.number);
                   out.m = number(o.last);
                   out.stream = stream(o.stream);
                   named({});
                 },
                 [&](const ast::Changes& c) {
                   out.form = Form::changes;
                   out.n = number(c.number);
                   out.stream = stream(*c.value.stream);
                   out.values = {words(c.value.field)};
                   named({});
                 },
                 [&](const ast::New& n) {
                   out.form = Form::fresh;
                   out.stream = stream(*n.value.stream);
                   out.values = {words(n.value.field)};
                   out.length = length(n.in);
                   named({});
                 },
                 [&](const ast::Idle& i) {
                   out.form = Form::idle;
                   out.stream = stream(i.stream);
                   out.length = length(i.length);
                   named(i.as);
                 },
                 [&](const ast::Without& w) {
                   out.form = Form::without;
                   out.stream = stream(w.stream);
                   out.other = stream(w.missing);
                   out.length = length(w.length);
                   named(w.as);
                 },
                 [&](const ast::Silence& s) {
                   out.form = Form::silence;
                   out.stream = stream(s.stream);
                   out.length = length(s.length);
                   named({});
                 },
                 [&](const ast::NoAfter& n) {  // C5
                   ast::Sequence s;
                   ast::Step step;
                   step.what = n.after;
                   step.as = n.as;
                   s.steps.push_back(step);
                   s.ending = ast::Absence{n.missing, ast::StepBound{n.within, {}, {}}, {}};
                   sequence(s, out);
                 },
                 [&](const ast::Ranking& r) {
                   out.form = Form::ranking;
                   out.n = number(r.number);
                   out.stream = stream(*r.value.stream);
                   out.values = {words(r.value.field)};
                   out.length = length(r.over);
                   named({});
                 },
                 [&](const ast::Condition& c) {
                   out.form = Form::condition;
                   out.condition = expr(c.expr);
                   look_at(out.condition, out, 0);
                   for (const auto& expiry : out.expiries) out.delays.push_back(expiry.delay);
                   for (const auto& s : out.judged) {
                     out.names.insert(s.name);
                     named_.insert(s.bases.begin(), s.bases.end());
                   }
                 },
             },
             p.form);
  if (out.within) out.delays.push_back(*out.within);
  if (out.hold) out.delays.push_back(*out.hold);
  if (out.length.us > 0) out.delays.push_back(out.length);
  out.names.erase("");
  out.bases = named_;
  named_.insert(kept.begin(), kept.end());
  return out;
}

// --- clauses

std::string severity_name(ast::Severity s) {
  switch (s) {
    case ast::Severity::info:
      return "info";
    case ast::Severity::low:
      return "low";
    case ast::Severity::medium:
      return "medium";
    case ast::Severity::high:
      return "high";
    case ast::Severity::critical:
      return "critical";
  }
  return "";
}

void Compiler::clause(const ast::Clause& c, Rule& rule) {
  std::visit(Overloaded{
                 [&](const ast::By& by) {
                   for (const auto& k : by.keys) {
                     Key key;
                     key.name = k.name ? word(*k.name) : joined(words(k.field));
                     if (k.value)
                       key.value = expr(*k.value);
                     else if (k.parts.empty()) {
                       Node path;
                       path.kind = Node::Kind::path;
                       path.path = words(k.field);
                       key.value = std::make_shared<const Node>(path);
                     }
                     for (const auto& part : k.parts) {
                       auto all = words(part);
                       Key::Part p;
                       p.name = all.at(0);
                       p.field.assign(all.begin() + 1, all.end());
                       key.parts.push_back(std::move(p));
                     }
                     if (k.list) key.list = word(*k.list);
                     rule.keys.push_back(std::move(key));
                   }
                 },
                 [&](const ast::Where& w) {
                   NodePtr more = expr(w.condition);
                   if (rule.where != nullptr) {
                     Node both;
                     both.kind = Node::Kind::binary;
                     both.op = ast::BinaryOp::logical_and;
                     both.kids = {rule.where, more};
                     more = std::make_shared<const Node>(both);
                   }
                   rule.where = more;
                 },
                 [&](const ast::Except& e) { rule.except.push_back(expr(e.condition)); },
                 [&](const ast::During& d) { rule.during.push_back({word(d.calendar), d.outside}); },
                 [&](const ast::Reset& r) { rule.reset.push_back(stream(r.on)); },
                 [&](const ast::Learn& l) { rule.learn = length(l.length); },
                 [&](const ast::Resolve& r) { rule.resolve = pattern(*r.when); },
                 [&](const ast::Mute& m) {
                   Rule::Mute mute{word(m.rule), {}};
                   for (const auto& s : m.same) mute.same.push_back(joined(words(s)));
                   rule.mute.push_back(std::move(mute));
                 },
                 [&](const ast::Escalate& e) {
                   rule.escalate.push_back({severity_name(e.to), e.number ? number(*e.number) : 0, length(e.length)});
                 },
                 [&](const ast::Remind& r) { rule.remind = length(r.every); },
                 [&](const ast::Alert& a) {
                   if (a.severity) rule.severity = severity_name(*a.severity);
                   rule.text = text(a.text);
                 },
                 [&](const ast::With& w) {
                   for (auto& a : assigns(w.fields)) rule.with.push_back(std::move(a));
                 },
                 [&](const ast::SendTo&) {},
                 [&](const ast::Runbook&) {},
                 [&](const ast::Tags&) {},
                 [&](const ast::Owner&) {},
                 [&](const ast::Emit& e) { rule.emit.push_back({word(e.event), assigns(e.fields)}); },
                 [&](const ast::Forget& f) { rule.forget = length(f.idle); },
                 [&](const ast::Fire& f) { rule.how = f.how; },
                 [&](const ast::FireAtMost& f) {
                   Rule::AtMost most{number(f.number), length(f.per), {}};
                   for (const auto& k : f.keys) most.keys.push_back(words(k));
                   rule.at_most = std::move(most);
                 },
                 [&](const ast::Resume& r) { rule.resume = {word(r.at), r.last}; },
                 [&](const ast::EndsAfter& e) {
                   EndsAfter ends{length(e.idle), {}};
                   if (e.when_last) ends.when_last = stream(*e.when_last);
                   rule.ends_after.push_back(std::move(ends));
                 },
                 [&](const ast::EndsOn& e) { rule.ends_on.push_back(stream(e.on)); },
                 [&](const ast::StartsOn& s) { rule.starts_on.push_back(stream(s.on)); },
                 [&](const ast::AtMost& a) { rule.longest = length(a.length); },
                 [&](const ast::EmitEach& e) { rule.emit_each.push_back(assigns(e.fields)); },
                 [&](const ast::Every& e) {
                   rule.every_event = e.event;
                   rule.over_all = e.over_all;
                   if (e.aligned) rule.every = aligned(*e.aligned);
                   if (e.over) rule.over = length(*e.over);
                 },
                 [&](const ast::EvenIfEmpty&) { rule.even_if_empty = true; },
             },
             c.node);
}

// E2: what can play a part is the step of that name, or the events of that name.
const Item* find_step(const Variants& variants, const std::string& name) {
  for (const auto& items : variants)
    for (const auto& item : items) {
      if (item.name == name && (item.kind == Item::Kind::single || item.kind == Item::Kind::repeat)) return &item;
      for (const auto& alternative : item.alternatives)
        if (const Item* found = find_step(alternative, name)) return found;
      if (item.inner != nullptr)
        if (const Item* found = find_step(item.inner->variants, name)) return found;
    }
  return nullptr;
}

void Compiler::finish(Rule rule) {
  rule.bases = named_;
  for (auto& key : rule.keys)
    for (auto& part : key.parts) {
      const Item* item = find_step(rule.when.variants, part.name);
      if (item != nullptr) {
        part.stream = item->stream;
        part.bound = true;
      } else if (!rule.when.name.empty() && rule.when.name == part.name) {
        part.stream = rule.when.stream;
        part.bound = true;
      } else {
        ast::Stream named;
        named.name.text = part.name;
        part.stream = stream(named);
      }
    }
  rule.delays = rule.when.delays;
  if (rule.resolve) rule.delays.insert(rule.delays.end(), rule.resolve->delays.begin(), rule.resolve->delays.end());
  if (rule.forget) rule.delays.push_back(*rule.forget);
  if (rule.longest) rule.delays.push_back(*rule.longest);
  for (const auto& e : rule.ends_after) rule.delays.push_back(e.idle);
  std::sort(rule.delays.begin(), rule.delays.end());
  rule.delays.erase(std::unique(rule.delays.begin(), rule.delays.end()), rule.delays.end());
  rule.emits.insert(base(rule.name));
  for (const auto& e : rule.emit) rule.emits.insert(base(e.event));
  rules_.push_back(std::make_shared<const Rule>(std::move(rule)));
  named_.clear();
}

void Compiler::items(const std::vector<const ast::RuleFile*>& files) {
  each<ast::LetDecl>(files, [&](const auto& l) { lets_[l.name.text] = &l.value; });
  each<ast::AliasDecl>(files, [&](const auto& a) { alias_declarations_[a.name.text] = &a.stream; });
  each<ast::EventDecl>(files, [&](const ast::EventDecl& e) {
    BaseEvent& b = model_.bases[static_cast<std::size_t>(base(e.name.text))];
    b.declared = true;
    for (const auto& f : e.fields) b.fields.emplace_back(joined(words(f.name)), FieldType{f.type, f.list});
    if (e.timestamp) {
      b.timestamp = joined(words(e.timestamp->field));
      if (e.timestamp->unit) b.unit = *e.timestamp->unit;
    }
    if (e.tiebreak) b.tiebreak = joined(words(*e.tiebreak));
    if (e.late) b.late = length(e.late->length);
  });
  const auto made = [&](const std::string& name) {
    model_.bases[static_cast<std::size_t>(base(name))].declared = true;
  };
  each<ast::RuleDecl>(files, [&](const auto& r) {
    made(r.name.text);
    for (const auto& c : r.clauses)
      if (const auto* e = std::get_if<ast::Emit>(&c.node)) made(e->event.text);
  });
  each<ast::SessionDecl>(files, [&](const auto& s) { made(s.name.text); });
  each<ast::SummaryDecl>(files, [&](const auto& s) { made(s.name.text); });
  each<ast::ListDecl>(files, [&](const ast::ListDecl& l) {
    auto& values = model_.lists[l.name.text];
    if (const auto* in_place = std::get_if<std::vector<ast::Expr>>(&l.source)) {
      for (const auto& e : *in_place) {
        const NodePtr node = expr(e);
        if (node->kind == Node::Kind::literal)
          values.push_back(node->value);
        else if (node->kind == Node::Kind::text)
          values.push_back(Value::of(node->pieces.at(0)));
      }
    } else if (const auto it = options_.lists.find(l.name.text); it != options_.lists.end()) {
      values = it->second;
    }
  });
  model_.tables = options_.tables;
  each<ast::CalendarDecl>(files, [&](const auto& c) { model_.calendars[c.name.text] = {c.open, c.zone.value}; });

  std::map<std::string, const ast::TemplateDecl*> templates;
  each<ast::TemplateDecl>(files, [&](const auto& t) { templates[t.name.text] = &t; });
  std::multimap<std::string, const ast::ExtendDecl*> extensions;
  each<ast::ExtendDecl>(files, [&](const auto& e) { extensions.emplace(e.name.text, &e); });

  each<ast::RuleDecl>(files, [&](const ast::RuleDecl& r) {
    Rule rule;
    rule.name = r.name.text;
    if (const auto* p = std::get_if<ast::Pattern>(&r.body)) {
      rule.when = pattern(*p);
    } else {
      const auto& uses = std::get<ast::Uses>(r.body);
      const auto found = templates.find(uses.name.text);
      if (found == templates.end()) wrong("no template " + uses.name.text);
      for (std::size_t i = 0; i < found->second->params.size() && i < uses.args.size(); ++i)
        arguments_[found->second->params[i].name] = &uses.args[i];
      rule.when = pattern(found->second->when);
      for (const auto& c : found->second->clauses) clause(c, rule);
      arguments_.clear();
    }
    for (const auto& c : r.clauses) clause(c, rule);
    const auto [from, to] = extensions.equal_range(rule.name);
    for (auto it = from; it != to; ++it)
      for (const auto& c : it->second->clauses) clause(c, rule);
    finish(std::move(rule));
  });
  const auto made_of = [&](Rule rule, const ast::Stream& of, const std::vector<ast::Clause>& clauses) {
    rule.of = stream(of);
    const std::set<int> own(rule.of.bases.begin(), rule.of.bases.end());
    own_ = &own;
    for (const auto& c : clauses) clause(c, rule);
    const auto [from, to] = extensions.equal_range(rule.name);
    for (auto it = from; it != to; ++it)
      for (const auto& c : it->second->clauses) clause(c, rule);
    own_ = nullptr;
    finish(std::move(rule));
  };
  each<ast::SessionDecl>(files, [&](const ast::SessionDecl& s) {
    Rule rule;
    rule.kind = Rule::Kind::session;
    rule.name = s.name.text;
    made_of(std::move(rule), s.of, s.clauses);
  });
  each<ast::SummaryDecl>(files, [&](const ast::SummaryDecl& s) {
    Rule rule;
    rule.kind = Rule::Kind::summary;
    rule.name = s.name.text;
    made_of(std::move(rule), s.of, s.clauses);
  });

  // Makers before users, rules that mute before the muted; else by name.
  std::sort(rules_.begin(), rules_.end(), [](const auto& a, const auto& b) { return a->name < b->name; });
  std::set<const Rule*> placed;
  std::function<void(const std::shared_ptr<const Rule>&)> place = [&](const std::shared_ptr<const Rule>& rule) {
    if (!placed.insert(rule.get()).second) return;
    for (const auto& other : rules_) {
      const bool uses =
          std::any_of(other->emits.begin(), other->emits.end(), [&](int b) { return rule->bases.contains(b); });
      const bool mutes =
          std::any_of(rule->mute.begin(), rule->mute.end(), [&](const auto& m) { return m.rule == other->name; });
      if (other != rule && (uses || mutes)) place(other);
    }
    model_.rules.push_back(rule);
  };
  for (const auto& rule : rules_) place(rule);
}

}  // namespace

std::shared_ptr<const Model> make_model(const std::vector<const ast::RuleFile*>& files, const Options& options) {
  auto model = std::make_shared<Model>();
  Compiler(*model, options).items(files);
  return model;
}

}  // namespace tocsin::reference
