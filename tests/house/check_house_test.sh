#!/usr/bin/env bash
# If this fails, a wrong include can come into the house unseen: each plants one in a copy of the arrows and looks for
# its line.
set -euo pipefail
cd "$(dirname "$0")/../.."
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
mkdir -p "$root/cmake"
cp cmake/arrows.txt "$root/cmake/"
failed=0

plant() { # FILE LINE: the file and its list
  mkdir -p "$root/$(dirname "$1")"
  [[ $1 != *.h ]] || echo "// What it is for." > "$root/$1"
  echo "$2" >> "$root/$1"
  basename "$1" >> "$root/$(dirname "$1")/CMakeLists.txt"
}
expect() { # TITLE WORDS-OR-NOTHING: checks what was planted, then clears the ground
  local out code=0
  out=$(python3 tests/house/check_house.py "$root") || code=$?
  if [ -n "$2" ] && { [ $code -ne 1 ] || ! grep -qF -- "$2" <<< "$out"; }; then
    echo "not found: $1: $out"; failed=1
  elif [ -z "$2" ] && [ $code -ne 0 ]; then
    echo "refused: $1: $out"; failed=1
  fi
  rm -rf "${root:?}"/{engine,dsl,adapters,app,tests,bench}
}

plant engine/match/a.h "";   plant engine/program/b.cc '#include "engine/match/a.h"'
expect "program to match" "engine/program/b.cc:1: engine/program may not include engine/match/a.h"
plant engine/io/source.h ""; plant engine/state/b.cc '#include "engine/io/source.h"'
expect "io seen from state" "engine/state may not include engine/io/source.h"
plant dsl/ast.h "";          plant engine/runtime/b.cc '#include "dsl/ast.h"'
expect "dsl seen from the engine" "engine/runtime may not include dsl/ast.h"
plant dsl/check.cc '#include <boost/spirit/home/x3.hpp>'
expect "X3 outside of the grammar" "dsl may not include <boost/spirit/home/x3.hpp>"
plant dsl/grammar/rules.h ""; plant dsl/load.cc '#include "dsl/grammar/rules.h"'
expect "the grammar's inside" "dsl may not include dsl/grammar/rules.h"
plant app/wire.h "";         plant tests/spec/run.cc '#include "app/wire.h"'
expect "app seen from the tests" "tests may not include app/wire.h"
plant tests/support/gen.h ""; plant dsl/print.cc '#include "tests/support/gen.h"'
expect "tests seen from a room" "dsl may not include tests/support/gen.h"
plant dsl/lex.cc '#include "lex.h"'
expect "an include that is not written from the root" "no file lex.h"
plant engine/shed/b.cc ""
expect "a folder that is no room" "engine/shed/b.cc: its folder is no room"
mkdir -p "$root/dsl"; echo > "$root/dsl/CMakeLists.txt"; echo > "$root/dsl/lost_test.cc"
expect "a test that no list names" "dsl/lost_test.cc: no CMakeLists.txt names it"
mkdir -p "$root/dsl"; echo "#pragma once" > "$root/dsl/silent.h"
expect "a header without a purpose" "dsl/silent.h: does not open with what it is for"
plant dsl/wide.cc "  // $(printf 'word %.0s' {1..24})"
expect "a comment of 125 columns" "dsl/wide.cc:1: a comment of 125 columns, more than 120"
plant engine/match/a.h $'namespace tocsin {\nstruct Mark {\n};\n}  // namespace tocsin'
plant adapters/lmdb/a.h $'namespace tocsin {\nclass Mark final : public Base {\n};\n}  // namespace tocsin'
expect "two types of one name" "engine/match/a.h: defines tocsin::Mark, as adapters/lmdb/a.h does"

plant engine/event/event.h ""; plant engine/match/a.cc '#include "engine/event/event.h"'
expect "an arrow" ""
plant tests/support/gen.h ""; plant dsl/print_test.cc '#include "tests/support/gen.h"'
expect "a unit test and its support" ""
plant dsl/grammar/item.cc '#include <boost/spirit/home/x3.hpp>'
expect "X3 in the grammar" ""
plant dsl/parser.h ""; plant app/check.cc '#include "dsl/parser.h"'
expect "app sees all" ""

plant engine/match/a.h $'namespace tocsin {\nstruct Mark {\n};\n}  // namespace tocsin'
plant dsl/a.h $'namespace tocsin::dsl {\nstruct Mark {\n};\n}  // namespace tocsin::dsl\nnamespace tocsin {\nstruct Mark;\n}  // namespace tocsin'
expect "one name in two namespaces, and one that is only declared" ""

[ $failed -eq 0 ] && echo "13 planted mistakes found, 5 arrows let through"
exit $failed
