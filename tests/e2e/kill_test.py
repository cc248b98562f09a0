#!/usr/bin/env python3
"""The daemon is killed (SIGKILL) at random moments while a file grows and alerts go to a file: nothing lost, nothing doubled.

usage: kill_test.py TOCSIN [--kills N] [--seed S]

Then two controls that must fail, or this test could not: the same with state in memory only, and one line that is taken
away from what came out, or stands there twice.
"""
import argparse
import datetime
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time

RULES = """event login_failed has user text, ts time
  timestamp ts
  late 2s
event login has user text, ts time
  timestamp ts
  late 2s
rule brute_force
  when 5 login_failed within 5m by user
  alert high "{user}: {count} failed logins"
rule back_again
  when login_failed then login within 1m by user
  alert "{user} got in"
rule gone
  when login then no login within 30m by user
  alert "{user} has gone"
rule wave
  when 3 brute_force within 10m by all
  alert "{count} within ten minutes"
"""
CONFIG = """rules = "rules.rules"
[source.logins]
file = { path = "logins.ndjson", follow = true }
format = "json"
event_field = "event"
[sink.alerts]
file = { path = "alerts.ndjson" }
[sink.late]
file = { path = "late.ndjson" }
[sink.dead]
file = { path = "dead.ndjson" }
[sinks]
default = ["alerts"]
late = "late"
dead_letter = "dead"
[state]
dir = "%s"
epoch = "20ms"
checkpoint = { every = "150ms", min_pause = "20ms" }
[http]
listen = ""
"""


