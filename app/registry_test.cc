// If one of these fails, an address of tocsin.toml leads to another adapter than it says, or two sinks spoil one file.
#include "app/registry.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

using namespace tocsin;
using namespace tocsin::app;
namespace fs = std::filesystem;

namespace {

class StandingClock final : public Clock {
 public:
  Time now() const override { return Time{days(20'000).us}; }
  Duration elapsed() const override { return {}; }
};

struct Place {
  Place() : path((fs::temp_directory_path() / ("tocsin_registry_" + std::to_string(::getpid()))).string()) {
    fs::create_directory(path);
    std::ofstream(path + "/in.csv") << "a\n1\n";
  }
  ~Place() { fs::remove_all(path); }
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  std::string path;
};

}  // namespace

TEST_CASE("registry: every address of a source but Kafka's opens one, and what fails says whose it is") {
  const Place place;
  const StandingClock clock;
  std::vector<std::string> told;
  const Surroundings around{clock, tell_nobody, [&](const std::string& text) { told.push_back(text); }, {}};
  const auto open = [&](SourceAddress address) {
    SourceSettings settings;
    settings.name = "in";
    settings.address = std::move(address);
    return open_source(settings, {}, 1'000, SourceId(0), around);
  };
  CHECK(open(FileSource{place.path + "/in.csv", false}).value()->can_go_back());
  CHECK(open(FileSource{place.path + "/later.csv", true}));
  CHECK_FALSE(open(StdinSource{}).value()->can_go_back());
  CHECK(open(TcpSource{"127.0.0.1:0"}));
  REQUIRE(told.size() == 1);
  CHECK(told.front().find("source `in`: listening on 127.0.0.1:") == 0);
  CHECK(open(UnixSource{place.path + "/socket"}));
  const auto made_up = open(GeneratorSource{}).value();
  REQUIRE(made_up->start({}));
  CHECK_FALSE(made_up->can_go_back());
  CHECK(open(KafkaSource{"logins"}).error().message == "source `in`: is Kafka, which this version does not speak yet");
  CHECK(open({}).error().message.find("source `in`: says nowhere") == 0);
  CHECK(open(FileSource{place.path + "/none", false}).error().message.find("source `in`: cannot open") == 0);
}

TEST_CASE("registry: sinks by their addresses; one file is one sink") {
  const Place place;
  const StandingClock clock;
  const Surroundings around{clock, tell_nobody, tell_nobody, {}};
  const auto open = [&](std::vector<SinkAddress> addresses) {
    std::vector<SinkSettings> settings;
    for (SinkAddress& address : addresses)
      settings.push_back({"s" + std::to_string(settings.size() + 1), std::move(address)});
    return open_sinks(settings, around);
  };
  WebhookSink hook;
  hook.url = "http://127.0.0.1:9/";
  const auto opened = open({FileSink{place.path + "/a"}, StdoutSink{}, hook});
  REQUIRE(opened);
  REQUIRE(opened->size() == 3);
  CHECK((*opened)[2].name == "s3");
  for (const OpenSink& one : *opened) CHECK(one.sink->open(std::nullopt, Epoch{3}));
  for (const OpenSink& one : *opened) CHECK(one.sink->delivered() == Epoch{3});
  CHECK(open({FileSink{place.path + "/a"},
              FileSink{place.path + "/../" + fs::path(place.path).filename().string() + "/a"}})
            .error()
            .message.find("is the file of sink `s1`, too") != std::string::npos);
  hook.url = "mailto:ann@example";
  CHECK(open({hook}).error().message.find("sink `s1`: `mailto:ann@example` is no address of a webhook") == 0);
  CHECK(open({KafkaSink{"alerts"}}).error().message.find("Kafka") != std::string::npos);
}
