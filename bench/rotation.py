"""Rotation of a key with many registered DEKs: target 6, line by line.

usage: rotation.py [DEKS ...]

`make bench-rotation` runs it with 100,000 and 1,000,000 and writes
RESULTS-rotation.md; with other numbers it only prints. `run.py` calls short().
A real strongroomd on SoftHSM; DEKs in batches of 1, 8 and 1024; the bare token
and the bare store are measured in the same run, the store on a copy of the
service's own.
"""
import datetime
import hashlib
import json
import os
import pathlib
import sqlite3
import subprocess
import sys
import threading
import time

from place import BUILD, Place, Ratio, Service, finish, machine

RESULTS = pathlib.Path(__file__).resolve().parent / "RESULTS-rotation.md"
SIZES = (100_000, 1_000_000)

BATCHES = (1, 8, 1024)
CHUNK = 512  # of src/registry/job_runner.cc
LIVE = "bench/live"
LIVE_RATE = 200
LIVE_ROUNDS = 5


class Line:
    """A line of the target beside what was measured."""

    def __init__(self, what, target, measured, met=None):
        """Without a `met` it explains others, and has no target."""
        self.missed = met is False
        word = {True: "yes", False: "**no**", None: ""}[met]
        self.cells = ["6", what, target, measured, word]
        print(f"  {what}: {measured}; wanted: {target} {word}", flush=True)


def run(program, *arguments, env=None):
    done = subprocess.run([BUILD / "bin" / program, *map(str, arguments)],
                          check=True, capture_output=True, env=env)
    return json.loads(done.stdout)


def bare_token(service):
    """Batches a second if a token did nothing but open and seal one each."""
    token, hsm = service.token, service.installation.settings["hsm"]
    found = run("token_bench", env={
        **os.environ, **token.env,
        "STRONGROOM_BENCH_MODULE": str(token.module),
        "STRONGROOM_BENCH_TOKEN": token.label,
        "STRONGROOM_BENCH_PIN_FILE": str(token.pin_file),
        "STRONGROOM_BENCH_PROFILE": hsm["profile"],
        "STRONGROOM_BENCH_WORKERS": str(hsm.get("workers", 2))})
    return 1 / (1 / found["seal_per_s"] + 1 / found["open_per_s"])


