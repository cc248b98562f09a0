"""For tests that run a daemon: a folder of its own, `tocsin` in it, and what a daemon says over its control API."""
import http.client
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time


def tocsin_of(build):
    """The program of a build folder, or the program itself."""
    path = os.path.abspath(build)
    return os.path.join(path, "tocsin") if os.path.isdir(path) else path


class Folder:
    """Everything happens in it. A daemon's control API is the socket `control` there."""

    def __init__(self, tocsin, prefix):
        self.tocsin = tocsin
        self.folder = tempfile.mkdtemp(prefix="tocsin-%s-" % prefix)
        self.daemons = []

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, text):
        with open(self.path(name), "w") as file:
            file.write(text)

    def read(self, name):
        if not os.path.exists(self.path(name)):
            return ""
        with open(self.path(name)) as file:
            return file.read()

    def ask(self, *words):
        """A command, to its end."""
        return subprocess.run([self.tocsin, *words], cwd=self.folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              text=True)

    def start(self, *options, **environment):
        """A daemon; what it says is in `log`."""
        with open(self.path("log"), "a") as log:
            self.daemons = [daemon for daemon in self.daemons if daemon.poll() is None]
            self.daemons.append(subprocess.Popen([self.tocsin, "run", "-c", "tocsin.toml", *options], cwd=self.folder,
                                                 stderr=log, env=dict(os.environ, **environment)))
        return self.daemons[-1]

    def let_go(self):
        """Whoever still runs, runs no longer."""
        for daemon in self.daemons:
            daemon.kill()
            daemon.wait()

    def get(self, path):
        """Status and body of what the control API answers; 0: nobody does."""
        client = http.client.HTTPConnection("localhost", timeout=60)
        client.sock = socket.socket(socket.AF_UNIX)
        client.sock.settimeout(60)
        try:
            client.sock.connect(self.path("control"))
            client.request("GET", path)
            answer = client.getresponse()
            return answer.status, answer.read().decode()
        except OSError as error:
            return 0, str(error)
        finally:
            client.close()

    def status(self):
        code, text = self.get("/api/v1/status")
        return json.loads(text) if code == 200 else {}

    def records(self):
        """How many its sources have brought since it began."""
        return sum(source["records"] for source in self.status().get("sources", []))

    def remove(self):
        shutil.rmtree(self.folder, ignore_errors=True)


def becomes(is_so, seconds=60):
    """Whether it does: a busy machine takes its time, and what is broken stays so."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if is_so():
            return True
        time.sleep(0.05)
    return False


def ends(daemon, seconds=60):
    """Its exit code."""
    try:
        return daemon.wait(seconds)
    except subprocess.TimeoutExpired:
        raise AssertionError("it has not ended after %d s" % seconds)


def run(test, prefix):
    """`test(folder)` for a program that is given a build folder; the folder stays when it fails."""
    folder = Folder(tocsin_of(sys.argv[1]), prefix)
    try:
        test(folder)
    except AssertionError as failed:
        print("FAILED  %s; all of it is in %s" % (failed, folder.folder))
        return 1
    finally:
        folder.let_go()
    folder.remove()
    return 0
