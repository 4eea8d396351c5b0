"""examples/notes does what its README says."""
import os
import pathlib
import sqlite3
import subprocess
import sys

import pytest

PROGRAM = (pathlib.Path(__file__).resolve().parents[3] / "examples" / "notes"
           / "notes.py")
TEXTS = [f"a secret of {n}" for n in range(300)] + ["", "ümlaut"]


@pytest.fixture
def notes(service, tmp_path):
    path = tmp_path / "notes.db"

    def run(command, text="", code=0):
        done = subprocess.run([sys.executable, PROGRAM, path, command],
                              input=text, capture_output=True, text=True,
                              env={**os.environ, **service.env}, timeout=60)
        assert done.returncode == code, done.stderr
        return done.stdout if code == 0 else done.stderr

    run.path = path
    return run


def lines(texts):
    return "".join(text + "\n" for text in texts)


def test_rows_are_sealed_and_a_rotation_leaves_them_as_they_are(client, notes):
    notes("add", lines(TEXTS))
    notes("add", lines(["one more"]))
    assert notes("list") == lines([*TEXTS, "one more"])
    assert b"secret" not in notes.path.read_bytes()
    with sqlite3.connect(notes.path) as db:
        before = db.execute("SELECT * FROM note").fetchall()
        assert db.execute("SELECT count(*) FROM data_key").fetchone() == (2,)

    primary = client.get_key("notes/rows").primary_version
    assert notes("versions") == f"version {primary}: 2 data keys\n"
    said = notes("rotate")
    assert f"version {primary + 1} is primary; 2 data keys rewrapped" in said
    assert notes("versions") == f"version {primary + 1}: 2 data keys\n"
    assert notes("rewrap") == "0 data keys rewrapped\n"
    with sqlite3.connect(notes.path) as db:
        assert db.execute("SELECT * FROM note").fetchall() == before
    client.disable_version("notes/rows", primary)
    assert notes("list") == lines([*TEXTS, "one more"])


def test_a_row_in_the_place_of_another_does_not_open(notes):
    notes("add", lines(["first", "second"]))
    with sqlite3.connect(notes.path) as db:
        (one, _), (_, sealed) = db.execute(
            "SELECT id, sealed FROM note ORDER BY rowid").fetchall()
        db.execute("UPDATE note SET sealed = ? WHERE id = ?", (sealed, one))
    assert one in notes("list", code=1)


def test_a_data_key_of_another_table_does_not_open(client, notes):
    notes("add", lines(["first"]))
    foreign = client.generate_data_key("notes/rows", {"table": "other"})
    with sqlite3.connect(notes.path) as db:
        db.execute("UPDATE data_key SET wrapped = ?", (foreign.wrapped_dek,))
    assert "NOT_AUTHENTIC" in notes("list", code=1)


def test_wrong_uses_are_told(notes):
    assert "notes.py FILE add" in notes("shred", code=1)
