"""The cache of data keys, with a client that counts its calls."""
import threading

import pytest

from strongroom import (DataKey, DataKeyCache, InvalidArgument, Opened,
                        Unavailable)


class CountingClient:
    def __init__(self):
        self.calls = 0
        self.failure = None
        self.gate = threading.Event()
        self.gate.set()
        self.entered = threading.Semaphore(0)
        self._lock = threading.Lock()

    def _enter(self):
        with self._lock:
            self.calls += 1
            number = self.calls
        self.entered.release()
        self.gate.wait()
        if self.failure is not None:
            raise self.failure
        return number

    def generate_data_key(self, key, context=None):
        number = self._enter()
        return DataKey(bytes([number]) * 32, bytes([number]), 1)

    def unwrap(self, wrapped, context=None, key=""):
        self._enter()
        return Opened(wrapped * 32, key, 1)


class Clock:
    time = 1000.0

    def __call__(self):
        return self.time


@pytest.fixture
def client():
    return CountingClient()


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def cache(client, clock):
    return DataKeyCache(client, max_uses=5, max_bytes=1000, max_age=60,
                        max_entries=6, now=clock)


def test_one_call_serves_objects_up_to_the_limit_of_uses(cache, client):
    made = [cache.for_sealing("a") for _ in range(5)]
    assert {key.wrapped_dek for key in made} == {b"\1"}
    assert cache.for_sealing("a").wrapped_dek == b"\2"
    assert client.calls == 2


def test_a_data_key_seals_no_more_bytes_than_the_limit(cache, client):
    assert cache.for_sealing("a", size=600).wrapped_dek == b"\1"
    assert cache.for_sealing("a", size=400).wrapped_dek == b"\1"
    assert cache.for_sealing("a", size=1).wrapped_dek == b"\2"
    for size in (1001, -1):
        with pytest.raises(InvalidArgument):
            cache.for_sealing("a", size=size)
    assert client.calls == 2


def test_an_old_data_key_neither_seals_nor_opens(cache, client, clock):
    made = cache.for_sealing("a")
    clock.time += 59
    assert cache.for_sealing("a") is made
    assert cache.for_opening(made.wrapped_dek, key="a") == made.dek
    assert client.calls == 1
    clock.time += 1
    assert cache.for_sealing("a") is not made
    cache.for_opening(made.wrapped_dek, key="a")
    assert client.calls == 3


def test_another_key_context_or_token_is_another_entry(cache, client):
    made = cache.for_sealing("a")
    cache.for_sealing("b")
    cache.for_sealing("a", {"object": "1"})
    assert client.calls == 3
    cache.for_opening(made.wrapped_dek, {"object": "1"}, "a")
    cache.for_opening(made.wrapped_dek, {}, "b")
    cache.for_opening(made.wrapped_dek)
    assert client.calls == 6
    assert cache.for_sealing("a", {}) is not None


def test_the_oldest_leaves_when_there_are_too_many(cache, client):
    for key in "abcd":
        cache.for_sealing(key)
    cache.for_sealing("d")
    assert client.calls == 4
    cache.for_sealing("a")
    assert client.calls == 5


def test_what_is_old_or_cleared_is_gone(cache, client, clock):
    cache.for_sealing("a")
    cache.clear()
    cache.for_sealing("a")
    clock.time += 60
    cache.drop_old()
    assert not cache._entries
    assert client.calls == 2


def in_threads(count, work):
    answers = []

    def run():
        try:
            answers.append(work())
        except Exception as error:  # told to the test's own thread
            answers.append(error)

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    return threads, answers


def test_callers_at_once_share_one_call(cache, client):
    client.gate.clear()
    threads, answers = in_threads(5, lambda: cache.for_sealing("a"))
    client.entered.acquire()
    client.gate.set()
    for thread in threads:
        thread.join()
    assert len({id(answer) for answer in answers}) == 1
    assert client.calls == 1


def test_a_failure_is_shared_and_not_kept(cache, client):
    client.failure = Unavailable("HSM_UNAVAILABLE", "away")
    client.gate.clear()
    threads, answers = in_threads(5, lambda: cache.for_sealing("a"))
    client.entered.acquire()
    client.gate.set()
    for thread in threads:
        thread.join()
    assert all(isinstance(answer, Unavailable) for answer in answers)
    client.failure = None
    assert cache.for_sealing("a").wrapped_dek


def test_what_was_asked_for_before_a_clear_is_not_kept_after_it(cache, client):
    client.gate.clear()
    threads, answers = in_threads(1, lambda: cache.for_sealing("a"))
    client.entered.acquire()
    cache.clear()
    client.gate.set()
    threads[0].join()
    assert cache.for_sealing("a") is not answers[0]
