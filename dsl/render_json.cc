// JSON for programs: an object a line in the shape of rustc's, and SARIF 2.1.0. The only file of this room that
// includes nlohmann/json, which is slow to compile. Bytes that are no UTF-8 become U+FFFD.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "dsl/render_parts.h"

namespace tocsin::dsl::rendering {

namespace {

using Json = nlohmann::ordered_json;

std::string dump(const Json& document) { return document.dump(-1, ' ', false, Json::error_handler_t::replace); }

// The lines that a span touches, each with the columns to underline.
Json text_of(SourceSpan span, const Place& place, Atlas& atlas) {
  const Lines& lines = atlas.lines(span.file);
  Json text = Json::array();
  for (std::uint32_t line = place.begin.line; line <= place.end.line; ++line) {
    const std::string_view content = lines.line(line);
    const std::uint32_t end = lines.position(lines.start(line) + content.size()).column;
    text.push_back({{"text", content},
                    {"highlight_start", line == place.begin.line ? place.begin.column : 1},
                    {"highlight_end", line == place.end.line ? place.end.column : end}});
  }
  return text;
}

Json span_of(const Label& label, bool primary, Atlas& atlas) {
  const SourceSpan span = atlas.tame(label.span);
  const Place at = atlas.place(span);
  Json json = {{"file_name", at.path},
               {"byte_start", span.begin},
               {"byte_end", span.end},
               {"line_start", at.begin.line},
               {"line_end", at.end.line},
               {"column_start", at.begin.column},
               {"column_end", at.end.column},
               {"is_primary", primary},
               {"text", text_of(span, at, atlas)},
               {"label", nullptr},
               {"suggested_replacement", nullptr}};
  if (!label.text.empty()) json["label"] = readable(label.text);
  return json;
}

Json child(std::string_view message, Json spans) {
  return {{"message", readable(message)}, {"code", nullptr},           {"level", "help"},
          {"spans", std::move(spans)},    {"children", Json::array()}, {"rendered", nullptr}};
}

Json children_of(const Diagnostic& d, Atlas& atlas) {
  Json children = Json::array();
  if (!d.help.empty() || d.fix) {
    Json spans = Json::array();
    if (d.fix) {
      spans.push_back(span_of({d.fix->span, {}}, true, atlas));
      spans.back()["suggested_replacement"] = d.fix->text;
    }
    children.push_back(child(readable(d.help), std::move(spans)));
  }
  return children;
}

Json message_of(const Diagnostic& d, Atlas& atlas) {
  const CodeInfo* row = find_code(d.code);
  Json spans = Json::array({span_of(d.here, true, atlas)});
  if (d.cause) spans.push_back(span_of(*d.cause, false, atlas));
  return {{"schema", "tocsin/check/1"},
          {"message", readable(d.message)},
          {"code", {{"code", d.code}, {"explanation", row != nullptr ? Json(row->page) : Json(nullptr)}}},
          {"level", word_of(d.level())},
          {"spans", std::move(spans)},
          {"children", children_of(d, atlas)},
          {"rendered", human(d, atlas, {})}};
}

// Paths as SARIF wants them: an URI, relative where the path is.
std::string uri_of(std::string_view path) {
  std::string uri = path.starts_with('/') ? "file://" : "";
  for (const char c : path) {
    const auto byte = static_cast<unsigned char>(c);
    const bool plain =
        (byte < 0x80 && std::isalnum(byte) != 0) || std::string_view("/-._~").find(c) != std::string_view::npos;
    uri += plain ? std::string(1, c) : fmt::format("%{:02X}", byte);
  }
  return uri;
}

Json region_of(const Place& at) {
  return {{"startLine", at.begin.line},
          {"startColumn", at.begin.column},
          {"endLine", at.end.line},
          {"endColumn", at.end.column}};
}

Json location_of(const Place& at) {
  return {{"physicalLocation", {{"artifactLocation", {{"uri", uri_of(at.path)}}}, {"region", region_of(at)}}}};
}

Json fix_of(const Diagnostic& d, Atlas& atlas) {
  const Place at = atlas.place(d.fix->span);
  const Json replacement = {{"deletedRegion", region_of(at)}, {"insertedContent", {{"text", d.fix->text}}}};
  const Json change = {{"artifactLocation", {{"uri", uri_of(at.path)}}}, {"replacements", Json::array({replacement})}};
  return {{"description", {{"text", readable(d.help)}}}, {"artifactChanges", Json::array({change})}};
}

Json result_of(const Diagnostic& d, Atlas& atlas) {
  std::string text = readable(d.message);
  if (!d.here.text.empty()) text += ": " + readable(d.here.text);
  if (!d.help.empty()) text += "\nhelp: " + readable(d.help);
  Json result = {{"ruleId", d.code}, {"level", word_of(d.level())}, {"message", {{"text", text}}}};
  if (const CodeInfo* row = find_code(d.code)) result["ruleIndex"] = row - all_codes().data();
  result["locations"] = Json::array({location_of(atlas.place(d.here.span))});
  if (d.cause) {
    Json related = location_of(atlas.place(d.cause->span));
    related["message"] = {{"text", readable(d.cause->text)}};
    result["relatedLocations"] = Json::array({std::move(related)});
  }
  if (d.fix) result["fixes"] = Json::array({fix_of(d, atlas)});
  return result;
}

Json rule_of(const CodeInfo& row) {
  return {{"id", row.code},
          {"shortDescription", {{"text", row.title}}},
          {"fullDescription", {{"text", row.page}}},
          {"help", {{"text", fmt::format("{}\n\nWrong:\n{}\nRight:\n{}", row.page, row.wrong, row.right)}}},
          {"defaultConfiguration", {{"level", word_of(row.level)}}}};
}

}  // namespace

std::string json(std::span<const Diagnostic> diagnostics, Atlas& atlas) {
  std::string out;
  for (const Diagnostic& d : diagnostics) out += dump(message_of(d, atlas)) + "\n";
  return out;
}

std::string sarif(std::span<const Diagnostic> diagnostics, Atlas& atlas, std::string_view version) {
  Json rules = Json::array(), results = Json::array();
  for (const CodeInfo& row : all_codes()) rules.push_back(rule_of(row));
  for (const Diagnostic& d : diagnostics) results.push_back(result_of(d, atlas));
  const Json run = {{"tool", {{"driver", {{"name", "tocsin"}, {"version", version}, {"rules", std::move(rules)}}}}},
                    {"columnKind", "unicodeCodePoints"},
                    {"results", std::move(results)}};
  const Json document = {
      {"$schema", "https://json.schemastore.org/sarif-2.1.0.json"}, {"version", "2.1.0"}, {"runs", Json::array({run})}};
  return document.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace tocsin::dsl::rendering
