// The commands that ask a running daemon: status, rules, alerts, reload, savepoint. Each is one request; --json prints
// the daemon's document as it is, otherwise people read a few lines of it.
#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <ostream>

#include "app/command.h"
#include "app/control/client.h"
#include "app/daemon_client.h"
#include "app/one_line.h"
#include "app/savepoint_command.h"
#include "app/table.h"
#include "engine/base/wording.h"

namespace tocsin::app {

namespace {

using Json = nlohmann::ordered_json;
using Asked = DaemonClient::Asked;

std::string number_of(const Json& json) { return grouped(json.get<std::uint64_t>()); }
std::string bytes_of(const Json& json) { return rounded_bytes(json.get<std::uint64_t>()); }
void print_status(const Json& s, std::ostream& out) {
  const auto line = [&](std::string_view name, const std::string& text) {
    out << fmt::format("{:<12} {}\n", name, text);
  };
  const auto health = [&](const Json& json) {
    return json["ok"].get<bool>() ? std::string("yes") : "no: " + shown(json["reason"]);
  };
  line("daemon", fmt::format("tocsin {}, {} since {}", shown(s["version"]), shown(s["stage"]), shown(s["started"])));
  line("healthy", health(s["healthy"]));
  line("ready", health(s["ready"]));
  line("rules", fmt::format("{} ({} disabled), generation {}", number_of(s["rules"]), number_of(s["rules_disabled"]),
                            number_of(s["reload"]["generation"])));
  if (s["reload"].contains("error")) {
    // A diagnostic shows the place in its text, which is no text for one line.
    const auto why = s["reload"]["error"].get<std::string>();
    const std::size_t end = why.find('\n');
    line("reload", "refused, the rules before it run on: " + on_one_line(why.substr(0, end)));
    if (end != std::string::npos) line("", "`tocsin reload --dry-run` shows where");
  }
  if (s["reload"].contains("rebuild")) {
    std::string rules;
    for (const Json& rule : s["reload"]["rebuild"]["rules"]) rules += (rules.empty() ? "" : ", ") + shown(rule);
    const double done = s["reload"]["rebuild"]["done"].get<double>();
    line("rebuild", fmt::format("{}: {:.0f} % of what their sources still have is read", rules, 100 * done));
  }
  if (s.contains("paused")) line("reading", "stands still: " + shown(s["paused"]));
  line("events", fmt::format("{}, {} late, {} dead letters", number_of(s["events"]), number_of(s["late"]),
                             number_of(s["dead_letters"])));
  line("alerts", number_of(s["alerts"]));
  line("watermark", shown(s["watermark"]));
  line("state", fmt::format("{} keys in memory ({} of {}), epoch {}", number_of(s["keys"]), bytes_of(s["state_bytes"]),
                            bytes_of(s["memory_bytes"]), number_of(s["epoch"])));
  if (const Json& checkpoint = s["checkpoint"]; !checkpoint.is_null()) {
    line("checkpoint", fmt::format("{}, {} in {:.3f} s{}", shown(checkpoint["time"]), bytes_of(checkpoint["bytes"]),
                                   checkpoint["seconds"].get<double>(),
                                   checkpoint["ok"].get<bool>() ? "" : ", FAILED: " + shown(checkpoint["failure"])));
    if (checkpoint.contains("advice")) line("", shown(checkpoint["advice"]));
  }
  for (const Json& source : s["sources"])
    line("source", fmt::format("{} ({}): {} records, watermark {}{}{}", shown(source["name"]), shown(source["kind"]),
                               number_of(source["records"]), shown(source["watermark"]),
                               source.contains("paused") ? ", paused: " + shown(source["paused"]) : "",
                               source.contains("problem") ? ", PROBLEM: " + shown(source["problem"]) : ""));
  for (const Json& sink : s["sinks"])
    line("sink", fmt::format("{} ({}): {} delivered, {} waiting, {} failed{}", shown(sink["name"]), shown(sink["kind"]),
                             number_of(sink["delivered"]), number_of(sink["waiting"]), number_of(sink["failed"]),
                             sink.contains("problem") ? ", PROBLEM: " + shown(sink["problem"]) : ""));
  line("problems", number_of(s["problems"]));
}

void print_checkpoints(const Json& checkpoints, std::ostream& out) {
  std::vector<std::vector<std::string>> rows{{"time", "epoch", "epochs", "changes", "written", "base", "seconds", ""}};
  for (const Json& note : checkpoints)
    rows.push_back({shown(note["time"]), number_of(note["through_epoch"]), number_of(note["epochs"]),
                    number_of(note["changes"]), bytes_of(note["bytes"]), bytes_of(note["base_bytes"]),
                    fmt::format("{:.3f}", note["seconds"].get<double>()),
                    note["ok"].get<bool>() ? "" : "FAILED: " + shown(note["failure"])});
  print_table(out, rows);
}

void print_rules(const Json& rules, std::ostream& out) {
  std::vector<std::vector<std::string>> rows{{"rule", "severity", "alerts", "events", "keys", ""}};
  for (const Json& rule : rules) {
    std::string note = rule["enabled"].get<bool>() ? "" : "disabled";
    if (rule.contains("warming_until"))
      note += (note.empty() ? "" : ", ") + ("warming until " + shown(rule["warming_until"]));
    if (rule["cut_short"].get<std::uint64_t>() > 0)
      note += (note.empty() ? "" : ", ") + ("cut short " + number_of(rule["cut_short"]) + " times");
    if (rule["missing_key"].get<std::uint64_t>() > 0)
      note += (note.empty() ? "" : ", ") + ("skipped " + number_of(rule["missing_key"]) + " events without its key");
    rows.push_back({shown(rule["name"]), shown(rule["severity"]), number_of(rule["alerts"]), number_of(rule["events"]),
                    number_of(rule["keys"]), note});
  }
  print_table(out, rows);
}

void print_alerts(const Json& alerts, std::ostream& out) {
  for (const Json& alert : alerts) {
    const Json& document = alert["alert"];
    std::string text = document.is_object() && document.contains("text") ? shown(document["text"]) : shown(document);
    std::string deliveries;
    for (const Json& delivery : alert["deliveries"])
      deliveries += fmt::format("{}{}: {}", deliveries.empty() ? "  [" : ", ", shown(delivery["sink"]),
                                shown(delivery["result"]));
    if (!deliveries.empty()) deliveries += "]";
    out << fmt::format("{}  {}  {}  {}{}\n", shown(alert["time"]), shown(alert["id"]).substr(0, 16),
                       shown(alert["rule"]), text, deliveries);
  }
}

// What a Verdict says to people: its `text`, else all of it.
void print_verdict(const Asked& asked, bool as_json, std::ostream& out) {
  if (as_json)
    out << asked.answer.body << "\n";
  else if (asked.json.is_object() && asked.json.contains("text"))
    out << asked.json["text"].get<std::string>() << (asked.json["text"].get<std::string>().ends_with('\n') ? "" : "\n");
  else
    out << asked.json.dump(2) << "\n";
}

// A change that a desk has judged: its verdict is the answer, also when it is no.
Exit change(DaemonClient& client, std::string_view method, std::string target, const Json& body,
            const Arguments& arguments, Console& console) {
  const std::optional<Asked> asked = client.ask(method, std::move(target), body);
  if (!asked) return client.exit();
  const Exit exit = exit_of(asked->answer.status);
  const bool is_verdict = asked->json.is_object() && !asked->json.contains("error");
  if ((exit == Exit::done || exit == Exit::no) && is_verdict)
    print_verdict(*asked, arguments.has("--json"), console.out);
  else
    client.complain(*asked);
  return exit;
}

// The document as it is, or as `print` shows it.
template <class Print>
Exit show(DaemonClient& client, std::string target, const Arguments& arguments, Console& console, const Print& print) {
  const std::optional<Asked> asked = client.ask_well("GET", std::move(target));
  if (!asked) return client.exit();
  if (arguments.has("--json")) {
    console.out << asked->answer.body << "\n";
    return Exit::done;
  }
  try {
    print(asked->json, console.out);
  } catch (const Json::exception&) {  // another version's document
    console.err << "the daemon's answer is of another version than this program; --json prints it\n";
    return Exit::unreachable;
  }
  return Exit::done;
}

std::string word(const Arguments& arguments, std::size_t i) {
  return i < arguments.operands().size() ? arguments.operands()[i] : std::string();
}

}  // namespace

Exit run_status(const Arguments& arguments, Console& console) {
  DaemonClient client("status", arguments, console);
  if (arguments.has("--checkpoints"))
    return show(client, "/api/v1/checkpoints", arguments, console,
                [](const Json& json, std::ostream& out) { print_checkpoints(json.at("checkpoints"), out); });
  if (!arguments.has("--ready"))
    return show(client, "/api/v1/status", arguments, console,
                [](const Json& status, std::ostream& out) { print_status(status, out); });
  const std::optional<Asked> asked = client.ask("GET", "/-/ready");
  if (!asked) return client.exit();
  if (asked->json.is_object()) {  // it is not its health that is told
    client.complain(*asked);
    return Exit::unreachable;
  }
  console.out << asked->answer.body;
  return asked->answer.status == 200 ? Exit::done : Exit::no;
}

Exit run_rules(const Arguments& arguments, Console& console) {
  DaemonClient client("rules", arguments, console);
  const std::string what = word(arguments, 0), name = word(arguments, 1);
  if (!what.empty() && what != "list" && name.empty())
    return refuse(console, "rules", what + " needs the name of a rule");
  const auto print = [](const Json& json, std::ostream& out) { print_rules(json.at("rules"), out); };
  if (what.empty() || what == "list") return show(client, "/api/v1/rules", arguments, console, print);
  const std::string path = "/api/v1/rules/" + encode_url(name);
  if (what == "show") return show(client, path, arguments, console, print);
  return change(client, "POST", path + "/" + what, {}, arguments, console);
}

Exit run_alerts(const Arguments& arguments, Console& console) {
  DaemonClient client("alerts", arguments, console);
  std::string target = "/api/v1/alerts?limit=" + encode_url(arguments.value("--limit", "100"));
  if (arguments.has("--rule")) target += "&rule=" + encode_url(arguments.value("--rule"));
  return show(client, std::move(target), arguments, console,
              [](const Json& json, std::ostream& out) { print_alerts(json.at("alerts"), out); });
}

Exit run_reload(const Arguments& arguments, Console& console) {
  DaemonClient client("reload", arguments, console);
  if (arguments.has("--rebuild")) client.wait_at_most(hours(24));  // the daemon has a limit of its own
  const Json body = {{"dry_run", arguments.has("--dry-run")},
                     {"require_state_kept", arguments.has("--require-state-kept")},
                     {"rebuild", arguments.all("--rebuild")}};
  return change(client, "POST", "/api/v1/reload", body, arguments, console);
}

void print_savepoints(const Json& savepoints, std::ostream& out) {
  std::vector<std::vector<std::string>> rows{{"name", "time", "size", "generation", "rules", "epoch", ""}};
  for (const Json& savepoint : savepoints)
    rows.push_back({shown(savepoint["name"]), shown(savepoint["time"]), bytes_of(savepoint["bytes"]),
                    number_of(savepoint["generation"]), number_of(savepoint["rules"]), number_of(savepoint["epoch"]),
                    savepoint.contains("problem") ? "PROBLEM: " + shown(savepoint["problem"]) : ""});
  print_table(out, rows);
}

Exit ask_about_savepoints(const Arguments& arguments, Console& console) {
  DaemonClient client("savepoint", arguments, console);
  const std::string what = word(arguments, 0), name = word(arguments, 1);
  if (what == "list")
    return show(client, "/api/v1/savepoints", arguments, console,
                [](const Json& json, std::ostream& out) { print_savepoints(json.at("savepoints"), out); });
  if (what == "create")
    return change(client, "POST", "/api/v1/savepoints", {{"name", name}, {"stop", arguments.has("--stop")}}, arguments,
                  console);
  if (name.empty()) return refuse(console, "savepoint", "delete needs the name of a savepoint");
  return change(client, "DELETE", "/api/v1/savepoints/" + encode_url(name), {}, arguments, console);
}

}  // namespace tocsin::app
