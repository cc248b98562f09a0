#include "engine/program/reference_data.h"

#include <algorithm>
#include <boost/unordered/unordered_flat_map.hpp>
#include <boost/unordered/unordered_flat_set.hpp>
#include <set>
#include <utility>

#include "engine/base/arena.h"
#include "engine/base/hash.h"
#include "engine/base/text.h"
#include "engine/base/utf8.h"
#include "engine/event/encode.h"
#include "engine/event/ip.h"
#include "engine/event/order.h"
#include "engine/program/zone.h"

namespace tocsin {
namespace {

using TextSet = boost::unordered_flat_set<std::string_view, TextHash, std::equal_to<>>;

struct IpHash {
  using is_avalanching = void;
  std::size_t operator()(const IpAddress& a) const noexcept {
    return hash_bytes({reinterpret_cast<const char*>(a.bytes.data()), a.bytes.size()}, a.prefix);
  }
};

std::string lowered(std::string_view text) {
  std::string out;
  append_lower(out, text);
  return out;
}

std::string key_of(const Value& value) {
  std::string out;
  append_key(out, value);
  return out;
}

// 007 is a name and not seven.
bool has_leading_zero(std::string_view word) {
  if (word.starts_with('-') || word.starts_with('+')) word.remove_prefix(1);
  return word.size() > 1 && word[0] == '0' && word[1] >= '0' && word[1] <= '9';
}

// A bare word as a value of a type; missing: it does not read as one.
Value read_as(Type type, std::string_view word, Arena& arena) {
  switch (type) {
    case Type::text:
      return Value::text(word);
    case Type::integer:
    case Type::floating: {
      if (has_leading_zero(word)) return {};
      std::int64_t n = 0;
      if (parse_integer(word, n) == NumberText::good) return Value::integer(n);
      double d = 0;
      return parse_floating(word, d) == NumberText::good ? Value::floating(d) : Value();
    }
    case Type::ip: {
      const auto address = parse_ip(word);
      return address ? Value::ip(arena.put(*address)) : Value();
    }
    case Type::time: {
      const auto time = parse_rfc3339(word);
      return time ? Value::time(*time) : Value();
    }
    case Type::duration: {
      const auto duration = parse_duration(word);
      return duration ? Value::duration(*duration) : Value();
    }
    case Type::boolean:
      if (word == "true" || word == "false") return Value::boolean(word == "true");
      return {};
    case Type::missing:
    case Type::point:
    case Type::list:
    case Type::object:
      return {};
  }
  return {};
}

constexpr Type kReadings[] = {Type::integer, Type::time, Type::duration, Type::boolean};  // beside text and address

}  // namespace

Value value_of(const Constant& constant) {
  struct Visitor {
    Value operator()(std::monostate) const { return {}; }
    Value operator()(bool b) const { return Value::boolean(b); }
    Value operator()(std::int64_t n) const { return Value::integer(n); }
    Value operator()(double d) const { return Value::floating(d); }
    Value operator()(const std::string& s) const { return Value::text(s); }
    Value operator()(Duration d) const { return Value::duration(d); }
    Value operator()(Time t) const { return Value::time(t); }
    Value operator()(const IpAddress& a) const { return Value::ip(&a); }
  };
  return std::visit(Visitor{}, constant.value);
}

// ----- lists --------------------------------------------------------------------------------------------

// One set a kind of value, so that the usual question (is this text in it) is one lookup without building a key.
struct ReferenceData::List {
  Arena arena;
  std::vector<Value> items;
  bool folds = false;  // some rule asks ignoring case
  bool bare = false;   // of a file: a text may be an address
  TextSet texts, folded;
  boost::unordered_flat_set<std::string, TextHash, std::equal_to<>> keys;  // what is neither text nor address
  boost::unordered_flat_set<IpAddress, IpHash> networks;                   // single addresses too
  std::vector<std::uint8_t> prefixes;                                      // lengths that occur, longest first

