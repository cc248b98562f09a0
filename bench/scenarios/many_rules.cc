// What an event costs with 1, 100 and 10,000 rules: filters by equality on many values, ranges, a few `contains` and
// regular expressions; counts, streaks and sequences; kept by four different keys. The events are the same each time.
// From 1 to 10,000 the cost must grow less than 8 times, else this ends with 1.
//
// First the alerts are proved: those of a hundred rules with the ways of many rules and without (index, shared keys,
// lean counters), and those of a smaller sample with the reference matcher.
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <random>

#include "bench/scenarios/scenario.h"

namespace tocsin::bench {
namespace {

constexpr const char* kEvents = R"(
event login has user text, ip text, app text, outcome text, ts time  timestamp ts
event http has service text, host text, ip text, path text, status int, latency int, ts time  timestamp ts
event login_failed = login(outcome = "failure")
event http_error = http(status >= 500)
)";

// {i}: the rule's number, so most look at values of their own; {n}, {d}: a count and seconds, few different ones.
constexpr const char* kShapes[] = {
    R"({n} login_failed(app = "app{i}") within {d}s by user)",
    R"({n} http_error(service = "service{i}") within {d}s by service)",
    R"(login_failed(app = "app{i}") as f then login(app = "app{i}" and outcome = "success") within {d}s by user)",
    R"({n} http(host = "host{i}" and latency > 400) within {d}s by ip)",
    R"({n} http(service = "service{i}" and path contains "/admin") within {d}s by ip)",
    R"({n} consecutive http_error(service = "service{i}") of http(service = "service{i}") by host)",
    R"({n} http(host = "host{i}" and path matches /\.(php|cgi)$/) within {d}s by ip)",
    R"({n} distinct login(app = "app{i}").ip within {d}s by user)",
    R"({n} login_failed(app in ["app{i}", "app0"]) within {d}s by ip)",
    R"({n} http_error within {d}s by host)",
    R"({n} http(latency > 4{i}) within {d}s by service)",
    R"(http_error(host = "host{i}") then no http(host = "host{i}") within {d}s by service)",
};

std::string rules_text(std::size_t count) {
  std::string out = kEvents;
  for (std::size_t i = 0; i < count; ++i) {
    std::string pattern = kShapes[i % std::size(kShapes)];
    const auto put = [&pattern](std::string_view name, const std::string& value) {
      for (auto at = pattern.find(name); at != std::string::npos; at = pattern.find(name))
        pattern.replace(at, 3, value);
    };
    put("{i}", std::to_string(i));
    put("{n}", std::to_string(3 + i % 7));
    put("{d}", std::to_string(60 + i % 5 * 60));
    out += fmt::format("rule r{}\n  when {}\n  alert low \"-\"\n", i, pattern);
  }
  return out;
}

// `values`: of apps, services and hosts. With few of them a small sample has alerts, too.
std::string lines_of(std::size_t count, std::uint64_t values, std::vector<tests::EventText>* events = nullptr) {
  std::mt19937_64 random(7);
  std::string out;
  for (std::size_t i = 0; i < count; ++i) {
    tests::EventText e;
    e.ms = 1'772'374'800'000 + static_cast<std::int64_t>(i * 3);
    e.offset = i + 1;
    const std::uint64_t value = random() % values, who = random() % 5'000, where = random() % values;
    if (i % 3 == 0) {
      e.type = "login";
      e.fields = fmt::format(R"("user":"user{}","ip":"10.0.{}.{}","app":"app{}","outcome":"{}")", who, who % 200,
                             who % 7, value, random() % 4 == 0 ? "failure" : "success");
    } else {
      e.type = "http";
      e.fields = fmt::format(
          R"("service":"service{}","host":"host{}","ip":"10.0.{}.{}","path":"/{}","status":{},"latency":{})", value,
          where, who % 200, who % 7, random() % 10 == 0 ? "admin/a.php" : "shop/cart", random() % 20 == 0 ? 503 : 200,
          random() % 500);
    }
    out += e.json() + "\n";
    if (events != nullptr) events->push_back(std::move(e));
  }
  return out;
}

std::vector<std::string> alert_ids(Pipeline& engine) {
  engine.end();
  std::vector<std::string> out;
  for (const Alert& alert : engine.take_alerts()) out.push_back(alert.id);
  return out;
}

void prove() {
  const auto rules = compiled(rules_text(100));
  const std::string lines = lines_of(3'000, 100);
  Pipeline lean(rules, ""), general(rules, "", false);
  lean.take(lines);
  general.take(lines);
  const auto ids = alert_ids(lean);
  if (ids.size() < 50) wrong(fmt::format("{} alerts only", ids.size()));
  if (ids != alert_ids(general)) wrong("without the ways of many rules the alerts are others");

  std::vector<tests::EventText> events;
  lines_of(600, 3, &events);
  prove_against_reference(rules_text(std::size(kShapes)), std::move(events));
}

// CPU time for each event, the median of the chunks; the first third only warms up.
Measured measure(std::size_t rules, const std::string& lines) {
  Pipeline engine(compiled(rules_text(rules)), "");
  constexpr std::size_t kChunk = std::size_t{128} << 10;
  std::vector<double> each;
  Measured out;
  std::string_view rest = lines;
  while (!rest.empty()) {
    const std::string_view chunk = rest.substr(0, rest.find('\n', std::min(kChunk, rest.size() - 1)) + 1);
    rest.remove_prefix(chunk.size());
    const auto events = std::count(chunk.begin(), chunk.end(), '\n');
    const double begin = cpu_ns();
    engine.take(chunk);
    const std::size_t alerts = engine.take_alerts().size();
    each.push_back((cpu_ns() - begin) / static_cast<double>(events));
    out.answer += alerts;
  }
  each.erase(each.begin(), each.begin() + static_cast<std::ptrdiff_t>(each.size() / 3));
  out.ns = median(each);
  return out;
}

// A daemon has its rules and nothing else in memory; so has each of these.
constexpr std::size_t kProcesses = 9;

int run(bool tiny) {
  least_of_processes(1, [] {
    prove();
    return Measured();
  });
  if (tiny) return 0;
  const std::string lines = lines_of(300'000, 10'000);
  fmt::print("many_rules: one core of {}; ns of CPU time per event, median of the chunks, the least of {} processes\n",
             machine(), kProcesses);
  fmt::print("{:>8} {:>9} {:>7} {:>8}\n", "rules", "ns/event", "times", "alerts");
  double first = 0, last = 0;
  for (const std::size_t rules : {std::size_t{1}, std::size_t{100}, std::size_t{10'000}}) {
    const Measured f = least_of_processes(kProcesses, [&] { return measure(rules, lines); });
    last = f.ns;
    if (first == 0) first = f.ns;
    fmt::print("{:>8} {:>9.1f} {:>7.2f} {:>8}\n", rules, f.ns, f.ns / first, f.answer);
  }
  return at_most(8, last / first, "many_rules: cost of an event with 10,000 rules, times that with one") ? 0 : 1;
}

}  // namespace
}  // namespace tocsin::bench

int main(int argc, char** argv) { return tocsin::bench::run(tocsin::bench::is_tiny(argc, argv)); }
