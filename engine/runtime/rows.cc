#include "engine/runtime/rows.h"

#include "engine/base/hash.h"
#include "engine/match/aggregate.h"
#include "engine/program/aggregates.h"
#include "engine/program/scratch.h"

namespace tocsin {

std::string session_id_of(std::string_view program, std::string_view key, const Event& first) {
  std::string bytes(program);
  bytes += '\0';
  bytes += key;
  bytes += '\0' + std::to_string(first.position.source.index) + '/' + std::to_string(first.position.partition) + '/' +
           std::to_string(first.position.offset) + '/' + std::to_string(first.ordinal);
  const std::uint64_t hash = hash_bytes(bytes);
  std::string out;
  for (int shift = 60; shift >= 0; shift -= 4) out += "0123456789abcdef"[(hash >> shift) & 15];
  return out;
}

Value Rows::cell(CellId id) const {
  const Cell& cell = program_.cells[id.index];
  const bool duration = aggregates()[cell.function.index].kind == AggregateKind::duration;
  const auto& alternatives = program_.streams[cell.stream.index].alternatives;
  std::vector<Sample> samples;
  std::size_t second = 0;
  for (std::size_t i = 0; i < rows_.size(); ++i) {
    const Event& e = rows_[i]->event();
    if (cell.second.exists() && rows_[i]->fits(cell.second)) ++second;
    if (!rows_[i]->fits(cell.stream)) continue;
    Sample sample{e.time, {}, end_};
    for (const Alternative& a : alternatives) {
      if (a.type != e.type || a.values.empty()) continue;
      EvalContext context = context_;
      context.event = &e;
      context.time = e.time;
      context.match = nullptr;
      sample.value = evaluator_.evaluate(a.values.front(), context);
      break;
    }
    if (duration && i + 1 < rows_.size()) sample.until = rows_[i + 1]->time();
    samples.push_back(sample);
  }
  return aggregate_of(cell, samples, start_, end_, second, *context_.scratch);
}

Value Rows::fact(Fact fact) const {
  switch (fact) {
    case Fact::count:
      return Value::integer(static_cast<std::int64_t>(rows_.size()));
    case Fact::first:
      return rows_.empty() ? Value() : Value::time(rows_.front()->time());
    case Fact::last:
      return rows_.empty() ? Value() : Value::time(rows_.back()->time());
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
