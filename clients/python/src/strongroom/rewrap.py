"""Rewrap of an envelope in place: two small writes, whatever its size.

The token moves to the key's primary version; the body is not touched. The
order of writes (docs/formats.md, section 2) leaves an openable file whatever
moment the power fails at, and no old token once it is done.
"""
from __future__ import annotations

import fcntl
import os
from typing import BinaryIO, Callable

from . import envelope
from .errors import FailedPrecondition, Malformed, NotAuthentic
from .token import parse_token

Rewrap = Callable[[bytes], bytes]  # a token to the token at the primary


def rewrap_file(path: "os.PathLike[str] | str", rewrap: Rewrap) -> bool:
    """Rewraps an envelope, or the side file of one.

    Returns False, and writes nothing, if both slots are at the primary already.
    """
    with open(path, "r+b", buffering=0) as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FailedPrecondition(
                "CONFLICT", f"{os.fspath(path)} is being rewrapped by another "
                "process") from None
        # If a flush of an earlier rewrap failed, the cache may show slots that
        # the disk has not, and what looks stale be all that it has. So the
        # slots are read from the disk.
        os.fsync(file.fileno())
        os.posix_fadvise(file.fileno(), 0, 3 << 16, os.POSIX_FADV_DONTNEED)
        return _rewrap_locked(file, rewrap)


def _rewrap_locked(file: BinaryIO, rewrap: Rewrap) -> bool:
    head = envelope.read_head(file)
    if head.fixed.slot_log2 < 12:
        raise FailedPrecondition(
            "VERSION_STATE", "slots of less than 4096 bytes share a disk "
            "block; such an envelope is not rewrapped in place")
    slots = head.newest_first()
    if not slots:
        raise Malformed("MALFORMED", "neither of the envelope's two slots is "
                        "valid")
    _check_siblings(slots)
    current, new = _rewrap_newest(slots, rewrap)
    number, slot = current
    other = head.slots[1 - number]
    clean = head.blank[1 - number] if other is None else other.token == new
    if new == slot.token and clean:
        return False
    if slot.sequence > envelope.MAX_SEQUENCE - 2:
        raise FailedPrecondition("VERSION_STATE", "the envelope was rewrapped "
                                 "2^30 times; seal it anew")
    _write_slot(file, head, 1 - number, envelope.Slot(slot.sequence + 1, new))
    _write_slot(file, head, number, envelope.Slot(slot.sequence + 2, new))
    return True


def _rewrap_newest(
        slots: list[tuple[int, envelope.Slot]],
        rewrap: Rewrap) -> tuple[tuple[int, envelope.Slot], bytes]:
    refused = None
    for number, slot in slots:
        try:
            new = rewrap(slot.token)
        except (Malformed, NotAuthentic) as error:
            refused = refused or error
            continue
        _check_same(slot.token, new)
        return (number, slot), new
    assert refused is not None
    raise refused


def _check_siblings(slots: list[tuple[int, envelope.Slot]]) -> None:
    """Which of two different DEKs is the body's only who opens it can tell."""
    if len(slots) < 2:
        return
    one, other = (parse_token(slot.token) for _, slot in slots)
    if (one.leaf != other.leaf
            or one.header.batch_id != other.header.batch_id):
        raise NotAuthentic("NOT_AUTHENTIC", "the two slots hold different "
                           "DEKs: the file was tampered with; nothing was "
                           "written")


def _check_same(old: bytes, new: bytes) -> None:
    before, after = parse_token(old), parse_token(new)
    if (before.header.key_id != after.header.key_id
            or before.header.batch_id != after.header.batch_id
            or before.leaf != after.leaf
            or after.header.key_version < before.header.key_version):
        raise NotAuthentic("NOT_AUTHENTIC", "the service gave a token that is "
                           "not this one at a later version; nothing was "
                           "written")


def _write_slot(file: BinaryIO, head: envelope.Head, number: int,
                slot: envelope.Slot) -> None:
    size = head.fixed.slot_size
    data = slot.serialize(size)
    at = (1 + number) * size
    written = os.pwrite(file.fileno(), data, at)
    if written != size:
        raise OSError(f"only {written} of {size} bytes of a slot were written")
    os.fsync(file.fileno())
