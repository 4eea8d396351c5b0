"""When should a batch that is not full start? A model of one key on one device,
without noise: Poisson arrivals, S sessions of a fixed latency, and a rule that
says whether a partial batch may start now. A batch takes all that waits.

usage: policy_model.py      prints Markdown

Rules:
  limit p   at most p partial batches in flight (the engine's)
  estimate  the smallest number of sessions that serves the estimated arrival
            rate in batches of `wanted` items: p = ceil(rate * latency / wanted),
            at least 1; the rate is a moving average over 32 arrivals
"""
import collections
import heapq
import math
import random

ARRIVALS = 40_000


class Estimate:
    def __init__(self, wanted):
        self.name = f"estimate, {wanted} wanted"
        self.wanted, self.gap, self.last = wanted, None, None

    def arrived(self, now):
        if self.last is not None:
            gap = now - self.last
            self.gap = gap if self.gap is None else self.gap + (gap - self.gap) / 32
        self.last = now

    def allows(self, in_flight, sessions, latency):
        if self.gap is None:
            return in_flight < 1
        wanted = math.ceil(latency / self.gap / self.wanted)
        return in_flight < max(1, min(sessions, wanted))


class Limit:
    def __init__(self, partial):
        self.name, self.partial = f"limit {partial}", partial

    def arrived(self, now):
        pass

    def allows(self, in_flight, sessions, latency):
        return in_flight < self.partial


def simulate(rule, latency, sessions, rate, seed=1):
    draw = random.Random(seed)
    now, arrived = 0.0, 0
    following = draw.expovariate(rate)
    waiting, ends, waits, operations = collections.deque(), [], [], 0
    while arrived < ARRIVALS or waiting or ends:
        if arrived < ARRIVALS and (not ends or following <= ends[0][0]):
            now = following
            arrived += 1
            rule.arrived(now)
            waiting.append(now)
            following = now + draw.expovariate(rate)
        else:
            now, batch = heapq.heappop(ends)
            waits += [now - t for t in batch]
        if (waiting and len(ends) < sessions
                and rule.allows(len(ends), sessions, latency)):
            heapq.heappush(ends, (now + latency, tuple(waiting)))
            waiting.clear()
            operations += 1
    waits.sort()
    return (operations / now, len(waits) / operations,
            1e3 * sum(waits) / len(waits), 1e3 * waits[int(.99 * len(waits))])


def main():
    print("| device ms | sessions | offered/s | rule | token ops/s | DEK/op | "
          "mean ms | p99 ms |\n|---|---|---|---|---|---|---|---|")
    for latency in (0.0002, 0.001, 0.005):
        for sessions in (1, 2, 8, 32):
            for rate in (100, 1000, 5000, 50000):
                rules = [Limit(p) for p in (1, 2, 4, sessions)
                         if p < sessions or p == sessions]
                if sessions > 1:
                    rules += [Estimate(1), Estimate(4), Estimate(16)]
                seen = set()
                for rule in rules:
                    if rule.name in seen:
                        continue
                    seen.add(rule.name)
                    found = simulate(rule, latency, sessions, rate)
                    print(f"| {latency * 1e3:.1f} | {sessions} | {rate} | "
                          f"{rule.name} | {found[0]:.0f} | {found[1]:.1f} | "
                          f"{found[2]:.2f} | {found[3]:.2f} |")


if __name__ == "__main__":
    main()
