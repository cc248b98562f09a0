#include "engine/runtime/rows.h"

#include <algorithm>

#include "engine/base/hash.h"
#include "engine/base/write.h"
#include "engine/match/aggregate.h"
#include "engine/program/aggregates.h"
#include "engine/program/scratch.h"

namespace tocsin {

std::string session_id_of(std::string_view program, std::string_view key, const Event& first,
                          const SourceMarks& sources) {
  std::string bytes(program);
  bytes += '\0';
  bytes += key;
  sources.append(bytes, first);
  std::string out;
  append_hex(out, hash_bytes(bytes));
  return out;
}

namespace {

bool is_duration(const Cell& cell) { return aggregates()[cell.function.index].kind == AggregateKind::duration; }

// What the cell reads of a row.
Value value_of(const Program& program, const Cell& cell, const Event& event, const EvalContext& from,
               const Evaluator& evaluator) {
  for (const Alternative& a : program.streams[cell.stream.index].alternatives) {
    if (a.type != event.type || a.values.empty()) continue;
    EvalContext context = from;
    context.event = &event;
    context.time = event.time;
    context.match = nullptr;
    return evaluator.evaluate(a.values.front(), context);
  }
  return {};
}

}  // namespace

LastingRows::LastingRows(const Program& program, StreamId of) : program_(program), of_(of) {
  for (std::size_t i = 0; i < program.cells.size(); ++i)
    if (is_duration(program.cells[i])) cells_.emplace_back(i);
}

void LastingRows::take(State& state, const Event& event, const StreamSet& fits) const {
  for (std::size_t i = 0; i < cells_.size(); ++i) {
    const StreamId x = program_.cells[cells_[i].index].stream;
    const auto is_type = [&](const Alternative& a) { return a.type == event.type; };
    if (std::ranges::any_of(program_.streams[x.index].alternatives, is_type))
      state[i].take(event.time, fits[x.index] && fits[of_.index]);
  }
}

Duration LastingRows::between(const State& state, CellId cell, Time from, Time to) const {
  return state[static_cast<std::size_t>(std::ranges::find(cells_, cell) - cells_.begin())].between(from, to);
}

void LastingRows::forget(State& state, Time from) {
  for (Lasting& lasting : state) lasting.forget(from);
}
void LastingRows::cut(State& state, Time from) {
  for (Lasting& lasting : state) lasting.cut(from);
}
bool LastingRows::is_empty(const State& state) { return std::ranges::all_of(state, &Lasting::empty); }
bool LastingRows::lasts_on(const State& state) { return std::ranges::any_of(state, &Lasting::lasts_on); }
std::size_t LastingRows::bytes(const State& state) {
  std::size_t sum = 0;
  for (const Lasting& lasting : state) sum += lasting.bytes();
  return sum;
}

RunningRows::RunningRows(const Program& program) : program_(&program) {
  kept_.reserve(program.cells.size());
  for (const Cell& cell : program.cells) kept_.emplace_back(cell).is_duration = is_duration(cell);
}

void RunningRows::insert(const Seen& row, const EvalContext& context, const Evaluator& evaluator) {
  for (std::size_t i = 0; i < kept_.size(); ++i) {
    Kept& kept = kept_[i];
    if (kept.is_duration) continue;
    const Cell& cell = program_->cells[i];
    if (cell.second.exists() && row.fits(cell.second)) ++kept.second;
    if (row.fits(cell.stream))
      kept.aggregate.insert({row.time(), 0}, value_of(*program_, cell, row.event(), context, evaluator));
  }
}

void RunningRows::evict(const Seen& row) {
  for (std::size_t i = 0; i < kept_.size(); ++i) {
    Kept& kept = kept_[i];
    if (kept.is_duration) continue;
    const Cell& cell = program_->cells[i];
    if (cell.second.exists() && row.fits(cell.second)) --kept.second;
    if (row.fits(cell.stream)) kept.aggregate.evict();
  }
}

Value RunningRows::value(CellId cell, Time from, Time now) const {
  const Kept& kept = kept_[cell.index];
  return kept.aggregate.value(from, now, kept.second);
}

std::size_t RunningRows::bytes() const {
  std::size_t sum = 0;
  for (const Kept& kept : kept_) sum += sizeof(Kept) + kept.aggregate.bytes();
  return sum;
}

Value Rows::cell(CellId id) const {
  const Cell& cell = program_.cells[id.index];
  if (is_duration(cell)) return Value::duration(lasting_.between(lasted_, id, start_, end_));
  if (running_ != nullptr) return running_->value(id, start_, end_);
  std::vector<Sample> samples;
  std::size_t second = 0;
  for (std::size_t i = 0; i < count_; ++i) {
    const Seen& row = (*this)[i];
    const Event& e = row.event();
    if (cell.second.exists() && row.fits(cell.second)) ++second;
    if (row.fits(cell.stream)) samples.push_back({e.time, value_of(program_, cell, e, context_, evaluator_), end_});
  }
  return aggregate_of(cell, samples, start_, end_, second, *context_.scratch);
}

Value Rows::fact(Fact fact) const {
  switch (fact) {
    case Fact::count:
      return Value::integer(static_cast<std::int64_t>(count_));
    case Fact::first:
      return count_ == 0 ? Value() : Value::time((*this)[0].time());
    case Fact::last:
      return count_ == 0 ? Value() : Value::time((*this)[count_ - 1].time());
    case Fact::span:
      return Value::duration(end_ - start_);
    case Fact::start:
      return Value::time(start_);
    case Fact::end:
      return Value::time(end_);
    case Fact::session_id:
      return Value::text(session_id_);
    case Fact::sequence:
      return Value::integer(static_cast<std::int64_t>(sequence_));
    case Fact::gap:
    case Fact::last_seen:
    case Fact::value:
    case Fact::baseline:
    case Fact::rank:
    case Fact::suppressed:
      return {};
  }
  return {};
}

}  // namespace tocsin
