// `key=value key="two words"`, one record a line.
#include <span>
#include <utility>

#include "adapters/codec/escape.h"
#include "adapters/codec/text.h"
#include "adapters/codec/text_lines.h"

namespace tocsin {
namespace {

bool is_blank(char c) { return c == ' ' || c == '\t'; }

class LogfmtDecoder final : public TextDecoder {
 public:
  using TextDecoder::TextDecoder;
  bool remembers() const override { return false; }

 private:
  void record(std::string_view text, std::uint64_t offset) override {
    forget();
    std::size_t at = 0;
    bool any = false;
    for (;;) {
      while (at < text.size() && is_blank(text[at])) ++at;
      if (at == text.size()) break;
      any = true;
      const std::size_t key_begin = at;
      while (at < text.size() && !is_blank(text[at]) && text[at] != '=') ++at;
      const std::string_view key = text.substr(key_begin, at - key_begin);
      std::string_view value = "true";
      if (key.empty() || key.find('"') != std::string_view::npos) {
        return bury(DeadReason::broken_record, "a key should stand here", text, offset);
      }
      bool there = true;
      if (at < text.size() && text[at] == '=') {
        ++at;
        if (!take_value(text, at, value, there)) {
          return bury(DeadReason::broken_record, "a quoted value is not closed, or holds an escape that means nothing",
                      text, offset);
        }
      }
      const auto wanted = by_name_.find(key);
      if (wanted == by_name_.end() || !there) continue;
      if (has(wanted->second))
        return bury(DeadReason::duplicate_key, "`" + wanted->first + "` stands twice", text, offset);
      set(wanted->second, value);
    }
    if (any) finish(nullptr, text, offset);
  }

  bool take_value(std::string_view text, std::size_t& at, std::string_view& value, bool& there) {
    const std::size_t begin = at;
    if (at == text.size() || text[at] != '"') {
      while (at < text.size() && !is_blank(text[at])) ++at;
      value = text.substr(begin, at - begin);
      there = !value.empty();
      return true;
    }
    bool escaped = false;
    for (++at; at < text.size() && text[at] != '"'; ++at) {
      if (text[at] != '\\') continue;
      escaped = true;
      ++at;
    }
    if (at >= text.size()) return false;
    value = text.substr(begin + 1, at - begin - 1);
    ++at;
    if (at < text.size() && !is_blank(text[at])) return false;
    if (!escaped) return true;
    const std::span<char> room = batch_->arena().array<char>(value.size());
    const auto size = unescape_json(value, room.data());
    if (!size) return false;
    value = {room.data(), *size};
    return true;
  }
};

}  // namespace

std::unique_ptr<Decoder> make_logfmt_decoder(const CodecConfig& config, Plan plan) {
  return std::make_unique<LogfmtDecoder>(config, std::move(plan));
}

}  // namespace tocsin
