"""Calls: deadlines, retries, and errors as exceptions."""
from __future__ import annotations

import random
import time
from typing import Any, Callable, Optional

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from . import errors

_BY_CODE = {
    grpc.StatusCode.INVALID_ARGUMENT: errors.InvalidArgument,
    grpc.StatusCode.OUT_OF_RANGE: errors.InvalidArgument,
    grpc.StatusCode.NOT_FOUND: errors.NotFound,
    grpc.StatusCode.ALREADY_EXISTS: errors.AlreadyExists,
    grpc.StatusCode.PERMISSION_DENIED: errors.PermissionDenied,
    grpc.StatusCode.UNAUTHENTICATED: errors.PermissionDenied,
    grpc.StatusCode.FAILED_PRECONDITION: errors.FailedPrecondition,
    grpc.StatusCode.ABORTED: errors.FailedPrecondition,
    grpc.StatusCode.RESOURCE_EXHAUSTED: errors.ResourceExhausted,
    grpc.StatusCode.DEADLINE_EXCEEDED: errors.DeadlineExceeded,
    grpc.StatusCode.UNAVAILABLE: errors.Unavailable,
}
_BY_REASON = {
    "NOT_AUTHENTIC": errors.NotAuthentic,
    "MALFORMED": errors.Malformed,
    "FORMAT_UNKNOWN": errors.Malformed,
}
_CODES = {code.value[0]: code for code in grpc.StatusCode}
_TRANSIENT = (errors.Unavailable, errors.ResourceExhausted)
_FIRST_DELAY, _MAX_DELAY = 0.1, 2.0


def make_error(code: grpc.StatusCode, reason: str, message: str,
               retry_after: Optional[float] = None) -> errors.StrongroomError:
    kind = _BY_REASON.get(reason) or _BY_CODE.get(code, errors.Internal)
    return kind(reason or code.name, message, retry_after)


def item_error(status: Any) -> errors.StrongroomError:
    """Of one item of a batch."""
    code = _CODES.get(status.code, grpc.StatusCode.UNKNOWN)
    return make_error(code, status.reason, status.message)


def _from_rpc(error: grpc.RpcError) -> errors.StrongroomError:
    reason, retry_after = "", None
    try:
        status = rpc_status.from_call(error)
    except ValueError:  # details that contradict the code
        status = None
    for detail in status.details if status is not None else ():
        info, delay = (error_details_pb2.ErrorInfo(),
                       error_details_pb2.RetryInfo())
        if detail.Unpack(info) and info.domain == "strongroom":
            reason = info.reason
        elif detail.Unpack(delay):
            retry_after = (delay.retry_delay.seconds
                           + delay.retry_delay.nanos / 1e9)
    if not reason and error.code() == grpc.StatusCode.UNAVAILABLE:
        return errors.Unavailable(
            "SERVER_UNREACHABLE", f"{error.details()}; check the address, that "
            "strongroomd runs, and the three PEM files")
    return make_error(error.code(), reason, error.details() or "", retry_after)


def persist(call: Callable[..., Any], request: Any, *, timeout: float,
            attempts: int, repeatable: bool,
            sleep: Callable[[float], None] = time.sleep,
            now: Callable[[], float] = time.monotonic,
            jitter: Callable[[], float] = random.random) -> Any:
    """Makes the call within ``timeout``, waits and retries included.

    It is made again only if sending twice is harmless and the failure passes:
    after the delay that the service asked for, or one that doubles from 0.1 s
    to 2 s (less a random half), whichever is longer.
    """
    end = now() + timeout
    delay = _FIRST_DELAY
    for attempt in range(1, attempts + 1):
        try:
            return call(request, timeout=max(end - now(), 0.001))
        except grpc.RpcError as rpc:
            error = _from_rpc(rpc)
        wait = max(error.retry_after or 0.0, delay * (1 - jitter() / 2))
        if (not repeatable or not isinstance(error, _TRANSIENT)
                or attempt == attempts or now() + wait >= end):
            raise error from None
        sleep(wait)
        delay = min(delay * 2, _MAX_DELAY)
    raise AssertionError("attempts is less than 1")
