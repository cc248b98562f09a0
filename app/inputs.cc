#include "app/inputs.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <chrono>
#include <filesystem>
#include <iostream>
#include <string_view>
#include <utility>

#include "adapters/file/source.h"
#include "app/history.h"
#include "dsl/diagnostic.h"
#include "engine/base/text.h"

namespace tocsin::app {

namespace {

namespace fs = std::filesystem;

std::optional<TimeUnit> unit_of(std::string_view word) {
  if (word == "s") return TimeUnit::seconds;
  if (word == "ms") return TimeUnit::milliseconds;
  if (word == "us") return TimeUnit::microseconds;
  if (word == "ns") return TimeUnit::nanoseconds;
  return std::nullopt;  // rfc3339, or nothing said
}

// A unit that is none: a number is no time.
bool takes_numbers(const Arguments& arguments) { return arguments.value("--time-unit") != "rfc3339"; }

Time wall_clock() {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return Time{std::chrono::duration_cast<std::chrono::microseconds>(now).count()};
}

Time written_at(const std::string& path) {
  std::error_code error;
  const fs::file_time_type time = fs::last_write_time(path, error);
  if (error) return wall_clock();
  const auto at = std::chrono::file_clock::to_sys(time).time_since_epoch();
  return Time{std::chrono::duration_cast<std::chrono::microseconds>(at).count()};
}

std::optional<Format> format_named(std::string_view word) {
  if (word == "json") return Format::json;
  if (word == "csv") return Format::csv;
  if (word == "logfmt") return Format::logfmt;
  if (word == "regex") return Format::regex;
  return std::nullopt;
}

std::string extension_of(fs::path path) {
  if (path.extension() == ".zst") path = path.stem();
  return path.extension().string().substr(path.has_extension() ? 1 : 0);
}

std::vector<std::string> base_events(const Schema& schema) {
  std::vector<std::string> names;
  for (const EventType& type : schema.types)
    if (!type.emitted) names.push_back(type.name);
  return names;
}

tl::unexpected<Error> refused(std::string message) { return failure(Error::Code::refused, std::move(message)); }

Result<Format> format_of(const Arguments& arguments) {
  if (const auto named = format_named(arguments.value("--input-format"))) return *named;
  if (arguments.has("--line")) return Format::regex;
  Format format = Format::json;
  std::string first;
  for (const std::string& path : arguments.all("--input")) {
    const Format own = format_named(extension_of(path)).value_or(Format::json);
    if (!first.empty() && own != format)
      return refused(
          fmt::format("by their names {} and {} are written differently; --input-format says how all of them "
                      "are, or one replay reads each",
                      first, path));
    format = own;
    first = path;
  }
  return format;
}

// The event is one that the rules know.
Result<void> known(const std::string& event, const Schema& schema, std::string_view option) {
  const std::vector<std::string> names = base_events(schema);
  if (std::ranges::find(names, event) != names.end()) return {};
  const std::string near = dsl::nearest(event, names);
  return refused(fmt::format("{}: no rule looks at an event `{}`{}", option, event,
                             near.empty() ? fmt::format(" (they look at {})", fmt::join(names, ", "))
                                          : fmt::format("; did you mean `{}`?", near)));
}

bool is_in(const std::string& name, const std::vector<std::string>& names) {
  return std::ranges::find(names, name) != names.end();
}

std::string or_near(const std::string& name, const std::vector<std::string>& names) {
  const std::string near = dsl::nearest(name, names);
  return near.empty() ? "" : fmt::format("; did you mean `{}`?", near);
}

// Every line needs the group that holds its time, or all of its events would lack it.
Result<void> times_are_there(const CodecConfig& codec, const Schema& schema) {
  for (const LineRule& line : codec.lines) {
    const auto fields = fields_of(line);
    const EventType& type = schema[*schema.find(line.event)];
    const bool of_schema = codec.time_field.empty();
    if (!fields || (of_schema && !type.timestamp)) continue;
    const std::string time = of_schema ? type.fields[type.timestamp->index].name() : codec.time_field;
    if (is_in(time, *fields)) continue;
    return refused(fmt::format("--line {}: no group `{}` for {}{}", line.event, time,
                               of_schema ? "its timestamp; name one so, or another by --time-field" : "--time-field",
                               or_near(time, *fields)));
  }
  if (codec.lines.empty() && !codec.columns.empty())
    for (const auto& [option, field] :
         {std::pair{"--time-field", codec.time_field}, {"--event-field", codec.event_field}})
      if (!field.empty() && !is_in(field, codec.columns))
        return refused(
            fmt::format("{}: no column of --columns is called `{}`{}", option, field, or_near(field, codec.columns)));
  return {};
}

// `--line sshd_fail='Failed password for (?P<user>\S+)'`
Result<std::vector<LineRule>> lines_of(const Arguments& arguments, const Schema& schema) {
  std::vector<LineRule> lines;
  for (const std::string& word : arguments.all("--line")) {
    const std::size_t equals = word.find('=');
    if (equals == std::string::npos || equals == 0)
      return refused(fmt::format("--line is EVENT=REGEX, not `{}`", word));
    lines.push_back({word.substr(0, equals), word.substr(equals + 1)});
    if (auto fine = known(lines.back().event, schema, "--line"); !fine) return tl::unexpected(fine.error());
  }
  return lines;
}

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts;
  for (std::size_t from = 0; from <= text.size();) {
    const std::size_t end = std::min(text.find(',', from), text.size());
    parts.push_back(text.substr(from, end - from));
    from = end + 1;
  }
  return parts;
}

// Which event a record is: one option says it, or the rules know only one.
Result<void> name_events(CodecConfig& codec, const Arguments& arguments, const Schema& schema) {
  codec.event = arguments.value("--event");
  codec.event_field = arguments.value("--event-field");
  if (codec.format == Format::regex) {
    if (codec.lines.empty()) return refused("lines of text want at least one --line EVENT=REGEX");
    if (!codec.event.empty() || !codec.event_field.empty())
      return refused("each --line names its event; --event and --event-field have no place beside it");
    return {};
  }
  if (!codec.lines.empty()) return refused("--line goes with --input-format regex");
  if (!codec.event.empty() && !codec.event_field.empty())
    return refused("--event names the event of all records, --event-field the field that does; give one of them");
  if (!codec.event.empty()) return known(codec.event, schema, "--event");
  if (!codec.event_field.empty()) return {};
  const std::vector<std::string> names = base_events(schema);
  if (names.size() != 1)
    return refused(fmt::format("say what the records are: --event NAME, or --event-field FIELD; the rules look at {}",
                               names.empty() ? "none" : fmt::format("{}", fmt::join(names, ", "))));
  codec.event = names.front();
  return {};
}

Result<std::unique_ptr<Source>> open_input(const std::string& path, Console& console,
                                           std::istream* instead_of_standard_input) {
  if (path == "-" && instead_of_standard_input != nullptr) return stream_source(*instead_of_standard_input);
  // The process's own input is polled, so that a slow pipe is judged as it comes; another stream is read in blocks.
  if (path == "-" && &console.in != &std::cin) return stream_source(console.in);
  return open_file_source({.path = path}, SourceId{0}, path == "-" ? wall_clock() : written_at(path));
}

class InputFiles final : public InputSource {
 public:
  struct File {
    File(std::unique_ptr<Source> s, double bytes) : source(std::move(s)), size(bytes) {}
    File(File&& other) noexcept
        : source(std::move(other.source)), size(other.size), ended(other.ended), reached(other.reached.load()) {}
    std::unique_ptr<Source> source;
    double size;  // 0: nobody knows
    bool ended = false;
    std::atomic<std::int64_t> reached = INT64_MIN;
  };
  explicit InputFiles(std::vector<File> files) : files_(std::move(files)) {}

