#!/usr/bin/env python3
"""What is bounded stays so in the running daemon: memory under state.memory, whatever many keys there are; a single key
that has all events; keys of 64 KB. And nothing of it changes what is found.

usage: bounds_test.py BUILD [--long]

--long: ten million keys, and how long it is until the first event is judged after a start with them.
"""
import json
import os
import signal
import subprocess
import sys
import threading
import time

from daemon import becomes, run

MIB = 1 << 20
# Of a state.memory of 64 MiB: what keys take is known roughly, and what the allocator adds is not.
MOST = 96 * MIB
EVENTS = """event a has k text, v int, ts time
  timestamp ts in ms
event b has k text, v int, ts time
  timestamp ts in ms
"""
CONFIG = """rules = "a.rules"
[source.in]
file = { path = "in.ndjson", follow = true }
format = "json"
event_field = "event"
[sink.alerts]
file = { path = "alerts.ndjson" }
[sinks]
default = ["alerts"]
[state]
memory = "64MiB"
epoch = "100ms"
checkpoint = { every = "1s", min_pause = "100ms" }
[control]
socket = "control"
[http]
listen = ""
"""


def event(name, key, v, ts):
    return '{"event":"%s","k":"%s","v":%d,"ts":%d}\n' % (name, key, v, ts)


class Memory:
    """How much a process has at most from here on, beyond what it has now; without what it has mapped of files."""

    def __init__(self, process):
        self.process, self.most, self.ends = process, 0, False
        self.before = self.now()
        self.watching = threading.Thread(target=self.watch)
        self.watching.start()

    def now(self):
        with open("/proc/%d/status" % self.process.pid) as status:
            return next((int(line.split()[1]) * 1024 for line in status if line.startswith("RssAnon")), 0)

    def watch(self):
        while not self.ends and self.process.poll() is None:
            self.most = max(self.most, self.now())
            time.sleep(0.02)

    def grown(self):
        self.ends = True
        self.watching.join()
        return self.most - self.before


def begun(folder, rules, *options):
    """A daemon that has judged one event, and so has all threads and buffers that it needs."""
    for name in ("in.ndjson", "alerts.ndjson", "log"):
        folder.write(name, "")
    subprocess.run(["rm", "-rf", folder.path("state")], check=True)
    folder.write("a.rules", EVENTS + rules)
    folder.write("tocsin.toml", CONFIG)
    daemon = folder.start(*options)
    with open(folder.path("in.ndjson"), "a") as file:
        file.write(event("a", "first", 1, 1))
    assert becomes(lambda: folder.records() == 1), "it does not begin: " + folder.read("log")
    return daemon


def ends(daemon):
    daemon.send_signal(signal.SIGTERM)
    assert daemon.wait(60) == 0, "SIGTERM: exit code %d" % daemon.returncode


def alerts_of(text):
    """Of whole lines: a daemon may be in the middle of the last one."""
    out = []
    for line in text[:text.rfind("\n") + 1].splitlines():
        alert = json.loads(line)
        for of_this_run in ("detected", "replayed"):
            alert.pop(of_this_run, None)
        out.append(alert)
    return out


def expected(folder):
    """What one shard finds that has all in memory."""
    got = subprocess.run([folder.tocsin, "replay", "-c", "tocsin.toml", "--input", "in.ndjson", "-q", "--shards", "1"],
                         cwd=folder.folder, stdout=subprocess.PIPE, check=True, text=True)
    return alerts_of(got.stdout)


