"""Measures everything and writes bench/RESULTS.md; see README.md.

usage: run.py all|soak      STRONGROOM_BUILD names the build
STRONGROOM_BENCH_QUICK=1 only looks whether all of it runs: RESULTS.md stays.
Long because it runs every program of this folder and writes one page.
"""
import datetime
import json
import os
import pathlib
import statistics
import subprocess
import sys
import threading
import time

import files
import overload as flood
import rotation
from place import BUILD, Place, Ratio, Service, finish, in_turn, machine
from shares import shares

# A look at whether all of it runs, in a few minutes; its numbers mean nothing.
QUICK = "STRONGROOM_BENCH_QUICK" in os.environ
ROUNDS = 1 if QUICK else 5
SHORT = ({"warm_up": 0.3, "duration": 0.7} if QUICK
         else {"warm_up": 0.3, "duration": 1.5})
RESULTS = pathlib.Path(__file__).resolve().parent / "RESULTS.md"


def rate(point):
    return point["requests_per_s"]


def latency(point, quantile):
    return point["latency_us"][quantile]


def column(points, of, *arguments):
    return [of(point, *arguments) for point in points]


class Row:
    """A target beside what was measured."""

    def __init__(self, number, what, target, measured, met):
        asked = target != "-"
        self.cells = [number, what, target, str(measured),
                      ("yes" if met else "**no**") if asked else ""]
        print(f"  {number} {what}: {measured}, want {target}: "
              f"{'met' if met else 'NOT MET'}" if asked else
              f"  {what}: {measured}", flush=True)


def batches(service):
    """Target 1: one token operation, a thousand DEKs."""
    service.create_key("bench/one", max_items=1)
    found = in_turn(ROUNDS, {
        "batch": lambda: service.load("batch-wrap", in_flight=8, **SHORT),
        "plain": lambda: service.load("batch-wrap-plain", in_flight=8,
                                      **SHORT),
        "one": lambda: service.load("batch-wrap", key="bench/one",
                                    in_flight=8, **SHORT)})
    items = {name: [p["items_per_s"] for p in points]
             for name, points in found.items()}
    median = statistics.median(items["batch"])
    gain = Ratio(items["batch"], items["one"])
    return [Row("1", "BatchWrap of 1024, compact answer, DEK/s, client "
                "included", ">= 1,000,000", f"{median:,.0f} "
                f"({min(items['batch']):,.0f} to {max(items['batch']):,.0f})",
                median >= 1e6),
            Row("1", "the same against a key with max_items = 1", ">= 20x",
                f"{gain}x", gain.median >= 20),
            Row("1", "compact answer against complete tokens", "-",
                Ratio(items["batch"], items["plain"]), True)]


def unary(service):
    """Targets 2 and 5: what Wrap adds to an RPC that does nothing."""
    busy = in_turn(ROUNDS, {
        name: lambda name=name: service.load_with_cpu(name, in_flight=64,
                                                      **SHORT)
        for name in ("echo", "wrap")})
    ratio = Ratio(column(busy["wrap"], rate), column(busy["echo"], rate))
    half = statistics.median(column(busy["wrap"], rate)) / 2
    calm = in_turn(ROUNDS, {
        name: lambda name=name: service.load(name, rate=f"{half:.0f}",
                                             may_fail=True, **SHORT)
        for name in ("echo", "wrap")})
    tail = Ratio(column(calm["wrap"], latency, "p99"),
                 column(calm["echo"], latency, "p99"))
    cpu = {name: statistics.median(p["service_us"] for p in points)
           for name, points in busy.items()}
    return [Row("2", "unary Wrap, 64 in flight, against an echo of its sizes",
                ">= 0.85", ratio, ratio.median >= 0.85),
            Row("2", f"p99 of Wrap against the echo's at half load "
                f"({half:.0f}/s)", "<= 3", tail, tail.median <= 3),
            Row("2", "processor time of the service for a Wrap, for an echo, "
                "64 in flight, us", "-",
                f"{cpu['wrap']:.1f}, {cpu['echo']:.1f}", True),
            *alone(service)]


