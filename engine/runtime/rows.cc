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
  sources.append(bytes, first.position);
  bytes += '/' + std::to_string(first.ordinal);
  std::string out;
  append_hex(out, hash_bytes(bytes));
  return out;
}

namespace {

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

RunningRows::RunningRows(const Program& program) : program_(&program) {
  kept_.reserve(program.cells.size());
  for (const Cell& cell : program.cells) {
    Kept& kept = kept_.emplace_back(cell);
    if (aggregates()[cell.function.index].kind == AggregateKind::duration) kept.lasting = std::make_unique<Lasting>();
  }
}

void RunningRows::insert(const Seen& row, const EvalContext& context, const Evaluator& evaluator) {
  for (std::size_t i = 0; i < kept_.size(); ++i) {
    Kept& kept = kept_[i];
    const Cell& cell = program_->cells[i];
    if (cell.second.exists() && row.fits(cell.second)) ++kept.second;
    if (kept.lasting != nullptr) kept.lasting->take(row.time(), row.fits(cell.stream));
    if (row.fits(cell.stream))
      kept.aggregate.insert({row.time(), 0}, value_of(*program_, cell, row.event(), context, evaluator));
  }
}

void RunningRows::evict(const Seen& row) {
  for (std::size_t i = 0; i < kept_.size(); ++i) {
    Kept& kept = kept_[i];
    const Cell& cell = program_->cells[i];
    if (cell.second.exists() && row.fits(cell.second)) --kept.second;
    if (row.fits(cell.stream)) kept.aggregate.evict();
    if (kept.lasting != nullptr) kept.lasting->forget(kept.aggregate.empty() ? row.time() : kept.aggregate.oldest());
  }
}

Value RunningRows::value(CellId cell, Time from, Time now) const {
  const Kept& kept = kept_[cell.index];
  if (kept.lasting == nullptr) return kept.aggregate.value(from, now, kept.second);
  // What has left lasts no longer, though nothing has come since.
  return Value::duration(kept.aggregate.empty() ? Duration{}
                                                : kept.lasting->between(std::max(from, kept.aggregate.oldest()), now));
}

std::size_t RunningRows::bytes() const {
  std::size_t sum = 0;
  for (const Kept& kept : kept_)
    sum += sizeof(Kept) + kept.aggregate.bytes() + (kept.lasting == nullptr ? 0 : kept.lasting->bytes());
  return sum;
}

Value Rows::cell(CellId id) const {
  if (running_ != nullptr) return running_->value(id, start_, end_);
  const Cell& cell = program_.cells[id.index];
  const bool duration = aggregates()[cell.function.index].kind == AggregateKind::duration;
  std::vector<Sample> samples;
  std::size_t second = 0;
  for (std::size_t i = 0; i < count_; ++i) {
    const Seen& row = (*this)[i];
    const Event& e = row.event();
    if (cell.second.exists() && row.fits(cell.second)) ++second;
    if (!row.fits(cell.stream)) continue;
    Sample sample{e.time, value_of(program_, cell, e, context_, evaluator_), end_};
    if (duration && i + 1 < count_) sample.until = (*this)[i + 1].time();
    samples.push_back(sample);
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
