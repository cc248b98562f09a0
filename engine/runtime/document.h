// Outputs as JSON: the alert document of language.md, section 7, and emitted events. One line each, keys in one order,
// numbers as JSON writes them: what leaves is the same to the byte for the same input.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "engine/io/dead_letter.h"
#include "engine/match/alert.h"
#include "engine/program/program.h"
#include "engine/runtime/reorder.h"

namespace tocsin {

// What an alert's ids and bookkeeping are written with.
struct DocumentNames {
  const RuleSet* rules = nullptr;
  std::vector<std::string> sources;  // by SourceId
  bool replayed = false;             // made by `test` or `replay`: no `detected`
};

// `firing`, `resolved`, `withdrawn`.
std::string_view word_of(Alert::State state);

// Eight hex digits of shape and dials.
std::string rule_version(const Program& program);

// `logins/0/17`.
std::string id_of(const Position& position, const DocumentNames& names);

// Appends the document, without a newline. `detected` is written unless the names say replayed.
void append_alert(std::string& out, const Alert& alert, const DocumentNames& names, Time detected = {});
// `{"event":..,"time":..,"key":{..},"fields":{..}}`
void append_emitted(std::string& out, const Emitted& emitted, const DocumentNames& names);
// `{"event":..,"time":..,"source":"..","fields":{..}}`: those fields that some rule reads.
void append_event(std::string& out, const Event& event, const DocumentNames& names);
// `{"event":..,"time":..,"watermark":..,"source":".."}`
void append_late(std::string& out, const LateEvent& late, const DocumentNames& names);
// `{"source":..,"reason":..,"detail":..,"size":..,"record":..}`; bytes that are no UTF-8 are replaced.
void append_dead_letter(std::string& out, const DeadLetter& letter, const DocumentNames& names);

}  // namespace tocsin
