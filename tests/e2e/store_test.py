"""The store: in use, newer, damaged, read-only, full; restored from yesterday.
Each is said clearly, and nothing is lost."""
import os
import shutil
import sqlite3
import unittest

import e2e
import serve

NOBODY = 65534


class StoreTest(e2e.E2eTest):
    def setUp(self):
        self.site = serve.Installation(self)

    def assert_refuses(self, reason, *parts, **how):
        self.site.write_config()
        daemon = self.site.launch(**how)
        self.assertEqual(daemon.wait(), 1, daemon.err())
        said = daemon.err().splitlines()[-1]
        self.assertRegex(said, rf"^strongroomd: {reason}: \S")
        for part in parts:
            self.assertIn(str(part), said)

    def fill(self):
        """A store with a key in it, stopped; a DEK and its wrapping."""
        daemon = self.site.start()
        probe = self.site.probe(daemon)
        probe.ok("KeyAdmin/CreateKey", {"name": "demo/app"})
        made = probe.ok("KeyService/GenerateDataKey", {"name": "demo/app"})
        probe.close()
        daemon.stop()
        return made

    def assert_opens(self, probe, made):
        opened = probe.ok("KeyService/Unwrap",
                          {"wrapped_dek": made["wrapped_dek"]})
        self.assertEqual(opened["dek"], made["dek"])


class Refused(StoreTest):
    def test_a_store_in_use_by_another_process_is_refused_with_its_pid(self):
        daemon = self.site.start()
        self.assert_refuses("STORE_LOCKED", daemon.pid, self.site.store)
        # The one that was there is not disturbed.
        probe = self.site.probe(daemon)
        probe.ok("KeyAdmin/CreateKey", {"name": "demo/app"})
        daemon.stop()
        numbers = [r["seq"] for r in e2e.audit_lines(self.site.audit)]
        self.assertEqual(numbers, list(range(1, len(numbers) + 1)))

    def test_a_newer_store_is_refused_and_left_as_it_is(self):
        made = self.fill()
        with sqlite3.connect(self.site.store) as db:
            version, = db.execute("PRAGMA user_version").fetchone()
            oldest, = db.execute("SELECT schema FROM oldest_program").fetchone()
            db.execute("UPDATE oldest_program SET schema = 999")
            db.execute("PRAGMA user_version = 999")
        db.close()
        content = self.site.store.read_bytes()
        self.assert_refuses("STORE_SCHEMA_NEWER", self.site.store, 999, version)
        self.assertEqual(self.site.store.read_bytes(), content)
        with sqlite3.connect(self.site.store) as db:
            db.execute(f"UPDATE oldest_program SET schema = {oldest}")
            db.execute(f"PRAGMA user_version = {version}")
        db.close()
        self.assert_opens(self.site.probe(self.site.start()), made)

    def test_a_file_that_is_no_store_is_refused_and_left_as_it_is(self):
        self.site.store.write_bytes(b"This is not a database. " * 400)
        self.site.store.chmod(0o600)
        self.assert_refuses("STORE_CORRUPT", self.site.store)
        self.assertIn(b"not a database", self.site.store.read_bytes())
        self.site.store.unlink()
        with sqlite3.connect(self.site.store) as db:
            db.execute("CREATE TABLE photos(name TEXT)")
        db.close()
        self.site.store.chmod(0o600)
        self.assert_refuses("STORE_CORRUPT", self.site.store, "another program")

    def test_a_damaged_store_is_refused_and_no_kek_is_destroyed(self):
        self.fill()
        before = self.site.token.labels()
        good = self.site.store.read_bytes()
        bad = bytearray(good)
        bad[4096:] = os.urandom(len(bad) - 4096)
        self.site.store.write_bytes(bytes(bad))
        self.assert_refuses("STORE_CORRUPT", self.site.store)
        self.assertEqual(self.site.token.labels(), before)
        self.site.store.write_bytes(good)
        self.site.start().stop()

    def test_a_store_others_can_read_is_refused_with_the_remedy(self):
        self.fill()
        self.site.store.chmod(0o644)
        self.assert_refuses("FILE_NOT_PRIVATE", "0644",
                            f"chmod 600 {self.site.store}")
        self.site.store.chmod(0o600)
        self.site.start().stop()

    def test_a_store_that_cannot_be_written_is_refused(self):
        made = self.fill()
        user = self.give_away()
        self.site.store.chmod(0o400)
        (self.site.dir / "store").chmod(0o500)
        try:
            self.assert_refuses("STORE_READ_ONLY", self.site.store, user=user)
        finally:
            (self.site.dir / "store").chmod(0o700)
            self.site.store.chmod(0o600)
        self.assert_opens(self.site.probe(self.site.start(user=user)), made)

    def give_away(self):
        """Root may write everything, so as root the service runs as another
        user, who owns all of the installation. The store moves to a directory
        of its own."""
        folder = self.site.dir / "store"
        folder.mkdir(mode=0o700)
        self.site.store.rename(folder / "store.db")
        self.site.store = folder / "store.db"
        self.site.settings["store"]["path"] = self.site.store
        if os.geteuid() != 0:
            return None
        for path in [self.dir, *self.dir.rglob("*")]:
            os.chown(path, NOBODY, NOBODY)
        return NOBODY


