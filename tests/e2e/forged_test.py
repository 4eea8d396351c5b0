"""10,000 forged tokens among good requests: no session lost, nobody hurt."""
import os
import random
import threading
import unittest

import e2e

HEADER_SIZE = 102
SEALED = slice(42, 102)
HEADERS_PER_BATCH = 250


class Forger:
    """Makes forgeries of one good wrapped DEK, and says how each must be
    refused. Seeded: every run forges the same places."""

    def __init__(self, good):
        self.good = good
        self.random = random.Random(20_000)

    def random_sealed(self):
        """The real key, version and batch; only the token can tell."""
        return self.put(SEALED, os.urandom(60)), {"NOT_AUTHENTIC"}

    def flipped(self, start, end):
        raw = bytearray(self.good)
        raw[self.random.randrange(start, end)] ^= 1 << self.random.randrange(8)
        return bytes(raw)

    def flipped_sealed(self):
        return self.flipped(42, 102), {"NOT_AUTHENTIC"}

    def other_batch(self):
        return self.flipped(24, 40), {"NOT_AUTHENTIC"}

    def flipped_leaf(self):
        # Salt, index, ciphertext and tag; the first byte is the purpose.
        return self.flipped(HEADER_SIZE + 1, len(self.good)), {
            "NOT_AUTHENTIC", "MALFORMED"}

    def other_purpose(self):
        return self.put(slice(HEADER_SIZE, HEADER_SIZE + 1), b"\x02"), {
            "NOT_AUTHENTIC"}

    def unknown_key(self):
        return self.put(slice(4, 20), os.urandom(16)), {"KEY_NOT_FOUND"}

    def unknown_version(self):
        return self.put(slice(20, 24), b"\0\0\0\x07"), {"VERSION_NOT_FOUND"}

    def version_zero(self):
        return self.put(slice(20, 24), bytes(4)), {"MALFORMED"}

    def other_format(self):
        return self.put(slice(2, 3), b"\x02"), {"FORMAT_UNKNOWN"}

    def other_suite(self):
        return self.put(slice(3, 4), b"\x09"), {"FORMAT_UNKNOWN"}

    def cut(self):
        # Without its last bytes it is the shape of a shorter DEK.
        size = self.random.randrange(len(self.good))
        shorter_dek = size >= len(self.good) - 16
        return self.good[:size], {"NOT_AUTHENTIC" if shorter_dek
                                  else "MALFORMED"}

    def longer(self):
        # Longer by a byte is a longer leaf: it may parse, and does not open.
        return self.good + b"\0", {"MALFORMED", "NOT_AUTHENTIC"}

    def noise(self):
        return os.urandom(163), {"MALFORMED"}

    def put(self, where, what):
        raw = bytearray(self.good)
        raw[where] = what
        return bytes(raw)

    def unary(self, count):
        makers = [self.random_sealed, self.flipped_sealed, self.other_batch,
                  self.flipped_leaf, self.other_purpose, self.unknown_key,
                  self.unknown_version, self.version_zero, self.other_format,
                  self.other_suite, self.cut, self.longer, self.noise]
        return [makers[i % len(makers)]() for i in range(count)]


class Traffic:
    """Threads that wrap and unwrap until told to stop, and count what fails."""

    def __init__(self, test, probe, threads=3):
        self._test = test
        self._probe = probe
        self._stop = threading.Event()
        self.rounds = 0
        self.faults = []
        self._threads = [threading.Thread(target=self._work)
                         for _ in range(threads)]
        for thread in self._threads:
            thread.start()
        test.addCleanup(self.stop)

    def _work(self):
        while not self._stop.is_set() and not self.faults:
            dek = os.urandom(32)
            try:
                wrapped = self._probe.ok("KeyService/Wrap", {
                    "name": "demo/app", "dek": e2e.b64(dek)})["wrapped_dek"]
                opened = self._probe.ok("KeyService/Unwrap",
                                        {"wrapped_dek": wrapped})["dek"]
                if e2e.unb64(opened) != dek:
                    self.faults.append("another DEK came back")
            except AssertionError as fault:
                self.faults.append(str(fault))
            self.rounds += 1

    def stop(self):
        self._stop.set()
        for thread in self._threads:
            thread.join()