  void add_text(std::string_view text) {
    texts.insert(text);
    if (folds) folded.insert(arena.text(lowered(text)));
  }
  void add_ip(const IpAddress& address) {
    networks.insert(network_of(address, address.prefix));
    if (std::find(prefixes.begin(), prefixes.end(), address.prefix) == prefixes.end())
      prefixes.push_back(address.prefix);
    std::sort(prefixes.rbegin(), prefixes.rend());
  }
  void add(const Value& value) {
    if (value.is_missing()) return;
    if (value.type() == Type::text) {
      add_text(value.as_text());
    } else if (value.type() == Type::ip) {
      add_ip(value.as_ip());
    } else {
      keys.insert(key_of(value));
    }
  }

  bool has_ip(const IpAddress& address) const {
    return std::any_of(prefixes.begin(), prefixes.end(), [&](std::uint8_t prefix) {
      return prefix <= address.prefix && networks.contains(network_of(address, prefix));
    });
  }
  bool has_text(std::string_view text, bool fold) const {
    if (fold ? folded.contains(lowered(text)) : texts.contains(text)) return true;
    if (!bare || networks.empty()) return false;
    const auto address = parse_ip(text);
    return address && has_ip(*address);
  }
};

std::shared_ptr<const ReferenceData::List> ReferenceData::make_list(const std::vector<std::string>& lines, bool folds) {
  auto list = std::make_shared<List>();
  list->folds = folds;
  list->bare = true;
  for (const std::string& line : lines) {
    if (list->texts.contains(line)) continue;
    const std::string_view word = list->arena.text(line);
    list->items.push_back(Value::text(word));
    list->add_text(word);
    list->add(read_as(Type::ip, word, list->arena));
    for (const Type type : kReadings) list->add(read_as(type, word, list->arena));
  }
  return list;
}

std::shared_ptr<const ReferenceData::List> ReferenceData::make_list(const RuleSet& rules, const ListDef& def,
                                                                    const std::vector<std::string>& lines, bool folds) {
  if (def.items.empty()) return make_list(lines, folds);
  auto list = std::make_shared<List>();
  list->folds = folds;
  boost::unordered_flat_set<std::string, TextHash, std::equal_to<>> seen;
  for (const ConstantId id : def.items) {
    const Value item = copy_value(value_of(rules.code.constants[id.index]), list->arena);
    list->add(item);
    if (seen.insert(key_of(item)).second) list->items.push_back(item);
  }
  return list;
}

bool ReferenceData::contains(ListId id, const Value& value, bool fold) const {
  const List& list = *lists_[id.index];
  switch (value.type()) {
    case Type::missing:
      return false;
    case Type::text:
      return list.has_text(value.as_text(), fold);
    case Type::ip:
      return list.has_ip(value.as_ip());
    case Type::boolean:
    case Type::integer:
    case Type::floating:
    case Type::time:
    case Type::duration:
    case Type::point:
    case Type::list:
    case Type::object:
      return !list.keys.empty() && list.keys.contains(key_of(value));
  }
  return false;
}

std::vector<Value> ReferenceData::keys(ListId id, Type type) const {
  const List& list = *lists_[id.index];
  // A field without a type holds texts, or nobody knows what.
  const bool as_written = !list.bare || type == Type::object;
  std::vector<Value> keys;
  std::set<std::string> seen;  // 1 and 1.0 are one key (T10)
  Arena reading;
  for (const Value& item : list.items) {
    Value value = as_written ? item : read_as(type, item.as_text(), reading);
    if (value.type() == Type::ip) {
      const IpAddress& address = value.as_ip();
      if (address.prefix < 128) continue;                // a network
      value = Value::ip(&*list.networks.find(address));  // lives as long as the list
    }
    if (!value.is_missing() && seen.insert(key_of(value)).second) keys.push_back(value);
  }
  return keys;
}

// ----- tables -------------------------------------------------------------------------------------------

struct ReferenceData::Table {
  Arena arena;
  std::string name, key;
  boost::unordered_flat_map<std::string_view, std::uint32_t, TextHash, std::equal_to<>> columns;
  std::vector<std::vector<Value>> rows;
  boost::unordered_flat_map<std::string, std::uint32_t, TextHash, std::equal_to<>>
      by_key;  // by key bytes, all readings
};

namespace {

Type type_of_column(const TableText& text, std::size_t column) {
  bool numbers = true, booleans = true, empty = true;
  Arena arena;
  for (const auto& row : text.rows) {
    if (column >= row.size() || row[column].empty()) continue;
    empty = false;
    numbers = numbers && !read_as(Type::integer, row[column], arena).is_missing();
    booleans = booleans && !read_as(Type::boolean, row[column], arena).is_missing();
  }
  return empty ? Type::text : numbers ? Type::integer : booleans ? Type::boolean : Type::text;
}

}  // namespace

Result<std::shared_ptr<const ReferenceData::Table>> ReferenceData::make_table(std::string_view name,
                                                                              std::string_view key,
                                                                              const TableText& text) {
  auto table = std::make_shared<Table>();
  table->name = name;
  table->key = key;
  const auto key_column =
      static_cast<std::size_t>(std::find(text.columns.begin(), text.columns.end(), key) - text.columns.begin());
  // A table that nothing was given for is empty (its topic has not been read yet).
  if (key_column == text.columns.size() && !text.columns.empty())
    return failure(Error::Code::malformed,
                   "the table `" + table->name + "` has no column `" + table->key + "`, which is its key");
  std::vector<Type> types;
  for (std::size_t i = 0; i < text.columns.size(); ++i) {
    table->columns.emplace(table->arena.text(text.columns[i]), static_cast<std::uint32_t>(i));
    types.push_back(type_of_column(text, i));
  }
  for (const auto& row : text.rows) {
    if (key_column >= row.size() || row[key_column].empty()) continue;
    std::vector<Value> cells(text.columns.size());
    for (std::size_t i = 0; i < std::min(row.size(), cells.size()); ++i)
      if (!row[i].empty()) cells[i] = read_as(types[i], table->arena.text(row[i]), table->arena);
    const auto number = static_cast<std::uint32_t>(table->rows.size());
    table->by_key.insert_or_assign(key_of(Value::text(row[key_column])), number);
    table->rows.push_back(std::move(cells));
    const auto add = [&](Type type) {
      const Value reading = read_as(type, row[key_column], table->arena);
      if (!reading.is_missing()) table->by_key.insert_or_assign(key_of(reading), number);
    };
    std::for_each(std::begin(kReadings), std::end(kReadings), add);
    add(Type::ip);
  }
  return std::shared_ptr<const Table>(std::move(table));
}

Value ReferenceData::lookup(TableId id, const Value& key, std::string_view column) const {
  const Table& table = *tables_[id.index];
  if (key.is_missing()) return {};
  const auto at = table.columns.find(column);
  if (at == table.columns.end()) return {};
  const auto row = table.by_key.find(key_of(key));
  return row == table.by_key.end() ? Value() : table.rows[row->second][at->second];
}

// ----- calendars ----------------------------------------------------------------------------------------

struct ReferenceData::Calendar {
  const Zone* zone = nullptr;
  std::vector<OpenHours> open;
};

namespace {

bool has_day(const OpenHours& hours, unsigned day) {
  return hours.first_day <= hours.last_day ? day >= hours.first_day && day <= hours.last_day
                                           : day >= hours.first_day || day <= hours.last_day;
}

bool is_open(const OpenHours& hours, unsigned day, std::int64_t minute) {
  if (hours.from_minute < hours.to_minute)
    return has_day(hours, day) && minute >= hours.from_minute && minute < hours.to_minute;
  const unsigned yesterday = (day + 6) % 7;
  return (has_day(hours, day) && minute >= hours.from_minute) ||
         (has_day(hours, yesterday) && minute < hours.to_minute);
}

}  // namespace

bool ReferenceData::open(CalendarId id, Time time) const {
  const Calendar& calendar = *calendars_[id.index];
  const Time local = to_local(calendar.zone, time);
  const std::int64_t day = days(1).us, minute = (local.us % day + day) % day / minutes(1).us;
  return std::any_of(calendar.open.begin(), calendar.open.end(),
                     [&](const OpenHours& hours) { return is_open(hours, weekday_of(local), minute); });
}

ReferenceData::Stretch ReferenceData::stretch(CalendarId id, Time at) const {
  const Calendar& calendar = *calendars_[id.index];
  const Time local = to_local(calendar.zone, at);
  const std::int64_t day = days(1).us;
  const Time midnight{local.us - (local.us % day + day) % day};
  // It can only have changed at a beginning or an end of hours in the week before (with a day for hours past midnight,
  // and one for a clock that was put back), and will at the next of them, today or tomorrow.
  std::vector<Time> changes;
  for (int back = -1; back <= 9; ++back)
    for (const OpenHours& hours : calendar.open)
      for (const std::uint16_t minute : {hours.from_minute, hours.to_minute})
        changes.push_back(from_local(calendar.zone, midnight - days(back) + minutes(minute)));
  std::sort(changes.rbegin(), changes.rend());
  const bool now = open(id, at);
  Stretch out{kFirstTime, at, at};
  for (const Time change : changes) {
    if (change > at) out.until = change;
    if (change > at || open(id, change - Duration{1}) == now) continue;
    out.since = change;
    break;
  }
  return out;
}

// Hours begin and end at their minutes of a day, as long as no clock is changed; and a clock that is changed may open
// or close, too.
std::optional<Time> ReferenceData::next_change(CalendarId id, bool opens, Time after, Time through) const {
  const Calendar& calendar = *calendars_[id.index];
  const auto changes = [&](Time at) { return open(id, at) == opens && open(id, at - Duration{1}) != opens; };
  for (Time from = after; from <= through;) {
    const ClockOffset clock = clock_offset(calendar.zone, from);
    const Time end = std::min(clock.until - Duration{1}, through);
    const std::int64_t day = days(1).us, local = (from + clock.ahead).us;
    for (Time midnight{local - (local % day + day) % day}; midnight <= end + clock.ahead;
         midnight = midnight + days(1)) {
      std::optional<Time> first;
      for (const OpenHours& hours : calendar.open) {
        const Time at = midnight + minutes(opens ? hours.from_minute : hours.to_minute) - clock.ahead;
        if (at > from && at <= end && (!first || at < *first) && changes(at)) first = at;
      }
      if (first) return first;
    }
    if (clock.until <= through && changes(clock.until)) return clock.until;
    from = clock.until;
  }
  return std::nullopt;
}

// ----- all of it ----------------------------------------------------------------------------------------

Result<std::shared_ptr<const ReferenceData>> ReferenceData::make(const RuleSet& rules, const ReferenceTexts& texts) {
  auto data = std::make_shared<ReferenceData>();
  std::vector<bool> folds(rules.lists.size());
  for (const ExprInst& inst : rules.code.instructions)
    if (inst.op == ExprOp::in_list && inst.b != 0 && inst.a < folds.size()) folds[inst.a] = true;
  static const std::vector<std::string> kNoLines;
  static const TableText kNoTable;
  for (std::size_t i = 0; i < rules.lists.size(); ++i)
    data->lists_.push_back(
        make_list(rules, rules.lists[i], i < texts.lists.size() ? texts.lists[i] : kNoLines, folds[i]));
  for (std::size_t i = 0; i < rules.tables.size(); ++i) {
    auto table =
        make_table(rules.tables[i].name, rules.tables[i].key, i < texts.tables.size() ? texts.tables[i] : kNoTable);
    if (!table) return tl::unexpected(table.error());
    data->tables_.push_back(std::move(*table));
  }
  for (const CalendarDef& def : rules.calendars) {
    const Zone* zone = find_zone(def.zone);
    if (zone == nullptr)
      return failure(Error::Code::malformed,
                     "this system knows no time zone `" + def.zone + "` (calendar `" + def.name + "`)");
    data->calendars_.push_back(std::make_shared<Calendar>(Calendar{zone, def.open}));
  }
  return std::shared_ptr<const ReferenceData>(std::move(data));
}

std::shared_ptr<const ReferenceData> ReferenceData::with_list(ListId list,
                                                              const std::vector<std::string>& lines) const {
  auto next = std::make_shared<ReferenceData>(*this);
  next->lists_[list.index] = make_list(lines, lists_[list.index]->folds);
  return next;
}

Result<std::shared_ptr<const ReferenceData>> ReferenceData::with_table(TableId table, const TableText& text) const {
  const Table& before = *tables_[table.index];
  auto made = make_table(before.name, before.key, text);
  if (!made) return tl::unexpected(made.error());
  auto next = std::make_shared<ReferenceData>(*this);
  next->tables_[table.index] = std::move(*made);
  return std::shared_ptr<const ReferenceData>(std::move(next));
}

}  // namespace tocsin
