#include "app/registry.h"

#include <fmt/format.h>

#include <filesystem>
#include <map>
#include <random>
#include <utility>

#include "adapters/console/sink.h"
#include "adapters/file/sink.h"
#include "adapters/file/source.h"
#include "adapters/generator/source.h"
#include "adapters/stream/source.h"
#include "adapters/webhook/sink.h"
#include "engine/base/overloaded.h"
#include "engine/base/text.h"

namespace tocsin::app {
namespace {

namespace fs = std::filesystem;

tl::unexpected<Error> refused(std::string message) { return failure(Error::Code::refused, std::move(message)); }

constexpr std::string_view kNoAddress = "says nowhere what is behind it; `tocsin config schema` lists what there is";
constexpr std::string_view kNoKafka = "is Kafka, which this version does not speak yet";

// A failure says whose it is.
template <class T>
Result<T> of(const std::string& what, Result<T> result) {
  if (!result) result.error().message = what + ": " + result.error().message;
  return result;
}

Tell as(const std::string& what, const Tell& tell) {
  return [what, tell](const std::string& sentence) { tell(what + ": " + sentence); };
}

Result<std::unique_ptr<Sink>> open_webhook(const std::string& name, const WebhookSink& address,
                                           const Surroundings& around) {
  HttpPosterConfig config;
  config.url = address.url;
  config.timeout = address.timeout;
  if (address.token.is_set()) config.token = [secret = address.token] { return read_secret(secret); };
  return http_poster(config).map([&](std::unique_ptr<Poster> poster) {
    WebhookParts parts;
    parts.poster = std::move(poster);
    parts.clock = &around.clock;
    parts.random = [random = std::mt19937(std::random_device{}())]() mutable {
      return std::uniform_real_distribution<>()(random);
    };
    parts.dead = [name, dead = around.dead](const std::string& id, const std::string& body, const std::string& why) {
      if (dead) dead(name, id, body, why);
    };
    return webhook_sink({.batch = address.batch, .give_up = address.give_up}, std::move(parts));
  });
}

Result<std::unique_ptr<Sink>> open_sink(const SinkSettings& settings, const Surroundings& around) {
  using Opened = Result<std::unique_ptr<Sink>>;
  return std::visit(
      Overloaded{
          [](std::monostate) -> Opened { return refused(std::string(kNoAddress)); },
          [](const KafkaSink&) -> Opened { return refused(std::string(kNoKafka)); },
          [&](const FileSink& file) -> Opened {
            return open_file_sink({.path = file.path}, around.clock, as("sink `" + settings.name + "`", around.tell));
          },
          [](const StdoutSink&) -> Opened { return console_sink(); },
          [&](const WebhookSink& address) -> Opened { return open_webhook(settings.name, address, around); },
      },
      settings.address);
}

// Of a file that need not be there.
std::string place_of(const std::string& path) {
  std::error_code error;
  const fs::path place = fs::weakly_canonical(path, error);
  return error ? path : place.string();
}

}  // namespace

Result<std::unique_ptr<Source>> open_source(const SourceSettings& settings, const CodecConfig& codec,
                                            std::uint64_t record_max, SourceId id, const Surroundings& around) {
  using Opened = Result<std::unique_ptr<Source>>;
  const std::string what = "source `" + settings.name + "`";
  const auto file = [&](const std::string& path, bool follow) -> Opened {
    FileSourceConfig config;
    config.path = path;
    config.line_max = record_max;
    config.follow = follow;
    config.header = codec.format == Format::csv && codec.columns.empty();
    config.tell = as(what, around.tell);
    return open_file_source(config, id, {}, &around.clock);
  };
  const auto stream = [&](StreamSourceConfig config) -> Opened {
    config.line_max = record_max;
    return open_stream_source(config, id, around.clock, as(what, around.tell), as(what, around.note));
  };
  return of(what, std::visit(Overloaded{
                                 [](std::monostate) -> Opened { return refused(std::string(kNoAddress)); },
                                 [](const KafkaSource&) -> Opened { return refused(std::string(kNoKafka)); },
                                 [&](const FileSource& address) { return file(address.path, address.follow); },
                                 [&](const StdinSource&) { return file("-", false); },
                                 [&](const TcpSource& address) { return stream({.listen = address.listen}); },
                                 [&](const UnixSource& address) { return stream({.path = address.path}); },
                                 [&](const GeneratorSource& address) -> Opened {
                                   GeneratorConfig config;
                                   config.scenario = address.scenario;
                                   config.seed = address.seed;
                                   config.rate = address.rate;
                                   config.from = around.clock.now();
                                   config.until = kLastTime;
                                   return open_generator(config, id, &around.clock);
                                 },
                             },
                             settings.address));
}

Result<std::vector<OpenSink>> open_sinks(const std::vector<SinkSettings>& settings, const Surroundings& around) {
  std::vector<OpenSink> out;
  std::map<std::string, std::string> whose;  // by file
  for (const SinkSettings& one : settings) {
    const std::string what = "sink `" + one.name + "`";
    if (const auto* file = std::get_if<FileSink>(&one.address)) {
      const auto [taken, is_new] = whose.emplace(place_of(file->path), one.name);
      if (!is_new)
        return refused(
            fmt::format("{}: {} is the file of sink `{}`, too; give each its own, or let both routes name "
                        "one sink",
                        what, file->path, taken->second));
    }
    auto opened = of(what, open_sink(one, around));
    if (!opened) return tl::unexpected(opened.error());
    out.push_back({one.name, std::move(*opened)});
  }
  return out;
}

}  // namespace tocsin::app
