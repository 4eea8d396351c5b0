"""A rotation moves a file of any size to the new KEK by two small writes.

    STRONGROOM_BUILD=build/release tests/e2e/file_proof.py [SIZE]

Encrypts a file of SIZE (4G; 64M), rotates the key, rewraps the file, disables the
old version, decrypts; prints and demands: equal bytes, a body that did not
change, at most two slots written (counted by strace), and at most 64 MiB
resident in each command. TMPDIR wants room for twice the size. Part of `make
test` with 64M; `make file-proof` does it with 4G.
"""
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time
import unittest

import e2e

SLOT = 4096
HEAD = 3 * SLOT
MIB = 1 << 20
RESIDENT_KIB = 64 << 10
KEY = "proof/files"
CONTEXT = ["--context", "object=proof"]
size = 4 << 30


def parse_size(text):
    units = {"K": 10, "M": 20, "G": 30}
    if text[-1:] in units:
        return int(text[:-1]) << units[text[-1]]
    return int(text)


def make_random(path):
    """Writes `size` random bytes; gives their SHA-256."""
    digest = hashlib.sha256()
    left = size
    with open(path, "wb") as file:
        while left:
            piece = os.urandom(min(MIB, left))
            digest.update(piece)
            file.write(piece)
            left -= len(piece)
    return digest.hexdigest()


def traced_calls(trace):
    """Name and result of each call; those that another thread cut in two are
    put together."""
    begun, calls = {}, []
    for line in trace.splitlines():
        thread, rest = line.split(None, 1)
        if rest.endswith("<unfinished ...>"):
            begun[thread] = rest
            continue
        if rest.startswith("<... "):
            rest = begun.pop(thread) + rest
        call = re.match(r"(\w+)\(.*\)\s+= (-?\d+)", rest)
        if call:
            calls.append((call[1], int(call[2])))
    return calls


def sha256(path, start=0):
    with open(path, "rb") as file:
        file.seek(start)
        return hashlib.file_digest(file, "sha256").hexdigest()


class FileProof(e2e.E2eTest):
    def setUp(self):
        self.daemon = self.start_dev()
        self.cli = self.dev_cli(self.daemon)
        # Never kept: they are large.
        self.files = pathlib.Path(tempfile.mkdtemp(prefix="strongroom-proof-"))
        self.addCleanup(shutil.rmtree, self.files)

    def timed(self, what, *command):
        """Runs a command; shows its time and its most resident memory.

        That is ru_maxrss of the command and its children, the VmHWM of the
        largest (and at least this interpreter's own, which it begins as).
        """
        began = time.monotonic()
        process = subprocess.Popen(
            [str(part) for part in command], stdout=subprocess.DEVNULL,
            env={**os.environ, **self.cli.env})
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        seconds = time.monotonic() - began
        self.assertEqual(process.returncode, 0, what)
        rate = (f"{size / MIB / seconds:8.0f} MiB/s" if what != "rewrap" else
                " under strace ")
        print(f"{what:8} {seconds:7.2f} s {rate}  resident at most "
              f"{usage.ru_maxrss / 1024:.1f} MiB", flush=True)
        if "STRONGROOM_SANITIZED" not in os.environ:
            self.assertLessEqual(usage.ru_maxrss, RESIDENT_KIB, what)

    def test_rotation_writes_two_slots(self):
        plain, sealed = self.files / "plain", self.files / "sealed"
        self.cli.ok("key", "create", KEY)
        wanted = make_random(plain)
        print(f"\n{size:,} bytes in {self.files}", flush=True)

        self.timed("encrypt", e2e.STRONGROOM, "file", "encrypt", KEY, plain,
                   sealed, *CONTEXT)
        plain.unlink()
        body = sha256(sealed, HEAD)
        self.cli.ok("key", "rotate", KEY)
        trace = self.dir / "trace"
        self.timed("rewrap", "strace", "-f", "-y", "-P", sealed, "-o", trace,
                   e2e.STRONGROOM, "file", "rewrap", sealed)
        self.check_trace(trace.read_text())
        self.assertEqual(sha256(sealed, HEAD), body)
        print(f"body     SHA-256 unchanged: {body}")

        self.cli.ok("key", "disable", KEY, "1")
        self.timed("decrypt", e2e.STRONGROOM, "file", "decrypt", sealed, plain,
                   *CONTEXT)
        self.assertEqual(sha256(plain), wanted)
        print(f"plain    SHA-256 equal:     {wanted}")

    def check_trace(self, trace):
        """All that the command did to the file, by the kernel's word."""
        calls = traced_calls(trace)
        known = {"openat", "newfstatat", "fstat", "flock", "fadvise64",
                 "pread64", "pwrite64", "fdatasync", "close"}
        self.assertLessEqual({name for name, _ in calls}, known, trace)
        written = [result for name, result in calls if name == "pwrite64"]
        read = sum(result for name, result in calls if name == "pread64")
        # The slots are the disk's, not the cache's; then each is written.
        order = [name for name, _ in calls if name in (
            "fadvise64", "pwrite64", "fdatasync")]
        self.assertEqual(order, ["fdatasync", "fadvise64"]
                         + ["pwrite64", "fdatasync"] * 2, trace)
        self.assertLessEqual(sum(written), 2 * SLOT)
        print(f"rewrap   wrote {' + '.join(map(str, written))} bytes, each "
              f"flushed, and read {read}, of {size:,}")


if __name__ == "__main__":
    if len(sys.argv) > 1 and sys.argv[1][:1] != "-":
        size = parse_size(sys.argv.pop(1))
    unittest.main()
