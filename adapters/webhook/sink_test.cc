// If one of these fails, alerts to an address are lost, thrown away for a passing fault, or hammered at a receiver.
#include "adapters/webhook/sink.h"

#include <doctest/doctest.h>

#include <atomic>
#include <chrono>
#include <deque>
#include <thread>
#include <vector>

#include "adapters/webhook/url.h"
#include "tests/support/hand_clock.h"

using namespace tocsin;
using tests::HandClock;

namespace {

// Answers as it was told to, then 200.
class ToldPoster final : public Poster {
 public:
  struct Seen {
    std::vector<Posting> postings;
    std::deque<PostAnswer> answers;
  };
  explicit ToldPoster(Seen& seen) : seen_(seen) {}
  PostAnswer post(const Posting& posting) override {
    seen_.postings.push_back(posting);
    if (seen_.answers.empty()) return {200, {}, "fine"};
    PostAnswer answer = seen_.answers.front();
    seen_.answers.pop_front();
    return answer;
  }
  void stop() override {}

 private:
  Seen& seen_;
};

struct ByHand {
  explicit ByHand(const WebhookConfig& config = {})
      : sink(webhook_sink_by_hand(config, {std::make_unique<ToldPoster>(seen), &clock, [] { return 1.0; },
                                           [this](const std::string& id, const std::string&, const std::string& why) {
                                             dead.push_back(id + ": " + why);
                                           }})) {
    REQUIRE(sink->open(std::nullopt, Epoch{}));
  }
  Written write(std::uint64_t epoch, const std::vector<std::string>& ids) const {
    std::vector<Message> messages;
    for (const std::string& id : ids) messages.push_back({id, {}, id, {}});
    return sink->write(Epoch{epoch}, messages).value();
  }
  bool give(std::uint64_t epoch, const std::vector<std::string>& ids) const {
    REQUIRE(write(epoch, ids) == Written::all);
    REQUIRE(sink->finish(Epoch{epoch}));
    return sink->drain({}).value();
  }
  std::string bodies() const {
    std::string out;
    for (const Posting& posting : seen.postings) out += posting.body + " ";
    return out;
  }
  HandClock clock;
  ToldPoster::Seen seen;
  std::vector<std::string> dead;
  std::unique_ptr<Sink> sink;
};

}  // namespace

TEST_CASE("webhook: one request an alert, in order, with its id as the key; delivered with the last of its epoch") {
  ByHand hook;
  CHECK(hook.write(1, {"a", "b"}) == Written::all);
  CHECK(hook.sink->delivered() == Epoch{0});
  REQUIRE(hook.sink->finish(Epoch{1}));
  CHECK(hook.sink->drain({}).value());
  CHECK(hook.sink->delivered() == Epoch{1});
  CHECK(hook.bodies() == "a b ");
  CHECK(hook.seen.postings[1].key == "b");
  CHECK(hook.give(2, {}));
  CHECK(hook.sink->delivered() == Epoch{2});
  CHECK(hook.give(2, {"again"}));  // it is delivered
  CHECK(hook.bodies() == "a b ");
}