  std::uint32_t partitions() const override { return static_cast<std::uint32_t>(files_.size()); }
  bool can_go_back() const override {
    return std::ranges::all_of(files_, [](const File& file) { return file.source->can_go_back(); });
  }
  Result<void> start(std::span<const Progress> from) override {
    for (std::uint32_t i = 0; i < files_.size(); ++i) {
      std::vector<Progress> own;
      for (const Progress& progress : from)
        if (progress.partition == i) own.push_back({0, progress.next_offset});
      if (auto started = files_[i].source->start(own); !started) return started;
    }
    return {};
  }

  Result<Polled> poll(Block& into, Duration wait) override {
    for (;;) {
      const auto next = std::ranges::min_element(files_, {}, [](const File& file) {
        return std::pair(file.ended, file.reached.load(std::memory_order_relaxed));
      });
      if (next == files_.end() || next->ended) return Polled::finished;
      Result<Polled> polled = next->source->poll(into, wait);
      if (!polled) return polled;
      next->ended = *polled == Polled::finished || into.ends;
      if (*polled == Polled::finished) continue;
      into.partition = static_cast<std::uint32_t>(next - files_.begin());
      return polled;
    }
  }

  void reached(std::uint32_t partition, Time at) override {
    files_[partition].reached.store(at.us, std::memory_order_relaxed);
  }

