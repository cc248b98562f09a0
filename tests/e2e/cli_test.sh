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

# A terminal: script(1) makes one.
if command -v script > /dev/null; then
  expect 2 "a terminal where text is expected" script -qec "'$tocsin' check -" /dev/null
  holds "its help is shown" grep -q 'usage: tocsin check' "$temporary/out"
  echo 'rule r when 5 x within' > "$temporary/wrong.rules"
  expect 1 "a mistake on a terminal" env -u NO_COLOR TERM=xterm script -qec "stty cols 60; '$tocsin' check '$temporary/wrong.rules'" /dev/null
  holds "it is coloured" grep -q $'\033\\[1;31merror' "$temporary/out"
  expect 1 "a mistake on a dumb terminal" env TERM=dumb script -qec "'$tocsin' check '$temporary/wrong.rules'" /dev/null
  holds "it is not coloured" grep -qv $'\033' "$temporary/out"
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
