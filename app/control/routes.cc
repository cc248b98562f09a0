// The table first, then what each row does. A handler reads the desk's copies, or hands the desk a Reply.
#include "app/control/routes.h"

#include <fmt/format.h>

#include <algorithm>
#include <limits>
#include <nlohmann/json.hpp>
#include <set>

#include "app/control/json.h"
#include "app/control/metrics.h"
#include "app/savepoints.h"
#include "engine/base/text.h"
#include "engine/base/utf8.h"

namespace tocsin::app {

namespace {

using Json = nlohmann::json;
using Done = std::function<void(ControlResponse)>;

ControlResponse document(std::string body) { return {.status = 200, .body = std::move(body)}; }
ControlResponse complaint(unsigned status, std::string_view error, std::string_view help = {}) {
  return {.status = status, .body = error_json(error, help)};
}
ControlResponse health(const Health& health) {
  return {.status = health.ok() ? 200u : 503u,
          .body = health.ok() ? "ok\n" : health.reason + "\n",
          .type = "text/plain; charset=utf-8"};
}

// Of a request that may be served: what its path and its query say.
struct Call {
  const ControlRequest& request;
  std::string star;  // what stands in the path's place of the star
  std::vector<std::pair<std::string, std::string>> query;
  Desk& desk;
  Done done;

