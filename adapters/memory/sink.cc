#include "adapters/memory/sink.h"

namespace tocsin {

// What was written and not confirmed is taken back: it comes again.
Result<void> MemorySink::open(const std::optional<Delivery>& from, Epoch) {
  delivery_ = from.value_or(Delivery{});
  outside_.resize(delivery_.bookmark.empty() ? 0 : std::stoul(delivery_.bookmark));
  return {};
}

Result<Written> MemorySink::write(Epoch, std::span<const Message> messages) {
  if (!may_()) return Written::full;
  for (const Message& message : messages) {
    outside_ += message.body;
    outside_ += '\n';
  }
  return Written::all;
}

Result<void> MemorySink::finish(Epoch epoch) {
  finished_.push_back({epoch, std::to_string(outside_.size())});
  return {};
}

Result<bool> MemorySink::drain(Duration) {
  for (; !finished_.empty() && may_(); finished_.pop_front()) delivery_ = finished_.front();
  return finished_.empty();
}

}  // namespace tocsin
