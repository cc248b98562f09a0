// Rules as the reference matcher reads them: constants and templates put in, aliases linked, a sequence as one list of
// items per way of taking its `maybe` steps. Nothing here decides a match.
#pragma once

#include <re2/re2.h>

#include <limits>
#include <map>
#include <set>

#include "tests/support/reference_matcher.h"

namespace tocsin::reference {

struct Node;
using NodePtr = std::shared_ptr<const Node>;

struct Stream {
  std::string name;  // as written; empty for a union
  int base = -1;     // of a base event
  std::vector<Stream> any;
  std::shared_ptr<const Stream> alias;
  NodePtr filter;
  std::vector<int> bases;  // all under it
};

struct StreamField {
  Stream stream;
  std::vector<std::string> field;
};

struct Node {
  enum class Kind {
    literal,
    path,
    lookup,
    call,
    aggregate,
    negation,
    minus,
    binary,
    in_list,
    in_calendar,
    in_items,
    between,
    is_missing,
    some,
    its,
    list,
    text
  };
  Kind kind = Kind::literal;
  Value value;                    // literal
  std::vector<std::string> path;  // path, lookup's field, some's list
  std::string name;               // function, list, calendar, table
  ast::BinaryOp op = ast::BinaryOp::equal;
  bool flag = false;     // ignoring case; `is missing` (not present); its previous
  bool negated = false;  // not in
  std::vector<NodePtr> kids;
  std::vector<StreamField> streams;
  std::optional<Duration> over;
  std::int64_t over_last = 0;
  double factor = 1;
  std::shared_ptr<const RE2> regex;
  std::vector<std::string> pieces;  // text: pieces[0] kids[0] pieces[1] kids[1] ... pieces[n]
};

inline constexpr std::int64_t kMany = std::numeric_limits<std::int64_t>::max();

struct Pattern;
struct Item;
using Items = std::vector<Item>;
using Variants = std::vector<Items>;

struct Within {
  Duration length;
  std::string of;  // empty: the step before
};

// One place of a sequence, or a mark between places.
struct Item {
  enum class Kind { single, repeat, repeat_group, any, group_begin, group_end, nothing };
  Kind kind = Kind::single;
  // The link before it (of a group: on group_begin).
  std::vector<Stream> no;
  bool next = false;
  std::optional<Within> link_within;
  // single, repeat
  Stream stream;
  std::string name;  // bound name, else empty: as written
  int tier = 0;      // 1: of a `maybe`
  int slot = 0;      // numbers the places of a pattern
  // repeat, repeat_group
  std::int64_t low = 1, high = kMany;
  bool consecutive = false;
  std::shared_ptr<const Stream> of;
  std::shared_ptr<const Stream> until;
  std::string until_name;
  std::shared_ptr<const Pattern> inner;
  bool last_fire_only = false;  // a group of another form than a sequence: its latest fire
  // any
  std::vector<Variants> alternatives;
  std::int64_t number = 0;
  // group_begin: the bound; group_end: the bound again, and `then no x within D` if the group ends so
  std::optional<Duration> within;
  bool guess_end = false;  // begins with a repeated place: where it ends must be known first
  bool only_repeats = false;
  std::shared_ptr<const Stream> absent;
  Within absent_within;
};

struct Aligned {
  Duration length;
  std::string zone;  // empty: from kFirstMonday in UTC
};

struct Pattern {
  enum class Form {
    sequence,
    count,
    consecutive,
    apart,
    fewer,
    distinct,
    of_last,
    changes,
    fresh,
    idle,
    without,
    silence,
    ranking,
    condition,
    held
  };
  Form form = Form::sequence;
  std::int64_t n = 0, m = 0;
  Stream stream;
  Stream other;                          // `without`
  std::shared_ptr<const Stream> of;      // breaks a streak
  std::shared_ptr<const Pattern> inner;  // of `N (P)`
  std::vector<std::vector<std::string>> values;
  NodePtr condition;
  Duration length;  // idle, without, silence, gap of apart, `new .. in`, `over` of a ranking
  std::optional<Duration> within;
  std::optional<Aligned> each;
  std::optional<Duration> hold;
  std::string name;  // `as NAME`
  Variants variants;
  std::set<std::string> names;  // all that the pattern binds
  std::set<int> bases;          // all that it names (Q8)
  // Condition: the streams of its aggregates, and after how long an event of one leaves a window or enters an older
  // one.
  std::vector<Stream> judged;
  struct Expiry {
    Stream stream;
    Duration delay;
    std::vector<std::string> field;  // A1: an event without it is not counted; empty: all are
    // A5: of `its average` and `zscore`; after a delay of two windows or more one more lies behind the key's first
    // event, and a key without events for so long is new.
    std::optional<Duration> new_after;
    bool lasts = false;  // A7: of `duration(x)`: an x is there up to the next event of its base
  };
  std::vector<Expiry> expiries;
  struct Counted {  // what an aggregate of the condition counts now: its window, or its last so many (0, none: all)
    Stream stream;
    std::optional<Duration> window;
    std::int64_t last = 0;
    std::vector<std::string> field;  // as above
    std::vector<Stream> among;       // what takes places among the last so many: of a `ratio` either (A6)
  };
  std::vector<Counted> counted;
  std::vector<Duration> delays;  // event time + delay: something may be due
  bool timed = false;            // sequence: has an absence, or a pattern inside
  int repeats = 0;               // F18: repeated steps ...
  int places = 0;                // ... of so many
};

struct Key {
  std::string name;
  NodePtr value;
  struct Part {
    std::string name;
    std::vector<std::string> field;
    Stream stream;       // what can play it
    bool bound = false;  // only the step of this name
  };
  std::vector<Part> parts;
  std::string list;
};

struct During {
  std::string calendar;
  bool outside = false;
};

struct Assign {
  std::string name;
  NodePtr value;
};

struct EndsAfter {
  Duration idle;
  std::optional<Stream> when_last;
};

struct Rule {
  enum class Kind { rule, session, summary };
  Kind kind = Kind::rule;
  std::string name;
  Pattern when;
  std::optional<Pattern> resolve;
  std::vector<Key> keys;
  NodePtr where;
  std::vector<NodePtr> except;
  std::vector<During> during;
  std::vector<Stream> reset;
  std::optional<Duration> learn;
  struct Mute {
    std::string rule;
    std::vector<std::string> same;
  };
  std::vector<Mute> mute;
  struct Escalate {
    std::string severity;
    std::int64_t number = 0;  // 0: unresolved
    Duration length;
  };
  std::vector<Escalate> escalate;
  std::optional<Duration> remind, forget;
  std::string severity;
  NodePtr text;
  std::vector<Assign> with;
  struct Emit {
    std::string event;
    std::vector<Assign> fields;
  };
  std::vector<Emit> emit;
  ast::Fire::How how = ast::Fire::How::once;
  struct AtMost {
    std::int64_t number = 1;
    Duration per;
    std::vector<std::vector<std::string>> keys;
  };
  std::optional<AtMost> at_most;
  std::optional<std::pair<std::string, bool>> resume;  // name, at last
  // Sessions and summaries.
  Stream of;
  std::vector<EndsAfter> ends_after;
  std::vector<Stream> ends_on, starts_on;
  std::optional<Duration> longest;
  std::vector<std::vector<Assign>> emit_each;
  std::optional<Aligned> every;
  std::optional<Duration> over;
  bool every_event = false, over_all = false, even_if_empty = false;

