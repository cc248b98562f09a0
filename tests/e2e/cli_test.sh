#!/usr/bin/env bash
# Were this wrong, the program would fail where a person or a shell meets it: a real terminal, a pipe, a completion.
# usage: tests/e2e/cli_test.sh BUILD_DIRECTORY
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
tocsin=$PWD/${1:-build/dev}/tocsin
temporary=$(mktemp -d)
trap 'rm -rf "$temporary"' EXIT
failed=0

expect() { # CODE WHAT COMMAND...
  local want=$1 what=$2 code=0
  shift 2
  "$@" > "$temporary/out" 2> "$temporary/err" || code=$?
  if [ "$code" -ne "$want" ]; then
    echo "$what: ended with $code, not $want"
    cat "$temporary/out" "$temporary/err"
    failed=1
  fi
}
holds() { # WHAT COMMAND...
  local what=$1
  shift
  "$@" || { echo "$what"; cat "$temporary/out" "$temporary/err"; failed=1; }
}

# The program as a process.
expect 0 "the sample rules have no errors and no warnings" "$tocsin" check -q --deny-warnings rules
expect 0 "the sample rules do what their tests say" "$tocsin" test -q rules
expect 0 "the sample rules are in their one layout" "$tocsin" fmt -q --check rules
expect 2 "a folder without rules" "$tocsin" check "$temporary"
echo 'rule r when 5 x within' | expect 1 "a mistake on standard input" "$tocsin" check -
holds "the mistake is on stdout" grep -q 'error\[R0' "$temporary/out"
holds "nothing is on stderr" test ! -s "$temporary/err"
expect 2 "no such command" "$tocsin" frobnicate
if [ -e /dev/full ]; then
  code=0
  "$tocsin" man > /dev/full 2> "$temporary/err" || code=$?
  [ "$code" -eq 2 ] || { echo "a full disk under stdout: ended with $code, not 2"; failed=1; }
fi

# Events through pipes, and what becomes of them when somebody stops.
"$tocsin" demo security --export "$temporary/demo" -q
events=$temporary/demo/events.ndjson
expect 0 "the exported tests hold" "$tocsin" test "$temporary/demo"
holds "four of them" grep -q '^4 tests, 4 passed' "$temporary/out"
expect 0 "a pipe as input" bash -c "'$tocsin' replay -q '$temporary/demo' --input - --event-field event < '$events' > '$temporary/piped'"
expect 0 "the same file" "$tocsin" replay -q "$temporary/demo" --input "$events" --event-field event --out "$temporary/read"
but_for_input='s/"alert_id":"[0-9a-f]*"//; s/stdin\//events.ndjson\//g'  # which the ids follow from
holds "the same alerts, but for the name of the input" cmp <(sed "$but_for_input" "$temporary/piped") <(sed "$but_for_input" "$temporary/read")
id=$(sed -n '1s/.*"alert_id":"\([0-9a-f]*\)".*/\1/p' "$temporary/read")
expect 0 "why an alert fired" "$tocsin" why "$id" "$temporary/demo" --input "$events" --event-field event
holds "it is that alert" grep -q "alert $id" "$temporary/out"
holds "its events stand where they came from" grep -q '  events.ndjson/0/[0-9]' "$temporary/out"
expect 1 "an alert that is not there" "$tocsin" why ffffffffffffffffffffffffffffffff "$temporary/demo" --input "$events" --event-field event
holds "nothing is answered" test ! -s "$temporary/out"
expect 0 "a reader that goes away" bash -c "set +o pipefail; '$tocsin' replay '$temporary/demo' --input '$events' --event-field event 2> /dev/null | head -n 1 > /dev/null"
if command -v zstd > /dev/null; then
  zstd -q "$events"
  expect 0 "a packed file" "$tocsin" replay -q "$temporary/demo" --input "$events.zst" --event-field event --out "$temporary/packed"
  holds "as many alerts" test "$(wc -l < "$temporary/packed")" -eq "$(wc -l < "$temporary/read")"
fi

# What the author's commands tell besides: the same however many run at once, a trace, a profile.
expect 0 "tests side by side" bash -c "'$tocsin' test -v -j 4 '$temporary/demo' | sed 's/ (.* s)$//' > '$temporary/four'"
expect 0 "one after the other" bash -c "'$tocsin' test -v -j 1 '$temporary/demo' | sed 's/ (.* s)$//' | cmp - '$temporary/four'"
expect 0 "a trace of tests that are chosen" "$tocsin" test --trace --run . "$temporary/demo"
holds "it tells where a rule fires" grep -q '        the rule fires$' "$temporary/out"
head -n 2000 "$temporary/demo/events.ndjson" > "$temporary/some.ndjson" 2> /dev/null || zstd -dcq "$events.zst" | head -n 2000 > "$temporary/some.ndjson"
expect 0 "a profile" "$tocsin" replay "$temporary/demo" --input "$temporary/some.ndjson" --event-field event --profile
holds "it stands behind the summary" grep -q '^profile: .* of the processor in rules' "$temporary/err"

