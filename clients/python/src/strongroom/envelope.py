"""The bulk envelope (docs/formats.md, section 2): files of any size.

Nothing here talks to the service: a DEK and its token go in, or a function that
opens a token. ``Client`` puts the two together. Memory is bounded by a few
chunks, whatever the size. Chunks are released only once authenticated; on a
stream that ends badly, what was released before must be discarded.
Long because sealing and opening, buffered and streamed, share the format's steps.
"""
from __future__ import annotations

import dataclasses
import hmac
import io
import os
import struct
import zlib
from typing import BinaryIO, Callable, Iterator, Optional

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from .errors import Malformed, NotAuthentic, StrongroomError

MAGIC = b"SRENVLP1"
BODY_MAGIC = b"SRBODYV1"
ATTACHED, DETACHED = 0, 1
DEK_SIZE = 32
TAG = 16
DEFAULT_CHUNK_LOG2, DEFAULT_SLOT_LOG2 = 16, 12
MAX_CHUNKS, MAX_PLAINTEXT = 2**32, 2**48
MAX_SEQUENCE = 2**31 - 1
BODY_PREFIX = len(BODY_MAGIC) + 32
DEFAULT_CONTEXT = {"strongroom.purpose": "envelope"}

_FIXED = struct.Struct(">8sBBBB32s32s")
_SLOT = struct.Struct(">IH")

OpenToken = Callable[[bytes], bytes]  # a token to its DEK


@dataclasses.dataclass(frozen=True)
class Slot:
    sequence: int
    token: bytes

    def serialize(self, size: int) -> bytes:
        body = _SLOT.pack(self.sequence, len(self.token)) + self.token
        if len(body) > size - 4:
            raise Malformed("MALFORMED", f"a token of {len(self.token)} bytes "
                            f"does not fit into a slot of {size}")
        body = body.ljust(size - 4, b"\0")
        return body + struct.pack(">I", zlib.crc32(body))

    @staticmethod
    def parse(data: bytes) -> Optional["Slot"]:
        """None if the slot is not valid: torn, empty or damaged."""
        sequence, size = _SLOT.unpack_from(data)
        crc, = struct.unpack(">I", data[-4:])
        end = _SLOT.size + size
        if not 1 <= sequence <= MAX_SEQUENCE or end > len(data) - 4:
            return None
        if any(data[end:-4]) or zlib.crc32(data[:-4]) != crc:
            return None
        return Slot(sequence, data[_SLOT.size:end])


@dataclasses.dataclass(frozen=True)
class Fixed:
    form: int
    chunk_log2: int
    slot_log2: int
    salt: bytes
    commitment: bytes

    @property
    def slot_size(self) -> int:
        return 1 << self.slot_log2

    @property
    def chunk_size(self) -> int:
        return 1 << self.chunk_log2

    @property
    def head_size(self) -> int:
        return 3 * self.slot_size

    def start(self) -> bytes:
        """The 12 bytes that the keys are derived from."""
        return _start(self.form, self.chunk_log2, self.slot_log2)

    def serialize(self) -> bytes:
        fixed = self.start() + self.salt + self.commitment
        return fixed.ljust(self.slot_size, b"\0")


def _start(form: int, chunk_log2: int, slot_log2: int) -> bytes:
    return MAGIC + bytes([form, chunk_log2, slot_log2, 0])


@dataclasses.dataclass(frozen=True)
class Head:
    """What stands before the chunks: the fixed part and two slots."""
    fixed: Fixed
    slots: tuple[Optional[Slot], Optional[Slot]]
    # All zeros, never written. What is neither this nor valid may be torn, and
    # hold parts of an old token.
    blank: tuple[bool, bool] = (False, True)

    def newest_first(self) -> list[tuple[int, Slot]]:
        """The valid slots with their numbers; equal sequences: slot 0 first."""
        valid = [(n, s) for n, s in enumerate(self.slots) if s is not None]
        return sorted(valid, key=lambda at: -at[1].sequence)

    def serialize(self) -> bytes:
        size = self.fixed.slot_size
        return self.fixed.serialize() + b"".join(
            bytes(size) if slot is None else slot.serialize(size)
            for slot in self.slots)


