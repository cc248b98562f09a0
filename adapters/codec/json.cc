#include "adapters/codec/json.h"

#include <simdjson.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "adapters/codec/escape.h"
#include "adapters/codec/json_shape.h"
#include "adapters/codec/json_token.h"
#include "adapters/codec/key_table.h"
#include "engine/base/contract.h"
#include "engine/base/text.h"
#include "engine/base/utf8.h"

namespace tocsin {
namespace {

using Fault = std::optional<DeadReason>;
constexpr std::uint32_t kNoToken = 0xffffffff;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

// ----- stage 1 -----------------------------------------------------------------------------------------

// Positions of brackets, colons, commas, and of the first byte of each string and scalar.
class Structure {
 public:
  simdjson::error_code find(const char* bytes, std::size_t size) {
    if (size > capacity_ || !parser_) grow(size);
    return parser_->stage1(reinterpret_cast<const std::uint8_t*>(bytes), size, simdjson::stage1_mode::regular);
  }
  // The end of the bytes stands behind the last position.
  const std::uint32_t* tokens() const { return parser_->structural_indexes.get(); }
  std::size_t size() const { return parser_->n_structural_indexes; }

 private:
  void grow(std::size_t size) {
    capacity_ = std::max<std::size_t>(size, std::size_t{256} << 10);
    const auto error = simdjson::get_active_implementation()->create_dom_parser_implementation(capacity_, 1, parser_);
    TOCSIN_ASSERT(error == simdjson::SUCCESS);
  }
  std::unique_ptr<simdjson::internal::dom_parser_implementation> parser_;
  std::size_t capacity_ = 0;
};

// ----- the fields that are looked for -------------------------------------------------------------------

// The keys of one object that matter: a field's value stands there, or an object with fields in it, or both.
struct Node {
  struct Key {
    std::string name;
    Entry leaf = kNoEntry;
    std::uint32_t child = kNoToken;
  };
  std::vector<Key> keys;
  std::optional<KeyTable> table;