TEST_CASE(
    "webhook: what passes is tried again after twice the pause each time, up to a minute, and nothing overtakes") {
  ByHand hook;
  for (int i = 0; i < 10; ++i) hook.seen.answers.push_back({503, {}, "h answers 503"});
  CHECK_FALSE(hook.give(1, {"a", "b"}));
  CHECK(hook.sink->trouble() == "h answers 503");
  std::vector<std::int64_t> pauses;
  Duration last = hook.clock.at;
  for (; hook.seen.postings.size() < 11; hook.clock.at = hook.clock.at + milliseconds(500)) {
    const std::size_t before = hook.seen.postings.size();
    (void)hook.sink->drain({});
    if (hook.seen.postings.size() == before) continue;
    pauses.push_back((hook.clock.at - last).us / 1000);
    last = hook.clock.at;
  }
  pauses.resize(10);
  CHECK(pauses == std::vector<std::int64_t>{500, 1'000, 2'000, 4'000, 8'000, 16'000, 32'000, 60'000, 60'000, 60'000});
  CHECK(hook.sink->drain({}).value());
  CHECK(hook.bodies() == "a a a a a a a a a a a b ");
  CHECK(hook.sink->trouble().empty());
  CHECK(hook.dead.empty());
}

TEST_CASE("webhook: Retry-After is obeyed, within an hour") {
  ByHand hook;
  hook.seen.answers = {{429, seconds(90), "slow down"}, {503, hours(24), "come tomorrow"}};
  CHECK_FALSE(hook.give(1, {"a"}));
  hook.clock.at = seconds(89);
  CHECK_FALSE(hook.sink->drain({}).value());
  CHECK(hook.seen.postings.size() == 1);
  hook.clock.at = seconds(90);
  CHECK_FALSE(hook.sink->drain({}).value());
  CHECK(hook.seen.postings.size() == 2);
  hook.clock.at = seconds(90) + hours(1);
  CHECK(hook.sink->drain({}).value());
}

TEST_CASE("webhook: which answers are final, and which are somebody's to mend") {
  for (const int status : {400, 404, 409, 410, 413, 422}) {
    CAPTURE(status);
    ByHand hook;
    hook.seen.answers = {{status, {}, "no"}};
    CHECK(hook.give(1, {"a", "b"}));
    CHECK(hook.dead == std::vector<std::string>{"a: no"});
    CHECK(hook.sink->delivered() == Epoch{1});
  }
  for (const int status : {0, 301, 401, 403, 408, 425, 429, 500, 502, 503, 504}) {
    CAPTURE(status);
    ByHand hook;
    hook.seen.answers = {{status, {}, "not now"}};
    CHECK_FALSE(hook.give(1, {"a"}));
    CHECK(hook.dead.empty());
    hook.clock.at = seconds(1);
    CHECK(hook.sink->drain({}).value());
  }
}

TEST_CASE("webhook: several in one request; when that is refused each goes alone, and only the bad one is dead") {
  ByHand hook({.batch = 3});
  hook.seen.answers = {{400, {}, "no"}, {200, {}, ""}, {400, {}, "no"}};
  CHECK(hook.give(1, {"a", "b", "c", "d"}));
  CHECK(hook.bodies() == "[a,b,c] [a] [b] [c] [d] ");
  CHECK(hook.dead == std::vector<std::string>{"b: no"});
  CHECK(hook.seen.postings[0].key.size() == 16);
  CHECK(hook.seen.postings[1].key == "a");
  ByHand again({.batch = 3});
  CHECK(again.give(1, {"a", "b", "c"}));
  CHECK(again.seen.postings[0].key == hook.seen.postings[0].key);
  ByHand small({.batch = 10, .request_max = 5});
  CHECK(small.give(1, {"aaa", "bbb", "cccccccccc"}));
  CHECK(small.bodies() == "[aaa] [bbb] [cccccccccc] ");
}

TEST_CASE("webhook: after so long an alert is given up; those that came later have their own time") {
  ByHand hook({.give_up = minutes(10)});
  for (int i = 0; i < 100; ++i) hook.seen.answers.push_back({0, {}, "no answer from h"});
  CHECK_FALSE(hook.give(1, {"old"}));
  hook.clock.at = minutes(9);
  CHECK_FALSE(hook.give(2, {"new"}));
  hook.clock.at = minutes(12);
  CHECK_FALSE(hook.sink->drain({}).value());
  CHECK(hook.dead == std::vector<std::string>{"old: no answer from h"});
  CHECK(hook.sink->delivered() == Epoch{1});
  hook.seen.answers.clear();
  hook.clock.at = minutes(14);
  CHECK(hook.sink->drain({}).value());
}

TEST_CASE("webhook: the queue has an end, and an id cannot make a header of its own") {
  ByHand hook({.waiting_max = 10});
  for (int i = 0; i < 9; ++i) hook.seen.answers.push_back({500, {}, ""});
  CHECK(hook.write(1, {"12345678901234567890"}) == Written::all);
  CHECK(hook.write(1, {"more"}) == Written::full);
  hook.seen.answers.clear();
  (void)hook.sink->drain({});
  CHECK(hook.write(1, {"a\r\nX: y"}) == Written::all);
  (void)hook.sink->drain({});
  CHECK(hook.seen.postings.back().key == "aX:y");
}

namespace {

// Holds every request until it is stopped.
class StuckPoster final : public Poster {
 public:
  explicit StuckPoster(std::atomic<int>& began) : began_(began) {}
  PostAnswer post(const Posting&) override {
    ++began_;
    while (!stopped_) std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return {200, {}, ""};
  }
  void stop() override { stopped_ = true; }

 private:
  std::atomic<int>& began_;
  std::atomic<bool> stopped_{false};
};

}  // namespace

TEST_CASE("webhook: its thread keeps nobody waiting, neither who writes nor who ends") {
  const HandClock clock;
  std::atomic<int> began{0};
  const auto sink = webhook_sink({}, {std::make_unique<StuckPoster>(began), &clock, [] { return 0.5; }, {}});
  REQUIRE(sink->open(std::nullopt, Epoch{}));
  const Message message{"a", "", "{}", {}};
  CHECK(sink->write(Epoch{1}, {&message, 1}).value() == Written::all);
  REQUIRE(sink->finish(Epoch{1}));
  while (began == 0) std::this_thread::sleep_for(std::chrono::milliseconds(1));
  CHECK(sink->write(Epoch{2}, {&message, 1}).value() == Written::all);
  CHECK_FALSE(sink->drain(milliseconds(5)).value());
  CHECK(sink->delivered() == Epoch{0});
}

TEST_CASE("webhook: addresses taken apart, and what is none") {
  const auto url = [](const char* text) {
    const auto parsed = parse_url(text);
    if (!parsed) return parsed.error().message;
    return (parsed->is_tls ? "tls " : "") + parsed->host + " " + parsed->port + " " + parsed->target + " " +
           parsed->authority;
  };
  CHECK(url("http://fw.example/block?x=1#top") == "fw.example 80 /block?x=1 fw.example");
  CHECK(url("https://fw.example") == "tls fw.example 443 / fw.example");
  CHECK(url("http://[::1]:8080/a") == "::1 8080 /a [::1]:8080");
  CHECK(url("http://h?q") == "h 80 /?q h");
  CHECK(url("ftp://h/").find("neither http:// nor https://") != std::string::npos);
  CHECK(url("http://ann:secret@h/").find("no user and password") != std::string::npos);
  CHECK(url("http://h:0/").find("`0` is no port") != std::string::npos);
  CHECK(url("http://h:http/").find("is no port") != std::string::npos);
  CHECK(url("http:///path").find("names no host") != std::string::npos);
  CHECK(url("http://[::1/").find("not closed") != std::string::npos);
  CHECK(url("http://h/a b").find("%20") != std::string::npos);
  CHECK(url("http://h/\r\nX: y").find("%20") != std::string::npos);
}
