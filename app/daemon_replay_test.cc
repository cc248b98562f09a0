// If this fails, what a replay says of the past is not what the daemon has said.
#include <algorithm>
#include <map>
#include <set>

#include "app/daemon/testing.h"

namespace tocsin::app {

// shows F16: the source's name tells its events apart, not which place it has among the others
TEST_CASE("ids of alerts and sessions are those of a replay of the source alone, whatever other sources there are") {
  const std::string rules = std::string(kEvent) +
                            "rule seen\n  when login_failed by user\n  alert \"{user}\"\n"
                            "session s of login_failed by user ends after 1s idle\n"
                            "rule visit when s by session_id\n  alert \"{session_id}\"\n";
  std::map<std::string, std::string> text{{"first", event("ann", 1)}, {"second", event("bob", 1) + event("cid", 5)}};
  const auto ids_in = [](const std::string& alerts) {
    std::set<std::string> out;
    for (std::size_t at = 0; (at = alerts.find("\"alert_id\":\"", at)) != std::string::npos; at += 12)
      out.insert(alerts.substr(at + 12, 32));
    return out;
  };
  std::set<std::string> replayed;
  std::string config = "rules = \"rules\"\n";
  for (const auto& [name, lines] : text)
    config += fmt::format("[source.{}]\nformat = \"json\"\nevent = \"login_failed\"\n", name);
  {
    const Folder folder;
    folder.write("rules/a.rules", rules);
    const std::string toml = folder.write("t.toml", config);
    for (const auto& [name, lines] : text) {
      const Ran ran = run({"replay", "-c", toml, "--source", name, "--drain", "--input", folder.write(name, lines)});
      CHECK(ran.code == 0);
      replayed.merge(ids_in(ran.out));
    }
  }
  CHECK(replayed.size() == 6);
  for (const bool turned : {false, true}) {
    Running running(UnixSource{});
    running.rules(rules);
    SourceSettings source = running.settings.sources.front();
    running.settings.sources.clear();
    for (const auto& [name, lines] : text) {
      source.name = name;
      source.address = FileSource{running.folder.write(name, lines + event("eve", 30)), true};
      running.settings.sources.push_back(source);
    }
    if (turned) std::ranges::reverse(running.settings.sources);
    running.begin();
    const auto found = [&] {
      const std::set<std::string> all = ids_in(running.text("alerts.ndjson"));
      return std::ranges::includes(all, replayed);
    };
    CHECK(soon(found));
  }
}

}  // namespace tocsin::app