def parse_fixed(data: bytes) -> Fixed:
    """Parses the first 76 bytes, of which it believes nothing unchecked."""
    if len(data) < _FIXED.size:
        raise Malformed("MALFORMED", f"{len(data)} bytes are no envelope")
    magic, form, chunk, slot, reserved, salt, commitment = _FIXED.unpack_from(
        data)
    if magic != MAGIC:
        if magic[:7] == MAGIC[:7]:
            raise Malformed("FORMAT_UNKNOWN", "an envelope of a later version")
        raise Malformed("MALFORMED", "not an envelope: it does not start with "
                        "SRENVLP1")
    if form not in (ATTACHED, DETACHED):
        raise Malformed("FORMAT_UNKNOWN", f"envelope form {form} is unknown")
    if not 12 <= chunk <= 24 or not 9 <= slot <= 16 or reserved != 0:
        raise Malformed("MALFORMED", f"chunk_log2 {chunk}, slot_len_log2 "
                        f"{slot}, reserved {reserved}; want 12..24, 9..16, 0")
    return Fixed(form, chunk, slot, salt, commitment)


def parse_head(data: bytes) -> Head:
    """Parses exactly what stands before the chunks."""
    fixed = parse_fixed(data)
    if len(data) != fixed.head_size:
        raise Malformed("MALFORMED", f"the head has {len(data)} bytes; want "
                        f"{fixed.head_size}")
    size = fixed.slot_size
    if any(data[_FIXED.size:size]):
        raise Malformed("MALFORMED", "the padding of the fixed part is not "
                        "zero")
    first, second = data[size:2 * size], data[2 * size:]
    return Head(fixed, (Slot.parse(first), Slot.parse(second)),
                (not any(first), not any(second)))


def read_head(source: BinaryIO) -> Head:
    """Reads the head from a stream, up to the first chunk."""
    first = _read_exactly(source, _FIXED.size, "the fixed part")
    fixed = parse_fixed(first)
    return parse_head(first + _read_exactly(
        source, fixed.head_size - len(first), "the slots"))


def _read_exactly(source: BinaryIO, size: int, what: str) -> bytes:
    parts = []
    left = size
    while left:
        part = source.read(left)
        if not part:
            raise Malformed("MALFORMED", f"the envelope ends in {what}")
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def _read_up_to(source: BinaryIO, size: int) -> bytes:
    parts = []
    while size:
        part = source.read(size)
        if not part:
            break
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def _derive(dek: bytes, salt: bytes, what: bytes, start: bytes) -> bytes:
    return HKDF(hashes.SHA256(), 32, salt,
                b"strongroom envelope v1 " + what + start).derive(dek)


class _Chunks:
    """One body key and its chunks; index and place make the nonce."""

    def __init__(self, dek: bytes, salt: bytes, start: bytes) -> None:
        if len(dek) != DEK_SIZE:
            raise NotAuthentic("NOT_AUTHENTIC", "the envelope does not open")
        self.commitment = _derive(dek, salt, b"commitment", start)
        self._aead = AESGCM(_derive(dek, salt, b"body", start))

    @staticmethod
    def _nonce(index: int, last: bool) -> bytes:
        return struct.pack(">Q", index) + b"\0\0\0" + bytes([last])

    def seal(self, index: int, last: bool, plaintext: bytes) -> bytes:
        return self._aead.encrypt(self._nonce(index, last), plaintext, None)

    def open(self, index: int, last: bool, sealed: bytes) -> bytes:
        try:
            return self._aead.decrypt(self._nonce(index, last), sealed, None)
        except InvalidTag:
            raise NotAuthentic(
                "NOT_AUTHENTIC", f"chunk {index} of the envelope does not open "
                "at its place: the envelope was changed, cut or extended"
            ) from None


