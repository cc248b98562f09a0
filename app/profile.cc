#include "app/profile.h"

#include <fmt/format.h>

#include <algorithm>
#include <ctime>
#include <nlohmann/json.hpp>
#include <utility>

#include "engine/base/wording.h"

namespace tocsin::app {
namespace {

using Clock = std::chrono::steady_clock;

double cpu_seconds() {
  timespec now{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
  return static_cast<double>(now.tv_sec) + static_cast<double>(now.tv_nsec) * 1e-9;
}

// What two looks at the clock see of each other when nothing is between them: the middle of many.
std::chrono::nanoseconds cost_of_clock() {
  std::vector<std::chrono::nanoseconds> between;
  for (int i = 0; i < 1001; ++i) {
    const Clock::time_point first = Clock::now();
    between.push_back(Clock::now() - first);
  }
  std::ranges::nth_element(between, between.begin() + 500);
  return between[500];
}

}  // namespace

// Passes everything on, and takes the time of what events and time cause.
class Profile::Measured final : public Runner {
 public:
  Measured(std::unique_ptr<Runner> runner, Spent& spent) : runner_(std::move(runner)), spent_(spent) {}

  void watch(Time from) override {
    measure([&] { runner_->watch(from); });
  }
  void on_swap(Time from) override {
    measure([&] { runner_->on_swap(from); });
  }
  void on_event(const Event& event, Outputs& out) override {
    measure([&] { runner_->on_event(event, out); });
  }
  void look_ahead(std::span<Ahead> ahead) override {
    measure([&] { runner_->look_ahead(ahead); });
  }
  void fetch(std::span<Ahead> ahead) override {
    measure([&] { runner_->fetch(ahead); });
  }
  std::size_t on_ahead(std::span<const Ahead> ahead, Outputs& out) override {
    std::size_t seen = 0;
    measure([&] { seen = runner_->on_ahead(ahead, out); });
    return seen;
  }
  void on_late(const Event& event, Time now, Outputs& out) override {
    measure([&] { runner_->on_late(event, now, out); });
  }
  void on_instant(Instant now, Outputs& out) override {
    measure([&] { runner_->on_instant(now, out); });
  }

  bool looks_ahead() const override { return runner_->looks_ahead(); }
  void add_memory(std::vector<const void*>& out) const override { runner_->add_memory(out); }
  void is_answered(EventTypeId type) override { runner_->is_answered(type); }
  bool is_asked() const override { return runner_->is_asked(); }
  bool has_timers() const override { return runner_->has_timers(); }
  std::optional<Instant> due() const override { return runner_->due(); }
  std::optional<Instant> due_but_renewing() const override { return runner_->due_but_renewing(); }
  void due_keys(std::vector<DueKey>& out) const override { runner_->due_keys(out); }
  std::optional<Instant> due_of_key(const std::string& key) const override { return runner_->due_of_key(key); }
  void track(const StateOut& out) override { runner_->track(out); }
  std::vector<std::string> in_words(const std::string& key) const override { return runner_->in_words(key); }
  void cut() override { runner_->cut(); }
  std::size_t save(std::size_t most) override { return runner_->save(most); }
  void watched(Time from) override { runner_->watched(from); }
  bool load(const StateAddress& address, StateReader& in) override { return runner_->load(address, in); }
  void restored(Instant passed) override { runner_->restored(passed); }
  bool fires(std::span<const std::uint32_t> parts, std::string_view bytes) const override {
    return runner_->fires(parts, bytes);
  }
  const ProgramCounters& counters() const override { return runner_->counters(); }
  std::size_t keys() const override { return runner_->keys(); }
  std::size_t bytes() const override { return runner_->bytes(); }

 private:
  template <class Work>
  void measure(Work&& work) {
    const Clock::time_point began = Clock::now();
    work();
    spent_.time += Clock::now() - began;
    ++spent_.calls;
  }

