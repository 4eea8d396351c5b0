"""What an operator sees: metrics, health, reflection, status, log."""
import json
import re
import socket
import unittest
import urllib.error
import urllib.request

import e2e
import identity_test
import serve

FAMILIES = """
strongroom_build_info strongroom_requests_total strongroom_request_seconds
strongroom_requests_in_flight strongroom_batch_items strongroom_items_total
strongroom_queue_depth strongroom_queue_seconds
strongroom_token_operations_total strongroom_token_operation_seconds
strongroom_token_sessions strongroom_token_sessions_replaced_total
strongroom_token_workers strongroom_turns_total
strongroom_token_logins_total strongroom_token_queue_depth
strongroom_token_healthy strongroom_keks_missing strongroom_keys
strongroom_key_versions strongroom_rotations_total
strongroom_audit_records_total strongroom_audit_write_seconds
strongroom_audit_sync_seconds strongroom_store_commit_seconds
strongroom_seal_ledger_highest_share strongroom_open_windows
strongroom_seal_ledger_reservations_total strongroom_registry_commits_total
strongroom_registry_changes_total strongroom_rewrap_jobs
strongroom_rewrap_batches_total strongroom_rewrap_failures_total
strongroom_tls_certificate_expiry_timestamp_seconds
""".split()

# Every label there is, and what its values look like: names of our making.
LABELS = {"rpc": r"[A-Z][A-Za-z]+", "reason": r"[A-Z_]+",
          "operation": r"[a-z_]+", "outcome": r"[a-z_]+", "state": r"[A-Z_]+",
          "version": r"[0-9][0-9a-z.+-]*", "file": r"server|client_ca",
          "le": r"[0-9.e+-]+|\+Inf", "quantile": r"[0-9.]+",
          "class": r"foreground|background", "door": r"grpc"}

METRIC = re.compile(r"strongroom_[a-z_]*[a-z]")
PARTS = re.compile(r"_(bucket|sum|count)$")


def families(page):
    return set(re.findall(r"(?m)^# TYPE (strongroom_\w+) ", page))


def named_in(text):
    """The metrics that a rule, a dashboard or a document speaks of."""
    return {PARTS.sub("", name) for name in METRIC.findall(text)}


