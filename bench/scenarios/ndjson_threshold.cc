// Lines of 156 bytes through the whole engine, one core: `5 login_failed within 5m by user`, against a plain simdjson
// loop that only reads the same fields, and against a naive program (ndjson_threshold.h). All three see the same
// blocks, one after the other, in chunks of some milliseconds, each first in turn; CPU time counts, the median of the
// chunks. Alerts of the engine and of the naive program are compared, key by key and time by time, and on a small
// sample those of the reference matcher, too.
//
// `one in ten` of the lines is a failure, or `every` one. A user fails about once in five minutes: so 10,000 keys and
// 1,000,000 differ in memory, not in how often something fires. Before time is taken every user has been seen.
//
// `ndjson_threshold_scenario 10000 1` measures only ten thousand keys with every line counted.
#include "bench/scenarios/ndjson_threshold.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <nlohmann/json.hpp>
#include <random>

#include "bench/scenarios/scenario.h"

namespace tocsin::bench {

void Naive::take(std::string_view lines, std::vector<Found>& found) {
  constexpr std::int64_t kWindow = 300'000'000;
  while (!lines.empty()) {
    const std::size_t end = lines.find('\n');
    const auto record = nlohmann::json::parse(lines.substr(0, end));
    lines.remove_prefix(end + 1);
    const std::int64_t time = record["ts"].get<std::int64_t>() * 1000;
    const std::string key = record["user"];
    if (record["outcome"] != "failure") continue;
    User& user = users_[key];
    while (!user.times.empty() && time - user.times.front() > kWindow) user.times.pop_front();
    if (user.times.empty()) user.armed = true;
    user.times.push_back(time);
    if (user.times.size() < 5) {
      user.armed = true;
    } else if (std::exchange(user.armed, false)) {
      found.emplace_back(key, time);
    }
  }
}

namespace {

constexpr const char* kRules = R"(
event login has user text, outcome text, ts time  timestamp ts
event login_failed = login(outcome = "failure")
rule brute_force
  when 5 login_failed within 5m by user
  alert high "{count} failures of {user}"
)";

struct Load {
  std::uint64_t keys;
  std::uint64_t one_in;  // lines that are a failure
};

// Lines without end, in time order.
class Lines {
 public:
  explicit Lines(const Load& load) : load_(load), step_us_(300e6 / static_cast<double>(load.keys * load.one_in)) {}

  // Fills the buffer with whole lines up to `size`; gives their number.
  std::size_t fill(Bytes& into, std::size_t size) {
    into.clear();
    into.reserve(size);
    std::size_t lines = 0;
    for (; into.size() + kLine <= size; ++lines) append(into);
    return lines;
  }

  static constexpr std::size_t kLine = 156;

 private:
  void append(Bytes& into) {
    now_us_ += step_us_;
    const std::uint64_t random = random_();
    char line[kLine + 32];
    const std::int64_t ms = 1'772'374'800'000 + static_cast<std::int64_t>(now_us_ / 1000);
    auto* end = fmt::format_to(line,
                               R"({{"ts":{},"user":"user{}","outcome":"{}","amount":{}.{},"ip":"10.{}.0.{}",)"
                               R"("country":"FR","method":"password","pad":")",
                               ms, 1'000'000 + (random & 0xffffffff) % load_.keys,
                               (random >> 32) % load_.one_in == 0 ? "failure" : "success", (random >> 36) % 1000,
                               10 + (random >> 46) % 90, (random >> 48) & 255, random >> 56);
    end = std::fill_n(end, line + kLine - 3 - end, 'x');
    end = std::copy_n("\"}\n", 3, end);
    into.append({line, kLine});
  }

  const Load load_;
  const double step_us_;
  double now_us_ = 0;
  std::mt19937_64 random_{1};
};

constexpr std::size_t kBlock = std::size_t{128} << 10;

std::vector<Found> found_by(Pipeline& engine) {
  std::vector<Found> out;
  for (const Alert& alert : engine.take_alerts())
    out.emplace_back(std::string(alert.key.values()[0].as_text()), alert.time.us);
  return out;
}

// Alerts of one instant may stand in another order than that of the lines.
void expect_equal(std::vector<Found> engine, std::vector<Found> other, const char* whose) {
  std::sort(engine.begin(), engine.end());
  std::sort(other.begin(), other.end());
  if (engine != other)
    wrong(fmt::format("{} alerts of the engine, {} of {}, and they differ", engine.size(), other.size(), whose));
  if (engine.empty()) wrong("nothing was found");
}

// Over as many events as the reference matcher can look at.
void prove_small() {
  std::vector<tests::EventText> events;
  Lines lines({3, 2});
  Bytes bytes;
  const std::size_t count = lines.fill(bytes, 300 * Lines::kLine);
  std::string_view text = bytes.view();
  for (std::size_t i = 0; i < count; ++i, text.remove_prefix(Lines::kLine)) {
    auto record = nlohmann::json::parse(text.substr(0, Lines::kLine));
    tests::EventText event;
    event.type = "login";
    event.ms = record["ts"];
    event.fields = fmt::format(R"("user":{},"outcome":{})", record["user"].dump(), record["outcome"].dump());
    events.push_back(std::move(event));
  }
  prove_against_reference(kRules, std::move(events));
}

