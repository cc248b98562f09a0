#include "app/daemon/taps.h"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "app/daemon/plan.h"
#include "app/daemon/tap_filter.h"
#include "engine/base/wording.h"
#include "engine/base/write.h"
#include "engine/runtime/document.h"

namespace tocsin::app {

// One that looks on. What is put down waits here for its client.
class Tap final : public LongAnswer {
 public:
  Tap(TapAsked what, const Clock& clock) : asked(std::move(what)), clock_(clock), began_(clock.elapsed()) {}

  // ----- the tap thread -----------------------------------------------------------------------------

  // There is something that it wants; `write` appends the document, if it is to be shown.
  template <class Write>
  void matched(const Write& write) {
    const std::scoped_lock lock(mutex_);
    if (!ended_.empty()) return;
    ++matched_;
    const Duration now = clock_.elapsed();
    if (now.us - second_.us >= 1'000'000) {
      second_ = now;
      in_second_ = 0;
    }
    if (in_second_ >= asked.rate) return void(++skipped_);
    const std::size_t before = ready_.size();
    write(ready_);
    ready_ += '\n';
    if (before != 0 && ready_.size() > kTapBytes) {  // one that is larger than all of it has to have its turn, too
      ready_.resize(before);
      return void(++lost_);
    }
    ++in_second_;
    ++shown_;
    if (asked.most && shown_ == *asked.most) ended_ = "limit";
  }
  void unseen(std::uint64_t number) {
    const std::scoped_lock lock(mutex_);
    if (ended_.empty()) unseen_ += number;
  }
  // For people; the newest alone, where nobody has read the one before.
  void note(std::string text) {
    const std::scoped_lock lock(mutex_);
    note_ = std::move(text);
  }
  void end(std::string_view why) {
    const std::scoped_lock lock(mutex_);
    if (ended_.empty()) ended_ = why;
  }
  bool has_ended() const {
    const std::scoped_lock lock(mutex_);
    return !ended_.empty();
  }

  // ----- the control thread -------------------------------------------------------------------------

  bool take(std::string& out) override {
    const std::scoped_lock lock(mutex_);
    const Duration now = clock_.elapsed();
    if (ended_.empty() && asked.lasts && now - began_ >= *asked.lasts) ended_ = "time";
    out += ready_;
    ready_.clear();
    if (said_ && ended_.empty() && note_.empty() && now - *said_ < seconds(1)) return true;
    said_ = now;
    out +=
        fmt::format("{{\"tap\":{{\"shown\":{},\"matched\":{},\"skipped_by_rate\":{},\"lost\":{},\"not_looked_at\":{}",
                    shown_, matched_, skipped_, lost_, unseen_);
    for (const auto& [key, text] : {std::pair{"note", &note_}, std::pair{"ended", &ended_}})
      if (!text->empty()) {
        out += fmt::format(",\"{}\":", key);
        append_json_text(out, *text);
      }
    out += "}}\n";
    note_.clear();
    return ended_.empty();
  }

  const TapAsked asked;
  // The tap thread's own: of events, who chooses; made for these rules.
  std::unique_ptr<TapFilter> filter;
  Taps::Rules rules;

