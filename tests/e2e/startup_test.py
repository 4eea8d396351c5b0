"""What `strongroomd` refuses to start with, and what it says then."""
import os
import shutil
import socket
import subprocess
import unittest

import e2e
import serve


class StartTest(e2e.E2eTest):
    def assert_refuses(self, reason, *parts, write=True, code=1, **how):
        """`serve` ends with this code, says this, and nothing was made ready."""
        if write:
            self.site.write_config()
        daemon = self.site.launch(**how)
        self.assertEqual(daemon.wait(), code, daemon.err())
        said = [line for line in daemon.err().splitlines()
                if line.startswith("strongroomd: ")]
        self.assertEqual(len(said), 1, daemon.err())
        self.assertRegex(said[0], rf"^strongroomd: {reason}: \S")
        for part in parts:
            self.assertIn(str(part), said[0])
        self.assertNotIn("ready", daemon.out())
        self.assertNotIn(self.site.token.pin, daemon.out() + daemon.err())
        return daemon


class Refusals(StartTest):
    def setUp(self):
        self.site = serve.Installation(self)

    def check(self):
        """`strongroomd check`: exit code, and all it says."""
        self.site.write_config()
        done = subprocess.run([e2e.STRONGROOMD, "check", "--config",
                               self.site.config], capture_output=True,
                              text=True, env={"ASAN_OPTIONS": "detect_leaks=0",
                                              **os.environ})
        return done.returncode, done.stdout + done.stderr

    def test_the_installation_of_these_tests_does_start(self):
        code, said = self.check()
        self.assertEqual(code, 0, said)
        self.site.start().stop()

    # The configuration.

    def test_unknown_and_repeated_keys_are_named_with_their_line(self):
        for extra, *parts in (
                ("store_path: /x\n", "store_path", "unknown key"),
                ("drain_seconds: 9\n", "drain_seconds", "twice"),
                ("log:\n  levle: info\n", "levle", "unknown key", "level"),
                ("hsm:\n  pin: 1234\n", "hsm")):
            with self.subTest(extra=extra):
                self.site.write_config(extra)
                line = len(self.site.config.read_text().splitlines())
                first = line - extra.count("\n") + 1
                daemon = self.site.launch()
                self.assertEqual(daemon.wait(), 1)
                self.assertRegex(daemon.err(), r"CONFIG_INVALID: .*"
                                 rf"strongroom\.yaml:({line}|{first})\b")
                for part in parts:
                    self.assertIn(part, daemon.err())

    def test_a_secret_in_the_configuration_is_refused_and_not_repeated(self):
        self.site.settings["hsm"]["pin"] = self.site.token.pin
        self.assert_refuses("CONFIG_INVALID", "pin_file", "strongroom.yaml:")

    def test_values_that_cannot_be_are_refused(self):
        for section, key, value, *parts in (
                ("hsm", "profile", "softhms", "softhms"),
                ("hsm", "pin_file", "relative/pin", "absolute"),
                ("hsm", "workers", 0, "1 to 256"),
                ("metrics", "listen", "0.0.0.0:0", "loopback")):
            with self.subTest(key=key):
                before = dict(self.site.settings[section])
                self.site.settings[section][key] = value
                self.assert_refuses("CONFIG_INVALID", key, *parts)
                self.site.settings[section] = before
        for listen in ("127.0.0.1", "127.0.0.1:99999", "not-an-address:1"):
            with self.subTest(listen=listen):
                self.site.settings["listen"] = listen
                self.assert_refuses("CONFIG_INVALID", listen)

    def test_no_configuration_is_no_start(self):
        self.assert_refuses("FILE_UNREADABLE", self.site.config, write=False)
        self.site.config.write_text("")
        self.assert_refuses("CONFIG_INVALID", self.site.config, write=False)

    def test_a_policy_with_a_fault_is_no_start(self):
        self.site.set_policy(serve.ADMIN_RULE.replace("observe", "obsreve"))
        self.assert_refuses("CONFIG_INVALID", "policy.yaml:", "obsreve",
                            "observe")
        self.site.policy.unlink()
        self.assert_refuses("FILE_UNREADABLE", self.site.policy)

    # Files with secrets.

    def test_a_pin_file_others_can_read_is_refused(self):
        for mode in (0o644, 0o640, 0o620, 0o604):
            self.site.token.pin_file.chmod(mode)
            self.assert_refuses("FILE_NOT_PRIVATE", self.site.token.pin_file,
                                "chmod 600")
        code, said = self.check()
        self.assertEqual(code, 1)
        self.assertIn("FILE_NOT_PRIVATE", said)

    def test_a_tls_key_others_can_read_is_refused(self):
        self.site.server["key"].chmod(0o644)
        self.assert_refuses("FILE_NOT_PRIVATE", self.site.server["key"],
                            "chmod 600")
        code, said = self.check()
        self.assertEqual(code, 1)
        self.assertIn("FILE_NOT_PRIVATE", said)

    def test_a_pin_file_that_is_missing_or_empty_is_refused(self):
        self.site.token.pin_file.write_text("")
        self.assert_refuses("(FILE_UNREADABLE|CONFIG_INVALID)",
                            self.site.token.pin_file, "empty")
        self.site.token.pin_file.unlink()
        self.assert_refuses("FILE_UNREADABLE", self.site.token.pin_file)

    # Certificates.

    def use_certificate(self, pair):
        self.site.settings["tls"].update(pair)

    def test_an_expired_server_certificate_is_refused(self):
        self.use_certificate(self.site.pki.make_server("old", days=-1))
        self.assert_refuses("CERTIFICATE_INVALID", "old.crt", "expired")
        code, said = self.check()
        self.assertEqual(code, 1)
        self.assertIn("CERTIFICATE_INVALID", said)

    def test_a_key_of_another_certificate_is_refused(self):
        other = self.site.pki.make_server("other")
        self.use_certificate({"key": other["key"]})
        self.assert_refuses("CERTIFICATE_INVALID", "other.key", "server.crt")

    def test_certificates_that_are_missing_or_garbage_are_refused(self):
        garbage = self.dir / "garbage"
        garbage.write_text("no certificate\n")
        garbage.chmod(0o600)
        missing = self.dir / "missing"
        for key in ("cert", "key", "client_ca"):
            with self.subTest(key=key):
                before = dict(self.site.settings["tls"])
                self.use_certificate({key: garbage})
                self.assert_refuses("CERTIFICATE_INVALID", garbage)
                self.use_certificate({key: missing})
                self.assert_refuses("FILE_UNREADABLE", missing)
                self.site.settings["tls"] = before

    def test_a_client_ca_that_is_no_ca_is_refused(self):
        self.use_certificate({"client_ca": self.site.admin["cert"]})
        self.assert_refuses("CERTIFICATE_INVALID", "admin.crt")

    def test_a_server_certificate_for_clients_or_without_names_is_refused(self):
        self.use_certificate(self.site.admin)
        self.assert_refuses("CERTIFICATE_INVALID", "admin.crt")
        self.use_certificate(self.site.pki.make("nameless", usage="serverAuth"))
        self.assert_refuses("CERTIFICATE_INVALID", "nameless.crt",
                            "alternative name")

    # The token.

    def test_a_missing_module_is_refused_and_so_is_a_library_of_another_kind(
            self):
        self.site.settings["hsm"]["module"] = "/nonexistent/libpkcs11.so"
        self.assert_refuses("MODULE_NOT_LOADED", "/nonexistent/libpkcs11.so")
        libm = e2e.first_existing("libc6", "/lib/x86_64-linux-gnu/libm.so.6",
                                  "/lib/aarch64-linux-gnu/libm.so.6")
        self.site.settings["hsm"]["module"] = libm
        self.assert_refuses("MODULE_NOT_LOADED", libm)

    def test_a_missing_token_is_refused_with_the_labels_there_are(self):
        self.site.settings["hsm"]["token_label"] = "prodution token"
        self.assert_refuses("TOKEN_NOT_FOUND", "prodution token",
                            "production token")

    def test_the_store_and_token_of_dev_are_refused_and_the_reverse(self):
        dev = self.start_dev()
        dev.stop()
        settings = self.site.settings
        self.site.token.env = {"SOFTHSM2_CONF": str(dev.dir / "softhsm2.conf")}
        before = dict(settings["hsm"])
        settings["hsm"].update({"token_label": "strongroom-dev",
                                "pin_file": dev.dir / "pin"})
        self.assert_refuses("DEVELOPMENT_ONLY", "strongroom-dev",
                            "strongroomd dev")
        settings["hsm"] = before

        self.site.token = serve.SoftHsm(self.dir / "token2")
        settings["hsm"]["pin_file"] = self.site.token.pin_file
        settings["store"]["path"] = dev.dir / "store.db"
        self.assert_refuses("DEVELOPMENT_ONLY", "store.db", "serve")
        settings["store"]["path"] = self.site.store

        self.site.start().stop()
        for name in ("store.db", "store.db-wal", "store.db-shm"):
            (dev.dir / name).unlink(missing_ok=True)
        shutil.copy(self.site.store, dev.dir / "store.db")
        again = e2e.Daemon(self, ["dev", "--dir", dev.dir, "--listen",
                                  "127.0.0.1:0", "--metrics", "127.0.0.1:0"])
        self.assertEqual(again.wait(), 1)
        self.assertIn("strongroomd: DEVELOPMENT_ONLY: ", again.err())

    # The address.

    def test_an_address_in_use_is_refused(self):
        taken = socket.create_server(("127.0.0.1", 0))
        self.addCleanup(taken.close)
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        self.site.settings["listen"] = address
        self.assert_refuses("ADDRESS_IN_USE", address)
        self.site.settings["listen"] = "127.0.0.1:0"
        self.site.settings["metrics"]["listen"] = address
        self.assert_refuses("ADDRESS_IN_USE", address)

    def test_a_second_dev_on_one_directory_is_refused(self):
        first = self.start_dev()
        before = (first.dir / "env").read_text()
        second = e2e.Daemon(self, ["dev", "--dir", first.dir, "--listen",
                                   "127.0.0.1:0", "--metrics", "127.0.0.1:0"])
        self.assertEqual(second.wait(), 1)
        self.assertRegex(second.err(), r"(?m)^strongroomd: STORE_LOCKED: .*\b"
                         rf"{first.pid}\b")
        self.assertEqual((first.dir / "env").read_text(), before)
        self.dev_cli(first).ok("key", "create", "demo/app")
        first.stop()

    def test_dev_refuses_addresses_that_are_not_loopback(self):
        for flag in ("--listen", "--metrics"):
            daemon = e2e.Daemon(self, ["dev", "--dir", self.dir / "dev", flag,
                                       "0.0.0.0:0"])
            self.assertEqual(daemon.wait(), 1)
            self.assertIn("strongroomd: DEVELOPMENT_ONLY: ", daemon.err())
            self.assertFalse((self.dir / "dev").exists())

    def test_a_wrong_command_line_ends_with_2(self):
        for arguments in ([], ["serve"], ["dev"], ["sreve"],
                          ["serve", "--config", "x", "--port", "1"]):
            daemon = e2e.Daemon(self, arguments)
            self.assertEqual(daemon.wait(), 2, arguments)
            self.assertNotEqual(daemon.err(), "")