def alone(service):
    before = token_seconds(service)
    found = in_turn(ROUNDS, {
        **{name: lambda name=name: service.load(name, in_flight=1,
                                                connections=1, **SHORT)
           for name in ("echo", "wrap")},
        "handoff": lambda: json.loads(subprocess.run(
            [BUILD / "bin/handoff_bench"], check=True,
            capture_output=True).stdout)})
    after = token_seconds(service)
    token_us = 1e6 * (after[0] - before[0]) / (after[1] - before[1])
    over = [wrap - echo - token_us for wrap, echo in
            zip(column(found["wrap"], latency, "p50"),
                column(found["echo"], latency, "p50"))]
    median = statistics.median(over)
    handoff = [point["handoff_us"] for point in found["handoff"]]
    return [Row("5", "one in flight: p50 of Wrap beyond the echo's and the "
                f"token operation ({token_us:.0f} us), us", "<= 15",
                f"{median:.0f} ({min(over):.0f} to {max(over):.0f})",
                median <= 15),
            Row("5", "... of that, to wake a thread that sleeps, here "
                "(handoff_bench), us", "-",
                f"{statistics.median(handoff):.0f} ({min(handoff):.0f} to "
                f"{max(handoff):.0f})", True)]


def streaming(service):
    """What a streaming form could save: ADR 0008."""
    def run(how):
        before = service.cpu_seconds()
        point = json.loads(subprocess.run(
            [BUILD / "bin/stream_bench", how, str(SHORT["duration"])],
            check=True, capture_output=True,
            env=service.environment()).stdout)
        point["service_us"] = (1e6 * (service.cpu_seconds() - before)
                               / (rate(point) * SHORT["duration"]))
        return point

    found = in_turn(ROUNDS, {how: lambda how=how: run(how)
                             for how in ("echo", "stream")})
    cpu = {how: [statistics.median(p[side] for p in points)
                 for side in ("service_us", "client_us")]
           for how, points in found.items()}
    return [Row("stream", "an echo as a message of a stream, against a call",
                "-", Ratio(column(found["stream"], rate),
                           column(found["echo"], rate)), True),
            Row("stream", "... processor time of service and client for such a "
                "message, for such a call, us", "-",
                "{0[0]:.1f} + {0[1]:.1f}, {1[0]:.1f} + {1[1]:.1f}".format(
                    cpu["stream"], cpu["echo"]), True)]


def token_seconds(service):
    """Sum and count of the time that seals took on the token."""
    name = "strongroom_token_operation_seconds"
    return [service.daemon.metric(f"{name}_{part}", operation="seal")
            for part in ("sum", "count")]


def slow_device(service):
    """Targets 3 and 9, on a device of 1 ms and 8 sessions."""
    def wrap(microseconds):
        service.latency(microseconds)
        return service.load("wrap", in_flight=256, cost=True, **SHORT)

    found = in_turn(ROUNDS, {"slow": lambda: wrap(1000),
                             "fast": lambda: wrap(0)})
    ratio = Ratio(column(found["slow"], rate), column(found["fast"], rate))
    deks = statistics.median(p["cost"]["items_per_token_operation"]
                             for p in found["slow"])
    opens = [opened(service, milliseconds) for milliseconds in (1, 5)]
    return [Row("3", "1 ms and 8 sessions, 256 in flight: Wrap against no "
                "added latency", ">= 0.8", ratio, ratio.median >= 0.8),
            Row("3", "DEKs for each token operation there", ">= 10",
                f"{deks:.1f}", deks >= 10),
            *(row for rows in opens for row in rows)]


def opened(service, milliseconds):
    """Target 9; at 5 ms the cores have time for both sides."""
    service.latency(1000 * milliseconds)
    found = in_turn(ROUNDS, {
        "service": lambda: service.load_with_cpu(
            "unwrap-random", batches=200, in_flight=64, **SHORT),
        "token": lambda: bare_token(service)})
    service.latency(0)
    bare = Ratio(column(found["service"], rate),
                 [t["open_per_s"] for t in found["token"]])
    cpu = statistics.median(p["service_us"] for p in found["service"])
    return [Row("9", "random unwrap against the bare token's opens "
                f"({milliseconds} ms, 8 sessions)", ">= 0.85", bare,
                bare.median >= 0.85),
            Row("9", "... processor time of the service for each, us", "-",
                f"{cpu:.0f}", True)]


