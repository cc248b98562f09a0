// Fails when the index leaves out a program that could want an event, or asks one that cannot.
#include "engine/program/predicate_index.h"

#include <doctest/doctest.h>

#include <string>
#include <vector>

namespace tocsin {
namespace {

constexpr std::size_t kAction = 0, kHost = 1;

// One event type `e(action, host)`; programs are added with the instructions of their filter.
struct Rules {
  RuleSet set;

  Rules() {
    EventType type;
    type.name = "e";
    type.fields.resize(2);
    type.fields[kAction].path = {"action"};
    type.fields[kHost].path = {"host"};
    set.schema.types.push_back(type);
  }

  ExprInst text(const std::string& s) {
    set.code.constants.push_back({s});
    return {ExprOp::constant, static_cast<std::uint32_t>(set.code.constants.size() - 1), 0};
  }
  static ExprInst field(std::size_t slot) { return {ExprOp::field, static_cast<std::uint32_t>(slot), 0}; }

  ExprId expr(const std::vector<ExprInst>& code, std::uint16_t reads = kReadsEvent) {
    Expr e;
    e.begin = static_cast<std::uint32_t>(set.code.instructions.size());
    set.code.instructions.insert(set.code.instructions.end(), code.begin(), code.end());
    e.end = static_cast<std::uint32_t>(set.code.instructions.size());
    e.reads = reads;
    set.code.exprs.push_back(e);
    return ExprId(set.code.exprs.size() - 1);
  }

  Program& add(const std::vector<std::vector<ExprInst>>& filters, std::uint16_t reads = kReadsEvent) {
    Program program;
    Input input;
    input.type = EventTypeId(std::size_t{0});
    program.inputs.push_back(input);
    for (const auto& filter : filters) {
      Stream stream;
      Alternative one;
      one.type = EventTypeId(std::size_t{0});
      if (!filter.empty()) one.filter = expr(filter, reads);
      stream.alternatives.push_back(one);
      program.streams.push_back(stream);
    }
    program.body = RuleBody{};
    set.programs.push_back(program);
    return set.programs.back();
  }

