"""The drill of docs/operations.md, and what a backup and a restore refuse.

Long because every refusal has a case, and all begin with the same backup.
"""
import hashlib
import json
import os
import pathlib
import secrets
import shutil
import sqlite3
import unittest

import dsse
import e2e
import operate
import serve

KEY = "payments/cards"
LIMIT = 2 ** 31


class Site(e2e.E2eTest):
    def setUp(self):
        self.site = serve.Installation(self)
        self.backup = self.dir / "store.backup"
        self.public_key = self.dir / "strongroom.pem"
        self.held = []  # (token, its DEK)

    def up(self):
        self.daemon = self.site.start()
        self.cli = self.site.cli(self.daemon)

    def wrap(self):
        dek = secrets.token_bytes(32)
        self.held.append((self.cli.ok("wrap", KEY, stdin=dek), dek))

    def register(self):
        made = self.cli.json("datakey", KEY, "--register")
        return made["dek_id"], made["dek"]

    def assert_all_open(self):
        for token, dek in self.held:
            self.assertEqual(self.cli.ok("unwrap", stdin=token), dek)

    def assert_seals_under(self, version):
        """The first start after it rotates: by a timer, hence the wait."""
        e2e.wait_until("every key was rotated", lambda: self.cli.json(
            "key", "show", self.cli.json("key", "list")["keys"][0]["name"])
            ["primary_version"] == version)

    def query(self, statement):
        db = sqlite3.connect(f"file:{self.site.store}?mode=ro", uri=True)
        try:
            return db.execute(statement).fetchall()
        finally:
            db.close()

    def keep_public_key(self):
        self.public_key.write_bytes(self.cli.ok("hsm", "public-key"))

    def fill_and_back_up(self):
        """A key with a version, a token and a backup; the service is up."""
        self.up()
        self.cli.ok("key", "create", KEY)
        self.wrap()
        self.keep_public_key()
        return operate.create(self.site, self.backup)

    def assert_refused(self, done, reason, *parts):
        self.assertEqual(done.returncode, 1, done)
        said = done.stderr.decode().splitlines()[-1]
        self.assertRegex(said, rf"^strongroomd: {reason}: \S")
        for part in parts:
            self.assertIn(str(part), said)

    def try_restore(self, backup=None, *more):
        return operate.run(self.site, "backup", "restore", "--config",
                           self.site.config, "--from", backup or self.backup,
                           *more)

    def try_verify(self, backup=None, key=None):
        return operate.run(self.site, "backup", "verify", backup or self.backup,
                           "--public-key", key or self.public_key)


