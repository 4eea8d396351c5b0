"""Every failure of this package.

``reason`` is the stable word of the service's documents (docs/errors.md); the
message is for people. What can be wrong with sealed bytes is one error,
``NotAuthentic``, as it is at the service.
"""
from __future__ import annotations

from typing import Optional


class StrongroomError(Exception):
    """The base of all. ``retry_after`` is in seconds, if waiting helps."""

    def __init__(self, reason: str, message: str,
                 retry_after: Optional[float] = None) -> None:
        super().__init__(f"{reason}: {message}")
        self.reason = reason
        self.message = message
        self.retry_after = retry_after


class InvalidArgument(StrongroomError):
    """The request is wrong, and stays wrong when it is sent again."""


class Malformed(InvalidArgument):
    """Bytes that are no token string or envelope (of a known format)."""


class NotAuthentic(InvalidArgument):
    """Sealed bytes that do not open: changed, or another key or context."""


class NotFound(StrongroomError):
    """There is no such key or version, for this caller."""


class AlreadyExists(StrongroomError):
    pass


class PermissionDenied(StrongroomError):
    """Not allowed, or no such key: the service does not tell which."""


class FailedPrecondition(StrongroomError):
    """The state of a key, version or file forbids it."""


class ResourceExhausted(StrongroomError):
    """Too much at once; wait ``retry_after`` seconds."""


class DeadlineExceeded(StrongroomError):
    pass


class Unavailable(StrongroomError):
    """The service, its token or its log is away for the moment."""


class Internal(StrongroomError):
    """A fault of the service; its log knows the request id."""