class TokenRefusals(StartTest):
    """With the shim between: what the token is asked is counted."""

    def setUp(self):
        self.token = serve.ShimmedSoftHsm(self.dir / "token")
        self.site = serve.Installation(self, token=self.token)

    def test_a_wrong_pin_is_tried_once(self):
        self.site.token.pin_file.write_text("not the PIN\n")
        # A code of its own: a supervisor must not try the PIN again.
        daemon = self.assert_refuses("HSM_LOGIN_REFUSED", self.token.label,
                                     "PIN", code=3)
        self.assertEqual(self.token.calls("C_Login"),
                         ["C_Login CKR_PIN_INCORRECT"])
        self.assertNotIn("not the PIN", daemon.err())

    def test_a_supervisor_that_starts_it_again_does_not_lock_the_token(self):
        note = self.site.store.with_name(self.site.store.name + ".pin-refused")
        self.site.token.pin_file.write_text("not the PIN\n")
        self.assert_refuses("HSM_LOGIN_REFUSED", "PIN", code=3)
        for _ in range(3):
            self.assert_refuses("HSM_LOGIN_REFUSED", self.token.pin_file, note,
                                "remove", code=3)
        self.assertEqual(len(self.token.calls("C_Login")), 1)
        self.assertNotIn("not the PIN", note.read_text())
        # Another PIN is tried, and the right one ends it.
        self.site.token.pin_file.write_text("nor this one\n")
        self.assert_refuses("HSM_LOGIN_REFUSED", self.token.label, code=3)
        self.assertEqual(len(self.token.calls("C_Login")), 2)
        self.site.token.pin_file.write_text(self.token.pin + "\n")
        self.site.start().stop()
        self.assertFalse(note.exists())

    def test_a_token_without_aes_gcm_is_refused_by_the_mechanisms_name(self):
        self.token.direct("hide-mechanism CKM_AES_GCM\n")
        self.assert_refuses("HSM_CAPABILITY_MISSING", "CKM_AES_GCM")

    def test_a_module_that_does_not_initialise_is_refused(self):
        self.token.direct("fail C_Initialize CKR_DEVICE_ERROR count=all\n")
        self.assert_refuses("MODULE_NOT_LOADED", "CKR_DEVICE_ERROR")


