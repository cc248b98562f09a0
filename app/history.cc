#include "app/history.h"

#include <algorithm>
#include <cstring>

namespace tocsin::app {
namespace {

// Cuts a stream into blocks of whole lines; a line longer than a block makes a longer block, up to the codec's limit.
class LineBlocks {
 public:
  LineBlocks(std::istream& in, std::size_t size) : in_(in), size_(size) {}

  bool next(Block& block) {
    block.clear();
    if (done_) return false;
    block.first_offset = line_;
    block.bytes.append(rest_);
    rest_.clear();
    std::size_t want = size_;
    for (;;) {
      const std::size_t have = block.bytes.size();
      block.bytes.reserve(have + want);
      in_.read(block.bytes.data() + have, static_cast<std::streamsize>(want));
      const auto got = static_cast<std::size_t>(in_.gcount());
      block.bytes.set_size(have + got);
      if (got < want) {
        done_ = true;
        block.ends = true;
        break;
      }
      const std::string_view all = block.bytes.view();
      const std::size_t newline = all.rfind('\n');
      if (newline != std::string_view::npos) {
        rest_.assign(all.substr(newline + 1));
        block.bytes.set_size(newline + 1);
        break;
      }
      want = block.bytes.size();  // one line longer than all that was read: look on
    }
    const std::string_view text = block.bytes.view();
    line_ += static_cast<std::uint64_t>(std::count(text.begin(), text.end(), '\n'));
    return true;
  }
  std::uint64_t lines() const { return line_ - 1; }

 private:
  std::istream& in_;
  std::size_t size_;
  std::string rest_;
  std::uint64_t line_ = 1;
  bool done_ = false;
};

void hand_out(Engine& engine, const HistoryOutputs& outputs, const DocumentNames& names) {
  for (const Alert& alert : engine.take_alerts())
    if (outputs.alert) outputs.alert(alert, names);
  for (const Emitted& emitted : engine.take_emitted())
    if (outputs.emitted) outputs.emitted(emitted, names);
  for (const Event* late : engine.take_late())
    if (outputs.late) outputs.late(*late, names);
}

}  // namespace

Result<HistoryResult> run_history(const History& history, std::istream& input, const HistoryOutputs& outputs) {
  const Schema& schema = history.rules->schema;
  auto decoder = make_decoder(history.codec, schema);
  if (!decoder) return tl::unexpected(decoder.error());
  Engine engine(history.rules, history.reference);
  const std::vector<EventTypeId> carried = carried_events(history.codec, schema);
  std::optional<Lateness> wait;
  if (history.wait) wait = Lateness{*history.wait, {}, false};
  const std::size_t partition = engine.add_partition(SourceId{0}, carried, {}, wait);
  DocumentNames names;
  names.rules = history.rules.get();
  names.sources = {history.source};
  names.replayed = true;

  HistoryResult result;
  BatchPool pool;
  DeadLetters dead;
  LineBlocks blocks(input, history.block_bytes);
  Block block;
  std::uint64_t bytes = 0;
  while (blocks.next(block)) {
    block.source = SourceId{0};
    bytes += block.bytes.size();
    std::shared_ptr<EventBatch> batch = pool.take();
    (*decoder)->decode(block, *batch, dead);
    const Time last = batch->empty() ? Time{} : batch->events().back().time;
    result.records += batch->size();
    engine.take(partition, batch);
    for (const DeadLetter& letter : dead.letters)
      if (outputs.dead) outputs.dead(letter, names);
    dead.letters.clear();
    hand_out(engine, outputs, names);
    if (outputs.progress) outputs.progress(bytes, last);
  }
  engine.end(partition);
  hand_out(engine, outputs, names);
  result.pending = engine.next_due();
  if (history.end.until) engine.until(*history.end.until);
  if (history.end.drain) engine.drain();
  hand_out(engine, outputs, names);
  result.events = engine.events();
  result.late = engine.late();
  result.dead = dead.count;
  result.records = result.events + result.late;
  for (const std::uint64_t n : dead.count) result.records += n;
  return result;
}

}  // namespace tocsin::app
