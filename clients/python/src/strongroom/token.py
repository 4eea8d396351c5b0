"""Token strings: wrapped DEKs and ciphertexts (docs/formats.md, section 1).

A token string is a header (the batch key, sealed by the KEK) and a leaf (the
secret, sealed by the batch key). This module reads what a token says of itself;
only the service opens it. Parsing is total: any bytes give a ``Token`` or
``Malformed``.
"""
from __future__ import annotations

import dataclasses
import struct
import uuid

from .errors import Malformed

MAX_VERSION = 2**31 - 1
_HEADER = struct.Struct(">2sBB16sI16sH")  # up to sealed
_LEAF = struct.Struct(">B8sI")  # up to the ciphertext
_TAG = 16
_MAX_SEALED = 2048
WRAPPED_DEK = 1
ENCRYPTED_DATA = 2


@dataclasses.dataclass(frozen=True)
class Header:
    suite: int
    key_id: uuid.UUID
    key_version: int
    batch_id: bytes
    sealed: bytes

    def serialize(self) -> bytes:
        return _HEADER.pack(b"SR", 1, self.suite, self.key_id.bytes,
                            self.key_version, self.batch_id,
                            len(self.sealed)) + self.sealed


@dataclasses.dataclass(frozen=True)
class Leaf:
    purpose: int
    salt: bytes
    index: int
    ciphertext: bytes  # the tag included

    def serialize(self) -> bytes:
        return _LEAF.pack(self.purpose, self.salt, self.index) + self.ciphertext


@dataclasses.dataclass(frozen=True)
class Token:
    header: Header
    leaf: Leaf

    @property
    def is_wrapped_dek(self) -> bool:
        return self.leaf.purpose == WRAPPED_DEK

    def serialize(self) -> bytes:
        return self.header.serialize() + self.leaf.serialize()


def _parse_header(data: bytes) -> tuple[Header, int]:
    if len(data) < _HEADER.size:
        raise Malformed("MALFORMED", f"{len(data)} bytes are no header; want "
                        f"at least {_HEADER.size}")
    magic, form, suite, key, version, batch, size = _HEADER.unpack_from(data)
    if magic != b"SR":
        raise Malformed("MALFORMED", "no token string of Strongroom: it does "
                        "not start with SR")
    if form != 1 or suite != 1:
        raise Malformed("FORMAT_UNKNOWN", f"format {form}, suite {suite}; this "
                        "package knows format 1, suite 1")
    if not 1 <= version <= MAX_VERSION:
        raise Malformed("MALFORMED", f"key version {version} is out of range")
    if size > _MAX_SEALED or size not in (60, 64):
        raise Malformed("MALFORMED", f"a sealed batch key of {size} bytes; "
                        "want 60 or 64")
    end = _HEADER.size + size
    if len(data) < end:
        raise Malformed("MALFORMED", f"the header ends after {len(data)} of "
                        f"{end} bytes")
    return Header(suite, uuid.UUID(bytes=key), version, batch,
                  data[_HEADER.size:end]), end


def parse_header(data: bytes) -> Header:
    """Parses a header alone, as Rewrap takes and gives it."""
    header, end = _parse_header(bytes(data))
    if end != len(data):
        raise Malformed("MALFORMED", f"{len(data) - end} bytes follow the "
                        "header")
    return header


def parse_token(data: bytes) -> Token:
    """Parses a wrapped DEK or ciphertext, to its last byte."""
    data = bytes(data)
    header, start = _parse_header(data)
    size = len(data) - start - _LEAF.size - _TAG
    if size < 0:
        raise Malformed("MALFORMED", f"the leaf has {len(data) - start} bytes; "
                        f"want at least {_LEAF.size + _TAG}")
    purpose, salt, index = _LEAF.unpack_from(data, start)
    if purpose not in (WRAPPED_DEK, ENCRYPTED_DATA):
        raise Malformed("MALFORMED", f"purpose {purpose} is unknown")
    least, most = (16, 64) if purpose == WRAPPED_DEK else (0, 65536)
    if not least <= size <= most:
        raise Malformed("MALFORMED", f"a secret of {size} bytes; want {least} "
                        f"to {most} for purpose {purpose}")
    if index > 65535:
        raise Malformed("MALFORMED", f"index {index} is out of range")
    return Token(header, Leaf(purpose, salt, index,
                              data[start + _LEAF.size:]))
