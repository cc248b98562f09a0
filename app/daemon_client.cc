#include "app/daemon_client.h"

#include <fmt/format.h>

#include <ostream>

#include "app/setting_keys.h"
#include "engine/base/text.h"

namespace tocsin::app {

Exit exit_of(unsigned status) {
  if (status >= 200 && status < 300) return Exit::done;
  if (status == 404 || status == 409 || status == 422) return Exit::no;
  if (status == 500) return Exit::no;  // it has answered, and could not
  return status < 500 ? Exit::usage : Exit::unreachable;
}

std::string shown(const nlohmann::ordered_json& json) {
  std::string out = json.is_string() ? json.get<std::string>() : json.is_null() ? "-" : json.dump();
  for (char& c : out)
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = ' ';
  return out;
}

std::optional<std::pair<DaemonAddress, HttpAsked>> DaemonClient::request(std::string_view method, std::string target,
                                                                         const Json& body) {
  HttpAsked asked{.method = method, .target = std::move(target)};
  if (!body.is_null()) asked.body = body.dump();
  asked.timeout = timeout_;
  if (const std::string word = arguments_.value("--timeout"); !word.empty()) {
    const auto timeout = parse_duration(word);
    if (!timeout || timeout->us <= 0) return refused("--timeout is a length of time, such as 10s");
    asked.timeout = *timeout;
  }
  if (console_.environment) asked.token = console_.environment("TOCSIN_TOKEN").value_or("");
  if (arguments_.has("--token-file")) {
    Result<std::string> token = read_secret({arguments_.value("--token-file"), {}});
    if (!token) return refused(token.error().message);
    asked.token = std::move(*token);
  }
  if (asked.token.find_first_of("\r\n") != std::string::npos) return refused("the token has several lines");
  Result<DaemonAddress> address = daemon_address(arguments_, console_);
  if (!address) return refused(address.error().message);
  return std::pair{std::move(*address), std::move(asked)};
}

void DaemonClient::unreachable(const Error& error) {
  console_.err << fmt::format("tocsin {}: {}\n", command_, error.message);
  if (!arguments_.has("--addr")) console_.err << "help: is `tocsin run` running? --addr or TOCSIN_ADDR say where\n";
  exit_ = Exit::unreachable;
}

std::optional<DaemonClient::Asked> DaemonClient::ask(std::string_view method, std::string target, const Json& body) {
  const auto wanted = request(method, std::move(target), body);
  if (!wanted) return std::nullopt;
  const Result<HttpAnswer> answer = ask_http(wanted->first, wanted->second);
  if (!answer) return unreachable(answer.error()), std::nullopt;
  return Asked{*answer, Json::parse(answer->body, nullptr, false)};
}

std::optional<DaemonClient::Asked> DaemonClient::ask_well(std::string_view method, std::string target,
                                                          const Json& body) {
  std::optional<Asked> asked = ask(method, std::move(target), body);
  if (!asked) return asked;
  exit_ = exit_of(asked->answer.status);
  if (exit_ == Exit::done && !asked->json.is_discarded()) return asked;
  if (exit_ == Exit::done) exit_ = Exit::unreachable;
  complain(*asked);
  return std::nullopt;
}

void DaemonClient::listen(std::string target, const std::function<bool(std::string_view line)>& hear,
                          const std::function<bool()>& waits) {
  const auto wanted = request("GET", std::move(target), {});
  if (!wanted) return;
  const Result<HttpAnswer> answer = hear_http(wanted->first, wanted->second, hear, waits);
  if (!answer) return unreachable(answer.error());
  exit_ = exit_of(answer->status);
  if (exit_ != Exit::done) complain({*answer, Json::parse(answer->body, nullptr, false)});
}

void DaemonClient::complain(const Asked& asked) {
  const Json& json = asked.json;
  const bool says = json.is_object() && json.contains("error");
  console_.err << fmt::format(
      "tocsin {}: {}\n", command_,
      says ? json["error"].get<std::string>() : fmt::format("the daemon answers {}", asked.answer.status));
  if (json.is_object() && json.contains("help")) console_.err << "help: " << json["help"].get<std::string>() << "\n";
}

std::nullopt_t DaemonClient::refused(const std::string& message) {
  exit_ = refuse(console_, command_, message);
  return std::nullopt;
}

}  // namespace tocsin::app
