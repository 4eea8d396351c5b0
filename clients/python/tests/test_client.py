"""Against the real service."""
import os
import random
import threading
import uuid

import pytest

import strongroom
from strongroom import (AlreadyExists, Client, Malformed, NotAuthentic,
                        NotFound, InvalidArgument, envelope, parse_token)

CONTEXT = {"object": "42", "tenant": "a"}


@pytest.fixture
def key(client):
    return client.create_key(f"python/{uuid.uuid4()}").name


def test_what_is_wrapped_opens_with_its_context_only(client, key):
    wrapped = client.wrap(key, b"d" * 32, CONTEXT)
    assert wrapped.key_version == 1
    opened = client.unwrap(wrapped.token, dict(reversed(CONTEXT.items())))
    assert (opened.secret, opened.key_name) == (b"d" * 32, key)
    for context in (None, {}, {"object": "42"}, {**CONTEXT, "more": ""}):
        with pytest.raises(NotAuthentic):
            client.unwrap(wrapped.token, context)
    with pytest.raises(NotAuthentic):
        client.decrypt(wrapped.token, CONTEXT)


def test_what_is_encrypted_decrypts(client, key):
    for size in (0, 1, 65536):
        data = os.urandom(size)
        sealed = client.encrypt(key, data, CONTEXT)
        assert client.decrypt(sealed.token, CONTEXT, key).secret == data
    with pytest.raises(InvalidArgument) as raised:
        client.encrypt(key, bytes(65537))
    assert raised.value.reason == "PLAINTEXT_TOO_LARGE"


def test_secrets_are_not_shown(client, key):
    made = client.generate_data_key(key)
    assert len(made.dek) == 32
    assert repr(made.dek) not in repr(made)
    opened = client.unwrap(made.wrapped_dek)
    assert opened.secret == made.dek
    assert repr(opened.secret) not in repr(opened)
    assert client.generate_data_key(key, plaintext=False).dek == b""


def test_rotation_and_rewrap_change_the_header_alone(client, key):
    before = client.wrap(key, b"d" * 32)
    assert client.rotate_key(key).primary_version == 2
    after = client.rewrap(before.token)
    assert (after.previous_key_version, after.key_version) == (1, 2)
    assert parse_token(after.token).leaf == parse_token(before.token).leaf
    client.disable_version(key, 1)
    with pytest.raises(strongroom.StrongroomError) as raised:
        client.unwrap(before.token)
    assert raised.value.reason == "VERSION_STATE"
    assert client.unwrap(after.token).secret == b"d" * 32


def test_every_batch_form_answers_each_item_in_its_place(client, key):
    deks = [bytes([n]) * 32 for n in range(100)] + [b"short"]
    wrapped = client.batch_wrap(key, deks, CONTEXT)
    assert isinstance(wrapped[-1], InvalidArgument)
    tokens = [item.token for item in wrapped[:-1]]
    opened = client.batch_unwrap([*tokens, b"junk"], CONTEXT)
    assert [item.secret for item in opened[:-1]] == deks[:-1]
    assert isinstance(opened[-1], Malformed)
    sealed = client.batch_encrypt(key, [b"", b"x"])
    assert [item.secret for item in client.batch_decrypt(
        [item.token for item in sealed])] == [b"", b"x"]
    made = client.batch_generate_data_keys(key, 3)
    assert len({item.dek for item in made}) == 3
    client.rotate_key(key)
    moved = client.batch_rewrap(tokens[:5])
    assert {item.key_version for item in moved} == {2}


def test_keys_are_described(client, key):
    found = client.get_key(key)
    assert found.versions[0].state == "ENABLED"
    assert found.versions[0].primary
    assert key in [item.name for item in client.list_keys("python/")]
    assert client.update_key(key, labels={"team": "x"}).labels == {"team": "x"}
    with pytest.raises(AlreadyExists):
        client.create_key(key)
    with pytest.raises(NotFound):
        client.get_key("python/absent")
    assert client.whoami()


def test_a_file_is_sealed_rewrapped_and_opened(client, key, tmp_path):
    plain = tmp_path / "plain"
    plain.write_bytes(random.Random(1).randbytes(300_001))
    sealed, out = tmp_path / "sealed", tmp_path / "out"
    assert client.seal_file(key, plain, sealed, CONTEXT) == 300_001
    body = sealed.read_bytes()[3 * 4096:]
    client.rotate_key(key)
    assert client.rewrap_file(sealed)
    assert not client.rewrap_file(sealed)
    assert sealed.read_bytes()[3 * 4096:] == body
    client.disable_version(key, 1)
    client.open_file(sealed, out, CONTEXT)
    assert out.read_bytes() == plain.read_bytes()
    assert sorted(os.listdir(tmp_path)) == ["out", "plain", "sealed"]


def test_a_file_that_does_not_open_leaves_nothing(client, key, tmp_path):
    plain, sealed = tmp_path / "plain", tmp_path / "sealed"
    plain.write_bytes(b"x" * 200_000)
    client.seal_file(key, plain, sealed)
    damaged = bytearray(sealed.read_bytes())
    damaged[-1] ^= 1
    sealed.write_bytes(damaged)
    out = tmp_path / "out"
    out.write_bytes(b"precious")
    with pytest.raises(NotAuthentic):
        client.open_file(sealed, out)
    assert out.read_bytes() == b"precious"
    assert sorted(os.listdir(tmp_path)) == ["out", "plain", "sealed"]


def test_a_detached_envelope_has_its_side_file_last(client, key, tmp_path):
    plain, body, side, out = (tmp_path / name
                              for name in ("plain", "body", "side", "out"))
    plain.write_bytes(b"z" * 70_000)
    client.seal_file(key, plain, body, CONTEXT, side=side)
    assert side.stat().st_size == 3 * 4096
    client.rotate_key(key)
    assert client.rewrap_file(side)
    client.open_file(body, out, CONTEXT, side=side)
    assert out.read_bytes() == plain.read_bytes()


def test_small_objects_are_sealed_in_memory(client, key):
    sealed = client.seal_bytes(key, b"row", CONTEXT)
    assert client.open_bytes(sealed, CONTEXT) == b"row"
    with pytest.raises(NotAuthentic):
        client.open_bytes(sealed)
    assert len(sealed) == 3 * 4096 + 3 + envelope.TAG


def test_one_client_serves_many_threads(client, key):
    failures = []

    def work():
        try:
            for _ in range(10):
                wrapped = client.wrap(key, b"d" * 32)
                assert client.unwrap(wrapped.token).secret == b"d" * 32
        except Exception as error:  # told to the test's own thread
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_a_missing_environment_and_a_missing_service_are_said(
        service, monkeypatch):
    for name, value in service.env.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("STRONGROOM_ADDR", "127.0.0.1:1")
    with Client.from_environment(timeout=1.0) as nobody:
        with pytest.raises(strongroom.Unavailable) as raised:
            nobody.whoami()
    assert raised.value.reason == "SERVER_UNREACHABLE"
    monkeypatch.setenv("STRONGROOM_CA", "/nonexistent")
    with pytest.raises(InvalidArgument, match="STRONGROOM_CA"):
        Client.from_environment()
    monkeypatch.delenv("STRONGROOM_KEY")
    with pytest.raises(InvalidArgument, match="STRONGROOM_KEY"):
        Client.from_environment()