def events(count, random):
    at = 1771000000.0
    for _ in range(count):
        at += random.random()
        ts = at - (random.random() * 2.4 if random.random() < 0.3 else 0)  # some are late
        if random.random() < 0.002:
            yield "no JSON\n"
            continue
        yield json.dumps({
            "event": "login" if random.random() < 0.2 else "login_failed",
            "user": "u%d" % random.randrange(300),
            "ts": datetime.datetime.fromtimestamp(ts, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S.%fZ"),
        }) + "\n"


def alerts_in(path):
    out = []
    with open(path) as file:
        for line in file:
            alert = json.loads(line)
            alert.pop("detected", None)
            alert.pop("replayed", None)
            out.append(json.dumps(alert, sort_keys=True))
    return out


def lines_in(path):
    if not os.path.exists(path):
        return []
    with open(path) as file:
        return list(file)


class Campaign:
    def __init__(self, tocsin, kills, seed, state):
        self.tocsin, self.kills, self.random = tocsin, kills, random.Random(seed)
        self.folder = tempfile.mkdtemp(prefix="tocsin-kill-")
        self.lines = list(events(200 * kills + 5000, random.Random(seed + 1)))
        with open(self.path("rules.rules"), "w") as file:
            file.write(RULES)
        with open(self.path("tocsin.toml"), "w") as file:
            file.write(CONFIG % state)

    def path(self, name):
        return os.path.join(self.folder, name)

    def start(self):
        return subprocess.Popen([self.tocsin, "run", "-c", "tocsin.toml", "--shards", str(self.random.randrange(1, 4))],
                                cwd=self.folder, stderr=open(self.path("log"), "a"))

    def run(self, says_something=False):
        """Answers how often it was killed, and why it failed: "" it did not. `says_something`: no kill comes before an alert."""
        given = killed = 0
        with open(self.path("logins.ndjson"), "w") as file:
            while killed < self.kills:
                daemon = self.start()
                lasts = time.monotonic() + self.random.random() * 0.5
                while time.monotonic() < lasts:
                    some = self.random.randrange(1, 60)
                    file.write("".join(self.lines[given:given + some]))
                    file.flush()
                    given += some
                    time.sleep(self.random.random() * 0.02)
                patience = time.monotonic() + 30
                while says_something and not lines_in(self.path("alerts.ndjson")) and time.monotonic() < patience:
                    time.sleep(0.05)  # a busy machine takes longer than a life
                if daemon.poll() is not None:
                    return killed, "the daemon ended by itself with %d" % daemon.returncode
                daemon.kill()
                daemon.wait()
                killed += 1
            file.write("".join(self.lines[given:]))
        return killed, self.finish()

    def finish(self):
        daemon = self.start()
        expected = self.expected()
        deadline = time.monotonic() + 30
        while time.monotonic() < deadline and len(lines_in(self.path("alerts.ndjson"))) < len(expected):
            if daemon.poll() is not None:
                return "the daemon ended by itself with %d" % daemon.returncode
            time.sleep(0.1)
        time.sleep(0.5)  # what should not come comes now
        daemon.send_signal(signal.SIGTERM)
        try:
            code = daemon.wait(30)
        except subprocess.TimeoutExpired:
            daemon.kill()
            return "the daemon does not end at SIGTERM"
        if code != 0:
            return "SIGTERM: exit code %d" % code
        return self.differs(expected)

    def differs(self, expected):
        """How what came out differs from what was expected: "" in nothing."""
        got = alerts_in(self.path("alerts.ndjson"))
        if got != expected:
            return "%d alerts, and %d were expected (%d of both)" % (len(got), len(expected), len(set(got) & set(expected)))
        for name in ("late.ndjson", "dead.ndjson"):
            got, wanted = lines_in(self.path(name)), lines_in(self.path("expected-" + name))
            if sorted(got) != sorted(wanted):
                return "%s: %d lines, and %d were expected" % (name, len(got), len(wanted))
        return ""

    def is_seen(self, name, change):
        """Whether it is seen that the lines of this file are others."""
        expected, lines = self.expected(), open(self.path(name)).readlines()
        with open(self.path(name), "w") as file:
            file.writelines(change(lines))
        seen = self.differs(expected) != ""
        with open(self.path(name), "w") as file:
            file.writelines(lines)
        return seen and self.differs(expected) == ""

    def expected(self):
        with open(self.path("expected.ndjson"), "w") as out:
            subprocess.run([self.tocsin, "replay", "-c", "tocsin.toml", "--input", "logins.ndjson", "-q",
                            "--late", "expected-late.ndjson", "--dead-letters", "expected-dead.ndjson"],
                           cwd=self.folder, stdout=out, check=True)
        return self.trimmed(alerts_in(self.path("expected.ndjson")))

    def trimmed(self, alerts):
        # replay closes its input, so time goes to the last event; a file that is followed has no end, and waits 2 s for
        # what may still come.
        last = max(json.loads(line)["ts"] for line in self.lines if line.startswith("{"))
        limit = datetime.datetime.strptime(last, "%Y-%m-%dT%H:%M:%S.%fZ") - datetime.timedelta(seconds=2)
        stop = limit.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        return [alert for alert in alerts if json.loads(alert)["time"] < stop]

    def remove(self):
        shutil.rmtree(self.folder, ignore_errors=True)


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("tocsin")
    parser.add_argument("--kills", type=int, default=25)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    tocsin = os.path.abspath(given.tocsin)

    campaign = Campaign(tocsin, given.kills, given.seed, "state")
    killed, wrong = campaign.run()
    if wrong:
        print("seed %d, %d kills: %s; all of it is in %s" % (given.seed, killed, wrong, campaign.folder))
        return 1
    expected = campaign.expected()
    print("%d kills: %d alerts, each once" % (killed, len(expected)))
    for name in ("alerts.ndjson", "late.ndjson", "dead.ndjson"):
        place = campaign.random.randrange(len(lines_in(campaign.path(name))))
        for what, change in (("fewer", lambda lines: lines[:place] + lines[place + 1:]),
                             ("twice", lambda lines: lines[:place] + 2 * lines[place:place + 1] + lines[place + 1:])):
            if not campaign.is_seen(name, change):
                print("control: one line of %s %s is not seen; all of it is in %s" % (name, what, campaign.folder))
                return 1
    print("control, one line fewer or twice in each file: seen")
    campaign.remove()

    control = Campaign(tocsin, 3, given.seed, "")
    _, wrong = control.run(says_something=True)
    control.remove()
    if not wrong:
        print("control: without durable state nothing goes wrong, so this test shows nothing")
        return 1
    print("control, state in memory only: " + wrong)
    return 0


if __name__ == "__main__":
    sys.exit(main())