class Rotation:
    """One key with so many DEKs, before and after."""

    def __init__(self, service, deks, in_batch):
        self.service = service
        self.deks = deks
        self.in_batch = in_batch
        self.batches = -(-deks // in_batch)
        self.key = f"bench/rotate-{in_batch}-{deks}"
        self.cli = service.installation.cli(service.daemon)
        self.store = service.installation.settings["store"]["path"]

    def register(self):
        """DEKs registered in a second."""
        self.service.create_key(self.key, max_items=self.in_batch)
        took = run("rotation_client", self.key, self.deks,
                   env=self.service.environment())["seconds"]
        print(f"{self.deks:,} DEKs in batches of {self.in_batch}: registered "
              f"in {took:.1f} s", flush=True)
        return self.deks / took

    def rows(self, sql):
        with sqlite3.connect(f"file:{self.store}?mode=ro", uri=True) as store:
            yield from store.execute(sql + " FROM deks JOIN batches USING "
                                     "(batch_id) JOIN keys ON keys.id = key_id "
                                     "WHERE name = ? ORDER BY batch_id, "
                                     "dek_index", [self.key])

    def digest(self):
        """Of all leaves, in the order of their ids."""
        digest = hashlib.sha256()
        count = 0
        for (leaf,) in self.rows("SELECT leaf"):
            digest.update(leaf)
            count += 1
        if count != self.deks:
            raise AssertionError(f"{count} DEKs are stored; want {self.deks}")
        return digest.hexdigest()

    def bare_store(self):
        """Batches a second if the store did nothing but rewrite them."""
        copy = self.service.installation.dir / "copy"
        copy.mkdir(mode=0o700)
        path = copy / "store.db"
        with sqlite3.connect(f"file:{self.store}?mode=ro", uri=True) as store, \
                sqlite3.connect(path) as target:
            store.backup(target)
        path.chmod(0o600)
        found = run("rotation_store", path, self.key, CHUNK)
        for file in copy.iterdir():
            file.unlink()
        copy.rmdir()
        if found["batches"] != self.batches:
            raise AssertionError(found)
        return found["batches"] / found["seconds"]

    def operations(self):
        return self.cli.json("status")["token_operations"]

    def rewrap(self, beside=None):
        """The job: its rate, and how many token operations the token did
        meanwhile. `beside` is called with the job's id while it runs."""
        before = self.operations()
        job = self.cli.json("job", "start", self.key)["job_id"]
        if beside:
            beside(job)
        while not self.show(job)["finish_time"]:
            time.sleep(0.1)
        operations = self.operations() - before
        found = self.show(job)
        if (found["state"], found["deks_moved"]) != ("DONE", self.deks):
            raise AssertionError(found)
        seconds = self.seconds(job)
        print(f"  rewrapped in {seconds:.2f} s", flush=True)
        return self.batches / seconds, operations

    def show(self, job):
        return self.cli.json("job", "show", self.key, job)

    def seconds(self, job):
        """From its start to its newest progress, by the store's own clock."""
        with sqlite3.connect(f"file:{self.store}?mode=ro", uri=True) as store:
            begun, ended = store.execute(
                "SELECT created_us, updated_us FROM jobs WHERE lower(hex(id)) "
                "= ?", [job.replace("-", "")]).fetchone()
        return (ended - begun) / 1e6


class Watch:
    """The most that the service had resident, and that its journal was."""

    def __init__(self, service):
        self.service = service
        self.journal = str(service.installation.settings["store"]["path"])
        self.journal += "-wal"
        self.resident_kib = self.journal_kib = 0
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._done.set()
        self._thread.join()

    def _run(self):
        while not self._done.wait(0.1):
            self.resident_kib = max(self.resident_kib,
                                    self.service.resident_kib())
            self.journal_kib = max(self.journal_kib,
                                   os.stat(self.journal).st_size >> 10)


def p99(service, seconds):
    """Of Wrap at a steady rate."""
    return finish(service.start_load(
        "wrap", key=LIVE, rate=LIVE_RATE, warm_up=0.5,
        duration=seconds))["latency_us"]["p99"]


def beside_live(rotation, seconds):
    """Lines for Wraps while a job is paused and while it runs, in turn."""
    service, calm, busy = rotation.service, [], []
    each = seconds / LIVE_ROUNDS

    def rounds(job):
        for _ in range(LIVE_ROUNDS):
            rotation.cli.ok("job", "pause", rotation.key, job)
            before = p99(service, each)
            rotation.cli.ok("job", "resume", rotation.key, job)
            beside = p99(service, each)
            if rotation.show(job)["finish_time"]:
                break  # the job was not beside all of it
            calm.append(before)
            busy.append(beside)

    rotation.cli.ok("key", "rotate", rotation.key)
    _, operations = rotation.rewrap(rounds)
    if not busy:
        raise AssertionError("the job ended too soon: want more DEKs")
    ratio = Ratio(busy, calm)
    wraps = int(2 * LIVE_RATE * (seconds + 0.5 * LIVE_ROUNDS) * 1.1)
    # A pause gives up what the token has made and the store has not taken: the
    # chunk that is stored and the one ahead of it.
    again = LIVE_ROUNDS * 2 * 2 * CHUNK
    return [
        Line(f"token operations for each batch, with live Wraps beside it (at "
             f"most {wraps:,}) and {LIVE_ROUNDS} pauses (at most {again:,})",
             "<= 2 and these", f"{operations / rotation.batches:.3f}",
             operations <= 2 * rotation.batches + wraps + again),
        Line(f"p99 of a live Wrap, job under way, against the job paused, "
             f"{len(busy)} times {each:.1f} s each", "<= 2", str(ratio),
             ratio.median <= 2)]


def one(service, deks, in_batch):
    """All lines for one key; it, and its rates."""
    rotation = Rotation(service, deks, in_batch)
    name = f"{deks:,} DEKs in batches of {in_batch}"
    with Watch(service) as watch:
        registered = rotation.register()
        digest = rotation.digest()
        rotation.cli.ok("key", "rotate", rotation.key)
        token, store = bare_token(service), rotation.bare_store()
        rate, operations = rotation.rewrap()
    slower = min(token, store)
    lines = [
        Line(f"{name}: token operations for each batch", "<= 2",
             f"{operations / rotation.batches:.3f}",
             operations <= 2 * rotation.batches),
        Line(f"{name}: leaves before and after", "equal", digest[:16],
             rotation.digest() == digest),
        Line(f"{name}: batches/s against the slower of token and store",
             ">= 0.5", f"{rate / slower:.2f} ({rate:,.0f}; token {token:,.0f}, "
             f"store {store:,.0f})", rate >= slower / 2),
        Line(f"{name}: registered in a second; most memory of the service; "
             "largest journal", "-", f"{registered:,.0f}; "
             f"{watch.resident_kib >> 10} MiB; {watch.journal_kib >> 10} MiB")]
    return lines, rotation, {"job": rate, "registered": registered}


def untouched(service):
    """A file under the same key: nobody but its owner ever opens it."""
    body = service.installation.dir / "body"
    body.write_bytes(os.urandom(1 << 20))
    cli = service.installation.cli(service.daemon)
    cli.ok("key", "create", LIVE)
    cli.ok("file", "encrypt", LIVE, body)
    sealed = body.with_name("body.sr")
    before = (sealed.stat().st_mtime_ns, sealed.read_bytes())

    def line():
        same = (sealed.stat().st_mtime_ns, sealed.read_bytes()) == before
        return Line("bulk bytes read or written (the service is given none; an "
                    "envelope beside it)", "0", "0" if same else "changed",
                    same)
    return line


def measure(place, sizes, live_seconds):
    service = Service(place, "rotation")
    bulk = untouched(service)
    small, large = min(sizes), max(sizes)
    lines, rates, keys = [], {}, {}
    for in_batch in BATCHES:
        for deks in sizes:
            found, keys[in_batch, deks], rates[in_batch, deks] = one(
                service, deks, in_batch)
            lines += found
    for in_batch in BATCHES if large > small else ():
        grown = {what: rates[in_batch, large][what] / of
                 for what, of in rates[in_batch, small].items()}
        lines.append(Line(
            f"batches of {in_batch}: rate with {large:,} DEKs against "
            f"{small:,}", ">= 0.8", f"{grown['job']:.2f}",
            grown["job"] >= 0.8))
        lines.append(Line(
            f"batches of {in_batch}: DEKs registered in a second, the same",
            "-", f"{grown['registered']:.2f}"))
    lines += beside_live(keys[1, large], live_seconds)
    lines.append(bulk())
    service.daemon.stop()
    return lines


def short(place):
    """Rows for run.py, in about a minute."""
    return [line.cells for line in measure(place, (20_000, 150_000), 6)]


def write(head, lines):
    table = "".join("| " + " | ".join(line.cells[1:]) + " |\n"
                    for line in lines)
    RESULTS.write_text(f"""# Results: rotation

Written by `make bench-rotation` on {datetime.date.today().isoformat()}. {head}.
Target 6, with all of its numbers; what is measured is in [README.md](README.md), what
it means in [NOTES.md](NOTES.md#rotation-target-6). Read the ratios: each is of one run.

| what | wanted | measured | met |
|---|---|---|---|
{table}""")
    print(f"wrote {RESULTS}")


def main(sizes):
    head = machine()
    place = Place()
    try:
        lines = measure(place, sizes or SIZES, 30)
    finally:
        place.close()
    if not sizes:
        write(head, lines)
    if any(line.missed for line in lines):
        sys.exit("not every line of the target is met")


if __name__ == "__main__":
    main([int(size) for size in sys.argv[1:]])
