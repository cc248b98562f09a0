#include "engine/program/predicate_index.h"

#include <fmt/format.h>

#include <algorithm>
#include <bit>
#include <map>
#include <set>

#include "engine/base/same_bytes.h"
#include "engine/event/key.h"
#include "engine/program/aggregates.h"

namespace tocsin {
namespace {

using Access = PredicateIndex::Access;

// Values whose equality is that of their key bytes. Addresses are not: `in` looks inside networks (X3).
bool hashable(const Constant& constant) {
  return std::holds_alternative<bool>(constant.value) || std::holds_alternative<std::int64_t>(constant.value) ||
         std::holds_alternative<double>(constant.value) || std::holds_alternative<std::string>(constant.value);
}

Value value_of(const Constant& constant) {
  if (const auto* b = std::get_if<bool>(&constant.value)) return Value::boolean(*b);
  if (const auto* n = std::get_if<std::int64_t>(&constant.value)) return Value::integer(*n);
  if (const auto* d = std::get_if<double>(&constant.value)) return Value::floating(*d);
  if (const auto* s = std::get_if<std::string>(&constant.value)) return Value::text(*s);
  return {};
}

// ----- what a filter demands ------------------------------------------------------------------------------

class Demands {
 public:
  explicit Demands(const Code& code) : code_(code) {}

  // Every `field = constant`, `field in [..]` that must be true for the filter to be.
  std::vector<Access> of(ExprId filter) const {
    std::vector<Access> out;
    if (!filter.exists()) return out;
    const Expr& expr = code_.exprs[filter.index];
    conjuncts(expr.begin, expr.end, out);
    return out;
  }
  // REQUIRES: of(filter) gives one. Is that all of the filter?
  bool is_one(ExprId filter) const {
    return code_.instructions[code_.exprs[filter.index].end - 1].op != ExprOp::logical_and;
  }

 private:
  // Where the operand that ends before `end` begins.
  std::uint32_t begin_of(std::uint32_t end) const {
    std::uint32_t wanted = 1;
    while (wanted > 0) wanted = wanted - 1 + pops_of(code_.instructions[--end]);
    return end;
  }

  void conjuncts(std::uint32_t begin, std::uint32_t end, std::vector<Access>& out) const {
    const ExprInst& last = code_.instructions[end - 1];
    if (last.op == ExprOp::logical_and) {
      const std::uint32_t right = begin_of(end - 1);
      conjuncts(begin, right, out);
      conjuncts(right, end - 1, out);
      return;
    }
    const ExprInst& first = code_.instructions[begin];
    if (first.op != ExprOp::field || last.a != 0) return;  // a = 1 folds case
    if (end - begin == 3 && add_range(first, code_.instructions[begin + 1], last.op, out)) return;
    const bool equal = last.op == ExprOp::equal && end - begin == 3;
    const bool among = last.op == ExprOp::in_items && end - begin == last.b + 2;
    if (!equal && !among) return;
    Access access{SlotId(std::size_t{first.a}), {}, Access::Kind::among};
    for (std::uint32_t i = begin + 1; i + 1 < end; ++i) {
      const ExprInst& item = code_.instructions[i];
      if (item.op != ExprOp::constant || !hashable(code_.constants[item.a])) return;
      access.constants.emplace_back(std::size_t{item.a});
    }
    out.push_back(std::move(access));
  }

  bool add_range(const ExprInst& field, const ExprInst& constant, ExprOp op, std::vector<Access>& out) const {
    const bool above = op == ExprOp::greater || op == ExprOp::greater_equal;
    const bool below = op == ExprOp::less || op == ExprOp::less_equal;
    if ((!above && !below) || constant.op != ExprOp::constant) return false;
    if (!value_of(code_.constants[constant.a]).is_number()) return false;
    out.push_back({SlotId(std::size_t{field.a}),
                   {ConstantId(std::size_t{constant.a})},
                   above ? Access::Kind::at_least : Access::Kind::at_most});
    return true;
  }

