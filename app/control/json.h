// The values of answers.h as the documents of /api/v1. Each is an object with "schema": "tocsin/NAME/1".
#pragma once

#include <string>
#include <vector>

#include "app/control/answers.h"

namespace tocsin::app {

std::string status_json(const DaemonStatus& status);
std::string rules_json(const std::vector<RuleStatus>& rules);
std::string shards_json(const std::vector<ShardStatus>& shards);
std::string checkpoints_json(const std::vector<CheckpointNote>& notes);
std::string savepoints_json(const std::vector<SavepointStatus>& savepoints);
std::string alerts_json(const std::vector<KeptAlert>& alerts);
std::string problems_json(const std::vector<ProblemStatus>& problems);
// {"error": "...", "help": "..."}
std::string error_json(std::string_view error, std::string_view help = {});

}  // namespace tocsin::app
