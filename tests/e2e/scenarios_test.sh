#!/usr/bin/env bash
# Were this wrong, a benchmark would measure a wrong answer, or rot unseen: each scenario runs tiny here, and each
# micro-benchmark, their answers proved.
# usage: tests/e2e/scenarios_test.sh BUILD_DIRECTORY
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
failed=0
ran=0
for scenario in "${1:-build/dev}"/bin/*_scenario "${1:-build/dev}"/bin/*_bench; do
  [ -x "$scenario" ] || continue
  ran=$((ran + 1))
  "$scenario" --tiny || { echo "$(basename "$scenario"): wrong"; failed=1; }
done
BUILD="${1:-build/dev}" bench/scenarios/check_10k_rules --tiny || { echo "check_10k_rules: wrong"; failed=1; }
[ "$ran" -gt 0 ] || { echo "no scenario was built"; failed=1; }
exit "$failed"
