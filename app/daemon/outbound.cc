#include "app/daemon/outbound.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <variant>

#include "app/one_line.h"
#include "dsl/lines.h"
#include "engine/base/write.h"
#include "engine/runtime/outbox.h"

namespace tocsin::app {
namespace {

std::vector<std::string> one_or_none(const std::string& name) {
  return name.empty() ? std::vector<std::string>{} : std::vector<std::string>{name};
}

// Where a session or summary sends what it emits; a rule's events go to other rules alone.
const std::vector<std::string>& sinks_of_emitted(const Program& program, const Emitted& emitted) {
  static const std::vector<std::string> kNone;
  if (const auto* session = std::get_if<SessionBody>(&program.body))
    return emitted.enriched ? session->each->sinks : session->sinks;
  if (const auto* summary = std::get_if<SummaryBody>(&program.body)) return summary->sinks;
  return kNone;
}

}  // namespace

Outbound::Outbound(const Settings& settings, const Clock& clock, Taps& taps, Tell tell)
    : settings_(settings),
      clock_(clock),
      taps_(taps),
      tell_(std::move(tell)),
      late_(one_or_none(settings.routes.late)),
      dead_letter_(one_or_none(settings.routes.dead_letter)),
      sources_(settings.sources.size()) {}

namespace {

// Where the rule says so, `rules/a.rules:12:11: `; nothing where its text is not there.
std::string place_of_sink(const CompiledSet& set, const std::string& rule, const std::string& sink) {
  std::string out;
  const auto look = [&](const std::vector<ast::Text>& sinks) {
    for (const ast::Text& text : sinks) {
      if (text.value != sink || !out.empty() || text.span.file >= set.files.size()) continue;
      const dsl::SourceText& file = set.files[text.span.file];
      const dsl::Position at = dsl::Lines(file.text).position(text.span.begin);
      out = fmt::format("{}:{}:{}: ", file.path, at.line, at.column);
    }
  };
  const auto look_in = [&](const std::string& name, const std::vector<ast::Clause>& clauses) {
    if (name != rule) return;
    for (const ast::Clause& clause : clauses) {
      if (const auto* send = std::get_if<ast::SendTo>(&clause.node)) look(send->sinks);
      if (const auto* each = std::get_if<ast::EmitEach>(&clause.node)) look(each->sinks);
    }
  };
  const dsl::Model& model = set.compiled.model;
  for (const dsl::RuleInfo& one : model.rules) look_in(one.name, one.clauses);
  for (const dsl::SessionInfo& one : model.sessions) look_in(one.decl.name.text, one.decl.clauses);
  for (const dsl::SummaryInfo& one : model.summaries) look_in(one.decl.name.text, one.decl.clauses);
  return out;
}

}  // namespace

std::vector<std::string> Outbound::unknown_sinks(const CompiledSet& set,
                                                 const std::vector<std::string>& changed) const {
  std::set<std::pair<std::string, std::string>> unknown;
  const auto look = [&](const Program& program, const std::vector<std::string>& sinks) {
    for (const std::string& sink : sinks)
      if (settings_.sink(sink) == nullptr) unknown.emplace(program.name, sink);
  };
  for (const Program& program : set.compiled.rules->programs) {
    if (const auto* rule = std::get_if<RuleBody>(&program.body); rule != nullptr && rule->alert)
      look(program, rule->alert->sinks);
    if (const auto* session = std::get_if<SessionBody>(&program.body)) {
      look(program, session->sinks);
      if (session->each) look(program, session->each->sinks);
    }
    if (const auto* summary = std::get_if<SummaryBody>(&program.body)) look(program, summary->sinks);
  }
  std::vector<std::string> out;
  for (const auto& [rule, sink] : unknown) {
    const std::string section = "sink." + sink + ".";
    const bool is_known =
        std::ranges::any_of(changed, [&](const std::string& key) { return key.starts_with(section); });
    const char* since = is_known
                            ? "the configuration has [sink.{}] only since this daemon began: the next start takes it"
                            : "the configuration has no [sink.{}]";
    out.push_back(fmt::format("{}`{}` sends to \"{}\", and {}", place_of_sink(set, rule, sink), rule, sink,
                              fmt::format(fmt::runtime(since), sink)));
  }
  return out;
}

std::string Outbound::without_sink(const RuleSet& rules) const {
  constexpr std::size_t kNamed = 3;
  if (!settings_.routes.alerts.empty()) return {};
  std::string out;
  std::size_t count = 0;
  for (const Program& program : rules.programs)
    if (const auto* rule = std::get_if<RuleBody>(&program.body); rule != nullptr && rule->alert)
      if (rule->alert->sinks.empty() && ++count <= kNamed) out += (count > 1 ? ", `" : "`") + program.name + "`";
  return count > kNamed ? out + fmt::format(", and {} more", count - kNamed) : out;
}

// A misspelt setting makes a dead letter of each record: that must not look like a quiet day. Of each source and reason
// the first is told, so that there are few, whatever comes.
void Outbound::tell_first(const DeadLetter& letter, const DocumentNames& names) {
  const std::uint32_t bit = std::uint32_t{1} << static_cast<unsigned>(letter.reason);
  if ((sources_[letter.position.source.index].dead.fetch_or(bit) & bit) != 0 || !tell_) return;
  const std::string help =
      dead_letter_.empty()
          ? "`tocsin tap dead-letter` shows some as they come, and a sink of `sinks.dead_letter` gets all"
          : "the sink \"" + dead_letter_.front() + "\" gets all of them";
  tell_("source." + names.sources[letter.position.source.index],
        on_one_line(
            fmt::format("the record {} is a dead letter ({}): {}; more of this reason are counted and not told here",
                        id_of(letter.position, names), name_of(letter.reason), letter.detail)),
        help);
}

Crew::Outputs Outbound::outputs(const DocumentNames& names, Keeper& keeper, std::shared_ptr<const RuleSet> rules) {
  Crew::Outputs out;
  out.alert = [this, &names, &keeper](const Alert& alert) { on_alert(alert, names, keeper); };
  out.emitted = [this, &names, &keeper, rules](const Emitted& emitted) {
    // An event that a session has enriched went by before, as it was.
    if (!emitted.enriched && taps_.wants(Taps::Of::events)) taps_.offer(rules, emitted);
    on_emitted(emitted, names, keeper);
  };
  out.late = [this, &names, &keeper](const LateEvent& late) {
    ++late_count_;
    const bool is_tapped = taps_.wants(Taps::Of::late);
    if (late_.empty() && !is_tapped) return;
    std::string body;
    append_late(body, late, names);
    if (is_tapped) taps_.offer(Taps::Of::late, {}, body);
    if (late_.empty()) return;
    told_.clear();
    append_message(told_, late_, {id_of(late.event->position, names), {}, body, late.event->time});
    keeper.add_told(told_);
  };
  out.dead = [this, &names, &keeper](const DeadLetter& letter) {
    ++dead_count_;
    ++sources_[letter.position.source.index].records;
    tell_first(letter, names);
    const bool is_tapped = taps_.wants(Taps::Of::dead_letters);
    if (dead_letter_.empty() && !is_tapped) return;
    std::string body;
    append_dead_letter(body, letter, names);
    if (is_tapped) taps_.offer(Taps::Of::dead_letters, {}, body);
    if (dead_letter_.empty()) return;
    told_.clear();
    append_message(told_, dead_letter_, {id_of(letter.position, names), {}, body, {}});
    keeper.add_told(told_);
  };
  out.block = [this, rules = std::move(rules)](SourceId source, const std::shared_ptr<const EventBatch>& batch,
                                               std::uint64_t bytes, double) {
    if (taps_.wants(Taps::Of::events)) taps_.offer(rules, batch);
    sources_[source.index].records += batch->size();
    sources_[source.index].bytes += bytes;
  };
  return out;
}

const std::vector<std::string>& Outbound::sinks_of_alert(const RuleSet& rules, const Alert& alert) const {
  const auto* rule = std::get_if<RuleBody>(&rules.programs[alert.rule.index].body);
  const bool has_own = rule != nullptr && rule->alert && !rule->alert->sinks.empty();
  return has_own ? rule->alert->sinks : settings_.routes.alerts;
}

bool Outbound::is_disabled(const Program& program) const {
  const std::scoped_lock lock(mutex_);
  return disabled_.contains(program.name);
}

void Outbound::set_disabled(std::set<std::string> names) {
  const std::scoped_lock lock(mutex_);
  disabled_ = std::move(names);
}

std::set<std::string> Outbound::disabled() const {
  const std::scoped_lock lock(mutex_);
  return disabled_;
}

void Outbound::on_alert(const Alert& alert, const DocumentNames& names, Keeper& keeper) {
  if (is_disabled(names.rules->programs[alert.rule.index])) return;
  ++alerts_;
  const std::vector<std::string>& sinks = sinks_of_alert(*names.rules, alert);
  body_.clear();
  append_alert(body_, alert, names, clock_.now());
  message_.clear();
  append_message(message_, sinks, {alert.id, alert.key_bytes, body_, alert.time});
  const Epoch epoch = keeper.add_output(message_);
  if (taps_.wants(Taps::Of::alerts)) taps_.offer(Taps::Of::alerts, names.rules->programs[alert.rule.index].name, body_);
  auto kept = std::make_shared<const Kept>(
      Kept{{alert.id, names.rules->programs[alert.rule.index].name, alert.time, body_, {}}, sinks, epoch, {}});
  const std::scoped_lock lock(mutex_);
  kept_.push_front(std::move(kept));
  while (kept_.size() > settings_.limits.alerts_kept) kept_.pop_back();
}

void Outbound::on_emitted(const Emitted& emitted, const DocumentNames& names, Keeper& keeper) {
  const Program& program = names.rules->programs[emitted.by.index];
  const std::vector<std::string>& sinks = sinks_of_emitted(program, emitted);
  if (sinks.empty() || is_disabled(program)) return;
  body_.clear();
  append_emitted(body_, emitted, names);
  message_.clear();
  append_message(message_, sinks, {emitted.place, emitted.key_bytes, body_, emitted.time});
  keeper.add_output(message_);
}

void Outbound::bind(Keeper* keeper) {
  const std::scoped_lock lock(mutex_);
  if (keeper_ != nullptr && keeper != nullptr)
    if (const std::string told = keeper_->take_told(); !told.empty()) keeper->add_told(told);
  keeper_ = keeper;
}

void Outbound::undeliverable(const std::string& sink, const std::string& id, const std::string& body,
                             const std::string& why) {
  {
    const std::scoped_lock lock(mutex_);
    ++given_up_[sink];
    // An alert and what is said of it again have one id.
    const auto kept = std::ranges::find_if(
        kept_, [&](const auto& one) { return one->alert.id == id && one->alert.document == body; });
    if (kept != kept_.end()) {
      auto changed = std::make_shared<Kept>(**kept);
      changed->given_up[sink] = why;
      *kept = std::move(changed);
    }
  }
  // Told to the sink that has just refused it, it would be refused again, and each time be longer.
  if (sink == settings_.routes.dead_letter) return;
  std::string document = "{\"source\":", message;
  append_json_text(document, sink + "/" + id);
  document += ",\"reason\":\"undeliverable\",\"detail\":";
  append_json_text(document, why);
  document += ",\"size\":" + std::to_string(body.size()) + ",\"record\":";
  append_json_text(document, std::string_view(body).substr(0, settings_.limits.record));
  document += '}';
  if (taps_.wants(Taps::Of::dead_letters)) taps_.offer(Taps::Of::dead_letters, {}, document);
  append_message(message, dead_letter_, {id, {}, document, {}});
  ++dead_count_;
  const std::scoped_lock lock(mutex_);
  if (keeper_ != nullptr && !dead_letter_.empty()) keeper_->add_told(message);
}

Outbound::Counts Outbound::counts() const {
  Counts out{alerts_, late_count_, dead_count_, {}, {}};
  for (const SourceCounts& source : sources_) out.sources.push_back({source.records, source.bytes});
  const std::scoped_lock lock(mutex_);
  out.given_up = given_up_;
  return out;
}

std::vector<KeptAlert> Outbound::kept(const std::string& rule, std::size_t most,
                                      std::span<const SinkDelivery> sinks) const {
  const auto result = [&](const Kept& kept, const std::string& name) -> std::string {
    if (const auto why = kept.given_up.find(name); why != kept.given_up.end()) return "failed: " + why->second;
    const auto sink = std::ranges::find(sinks, name, &SinkDelivery::sink);
    return sink != sinks.end() && kept.epoch <= sink->delivery.epoch ? "delivered" : "waiting";
  };
  std::vector<std::shared_ptr<const Kept>> chosen;
  {
    const std::scoped_lock lock(mutex_);
    for (const auto& kept : kept_) {
      if (chosen.size() >= most) break;
      if (rule.empty() || kept->alert.rule == rule) chosen.push_back(kept);
    }
  }
  std::vector<KeptAlert> out;
  out.reserve(chosen.size());
  for (const auto& kept : chosen) {
    out.push_back(kept->alert);
    for (const std::string& sink : kept->sinks) out.back().deliveries.push_back({sink, result(*kept, sink)});
  }
  return out;
}

}  // namespace tocsin::app
