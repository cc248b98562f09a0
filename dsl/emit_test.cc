// Fails when a rule becomes another program than it did: emit_test.golden has rule, core form and program side by side.
// `TOCSIN_UPDATE=1 dsl_test` writes the file anew; review the difference.
#include <doctest/doctest.h>

#include <cstdlib>
#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "dsl/compile.h"
#include "dsl/render.h"
#include "engine/program/dump.h"
#include "engine/program/hash.h"

namespace tocsin::dsl {
namespace {

// What the rows of the golden file have in common.
constexpr const char* kEvents = R"(
event login has user text, ip ip, outcome text, country text?, seq int, ts time
  timestamp ts  late 10s  tiebreak seq
event reading has sensor text, temp float, room text?, ts time
  timestamp ts in us
event login_failed = login(outcome = "failure")
event login_ok = login(outcome = "success")
event abnormal = reading(temp > 80 or temp < 10)
event activity = (view or purchase)
list scanners = [10.0.0.1, 10.9.0.0/16]
list users from "users.txt"
table cards from "cards.csv" key card
calendar office = mon-fri 09:00-18:00 in "Europe/Paris"
)";

Compiled compile_text(const std::string& text) {
  const std::vector<SourceText> files{{"test.rules", text}};
  return compile(files);
}

std::string errors_of(const Compiled& compiled) {
  std::string out;
  for (const Diagnostic& d : compiled.diagnostics)
    if (d.level() == Level::error) out += std::string(d.code) + " " + d.message + "\n";
  return out;
}

struct Row {
  std::string rule, rest;
};

std::string golden_path() { return std::string(TOCSIN_SOURCE_DIR) + "/dsl/emit_test.golden"; }

std::vector<Row> read_rows() {
  std::ifstream in(golden_path());
  std::vector<Row> rows;
  std::string line;
  bool rule = true;
  rows.emplace_back();
  while (std::getline(in, line)) {
    if (line == "====") {
      rows.emplace_back();
      rule = true;
    } else if (line == "----" && rule) {
      rule = false;
    } else {
      (rule ? rows.back().rule : rows.back().rest) += line + "\n";
    }
  }
  if (rows.back().rule.empty()) rows.pop_back();
  return rows;
}

std::string produced(const std::string& rule) {
  const Compiled compiled = compile_text(kEvents + rule);
  if (!compiled.ok()) return errors_of(compiled);
  const Program& program = compiled.rules->programs.back();
  return core_form(compiled.model, program.name) + "----\n" + dump(*compiled.rules, program) + "  keeps " +
         program.bounds.limited_by + "\n";
}

TEST_CASE("each row of the golden file becomes the core form and the program beside it") {
  const std::vector<Row> rows = read_rows();
  const bool update = std::getenv("TOCSIN_UPDATE") != nullptr;
  std::ostringstream fresh;
  for (const Row& row : rows) {
    const std::string now = produced(row.rule);
    fresh << row.rule << "----\n" << now << "====\n";
    if (!update) CHECK_MESSAGE(now == row.rest, row.rule);
  }
  CHECK(rows.size() >= 40);
  if (update) std::ofstream(golden_path()) << fresh.str();
}

const Program& only_program(const Compiled& compiled) {
  REQUIRE_MESSAGE(compiled.ok(), errors_of(compiled));
  return compiled.rules->programs.back();
}

TEST_CASE("only fields that some rule reads are decoded, besides time and tiebreak") {
  const Compiled compiled =
      compile_text(std::string(kEvents) + "rule r when 5 login_failed within 5m by user alert low \"x\"");
  REQUIRE_MESSAGE(compiled.ok(), errors_of(compiled));
  CHECK(dump_schema(*compiled.rules) ==
        "event login ts time (timestamp), seq int (tiebreak), outcome text, user text late 10s\n"
        "event reading ts time (timestamp) in us\n");
}

TEST_CASE("equal filters of different rules are one expression") {
  const Compiled compiled = compile_text(std::string(kEvents) +
                                         "rule r when 5 login_failed within 5m by user alert low \"x\"\n"
                                         "rule s when login_failed then login_ok within 9m by ip alert low \"x\"");
  REQUIRE_MESSAGE(compiled.ok(), errors_of(compiled));
  const auto filter = [&](std::size_t program) {
    return compiled.rules->programs[program].streams[0].alternatives[0].filter;
  };
  CHECK(filter(0) == filter(1));
}

TEST_CASE("dials change the dials, structure changes the shape") {
  const std::string base = "rule r when 5 login_failed within 5m by user alert low \"x\"";
  const auto hashes = [](const std::string& rule) {
    const Compiled compiled = compile_text(kEvents + rule);
    const Program& program = only_program(compiled);
    return std::pair{program.shape, program.dials};
  };
  const auto [shape, dials] = hashes(base);
  for (const char* dialled : {"rule r when 6 login_failed within 5m by user alert low \"x\"",
                              "rule r when 5 login_failed within 6m by user alert low \"x\"",
                              "rule r when 5 login_failed within 5m by user alert high \"x\"",
                              "rule r when 5 login_failed within 5m by user alert low \"y {count}\"",
                              "rule r when 5 login_failed within 5m by user fire always alert low \"x\"",
                              "rule r when 5 login_failed within 5m by user alert low \"x\" send to \"s\""}) {
    CHECK_MESSAGE(hashes(dialled).first == shape, dialled);
    CHECK_MESSAGE(hashes(dialled).second != dials, dialled);
  }
  for (const char* shaped : {"rule r when 5 login_ok within 5m by user alert low \"x\"",
                             "rule r when 5 login_failed within 5m by ip alert low \"x\"",
                             "rule r when 5 login_failed(country = \"FR\") within 5m by user alert low \"x\"",
                             "rule r when 5 login_failed within 5m by user reset on login_ok alert low \"x\"",
                             "rule r when 5 login_failed within 5m by user except ip = 10.0.0.1 alert low \"x\"",
                             "rule r when fewer than 5 login_failed within 5m by user alert low \"x\""})
    CHECK_MESSAGE(hashes(shaped).first != shape, shaped);
}

TEST_CASE("a rule's title, layout, and the names of its steps and aliases change nothing") {
  const auto hashes = [](const std::string& rule) {
    const Compiled compiled = compile_text(kEvents + rule);
    const Program& program = only_program(compiled);
    return std::pair{program.shape, program.dials};
  };
  CHECK(hashes("rule r when login_failed as a then login_ok(ip != a.ip) within 5m by user alert low \"x\"") ==
        hashes("rule s \"title\"\n when login(outcome = \"failure\") as b\n then login_ok(ip != b.ip) within 300s by "
               "user alert low \"x\""));
}

TEST_CASE("the hashes are those of earlier releases") {
  const auto version = [](const std::string& rule) {
    const Compiled compiled = compile_text(kEvents + rule);
    const Program& program = only_program(compiled);
    return rule_version(program.shape, program.dials);
  };
  CHECK(version("rule r when 5 login_failed within 5m by user alert low \"x\"") == "40f0f5c7");
  CHECK(version("rule r when login_failed then login_ok within 5m by user alert low \"x\"") == "b8f74457");
  CHECK(version("rule r when no reading for 2m by sensor alert low \"x\"") == "105249d3");
}

TEST_CASE("an error in any file gives no rule set, and all messages") {
  const std::vector<SourceText> files{
      {"a.rules", "rule a when 5 login within 5m by user alert low \"x\""},
      {"b.rules", "event login_failed has user text\nrule b when login_faild by user alert low \"x\""}};
  const Compiled compiled = compile(files);
  CHECK_FALSE(compiled.ok());
  CHECK(!errors_of(compiled).empty());
}

TEST_CASE("a program stands behind those whose events it uses") {
  const Compiled compiled = compile_text(std::string(kEvents) +
                                         "rule second when 3 guessing within 1h by user alert low \"x\"\n"
                                         "rule guessing when 5 login_failed within 5m by user alert low \"x\"");
  REQUIRE_MESSAGE(compiled.ok(), errors_of(compiled));
  CHECK(compiled.rules->programs[0].name == "guessing");
  CHECK(compiled.rules->programs[1].after == std::vector<ProgramId>{ProgramId(std::size_t{0})});
}

}  // namespace
}  // namespace tocsin::dsl
