"""Backup, restore and recovery die at every step, and at every change of a file:
there is one whole store or the other, and the command can be given again."""
import contextlib
import secrets
import shutil
import signal
import sqlite3
import unittest

import crash
import e2e
import operate
import serve
import steps

KEY = "payments/cards"
LIMIT = 2 ** 31


class OperatorDies(e2e.E2eTest):
    def setUp(self):
        self.site = serve.Installation(self)
        self.backup = self.dir / "store.backup"
        self.public_key = self.dir / "strongroom.pem"
        self.site.write_config()
        daemon = self.site.start()
        cli = self.site.cli(daemon)
        cli.ok("key", "create", KEY)
        self.tokens = [self.wrapped(cli)]
        self.public_key.write_bytes(cli.ok("hsm", "public-key"))
        operate.create(self.site, self.backup)
        cli.ok("key", "rotate", KEY)
        self.tokens.append(self.wrapped(cli))
        daemon.stop()
        self.whole = self.dir / "whole"
        shutil.copytree(self.site.dir, self.whole)
        self.current = self.facts()

    def wrapped(self, cli):
        dek = secrets.token_bytes(32)
        return cli.ok("wrap", KEY, stdin=dek), dek

    def facts(self):
        """(change, versions, reserved seals); fails if the store is hurt."""
        # A change that was begun is taken back by whoever may write.
        begun = self.site.store.with_name("store.db-journal").exists()
        mode = "rw" if begun else "ro"
        with contextlib.closing(sqlite3.connect(
                f"file:{self.site.store}?mode={mode}", uri=True)) as db:
            self.assertEqual(db.execute("PRAGMA integrity_check").fetchone(),
                             ("ok",))
            change, = db.execute("SELECT value FROM counters "
                                 "WHERE name = 'change_seq'").fetchone()
            return change, db.execute("SELECT version, seals_reserved FROM "
                                      "versions ORDER BY 1").fetchall()

    def assert_no_seal_is_left(self):
        _, versions = self.facts()
        self.assertEqual({seals for _, seals in versions}, {LIMIT})

    def mend_token(self):
        """SoftHSM is not crash-safe: it empties its files at a login. None of
        these commands changes an object."""
        tokens = self.site.dir / "token/tokens"
        shutil.rmtree(tokens)
        shutil.copytree(self.whole / "token/tokens", tokens)

    def begin_again(self):
        """Store and token as they were."""
        self.mend_token()
        for name in [p.name for p in self.site.dir.iterdir()
                     if p.name.startswith("store.db")]:
            (self.site.dir / name).unlink()
        for path in self.whole.glob("store.db*"):
            shutil.copy2(path, self.site.dir)

    def dies(self, at, *arguments, disk=False):
        """Whether the command died at its step number `at`."""
        env = {"STRONGROOM_CRASH_AT": str(at)}
        if disk:
            env["STRONGROOM_CRASH_DISK"] = "1"
        done = operate.run(self.site, *arguments, env=env,
                           program=crash.STRONGROOMD_CRASH)
        self.assertIn(done.returncode, (0, -signal.SIGKILL), done.stderr)
        return done.returncode != 0

    def steps_of(self, *arguments, disk=False):
        log = self.dir / f"steps.{self.next_number()}"
        env = {"STRONGROOM_CRASH_LOG": str(log)}
        if disk:
            env["STRONGROOM_CRASH_DISK"] = "1"
        operate.ok(self.site, *arguments, env=env,
                   program=crash.STRONGROOMD_CRASH)
        return log.read_text().splitlines()

    def assert_serves_all(self):
        daemon = self.site.start()
        cli = self.site.cli(daemon)
        for token, dek in self.tokens:
            self.assertEqual(cli.ok("unwrap", stdin=token), dek)
        e2e.wait_until("the key was rotated", lambda: cli.json(
            "key", "show", KEY)["primary_version"] > 2)
        cli.ok("wrap", KEY, stdin=b"d" * 32)
        daemon.kill()

    RESTORE = ("backup", "restore", "--force")

    def restore(self):
        return (*self.RESTORE, "--config", self.site.config, "--from",
                self.backup)

    def recover(self, *more):
        return ("recover", "--config", self.site.config, *more)

    def test_a_backup_that_died_is_whole_or_not_there(self):
        fresh = self.dir / "fresh.backup"
        command = ("backup", "create", "--config", self.site.config, "--out",
                   fresh)
        self.assertEqual(self.steps_of(*command), steps.BACKUP)
        for n, step in enumerate(steps.BACKUP, 1):
            with self.subTest(step=step):
                fresh.unlink()
                self.assertTrue(self.dies(n, *command))
                if step == steps.BACKUP[-1]:
                    self.assertTrue(fresh.exists())
                    again = operate.run(self.site, *command)
                    self.assertNotEqual(again.returncode, 0)
                else:
                    self.assertFalse(fresh.exists())
                    operate.ok(self.site, *command)
                operate.ok(self.site, "backup", "verify", fresh,
                           "--public-key", self.public_key)
                self.assertEqual(list(self.dir.glob("fresh.backup?*")), [])
                self.assertEqual(self.facts(), self.current)

    def test_a_restore_that_died_left_one_store_or_the_other(self):
        self.assertEqual(self.steps_of(*self.restore()), steps.RESTORE)
        for n, step in enumerate(steps.RESTORE, 1):
            with self.subTest(step=step):
                self.begin_again()
                self.assertTrue(self.dies(n, *self.restore()))
                if step == steps.RESTORE[-1]:
                    self.assert_no_seal_is_left()
                else:
                    self.assertEqual(self.facts(), self.current)
                operate.ok(self.site, *self.restore())
                self.assert_no_seal_is_left()
                self.assertEqual(
                    list(self.site.dir.glob("store.db.restoring*")), [])
                operate.ok(self.site, *self.recover())
                self.assert_serves_all()

    def test_a_restore_that_died_at_any_change_of_a_file_can_be_repeated(self):
        count = len(self.steps_of(*self.restore(), disk=True))
        self.assertGreater(count, len(steps.RESTORE))
        for n in range(1, count + 1):
            with self.subTest(n=n):
                self.begin_again()
                died = self.dies(n, *self.restore(), disk=True)
                now = self.facts()
                if now != self.current:
                    self.assert_no_seal_is_left()
                if died:
                    self.mend_token()
                    operate.ok(self.site, *self.restore())
                self.assert_no_seal_is_left()

    def test_a_recovery_that_died_is_done_or_can_be_given_again(self):
        names = self.site.dir / "names"
        with contextlib.closing(sqlite3.connect(self.site.store)) as db:
            key, = db.execute("SELECT lower(hex(id)) FROM keys").fetchone()
        key = "-".join((key[:8], key[8:12], key[12:16], key[16:20], key[20:]))
        names.write_text(f"{key} {KEY}\n")
        command = self.recover("--names", names)
        operate.lose_store(self.site)
        self.assertEqual(self.steps_of(*command), steps.REBUILD)
        operate.lose_store(self.site)
        count = len(self.steps_of(*command, disk=True))
        for n in range(1, count + 1):
            with self.subTest(n=n):
                self.mend_token()
                operate.lose_store(self.site)
                self.dies(n, *command, disk=True)
                self.mend_token()
                operate.ok(self.site, *command)
                self.assert_no_seal_is_left()
                self.assertEqual([v for v, _ in self.facts()[1]], [1, 2])
        self.assert_serves_all()


if __name__ == "__main__":
    unittest.main()
