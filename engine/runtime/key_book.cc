#include "engine/runtime/key_book.h"

#include <algorithm>

#include "engine/base/hash.h"
#include "engine/event/key.h"

namespace tocsin {

std::size_t KeyBook::number_of(const std::vector<SlotId>& by) {
  const auto known = std::find(bys_.begin(), bys_.end(), by);
  if (known != bys_.end()) return static_cast<std::size_t>(known - bys_.begin());
  bys_.push_back(by);
  entries_.resize(bys_.size() * kAhead);
  return bys_.size() - 1;
}

void KeyBook::begin() {
  ++stamp_;
  arena_.clear();
}

// Part by part into its place: what is copied right after it was written in parts has to wait for the writes.
void KeyBook::work_out(const std::vector<SlotId>& by, const Event& event, EventKey& out) {
  if (by.size() == 1 && event.fields[by[0].index].type() == Type::text) {  // nearly all; written where it stays
    const std::string_view text = event.fields[by[0].index].as_text();
    const std::span<char> bytes = arena_.array<char>(text.size() + kTextKeyExtra);
    write_text_key(bytes.data(), text);
    out.bytes = {bytes.data(), bytes.size()};
    out.hash = hash_of_text_key(text);
  } else {
    buffer_.clear();
    for (const SlotId part : by) {
      const Value& value = event.fields[part.index];
      out.missing = value.is_missing();
      if (out.missing) return;
      append_key(buffer_, value);
    }
    out.bytes = arena_.text(buffer_);
    out.hash = hash_of_key(buffer_);
  }
  out.missing = false;
}

}  // namespace tocsin