class Metrics(e2e.E2eTest):
    def setUp(self):
        self.site = serve.Installation(self)
        self.daemon = self.site.start()
        self.probe = self.site.probe(self.daemon)

    def test_the_promised_families_are_there_with_help(self):
        self.probe.ok("KeyAdmin/WhoAmI", {})
        page = self.daemon.metrics()
        for family in FAMILIES:
            self.assertRegex(page, rf"(?m)^# HELP {family} \S.*$")
            self.assertRegex(page, rf"(?m)^# TYPE {family} "
                             "(counter|gauge|histogram)$")

    def test_what_deploy_asks_for_is_there(self):
        self.probe.ok("KeyAdmin/WhoAmI", {})
        page = families(self.daemon.metrics())
        for name in ("strongroom.rules.yaml", "strongroom-dashboard.json"):
            text = (e2e.SOURCE / "deploy/prometheus" / name).read_text()
            if name.endswith(".json"):
                panels = json.loads(text)["panels"]
                self.assertTrue(all(p["targets"] for p in panels))
            asked = named_in(text)
            self.assertGreater(len(asked), 5, name)
            self.assertEqual(asked - page, set(), name)

    def test_the_document_names_every_metric_and_no_other(self):
        self.probe.ok("KeyAdmin/WhoAmI", {})
        page = families(self.daemon.metrics())
        text = (e2e.SOURCE / "docs/operations.md").read_text()
        table = text.split("### Metrics\n")[1].split("\n### ")[0]
        self.assertEqual(named_in(table), page)

    def test_no_label_holds_what_a_caller_chose(self):
        mark = "callerschoice"
        who = self.site.pki.make(mark)
        tenant = self.site.probe(self.daemon, who)
        secret = e2e.b64(b"d" * 32)
        self.probe.ok("KeyAdmin/CreateKey", {"name": f"{mark}/app",
                                             "labels": {mark: mark}})
        wrapped = self.probe.ok("KeyService/Wrap", {
            "name": f"{mark}/app", "dek": secret,
            "encryption_context": [{"key": mark, "value": mark}],
        })["wrapped_dek"]
        for probe in (self.probe, tenant):
            for method, request in identity_test.requests(
                    f"{mark}/app", wrapped, wrapped).items():
                probe.call(method, request)
            probe.call(f"strongroom.v1.KeyService/{mark}", raw="")
        page = self.daemon.metrics()
        self.assertNotIn(mark, page)
        for labels in re.findall(r"^strongroom_\w+\{(.*)\} ", page, re.M):
            for name, value in re.findall(r'(\w+)="([^"]*)"', labels):
                self.assertIn(name, LABELS)
                self.assertRegex(value, f"^({LABELS[name]})$")

    def test_requests_and_token_operations_are_counted(self):
        self.probe.ok("KeyAdmin/CreateKey", {"name": "demo/app"})
        before = self.daemon.metric("strongroom_token_operations_total",
                                    operation="seal", outcome="ok")
        made = self.probe.ok("KeyService/BatchGenerateDataKeys", {
            "name": "demo/app", "count": 500})
        self.assertEqual(len(made["items"]), 500)
        for _ in range(3):
            self.probe.call("KeyAdmin/GetKey", {"name": "demo/none"})
        metric = self.daemon.metric
        self.assertEqual(metric("strongroom_requests_total", rpc="GetKey",
                                reason="KEY_NOT_FOUND"), 3)
        self.assertEqual(metric("strongroom_items_total", operation="seal",
                                outcome="ok"), 500)
        self.assertEqual(metric("strongroom_batch_items_sum",
                                operation="seal"), 500)
        # One token operation for the batch: that is the point of it.
        self.assertEqual(metric("strongroom_token_operations_total",
                                operation="seal", outcome="ok") - before, 1)
        self.assertEqual(metric("strongroom_request_seconds_count",
                                rpc="BatchGenerateDataKeys"), 1)
        self.assertEqual(metric("strongroom_keys"), 1)
        self.assertEqual(metric("strongroom_key_versions", state="ENABLED"), 1)
        self.assertEqual(metric("strongroom_requests_in_flight"), 0)

    def test_only_the_metrics_page_is_served(self):
        base = f"http://{self.daemon.metrics_address}"
        for path in ("/", "/etc/passwd", "/../../etc/passwd", "/debug"):
            with self.assertRaises(urllib.error.HTTPError) as refused:
                urllib.request.urlopen(base + path, timeout=e2e.PATIENCE_S)
            self.assertIn(refused.exception.code, (400, 403, 404))
            refused.exception.close()

    def test_json_logs_are_json(self):
        self.daemon.stop()
        self.site.settings["log"] = {"format": "json"}
        daemon = self.site.start()
        daemon.stop()
        lines = [json.loads(line) for line in daemon.err().splitlines()]
        self.assertGreater(len(lines), 3)