class Forged(e2e.E2eTest):
    def setUp(self):
        self.daemon = self.start_dev()
        self.probe = self.dev_probe(self.daemon)
        self.probe.ok("KeyAdmin/CreateKey", {"name": "demo/app"})
        self.dek = os.urandom(32)
        self.wrapped = e2e.unb64(self.probe.ok("KeyService/Wrap", {
            "name": "demo/app", "dek": e2e.b64(self.dek)})["wrapped_dek"])

    def test_10000_forged_tokens_close_no_session_and_hurt_no_good_request(
            self):
        forger = Forger(self.wrapped)
        sessions = self.probe.ok("KeyAdmin/GetStatus", {})["sessions"]
        traffic = Traffic(self, self.dev_probe(self.daemon, threads=3))

        forged = 0
        for _ in range(32):
            forged += self.refuse_batch(forger)
        slots = [(self.probe.start("KeyService/Unwrap",
                                   {"wrapped_dek": e2e.b64(token)}), reasons)
                 for token, reasons in forger.unary(2000)]
        for slot, reasons in slots:
            answer = self.probe.finish(slot)
            self.assertIn(answer.get("reason"), reasons, answer)
            self.assertNotIn("response", answer)
            forged += 1
        self.assertEqual(forged, 10_000)

        traffic.stop()
        self.assertEqual(traffic.faults, [])
        self.assertGreater(traffic.rounds, 10)
        status = self.probe.ok("KeyAdmin/GetStatus", {})
        self.assertEqual(status["sessions"], sessions)
        self.assertTrue(status["hsm_healthy"], status)
        self.assertEqual(
            self.daemon.metric("strongroom_token_sessions_replaced_total"), 0)
        self.assertEqual(self.daemon.metric("strongroom_token_logins_total"), 1)
        # They did reach the token, and it refused them.
        self.assertGreaterEqual(
            self.daemon.metric("strongroom_token_operations_total",
                               operation="open", outcome="not_authentic"), 8000)
        self.assertEqual(
            self.daemon.metric("strongroom_token_operations_total",
                               operation="open", outcome="error"), 0)
        opened = self.probe.ok("KeyService/Unwrap",
                               {"wrapped_dek": e2e.b64(self.wrapped)})
        self.assertEqual(e2e.unb64(opened["dek"]), self.dek)
        self.daemon.stop()

    def refuse_batch(self, forger):
        """One batch of forgeries that all reach the token, each by itself, and
        one good token among them."""
        tokens = [forger.random_sealed()[0] for _ in range(HEADERS_PER_BATCH)]
        tokens.insert(HEADERS_PER_BATCH // 2, self.wrapped)
        items = self.probe.ok("KeyService/BatchUnwrap", {"items": [
            {"wrapped_dek": e2e.b64(token)} for token in tokens]})["items"]
        good = items.pop(HEADERS_PER_BATCH // 2)
        self.assertEqual(e2e.unb64(good["secret"]), self.dek)
        for item in items:
            self.assertEqual(item["status"]["reason"], "NOT_AUTHENTIC", item)
            self.assertEqual(item["secret"], "")
        return len(items)

    def test_a_forged_leaf_does_not_harm_those_that_share_its_header(self):
        tokens = []
        for i in range(300):
            raw = bytearray(self.wrapped)
            if i % 3 == 0:
                raw[HEADER_SIZE + 1 + i % 60] ^= 0x40
            tokens.append(e2e.b64(bytes(raw)))
        items = self.probe.ok("KeyService/BatchUnwrap", {"items": [
            {"wrapped_dek": token} for token in tokens]})["items"]
        for i, item in enumerate(items):
            if i % 3 == 0:
                self.assertEqual(item["secret"], "")
                self.assertIn(item["status"]["reason"],
                              ("NOT_AUTHENTIC", "MALFORMED"))
            else:
                self.assertEqual(e2e.unb64(item["secret"]), self.dek)

    def test_forged_tokens_are_not_rewrapped(self):
        self.probe.ok("KeyAdmin/RotateKey", {"name": "demo/app"})
        forger = Forger(self.wrapped)
        forged = [forger.random_sealed()[0] for _ in range(100)]
        items = self.probe.ok("KeyService/BatchRewrap", {"tokens": [
            e2e.b64(token) for token in forged]})["items"]
        for item in items:
            self.assertEqual(item["status"]["reason"], "NOT_AUTHENTIC", item)
            self.assertEqual(item["token"], "")


if __name__ == "__main__":
    unittest.main()
