"""The checks of the sweeps find what they are there to find."""
import contextlib
import dataclasses
import secrets
import sqlite3
import unittest
import uuid

import crash


class Checks(crash.CrashTest):
    def setUp(self):
        self.world = self.make_world()
        self.daemon, self.cli_ = self.start(self.world)
        self.assert_whole(self.world, self.cli_)

    def change_store(self, statement):
        self.daemon.kill()
        with contextlib.closing(sqlite3.connect(
                self.world.dir / "store.db")) as db, db:
            db.execute(statement)

    def test_an_object_of_ours_without_a_row_is_seen(self):
        installation = self.world.installation()
        self.world.pkcs11_tool(
            "--keygen", "--key-type", "AES:32", "--id", secrets.token_hex(16),
            "--label", f"strongroom/{installation}/{uuid.uuid4()}/v1")
        with self.assertRaises(AssertionError):
            self.assert_token_and_store_agree(self.world, self.cli_)

    def test_a_kek_that_is_gone_is_seen(self):
        kek = self.cli_.json("key", "show", crash.KEY)["versions"][0]["kek_id"]
        self.world.pkcs11_tool("--delete-object", "--type", "secrkey", "--id",
                               kek.replace("-", ""))
        with self.assertRaises(AssertionError):
            self.assert_token_and_store_agree(self.world, self.cli_)

    def test_a_stranger_that_is_gone_is_seen(self):
        self.world.pkcs11_tool("--delete-object", "--type", "data", "--label",
                               "notes")
        with self.assertRaises(AssertionError):
            self.assert_strangers_untouched(self.world)

    def test_an_answer_that_opens_to_other_bytes_is_seen(self):
        self.world.answers[0] = dataclasses.replace(
            self.world.answers[0], content=secrets.token_bytes(32))
        with self.assertRaises(AssertionError):
            self.assert_answers_open(self.world, self.cli_)

    def test_a_pending_row_is_seen(self):
        self.change_store("UPDATE versions SET state = 1 WHERE version = 1")
        with self.assertRaises(AssertionError):
            self.assert_store_is_whole(self.world)

    def test_a_destruction_that_was_not_ended_is_seen(self):
        self.change_store("UPDATE versions SET destroying = 1 "
                          "WHERE version = 2")
        with self.assertRaises(AssertionError):
            self.assert_store_is_whole(self.world)

    def test_a_key_without_a_primary_is_seen(self):
        self.change_store("UPDATE keys SET primary_version = 0")
        with self.assertRaises(AssertionError):
            self.assert_store_is_whole(self.world)

    def test_a_hole_in_the_audit_log_is_seen(self):
        log = self.world.dir / "audit.log"
        lines = log.read_text().splitlines(keepends=True)
        log.write_text("".join(lines[:2] + lines[3:]))
        with self.assertRaises(AssertionError):
            self.assert_audit_log_is_whole(self.world)


if __name__ == "__main__":
    unittest.main()
