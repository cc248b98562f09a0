#include "adapters/codec/text_lines.h"

#include <simdjson.h>

#include <algorithm>
#include <span>

#include "engine/base/utf8.h"

namespace tocsin {

TextDecoder::TextDecoder(const CodecConfig& config, Plan plan)
    : plan_(std::move(plan)), record_max_(config.record_max), texts_(plan_.paths.size()) {
  for (Entry entry = 0; entry < plan_.paths.size(); ++entry) by_name_.emplace(plan_.joined(entry), entry);
}

void TextDecoder::decode(Block& block, EventBatch& into, DeadLetters& dead) {
  batch_ = &into;
  dead_ = &dead;
  source_ = block.source;
  partition_ = block.partition;
  std::string_view text = block.bytes.view();
  if (block.cut) {
    bury(DeadReason::too_large, complain_of_size(text.size(), true, record_max_), text, block.first_offset);
    text = {};
  }
  if (block.first_offset == 1) text.remove_prefix(size_of_mark(text));
  is_utf8_ = simdjson::validate_utf8(text.data(), text.size());
  for (const Record& r : block.records) {
    own_time_ = r.time.value_or(block.arrived);
    line(block.bytes.view().substr(r.begin, r.size), r.offset);
  }
  own_time_ = block.arrived;
  if (!block.records.empty()) text = {};
  for (std::uint64_t number = block.first_offset; !text.empty(); ++number) {
    const std::size_t length = std::min(text.find('\n'), text.size());
    line(text.substr(0, length), number);
    text.remove_prefix(std::min(length + 1, text.size()));
  }
  if (block.ends) end();
  // Also where no event came of it: a format may still hold texts of it until the next block.
  if (!block.bytes.empty()) block.bytes = into.hold(std::move(block.bytes));
}

void TextDecoder::line(std::string_view text, std::uint64_t offset) {
  if (text.ends_with('\r')) text.remove_suffix(1);
  if (!is_utf8_ && !simdjson::validate_utf8(text.data(), text.size())) {
    return bury(DeadReason::invalid_utf8, "not UTF-8", text, offset);
  }
  if (text.size() > record_max_) {
    return bury(DeadReason::too_large, complain_of_size(text.size(), false, record_max_), text, offset);
  }
  record(text, offset);
}

void TextDecoder::bury(DeadReason reason, std::string detail, std::string_view text, std::uint64_t offset) {
  dead_->add(reason, {source_, partition_, offset}, std::move(detail), text);
}

const TypePlan* TextDecoder::type_of_record() {
  if (plan_.fixed != kNoEntry) return &plan_.types[plan_.fixed];
  if (!has(plan_.event_entry)) return nullptr;
  const std::string_view name = *texts_[plan_.event_entry];
  if (type_ == nullptr || type_->type->name != name) type_ = plan_.find(name);
  return type_;
}

void TextDecoder::finish(const TypePlan* type, std::string_view text, std::uint64_t offset) {
  if (type == nullptr) type = type_of_record();
  if (type == nullptr) {
    const bool missing = !has(plan_.event_entry);
    return bury(DeadReason::unknown_event,
                missing ? "`" + plan_.event_field + "` is missing"
                        : "no event is called `" + std::string(texts_[plan_.event_entry]->substr(0, 100)) + "`",
                text, offset);
  }
  making_ = type;
  Complaint complaint;
  if (make_event(*type, *this, {source_, partition_, offset}, own_time_, *batch_, complaint)) return;
  const bool of_time = complaint.reason == DeadReason::missing_time || complaint.reason == DeadReason::unreadable_time;
  if (of_time) complaint.detail = "`" + plan_.joined(type->time_entry) + "`";
  bury(complaint.reason, std::move(complaint.detail), text, offset);
}

std::optional<DeadReason> TextDecoder::value(Entry entry, const FieldSlot& slot, Value& out) {
  if (!has(entry)) return {};
  if (!slot.list) return item(slot.type, *texts_[entry], out);
  // A text is a list of one: these formats have no other.
  Value one;
  if (const auto fault = item(slot.type, *texts_[entry], one)) return fault;
  out = Value::list(batch_->arena().copy(std::span<const Value>(&one, 1)));
  return {};
}

std::optional<DeadReason> TextDecoder::item(Type type, std::string_view text, Value& out) {
  if (type != Type::time) return convert_text(type, text, batch_->arena(), out);
  const std::optional<Time> time = making_->plain.read(text, own_time_);
  if (!time) return DeadReason::wrong_type;
  out = Value::time(*time);
  return {};
}

std::optional<DeadReason> TextDecoder::time(Entry entry, const TimeReader& reader, Time arrived,
                                            std::optional<Time>& out) {
  if (!has(entry)) return {};
  out = reader.read(*texts_[entry], arrived);
  return out ? std::nullopt : std::optional(DeadReason::unreadable_time);
}

}  // namespace tocsin