  std::vector<std::size_t> wanting(Value action, Value host = {}) const {
    const std::vector<Value> fields = {action, host};
    Event event;
    event.type = EventTypeId(std::size_t{0});
    event.fields = fields;
    const PredicateIndex index(set);
    std::vector<ProgramId> found, in_two_steps;
    index.candidates(event, found);
    std::vector<std::uint64_t> hashes;
    index.fetch(event, hashes);
    auto at = hashes.cbegin();
    index.candidates(event, at, in_two_steps);
    CHECK(in_two_steps == found);
    CHECK(at == hashes.cend());
    std::vector<std::size_t> out;
    for (const ProgramId id : found) out.push_back(id.index);
    return out;
  }
};

using Found = std::vector<std::size_t>;

TEST_CASE("programs are found by an equality that every event they want passes") {
  Rules r;
  r.add({{r.field(kAction), r.text("a"), {ExprOp::equal, 0, 0}}});
  r.add({{r.field(kAction), r.text("b"), {ExprOp::equal, 0, 0}}});
  r.add({{r.field(kAction), r.text("a"), r.text("b"), {ExprOp::in_items, 0, 2}}});
  r.add({{}});
  CHECK(r.wanting(Value::text("a")) == Found{0, 2, 3});
  CHECK(r.wanting(Value::text("b")) == Found{1, 2, 3});
  CHECK(r.wanting(Value::text("c")) == Found{3});
  CHECK(r.wanting({}) == Found{3});
}

TEST_CASE("where one text of one field is all there is, the others bring nothing") {
  Rules r;
  r.add({{r.field(kAction), r.text("failure"), {ExprOp::equal, 0, 0}}});
  r.add({{r.field(kAction), r.text("failure"), {ExprOp::equal, 0, 0}}});
  CHECK(r.wanting(Value::text("failure")) == Found{0, 1});
  for (const char* other : {"", "failurE", "failures", "Failure", "success"}) {
    CAPTURE(other);
    CHECK(r.wanting(Value::text(other)).empty());
  }
  CHECK(r.wanting(Value::integer(7)).empty());
  CHECK(r.wanting({}).empty());
}

TEST_CASE("one of several conjuncts is enough; the field with most constants is taken") {
  Rules r;
  for (const char* host : {"h1", "h2", "h3"})
    r.add({{r.field(kAction),
            r.text("a"),
            {ExprOp::equal, 0, 0},
            r.field(kHost),
            r.text(host),
            {ExprOp::equal, 0, 0},
            {ExprOp::logical_and, 0, 0}}});
  CHECK(r.wanting(Value::text("a"), Value::text("h2")) == Found{1});
  CHECK(r.wanting(Value::text("z"), Value::text("h2")) == Found{1});  // judged there, and refused
  const PredicateIndex index(r.set);
  CHECK(dump_access(r.set, EventTypeId(std::size_t{0}),
                    index.access(EventTypeId(std::size_t{0}), ProgramId(std::size_t{0}))) == "host = \"h1\"");
}

TEST_CASE("all streams of a program count, each under its own field") {
  Rules r;
  r.add({{r.field(kAction), r.text("a"), {ExprOp::equal, 0, 0}}, {r.field(kHost), r.text("h"), {ExprOp::equal, 0, 0}}});
  r.add({{r.field(kAction), r.text("a"), {ExprOp::equal, 0, 0}}, {}});
  CHECK(r.wanting(Value::text("a"), Value::text("h")) == Found{0, 1});
  CHECK(r.wanting(Value::text("x"), Value::text("h")) == Found{0, 1});
  CHECK(r.wanting(Value::text("x"), Value::text("x")) == Found{1});
}

TEST_CASE("an equality of few texts answers a filter that says nothing else") {
  Rules r;
  const std::vector<ExprInst> equal = {r.field(kAction), r.text("a"), {ExprOp::equal, 0, 0}};
  std::vector<ExprInst> and_more = equal;
  for (const ExprInst& one :
       {r.field(kHost), r.text("h"), ExprInst{ExprOp::not_equal, 0, 0}, ExprInst{ExprOp::logical_and, 0, 0}})
    and_more.push_back(one);
  r.add({equal});
  r.add({and_more});
  r.add({equal, equal});
  r.add({{}});
  r.add({{r.field(kAction), r.text("a"), r.text("b"), {ExprOp::in_items, 0, 2}}});
  const auto answered = [&r] {
    const PredicateIndex index(r.set);
    Found out;
    for (std::size_t i = 0; i < r.set.programs.size(); ++i)
      if (index.answers(EventTypeId(std::size_t{0}), ProgramId(i))) out.push_back(i);
    return out;
  };
  CHECK(answered() == Found{0, 4});
  for (const char* text : {"c", "d", "e"}) r.add({{r.field(kAction), r.text(text), {ExprOp::equal, 0, 0}}});
  CHECK(answered().empty());  // many are found by their hashes
}

TEST_CASE("what is no plain equality is asked every time") {
  Rules r;
  r.add({{r.field(kAction), r.text("a"), {ExprOp::equal, 1, 0}}});  // folds case
  r.add({{r.field(kAction), r.text("a"), {ExprOp::not_equal, 0, 0}}});
  r.add({{r.field(kAction),
          r.text("a"),
          {ExprOp::equal, 0, 0},
          r.field(kHost),
          r.text("h"),
          {ExprOp::equal, 0, 0},
          {ExprOp::logical_or, 0, 0}}});
  r.add({{r.field(kAction), r.text("a"), {ExprOp::equal, 0, 0}, {ExprOp::logical_not, 0, 0}}});
  CHECK(r.wanting(Value::text("zzz")) == Found{0, 1, 2, 3});
}

TEST_CASE("who looks at events that pass no filter is asked every time") {
  Rules r;
  const auto filter = [&] { return std::vector<ExprInst>{r.field(kAction), r.text("a"), {ExprOp::equal, 0, 0}}; };
  r.add({filter()}, kReadsEvent | kReadsPrevious);  // 0: `previous` is the event before, whatever it was
  Pattern holds;
  holds.form = Pattern::Form::holds;
  holds.stream = StreamId(std::size_t{0});
  r.add({filter()}).patterns = {holds};  // 1: an event that is not x breaks the state
  Pattern next;
  SequenceInst adjacent;
  adjacent.op = SequenceOp::adjacent;
  next.code = {adjacent};
  r.add({filter()}).patterns = {next};                          // 2: `next` looks at every event of the base
  std::get<RuleBody>(r.add({filter()}).body).forget = days(1);  // 3: idle of every event
  r.add({filter()});                                            // 4: none of these
  CHECK(r.wanting(Value::text("other")) == Found{0, 1, 2, 3});
}

TEST_CASE("1 and 1.0 are equal, the text is another") {
  Rules r;
  r.set.code.constants.push_back({std::int64_t{1}});
  const ExprInst one{ExprOp::constant, 0, 0};
  r.add({{r.field(kAction), one, {ExprOp::equal, 0, 0}}});
  CHECK(r.wanting(Value::integer(1)) == Found{0});
  CHECK(r.wanting(Value::floating(1.0)) == Found{0});
  CHECK(r.wanting(Value::text("1")) == Found{});
}

TEST_CASE("a program with a range is asked from its bound on, whatever the type of the number") {
  Rules r;
  const auto number = [&](auto n) {
    r.set.code.constants.push_back({n});
    return ExprInst{ExprOp::constant, static_cast<std::uint32_t>(r.set.code.constants.size() - 1), 0};
  };
  const auto compared = [](ExprOp op) { return ExprInst{op, 0, 0}; };
  r.add({{Rules::field(kHost), number(std::int64_t{10}), compared(ExprOp::greater)}});
  r.add({{Rules::field(kHost), number(2.5), compared(ExprOp::greater_equal)}});
  r.add({{Rules::field(kHost), number(std::int64_t{7}), compared(ExprOp::less)}});
  r.add({{Rules::field(kHost), number(std::int64_t{9007199254740993}), compared(ExprOp::greater_equal)}});
  const auto asked = [&](const Value& host) { return r.wanting({}, host); };
  CHECK(asked(Value::integer(1)) == Found{2});
  CHECK(asked(Value::floating(2.5)) == Found{1, 2});
  CHECK(asked(Value::integer(8)) == Found{1});
  CHECK(asked(Value::floating(10.5)) == Found{0, 1});
  CHECK(asked(Value::integer(9007199254740993)) == Found{0, 1, 3});  // no double is this number
  CHECK(asked(Value::text("8")) == Found{});
  CHECK(asked(Value()) == Found{});
  const PredicateIndex index(r.set);
  CHECK(dump_access(r.set, EventTypeId(std::size_t{0}),
                    index.access(EventTypeId(std::size_t{0}), ProgramId(std::size_t{2}))) == "host <= 7");
}

}  // namespace
}  // namespace tocsin
