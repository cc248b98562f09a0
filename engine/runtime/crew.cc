#include "engine/runtime/crew.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "engine/base/contract.h"

namespace tocsin {
namespace {

// So many blocks may have been read and not been handed over, for each worker: more would only wait.
constexpr std::uint64_t kInHandPerWorker = 2;
// What has been read is judged before an epoch can be stored, and before a stop. Where that takes longer than kSlow (a
// search among thousands of events of a key, at each of them) blocks become smaller, and one is read when the one
// before has been judged. Nobody knows beforehand, so the first ones are small, and they grow while judging is quick.
constexpr std::size_t kLeastBlock = std::size_t{1} << 10, kFullBlock = std::size_t{128} << 10;
constexpr Duration kSlow = milliseconds(200);
// A shard with so many parcels to judge holds back reading: what is read would only wait in memory.
constexpr std::size_t kParcelsMax = 16;
// What a shard may have given before others have come so far, in what it gives at once.
constexpr std::size_t kHandsHeld = 16;
// So many pieces of an epoch a shard saves before it reads on (a piece: keeper.cc): one or two milliseconds. Far more
// keys than one block of records can change meanwhile, so that the saving comes to its end.
constexpr std::size_t kPiecesAtOnce = 32;
// How long a worker without work sleeps at most: partitions that fall silent are told by the clock.
constexpr auto kNap = std::chrono::milliseconds(5);
// Between two times at which a shard puts its figures down.
constexpr Duration kPutDown = milliseconds(500);
// How long one waits in the source, while the others sleep; where there are several nobody waits in one of them.
constexpr Duration kPoll = milliseconds(10);

}  // namespace

Crew::Crew(Engine& engine, std::vector<Feed> feeds, Outputs outputs, const Clock& clock, Keeper* keeper)
    : engine_(engine),
      outputs_(std::move(outputs)),
      clock_(clock),
      keeper_(keeper),
      outlet_(engine.lanes(), kHandsHeld * engine.options().outputs_at_once, outputs_.alert, outputs_.emitted),
      workers_(engine.shards()),
      held_(std::make_shared<std::atomic<std::uint64_t>>(0)),
      block_(kLeastBlock),
      reading_on_(feeds.size()) {
  std::size_t partitions = 0;
  for (Feed& feed : feeds) {
    auto& inlet = inlets_.emplace_back(std::make_unique<Inlet>());
    inlet->feed = std::move(feed);
    inlet->paused.resize(inlet->feed.partitions.size());
    for (const std::size_t partition : inlet->feed.partitions) partitions = std::max(partitions, partition + 1);
  }
  for (std::size_t i = 0; i < partitions; ++i) turnstiles_.push_back(std::make_unique<Turnstile>());
  if (keeper_ != nullptr) outlet_.on_cut([this] { keeper_->outputs_are_out(); });
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    workers_[i].router = engine.make_router();
    workers_[i].decoders.resize(partitions);
    workers_[i].next_inlet = inlets_.empty() ? 0 : i % inlets_.size();
  }
  finished_ = inlets_.empty();
}

Crew::~Crew() = default;

Result<void> Crew::run() {
  std::vector<std::jthread> threads;
  for (std::size_t i = 1; i < workers_.size(); ++i) threads.emplace_back([this, i] { work(i); });
  work(0);
  threads.clear();  // joins them
  if (failed_) return tl::unexpected(error_);
  end();
  return {};
}

// All shards come to one frontier; a cut that is in hand is passed on the way.
void Crew::end() {
  work_off();
  if (!stopped_)
    for (const auto& inlet : inlets_)
      for (const std::size_t partition : inlet->feed.partitions) engine_.close(partition);
  work_off();
  give_out();
}

void Crew::give_out() {
  for (std::size_t i = 0; i < engine_.lanes(); ++i) {
    Lane& lane = engine_.lane(i);
    outlet_.give(i, lane.shard().take_alerts(), lane.shard().take_emitted(), lane.passed());
  }
  outlet_.finish();
}

