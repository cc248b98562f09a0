// Comma-separated records, quoted as in RFC 4180: columns by a header line or by configuration.
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <utility>

#include "adapters/codec/text.h"
#include "adapters/codec/text_lines.h"

namespace tocsin {
namespace {

constexpr std::string_view kMemory = "csv1 ";

class CsvDecoder final : public TextDecoder {
 public:
  CsvDecoder(const CodecConfig& config, Plan plan)
      : TextDecoder(config, std::move(plan)), separator_(config.separator) {
    if (!config.columns.empty()) name_columns(config.columns);
  }

  std::string memory() const override {
    return header_.empty() ? "" : fmt::format("{}{} {}", kMemory, header_offset_, header_);
  }

  // Whoever begins anew (standard input, behind a restart) may name the columns again.
  bool recall(std::string_view memory, std::uint64_t next_offset) override {
    if (memory.empty() || columns_ != 0) return true;
    if (!memory.starts_with(kMemory)) return false;
    memory.remove_prefix(kMemory.size());
    std::uint64_t offset = 0;
    const auto [end, error] = std::from_chars(memory.data(), memory.data() + memory.size(), offset);
    memory.remove_prefix(static_cast<std::size_t>(end - memory.data()));
    if (error != std::errc{} || memory.size() < 2) return false;
    if (offset >= next_offset) return true;
    memory.remove_prefix(1);
    cells_.clear();
    if (cut(memory, 0, false) != Split::whole) return false;
    name_columns(plain_cells(memory), memory, offset);
    may_be_header_ = true;
    return true;
  }

  std::optional<std::uint64_t> unfinished() const override {
    return carried_.empty() ? std::nullopt : std::optional(carried_offset_);
  }

 private:
  // Where a field stands in its record, without its quotes; in a quoted one, quotes may be doubled. No view, as the
  // record moves while it grows.
  struct Cell {
    std::size_t begin = 0, size = 0;
    bool quoted = false, doubled = false;
  };
  enum class Split { whole, open, broken };

  void record(std::string_view text, std::uint64_t offset) override {
    if (!carried_.empty()) return carry_on(text, offset);
    if (text.empty()) return;
    cells_.clear();
    const Split split = cut(text, 0, false);
    if (split != Split::open) return row(split, text, offset);
    carried_ = text;
    carried_offset_ = offset;
  }

  // One more line of a record whose quote is open. Only the new line is looked at, and the record is copied once, when
  // it is whole: a quote that nobody closes is as long as a record may be.
  void carry_on(std::string_view text, std::uint64_t offset) {
    if (carried_.size() + text.size() >= record_max_) return give_up(text, offset);
    const std::size_t known = carried_.size();
    carried_ += '\n';
    carried_ += text;
    const Split split = cut(carried_, known, true);
    if (split != Split::open) row(split, batch_->arena().text(std::exchange(carried_, {})), carried_offset_);
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

  // `text` lies in cells_, or is broken.
  void row(Split split, std::string_view text, std::uint64_t offset) {
    if (split == Split::broken) {
      return bury(DeadReason::broken_record, "a quote stands where none may stand", text, offset);
    }
    if (columns_ == 0) return name_columns(plain_cells(text), text, offset);
    if (std::exchange(may_be_header_, false) && text == header_) return;
    if (cells_.size() != columns_) {
      return bury(DeadReason::broken_record,
                  std::to_string(cells_.size()) + " columns; the header has " + std::to_string(columns_), text, offset);
    }
    if (!twice_.empty()) return bury(DeadReason::duplicate_key, "`" + twice_ + "` stands twice", text, offset);
    forget();
    for (std::size_t i = 0; i < columns_; ++i) {
      if (entries_[i] != kNoEntry && (cells_[i].quoted || cells_[i].size != 0))
        set(entries_[i], plain(cells_[i], text));
    }
    finish(nullptr, text, offset);
  }

  std::vector<std::string> plain_cells(std::string_view text) const {
    std::vector<std::string> out;
    for (const Cell& cell : cells_) out.push_back(plain_text(cell, text));
    return out;
  }

  void name_columns(const std::vector<std::string>& names, std::string_view header, std::uint64_t offset) {
    name_columns(names);
    header_ = header;
    header_offset_ = offset;
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

  // Cuts `text` into cells from `at` on; `inside`: it goes on in the quotes of the last cell. Split::open: quotes are
  // open at its end, and what will be appended is cut from there.
  Split cut(std::string_view text, std::size_t at, bool inside) {
    for (;; ++at) {
      if (!inside) {
        inside = at < text.size() && text[at] == '"';
        if (inside) ++at;
        cells_.push_back({at, 0, inside, false});
      }
      Cell& cell = cells_.back();
      if (inside) {
        at = closing_quote(text, at, cell);
        if (at == std::string_view::npos) return Split::open;
        cell.size = at++ - cell.begin;
        inside = false;
        if (at < text.size() && text[at] != separator_) return Split::broken;
      } else {
        at = std::min(text.find(separator_, at), text.size());
        cell.size = at - cell.begin;
        if (text_of(cell, text).find('"') != std::string_view::npos) return Split::broken;
      }
      if (at >= text.size()) return Split::whole;
    }
  }

  static std::size_t closing_quote(std::string_view text, std::size_t at, Cell& cell) {
    for (;; at += 2) {
      at = text.find('"', at);
      if (at == std::string_view::npos || at + 1 >= text.size() || text[at + 1] != '"') return at;
      cell.doubled = true;
    }
  }

  static std::string_view text_of(const Cell& cell, std::string_view record) {
    return record.substr(cell.begin, cell.size);
  }

  static std::string plain_text(const Cell& cell, std::string_view record) {
    const std::string_view written = text_of(cell, record);
    std::string text;
    for (std::size_t i = 0; i < written.size(); ++i) {
      text += written[i];
      if (cell.doubled && written[i] == '"') ++i;
    }
    return text;
  }

  std::string_view plain(const Cell& cell, std::string_view record) {
    return cell.doubled ? batch_->arena().text(plain_text(cell, record)) : text_of(cell, record);
  }

  const char separator_;
  std::size_t columns_ = 0;
  std::string header_;  // the line that named them; empty: the configuration did, or nobody yet
  std::uint64_t header_offset_ = 0;
  bool may_be_header_ = false;  // the next record may be that line once more
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
