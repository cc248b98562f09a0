#!/usr/bin/env bash
# The daemon as its users have it: killed, stopped, given other rules. The argument is the build folder.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=tests/e2e/daemon.sh
. "$here/daemon.sh"

begin() { # OPTION...
  : > log # what the one before has said is not said by this one
  "$tocsin" run -c tocsin.toml "$@" 2>> log &
  daemon=$!
}

mkdir rules
cat > rules/a.rules << 'END'
event login_failed has user text, ts time
  timestamp ts
rule brute_force
  when 3 login_failed within 5m by user
  alert "{user}: {count} failed logins"
END
cat > tocsin.toml << 'END'
rules = "rules/"
[source.logins]
file = { path = "logins.ndjson", follow = true }
format = "json"
event = "login_failed"
[sink.alerts]
file = { path = "alerts.ndjson" }
[sinks]
default = ["alerts"]
[state]
dir = "state"
epoch = "50ms"
[reload]
every = "200ms"
[http]
listen = "127.0.0.1:0"
[control]
socket = "control"
END
event() { echo "{\"user\":\"$1\",\"ts\":\"2026-03-01T14:$2Z\"}" >> logins.ndjson; }
ask() { "$tocsin" "$@" --addr unix:control --timeout 60s; }
has_come_to() { ask status --json 2> /dev/null | grep -q "\"watermark\":\"2026-03-01T14:$1"; }

echo "a file that is there before it and after it"
event ann 00:01
begin --shards 2
soon "it runs" has log "runs 1 rule on 2 shards"
event ann 00:02
event ann 00:03
event bob 00:04 # a deadline later than all that ann did
soon "the alert" has alerts.ndjson "ann: 3 failed"

echo "a broken rule: the old ones run on"
echo "rule" > rules/b.rules
soon "the mistake is told" has log "the old ones run on"
event bob 00:05
event bob 00:06
event cid 00:07
soon "the old rule still fires" has alerts.ndjson "bob: 3 failed"

echo "another rule, while it runs, and what the first one remembers stays"
event cid 00:08
soon "it reads on" has_come_to 00:08
cat > rules/b.rules << 'END'
rule twice
  when 2 login_failed within 5m by user
  alert "{user} twice"
END
soon "it is taken" has log "runs 2 rules"
event cid 00:09
event dan 00:10
event dan 00:11
event eve 00:12
soon "the first rule remembers" has alerts.ndjson "cid: 3 failed"
soon "the new rule fires" has alerts.ndjson "dan twice"
[ "$(grep -c "ann: 3 failed" alerts.ndjson)" -eq 1 ] || fail "an alert came twice"

echo "who looks on, over a reload, and until the daemon ends"
ask tap events:login_failed --where 'user != "kay"' --fields user --rate 10000 > tapped 2> tap-log &
tap=$!
ask tap alerts:twice -n 1 > tapped-alerts 2>> tap-log &
tap_alerts=$!
# When they look on nobody says: so there is something to see until both have seen it.
round=100
both_see() {
  round=$((round + 1))
  event "flo$round" "00:12.$round"
  event "flo$round" "00:12.$round"
  has tapped '{"user":"flo' && has_ended "$tap_alerts"
}
soon "the taps show what there is, and the one of alerts ends behind one" both_see
wait "$tap_alerts" || fail "the tap of alerts has ended badly"
has tapped-alerts '"flo[0-9]* twice"' || fail "it shows another alert: $(cat tapped-alerts)"
event kay 00:12.9
event gil 00:13
soon "it shows events" has tapped '{"user":"gil"}'
sed -i 's/} twice/} two times/' rules/b.rules
ask reload > reloaded || fail "the reload is refused"
event hal 00:13
soon "it shows events behind a reload" has tapped '{"user":"hal"}'
! has tapped kay || fail "it shows what was not asked for"
sed -i 's/} two times/} twice/' rules/b.rules
ask reload > reloaded || fail "the reload is refused"

echo "SIGTERM, and it goes on where it was, on another number of shards"
end 0 TERM
soon "the tap ends with the daemon" has_ended "$tap"
code=0
wait "$tap" || code=$?
[ "$code" -eq 4 ] || fail "the tap of a daemon that has ended: exit code $code"
shown=$(wc -l < tapped)
has tap-log "shown $shown, matched $shown" || fail "the tap has not said that there were $shown: $(cat tap-log)"
event dan 00:13
begin --shards 3
event eve 00:14
soon "it remembers across a restart" has alerts.ndjson "dan: 3 failed"
end 130 INT

echo "a rule that is kept another way because of a new one begins anew, and the daemon goes on"
begin
soon "it runs" has log "runs 2 rules on"
event fay 00:20
event fay 00:21
event gus 00:22
soon "it reads on" has_come_to 00:22
cat > rules/c.rules << 'END'
rule quiet
  when login_failed by user
  mute while brute_force on same user
  alert "{user} once"
END
soon "it is taken" has log "runs 3 rules"
event hal 00:23
event hal 00:24
event hal 00:25
event ivy 00:26
soon "it counts from there" has alerts.ndjson "hal: 3 failed"
end 0 TERM
begin
soon "it has not refused its state" has log "runs 3 rules on"
end 0 TERM
rm rules/c.rules