def many_keys(folder, name, rules, keys, memory="64MiB", shards=2):
    """How much memory they take."""
    daemon = begun(folder, rules, "--set", 'state.memory="%s"' % memory, "--shards", str(shards))
    watched = Memory(daemon)
    with open(folder.path("in.ndjson"), "a") as file:
        file.writelines(event("a", "key%07d" % i, i % 100, 1000 + i // 100) for i in range(keys))
        # Some of those that came first: on disk alone, where memory is less than all of them.
        file.writelines(event("b", "key%07d" % i, 200, 1000 + keys // 100 + i) for i in range(0, keys, keys // 100))
        file.write(event("a", "last", 1, 10_000 + keys))
    begins = time.monotonic()
    assert becomes(lambda: folder.records() == keys + 102, 120), "%s: they are not read" % name
    took = time.monotonic() - begins
    found = becomes(lambda: len(alerts_of(folder.read("alerts.ndjson"))) >= 100)
    grown = watched.grown()
    ends(daemon)
    print("%s: %d keys, state.memory %s: %d MiB more, %.0f events a second" %
          (name, keys, memory, grown // MIB, keys / took))
    assert found and alerts_of(folder.read("alerts.ndjson")) == expected(folder), "%s: other alerts" % name
    return grown


def memory_is_bounded(folder):
    rules = "rule pairs\n  when a then b within 12h by k\n  alert \"{k}\"\n"
    assert many_keys(folder, "sequences", rules, 200_000) < MOST, "memory is not bounded"
    grown = many_keys(folder, "control", rules, 200_000, "4GiB")
    assert grown > 1.5 * MOST, "control: without a bound they take no more, so this test shows nothing"


def hot_key(folder):
    """All events but a few are of one key. What that takes does not grow with them, and the others are found."""
    rules = ("rule many\n  when 100 a within 1h by k\n  alert \"{k}: {count}\"\n"
             "rule rises\n  when a as x then b(v > x.v) within 1h by k\n  alert \"{k}\"\n")
    count = 60_000
    daemon = begun(folder, rules, "--shards", "3")
    watched = Memory(daemon)
    with open(folder.path("in.ndjson"), "a") as file:
        for i in range(count):
            file.write(event("a", "hot", i % 50, 1000 + i))
            if i % 600 == 0:
                file.write(event("a", "key%d" % i, 1, 1000 + i))
                file.write(event("b", "key%d" % i, 2, 1000 + i))
        file.write(event("a", "last", 1, 10_000 + count))
    begins = time.monotonic()
    assert becomes(lambda: folder.records() == count + 202, 120), "hot key: it is not read"
    took = time.monotonic() - begins
    assert becomes(lambda: folder.read("alerts.ndjson").count('"key') >= 100), "hot key: the others are not found"
    grown = watched.grown()
    ends(daemon)
    print("hot key: %d MiB more, %.0f events a second" % (grown // MIB, count / took))
    assert grown < MOST, "hot key: memory is not bounded"
    assert alerts_of(folder.read("alerts.ndjson")) == expected(folder), "hot key: other alerts"


def long_keys(folder):
    """Keys of 64 KB, more of them than memory may hold, and killed in between."""
    rules = "rule three\n  when 3 a within 1h by k\n  alert \"three\"\n"
    keys = [("%03d" % i) * (65_535 // 3) + "x" for i in range(300)]
    options = ["--set", 'state.memory="16MiB"', "--shards", "2"]
    daemon = begun(folder, rules, *options)
    watched = Memory(daemon)
    with open(folder.path("in.ndjson"), "a") as file:
        file.writelines(event("a", key, 1, 1000 + i) for i, key in enumerate(keys + keys))
    assert becomes(lambda: folder.records() == 601, 60), "long keys: they are not read"
    time.sleep(0.5)  # epochs have most of them
    grown = watched.grown()
    daemon.kill()
    daemon.wait()
    daemon = folder.start(*options)
    with open(folder.path("in.ndjson"), "a") as file:
        file.writelines(event("a", key, 2, 2000 + i) for i, key in enumerate(keys))
        file.write(event("a", "last", 2, 10_000))
    assert becomes(lambda: len(alerts_of(folder.read("alerts.ndjson"))) >= 300, 60), "long keys: not all are found"
    ends(daemon)
    print("keys of 64 KB: %d MiB more" % (grown // MIB))
    # Nearly all of it is what was read and waits, so this says nothing of state.memory: it is a ceiling for copies of keys.
    assert grown < 160 * MIB, "long keys: memory is not bounded"
    assert alerts_of(folder.read("alerts.ndjson")) == expected(folder), "long keys: other alerts"


def ten_million_keys(folder):
    keys = 10_000_000
    daemon = begun(folder, "rule twice\n  when 2 a within 12h by k\n  alert \"{k}\"\n", "--set", 'state.memory="256MiB"')
    watched = Memory(daemon)
    begins = time.monotonic()
    with open(folder.path("in.ndjson"), "a") as file:
        for first in range(0, keys, 10_000):
            file.writelines(event("a", "key%08d" % i, 1, 1000 + i // 1000) for i in range(first, first + 10_000))
    assert becomes(lambda: folder.records() == keys + 1, 1200), "ten million keys: they are not read"
    took = time.monotonic() - begins
    grown = watched.grown()
    begins = time.monotonic()
    ends(daemon)
    stopped = time.monotonic() - begins
    with open(folder.path("in.ndjson"), "a") as file:
        file.write(event("a", "key00000007", 2, 20_000) + event("a", "last", 2, 30_000))
    begins = time.monotonic()
    daemon = folder.start("--set", 'state.memory="256MiB"')
    assert becomes(lambda: "key00000007" in folder.read("alerts.ndjson"), 60), "ten million keys: one is lost"
    ready = time.monotonic() - begins
    ends(daemon)
    size = sum(os.path.getsize(os.path.join(root, name)) for root, _, names in os.walk(folder.path("state"))
               for name in names)
    print("ten million keys: %d MiB more, %.0f events a second, %d bytes a key on disk; stopped in %.1f s; %.2f s from the "
          "start to the first alert" % (grown // MIB, keys / took, size / keys, stopped, ready))
    assert len(alerts_of(folder.read("alerts.ndjson"))) == 1, "ten million keys: other alerts"
    assert grown < 320 * MIB, "ten million keys: memory is not bounded"
    assert ready < 2, "ten million keys: the start takes too long"


def test(folder):
    memory_is_bounded(folder)
    hot_key(folder)
    long_keys(folder)
    if "--long" in sys.argv:
        ten_million_keys(folder)


if __name__ == "__main__":
    sys.exit(run(test, "bounds"))