  Key& key(const std::string& name) {
    const auto it = std::find_if(keys.begin(), keys.end(), [&](const Key& k) { return k.name == name; });
    return it != keys.end() ? *it : keys.emplace_back(Key{.name = name});
  }
};

// Nodes by number; 0 is the record itself.
std::vector<Node> make_tree(const Plan& plan) {
  std::vector<Node> nodes(1);
  for (Entry entry = 0; entry < plan.paths.size(); ++entry) {
    const std::vector<std::string>& path = plan.paths[entry];
    std::uint32_t at = 0;
    for (std::size_t i = 0; i + 1 < path.size(); ++i) {
      if (nodes[at].key(path[i]).child == kNoToken) {
        nodes[at].key(path[i]).child = static_cast<std::uint32_t>(nodes.size());
        nodes.emplace_back();
      }
      at = nodes[at].key(path[i]).child;
    }
    nodes[at].key(path.back()).leaf = entry;
    // A nested field may also come as one dotted name.
    if (path.size() > 1) nodes[0].key(plan.joined(entry)).leaf = entry;
  }
  for (Node& node : nodes) {
    std::vector<std::string> names;
    for (const Node::Key& key : node.keys) names.push_back(key.name);
    node.table.emplace(names);
  }
  return nodes;
}

// ----- numbers and strings ------------------------------------------------------------------------------

constexpr std::int64_t kTens[] = {1, 10, 100, 1'000, 10'000, 100'000, 1'000'000, 10'000'000, 100'000'000};

// Eight digits, the first in the lowest byte; false when one of them is none.
bool eight_digits(std::uint64_t w, std::int64_t& value) {
  if ((((w + 0x4646464646464646) | (w - 0x3030303030303030)) & 0x8080808080808080) != 0) return false;
  w = (w & 0x0f0f0f0f0f0f0f0f) * 2561 >> 8;
  w = (w & 0x00ff00ff00ff00ff) * 6553601 >> 16;
  w = (w & 0x0000ffff0000ffff) * 42949672960001 >> 32;
  value = static_cast<std::int64_t>(w);
  return true;
}

// The first n of the eight bytes as digits, with zeros before them. REQUIRES: 1 <= n <= 8, eight bytes may be read.
bool some_digits(const char* at, std::size_t n, std::int64_t& value) {
  constexpr std::uint64_t kZeros = 0x3030303030303030;
  static_assert(std::endian::native == std::endian::little);
  std::uint64_t w;
  std::memcpy(&w, at, sizeof w);
  if (n < 8) w = w << (64 - 8 * n) | kZeros >> (8 * n);
  return eight_digits(w, value);
}

// A whole number of at most 16 digits as JSON writes it; anything else takes the longer way. REQUIRES: 16 bytes may be
// read.
bool short_integer(std::string_view text, std::int64_t& value) {
  const char* at = text.data();
  std::size_t n = text.size();
  const bool negative = *at == '-';
  at += negative;
  n -= negative;
  if (n - 1 >= 16 || (*at == '0' && n > 1)) return false;
  std::int64_t number = 0;
  if (!some_digits(at, std::min<std::size_t>(n, 8), number)) return false;
  if (n > 8) {
    std::int64_t rest = 0;
    if (!some_digits(at + 8, n - 8, rest)) return false;
    number = number * kTens[n - 8] + rest;
  }
  value = negative ? -number : number;
  return true;
}

// The same for numbers that lie near each other, as times do: their first eight digits are seldom others than before.
class NearNumbers {
 public:
  bool read(std::string_view text, std::int64_t& value) {
    if (text.size() - 9 > 7) return short_integer(text, value);
    std::uint64_t first;
    std::memcpy(&first, text.data(), sizeof first);
    std::int64_t rest = 0;
    if (first != first_) {
      if (!short_integer(text, value)) return false;
      first_ = '-' == text.front() ? 0 : first;
      return first_ == 0 || some_digits(text.data(), 8, number_);
    }
    if (!some_digits(text.data() + 8, text.size() - 8, rest)) return false;
    value = number_ * kTens[text.size() - 8] + rest;
    return true;
  }

 private:
  std::uint64_t first_ = 0;  // eight bytes; no digits: there were none yet
  std::int64_t number_ = 0;
};

// A plain decimal fraction whose digits fit a double exactly: one division rounds right (Clinger's fast path).
bool short_decimal(std::string_view text, double& value) {
  static constexpr double kPowers[] = {1e0, 1e1, 1e2,  1e3,  1e4,  1e5,  1e6,  1e7,
                                       1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15};
  const char *at = text.data(), *end = at + text.size();
  const bool negative = *at == '-';
  at += negative;
  if (end - at > 16 || at == end || (*at == '0' && end - at > 1 && at[1] != '.')) return false;
  std::int64_t n = 0;
  const char* first = at;
  for (; at != end && is_digit(*at); ++at) n = n * 10 + (*at - '0');
  if (at == first) return false;
  std::ptrdiff_t decimals = 0;
  if (at != end) {
    if (*at != '.' || at + 1 == end) return false;
    const char* point = at;
    for (++at; at != end && is_digit(*at); ++at) n = n * 10 + (*at - '0');
    if (at != end) return false;
    decimals = at - point - 1;
  }
  if (n > (std::int64_t{1} << 53)) return false;
  const double magnitude = static_cast<double>(n) / kPowers[decimals];
  value = negative ? -magnitude : magnitude;
  return true;
}

// The grammar of RFC 8259.
bool is_json_number(std::string_view text) {
  std::size_t i = text.starts_with('-') ? 1 : 0;
  const auto digits = [&] {
    const std::size_t from = i;
    while (i < text.size() && is_digit(text[i])) ++i;
    return i - from;
  };
  const bool zero = i < text.size() && text[i] == '0';
  const std::size_t whole = digits();
  if (whole == 0 || (zero && whole > 1)) return false;
  if (i < text.size() && text[i] == '.') {
    ++i;
    if (digits() == 0) return false;
  }
  if (i < text.size() && (text[i] == 'e' || text[i] == 'E')) {
    ++i;
    if (i < text.size() && (text[i] == '+' || text[i] == '-')) ++i;
    if (digits() == 0) return false;
  }
  return i == text.size();
}

Fault convert_integer(std::string_view text, Value& out) {
  std::int64_t n = 0;
  if (short_integer(text, n)) [[likely]] {
    out = Value::integer(n);
    return {};
  }
  if (!is_json_number(text)) return DeadReason::broken_record;
  const NumberText outcome = parse_integer(text, n);
  out = Value::integer(n);
  if (outcome == NumberText::good) return {};
  if (outcome == NumberText::out_of_range) return DeadReason::out_of_range;
  // 5.0 and 1e3 are whole numbers too.
  double d = 0;
  if (parse_floating(text, d) != NumberText::good) return DeadReason::out_of_range;
  if (d != std::floor(d)) return DeadReason::wrong_type;
  if (!(d >= -0x1p63 && d < 0x1p63)) return DeadReason::out_of_range;
  out = Value::integer(static_cast<std::int64_t>(d));
  return {};
}

Fault convert_floating(std::string_view text, Value& out) {
  double d = 0;
  if (!short_decimal(text, d)) [[unlikely]] {
    if (!is_json_number(text)) return DeadReason::broken_record;
    if (parse_floating(text, d) != NumberText::good) return DeadReason::out_of_range;
  }
  out = Value::floating(d);
  return {};
}

// A number where nobody said which kind: an int if it is written as one and fits.
Fault convert_number(std::string_view text, Value& out) {
  std::int64_t n = 0;
  if (short_integer(text, n) || (is_json_number(text) && parse_integer(text, n) == NumberText::good)) {
    out = Value::integer(n);
    return {};
  }
  return convert_floating(text, out);
}

// A time, duration or address, written as a text or, `quoted` false, as a number that is one.
Fault convert_written(Type type, std::string_view text, bool quoted, const TypePlan& plan, Arena& arena, Value& out) {
  if (type == Type::time) {
    const std::optional<Time> time = plan.plain.read(text, Time{});
    if (time) out = Value::time(*time);
    return time ? Fault{} : DeadReason::wrong_type;
  }
  if (type == Type::ip && !quoted) return DeadReason::wrong_type;
  return convert_text(type, text, arena, out);
}

// ----- the decoder --------------------------------------------------------------------------------------

// Lines are plain or they are not, mostly for as long as their source lives. A line that is not costs more when it was
// taken for plain and has to be looked at by itself; so a block with many of those is followed by some that are not
// tried, ever more of them.
class PlainPace {
 public:
  bool may_try() {
    if (pause_ == 0) return true;
    --pause_;
    return false;
  }
  void tried(std::size_t lines, std::size_t plain) {
    next_ = (lines - plain) * 4 > lines ? std::min<std::size_t>(next_ * 2 + 1, 63) : 0;
    pause_ = next_;
  }

 private:
  std::size_t pause_ = 0, next_ = 0;  // blocks
};

// Where a field stands in a line of a known shape.
struct PlainPlace {
  std::uint32_t number = kNoToken;  // of its value
  std::uint32_t key_size = 0;       // of what stands before it
  std::string_view written(const char* const* ends) const {
    const char* begin = ends[number] + key_size;
    return {begin, static_cast<std::size_t>(ends[number + 1] - begin)};
  }
};

// The values of a plain line (json_shape.h), for make_event. What it cannot tell at once is `kDoubt`: then the line is
// looked at in the other way, which knows what it is.
class PlainFields {
 public:
  static constexpr DeadReason kDoubt = DeadReason::broken_record;

  PlainFields(std::span<const PlainPlace> places, const char* const* ends, const TypePlan& type, Arena& arena)
      : places_(places), ends_(ends), type_(type), arena_(arena) {}

  Fault value(Entry entry, const FieldSlot& slot, Value& out) const;
  Fault time(Entry entry, const TimeReader& reader, Time arrived, std::optional<Time>& out) const;

 private:
  std::span<const PlainPlace> places_;  // by Entry
  const char* const* ends_;
  const TypePlan& type_;
  Arena& arena_;
};

// How lines of one shape become events of one type, where every field is written as its type is, nearly always: then
// all that is left to do is worked out once.
struct PlainRow {
  struct Field {
    std::uint32_t slot = 0;
    Type type = Type::missing;
    PlainPlace place;
  };
  const TypePlan* type = nullptr;
  std::vector<Field> fields;  // all but the timestamp; those that lines of the shape do not have are `missing`
  PlainPlace time;            // none: the record's own time
  bool is_usual = true;       // false: they are put together one by one (make_event)
};

PlainRow make_plain_row(const TypePlan& plan, std::span<const PlainPlace> places) {
  PlainRow out, none;
  out.type = none.type = &plan;
  none.is_usual = false;
  if (plan.time_entry != kNoEntry) {
    out.time = places[plan.time_entry];
    if (out.time.number == kNoToken || plan.time.has_format()) return none;
  }
  const EventType& type = *plan.type;
  for (std::uint32_t i = 0; i < type.fields.size(); ++i) {
    if (i == plan.time_slot) continue;
    const FieldSlot& slot = type.fields[i];
    const PlainPlace& place = places[plan.entries[i]];
    if (place.number == kNoToken) {
      if (slot.required || (type.timestamp && type.timestamp->index == i)) return none;
      out.fields.push_back({i, Type::missing, {}});
      continue;
    }
    const bool is_simple = slot.type == Type::text || slot.type == Type::integer || slot.type == Type::floating ||
                           slot.type == Type::boolean;
    if (slot.list || !is_simple) return none;
    out.fields.push_back({i, slot.type, place});
  }
  return out;
}

// One record of a block.
struct Frame {
  std::size_t begin = 0, end = 0;
  std::uint64_t offset = 0;
  Time time;
};

class JsonDecoder final : public Decoder {
 public:
  JsonDecoder(const CodecConfig& config, Plan plan, bool by_bytes)
      : plan_(std::move(plan)),
        nodes_(make_tree(plan_)),
        record_max_(config.record_max),
        // One word remembers which of the open brackets are objects.
        depth_max_(std::min<std::size_t>(config.depth_max, 64)),
        by_bytes_(by_bytes),
        found_(plan_.paths.size(), kNoToken),
        visited_(nodes_.size(), false) {}

  bool remembers() const override { return false; }
  void decode(Block& block, EventBatch& into, DeadLetters& dead) override;

  // What make_event asks for.
  Fault value(Entry entry, const FieldSlot& slot, Value& out);
  Fault time(Entry entry, const TimeReader& reader, Time arrived, std::optional<Time>& out);

 private:
  void decode_lines(Block& block, DeadLetters& dead);
  std::size_t decode_plain_lines(const Frame& frame);
  std::size_t fit_plain_lines(const char* record);
  std::size_t put_plain_lines(const Frame& frame, std::size_t from, std::size_t lines, const TypePlan& type);
  void read_plain_times(const PlainRow& row, std::size_t from, Time arrived, std::span<Time> times);
  void read_plain_field(const PlainRow::Field& field, std::size_t from, std::span<Value> rows, std::size_t slots);
  const TypePlan* type_of_plain(std::span<const PlainPlace> places, const char* const* ends);
  const char* const* ends_of(std::size_t line) const { return ends_.data() + line * places_in_line_; }
  std::size_t decode_known_line(const Frame& frame, DeadLetters& dead);
  void decode_record(const Frame& frame, DeadLetters& dead);
  void find_backslash(const char* from);
  bool decode_object(const Frame& frame);
  bool put_together(const Frame& frame);
  const std::uint32_t* find_fields();
  const std::uint32_t* fit_known_shape(bool& in_one_line);
  void learn_shape();
  const TypePlan* type_of_record();

  // Walking. Each returns the token behind what it walked over, or null with complaint_ set.
  const std::uint32_t* walk(std::uint32_t node, const std::uint32_t* token, std::size_t depth);
  const std::uint32_t* skip(const std::uint32_t* token, std::size_t depth);
  const std::uint32_t* behind_scalar(const std::uint32_t* token);
  const std::uint32_t* note(const Node::Key& key, const std::uint32_t* token, std::size_t depth);
  const Node::Key* find_key(const Node& node, const std::uint32_t* token);
  const std::uint32_t* refuse(DeadReason reason, const char* detail);
  const std::uint32_t* refuse_unended();

  // Converting.
  std::string_view scalar(const std::uint32_t* token) const;
  bool plain_text(const std::uint32_t* token, Value& out) const;
  Fault string(const std::uint32_t* token, std::string_view& out);
  Fault convert(Type type, const std::uint32_t* token, Value& out);
  Fault convert_by_text(Type type, const std::uint32_t* token, Value& out);
  Fault convert_point(const std::uint32_t* token, Value& out);
  Fault convert_list(Type item, const std::uint32_t* token, Value& out);
  // Whatever stands there, as it stands there; moves the token behind it.
  Fault natural(const std::uint32_t*& token, std::size_t depth, Value& out);
  Fault natural_list(const std::uint32_t*& token, std::size_t depth, Value& out);
  Fault natural_object(const std::uint32_t*& token, std::size_t depth, Value& out);

  char at(const std::uint32_t* token) const { return bytes_[*token]; }

  const Plan plan_;
  const std::vector<Node> nodes_;
  const std::size_t record_max_, depth_max_;
  const bool by_bytes_;
  Structure structure_;
  PlainPace pace_;

  // Of the block in hand.
  SourceId source_;
  std::uint32_t partition_ = 0;
  EventBatch* batch_ = nullptr;
  const char *block_ = nullptr, *block_end_ = nullptr;
  const char* next_backslash_ =
      nullptr;          // at or behind the record in hand; escapes are rare, so one search serves many texts
  bool whole_ = false;  // stage 1 went over the block as a whole
  bool plain_ = false;  // ... over no line of it that is plain

  // Of the record in hand.
  const char* bytes_ = nullptr;            // what token positions count from
  const std::uint32_t* tokens_ = nullptr;  // the first of the record
  const std::uint32_t* token_ = nullptr;
  std::size_t end_ = 0;               // of the record, counted from bytes_
  std::vector<std::uint32_t> found_;  // by Entry: the token of its value, counted from tokens_
  std::vector<bool> visited_;         // by node
  bool any_visited_ = false;
  const TypePlan* type_ = nullptr;
  Complaint complaint_;

  struct KnownShape {
    Shape shape;
    std::vector<std::uint32_t> found;  // found_ of a record of the shape
    std::vector<PlainPlace> places;    // by Entry
    std::vector<PlainRow> rows;        // by type; made when the first line of it comes
  };
  std::vector<KnownShape> shapes_;
  std::size_t shape_ = 0;  // the one that fitted last
  ShapePlaces places_;
  const std::uint32_t* found_now_ = nullptr;  // found_, or that of the shape

  // Of the plain lines in hand: they are found first, then read field by field, then put; each is a loop that does one
  // thing.
  static constexpr std::size_t kRun = 32;
  std::size_t run_ = kRun;          // so many at once: fewer after a line that had to be looked at in the other way
  std::size_t places_in_line_ = 0;  // that one takes in ends_
  std::vector<const char*> ends_;   // of their values
  std::array<const char*, kRun> line_ends_{};
  NearNumbers times_;
  std::array<bool, kRun> is_doubtful_{};  // some value is another than it nearly always is
  const char* misfit_ = nullptr;  // a line that the last shape does not fit, by which the lines before it were found

  std::string scratch_;
  std::vector<Value> items_;
  std::vector<Member> members_;
};

void JsonDecoder::decode(Block& block, EventBatch& into, DeadLetters& dead) {
  if (block.bytes.empty()) return;
  source_ = block.source;
  partition_ = block.partition;
  if (block.cut) {
    dead.add(DeadReason::too_large, {source_, partition_, block.first_offset},
             complain_of_size(block.bytes.size(), true, record_max_), block.bytes.view());
    return;
  }
  // A byte order mark is white space; and no token may begin in what lies behind the end.
  if (block.first_offset == 1) std::memset(block.bytes.data(), ' ', size_of_mark(block.bytes.view()));
  block.bytes.data()[block.bytes.size()] = '\0';
  batch_ = &into;
  block_ = block.bytes.data();
  block_end_ = block_ + block.bytes.size();
  // If there is an error anywhere (an open string, wrong UTF-8), then each record is looked at by itself. Without one
  // no line break lies inside a string, so records cannot reach into each other.
  plain_ = by_bytes_ && block.records.empty() && pace_.may_try();
  whole_ = !plain_ && structure_.find(block_, block.bytes.size()) == simdjson::SUCCESS;
  next_backslash_ = nullptr;
  bytes_ = block_;
  if (whole_) token_ = structure_.tokens();
  const std::size_t events_before = into.size();
  if (block.records.empty()) {
    decode_lines(block, dead);
  } else {
    for (const Record& r : block.records) {
      decode_record({r.begin, r.begin + r.size, r.offset, r.time.value_or(block.arrived)}, dead);
    }
  }
  if (into.size() > events_before) block.bytes = into.hold(std::move(block.bytes));
}

void JsonDecoder::decode_lines(Block& block, DeadLetters& dead) {
  std::uint64_t line = block.first_offset;
  const std::size_t size = block.bytes.size();
  std::size_t plain = 0;
  misfit_ = nullptr;
  for (std::size_t begin = 0; begin < size;) {
    const Frame frame{begin, size, line, block.arrived};
    if (const std::size_t lines = plain_ ? decode_plain_lines(frame) : 0; lines > 0) {
      plain += lines;
      line += lines;
      begin = static_cast<std::size_t>(line_ends_[lines - 1] - block_) + 1;
      continue;
    }
    std::size_t end = plain_ ? 0 : decode_known_line(frame, dead);
    if (end == 0) {
      const void* newline = std::memchr(block_ + begin, '\n', size - begin);
      end = newline ? static_cast<std::size_t>(static_cast<const char*>(newline) - block_) : size;
      decode_record({begin, end, line, block.arrived}, dead);
    }
    ++line;
    begin = end + 1;
  }
  if (plain_) pace_.tried(line - block.first_offset, plain);
}

// The next lines, as many as are plain values in the order of one known shape: stage 1 never looks at them. How many
// they were; 0: the next one is another, and nothing has happened yet but some lost memory. `frame` is the first, and
// ends with the block.
std::size_t JsonDecoder::decode_plain_lines(const Frame& frame) {
  const std::size_t lines = fit_plain_lines(block_ + frame.begin);
  std::size_t done = 0;
  while (done < lines) {
    const std::span<const PlainPlace> places = shapes_[shape_].places;
    const TypePlan* type = type_of_plain(places, ends_of(done));
    if (type == nullptr) break;
    std::size_t end = done + 1;
    if (plan_.fixed != kNoEntry)
      end = lines;
    else
      while (end < lines && type_of_plain(places, ends_of(end)) == type) ++end;
    const std::size_t put = put_plain_lines(frame, done, end - done, *type);
    done += put;
    if (done < end) break;
  }
  run_ = done < lines ? 1 : std::min(run_ * 2, kRun);
  return done;
}

// With shape_, ends_ and line_ends_ set.
std::size_t JsonDecoder::fit_plain_lines(const char* record) {
  for (std::size_t tries = 0; tries < shapes_.size(); ++tries) {
    const Shape& shape = shapes_[shape_].shape;
    places_in_line_ = shape.size() + 1;
    std::size_t lines = 0;
    if (tries > 0 || record != misfit_)
      lines = shape.fit_lines(record, block_end_, run_, ends_.data(), line_ends_.data());
    for (std::size_t i = 0; i < lines; ++i)
      if (static_cast<std::size_t>(line_ends_[i] - *ends_of(i)) > record_max_) lines = i;
    if (lines > 0) {
      misfit_ = lines < run_ ? line_ends_[lines - 1] + 1 : nullptr;
      return lines;
    }
    shape_ = shape_ + 1 == shapes_.size() ? 0 : shape_ + 1;
  }
  return 0;
}

// Lines of one type: how many have been put, or refused; all but those from one on that is to be looked at in the other
// way.
std::size_t JsonDecoder::put_plain_lines(const Frame& frame, std::size_t from, std::size_t lines,
                                         const TypePlan& type) {
  KnownShape& known = shapes_[shape_];
  PlainRow& row = known.rows[static_cast<std::size_t>(&type - plan_.types.data())];
  if (row.type == nullptr) row = make_plain_row(type, known.places);
  const std::size_t slots = type.type->fields.size();
  std::fill_n(is_doubtful_.begin() + from, lines, !row.is_usual);
  std::array<Time, kRun> times;
  std::span<Value> rows;
  if (row.is_usual) {
    read_plain_times(row, from, frame.time, std::span(times).first(lines));
    rows = batch_->unwritten_row(lines * slots);
    for (const PlainRow::Field& field : row.fields) read_plain_field(field, from, rows, slots);
    if (type.time_slot != kNoEntry)
      for (std::size_t i = 0; i < lines; ++i) rows[i * slots + type.time_slot] = Value::time(times[i]);
  }
  for (std::size_t i = 0; i < lines; ++i) {
    const Position position{source_, partition_, frame.offset + from + i};
    if (is_doubtful_[from + i]) [[unlikely]] {
      PlainFields fields(known.places, ends_of(from + i), type, batch_->arena());
      if (!make_event(type, fields, position, frame.time, *batch_, complaint_)) return i;
      continue;
    }
    const std::span<const Value> values = rows.subspan(i * slots, slots);
    Event& event = batch_->add(type.id, times[i], position, values);
    if (type.type->tiebreak) event.tiebreak = values[type.type->tiebreak->index];
  }
  return lines;
}

void JsonDecoder::read_plain_times(const PlainRow& row, std::size_t from, Time arrived, std::span<Time> times) {
  if (row.time.number == kNoToken) {
    std::ranges::fill(times, arrived);
    return;
  }
  const Time most = row.type->ahead_max == Duration{} ? kLastTime : arrived + row.type->ahead_max;
  for (std::size_t i = 0; i < times.size(); ++i) {
    std::int64_t whole = 0;
    std::optional<Time> time;
    if (times_.read(row.time.written(ends_of(from + i)), whole)) time = row.type->time.read(whole);
    times[i] = time.value_or(Time{});
    is_doubtful_[from + i] = !time || *time > most;
  }
}

// `rows`: of the lines from `from` on.
void JsonDecoder::read_plain_field(const PlainRow::Field& field, std::size_t from, std::span<Value> rows,
                                   std::size_t slots) {
  // `read`: false where the value is not written as the type nearly always is.
  const auto each = [&](const auto& read) {
    Value* out = rows.data() + field.slot;
    const std::size_t lines = rows.size() / slots;
    for (std::size_t i = 0; i < lines; ++i, out += slots)
      if (!read(field.place.written(ends_of(from + i)), *out)) is_doubtful_[from + i] = true;
  };
  switch (field.type) {
    case Type::missing:
      for (std::size_t at = field.slot; at < rows.size(); at += slots) rows[at] = Value();
      break;
    case Type::text:
      each([](std::string_view written, Value& out) {
        if (written.front() != '"') return false;
        out = Value::text(written.substr(1, written.size() - 2));
        return true;
      });
      break;
    case Type::integer:
      each([](std::string_view written, Value& out) {
        std::int64_t whole = 0;
        if (!short_integer(written, whole)) return false;
        out = Value::integer(whole);
        return true;
      });
      break;
    case Type::floating:
      each([](std::string_view written, Value& out) {
        double number = 0;
        if (!short_decimal(written, number)) return false;
        out = Value::floating(number);
        return true;
      });
      break;
    default:
      each([](std::string_view written, Value& out) {
        if (written.front() != 't' && written.front() != 'f') return false;
        out = Value::boolean(written.front() == 't');
        return true;
      });
  }
}

// Null: it cannot be told here.
const TypePlan* JsonDecoder::type_of_plain(std::span<const PlainPlace> places, const char* const* ends) {
  if (plan_.fixed != kNoEntry) return &plan_.types[plan_.fixed];
  const PlainPlace& place = places[plan_.event_entry];
  if (place.number == kNoToken) return nullptr;
  const std::string_view written = place.written(ends);
  if (written.front() != '"') return nullptr;
  const std::string_view name = written.substr(1, written.size() - 2);
  if (type_ == nullptr || type_->type->name != name) type_ = plan_.find(name);
  return type_;
}

// Nearly every line: an object of a known shape and nothing else. Where it ends says its last token, so nobody looks
// for the line break. Gives the line's end; 0: it is another, and nothing has happened yet. `frame` ends with the
// block.
std::size_t JsonDecoder::decode_known_line(const Frame& frame, DeadLetters& dead) {
  if (!whole_) return 0;
  while (*token_ < frame.begin) ++token_;  // what a refused record left over
  bool in_one_line = false;
  const std::uint32_t* brace = *token_ == frame.begin ? fit_known_shape(in_one_line) : nullptr;
  if (brace == nullptr || !in_one_line) return 0;
  const std::size_t end = *brace + (bytes_[*brace + 1] == '\r' ? 2 : 1);
  if ((end < frame.end && bytes_[end] != '\n') || end > frame.end || end - frame.begin > record_max_) return 0;
  if (next_backslash_ < bytes_ + frame.begin) find_backslash(bytes_ + frame.begin);
  end_ = end;
  tokens_ = token_;
  token_ = brace + 1;
  if (!put_together(frame))
    dead.add(complaint_.reason, {source_, partition_, frame.offset}, std::move(complaint_.detail),
             {bytes_ + frame.begin, end - frame.begin});
  return end;
}

void JsonDecoder::decode_record(const Frame& frame, DeadLetters& dead) {
  const Position position{source_, partition_, frame.offset};
  const std::string_view record(block_ + frame.begin, frame.end - frame.begin);
  const auto bury = [&](DeadReason reason, std::string detail) {
    dead.add(reason, position, std::move(detail), record);
  };
  if (whole_) {
    while (*token_ < frame.begin) ++token_;  // what a refused record left over
    end_ = frame.end;
  } else {
    const simdjson::error_code error = structure_.find(record.data(), record.size());
    if (error == simdjson::EMPTY) return;
    if (error == simdjson::UTF8_ERROR) return bury(DeadReason::invalid_utf8, "not UTF-8");
    if (error != simdjson::SUCCESS)
      return bury(DeadReason::broken_record, "a string is not closed, or holds a control character");
    bytes_ = record.data();
    token_ = structure_.tokens();
    end_ = record.size();
  }
  if (*token_ >= end_) return;  // an empty line
  if (record.size() > record_max_) {
    return bury(DeadReason::too_large, complain_of_size(record.size(), false, record_max_));
  }
  if (next_backslash_ < record.data()) find_backslash(record.data());
  if (!decode_object(frame)) bury(complaint_.reason, std::move(complaint_.detail));
}

void JsonDecoder::find_backslash(const char* from) {
  const void* found = std::memchr(from, '\\', static_cast<std::size_t>(block_end_ - from));
  next_backslash_ = found ? static_cast<const char*>(found) : block_end_;
}

bool JsonDecoder::decode_object(const Frame& frame) {
  tokens_ = token_;
  const std::uint32_t* behind = find_fields();
  if (behind == nullptr) return false;
  // Objects may not reach over the end of their record (a line break inside), nor may anything follow.
  if (*(behind - 1) >= end_) return refuse_unended() != nullptr;
  if (*behind < end_) return refuse(DeadReason::broken_record, "something follows the object") != nullptr;
  token_ = behind;
  return put_together(frame);
}

// The event of fields that were found.
bool JsonDecoder::put_together(const Frame& frame) {
  type_ = type_of_record();
  if (type_ == nullptr) return false;
  if (make_event(*type_, *this, {source_, partition_, frame.offset}, frame.time, *batch_, complaint_)) return true;
  const bool of_time =
      complaint_.reason == DeadReason::missing_time || complaint_.reason == DeadReason::unreadable_time;
  if (complaint_.detail.empty() && of_time) complaint_.detail = "`" + plan_.joined(type_->time_entry) + "`";
  return false;
}

// The token behind the object; null with complaint_ set.
const std::uint32_t* JsonDecoder::find_fields() {
  bool in_one_line = false;
  if (const std::uint32_t* brace = fit_known_shape(in_one_line)) return brace + 1;
  found_now_ = found_.data();
  std::fill(found_.begin(), found_.end(), kNoToken);
  if (any_visited_) std::fill(visited_.begin(), visited_.end(), false);
  any_visited_ = false;
  if (at(token_) != '{') return refuse(DeadReason::broken_record, "not a JSON object");
  const std::uint32_t* behind = walk(0, token_, 1);
  if (behind != nullptr && *(behind - 1) < end_) learn_shape();
  return behind;
}

// The token of the closing brace, with found_now_ set; null: no shape fits.
const std::uint32_t* JsonDecoder::fit_known_shape(bool& in_one_line) {
  const std::uint32_t* end = structure_.tokens() + structure_.size();
  for (std::size_t tries = 0; tries < shapes_.size(); ++tries) {
    const KnownShape& known = shapes_[shape_];
    if (const std::uint32_t* brace = known.shape.fit(bytes_, token_, end, in_one_line)) {
      found_now_ = known.found.data();
      return brace;
    }
    shape_ = shape_ + 1 == shapes_.size() ? 0 : shape_ + 1;
  }
  return nullptr;
}

void JsonDecoder::learn_shape() {
  const std::optional<std::size_t> place = places_.next(shapes_.size());
  if (!place) return;
  Shape shape;
  shape.learn(bytes_, token_);
  if (shape.empty()) return;
  ends_.resize(std::max(ends_.size(), (shape.size() + 1) * kRun));
  KnownShape known{std::move(shape), found_, std::vector<PlainPlace>(found_.size()),
                   std::vector<PlainRow>(plan_.types.size())};
  for (std::size_t entry = 0; entry < found_.size(); ++entry) {
    if (found_[entry] == kNoToken) continue;
    const std::size_t number = Shape::number_of_value(found_[entry]);
    known.places[entry] = {static_cast<std::uint32_t>(number), known.shape.key_size(number)};
  }
  if (*place == shapes_.size())
    shapes_.push_back(std::move(known));
  else
    shapes_[*place] = std::move(known);
}

const TypePlan* JsonDecoder::type_of_record() {
  if (plan_.fixed != kNoEntry) return &plan_.types[plan_.fixed];
  const std::uint32_t found = found_now_[plan_.event_entry];
  std::string_view name;
  if (found == kNoToken || at(tokens_ + found) != '"' || string(tokens_ + found, name)) {
    complaint_ = {DeadReason::unknown_event, "`" + plan_.event_field + "` is missing or no text"};
    return nullptr;
  }
  if (type_ != nullptr && type_->type->name == name) return type_;
  const TypePlan* type = plan_.find(name);
  if (type == nullptr)
    complaint_ = {DeadReason::unknown_event, "no event is called `" + std::string(name.substr(0, 100)) + "`"};
  return type;
}

// ----- plain lines --------------------------------------------------------------------------------------

Fault PlainFields::value(Entry entry, const FieldSlot& slot, Value& out) const {
  if (places_[entry].number == kNoToken) return {};
  const std::string_view written = places_[entry].written(ends_);
  const char first = written.front();
  if (first == 'n') return {};  // null
  if (slot.list) return kDoubt;
  const bool quoted = first == '"', is_number = is_digit(first) || first == '-';
  const std::string_view text = quoted ? written.substr(1, written.size() - 2) : written;
  switch (slot.type) {
    case Type::text:
      if (!quoted) return kDoubt;
      out = Value::text(text);
      return {};
    case Type::integer:
      return is_number ? convert_integer(text, out) : kDoubt;
    case Type::floating:
      return is_number ? convert_floating(text, out) : kDoubt;
    case Type::boolean:
      if (quoted || is_number) return kDoubt;
      out = Value::boolean(first == 't');
      return {};
    case Type::time:
    case Type::duration:
    case Type::ip:
      if (!quoted && !(is_number && is_json_number(text))) return kDoubt;
      return convert_written(slot.type, text, quoted, type_, arena_, out);
    case Type::object:
      if (is_number) return is_json_number(text) ? convert_number(text, out) : kDoubt;
      out = quoted ? Value::text(text) : Value::boolean(first == 't');
      return {};
    case Type::point:
    case Type::missing:
    case Type::list:
      break;
  }
  return kDoubt;
}

Fault PlainFields::time(Entry entry, const TimeReader& reader, Time arrived, std::optional<Time>& out) const {
  if (places_[entry].number == kNoToken) return {};
  const std::string_view written = places_[entry].written(ends_);
  if (std::int64_t whole = 0; short_integer(written, whole) && !reader.has_format())
    out = reader.read(whole);
  else if (written.front() == '"')
    out = reader.read(written.substr(1, written.size() - 2), arrived);
  return out ? Fault{} : kDoubt;
}

// ----- walking ------------------------------------------------------------------------------------------

const std::uint32_t* JsonDecoder::refuse(DeadReason reason, const char* detail) {
  complaint_ = {reason, detail};
  return nullptr;
}

const std::uint32_t* JsonDecoder::refuse_unended() {
  return refuse(DeadReason::broken_record, "the record ends inside the object");
}

// The object may be looked for in the whole block or in its record alone: what stands behind the record is not asked.
const std::uint32_t* JsonDecoder::walk(std::uint32_t number, const std::uint32_t* token, std::size_t depth) {
  const Node& node = nodes_[number];
  if (depth > depth_max_) return refuse(DeadReason::too_deep, "nested too deep");
  if (*++token < end_ && at(token) == '}') return token + 1;
  for (;;) {
    if (token[0] >= end_ || token[1] >= end_) return refuse_unended();
    if (at(token) != '"' || at(token + 1) != ':')
      return refuse(DeadReason::broken_record, "a key and a colon should stand here");
    const Node::Key* key = find_key(node, token);
    token += 2;
    if (*token >= end_) return refuse_unended();
    const char first = at(token);
    if (key != nullptr) {
      token = note(*key, token, depth);
    } else if (first == '{' || first == '[') {
      token = skip(token, depth);
    } else {
      token = behind_scalar(token);
    }
    if (token == nullptr) return nullptr;
    if (*token >= end_) return refuse_unended();
    const char next = at(token);
    ++token;
    if (next == ',') continue;
    if (next == '}') return token;
    return refuse(DeadReason::broken_record, "a comma or a closing brace should stand here");
  }
}

// The value of a key that matters.
const std::uint32_t* JsonDecoder::note(const Node::Key& key, const std::uint32_t* token, std::size_t depth) {
  const bool twice =
      (key.leaf != kNoEntry && found_[key.leaf] != kNoToken) || (key.child != kNoToken && visited_[key.child]);
  if (twice) [[unlikely]] {
    complaint_ = {DeadReason::duplicate_key, "`" + key.name + "` stands twice"};
    return nullptr;
  }
  if (key.leaf != kNoEntry) found_[key.leaf] = static_cast<std::uint32_t>(token - tokens_);
  const char first = at(token);
  if (key.child != kNoToken) {
    visited_[key.child] = any_visited_ = true;
    if (first == '{') return walk(key.child, token, depth + 1);
  }
  if (first == '{' || first == '[') return skip(token, depth);
  return behind_scalar(token);
}

// How a number or word goes on is looked at by who reads it: nobody else is told another thing by it.
const std::uint32_t* JsonDecoder::behind_scalar(const std::uint32_t* token) {
  const JsonToken first = json_token(at(token));
  if (first == JsonToken::text || first == JsonToken::scalar) [[likely]]
    return token + 1;
  return refuse(DeadReason::broken_record,
                first == JsonToken::nothing ? "no JSON value begins so" : "a value is missing");
}

// Over a list or an object in which nothing is looked for; `depth` is that of what holds it.
const std::uint32_t* JsonDecoder::skip(const std::uint32_t* token, std::size_t depth) {
  enum class Wanted : std::uint8_t { value, value_or_end, key, key_or_end, colon, comma_or_end };
  Wanted wanted = Wanted::value;
  std::uint64_t objects = 0;  // the open brackets, innermost last: 1 is a brace
  std::size_t open = 0;
  do {
    // Without this a line of open brackets would walk through the whole block, and so would each line after it.
    if (*token >= end_) return refuse(DeadReason::broken_record, "a bracket is not closed");
    const char c = at(token++);
    const bool value_fits = wanted == Wanted::value || wanted == Wanted::value_or_end;
    switch (json_token(c)) {
      case JsonToken::opens:
        if (!value_fits) return refuse(DeadReason::broken_record, "a bracket opens where none may");
        if (depth + ++open > depth_max_) return refuse(DeadReason::too_deep, "nested too deep");
        objects = objects << 1 | (c == '{' ? 1u : 0u);
        wanted = c == '{' ? Wanted::key_or_end : Wanted::value_or_end;
        break;
      case JsonToken::closes:
        if ((objects & 1) != (c == '}' ? 1u : 0u)) return refuse(DeadReason::broken_record, "brackets do not match");
        if (wanted == Wanted::value || wanted == Wanted::key || wanted == Wanted::colon)
          return refuse(DeadReason::broken_record, "a value is missing");
        objects >>= 1;
        --open;
        wanted = Wanted::comma_or_end;
        break;
      case JsonToken::comma:
        if (wanted != Wanted::comma_or_end) return refuse(DeadReason::broken_record, "a value is missing");
        wanted = (objects & 1) != 0 ? Wanted::key : Wanted::value;
        break;
      case JsonToken::colon:
        if (wanted != Wanted::colon) return refuse(DeadReason::broken_record, "a colon stands where none may");
        wanted = Wanted::value;
        break;
      case JsonToken::text:
        if (wanted == Wanted::key || wanted == Wanted::key_or_end) {
          wanted = Wanted::colon;
          break;
        }
        [[fallthrough]];
      case JsonToken::scalar:
        if (!value_fits) return refuse(DeadReason::broken_record, "a comma, a colon or a key should stand here");
        wanted = Wanted::comma_or_end;
        break;
      case JsonToken::nothing:
        return refuse(DeadReason::broken_record, "no JSON value begins so");
    }
  } while (open > 0);
  return token;
}

const Node::Key* JsonDecoder::find_key(const Node& node, const std::uint32_t* token) {
  const char* begin = bytes_ + *token + 1;
  const char* end = bytes_ + token[1] - 1;
  while (is_blank(*end)) --end;
  if (end < begin) return nullptr;
  std::uint32_t number = KeyTable::kNone;
  if (next_backslash_ >= end) [[likely]] {
    number = node.table->find(begin, static_cast<std::size_t>(end - begin));
  } else {
    // An escaped key is the key it stands for. A broken escape can only be in a key that nobody looks for.
    const std::string_view raw(begin, static_cast<std::size_t>(end - begin));
    scratch_.resize(raw.size() + 8);
    const auto size = unescape_json(raw, scratch_.data());
    if (size) number = node.table->find(scratch_.data(), *size);
  }
  return number == KeyTable::kNone ? nullptr : &node.keys[number];
}

// ----- converting ---------------------------------------------------------------------------------------

// A number or word, or a string with its quotes. What follows any value of a record is a token, so the next one bounds
// it.
std::string_view JsonDecoder::scalar(const std::uint32_t* token) const {
  const char *begin = bytes_ + *token, *end = bytes_ + token[1];
  while (is_blank(end[-1])) --end;
  return {begin, static_cast<std::size_t>(end - begin)};
}

// Nearly every text: without escapes, the next token right behind its quote. False: something else, which tells
// nothing.
bool JsonDecoder::plain_text(const std::uint32_t* token, Value& out) const {
  const char *begin = bytes_ + token[0], *last = bytes_ + token[1] - 1;
  if (*begin != '"' || *last != '"' || begin == last || next_backslash_ < last) return false;
  out = Value::text({begin + 1, static_cast<std::size_t>(last - begin - 1)});
  return true;
}

Fault JsonDecoder::string(const std::uint32_t* token, std::string_view& out) {
  const std::string_view quoted = scalar(token);
  if (quoted.size() < 2 || quoted.back() != '"') return DeadReason::broken_record;
  out = quoted.substr(1, quoted.size() - 2);
  if (next_backslash_ >= out.data() + out.size() || out.find('\\') == std::string_view::npos) [[likely]]
    return {};
  const std::span<char> room = batch_->arena().array<char>(out.size());
  const auto size = unescape_json(out, room.data());
  if (!size) return DeadReason::broken_record;
  out = {room.data(), *size};
  return {};
}

Fault JsonDecoder::value(Entry entry, const FieldSlot& slot, Value& out) {
  const std::uint32_t found = found_now_[entry];
  if (found == kNoToken) return {};
  const std::uint32_t* token = tokens_ + found;
  if (slot.type == Type::text && !slot.list && plain_text(token, out)) return {};
  if (slot.list) return at(token) == 'n' ? convert(Type::object, token, out) : convert_list(slot.type, token, out);
  return convert(slot.type, token, out);
}

Fault JsonDecoder::time(Entry entry, const TimeReader& reader, Time arrived, std::optional<Time>& out) {
  const std::uint32_t found = found_now_[entry];
  if (found == kNoToken) return {};
  const std::uint32_t* token = tokens_ + found;
  const char first = at(token);
  std::string_view text = scalar(token);
  if (first == '"') {
    if (const Fault fault = string(token, text)) return fault;
    out = reader.read(text, arrived);
  } else if (std::int64_t whole = 0; short_integer(text, whole) && !reader.has_format()) {
    out = reader.read(whole);
  } else if (first == 'n') {
    return text == "null" ? Fault{} : DeadReason::broken_record;
  } else if (is_digit(first) || first == '-') {
    if (!is_json_number(text)) return DeadReason::broken_record;
    out = reader.read(text, arrived);
  } else if (first != '{' && first != '[' && text != "true" && text != "false") {
    return DeadReason::broken_record;
  }
  return out ? Fault{} : DeadReason::unreadable_time;
}

Fault JsonDecoder::convert(Type type, const std::uint32_t* token, Value& out) {
  const char first = at(token);
  if (first == 'n') return scalar(token) == "null" ? Fault{} : DeadReason::broken_record;
  const bool is_number = is_digit(first) || first == '-';
  switch (type) {
    case Type::text: {
      if (first != '"') break;
      std::string_view text;
      const Fault fault = string(token, text);
      out = Value::text(text);
      return fault;
    }
    case Type::integer:
      if (!is_number) break;
      return convert_integer(scalar(token), out);
    case Type::floating:
      if (!is_number) break;
      return convert_floating(scalar(token), out);
    case Type::boolean: {
      if (first != 't' && first != 'f') break;
      const std::string_view word = scalar(token);
      if (word != "true" && word != "false") return DeadReason::broken_record;
      out = Value::boolean(first == 't');
      return {};
    }
    case Type::time:
    case Type::duration:
    case Type::ip:
      return convert_by_text(type, token, out);
    case Type::point:
      return convert_point(token, out);
    case Type::object:
      return natural(token, 1, out);
    case Type::missing:
    case Type::list:
      break;  // no field has these as its type
  }
  // Of a wrong type, or no JSON at all: `nul`, `1x`, `\`.
  const bool is_value = first == '"' || first == '{' || first == '[' || scalar(token) == "true" ||
                        scalar(token) == "false" || (is_number && is_json_number(scalar(token)));
  return is_value ? DeadReason::wrong_type : DeadReason::broken_record;
}

// Types that are texts or numbers in JSON.
Fault JsonDecoder::convert_by_text(Type type, const std::uint32_t* token, Value& out) {
  const char first = at(token);
  std::string_view text = scalar(token);
  if (first == '"') {
    if (const Fault fault = string(token, text)) return fault;
  } else if (!is_digit(first) && first != '-') {
    return first == '{' || first == '[' || text == "true" || text == "false" ? DeadReason::wrong_type
                                                                             : DeadReason::broken_record;
  } else if (!is_json_number(text)) {
    return DeadReason::broken_record;
  }
  return convert_written(type, text, first == '"', *type_, batch_->arena(), out);
}

// [latitude, longitude]; {"lat": .., "lon": ..}, also with lng, latitude, longitude; GeoJSON's {"type": "Point",
// "coordinates": [longitude, latitude]}; "lat,lon".
Fault JsonDecoder::convert_point(const std::uint32_t* token, Value& out) {
  if (at(token) == '"') {
    std::string_view text;
    if (const Fault fault = string(token, text)) return fault;
    return convert_text(Type::point, text, batch_->arena(), out);
  }
  Value given;
  if (const Fault fault = natural(token, 1, given)) return fault;
  Value latitude, longitude;
  const auto pair = [](const Value& list, Value& first, Value& second) {
    if (list.type() != Type::list || list.as_list().size() != 2) return;
    first = list.as_list()[0];
    second = list.as_list()[1];
  };
  pair(given, latitude, longitude);
  if (given.type() == Type::object) {
    for (const Member& member : given.as_object()) {
      if (member.name == "lat" || member.name == "latitude") latitude = member.value;
      if (member.name == "lon" || member.name == "lng" || member.name == "longitude") longitude = member.value;
      if (member.name == "coordinates") pair(member.value, longitude, latitude);
    }
  }
  if (!latitude.is_number() || !longitude.is_number()) return DeadReason::wrong_type;
  const auto point = make_point(latitude.number(), longitude.number());
  if (!point) return DeadReason::out_of_range;
  out = Value::point(batch_->arena().put(*point));
  return {};
}

Fault JsonDecoder::convert_list(Type item, const std::uint32_t* token, Value& out) {
  if (at(token) != '[') {
    Value other;
    const Fault fault = natural(token, 1, other);
    return fault ? fault : DeadReason::wrong_type;
  }
  items_.clear();
  if (at(++token) == ']') {
    out = Value::list({});
    return {};
  }
  for (;;) {
    const char first = at(token);
    Value one;
    if (item == Type::object) {
      if (const Fault fault = natural(token, 2, one)) return fault;
    } else {
      if (first == ',' || first == ']' || first == '}' || first == ':') return DeadReason::broken_record;
      if (const Fault fault = convert(item, token, one)) return fault;
      // The walk has gone over it once, so it cannot fail to be skipped.
      token = first == '{' || first == '[' ? skip(token, 1) : token + 1;
      if (token == nullptr) return DeadReason::broken_record;
    }
    items_.push_back(one);
    const char next = at(token++);
    if (next == ']') break;
    if (next != ',') return DeadReason::broken_record;
  }
  out = Value::list(batch_->arena().copy(std::span<const Value>(items_)));
  return {};
}

Fault JsonDecoder::natural(const std::uint32_t*& token, std::size_t depth, Value& out) {
  switch (at(token)) {
    case '{':
      return natural_object(token, depth, out);
    case '[':
      return natural_list(token, depth, out);
    case '"': {
      std::string_view text;
      const Fault fault = string(token++, text);
      out = Value::text(text);
      return fault;
    }
    default:
      break;  // any other byte
  }
  const std::string_view word = scalar(token++);
  if (word == "true" || word == "false") {
    out = Value::boolean(word == "true");
    return {};
  }
  if (word == "null") return {};
  return is_json_number(word) ? convert_number(word, out) : DeadReason::broken_record;
}

// Items are gathered behind those of the lists around, then copied out as one piece.
Fault JsonDecoder::natural_list(const std::uint32_t*& token, std::size_t depth, Value& out) {
  if (depth >= depth_max_) return DeadReason::too_deep;
  const std::size_t base = items_.size();
  Fault fault;
  if (at(++token) == ']') {
    ++token;
  } else {
    for (bool more = true; more && !fault;) {
      Value one;
      fault = natural(token, depth + 1, one);
      if (fault) break;
      items_.push_back(one);
      const char next = at(token++);
      more = next == ',';
      if (!more && next != ']') fault = DeadReason::broken_record;
    }
  }
  if (!fault) out = Value::list(batch_->arena().copy(std::span<const Value>(items_).subspan(base)));
  items_.resize(base);
  return fault;
}

namespace {

// Of two values with one name nobody knows which is meant. Objects are small: few names are compared at once.
bool any_stands_twice(std::span<const Member> members) {
  if (members.size() <= 16) {
    for (std::size_t i = 1; i < members.size(); ++i)
      for (std::size_t j = 0; j < i; ++j)
        if (members[i].name == members[j].name) return true;
    return false;
  }
  std::vector<std::string_view> names;
  for (const Member& member : members) names.push_back(member.name);
  std::ranges::sort(names);
  return std::ranges::adjacent_find(names) != names.end();
}

}  // namespace

Fault JsonDecoder::natural_object(const std::uint32_t*& token, std::size_t depth, Value& out) {
  if (depth >= depth_max_) return DeadReason::too_deep;
  const std::size_t base = members_.size();
  Fault fault;
  if (at(++token) == '}') {
    ++token;
  } else {
    for (bool more = true; more && !fault;) {
      Member one;
      if (at(token) != '"' || at(token + 1) != ':') fault = DeadReason::broken_record;
      if (!fault) fault = string(token, one.name);
      token += 2;
      if (!fault) fault = natural(token, depth + 1, one.value);
      if (fault) break;
      members_.push_back(one);
      const char next = at(token++);
      more = next == ',';
      if (!more && next != '}') fault = DeadReason::broken_record;
    }
  }
  const std::span<const Member> members = std::span<const Member>(members_).subspan(base);
  if (!fault && any_stands_twice(members)) fault = DeadReason::duplicate_key;
  if (!fault) out = Value::object(batch_->arena().copy(members));
  members_.resize(base);
  return fault;
}

}  // namespace

std::unique_ptr<Decoder> make_json_decoder(const CodecConfig& config, Plan plan, bool by_bytes) {
  return std::make_unique<JsonDecoder>(config, std::move(plan), by_bytes);
}

}  // namespace tocsin