struct Figures {
  double engine = 0, plain = 0, naive = 0;  // ns of CPU time for each line, the median
  double engine_mean = 0;
  std::size_t lines = 0, alerts = 0;
};

struct Size {
  std::size_t warm, timed;  // lines
};

Figures measure(const Load& load, const Size& size) {
  Pipeline engine(compiled(kRules), "login");
  Naive naive;
  Lines lines(load);
  std::vector<Found> by_engine, by_naive;
  std::vector<double> engine_ns, plain_ns, naive_ns;
  std::vector<Block> blocks(std::min<std::size_t>(64, (size.timed * Lines::kLine + kBlock - 1) / kBlock));
  std::vector<Bytes> texts(blocks.size());  // the engine keeps what it is given
  std::uint64_t sum = 0;
  double engine_total = 0;
  Figures out;
  for (std::size_t done = 0, timed = 0, chunk = 0; timed < size.timed; ++chunk) {
    std::size_t count = 0;
    for (Bytes& text : texts) count += lines.fill(text, kBlock);
    for (std::size_t i = 0; i < blocks.size(); ++i) {
      blocks[i].bytes.clear();
      blocks[i].bytes.append(texts[i].view());
    }
    // Each goes first in turn: lines are nearer for whoever comes right behind their making, tables are farther for
    // whoever comes behind the naive program.
    double ns[3] = {};
    for (std::size_t turn = 0; turn < 3; ++turn) {
      const std::size_t who = (chunk + turn) % 3;
      const double begin = cpu_ns();
      for (std::size_t i = 0; i < blocks.size(); ++i) {
        if (who == 0) sum += plain_loop(texts[i].view());
        if (who == 1) naive.take(texts[i].view(), by_naive);
        if (who == 2) engine.take(blocks[i]);
      }
      if (who == 2) std::ranges::move(found_by(engine), std::back_inserter(by_engine));
      ns[who] = cpu_ns() - begin;
    }
    done += count;
    if (done <= size.warm) continue;
    timed += count;
    plain_ns.push_back(ns[0] / static_cast<double>(count));
    naive_ns.push_back(ns[1] / static_cast<double>(count));
    engine_ns.push_back(ns[2] / static_cast<double>(count));
    engine_total += ns[2];
    out.lines = timed;
  }
  expect_equal(by_engine, by_naive, "the naive program");
  if (sum == 0) wrong("the plain loop read nothing");
  out.engine = median(engine_ns);
  out.plain = median(plain_ns);
  out.naive = median(naive_ns);
  out.engine_mean = engine_total / static_cast<double>(out.lines);
  out.alerts = by_engine.size();
  return out;
}

int run(int argc, char** argv) {
  prove_small();
  if (is_tiny(argc, argv)) {
    measure({50, 3}, {0, 3'000});
    return 0;
  }
  fmt::print("ndjson_threshold: lines of {} bytes, one core of {}; ns of CPU time per line, median of the chunks\n",
             Lines::kLine, machine());
  fmt::print("{:>10} {:>11} {:>8} {:>7} {:>6} {:>7} {:>9} {:>9} {:>8}\n", "keys", "counted", "engine", "(mean)",
             "plain", "naive", "of plain", "x naive", "alerts");
  bool good = true;
  for (const std::uint64_t keys : {std::uint64_t{10'000}, std::uint64_t{1'000'000}})
    for (const std::uint64_t one_in : {std::uint64_t{10}, std::uint64_t{1}}) {
      if (argc == 3 && (argv[1] != std::to_string(keys) || argv[2] != std::to_string(one_in))) continue;
      const std::size_t seen = std::min<std::size_t>(keys * one_in * 2, 2'000'000);
      const Figures f = measure({keys, one_in}, {seen, 600'000});
      const char* counted = one_in == 1 ? "every" : "one in ten";
      fmt::print("{:>10} {:>11} {:>8.1f} {:>7.1f} {:>6.1f} {:>7.0f} {:>9.2f} {:>9.1f} {:>8}\n", keys, counted, f.engine,
                 f.engine_mean, f.plain, f.naive, f.plain / f.engine, f.naive / f.engine, f.alerts);
      const auto figure = [&](const char* what) {
        return fmt::format("ndjson_threshold, {} keys, {} line counted: {}", keys, counted, what);
      };
      good = at_least(0.5, f.plain / f.engine, figure("of plain simdjson")) && good;
      good = at_least(12, f.naive / f.engine, figure("times naive")) && good;
    }
  return good ? 0 : 1;
}

}  // namespace
}  // namespace tocsin::bench

int main(int argc, char** argv) { return tocsin::bench::run(argc, argv); }
