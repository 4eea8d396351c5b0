"""Rotation of a key with many registered DEKs: target 6, line by line.

usage: rotation.py [DEKS ...]     default: 100000 1000000

`make bench-rotation` runs it; `run.py` calls short(). A real strongroomd on
SoftHSM; DEKs in batches of 1, 8 and 1024; the bare token and the bare store are
measured in the same run, the store on a copy of the service's own.
"""
import hashlib
import json
import os
import sqlite3
import subprocess
import sys
import time

from place import BUILD, Place, Service, finish

BATCHES = (1, 8, 1024)
CHUNK = 512  # of src/registry/job_runner.cc
LIVE = "bench/live"
LIVE_RATE = 200


class Line:
    """A line of the target beside what was measured."""

    def __init__(self, what, target, measured, met):
        self.cells = ["6", what, target, measured, met]
        print(f"  {what}: {measured}, want {target}: "
              f"{'met' if met else 'NOT MET'}", flush=True)


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

    def __init__(self, service, deks, in_batch, tag=""):
        self.service = service
        self.deks = deks
        self.in_batch = in_batch
        self.batches = -(-deks // in_batch)
        self.key = f"bench/rotate{tag}-{in_batch}-{deks}"
        self.cli = service.installation.cli(service.daemon)
        self.store = service.installation.settings["store"]["path"]

    def register(self):
        self.service.create_key(self.key, max_items=self.in_batch)
        took = run("rotation_client", self.key, self.deks,
                   env=self.service.environment())["seconds"]
        print(f"{self.deks:,} DEKs in batches of {self.in_batch}: registered "
              f"in {took:.1f} s", flush=True)

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

    def rewrap(self):
        """The job, and how many token operations the token did meanwhile."""
        before = self.operations()
        job = self.cli.json("job", "start", self.key)["job_id"]
        while True:
            time.sleep(0.1)
            found = self.cli.json("job", "show", self.key, job)
            if found["finish_time"]:
                break
        operations = self.operations() - before
        if (found["state"], found["deks_moved"]) != ("DONE", self.deks):
            raise AssertionError(found)
        seconds = self.seconds(job)
        print(f"  rewrapped in {seconds:.2f} s", flush=True)
        return self.batches / seconds, operations

    def seconds(self, job):
        """From its start to its newest progress, by the store's own clock."""
        with sqlite3.connect(f"file:{self.store}?mode=ro", uri=True) as store:
            begun, ended = store.execute(
                "SELECT created_us, updated_us FROM jobs WHERE lower(hex(id)) "
                "= ?", [job.replace("-", "")]).fetchone()
        return (ended - begun) / 1e6


def live(service, seconds, during=None):
    """p99 of Wrap at a steady rate, with or without something beside it."""
    load = service.start_load("wrap", key=LIVE, rate=LIVE_RATE, warm_up=0.5,
                              duration=seconds)
    result = during() if during else None
    return finish(load)["latency_us"]["p99"], result


def one(service, deks, in_batch, live_seconds=0):
    """All lines for one key; gives them with the rate."""
    rotation = Rotation(service, deks, in_batch, "-live" * bool(live_seconds))
    name = f"{deks:,} DEKs in batches of {in_batch}"
    rotation.register()
    digest = rotation.digest()
    rotation.cli.ok("key", "rotate", rotation.key)
    token, store = bare_token(service), rotation.bare_store()
    calm = live(service, live_seconds)[0] if live_seconds else None
    if live_seconds:
        busy, (rate, operations) = live(service, live_seconds, rotation.rewrap)
        wraps = int(LIVE_RATE * (live_seconds + 0.5) * 1.1)
    else:
        rate, operations = rotation.rewrap()
        wraps = 0
    slower = min(token, store)
    lines = [
        Line(f"{name}: token operations for each batch", "<= 2",
             f"{(operations - wraps) / rotation.batches:.3f}" if not wraps else
             f"at most {operations / rotation.batches:.3f}, live Wraps "
             "included",
             operations <= 2 * rotation.batches + wraps),
        Line(f"{name}: leaves before and after", "equal", digest[:16],
             rotation.digest() == digest)]
    if live_seconds:
        lines.append(Line(
            f"p99 of a live Wrap over {live_seconds} s, job under way, against "
            "without", "<= 2", f"{busy / calm:.2f} ({busy:.0f} us, {calm:.0f} "
            "us)", busy <= 2 * calm))
    else:
        lines.append(Line(
            f"{name}: batches/s against the slower of token and store",
            ">= 0.5", f"{rate / slower:.2f} ({rate:,.0f}; token {token:,.0f}, "
            f"store {store:,.0f})", rate >= slower / 2))
    return lines, rate


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


def measure(place, sizes, live_deks, live_seconds):
    service = Service(place, "rotation")
    bulk = untouched(service)
    lines, rates = [], {}
    for in_batch in BATCHES:
        for deks in sizes:
            found, rates[in_batch, deks] = one(service, deks, in_batch)
            lines += found
    for in_batch in BATCHES:
        small, large = (rates[in_batch, deks] for deks in
                        (min(sizes), max(sizes)))
        if len(sizes) > 1:
            lines.append(Line(
                f"batches of {in_batch}: rate with {max(sizes):,} DEKs against "
                f"{min(sizes):,}", ">= 0.8", f"{large / small:.2f}",
                large >= 0.8 * small))
    lines += one(service, live_deks, 1, live_seconds)[0]
    lines.append(bulk())
    service.daemon.stop()
    return lines


def short(place):
    """Rows for run.py, in about a minute."""
    return [line.cells for line in measure(place, (20_000, 80_000), 100_000, 6)]


def main(sizes):
    place = Place()
    try:
        lines = measure(place, sizes, max(max(sizes), 1_000_000), 30)
    finally:
        place.close()
    if not all(line.cells[-1] for line in lines):
        sys.exit("not every line of the target is met")


if __name__ == "__main__":
    main([int(size) for size in sys.argv[1:]] or [100_000, 1_000_000])