std::array<std::uint64_t, kDeadReasons> Crew::dead() const {
  std::array<std::uint64_t, kDeadReasons> out{};
  for (const Worker& worker : workers_)
    for (std::size_t i = 0; i < out.size(); ++i) out[i] += worker.dead.count[i];
  return out;
}

void Crew::put_down() {
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    workers_[i].put_down = {};
    put_down(i, clock_.elapsed());
  }
}

void Crew::put_down(std::size_t number, Duration began) {
  Worker& worker = workers_[number];
  const Duration now = clock_.elapsed();
  worker.busy = worker.busy + (now - began - std::exchange(worker.waited, {}));
  if (worker.put_down != Duration{} && now < worker.put_down + kPutDown) return;
  worker.put_down = now;
  ShardFigures figures;
  for (std::size_t i = 0; i < engine_.rules().programs.size(); ++i) {
    const Runner& runner = engine_.lane_of(number, ProgramId(i)).shard().runner(ProgramId(i));
    const ProgramCounters counters = runner.counters();
    figures.rules.push_back({counters.events, counters.fired, runner.keys(), counters.cut_short, counters.missing_key});
  }
  for (std::size_t level = 0; level < engine_.levels(); ++level) {
    const Lane& lane = engine_.lane(engine_.lane_of(number, level));
    figures.waiting += lane.waiting();
    figures.held += lane.shard().held();
    figures.passed = lane.passed();  // none of a higher level has come farther
  }
  figures.busy = worker.busy;
  figures.at = now;
  const std::scoped_lock lock(worker.mutex);
  worker.figures = std::move(figures);
}

Crew::ShardFigures Crew::figures(std::size_t shard) const {
  const std::scoped_lock lock(workers_[shard].mutex);
  return workers_[shard].figures;
}

ProgramId Crew::turn(std::size_t worker) const {
  ProgramId out;
  for (std::size_t level = 0; level < engine_.levels() && !out.exists(); ++level)
    out = engine_.lane(engine_.lane_of(worker, level)).shard().turn();
  return out;
}

void Crew::work(std::size_t worker) {
  while (!is_done()) {
    const std::uint64_t seen = news_;
    ++workers_[worker].beats;
    const Duration began = clock_.elapsed();
    const bool worked = step(worker);
    put_down(worker, began);
    if (worked) continue;
    std::unique_lock lock(sleeping_);
    if (!news_has_come_.wait_for(lock, kNap, [&] { return news_ != seen; })) ++news_;  // time has gone on
  }
  wake();  // whoever sleeps is done, too
}

// Between the pieces that it saves a shard reads on, or events would wait until all is saved that an epoch has changed.
bool Crew::step(std::size_t number) {
  const bool has_judged = judge(number);
  if (keeper_ != nullptr) keeper_->weigh(number);
  if (has_judged) return true;
  if (keeper_ == nullptr) return read(number, kPoll);
  Worker& worker = workers_[number];
  if (worker.pieces < kPiecesAtOnce && keeper_->save(number)) {
    ++worker.pieces;
    return true;
  }
  const bool may_wait = worker.pieces < kPiecesAtOnce;  // nothing is left to save
  worker.pieces = 0;
  return keeper_->evict(number) || read(number, may_wait ? kPoll : Duration{}) || keeper_->save(number);
}

// Nothing more is read, nothing is on its way, and every shard has judged since the last of it came. It stays so: who
// has seen it may have gone, and time goes on for the others.
bool Crew::is_done() {
  if (failed_ || done_) return true;
  if (!finished_ || in_hand_ != 0) return false;
  for (const Worker& worker : workers_)
    if (worker.judged != news_) return false;
  return done_ = true;
}

void Crew::wake() {
  {
    const std::scoped_lock lock(sleeping_);
  }
  news_has_come_.notify_all();
}

