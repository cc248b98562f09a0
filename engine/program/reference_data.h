// Lists, tables and calendars as they are now. Immutable: who follows a file or a topic makes the next one from this
// (sharing what did not change) and swaps the pointer, so that no event ever sees half a list.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "engine/base/ids.h"
#include "engine/base/result.h"
#include "engine/base/time.h"
#include "engine/event/value.h"
#include "engine/program/program.h"

namespace tocsin {

// What stood in a table's file, parsed but not understood.
struct TableText {
  std::vector<std::string> columns;
  std::vector<std::vector<std::string>> rows;  // as long as `columns`; shorter ones lack their last cells
};

// The data of the lists and tables that come from files or topics, by ListId and TableId. Inline lists have an empty
// place.
struct ReferenceTexts {
  std::vector<std::vector<std::string>> lists;
  std::vector<TableText> tables;
};

class ReferenceData {
 public:
  // Failure: a table without its key column, or a calendar's zone that this system does not know.
  static Result<std::shared_ptr<const ReferenceData>> make(const RuleSet& rules, const ReferenceTexts& texts);

  // The same with one list or table replaced. REQUIRES: the ids are of the rule set that this was made for.
  std::shared_ptr<const ReferenceData> with_list(ListId list, const std::vector<std::string>& lines) const;
  Result<std::shared_ptr<const ReferenceData>> with_table(TableId table, const TableText& text) const;

  // Is the value in the list? A line of a file is a bare word: it is equal to the text, and if it reads as a number, an
  // address, a network, a time or a duration, to that too. An address, also one in a text, is in a list when it lies
  // inside one of its networks. `fold`: texts are compared in lower case. Missing is in no list.
  bool contains(ListId list, const Value& value, bool fold) const;

  // The items of a list as keys to watch, in their order and each once: inline ones as written, those of a file as
  // values of `type`, that of the key. A line that is no such value is no key, nor is a network. Good as long as this
  // lives.
  std::vector<Value> keys(ListId list, Type type) const;

  // The cell of `column` in the row whose key equals `key` as in `contains`; missing: no such row, column or cell. A
  // column whose cells all read as numbers (without leading zeros) holds numbers, one of true and false booleans,
  // others texts. Of rows with one key the last one counts.
  Value lookup(TableId table, const Value& key, std::string_view column) const;

  // Does the time lie in the open hours? They are half-open: 18:00 is closed. Hours that end before they begin last
  // until the next morning and belong to the day on which they begin.
  bool open(CalendarId calendar, Time time) const;

  // Since when it has been as it is at `seen`: the beginning of open hours, or of closed ones. Hours that follow
  // each other without a gap are one. kFirstTime: it is never anything else. And until when no hours begin or end.
  struct Stretch {
    Time since{}, seen{}, until{};
  };
  Stretch stretch(CalendarId calendar, Time at) const;
  // The first time after `after` at which it opens, or, `opens` false, closes; none up to `through`.
  std::optional<Time> next_change(CalendarId calendar, bool opens, Time after, Time through) const;

 private:
  struct List;
  struct Table;
  struct Calendar;
  static std::shared_ptr<const List> make_list(const RuleSet& rules, const ListDef& def,
                                               const std::vector<std::string>& lines, bool folds);
  static std::shared_ptr<const List> make_list(const std::vector<std::string>& lines, bool folds);
  static Result<std::shared_ptr<const Table>> make_table(std::string_view name, std::string_view key,
                                                         const TableText& text);

  std::vector<std::shared_ptr<const List>> lists_;
  std::vector<std::shared_ptr<const Table>> tables_;
  std::vector<std::shared_ptr<const Calendar>> calendars_;
};

// A constant of the pool as a value. Texts and addresses view the constant.
Value value_of(const Constant& constant);

}  // namespace tocsin