class Drill(Site):
    def test_a_backup_from_before_rotations_is_restored_and_all_opens(self):
        self.fill_and_back_up()
        dek_id, dek = self.register()  # after the backup: lost with the store
        for _ in range(2):
            self.cli.ok("key", "rotate", KEY)
            self.wrap()
        self.cli.ok("key", "create", "newer/key")
        newer = self.cli.ok("wrap", "newer/key", stdin=b"n" * 32)
        newer_id = self.cli.json("key", "show", "newer/key")["id"]
        self.daemon.stop()
        labels = self.site.token.labels()

        self.assert_refused(self.try_restore(), "CONFLICT", self.site.store)
        said = operate.restore(self.site, self.backup, "--force")
        self.assertIn("verified by the token's signing key", said)
        kept, = self.site.dir.glob("store.db.replaced-*")
        self.assertIn(str(kept), said)
        said = operate.recover(self.site)
        for line in (f"  {KEY} v2\n", f"  {KEY} v3\n",
                     f"  recovered/{newer_id} v1\n"):
            self.assertIn(line, said)
        # Nothing that was there before seals any more.
        self.assertEqual({n for n, in self.query(
            "SELECT seals_reserved FROM versions")}, {LIMIT})
        self.assertEqual(self.site.token.labels(), labels)

        self.up()
        self.assert_all_open()
        self.assertEqual(self.cli.ok("unwrap", stdin=newer), b"n" * 32)
        self.assert_seals_under(4)
        self.wrap()
        self.assert_all_open()
        refused = self.cli.run("unwrap", "--id", dek_id)
        self.assertIn(b"DEK_NOT_FOUND", refused.stderr)
        self.daemon.stop()
        # A second recovery has nothing to do.
        self.assertNotIn(" v", operate.recover(self.site).split(":", 1)[1]
                         .split("\n", 1)[1])
        self.assertLess(set(labels), set(self.site.token.labels()))

    def test_the_store_is_lost_and_token_strings_open_again(self):
        self.up()
        self.cli.ok("key", "create", KEY)
        self.wrap()
        dek_id, _ = self.register()
        self.cli.ok("key", "rotate", KEY)
        self.wrap()
        self.keep_public_key()
        key_id = self.cli.json("key", "show", KEY)["id"]
        self.daemon.stop()
        operate.lose_store(self.site)

        names = self.site.dir / "names"
        names.write_text(f"# from key list\n{key_id} {KEY}\n")
        said = operate.recover(self.site, "--names", names)
        self.assertIn(f"  {KEY} v1\n  {KEY} v2\n  the signing key\n", said)
        self.up()
        self.assert_all_open()
        self.assert_seals_under(3)
        self.wrap()
        self.assert_all_open()
        self.assertEqual(self.cli.ok("hsm", "public-key"),
                         self.public_key.read_bytes())
        refused = self.cli.run("unwrap", "--id", dek_id)
        self.assertIn(b"DEK_NOT_FOUND", refused.stderr)
        owners = {o["owner"] for o in self.cli.json("hsm", "objects")["objects"]}
        self.assertEqual(owners, {f"kek {KEY} v{n}" for n in (1, 2, 3)} |
                         {"signing key"})
        recovered = [line for line in e2e.audit_lines(self.site.audit)
                     if line["operation"] == "store.recover"]
        self.assertEqual([line["key"] for line in recovered], [KEY, KEY])

    def test_a_backup_is_verified_without_the_token(self):
        said = self.fill_and_back_up()
        self.assertIn("1 keys, 1 versions", said)
        self.daemon.stop()
        self.site.token.pin_file.unlink()
        done = self.try_verify()
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(b"is whole, and signed by that key", done.stdout)

    def test_a_lost_machine_needs_the_public_key_alone_to_be_restored(self):
        self.fill_and_back_up()
        self.daemon.stop()
        operate.lose_store(self.site)
        pin = self.site.token.pin_file.read_text()
        self.site.token.pin_file.unlink()  # the token does not answer
        self.assert_refused(self.try_restore(), "SIGNING_KEY_MISSING",
                            "--public-key")
        said = operate.restore(self.site, self.backup, "--public-key",
                               self.public_key)
        self.assertIn("verified by the public key alone", said)
        self.site.token.pin_file.write_text(pin)
        self.site.token.pin_file.chmod(0o600)
        self.up()
        self.assert_all_open()

    def test_what_was_shredded_since_is_named(self):
        self.up()
        self.cli.ok("key", "create", KEY)
        self.keep_public_key()
        kept, _ = self.register()
        shredded, dek = self.register()
        operate.create(self.site, self.backup)
        self.cli.ok("dek", "shred", KEY, shredded, "--yes")
        self.daemon.stop()
        said = operate.restore(self.site, self.backup, "--force")
        self.assertIn(f"strongroom dek shred {KEY} {shredded} --yes\n", said)
        self.assertNotIn(kept, said)
        self.up()
        self.assertEqual(self.cli.json("unwrap", "--id", shredded)["dek"], dek)
        self.cli.ok("dek", "shred", KEY, shredded, "--yes")

    def test_a_destruction_that_was_cancelled_since_is_not_carried_out(self):
        self.up()
        self.cli.ok("key", "create", KEY, "--destroy-after", "0")
        self.wrap()
        self.cli.ok("key", "rotate", KEY)
        self.cli.ok("key", "update", KEY, "--destroy-after", "1d")
        self.cli.ok("key", "destroy", KEY, "1",
                    "--acknowledge-unregistered")
        self.keep_public_key()
        operate.create(self.site, self.backup)
        self.cli.ok("key", "cancel-destroy", KEY, "1")
        self.cli.ok("key", "enable", KEY, "1")
        self.daemon.stop()
        operate.restore(self.site, self.backup, "--force")
        self.assertEqual(self.query(
            "SELECT state, held FROM versions WHERE version = 1"), [(4, 1)])


