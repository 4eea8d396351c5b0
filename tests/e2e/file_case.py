"""What the tests of `strongroom file` share."""
import hashlib
import os
import pathlib

import e2e

KEY = "demo/files"
CONTEXT = ("--context", "object=document")
HEAD = 3 * 4096


def sha256(path, start=0):
    with open(path, "rb") as file:
        file.seek(start)
        return hashlib.file_digest(file, "sha256").hexdigest()


class FileCase(e2e.E2eTest):
    def setUp(self):
        self.daemon = self.start_dev()
        self.cli = self.dev_cli(self.daemon)
        self.cli.ok("key", "create", KEY)
        self.files = self.dir / "files"
        self.files.mkdir()

    def plain(self, name="document", size=200_000):
        path = self.files / name
        path.write_bytes(os.urandom(size))
        return path

    def encrypt(self, path, *more):
        self.cli.ok("file", "encrypt", KEY, path, *more, *CONTEXT)
        return pathlib.Path(str(path) + ".sr")

    def names(self):
        return sorted(path.name for path in self.files.iterdir())
