"""No secret at rest: not in the store, the logs, the audit file, the
configuration or the metrics; and the KEKs do not leave the token."""
import os
import pathlib
import subprocess
import unittest

import e2e
import serve


def forms(secret):
    """How a secret could stand in a file."""
    found = {secret, secret.hex().encode(), secret.hex().upper().encode()}
    for start in range(3):
        # Base64 in the middle of more: what does not depend on neighbours.
        middle = secret[start:]
        found.add(e2e.b64(middle[:len(middle) // 3 * 3]).encode())
    return found


class SecretsAtRest(e2e.E2eTest):
    def setUp(self):
        self.site = serve.Installation(self)
        self.site.settings["log"] = {"level": "debug"}
        self.daemon = self.site.start()
        self.probe = self.site.probe(self.daemon)

    def use_secrets(self):
        """Every way a secret goes in or out; the good and the refused."""
        secrets = {f"secret {i}": os.urandom(32) for i in range(8)}
        values = list(secrets.values())
        context = [{"key": "n", "value": "1"}]
        self.probe.ok("KeyAdmin/CreateKey", {"name": "demo/app"})
        for secret in values:
            wrapped = self.probe.ok("KeyService/Wrap", {
                "name": "demo/app", "dek": e2e.b64(secret),
                "encryption_context": context})["wrapped_dek"]
            sealed = self.probe.ok("KeyService/Encrypt", {
                "name": "demo/app",
                "plaintext": e2e.b64(secret)})["ciphertext"]
            self.probe.ok("KeyService/Unwrap", {
                "wrapped_dek": wrapped, "encryption_context": context})
            self.probe.ok("KeyService/Decrypt", {"ciphertext": sealed})
            # Refused requests are recorded with more detail.
            self.probe.call("KeyService/Unwrap", {"wrapped_dek": wrapped})
            self.probe.call("KeyService/Wrap", {
                "name": "demo/none", "dek": e2e.b64(secret)})
            self.probe.call("KeyService/Wrap", {
                "name": "demo/app", "dek": e2e.b64(secret * 3)})
            self.probe.call("KeyService/Unwrap", {"wrapped_dek":
                                                  e2e.b64(secret)})
        self.probe.ok("KeyService/BatchWrap", {
            "name": "demo/app", "items": [{"dek": e2e.b64(v)} for v in values]})
        made = self.probe.ok("KeyService/GenerateDataKey", {"name": "demo/app"})
        secrets["generated DEK"] = e2e.unb64(made["dek"])
        many = self.probe.ok("KeyService/BatchGenerateDataKeys",
                             {"name": "demo/app", "count": 20})
        for i, item in enumerate(many["items"]):
            secrets[f"generated DEK {i}"] = e2e.unb64(item["dek"])
        self.probe.ok("KeyAdmin/RotateKey", {"name": "demo/app"})
        self.probe.ok("KeyService/Rewrap", {"token": made["wrapped_dek"]})
        secrets["PIN"] = self.site.token.pin.encode()
        return secrets

    def search(self, secrets, running):
        files = [path for path in self.site.dir.iterdir() if path.is_file()]
        files += [self.daemon.out_path, self.daemon.err_path]
        names = {path.name for path in files}
        for wanted in ("store.db", "audit.log", "strongroom.yaml"):
            self.assertIn(wanted, names)
        places = {str(path): path.read_bytes() for path in files}
        if running:
            self.assertIn("store.db-wal", names)
            places["metrics"] = self.daemon.metrics().encode()
            places["command line"] = pathlib.Path(
                f"/proc/{self.daemon.pid}/cmdline").read_bytes()
        for what, secret in secrets.items():
            for form in forms(secret):
                for where, content in places.items():
                    self.assertNotIn(form, content, f"{what} is in {where}")

    def test_no_pin_dek_or_plaintext_is_in_any_file(self):
        secrets = self.use_secrets()
        self.search(secrets, running=True)
        self.daemon.stop()
        self.search(secrets, running=False)

    def test_the_search_would_find_a_secret(self):
        secret = os.urandom(32)
        for form in forms(secret):
            planted = self.site.dir / "planted"
            planted.write_bytes(b"before " + form + b" after")
            with self.assertRaisesRegex(AssertionError, "is in .*planted"):
                self.search({"planted": secret}, running=False)

    def test_pkcs11_tool_shows_each_kek_sensitive_and_cannot_read_it(self):
        self.use_secrets()
        token = self.site.token
        ids = [o["id"] for o in self.probe.ok("KeyAdmin/ListTokenObjects",
                                              {})["objects"]]
        self.assertEqual(len(ids), 2)
        listing = token.pkcs11_tool("--list-objects", "--type", "secrkey")
        self.assertEqual(listing.count("Secret Key Object; AES length 32"), 2,
                         listing)
        access = [line.split(":", 1)[1] for line in listing.splitlines()
                  if "Access:" in line]
        self.assertEqual(len(access), 2, listing)
        for line in access:
            for word in ("sensitive", "always sensitive", "never extractable",
                         "local"):
                self.assertIn(word, line)
        for line in listing.splitlines():
            if "Usage:" in line:
                self.assertEqual(line.split(":")[1].strip(),
                                 "encrypt, decrypt")
        for kek in ids:
            self.assert_not_readable(kek)

    def assert_not_readable(self, kek):
        token = self.site.token
        done = subprocess.run(
            ["pkcs11-tool", "--module", e2e.softhsm_module(), "--login",
             "--pin", token.pin, "--token-label", token.label,
             "--read-object", "--type", "secrkey", "--id", kek,
             "--output-file", self.dir / "stolen"],
            capture_output=True, env={**os.environ, **token.env})
        text = (done.stdout + done.stderr).decode()
        self.assertIn("CKR_ATTRIBUTE_SENSITIVE", text)
        stolen = self.dir / "stolen"
        self.assertFalse(stolen.exists() and stolen.read_bytes())


if __name__ == "__main__":
    unittest.main()