  std::set<int> bases;  // all that the rule names
  std::set<int> emits;  // events that it makes
  std::vector<Duration> delays;
};

struct FieldType {
  ast::FieldType type = ast::FieldType::any;
  bool list = false;
};

struct BaseEvent {
  std::string name;
  bool declared = false;
  std::vector<std::pair<std::string, FieldType>> fields;
  std::string timestamp, tiebreak;
  ast::TimeUnit unit = ast::TimeUnit::milliseconds;
  Duration late{};
};

struct Calendar {
  std::vector<ast::OpenHours> open;
  std::string zone;
};

struct Model {
  std::vector<BaseEvent> bases;
  std::map<std::string, int> base_ids;
  std::map<std::string, std::shared_ptr<const Stream>> aliases;
  std::map<std::string, std::vector<Value>> lists;
  std::map<std::string, std::map<std::string, Value>> tables;
  std::map<std::string, Calendar> calendars;
  std::vector<std::shared_ptr<const Rule>> rules;  // those that make an event before those that use it

  int find_base(const std::string& name) const {
    const auto it = base_ids.find(name);
    return it == base_ids.end() ? -1 : it->second;
  }
};

// The first opening of a calendar after t (F15); none within eight days.
std::optional<Time> next_opening(const Model& model, const std::string& calendar, Time t);
std::optional<Time> next_closing(const Model& model, const std::string& calendar, Time t);
// The widest window that an expression's aggregates look at; 0 for none.
std::int64_t window_of(const NodePtr& node, const std::optional<Duration>& within);

std::shared_ptr<const Model> make_model(const std::vector<const ast::RuleFile*>& files, const Options& options);

}  // namespace tocsin::reference
