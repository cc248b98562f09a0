// `tocsin tap`: samples of what goes by in a running daemon, as they come. The daemon chooses them, this end lays them
// out.
#include <fmt/format.h>

#include <algorithm>
#include <ostream>

#include "app/daemon_client.h"
#include "app/one_line.h"
#include "app/watching.h"
#include "engine/base/text.h"
#include "engine/base/utf8.h"
#include "engine/base/wording.h"

namespace tocsin::app {

namespace {

using Json = nlohmann::ordered_json;
using Row = std::vector<std::pair<std::string, Json>>;  // `fields.user`, its value

void flatten(const std::string& before, const Json& json, Row& out) {
  for (const auto& [key, value] : json.items()) {
    const std::string name = before.empty() ? key : before + "." + key;
    if (value.is_object())
      flatten(name, value, out);
    else
      out.emplace_back(name, value);
  }
}

std::string text_of(const Json& value) {
  if (value.is_null()) return {};
  return value.is_string() ? value.get<std::string>() : value.dump();
}

// How samples are laid out.
class Layout {
 public:
  Layout(std::string format, std::vector<std::string> fields, std::string_view what, Console& console)
      : format_(std::move(format)), fields_(std::move(fields)), what_(what), out_(console.out), err_(console.err) {}

  void add(std::string_view line, const Json& sample) {
    ++shown_;
    if (format_ == "ndjson" && fields_.empty()) {
      out_ << line << '\n';
      return;
    }
    Row row;
    flatten({}, sample, row);
    if (shown_ == 1) tell_unknown(row);
    if (format_ == "table" && fields_.empty()) fields_ = columns_of(row);
    if (!fields_.empty()) row = chosen(row);
    if (format_ == "table")
      table(row);
    else if (format_ == "logfmt")
      logfmt(row);
    else if (format_ == "json")
      out_ << (shown_ == 1 ? "[\n  " : ",\n  ") << (fields_.empty() ? sample : object_of(row)).dump();
    else
      out_ << object_of(row).dump() << '\n';
  }
  void end() {
    if (format_ == "json") out_ << (shown_ == 0 ? "[]\n" : "\n]\n");
    out_.flush();
  }
  void flush() { out_.flush(); }
  std::uint64_t shown() const { return shown_; }

 private:
  static Json object_of(const Row& row) {
    Json out = Json::object();
    for (const auto& [name, value] : row) out[name] = value;
    return out;
  }

  // `user` is the event's field of that name, or a part of a key, unless the document has one of its own.
  static const Json* find(const Row& row, const std::string& name) {
    for (const char* before : {"", "fields.", "key."}) {
      const auto found = std::ranges::find(row, before + name, &Row::value_type::first);
      if (found != row.end()) return &found->second;
    }
    return nullptr;
  }
  Row chosen(const Row& row) const {
    Row out;
    for (const std::string& name : fields_) {
      const Json* value = find(row, name);
      out.emplace_back(name, value != nullptr ? *value : Json());
    }
    return out;
  }

  // Documents have all their fields, also those that are missing in the record: what is not among them is misspelt, or
  // no rule reads it.
  void tell_unknown(const Row& row) {
    for (const std::string& name : fields_) {
      if (find(row, name) != nullptr) continue;
      std::string known;
      for (const auto& [path, value] : row) known += (known.empty() ? "" : ", ") + path;
      err_ << fmt::format("tocsin tap: what is shown first has no `{}`; it has {}\n", on_one_line(name),
                          on_one_line(known));
    }
  }

  // Where nobody chose any.
  std::vector<std::string> columns_of(const Row& row) const {
    if (what_.starts_with("alerts")) return {"time", "rule", "severity", "state", "text"};
    if (what_ == "late") return {"time", "event", "watermark", "source"};
    if (what_ == "dead-letter") return {"source", "reason", "detail", "record"};
    std::vector<std::string> out{"time"};
    if (what_ == "events") out.emplace_back("event");
    for (const auto& [name, value] : row)
      if (const std::size_t dot = name.find('.'); dot != std::string::npos && what_ != "events")
        out.push_back(name.substr(dot + 1));
    return out;
  }

