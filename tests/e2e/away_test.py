#!/usr/bin/env python3
"""A webhook is away for hundreds of epochs, over a kill and a stop: what is kept for it does not slow down anything, and
when it is back it gets every alert, in order, at least once.

usage: away_test.py BUILD (the build folder, or the program)
"""
import http.server
import json
import os
import signal
import socket
import sys
import threading
import time

import daemon

RULES = """event tick has key text, n int, ts time
  timestamp ts in ms
rule seen
  when tick by key
  alert "{tick.n}"
"""
CONFIG = """rules = "rules.rules"
[source.ticks]
file = { path = "ticks.ndjson", follow = true }
format = "json"
event = "tick"
[sink.kept]
file = { path = "alerts.ndjson" }
[sink.hook]
http = { url = "http://127.0.0.1:%d/" }
[sinks]
default = ["kept", "hook"]
[state]
dir = "state"
epoch = "20ms"
checkpoint = { every = "200ms", min_pause = "50ms" }
[http]
listen = ""
"""
EPOCHS = 400
# What may be left of so many once nothing new comes: they are merged though nobody takes their alerts.
DELTAS_MAX = 10


class Receiver(http.server.BaseHTTPRequestHandler):
    got = []

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        Receiver.got += [alert["alert_id"] for alert in (body if isinstance(body, list) else [body])]
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class Away:
    def __init__(self, folder):
        self.folder = folder
        # Nobody listens there, and nobody else can meanwhile.
        self.socket = socket.socket()
        self.socket.bind(("127.0.0.1", 0))
        folder.write("rules.rules", RULES)
        folder.write("tocsin.toml", CONFIG % self.socket.getsockname()[1])
        self.ticks = open(folder.path("ticks.ndjson"), "w")
        self.given = 0

    def path(self, name):
        return self.folder.path(name)

    def start(self):
        self.daemon = self.folder.start()

    def alerts(self):
        with open(self.path("alerts.ndjson")) as file:
            return [json.loads(line)["alert_id"] for line in file if line.endswith("\n")]

    def deltas(self):
        return len([name for name in os.listdir(self.path("state/deltas")) if name.endswith(".delta")])

    def tick(self, count):
        for _ in range(count):
            self.given += 1
            self.ticks.write('{"key":"k%d","n":%d,"ts":%d}\n' % (self.given % 50, self.given, 1771000000000 + self.given))
        self.ticks.flush()

    def serve(self):
        server = http.server.ThreadingHTTPServer(self.socket.getsockname(), Receiver, bind_and_activate=False)
        server.socket.close()
        server.socket = self.socket
        server.server_activate()
        threading.Thread(target=server.serve_forever, daemon=True).start()
        return server

    def until(self, what, is_so, patience=60):
        deadline = time.monotonic() + patience
        while not is_so():
            if self.daemon.poll() is not None:
                raise AssertionError("%s: the daemon ended by itself with %d" % (what, self.daemon.returncode))
            if time.monotonic() > deadline:
                raise AssertionError(what)
            time.sleep(0.02)

    def epoch(self):
        names = sorted(os.listdir(self.path("state/deltas")))
        return int(names[-1].split(".")[0]) if names else 0

    def live(self, epochs):
        """So many epochs, each with alerts that nobody takes; they are merged all the same. Answers the most deltas there
        were at one time."""
        most = 0
        first = self.epoch()
        deadline = time.monotonic() + 120
        while self.epoch() < first + epochs:
            self.tick(3)
            time.sleep(0.02)
            most = max(most, self.deltas())
            if self.daemon.poll() is not None:
                raise AssertionError("the daemon ended by itself with %d" % self.daemon.returncode)
            if time.monotonic() > deadline:
                raise AssertionError("epochs do not go on: %d of %d" % (self.epoch() - first, epochs))
        self.until("epochs are not merged while the webhook is away", lambda: self.deltas() <= DELTAS_MAX)
        return most

    def stop(self):
        self.daemon.send_signal(signal.SIGTERM)
        code = daemon.ends(self.daemon)
        if code != 0:
            raise AssertionError("SIGTERM: exit code %d" % code)

    def run(self):
        self.start()
        self.until("the first alert", lambda: os.path.exists(self.path("state/deltas")) and self.epoch() > 0)
        most = self.live(EPOCHS // 2)
        self.daemon.kill()
        self.daemon.wait()
        self.start()
        self.tick(1)
        begun = time.monotonic()
        self.until("it judges after a kill", lambda: len(self.alerts()) == self.given)
        took = time.monotonic() - begun
        most = max(most, self.live(EPOCHS // 2))
        self.stop()
        if self.deltas() != 1:
            raise AssertionError("%d deltas after a stop" % self.deltas())
        self.start()
        self.tick(2)
        self.until("it judges after a stop", lambda: len(self.alerts()) == self.given)
        if Receiver.got:
            raise AssertionError("the webhook was not away")
        server = self.serve()
        kept = self.alerts()
        self.until("the webhook has everything", lambda: len(set(Receiver.got)) >= len(kept), 120)
        self.stop()
        server.shutdown()
        kept, got = self.alerts(), list(dict.fromkeys(Receiver.got))
        if len(kept) != len(set(kept)) or len(kept) != self.given:
            raise AssertionError("the file has %d alerts, %d of them different, of %d" % (len(kept), len(set(kept)), self.given))
        if got != kept:
            raise AssertionError("the webhook got %d different alerts, the file %d, or in another order" % (len(got), len(kept)))
        print("%d epochs without the webhook, at most %d deltas; %.1f s from a start after a kill to its first alert; %d alerts in order" % (
            EPOCHS, most, took, len(got)))


def test(folder):
    away = Away(folder)
    try:
        away.run()
    finally:
        if away.daemon.poll() is None:
            away.daemon.kill()


if __name__ == "__main__":
    sys.exit(daemon.run(test, "away"))
