#include "adapters/webhook/sink.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <utility>

#include "engine/base/contract.h"
#include "engine/base/hash.h"

namespace tocsin {
namespace {

constexpr Duration kFirstPause = milliseconds(500), kLongestPause = minutes(1), kLongestAsked = hours(1);

enum class Verdict : std::uint8_t { delivered, again, never };

Verdict verdict_of(int status) {
  if (status >= 200 && status < 300) return Verdict::delivered;
  // A token that has run out, a redirect: for people to mend, and no fault of the alert.
  constexpr int kAgain[] = {401, 403, 408, 425, 429};
  if (status >= 400 && status < 500 && std::ranges::find(kAgain, status) == std::end(kAgain)) return Verdict::never;
  return Verdict::again;
}

class WebhookSink final : public Sink {
 public:
  WebhookSink(const WebhookConfig& config, WebhookParts parts, bool by_hand)
      : config_(config), parts_(std::move(parts)), by_hand_(by_hand) {
    TOCSIN_ASSERT(parts_.poster != nullptr && parts_.clock != nullptr && config_.batch > 0);
    if (!by_hand) thread_ = std::thread([this] { run(); });
  }
  ~WebhookSink() override {
    {
      const std::scoped_lock lock(mutex_);
      stops_ = true;
    }
    parts_.poster->stop();
    news_.notify_all();
    if (thread_.joinable()) thread_.join();
  }

  Result<void> open(const std::optional<Delivery>& from, Epoch newest) override {
    const std::scoped_lock lock(mutex_);
    delivered_ = from ? from->epoch : newest;
    return {};
  }

  Result<Written> write(Epoch epoch, std::span<const Message> messages) override {
    const std::scoped_lock lock(mutex_);
    if (epoch <= delivered_) return Written::all;
    if (waiting_bytes_ >= config_.waiting_max) return Written::full;
    for (const Message& message : messages) {
      waiting_bytes_ += message.body.size();
      waiting_.push_back({std::string(message.id), std::string(message.body), parts_.clock->elapsed()});
    }
    taken_ += messages.size();
    news_.notify_all();
    return Written::all;
  }

  Result<void> finish(Epoch epoch) override {
    const std::scoped_lock lock(mutex_);
    if (epoch <= delivered_) return {};
    finished_.emplace_back(epoch, taken_);
    settle();
    return {};
  }

  Epoch delivered() const override {
    const std::scoped_lock lock(mutex_);
    return delivered_;
  }
  std::string trouble() const override {
    const std::scoped_lock lock(mutex_);
    return trouble_;
  }

  Result<bool> drain(Duration wait) override {
    if (by_hand_)
      while (post_next()) {
      }
    std::unique_lock lock(mutex_);
    if (!by_hand_) news_.wait_for(lock, std::chrono::microseconds(wait.us), [&] { return finished_.empty(); });
    return finished_.empty();
  }

 private:
  struct Waiting {
    std::string id, body;
    Duration since{};
  };

  void run() {
    for (;;) {
      {
        std::unique_lock lock(mutex_);
        while (!stops_ && (waiting_.empty() || parts_.clock->elapsed() < due_)) {
          const Duration pause = waiting_.empty() ? minutes(1) : due_ - parts_.clock->elapsed();
          news_.wait_for(lock, std::chrono::microseconds(std::max<std::int64_t>(pause.us, 1'000)));
        }
        if (stops_) return;
      }
      post_next();
    }
  }

  // One request; false: nothing is due. Only here are alerts taken away.
  bool post_next() {
    Posting posting;
    std::size_t count = 0;
    {
      const std::scoped_lock lock(mutex_);
      if (waiting_.empty() || stops_ || parts_.clock->elapsed() < due_) return false;
      count = fill(posting);
    }
    const PostAnswer answer = parts_.poster->post(posting);
    const std::scoped_lock lock(mutex_);
    if (stops_) return false;  // given up in the middle: it comes again
    judge(answer, count);
    settle();
    news_.notify_all();
    return true;
  }

  std::size_t fill(Posting& posting) const {
    const std::size_t most = alone_ > 0 ? 1 : std::min(config_.batch, waiting_.size());
    std::size_t count = 0;
    std::string ids;
    for (; count < most; ++count) {
      const Waiting& one = waiting_[count];
      if (count > 0 && posting.body.size() + one.body.size() > config_.request_max) break;
      posting.body += (count > 0 ? "," : "") + one.body;
      ids += one.id + '\n';
    }
    if (config_.batch > 1) posting.body = "[" + posting.body + "]";
    posting.key = count == 1 ? waiting_.front().id : fmt::format("{:016x}", hash_bytes(ids));
    // A header's value: nothing that could end it.
    std::erase_if(posting.key, [](unsigned char c) { return c <= ' ' || c >= 0x7F; });
    return count;
  }

  void judge(const PostAnswer& answer, std::size_t count) {
    switch (verdict_of(answer.status)) {
      case Verdict::delivered:
        return take_away(count);
      case Verdict::never:
        if (count > 1) {
          alone_ = count;  // which of them is it?
          return;
        }
        bury(answer.words);
        return take_away(1);
      case Verdict::again:
        break;
    }
    const Duration now = parts_.clock->elapsed();
    while (!waiting_.empty() && now - waiting_.front().since >= config_.give_up) {
      bury(answer.words);
      take_away(1);
    }
    trouble_ = answer.words;
    const std::int64_t growing = kFirstPause.us << std::min(failures_++, 7u);
    const Duration most{std::min(growing, kLongestPause.us)};
    due_ = now + std::max(Duration{static_cast<std::int64_t>(static_cast<double>(most.us) * (1 + parts_.random()) / 2)},
                          std::min(answer.retry_after.value_or(Duration{}), kLongestAsked));
  }

  void bury(const std::string& why) const {
    if (parts_.dead) parts_.dead(waiting_.front().id, waiting_.front().body, why);
  }

  void take_away(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) {
      waiting_bytes_ -= waiting_.front().body.size();
      waiting_.pop_front();
    }
    done_ += count;
    alone_ -= std::min(alone_, count);
    failures_ = 0;
    due_ = {};
    trouble_.clear();
  }

  void settle() {
    for (; !finished_.empty() && finished_.front().second <= done_; finished_.pop_front())
      delivered_ = finished_.front().first;
  }

  const WebhookConfig config_;
  const WebhookParts parts_;
  const bool by_hand_;

  mutable std::mutex mutex_;
  std::condition_variable news_;
  std::deque<Waiting> waiting_;
  std::size_t waiting_bytes_ = 0;
  std::size_t alone_ = 0;  // so many are posted one by one, as together they were refused
  std::uint64_t taken_ = 0, done_ = 0;
  std::deque<std::pair<Epoch, std::uint64_t>> finished_;  // and what had been taken by then
  Epoch delivered_;
  std::string trouble_;
  unsigned failures_ = 0;
  Duration due_{};
  bool stops_ = false;
  std::thread thread_;
};

}  // namespace

std::unique_ptr<Sink> webhook_sink(const WebhookConfig& config, WebhookParts parts) {
  return std::make_unique<WebhookSink>(config, std::move(parts), false);
}

std::unique_ptr<Sink> webhook_sink_by_hand(const WebhookConfig& config, WebhookParts parts) {
  return std::make_unique<WebhookSink>(config, std::move(parts), true);
}

}  // namespace tocsin
