// Savepoints that somebody asks the daemon for.
#include <fmt/format.h>

#include "app/daemon/daemon.h"
#include "app/savepoints.h"
#include "engine/base/wording.h"
#include "engine/base/write.h"

namespace tocsin::app {
namespace {

std::string quoted(std::string_view text) {
  std::string out;
  append_json_text(out, text);
  return out;
}

// As `tocsin savepoint create` prints it.
std::string document_of(const SavepointMade& made, Duration took) {
  const std::string text = fmt::format("savepoint {}: epoch {}, {}, {} bytes\n  {}\n", made.name, made.epoch.number,
                                       counted(made.keys, "key"), grouped(made.figures.bytes), made.path);
  return fmt::format(
      R"({{"schema":"tocsin/savepoint/1","name":{},"path":{},"epoch":{},"keys":{},"bytes":{},"digest":"{:016x}{:016x}","seconds":{:.3f},"text":{}}})",
      quoted(made.name), quoted(made.path), made.epoch.number, made.keys, made.figures.bytes, made.figures.digest.high,
      made.figures.digest.low, static_cast<double>(took.us) / 1e6, quoted(text));
}

}  // namespace

std::vector<SavepointStatus> Daemon::savepoints() const {
  return list_savepoints(savepoint_folder(settings_)).value_or(std::vector<SavepointStatus>{});
}

void Daemon::savepoint(const SavepointAsked& asked, Reply reply) {
  if (savepoint_folder(settings_).empty())
    return reply({422, document_of_refusal("state is in memory, so there is no folder for savepoints: state.savepoints "
                                           "names one")});
  {
    const std::scoped_lock lock(mutex_);
    if (asked_savepoint_ || stops_) {
      reply({409, document_of_refusal(stops_ ? "the daemon is stopping" : "another savepoint is being made")});
      return;
    }
    asked_savepoint_ = {asked, std::move(reply)};
  }
  if (asked.stop) stop();
}

// One that is asked for with `stop` is of the last epoch, and so it is made at the end. A stop breaks one off that is
// being made.
void Daemon::make_asked_savepoint(bool at_end) {
  std::optional<SavepointAsked> asked;
  {
    const std::scoped_lock lock(mutex_);
    if (asked_savepoint_ && asked_savepoint_->first.stop == at_end) asked = asked_savepoint_->first;
    if (!asked && !(at_end && asked_savepoint_)) return;
  }
  Verdict verdict;
  if (!asked) {
    verdict = {409, document_of_refusal("the daemon is stopping: ask for one with --stop, or after the next start")};
  } else if (at_end && failed_ != 0) {
    verdict = {500, document_of_refusal("the daemon has failed, so there is none; its log says why")};
  } else {
    const Duration began = clock_.elapsed();
    const SavepointAsk ask{savepoint_folder(settings_), asked->name, clock_.now(), current()->number};
    const auto made = make_savepoint(ask, current()->set, *store_, [&] { return !at_end && stops_; });
    if (!made && !at_end && stops_) return;  // told at the end
    if (made) {
      const Duration took = clock_.elapsed() - began;
      log_.info("savepoint", fmt::format("{}: epoch {}, {}, {} bytes, {} ms", made->path, made->epoch.number,
                                         counted(made->keys, "key"), made->figures.bytes, took.us / 1'000));
      verdict.document = document_of(*made, took);
    } else {
      log_.problem("savepoint", made.error().message);
      verdict = {made.error().code == Error::Code::refused ? 409u : 500u, document_of_refusal(made.error().message)};
    }
  }
  std::optional<std::pair<SavepointAsked, Reply>> done;
  {
    const std::scoped_lock lock(mutex_);
    done = std::exchange(asked_savepoint_, std::nullopt);
  }
  done->second(std::move(verdict));
}

void Daemon::delete_savepoint(const std::string& name, Reply reply) {
  const auto deleted = tocsin::app::delete_savepoint(savepoint_folder(settings_), name);
  if (!deleted)
    return reply(
        {deleted.error().code == Error::Code::refused ? 404u : 500u, document_of_refusal(deleted.error().message)});
  reply({200, R"({"schema":"tocsin/savepoint/1","name":)" + quoted(name) +
                  ",\"text\":" + quoted(fmt::format("savepoint {} is deleted\n", name)) + "}"});
}

}  // namespace tocsin::app
