#!/usr/bin/env python3
"""The daemon is killed (SIGKILL) while a file grows and alerts go to a file: nothing lost, nothing doubled, and it
remembers the same as one that was never killed.

usage: kill_test.py TOCSIN [--kills N] [--seed S]   (TOCSIN: the program, or a build folder)

Every second kill comes at the next of the named points, from within (bin/libkill_at.so of the build folder, preloaded);
the others come from without, at random moments, some of them in the middle of a stop.

Then controls that must fail, or this test could not: one line that is taken away from what came out, or stands there
twice; a state that is some events older; the same with state in memory only.
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
import time

from daemon import Folder, becomes, tocsin_of

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
[control]
socket = "control"
"""
# What is being done, as tests/support/kill_at.cc has it, and the last time at which it may be done before the kill: some
# things are done once in a life.
POINTS = [
    ("the mark is being written", "write half */mark.tmp", 1),
    ("the mark is about to have its name", "rename before */mark", 1),
    ("the mark has its name", "rename after */mark", 1),
    ("an epoch is being written", "write half */deltas/*.tmp", 8),
    ("an epoch is written, not synced", "sync before */deltas/*.tmp", 8),
    ("an epoch is about to have its name", "rename before */deltas/*.delta", 8),
    ("an epoch has its name, its folder is not synced", "sync before */deltas", 8),
    ("an epoch is stored, no sink has it", "sync after */deltas", 8),
    ("alerts are being written", "write half */alerts.ndjson", 5),
    ("alerts are written, not synced", "sync before */alerts.ndjson", 5),
    ("alerts are synced, nobody knows", "sync after */alerts.ndjson", 5),
    ("late events are being written", "write half */late.ndjson", 3),
    ("a merge begins to write", "write before */base.mdb", 8),
    ("a merge is writing", "write half */base.mdb", 8),
    ("a merge is written, not synced", "sync before */base.mdb", 3),
    ("a merge is synced, its head is not written", "sync after */base.mdb", 3),
    ("a merged epoch is about to be removed", "remove before */deltas/*.delta", 4),
    ("a merged epoch is removed", "remove after */deltas/*.delta", 4),
]


TIME = "%Y-%m-%dT%H:%M:%S.%fZ"


