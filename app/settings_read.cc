// One walk over a tree of keys and values serves every layer: a variable or --set is a tree with one branch. What a
// value must be is the table's (setting_keys.cc); where it goes, too.
#include "app/settings_read.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <limits>
#include <set>

#include "adapters/file/rotation.h"
#include "app/setting_keys.h"
#include "app/toml_document.h"
#include "dsl/render.h"
#include "engine/base/overloaded.h"
#include "engine/base/text.h"
#include "engine/base/units.h"
#include "engine/base/wording.h"

namespace tocsin::app {

namespace {

namespace fs = std::filesystem;

using Path = std::vector<std::string>;

std::string joined(const Path& path) { return fmt::format("{}", fmt::join(path, ".")); }

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= 64 && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-';
  });
}

// The name that stands where the row has its star; "" there is none.
std::string name_in(const SettingKey& key, const Path& path) {
  const Path own = parts_of(key.path);
  for (std::size_t i = 0; i < own.size(); ++i)
    if (own[i] == "*") return path[i];
  return {};
}

class Reader {
 public:
  explicit Reader(SettingsRead& read) : read_(read) {}

  void read_file(const std::string& path, std::string text) {
    folder_ = fs::path(path).parent_path();
    const std::uint32_t file = add_text(path, std::move(text));
    in_file_ = true;
    take_all({}, read_toml(read_.texts[file].text, file, read_.mistakes));
    in_file_ = false;
  }

  // `value` as TOML has it; or, where a text is wanted, as it stands. `at`: where it begins in the text of the layer.
  void take_word(const Path& path, const std::string& value, std::uint32_t file, std::uint32_t at, std::string origin) {
    folder_.clear();
    origin_ = std::move(origin);
    // Below a whole value is a part of it: http.token.file.
    Path own = path;
    Path inside;
    while (find_setting(own) == nullptr && settings_below(own).empty() && own.size() > 1) {
      inside.insert(inside.begin(), own.back());
      own.pop_back();
    }
    const SettingKey* key = find_setting(own);
    const dsl::SourceSpan key_span{file, 0, at == 0 ? static_cast<std::uint32_t>(value.size()) : at - 1};
    if (key == nullptr && settings_below(own).empty()) return unknown({}, own.front(), key_span);
    if (!inside.empty() && (key == nullptr || key->kind != SettingKind::secret))
      return unknown(own, inside.front(), key_span);
    const std::size_t before = read_.mistakes.size();
    TomlNode node = inside.empty() ? node_of(key, value, file, at)
                                   : TomlNode{value, {file, at, static_cast<std::uint32_t>(at + value.size())}};
    if (read_.mistakes.size() != before) return;
    for (; !inside.empty(); inside.pop_back()) {
      const dsl::SourceSpan span = node.span;
      node = TomlNode{TomlTable{{inside.back(), key_span, std::move(node)}}, span};
    }
    take(own, key_span, node);
  }

  std::uint32_t add_text(const std::string& path, std::string text) {
    read_.texts.push_back({path, std::move(text)});
    return static_cast<std::uint32_t>(read_.texts.size() - 1);
  }

