"""DataKeyCache: data keys held in memory for a while.

Many small objects (the rows of a table) then cost one call to the service
together. A choice that trades something away: for at most ``max_age``, a data
key goes on working here though its key version was disabled, the data key
shredded or this caller's right taken away; and all objects under one data key
share its fate. docs/envelope.md says when that is worth it. It is for sealing
of the application's own: an envelope always has a data key to itself.
"""
from __future__ import annotations

import dataclasses
import threading
import time
from typing import Callable, Mapping, Optional

from .client import Client, DataKey
from .errors import InvalidArgument, StrongroomError

Context = Mapping[str, str]
_Name = tuple[object, ...]


@dataclasses.dataclass
class _Entry:
    held: DataKey
    end: float
    uses: int
    size: int


class _Flight:
    """One call to the service, for all who wait for it."""

    def __init__(self) -> None:
        self.landed = threading.Event()
        self.failure: Optional[BaseException] = None


class DataKeyCache:
    """Thread-safe; no lock is held during a call to the service.

    ``max_uses`` and ``max_bytes`` bound what one data key seals (AES-GCM with
    random 96-bit nonces wants at most 2**32 objects); ``max_age``, in seconds
    from just before the call, what it seals and opens. Beyond ``max_entries``
    the oldest leaves. Python cannot wipe what leaves.
    """

    def __init__(self, client: Client, *, max_uses: int = 1 << 20,
                 max_bytes: int = 1 << 36, max_age: float = 300.0,
                 max_entries: int = 1000,
                 now: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._max_uses, self._max_bytes = max_uses, max_bytes
        self._max_age, self._max_entries = max_age, max_entries
        self._now = now
        self._lock = threading.Lock()
        self._entries: dict[_Name, _Entry] = {}  # the oldest first
        self._flights: dict[_Name, _Flight] = {}
        self._clears = 0

    def for_sealing(self, key: str, context: Optional[Context] = None,
                    size: int = 0) -> DataKey:
        """A data key to seal one object of ``size`` bytes with.

        Keep its ``wrapped_dek`` with the object. Callers at the same time share
        one call, or its failure, which is not kept.
        """
        if not 0 <= size <= self._max_bytes:
            raise InvalidArgument(
                "ARGUMENT_INVALID", f"an object of {size} bytes; want 0 to "
                f"{self._max_bytes}, the limit for all objects of a data key: "
                "use an envelope for it, or a higher limit")
        pairs = frozenset((context or {}).items())
        return self._get(("seal", key, pairs), size,
                         lambda: self._client.generate_data_key(key, context),
                         lambda made: ("open", key, pairs, made.wrapped_dek))

    def for_opening(self, wrapped_dek: bytes,
                    context: Optional[Context] = None,
                    key: str = "") -> bytes:
        """The data key that was wrapped so; ``key`` is the one expected.

        What ``for_sealing`` gave opens without a call if ``key`` is its key.
        """
        pairs = frozenset((context or {}).items())

        def fetch() -> DataKey:
            opened = self._client.unwrap(wrapped_dek, context, key)
            return DataKey(opened.secret, wrapped_dek, opened.key_version)

        return self._get(("open", key, pairs, wrapped_dek), None, fetch,
                         None).dek

    def drop_old(self) -> None:
        """Every call drops what is too old; an idle application does it so."""
        with self._lock:
            self._drop_old()

    def clear(self) -> None:
        """Drops all; calls under way keep what they are given."""
        with self._lock:
            self._clears += 1
            self._entries.clear()

    def _get(self, name: _Name, size: Optional[int],
             fetch: Callable[[], DataKey],
             opening_name: Optional[Callable[[DataKey], _Name]]) -> DataKey:
        own = _Flight()
        with self._lock:
            self._drop_old()
            held = self._take(name, size)
            if held is not None:
                return held
            flight = self._flights.setdefault(name, own)
        if flight is not own:
            flight.landed.wait()
            if flight.failure is not None:
                raise flight.failure
            with self._lock:
                held = self._take(name, size)
            if held is not None:
                return held
            # Others took all its room: a call of its own, not one more to wait
            # for.
        return self._fetch(name, size or 0, own, fetch, opening_name)

    def _fetch(self, name: _Name, size: int, flight: _Flight,
               fetch: Callable[[], DataKey],
               opening_name: Optional[Callable[[DataKey], _Name]]) -> DataKey:
        with self._lock:
            clears = self._clears
        end = self._now() + self._max_age
        try:
            held = fetch()
        except BaseException as failure:
            # An interrupt is this caller's own; the others ask again.
            flight.failure = (failure if isinstance(failure, StrongroomError)
                              else None)
            raise
        else:
            with self._lock:
                # What was asked for before a clear is not kept after it.
                if clears == self._clears:
                    self._insert(name, _Entry(held, end, 1, size))
                    if opening_name is not None:
                        self._insert(opening_name(held),
                                     _Entry(held, end, 1, 0))
            return held
        finally:
            with self._lock:
                if self._flights.get(name) is flight:
                    del self._flights[name]
            flight.landed.set()

    def _take(self, name: _Name, size: Optional[int]) -> Optional[DataKey]:
        entry = self._entries.get(name)
        if entry is None or entry.end <= self._now():
            return None
        if size is not None:
            if (entry.uses >= self._max_uses
                    or entry.size + size > self._max_bytes):
                del self._entries[name]
                return None
            entry.uses += 1
            entry.size += size
        return entry.held

    def _insert(self, name: _Name, entry: _Entry) -> None:
        self._entries.pop(name, None)
        self._entries[name] = entry
        while len(self._entries) > self._max_entries:
            del self._entries[next(iter(self._entries))]

    def _drop_old(self) -> None:
        # They stand in the order of their ends, but for calls that overlapped:
        # one of those goes with the next.
        now = self._now()
        while self._entries:
            name, entry = next(iter(self._entries.items()))
            if entry.end > now:
                return
            del self._entries[name]
