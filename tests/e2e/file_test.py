"""Files of any size, by the programs alone."""
import os
import subprocess
import unittest

import e2e
from file_case import CONTEXT, HEAD, KEY, FileCase, sha256

class FileTest(FileCase):
    def test_every_small_size_comes_back_with_mode_and_times(self):
        for size in (0, 1, 65535, 65536, 65537):
            plain = self.plain(f"size{size}", size)
            plain.chmod(0o640)
            os.utime(plain, ns=(10**18, 10**18 + 7))
            sealed = self.encrypt(plain)
            back = self.files / f"back{size}"
            self.cli.ok("file", "decrypt", sealed, back, *CONTEXT)
            self.assertEqual(back.read_bytes(), plain.read_bytes())
            for made in (sealed, back):
                self.assertEqual(made.stat().st_mode & 0o777, 0o640)
                self.assertEqual(made.stat().st_mtime_ns, 10**18 + 7)

    def test_what_exists_is_not_overwritten_and_a_failure_leaves_nothing(self):
        plain = self.plain()
        sealed = self.encrypt(plain)
        before = sha256(sealed)
        again = self.cli.run("file", "encrypt", KEY, plain, *CONTEXT)
        self.assert_cli_refused(again, 1, "FILE_UNREADABLE", "--force")
        self.assertEqual(sha256(sealed), before)
        self.cli.ok("file", "encrypt", KEY, plain, "--force", *CONTEXT)
        self.assertNotEqual(sha256(sealed), before)

        damaged = bytearray(sealed.read_bytes())
        damaged[-1] ^= 1
        sealed.write_bytes(damaged)
        out = self.files / "out"
        done = self.cli.run("file", "decrypt", sealed, out, *CONTEXT)
        self.assertIn("NOT_AUTHENTIC", done.stderr.decode())
        self.assertNotEqual(done.returncode, 0)
        for context in ((), ("--context", "object=other")):
            done = self.cli.run("file", "decrypt", sealed, out, *context)
            self.assertIn("NOT_AUTHENTIC", done.stderr.decode())
        self.assertEqual(self.names(), ["document", "document.sr"])

    def test_a_tampered_stream_says_that_its_output_must_be_discarded(self):
        plain = self.plain(size=3 << 20)
        sealed = bytearray(self.encrypt(plain).read_bytes())
        sealed[-1] ^= 1
        done = self.cli.run("file", "decrypt", "-", "-", *CONTEXT,
                            stdin=bytes(sealed))
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("must be discarded", done.stderr.decode())
        self.assertTrue(plain.read_bytes().startswith(done.stdout))
        self.assertLess(len(done.stdout), 3 << 20)

    def test_streams_and_ranges(self):
        plain = self.plain()
        data = plain.read_bytes()
        sealed = self.cli.ok("file", "encrypt", KEY, "-", "-", *CONTEXT,
                             stdin=data)
        self.assertEqual(self.cli.ok("file", "decrypt", "-", "-", *CONTEXT,
                                     stdin=sealed), data)
        path = self.encrypt(plain)
        for offset, size in ((0, 10), (65530, 12), (199_990, 100), (300_000, 5)):
            self.assertEqual(
                self.cli.ok("file", "cat", path, "--range",
                            f"{offset}:{size}", *CONTEXT),
                data[offset:offset + size])
        self.assertEqual(self.cli.ok("file", "cat", path, *CONTEXT), data)
        wrong = self.cli.run("file", "cat", path, "--range", "a:b", *CONTEXT)
        self.assertEqual(wrong.returncode, 2)

    def test_a_detached_envelope(self):
        plain = self.plain()
        body = self.files / "body"
        self.cli.ok("file", "encrypt", KEY, plain, body, "--detached", *CONTEXT)
        side = self.files / "body.side"
        self.assertEqual(side.stat().st_size, HEAD)
        self.cli.ok("key", "rotate", KEY)
        self.cli.ok("file", "rewrap", side)
        out = self.files / "out"
        self.cli.ok("file", "decrypt", body, out, "--side", side, *CONTEXT)
        self.assertEqual(sha256(out), sha256(plain))
        other = self.encrypt(self.plain("other"))
        for wrong in (other, plain):
            done = self.cli.run("file", "decrypt", body, self.files / "no",
                                "--side", wrong, *CONTEXT)
            self.assertIn("MALFORMED", done.stderr.decode())

    def test_a_tree_goes_on_where_it_stopped(self):
        tree = self.files / "tree"
        (tree / "deep" / "er").mkdir(parents=True)
        contents = {"a": b"1", "deep/b.db": b"", "deep/er/\udcff\n": b"3" * 99}
        for name, data in contents.items():
            path = os.fsencode(tree) + b"/" + os.fsencode(name)
            with open(path, "wb") as file:
                file.write(data)
        os.symlink("/etc/passwd", tree / "link")
        os.mkfifo(tree / "fifo")
        into = self.files / "sealed"
        seen = self.cli.json("file", "encrypt", KEY, tree, into, "-r",
                             "--dry-run", *CONTEXT)
        self.assertEqual(seen["encrypted"], 3)
        self.assertFalse(into.exists())
        some = self.cli.json("file", "encrypt", KEY, tree, into, "-r", "--glob",
                             "*.db", *CONTEXT)
        self.assertEqual(some["encrypted"], 1)
        rest = self.cli.json("file", "encrypt", KEY, tree, into, "-r", *CONTEXT)
        self.assertEqual((rest["encrypted"], rest["skipped"]), (2, 1))

        self.cli.ok("key", "rotate", KEY)
        check = self.cli.json("file", "rewrap", "--check", "-r", into)
        self.assertEqual([f["key_version"] for f in check["files"]], [1] * 3)
        moved = self.cli.json("file", "rewrap", "-r", into)
        self.assertEqual(moved["rewrapped"], 3)
        check = self.cli.json("file", "rewrap", "--check", "-r", into)
        self.assertEqual([f["key_version"] for f in check["files"]], [2] * 3)

        back = self.files / "back"
        self.cli.ok("file", "decrypt", into, back, "-r", *CONTEXT)
        for name, data in contents.items():
            path = os.fsencode(back) + b"/" + os.fsencode(name)
            with open(path, "rb") as file:
                self.assertEqual(file.read(), data)

    def test_wrong_uses_are_said(self):
        plain = self.plain()
        for arguments, part in (
                (("decrypt", plain), "OUT"),
                (("decrypt", plain, self.files / "x"), "SRENVLP1"),
                (("rewrap", plain), "SRENVLP1"),
                (("rewrap", self.files), "directory"),
                (("inspect", "/dev/null"), "not an envelope"),
                (("encrypt", KEY, self.files), "directory"),
                (("encrypt", KEY, plain, "/nonexistent/x"), "/nonexistent"),
                (("encrypt", "demo/absent", plain), "demo/absent")):
            done = self.cli.run("file", *arguments)
            self.assertNotEqual(done.returncode, 0, arguments)
            self.assertIn(part, done.stderr.decode(), arguments)
        self.assertEqual(self.names(), ["document"])


if __name__ == "__main__":
    unittest.main()