  std::unique_ptr<Runner> runner_;
  Spent& spent_;
};

void Profile::watch(Engine& engine) {
  spent_.assign(engine.rules().programs.size(), {});
  engine.put_around_runners([this](ProgramId id, std::unique_ptr<Runner> runner) -> std::unique_ptr<Runner> {
    return std::make_unique<Measured>(std::move(runner), spent_[id.index]);
  });
  clock_ = cost_of_clock();
  began_ = Clock::now();
  cpu_began_ = cpu_seconds();
}

void Profile::add(const Alert& alert) {
  if (alert.state == Alert::State::firing && alert.reminder == 0) ++spent_[alert.rule.index].alerts;
}

void Profile::finish(const Engine& engine) {
  seconds_ = cpu_seconds() - cpu_began_;
  const double wall = std::chrono::duration<double>(Clock::now() - began_).count();
  // Where others have the processor for a while, the clock goes on: each rule has its share of what is left.
  const double share = wall > 0 ? std::min(1.0, seconds_ / wall) : 1.0;
  for (std::size_t i = 0; i < spent_.size(); ++i) {
    const Runner& runner = engine.lane(0).shard().runner(ProgramId{i});
    const ProgramCounters& counters = runner.counters();
    const auto clock = clock_ * static_cast<std::int64_t>(spent_[i].calls);
    const double seconds = std::chrono::duration<double>(spent_[i].time - clock).count();
    rules_.push_back({engine.rules().programs[i].name, !runner.is_asked(), std::max(0.0, seconds * share),
                      counters.events, runner.keys(), counters.keys_most, runner.bytes(), spent_[i].alerts});
  }
  std::ranges::stable_sort(rules_, std::ranges::greater{}, &RuleCost::seconds);
}

std::string in_words(const Profile& profile) {
  std::size_t width = 4;
  double in_rules = 0;
  for (const RuleCost& rule : profile.rules()) {
    width = std::max(width, rule.name.size());
    in_rules += rule.seconds;
  }
  std::string out = fmt::format("  {:<{}}  {:>9}  {:>6}  {:>12}  {:>9}  {:>9}  {:>12}  {:>7}\n", "rule", width,
                                "cpu ms", "share", "events", "ns/event", "keys", "state bytes", "alerts");
  for (const RuleCost& rule : profile.rules()) {
    const double each = rule.events > 0 ? rule.seconds * 1e9 / static_cast<double>(rule.events) : 0;
    const double part = in_rules > 0 ? rule.seconds * 100 / in_rules : 0;
    const auto unless_shared = [&](std::string text) { return rule.shared ? std::string() : text; };
    out +=
        fmt::format("  {:<{}}  {:>9}  {:>6}  {:>12}  {:>9}  {:>9}  {:>12}  {:>7}\n", rule.name, width,
                    rule.shared ? "shared" : fmt::format("{:.1f}", rule.seconds * 1e3),
                    unless_shared(fmt::format("{:.0f} %", part)), grouped(rule.events),
                    unless_shared(fmt::format("{:.0f}", each)), grouped(rule.keys), grouped(rule.bytes), rule.alerts);
  }
  out += fmt::format("profile: {:.1f} ms of the processor in rules, of {:.1f} ms for the whole run and its measuring\n",
                     in_rules * 1e3, profile.seconds() * 1e3);
  if (std::ranges::any_of(profile.rules(), &RuleCost::shared))
    out += "shared: another rule counts the same events by the same key, and its time has both\n";
  return out;
}

std::string in_json(const Profile& profile) {
  using Json = nlohmann::ordered_json;
  Json rules = Json::array();
  for (const RuleCost& rule : profile.rules())
    rules.push_back({{"rule", rule.name},
                     {"seconds", rule.seconds},
                     {"shared", rule.shared},
                     {"events", rule.events},
                     {"keys", rule.keys},
                     {"keys_most", rule.keys_most},
                     {"state_bytes", rule.bytes},
                     {"alerts", rule.alerts}});
  return Json{{"schema", "tocsin/profile/1"}, {"seconds", profile.seconds()}, {"rules", std::move(rules)}}.dump() +
         "\n";
}

}  // namespace tocsin::app