bool Crew::judge(std::size_t number) {
  Worker& worker = workers_[number];
  const std::uint64_t news = news_;
  if (worker.judged == news) return false;
  bool has_judged = false, waits = false, is_more = false;
  for (std::size_t level = engine_.levels(); level-- > 0;) {
    const std::size_t lane = engine_.lane_of(number, level);
    if (engine_.lane(lane).is_midway() && broken_off_) continue;  // nobody wants to know what would still come
    const Judged judged = judge_lane(lane, number);
    waits = waits || judged == Judged::waits;
    is_more = is_more || judged == Judged::more;
    has_judged = has_judged || judged != Judged::waits;
  }
  if (is_more) return true;
  if (waits) return false;
  worker.judged = news;
  if ((finished_ || !has_judged) && is_done()) wake();
  return has_judged;
}

bool Crew::is_midway(std::size_t worker) const {
  for (std::size_t level = 0; level < engine_.levels(); ++level)
    if (engine_.lane(engine_.lane_of(worker, level)).is_midway()) return true;
  return false;
}

Crew::Judged Crew::judge_lane(std::size_t number, std::size_t worker) {
  if (outlet_.waits_for_others(number)) return Judged::waits;
  Lane& lane = engine_.lane(number);
  if (keeper_ != nullptr && keeper_->trouble(worker)) return Judged::waits;
  const bool was_midway = lane.is_midway();  // it has not looked how far it may go today
  workers_[worker].is_judging = true;
  const Duration began = clock_.elapsed();
  const bool is_whole = engine_.judge(number);
  lane.shard().rests();
  workers_[worker].is_judging = is_midway(worker);
  if (clock_.elapsed() - began > kSlow) block_ = std::max(kLeastBlock, block_ / 4);
  if (keeper_ != nullptr && keeper_->trouble(worker)) {  // what it has found since may be wrong
    fail(*keeper_->trouble(worker));
    return Judged::waits;
  }
  std::vector<Emitted> emitted = lane.shard().take_emitted();
  const bool others_go_on = engine_.pass_up(number, emitted, *workers_[worker].router);
  outlet_.give(number, lane.shard().take_alerts(), std::move(emitted), lane.passed());
  if (is_whole && lane.cut() != 0) {
    outlet_.cut(number);
    if (keeper_ != nullptr) keeper_->cut(number);
  }
  if (!is_whole) breaks_off();
  const bool goes_on = !is_whole || was_midway || lane.cut() != 0;  // the frontier has stood at the cut; it goes on
  if (goes_on || others_go_on) ++news_;
  if (!is_whole || others_go_on) wake();  // others may have waited for it
  return goes_on || others_go_on ? Judged::more : Judged::all;
}

void Crew::stop() {
  stopped_ = finished_ = true;
  nudge();
}

void Crew::go_on() {
  TOCSIN_ASSERT(!failed_);
  stopped_ = done_ = false;
  finished_ = reading_on_ == 0;
  nudge();
}

void Crew::nudge() {
  ++news_;
  wake();
}

void Crew::work_off() {
  nudge();
  for (bool more = true; more;) {
    more = false;
    for (std::size_t i = 0; i < workers_.size(); ++i)
      more = judge(i) || (keeper_ != nullptr && keeper_->save(i)) || more;
  }
}

void Crew::read_rest(SourceId source, Duration most) {
  const auto inlet = std::ranges::find_if(inlets_, [&](const auto& one) { return one->feed.id == source; });
  if (inlet == inlets_.end() || failed_) return;
  constexpr int kSilent = 3;  // looks: one may merely have let somebody in who has something to say
  const Duration until = clock_.elapsed() + most;
  finished_ = false;
  for (int silent = 0; silent < kSilent && clock_.elapsed() < until && !(*inlet)->finished && !failed_;) {
    if (keeper_ != nullptr && keeper_->is_full()) break;
    const bool has_read = read_from(**inlet, workers_.front(), kPoll) == Read::block;
    silent = has_read ? 0 : silent + 1;
    if (has_read) work_off();
  }
  finished_ = true;
  give_out();
}

void Crew::until(Time through) {
  engine_.pass(through);
  work_off();
}

void Crew::drain() {
  engine_.drain([this](Time through) {
    until(through);
    return !broken_off_;
  });
}

