#!/usr/bin/env bash
# If this fails, `./run` installs what is there already, or not what is missing, on somebody's fresh Debian.
# shellcheck disable=SC2016,SC2034  # the conditions are evaluated in expect(), with what the run left behind
# `./run` runs here among made-up tools: dpkg-query answers from a list, apt-get, sudo and cmake only write down their
# call.
set -euo pipefail
cd "$(dirname "$0")/../.."
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
cp run "$root/"
failed=0

tool() { # NAME BODY
  printf '#!/bin/bash\n%s\n' "$2" > "$root/bin/$1"
  chmod +x "$root/bin/$1"
}

# USER_ID TOOLS MISSING...: a Debian on which all packages but MISSING are installed; then `./run build` in it
debian() {
  local user=$1 tools=$2 real
  shift 2
  rm -rf "${root:?}"/{bin,build,calls}
  mkdir "$root/bin"
  for real in bash cat comm dirname env mkdir nproc sed sort; do ln -s "$(command -v $real)" "$root/bin/$real"; done
  tool id "echo $user"
  tool dpkg-query "for p in \"\${@:4}\"; do case \" $* \" in *\" \$p \"*) echo \"no package \$p\" >&2; code=1 ;; *) echo \"\$p installed\" ;; esac; done; exit \${code:-0}"
  for real in $tools; do tool "$real" "echo \"$real \$*\" >> '$root/calls'"; done
  [ ! -e "$root/bin/sudo" ] || tool sudo "echo \"sudo \$*\" >> '$root/calls'"
  touch "$root/calls"
  code=0
  out=$(cd "$root" && PATH="$root/bin" ./run build 2> "$root/err") || code=$?
}

expect() { # TITLE CONDITION
  if ! eval "$2"; then
    echo "wrong: $1 (exit $code)"
    cat "$root/calls" "$root/err"
    failed=1
  fi
}

debian 0 "apt-get cmake"
expect "all is there: apt-get is not called" '[ $code -eq 0 ] && ! grep -q apt-get "$root/calls"'

debian 0 "apt-get cmake" libre2-dev doctest-dev
expect "root: one update, one install of the two" \
  '[ $code -eq 0 ] && [ "$(grep apt-get "$root/calls")" = "apt-get update -q
apt-get install -q -y --no-install-recommends doctest-dev libre2-dev" ]'
expect "and it says so" 'grep -q "installing doctest-dev libre2-dev" "$root/err"'

debian 1000 "apt-get cmake sudo" ninja-build
expect "a user with sudo" \
  '[ $code -eq 0 ] && grep -q "^sudo env DEBIAN_FRONTEND=noninteractive apt-get install .* ninja-build$" "$root/calls"'

debian 1000 "apt-get cmake" ninja-build
expect "a user without sudo gets the line, and exit 2" \
  '[ $code -eq 2 ] && [ "$out" = "apt-get update && apt-get install -y --no-install-recommends ninja-build" ] && [ ! -s "$root/calls" ]'

[ $failed -eq 0 ] && echo "four set-ups as they should be"
exit $failed