  // A column is as wide as the widest that it has had to show: nobody knows what comes.
  void table(const Row& row) {
    constexpr std::size_t kWidest = 60, kRowsUnderHead = 40;
    std::vector<std::string> cells, heads;
    for (const auto& [name, value] : row) {
      heads.push_back(name);
      std::string cell = on_one_line(text_of(value));
      if (cell.size() > kWidest) cell = std::string(whole_characters(cell, kWidest - 2)) + "..";
      cells.push_back(std::move(cell));
    }
    widths_.resize(row.size());
    for (std::size_t i = 0; i < row.size(); ++i) widths_[i] = std::max({widths_[i], heads[i].size(), cells[i].size()});
    if ((shown_ - 1) % kRowsUnderHead == 0) print_row(heads);
    print_row(cells);
  }
  void print_row(const std::vector<std::string>& cells) {
    std::string line;
    for (std::size_t i = 0; i < cells.size(); ++i)
      line += i + 1 < cells.size() ? fmt::format("{:<{}}  ", cells[i], widths_[i]) : cells[i];
    out_ << line << '\n';
  }

  void logfmt(const Row& row) {
    std::string line;
    for (const auto& [name, value] : row) {
      const std::string text = on_one_line(text_of(value));
      const bool is_plain = text.find_first_of(" \"=\\") == std::string::npos;
      line += fmt::format("{}{}={}", line.empty() ? "" : " ", name, is_plain ? text : Json(text).dump());
    }
    out_ << line << '\n';
  }

  const std::string format_;
  std::vector<std::string> fields_;
  const std::string what_;
  std::ostream &out_, &err_;
  std::uint64_t shown_ = 0;
  std::vector<std::size_t> widths_;
};

std::vector<std::string> split(std::string_view text) {
  std::vector<std::string> out;
  while (!text.empty()) {
    const std::string_view part = text.substr(0, text.find(','));
    text.remove_prefix(std::min(part.size() + 1, text.size()));
    if (!part.empty()) out.emplace_back(part);
  }
  return out;
}

// `shown 100, matched 4,211, skipped by rate 4,111`
std::string summary_of(const Json& counts, std::uint64_t shown) {
  const auto number = [&](const char* name) { return counts.value(name, std::uint64_t{0}); };
  std::string out = fmt::format("shown {}, matched {}, skipped by rate {}", grouped(shown),
                                grouped(std::max(shown, number("matched"))), grouped(number("skipped_by_rate")));
  if (const auto lost = number("lost"); lost > 0)
    out += fmt::format(", lost {}: they were not read in time", grouped(lost));
  if (const auto unseen = number("not_looked_at"); unseen > 0)
    out += fmt::format("; {} went by too fast to be looked at", grouped(unseen));
  return out + "\n";
}

}  // namespace

Exit run_tap(const Arguments& arguments, Console& console) {
  const std::string what = arguments.operands().empty() ? "events" : arguments.operands().front();
  std::string target = "/api/v1/tap?what=" + encode_url(what);
  for (const auto& [option, name] : {std::pair{"--where", "where"}, {"--limit", "limit"}, {"--for", "for"}})
    if (arguments.has(option)) target += fmt::format("&{}={}", name, encode_url(arguments.value(option)));
  if (arguments.has("--rate")) {
    std::string rate = arguments.value("--rate");
    if (rate.ends_with("/s")) rate.resize(rate.size() - 2);
    target += "&rate=" + encode_url(rate);
  }
  const std::string format = arguments.has("--json") ? "json" : arguments.value("--format", "ndjson");
  Layout layout(format, split(arguments.value("--fields")), what, console);
  Json counts = Json::object();
  const Interrupt interrupt;
  DaemonClient client("tap", arguments, console);
  client.listen(
      target,
      [&](std::string_view line) {
        const Json json = Json::parse(line, nullptr, false);
        if (!json.is_object()) return true;
        if (!json.contains("tap")) {
          layout.add(line, json);
          return true;
        }
        counts = json["tap"];
        layout.flush();
        if (counts.contains("note")) console.err << "tocsin tap: " << shown(counts["note"]) << '\n';
        return !counts.contains("ended");
      },
      [&] { return !interrupt.came() && console.out.good(); });
  if (client.exit() != Exit::done) return client.exit();
  layout.end();
  if (!console.quiet) console.err << summary_of(counts, layout.shown());
  if (interrupt.came()) return Exit::interrupted;
  const std::string ended = counts.value("ended", "");
  if (ended == "limit" || ended == "time" || !console.out.good()) return Exit::done;
  console.err << "tocsin tap: the daemon has stopped\n";
  return Exit::unreachable;
}

}  // namespace tocsin::app
