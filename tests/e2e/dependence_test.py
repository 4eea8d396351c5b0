"""What depends on a version: counted over stops and kills, reported, retired."""
import unittest

import e2e
import file_case

KEY = "demo/app"


class Dependence(e2e.E2eTest):
    def start(self):
        self.daemon = self.start_dev()
        self.probe = self.dev_probe(self.daemon)
        self.cli = self.dev_cli(self.daemon)

    def census(self, version=1, key=KEY):
        for row in self.cli.json("key", "census", key)["versions"]:
            if row["version"] == version:
                return row
        self.fail(f"no version {version}")

    def wrap(self, times):
        for _ in range(times):
            self.probe.ok("KeyService/GenerateDataKey", {"name": KEY})

    def test_counts_survive_a_stop_exactly_and_a_kill_from_above(self):
        self.start()
        self.cli.ok("key", "create", KEY)
        self.assertEqual(self.census()["unregistered_wraps"], 0)
        self.assertIsNone(self.census()["first_wrap_time"])
        self.wrap(3)
        before = self.census()
        self.assertEqual(before["unregistered_wraps"], 3)
        self.probe.close()
        self.daemon.stop()
        self.start()
        self.assertEqual(self.census(), before)
        self.wrap(2)
        self.assertEqual(self.census()["unregistered_wraps"], 5)
        self.probe.close()
        self.daemon.kill()
        self.start()
        self.assertGreaterEqual(self.census()["unregistered_wraps"], 5)
        self.assertEqual(self.census()["first_wrap_time"],
                         before["first_wrap_time"])

    def test_only_a_key_that_always_registered_says_that_nothing_depends(self):
        self.start()
        self.cli.ok("key", "create", KEY, "--registration", "required",
                    "--rewrap-on-rotation", "on", "--destroy-after", "0s")
        refused = self.probe.call("KeyService/Wrap", {
            "name": KEY, "dek": "MDEyMzQ1Njc4OWFiY2RlZg=="})
        self.assertEqual(refused["reason"], "REGISTRATION_RULE")
        made = self.probe.ok("KeyService/GenerateDataKey", {
            "name": KEY, "register": True})
        self.assertFalse(self.census()["nothing_depends"])
        self.cli.ok("key", "rotate", KEY)
        e2e.wait_until("the rotation's job has moved it",
                       lambda: self.census()["nothing_depends"])
        self.assertIn("Nothing depends on version 1.",
                      self.cli.ok("key", "census", KEY).decode())
        jobs = self.cli.json("job", "list", KEY)["jobs"]
        self.assertEqual([(job["state"], job["created_by"]) for job in jobs],
                         [("DONE", "rotation")])
        self.cli.ok("key", "destroy", KEY, 1)
        e2e.wait_until("version 1 is destroyed", lambda: self.cli.json(
            "key", "show", KEY)["versions"][0]["state"] == "DESTROYED")
        opened = self.probe.ok("KeyService/Unwrap", {"dek_id": made["dek_id"]})
        self.assertEqual(opened["dek"], made["dek"])


class Reported(file_case.FileCase):
    def claims(self, version=1):
        rows = self.cli.json("key", "census", file_case.KEY)["versions"]
        return [claim for row in rows if row["version"] == version
                for claim in row["claims"]]

    def test_files_are_reported_and_shown_as_a_claim(self):
        for name in ("one", "two"):
            self.encrypt(self.plain(name, 100))
        report = ("file", "rewrap", "--check", "--report", "--recursive",
                  self.files)
        self.cli.ok(*report, "--source", "backups")
        claims = self.claims()
        self.assertEqual([(c["source"], c["objects"]) for c in claims],
                         [("backups", 2)])
        self.assertTrue(claims[0]["caller"])
        self.cli.ok("key", "rotate", file_case.KEY)
        self.cli.ok("file", "rewrap", "--recursive", self.files)
        self.cli.ok(*report, "--source", "backups")
        self.assertEqual(self.claims(), [])
        self.assertEqual([c["objects"] for c in self.claims(2)], [2])

    def test_a_count_that_would_be_too_low_is_not_reported(self):
        sealed = self.encrypt(self.plain("one", 100))
        broken = bytearray(sealed.read_bytes())
        broken[76:4096 * 2 + 76] = bytes(4096 * 2)
        sealed.write_bytes(broken)
        done = self.cli.run("file", "rewrap", "--check", "--report", sealed)
        self.assertEqual(done.returncode, 1)
        self.assertIn("FILE_UNREADABLE: nothing was reported",
                      done.stderr.decode())
        self.assertEqual(self.claims(), [])


if __name__ == "__main__":
    unittest.main()
