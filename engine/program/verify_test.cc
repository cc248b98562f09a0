// Fails when a program that would lead the engine astray passes: each case breaks one thing in a good set.
#include "engine/program/verify.h"

#include <doctest/doctest.h>

#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "engine/program/aggregates.h"
#include "engine/program/bounds.h"
#include "engine/program/dump.h"
#include "engine/program/hash.h"

namespace tocsin {
namespace {

template <class T>
T id(std::size_t n) {
  return T(n);
}

ExprId add_expr(RuleSet& set, std::vector<ExprInst> code) {
  Expr expr;
  expr.begin = static_cast<std::uint32_t>(set.code.instructions.size());
  set.code.instructions.insert(set.code.instructions.end(), code.begin(), code.end());
  expr.end = static_cast<std::uint32_t>(set.code.instructions.size());
  set.code.exprs.push_back(expr);
  return ExprId(set.code.exprs.size() - 1);
}

// Two rules over `login(user, ip)`: `a then b(ip != a.ip)`, and `5 x within 5m`.
RuleSet good() {
  RuleSet set;
  EventType login;
  login.name = "login";
  for (const char* field : {"user", "ip"}) {
    FieldSlot slot;
    slot.path = {field};
    slot.type = Type::text;
    login.fields.push_back(slot);
  }
  set.schema.types.push_back(login);
  set.code.constants = {Constant{std::int64_t{5}}, Constant{std::string("x")}};
  const ExprId user = add_expr(set, {{ExprOp::field, 0, 0}});
  const ExprId ip = add_expr(set, {{ExprOp::field, 1, 0}});
  const ExprId other = add_expr(set, {{ExprOp::field, 1, 0}, {ExprOp::captured, 0, 0}, {ExprOp::not_equal, 0, 0}});
  const ExprId text = add_expr(set, {{ExprOp::constant, 1, 0}});
  const ExprId five = add_expr(set, {{ExprOp::cell, 0, 0}, {ExprOp::constant, 0, 0}, {ExprOp::greater_equal, 0, 0}});

  const auto frame = [&](const char* name) {
    Program program;
    program.name = name;
    program.key_names = {"user"};
    Input input;
    input.type = id<EventTypeId>(0);
    input.roles.push_back({{user}, {}});
    program.inputs.push_back(input);
    return program;
  };
  const auto stream = [](ExprId relation) {
    Stream out;
    Alternative one;
    one.type = id<EventTypeId>(0);
    one.relation = relation;
    out.alternatives.push_back(one);
    return out;
  };
  RuleBody body;
  body.when = id<PatternId>(0);
  body.alert = AlertDef{};
  body.alert->text = text;

  Program sequence = frame("sequence");
  sequence.streams = {stream({}), stream(other)};
  Pattern pattern;
  Step a, b;
  a.stream = id<StreamId>(0);
  a.captures = {{ip}};
  a.capture_names = {"ip"};
  b.stream = id<StreamId>(1);
  pattern.steps = {a, b};
  SequenceInst take;
  take.op = SequenceOp::take;
  take.stream = id<StreamId>(0);
  take.step = id<StepId>(0);
  pattern.code.push_back(take);
  take.stream = id<StreamId>(1);
  take.step = id<StepId>(1);
  pattern.code.push_back(take);
  pattern.code.push_back({});
  sequence.patterns = {pattern};
  sequence.body = body;
  set.programs.push_back(sequence);

  Program counts = frame("counts");
  counts.streams = {stream({})};
  Cell cell;
  cell.function = *find_aggregate("count");
  cell.stream = id<StreamId>(0);
  cell.window.length = minutes(5);
  counts.cells = {cell};
  Pattern condition;
  condition.form = Pattern::Form::condition;
  condition.stream = id<StreamId>(0);
  condition.condition = five;
  condition.evidence = {id<CellId>(0)};
  condition.steps = {Step{}};
  condition.steps[0].stream = id<StreamId>(0);
  counts.patterns = {condition};
  counts.body = body;
  counts.after = {id<ProgramId>(0)};
  set.programs.push_back(counts);
  return set;
}

TEST_CASE("a good set has no faults, and its expressions know their depth") {
  RuleSet set = good();
  CHECK(verify(set).empty());
  CHECK(set.code.exprs[2].depth == 2);
}

TEST_CASE("each broken thing is found, once and by its name") {
  struct Row {
    const char* fault;
    std::function<void(RuleSet&)> breaks;
  };
  const auto first = [](RuleSet& s) -> Program& { return s.programs[0]; };
  const auto second = [](RuleSet& s) -> Program& { return s.programs[1]; };
  const std::vector<Row> rows = {
      {"constant 9 of constant", [](RuleSet& s) { s.code.instructions[s.code.exprs[3].begin].a = 9; }},
      {"leaves 2 values, not one", [](RuleSet& s) { s.code.exprs[2].end -= 1; }},
      {"takes more than there is at not_equal", [](RuleSet& s) { s.code.exprs[2].begin += 1; }},
      {"lies outside the code", [](RuleSet& s) { s.code.exprs[3].end = 999; }},
      {"list 0 of in_list",
       [](RuleSet& s) { s.code.instructions[s.code.exprs[2].begin + 2] = {ExprOp::in_list, 0, 0}; }},
      {"function 9999 of call",
       [](RuleSet& s) { s.code.instructions[s.code.exprs[2].begin + 2] = {ExprOp::call, 9999, 2}; }},
      {"fact 99 of fact", [](RuleSet& s) { s.code.instructions[s.code.exprs[3].begin] = {ExprOp::fact, 99, 0}; }},
      {"some, and there are", [](RuleSet& s) { s.code.instructions[s.code.exprs[0].begin] = {ExprOp::some, 0, 0}; }},
      {"a key reads field 7 of login", [](RuleSet& s) { s.code.instructions[s.code.exprs[0].begin].a = 7; }},
      {"the text reads field 0 where no event is in hand",
       [&](RuleSet& s) { std::get<RuleBody>(second(s).body).alert->text = id<ExprId>(0); }},
      {"a filter reads step 0 where there is no match",
       [&](RuleSet& s) { first(s).streams[1].alternatives[0].filter = id<ExprId>(2); }},
      {"capture 0 of step 0, which has 0",
       [&](RuleSet& s) {
         first(s).patterns[0].steps[0].captures.clear();
         first(s).patterns[0].steps[0].capture_names.clear();
       }},
      {"1 captures and 0 names", [&](RuleSet& s) { first(s).patterns[0].steps[0].capture_names.clear(); }},
      {"aggregate 0, and there are 0",
       [&](RuleSet& s) {
         second(s).cells.clear();
         second(s).patterns[0].evidence.clear();
       }},
      {"the stream of an aggregate is 5", [&](RuleSet& s) { second(s).cells[0].stream = id<StreamId>(5); }},
      {"65 steps, more than 64",
       [&](RuleSet& s) { first(s).patterns[0].steps.resize(65, first(s).patterns[0].steps.front()); }},
      {"13 maybes, more than 12",
       [&](RuleSet& s) {
         auto& code = first(s).patterns[0].code;
         SequenceInst maybe = code.front();
         maybe.op = SequenceOp::maybe;
         code.insert(code.begin(), 13, maybe);
       }},
      {"the step of an aggregate is 9",
       [&](RuleSet& s) {
         second(s).cells[0].window.kind = Window::Kind::step;
         second(s).cells[0].window.step = id<StepId>(9);
       }},
      {"an aggregate over capture 0 of step 0, which has 0",
       [&](RuleSet& s) {
         second(s).cells[0].window.kind = Window::Kind::step;
         second(s).cells[0].window.step = id<StepId>(0);
         second(s).cells[0].window.capture = 0;
       }},
      {"`each` has 0 values of who for 1 alternatives",
       [&](RuleSet& s) {
         SessionBody session;
         session.of = id<StreamId>(0);
         session.each = EachDef{};
         session.each->fields = {{"who", {}}};
         second(s).body = session;
       }},
      {"looks back on windows of no length",
       [&](RuleSet& s) {
         second(s).cells[0].window.length = {};
         second(s).cells[0].baseline = {Baseline::Kind::average, hours(1)};
       }},
      {"looks back on 43200 windows, more than 10000",
       [&](RuleSet& s) { second(s).cells[0].baseline = {Baseline::Kind::zscore, days(150)}; }},
      {"a key of 0 parts, the rule of 1", [&](RuleSet& s) { first(s).inputs[0].roles[0].key.clear(); }},
      {"login has no role", [&](RuleSet& s) { first(s).inputs[0].roles.clear(); }},
      {"which is no input", [&](RuleSet& s) { first(s).inputs.clear(); }},
      {"does not end in match", [&](RuleSet& s) { first(s).patterns[0].code.pop_back(); }},
      {"match at 0 is not the end", [&](RuleSet& s) { first(s).patterns[0].code[0] = {}; }},
      {"take without a step or a stream", [&](RuleSet& s) { first(s).patterns[0].code[0].step = {}; }},
      {"open at 1 has no end", [&](RuleSet& s) { first(s).patterns[0].code[1].op = SequenceOp::open; }},
      {"close at 1 ends nothing", [&](RuleSet& s) { first(s).patterns[0].code[1].op = SequenceOp::close; }},
      {"an alternative of nothing", [&](RuleSet& s) { first(s).patterns[0].code[1].op = SequenceOp::alternative; }},
      {"3 to 2",
       [&](RuleSet& s) {
         first(s).patterns[0].code[0].low = 3;
         first(s).patterns[0].code[0].high = 2;
       }},
      {"a pattern without a stream", [&](RuleSet& s) { second(s).patterns[0].stream = {}; }},
      {"a pattern without a condition", [&](RuleSet& s) { second(s).patterns[0].condition = {}; }},
      {"it stands before program 1", [&](RuleSet& s) { second(s).after = {id<ProgramId>(1)}; }},
      {"`when` is none", [&](RuleSet& s) { std::get<RuleBody>(first(s).body).when = {}; }},
      {"the emitted event is 4",
       [&](RuleSet& s) { std::get<RuleBody>(first(s).body).emits.push_back({id<EventTypeId>(4), {}}); }},
      {"emitted with 1 fields and has 2",
       [&](RuleSet& s) { std::get<RuleBody>(first(s).body).emits.push_back({id<EventTypeId>(0), {id<ExprId>(3)}}); }},
      {"the list of its keys is 3", [&](RuleSet& s) { first(s).keys_from = id<ListId>(3); }},
      {"a calendar is 0", [&](RuleSet& s) { first(s).open.push_back({id<CalendarId>(0), false}); }},
  };
  for (const Row& row : rows) {
    RuleSet set = good();
    row.breaks(set);
    std::string all;
    for (const Fault& fault : verify(set)) all += fault.what + "\n";
    CHECK_MESSAGE(all.find(row.fault) != std::string::npos, row.fault << " not in:\n" << all);
  }
}

TEST_CASE("a dump names what the ids mean") {
  const RuleSet set = good();
  CHECK(dump(set, set.programs[0]) ==
        "program sequence by user\n"
        "  input login key [user]\n"
        "  stream 0 match: login\n"
        "  stream 1 match: login related [ip, step 0.ip, not_equal]\n"
        "  pattern 0: sequence\n"
        "    step 0 (each by its name) of stream 0 keeps ip\n"
        "    step 1 (each by its name) of stream 1\n"
        "    0 take stream 0 as step 0\n"
        "    1 take stream 1 as step 1\n"
        "    2 match\n"
        "  alert medium [\"x\"]\n");
  CHECK(dump_code(set, set.programs[0], id<ExprId>(2), id<EventTypeId>(0), id<PatternId>(0))
            .find("push capture b of the last event") != std::string::npos);
}

TEST_CASE("bounds: what is kept, and what limits it") {
  const RuleSet set = good();
  const Bounds counts = bounds_of(set, set.programs[1], {minutes(5), false});
  CHECK(counts.events_per_key == 5);
  CHECK(counts.limited_by == "the 5 last match");
  CHECK(counts.reach.longest == minutes(5));
  CHECK_FALSE(counts.reach.keeps_every_key);
  const Bounds related = bounds_of(set, set.programs[0], {std::nullopt, true});
  CHECK(related.events_per_key == 10'000);
  CHECK(related.limited_by == "every event that a match may need, at most 10,000");
  CHECK_FALSE(related.reach.longest);
  CHECK(related.reach.keeps_every_key);

  RuleSet changed = good();
  std::get<RuleBody>(changed.programs[1].body).firing = Firing::always;
  CHECK(bounds_of(changed, changed.programs[1], {}).events_per_key == 1'000'000);

  // The windows of the past are there from the key's first event on.
  const std::uint64_t alone = bounds_of(changed, changed.programs[1], {}).bytes_per_key;
  changed.programs[1].cells[0].baseline = {Baseline::Kind::average, days(30)};
  CHECK(bounds_of(changed, changed.programs[1], {}).bytes_per_key >= alone + 8'640 * 200);

  // Where every event of a window may have a value of its own, `top` has a row for each.
  changed.programs[1].cells[0].baseline = {};
  changed.programs[1].cells[0].function = *find_aggregate("top");
  CHECK(bounds_of(changed, changed.programs[1], {}).bytes_per_key >= alone + 1'000'000 * 200);
}

TEST_CASE("hashes are those of the published function, for ever") {
  CHECK(hash_of("") == 0xEF46DB3751D8E999ULL);  // XXH64 of nothing, as its specification gives it
  CHECK(hash_of("login") != hash_of("logout"));
  CHECK(rule_version(1, 2).size() == 8);
  CHECK(rule_version(1, 2) != rule_version(2, 1));
}

}  // namespace
}  // namespace tocsin
