"""Signals: SIGTERM once and twice, idle and under load; SIGHUP."""
import os
import signal
import time
import threading
import unittest

import e2e
import serve

HANG = "hang C_Encrypt until-released\n"


class Stopping(e2e.E2eTest):
    def setUp(self):
        self.token = serve.ShimmedSoftHsm(self.dir / "token")
        self.site = serve.Installation(self, token=self.token)

    def start(self, drain_seconds=20):
        self.site.settings["drain_seconds"] = drain_seconds
        self.daemon = self.site.start()
        self.probe = self.site.probe(self.daemon)
        self.probe.ok("KeyAdmin/CreateKey", {"name": "demo/app"})

    def wrap_that_hangs(self):
        """A request inside the token's call, for as long as the test likes."""
        self.token.direct(HANG)
        slot = self.probe.start("KeyService/Wrap", {
            "name": "demo/app", "dek": e2e.b64(b"d" * 32)})
        e2e.wait_until("the token call hangs", lambda: "C_Encrypt hangs" in
                       self.token.log.read_text())
        return slot

    def test_an_idle_service_ends_with_0_and_says_so_in_log_and_audit(self):
        self.start()
        self.daemon.stop()
        self.assertIn("stopping", self.daemon.err())
        self.assertIn("stopped", self.daemon.err())
        last = e2e.audit_lines(self.site.audit)[-1]
        self.assertEqual(last["operation"], "service.stop")

    def test_sigint_stops_as_sigterm_does(self):
        self.start()
        self.daemon.signal(signal.SIGINT)
        self.assertEqual(self.daemon.wait(), 0)

    def test_what_is_in_flight_is_answered_and_what_comes_later_is_refused(
            self):
        self.start()
        inside = self.wrap_that_hangs()
        self.daemon.signal(signal.SIGTERM)
        self.daemon.wait_log("stopping")

        def refused():
            answer = self.probe.call("KeyAdmin/WhoAmI", {})
            if answer["code"] == "OK":  # the gate closes a moment later
                return False
            self.assert_refused(answer, "UNAVAILABLE", "DRAINING")
            self.assertGreater(answer["retry_ms"], 0)
            return True
        e2e.wait_until("new requests are refused", refused)
        for method, request in (
                ("KeyService/Wrap", {"name": "demo/app",
                                     "dek": e2e.b64(b"d" * 32)}),
                ("KeyAdmin/CreateKey", {"name": "demo/later"}),
                ("KeyAdmin/GetStatus", {})):
            self.assert_refused(self.probe.call(method, request), "UNAVAILABLE",
                                "DRAINING")
        self.assertIsNone(self.daemon.process.poll())

        self.token.direct("")
        answer = self.probe.finish(inside)
        self.assertEqual(answer["code"], "OK", answer)
        self.assertEqual(self.daemon.wait(), 0, self.daemon.err())
        records = e2e.audit_lines(self.site.audit)
        self.assertIn("DRAINING", {r["outcome"] for r in records})
        self.assertEqual(records[-1]["operation"], "service.stop")

    def test_under_load_everything_is_answered_or_refused(self):
        self.start()
        load = self.site.probe(self.daemon, threads=16)
        stop = threading.Event()
        answers, faults = [], []

        def work():
            while not stop.is_set():
                try:
                    answer = load.call("KeyService/GenerateDataKey",
                                       {"name": "demo/app"})
                    answers.append(answer)
                    # Told to wait, a caller waits.
                    stop.wait(answer.get("retry_ms", 0) / 1000)
                except AssertionError as fault:
                    faults.append(str(fault))
                    return
        threads = [threading.Thread(target=work) for _ in range(16)]
        for thread in threads:
            thread.start()
        e2e.wait_until("there is load", lambda: len(answers) > 100)
        self.daemon.signal(signal.SIGTERM)
        code = self.daemon.wait()
        stop.set()
        for thread in threads:
            thread.join()
        self.assertEqual(code, 0, self.daemon.err())
        self.assertEqual(faults, [])
        good = [a for a in answers if a["code"] == "OK"]
        for answer in answers:
            self.assertEqual("response" in answer, answer["code"] == "OK")
            self.assertIn(answer["code"], ("OK", "UNAVAILABLE"), answer)
            # Without a reason: nobody listens any more.
            self.assertIn(answer.get("reason", "DRAINING"), "DRAINING")
        self.assertIn("DRAINING", {a.get("reason") for a in answers})
        # Every DEK that went out is recorded, and opens afterwards.
        records = [r for r in e2e.audit_lines(self.site.audit)
                   if r["operation"] == "GenerateDataKey"
                   and r["outcome"] == "OK"]
        self.assertGreaterEqual(len(records), len(good))
        probe = self.site.probe(self.site.start())
        for answer in good[-20:]:
            made = answer["response"]
            opened = probe.ok("KeyService/Unwrap",
                              {"wrapped_dek": made["wrapped_dek"]})
            self.assertEqual(opened["dek"], made["dek"])

    def test_while_requests_come_they_are_refused_with_a_reason(self):
        """Longer than once: each refusal puts the end of listening off."""
        self.start()
        self.daemon.signal(signal.SIGTERM)
        self.daemon.wait_log("stopping")
        refused, started = 0, time.monotonic()
        while time.monotonic() - started < 1.5:
            answer = self.probe.call("KeyAdmin/WhoAmI", {})
            if answer["code"] != "OK":
                self.assert_refused(answer, "UNAVAILABLE", "DRAINING")
                refused += 1
        self.assertGreater(refused, 0)
        self.assertEqual(self.daemon.wait(), 0, self.daemon.err())

    def test_a_caller_who_does_not_stop_does_not_keep_it(self):
        self.start()
        stop = threading.Event()

        def work():
            while not stop.is_set():
                self.probe.call("KeyAdmin/WhoAmI", {})
        thread = threading.Thread(target=work)
        thread.start()
        started = time.monotonic()
        self.daemon.signal(signal.SIGTERM)
        try:
            self.assertEqual(self.daemon.wait(), 0, self.daemon.err())
            self.assertLess(time.monotonic() - started, 18)
        finally:
            stop.set()
            thread.join()

    def test_a_second_sigterm_ends_it_at_once(self):
        self.start(drain_seconds=3000)
        self.wrap_that_hangs()
        self.daemon.signal(signal.SIGTERM)
        self.daemon.wait_log("stopping")
        self.assertIsNone(self.daemon.process.poll())
        self.daemon.signal(signal.SIGTERM)
        self.assertEqual(self.daemon.wait(), 1)
        self.assertIn("second time", self.daemon.err())

    def test_a_token_call_that_never_ends_does_not_keep_it_past_the_limit(self):
        self.start(drain_seconds=2)
        inside = self.wrap_that_hangs()
        started = time.monotonic()
        self.daemon.signal(signal.SIGTERM)
        self.assertEqual(self.daemon.wait(), 1)
        self.assertLess(time.monotonic() - started, 2 + 15)
        answer = self.probe.finish(inside)
        self.assertIn(answer["code"], ("UNAVAILABLE", "DEADLINE_EXCEEDED"))
        self.assertNotIn("response", answer)

    def test_after_kill_9_the_same_store_serves_on(self):
        self.start()
        made = self.probe.ok("KeyService/GenerateDataKey", {"name": "demo/app"})
        self.daemon.kill()
        probe = self.site.probe(self.site.start())
        opened = probe.ok("KeyService/Unwrap",
                          {"wrapped_dek": made["wrapped_dek"]})
        self.assertEqual(opened["dek"], made["dek"])

    def test_a_deadline_that_passes_inside_the_token_is_answered_in_time(self):
        self.start()
        self.token.direct(HANG)
        started = time.monotonic()
        answer = self.probe.call("KeyService/Wrap", {
            "name": "demo/app", "dek": e2e.b64(b"d" * 32)}, timeout_ms=500)
        self.assertEqual(answer["code"], "DEADLINE_EXCEEDED", answer)
        self.assertLess(time.monotonic() - started, 20)

        def recorded():
            return "DEADLINE_EXCEEDED" in {
                r["outcome"] for r in e2e.audit_lines(self.site.audit)
                if r["operation"] == "Wrap"}
        # While it still hangs: a call let go too early would end well.
        e2e.wait_until("the refusal is recorded", recorded)
        self.token.direct("")
        self.probe.ok("KeyService/GenerateDataKey", {"name": "demo/app"})


