#include "engine/runtime/publisher.h"

#include <algorithm>

#include "engine/base/contract.h"
#include "engine/runtime/outbox.h"

namespace tocsin {
namespace {

// So many messages are offered at once: a sink takes all of them or none.
constexpr std::size_t kAtOnce = 1'024;

}  // namespace

Publisher::Publisher(std::vector<Named> sinks) {
  for (Named& sink : sinks) ways_.push_back({std::move(sink), nullptr, {}, 0, {}, {}, 0, 0});
}

Result<void> Publisher::open(std::span<const SinkDelivery> from, Epoch newest, Outboxes again) {
  newest_ = newest;
  const Epoch first = again.empty() ? Epoch{newest.number + 1} : again.front().first;
  for (auto& [epoch, outbox] : again) add(epoch, std::move(outbox));
  for (Way& way : ways_) {
    const auto known = std::ranges::find(from, way.to.name, &SinkDelivery::sink);
    std::optional<Delivery> delivery;
    // Of a sink that was away, epochs have been forgotten since: it begins anew, as one that nobody knows.
    if (known != from.end() && known->delivery.epoch.number + 1 >= first.number) delivery = known->delivery;
    if (const auto opened = way.to.sink->open(delivery, newest); !opened)
      return failure(opened.error().code, "sink `" + way.to.name + "`: " + opened.error().message);
    if (delivery) way.finished = delivery->epoch;
    for (const auto& item : items_)  // it has them already
      if (item->epoch <= way.finished) way.added -= item->messages[static_cast<std::size_t>(&way - ways_.data())];
  }
  note_standing();
  return {};
}

void Publisher::add(Epoch epoch, std::string outbox) {
  const std::scoped_lock lock(mutex_);
  TOCSIN_ASSERT(items_.empty() || items_.back()->epoch < epoch);
  newest_ = std::max(newest_, epoch);
  if (outbox.empty()) return;
  waiting_bytes_ += outbox.size();
  std::vector<std::uint64_t> messages;
  for (Way& way : ways_) way.added += messages.emplace_back(count_for(way.to.name, outbox));
  items_.push_back(std::make_shared<const Item>(Item{epoch, std::move(outbox), std::move(messages)}));
}

std::pair<std::shared_ptr<const Publisher::Item>, Epoch> Publisher::next_behind(Epoch epoch) const {
  const std::scoped_lock lock(mutex_);
  const auto next = std::ranges::find_if(items_, [&](const auto& item) { return item->epoch > epoch; });
  return {next != items_.end() ? *next : nullptr, newest_};
}

Result<bool> Publisher::step() {
  bool went_on = false;
  for (Way& way : ways_) {
    const Result<bool> stepped = step(way);
    if (!stepped) return failure(stepped.error().code, "sink `" + way.to.name + "`: " + stepped.error().message);
    went_on = went_on || *stepped;
  }
  note_standing();
  return went_on;
}

Result<bool> Publisher::step(Way& way) {
  Sink& sink = *way.to.sink;
  if (sink.delivered() < way.finished)
    if (const auto drained = sink.drain({}); !drained) return tl::unexpected(drained.error());
  if (way.item == nullptr) {
    auto [next, newest] = next_behind(way.finished);
    if (next == nullptr) {
      if (way.finished >= newest) return false;
      way.finished = newest;
      return sink.finish(newest).map([] { return true; });
    }
    way.item = std::move(next);
    auto messages = messages_for(way.to.name, way.item->outbox);
    if (!messages) return failure(Error::Code::malformed, "the outbox of an epoch cannot be read");
    way.messages = std::move(*messages);
    way.written = 0;
  }
  while (way.written < way.messages.size()) {
    const auto some =
        std::span(way.messages).subspan(way.written, std::min(kAtOnce, way.messages.size() - way.written));
    const Result<Written> written = sink.write(way.item->epoch, some);
    if (!written) return tl::unexpected(written.error());
    if (*written == Written::full) return false;
    way.written += some.size();
  }
  if (const auto finished = sink.finish(way.item->epoch); !finished) return tl::unexpected(finished.error());
  way.finished = way.item->epoch;
  if (!way.messages.empty()) way.on_its_way.emplace_back(way.finished, way.messages.size());
  way.messages.clear();
  way.item = nullptr;
  return true;
}

// What a sink has confirmed counts only as far as all have.
void Publisher::note_standing() {
  const std::scoped_lock lock(mutex_);
  Standing now;
  now.delivered = newest_;
  for (Way& way : ways_) {
    Delivery delivery = way.to.sink->delivery();
    const auto first = std::ranges::find_if(items_, [&](const auto& i) { return i->epoch > delivery.epoch; });
    for (; !way.on_its_way.empty() && way.on_its_way.front().first <= delivery.epoch; way.on_its_way.pop_front())
      way.delivered += way.on_its_way.front().second;
    // Epochs without a message count as delivered, whatever the sink has been told of them: what is stored of it must
    // never be behind what is forgotten.
    delivery.epoch = first != items_.end() ? Epoch{(*first)->epoch.number - 1} : newest_;
    now.delivered = std::min(now.delivered, delivery.epoch);
    now.messages.push_back({way.to.name, way.delivered, way.added - way.delivered});
    now.sinks.push_back({way.to.name, std::move(delivery)});
    if (const std::string trouble = way.to.sink->trouble(); !trouble.empty())
      now.troubles.push_back(way.to.name + ": " + trouble);
  }
  while (!items_.empty() && items_.front()->epoch <= now.delivered) {
    waiting_bytes_ -= items_.front()->outbox.size();
    items_.pop_front();
  }
  standing_ = std::move(now);
}

Publisher::Standing Publisher::standing() const {
  const std::scoped_lock lock(mutex_);
  return standing_;
}

std::uint64_t Publisher::waiting_bytes() const {
  const std::scoped_lock lock(mutex_);
  return waiting_bytes_;
}

bool Publisher::is_idle() const {
  const std::scoped_lock lock(mutex_);
  return items_.empty() && standing_.delivered == newest_;
}

}  // namespace tocsin
