// From texts to what runs: parse, check, simplify, emit, verify. What app/ and the tests call.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "dsl/check.h"
#include "dsl/diagnostic.h"
#include "dsl/source.h"
#include "engine/program/program.h"

namespace tocsin::dsl {

struct Compiled {
  std::shared_ptr<const RuleSet> rules;  // null when there is an error among the diagnostics: all or nothing
  std::vector<Diagnostic> diagnostics;   // of all files, sorted
  Model model;                           // what the names mean; also when there are errors, as far as it goes
  bool ok() const { return rules != nullptr; }
};

// The n-th text is file n in spans. Throws nothing. A program that `verify` refuses is a diagnostic, too.
Compiled compile(std::span<const SourceText> texts, CheckOptions options = {});
// The same from trees: file i of their spans is the i-th.
Compiled compile(const std::vector<Parsed>& files, const CheckOptions& options = {});

// The core form of one rule, session or summary, as `explain` shows it; empty when there is none of this name.
std::string core_form(const Model& model, std::string_view name);

}  // namespace tocsin::dsl
