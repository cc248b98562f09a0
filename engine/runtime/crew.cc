#include "engine/runtime/crew.h"

#include <chrono>
#include <thread>
#include <utility>

namespace tocsin {
namespace {

// So many blocks may have been read and not been handed over, for each worker: more would only wait.
constexpr std::uint64_t kInHandPerWorker = 2;
// A shard with so many parcels to judge holds back reading: what is read would only wait in memory.
constexpr std::size_t kParcelsMax = 16;
// How long a worker without work sleeps at most: partitions that fall silent are told by the clock.
constexpr auto kNap = std::chrono::milliseconds(20);
// How long one waits in the source, while the others sleep.
constexpr Duration kPoll = milliseconds(10);

}  // namespace

Crew::Crew(Engine& engine, Feed feed, Outputs outputs, const Clock& clock, Keeper* keeper)
    : engine_(engine),
      feed_(std::move(feed)),
      outputs_(std::move(outputs)),
      clock_(clock),
      keeper_(keeper),
      outlet_(engine.shards(), outputs_.alert, outputs_.emitted),
      workers_(engine.shards()) {
  for (std::size_t i = 0; i < feed_.partitions.size(); ++i) turnstiles_.push_back(std::make_unique<Turnstile>());
  if (keeper_ != nullptr) outlet_.on_cut([this] { keeper_->outputs_are_out(); });
  for (Worker& worker : workers_) {
    worker.router = engine.make_router();
    worker.decoders.resize(feed_.partitions.size());
  }
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

// All shards come to one frontier.
void Crew::end() {
  if (!stopped_)
    for (const std::size_t partition : feed_.partitions) engine_.close(partition);
  const Duration now = clock_.elapsed();
  for (std::size_t i = 0; i < workers_.size(); ++i) engine_.judge(i, now);
  give_out();
}

void Crew::give_out() {
  for (std::size_t i = 0; i < workers_.size(); ++i) {
    Lane& lane = engine_.lane(i);
    outlet_.give(i, lane.shard().take_alerts(), lane.shard().take_emitted(), lane.frontier());
  }
  outlet_.finish();
}

std::array<std::uint64_t, kDeadReasons> Crew::dead() const {
  std::array<std::uint64_t, kDeadReasons> out{};
  for (const Worker& worker : workers_)
    for (std::size_t i = 0; i < out.size(); ++i) out[i] += worker.dead.count[i];
  return out;
}

void Crew::work(std::size_t worker) {
  while (!is_done()) {
    const std::uint64_t seen = news_;
    if (step(worker)) continue;
    std::unique_lock lock(sleeping_);
    news_has_come_.wait_for(lock, kNap, [&] { return news_ != seen; });
  }
  wake();  // whoever sleeps is done, too
}

bool Crew::step(std::size_t worker) {
  return judge(worker) || (keeper_ != nullptr && keeper_->save(worker)) || read(worker);
}

// Nothing more is read, nothing is on its way, and every shard has judged since the last of it came.
bool Crew::is_done() const {
  if (failed_) return true;
  if (!finished_ || in_hand_ != 0) return false;
  for (const Worker& worker : workers_)
    if (worker.judged != news_) return false;
  return true;
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
  Lane& lane = engine_.lane(number);
  engine_.judge(number, clock_.elapsed());
  outlet_.give(number, lane.shard().take_alerts(), lane.shard().take_emitted(), lane.frontier());
  if (lane.cut() != 0) {
    outlet_.cut(number);
    if (keeper_ != nullptr) keeper_->cut(number);
    ++news_;  // the frontier has stood at the cut; it goes on
    return true;
  }
  worker.judged = news;
  if (finished_ && is_done()) wake();
  return true;
}

bool Crew::read(std::size_t number) {
  if (finished_ || in_hand_ >= kInHandPerWorker * workers_.size()) return false;
  for (std::size_t i = 0; i < workers_.size(); ++i)
    if (engine_.lane(i).parcels() >= kParcelsMax) return false;
  std::unique_lock reading(reading_, std::try_to_lock);
  if (!reading.owns_lock() || finished_) return false;
  Worker& worker = workers_[number];
  if (outputs_.stopped && outputs_.stopped()) {
    stopped_ = finished_ = true;
    ++news_;
    wake();
    return true;
  }
  worker.block.clear();
  const Result<Polled> polled = feed_.source->poll(worker.block, workers_.size() == 1 ? seconds(1) : kPoll);
  if (!polled) {
    fail(polled.error());
    return true;
  }
  if (*polled == Polled::finished) {
    finished_ = true;
    ++news_;
    wake();
    return true;
  }
  if (*polled == Polled::nothing) {
    ++news_;  // time goes on without events, too
    return true;
  }
  const std::uint32_t partition = worker.block.partition;
  ++in_hand_;
  const std::uint64_t ticket = turnstiles_[partition]->next_read++;
  Decoded decoded;
  decoded.done = feed_.source->done();
  reading.unlock();
  decode(worker, ticket, decoded);
  hand_over(partition, ticket, std::move(decoded));
  return true;
}

void Crew::decode(Worker& worker, std::uint64_t ticket, Decoded& out) {
  Block& block = worker.block;
  const std::uint32_t partition = block.partition;
  block.source = feed_.id;
  out.bytes = block.bytes.size();
  out.ends = block.ends;
  out.offsets = {block.first_offset, block.next_offset};
  out.batch = pool_.take();
  std::unique_ptr<Decoder>& own = worker.decoders[partition];
  if (own == nullptr) {
    auto made = feed_.make_decoder();
    if (!made) return fail(made.error());
    own = std::move(*made);
  }
  if (!own->remembers()) {
    own->decode(block, *out.batch, worker.dead);
  } else {
    Turnstile& turnstile = *turnstiles_[partition];
    std::unique_lock lock(turnstile.decoding);
    turnstile.turn.wait(lock, [&] { return turnstile.next_decoded == ticket; });
    if (turnstile.decoder == nullptr) turnstile.decoder = std::move(own);
    turnstile.decoder->decode(block, *out.batch, worker.dead);
    ++turnstile.next_decoded;
    turnstile.turn.notify_all();
  }
  if (feed_.select) feed_.select(*out.batch);
  worker.router->route(*out.batch, out.routes);
  out.dead = std::exchange(worker.dead.letters, {});
}

void Crew::hand_over(std::uint32_t partition, std::uint64_t ticket, Decoded decoded) {
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

void Crew::pass_on(std::uint32_t partition, Decoded& decoded) {
  const std::size_t id = feed_.partitions[partition];
  std::vector<LateEvent> late;
  engine_.put(id, decoded.batch, decoded.routes, late, clock_.elapsed(), decoded.offsets);
  std::erase_if(decoded.dead, [&](const DeadLetter& letter) {  // they were told before
    return letter.position.offset < engine_.known_before(id);
  });
  if (decoded.ends) engine_.close(id);
  {
    const std::scoped_lock lock(giving_);
    if (outputs_.dead)
      for (const DeadLetter& letter : decoded.dead) outputs_.dead(letter);
    if (outputs_.late)
      for (const LateEvent& one : late) outputs_.late(*one.event);
    if (outputs_.block) outputs_.block(*decoded.batch, decoded.bytes, decoded.done);
  }
  ++news_;
  --in_hand_;  // behind news_, so that nobody thinks that all is done
  wake();
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
