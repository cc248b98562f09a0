# For tests that run a daemon: sourced, with the build folder as the test's own argument. They work in a folder of their
# own, which goes with them.
# shellcheck shell=bash disable=SC2034,SC2164  # who sources this uses them, and ends at the first failure
tocsin=$(cd "${1:?a build folder}" && pwd)/tocsin
folder=$(mktemp -d)
daemon=
trap '[ -z "$daemon" ] || kill -9 "$daemon" 2> /dev/null || true; rm -rf "$folder"' EXIT
cd "$folder"

fail() {
  echo "FAILED  $1"
  cat log
  exit 1
}
# What has to become true soon. A minute: a busy machine takes its time, and what is broken stays so.
soon() { # WHAT COMMAND...
  local what=$1 until=$((SECONDS + 60))
  shift
  until "$@"; do
    [ "$SECONDS" -lt "$until" ] || fail "$what"
    sleep 0.1
  done
}
has() { grep -q -- "$2" "$1" 2> /dev/null; }
has_ended() { ! kill -0 "$1" 2> /dev/null; }
end() { # CODE SIGNAL
  local code=0
  kill -"$2" "$daemon"
  soon "$2: it does not end" has_ended "$daemon"
  wait "$daemon" || code=$?
  daemon=
  [ "$code" -eq "$1" ] || fail "$2: exit code $code"
}