class Full(StoreTest):
    def setUp(self):
        super().setUp()
        self.disk = serve.FullDisk(self.dir, "/store.db")

    def test_a_full_store_refuses_changes_changes_nothing_and_recovers(self):
        daemon = self.site.start(env=self.disk.env)
        probe = self.site.probe(daemon)
        probe.ok("KeyAdmin/CreateKey", {"name": "demo/app"})
        made = probe.ok("KeyService/GenerateDataKey", {"name": "demo/app"})
        before = probe.ok("KeyAdmin/GetKey", {"name": "demo/app"})
        keks = self.site.token.labels()

        self.disk.fill()
        changes = (("KeyAdmin/UpdateKey", {"key": {"name": "demo/app",
                                                   "labels": {"n": "never"}},
                                           "update_mask": "labels"}),
                   ("KeyAdmin/RotateKey", {"name": "demo/app"}),
                   ("KeyAdmin/CreateKey", {"name": "demo/second"}))
        for method, request in changes:
            answer = probe.call(method, request)
            self.assert_refused(answer, "UNAVAILABLE", "STORE_FULL", "space")
        self.assertEqual(probe.ok("KeyAdmin/GetKey", {"name": "demo/app"}),
                         before)
        self.assertEqual(self.site.token.labels(), keks)
        self.assert_opens(probe, made)

        self.disk.make_room()
        for method, request in changes:
            probe.ok(method, request)
        daemon.stop()
        daemon = self.site.start()
        probe = self.site.probe(daemon)
        self.assert_opens(probe, made)
        self.assertEqual(probe.ok("KeyAdmin/GetKey",
                                  {"name": "demo/app"})["primary_version"], 2)
        objects = self.site.cli(daemon).json("hsm", "objects")["objects"]
        self.assertEqual(sorted(o["owner"] for o in objects),
                         ["kek demo/app v1", "kek demo/app v2",
                          "kek demo/second v1"])

    def test_no_room_for_a_new_store_is_said_at_start(self):
        self.disk.fill()
        self.assert_refuses("STORE_FULL", self.site.store, env=self.disk.env)
        self.disk.make_room()
        self.site.start(env=self.disk.env).stop()


class RestoredFromYesterday(StoreTest):
    def test_no_kek_is_destroyed_and_numbers_go_on_after_the_tokens_highest(
            self):
        yesterdays = self.fill()
        backup = self.dir / "backup"
        backup.mkdir()
        for name in ("store.db", "store.db-wal"):
            if (self.site.dir / name).exists():
                shutil.copy(self.site.dir / name, backup / name)

        daemon = self.site.start()
        probe = self.site.probe(daemon)
        for _ in range(2):
            probe.ok("KeyAdmin/RotateKey", {"name": "demo/app"})
        probe.ok("KeyAdmin/CreateKey", {"name": "demo/new"})
        todays = probe.ok("KeyService/GenerateDataKey", {"name": "demo/app"})
        self.assertEqual(todays["key_version"], 3)
        daemon.stop()
        keks = self.site.token.labels()
        self.assertEqual(len(keks), 4)

        for path in self.site.dir.glob("store.db*"):
            path.unlink()
        for path in backup.iterdir():
            shutil.copy(path, self.site.dir / path.name)
        daemon = self.site.start()
        probe = self.site.probe(daemon)
        self.assertEqual(self.site.token.labels(), keks)
        self.assertIn("unknown_objects=3", daemon.err())

        self.assert_opens(probe, yesterdays)
        answer = probe.call("KeyService/Unwrap",
                            {"wrapped_dek": todays["wrapped_dek"]})
        self.assert_refused(answer, "NOT_FOUND", "VERSION_NOT_FOUND",
                            "demo/app", "3")
        self.assert_refused(
            probe.call("KeyAdmin/GetKey", {"name": "demo/new"}), "NOT_FOUND",
            "KEY_NOT_FOUND")

        rotated = probe.ok("KeyAdmin/RotateKey", {"name": "demo/app"})
        self.assertEqual(rotated["primary_version"], 4)
        self.assertEqual([v["version"] for v in rotated["versions"]], [1, 4])
        after = self.site.token.labels()
        self.assertEqual(len(after), 5)
        self.assertLessEqual(set(keks), set(after))
        # An operator sees what is there and not ours any more.
        objects = probe.ok("KeyAdmin/ListTokenObjects", {})["objects"]
        owners = [o["owner"] for o in objects]
        self.assertEqual(len(owners), 5)
        self.assertEqual(len([o for o in owners if
                              o.startswith("kek demo/app v")]), 2, owners)
        daemon.stop()

    def test_a_lost_store_is_a_new_one_and_touches_no_kek(self):
        self.fill()
        keks = self.site.token.labels()
        for path in self.site.dir.glob("store.db*"):
            path.unlink()
        daemon = self.site.start()
        probe = self.site.probe(daemon)
        self.assertEqual(self.site.token.labels(), keks)
        made = probe.ok("KeyAdmin/CreateKey", {"name": "demo/app"})
        self.assertEqual(made["primary_version"], 1)
        self.assertEqual(len(self.site.token.labels()), 2)
        daemon.stop()


if __name__ == "__main__":
    unittest.main()
