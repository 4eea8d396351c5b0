"""kill -9 at any moment, under load: wraps by several, rotations and
destructions by one. The seed is printed; STRONGROOM_STORM_SEED gives it
again (the machine's timing it does not give again)."""
import os
import random
import secrets
import sys
import threading
import time
import unittest

import crash
import e2e

ROUNDS = 15
WRAPPERS = 4
LIFE_AFTER_START_S = 0.6
BYTES = 32


class Load:
    """Callers of one life of the service; each goes on until it is refused."""

    def __init__(self, probe, newest):
        self.probe = probe
        self.answers = []
        self.newest = newest  # the version known to be the primary
        self.failures = []
        self._threads = [threading.Thread(target=self._wrap)
                         for _ in range(WRAPPERS)]
        self._threads.append(threading.Thread(target=self._rotate))
        for thread in self._threads:
            thread.start()

    def join(self):
        for thread in self._threads:
            thread.join()

    def _call(self, method, **request):
        """The answer, or None from the end of the service on."""
        answer = self.probe.call(method, request)
        if answer["code"] == "OK":
            return answer["response"]
        if answer["code"] not in ("UNAVAILABLE", "CANCELLED"):
            self.failures.append((method, answer))
        return None

    def _wrap(self):
        while True:
            dek = secrets.token_bytes(BYTES)
            made = self._call("KeyService/Wrap", name=crash.KEY,
                              dek=e2e.b64(dek))
            if made is None:
                return
            self.answers.append(crash.Answer(
                crash.KEY, made["key_version"], "unwrap",
                e2e.unb64(made["wrapped_dek"]), dek))

    def _rotate(self):
        destroyed = False
        while True:
            key = self._call("KeyAdmin/RotateKey", name=crash.KEY)
            if key is None:
                return
            self.newest = key["primary_version"]
            # One in a life: the timer destroys one in a second.
            if not destroyed and self.newest > 3:
                destroyed = True
                self._call("KeyAdmin/ScheduleDestroyVersion", name=crash.KEY,
                           version=self.newest - 2,
                           acknowledge_unregistered=True)


class Storm(crash.CrashTest):
    def setUp(self):
        seed = os.environ.get("STRONGROOM_STORM_SEED")
        seed = int(seed) if seed else secrets.randbits(32)
        print(f"STRONGROOM_STORM_SEED={seed}", file=sys.stderr)
        self.random = random.Random(seed)

    def probe(self, world, daemon):
        tls = world.dir / "tls"
        return e2e.Probe(self, daemon.address, tls / "ca.crt",
                         tls / "client.crt", tls / "client.key")

    def live_and_die(self, world, newest):
        """One life of the service under load, ended at any moment from its
        launch on. Gives the load, or None if it never was ready."""
        daemon = self.launch(world, program=e2e.STRONGROOMD)
        end = threading.Timer(
            self.random.uniform(0, self.longest_life), daemon.process.kill)
        end.start()
        self.wait_ready_or_dead(daemon)
        load = None
        if daemon.process.poll() is None:
            daemon.wait_ready()
            probe = self.probe(world, daemon)
            load = Load(probe, newest)
            load.join()
            probe.close()
        end.join()
        self.assert_killed(daemon)
        return load

    def assert_opens(self, probe, world, answers):
        states = {row[:2]: row[2] for row in world.rows()}
        slots = [probe.start("KeyService/Unwrap",
                             {"wrapped_dek": e2e.b64(answer.token)})
                 for answer in answers]
        for answer, slot in zip(answers, slots):
            opened = probe.finish(slot)
            if states[(answer.key, answer.version)] == crash.ENABLED:
                self.assertEqual(opened["code"], "OK", opened)
                self.assertEqual(e2e.unb64(opened["response"]["dek"]),
                                 answer.content)
            else:
                self.assertEqual(opened.get("reason"), "VERSION_STATE", opened)

    def settle(self, world):
        e2e.wait_until("what was due is destroyed", lambda: all(
            row[2] != crash.DESTROY_SCHEDULED for row in world.rows()))

    def test_nothing_answered_is_lost_and_nothing_is_left_over(self):
        world = self.make_world()
        begin = time.monotonic()
        self.start(world)[0].kill()
        self.longest_life = time.monotonic() - begin + LIFE_AFTER_START_S
        wrapped, newest = [], 2
        for number in range(ROUNDS):
            load = self.live_and_die(world, newest)
            if load is not None:
                self.assertEqual(load.failures, [])
                wrapped += load.answers
                newest = load.newest
            # Every other death is recovered under the load of the next round,
            # not in peace.
            if number % 2 == 1 and number != ROUNDS - 1:
                continue
            daemon, cli = self.start(world)
            self.settle(world)
            self.assert_whole(world, cli)
            primary = cli.json("key", "show", crash.KEY)["primary_version"]
            self.assertGreaterEqual(primary, newest)
            probe = self.probe(world, daemon)
            self.assert_opens(probe, world, wrapped[-500:])
            if number == ROUNDS - 1:
                self.assert_opens(probe, world, wrapped)
            probe.close()
            daemon.kill()
        print(f"{len(wrapped)} wraps, {primary} versions", file=sys.stderr)
        self.assertGreater(len(wrapped), ROUNDS)
        # How many is the machine's affair; that there were some is the load's.
        self.assertGreater(primary, 2)


if __name__ == "__main__":
    unittest.main()
