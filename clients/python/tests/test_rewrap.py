"""Rewrap in place, with a power cut at every block of every write."""
import os

import pytest

from strongroom import (FailedPrecondition, Malformed, NotAuthentic, envelope,
                        rewrap)
from strongroom.token import Header, Leaf, Token

import uuid

DEK = b"k" * 32
BLOCK = 512
KEY = uuid.UUID(int=7)


def token(version, batch=b"b" * 16, index=0):
    return Token(Header(1, KEY, version, batch, bytes([version]) * 60),
                 Leaf(1, b"s" * 8, index, b"c" * 48)).serialize()


OLD, NEW = token(1), token(2)


def open_token(found):
    if found not in (OLD, NEW):
        raise NotAuthentic("NOT_AUTHENTIC", "no")
    return DEK


@pytest.fixture
def path(tmp_path):
    made = tmp_path / "file"
    made.write_bytes(envelope.seal(b"data" * 5000, DEK, OLD))
    return made


def check(path):
    assert envelope.unseal(path.read_bytes(), open_token) == b"data" * 5000


def test_afterwards_the_old_token_is_gone_and_the_body_is_untouched(path):
    body = path.read_bytes()[3 * 4096:]
    assert rewrap.rewrap_file(path, lambda _: NEW)
    content = path.read_bytes()
    assert content[3 * 4096:] == body
    assert OLD not in content and content.count(NEW) == 2
    head = envelope.parse_head(content[:3 * 4096])
    assert [slot.sequence for slot in head.slots] == [3, 2]
    check(path)


def test_a_second_rewrap_writes_nothing(path):
    rewrap.rewrap_file(path, lambda _: NEW)
    before = path.stat().st_mtime_ns
    assert not rewrap.rewrap_file(path, lambda found: found)
    assert path.stat().st_mtime_ns == before


def test_an_envelope_at_the_primary_is_left_alone(path):
    before = path.read_bytes()
    assert not rewrap.rewrap_file(path, lambda found: found)
    assert path.read_bytes() == before


def test_a_torn_slot_is_written_again_though_the_other_one_is_new(path):
    rewrap.rewrap_file(path, lambda _: NEW)
    content = bytearray(path.read_bytes())
    content[2 * 4096:2 * 4096 + 200] = envelope.Slot(1, OLD).serialize(
        4096)[:200]
    path.write_bytes(content)
    assert OLD in path.read_bytes()
    assert rewrap.rewrap_file(path, lambda found: found)
    assert OLD not in path.read_bytes()
    check(path)


def test_a_power_cut_at_any_block_of_any_write_leaves_an_openable_file(
        path, monkeypatch):
    class PowerCut(Exception):
        pass

    original = path.read_bytes()
    real = os.pwrite
    for write in range(2):
        for blocks in range(4096 // BLOCK + 1):
            for lost in (False, True):  # the first blocks, or the last ones
                path.write_bytes(original)
                done = []

                def cut(fd, data, at):
                    done.append(at)
                    if len(done) <= write:
                        return real(fd, data, at)
                    size = blocks * BLOCK
                    part = (data[len(data) - size:], at + len(data) - size) \
                        if lost else (data[:size], at)
                    real(fd, *part)
                    raise PowerCut

                monkeypatch.setattr(os, "pwrite", cut)
                with pytest.raises(PowerCut):
                    rewrap.rewrap_file(path, lambda _: NEW)
                monkeypatch.setattr(os, "pwrite", real)
                check(path)
                # And the next rewrap finishes what this one began.
                rewrap.rewrap_file(path, lambda _: NEW)
                assert OLD not in path.read_bytes()
                check(path)


def test_a_failed_flush_stops_before_the_second_write(path, monkeypatch):
    before = path.read_bytes()
    for flushes in (0, 1):  # that succeed before one fails
        done = []

        def fail(_):
            done.append(1)
            if len(done) > flushes:
                raise OSError("flush")

        monkeypatch.setattr(os, "fsync", fail)
        with pytest.raises(OSError, match="flush"):
            rewrap.rewrap_file(path, lambda _: NEW)
        assert path.read_bytes()[:2 * 4096] == before[:2 * 4096]
        assert (path.read_bytes() == before) == (flushes == 0)
        check(path)


def test_a_token_that_is_not_this_one_at_a_later_version_is_refused(path):
    before = path.read_bytes()
    for wrong in (token(2, batch=b"x" * 16), token(2, index=1)):
        with pytest.raises(NotAuthentic):
            rewrap.rewrap_file(path, lambda _: wrong)
    assert path.read_bytes() == before


def test_slots_with_different_deks_are_refused(path):
    content = bytearray(path.read_bytes())
    content[2 * 4096:3 * 4096] = envelope.Slot(
        9, token(3, index=5)).serialize(4096)
    path.write_bytes(content)
    with pytest.raises(NotAuthentic, match="tampered"):
        rewrap.rewrap_file(path, lambda found: found)
    assert path.read_bytes() == bytes(content)


def test_two_at_once_are_refused(path):
    def again(_):
        with pytest.raises(FailedPrecondition, match="another process"):
            rewrap.rewrap_file(path, lambda _: NEW)
        return NEW

    assert rewrap.rewrap_file(path, again)


def test_small_slots_and_what_is_no_envelope_are_refused(tmp_path):
    small = tmp_path / "small"
    small.write_bytes(envelope.seal(b"", DEK, OLD, slot_log2=11))
    with pytest.raises(FailedPrecondition, match="4096"):
        rewrap.rewrap_file(small, lambda _: NEW)
    small.write_bytes(b"text")
    with pytest.raises(Malformed):
        rewrap.rewrap_file(small, lambda _: NEW)
