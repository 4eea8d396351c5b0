"""Every RPC x every kind of identity that has no business there."""
import re
import unittest
import uuid

import e2e
import serve

TENANT_RULES = serve.ADMIN_RULE + """\
  - name: tenant
    who: ["cn:tenant"]
    may: [use, manage, observe]
    keys: ["tenant/**"]
"""

# What needs no rule, and what then is said without one.
NEEDS_NO_RULE = {"KeyAdmin/WhoAmI", "KeyAdmin/ListKeys"}


def rpcs():
    """Every RPC that the protos declare: the matrix cannot miss one."""
    found = []
    for path in sorted((e2e.SOURCE / "proto/strongroom/v1").glob("*.proto")):
        text = re.sub(r"//[^\n]*", "", path.read_text())
        for service, body in re.findall(r"service (\w+) \{(.*?)\n\}", text,
                                        re.S):
            found += [f"{service}/{rpc}"
                      for rpc in re.findall(r"rpc (\w+)\s*\(", body)]
    return found


def requests(name, wrapped, ciphertext):
    """One good request for each RPC, about this key and these tokens."""
    secret = e2e.b64(b"s" * 32)
    version = {"name": name, "version": 1}
    nowhere = "00000000-0000-4000-8000-000000000000"
    dek = {"name": name, "dek_id": nowhere + ":0"}
    job = {"name": name, "job_id": nowhere}
    return {
        "KeyService/Encrypt": {"name": name, "plaintext": secret},
        "KeyService/Decrypt": {"ciphertext": ciphertext},
        "KeyService/Wrap": {"name": name, "dek": secret},
        "KeyService/Unwrap": {"wrapped_dek": wrapped},
        "KeyService/GenerateDataKey": {"name": name},
        "KeyService/Rewrap": {"token": wrapped},
        "KeyService/BatchEncrypt": {"name": name,
                                    "items": [{"plaintext": secret}]},
        "KeyService/BatchDecrypt": {"items": [{"ciphertext": ciphertext}] * 2},
        "KeyService/BatchWrap": {"name": name, "items": [{"dek": secret}]},
        "KeyService/BatchUnwrap": {"items": [{"wrapped_dek": wrapped}] * 2},
        "KeyService/BatchGenerateDataKeys": {"name": name, "count": 2},
        "KeyService/BatchRewrap": {"tokens": [wrapped, wrapped]},
        "KeyAdmin/CreateKey": {"name": name},
        "KeyAdmin/GetKey": {"name": name},
        "KeyAdmin/ListKeys": {"prefix": name},
        "KeyAdmin/UpdateKey": {"key": {"name": name, "labels": {"a": "b"}},
                               "update_mask": "labels"},
        "KeyAdmin/RotateKey": {"name": name},
        "KeyAdmin/EnableVersion": version,
        "KeyAdmin/DisableVersion": version,
        "KeyAdmin/ScheduleDestroyVersion": {
            **version, "acknowledge_unregistered": True},
        "KeyAdmin/CancelDestroyVersion": version,
        "KeyAdmin/ListDeks": {"name": name},
        "KeyAdmin/GetDek": dek,
        "KeyAdmin/DeleteDek": dek,
        "KeyAdmin/ShredDek": dek,
        "KeyAdmin/StartRewrap": {"name": name},
        "KeyAdmin/GetJob": job,
        "KeyAdmin/ListJobs": {"name": name},
        "KeyAdmin/GetJobReport": job,
        "KeyAdmin/PauseJob": job,
        "KeyAdmin/ResumeJob": job,
        "KeyAdmin/CancelJob": job,
        "KeyAdmin/GetCensus": {"name": name},
        "KeyAdmin/GetKeyUsage": {"name": name},
        "KeyAdmin/ReportDependence": {"key_id": key_id_of(wrapped),
                                      "source": "here"},
        "KeyAdmin/ListTokenObjects": {},
        "KeyAdmin/GetSigningKey": {},
        "KeyAdmin/GetStatus": {},
        "KeyAdmin/WhoAmI": {},
    }


def key_id_of(token):
    return str(uuid.UUID(bytes=e2e.unb64(token)[4:20]))


