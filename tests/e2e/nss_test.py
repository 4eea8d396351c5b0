"""The main job with NSS softokn as the token of `serve`."""
import unittest

import e2e
import main_job
import serve


class OnNss(e2e.E2eTest):
    def test_the_main_job_is_the_same_and_outlives_a_restart(self):
        site = serve.Installation(self, token=serve.Nss(self.dir / "nss"))
        daemon = site.start()
        cli = site.cli(daemon)
        old, new, dek = main_job.do_main_job(
            self, cli, lambda *arguments: e2e.run("openssl", *arguments))
        status = cli.json("status")
        self.assertEqual((status["mode"], status["profile"]), ("serve", "nss"))
        keks = [o for o in cli.json("hsm", "objects")["objects"]
                if o["owner"].startswith("kek demo/app")]
        self.assertEqual(len(keks), 2)
        for kek in keks:
            self.assertTrue(kek["sensitive"] and kek["never_extractable"], kek)
        daemon.stop()

        cli = site.cli(site.start())
        for wrapped in (old, new):
            opened = cli.ok("unwrap", "--base64", "--in", wrapped,
                            *main_job.CONTEXT)
            self.assertEqual(opened.strip(), dek.read_bytes().strip())
        forged = bytearray(new.read_bytes().replace(b"\n", b""))
        token = bytearray(e2e.unb64(forged.decode()))
        token[60] ^= 1
        done = cli.run("unwrap", *main_job.CONTEXT, stdin=bytes(token))
        self.assert_cli_refused(done, 3, "NOT_AUTHENTIC")

    def test_a_wrong_database_pin_is_refused(self):
        site = serve.Installation(self, token=serve.Nss(self.dir / "nss"))
        site.token.pin_file.write_text("not the password\n")
        site.write_config()
        daemon = site.launch()
        self.assertEqual(daemon.wait(), 3)
        self.assertIn("strongroomd: HSM_LOGIN_REFUSED: ", daemon.err())


if __name__ == "__main__":
    unittest.main()
