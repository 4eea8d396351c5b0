"""The audit log: a line for every request, and no answer without its line."""
import os
import re
import signal
import unittest

import e2e
import identity_test
import serve


class AuditLines(e2e.E2eTest):
    def setUp(self):
        self.site = serve.Installation(self)
        self.daemon = self.site.start()
        self.admin = self.site.probe(self.daemon)

    def test_what_time_does_has_its_lines_before_it_begins_and_when_done(self):
        self.admin.ok("KeyAdmin/CreateKey", {
            "name": "demo/app", "destroy_scheduled_duration": "0s"})
        self.admin.ok("KeyAdmin/RotateKey", {"name": "demo/app"})
        self.admin.ok("KeyAdmin/ScheduleDestroyVersion",
                      {"name": "demo/app", "version": 1})

        def written():
            return [r for r in e2e.audit_lines(self.site.audit)
                    if r["operation"] == "keyring.destroy"]

        e2e.wait_until("the KEK is destroyed", lambda: len(written()) == 2)
        self.daemon.stop()
        for record in written():
            self.assertEqual(record["key"], "demo/app")
            self.assertEqual(record["versions"], [1])
            self.assertEqual(record["outcome"], "OK")
            self.assertNotIn("caller", record)
        self.assertIn("begins", written()[0]["detail"])
        self.assertIn("destroyed", written()[1]["detail"])

    def test_every_request_has_one_line_refused_ones_too_without_a_gap(self):
        sent = []

        def send(probe, who, method, request=None, **more):
            answer = probe.call(method, request, **more)
            sent.append((who, method.split("/")[1], answer.get("reason", "OK")))
            return answer

        send(self.admin, "cn:admin", "KeyAdmin/CreateKey",
             {"name": "demo/app"})
        secret = e2e.b64(b"d" * 32)
        wrapped = send(self.admin, "cn:admin", "KeyService/Wrap", {
            "name": "demo/app", "dek": secret})["response"]["wrapped_dek"]
        sealed = send(self.admin, "cn:admin", "KeyService/Encrypt", {
            "name": "demo/app", "plaintext": secret})["response"]["ciphertext"]
        stranger = self.site.probe(self.daemon, self.site.pki.make("stranger"))
        nobody = self.site.probe(self.daemon, self.site.pki.make(
            "nobody", san="URI:a:b,URI:a:c"))
        for method, request in identity_test.requests("demo/app", wrapped,
                                                      sealed).items():
            send(self.admin, "cn:admin", method, request)
            send(stranger, "cn:stranger", method, request)
            send(nobody, None, method, request)
        # What cannot be parsed, or is too large, is a request as well.
        send(self.admin, "cn:admin", "strongroom.v1.KeyService/Wrap",
             raw=e2e.b64(b"\xff\xff\xff"))
        send(self.admin, "cn:admin", "KeyService/Encrypt", {
            "name": "demo/app", "plaintext": e2e.b64(bytes(200_000))})
        send(self.admin, "cn:admin", "KeyService/Wrap", {
            "name": "demo/app", "dek": e2e.b64(b"short")})
        self.daemon.stop()

        records = e2e.audit_lines(self.site.audit)
        self.assertEqual([r["seq"] for r in records],
                         list(range(1, len(records) + 1)))
        events = [r for r in records if r["operation"].startswith("service.")]
        self.assertEqual([e["operation"] for e in events],
                         ["service.start", "service.stop"])
        written = [(r.get("caller"), r["operation"], r["outcome"])
                   for r in records if r not in events]
        self.assertEqual(written, sent)
        ids = [r["request_id"] for r in records if r not in events]
        self.assertEqual(len(set(ids)), len(sent))
        for record in records:
            self.assertRegex(record["time"],
                             r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$")
            if record not in events:
                self.assertRegex(record["peer"], r"^127\.0\.0\.1:\d+$")
                self.assertEqual(record["door"], "grpc")
        self.assertEqual(os.stat(self.site.audit).st_mode & 0o777, 0o600)

    def test_parallel_requests_have_one_line_each(self):
        self.admin.ok("KeyAdmin/CreateKey", {"name": "demo/app"})
        slots = [self.admin.start("KeyService/GenerateDataKey",
                                  {"name": "demo/app"}) for _ in range(500)]
        for slot in slots:
            self.assertEqual(self.admin.finish(slot)["code"], "OK")
        records = e2e.audit_lines(self.site.audit)
        self.assertEqual([r["seq"] for r in records],
                         list(range(1, len(records) + 1)))
        self.assertEqual([r["operation"] for r in records]
                         .count("GenerateDataKey"), 500)

    def test_a_caller_cannot_forge_a_line(self):
        nasty = 'x"}\n{"seq":1,"operation":"forged"}\u2028\x1b[31m'
        self.admin.call("KeyAdmin/GetKey", {"name": nasty})
        self.admin.call("KeyService/Wrap", {
            "name": "demo/app", "dek": e2e.b64(b"d" * 32),
            "encryption_context": [{"key": nasty, "value": nasty}] * 2})
        records = e2e.audit_lines(self.site.audit)
        self.assertEqual([r["seq"] for r in records], [1, 2, 3])
        self.assertNotIn("forged", [r["operation"] for r in records])
        text = self.site.audit.read_bytes()
        self.assertIsNone(re.search(rb"[^\x20-\x7e\n]", text))


class AuditDiskFull(e2e.E2eTest):
    def setUp(self):
        self.site = serve.Installation(self)
        self.disk = serve.FullDisk(self.dir, "/audit.log")
        self.daemon = self.site.start(env=self.disk.env)
        self.probe = self.site.probe(self.daemon)
        for name in ("demo/app", "demo/spare"):
            self.probe.ok("KeyAdmin/CreateKey", {"name": name})
        self.wrapped = self.probe.ok("KeyService/Wrap", {
            "name": "demo/app", "dek": e2e.b64(b"d" * 32)})["wrapped_dek"]

    def test_nothing_is_released_without_its_record(self):
        # Lifecycle calls are about a key of their own: a change that was made
        # before its record failed must not change what is checked below.
        requests = {method: request for name, service in
                    (("demo/app", "KeyService"), ("demo/spare", "KeyAdmin"))
                    for method, request in identity_test.requests(
                        name, self.wrapped, self.wrapped).items()
                    if method.startswith(service)}
        self.disk.fill()
        for method, request in requests.items():
            with self.subTest(method=method):
                answer = self.probe.call(method, request)
                self.assert_refused(answer, "UNAVAILABLE", "AUDIT_UNAVAILABLE")
                self.assertNotIn("response", answer)
                self.assertGreater(answer["retry_ms"], 0)
                # Where the log is, is no caller's business.
                self.assertNotIn(str(self.site.dir), answer["message"])
        self.assertIn(str(self.site.audit), self.daemon.err())
        self.assertEqual(
            self.daemon.err().count("audit log cannot be written"), 1)

        self.disk.make_room()
        self.probe.ok("KeyService/Unwrap", {"wrapped_dek": self.wrapped})
        self.assertIn("audit log can be written again", self.daemon.err())
        self.daemon.stop()
        records = e2e.audit_lines(self.site.audit)
        self.assertEqual([r["seq"] for r in records],
                         list(range(1, len(records) + 1)))
        self.assertEqual(records[-2]["operation"], "Unwrap")

    def test_a_service_that_cannot_record_its_start_does_not_serve(self):
        self.daemon.stop()
        self.disk.fill()
        daemon = self.site.launch(env=self.disk.env)
        self.assertEqual(daemon.wait(), 1)
        self.assertRegex(daemon.err(), "(?m)^strongroomd: AUDIT_UNAVAILABLE: .*"
                         + str(self.site.audit))
        self.assertNotIn("ready", daemon.out())

    def test_a_full_disk_does_not_keep_the_service_from_stopping(self):
        self.disk.fill()
        self.daemon.stop()
        self.assertIn("audit", self.daemon.err())

    def test_a_log_that_is_no_file_or_no_log_is_refused(self):
        self.daemon.stop()
        other = self.write("notes", "Dear diary,\n")
        for path in ("/dev/full", "/dev/null", str(self.dir), str(other),
                     "/nonexistent/audit.log"):
            with self.subTest(path=path):
                self.site.settings["audit"]["path"] = path
                self.site.write_config()
                daemon = self.site.launch()
                self.assertEqual(daemon.wait(), 1)
                self.assertRegex(daemon.err().splitlines()[-1],
                                 f"^strongroomd: AUDIT_UNAVAILABLE: .*{path}")
        self.assertEqual(other.read_text(), "Dear diary,\n")

    def test_a_line_torn_by_a_crash_is_ended_and_the_numbers_go_on(self):
        self.daemon.signal(signal.SIGKILL)
        self.daemon.wait()
        lines = self.site.audit.read_text().splitlines()
        with open(self.site.audit, "a") as log:
            log.write('{"seq":%d,"time":"20' % (len(lines) + 1))
        self.site.start().stop()
        records = self.site.audit.read_text().splitlines()
        torn = records[len(lines)]
        self.assertTrue(torn.endswith('"20'), torn)
        self.assertTrue(records[len(lines) + 1].startswith(
            '{"seq":%d,' % (len(lines) + 2)))


if __name__ == "__main__":
    unittest.main()
