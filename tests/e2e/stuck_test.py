#!/usr/bin/env python3
"""A shard that does not come to the end of an event is seen by the watchdog and named, with its rule; and how the daemon
ends: the first SIGTERM within shutdown_grace with exit code 0, the second at once.

usage: stuck_test.py BUILD [--long]

As it is to end a shard may stand still for 5 s until it is told, otherwise for 30 s: that is for --long.
"""
import os
import signal
import socket
import sys
import time

from daemon import becomes, ends, run

FEW = """event e has k text, v int, ts time
  timestamp ts in ms
rule few
  when 3 e(v = 10) within 1h by k
  alert "{k}: three"
"""
# Each of v = 2 is the last of more combinations than it may look at, and one read is some of them at least.
MANY_WAYS = """rule many_ways
  when e(v = 1) as a then e(v = 1) as b then e(v = 1) as c then e(v = 1) as d then e(v = 2) as f within 1h by k
  where a.v + b.v + c.v + d.v + f.v = 1000
  alert low ""
"""
CONFIG = """rules = "rules/"
shutdown_grace = "10m"
[source.in]
file = { path = "in.ndjson", follow = true }
format = "json"
event = "e"
[sink.alerts]
file = { path = "alerts.ndjson" }
[sinks]
default = ["alerts"]
[state]
dir = "state"
epoch = "50ms"
[control]
socket = "control"
[http]
listen = ""
"""


class Systemd:
    """What the daemon tells it."""

    def __init__(self, path):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(path)
        self.socket.setblocking(False)

    def told(self):
        out = ""
        try:
            while True:
                out += self.socket.recv(4096).decode()
        except BlockingIOError:
            return out


def is_stuck(folder, systemd, patience):
    """Named, in answers and in the log, and systemd is told nothing any more."""
    assert becomes(lambda: folder.get("/-/healthy")[0] == 503, patience), "nobody sees that a shard is stuck"
    _, said = folder.get("/-/healthy")
    assert "shard " in said and " has not moved for " in said and "rule `many_ways`" in said, "healthy says: " + said
    shard = said[said.index("shard ") + 6]
    _, shards = folder.get("/api/v1/shards")
    assert shards.count("has not moved for") == 1, "shards: " + shards
    assert "shard.%s: shard %s has not moved for " % (shard, shard) in folder.read("log"), "the log does not name it"
    assert folder.get("/-/ready")[0] == 503, "it is ready"
    systemd.told()
    time.sleep(1.5)
    assert "WATCHDOG=1" not in systemd.told(), "systemd is told that all is well"


def test(folder):
    os.mkdir(folder.path("rules"))
    folder.write("rules/a.rules", FEW)
    folder.write("rules/b.rules", MANY_WAYS)
    folder.write("tocsin.toml", CONFIG)
    event = '{"k":"%s","v":%d,"ts":%d}\n'
    with open(folder.path("in.ndjson"), "w") as file:
        file.writelines(event % ("x", 10, ts) for ts in (1, 2))
        file.flush()
        systemd = Systemd(folder.path("systemd"))
        daemon = folder.start("--shards", "2", NOTIFY_SOCKET=folder.path("systemd"))
        told = []
        assert becomes(lambda: told.append(systemd.told()) or "READY=1" in "".join(told)), "it does not begin"
        assert becomes(lambda: "WATCHDOG=1" in systemd.told()), "systemd is not told that all is well"
        assert folder.get("/-/healthy")[0] == 200, "it is not healthy"
        assert becomes(lambda: folder.status().get("epoch", 0) > 0), "no epoch has those two"
        file.writelines(event % ("x", 1, ts) for ts in range(10, 1010))
        file.flush()
        assert becomes(lambda: folder.records() == 1002), "it does not read what is searched"
        file.writelines(event % ("x", 2, ts) for ts in range(2000, 5000))
        file.write(event % ("x", 10, 5000) + event % ("y", 1, 6000))
        file.flush()
        assert becomes(lambda: folder.records() > 1002), "it does not read on"  # and what was read is judged
        if "--long" in sys.argv:
            time.sleep(1)
            assert folder.get("/-/healthy")[0] == 200, "a shard that is busy for a second is no stuck one"
            is_stuck(folder, systemd, 120)
        daemon.send_signal(signal.SIGTERM)
        is_stuck(folder, systemd, 60)
        assert daemon.poll() is None, "it has ended, with %s" % daemon.returncode
        daemon.send_signal(signal.SIGTERM)
        code = ends(daemon, 60)  # at once: shutdown_grace is ten times as long, and would end it with another code
        assert code == 128 + signal.SIGTERM, "the second SIGTERM: exit code %d" % code

        # The next start goes on from the last epoch, without the rule, and what it reads it judges before it ends.
        os.remove(folder.path("rules/b.rules"))
        file.writelines(event % ("u%d" % (i % 1000), 10 if i < 3000 else 1, 7000 + i) for i in range(20_000))
        file.write(event % ("last", 1, 100_000))
        file.flush()
        daemon = folder.start()
        assert becomes(lambda: folder.records() > 4000), "it does not read on"
        began = time.monotonic()
        daemon.send_signal(signal.SIGTERM)
        code = ends(daemon, 120)
        assert code == 0, "SIGTERM: exit code %d" % code
        print("SIGTERM in the middle of work: exit code 0 after %.1f s" % (time.monotonic() - began))
    daemon = folder.start()
    assert becomes(lambda: folder.get("/-/ready")[0] == 200), "it does not begin"
    alerts = lambda: folder.read("alerts.ndjson").splitlines()
    assert becomes(lambda: len(alerts()) >= 1001), "%d alerts" % len(alerts())
    daemon.send_signal(signal.SIGTERM)
    assert ends(daemon, 120) == 0, "SIGTERM: exit code %d" % daemon.returncode
    assert len(alerts()) == 1001, "%d alerts" % len(alerts())
    assert sum('"x: three"' in alert for alert in alerts()) == 1, "x is not there once"


if __name__ == "__main__":
    sys.exit(run(test, "stuck"))
