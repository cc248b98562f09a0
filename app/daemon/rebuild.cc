#include "app/daemon/rebuild.h"

#include <fmt/format.h>

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

namespace tocsin::app {
namespace {

// Records of each partition that `look` reads.
constexpr std::uint64_t kLookAt = 1'000;
// When there is nothing to do.
constexpr auto kPause = std::chrono::milliseconds(1);
// What the rules remember is weighed so often: it costs a walk over their keys.
constexpr Duration kWeighEvery = seconds(1);

// The programs, and those that they cannot be judged without.
std::vector<bool> with_all_they_need(const RuleSet& rules, const std::vector<ProgramId>& programs) {
  std::vector<bool> out(rules.programs.size());
  std::vector<ProgramId> next = programs;
  while (!next.empty()) {
    const ProgramId id = next.back();
    next.pop_back();
    if (out[id.index]) continue;
    out[id.index] = true;
    const Program& program = rules.programs[id.index];
    next.insert(next.end(), program.after.begin(), program.after.end());
    if (const auto* rule = std::get_if<RuleBody>(&program.body))
      for (const Mute& mute : rule->mutes) next.push_back(mute.rule);
  }
  return out;
}

// The same rules, of which only these see any event. Their numbers stay, and how each is matched.
std::shared_ptr<const RuleSet> only(const RuleSet& rules, const std::vector<bool>& wanted) {
  auto out = std::make_shared<RuleSet>(rules);
  for (std::size_t i = 0; i < wanted.size(); ++i)
    if (!wanted[i]) {
      out->programs[i].inputs.clear();
      out->programs[i].after.clear();
    }
  return out;
}

tl::unexpected<Error> refused(std::string why) { return failure(Error::Code::refused, std::move(why)); }

}  // namespace

Rebuild::Rebuild(std::vector<From> sources, const Settings& settings, const Surroundings& around)
    : sources_(std::move(sources)),
      around_(around),
      record_max_(settings.limits.record),
      memory_(settings.state.memory / 4),
      within_(settings.reload.rebuild_within) {
  for (const From& source : sources_) source_names_.push_back(source.settings->name);
}

Rebuild::~Rebuild() = default;

Result<std::shared_ptr<Rebuild>> Rebuild::make(const CompiledSet& set, const std::vector<std::string>& names,
                                               std::vector<From> sources, const Settings& settings,
                                               const Surroundings& around) {
  const RuleSet& rules = *set.compiled.rules;
  std::shared_ptr<Rebuild> out(new Rebuild(std::move(sources), settings, around));
  out->began_ = around.clock.elapsed();
  for (const std::string& name : names) {
    const auto found = std::ranges::find(rules.programs, name, &Program::name);
    if (found == rules.programs.end()) return refused(fmt::format("there is no rule `{}` to be rebuilt", name));
    const ProgramId id(static_cast<std::size_t>(found - rules.programs.begin()));
    if (std::ranges::find(out->programs_, id) != out->programs_.end()) continue;
    out->programs_.push_back(id);
    out->names_.push_back(name);
  }
  const std::vector<bool> wanted = with_all_they_need(rules, out->programs_);
  out->is_read_.resize(out->sources_.size());
  for (std::size_t i = 0; i < wanted.size(); ++i) {
    if (!wanted[i]) continue;
    for (const Input& input : rules.programs[i].inputs)
      for (std::size_t s = 0; s < out->sources_.size(); ++s) {
        const From& source = out->sources_[s];
        if (std::ranges::find(source.input.carried, input.type) == source.input.carried.end()) continue;
        const EventType& type = rules.schema[input.type];
        const std::string what =
            fmt::format("rule `{}` cannot be rebuilt: it needs `{}`", out->names_.front(), type.name);
        if (!source.comes_again)
          return refused(
              fmt::format("{} of source `{}`, and what that gave cannot be read again", what, source.settings->name));
        if (!type.timestamp && source.input.codec.time_field.empty())
          return refused(
              fmt::format("{}, whose records have no time of their own, and when they came stands nowhere", what));
        out->is_read_[s] = true;
      }
  }
  out->rules_ = only(rules, wanted);
  EngineOptions options;
  options.sources = out->source_names_;
  options.given_up = &out->given_up_;
  out->engine_ = std::make_unique<Engine>(out->rules_, set.reference, options);
  out->first_.resize(out->sources_.size());
  for (std::size_t s = 0; s < out->sources_.size(); ++s) {
    Reader reader;
    reader.source = s;
    for (std::uint32_t p = 0; p < out->sources_[s].partitions; ++p)
      reader.partitions.push_back(out->engine_->add_partition(SourceId(s), out->sources_[s].input.carried));
    if (out->is_read_[s])
      out->readers_.push_back(std::move(reader));
    else  // it holds nobody back
      for (const std::size_t partition : reader.partitions) out->engine_->close(partition);
  }
  return out;
}

// Opens the sources where the oldest record is that they still have.
Result<void> Rebuild::begin(const Cut& cut) {
  std::vector<Crew::Feed> feeds;
  for (Reader& reader : readers_) {
    const From& from = sources_[reader.source];
    const auto what = [&](const Error& error) {
      return tl::unexpected(Error{error.code, "source." + from.settings->name + ": " + error.message});
    };
    auto source = open_source(*from.settings, from.input.codec, record_max_, SourceId(reader.source), around_);
    if (!source) return what(source.error());
    std::vector<Progress> at;
    for (std::uint32_t p = 0; p < reader.partitions.size(); ++p) {
      const Cut::Partition& partition = cut.partitions[reader.partitions[p]];
      at.push_back({p, partition.resume_offset, partition.bookmark});
    }
    const auto oldest = (*source)->start_at_oldest(at, given_up_);
    if (!oldest) return what(oldest.error());
    reader.up_to = std::make_unique<UpTo>(std::move(*source), *oldest);
    for (const Progress& progress : *oldest) reader.began_at += std::max<std::uint64_t>(progress.next_offset, 1);
    Crew::Feed& feed = feeds.emplace_back();
    feed.source = reader.up_to.get();
    feed.id = SourceId(reader.source);
    feed.partitions = reader.partitions;
    feed.make_decoder = [&input = from.input, rules = rules_] { return make_decoder(input.codec, rules->schema); };
  }
  Crew::Outputs outputs;
  outputs.block = [this](SourceId source, const std::shared_ptr<const EventBatch>& batch, std::uint64_t, double) {
    ++read_;
    std::optional<Time>& first = first_[source.index];
    for (std::size_t i = 0; i < batch->size(); ++i)
      if (const Time time = (*batch)[i].time; !first || time < *first) first = time;
  };
  outputs.stopped = [this] { return given_up_.load(); };
  crew_ = std::make_unique<Crew>(*engine_, std::move(feeds), std::move(outputs), around_.clock);
  crew_->set_limits({.held_bytes = memory_ / 2});
  return {};
}

Result<void> Rebuild::go_to(const Cut& cut) {
  if (crew_ == nullptr)
    if (auto begun = begin(cut); !begun) return begun;
  for (Reader& reader : readers_)
    for (std::uint32_t p = 0; p < reader.partitions.size(); ++p)
      reader.up_to->may_give_to(p, cut.partitions[reader.partitions[p]].next_offset);
  engine_->follow(cut.frontier);
  crew_->nudge();
  if (auto done = read(); !done) return done;
  engine_->reach(cut.frontier);
  crew_->work_off();
  if (given_up_) return refused("it was given up");
  if (auto error = too_much()) return tl::unexpected(std::move(*error));
  passed_ = cut.frontier.timers_before;
  return {};
}

Result<void> Rebuild::look(const Cut& cut) {
  if (auto begun = begin(cut); !begun) return begun;
  for (Reader& reader : readers_)
    for (std::uint32_t p = 0; p < reader.partitions.size(); ++p)
      reader.up_to->may_give_to(
          p, std::min(cut.partitions[reader.partitions[p]].next_offset, reader.up_to->next(p) + kLookAt));
  engine_->follow({Frontier::kNothing, Frontier::kNothing});
  passed_ = cut.frontier.timers_before;
  return read();
}

// Until all is here that may be given. A partition of which all is here holds the others back no longer.
Result<void> Rebuild::read() {
  std::vector<bool> rests(engine_->sources_of_partitions().size());
  const auto left = [&] {
    std::uint64_t out = 0;
    for (const Reader& reader : readers_)
      for (std::uint32_t p = 0; p < reader.partitions.size(); ++p) {
        out += reader.up_to->left(p);
        if (reader.up_to->is_there(p) == rests[reader.partitions[p]]) continue;
        rests[reader.partitions[p]] = !rests[reader.partitions[p]];
        engine_->rest(reader.partitions[p], rests[reader.partitions[p]]);
        crew_->nudge();
      }
    return out;
  };
  for (const Reader& reader : readers_)  // what is still to come has to be waited for, before anybody speaks
    for (const std::size_t partition : reader.partitions) engine_->rest(partition, false);
  to_read_ = std::max<std::uint64_t>(to_read_, left());
  Duration weighed = around_.clock.elapsed(), came = weighed;
  std::uint64_t read = read_;
  while ((left_ = left()) > 0) {
    if (given_up_) return refused("it was given up");
    if (!crew_->step(0)) std::this_thread::sleep_for(kPause);
    if (auto error = crew_->why_failed()) return tl::unexpected(std::move(*error));
    const Duration now = around_.clock.elapsed();
    if (std::exchange(read, read_) != read_) came = now;
    if (now - came > patience_)
      return refused(fmt::format("nothing has come for {} s of what is still to be read again{}",
                                 patience_.us / 1'000'000, why_nothing_comes()));
    if (now - weighed < kWeighEvery) continue;
    weighed = now;
    if (auto error = too_much()) return tl::unexpected(std::move(*error));
  }
  return {};
}

// What keeps it from going on, as its sources say.
std::string Rebuild::why_nothing_comes() const {
  for (const Reader& reader : readers_)
    if (const std::string trouble = reader.up_to->trouble(); !trouble.empty())
      return ": source." + sources_[reader.source].settings->name + ": " + trouble;
  return {};
}

std::optional<Error> Rebuild::too_much() const {
  const auto error = [](std::string why) { return Error{Error::Code::refused, std::move(why)}; };
  if (around_.clock.elapsed() - began_ > within_)
    return error(fmt::format("it took longer than reload.rebuild_within ({} s)", within_.us / 1'000'000));
  std::uint64_t bytes = crew_->held_bytes();
  for (std::size_t i = 0; i < rules_->programs.size(); ++i) bytes += engine_->bytes(ProgramId(i));
  if (bytes <= memory_) return std::nullopt;
  return error(fmt::format("it needs more memory than {:.1f} MiB, a quarter of state.memory",
                           static_cast<double>(memory_) / (1 << 20)));
}

double Rebuild::done() const {
  const auto all = static_cast<double>(to_read_), left = static_cast<double>(left_);
  return all > 0 ? std::clamp(1 - left / all, 0.0, 1.0) : 0;
}

std::vector<Rebuild::Found> Rebuild::found() const {
  std::optional<Time> since;
  bool from_the_beginning = true;
  for (const Reader& reader : readers_) {
    const std::optional<Time>& first = first_[reader.source];
    from_the_beginning = from_the_beginning && reader.began_at <= reader.partitions.size();
    if (first && (!since || *first > *since)) since = first;
  }
  std::vector<Found> out;
  for (std::size_t i = 0; i < programs_.size(); ++i) {
    Found& found = out.emplace_back(Found{names_[i], since, {}});
    const auto& reach = rules_->programs[programs_[i].index].bounds.reach.longest;
    if (!since || !reach || from_the_beginning) continue;
    if (const Time until = *since + *reach; until > passed_) found.warming_until = until;
  }
  return out;
}

}  // namespace tocsin::app