  // TOCSIN__SOURCE__WEB_LOGINS__FILE__PATH: names that the file has are found by how they would be written there.
  Path path_of_variable(std::string_view name) const {
    Path path;
    name.remove_prefix(std::string_view("TOCSIN__").size());
    for (std::size_t from = 0; from <= name.size();) {
      const std::size_t end = std::min(name.find("__", from), name.size());
      std::string part(name.substr(from, end - from));
      std::ranges::transform(part, part.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
      path.push_back(std::move(part));
      from = end + 2;
    }
    if (path.size() > 1 && path[0] == "source") name_of(read_.settings.sources, path[1]);
    if (path.size() > 1 && path[0] == "sink") name_of(read_.settings.sinks, path[1]);
    return path;
  }

  void complain(dsl::SourceSpan span, std::string message, std::string here, std::string help = {}) {
    dsl::Diagnostic& mistake = read_.mistakes.emplace_back();
    mistake.message = std::move(message);
    mistake.here = {span, std::move(here)};
    mistake.help = std::move(help);
  }

  void finish();

 private:
  void unknown(const Path& parent, const std::string& word, dsl::SourceSpan span) {
    const std::vector<std::string> known = settings_below(parent);
    const std::string near = dsl::nearest(word, known);
    const std::string message = parent.empty() ? fmt::format("there is no key or table `{}`", word)
                                               : fmt::format("`{}` has no key `{}`", joined(parent), word);
    if (known.empty()) return complain(span, message, "nothing stands below it");
    complain(span, message, fmt::format("not one of the {} that there are", known.size()),
             near.empty() ? fmt::format("one of {}", fmt::join(known, ", ")) : fmt::format("did you mean `{}`?", near));
  }

  template <class Named>
  static void name_of(const std::vector<Named>& all, std::string& part) {
    for (const Named& one : all) {
      std::string written = one.name;
      std::ranges::transform(written, written.begin(),
                             [](unsigned char c) { return c == '-' ? '_' : static_cast<char>(std::tolower(c)); });
      if (written == part) {
        part = one.name;
        return;
      }
    }
  }

  void take_all(const Path& parent, const TomlTable& table) {
    for (const TomlItem& item : table) {
      Path path = parent;
      path.push_back(item.key);
      take(path, item.key_span, item.node);
    }
  }

  bool is_a_name(const Path& path, dsl::SourceSpan span) {
    if (is_name(path[1])) return true;
    complain(span, fmt::format("`{}` is no name for a {}", path[1], path[0]), "this is none",
             "1 to 64 of a-z A-Z 0-9 _ and -");
    return false;
  }

  void take(const Path& path, dsl::SourceSpan key_span, const TomlNode& node) {
    if (const SettingKey* key = find_setting(path)) return put(*key, path, key_span, node);
    const std::vector<std::string> below = settings_below(path);
    if (below.empty()) {
      Path parent = path;
      parent.pop_back();
      return unknown(parent, path.back(), key_span);
    }
    if (path.size() == 2 && (path[0] == "source" || path[0] == "sink")) {
      if (!is_a_name(path, key_span)) return;
      // One without any key is one, too.
      if (path[0] == "source")
        source_named(read_.settings, path[1]);
      else
        sink_named(read_.settings, path[1]);
    }
    const TomlTable* table = std::get_if<TomlTable>(&node.value);
    if (table == nullptr)
      return complain(node.span, fmt::format("`{}` is a table", joined(path)),
                      fmt::format("this is {}", noun_of(node.value)),
                      fmt::format("its keys are {}", fmt::join(below, ", ")));
    take_all(path, *table);
  }

  TomlNode node_of(const SettingKey* key, const std::string& value, std::uint32_t file, std::uint32_t at);
  void put(const SettingKey& key, const Path& path, dsl::SourceSpan key_span, const TomlNode& node);
  void put_value(const SettingKey& key, const SettingPlace& place, const Path& path, const TomlNode& node);
  void wrong(const SettingKey& key, const Path& path, const TomlNode& node, std::string here = {}) {
    if (here.empty()) here = fmt::format("this is {}", noun_of(node.value));
    std::string help;
    if (key.kind == SettingKind::secret && std::holds_alternative<std::string>(node.value)) {
      help = "the secret itself does not belong into a configuration: say which file or variable has it";
      // Complaints are logged: not even there is it shown.
      std::string& text = read_.texts[node.span.file].text;
      std::fill(text.begin() + node.span.begin, text.begin() + node.span.end, '*');
    }
    complain(node.span, fmt::format("`{}` is {}", joined(path), noun_of(key.kind)), std::move(here), std::move(help));
  }
  bool number_fits(const SettingKey& key, const Path& path, const TomlNode& node, std::int64_t number,
                   std::int64_t largest);
  std::optional<std::string> text(const SettingKey& key, const Path& path, const TomlNode& node);
  std::optional<std::vector<std::string>> texts(const SettingKey& key, const Path& path, const TomlNode& node);
  std::optional<Secret> secret(const SettingKey& key, const Path& path, const TomlNode& node);
  std::optional<std::vector<std::string>> lines(const SettingKey& key, const Path& path, const TomlNode& node);
  std::string from_folder(const std::string& path) const {
    return path.empty() || folder_.empty() ? path : (folder_ / path).lexically_normal().string();
  }
  dsl::SourceSpan place_of(const std::string& path) const {
    const auto found = places_.find(path);
    return found != places_.end() ? found->second : dsl::SourceSpan{};
  }
  void check_routes();
  void check_http();

  SettingsRead& read_;
  fs::path folder_;     // of the file; paths of the other layers count from where the process is
  std::string origin_;  // of the layer; of the file, each value has its own line
  bool in_file_ = false;
  std::map<std::string, dsl::SourceSpan> places_;  // of values, by path
};

// A text, a path, a length of time: without quotes, too; a list of texts: with commas between them. Else, and where it
// begins like TOML, TOML.
TomlNode Reader::node_of(const SettingKey* key, const std::string& value, std::uint32_t file, std::uint32_t at) {
  const dsl::SourceSpan span{file, at, static_cast<std::uint32_t>(at + value.size())};
  const bool like_toml = !value.empty() && std::string_view("\"'[{").find(value.front()) != std::string_view::npos;
  if (key == nullptr || like_toml) return read_toml_value(value, file, at, read_.mistakes);
  switch (key->kind) {
    case SettingKind::text:
    case SettingKind::path:
    case SettingKind::size:
    case SettingKind::duration:
    case SettingKind::choice:
    case SettingKind::secret:
    case SettingKind::line:
    case SettingKind::any:
      return {value, span};
    case SettingKind::paths:
    case SettingKind::texts: {
      std::vector<TomlNode> items;
      std::uint32_t from = 0;
      while (from < value.size()) {
        const auto end = static_cast<std::uint32_t>(std::min(value.find(',', from), value.size()));
        items.push_back({value.substr(from, end - from), {file, at + from, at + end}});
        from = end + 1;
      }
      return {std::move(items), span};
    }
    case SettingKind::flag:
    case SettingKind::count:
    case SettingKind::real: {
      std::vector<dsl::Diagnostic> no_toml;  // then it is a text, and that is what is wrong with it
      TomlNode node = read_toml_value(value, file, at, no_toml);
      return no_toml.empty() ? node : TomlNode{value, span};
    }
  }
  return {TomlOther{}, span};
}

void Reader::put(const SettingKey& key, const Path& path, dsl::SourceSpan key_span, const TomlNode& node) {
  const std::string said = joined(path);
  const std::size_t before = read_.mistakes.size();
  if (!name_in(key, path).empty() && !is_a_name(path, key_span)) return;
  const SettingPlace place = key.at(read_.settings, key, name_in(key, path), true);
  if (key.later && std::ranges::find(read_.later, said) == read_.later.end()) read_.later.push_back(said);
  if (std::holds_alternative<std::monostate>(place)) {
    if (key.kind != SettingKind::any)
      complain(key_span, fmt::format("`{}.{}` has two addresses", path[0], path[1]), "this is the second",
               fmt::format("a {} has one; two of them are two tables, [{}.NAME]", path[0], path[0]));
    return;
  }
  put_value(key, place, path, node);
  if (read_.mistakes.size() != before) return;
  places_[said] = node.span;
  if (in_file_) {
    const dsl::SourceText& text = read_.texts[node.span.file];
    const auto line = std::count(text.text.begin(), text.text.begin() + node.span.begin, '\n') + 1;
    read_.origins[said] = fmt::format("{}:{}", text.path, line);
  } else {
    read_.origins[said] = origin_;
  }
}

// Whether a number, of a duration in us, is one that the row lets pass.
bool Reader::number_fits(const SettingKey& key, const Path& path, const TomlNode& node, std::int64_t number,
                         std::int64_t largest) {
  const std::int64_t most = key.most != 0 ? key.most : largest;
  const auto said = [&](std::int64_t bound) {
    if (key.kind == SettingKind::duration) return duration_text(Duration{bound});
    if (key.kind == SettingKind::size) return size_text(static_cast<std::uint64_t>(bound));
    return std::to_string(bound);
  };
  if (number >= key.least && number <= most) return true;
  if (number < key.least)
    complain(node.span, fmt::format("`{}` is at least {}", joined(path), said(key.least)), "this is less");
  else
    complain(node.span, fmt::format("`{}` is at most {}", joined(path), said(most)), "this is more");
  return false;
}

std::optional<std::string> Reader::text(const SettingKey& key, const Path& path, const TomlNode& node) {
  const std::string* word = std::get_if<std::string>(&node.value);
  if (word == nullptr) {
    wrong(key, path, node);
    return std::nullopt;
  }
  const std::vector<std::string_view> choices = choices_of(key);
  if (key.kind == SettingKind::choice && std::ranges::find(choices, *word) == choices.end()) {
    const std::string near = dsl::nearest(*word, {choices.begin(), choices.end()});
    complain(
        node.span, fmt::format("`{}` cannot be `{}`", joined(path), *word), "not one of its words",
        near.empty() ? fmt::format("one of {}", fmt::join(choices, ", ")) : fmt::format("did you mean `{}`?", near));
    return std::nullopt;
  }
  if (key.kind == SettingKind::path) return from_folder(*word);
  return *word;
}

std::optional<std::vector<std::string>> Reader::texts(const SettingKey& key, const Path& path, const TomlNode& node) {
  std::vector<std::string> out;
  const auto add = [&](const TomlNode& item) {
    const std::string* word = std::get_if<std::string>(&item.value);
    if (word == nullptr) return wrong(key, path, item);
    out.push_back(key.kind == SettingKind::paths ? from_folder(*word) : *word);
  };
  const std::size_t before = read_.mistakes.size();
  if (const auto* items = std::get_if<std::vector<TomlNode>>(&node.value))
    for (const TomlNode& item : *items) add(item);
  else if (key.kind == SettingKind::paths)
    add(node);
  else
    wrong(key, path, node);
  return read_.mistakes.size() == before ? std::optional(out) : std::nullopt;
}

std::optional<Secret> Reader::secret(const SettingKey& key, const Path& path, const TomlNode& node) {
  const TomlTable* table = std::get_if<TomlTable>(&node.value);
  const auto none = [&](const TomlNode& at, std::string here) {
    wrong(key, path, at, std::move(here));
    return std::nullopt;
  };
  if (table == nullptr) return none(node, {});
  if (table->size() != 1) return none(node, "one of both");
  const TomlItem& item = table->front();
  const std::string* word = std::get_if<std::string>(&item.node.value);
  if (item.key != "file" && item.key != "env") return none(node, fmt::format("`{}` is neither", item.key));
  if (word == nullptr || word->empty()) return none(item.node, "this names nothing");
  return item.key == "file" ? Secret{from_folder(*word), {}} : Secret{{}, *word};
}

// As --line has them.
std::optional<std::vector<std::string>> Reader::lines(const SettingKey& key, const Path& path, const TomlNode& node) {
  const auto* items = std::get_if<std::vector<TomlNode>>(&node.value);
  if (items == nullptr) return wrong(key, path, node), std::nullopt;
  const std::size_t before = read_.mistakes.size();
  std::vector<std::string> out;
  for (const TomlNode& item : *items) {
    const TomlTable* table = std::get_if<TomlTable>(&item.value);
    if (table == nullptr) {
      wrong(key, path, item);
      continue;
    }
    std::map<std::string, std::string> said;
    for (const TomlItem& part : *table) {
      const std::string* word = std::get_if<std::string>(&part.node.value);
      if (part.key != "event" && part.key != "regex")
        complain(part.key_span, fmt::format("`{}` has no key `{}`", joined(path), part.key), "neither of both",
                 "a line has `event` and `regex`");
      else if (word == nullptr)
        complain(part.node.span, fmt::format("`{}.{}` is a text", joined(path), part.key),
                 fmt::format("this is {}", noun_of(part.node.value)));
      else
        said[part.key] = *word;
    }
    for (const char* needed : {"event", "regex"})
      if (!std::ranges::any_of(*table, [&](const TomlItem& part) { return part.key == needed; }))
        complain(item.span, "a `line` has `event` and `regex`", fmt::format("no `{}`", needed));
    out.push_back(said["event"] + "=" + said["regex"]);
  }
  return read_.mistakes.size() == before ? std::optional(out) : std::nullopt;
}

void Reader::put_value(const SettingKey& key, const SettingPlace& place, const Path& path, const TomlNode& node) {
  const auto whole = [&](auto* number) {
    using Number = std::remove_reference_t<decltype(*number)>;
    constexpr auto kLargest = static_cast<std::int64_t>(
        std::min<std::uint64_t>(std::numeric_limits<Number>::max(), std::numeric_limits<std::int64_t>::max()));
    std::optional<std::int64_t> said;
    if (const std::int64_t* given = std::get_if<std::int64_t>(&node.value)) said = *given;
    if (const std::string* word = std::get_if<std::string>(&node.value);
        word != nullptr && key.kind == SettingKind::size)
      if (const auto bytes = parse_size(*word); bytes && *bytes <= static_cast<std::uint64_t>(kLargest))
        said = static_cast<std::int64_t>(*bytes);
    if (!said) return wrong(key, path, node, std::holds_alternative<std::string>(node.value) ? "this is none" : "");
    if (number_fits(key, path, node, *said, kLargest)) *number = static_cast<Number>(*said);
  };
  const auto choice = [&](auto* value) {
    const auto word = text(key, path, node);
    if (!word) return;
    const std::vector<std::string_view> words = choices_of(key);
    *value = static_cast<std::remove_reference_t<decltype(*value)>>(std::ranges::find(words, *word) - words.begin());
  };
  std::visit(Overloaded{[](std::monostate) {},
                        [&](std::string* out) {
                          if (auto word = text(key, path, node)) *out = std::move(*word);
                        },
                        [&](bool* out) {
                          if (const bool* flag = std::get_if<bool>(&node.value))
                            *out = *flag;
                          else
                            wrong(key, path, node);
                        },
                        [&](std::uint32_t* out) { whole(out); }, [&](std::uint64_t* out) { whole(out); },
                        [&](double* out) {
                          const auto* given = std::get_if<double>(&node.value);
                          const auto* integer = std::get_if<std::int64_t>(&node.value);
                          if (given == nullptr && integer == nullptr) return wrong(key, path, node);
                          const double number = given != nullptr ? *given : static_cast<double>(*integer);
                          if (number > 0 && number < 1e12) return void(*out = number);
                          complain(node.span, fmt::format("`{}` is more than 0", joined(path)), "this cannot be");
                        },
                        [&](Duration* out) {
                          const std::string* word = std::get_if<std::string>(&node.value);
                          const auto duration = word != nullptr ? parse_duration(*word) : std::nullopt;
                          if (!duration) return wrong(key, path, node, word != nullptr ? "this is none" : "");
                          if (number_fits(key, path, node, duration->us, days(3'650).us)) *out = *duration;
                        },
                        [&](std::vector<std::string>* out) {
                          if (auto list = texts(key, path, node)) *out = std::move(*list);
                        },
                        [&](Secret* out) {
                          if (auto said = secret(key, path, node)) *out = std::move(*said);
                        },
                        [&](LogLevel* out) { choice(out); }, [&](LogFormat* out) { choice(out); },
                        [&](const CodecOption& option) {
                          if (key.kind == SettingKind::line) {
                            if (auto all = lines(key, path, node))
                              option.arguments->replace(option.option, std::move(*all));
                          } else if (key.kind == SettingKind::texts) {
                            if (const auto list = texts(key, path, node))
                              option.arguments->replace(option.option, {fmt::format("{}", fmt::join(*list, ","))});
                          } else if (key.kind == SettingKind::count) {
                            const std::int64_t* number = std::get_if<std::int64_t>(&node.value);
                            if (number == nullptr) return wrong(key, path, node);
                            if (number_fits(key, path, node, *number, std::numeric_limits<std::int64_t>::max()))
                              option.arguments->replace(option.option, {std::to_string(*number)});
                          } else if (auto word = text(key, path, node)) {
                            option.arguments->replace(option.option, {std::move(*word)});
                          }
                        }},
             place);
}

void Reader::check_routes() {
  std::vector<std::string> names;
  for (const SinkSettings& sink : read_.settings.sinks) names.push_back(sink.name);
  const auto check = [&](const std::string& path, const std::string& name) {
    if (name.empty() || std::ranges::find(names, name) != names.end()) return;
    const std::string near = dsl::nearest(name, names);
    std::string help = near.empty() ? fmt::format("the sinks are {}", fmt::join(names, ", "))
                                    : fmt::format("did you mean `{}`?", near);
    if (names.empty()) help = fmt::format("there is no sink at all: [sink.{}]", name);
    complain(place_of(path), fmt::format("`{}` names a sink `{}`", path, name), "there is none of that name",
             std::move(help));
  };
  for (const std::string& name : read_.settings.routes.alerts) check("sinks.default", name);
  check("sinks.late", read_.settings.routes.late);
  check("sinks.dead_letter", read_.settings.routes.dead_letter);
}

bool is_endpoint(std::string_view text) {
  const std::size_t colon = text.rfind(':');
  std::int64_t port = 0;
  if (colon == std::string_view::npos || colon == 0) return false;
  if (parse_integer(text.substr(colon + 1), port) != NumberText::good || port < 0 || port > 65'535) return false;
  const std::string_view host = text.substr(0, colon);
  return host.find(':') == std::string_view::npos || (host.starts_with('[') && host.ends_with(']'));
}

void Reader::check_http() {
  const auto endpoint = [&](const std::string& path, const std::string& text) {
    if (!is_endpoint(text))
      complain(place_of(path), fmt::format("`{}` is \"HOST:PORT\"", path), "this is none",
               "such as \"127.0.0.1:8470\" or \"[::1]:8470\"");
  };
  const HttpSettings& http = read_.settings.http;
  if (!http.listen.empty()) endpoint("http.listen", http.listen);
  for (const SourceSettings& source : read_.settings.sources)
    if (const TcpSource* tcp = std::get_if<TcpSource>(&source.address))
      endpoint(fmt::format("source.{}.tcp.listen", source.name), tcp->listen);
  const bool is_prefix = http.prefix.empty() || (http.prefix.starts_with('/') && !http.prefix.ends_with('/') &&
                                                 http.prefix.find_first_of(" ?#\r\n") == std::string::npos);
  if (!is_prefix)
    complain(place_of("http.prefix"), "`http.prefix` begins with a slash and ends without one", "this does not",
             "such as \"/tocsin\"");
}

void Reader::finish() {
  if (!read_.mistakes.empty()) return;  // what is missing may be what was misspelt
  // `stdin = false` is as if it were not there.
  for (SourceSettings& source : read_.settings.sources)
    if (const StdinSource* in = std::get_if<StdinSource>(&source.address); in != nullptr && !in->on)
      source.address = std::monostate();
  for (SinkSettings& sink : read_.settings.sinks)
    if (const StdoutSink* out = std::get_if<StdoutSink>(&sink.address); out != nullptr && !out->on)
      sink.address = std::monostate();
  check_routes();
  check_http();
  // As if the file said so.
  StateSettings& state = read_.settings.state;
  if (!read_.origins.contains("state.dir") && !read_.settings.path.empty())
    state.dir = (fs::path(read_.settings.path).parent_path() / state.dir).string();
}

Result<std::string> contents(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  const int reason = errno;
  std::error_code ignored;
  if (!in || fs::is_directory(path, ignored))
    return failure(Error::Code::unreadable,
                   fmt::format("cannot read {}: {}", path, std::strerror(in ? EISDIR : reason)));
  return std::string{std::istreambuf_iterator<char>(in), {}};
}

}  // namespace

Result<SettingsRead> read_settings(const SettingLayers& layers) {
  SettingsRead read;
  Reader reader(read);
  if (!layers.file.empty()) {
    Result<std::string> text = contents(layers.file);
    if (!text) return tl::unexpected(text.error());
    read.settings.path = layers.file;
    reader.read_file(layers.file, std::move(*text));
  }
  for (const auto& [name, value] : layers.environment)
    reader.take_word(reader.path_of_variable(name), value, reader.add_text(name, value), 0, name);
  for (const std::string& word : layers.sets) {
    const std::uint32_t file = reader.add_text("--set", word);
    const std::size_t equals = word.find('=');
    if (equals == std::string::npos || equals == 0) {
      const dsl::SourceSpan all{file, 0, static_cast<std::uint32_t>(word.size())};
      reader.complain(all, "--set is KEY=VALUE", "no equals sign behind a key", "such as --set state.memory=2GiB");
      continue;
    }
    reader.take_word(parts_of(word.substr(0, equals)), word.substr(equals + 1), file,
                     static_cast<std::uint32_t>(equals + 1), "--set");
  }
  for (const FlagSetting& flag : layers.flags)
    reader.take_word(parts_of(flag.path), flag.value, reader.add_text(flag.flag, flag.value), 0, flag.flag);
  reader.finish();
  return read;
}

Result<SettingsRead> settings_of(const Arguments& arguments, Console& console, std::vector<FlagSetting> flags) {
  SettingLayers layers{arguments.value("--config"), console.settings, arguments.all("--set"), std::move(flags)};
  Result<SettingsRead> read = read_settings(layers);
  if (!read || read->mistakes.empty()) return read;
  console.err << dsl::render(read->mistakes, read->texts, dsl::Format::human,
                             {console.err_colours, console.err_width(), {}});
  return failure(Error::Code::refused,
                 fmt::format("the configuration has {}", counted(read->mistakes.size(), "mistake")));
}

std::vector<std::string> refused_for_run(const SettingsRead& read) {
  std::vector<std::string> out;
  for (const std::string& path : read.later) out.push_back(fmt::format("`{}`: not yet in this version", path));
  for (const SourceSettings& source : read.settings.sources)
    if (std::holds_alternative<std::monostate>(source.address))
      out.push_back(fmt::format("[source.{}] says not where its records come from: file, stdin, tcp, unix or generator",
                                source.name));
  for (const SinkSettings& sink : read.settings.sinks)
    if (std::holds_alternative<std::monostate>(sink.address))
      out.push_back(fmt::format("[sink.{}] says not where its messages go: file, stdout or http", sink.name));
  const auto needs = [&](std::string_view kind, const std::string& name, std::string_view key,
                         const std::string& value) {
    if (value.empty()) out.push_back(fmt::format("[{}.{}] needs `{}`", kind, name, key));
  };
  for (const SourceSettings& source : read.settings.sources) {
    if (const auto* file = std::get_if<FileSource>(&source.address))
      needs("source", source.name, "file.path", file->path);
    if (const auto* socket = std::get_if<UnixSource>(&source.address))
      needs("source", source.name, "unix.path", socket->path);
  }
  for (const SinkSettings& sink : read.settings.sinks) {
    if (const auto* file = std::get_if<FileSink>(&sink.address)) needs("sink", sink.name, "file.path", file->path);
    if (const auto* hook = std::get_if<WebhookSink>(&sink.address)) needs("sink", sink.name, "http.url", hook->url);
  }
  // Each alert would come back as a record.
  for (const SourceSettings& source : read.settings.sources)
    for (const SinkSettings& sink : read.settings.sinks) {
      const auto* from = std::get_if<FileSource>(&source.address);
      const auto* to = std::get_if<FileSink>(&sink.address);
      if (from == nullptr || to == nullptr || from->path.empty() || to->path.empty()) continue;
      if (FileSet(from->path).has(to->path))
        out.push_back(
            fmt::format("[sink.{}] writes into {}, which [source.{}] reads: give the sink another file, or the "
                        "source a pattern that leaves it out",
                        sink.name, to->path, source.name));
    }
  if (read.settings.sources.empty()) out.emplace_back("no source: nothing would ever come; add a [source.NAME]");
  return out;
}

}  // namespace tocsin::app