  const Code& code_;
};

// ----- what a program looks at ----------------------------------------------------------------------------

// Some programs look at events that pass none of their filters: what breaks a state, what comes before, who was seen.
class Looks {
 public:
  Looks(const Program& program, const Code& code) : program_(program), code_(code) {
    everything_ = std::any_of(program.patterns.begin(), program.patterns.end(), [](const Pattern& p) {
      return p.needs_seen || std::any_of(p.code.begin(), p.code.end(),
                                         [](const SequenceInst& i) { return i.op == SequenceOp::adjacent; });
    });
    everything_ = everything_ || std::any_of(program.cells.begin(), program.cells.end(), [](const Cell& c) {
                    return c.baseline.kind == Baseline::Kind::average || c.baseline.kind == Baseline::Kind::zscore;
                  });
    if (const auto* rule = std::get_if<RuleBody>(&program.body))
      everything_ = everything_ || rule->learn.us != 0 || rule->forget.us != 0;
    if (const auto* summary = std::get_if<SummaryBody>(&program.body))
      everything_ = everything_ || summary->forget.us != 0;
    for (const Pattern& pattern : program.patterns)
      if (pattern.form == Pattern::Form::holds) add_bases(pattern.stream);
    for (const Cell& cell : program.cells) {
      const bool streak = cell.window.kind == Window::Kind::streak || cell.window.kind == Window::Kind::of_last;
      if (aggregates()[cell.function.index].kind == AggregateKind::duration ||
          (streak && !cell.window.breaking.exists()))
        add_bases(cell.stream);
    }
    for (const Pattern& pattern : program.patterns)
      for (const SequenceInst& inst : pattern.code)
        if (inst.op == SequenceOp::streak && !inst.breaking.exists()) add_bases(inst.stream);
    for (const Stream& stream : program.streams)
      for (const Alternative& a : stream.alternatives)
        if (reads_previous(a.filter) || reads_previous(a.relation)) whole_.insert(a.type);
  }

  bool at_all_of(EventTypeId type) const { return everything_ || whole_.contains(type); }

 private:
  bool reads_previous(ExprId id) const { return id.exists() && (code_.exprs[id.index].reads & kReadsPrevious) != 0; }
  void add_bases(StreamId id) {
    if (!id.exists()) return;
    for (const Alternative& a : program_.streams[id.index].alternatives) whole_.insert(a.type);
  }