Crew::Inlet& Crew::inlet_of(std::size_t partition, std::uint32_t& in_source) {
  for (const auto& inlet : inlets_) {
    const auto& own = inlet->feed.partitions;
    const auto at = std::ranges::find(own, partition);
    in_source = static_cast<std::uint32_t>(at - own.begin());
    if (at != own.end()) return *inlet;
  }
  TOCSIN_ASSERT(false);
}

Crew::Mark Crew::mark(std::size_t partition, std::uint64_t next_offset) {
  std::uint32_t in_source = 0;
  Inlet& inlet = inlet_of(partition, in_source);
  const std::scoped_lock lock(inlet.mutex);
  std::string bookmark = inlet.feed.source->bookmark(in_source, next_offset);
  return {std::move(bookmark), inlet.feed.source->notes(in_source, next_offset)};
}

std::string Crew::memory(std::size_t partition) {
  std::uint32_t in_source = 0;
  Inlet& inlet = inlet_of(partition, in_source);
  Turnstile& turnstile = *turnstiles_[partition];
  const std::scoped_lock lock(inlet.mutex, turnstile.decoding);
  if (turnstile.decoder != nullptr) return turnstile.decoder->memory();
  return in_source < inlet.feed.goes_on.size() ? inlet.feed.goes_on[in_source].memory : std::string();
}

void Crew::stored(std::span<const Progress> positions) {
  for (const auto& inlet : inlets_) {
    std::vector<Progress> own;
    for (const std::size_t partition : inlet->feed.partitions) {
      own.push_back(positions[partition]);
      own.back().partition = static_cast<std::uint32_t>(own.size() - 1);
    }
    const std::scoped_lock lock(inlet->mutex);
    inlet->feed.source->stored(own);
  }
}

// What is read would only wait in memory while others have enough to do.
bool Crew::may_read() const {
  if (finished_ || holds_ || in_hand_ >= kInHandPerWorker * workers_.size()) return false;
  if (keeper_ != nullptr && keeper_->is_full()) return false;
  for (std::size_t i = 0; i < engine_.lanes(); ++i)
    if (engine_.lane(i).parcels() >= kParcelsMax) return false;
  return block_ == kFullBlock || has_judged_all();
}

bool Crew::has_judged_all() const {
  if (in_hand_ != 0) return false;
  for (const Worker& worker : workers_)
    if (worker.is_judging) return false;
  for (std::size_t i = 0; i < engine_.lanes(); ++i)
    if (engine_.lane(i).has_come()) return false;
  return true;
}

bool Crew::read(std::size_t number, Duration wait) {
  if (!may_read()) return false;
  Worker& worker = workers_[number];
  if (breaks_off()) return true;
  bool was_polled = false;
  for (std::size_t i = 0; i < inlets_.size(); ++i) {
    Inlet& inlet = *inlets_[worker.next_inlet++ % inlets_.size()];
    const Read read = read_from(inlet, worker, inlets_.size() == 1 ? wait : Duration{});
    if (read == Read::block) return true;
    was_polled = was_polled || read == Read::nothing;
  }
  if (!was_polled || inlets_.size() > 1) return false;
  ++news_;  // time goes on without events, too
  return true;
}

bool Crew::breaks_off() {
  if (!outputs_.stopped) return false;
  std::unique_lock lock(giving_);
  if (!outputs_.stopped()) return false;
  lock.unlock();
  broken_off_ = true;
  stop();
  return true;
}