def open_head(head: Head, open_token: OpenToken) -> _Chunks:
    """The key of the body: from the newest slot that opens and is committed to.

    A slot whose token is refused, or is another envelope's, gives way to the
    other one. ``open_token``'s own failures (the service is away) are raised.
    """
    refused: Optional[StrongroomError] = None
    for _, slot in head.newest_first():
        try:
            chunks = _Chunks(open_token(slot.token), head.fixed.salt,
                             head.fixed.start())
        except (Malformed, NotAuthentic) as error:
            refused = refused or error
            continue
        except StrongroomError as error:
            # A version that is gone may have been rewrapped in the other slot.
            refused = error
            continue
        if hmac.compare_digest(chunks.commitment, head.fixed.commitment):
            return chunks
        refused = refused or NotAuthentic(
            "NOT_AUTHENTIC", "the envelope does not open")
    raise refused or Malformed(
        "MALFORMED", "neither of the envelope's two slots is valid")


@dataclasses.dataclass(frozen=True)
class Shape:
    """How a body of so many bytes is made of chunks."""
    chunks: int
    last_size: int  # of the last chunk, tag included
    plaintext_size: int

    @staticmethod
    def of(body_size: int, chunk_size: int) -> "Shape":
        full = chunk_size + TAG
        if body_size < 1:
            raise Malformed("MALFORMED", "the envelope has no chunk")
        last = (body_size - 1) % full + 1
        chunks = (body_size - 1) // full + 1
        if last < TAG + 1 and body_size != TAG:
            raise Malformed("MALFORMED", f"the last chunk has {last} bytes; "
                            f"want {TAG + 1} or more")
        size = body_size - chunks * TAG
        if chunks > MAX_CHUNKS or size > MAX_PLAINTEXT:
            raise Malformed("MALFORMED", "the envelope is larger than the "
                            "format allows")
        return Shape(chunks, last, size)


def _pairs(source: BinaryIO, size: int) -> Iterator[tuple[bytes, bool]]:
    """Pieces of a stream, each with whether it is the last one."""
    piece = _read_up_to(source, size)
    while True:
        following = _read_up_to(source, size) if len(piece) == size else b""
        yield piece, not following
        if not following:
            return
        piece = following


def seal_stream(source: BinaryIO, body: BinaryIO, dek: bytes, token: bytes, *,
                chunk_log2: int = DEFAULT_CHUNK_LOG2,
                slot_log2: int = DEFAULT_SLOT_LOG2,
                side: Optional[BinaryIO] = None,
                salt: Optional[bytes] = None) -> int:
    """Seals ``source`` into ``body``; gives the bytes of plaintext.

    With ``side`` the envelope is detached: the head goes there, last. The DEK
    must be fresh, used for nothing else, and wrapped as ``token``. ``salt`` is
    for tests alone.
    """
    if len(dek) != DEK_SIZE:
        raise ValueError(f"the DEK has {len(dek)} bytes; want {DEK_SIZE}")
    if not 12 <= chunk_log2 <= 24 or not 9 <= slot_log2 <= 16:
        raise ValueError("want chunk_log2 12..24 and slot_log2 9..16")
    salt = os.urandom(32) if salt is None else salt
    form = ATTACHED if side is None else DETACHED
    chunks = _Chunks(dek, salt, _start(form, chunk_log2, slot_log2))
    head = Head(Fixed(form, chunk_log2, slot_log2, salt, chunks.commitment),
                (Slot(1, bytes(token)), None)).serialize()
    body.write(head if side is None else BODY_MAGIC + salt)
    done = 0
    for index, (piece, last) in enumerate(_pairs(source, 1 << chunk_log2)):
        done += len(piece)
        if index >= MAX_CHUNKS or done > MAX_PLAINTEXT:
            raise ValueError("more than the format holds: 2^32 chunks, 2^48 "
                             "bytes; use larger chunks")
        body.write(chunks.seal(index, last, piece))
    if side is not None:
        side.write(head)
    return done


