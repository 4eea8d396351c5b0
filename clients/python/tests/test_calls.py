"""Retries, on a clock of their own."""
import grpc
import pytest

from strongroom import errors
from strongroom._calls import persist


class Failure(grpc.RpcError):
    def __init__(self, code):
        self._code = code

    def code(self):
        return self._code

    def details(self):
        return "said"

    def trailing_metadata(self):
        return ()


class World:
    def __init__(self, *outcomes):
        self.outcomes = list(outcomes)
        self.now = 0.0
        self.slept = []
        self.timeouts = []

    def call(self, _request, timeout):
        self.timeouts.append(timeout)
        outcome = self.outcomes.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    def sleep(self, seconds):
        self.slept.append(seconds)
        self.now += seconds

    def persist(self, **options):
        given = {"timeout": 10, "attempts": 4, "repeatable": True, **options}
        return persist(self.call, None, sleep=self.sleep,
                       now=lambda: self.now, jitter=lambda: 0.0, **given)


AWAY = Failure(grpc.StatusCode.UNAVAILABLE)


def test_a_passing_failure_is_tried_again_with_growing_delays():
    world = World(AWAY, AWAY, AWAY, "answer")
    assert world.persist() == "answer"
    assert world.slept == [0.1, 0.2, 0.4]
    assert world.timeouts[0] > world.timeouts[-1]


def test_the_last_failure_is_raised_with_what_to_check():
    world = World(*[AWAY] * 4)
    with pytest.raises(errors.Unavailable) as raised:
        world.persist()
    assert raised.value.reason == "SERVER_UNREACHABLE"
    assert world.outcomes == []


def test_what_must_not_be_sent_twice_is_not():
    world = World(AWAY, "answer")
    with pytest.raises(errors.Unavailable):
        world.persist(repeatable=False)
    assert world.slept == []


def test_a_refusal_is_not_tried_again():
    world = World(Failure(grpc.StatusCode.PERMISSION_DENIED), "answer")
    with pytest.raises(errors.PermissionDenied):
        world.persist()
    assert world.slept == []


def test_no_wait_outlasts_the_timeout():
    world = World(AWAY, AWAY, "answer")
    with pytest.raises(errors.Unavailable):
        world.persist(timeout=0.15)
    assert world.slept == [0.1]