Crew::Read Crew::read_from(Inlet& inlet, Worker& worker, Duration wait) {
  std::unique_lock reading(inlet.mutex, std::try_to_lock);
  if (!reading.owns_lock() || inlet.finished || finished_) return Read::busy;
  hold_back(inlet);
  if (!inlet.paused.empty() && std::ranges::find(inlet.paused, false) == inlet.paused.end()) return Read::busy;
  worker.block.clear();
  const std::size_t block = block_;
  inlet.feed.source->set_block(block);
  const Duration began = clock_.elapsed();
  const Result<Polled> polled = inlet.feed.source->poll(worker.block, wait);
  note_trouble(inlet);
  const Duration now = clock_.elapsed();
  if (polled && *polled == Polled::nothing) worker.waited = worker.waited + (now - began);
  for (std::size_t i = 0; i < inlet.feed.partitions.size(); ++i)
    if (i >= inlet.paused.size() || !inlet.paused[i]) engine_.asked(inlet.feed.partitions[i], now);
  if (!polled) {
    fail(polled.error());
    return Read::block;
  }
  if (*polled == Polled::nothing) return Read::nothing;
  if (*polled == Polled::finished) {
    has_finished(inlet);
    return Read::block;
  }
  const std::size_t partition = inlet.feed.partitions[worker.block.partition];
  const Result<Decoder*> decoder = decoder_of(worker, inlet, partition);
  if (!decoder) {
    fail(decoder.error());
    return Read::block;
  }
  // A clock that is set back does not make late what comes behind.
  Time& arrived = turnstiles_[partition]->arrived;
  arrived = worker.block.arrived = std::max(arrived, worker.block.arrived);
  if (block < kFullBlock) block_ = std::min(kFullBlock, 2 * block);
  ++in_hand_;
  const std::uint64_t ticket = turnstiles_[partition]->next_read++;
  Decoded decoded;
  decoded.done = inlet.feed.source->done();
  reading.unlock();
  decode(worker, inlet, partition, ticket, **decoder, decoded);
  hand_over(partition, ticket, std::move(decoded));
  return Read::block;
}

// Here, and not when somebody asks: a source belongs to whoever reads it, and may take its time.
void Crew::note_trouble(Inlet& inlet) {
  std::string now = inlet.feed.source->trouble();
  if (now.empty() && inlet.trouble.empty()) return;
  const std::scoped_lock lock(inlet.telling);
  inlet.trouble = std::move(now);
}

std::vector<std::string> Crew::troubles() const {
  std::vector<std::string> out;
  for (const auto& inlet : inlets_) {
    const std::scoped_lock lock(inlet->telling);
    out.push_back(inlet->trouble);
  }
  return out;
}

std::vector<bool> Crew::paused() const {
  std::vector<bool> out;
  for (const auto& inlet : inlets_) out.push_back(inlet->is_paused);
  return out;
}

void Crew::has_finished(Inlet& inlet) {
  inlet.finished = true;
  if (--reading_on_ == 0) finished_ = true;
  ++news_;
  wake();
}

// When too much waits, only those partitions are read that time waits for.
void Crew::hold_back(Inlet& inlet) {
  const bool too_much = *held_ > limits_.held_bytes;
  if (!too_much && std::ranges::find(inlet.paused, true) == inlet.paused.end()) return;
  for (std::uint32_t i = 0; i < inlet.paused.size(); ++i) {
    const bool pauses = too_much && engine_.is_ahead(inlet.feed.partitions[i]);
    if (pauses == inlet.paused[i]) continue;
    inlet.paused[i] = pauses;
    pauses ? inlet.feed.source->pause(i) : inlet.feed.source->resume(i);
  }
  inlet.is_paused = std::ranges::find(inlet.paused, false) == inlet.paused.end();
}

// A worker has its own: but of a decoder that remembers what came before there is one for all of them.
Result<Decoder*> Crew::decoder_of(Worker& worker, const Inlet& inlet, std::size_t partition) {
  Turnstile& turnstile = *turnstiles_[partition];
  if (turnstile.decoder != nullptr) return turnstile.decoder.get();
  std::unique_ptr<Decoder>& own = worker.decoders[partition];
  if (own == nullptr) {
    auto made = inlet.feed.make_decoder();
    if (!made) return tl::unexpected(made.error());
    own = std::move(*made);
  }
  if (!own->remembers()) return own.get();
  const auto at =
      static_cast<std::size_t>(std::ranges::find(inlet.feed.partitions, partition) - inlet.feed.partitions.begin());
  if (at < inlet.feed.goes_on.size())
    if (const Feed::Reading& from = inlet.feed.goes_on[at]; !own->recall(from.memory, from.next_offset))
      return failure(Error::Code::malformed,
                     "what the state says of the records that were read is nothing that this version of tocsin knows");
  const std::scoped_lock lock(turnstile.decoding);
  turnstile.decoder = std::move(own);
  return turnstile.decoder.get();
}

