#!/usr/bin/env python3
"""Notes in SQLite: each row is encrypted, and a rotation rewrites a few tokens.

    notes.py FILE add           each line of standard input becomes a note
    notes.py FILE list          every note
    notes.py FILE versions      how many data keys depend on which key version
    notes.py FILE rotate        a new key version; then all data keys under it
    notes.py FILE rewrap        all data keys under the primary version

The service is named by STRONGROOM_ADDR, _CA, _CERT and _KEY. See README.md.
"""
import collections
import os
import sqlite3
import sys
import uuid

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

import strongroom

KEY = "notes/rows"
# What every data key of this table belongs to: no other table's opens here.
CONTEXT = {"application": "notes", "table": "note"}
# For so long a writer may go on with a data key after a rotation.
MAX_AGE = 60.0
NONCE = 12

SCHEMA = """
CREATE TABLE IF NOT EXISTS data_key (
  id INTEGER PRIMARY KEY,
  wrapped BLOB NOT NULL UNIQUE);
CREATE TABLE IF NOT EXISTS note (
  id TEXT PRIMARY KEY,
  data_key INTEGER NOT NULL REFERENCES data_key,
  sealed BLOB NOT NULL);
"""


class Notes:
    def __init__(self, client, path):
        self._client = client
        self._keys = strongroom.DataKeyCache(client, max_age=MAX_AGE)
        self._db = sqlite3.connect(path)
        self._db.execute("PRAGMA foreign_keys = ON")
        self._db.executescript(SCHEMA)

    def close(self):
        self._db.close()

    def add(self, texts):
        """Adds all or none."""
        with self._db:  # one transaction
            for text in texts:
                self._add(text.encode())

    def _add(self, data):
        made = self._keys.for_sealing(KEY, CONTEXT, len(data))
        self._db.execute("INSERT OR IGNORE INTO data_key (wrapped) VALUES (?)",
                         (made.wrapped_dek,))
        row, = self._db.execute("SELECT id FROM data_key WHERE wrapped = ?",
                                (made.wrapped_dek,)).fetchone()
        note = str(uuid.uuid4())
        # Random: at most 2**32 notes under one data key, and the cache allows
        # fewer. The id is authenticated, so that no row passes for another.
        nonce = os.urandom(NONCE)
        sealed = AESGCM(made.dek).encrypt(nonce, data, note.encode())
        self._db.execute("INSERT INTO note VALUES (?, ?, ?)",
                         (note, row, nonce + sealed))

    def all(self):
        for note, wrapped, sealed in self._db.execute(
                "SELECT note.id, wrapped, sealed FROM note "
                "JOIN data_key ON data_key.id = note.data_key "
                "ORDER BY note.rowid"):
            dek = self._keys.for_opening(wrapped, CONTEXT, KEY)
            try:
                data = AESGCM(dek).decrypt(sealed[:NONCE], sealed[NONCE:],
                                           note.encode())
            except InvalidTag:
                sys.exit(f"note {note} was changed, or is another one's")
            yield data.decode()

    def versions(self):
        """Offline: a wrapped data key says which version opens it."""
        return collections.Counter(
            strongroom.parse_token(wrapped).header.key_version
            for wrapped, in self._db.execute("SELECT wrapped FROM data_key"))

    def rewrap(self):
        """Moves the data keys to the primary version; no note is touched."""
        rows = self._db.execute("SELECT id, wrapped FROM data_key").fetchall()
        moved = 0
        for at in range(0, len(rows), 1000):
            part = rows[at:at + 1000]
            answers = self._client.batch_rewrap([w for _, w in part], KEY)
            for answer in answers:
                if isinstance(answer, strongroom.StrongroomError):
                    raise answer
            with self._db:
                moved += sum(self._db.execute(
                    "UPDATE data_key SET wrapped = ? "
                    "WHERE id = ? AND wrapped = ?",
                    (answer.token, row, wrapped)).rowcount
                    for (row, wrapped), answer in zip(part, answers)
                    if answer.token != wrapped)
        return moved


def make_key(client):
    try:
        client.create_key(KEY)
    except strongroom.AlreadyExists:
        pass


def main(arguments):
    commands = ("add", "list", "versions", "rotate", "rewrap")
    if len(arguments) != 2 or arguments[1] not in commands:
        sys.exit(__doc__)
    path, command = arguments
    with strongroom.Client.from_environment() as client:
        notes = Notes(client, path)
        try:
            run(client, notes, command)
        finally:
            notes.close()


def run(client, notes, command):
    if command == "add":
        make_key(client)
        notes.add(line.rstrip("\n") for line in sys.stdin)
    elif command == "list":
        for text in notes.all():
            print(text)
    elif command == "versions":
        for version, count in sorted(notes.versions().items()):
            print(f"version {version}: {count} data keys")
    elif command == "rewrap":
        print(f"{notes.rewrap()} data keys rewrapped")
    else:
        version = client.rotate_key(KEY).primary_version
        print(f"version {version} is primary; {notes.rewrap()} data keys "
              f"rewrapped\nwriters that run now may use data keys under the "
              f"version before it for {MAX_AGE:.0f} s more: `rewrap` once "
              "more then, before you disable that version")


if __name__ == "__main__":
    try:
        main(sys.argv[1:])
    except strongroom.StrongroomError as error:
        sys.exit(str(error))