  void pause(std::uint32_t partition) override { files_[partition].source->pause(0); }
  void resume(std::uint32_t partition) override { files_[partition].source->resume(0); }
  void stored(std::span<const Progress>) override {}  // files stay where they are

  double done() const override {
    double read = 0, all = 0;
    for (const File& file : files_) {
      const double done = file.ended ? 1 : file.source->done();
      if (done < 0 || (file.size <= 0 && files_.size() > 1)) return -1;
      read += done * std::max(1.0, file.size);
      all += std::max(1.0, file.size);
    }
    return read / all;
  }

 private:
  std::vector<File> files_;
};

}  // namespace

std::vector<Option> input_options() {
  return {
      {.name = "--input",
       .value = "FILE",
       .repeats = true,
       .help =
           "the events: a file (also packed by zstd), a folder (its files in the order of their names as one, lines "
           "counted through), or - for standard input; given again, all are read, each with "
           "its own order of time, such as the parts of a rotated log: partitions 0, 1, ... of one source",
       .fills = Fills::files},
      {.name = "--input-format",
       .value = "FORMAT",
       .choices = {"json", "csv", "logfmt", "regex"},
       .help = "how records are written; else by the file's name, else json: one object a line"},
      {.name = "--event", .value = "NAME", .help = "every record is this event; not needed when the rules know one"},
      {.name = "--event-field", .value = "FIELD", .help = "the field whose value names the record's event"},
      {.name = "--line",
       .value = "EVENT=REGEX",
       .repeats = true,
       .help = "a line that this finds is this event, its named groups are the fields; the first that fits decides"},
      {.name = "--columns", .value = "A,B,C", .help = "csv: the columns, where no first line names them"},
      {.name = "--time-field", .value = "FIELD", .help = "the field that holds the time, instead of the schema's"},
      {.name = "--time-unit",
       .value = "UNIT",
       .choices = {"s", "ms", "us", "ns", "rfc3339"},
       .help = "what a number in it counts; rfc3339: nothing, a number is no time (unreadable_time)"},
      {.name = "--time-format", .value = "FORMAT", .help = "how times are written, as strptime has it: %b %e %H:%M:%S"},
      {.name = "--zone", .value = "ZONE", .help = "of times that name none, such as Europe/Paris; else UTC"},
      {.name = "--year",
       .value = "YEAR",
       .help = "of all times that name none, also behind a New Year; else the latest that is no more than a day behind "
               "when the file was written"},
  };
}

Result<CodecConfig> codec_of(const Arguments& arguments, const Schema& schema) {
  CodecConfig codec;
  const Result<Format> format = format_of(arguments);
  if (!format) return tl::unexpected(format.error());
  codec.format = *format;
  Result<std::vector<LineRule>> lines = lines_of(arguments, schema);
  if (!lines) return tl::unexpected(lines.error());
  codec.lines = std::move(*lines);
  if (auto named = name_events(codec, arguments, schema); !named) return tl::unexpected(named.error());
  if (arguments.has("--columns")) {
    if (codec.format != Format::csv) return refused("--columns names the columns of --input-format csv");
    codec.columns = split(arguments.value("--columns"));
  }
  codec.time_field = arguments.value("--time-field");
  if (auto there = times_are_there(codec, schema); !there) return tl::unexpected(there.error());
  codec.time.unit = unit_of(arguments.value("--time-unit"));
  codec.time.numbers = takes_numbers(arguments);
  codec.time.format = arguments.value("--time-format");
  codec.time.zone = arguments.value("--zone");
  if (arguments.has("--year")) {
    std::int64_t year = 0;
    if (parse_integer(arguments.value("--year"), year) != NumberText::good || year < 1 || year > 9999)
      return refused("--year needs a year, such as 2026");
    codec.time.year = static_cast<int>(year);
  }
  return codec;
}

