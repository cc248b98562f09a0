// The steps of checking, and what all of them share. See context.h for the map.
#include "dsl/check.h"

#include <algorithm>
#include <array>

#include "dsl/check/context.h"
#include "dsl/check/walk.h"

namespace tocsin::dsl {

const FieldInfo* EventInfo::find(std::string_view field) const {
  for (const FieldInfo& f : fields)
    if (f.name == field) return &f;
  return nullptr;
}

std::vector<Alternative> Model::expand(const ast::Stream& stream) const {
  std::vector<Alternative> all;
  if (!stream.any.empty()) {
    for (const ast::Stream& part : stream.any)
      for (Alternative& a : expand(part)) all.push_back(std::move(a));
  } else if (const auto alias = alias_ids.find(stream.name.text); alias != alias_ids.end()) {
    all = aliases[alias->second].alternatives;
  } else if (const auto event = event_ids.find(stream.name.text); event != event_ids.end()) {
    all.push_back({event->second, {}});
  }
  if (stream.filter)
    for (Alternative& a : all) a.filters.insert(a.filters.begin(), *stream.filter);
  return all;
}

std::vector<EventId> Model::events_of(const ast::Stream& stream) const {
  std::vector<EventId> all;
  for (const ast::Stream& part : stream.any) checking::add_events(all, events_of(part));
  if (!stream.any.empty()) return all;
  if (const auto alias = alias_ids.find(stream.name.text); alias != alias_ids.end()) {
    for (const Alternative& a : aliases[alias->second].alternatives) checking::add_events(all, {a.event});
  } else if (const auto event = event_ids.find(stream.name.text); event != event_ids.end()) {
    all.push_back(event->second);
  }
  return all;
}

bool Checked::ok() const {
  return std::none_of(diagnostics.begin(), diagnostics.end(),
                      [](const Diagnostic& d) { return d.level() == Level::error; });
}

namespace checking {

void describe_makers(Context& c);

namespace {

bool has_error(const Context& c, std::size_t since) {
  return std::any_of(c.diagnostics.begin() + static_cast<std::ptrdiff_t>(since), c.diagnostics.end(),
                     [](const Diagnostic& d) { return d.level() == Level::error; });
}

void check_maker(Context& c, const Maker& maker) {
  switch (maker.kind) {
    case Maker::Kind::session:
      return check_session(c, c.model.sessions[maker.index]);
    case Maker::Kind::summary:
      return check_summary(c, c.model.summaries[maker.index]);
    case Maker::Kind::rule:
      break;
  }
  RuleInfo& rule = c.model.rules[maker.index];
  c.used_at = rule.used;
  c.used_rule = c.rule_items[maker.index];
  const std::size_t before = c.diagnostics.size();
  check_rule(c, rule);
  c.failed.resize(c.model.rules.size());
  c.failed[maker.index] = has_error(c, before);
  if (!c.failed[maker.index]) check_rule_bounds(c, rule);
  c.used_at.reset();
}

}  // namespace

Diagnostic& Context::report(std::string_view code, SourceSpan span, std::string message, std::string here,
                            std::string help) {
  Diagnostic d;
  d.code = code;
  d.message = std::move(message);
  d.here = {span, std::move(here)};
  d.help = std::move(help);
  const bool elsewhere =
      used_at && (span.file != used_at->file || span.begin < used_rule.begin || span.end > used_rule.end);
  if (elsewhere) d.cause = Label{*used_at, "used here"};
  diagnostics.push_back(std::move(d));
  return diagnostics.back();
}

std::string Context::place(SourceSpan span) const {
  if (span.file >= options.sources.size()) return {};
  const SourceText& source = options.sources[span.file];
  if (lines.size() <= span.file) lines.resize(options.sources.size());
  std::vector<std::uint32_t>& starts = lines[span.file];
  if (starts.empty()) {
    starts.push_back(0);
    for (std::uint32_t i = 0; i < source.text.size(); ++i)
      if (source.text[i] == '\n') starts.push_back(i + 1);
  }
  const auto line = std::upper_bound(starts.begin(), starts.end(), span.begin) - starts.begin();
  return source.path + ":" + std::to_string(line);
}

std::string Context::declared_at(SourceSpan span) const {
  const std::string at = place(span);
  return at.empty() ? at : " (declared at " + at + ")";
}

namespace {

std::string join_words(const std::vector<std::string>& words, std::string_view last, std::string_view quote) {
  std::string text;
  for (std::size_t i = 0; i < words.size(); ++i) {
    if (i) text += i + 1 == words.size() ? " " + std::string(last) + " " : ", ";
    text += std::string(quote) + words[i] + std::string(quote);
  }
  return text;
}

}  // namespace

std::string joined(const std::vector<std::string>& words, std::string_view last) { return join_words(words, last, ""); }
std::string ticked_list(const std::vector<std::string>& words, std::string_view last) {
  return join_words(words, last, "`");
}

std::string did_you_mean(std::string_view word, const std::vector<std::string>& candidates) {
  const std::string near = nearest(word, candidates);
  return near.empty() ? near : "did you mean " + ticked(near) + "?";
}

std::string text_of(const ast::Path& path) {
  std::string text;
  for (const ast::Name& part : path.parts) text += (text.empty() ? "" : ".") + part.text;
  return text;
}

}  // namespace checking

bool looks_at_events(const ast::Expr& expr) {
  bool looks = false;
  checking::walk(expr,
                 Overloaded{[&](const ast::StreamPath&) { looks = true; }, [&](const ast::Path&) { looks = true; }});
  return looks;
}

Checked check(std::span<const Parsed> files, const CheckOptions& options) {
  using namespace checking;
  Context c(files, options);
  collect(c);
  expand(c);
  describe_makers(c);
  resolve_aliases(c);
  check_data(c);
  check_clause_kinds(c);
  check_order(c);
  for (const Maker& maker : std::vector<Maker>(c.model.order)) check_maker(c, maker);
  check_tests(c);
  lint(c);
  sort_and_unique(c.diagnostics);
  return {std::move(c.model), std::move(c.diagnostics)};
}

}  // namespace tocsin::dsl