 private:
  const Clock& clock_;
  const Duration began_;
  mutable std::mutex mutex_;
  std::string ready_, note_, ended_;
  std::uint64_t shown_ = 0, matched_ = 0, skipped_ = 0, lost_ = 0, unseen_ = 0;
  Duration second_{};
  std::optional<Duration> said_;
  std::uint64_t in_second_ = 0;
};

Taps::Taps(std::vector<std::string> sources, const Clock& clock,
           std::function<std::shared_ptr<const CompiledSet>()> current)
    : sources_(std::move(sources)), clock_(clock), current_(std::move(current)) {}

Taps::~Taps() = default;

// ----- whoever has something ------------------------------------------------------------------------------

void Taps::offer(const Rules& rules, const std::shared_ptr<const EventBatch>& events) {
  if (events->empty()) return;
  const std::scoped_lock lock(mutex_);
  if (blocks_ >= kBlocksMost) return void(unseen_[static_cast<std::size_t>(Of::events)] += events->size());
  ++blocks_;
  items_.push_back({Of::events, rules, events});
}

void Taps::put_single(Item item, std::size_t bytes) {
  ++singles_;
  single_bytes_ += bytes;
  items_.push_back(std::move(item));
}

void Taps::offer(const Rules& rules, const Emitted& emitted) {
  const std::scoped_lock lock(mutex_);
  if (!has_room_for_one()) return void(++unseen_[static_cast<std::size_t>(Of::events)]);
  put_single({Of::events, rules, emitted}, emitted.key.bytes() + emitted.fields.bytes());
}

void Taps::offer(Of of, const std::string& name, const std::string& document) {
  const std::scoped_lock lock(mutex_);
  if (!has_room_for_one()) return void(++unseen_[static_cast<std::size_t>(of)]);
  put_single({of, nullptr, Document{name, document}}, document.size());
}

// ----- those who look on ----------------------------------------------------------------------------------

void Taps::open(const TapAsked& asked, Reply reply) {
  {
    const std::scoped_lock lock(mutex_);
    if (!has_ended_) return asked_.emplace_back(asked, std::move(reply)), void();
  }
  reply({409, document_of_refusal("the daemon is stopping")});
}

void Taps::end() {
  std::vector<std::pair<TapAsked, Reply>> waiting;
  {
    const std::scoped_lock lock(mutex_);
    has_ended_ = true;
    waiting.swap(asked_);
  }
  wanted_ = 0;
  for (const auto& [asked, reply] : waiting) reply({409, document_of_refusal("the daemon is stopping")});
  for (const auto& weak : taps_)
    if (const auto tap = weak.lock()) tap->end("stopping");
}

bool Taps::step() {
  std::vector<Item> items;
  std::vector<std::pair<TapAsked, Reply>> asked;
  std::array<std::uint64_t, 4> unseen{};
  {
    const std::scoped_lock lock(mutex_);
    items.swap(items_);
    asked.swap(asked_);
    blocks_ = singles_ = single_bytes_ = 0;
    std::swap(unseen, unseen_);
  }
  for (const auto& weak : taps_)
    if (const auto tap = weak.lock()) {
      tap->unseen(unseen[static_cast<std::size_t>(tap->asked.of)]);
      for (const Item& item : items)
        if (item.of == tap->asked.of) give(*tap, item);
    }
  std::erase_if(taps_, [](const std::weak_ptr<Tap>& weak) {
    const auto tap = weak.lock();
    return tap == nullptr || tap->has_ended();
  });
  for (const auto& [one, reply] : asked) begin(one, reply);
  note_wanted();
  return !taps_.empty();
}

void Taps::note_wanted() {
  unsigned wanted = 0;
  for (const auto& weak : taps_)
    if (const auto tap = weak.lock()) wanted |= bit(tap->asked.of);
  wanted_ = wanted;
}

void Taps::begin(const TapAsked& asked, const Reply& reply) {
  if (taps_.size() >= kTapsMost)
    return reply({409, document_of_refusal(fmt::format("{} look on already", kTapsMost), "end one of them")});
  const auto set = current_();
  auto tap = std::make_shared<Tap>(asked, clock_);
  if (asked.of == Of::alerts && !asked.name.empty() &&
      std::ranges::find(set->compiled.rules->programs, asked.name, &Program::name) ==
          set->compiled.rules->programs.end())
    return reply(
        {422, document_of_refusal(fmt::format("there is no rule `{}`", asked.name), "`tocsin rules` lists them")});
  if (asked.of == Of::events) {
    auto filter = TapFilter::make(*set, asked.name, asked.where);
    if (!filter) return reply({422, document_of_refusal(filter.error().why, filter.error().help)});
    tap->filter = std::move(*filter);
    tap->rules = set->compiled.rules;
  }
  taps_.push_back(tap);
  note_wanted();  // what comes behind the answer is seen
  reply({200, {}, std::move(tap)});
}

void Taps::give(Tap& tap, const Item& item) {
  if (const auto* document = std::get_if<Document>(&item.what)) {
    if (tap.asked.name.empty() || tap.asked.name == document->name)
      tap.matched([&](std::string& out) { out += document->text; });
    return;
  }
  if (item.rules != tap.rules) {  // other rules have begun: the name may mean something else, or nothing, to them
    const auto set = current_();
    if (set->compiled.rules != item.rules) {  // of rules that have gone
      const auto* events = std::get_if<std::shared_ptr<const EventBatch>>(&item.what);
      return tap.unseen(events != nullptr ? (*events)->size() : 1);
    }
    auto filter = TapFilter::make(*set, tap.asked.name, tap.asked.where);
    if (!filter) tap.note("the rules have changed, and nothing is shown until they do again: " + filter.error().why);
    tap.filter = filter ? std::move(*filter) : nullptr;
    tap.rules = item.rules;
  }
  if (tap.filter == nullptr) return;
  DocumentNames names;
  names.rules = item.rules.get();
  names.sources = sources_;
  if (const auto* emitted = std::get_if<Emitted>(&item.what)) {
    Event event;
    event.type = emitted->type;
    event.time = emitted->time;
    event.fields = emitted->fields.values();
    if (tap.filter->wants(event)) tap.matched([&](std::string& out) { append_emitted(out, *emitted, names); });
    return;
  }
  for (const Event& event : std::get<std::shared_ptr<const EventBatch>>(item.what)->events())
    if (tap.filter->wants(event)) tap.matched([&](std::string& out) { append_event(out, event, names); });
}

}  // namespace tocsin::app