def events(random):
    at = 1771000000.0
    while True:
        at += random.random()
        ts = at - (random.random() * 2.4 if random.random() < 0.3 else 0)  # some are late
        if random.random() < 0.002:
            yield "no JSON\n"
            continue
        yield json.dumps({
            "event": "login" if random.random() < 0.2 else "login_failed",
            "user": "u%d" % random.randrange(300),
            "ts": datetime.datetime.fromtimestamp(ts, datetime.timezone.utc).strftime(TIME),
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


def preload_of(tocsin):
    return os.path.join(os.path.dirname(tocsin), "bin", "libkill_at.so")


class Campaign(Folder):
    def __init__(self, tocsin, kills, seed, state):
        super().__init__(tocsin, "kill")
        self.kills, self.random = kills, random.Random(seed)
        self.is_durable = state != ""
        self.to_come = events(random.Random(seed + 1))
        self.lines = []
        self.latest = ""  # of their times, but for the last line
        self.wanted = None
        self.points = []  # that it has been killed at
        self.preload = preload_of(tocsin)
        self.write("rules.rules", RULES)
        self.write("tocsin.toml", CONFIG % state)

    def begin(self, **environment):
        return self.start("--shards", str(self.random.randrange(1, 4)), **environment)

    def go_on(self, file, count):
        some = [next(self.to_come) for _ in range(count)]
        self.lines += some
        file.write("".join(some))
        file.flush()

    def live(self, file, seconds, is_over=lambda: False):
        until = time.monotonic() + seconds
        while time.monotonic() < until and not is_over():
            self.go_on(file, self.random.randrange(1, 60))
            time.sleep(self.random.random() * 0.02)

    def kill_at_point(self, file, number):
        """Why it was not killed there: "" it was."""
        name, where, most = POINTS[number % len(POINTS)]
        point = "%s %d" % (where, self.random.randrange(most) + 1)
        daemon = self.begin(LD_PRELOAD=self.preload, TOCSIN_KILL_AT=point)
        self.live(file, 120, lambda: daemon.poll() is not None)
        if daemon.poll() is None:
            daemon.kill()
            daemon.wait()
            return "it has never come to the point at which %s" % name
        if daemon.returncode != -signal.SIGKILL:
            return "the daemon ended by itself with %d" % daemon.returncode
        self.points.append(name)
        return ""

    def kill_from_without(self, file, says_something):
        daemon = self.begin()
        self.live(file, self.random.random() * 0.5)
        patience = time.monotonic() + 120
        while says_something and not lines_in(self.path("alerts.ndjson")) and time.monotonic() < patience:
            time.sleep(0.05)  # a busy machine takes longer than a life
        if daemon.poll() is not None:
            return "the daemon ended by itself with %d" % daemon.returncode
        ends = [-signal.SIGKILL]
        if not says_something and self.random.random() < 0.2:
            daemon.terminate()
            ends += [0, -signal.SIGTERM]  # it was through, or did not listen yet
            time.sleep(self.random.random() * 0.1)
        daemon.kill()
        if daemon.wait() not in ends:
            return "the daemon ended by itself with %d" % daemon.returncode
        return ""

    def run(self, says_something=False):
        """Answers why it failed: "" it did not. `says_something`: no kill comes before an alert, nor at a named point."""
        with open(self.path("logins.ndjson"), "w") as file:
            for number in range(self.kills):
                if number % 2 == 0 and not says_something:
                    wrong = self.kill_at_point(file, number // 2)
                else:
                    wrong = self.kill_from_without(file, says_something)
                if wrong:
                    return "kill %d: %s" % (number, wrong)
            self.go_on(file, 5000)
            self.end_time(file)
        return self.finish()

    def end_time(self, file):
        """The last line is later than all others by more than any rule waits: who has come to it is through."""
        times = [json.loads(line)["ts"] for line in self.lines if line.startswith("{")]
        self.latest = max(times)
        last = datetime.datetime.strptime(self.latest, TIME) + datetime.timedelta(hours=1)
        self.lines.append(json.dumps({"event": "login_failed", "user": "last", "ts": last.strftime(TIME)}) + "\n")
        file.write(self.lines[-1])

    def is_through(self):
        return (self.status().get("watermark") or "") > self.latest

    def finish(self):
        daemon = self.begin()
        expected = self.expected()
        becomes(lambda: daemon.poll() is not None or
                (self.is_through() and len(lines_in(self.path("alerts.ndjson"))) >= len(expected)), 120)
        if daemon.poll() is not None:
            return "the daemon ended by itself with %d" % daemon.returncode
        time.sleep(0.5)  # what should not come comes now
        wrong = self.end(daemon, "killed" if self.is_durable else "")
        return wrong or self.differs(expected)

    def save(self, *words):
        """What goes wrong: "" nothing."""
        asked = self.ask("savepoint", "create", *words, "--addr", "unix:control", "--timeout", "60s")
        return asked.stdout if asked.returncode != 0 else ""

    def end(self, daemon, savepoint):
        """With a savepoint of the last epoch; where it has no name, by SIGTERM. What goes wrong: "" nothing."""
        wrong = ""
        if savepoint:
            wrong = self.save(savepoint, "--stop")
        else:
            daemon.send_signal(signal.SIGTERM)
        try:
            code = daemon.wait(60)
        except subprocess.TimeoutExpired:
            daemon.kill()
            return wrong or "the daemon does not end"
        return wrong or ("it ends with exit code %d" % code if code != 0 else "")

    def differs_from_undisturbed(self):
        """How what it remembers differs from what one does that was never killed: "" in nothing."""
        other = Campaign(self.tocsin, 0, 0, "state")
        other.latest = self.latest
        try:
            daemon = other.begin()
            with open(other.path("logins.ndjson"), "w") as file:
                file.writelines(self.lines[:-100])
                file.flush()
                if not becomes(lambda: other.records() == len(self.lines) - 100, 120 + len(self.lines) / 1000):
                    return "the undisturbed one does not read its file"
                if wrong := other.save("older"):
                    return wrong
                file.writelines(self.lines[-100:])
            if not becomes(other.is_through, 120):
                return "the undisturbed one does not come to the end"
            if wrong := other.end(daemon, "through"):
                return wrong
            shutil.copy(self.path("state/savepoints/killed.savepoint"), other.path("state/savepoints"))
            if not other.diff("older"):
                return "control: a state that is 100 events older is the same"
            return other.diff("through")
        finally:
            daemon.kill()
            other.remove()

    def diff(self, savepoint):
        """How it differs from the one of the daemon that was killed: "" in nothing."""
        asked = self.ask("savepoint", "diff", "killed", savepoint, "--dir", "state/savepoints")
        return asked.stdout if asked.returncode != 0 else ""

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
        if self.wanted is None:
            with open(self.path("expected.ndjson"), "w") as out:
                subprocess.run([self.tocsin, "replay", "-c", "tocsin.toml", "--input", "logins.ndjson", "-q",
                                "--late", "expected-late.ndjson", "--dead-letters", "expected-dead.ndjson"],
                               cwd=self.folder, stdout=out, check=True)
            self.wanted = self.trimmed(alerts_in(self.path("expected.ndjson")))
        return self.wanted

    def trimmed(self, alerts):
        # replay closes its input, so time goes to the last event; a file that is followed has no end, and waits 2 s for
        # what may still come.
        last = json.loads(self.lines[-1])["ts"]
        stop = (datetime.datetime.strptime(last, TIME) - datetime.timedelta(seconds=2)).strftime(TIME)
        return [alert for alert in alerts if json.loads(alert)["time"] < stop]


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("tocsin")
    parser.add_argument("--kills", type=int, default=2 * len(POINTS))
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    tocsin = tocsin_of(given.tocsin)
    preload = preload_of(tocsin)
    if not os.path.exists(preload):
        print("%s is not there, so nothing could be killed at a named point: build the target kill_at" % preload)
        return 1

    began = time.monotonic()
    campaign = Campaign(tocsin, given.kills, given.seed, "state")
    wrong = campaign.run()
    if wrong:
        print("seed %d, %d kills: %s; all of it is in %s" % (given.seed, given.kills, wrong, campaign.folder))
        return 1
    expected = campaign.expected()
    print("%d kills, %d of them at %d named points: %d alerts of %d lines, each once; %.0f s" %
          (given.kills, len(campaign.points), len(set(campaign.points)), len(expected), len(campaign.lines),
           time.monotonic() - began))
    if wrong := campaign.differs_from_undisturbed():
        print("it remembers something else than one that was never killed: %s; all of it is in %s" %
              (wrong, campaign.folder))
        return 1
    print("what it remembers is what one does that was never killed; control, 100 events less: seen")
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
    wrong = control.run(says_something=True)
    control.remove()
    if not wrong:
        print("control: without durable state nothing goes wrong, so this test shows nothing")
        return 1
    print("control, state in memory only: " + wrong)
    return 0


if __name__ == "__main__":
    sys.exit(main())