void Crew::decode(Worker& worker, const Inlet& inlet, std::size_t partition, std::uint64_t ticket, Decoder& decoder,
                  Decoded& out) {
  Block& block = worker.block;
  block.source = out.source = inlet.feed.id;
  out.bytes = block.bytes.size();
  out.ends = block.ends;
  out.extent = {block.first_offset, block.next_offset, block.arrived};
  const std::shared_ptr<EventBatch> batch = pool_.take();
  if (!decoder.remembers()) {
    decoder.decode(block, *batch, worker.dead);
  } else {
    Turnstile& turnstile = *turnstiles_[partition];
    std::unique_lock lock(turnstile.decoding);
    turnstile.turn.wait(lock, [&] { return turnstile.next_decoded == ticket; });
    // A record that began in a block before this one is of this one, and its beginning is to be read again with it.
    if (const auto begun = decoder.unfinished()) out.extent.first = *begun;
    decoder.decode(block, *batch, worker.dead);
    if (const auto begun = decoder.unfinished()) out.extent.next = *begun;
    ++turnstile.next_decoded;
    turnstile.turn.notify_all();
  }
  if (inlet.feed.select) inlet.feed.select(*batch);
  worker.router->route(*batch, out.routes);
  out.dead = std::exchange(worker.dead.letters, {});
  // It weighs until its last event has been judged.
  const std::uint64_t weight = batch->bytes_held();
  *held_ += weight;
  out.batch = {batch.get(), [batch, held = held_, weight](EventBatch*) { *held -= weight; }};
}

void Crew::hand_over(std::size_t partition, std::uint64_t ticket, Decoded decoded) {
  Turnstile& turnstile = *turnstiles_[partition];
  std::unique_lock lock(turnstile.mutex);
  turnstile.ready.emplace(ticket, std::move(decoded));
  if (turnstile.is_busy) return;  // whoever is busy takes it
  turnstile.is_busy = true;
  while (!turnstile.ready.empty() && turnstile.ready.begin()->first == turnstile.next_out) {
    auto next = turnstile.ready.extract(turnstile.ready.begin());
    ++turnstile.next_out;
    lock.unlock();
    pass_on(partition, next.mapped());
    lock.lock();
  }
  turnstile.is_busy = false;
}

// A cut stands before all of a block or behind all of it, what is told of it included.
void Crew::pass_on(std::size_t partition, Decoded& decoded) {
  std::shared_lock<std::shared_mutex> no_cut;
  if (keeper_ != nullptr) no_cut = keeper_->no_cut();
  std::vector<LateEvent> late;
  engine_.put(partition, decoded.batch, decoded.routes, late, decoded.extent);
  std::erase_if(decoded.dead, [&](const DeadLetter& letter) {  // they were told before
    return letter.position.offset < engine_.known_before(partition);
  });
  if (decoded.ends) engine_.close(partition);
  {
    const std::scoped_lock lock(giving_);
    if (outputs_.dead)
      for (const DeadLetter& letter : decoded.dead) outputs_.dead(letter);
    if (outputs_.late)
      for (const LateEvent& one : late) outputs_.late(one);
    if (outputs_.block) outputs_.block(decoded.source, decoded.batch, decoded.bytes, decoded.done);
  }
  decoded.batch.reset();
  ++news_;
  --in_hand_;  // behind news_, so that nobody thinks that all is done
  wake();
}

std::optional<Error> Crew::why_failed() const {
  const std::scoped_lock lock(giving_);
  return failed_ ? std::optional(error_) : std::nullopt;
}

void Crew::fail(const Error& error) {
  {
    const std::scoped_lock lock(giving_);
    if (!failed_) error_ = error;
    failed_ = true;
  }
  wake();
}

}  // namespace tocsin
