#!/usr/bin/env bash
# Would be wrong if it failed: the sample events of a rule pack do not fit its rules, or a rule of it has nothing to say
# of them.
# usage: tests/e2e/packs_test.sh BUILD_DIRECTORY
set -euo pipefail
cd "$(dirname "$0")/../.."

tocsin=${1:-build/dev}/tocsin
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT
failed=0

for pack in behaviour logs windows profiles taxi sessions; do
  python3 rules/generate.py "$pack" > "$temporary/events.ndjson"
  "$tocsin" replay "rules/$pack" --input "$temporary/events.ndjson" --event-field event \
    --dead-letters "$temporary/dead" > "$temporary/alerts" 2> "$temporary/err" || { cat "$temporary/err"; failed=1; }
  # A rule is a paragraph; one without `alert` only emits.
  while read -r rule; do
    grep -q "\"rule\":\"$rule\"" "$temporary/alerts" || { echo "$pack: no alert of $rule"; failed=1; }
  done < <(awk -v RS= '/ alert / { sub(/.*\nrule /, ""); sub(/^rule /, ""); print $1 }' "rules/$pack/$pack.rules")
  [ ! -s "$temporary/dead" ] || { echo "$pack: $(head -n 1 "$temporary/dead")"; failed=1; }
done
exit $failed