def bare_token(service):
    """The same kind of token in a process of its own, with the same delay."""
    token, hsm = service.token, service.installation.settings["hsm"]
    out = subprocess.run(
        [BUILD / "bin/token_bench"], check=True, capture_output=True,
        env={**os.environ, **token.env,
             "STRONGROOM_BENCH_MODULE": str(token.module),
             "STRONGROOM_BENCH_TOKEN": token.label,
             "STRONGROOM_BENCH_PIN_FILE": str(token.pin_file),
             "STRONGROOM_BENCH_PROFILE": hsm["profile"],
             "STRONGROOM_BENCH_WORKERS": str(hsm["workers"])}).stdout
    return json.loads(out)


def fairness(service):
    """One caller at 100x beside another, on a device of 1 ms."""
    service.latency(1000)
    calm_rate, greedy_rate = 50, 5000

    def victim():
        return service.load("wrap", who="victim", key="bench/victim",
                            rate=calm_rate, warm_up=0.3, duration=3)

    def beside():
        greedy = service.start_load("wrap", who="greedy", key="bench/greedy",
                                    rate=greedy_rate, warm_up=0, duration=4.5)
        time.sleep(0.5)
        try:
            return victim()
        finally:
            finish(greedy, may_fail=True)

    found = in_turn(ROUNDS, {"alone": victim, "beside": beside})
    ratio = Ratio(column(found["beside"], latency, "p99"),
                  column(found["alone"], latency, "p99"))
    service.latency(0)
    return [Row("fair", f"p99 of a caller at {calm_rate}/s beside one at "
                f"{greedy_rate}/s, against alone (1 ms, 8 sessions)", "<= 2",
                ratio, ratio.median <= 2)]


def overload(service):
    """Ten times the callers must not make it slower."""
    found = in_turn(ROUNDS, {
        count: lambda count=count: service.load("wrap", in_flight=count,
                                                **SHORT)
        for count in (64, 640)})
    ratio = Ratio(column(found[640], rate), column(found[64], rate))
    return [Row("load", "closed loop of 640 against 64", ">= 0.9", ratio,
                ratio.median >= 0.9)]


def keyring():
    """Target 8."""
    found = [json.loads(subprocess.run([BUILD / "bin/keyring_bench"],
                                       check=True, capture_output=True).stdout)
             for _ in range(3)]
    memory = statistics.median(f["resident_mib"] for f in found)
    ready = statistics.median(f["ready_s"] for f in found)
    return [Row("8", "10,000 keys of 5 versions: resident, MiB", "<= 200",
                f"{memory:.0f}", memory <= 200),
            Row("8", "... ready, s", "<= 2", f"{ready:.2f}", ready <= 2)]


def google(program):
    """name -> medians of a Google Benchmark program."""
    out = subprocess.run(
        [BUILD / "bin" / program, f"--benchmark_repetitions={max(ROUNDS, 2)}",
         "--benchmark_min_time=0.05", "--benchmark_format=json",
         "--benchmark_enable_random_interleaving=true"],
        check=True, capture_output=True).stdout
    return {b["run_name"]: b for b in json.loads(out)["benchmarks"]
            if b.get("aggregate_name") == "median"}


def engine(results):
    """Target 4."""
    ratio = results["BM_BareLoopAgainstEngine/128"]["ratio"]
    return [Row("4", "the engine alone, N = 128, against the bare loop",
                ">= 0.85", f"{ratio:.2f}", ratio >= 0.85)]


def micro(results):
    rows = "| program | case | median | throughput |\n|---|---|---|---|\n"
    for program, cases in results.items():
        for name, b in cases.items():
            per_second = (f"{b['bytes_per_second'] / 1e6:,.0f} MB/s"
                          if "bytes_per_second" in b else
                          f"{b['items_per_second']:,.0f} /s"
                          if "items_per_second" in b else "")
            rows += (f"| {program} | {name} | {b['real_time']:,.0f} "
                     f"{b['time_unit']} | {per_second} |\n")
    return rows


