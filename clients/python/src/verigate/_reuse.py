"""Reuse of ALLOW for as long as the service permits it (`valid_for`). Nothing else is ever reused."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta

import grpc

from ._answers import Answer
from ._errors import VerigateError
from ._requests import cleaned
from .v1 import access_pb2 as v1

# After these errors, what the service said before still holds. Any other error is about this request, and ends the reuse.
_OUTAGES = frozenset(
    {
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.CANCELLED,
    }
)


@dataclass(frozen=True, slots=True)
class Reading:
    """An instant by two clocks, in seconds."""

    monotonic: float
    wall: float

    def since(self, earlier: Reading) -> float:
        """The time that has passed by the clock by which more has: only that makes a reuse shorter, never longer."""
        return max(self.monotonic - earlier.monotonic, self.wall - earlier.wall)


def read_clocks() -> Reading:
    """Now. Where the system has it, by the clock that also runs while the machine sleeps."""
    boot = getattr(time, "CLOCK_BOOTTIME", None)
    monotonic = time.monotonic() if boot is None else time.clock_gettime(boot)
    return Reading(monotonic, time.time())


@dataclass(frozen=True, slots=True)
class _Entry:
    sent: Reading
    # `None`: the latest answer was no ALLOW that may be reused.
    answer: Answer | None


class Reuse:
    """The answers that may be reused: at most `capacity`, the least recently used are dropped first. Safe for threads."""

    def __init__(self, capacity: int, clocks: Callable[[], Reading] = read_clocks) -> None:
        self.clocks = clocks
        self._capacity = capacity
        # What was asked no later than this is not kept: it may rest on what was invalidated.
        self._invalidated: float = float("-inf")
        self._entries: OrderedDict[tuple[str, bytes], _Entry] = OrderedDict()
        self._lock = threading.Lock()

    def find(self, request: v1.CheckAccessRequest) -> Answer | None:
        """An earlier ALLOW to the same request, with the rest of its `valid_for`."""
        if self._capacity == 0:
            return None
        key = _key(request)
        with self._lock:
            entry = self._entries.get(key)
            if entry is None or entry.answer is None or entry.answer.valid_for is None:
                return None
            passed = timedelta(seconds=self.clocks().since(entry.sent))
            left = entry.answer.valid_for - passed
            if left <= timedelta(0):
                del self._entries[key]
                return None
            self._entries.move_to_end(key)
        return replace(entry.answer, valid_for=left, request_id=cleaned(request.request_id), reused=True)

    def record(self, request: v1.CheckAccessRequest, sent: Reading, result: Answer | VerigateError) -> None:
        """Keeps an ALLOW. Anything else ends the reuse of an ALLOW to a request that was sent earlier."""
        if self._capacity == 0:
            return
        if isinstance(result, VerigateError) and result.code in _OUTAGES:
            return
        reusable = isinstance(result, Answer) and result.allowed and bool(result.valid_for)
        if reusable and sent.monotonic <= self._invalidated:
            return
        entry = _Entry(sent, result if isinstance(result, Answer) and reusable else None)
        key = _key(request)
        with self._lock:
            known = self._entries.get(key)
            if known is not None and not _replaces(entry, known):
                return
            self._entries[key] = entry
            self._entries.move_to_end(key)
            while len(self._entries) > self._capacity:
                self._entries.popitem(last=False)

    def invalidate(self, verification_id: str | None) -> None:
        """Drops the answers about this verification, or all."""
        with self._lock:
            self._invalidated = self.clocks().monotonic
            if verification_id is None:
                self._entries.clear()
                return
            for key in [key for key in self._entries if key[0] == verification_id]:
                del self._entries[key]

    def __len__(self) -> int:
        return len(self._entries)


def _replaces(entry: _Entry, known: _Entry) -> bool:
    """Whether it was sent later; of two that were sent at once, the one that opens nothing counts."""
    if entry.sent.monotonic == known.sent.monotonic:
        return entry.answer is None
    return entry.sent.monotonic > known.sent.monotonic


def _key(request: v1.CheckAccessRequest) -> tuple[str, bytes]:
    """Everything that the decision depends on: the whole request but its own id."""
    rest = v1.CheckAccessRequest()
    rest.CopyFrom(request)
    rest.ClearField("request_id")
    return request.verification_id, rest.SerializeToString(deterministic=True)
