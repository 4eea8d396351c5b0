"""The report of a rewrap job: openssl verifies it, and no other does it say
than what the store had."""
import hashlib
import sqlite3
import struct
import unittest

import dsse
import e2e

KEY = "payments/cards"


class Report(e2e.E2eTest):
    def test_a_report_is_verified_by_openssl_and_its_digest_by_the_store(self):
        daemon = self.start_dev()
        cli = e2e.Cli(daemon.address, **self.dev_identity(daemon))
        cli.ok("key", "create", KEY)
        for _ in range(5):
            cli.ok("datakey", KEY, "--register", "--output", "json")
        before = self.digest(daemon)
        cli.ok("key", "rotate", KEY)
        cli.ok("job", "start", KEY, "--watch")
        job, = cli.json("job", "list", KEY)["jobs"]
        public_key = self.dir / "strongroom.pem"
        public_key.write_bytes(cli.ok("hsm", "public-key"))
        signed = cli.ok("job", "report", KEY, job["job_id"])
        report = dsse.verify(self.dir, signed, public_key)
        self.assertEqual(report["deks_moved"], 5)
        self.assertEqual(report["leaf_digest"]["before"], before)
        self.assertEqual(report["leaf_digest"]["after"], before)
        self.assertEqual(self.digest(daemon), before)
        daemon.stop()

        # Offline from here on.
        file = self.dir / "report.json"
        file.write_bytes(signed)
        self.assertEqual(cli.json("job", "verify", file, "--public-key",
                                  public_key), report)
        other = dsse.Signer(self.dir)
        for content, key in ((signed.replace(b'"sig": "ME', b'"sig": "MF'),
                              public_key), (signed, other.public_key)):
            file.write_bytes(content)
            refused = cli.run("job", "verify", file, "--public-key", key)
            self.assertNotEqual(refused.returncode, 0)

    def test_a_leaf_that_was_changed_in_the_file_keeps_its_batch_back(self):
        daemon = self.start_dev()
        cli = e2e.Cli(daemon.address, **self.dev_identity(daemon))
        cli.ok("key", "create", KEY)
        ids = [cli.json("datakey", KEY, "--register")["dek_id"]
               for _ in range(3)]
        hurt = ids[1].split(":")[0]
        with sqlite3.connect(f"{daemon.dir}/store.db") as db:
            (leaf,), = db.execute("SELECT leaf FROM deks WHERE hex(batch_id) "
                                  "= ?", [hurt.replace("-", "").upper()])
            leaf = leaf[:30] + bytes([leaf[30] ^ 1]) + leaf[31:]
            db.execute("UPDATE deks SET leaf = ? WHERE hex(batch_id) = ?",
                       [leaf, hurt.replace("-", "").upper()])
        db.close()
        cli.ok("key", "rotate", KEY)
        self.assertNotEqual(cli.run("job", "start", KEY, "--watch").returncode,
                            0)
        listed, = cli.json("job", "list", KEY)["jobs"]
        job = cli.json("job", "show", KEY, listed["job_id"])
        self.assertEqual((job["state"], job["batches_moved"]), ("PARTIAL", 2))
        failure, = job["failures"]
        self.assertEqual((failure["batch_id"], failure["reason"]),
                         (hurt, "STORE_CORRUPT"))
        self.assertEqual({row["version"]: row["registered_deks"] for row in
                          cli.json("key", "census", KEY)["versions"]},
                         {1: 1, 2: 2})
        self.assert_cli_refused(cli.run("key", "destroy", KEY, 1), 6,
                                "DEKS_OUTSTANDING")
        daemon.stop()

    def digest(self, daemon):
        """As docs/operations.md has it; one leaf a batch."""
        db = sqlite3.connect(f"file:{daemon.dir}/store.db?mode=ro", uri=True)
        chain = bytes(32)
        for batch, index, leaf in db.execute(
                "SELECT batch_id, dek_index, leaf FROM deks ORDER BY 1, 2"):
            leaf = hashlib.sha256(struct.pack(">II", index, len(leaf)) +
                                  leaf).digest()
            chain = hashlib.sha256(chain + batch + leaf).digest()
        db.close()
        return chain.hex()


if __name__ == "__main__":
    unittest.main()