def everything():
    began = time.monotonic()
    head = machine()
    day = datetime.date.today().isoformat()
    programs = ["engine_bench", "leaf_bench", "envelope_bench", "policy_bench",
                "store_bench", "audit_bench"]
    print("programs", flush=True)
    results = {program: google(program) for program in programs}
    rows = engine(results["engine_bench"]) + keyring()
    here = Place()
    try:
        print("service", flush=True)
        fast = Service(here, "fast")
        rows += batches(fast) + unary(fast) + streaming(fast)
        rows += overload(fast)
        profile = (shares(fast, "wrap", in_flight=64)
                   + shares(fast, "batch-wrap", in_flight=4))
        print("files", flush=True)
        file_rows, file_section = files.measure(fast, ROUNDS)
        rows += [Row(*cells) for cells in file_rows]
        fast.daemon.stop()
        slow = Service(here, "slow", shim=True, profile="generic", workers=8)
        rows += slow_device(slow) + fairness(slow)
        slow.latency(1000)
        profile += shares(slow, "unwrap-random", batches=200, in_flight=64)
        slow.daemon.stop()
        rows += [Row("load", *row) for row in flood.device_bound(here, ROUNDS)]
        rows += [Row(*cells) for cells in rotation.short(here)]
    finally:
        here.close()
    print("policy table", flush=True)
    table = subprocess.run([BUILD / "bin/policy_table",
                            "0.05" if QUICK else "0.4"], check=True,
                           capture_output=True, text=True).stdout
    write(head, day, rows, profile, file_section, table, micro(results))
    print(f"wrote {RESULTS} after {time.monotonic() - began:.0f} s")


def write(head, day, rows, profile, file_section, table, programs):
    targets = ("| target | what | wanted | measured: median (range) | met |\n"
               "|---|---|---|---|---|\n")
    for row in sorted(rows, key=lambda r: r.cells[0]):
        targets += "| " + " | ".join(row.cells) + " |\n"
    (print if QUICK else RESULTS.write_text)(f"""# Results

Written by `make bench` on {day}. {head}. The client runs on the same cores as the
service. Ratios are medians of {ROUNDS} rounds whose measurements were taken in
turn; read them, not the absolute numbers, and expect both to be lower on a machine
that does other work. What each program measures is in [README.md](README.md), what
the numbers mean for the design in [NOTES.md](NOTES.md).

## Targets

{targets}
## Where the processor time of the service goes

{profile}
## Files

{file_section}
## When a batch is formed

`bin/policy_table`: the real engine, a device that is a timer, one key, Poisson
arrivals.

{table}
## Programs

{programs}""")


def soak():
    """Two minutes at 0.8 of the knee: no error, and the memory stays flat."""
    here = Place()
    try:
        service = Service(here, "soak")
        knee = service.load("mixed", find_knee=True, warm_up=0.5, duration=2)
        wanted = 0.8 * knee["rate_per_s"]
        here.assertTrue(wanted > 0, "no knee was found")
        print(f"knee {knee['rate_per_s']:.0f}/s; two minutes at {wanted:.0f}/s",
              flush=True)
        load = service.start_load("mixed", rate=f"{wanted:.0f}", warm_up=10,
                                  duration=120)
        sizes = []
        done = threading.Event()

        def watch():
            while not done.wait(5):
                sizes.append(service.resident_kib())

        watcher = threading.Thread(target=watch)
        watcher.start()
        point = finish(load, may_fail=True)
        done.set()
        watcher.join()
        service.daemon.stop()
    finally:
        here.close()
    third = len(sizes) // 3
    early = statistics.median(sizes[third // 2:third + third // 2])
    late = statistics.median(sizes[-third:])
    print(f"{rate(point):.0f}/s answered, {point['failed']} failed, p99 "
          f"{latency(point, 'p99'):.0f} us; resident {early / 1024:.1f} MiB "
          f"early, {late / 1024:.1f} MiB late")
    if point["failed"] or late > 1.03 * early:
        sys.exit("soak: errors, or memory that grows by more than 3 %")


if __name__ == "__main__":
    {"all": everything, "soak": soak}[sys.argv[1]]()
