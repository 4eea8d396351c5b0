"""A device that is asked for ten times what it does."""
import re
import threading

from place import Ratio, Service, finish, in_turn

SESSIONS = 8
QUEUE = 4096  # items that may wait: the least that the service allows


def device_bound(place, rounds):
    """[(what, target, measured, met)]: 5 ms x 8 sessions, max_items = 1. The
    peak is that of a closed loop, which never has more under way than may
    wait."""
    service = Service(place, "overload", shim=True, profile="generic",
                      workers=SESSIONS, limits={"max_queued_items": QUEUE})
    service.create_key("bench/single", max_items=1)
    service.latency(5000)
    load = {"key": "bench/single", "connections": 8, "warm_up": 1,
            "duration": 2.5}
    peak = service.load("wrap", in_flight=256, **load)["requests_per_s"]
    before = service.resident_kib()
    resident = []

    def flood():
        process = service.start_load("wrap", rate=f"{10 * peak:.0f}",
                                     in_flight=3 * QUEUE, **load)
        done = threading.Event()

        def watch():
            while not done.wait(0.2):
                resident.append(service.resident_kib())

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            return finish(process, may_fail=True)
        finally:
            done.set()
            watcher.join()

    found = in_turn(min(rounds, 3), {
        "peak": lambda: service.load("wrap", in_flight=256, **load),
        "flood": flood})
    goodput = Ratio([p["requests_per_s"] for p in found["flood"]],
                    [p["requests_per_s"] for p in found["peak"]])
    refused = sum(p["failed"] for p in found["flood"])
    others = {error for p in found["flood"] for error in p.get("errors", {})
              if not re.match(r"RESOURCE_EXHAUSTED: .* wait for the token",
                              error)}
    bound = 1.5 * QUEUE / peak
    wait = max(p["good_latency_us"]["p99"] for p in found["flood"]) / 1e6
    grown = (max(resident) - before) / 1024
    service.daemon.stop()
    return [
        ("device-bound (5 ms, 8 sessions, max_items = 1), ten times its peak "
         f"of {peak:.0f}/s offered: goodput against the peak", ">= 0.9",
         goodput, goodput.median >= 0.9),
        (f"... the {refused} that failed were told that the queue is full",
         "all", "all" if not others else "; ".join(sorted(others)),
         refused > 0 and not others),
        ("... p99 of what was let in, s: at most one and a half "
         f"times what a queue of {QUEUE} takes", f"<= {bound:.1f}",
         f"{wait:.1f}", wait <= bound),
        ("... memory beyond that at the peak, MiB", "<= 256", f"{grown:.0f}",
         grown <= 256)]

