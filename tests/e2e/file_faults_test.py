"""Files under bad conditions: what changes, is full, forbidden, gone or odd.

Long because it is a list of such conditions, a case each.
"""
import errno
import fcntl
import os
import pathlib
import signal
import subprocess
import unittest

import e2e
import serve
from file_case import CONTEXT, HEAD, KEY, FileCase, sha256

MIB = 1 << 20


class FileFaults(FileCase):
    def environment(self, **more):
        return {**os.environ, **self.cli.env, **more}

    def start(self, *arguments):
        process = subprocess.Popen(
            [e2e.STRONGROOM, *map(str, arguments)], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0,
            env=self.environment())
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stderr.close)
        return process

    def start_held(self, source, *arguments):
        """A command that has opened `source` and waits for the service."""
        self.daemon.signal(signal.SIGSTOP)
        process = self.start("--timeout", "60s", "file", *arguments)

        def is_open():
            links = pathlib.Path(f"/proc/{process.pid}/fd").iterdir()
            return any(os.path.realpath(link) == str(source) for link in links)

        e2e.wait_until(f"{source} is open", is_open)
        return process

    def finish_held(self, process):
        self.daemon.signal(signal.SIGCONT)
        out, err = process.communicate(timeout=e2e.PATIENCE_S)
        return out, err.decode()

    def restart(self):
        self.daemon = self.start_dev()
        self.cli = self.dev_cli(self.daemon)

    # A file that does not rest.

    def test_a_file_that_changes_while_it_is_read_is_not_encrypted(self):
        for change in (lambda path: os.truncate(path, 100),
                       lambda path: os.truncate(path, 300_000),
                       lambda path: path.write_bytes(os.urandom(200_000))):
            plain = self.plain()
            held = self.start_held(plain, "encrypt", KEY, plain, *CONTEXT)
            change(plain)
            _, err = self.finish_held(held)
            self.assertEqual(held.returncode, 6, err)
            self.assertRegex(err, "^strongroom: CONFLICT: .*was changed while "
                             "it was read.*document.sr was not made")
            self.assertEqual(self.names(), ["document"])

    def test_a_stream_of_a_file_that_changed_must_be_discarded(self):
        plain = self.plain()
        held = self.start_held(plain, "encrypt", KEY, plain, "-", *CONTEXT)
        os.truncate(plain, 100)
        _, err = self.finish_held(held)
        self.assertEqual(held.returncode, 6, err)
        self.assertIn("standard output is not whole and must be discarded", err)

    def test_a_file_that_vanishes_once_it_is_open_is_read_whole(self):
        plain = self.plain()
        data = plain.read_bytes()
        held = self.start_held(plain, "encrypt", KEY, plain, *CONTEXT)
        plain.unlink()
        _, err = self.finish_held(held)
        self.assertEqual(held.returncode, 0, err)
        self.assertEqual(self.cli.ok("file", "decrypt", f"{plain}.sr", "-",
                                     *CONTEXT), data)

    def test_a_file_of_a_tree_that_vanishes_is_told_and_the_rest_is_done(self):
        tree, into = self.files / "tree", self.files / "into"
        tree.mkdir()
        for name in "abc":
            (tree / name).write_bytes(b"x" * 10)
        held = self.start_held(tree / "a", "encrypt", KEY, tree, into, "-r",
                               "--jobs", "1", *CONTEXT)
        (tree / "b").unlink()
        _, err = self.finish_held(held)
        self.assertEqual(held.returncode, 1, err)
        self.assertIn("1 of 3 files failed, the first of them b", err)
        self.assertEqual(sorted(os.listdir(into)), ["a.sr", "c.sr"])

    def test_an_envelope_that_shrinks_while_it_is_read_leaves_nothing(self):
        sealed = self.encrypt(self.plain())
        out = self.files / "out"
        for size in (HEAD + 70_000, HEAD, 100):
            held = self.start_held(sealed, "decrypt", sealed, out, *CONTEXT)
            os.truncate(sealed, size)
            _, err = self.finish_held(held)
            self.assertNotEqual(held.returncode, 0)
            self.assertRegex(err, "^strongroom: (MALFORMED|NOT_AUTHENTIC): "
                             ".*out was not made")
            self.assertFalse(out.exists())

    # The service goes away.

    def test_the_service_going_away_in_mid_file_does_not_stop_the_body(self):
        plain = self.plain(size=16 * MIB)
        data = plain.read_bytes()
        sealed = self.encrypt(plain)
        for arguments, before in (
                (("encrypt", KEY, plain, "-"), HEAD),
                (("decrypt", sealed, "-"), 1)):
            # The first bytes come when the service has answered; the rest is
            # more than a pipe holds.
            process = self.start("file", *arguments, *CONTEXT)
            first = b""
            while len(first) < before:
                first += process.stdout.read(before - len(first))
            self.daemon.kill()
            rest, err = process.communicate(timeout=e2e.PATIENCE_S)
            self.assertEqual(process.returncode, 0, err.decode())
            self.restart()
            whole = first + rest
            if arguments[0] == "encrypt":
                whole = self.cli.ok("file", "decrypt", "-", "-", *CONTEXT,
                                    stdin=whole)
            self.assertEqual(whole, data)

    def test_the_service_going_away_before_it_answers_leaves_nothing(self):
        plain = self.plain()
        sealed = self.encrypt(plain)
        before = sha256(sealed)
        out = self.files / "out"
        for source, arguments, said in (
                (plain, ("encrypt", KEY, plain, out), "out was not made"),
                (plain, ("encrypt", KEY, plain, sealed, "--force"),
                 "document.sr was not changed"),
                (sealed, ("decrypt", sealed, out), "out was not made")):
            process = self.start_held(source, *arguments, *CONTEXT)
            self.daemon.kill()
            _, err = process.communicate(timeout=2 * e2e.PATIENCE_S)
            self.assertNotEqual(process.returncode, 0)
            self.assertIn("SERVER_UNREACHABLE", err.decode())
            self.assertIn(said, err.decode())
            self.restart()
        self.assertEqual(self.names(), ["document", "document.sr"])
        self.assertEqual(sha256(sealed), before)

    def test_without_the_service_nothing_is_left(self):
        plain = self.plain()
        sealed = self.encrypt(plain)
        before = sha256(sealed)
        self.daemon.stop()
        tree = ("encrypt", KEY, self.files, self.dir / "into", "-r")
        for arguments in (("encrypt", KEY, plain, self.files / "x"),
                          ("decrypt", sealed, self.files / "y"),
                          ("rewrap", sealed), tree):
            done = self.cli.run("--timeout", "1s", "file", *arguments)
            self.assertIn("SERVER_UNREACHABLE", done.stderr.decode())
        self.assertEqual(self.names(), ["document", "document.sr"])
        self.assertEqual(sha256(sealed), before)
        self.assertEqual(os.listdir(self.dir / "into"), [])
        # The same command goes on.
        self.restart()
        self.assertEqual(self.cli.json("file", *tree)["encrypted"], 2)

    # The disk.

    def test_a_disk_without_room_quota_or_health_leaves_nothing(self):
        plain = self.plain(size=3 * MIB)
        sealed = self.encrypt(plain)
        first = before = sealed.read_bytes()
        self.cli.ok("key", "rotate", KEY)
        disk = serve.FullDisk(self.dir, str(self.files))
        self.cli.env.update(disk.env)
        out = self.files / "out"
        commands = (("encrypt", KEY, plain, out), ("decrypt", sealed, out),
                    ("encrypt", KEY, plain, out, "--detached"),
                    ("encrypt", KEY, plain, sealed, "--force"),
                    ("rewrap", sealed))
        for fail in (disk.fail_writes, disk.fail_flushes):
            for number in (errno.ENOSPC, errno.EDQUOT, errno.EIO):
                fail(number)
                for arguments in commands:
                    context = () if arguments[0] == "rewrap" else CONTEXT
                    done = self.cli.run("file", *arguments, *context)
                    self.assert_cli_refused(done, 1, "FILE_UNREADABLE",
                                            os.strerror(number))
                    self.assertEqual(self.names(), ["document", "document.sr"])
                    if arguments[0] != "rewrap" or fail == disk.fail_writes:
                        self.assertEqual(sealed.read_bytes(), before)
                    before = sealed.read_bytes()
                    self.assertEqual(before[HEAD:], first[HEAD:])
        disk.make_room()
        self.assertEqual(self.cli.ok("file", "decrypt", sealed, "-", *CONTEXT),
                         plain.read_bytes())
        self.cli.ok("file", "rewrap", sealed)
        self.cli.ok("key", "disable", KEY, "1")
        self.assertEqual(self.cli.ok("file", "decrypt", sealed, "-", *CONTEXT),
                         plain.read_bytes())

    def test_a_limit_on_file_sizes_leaves_nothing(self):
        plain = self.plain(size=MIB)
        done = subprocess.run(
            ["prlimit", "--fsize=100000", e2e.STRONGROOM, "file", "encrypt",
             KEY, plain, *CONTEXT], env=self.environment(),
            capture_output=True)
        self.assert_cli_refused(done, 1, "FILE_UNREADABLE", "document.sr")
        self.assertEqual(self.names(), ["document"])

    def test_a_device_that_is_full_says_that_the_output_is_not_whole(self):
        sealed = self.encrypt(self.plain(size=3 * MIB))
        done = self.cli.run("file", "decrypt", sealed, "/dev/full", *CONTEXT)
        self.assert_cli_refused(done, 1, "FILE_UNREADABLE", "/dev/full",
                                "must be discarded")

    def test_what_may_not_be_read_or_written_is_refused(self):
        plain = self.plain()
        sealed = self.encrypt(plain)
        self.cli.ok("key", "rotate", KEY)
        before = sha256(sealed)
        locked = self.files / "locked"
        locked.mkdir()
        secret = self.plain("secret")
        secret.chmod(0)
        sealed.chmod(0o400)
        locked.chmod(0o500)
        # Root obeys modes only without these capabilities.
        drop = (["setpriv", "--bounding-set", "-dac_override,-dac_read_search"]
                if os.getuid() == 0 else [])
        for arguments, name in (
                (("encrypt", KEY, secret), "secret"),
                (("encrypt", KEY, plain, locked / "x"), "locked"),
                (("decrypt", sealed, locked / "x", *CONTEXT), "locked"),
                (("encrypt", KEY, plain, locked / "deep" / "x"), "locked/deep"),
                (("rewrap", sealed), "document.sr")):
            done = subprocess.run(
                [*drop, e2e.STRONGROOM, "file", *map(str, arguments)],
                env=self.environment(), capture_output=True)
            self.assert_cli_refused(done, 1, "FILE_UNREADABLE", name)
        self.assertEqual(self.names(), ["document", "document.sr", "locked",
                                        "secret"])
        self.assertEqual(os.listdir(locked), [])
        self.assertEqual(sha256(sealed), before)

    # Standard input and output.

    def test_a_reader_that_goes_away_ends_it(self):
        sealed = self.encrypt(self.plain(size=8 * MIB))
        for command in ("cat", "decrypt"):
            target = () if command == "cat" else ("-",)
            process = self.start("file", command, sealed, *target, *CONTEXT)
            process.stdout.read(1000)
            process.stdout.close()
            err = process.stderr.read().decode()
            self.assertEqual(process.wait(e2e.PATIENCE_S), 1, err)
            self.assertRegex(err, "^strongroom: FILE_UNREADABLE: cannot write "
                             "standard output|standard output: cannot be")
            self.assertIn("must be discarded", err)

    def test_closed_descriptors_are_not_taken_for_files(self):
        plain = self.plain(size=3 * MIB)
        sealed = self.encrypt(plain)
        before = sha256(plain), sha256(sealed)
        for closed, arguments in (
                (1, ("encrypt", KEY, plain, "-", *CONTEXT)),
                (1, ("decrypt", sealed, "-", *CONTEXT)),
                (1, ("cat", sealed, *CONTEXT)),
                (0, ("encrypt", KEY, "-", self.files / "x", *CONTEXT)),
                (0, ("decrypt", "-", self.files / "x", *CONTEXT))):
            done = subprocess.run(
                [e2e.STRONGROOM, "file", *map(str, arguments)],
                env=self.environment(), stderr=subprocess.PIPE,
                preexec_fn=lambda closed=closed: os.close(closed),
                timeout=e2e.PATIENCE_S)
            self.assert_cli_refused(done, 1, "FILE_UNREADABLE",
                                    os.strerror(errno.EBADF))
        self.assertEqual(self.names(), ["document", "document.sr"])
        self.assertEqual((sha256(plain), sha256(sealed)), before)

    # Links, devices, directories.

    def test_a_link_stands_for_its_file(self):
        plain = self.plain()
        link, sealed_link = self.files / "link", self.files / "sealed"
        link.symlink_to(plain)
        self.cli.ok("file", "encrypt", KEY, link, *CONTEXT)
        sealed = self.files / "link.sr"
        self.assertFalse(sealed.is_symlink())
        sealed_link.symlink_to(sealed)
        self.cli.ok("key", "rotate", KEY)
        self.cli.ok("file", "rewrap", sealed_link)
        check = self.cli.json("file", "rewrap", "--check", sealed)
        self.assertEqual(check["files"][0]["key_version"], 2)

        # Written through only with --force, and never where nothing is.
        target, nowhere = self.plain("target"), self.files / "nowhere"
        (self.files / "out").symlink_to(target)
        (self.files / "dangling").symlink_to(nowhere)
        kept = target.read_bytes()
        for name in ("out", "dangling"):
            done = self.cli.run("file", "decrypt", sealed, self.files / name,
                                *CONTEXT)
            self.assert_cli_refused(done, 1, "FILE_UNREADABLE", "exists")
        self.assertEqual(target.read_bytes(), kept)
        self.assertFalse(nowhere.exists())
        self.cli.ok("file", "decrypt", sealed, self.files / "out", "--force",
                    *CONTEXT)
        self.assertTrue((self.files / "out").is_symlink())
        self.assertEqual(target.read_bytes(), plain.read_bytes())

    def test_devices_and_directories(self):
        plain = self.plain()
        sealed = self.encrypt(plain)
        self.cli.ok("file", "decrypt", sealed, "/dev/null", *CONTEXT)
        empty = self.files / "empty.sr"
        self.cli.ok("file", "encrypt", KEY, "/dev/null", empty, *CONTEXT)
        self.assertEqual(self.cli.ok("file", "cat", empty, *CONTEXT), b"")
        fifo = self.files / "fifo"
        os.mkfifo(fifo)
        for arguments, part in (
                (("rewrap", "/dev/null"), "regular file"),
                (("rewrap", fifo), "regular file"),
                (("rewrap", self.files), "directory"),
                (("cat", "/dev/null"), "not an envelope"),
                (("inspect", self.files), "directory"),
                (("decrypt", sealed, self.files), "directory"),
                (("encrypt", KEY, plain, self.files, "--force"), "directory"),
                (("decrypt", self.files, self.files / "x"), "directory")):
            done = self.cli.run("file", *arguments)
            self.assertIn(done.returncode, (1, 3), arguments)
            self.assertIn(part, done.stderr.decode().lower(), arguments)

    # Side files.

    def test_a_tree_of_detached_envelopes(self):
        tree, into, back = (self.files / n for n in ("tree", "into", "back"))
        (tree / "deep").mkdir(parents=True)
        contents = {"a": b"1" * 70_000, "deep/b": b""}
        for name, data in contents.items():
            (tree / name).write_bytes(data)
        encrypt = ("file", "encrypt", KEY, tree, into, "-r", "--detached")
        self.assertEqual(self.cli.json(*encrypt, *CONTEXT)["encrypted"], 2)
        self.assertEqual(sorted(os.listdir(into)),
                         ["a.sr", "a.sr.side", "deep"])
        self.cli.ok("key", "rotate", KEY)
        moved = self.cli.json("file", "rewrap", "-r", into)
        self.assertEqual((moved["rewrapped"], moved["skipped"]), (2, 2))
        opened = self.cli.json("file", "decrypt", into, back, "-r", *CONTEXT)
        self.assertEqual(opened["decrypted"], 2)
        for name, data in contents.items():
            self.assertEqual((back / name).read_bytes(), data)

        # Ended between a body and its side file: said, and then done again.
        (into / "a.sr.side").unlink()
        done = self.cli.run(*encrypt, *CONTEXT)
        self.assertEqual(done.returncode, 6)
        self.assertIn("a: CONFLICT: ", done.stderr.decode())
        self.assertIn("without its side file", done.stderr.decode())
        (into / "a.sr").unlink()
        again = self.cli.json(*encrypt, *CONTEXT)
        self.assertEqual((again["encrypted"], again["skipped"]), (1, 1))

        wrong = self.cli.run(*encrypt, "--side", into / "x", *CONTEXT)
        self.assertEqual(wrong.returncode, 2)
        self.assertIn("--side names one file", wrong.stderr.decode())

    def test_a_wrong_side_file_opens_nothing(self):
        plain = self.plain()
        body, other = self.files / "body", self.files / "other"
        for out in (body, other):
            self.cli.ok("file", "encrypt", KEY, plain, out, "--detached",
                        *CONTEXT)
        attached = self.encrypt(plain)
        for side in (f"{other}.side", attached, plain, body, "/dev/null"):
            done = self.cli.run("file", "decrypt", body, self.files / "no",
                                "--side", side, *CONTEXT)
            self.assert_cli_refused(done, 3, "MALFORMED", "no was not made")
        self.assertFalse((self.files / "no").exists())
        same = self.cli.run("file", "encrypt", KEY, plain, self.files / "x",
                            "--side", self.files / "x")
        self.assertEqual(same.returncode, 2)

    def test_a_body_whose_side_file_is_not_made_is_said_to_be_of_no_use(self):
        plain, body = self.plain(), self.files / "body"
        side = self.files / "body.side"
        held = self.start_held(plain, "encrypt", KEY, plain, body, "--detached",
                               *CONTEXT)
        side.write_bytes(b"another's")
        _, err = self.finish_held(held)
        self.assertEqual(held.returncode, 1, err)
        self.assertIn("body is whole, but opens with its side file alone, "
                      "which was not made", err)
        self.assertEqual(side.read_bytes(), b"another's")

    # Others at the same file.

    def test_two_rewraps_of_one_file_at_once(self):
        sealed = self.encrypt(self.plain())
        self.cli.ok("key", "rotate", KEY)
        before = sha256(sealed)
        with open(sealed, "rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            done = self.cli.run("file", "rewrap", sealed)
            self.assert_cli_refused(done, 6, "CONFLICT", "another process")
            self.assertEqual(sha256(sealed), before)
            # Readers are not kept out.
            self.cli.ok("file", "cat", sealed, *CONTEXT)
        self.cli.ok("file", "rewrap", sealed)

    # Holes.

    def test_holes_come_back_as_holes(self):
        cases = {
            "all": (8 * MIB, {}),
            "begin": (8 * MIB, {0: b"x" * 10}),
            "end": (8 * MIB + 17, {8 * MIB + 16: b"x"}),
            "middle": (9 * MIB, {4 * MIB - 1: b"xy"}),
            "short": (1000, {}),
        }
        for name, (size, data) in cases.items():
            plain, back = self.files / name, self.files / f"{name}.back"
            with open(plain, "wb") as file:
                file.truncate(size)
                for offset, text in data.items():
                    file.seek(offset)
                    file.write(text)
            sealed = self.encrypt(plain)
            self.cli.ok("file", "decrypt", sealed, back, *CONTEXT)
            self.assertEqual(back.read_bytes(), plain.read_bytes(), name)
            self.assertLessEqual(back.stat().st_blocks * 512, 4 * 65536, name)


if __name__ == "__main__":
    unittest.main()
