// Lines of any shape, by regular expressions whose named groups are the fields; the first that fits names the event.
#include <re2/re2.h>

#include <algorithm>
#include <utility>

#include "adapters/codec/text.h"
#include "adapters/codec/text_lines.h"

namespace tocsin {
namespace {

// Group names have no dots: a__b is a.b.
std::string dotted(const std::string& group) {
  std::string name;
  for (std::size_t i = 0; i < group.size(); ++i) {
    const bool two = group.compare(i, 2, "__") == 0 && i > 0 && i + 2 < group.size();
    name += two ? '.' : group[i];
    i += two;
  }
  return name;
}

std::unique_ptr<RE2> compiled(const LineRule& line) {
  RE2::Options options;
  options.set_log_errors(false);
  return std::make_unique<RE2>(line.regex, options);
}

// One `[[source.NAME.line]]`.
struct LinePattern {
  std::unique_ptr<RE2> regex;
  const TypePlan* type = nullptr;             // none: no rule reads this event
  std::vector<std::pair<int, Entry>> fields;  // group -> field
  int groups = 0;                             // the largest that is wanted, and the whole
};

class RegexDecoder final : public TextDecoder {
 public:
  using TextDecoder::TextDecoder;
  bool remembers() const override { return false; }

  Result<void> add(const LineRule& rule) {
    LinePattern line;
    line.regex = compiled(rule);
    if (!line.regex->ok()) {
      return failure(Error::Code::malformed,
                     "the regular expression for `" + rule.event + "` is not one: " + line.regex->error());
    }
    line.type = plan_.find(rule.event);
    for (const auto& [name, group] : line.regex->NamedCapturingGroups()) {
      const auto wanted = by_name_.find(dotted(name));
      if (wanted == by_name_.end()) continue;
      line.fields.emplace_back(group, wanted->second);
      line.groups = std::max(line.groups, group);
    }
    lines_.push_back(std::move(line));
    return {};
  }

 private:
  void record(std::string_view text, std::uint64_t offset) override {
    if (text.empty()) return;
    for (const LinePattern& line : lines_) {
      found_.assign(static_cast<std::size_t>(line.groups) + 1, re2::StringPiece());
      const re2::StringPiece piece(text.data(), text.size());
      if (!line.regex->Match(piece, 0, text.size(), RE2::UNANCHORED, found_.data(), line.groups + 1)) continue;
      if (line.type == nullptr) return;
      forget();
      for (const auto& [group, entry] : line.fields) {
        const re2::StringPiece& part = found_[static_cast<std::size_t>(group)];
        if (!part.empty()) set(entry, {part.data(), part.size()});
      }
      return finish(line.type, text, offset);
    }
    bury(DeadReason::no_line_fits, "none of " + std::to_string(lines_.size()) + " expressions", text, offset);
  }

  std::vector<LinePattern> lines_;
  std::vector<re2::StringPiece> found_;
};

}  // namespace

std::optional<std::vector<std::string>> fields_of(const LineRule& line) {
  const auto regex = compiled(line);
  if (!regex->ok()) return std::nullopt;
  std::vector<std::string> fields;
  for (const auto& [number, name] : regex->CapturingGroupNames()) fields.push_back(dotted(name));
  return fields;
}

Result<std::unique_ptr<Decoder>> make_regex_decoder(const CodecConfig& config, Plan plan) {
  auto decoder = std::make_unique<RegexDecoder>(config, std::move(plan));
  if (config.lines.empty()) return failure(Error::Code::refused, "a regex source needs at least one `line`");
  for (const LineRule& rule : config.lines) {
    if (const Result<void> added = decoder->add(rule); !added) return tl::unexpected(added.error());
  }
  return decoder;
}

}  // namespace tocsin
