import json
import pathlib

import pytest

from strongroom import Malformed, parse_header, parse_token

VECTORS = pathlib.Path(__file__).parents[3] / "tests" / "vectors"


def vectors(name):
    return json.loads((VECTORS / name).read_text())["vectors"]


@pytest.mark.parametrize("vector", vectors("token.json"),
                         ids=lambda v: v["name"])
def test_the_vectors_are_read_as_they_are_written(vector):
    data = bytes.fromhex(vector["token"])
    if "refused" in vector and vector["refused"] in ("MALFORMED",
                                                     "FORMAT_UNKNOWN"):
        with pytest.raises(Malformed) as refused:
            parse_token(data)
        assert refused.value.reason == vector["refused"]
        return
    token = parse_token(data)
    assert token.serialize() == data
    if "key_version" in vector:
        assert token.header.key_version == vector["key_version"]
        assert token.header.key_id.bytes.hex() == vector["key_id"]


def good_token():
    for vector in vectors("token.json"):
        if "refused" not in vector:
            return bytes.fromhex(vector["token"])
    raise AssertionError("no good vector")


def test_every_truncation_and_extension_is_malformed():
    data = good_token()
    # A wrapped DEK may be shorter, down to 16 bytes: what is cut off then is
    # found by whoever opens it.
    shortest = len(data) - (32 - 16)
    for size in range(shortest):
        with pytest.raises(Malformed):
            parse_token(data[:size])
    with pytest.raises(Malformed):
        parse_token(data + bytes(64))
    header = parse_token(data).header.serialize()
    assert parse_header(header).serialize() == header
    for size in range(len(header)):
        with pytest.raises(Malformed):
            parse_header(header[:size])
    with pytest.raises(Malformed):
        parse_header(header + b"\0")


def test_any_bit_flipped_gives_other_fields_or_malformed_and_nothing_else():
    data = good_token()
    for bit in range(len(data) * 8):
        changed = bytearray(data)
        changed[bit // 8] ^= 1 << bit % 8
        try:
            assert parse_token(bytes(changed)).serialize() == bytes(changed)
        except Malformed:
            pass