class Standard(e2e.E2eTest):
    """What other people's tools ask any gRPC service for."""

    def setUp(self):
        self.site = serve.Installation(self)
        self.daemon = self.site.start()
        self.probe = self.site.probe(self.daemon)

    def health(self, service):
        request = b"" if service == "" else (
            b"\x0a" + bytes([len(service)]) + service.encode())
        answer = self.probe.call("grpc.health.v1.Health/Check",
                                 raw=e2e.b64(request))
        return answer["code"], e2e.unb64(answer["raw"])

    def test_health_says_serving(self):
        for service in ("", "strongroom.v1.KeyService",
                        "strongroom.v1.KeyAdmin"):
            self.assertEqual(self.health(service), ("OK", b"\x08\x01"))
        self.assertEqual(self.health("no.such.Service")[0], "NOT_FOUND")

    def test_health_status_and_metrics_tell_that_every_kek_is_gone(self):
        for name in ("demo/one", "demo/two"):
            self.probe.ok("KeyAdmin/CreateKey", {"name": name})
        status = self.probe.ok("KeyAdmin/GetStatus", {})
        self.assertTrue(status["hsm_healthy"], status)
        for label in self.site.token.labels():
            self.site.token.pkcs11_tool("--delete-object", "--type", "secrkey",
                                        "--label", label)
        e2e.wait_until("health says NOT_SERVING", lambda: self.health("") == (
            "OK", b"\x08\x02"))
        status = self.probe.ok("KeyAdmin/GetStatus", {})
        self.assertFalse(status.get("hsm_healthy", False))
        self.assertIn("KEK missing: 2 of 2", status["hsm_detail"])
        self.assertEqual(self.daemon.metric("strongroom_keks_missing"), 2)
        self.assertEqual(self.daemon.metric("strongroom_token_healthy"), 0)

    def test_reflection_lists_the_services(self):
        # ServerReflectionRequest{list_services: "*"}
        answer = self.probe.call(
            "grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
            raw=e2e.b64(b"\x3a\x01*"), stream=True)
        self.assertEqual(answer["code"], "OK", answer)
        listed = e2e.unb64(answer["raw"])
        for service in (b"strongroom.v1.KeyService", b"strongroom.v1.KeyAdmin",
                        b"grpc.health.v1.Health"):
            self.assertIn(service, listed)

    def test_health_and_reflection_too_need_a_certificate(self):
        stranger = e2e.Probe(self, self.daemon.address, self.site.pki.ca)
        for method, more in (
                ("grpc.health.v1.Health/Check", {"raw": ""}),
                ("grpc.reflection.v1alpha.ServerReflection/"
                 "ServerReflectionInfo", {"raw": "OgEq", "stream": True})):
            answer = stranger.call(method, **more)
            self.assertEqual(answer["code"], "UNAVAILABLE")
            self.assertEqual(answer["raw"], "")

    def test_an_unknown_method_is_unimplemented(self):
        answer = self.probe.call("strongroom.v1.KeyService/Shred", raw="")
        self.assertEqual(answer["code"], "UNIMPLEMENTED")

    def test_the_old_versions_of_tls_are_refused_and_the_new_ones_not(self):
        host, port = self.daemon.address.split(":")
        for version, good in (("-tls1_3", True), ("-tls1_2", True),
                              ("-tls1_1", False), ("-tls1", False)):
            done = e2e.attempt(
                "openssl", "s_client", "-connect", f"{host}:{port}", version,
                "-CAfile", self.site.pki.ca, "-cert", self.site.admin["cert"],
                "-key", self.site.admin["key"], "-alpn", "h2",
                "-cipher", "DEFAULT@SECLEVEL=0", "-verify_return_error")
            self.assertEqual("Verify return code: 0 (ok)" in done and
                             "Cipher is (NONE)" not in done, good,
                             f"{version}: {done}")

    def test_bytes_that_are_no_tls_do_not_disturb_it(self):
        host, port = self.daemon.address.split(":")
        for garbage in (b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\xff\xff",
                        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", bytes(5000)):
            with socket.create_connection((host, int(port))) as raw:
                raw.sendall(garbage)
                raw.shutdown(socket.SHUT_WR)
                raw.settimeout(e2e.PATIENCE_S)
                try:
                    while raw.recv(4096):
                        pass
                except ConnectionResetError:
                    pass
        self.assertEqual(self.probe.ok("KeyAdmin/WhoAmI", {})["caller"],
                         "cn:admin")

    def test_status_and_whoami_by_the_cli_for_people(self):
        cli = self.site.cli(self.daemon)
        status = cli.ok("status").decode()
        for part in ("production token", "softhsm", "(serve)"):
            self.assertIn(part, status)
        who = cli.ok("whoami").decode()
        self.assertIn("cn:admin", who)
        self.assertIn("administrators", who)
        version = cli.ok("version").decode()
        self.assertRegex(version, r"\d+\.\d+\.\d+")


if __name__ == "__main__":
    unittest.main()