class Reloading(e2e.E2eTest):
    def setUp(self):
        self.site = serve.Installation(self)
        self.daemon = self.site.start()
        self.admin = self.site.probe(self.daemon)
        self.admin.ok("KeyAdmin/CreateKey", {"name": "demo/app"})
        self.reader = self.site.probe(self.daemon,
                                      self.site.pki.make("reader"))

    def hang_up(self, log):
        before = self.daemon.err().count(log)
        self.daemon.signal(signal.SIGHUP)
        e2e.wait_until(f"the log has another {log!r}",
                       lambda: self.daemon.err().count(log) > before)

    def reader_rule(self, may):
        return serve.ADMIN_RULE + f"""\
  - name: reader
    who: ["cn:reader"]
    may: {may}
    keys: ["demo/*"]
"""

    def test_a_good_policy_is_in_force_after_sighup_and_not_before(self):
        get = ("KeyAdmin/GetKey", {"name": "demo/app"})
        self.assert_refused(self.reader.call(*get), "PERMISSION_DENIED",
                            "PERMISSION_DENIED")
        self.site.set_policy(self.reader_rule("[view]"))
        self.assert_refused(self.reader.call(*get), "PERMISSION_DENIED",
                            "PERMISSION_DENIED")
        self.hang_up("policy reloaded")
        self.reader.ok(*get)
        # What a rule gave is gone with it, on connections that are open.
        self.site.set_policy(serve.ADMIN_RULE)
        self.hang_up("policy reloaded")
        self.assert_refused(self.reader.call(*get), "PERMISSION_DENIED",
                            "PERMISSION_DENIED")

    def test_a_bad_policy_is_logged_and_the_old_one_stays(self):
        get = ("KeyAdmin/GetKey", {"name": "demo/app"})
        self.site.set_policy(self.reader_rule("[view]"))
        self.hang_up("policy reloaded")
        bad = self.reader_rule("[veiw]")
        for damage in (lambda: self.site.set_policy(bad),
                       lambda: self.site.policy.write_text("rules: [\n"),
                       lambda: self.site.policy.write_text(""),
                       self.site.policy.unlink):
            damage()
            self.hang_up("policy not reloaded")
            self.reader.ok(*get)
            self.assert_refused(
                self.reader.call("KeyAdmin/RotateKey", {"name": "demo/app"}),
                "PERMISSION_DENIED", "PERMISSION_DENIED")
        self.assertIn("policy.yaml:", self.daemon.err())
        details = [r.get("detail") for r in e2e.audit_lines(self.site.audit)
                   if r["operation"] == "service.reload"]
        self.assertEqual(len([d for d in details if "refused" in d]), 4)

    def test_the_audit_log_goes_on_in_a_new_file_after_a_rename(self):
        moved = self.site.audit.with_suffix(".1")
        os.rename(self.site.audit, moved)
        self.admin.ok("KeyAdmin/WhoAmI", {})
        self.assertFalse(self.site.audit.exists())
        self.hang_up("policy reloaded")
        e2e.wait_until("the new file is there", self.site.audit.exists)
        self.admin.ok("KeyAdmin/GetStatus", {})
        old = e2e.audit_lines(moved)
        e2e.wait_until("the new file has its records",
                       lambda: len(e2e.audit_lines(self.site.audit)) >= 2)
        new = e2e.audit_lines(self.site.audit)
        self.assertEqual(old[-1]["operation"], "WhoAmI")
        self.assertIn("GetStatus", [r["operation"] for r in new])
        numbers = [r["seq"] for r in old + new]
        self.assertEqual(numbers, list(range(1, len(numbers) + 1)))
        self.assertEqual(self.site.audit.stat().st_mode & 0o777, 0o600)


if __name__ == "__main__":
    unittest.main()