std::vector<std::string> unknown_names(const CodecConfig& codec, const dsl::Model& model) {
  std::vector<std::string> out;
  for (const LineRule& line : codec.lines) {
    std::vector<std::string> known{codec.time_field};
    if (const auto id = model.event_ids.find(line.event); id != model.event_ids.end())
      for (const dsl::FieldInfo& field : model.events[id->second].fields) known.push_back(field.name);
    for (const std::string& field : fields_of(line).value_or(std::vector<std::string>())) {
      const bool inside =
          std::ranges::any_of(known, [&](const std::string& name) { return field.starts_with(name + "."); });
      if (inside || is_in(field, known)) continue;
      out.push_back(fmt::format("--line {}: neither a rule nor a declaration knows the field `{}` of its group{}",
                                line.event, field, or_near(field, known)));
    }
  }
  return out;
}

Result<std::vector<std::string>> inputs_of(const Arguments& arguments) {
  std::vector<std::string> paths;
  for (const std::string& path : arguments.all("--input")) {
    std::error_code error;  // of a path that is no file: - and what is not there
    for (const std::string& before : paths)
      if (path == before || fs::equivalent(path, before, error))
        return refused(fmt::format("--input: {} is given twice, and would be judged twice", path));
    paths.push_back(path);
  }
  return paths;
}

bool reads_standard_input(const std::vector<std::string>& inputs) { return is_in("-", inputs); }

Result<std::unique_ptr<InputSource>> open_inputs(const std::vector<std::string>& paths, Console& console,
                                                 std::istream* instead_of_standard_input) {
  std::vector<InputFiles::File> files;
  for (const std::string& path : paths) {
    Result<std::unique_ptr<Source>> source = open_input(path, console, instead_of_standard_input);
    if (!source) return tl::unexpected(source.error());
    std::error_code error;
    const std::uintmax_t size = fs::file_size(path, error);
    files.emplace_back(std::move(*source), error ? 0.0 : static_cast<double>(size));
  }
  return std::make_unique<InputFiles>(std::move(files));
}

std::string name_of_inputs(const Arguments& arguments) {
  if (arguments.has("--source")) return arguments.value("--source");
  std::string names;
  for (const std::string& path : arguments.all("--input"))
    names += (names.empty() ? "" : "+") + (path == "-" ? "stdin" : fs::path(path).filename().string());
  return names;
}

Result<Time> time_on_command_line(const std::string& word, const Arguments& arguments) {
  if (word.starts_with('-')) {
    if (const auto back = parse_duration(word.substr(1))) return wall_clock() - *back;
  } else if (const auto time = parse_rfc3339(word)) {
    return *time;
  } else if (takes_numbers(arguments)) {
    std::int64_t scale = 1'000, divisor = 1;  // milliseconds
    switch (unit_of(arguments.value("--time-unit")).value_or(TimeUnit::milliseconds)) {
      case TimeUnit::seconds:
        scale = 1'000'000;
        break;
      case TimeUnit::milliseconds:
        break;
      case TimeUnit::microseconds:
        scale = 1;
        break;
      case TimeUnit::nanoseconds:
        scale = 1;
        divisor = 1'000;
        break;
    }
    if (const auto us = parse_scaled(word, scale, divisor)) return Time{*us};
  }
  return refused(
      fmt::format("`{}` is no time: write 2026-03-01T10:00:00Z, -15m, or a number in the unit of --time-unit", word));
}

}  // namespace tocsin::app
