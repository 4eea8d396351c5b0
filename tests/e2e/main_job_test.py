"""The main job end to end, by the programs alone."""
import unittest

import e2e
import main_job


def openssl(*arguments):
    e2e.run("openssl", *arguments)


class MainJob(e2e.E2eTest):
    def setUp(self):
        self.daemon = self.start_dev()
        self.cli = self.dev_cli(self.daemon)

    def test_a_document_stays_readable_over_a_rotation(self):
        main_job.do_main_job(self, self.cli, openssl)
        self.daemon.stop()

    def test_a_disabled_version_opens_nothing_and_the_rewrapped_dek_opens(self):
        old, new, dek = main_job.do_main_job(self, self.cli, openssl)
        disabled = self.cli.json("key", "disable", "demo/app", "1")
        self.assertEqual(disabled["state"], "DISABLED")

        refused = self.cli.run("unwrap", "--base64", "--in", old,
                               *main_job.CONTEXT)
        self.assert_cli_refused(refused, 6, "VERSION_STATE", "demo/app",
                                "DISABLED")
        self.assertEqual(refused.stdout, b"")
        opened = self.cli.ok("unwrap", "--base64", "--in", new,
                             *main_job.CONTEXT)
        self.assertEqual(opened.strip(), dek.read_bytes().strip())

        self.cli.ok("key", "enable", "demo/app", "1")
        opened = self.cli.ok("unwrap", "--base64", "--in", old,
                             *main_job.CONTEXT)
        self.assertEqual(opened.strip(), dek.read_bytes().strip())

    def test_the_primary_version_is_not_disabled_or_destroyed(self):
        self.cli.ok("key", "create", "demo/app")
        for command in ("disable", "destroy"):
            done = self.cli.run("key", command, "demo/app", "1")
            self.assert_cli_refused(done, 6, "VERSION_STATE", "primary")

    def test_a_scheduled_destruction_closes_the_version_and_is_taken_back(self):
        old, _, dek = main_job.do_main_job(self, self.cli, openssl)
        refused = self.cli.run("key", "destroy", "demo/app", "1")
        self.assert_cli_refused(refused, 6, "UNREGISTERED_WRAPS", "1 wraps")
        scheduled = self.cli.json("key", "destroy", "demo/app", "1",
                                  "--acknowledge-unregistered")
        self.assertEqual(scheduled["traces"]["unregistered_wraps"], 1)
        self.assertEqual(scheduled["state"], "DESTROY_SCHEDULED")
        self.assertIsNotNone(scheduled["destroy_time"])
        refused = self.cli.run("unwrap", "--base64", "--in", old,
                               *main_job.CONTEXT)
        self.assert_cli_refused(refused, 6, "VERSION_STATE",
                                "DESTROY_SCHEDULED")
        self.assert_cli_refused(self.cli.run("key", "enable", "demo/app", "1"),
                                6, "VERSION_STATE")

        back = self.cli.json("key", "cancel-destroy", "demo/app", "1")
        self.assertEqual((back["state"], back["destroy_time"]),
                         ("DISABLED", None))
        self.cli.ok("key", "enable", "demo/app", "1")
        opened = self.cli.ok("unwrap", "--base64", "--in", old,
                             *main_job.CONTEXT)
        self.assertEqual(opened.strip(), dek.read_bytes().strip())

    def test_a_destroyed_kek_is_gone_from_the_token_and_opens_nothing(self):
        old, new, dek = main_job.do_main_job(self, self.cli, openssl)
        self.cli.ok("key", "update", "demo/app", "--destroy-after", "1s")
        self.cli.ok("key", "destroy", "demo/app", "1",
                    "--acknowledge-unregistered")
        # A start looks at once at what is due.
        self.daemon.stop()
        self.cli = self.dev_cli(self.start_dev())

        def first():
            return self.cli.json("key", "show", "demo/app")["versions"][0]
        e2e.wait_until("version 1 is destroyed",
                       lambda: first()["state"] == "DESTROYED")
        owners = [o["owner"] for o in
                  self.cli.json("hsm", "objects")["objects"]]
        self.assertEqual(owners, ["kek demo/app v2"])
        for command in ("enable", "cancel-destroy"):
            self.assert_cli_refused(
                self.cli.run("key", command, "demo/app", "1"), 6,
                "VERSION_STATE", "DESTROYED")
        self.assert_cli_refused(
            self.cli.run("unwrap", "--base64", "--in", old, *main_job.CONTEXT),
            6, "VERSION_STATE", "DESTROYED")
        opened = self.cli.ok("unwrap", "--base64", "--in", new,
                             *main_job.CONTEXT)
        self.assertEqual(opened.strip(), dek.read_bytes().strip())

    def test_another_context_or_purpose_does_not_open(self):
        self.cli.ok("key", "create", "demo/app")
        plain = self.write("plain", "seven is a prime")
        sealed, wrapped = self.dir / "sealed", self.dir / "wrapped"
        self.cli.ok("encrypt", "demo/app", "--in", plain, "--out", sealed,
                    "--context", "n=7")
        self.cli.ok("datakey", "demo/app", "--without-plaintext",
                    "--wrapped-out", wrapped, "--context", "n=7")
        self.assertEqual(self.cli.ok("decrypt", "--in", sealed, "--context",
                                     "n=7"), plain.read_bytes())
        for command, path, context in (
                ("decrypt", sealed, ["--context", "n=8"]),
                ("decrypt", sealed, []),
                ("decrypt", sealed, ["--context", "n=7", "--context", "m=1"]),
                ("unwrap", sealed, ["--context", "n=7"]),
                ("decrypt", wrapped, ["--context", "n=7"])):
            done = self.cli.run(command, "--in", path, *context)
            self.assert_cli_refused(done, 3, "NOT_AUTHENTIC")
            self.assertEqual(done.stdout, b"")

    def test_keys_and_tokens_outlive_a_restart(self):
        old, new, dek = main_job.do_main_job(self, self.cli, openssl)
        self.daemon.stop()
        cli = self.dev_cli(self.start_dev())
        self.assertEqual(cli.json("key", "show", "demo/app")["primary_version"],
                         2)
        for wrapped in (old, new):
            opened = cli.ok("unwrap", "--base64", "--in", wrapped,
                            *main_job.CONTEXT)
            self.assertEqual(opened.strip(), dek.read_bytes().strip())

    def test_the_cli_says_what_is_wrong_with_a_request(self):
        self.cli.ok("key", "create", "demo/app")
        garbage = self.write("garbage", "this is no token string")
        big = self.write("big", "x" * 65537)
        short = self.write("short", "too short")
        for arguments, exit_code, reason in (
                (["key", "create", "Demo/App"], 3, "NAME_INVALID"),
                (["key", "create", "demo/app"], 5, "KEY_EXISTS"),
                (["key", "show", "demo/none"], 5, "KEY_NOT_FOUND"),
                (["key", "disable", "demo/app", "9"], 5, "VERSION_NOT_FOUND"),
                (["unwrap", "--in", garbage], 3, "MALFORMED"),
                (["encrypt", "demo/app", "--in", big], 3,
                 "PLAINTEXT_TOO_LARGE"),
                (["wrap", "demo/app", "--in", short], 3, "DEK_SIZE_INVALID"),
                (["encrypt", "demo/app", "--in", self.dir / "none"], 1,
                 "FILE_UNREADABLE")):
            with self.subTest(arguments=arguments):
                self.assert_cli_refused(self.cli.run(*arguments), exit_code,
                                        reason)