class WhatClientsSee(e2e.E2eTest):
    def test_a_server_of_another_name_or_ca_is_refused_by_the_cli(self):
        site = serve.Installation(self)
        site.settings["tls"].update(site.pki.make_server(
            "elsewhere", san="DNS:keys.example.com"))
        daemon = site.start()
        done = site.cli(daemon).run("whoami")
        self.assert_cli_refused(done, 7, "SERVER_UNREACHABLE", "127.0.0.1",
                                "STRONGROOM_SERVER_NAME")
        named = site.cli(daemon, STRONGROOM_SERVER_NAME="keys.example.com")
        self.assertEqual(named.json("whoami")["caller"], "cn:admin")
        other = serve.Pki(self.dir / "other", "another CA")
        stranger = e2e.Cli(daemon.address, other.ca, **site.admin)
        self.assert_cli_refused(stranger.run("whoami"), 7, "SERVER_UNREACHABLE",
                                "ca.crt", "STRONGROOM_CA")

    def test_the_cli_says_what_is_wrong_with_its_own_certificate(self):
        site = serve.Installation(self)
        daemon = site.start()
        other = serve.Pki(self.dir / "other", "another CA")
        for who in (other.make("admin"),
                    site.pki.make("expired", days=-1)):
            done = site.cli(daemon, who).run("whoami")
            self.assertIn(done.returncode, (1, 6, 7), done.stderr)
            self.assertIn(who["cert"].name, done.stderr.decode())
        site.admin["key"].chmod(0o644)
        self.assert_cli_refused(site.cli(daemon).run("whoami"), 1,
                                "FILE_NOT_PRIVATE", "admin.key", "chmod 600")

    def test_nobody_there_is_said_with_what_to_check(self):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        site = serve.Installation(self)
        cli = e2e.Cli(f"127.0.0.1:{port}", site.pki.ca, **site.admin)
        done = cli.run("--timeout", "2s", "whoami")
        self.assert_cli_refused(done, 7, "SERVER_UNREACHABLE", str(port),
                                "strongroomd")


if __name__ == "__main__":
    unittest.main()
