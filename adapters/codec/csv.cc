// Comma-separated records, quoted as in RFC 4180: columns by a header line or by configuration.
#include <algorithm>
#include <utility>

#include "adapters/codec/text.h"
#include "adapters/codec/text_lines.h"

namespace tocsin {
namespace {

class CsvDecoder final : public TextDecoder {
 public:
  CsvDecoder(const CodecConfig& config, Plan plan)
      : TextDecoder(config, std::move(plan)), separator_(config.separator) {
    if (!config.columns.empty()) name_columns(config.columns);
  }

 private:
  // What stands in one field: a view of the record, or its own text where quotes were doubled.
  struct Cell {
    std::string_view text;
    bool quoted = false, doubled = false;
  };
  enum class Split { whole, open, broken };

  void record(std::string_view text, std::uint64_t offset) override {
    if (carried_.empty()) {
      if (!text.empty()) row(text, offset);
      return;
    }
    if (carried_.size() + text.size() >= record_max_) return give_up(text, offset);
    carried_ += '\n';
    carried_ += text;
    // Only a quote can close what is open.
    if (text.find('"') == std::string_view::npos) return;
    const std::string_view kept = batch_->arena().text(std::exchange(carried_, {}));
    row(kept, carried_offset_);
  }

  void end() override {
    while (!carried_.empty()) give_up({}, 0);  // each time at least one line goes
  }

  // The open quote was a mistake: the line it stands in is broken, those behind it are read again as they are.
  void give_up(std::string_view last, std::uint64_t last_offset) {
    const std::string_view kept = batch_->arena().text(std::exchange(carried_, {}));
    const std::size_t first = std::min(kept.find('\n'), kept.size());
    bury(DeadReason::broken_record, "a quote is not closed", kept.substr(0, first), carried_offset_);
    std::uint64_t number = carried_offset_;
    for (std::size_t from = first + 1; from <= kept.size();) {
      const std::size_t to = std::min(kept.find('\n', from), kept.size());
      record(kept.substr(from, to - from), ++number);
      from = to + 1;
    }
    if (last_offset != 0) record(last, last_offset);
  }

  void row(std::string_view text, std::uint64_t offset) {
    switch (split(text)) {
      case Split::open:
        carried_ = text;
        carried_offset_ = offset;
        return;
      case Split::broken:
        return bury(DeadReason::broken_record, "a quote stands where none may stand", text, offset);
      case Split::whole:
        break;
    }
    if (columns_ == 0) {
      std::vector<std::string> names;
      for (const Cell& cell : cells_) names.emplace_back(plain(cell));
      return name_columns(names);
    }
    if (cells_.size() != columns_) {
      return bury(DeadReason::broken_record,
                  std::to_string(cells_.size()) + " columns; the header has " + std::to_string(columns_), text, offset);
    }
    if (!twice_.empty()) return bury(DeadReason::duplicate_key, "`" + twice_ + "` stands twice", text, offset);
    forget();
    for (std::size_t i = 0; i < columns_; ++i) {
      if (entries_[i] != kNoEntry && (cells_[i].quoted || !cells_[i].text.empty())) set(entries_[i], plain(cells_[i]));
    }
    finish(nullptr, text, offset);
  }

  void name_columns(const std::vector<std::string>& names) {
    columns_ = names.size();
    for (const std::string& name : names) {
      const auto wanted = by_name_.find(name);
      const Entry entry = wanted == by_name_.end() ? kNoEntry : wanted->second;
      if (entry != kNoEntry && std::ranges::find(entries_, entry) != entries_.end()) twice_ = name;
      entries_.push_back(entry);
    }
  }

  Split split(std::string_view text) {
    cells_.clear();
    for (std::size_t at = 0;; ++at) {
      Cell cell;
      if (at < text.size() && text[at] == '"') {
        cell.quoted = true;
        const std::size_t begin = ++at;
        for (;; at += 2) {
          at = text.find('"', at);
          if (at == std::string_view::npos) return Split::open;
          if (at + 1 >= text.size() || text[at + 1] != '"') break;
          cell.doubled = true;
        }
        cell.text = text.substr(begin, at - begin);
        ++at;
        if (at < text.size() && text[at] != separator_) return Split::broken;
      } else {
        const std::size_t end = std::min(text.find(separator_, at), text.size());
        cell.text = text.substr(at, end - at);
        if (cell.text.find('"') != std::string_view::npos) return Split::broken;
        at = end;
      }
      cells_.push_back(cell);
      if (at >= text.size()) return Split::whole;
    }
  }

  std::string_view plain(const Cell& cell) {
    if (!cell.doubled) return cell.text;
    std::string text;
    for (std::size_t i = 0; i < cell.text.size(); ++i) {
      text += cell.text[i];
      if (cell.text[i] == '"') ++i;
    }
    return batch_->arena().text(text);
  }

  const char separator_;
  std::size_t columns_ = 0;
  std::vector<Entry> entries_;  // by column
  std::string twice_;           // a column that some rule reads and the header has twice: nobody knows which is meant
  std::vector<Cell> cells_;
  std::string carried_;  // a record whose quote is still open
  std::uint64_t carried_offset_ = 0;
};

}  // namespace

std::unique_ptr<Decoder> make_csv_decoder(const CodecConfig& config, Plan plan) {
  return std::make_unique<CsvDecoder>(config, std::move(plan));
}

}  // namespace tocsin
