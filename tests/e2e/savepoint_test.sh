#!/usr/bin/env bash
# A savepoint of a running daemon, restored elsewhere: on three shards instead of one the same alerts follow as without.
# The argument is the build folder.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/e2e/daemon.sh
. "$here/daemon.sh"

begin() { # CONFIG OPTION...
  local config=$1
  shift
  : > log
  "$tocsin" run -c "$config" --set "control.socket=\"$folder/sock\"" "$@" 2>> log &
  daemon=$!
  soon "it runs" has log "runs .* on"
}
code_of() { # COMMAND...: its exit code; what it says stands in `said`
  local code=0
  "$@" > said 2>&1 || code=$?
  echo "$code"
}
savepoint() {
  if [ "$1" = create ] || [ "$1" = list ]; then set -- "$@" --timeout 60s; fi
  "$tocsin" savepoint "$@"
}
# All of each alert is the same, but for when it was found, and by whom.
same() { # FILE FILE
  local but='s/"detected":"[^"]*",//; s/"replayed":[a-z]*//'
  cmp <(sed "$but" "$1") <(sed "$but" "$2")
}

mkdir rules
cat > rules/a.rules << 'END'
event login_failed has user text, ts time
  timestamp ts
event login has user text, ts time
  timestamp ts
rule brute_force
  when 5 login_failed within 10m by user
  alert "{user}: {count} failed logins"
rule back_again
  when login_failed then login within 5m by user
  alert "{user} got in"
rule gone
  when login then no login within 30m by user
  alert "{user} has gone"
END
config() { # NAME: its own state and alerts, the same input
  cat > "$1.toml" << END
rules = "rules/"
[source.logins]
file = { path = "logins.ndjson", follow = true }
format = "json"
event_field = "event"
[sink.alerts]
file = { path = "$1.ndjson" }
[sinks]
default = ["alerts"]
[state]
dir = "$1.state"
savepoints = "savepoints"
epoch = "20ms"
checkpoint = { every = "200ms", min_pause = "20ms" }
[reload]
watch = false
[http]
listen = ""
END
}
# Some users, some hours. No two times are the same, also not one and another with the time that a rule waits: so it is
# known what is found once a line has been read.
python3 - << 'END' > all.ndjson
import datetime, json, random
begin = datetime.datetime(2026, 3, 1)
for i in range(4100):
    r = random.Random(i)
    print(json.dumps({"event": "login" if r.random() < 0.2 else "login_failed", "user": f"user{r.randrange(40)}",
                      "ts": (begin + datetime.timedelta(seconds=3 * i, milliseconds=i * 37 % 1000)).isoformat() + "Z"}))
END
events() { sed -n "$(($1 + 1)),$2p" all.ndjson >> logins.ndjson; } # FROM TO
due() { # LINES: how many alerts there are when so many have been read, and no more come
  python3 - "$1" << 'END'
import datetime, json, sys
lines, alerts = [list(open(name)) for name in ("all.ndjson", "all-alerts")]
of = lambda line, name: datetime.datetime.fromisoformat(json.loads(line)[name].rstrip("Z"))
last = of(lines[int(sys.argv[1]) - 1], "ts")
print(sum(of(alert, "time") <= last for alert in alerts))
END
}
are() { # FILE N: so many alerts stand in it
  [ "$(wc -l < "$1" 2> /dev/null || echo 0)" -eq "$2" ]
}

config one
config two
"$tocsin" replay -c one.toml --input all.ndjson -q > all-alerts
at_savepoint=$(due 2000) at_last=$(due 4000) at_end=$(due 4100)
if [ "$at_savepoint" -lt 100 ] || [ "$at_last" -lt $((at_savepoint + 100)) ] || [ "$at_end" -eq "$at_last" ]; then
  fail "these events show nothing: $at_savepoint, $at_last, $at_end alerts"
fi
events 0 2000
begin one.toml --shards 1
soon "alerts" are one.ndjson "$at_savepoint"

echo "create, while it runs and goes on"
# Of an epoch that knows that the file has all of them: what nobody has confirmed comes again.
is_of_all() {
  savepoint delete first -c one.toml > /dev/null 2>&1 || true
  savepoint create first --addr "unix:$folder/sock" > said || fail "create"
  has said "savepoint first: epoch " || fail "$(cat said)"
  savepoint restore first -c one.toml --dry-run > said && has said "sink alerts: goes on at byte"
}
soon "a savepoint of all that was found" is_of_all
[ "$(code_of savepoint create first --addr "unix:$folder/sock")" -eq 1 ] || fail "a second one of the same name"
has said "there is a savepoint .first. already" || fail "$(cat said)"
savepoint list --addr "unix:$folder/sock" | grep -q "^first " || fail "list"
events 2000 4000
soon "more alerts" are one.ndjson "$at_last"
savepoint create last --stop --addr "unix:$folder/sock" > said || fail "create --stop"
soon "--stop: it does not end" has_ended "$daemon"
code=0
wait "$daemon" || code=$?
daemon=
[ "$code" -eq 0 ] || fail "--stop: exit code $code"
same one.ndjson <(head -n "$at_last" all-alerts) || fail "other alerts than those of a replay"

