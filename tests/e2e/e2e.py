"""What the end-to-end tests share: starting and stopping the real programs.

Everything is made in a directory of the test's own, addresses have port 0, and
every process is ended by its pid. A failing test keeps its directory and shows
the end of the logs.
"""
import base64
import ctypes
import json
import os
import pathlib
import re
import resource
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
import unittest
import urllib.request

BUILD = pathlib.Path(os.environ["STRONGROOM_BUILD"])
SOURCE = pathlib.Path(__file__).resolve().parent.parent.parent
STRONGROOMD = str(BUILD / "bin/strongroomd")
STRONGROOM = str(BUILD / "bin/strongroom")
PROBE = str(BUILD / "bin/e2e_probe")
FULL_DISK = str(BUILD / "lib/e2e_full_disk.so")
SHIM = str(BUILD / "lib/strongroom_shim.so")

# Long, because machines are busy; nothing waits for it to pass.
PATIENCE_S = 60

_LIBC = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1


def first_existing(package, *paths):
    for path in paths:
        if os.path.exists(path):
            return path
    raise AssertionError(f"found none of {paths}; install {package}")


def softhsm_module():
    return first_existing(
        "softhsm2", "/usr/lib/softhsm/libsofthsm2.so",
        "/usr/lib/x86_64-linux-gnu/softhsm/libsofthsm2.so",
        "/usr/lib/aarch64-linux-gnu/softhsm/libsofthsm2.so")


def nss_module():
    return first_existing(
        "libnss3", "/usr/lib/x86_64-linux-gnu/libsoftokn3.so",
        "/usr/lib/x86_64-linux-gnu/nss/libsoftokn3.so",
        "/usr/lib/aarch64-linux-gnu/libsoftokn3.so",
        "/usr/lib/aarch64-linux-gnu/nss/libsoftokn3.so")


def b64(data):
    return base64.b64encode(data).decode()


def unb64(text):
    return base64.b64decode(text, validate=True)


def run(*command, env=None, **more):
    """Runs a tool that must succeed, and gives its standard output."""
    done = subprocess.run([str(c) for c in command], capture_output=True,
                          env={**os.environ, **(env or {})}, **more)
    if done.returncode != 0:
        raise AssertionError(f"{command}: exit {done.returncode}\n"
                             f"{done.stdout.decode()}{done.stderr.decode()}")
    return done.stdout.decode()


def attempt(*command):
    """Runs a tool that may fail; all it says."""
    done = subprocess.run([str(c) for c in command], capture_output=True,
                          stdin=subprocess.DEVNULL, timeout=PATIENCE_S)
    return (done.stdout + done.stderr).decode(errors="replace")


def wait_until(what, condition):
    """For what another process does in its own time."""
    end = time.monotonic() + PATIENCE_S
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"gave up waiting until {what}")
        time.sleep(0.01)


def _end_with_parent():
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


def _prepare(files):
    """In the child: `files` are the soft and hard limit on open ones."""
    if files is not None:
        resource.setrlimit(resource.RLIMIT_NOFILE, files)
    _end_with_parent()


class Daemon:
    """One strongroomd process; its output goes to files."""

    def __init__(self, test, arguments, env=None, user=None, files=None):
        self._test = test
        self.number = test.next_number()
        self.out_path = test.dir / f"strongroomd.{self.number}.out"
        self.err_path = test.dir / f"strongroomd.{self.number}.err"
        # LeakSanitizer cannot look into a process that hides its memory.
        environment = {"ASAN_OPTIONS": "detect_leaks=0", **os.environ,
                       **(env or {})}
        program, credentials = STRONGROOMD, {}
        if user is not None:
            # The build may lie where that user cannot go.
            program = shutil.copy(STRONGROOMD, test.dir / "strongroomd")
            credentials = {"user": user, "group": user, "extra_groups": []}
        with open(self.out_path, "wb") as out, open(self.err_path, "wb") as err:
            self.process = subprocess.Popen(
                [program, *map(str, arguments)],
                stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                env=environment, preexec_fn=lambda: _prepare(files),
                **credentials)
        test.addCleanup(self.kill)

    @property
    def pid(self):
        return self.process.pid

    def out(self):
        return self.out_path.read_text()

    def err(self):
        return self.err_path.read_text()

    def wait_ready(self):
        def ready():
            if self.process.poll() is not None:
                raise AssertionError(
                    f"strongroomd ended with {self.process.returncode}:\n"
                    + self.err())
            return re.search(r"^ready grpc=(\S+) metrics=(\S+)$", self.out(),
                             re.M)
        wait_until("strongroomd is ready", ready)
        self.address, self.metrics_address = ready().groups()
        return self

    def signal(self, number):
        self.process.send_signal(number)

    def wait(self):
        return self.process.wait(PATIENCE_S)

    def stop(self):
        """Stops it as an operator would; it must end well."""
        self.signal(signal.SIGTERM)
        self._test.assertEqual(self.wait(), 0, self.err())

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()

    def memory_peak_kib(self):
        """The most it was ever resident."""
        status = pathlib.Path(f"/proc/{self.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1])

    def wait_log(self, text):
        wait_until(f"the log has {text!r}", lambda: text in self.err())

    def metrics(self):
        with urllib.request.urlopen(f"http://{self.metrics_address}/metrics",
                                    timeout=PATIENCE_S) as page:
            return page.read().decode()

    def metric(self, name, **labels):
        """The sum of what has at least these labels."""
        total = 0.0
        found = False
        for line in self.metrics().splitlines():
            match = re.match(r"(\w+)(?:\{(.*)\})? (\S+)$", line)
            if match is None or match[1] != name:
                continue
            has = dict(re.findall(r'(\w+)="([^"]*)"', match[2] or ""))
            if labels.items() <= has.items():
                total += float(match[3])
                found = True
        self._test.assertTrue(found, f"no metric {name} {labels}")
        return total


class Probe:
    """Calls by the probe program (probe.cc), with one identity."""

    def __init__(self, test, address, ca, cert=None, key=None, threads=8):
        command = [PROBE, "--address", address, "--ca", str(ca),
                   "--threads", str(threads)]
        if cert is not None:
            command += ["--cert", str(cert), "--key", str(key)]
        self._process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            preexec_fn=_end_with_parent)
        self._lock = threading.Lock()
        # Apart, or large requests and large answers wait for each other.
        self._writing = threading.Lock()
        self._next = 0
        self._waiting = {}
        self._reader = threading.Thread(target=self._read)
        self._reader.start()
        test.addCleanup(self.close)

    def _read(self):
        for line in self._process.stdout:
            answer = json.loads(line)
            with self._lock:
                slot = self._waiting.pop(answer["id"])
            slot[1] = answer
            slot[0].set()
        with self._lock:
            left, self._waiting = list(self._waiting.values()), {}
        for slot in left:
            slot[0].set()

    def start(self, method, request=None, **more):
        """Begins a call; finish() gives its answer."""
        slot = [threading.Event(), None]
        with self._lock:
            self._next += 1
            command = {"id": self._next, "method": method, **more}
            if request is not None:
                command["request"] = request
            self._waiting[self._next] = slot
        line = json.dumps(command).encode() + b"\n"
        with self._writing:
            self._process.stdin.write(line)
            self._process.stdin.flush()
        return slot

    def finish(self, slot):
        if not slot[0].wait(2 * PATIENCE_S) or slot[1] is None:
            raise AssertionError("the probe gave no answer")
        return slot[1]

    def call(self, method, request=None, **more):
        return self.finish(self.start(method, request, **more))

    def ok(self, method, request=None, **more):
        """A call that must succeed; its response."""
        answer = self.call(method, request, **more)
        if answer["code"] != "OK":
            raise AssertionError(f"{method}: {answer}")
        return answer.get("response")

    def close(self):
        if self._process.poll() is None:
            self._process.kill()
        self._process.wait()
        self._reader.join()
        if not self._process.stdin.closed:
            try:
                self._process.stdin.close()
            except BrokenPipeError:
                pass
        self._process.stdout.close()