echo "to write rules by: a broken one is left out, and nothing is kept"
mv alerts.ndjson alerts.before
echo "rule broken" > rules/c.rules
begin --dev
soon "what to type is told" has log "tocsin tap alerts --addr unix:control"
soon "the mistake is told" has log "what has a mistake is left out; 2 rules run"
soon "the others run" has alerts.ndjson "hal: 3 failed"
rm rules/c.rules
end 0 TERM
mv alerts.before alerts.ndjson

echo "a rule that is rebuilt knows what was before it, whenever the daemon is killed meanwhile"
asked=(--set "control.socket=\"$folder/sock\"" --set reload.watch=false)
begin "${asked[@]}"
soon "it listens" test -S sock
"$tocsin" reload --dry-run --rebuild twice --addr "unix:$folder/sock" --timeout 60s > answer || fail "a dry run"
has answer "~ twice  rebuilt from what its sources have since 2026-03-01T14:00:01.000000Z" || fail "since when: $(cat answer)"
for i in 1 2 3 4 5 6; do
  event "early$i" "3$i:00"
  cat > "rules/pair$i.rules" << END
rule pair$i
  when 2 login_failed within 5m by user
  alert "{user} is pair $i"
END
  "$tocsin" reload --rebuild "pair$i" --addr "unix:$folder/sock" --timeout 60s > answer 2>&1 &
  client=$!
  while [ ! -e state/rebuilding ] && kill -0 "$client" 2> /dev/null; do sleep 0.002; done
  sleep "0.$((i * i * 7 % 10))"
  kill -9 "$daemon"
  wait "$daemon" || true
  wait "$client" || true
  rm -f sock
  begin "${asked[@]}" --shards "$((1 + i % 3))"
  soon "it runs after the kill" test -S sock
  event "early$i" "3$i:01"
  event "late$i" "3$i:02"
  soon "it knows what was before it" has alerts.ndjson "early$i is pair $i"
  [ "$(grep -c "early$i is pair $i" alerts.ndjson)" -eq 1 ] || fail "an alert came twice"
  if has alerts.ndjson "ann is pair $i"; then fail "an alert of the past"; fi
done
end 0 TERM
rm rules/pair*.rules

echo "two of them on one state"
begin
soon "it runs again" has log "runs 2 rules on"
code=0
timeout 60 "$tocsin" run -c tocsin.toml 2> second || code=$?
[ "$code" -eq 5 ] || fail "a second one on the same state: exit code $code"
end 0 TERM

echo "a stop that would take longer than it may: it ends in time, and the next start goes on from the last epoch"
mkdir slow
cat > slow/a.rules << 'END'
event e has k text, v int, ts time
  timestamp ts in ms
rule few
  when 3 e(v = 10) within 1h by k
  alert "{k}: three"
END
cat > slow/b.rules << 'END'
rule many_ways
  when e(v = 1) as a then e(v = 1) as b then e(v = 1) as c then e(v = 2) as d within 1h by k
  where a.v + b.v + c.v + d.v = 1000
  alert low ""
END
cat > slow.toml << 'END'
rules = "slow/"
shutdown_grace = "2s"
[source.in]
file = { path = "slow.ndjson", follow = true }
format = "json"
event = "e"
[sink.alerts]
file = { path = "slow-alerts.ndjson" }
[sinks]
default = ["alerts"]
[state]
dir = "slow-state"
epoch = "50ms"
[control]
socket = "slow-control"
[http]
listen = ""
END
for i in 1 2; do echo "{\"k\":\"x\",\"v\":10,\"ts\":$i}"; done > slow.ndjson
"$tocsin" run -c slow.toml 2> slow-log &
daemon=$!
soon "it runs" has slow-log "runs 2 rules"
slow_status() { "$tocsin" status --json --addr unix:slow-control --timeout 60s 2> /dev/null; }
slow_says() { slow_status | grep -q "$1"; }
seq -f '{"k":"x","v":1,"ts":%.0f}' 10 1009 >> slow.ndjson
soon "it reads what is searched" slow_says '"records":1002'
# Each of these is the last of more combinations than it may look at, and one read is some of them at least.
{
  seq -f '{"k":"x","v":2,"ts":%.0f}' 2000 4999
  echo '{"k":"x","v":10,"ts":5000}'
  echo '{"k":"y","v":1,"ts":6000}'
} > slow-more
cat slow-more >> slow.ndjson
has_read_on() { ! slow_says '"records":1002'; }
soon "it reads them" has_read_on # and what was read is judged before it ends
end 1 TERM # within a minute
has slow-log "has not ended within shutdown_grace" || fail "nobody has said why: $(cat slow-log)"
rm slow/b.rules
"$tocsin" run -c slow.toml 2>> slow-log &
daemon=$!
soon "what was read and not judged is read again" has slow-alerts.ndjson "x: three"
end 0 TERM
[ "$(wc -l < slow-alerts.ndjson)" -eq 1 ] || fail "an alert came twice"

echo "a configuration with a mistake"
sed -i 's/epoch/epcoh/' tocsin.toml
code=0
timeout 60 "$tocsin" run -c tocsin.toml 2> second || code=$?
[ "$code" -eq 2 ] || fail "exit code $code"
grep -q "epoch" second || fail "no suggestion"