echo "inspect, diff"
savepoint inspect first -c one.toml > said
has said "source *logins: goes on at record " || fail "$(cat said)"
has said "^brute_force  *4*[0-9] " || fail "$(cat said)"
savepoint inspect first -c one.toml --rule gone --key user1 > said || fail "$(cat said)"
has said "something is due at 2026-03-01T0" || fail "$(cat said)"
savepoint inspect first -c one.toml --json | python3 -c 'import json,sys; d=json.load(sys.stdin); assert len(d["rules"]) == 3 and d["digest"]'
[ "$(code_of savepoint diff first last -c one.toml --rule gone)" -eq 1 ] || fail "diff"
has said "~ user" || fail "$(cat said)"
[ "$(code_of savepoint diff first first -c one.toml)" -eq 0 ] || fail "a savepoint differs from itself"

echo "restore elsewhere, on three shards: the same alerts as without"
savepoint restore first -c two.toml > said || fail "$(cat said)"
has said "= brute_force  kept" || fail "$(cat said)"
begin two.toml --shards 3
tail -n +$((at_savepoint + 1)) one.ndjson > expected
soon "its alerts" are two.ndjson "$(wc -l < expected)"
end 0 TERM
same two.ndjson expected || fail "other alerts than without"

echo "back to it in the same place: the file of alerts goes back, too"
[ "$(code_of savepoint restore first -c one.toml)" -eq 5 ] || fail "a state was replaced without --force"
cp one.ndjson before
savepoint restore first -c one.toml --force > said || fail "$(cat said)"
has said "are kept in ./one.ndjson.after-first, and found again" || fail "$(cat said)"
cmp one.ndjson.after-first expected || fail "the tail was not kept"
begin one.toml --shards 2
soon "its alerts" are one.ndjson "$(wc -l < before)"
[ "$(code_of savepoint restore first -c one.toml --force)" -eq 5 ] || fail "a state was replaced that a daemon has open"
has said "is in use by process $daemon" || fail "$(cat said)"
[ ! -e one.ndjson.after-first.2 ] || fail "a restore that was refused has left a copy of the alerts"
end 0 TERM
same one.ndjson before || fail "another file of alerts"

echo "from the last epoch on: nothing comes twice"
savepoint restore last -c two.toml --force > said || fail "$(cat said)"
: > two.ndjson
begin two.toml --shards 1
events 4000 4100
tail -n +$((at_last + 1)) all-alerts | head -n $((at_end - at_last)) > expected
soon "those of what comes now" has two.ndjson "$(tail -n 1 expected | grep -o '"alert_id":"[0-9a-f]*"')"
end 0 TERM
same two.ndjson expected || fail "alerts of before came again"

echo "other rules: what is lost must be named"
sed -i 's/when 5 login_failed/when 6 login_failed/; s/within 10m/within 20m/; s/login then no login within 30m/login then no login_failed within 30m/' rules/a.rules
[ "$(code_of savepoint restore first -c two.toml --force)" -eq 5 ] || fail "state was lost in silence"
has said "say so of each: --drop-state gone$" || fail "$(cat said)"
has said "! gone  *reset: it is another pattern now, [0-9]* keys dropped" || fail "$(cat said)"
has said "~ brute_force  kept, warming until 2026-03-01T" || fail "$(cat said)"
[ "$(code_of savepoint restore first -c two.toml --force --drop-state gone --drop-state back_again)" -eq 5 ] ||
  fail "what is kept was dropped"
savepoint restore first -c two.toml --force --drop-state gone > said || fail "$(cat said)"
begin two.toml
end 0 TERM

echo "files that are no good"
head -c 1000 savepoints/first.savepoint > savepoints/torn.savepoint
[ "$(code_of savepoint restore torn -c two.toml --force)" -eq 5 ] || fail "a torn one"
has said "torn.savepoint is damaged at byte" || fail "$(cat said)"
savepoint list -c two.toml | grep -q "^torn" || fail "list"
savepoint delete torn -c two.toml > /dev/null
savepoint delete --keep 1 -c two.toml > said
has said "savepoint first is deleted" || fail "$(cat said)"
[ "$(code_of savepoint inspect first -c two.toml)" -eq 1 ] || fail "it is still there"
echo "ok"