class Cli:
    """The strongroom program, with one identity."""

    def __init__(self, address, ca, cert, key, **env):
        self.env = {"STRONGROOM_ADDR": address, "STRONGROOM_CA": str(ca),
                    "STRONGROOM_CERT": str(cert), "STRONGROOM_KEY": str(key),
                    "ASAN_OPTIONS": "detect_leaks=0", **env}

    def run(self, *arguments, stdin=b""):
        return subprocess.run([STRONGROOM, *map(str, arguments)], input=stdin,
                              capture_output=True, timeout=2 * PATIENCE_S,
                              env={**os.environ, **self.env})

    def ok(self, *arguments, stdin=b""):
        done = self.run(*arguments, stdin=stdin)
        if done.returncode != 0:
            raise AssertionError(f"strongroom {arguments}: exit "
                                 f"{done.returncode}: {done.stderr.decode()}")
        return done.stdout

    def json(self, *arguments):
        return json.loads(self.ok("--output", "json", *arguments))


class E2eTest(unittest.TestCase):
    maxDiff = None

    def run(self, result=None):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="strongroom-e2e-"))
        self._numbers = 0
        before = len(result.failures) + len(result.errors)
        super().run(result)
        if len(result.failures) + len(result.errors) == before:
            shutil.rmtree(self.dir)
            return
        print(f"\nkept: {self.dir}", file=sys.stderr)
        for log in sorted(self.dir.glob("strongroomd.*.err")):
            tail = log.read_text().splitlines()[-20:]
            print(f"--- {log.name}\n" + "\n".join(tail), file=sys.stderr)

    def next_number(self):
        self._numbers += 1
        return self._numbers

    def write(self, name, text, mode=0o600):
        path = self.dir / name
        path.write_text(text)
        path.chmod(mode)
        return path

    def start_dev(self, name="dev"):
        """`strongroomd dev` on DIR/name, ready."""
        directory = self.dir / name
        daemon = Daemon(self, ["dev", "--dir", directory, "--listen",
                               "127.0.0.1:0", "--metrics", "127.0.0.1:0"])
        daemon.wait_ready()
        daemon.dir = directory
        return daemon

    def dev_identity(self, daemon):
        tls = daemon.dir / "tls"
        return {"ca": tls / "ca.crt", "cert": tls / "client.crt",
                "key": tls / "client.key"}

    def dev_probe(self, daemon, threads=8):
        return Probe(self, daemon.address, **self.dev_identity(daemon),
                     threads=threads)

    def dev_cli(self, daemon):
        return Cli(daemon.address, **self.dev_identity(daemon))

    def assert_refused(self, answer, code, reason, *parts):
        """The answer is this error, and its message has these parts."""
        self.assertEqual((answer["code"], answer.get("reason")), (code, reason),
                         answer)
        self.assertEqual(answer.get("domain"), "strongroom", answer)
        for part in parts:
            self.assertIn(part, answer["message"])

    def assert_cli_refused(self, done, exit_code, reason, *parts):
        error = done.stderr.decode()
        self.assertEqual(done.returncode, exit_code, error)
        self.assertRegex(error, rf"^strongroom: {reason}: \S")
        for part in parts:
            self.assertIn(part, error)


def new_pin():
    return secrets.token_hex(12)


def audit_lines(path):
    return [json.loads(line) for line in
            pathlib.Path(path).read_text().splitlines()]
