"""The format alone, with tokens that a table opens."""
import io
import os
import random
import struct
import zlib

import pytest

from strongroom import Malformed, NotAuthentic, envelope

DEK = bytes(range(32))
TOKEN = b"token"


def opener(table=None):
    table = {TOKEN: DEK} if table is None else table

    def open_token(token):
        if token not in table:
            raise NotAuthentic("NOT_AUTHENTIC", "no")
        return table[token]

    return open_token


def seal(plaintext, **options):
    return envelope.seal(plaintext, DEK, TOKEN, **options)


def test_what_is_sealed_opens_over_random_sizes_and_parameters():
    rng = random.Random(20261121)
    for _ in range(200):
        chunk = rng.randint(12, 15)
        edge = rng.choice([0, 1, (1 << chunk) - 1, 1 << chunk,
                           (1 << chunk) + 1, rng.randint(0, 100_000)])
        data = rng.randbytes(edge)
        sealed = seal(data, chunk_log2=chunk, slot_log2=rng.randint(9, 13))
        assert envelope.unseal(sealed, opener()) == data
        reader = envelope.Reader(io.BytesIO(sealed), opener())
        assert len(reader) == len(data)
        at, size = rng.randint(0, edge + 3), rng.randint(0, edge + 3)
        assert reader.read(at, size) == data[at:at + size]


def test_a_detached_envelope_opens_with_its_own_side_file_only():
    def detached(data):
        body, side = io.BytesIO(), io.BytesIO()
        envelope.seal_stream(io.BytesIO(data), body, DEK, TOKEN, side=side)
        return body.getvalue(), side.getvalue()

    def unseal(body, side):
        return b"".join(envelope.open_stream(io.BytesIO(body), opener(),
                                             side=io.BytesIO(side)))

    body, side = detached(b"one" * 50_000)
    _, other = detached(b"two")
    assert unseal(body, side) == b"one" * 50_000
    for wrong in (other, side + b"\0", side[:-1], b"", seal(b"one")):
        with pytest.raises(Malformed):
            unseal(body, wrong)
    with pytest.raises(Malformed):
        unseal(b"X" + body[1:], side)
    with pytest.raises(Malformed, match="body"):
        envelope.unseal(side, opener())


def test_every_truncation_of_a_small_envelope_is_refused():
    sealed = seal(b"x" * 9000, chunk_log2=12, slot_log2=9)
    for size in range(len(sealed)):
        with pytest.raises((Malformed, NotAuthentic)):
            envelope.unseal(sealed[:size], opener())


def test_a_flipped_bit_is_refused_or_harmless():
    data = b"y" * 5000
    sealed = seal(data, chunk_log2=12, slot_log2=9)
    empty_slot = range(2 * 512, 3 * 512)
    for byte in range(len(sealed)):
        changed = bytearray(sealed)
        changed[byte] ^= 1 << byte % 8
        if byte in empty_slot:
            assert envelope.unseal(bytes(changed), opener()) == data
            continue
        with pytest.raises((Malformed, NotAuthentic)):
            envelope.unseal(bytes(changed), opener())


@pytest.mark.parametrize("order", [
    [1, 0, 2, 3], [0, 0, 1, 2, 3], [0, 2, 3], [0, 1, 2], [0, 1, 2, 3, 3],
    [0, 1, 3, 2], [3], [1, 2, 3], [0, 1, 2, 2]])
def test_chunks_out_of_their_place_are_refused(order):
    sealed = seal(os.urandom(3 * 4096 + 100), chunk_log2=12, slot_log2=9)
    head, body = sealed[:3 * 512], sealed[3 * 512:]
    chunks = [body[i:i + 4112] for i in range(0, len(body), 4112)]
    with pytest.raises((Malformed, NotAuthentic)):
        envelope.unseal(head + b"".join(chunks[i] for i in order), opener())


def test_nothing_is_released_of_a_chunk_that_does_not_authenticate():
    sealed = bytearray(seal(b"a" * 4096 + b"b" * 4096, chunk_log2=12))
    sealed[-1] ^= 1
    released = []
    with pytest.raises(NotAuthentic):
        for piece in envelope.open_stream(io.BytesIO(bytes(sealed)), opener()):
            released.append(piece)
    assert b"b" not in b"".join(released)


def with_slots(sealed, slot0, slot1):
    return sealed[:4096] + slot0 + slot1 + sealed[3 * 4096:]


def test_the_newer_slot_is_read_and_the_other_one_if_it_does_not_open():
    sealed = seal(b"data")
    slot = lambda n, token: envelope.Slot(n, token).serialize(4096)
    other = {TOKEN: DEK, b"new": DEK, b"foreign": b"z" * 32}
    asked = []

    def open_token(token):
        asked.append(token)
        return opener(other)(token)

    for slots, order in [
            ((slot(1, TOKEN), slot(2, b"new")), [b"new"]),
            ((slot(3, TOKEN), slot(2, b"new")), [TOKEN]),
            ((slot(2, TOKEN), slot(2, b"new")), [TOKEN]),
            ((slot(1, TOKEN), slot(9, b"unknown")), [b"unknown", TOKEN]),
            ((slot(1, TOKEN), slot(9, b"foreign")), [b"foreign", TOKEN])]:
        asked.clear()
        assert envelope.unseal(with_slots(sealed, *slots), open_token) == b"data"
        assert asked == order
    with pytest.raises(NotAuthentic):
        envelope.unseal(with_slots(sealed, slot(1, b"foreign"), bytes(4096)),
                        open_token)
    with pytest.raises(Malformed):
        envelope.unseal(with_slots(sealed, bytes(4096), bytes(4096)),
                        open_token)


def test_a_slot_with_a_wrong_sequence_padding_or_crc_is_none():
    good = envelope.Slot(7, TOKEN).serialize(512)
    assert envelope.Slot.parse(good) == envelope.Slot(7, TOKEN)

    def recomputed(data):
        return data + struct.pack(">I", zlib.crc32(data))

    for changed in (good[:-1] + bytes([good[-1] ^ 1]),
                    recomputed(bytes(4) + good[4:-4]),
                    recomputed(b"\x80\0\0\0" + good[4:-4]),
                    recomputed(good[:-5] + b"\1"),
                    recomputed(good[:4] + b"\xff\xff" + good[6:-4])):
        assert envelope.Slot.parse(changed) is None


def test_parameters_out_of_range_are_refused():
    for options in ({"chunk_log2": 11}, {"chunk_log2": 25},
                    {"slot_log2": 8}, {"slot_log2": 17}):
        with pytest.raises(ValueError):
            seal(b"", **options)
    with pytest.raises(ValueError):
        envelope.seal(b"", b"short", TOKEN)
    with pytest.raises(Malformed):
        envelope.seal(b"", DEK, b"t" * 600, slot_log2=9)
    sealed = seal(b"")
    for at, value, reason in [(7, ord("2"), "FORMAT_UNKNOWN"),
                              (8, 2, "FORMAT_UNKNOWN"), (9, 11, "MALFORMED"),
                              (9, 25, "MALFORMED"), (10, 8, "MALFORMED"),
                              (10, 17, "MALFORMED"), (11, 1, "MALFORMED"),
                              (100, 1, "MALFORMED")]:
        changed = bytearray(sealed)
        changed[at] = value
        with pytest.raises(Malformed) as refused:
            envelope.unseal(bytes(changed), opener())
        assert refused.value.reason == reason