class Refused(Site):
    def test_a_backup_wants_a_signing_key_first(self):
        self.up()
        done = operate.run(self.site, "backup", "create", "--config",
                           self.site.config, "--out", self.backup)
        self.assert_refused(done, "SIGNING_KEY_MISSING", "hsm public-key")
        self.assertEqual(list(self.dir.glob("store.backup*")), [])

    def test_a_backup_is_not_overwritten(self):
        self.fill_and_back_up()
        content = self.backup.read_bytes()
        done = operate.run(self.site, "backup", "create", "--config",
                           self.site.config, "--out", self.backup)
        self.assert_refused(done, "ARGUMENT_INVALID", self.backup)
        self.assertEqual(self.backup.read_bytes(), content)
        self.assertEqual(self.backup.stat().st_mode & 0o777, 0o600)

    def test_nothing_is_restored_or_recovered_under_a_running_service(self):
        self.fill_and_back_up()
        self.assert_refused(self.try_restore(None, "--force"), "STORE_LOCKED",
                            self.daemon.pid)
        done = operate.run(self.site, "recover", "--config", self.site.config)
        self.assert_refused(done, "STORE_LOCKED", self.daemon.pid)
        self.assert_all_open()
        self.daemon.stop()

    def test_a_changed_or_cut_backup_is_refused_and_nothing_is_changed(self):
        self.fill_and_back_up()
        self.daemon.stop()
        good = self.backup.read_bytes()
        store = self.site.store.read_bytes()
        bad = pathlib.Path(self.dir / "bad.backup")
        size = len(good)
        head = good.index(b"SQLite format 3")
        for at in (0, 5, 11, head - 2, head + 30, head + 4096, size - 1):
            content = bytearray(good)
            content[at] ^= 1
            bad.write_bytes(content)
            self.assertNotEqual(self.try_verify(bad).returncode, 0, at)
        self.assert_refused(self.try_verify(bad), "NOT_AUTHENTIC")
        self.assert_refused(self.try_restore(bad, "--force"), "NOT_AUTHENTIC")
        for cut in (0, 9, 12, head // 2, head, size // 2, size - 1):
            bad.write_bytes(good[:cut])
            self.assertNotEqual(self.try_verify(bad).returncode, 0, cut)
        bad.write_bytes(good + b"\0")
        self.assert_refused(self.try_verify(bad), "NOT_AUTHENTIC")
        self.assert_refused(self.try_restore(bad, "--force"), "NOT_AUTHENTIC")
        self.assertEqual(self.site.store.read_bytes(), store)
        self.assertEqual([path.name for path in self.site.dir.glob("store.db?*")
                          if path.suffix not in (".lock", ".seq")], [])

    def test_another_key_and_another_installations_backup_are_refused(self):
        self.fill_and_back_up()
        self.daemon.stop()
        mine, here = self.backup.read_bytes(), self.site
        other = serve.Installation(self, name="other")
        self.site, self.backup = other, self.dir / "other.backup"
        key, self.public_key = self.public_key, self.dir / "other.pem"
        self.fill_and_back_up()
        self.daemon.stop()
        self.assert_refused(self.try_verify(key=key), "NOT_AUTHENTIC")
        self.site = here
        self.assert_refused(self.try_restore(None, "--force"), "NOT_AUTHENTIC")
        # Not by its own public key either, while our token says otherwise.
        self.assert_refused(
            self.try_restore(None, "--force", "--public-key", self.public_key),
            "NOT_AUTHENTIC")
        self.assertTrue(mine)

    def forge(self, change, **claims):
        """A backup that is signed well, of a store that was changed so, with
        these claims in its manifest."""
        signer = dsse.Signer(self.dir)
        good = self.backup.read_bytes()
        head = good.index(b"SQLite format 3")
        envelope = good[:head].split(b"\n", 2)[2]
        manifest = json.loads(e2e.unb64(json.loads(envelope)["payload"]))
        copy = self.dir / "forged.db"
        copy.write_bytes(good[head:])
        change(copy)
        content = copy.read_bytes()
        manifest |= {"database_size": len(content), "database_sha256":
                     hashlib.sha256(content).hexdigest(), **claims}
        signed = signer.sign("application/vnd.strongroom.backup+json",
                             json.dumps(manifest).encode())
        forged = self.dir / "forged.backup"
        forged.write_bytes(b"SRBACKUP1\n%d\n" % len(signed) + signed +
                           content)
        return forged, signer.public_key

    def test_a_database_that_is_newer_hurt_or_another_is_refused(self):
        self.fill_and_back_up()
        self.daemon.stop()
        self.site.token.pin_file.unlink()  # the token cannot gainsay

        def run(statements):
            def change(path):
                db = sqlite3.connect(path)
                with db:
                    db.executescript(statements)
                db.close()
            return change

        def hurt(path):
            content = bytearray(path.read_bytes())
            content[4096:12288] = secrets.token_bytes(8192)
            path.write_bytes(content)

        def other_file(path):
            path.write_bytes(b"no database" * 1000)

        store = self.site.store.read_bytes()
        nothing = (lambda path: None)
        for change, claims, reason in (
                (run("UPDATE oldest_program SET schema = 999;"
                     "PRAGMA user_version = 999"), {"schema": 999},
                 "STORE_SCHEMA_NEWER"),
                (nothing, {"schema": 1}, "STORE_CORRUPT"),
                (nothing, {"keys": 7}, "STORE_CORRUPT"),
                (nothing, {"format": 2}, "MALFORMED"),
                (nothing, {"installation_id": "x"}, "MALFORMED"),
                (run("PRAGMA application_id = 1"), {}, "STORE_CORRUPT"),
                (hurt, {}, "STORE_CORRUPT"),
                (other_file, {}, "STORE_CORRUPT")):
            forged, key = self.forge(change, **claims)
            self.assert_refused(
                self.try_restore(forged, "--force", "--public-key", key),
                reason)
        self.assertEqual(self.site.store.read_bytes(), store)
        # By the same hand, unchanged: it is those changes that are refused.
        forged, key = self.forge(nothing)
        operate.restore(self.site, forged, "--force", "--public-key", key)

    def test_a_token_of_several_installations_wants_one_to_be_named(self):
        self.fill_and_back_up()
        self.daemon.stop()
        mine, = self.query("SELECT value FROM settings "
                           "WHERE name = 'installation_id'")[0]
        stranger = "11111111-2222-4333-8444-555555555555"
        self.site.token.pkcs11_tool(
            "--keygen", "--key-type", "AES:32", "--id", secrets.token_hex(16),
            "--label", f"strongroom/{stranger}/{stranger}/v1")
        operate.lose_store(self.site)
        done = operate.run(self.site, "recover", "--config", self.site.config)
        self.assert_refused(done, "CONFLICT", mine, stranger)
        done = operate.run(self.site, "recover", "--config", self.site.config,
                           "--installation",
                           "99999999-2222-4333-8444-555555555555")
        self.assert_refused(done, "KEY_NOT_FOUND")
        self.assertFalse(self.site.store.exists())
        operate.recover(self.site, "--installation", mine)
        self.up()
        self.assert_all_open()

    def test_a_token_without_keks_is_no_recovery(self):
        self.site.write_config()
        done = operate.run(self.site, "recover", "--config", self.site.config)
        self.assert_refused(done, "KEY_NOT_FOUND")
        self.assertFalse(self.site.store.exists())

    def test_names_that_are_wrong_change_nothing(self):
        self.fill_and_back_up()
        self.daemon.stop()
        operate.lose_store(self.site)
        names = self.site.dir / "names"
        key = "11111111-2222-4333-8444-555555555555"
        for wrong in ("x payments/a", key, f"{key} UPPER", f"{key} a b",
                      f"{key} a\n{key} b"):
            names.write_text(wrong + "\n")
            done = operate.run(self.site, "recover", "--config",
                               self.site.config, "--names", names)
            self.assert_refused(done, "ARGUMENT_INVALID", names)
        self.assertFalse(self.site.store.exists())


class HandOver(Site):
    """`strongroom` hands these commands over to strongroomd."""

    def test_the_whole_drill_in_the_words_of_the_client(self):
        strongroom = {"program": e2e.STRONGROOM}
        self.up()
        self.cli.ok("key", "create", KEY)
        self.wrap()
        self.keep_public_key()
        operate.create(self.site, self.backup, **strongroom)
        self.daemon.stop()
        operate.lose_store(self.site)
        said = operate.ok(self.site, "backup", "verify", self.backup,
                          "--public-key", self.public_key, **strongroom)
        self.assertIn("1 keys, 1 versions", said)
        operate.restore(self.site, self.backup, **strongroom)
        operate.recover(self.site, **strongroom)
        self.up()
        self.assert_all_open()

    def test_its_failures_and_exit_codes_are_strongroomds(self):
        done = operate.run(self.site, "recover", "--config", self.site.config,
                           program=e2e.STRONGROOM)
        self.assert_refused(done, "KEY_NOT_FOUND")
        for words, path in ((("backup",), "strongroomd backup"),
                            (("backup", "nonsense"), "strongroomd backup"),
                            (("backup", "create"), "strongroomd backup create"),
                            (("recover",), "strongroomd recover")):
            done = operate.run(self.site, *words, program=e2e.STRONGROOM)
            self.assertEqual(done.returncode, 2)
            said = done.stderr.decode()
            self.assertRegex(said, r"^strongroomd: ARGUMENT_INVALID: \S")
            self.assertIn(f"see `{path} --help`", said)

    def test_the_one_beside_it_is_taken_before_the_one_in_the_path(self):
        def program(directory, says):
            directory.mkdir(exist_ok=True)
            path = directory / "strongroomd"
            path.write_text(f"#!/bin/sh\necho {says}\n"
                            "for word; do echo \"<$word>\"; done\nexit 9\n")
            path.chmod(0o755)
            return path

        client = self.dir / "bin" / "strongroom"
        client.parent.mkdir()
        shutil.copy(e2e.STRONGROOM, client)
        called = self.dir / "called"
        called.symlink_to(client)
        path = {"PATH": f"{self.dir / 'elsewhere'}:{os.environ['PATH']}"}

        def run(env, *words):
            return operate.run(self.site, *words, program=called, env=env)

        done = run({"PATH": "/nonexistent"}, "backup", "create")
        self.assertEqual(done.returncode, 1)
        said = done.stderr.decode()
        self.assertIn("FILE_UNREADABLE", said)
        self.assertIn(str(client.with_name("strongroomd")), said)
        self.assertIn("on the service's machine", said)

        program(self.dir / "elsewhere", "from the path")
        done = run(path, "backup", "a b", "", "--out=$x")
        self.assertEqual(done.returncode, 9)
        self.assertEqual(done.stdout.decode().splitlines(),
                         ["from the path", "<backup>", "<a b>", "<>",
                          "<--out=$x>"])
        beside = program(client.parent, "beside")
        self.assertIn(b"beside\n<recover>\n", run(path, "recover").stdout)
        # Broken is not absent: another installation's is not taken for it.
        beside.chmod(0o644)
        done = run(path, "recover")
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"Permission denied", done.stderr)


if __name__ == "__main__":
    unittest.main()
