#include "adapters/generator/scenarios.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>

namespace tocsin::generating {

std::uint64_t Random::next() {
  state_ += 0x9E3779B97F4A7C15;
  std::uint64_t z = state_;
  z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
  z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
  return z ^ (z >> 31);
}

namespace {

using Happenings = std::vector<Happening>;

template <std::size_t N>
std::string_view one_of(Random& random, const std::array<std::string_view, N>& words) {
  return words[random.below(N)];
}

// The same name for the same person, another in every partition.
std::string name_of(Somebody s) {
  constexpr std::array<std::string_view, 20> kNames = {"ann",  "bob",  "cem",  "dora", "eve",  "finn", "gita",
                                                       "hugo", "ida",  "jan",  "kira", "leo",  "mia",  "nils",
                                                       "olga", "paul", "rosa", "sven", "tara", "uwe"};
  const std::string_view name = kNames[s.who % kNames.size()];
  const std::size_t of_this_name = s.who / kNames.size();
  return fmt::format("{}{}{}", name, s.part == 0 ? "" : std::to_string(s.part),
                     of_this_name == 0 ? "" : fmt::format("-{}", of_this_name));
}

// `count` times, a random while of `step` apart, beginning at `begin`.
template <class Make>
Duration repeat(Random& random, Happenings& out, int count, Duration begin, double step_seconds, Make&& make) {
  Duration at = begin;
  for (int i = 0; i < count; ++i) {
    out.push_back({at, make(i)});
    at.us += static_cast<std::int64_t>(random.between(0.4, 1.6) * step_seconds * 1e6);
  }
  return at;
}

// ----- security -----------------------------------------------------------------------------------------------------

std::string login(Random& random, Somebody s, std::string_view outcome, bool outside) {
  return fmt::format(R"("event":"login","user":"{}","ip":"{}.{}.{}.{}","outcome":"{}")", name_of(s), outside ? 203 : 10,
                     outside ? 0 : s.part, outside ? 113 : s.who % 250, 1 + random.below(250), outcome);
}
std::string download(Random& random, Somebody s, double megabytes) {
  constexpr std::array<std::string_view, 4> kFiles = {"plans.zip", "customers.csv", "notes.txt", "backup.tar"};
  return fmt::format(R"("event":"download","user":"{}","file":"{}","bytes":{})", name_of(s), one_of(random, kFiles),
                     static_cast<std::int64_t>(megabytes * 1e6));
}
std::string logout(Somebody s) { return fmt::format(R"("event":"logout","user":"{}")", name_of(s)); }

std::string office(Random& random, Somebody s) {
  const double what = random.unit();
  if (what < 0.35) return login(random, s, "success", false);
  if (what < 0.37) return login(random, s, "failure", false);
  if (what < 0.7) return download(random, s, random.between(0.1, 20));
  return logout(s);
}
std::string heartbeat(Random&, Somebody s) {
  return fmt::format(R"("event":"heartbeat","host":"web{}-{}")", s.part, s.who);
}
Happenings guessing(Random& random, Somebody s) {
  Happenings out;
  repeat(random, out, 6 + static_cast<int>(random.below(6)), {}, 2,
         [&](int) { return login(random, s, "failure", true); });
  return out;
}
Happenings guessed(Random& random, Somebody s) {
  Happenings out;
  const Duration end = repeat(random, out, 4 + static_cast<int>(random.below(4)), {}, 3,
                              [&](int) { return login(random, s, "failure", true); });
  out.push_back({end, login(random, s, "success", true)});
  return out;
}
Happenings hoarding(Random& random, Somebody s) {
  Happenings out{{{}, login(random, s, "success", false)}};
  const Duration end =
      repeat(random, out, 5, seconds(2), 3, [&](int) { return download(random, s, random.between(120, 300)); });
  out.push_back({end, logout(s)});
  return out;
}
constexpr Story kSecurity[] = {{30, guessing}, {35, guessed}, {25, hoarding}};

// ----- fraud --------------------------------------------------------------------------------------------------------

std::string card_of(Somebody s) { return fmt::format("4711-{:02}{:04}", s.part, s.who); }
std::string charge(Somebody s, double amount, std::string_view outcome) {
  return fmt::format(R"("event":"charge","card":"{}","amount":{:.2f},"outcome":"{}")", card_of(s), amount, outcome);
}
std::string confirmed(Somebody s) { return fmt::format(R"("event":"confirmed","card":"{}")", card_of(s)); }

std::string shopping(Random& random, Somebody s) {
  if (random.chance(0.05)) return confirmed(s);
  return charge(s, random.between(20, 90), random.chance(0.02) ? "declined" : "paid");
}
Happenings trying(Random& random, Somebody s) {
  Happenings out;
  repeat(random, out, 5, {}, 5, [&](int) { return charge(s, random.between(1, 5), "declined"); });
  return out;
}
Happenings probing(Random& random, Somebody s) {
  Happenings out;
  const Duration end = repeat(random, out, 3, {}, 8, [&](int) { return charge(s, random.between(1, 4), "paid"); });
  out.push_back({end, charge(s, random.between(400, 900), "paid")});
  return out;
}
Happenings spree(Random& random, Somebody s) {
  Happenings out;
  repeat(random, out, 6, {}, 12, [&](int) { return charge(s, random.between(500, 900), "paid"); });
  return out;
}
Happenings large(Random& random, Somebody s) { return {{{}, charge(s, random.between(1'100, 2'000), "paid")}}; }
Happenings large_confirmed(Random& random, Somebody s) {
  Happenings out = large(random, s);
  out.push_back({seconds(20), confirmed(s)});
  return out;
}
constexpr Story kFraud[] = {{30, trying}, {30, probing}, {35, spree}, {30, large}, {40, large_confirmed}};

// ----- sre ----------------------------------------------------------------------------------------------------------

std::string service_of(Somebody s) {
  constexpr std::array<std::string_view, 4> kServices = {"cart", "search", "login", "images"};
  const std::size_t of_this_name = s.who / kServices.size();
  return fmt::format("{}{}{}", kServices[s.who % kServices.size()], s.part,
                     of_this_name == 0 ? "" : fmt::format("-{}", of_this_name));
}
std::string request(Random& random, Somebody s, bool fails, bool slow) {
  const double ms = slow ? random.between(700, 2'000) : random.between(5, 120);
  return fmt::format(R"("event":"http","service":"{}","status":{},"ms":{:.1f})", service_of(s), fails ? 503 : 200, ms);
}
std::string deploy(Random& random, Somebody s) {
  return fmt::format(R"("event":"deploy","service":"{}","version":"v{}")", service_of(s), 100 + random.below(900));
}

std::string serving(Random& random, Somebody s) { return request(random, s, random.chance(0.01), false); }
Happenings good_deploy(Random& random, Somebody s) { return {{{}, deploy(random, s)}}; }
Happenings bad_deploy(Random& random, Somebody s) {
  Happenings out{{{}, deploy(random, s)}};
  repeat(random, out, 30, seconds(1), 0.5, [&](int) { return request(random, s, true, false); });
  return out;
}
Happenings taken_back(Random& random, Somebody s) {
  Happenings out = bad_deploy(random, s);
  out.push_back({out.back().after + seconds(1), fmt::format(R"("event":"rollback","service":"{}")", service_of(s))});
  return out;
}
Happenings slow_spell(Random& random, Somebody s) {
  Happenings out;
  repeat(random, out, 40, {}, 0.5, [&](int) { return request(random, s, false, true); });
  return out;
}
constexpr Story kSre[] = {{60, good_deploy}, {30, bad_deploy}, {40, taken_back}, {30, slow_spell}};

// ----- iot ----------------------------------------------------------------------------------------------------------

std::string reading(Random& random, Somebody s, double low, double high) {
  return fmt::format(R"("event":"reading","sensor":"s{}-{}","room":"room{}-{}","temp":{:.1f})", s.part, s.who, s.part,
                     s.who / 4, random.between(low, high));
}
std::string door(Somebody s, std::string_view what) {
  return fmt::format(R"("event":"door_{}","room":"room{}-{}")", what, s.part, s.who / 4);
}
std::string measuring(Random& random, Somebody s) { return reading(random, s, 3.5, 4.5); }
Happenings warming(Random& random, Somebody s) {
  Happenings out;
  repeat(random, out, 8, {}, 0.2, [&](int i) { return reading(random, s, 7.0 + 0.25 * i, 8.2 + 0.25 * i); });
  return out;
}
Happenings drifting(Random& random, Somebody s) {
  Happenings out;
  repeat(random, out, 120, {}, 0.5, [&](int) { return reading(random, s, 7.0, 7.9); });
  return out;
}
Happenings door_open(Random& random, Somebody s, double warmest) {
  Happenings out{{{}, door(s, "opened")}};
  const Duration end =
      repeat(random, out, 8, seconds(1), 2, [&](int) { return reading(random, s, warmest - 1, warmest); });
  out.push_back({end, door(s, "closed")});
  return out;
}
Happenings left_open(Random& random, Somebody s) { return door_open(random, s, 7.8); }
Happenings walked_in(Random& random, Somebody s) { return door_open(random, s, 5.0); }
constexpr Story kIot[] = {{30, warming}, {40, drifting}, {40, left_open}, {60, walked_in}};

// ----- clicks -------------------------------------------------------------------------------------------------------

std::string visitor_of(Somebody s) { return fmt::format("v{}-{}", s.part, s.who); }
std::string view(Random& random, Somebody s) {
  constexpr std::array<std::string_view, 5> kPages = {"/", "/lamps", "/chairs", "/sale", "/help"};
  return fmt::format(R"("event":"view","visitor":"{}","page":"{}")", visitor_of(s), one_of(random, kPages));
}
std::string cart_add(Random& random, Somebody s, double low, double high) {
  constexpr std::array<std::string_view, 5> kProducts = {"lamp", "chair", "table", "vase", "clock"};
  return fmt::format(R"("event":"cart_add","visitor":"{}","product":"{}","price":{:.2f})", visitor_of(s),
                     one_of(random, kProducts), random.between(low, high));
}
std::string purchase(Somebody s) { return fmt::format(R"("event":"purchase","visitor":"{}")", visitor_of(s)); }

std::string browsing(Random& random, Somebody s) { return view(random, s); }
Happenings buying(Random& random, Somebody s) {
  Happenings out;
  const Duration end = repeat(random, out, 1 + static_cast<int>(random.below(3)), {}, 5,
                              [&](int) { return cart_add(random, s, 10, 80); });
  out.push_back({end, purchase(s)});
  return out;
}
Happenings furnishing(Random& random, Somebody s) {
  Happenings out;
  const Duration end = repeat(random, out, 3, {}, 5, [&](int) { return cart_add(random, s, 200, 400); });
  out.push_back({end, purchase(s)});
  return out;
}
Happenings leaving(Random& random, Somebody s) { return {{{}, cart_add(random, s, 10, 80)}}; }
Happenings crawling(Random& random, Somebody s) {
  Happenings out;
  repeat(random, out, 40, {}, 0.2, [&](int) { return view(random, s); });
  return out;
}
// The purchases of some visitors do not go through, and they try again.
Happenings outage(Random& random, Somebody s) {
  Happenings out;
  repeat(random, out, 60, {}, 0.25,
         [&](int i) { return cart_add(random, {s.part, s.who + static_cast<std::uint32_t>(i % 6)}, 10, 80); });
  return out;
}
constexpr Story kClicks[] = {{10, buying}, {35, furnishing}, {40, leaving}, {30, crawling}, {60, outage}};

constexpr std::uint32_t kEverybody = 0xFFFFFFFF;
constexpr Scenario kScenarios[] = {
    {"security", 20, office, seconds(10), heartbeat, 20, seconds(45), 30, kSecurity},
    {"fraud", 100, shopping, {}, nullptr, 0, {}, 0, kFraud},
    {"sre", 4, serving, {}, nullptr, 0, {}, 0, kSre},
    {"iot", 5, nullptr, seconds(5), measuring, kEverybody, seconds(50), 30, kIot},
    {"clicks", 200, browsing, {}, nullptr, 0, {}, 0, kClicks},
};

}  // namespace

std::span<const Scenario> scenarios() { return kScenarios; }

const Scenario* find_scenario(std::string_view name) {
  const auto at = std::ranges::find(kScenarios, name, &Scenario::name);
  return at == std::end(kScenarios) ? nullptr : at;
}

}  // namespace tocsin::generating