  const Program& program_;
  const Code& code_;
  bool everything_ = false;
  std::set<EventTypeId> whole_;
};

// For one program and one type: a choice of demands for each alternative. Empty: it has to be asked every time.
struct Choices {
  ProgramId program;
  std::vector<std::vector<Access>> alternatives;
  bool is_one = false;  // the last alternative demands one thing, and nothing beside
};

}  // namespace

PredicateIndex::PredicateIndex(const RuleSet& set, const std::function<bool(ProgramId)>& asked)
    : types_(set.schema.types.size()) {
  const Demands demands(set.code);
  std::vector<std::vector<Choices>> choices(types_.size());
  std::vector<std::map<SlotId, std::set<std::uint64_t>>> values(types_.size());  // their hashes
  for (std::size_t p = 0; p < set.programs.size(); ++p) {
    if (asked && !asked(ProgramId(p))) continue;
    const Program& program = set.programs[p];
    const Looks looks(program, set.code);
    for (const Input& input : program.inputs) {
      Choices one{ProgramId(p), {}, false};
      bool all = looks.at_all_of(input.type);
      for (const Stream& stream : program.streams)
        for (const Alternative& alternative : stream.alternatives) {
          if (all || alternative.type != input.type) continue;
          one.alternatives.push_back(demands.of(alternative.filter));
          all = one.alternatives.back().empty();
          one.is_one = one.alternatives.back().size() == 1 && demands.is_one(alternative.filter);
        }
      if (all) one.alternatives.clear();
      for (const auto& alternative : one.alternatives)
        for (const Access& access : alternative)
          for (const ConstantId constant : access.constants)
            if (access.kind == Access::Kind::among)
              values[input.type.index][access.slot].insert(hash_of(value_of(set.code.constants[constant.index])));
      choices[input.type.index].push_back(std::move(one));
    }
  }
  // The field with the most different values tells most programs apart; a range tells them apart least.
  for (std::size_t t = 0; t < types_.size(); ++t) {
    PerType& type = types_[t];
    std::map<SlotId, std::size_t> fields;
    std::vector<std::map<std::uint64_t, std::vector<ProgramId>>> lists;  // by field; by hash of the value
    for (const Choices& one : choices[t]) {
      if (one.alternatives.empty()) {
        type.rest.push_back(one.program);
        continue;
      }
      if (one.alternatives.size() == 1 && one.is_one) type.whole.push_back(one.program);
      std::vector<Access>& used = type.access[one.program];
      for (const auto& alternative : one.alternatives) {
        const Access& best =
            *std::max_element(alternative.begin(), alternative.end(), [&](const Access& a, const Access& b) {
              const auto told_apart = [&](const Access& x) {
                return x.kind == Access::Kind::among ? values[t][x.slot].size() : 0;
              };
              return told_apart(a) < told_apart(b);
            });
        if (std::find(used.begin(), used.end(), best) != used.end()) continue;
        used.push_back(best);
        const auto [field, fresh] = fields.try_emplace(best.slot, type.fields.size());
        if (fresh) {
          type.fields.push_back({best.slot, {}, {}, {}, {}});
          lists.emplace_back();
        }
        Field& into = type.fields[field->second];
        if (best.kind != Access::Kind::among) {
          const double bound = value_of(set.code.constants[best.constants.front().index]).number();
          if (best.kind == Access::Kind::at_least)
            into.at_least.add(bound, one.program);
          else
            into.at_most.add(-bound, one.program);
          continue;
        }
        for (const ConstantId constant : best.constants) {
          auto& list = lists[field->second][hash_of(value_of(set.code.constants[constant.index]))];
          if (list.empty() || list.back() != one.program) list.push_back(one.program);
        }
      }
    }
    for (std::size_t f = 0; f < type.fields.size(); ++f) {
      Field& field = type.fields[f];
      field.lists = Lists(lists[f]);
      fetches_ = fetches_ || field.lists.size() >= kFetched;
      std::set<std::string> texts;
      for (const auto& [program, used] : type.access)
        for (const Access& access : used)
          for (const ConstantId constant : access.constants)
            if (const Value value = value_of(set.code.constants[constant.index]);
                access.slot == field.slot && value.type() == Type::text)
              texts.emplace(value.as_text());
      if (texts.size() > kFew || texts.size() != field.lists.size()) continue;
      for (const std::string& text : texts) field.few.emplace_back(text, lists[f].at(hash_of(Value::text(text))));
    }
    if (!type.rest.empty() || type.fields.size() != 1) continue;
    const Field& field = type.fields.front();
    if (field.few.size() == 1 && field.at_least.programs.empty() && field.at_most.programs.empty())
      type.only_text = {field.slot, field.few.front().first, field.few.front().second};
  }
}

PredicateIndex::Lists::Lists(const std::map<std::uint64_t, std::vector<ProgramId>>& lists) : size_(lists.size()) {
  if (lists.empty()) return;
  entries_.resize(std::bit_ceil(lists.size() * 2));
  for (const auto& [hash, programs] : lists) {
    std::size_t at = hash & (entries_.size() - 1);
    while (entries_[at].size != 0) at = (at + 1) & (entries_.size() - 1);
    entries_[at] = {hash, static_cast<std::uint32_t>(programs.size()), programs.front()};
    if (programs.size() == 1) continue;
    entries_[at].first = ProgramId(programs_.size());
    programs_.insert(programs_.end(), programs.begin(), programs.end());
  }
}

std::span<const ProgramId> PredicateIndex::Lists::find(std::uint64_t hash) const {
  if (entries_.empty()) return {};
  for (std::size_t at = hash & (entries_.size() - 1); entries_[at].size != 0; at = (at + 1) & (entries_.size() - 1)) {
    const Entry& entry = entries_[at];
    if (entry.hash != hash) continue;
    return entry.size == 1 ? std::span(&entry.first, 1) : std::span(programs_).subspan(entry.first.index, entry.size);
  }
  return {};
}

std::span<const ProgramId> PredicateIndex::Field::find(const Value& value, std::uint64_t hash) const {
  if (!few.empty()) {
    if (value.type() != Type::text) return {};
    for (const auto& [text, programs] : few)
      if (same_bytes(value.as_text(), text)) return programs;
    return {};
  }
  return lists.size() == 0 ? std::span<const ProgramId>() : lists.find(hash);
}

void PredicateIndex::Ranges::add(double bound, ProgramId program) {
  const auto at = std::upper_bound(bounds.begin(), bounds.end(), bound);
  programs.insert(programs.begin() + (at - bounds.begin()), program);
  bounds.insert(at, bound);
}

std::size_t PredicateIndex::Ranges::append(double value, std::vector<ProgramId>& out) const {
  // One after the other: each that is passed is a program to be named anyway.
  std::size_t end = 0;
  for (; end < bounds.size() && bounds[end] <= value; ++end) out.push_back(programs[end]);
  return end;
}

// `hash_of_field(value)`: asked for each field that is hashed and there.
template <class HashOf>
void PredicateIndex::find(const Event& event, const HashOf& hash_of_field, std::vector<ProgramId>& out) const {
  const PerType& type = types_[event.type.index];
  const auto begin = static_cast<std::ptrdiff_t>(out.size());
  std::size_t lists = type.rest.empty() ? 0 : 1;
  for (const ProgramId program : type.rest) out.push_back(program);
  for (const Field& field : type.fields) {
    const Value value = event.field(field.slot);
    if (value.is_missing()) continue;  // a comparison with a missing value is unknown (X1)
    // As doubles, equal counting as beyond: rounding may name a program too many, never leave one out.
    if (value.is_number() &&
        field.at_least.append(value.number(), out) + field.at_most.append(-value.number(), out) > 0)
      lists += 2;  // not in the order of programs
    const std::span<const ProgramId> found = field.find(value, field.is_hashed() ? hash_of_field(value) : 0);
    if (found.empty()) continue;
    out.insert(out.end(), found.begin(), found.end());
    ++lists;
  }
  if (lists < 2) return;  // each list is in order, and names a program once
  std::sort(out.begin() + begin, out.end());
  out.erase(std::unique(out.begin() + begin, out.end()), out.end());
}

void PredicateIndex::find_candidates(const Event& event, std::vector<ProgramId>& out) const {
  find(event, [](const Value& value) { return hash_of(value); }, out);
}

void PredicateIndex::fetch(const Event& event, std::vector<std::uint64_t>& hashes) const {
  for (const Field& field : types_[event.type.index].fields) {
    const Value value = event.field(field.slot);
    if (value.is_missing() || !field.is_hashed()) continue;
    hashes.push_back(hash_of(value));
    field.lists.fetch(hashes.back());
  }
}

void PredicateIndex::candidates(const Event& event, std::vector<std::uint64_t>::const_iterator& at,
                                std::vector<ProgramId>& out) const {
  find(event, [&at](const Value&) { return *at++; }, out);
}

// Only where values are compared themselves, not their hashes or as doubles.
bool PredicateIndex::answers(EventTypeId type, ProgramId program) const {
  const PerType& of_type = types_[type.index];
  if (!std::binary_search(of_type.whole.begin(), of_type.whole.end(), program)) return false;
  const Access& only = of_type.access.at(program).front();
  const auto field =
      std::find_if(of_type.fields.begin(), of_type.fields.end(), [&](const Field& f) { return f.slot == only.slot; });
  return only.kind == Access::Kind::among && !field->few.empty();
}

std::span<const PredicateIndex::Access> PredicateIndex::access(EventTypeId type, ProgramId program) const {
  const auto found = types_[type.index].access.find(program);
  return found == types_[type.index].access.end() ? std::span<const Access>() : std::span<const Access>(found->second);
}

namespace {

std::string text_of(const Constant& constant) {
  if (const auto* s = std::get_if<std::string>(&constant.value)) return "\"" + *s + "\"";
  if (const auto* b = std::get_if<bool>(&constant.value)) return *b ? "true" : "false";
  if (const auto* n = std::get_if<std::int64_t>(&constant.value)) return std::to_string(*n);
  if (const auto* d = std::get_if<double>(&constant.value)) return fmt::format("{}", *d);
  return "missing";
}

}  // namespace

std::string dump_access(const RuleSet& set, EventTypeId type, std::span<const PredicateIndex::Access> access) {
  if (access.empty()) return "every " + set.schema[type].name;
  std::string out;
  for (const Access& one : access) {
    std::string name, items;
    for (const std::string& part : set.schema[type].fields[one.slot.index].path)
      name += (name.empty() ? "" : ".") + part;
    for (const ConstantId constant : one.constants)
      items += (items.empty() ? "" : ", ") + text_of(set.code.constants[constant.index]);
    if (!out.empty()) out += " or ";
    if (one.kind != PredicateIndex::Access::Kind::among) {
      out += name + (one.kind == PredicateIndex::Access::Kind::at_least ? " >= " : " <= ") + items;
      continue;
    }
    out += one.constants.size() == 1 ? name + " = " + items : name + " in [" + items + "]";
  }
  return out;
}

}  // namespace tocsin
