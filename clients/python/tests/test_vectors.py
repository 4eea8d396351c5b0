"""The committed vectors, that the C++ implementation is held to too."""
import io
import json
import pathlib

import pytest

from strongroom import Malformed, NotAuthentic, envelope

FILE = (pathlib.Path(__file__).resolve().parents[3]
        / "tests" / "vectors" / "bulk.json")
VECTORS = json.loads(FILE.read_text())["vectors"]


def take(vector, field):
    return bytes.fromhex(vector.pop(field))


def opener(dek):
    def open_token(token):
        assert token == b"T1:" + dek
        return dek

    return open_token


def read_all(sealed, dek):
    reader = envelope.Reader(io.BytesIO(sealed), opener(dek))
    return b"".join(reader.read(at, 1000)
                    for at in range(0, max(len(reader), 1), 1000))


@pytest.mark.parametrize("vector", VECTORS, ids=lambda v: v["name"])
def test_the_vectors_hold_in_both_directions(vector):
    vector = dict(vector)
    vector.pop("name")
    dek, sealed = take(vector, "dek"), take(vector, "envelope")
    if "refused" in vector:
        reason = vector.pop("refused")
        for read in (lambda: envelope.unseal(sealed, opener(dek)),
                     lambda: read_all(sealed, dek)):
            with pytest.raises((Malformed, NotAuthentic)) as refused:
                read()
            assert refused.value.reason == reason
    else:
        plaintext = take(vector, "plaintext")
        assert envelope.unseal(sealed, opener(dek)) == plaintext
        assert read_all(sealed, dek) == plaintext
        fixed = envelope.parse_fixed(sealed)
        again = io.BytesIO()
        envelope.seal_stream(io.BytesIO(plaintext), again, dek, b"T1:" + dek,
                             chunk_log2=fixed.chunk_log2,
                             slot_log2=fixed.slot_log2, salt=fixed.salt)
        # Sealing makes the slots of a new envelope; the rest is the same.
        for part in (slice(fixed.slot_size), slice(fixed.head_size, None)):
            assert again.getvalue()[part] == sealed[part]
    assert not vector, "every field is used"