# The demo: the first alert in under two seconds, and nothing left behind.
mkdir "$temporary/empty"
before=$(date +%s%N)
(cd "$temporary/empty" && timeout 120 "$tocsin" demo --seconds 60 2> /dev/null | head -n 1 > "$temporary/first")
took=$((($(date +%s%N) - before) / 1000000))
holds "the demo shows an alert" test -s "$temporary/first"
holds "the demo leaves nothing behind" test -z "$(ls -A "$temporary/empty")"
# Two seconds are promised; a build without optimisation on a busy machine has more, but not until the demo's end.
[ "$took" -lt 40000 ] || { echo "the first alert of the demo came after $took ms"; failed=1; }
# Ctrl-C: a background job of a script ignores it, so a terminal's worth of job control is asked for.
set -m
"$tocsin" demo --seconds 3600 > "$temporary/out" 2> "$temporary/err" &
child=$!
for _ in $(seq 600); do
  [ ! -s "$temporary/out" ] || break
  sleep 0.1
done
kill -INT "$child"
for _ in $(seq 600); do
  kill -0 "$child" 2> /dev/null || break
  sleep 0.1
done
kill -KILL "$child" 2> /dev/null
code=0
wait "$child" || code=$?
set +m
[ "$code" -eq 0 ] || [ "$code" -eq 130 ] || { echo "Ctrl-C in the demo: ended with $code"; failed=1; }
holds "the demo sums up when it is stopped" grep -q 'alerts: ' "$temporary/err"

# ... and where one block takes minutes: every event asks for a search among all those before it.
cat > "$temporary/search.rules" <<'END'
event e has k text, v float, ts time  timestamp ts in ms
rule r when e as a then e as b then e as c then e as d within 1h by k where a.v + b.v + c.v + d.v = 1000  alert low "x"
END
for n in $(seq 4000); do echo "{\"ts\":$n,\"k\":\"a\",\"v\":$((n % 10))}"; done > "$temporary/search.ndjson"
code=0
timeout -k 100 -s INT 3 "$tocsin" replay "$temporary/search.rules" --input "$temporary/search.ndjson" --event e \
  > "$temporary/out" 2> "$temporary/err" || code=$?
[ "$code" -ne 137 ] || { echo "a replay did not stop within 100 s of Ctrl-C"; failed=1; }

# A terminal: script(1) makes one, where the system lets it: a bare chroot has none to give.
if ! script -qec true /dev/null > /dev/null 2>&1; then
  echo "left out: no terminal can be made here"
else
  expect 2 "a terminal where text is expected" script -qec "'$tocsin' check -" /dev/null
  holds "its help is shown" grep -q 'usage: tocsin check' "$temporary/out"
  echo 'rule r when 5 x within' > "$temporary/wrong.rules"
  expect 1 "a mistake on a terminal" env -u NO_COLOR TERM=xterm script -qec "stty cols 60; '$tocsin' check '$temporary/wrong.rules'" /dev/null
  holds "it is coloured" grep -q $'\033\\[1;31merror' "$temporary/out"
  expect 1 "a mistake on a dumb terminal" env TERM=dumb script -qec "'$tocsin' check '$temporary/wrong.rules'" /dev/null
  holds "it says what is wrong" grep -q '^error' "$temporary/out"
  holds "it is not coloured" bash -c "! grep -q $'\033' '$temporary/out'"
fi

# What shells and man(1) are handed.
for shell in bash zsh fish; do
  expect 0 "completions for $shell" "$tocsin" completions "$shell"
  cp "$temporary/out" "$temporary/$shell"
  command -v "$shell" > /dev/null || continue
  expect 0 "$shell reads its completions" "$shell" -n "$temporary/$shell"
done
complete_bash() { # LINE: what bash would offer for its last word
  bash -c "source '$temporary/bash'; COMP_WORDS=($1); [[ '$1' == *' ' ]] && COMP_WORDS+=(''); COMP_CWORD=\$((\${#COMP_WORDS[@]} - 1)); compopt() { :; }; _tocsin; printf '%s\n' \"\${COMPREPLY[@]}\""
}
offers() { # LINE WORD
  complete_bash "$1" | grep -x -- "$2" > /dev/null || { echo "bash does not offer $2 for \`$1\`: $(complete_bash "$1" | tr '\n' ' ')"; failed=1; }
}
offers 'tocsin ch' check
offers 'tocsin check --f' --format
offers 'tocsin check --format s' sarif
offers 'tocsin check --deny R02' R021
offers 'tocsin completions f' fish
expect 0 "the manual page" "$tocsin" man
if command -v man > /dev/null; then
  cp "$temporary/out" "$temporary/tocsin.1"
  LC_ALL=C.UTF-8 MANROFFSEQ='' expect 0 "man reads it" man --warnings -l "$temporary/tocsin.1"
  holds "without a warning" test ! -s "$temporary/err"
fi

exit $failed