def open_stream(source: BinaryIO, open_token: OpenToken, *,
                side: Optional[BinaryIO] = None) -> Iterator[bytes]:
    """Yields the plaintext, chunk by authenticated chunk.

    Only when the iterator ends without an error is the plaintext whole.
    """
    head = _head_of(source, side)
    chunks = open_head(head, open_token)
    full = head.fixed.chunk_size + TAG
    for index, (piece, last) in enumerate(_pairs(source, full)):
        if index >= MAX_CHUNKS:
            raise Malformed("MALFORMED", "more chunks than the format allows")
        if len(piece) < TAG + (1 if index else 0):
            raise Malformed("MALFORMED", f"chunk {index} is cut off")
        plaintext = chunks.open(index, last, piece)
        if plaintext or index == 0:
            yield plaintext


def _head_of(source: BinaryIO, side: Optional[BinaryIO]) -> Head:
    head = read_head(source if side is None else side)
    if side is None:
        if head.fixed.form != ATTACHED:
            raise Malformed("MALFORMED", "this is the side file of a detached "
                            "envelope; the body is wanted too")
        return head
    if head.fixed.form != DETACHED:
        raise Malformed("MALFORMED", "the side file is a whole envelope")
    if side.read(1):
        raise Malformed("MALFORMED", "bytes follow the side file's slots")
    prefix = _read_exactly(source, BODY_PREFIX, "the start of the body")
    if prefix[:8] != BODY_MAGIC:
        raise Malformed("MALFORMED", "not a body: it does not start with "
                        "SRBODYV1")
    if prefix[8:] != head.fixed.salt:
        raise Malformed("MALFORMED", "body and side file do not belong "
                        "together")
    return head


class Reader:
    """Reads ranges of an envelope in a file that can seek.

    A range authenticates the chunks it touches and their places; that the
    envelope was not cut shows only when its last chunk is read.
    """

    def __init__(self, source: BinaryIO, open_token: OpenToken, *,
                 side: Optional[BinaryIO] = None) -> None:
        source.seek(0)
        head = _head_of(source, side)
        self._source = source
        self._start = source.tell()
        self._chunk = head.fixed.chunk_size
        self._shape = Shape.of(source.seek(0, io.SEEK_END) - self._start,
                               self._chunk)
        self._chunks = open_head(head, open_token)

    def __len__(self) -> int:
        return self._shape.plaintext_size

    def read(self, offset: int, size: int) -> bytes:
        """The bytes from ``offset``, fewer where the plaintext ends."""
        if offset < 0 or size < 0:
            raise ValueError("offset and size cannot be negative")
        end = min(offset + size, len(self))
        if offset >= end:
            # Even nothing is said only of an envelope that opens.
            self._read_chunk(self._shape.chunks - 1)
            return b""
        first, last = offset // self._chunk, (end - 1) // self._chunk
        found = b"".join(self._read_chunk(i) for i in range(first, last + 1))
        skip = offset - first * self._chunk
        return found[skip:skip + end - offset]

    def _read_chunk(self, index: int) -> bytes:
        is_last = index == self._shape.chunks - 1
        full = self._chunk + TAG
        self._source.seek(self._start + index * full)
        sealed = _read_exactly(
            self._source, self._shape.last_size if is_last else full,
            f"chunk {index}")
        return self._chunks.open(index, is_last, sealed)


def seal(plaintext: bytes, dek: bytes, token: bytes, *,
         chunk_log2: int = DEFAULT_CHUNK_LOG2,
         slot_log2: int = DEFAULT_SLOT_LOG2) -> bytes:
    """Seals a small object in memory."""
    out = io.BytesIO()
    seal_stream(io.BytesIO(plaintext), out, dek, token, chunk_log2=chunk_log2,
                slot_log2=slot_log2)
    return out.getvalue()


def unseal(envelope: bytes, open_token: OpenToken) -> bytes:
    """Opens a small object in memory: all of it, or an error."""
    return b"".join(open_stream(io.BytesIO(envelope), open_token))
