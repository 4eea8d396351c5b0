"""Servers to measure: strongroomd_echo as `serve` runs it, on SoftHSM or on
SoftHSM behind the shim, and strongroom-bench as its caller."""
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile

SOURCE = pathlib.Path(__file__).resolve().parent.parent
BUILD = pathlib.Path(os.environ["STRONGROOM_BUILD"])
sys.path.insert(0, str(SOURCE / "tests/e2e"))
import e2e  # noqa: E402
import serve  # noqa: E402

e2e.STRONGROOMD = str(BUILD / "bin/strongroomd_echo")
LOAD = str(BUILD / "bin/strongroom-bench")

POLICY = """\
  - name: administrators
    who: ["cn:admin", "cn:victim", "cn:greedy"]
    may: [use, manage, observe]
    keys: ["**"]
"""


class Place:
    """A directory, and what was started in it. Takes the part of a test in the
    helpers of tests/e2e."""

    def __init__(self):
        self.dir = pathlib.Path(tempfile.mkdtemp(prefix="strongroom-bench-"))
        self._numbers = 0
        self._cleanups = []

    def next_number(self):
        self._numbers += 1
        return self._numbers

    def addCleanup(self, function, *arguments):
        self._cleanups.append((function, arguments))

    def assertEqual(self, a, b, message=""):
        if a != b:
            raise AssertionError(f"{a!r} is not {b!r}: {message}")

    def assertTrue(self, value, message=""):
        if not value:
            raise AssertionError(message)

    def close(self):
        for function, arguments in reversed(self._cleanups):
            function(*arguments)
        shutil.rmtree(self.dir)


class Service:
    """One service and its callers."""

    def __init__(self, place, name, shim=False, profile=None, workers=None,
                 limits=None):
        token = (place.dir / f"{name}-token")
        token = serve.ShimmedSoftHsm(token) if shim else serve.SoftHsm(token)
        # A log line for each call would be what is measured.
        token.env.pop("STRONGROOM_SHIM_LOG", None)
        self.token = token
        self.installation = serve.Installation(place, token, name)
        self.installation.set_policy(POLICY)
        hsm = self.installation.settings["hsm"]
        if profile:
            hsm["profile"] = profile
        if workers:
            hsm["workers"] = workers
        if limits:
            self.installation.settings["limits"] = limits
        self.daemon = self.installation.start()
        self._callers = {"admin": self.installation.admin}

    @property
    def pid(self):
        return self.daemon.pid

    def latency(self, microseconds):
        """Each token operation takes so long from now on."""
        self.token.direct(f"latency C_Encrypt {microseconds}us\n"
                          f"latency C_Decrypt {microseconds}us\n"
                          if microseconds else "")

    def environment(self, who="admin"):
        if who not in self._callers:
            self._callers[who] = self.installation.pki.make(who)
        caller = self._callers[who]
        return {**os.environ, "STRONGROOM_ADDR": self.daemon.address,
                "STRONGROOM_CA": str(self.installation.pki.ca),
                "STRONGROOM_CERT": str(caller["cert"]),
                "STRONGROOM_KEY": str(caller["key"])}

    def start_load(self, workload, who="admin", **options):
        command = [LOAD, "run", "--workload", workload, "--json", "-"]
        for name, value in options.items():
            flag = "--" + name.replace("_", "-")
            command += [flag] if value is True else [flag, str(value)]
        return subprocess.Popen(command, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE,
                                env=self.environment(who))

    def load(self, workload, may_fail=False, **options):
        """One point; all requests must be answered well."""
        return finish(self.start_load(workload, **options), may_fail)

    def load_with_cpu(self, workload, **options):
        """A point, and the service's processor time for each request of it."""
        before = self.cpu_seconds()
        point = self.load(workload, **options)
        point["service_us"] = (
            1e6 * (self.cpu_seconds() - before) / point["requests_per_s"]
            / (options["warm_up"] + options["duration"]))
        return point

    def create_key(self, name, **settings):
        arguments = [f"--{key.replace('_', '-')}={value}"
                     for key, value in settings.items()]
        self.installation.cli(self.daemon).ok("key", "create", name,
                                              *arguments)

    def resident_kib(self):
        with open(f"/proc/{self.pid}/status") as status:
            for line in status:
                if line.startswith("VmRSS:"):
                    return int(line.split()[1])
        raise AssertionError("no VmRSS")

    def cpu_seconds(self):
        with open(f"/proc/{self.pid}/stat") as stat:
            fields = stat.read().rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def finish(process, may_fail=False):
    out, err = process.communicate()
    if process.returncode != 0 and not may_fail:
        raise AssertionError(err.decode())
    result = json.loads(out)
    return result["knee"] if "knee" in result else result["points"][-1]


def in_turn(rounds, measures):
    """Runs each of the measures in turn, `rounds` times; a list for each."""
    found = {name: [] for name in measures}
    for _ in range(rounds):
        for name, measure in measures.items():
            found[name].append(measure())
    return found


class Ratio:
    """A ratio of each round; the median counts."""

    def __init__(self, above, below):
        self.all = [a / b for a, b in zip(above, below)]
        self.median = statistics.median(self.all)

    def __str__(self):
        return (f"{self.median:.2f} ({min(self.all):.2f} to "
                f"{max(self.all):.2f})")


def machine():
    point = subprocess.run(["lscpu"], capture_output=True, text=True).stdout
    model = re.search(r"Model name:\s*(.*)", point)
    memory = re.search(r"MemTotal:\s*(\d+)",
                       pathlib.Path("/proc/meminfo").read_text())
    system = re.search(r'PRETTY_NAME="(.*)"',
                       pathlib.Path("/etc/os-release").read_text())
    load = os.getloadavg()[0]
    return (f"{model[1] if model else 'unknown processor'}, "
            f"{os.cpu_count()} cores, {int(memory[1]) // 2**20} GiB, "
            f"{system[1]}, kernel {os.uname().release}; load average "
            f"{load:.1f} when it began")
