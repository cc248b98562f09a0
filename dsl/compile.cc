#include "dsl/compile.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "dsl/core_text.h"
#include "dsl/emit.h"
#include "dsl/parser.h"
#include "dsl/simplify.h"
#include "engine/base/overloaded.h"
#include "engine/program/verify.h"

namespace tocsin::dsl {

namespace {

// Whoever runs rules must not end for one that check() has let pass: it is refused like any other mistake.
Diagnostic told(const Fault& fault, const RuleSet& rules, const Model& model) {
  Diagnostic out;
  out.code = "R074";
  const std::string name = fault.program.exists() ? rules.programs[fault.program.index].name : "";
  out.message = name.empty() ? "these rules cannot run" : "`" + name + "` cannot run";
  out.here.text = fault.what;
  with_maker(model, name,
             Overloaded{[&](const RuleInfo& rule) { out.here.span = rule.at; },
                        [&](const auto& rows) { out.here.span = rows.decl.name.span; }});
  out.help = "make several rules of it; if it is not a large one, the mistake is tocsin's: please report it";
  return out;
}

}  // namespace

Compiled compile(std::span<const SourceText> texts, CheckOptions options) {
  std::vector<Parsed> files;
  for (std::size_t i = 0; i < texts.size(); ++i) files.push_back(parse(texts[i], static_cast<std::uint32_t>(i)));
  return compile(files, options);
}

Compiled compile(const std::vector<Parsed>& files, const CheckOptions& options) {
  Checked checked = check(files, options);
  Compiled out;
  for (const Parsed& file : files)
    std::copy(file.diagnostics.begin(), file.diagnostics.end(), std::back_inserter(out.diagnostics));
  std::move(checked.diagnostics.begin(), checked.diagnostics.end(), std::back_inserter(out.diagnostics));
  sort_and_unique(out.diagnostics);
  out.model = std::move(checked.model);
  const bool failed = std::any_of(out.diagnostics.begin(), out.diagnostics.end(),
                                  [](const Diagnostic& d) { return d.level() == Level::error; });
  if (failed) return out;
  RuleSet rules = emit(out.model);
  const std::vector<Fault> faults = verify(rules);
  for (const Fault& fault : faults) out.diagnostics.push_back(told(fault, rules, out.model));
  sort_and_unique(out.diagnostics);
  if (faults.empty()) out.rules = std::make_shared<const RuleSet>(std::move(rules));
  return out;
}

std::string core_form(const Model& model, std::string_view name) {
  std::string out;
  with_maker(
      model, name,
      Overloaded{[&](const RuleInfo& rule) { out = core_text(model, rule, simplify(model, rule), CoreText::whole); },
                 [&](const auto& rows) { out = core_text(model, rows, CoreText::whole); }});
  return out;
}

}  // namespace tocsin::dsl
