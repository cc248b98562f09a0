// What the text formats share: lines out of blocks, texts into events. A format says how a record falls into texts.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "adapters/codec/plan.h"
#include "engine/base/hash.h"
#include "engine/io/decoder.h"

namespace tocsin {

class TextDecoder : public Decoder {
 public:
  TextDecoder(const CodecConfig& config, Plan plan);
  void decode(Block& block, EventBatch& into, DeadLetters& dead) override;

  // What make_event asks for.
  std::optional<DeadReason> value(Entry entry, const FieldSlot& slot, Value& out);
  std::optional<DeadReason> time(Entry entry, const TimeReader& reader, Time arrived, std::optional<Time>& out);

 protected:
  // One line or framed record, without its line break: UTF-8, not empty, not too large. Its bytes live as long as the
  // batch.
  virtual void record(std::string_view text, std::uint64_t offset) = 0;
  // Nothing more comes from this partition.
  virtual void end() {}

  void set(Entry entry, std::string_view text) { texts_[entry] = text; }
  bool has(Entry entry) const { return texts_[entry].has_value(); }
  // The event of the texts set so far, or the dead letter they make. `type` none: the texts say which.
  void finish(const TypePlan* type, std::string_view text, std::uint64_t offset);
  void bury(DeadReason reason, std::string detail, std::string_view text, std::uint64_t offset);
  void forget() { texts_.assign(texts_.size(), std::nullopt); }

  const Plan plan_;
  const std::size_t record_max_;
  std::unordered_map<std::string, Entry, TextHash, std::equal_to<>> by_name_;  // wanted fields by their dotted names
  EventBatch* batch_ = nullptr;

 private:
  void line(std::string_view text, std::uint64_t offset);
  const TypePlan* type_of_record();
  std::optional<DeadReason> item(Type type, std::string_view text, Value& out);

  std::vector<std::optional<std::string_view>> texts_;  // by Entry
  DeadLetters* dead_ = nullptr;
  SourceId source_;
  std::uint32_t partition_ = 0;
  Time own_time_;
  bool is_utf8_ = true;               // the whole block
  const TypePlan* type_ = nullptr;    // of the last record whose field decided
  const TypePlan* making_ = nullptr;  // of the event in hand
};

}  // namespace tocsin