  std::string value(std::string_view name) const {
    for (const auto& [key, value] : query)
      if (key == name) return value;
    return {};
  }
};

// The desk's Reply: the client gets an answer, also when the desk drops it.
Reply reply_to(Done done) {
  struct Once {
    Done done;
    ~Once() {
      if (done) done(complaint(503, "the daemon has not answered"));
    }
  };
  auto once = std::make_shared<Once>();
  once->done = std::move(done);
  return [once](Verdict verdict) {
    const Done last = std::exchange(once->done, nullptr);
    if (!last) return;
    ControlResponse response{.status = verdict.status, .body = std::move(verdict.document)};
    if (verdict.goes_on != nullptr) response.type = "application/x-ndjson";
    response.goes_on = std::move(verdict.goes_on);
    last(std::move(response));
  };
}

// The body as an object that has only these keys; an empty body is an empty object. Else the complaint.
struct Body {
  Json json = Json::object();
  std::string complaint;
};
Body body_of(const ControlRequest& request, std::initializer_list<std::string_view> keys) {
  Body body;
  if (request.body.empty()) return body;
  if (request.body.size() > kJsonMax) return {{}, fmt::format("a body has at most {} bytes", kJsonMax)};
  if (!is_valid_utf8(request.body)) return {{}, "the body is no UTF-8"};
  bool too_deep = false;
  std::string twice;
  std::vector<std::set<std::string>> names;
  const auto look = [&](int depth, Json::parse_event_t event, Json& parsed) {
    too_deep |= depth > kJsonDepthMax;
    if (event == Json::parse_event_t::object_start) names.emplace_back();
    if (event == Json::parse_event_t::key && !names.back().insert(parsed.get<std::string>()).second)
      twice = parsed.get<std::string>();
    if (event == Json::parse_event_t::object_end) names.pop_back();
    return !too_deep;
  };
  body.json = Json::parse(request.body, look, false);
  if (too_deep) return {{}, fmt::format("the body nests deeper than {}", kJsonDepthMax)};
  if (!twice.empty()) return {{}, fmt::format("`{}` stands twice in the body", twice)};
  if (!body.json.is_object()) return {{}, "the body is no JSON object"};
  for (const auto& [key, value] : body.json.items())
    if (std::ranges::find(keys, key) == keys.end())
      return {{}, fmt::format("there is no `{}`; the body may have {}", key, fmt::join(keys, ", "))};
  return body;
}

// A member that is missing is `otherwise`; of another type it is the complaint.
template <class T>
T member(Body& body, const char* name, T otherwise) {
  if (!body.json.is_object() || !body.json.contains(name)) return otherwise;
  try {
    return body.json.at(name).get<T>();
  } catch (const Json::exception&) {
    if (body.complaint.empty()) body.complaint = fmt::format("`{}` is of another type", name);
    return otherwise;
  }
}

// ----- handlers ---------------------------------------------------------------------------------------------------

void healthy(Call& call) { call.done(health(call.desk.healthy())); }
void ready(Call& call) { call.done(health(call.desk.ready())); }
void status(Call& call) { call.done(document(status_json(call.desk.status()))); }
void rules(Call& call) { call.done(document(rules_json(call.desk.rules()))); }
void shards(Call& call) { call.done(document(shards_json(call.desk.shards()))); }
void checkpoints(Call& call) { call.done(document(checkpoints_json(call.desk.checkpoints()))); }
void savepoints(Call& call) { call.done(document(savepoints_json(call.desk.savepoints()))); }
void problems(Call& call) { call.done(document(problems_json(call.desk.problems()))); }
void config(Call& call) { call.done(document(call.desk.config())); }

void one_rule(Call& call) {
  for (const RuleStatus& rule : call.desk.rules())
    if (rule.name == call.star) return call.done(document(rules_json({rule})));
  call.done(complaint(404, fmt::format("there is no rule `{}`", call.star)));
}

void metrics(Call& call) {
  call.done({.status = 200, .body = call.desk.metrics(), .type = "text/plain; version=0.0.4; charset=utf-8"});
}

// Of the query's value, where there is one; false: it is none, or not from 1 to `most`.
template <class Number>
bool take_number(const Call& call, std::string_view name, std::int64_t most, Number& out) {
  const std::string word = call.value(name);
  std::int64_t number = 0;
  if (word.empty()) return true;
  if (parse_integer(word, number) != NumberText::good || number < 1 || number > most) return false;
  out = static_cast<std::uint64_t>(number);
  return true;
}

void alerts(Call& call) {
  AlertsAsked asked{.rule = call.value("rule")};
  if (!take_number(call, "limit", 100'000, asked.most))
    return call.done(complaint(400, "`limit` is a number from 1 to 100000"));
  const std::vector<KeptAlert> found = call.desk.alerts(asked);
  if (found.empty() && !asked.rule.empty()) {  // of a rule that has gone there may be some
    const std::vector<RuleStatus> rules = call.desk.rules();
    if (std::ranges::find(rules, asked.rule, &RuleStatus::name) == rules.end())
      return call.done(complaint(404, fmt::format("there is no rule `{}`", asked.rule), "`tocsin rules` lists them"));
  }
  call.done(document(alerts_json(found)));
}

// `events`, `events:login`, `alerts:brute_force`.
bool take_what(std::string_view what, TapAsked& asked) {
  constexpr std::pair<std::string_view, TapAsked::Of> kWhats[] = {{"events", TapAsked::Of::events},
                                                                  {"alerts", TapAsked::Of::alerts},
                                                                  {"late", TapAsked::Of::late},
                                                                  {"dead-letter", TapAsked::Of::dead_letters}};
  const std::size_t colon = std::min(what.find(':'), what.size());
  const auto row = std::ranges::find(kWhats, what.substr(0, colon), &std::pair<std::string_view, TapAsked::Of>::first);
  if (row == std::end(kWhats)) return false;
  asked.of = row->second;
  if (colon == what.size()) return true;
  asked.name = what.substr(colon + 1);
  return !asked.name.empty() && (asked.of == TapAsked::Of::events || asked.of == TapAsked::Of::alerts);
}

void tap(Call& call) {
  TapAsked asked;
  if (const std::string what = call.value("what"); !what.empty() && !take_what(what, asked))
    return call.done(complaint(400, fmt::format("`{}` is nothing that can be looked at", what),
                               "events[:NAME], alerts[:RULE], late or dead-letter"));
  asked.where = call.value("where");
  if (!asked.where.empty() && (asked.of != TapAsked::Of::events || asked.name.empty()))
    return call.done(complaint(400, "`where` chooses among the events of one name: events:NAME"));
  if (!is_valid_utf8(asked.where)) return call.done(complaint(400, "`where` is no UTF-8"));
  if (!take_number(call, "rate", kTapRateMost, asked.rate))
    return call.done(complaint(400, fmt::format("`rate` is a number of samples a second, from 1 to {}", kTapRateMost)));
  if (!take_number(call, "limit", std::numeric_limits<std::int64_t>::max(), asked.most))
    return call.done(complaint(400, "`limit` is a number, from 1 on"));
  if (const std::string word = call.value("for"); !word.empty()) {
    asked.lasts = parse_duration(word);
    if (!asked.lasts || asked.lasts->us <= 0)
      return call.done(complaint(400, "`for` is a length of time, such as 10s"));
  }
  call.desk.tap(asked, reply_to(std::move(call.done)));
}

void reload(Call& call) {
  Body body = body_of(call.request, {"dry_run", "require_state_kept", "rebuild"});
  ReloadAsked asked;
  asked.dry_run = member(body, "dry_run", false);
  asked.require_state_kept = member(body, "require_state_kept", false);
  asked.rebuild = member(body, "rebuild", std::vector<std::string>());
  constexpr std::size_t kNameMost = 256;  // it is said again in the log and in each status
  if (std::ranges::any_of(asked.rebuild, [](const std::string& name) { return name.size() > kNameMost; }))
    body.complaint = fmt::format("`rebuild` holds names of rules, of at most {} bytes", kNameMost);
  if (!body.complaint.empty()) return call.done(complaint(400, body.complaint));
  call.desk.reload(asked, reply_to(std::move(call.done)));
}

void savepoint(Call& call) {
  Body body = body_of(call.request, {"name", "stop"});
  SavepointAsked asked;
  asked.name = member(body, "name", std::string());
  asked.stop = member(body, "stop", false);
  if (body.complaint.empty() && !asked.name.empty() && !is_savepoint_name(asked.name))
    body.complaint = "a name has at most 64 of a-z A-Z 0-9 . _ and -, and does not begin with a dot";
  if (!body.complaint.empty()) return call.done(complaint(400, body.complaint));
  call.desk.savepoint(asked, reply_to(std::move(call.done)));
}

void delete_savepoint(Call& call) {
  if (!is_savepoint_name(call.star)) return call.done(complaint(404, "there is no savepoint of that name"));
  call.desk.delete_savepoint(call.star, reply_to(std::move(call.done)));
}

void enable(Call& call) { call.desk.enable(call.star, true, reply_to(std::move(call.done))); }
void disable(Call& call) { call.desk.enable(call.star, false, reply_to(std::move(call.done))); }

void quit(Call& call) {
  call.desk.quit();
  call.done({.status = 202, .body = "{\"stopping\":true}"});
}

struct Route {
  RouteRow row;
  void (*run)(Call&);
  std::string_view keys = {};  // that its query may have
};

constexpr std::string_view kGet = "GET HEAD", kPost = "POST PUT", kGetAlone = "GET";
constexpr Route kRoutes[] = {
    {{kGet, "/-/healthy", Wants::health, "200 while the daemon works, 503 and the reason when it is stuck"}, healthy},
    {{kGet, "/-/ready", Wants::health, "200 once state is loaded and sources are read"}, ready},
    {{kPost, "/-/reload", Wants::change, "take the rule files as they are now"}, reload},
    {{kPost, "/-/quit", Wants::change, "stop, as SIGTERM does"}, quit},
    {{kGet, "/metrics", Wants::read, "Prometheus text 0.0.4"}, metrics},
    {{kGet, "/api/v1/status", Wants::read, "one screen of everything"}, status},
    {{kGet, "/api/v1/rules", Wants::read, "the rules that run, and what each does"}, rules},
    {{kGet, "/api/v1/rules/*", Wants::read, "one of them"}, one_rule},
    {{kPost, "/api/v1/rules/*/enable", Wants::change, "let a rule alert again"}, enable},
    {{kPost, "/api/v1/rules/*/disable", Wants::change, "keep a rule from alerting, also after a restart"}, disable},
    {{kGet, "/api/v1/shards", Wants::read, "the threads that judge"}, shards},
    {{kGet, "/api/v1/checkpoints", Wants::read, "the last checkpoints, newest first"}, checkpoints},
    {{kGet, "/api/v1/savepoints", Wants::read, "named images of state"}, savepoints},
    {{kPost, "/api/v1/savepoints", Wants::change, "make one: {\"name\": .., \"stop\": false}"}, savepoint},
    {{"DELETE", "/api/v1/savepoints/*", Wants::change, "delete one"}, delete_savepoint},
    {{kGet, "/api/v1/alerts", Wants::read, "the last alerts, newest first: ?rule=..&limit=100"}, alerts, "rule limit"},
    {{kGetAlone, "/api/v1/tap", Wants::read,
      "samples of what goes by, JSON lines as they come: "
      "?what=events:NAME&where=EXPR&rate=100&limit=N&for=10s"},
     tap,
     "what where rate limit for"},
    {{kGet, "/api/v1/problems", Wants::read, "what went wrong lately"}, problems},
    {{kGet, "/api/v1/config", Wants::read, "the settings that hold, secrets as ***"}, config},
    {{kPost, "/api/v1/reload", Wants::change,
      "take the rule files as they are now: {\"dry_run\": .., \"require_state_kept\": .., \"rebuild\": [..]}"},
     reload},
};

// ----- from a request to its row ------------------------------------------------------------------------------------

// What stands at the star; nothing: another path.
std::optional<std::string> matched(std::string_view pattern, std::string_view path) {
  const std::size_t star = pattern.find('*');
  if (star == std::string_view::npos) return pattern == path ? std::optional<std::string>("") : std::nullopt;
  const std::string_view before = pattern.substr(0, star), after = pattern.substr(star + 1);
  if (path.size() <= before.size() + after.size() || !path.starts_with(before) || !path.ends_with(after))
    return std::nullopt;
  const std::string_view inside = path.substr(before.size(), path.size() - before.size() - after.size());
  if (inside.find('/') != std::string_view::npos) return std::nullopt;
  return decode_url(inside);
}

bool has_word(std::string_view words, std::string_view word) {
  for (std::size_t from = 0; from <= words.size();) {
    const std::size_t end = std::min(words.find(' ', from), words.size());
    if (words.substr(from, end - from) == word) return true;
    from = end + 1;
  }
  return false;
}

std::optional<std::vector<std::pair<std::string, std::string>>> query_of(std::string_view text) {
  std::vector<std::pair<std::string, std::string>> out;
  while (!text.empty()) {
    const std::string_view part = text.substr(0, text.find('&'));
    text.remove_prefix(std::min(part.size() + 1, text.size()));
    const std::size_t equals = std::min(part.find('='), part.size());
    auto key = decode_url(part.substr(0, equals));
    auto value = decode_url(part.substr(std::min(equals + 1, part.size())));
    if (!key || !value) return std::nullopt;
    out.emplace_back(std::move(*key), std::move(*value));
  }
  return out;
}

// A key that nobody looks at, or of which one of two would count.
std::optional<ControlResponse> wrong_key(std::span<const std::pair<std::string, std::string>> query,
                                         std::string_view keys) {
  std::set<std::string_view> seen;
  for (const auto& [key, value] : query) {
    if (!has_word(keys, key) || key.empty())
      return complaint(400, fmt::format("the query has no key `{}` here", key),
                       keys.empty() ? "this path takes none" : fmt::format("this path takes {}", keys));
    if (!seen.insert(key).second) return complaint(400, fmt::format("`{}` stands twice in the query", key));
  }
  return std::nullopt;
}

// How often a header is there, and its value.
std::size_t header(const ControlRequest& request, std::string_view name, std::string_view& value) {
  std::size_t times = 0;
  for (const auto& [key, text] : request.headers)
    if (key == name) {
      value = text;
      ++times;
    }
  return times;
}

std::optional<ControlResponse> refused(Allowed verdict) {
  switch (verdict) {
    case Allowed::yes:
      return std::nullopt;
    case Allowed::wrong_host:
      return complaint(421, "this is not a host that it may be called by", "http.hosts lists them");
    case Allowed::wrong_origin:
      return complaint(403, "a page from elsewhere may not ask");
    case Allowed::no_token_set:
      return complaint(403, "no token is set, so only the Unix socket changes anything",
                       "set http.token, or ask by the Unix socket");
    case Allowed::unauthorized: {
      ControlResponse out =
          complaint(401, "this needs a token",
                    "send it as `Authorization: Bearer TOKEN`; `tocsin` does with --token-file FILE, or TOCSIN_TOKEN");
      out.is_late = true;
      return out;
    }
  }
  return std::nullopt;
}

// `host`: of a whole address, which counts more than the header; "" there is none.
std::optional<ControlResponse> refused(const ControlRequest& request, std::string_view host, const Access& access,
                                       Wants wants) {
  Credentials who{.is_local = request.is_local};
  if (header(request, "host", who.host) != 1 && !request.is_local) return complaint(400, "a request names one Host");
  if (!host.empty()) who.host = host;
  who.has_origin = header(request, "origin", who.origin) != 0;
  if (header(request, "authorization", who.authorization) > 1) return complaint(400, "there are two authorizations");
  if (auto no = refused(allowed(access, who, wants))) return no;
  std::string_view type;
  header(request, "content-type", type);
  if (!request.body.empty() && type.substr(0, type.find(';')) != "application/json")
    return complaint(415, "a body is JSON, with Content-Type: application/json");
  return std::nullopt;
}

}  // namespace

std::span<const RouteRow> control_routes() {
  static const std::vector<RouteRow> all = [] {
    std::vector<RouteRow> out;
    for (const Route& route : kRoutes) out.push_back(route.row);
    return out;
  }();
  return all;
}

std::string control_page() {
  std::string out =
      "# The control API\n\nWritten from the tables in `app/control/routes.cc` and `metrics.cc`; a test compares them "
      "(`TOCSIN_UPDATE=1 daemon_test` writes it anew). Settings are in [configuration.md](configuration.md), the "
      "commands "
      "that "
      "ask it in [commands.md](commands.md).\n\n"
      "A daemon answers on a Unix socket, which only its owner may use, and on TCP. By the Unix socket everything may "
      "be "
      "asked for. On TCP a *change* needs `http.token`, sent as `Authorization: Bearer`; to *read* needs it too, or "
      "`http.read_token`, where that is set or the daemon listens beyond this machine; *health* needs nothing. `Host` "
      "must "
      "be an address, localhost or one of `http.hosts`, and `Origin`, where there is one, the same. A body is JSON and "
      "says "
      "so by `Content-Type: application/json`. A header has at most 16 KiB, a body 4 MiB, its JSON 1 MiB and 64 "
      "levels; a "
      "request must have come within 10 s, and 256 connections may be open.\n\n"
      "An answer that is no 200 or 202 is `{\"schema\": \"tocsin/error/1\", \"error\": .., \"help\": ..}`; a reload "
      "that was refused is 422 and says why. A query with a key that the path does not take is 400.\n\n"
      "It speaks plain HTTP: there is no TLS in it, and none is needed on the Unix socket and on loopback. To be "
      "reached "
      "from elsewhere, let a proxy with TLS stand in front (its name in `http.hosts`, its path in `http.prefix`); to "
      "listen on another address itself it wants `http.token` and `http.insecure = true`.\n\n"
      "What `/api/v1/tap` answers does not end by itself, but for `limit` and `for`. Each line is a document, as the "
      "sinks have it, or of an event `{\"event\": .., \"time\": .., \"source\": .., \"fields\": {..}}` with the "
      "fields that some rule reads. A line `{\"tap\": {..}}` comes every second and last: how many samples were "
      "`shown`, "
      "how many `matched`, were `skipped_by_rate`, were `lost` because the client reads too slowly, and how many of "
      "whatever kind went by `not_looked_at` because they were too many; its `note` is for people, its `ended` says "
      "why there is no more. What shards and sinks do never waits for it: at most " +
      fmt::format("{} look on at once, and each has {} KiB for what its client has not read.\n\n", kTapsMost,
                  kTapBytes >> 10) +
      "| methods | path | needs | |\n| --- | --- | --- | --- |\n";
  constexpr std::string_view kNeeds[] = {"health", "read", "change"};
  for (const Route& route : kRoutes)
    out += fmt::format("| {} | `{}` | {} | {} |\n", route.row.methods, route.row.path,
                       kNeeds[static_cast<std::size_t>(route.row.wants)], route.row.help);
  out += "\n## Metrics\n\n| name | kind | labels | |\n| --- | --- | --- | --- |\n";
  for (const MetricRow& row : metric_rows())
    out += fmt::format("| `{}` | {} | {} | {} |\n", row.name, row.kind == MetricKind::counter ? "counter" : "gauge",
                       row.labels, row.help);
  return out;
}

void answer(const ControlRequest& request, std::string_view prefix, const Access& access, Desk& desk,
            std::function<void(ControlResponse)> done) {
  std::string_view path = request.target;
  std::string_view host;
  // As proxies are asked: any server takes it (RFC 9112, 3.2.2).
  if (constexpr std::string_view kScheme = "http://"; path.starts_with(kScheme)) {
    path.remove_prefix(kScheme.size());
    host = path.substr(0, path.find_first_of("/?"));
    path.remove_prefix(host.size());
    if (host.empty()) return done(complaint(400, "the address names no host"));
  }
  std::string_view query_text;
  if (const std::size_t mark = path.find('?'); mark != std::string_view::npos) {
    query_text = path.substr(mark + 1);
    path = path.substr(0, mark);
  }
  // By the Unix socket the prefix may be left out: no proxy is between.
  if (path.starts_with(prefix))
    path.remove_prefix(prefix.size());
  else if (!request.is_local)
    return done(complaint(404, fmt::format("every path begins with {}", prefix)));

  std::string_view allow;
  for (const Route& route : kRoutes) {
    std::optional<std::string> star = matched(route.row.path, path);
    if (!star) continue;
    if (!has_word(route.row.methods, request.method)) {
      allow = route.row.methods;
      continue;
    }
    if (auto no = refused(request, host, access, route.row.wants)) return done(std::move(*no));
    auto query = query_of(query_text);
    if (!query) return done(complaint(400, "the query is broken"));
    if (auto wrong = wrong_key(*query, route.keys)) return done(std::move(*wrong));
    Call call{request, std::move(*star), std::move(*query), desk, std::move(done)};
    return route.run(call);
  }
  if (allow.empty()) return done(complaint(404, "there is nothing at this path"));
  ControlResponse wrong = complaint(405, fmt::format("this path takes {}", allow));
  wrong.allow = allow;
  done(std::move(wrong));
}

std::optional<std::string> decode_url(std::string_view text) {
  const auto digit = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    const char small = static_cast<char>(c | 0x20);
    return small >= 'a' && small <= 'f' ? small - 'a' + 10 : -1;
  };
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      out += text[i] == '+' ? ' ' : text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? digit(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? digit(text[i + 2]) : -1;
    const int byte = high * 16 + low;
    if (high < 0 || low < 0 || byte == 0) return std::nullopt;
    out += static_cast<char>(byte);
    i += 2;
  }
  return out;
}

}  // namespace tocsin::app