def of_unknown_key(token):
    """The token under a key_id that nobody has."""
    raw = bytearray(e2e.unb64(token))
    raw[4:20] = bytes(range(16))
    return e2e.b64(bytes(raw))


class Identities(e2e.E2eTest):
    def setUp(self):
        self.site = serve.Installation(self)
        self.site.set_policy(TENANT_RULES)
        self.daemon = self.site.start()
        self.admin = self.site.probe(self.daemon)
        for name in ("bank/cards", "tenant/own"):
            self.admin.ok("KeyAdmin/CreateKey", {"name": name})
        secret = e2e.b64(b"d" * 32)
        self.wrapped = self.admin.ok("KeyService/Wrap", {
            "name": "bank/cards", "dek": secret})["wrapped_dek"]
        self.sealed = self.admin.ok("KeyService/Encrypt", {
            "name": "bank/cards", "plaintext": secret})["ciphertext"]
        self.requests = requests("bank/cards", self.wrapped, self.sealed)
        self.before = self.admin.ok("KeyAdmin/GetKey", {"name": "bank/cards"})

    def assert_unchanged(self):
        now = self.admin.ok("KeyAdmin/GetKey", {"name": "bank/cards"})
        for key in (now, self.before):
            for version in key["versions"]:
                version.pop("seals")
        self.assertEqual(now, self.before)
        names = [k["name"] for k in self.admin.ok("KeyAdmin/ListKeys",
                                                  {})["keys"]]
        self.assertEqual(names, ["bank/cards", "tenant/own"])

    def test_the_matrix_has_every_rpc_and_the_administrator_passes(self):
        self.assertEqual(sorted(self.requests), sorted(rpcs()))
        self.assertEqual(len(self.requests), 39)
        # What is refused below is refused for who asks, not for what is asked.
        for method, request in self.requests.items():
            answer = self.admin.call(method, request)
            if answer["code"] != "OK":
                self.assertIn(answer["reason"], (
                    "KEY_EXISTS", "VERSION_STATE", "DEK_NOT_FOUND",
                    "JOB_NOT_FOUND"))
                continue
            for item in answer["response"].get("items", []):
                self.assertFalse(item.get("status"), item)

    def test_no_connection_without_a_certificate_of_the_ca(self):
        other = serve.Pki(self.dir / "other", "another CA")
        imposter = other.make("admin")
        self_signed = {"cert": other.ca, "key": other.dir / "ca.key"}
        expired = self.site.pki.make("expired-admin", days=-1,
                                     subject="/CN=admin")
        server_cert = self.site.pki.make("admin-server", usage="serverAuth",
                                         subject="/CN=admin")
        lines = len(e2e.audit_lines(self.site.audit))
        for kind, who in (("none", {}), ("wrong CA", imposter),
                          ("self-signed", self_signed), ("expired", expired),
                          ("for servers", server_cert)):
            probe = e2e.Probe(self, self.daemon.address, self.site.pki.ca,
                              **who)
            for method, request in self.requests.items():
                with self.subTest(kind=kind, method=method):
                    answer = probe.call(method, request)
                    self.assertEqual(answer["code"], "UNAVAILABLE", answer)
                    self.assertNotIn("response", answer)
                    self.assertNotIn("reason", answer)
        # The service was there all the time, and none of them reached it.
        self.assertEqual(len(e2e.audit_lines(self.site.audit)), lines)
        self.assert_unchanged()

    def test_a_revoked_certificate_makes_no_connection(self):
        self.daemon.stop()
        revoked = self.site.pki.make("lost-laptop", subject="/CN=admin")
        crls = self.site.pki.revoke(revoked)
        self.site.settings["tls"]["crl_directory"] = crls
        self.daemon = self.site.start()
        self.admin = self.site.probe(self.daemon)
        lines = len(e2e.audit_lines(self.site.audit))
        probe = self.site.probe(self.daemon, revoked)
        for method, request in self.requests.items():
            with self.subTest(method=method):
                answer = probe.call(method, request)
                self.assertEqual(answer["code"], "UNAVAILABLE", answer)
                self.assertNotIn("response", answer)
        self.assertEqual(len(e2e.audit_lines(self.site.audit)), lines)
        self.assert_unchanged()

    def test_a_certificate_with_ambiguous_names_is_nobody(self):
        for name, san, subject in (
                ("two-uris", "URI:spiffe://a/b,URI:spiffe://a/c", "/CN=admin"),
                ("two-names", "DNS:a.example,DNS:b.example", "/CN=admin"),
                ("two-cns", None, "/CN=admin/CN=stranger"),
                ("one-rdn", None, "/CN=admin+CN=stranger")):
            who = self.site.pki.make(name, san=san, subject=subject)
            probe = self.site.probe(self.daemon, who)
            for method, request in self.requests.items():
                with self.subTest(name=name, method=method):
                    self.assert_refused(probe.call(method, request),
                                        "UNAUTHENTICATED", "UNAUTHENTICATED")
        self.assert_unchanged()

    def test_a_caller_without_a_rule_is_refused_everything(self):
        self.refuse_all(self.site.pki.make("stranger"), grants=0)

    def test_a_tenant_is_refused_everything_about_other_keys(self):
        self.refuse_all(self.site.pki.make("tenant"), grants=1)

    def refuse_all(self, who, grants):
        probe = self.site.probe(self.daemon, who)
        unknown = requests("bank/cardz", of_unknown_key(self.wrapped),
                           of_unknown_key(self.sealed))
        lines = len(e2e.audit_lines(self.site.audit))
        for method, request in self.requests.items():
            with self.subTest(method=method):
                known, other = (self.outcome(probe.call(method, r))
                                for r in (request, unknown[method]))
                # Alike for what exists and for what does not.
                self.assertEqual(known, other)
                if method not in NEEDS_NO_RULE:
                    self.assertTrue(known)
                    for code, reason, message in known:
                        self.assertEqual((code, reason), ("PERMISSION_DENIED",
                                                          "PERMISSION_DENIED"))
                        self.assertNotIn("version", message)
        me = probe.ok("KeyAdmin/WhoAmI", {})
        self.assertEqual(len(me["grants"]), grants)
        self.assertEqual(probe.ok("KeyAdmin/ListKeys", {"prefix": "bank"}),
                         {"keys": [], "next_page_token": ""})
        records = e2e.audit_lines(self.site.audit)[lines:]
        self.assertEqual(len(records), 2 * len(self.requests) + 2)
        self.assert_unchanged()

    def outcome(self, answer):
        """All refusals in an answer, without the name that was asked for."""
        if answer["code"] != "OK":
            errors = [(answer["code"], answer.get("reason"),
                       answer["message"])]
        else:
            self.assertNotIn(e2e.b64(b"d" * 32), str(answer))
            errors = [("PERMISSION_DENIED" if item["status"]["code"] == 7
                       else item["status"]["code"], item["status"]["reason"],
                       item["status"]["message"])
                      for item in answer["response"].get("items", [])]
        return [(code, reason, re.sub("bank/card[sz]", "NAME", message))
                for code, reason, message in errors]

    def test_a_tenant_works_on_its_own_keys(self):
        probe = self.site.probe(self.daemon, self.site.pki.make("tenant"))
        wrapped = probe.ok("KeyService/Wrap", {
            "name": "tenant/own", "dek": e2e.b64(b"t" * 32)})["wrapped_dek"]
        opened = probe.ok("KeyService/Unwrap", {"wrapped_dek": wrapped})
        self.assertEqual(e2e.unb64(opened["dek"]), b"t" * 32)
        names = [k["name"] for k in probe.ok("KeyAdmin/ListKeys", {})["keys"]]
        self.assertEqual(names, ["tenant/own"])
        # One batch with one's own and another's: only the own one opens.
        mixed = probe.ok("KeyService/BatchUnwrap", {"items": [
            {"wrapped_dek": self.wrapped}, {"wrapped_dek": wrapped}]})["items"]
        self.assertEqual(mixed[0]["status"]["reason"], "PERMISSION_DENIED")
        self.assertEqual(mixed[0]["name"], "")
        self.assertEqual(e2e.unb64(mixed[1]["secret"]), b"t" * 32)


if __name__ == "__main__":
    unittest.main()
