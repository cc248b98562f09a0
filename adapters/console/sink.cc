#include "adapters/console/sink.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <climits>
#include <cstring>
#include <deque>
#include <string>

namespace tocsin {
namespace {

// So much may wait for a reader.
constexpr std::size_t kWaitingMax = std::size_t{1} << 20;

class ConsoleSink final : public Sink {
 public:
  explicit ConsoleSink(int descriptor) : descriptor_(descriptor) {}

  Result<void> open(const std::optional<Delivery>& from, Epoch newest) override {
    delivered_ = from ? from->epoch : newest;
    return {};
  }

  Result<Written> write(Epoch epoch, std::span<const Message> messages) override {
    if (epoch <= delivered_) return Written::all;
    if (const auto pushed = push({}); !pushed) return tl::unexpected(pushed.error());
    if (waiting_.size() > kWaitingMax) return Written::full;
    for (const Message& message : messages) (waiting_ += message.body) += '\n';
    taken_ = given_ + waiting_.size();
    return push({}).map([] { return Written::all; });
  }

  Result<void> finish(Epoch epoch) override {
    if (epoch <= delivered_) return {};
    finished_.emplace_back(epoch, taken_);
    return push({});
  }

  Epoch delivered() const override { return delivered_; }
  Result<bool> drain(Duration wait) override {
    return push(wait).map([&] { return finished_.empty(); });
  }
  std::string trouble() const override {
    return waiting_.empty() ? "" : "standard output: whoever reads it does not keep up";
  }

 private:
  // What the reader takes; waits for it at most so long.
  Result<void> push(Duration wait) {
    std::size_t at = 0;
    Result<void> result;
    for (; at < waiting_.size(); wait = std::min(wait, milliseconds(100))) {
      pollfd asked{descriptor_, POLLOUT, 0};
      if (::poll(&asked, 1, static_cast<int>(std::min<std::int64_t>(wait.us / 1000, 60'000))) <= 0) break;
      // A pipe that says that it takes something takes at least this without blocking.
      const ssize_t written =
          ::write(descriptor_, waiting_.data() + at, std::min<std::size_t>(waiting_.size() - at, PIPE_BUF));
      if (written < 0 && (errno == EINTR || errno == EAGAIN)) break;
      if (written < 0) {
        result =
            failure(Error::Code::unreachable, std::string("cannot write to standard output: ") + std::strerror(errno));
        break;
      }
      at += static_cast<std::size_t>(written);
    }
    waiting_.erase(0, at);
    given_ += at;
    for (; !finished_.empty() && finished_.front().second <= given_; finished_.pop_front())
      delivered_ = finished_.front().first;
    return result;
  }

  const int descriptor_;
  std::string waiting_;
  std::uint64_t given_ = 0, taken_ = 0;                   // bytes that have left, that were taken in
  std::deque<std::pair<Epoch, std::uint64_t>> finished_;  // and what was taken in by then
  Epoch delivered_;
};

}  // namespace

std::unique_ptr<Sink> console_sink(int descriptor) { return std::make_unique<ConsoleSink>(descriptor); }

}  // namespace tocsin
