#!/usr/bin/python3
"""What a daemon says at /metrics is what Prometheus reads, by Prometheus's own parser, and keeps to its conventions; what
the tables of docs/control.md say is there is there.

usage: metrics_test.py BUILD

Debian's python3, not another that may stand before it: python3-prometheus-client is Debian's, too. Where promtool is
installed, it is asked as well.
"""
import os
import re
import shutil
import signal
import subprocess
import sys

from prometheus_client.parser import text_string_to_metric_families

from daemon import becomes, ends, run

RULES = """event a has k text, ts time
  timestamp ts in ms
rule three
  when 3 a within 1h by k
  alert "{k}"
rule two
  when 2 a within 1h by k
  alert "{k}"
"""
CONFIG = """rules = "a.rules"
[source.one-in]
file = { path = "in.ndjson", follow = true }
format = "json"
event = "a"
[source.other]
file = { path = "other.ndjson", follow = true }
format = "json"
event = "a"
[sink.alerts]
file = { path = "alerts.ndjson" }
[sink.dead]
file = { path = "dead.ndjson" }
[sinks]
default = ["alerts"]
dead_letter = "dead"
[state]
epoch = "50ms"
checkpoint = { every = "200ms", min_pause = "50ms" }
[control]
socket = "control"
[http]
listen = ""
"""
# Of these alone, and the whole word: seconds and bytes, not their parts.
PARTS = {"ms", "us", "milliseconds", "microseconds", "minutes", "hours", "days", "kb", "mb", "kib", "mib", "kilobytes",
         "megabytes", "percent", "gauge", "counter", "sum", "count", "bucket", "info"}


def complaints(text):
    """What is no metric as Prometheus wants it."""
    out = []
    if not text.endswith("\n"):
        out.append("the last line does not end")
    kinds = dict(re.findall(r"^# TYPE (\S+) (\S+)$", text, re.M))
    helps = dict(re.findall(r"^# HELP (\S+) (.+)$", text, re.M))
    seen, families = set(), []
    for line in text.splitlines():
        name = re.match(r"(?:# \w+ )?([^ {]*)", line)[1]
        if not families or families[-1] != name:
            families.append(name)
    out += ["%s is not told together" % name for name in set(families) if families.count(name) > 1]
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            name, labels = sample.name, tuple(sorted(sample.labels.items()))
            if (name, labels) in seen:
                out.append("%s comes twice with %s" % (name, labels))
            seen.add((name, labels))
            if kinds.get(name) not in ("counter", "gauge"):
                out.append("%s has no type" % name)
            if not helps.get(name):
                out.append("%s has no help" % name)
            if (kinds.get(name) == "counter") != name.endswith("_total"):
                out.append("%s: counters end in _total, and nothing else does" % name)
            if not re.fullmatch(r"tocsin(_[a-z0-9]+)+", name):
                out.append("%s is no name" % name)
            if name != "tocsin_build_info" and PARTS & set(name.split("_")):
                out.append("%s: no units but seconds and bytes, and no kind in the name" % name)
            out += ["%s: label %s" % (name, label) for label, _ in labels if not re.fullmatch("[a-z][a-z0-9_]*", label)]
    return out


def control():
    """It complains of what is wrong."""
    good = '# HELP tocsin_x_total X\n# TYPE tocsin_x_total counter\ntocsin_x_total{a="b"} 1\n'
    assert complaints(good) == [], complaints(good)
    for bad in (good[:-1], good + 'tocsin_x_total{a="b"} 2\n', good.replace("_total", ""), good.replace("# HELP", "# "),
                good.replace("# TYPE", "# "), good.replace("x_total", "x_ms_total"), good.replace('a="b"', 'A="b"'),
                good.replace("counter", "gauge"), good.replace("tocsin_x", "tocsinX"),
                good + "# TYPE tocsin_y gauge\n# HELP tocsin_y Y\ntocsin_y 1\n" + 'tocsin_x_total{a="c"} 1\n'):
        assert complaints(bad), "nothing is wrong with " + bad


def test(folder):
    control()
    folder.write("a.rules", RULES)
    folder.write("tocsin.toml", CONFIG)
    folder.write("in.ndjson", "".join('{"k":"x","ts":%d}\n' % ts for ts in range(1000, 9000, 1000)) + "no JSON\n")
    folder.write("other.ndjson", '{"k":"y","ts":9000}\n')
    daemon = folder.start()
    assert becomes(lambda: "tocsin_last_checkpoint_size_bytes" in folder.get("/metrics")[1]), folder.read("log")
    folder.write("a.rules", RULES.replace("3 a", "4 a"))
    asked = folder.ask("reload", "--addr", "unix:control", "--timeout", "60s")
    assert asked.returncode == 0, asked.stdout
    text = folder.get("/metrics")[1]
    assert complaints(text) == [], complaints(text)
    with open(os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../docs/control.md")) as file:
        documented = re.findall(r"^\| `(tocsin_\w+)` \| (counter|gauge) \| (.*?) \| (.+) \|$", file.read(), re.M)
    assert len(documented) > 30, "docs/control.md has no table"
    families = {sample.name: sample for family in text_string_to_metric_families(text) for sample in family.samples}
    for name, kind, labels, what in documented:
        if name == "tocsin_rebuild_done_ratio":  # nothing is being rebuilt
            continue
        assert name in families, "%s is not there" % name
        assert "# TYPE %s %s\n" % (name, kind) in text and "# HELP %s %s\n" % (name, what) in text, name
        assert sorted(families[name].labels) == sorted(labels.split()), "%s: labels" % name
    assert set(families) <= {name for name, *_ in documented}, "not documented: %s" % families.keys()
    if shutil.which("promtool"):
        asked = subprocess.run(["promtool", "check", "metrics"], input=text, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True)
        assert asked.returncode == 0, "promtool: " + asked.stdout
        print("promtool has nothing to say")
    daemon.send_signal(signal.SIGTERM)
    assert ends(daemon) == 0, "SIGTERM: exit code %d" % daemon.returncode


if __name__ == "__main__":
    sys.exit(run(test, "metrics"))