class Batches(e2e.E2eTest):
    def test_every_batch_form_does_what_its_single_form_does(self):
        probe = self.dev_probe(self.start_dev())
        probe.ok("KeyAdmin/CreateKey", {"name": "demo/app"})
        context = [{"key": "n", "value": "1"}]
        deks = [bytes([i]) * 32 for i in range(200)]
        wrapped = probe.ok("KeyService/BatchWrap", {
            "name": "demo/app", "encryption_context": context,
            "items": [{"dek": e2e.b64(dek)} for dek in deks]})["items"]
        sealed = probe.ok("KeyService/BatchEncrypt", {
            "name": "demo/app", "encryption_context": context,
            "items": [{"plaintext": e2e.b64(dek)} for dek in deks]})["items"]
        made = probe.ok("KeyService/BatchGenerateDataKeys", {
            "name": "demo/app", "count": 50, "compact": True,
            "encryption_context": context})
        tokens = [e2e.unb64(made["headers"][item["header"]]) +
                  e2e.unb64(item["token"]) for item in made["items"]]
        self.assertLess(len(made["headers"]), 50)

        opened = probe.ok("KeyService/BatchUnwrap", {
            "encryption_context": context,
            "items": [{"wrapped_dek": item["token"]} for item in wrapped] +
                     [{"wrapped_dek": e2e.b64(token)} for token in tokens]})
        self.assertEqual([e2e.unb64(i["secret"]) for i in opened["items"]],
                         deks + [e2e.unb64(i["dek"]) for i in made["items"]])
        opened = probe.ok("KeyService/BatchDecrypt", {
            "encryption_context": context,
            "items": [{"ciphertext": item["token"]} for item in sealed]})
        self.assertEqual([e2e.unb64(i["secret"]) for i in opened["items"]],
                         deks)

        probe.ok("KeyAdmin/RotateKey", {"name": "demo/app"})
        moved = probe.ok("KeyService/BatchRewrap", {
            "tokens": [item["token"] for item in wrapped]})["items"]
        self.assertEqual({i["key_version"] for i in moved}, {2})
        probe.ok("KeyAdmin/DisableVersion", {"name": "demo/app", "version": 1})
        opened = probe.ok("KeyService/BatchUnwrap", {
            "encryption_context": context,
            "items": [{"wrapped_dek": moved[i]["token"]} if i % 2 else
                      {"wrapped_dek": wrapped[i]["token"]}
                      for i in range(200)]})["items"]
        for i, item in enumerate(opened):
            if i % 2:
                self.assertEqual(e2e.unb64(item["secret"]), deks[i])
            else:
                self.assertEqual(item["status"]["reason"], "VERSION_STATE")
                self.assertEqual(item["secret"], "")


if __name__ == "__main__":
    unittest.main()
