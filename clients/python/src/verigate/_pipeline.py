"""Which checks of a stream are sent, answered, repeated or given up. It waits for nothing and knows no clock: instants are arguments,
in seconds of one monotonic clock. Not safe for threads."""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import grpc

from . import _retry
from ._answers import Answer
from ._errors import VerigateError
from ._requests import cleaned
from ._reuse import Reading
from ._settings import Settings, late
from .v1 import access_pb2 as v1

# How many checks may wait to be sent, for each that may be in flight.
WAITING_PER_IN_FLIGHT = 64


@dataclass(eq=False, slots=True)
class Check:
    """One check of a stream."""

    message: v1.CheckAccessRequest
    deadline: float
    finish: Callable[[Answer | VerigateError], None]
    attempts: int = 0
    sent: Reading | None = None
    is_finished: bool = False

    @property
    def id(self) -> str:
        """The id by which the service answers it."""
        return cleaned(self.message.request_id)


@dataclass(slots=True)
class Pipeline:
    """The checks of one stream, across the connections that it uses one after the other."""

    settings: Settings
    in_flight: int
    _waiting: deque[Check] = field(default_factory=deque)
    # By id, also those that were given up: a late answer must not be taken for that to another check with the same id.
    _sent: dict[str, Check] = field(default_factory=dict)
    _unfinished: set[str] = field(default_factory=set)
    _failures: int = 0
    _prefix: str = field(default_factory=lambda: uuid.uuid4().hex[:12])
    _count: int = 0

    def add(self, check: Check) -> None:
        """Takes a check. Without an id it gets one; an id that another check still has is refused."""
        if not check.message.request_id:
            self._count += 1
            check.message.request_id = f"{self._prefix}-{self._count}"
        if check.id in self._unfinished or check.id in self._sent:
            message = "the request_id is that of another check in flight"
            raise VerigateError(grpc.StatusCode.INVALID_ARGUMENT, message)
        if len(self._waiting) >= self.in_flight * WAITING_PER_IN_FLIGHT:
            message = f"{len(self._waiting)} checks wait already"
            raise VerigateError(grpc.StatusCode.RESOURCE_EXHAUSTED, message)
        self._unfinished.add(check.id)
        self._waiting.append(check)

    @property
    def has_waiting(self) -> bool:
        """Whether something is to be sent."""
        return bool(self._waiting)

    def next_to_send(self) -> Check | None:
        """The next check to send now, unless as many are in flight as may be."""
        if not self._waiting or len(self._sent) >= self.in_flight:
            return None
        check = self._waiting.popleft()
        check.attempts += 1
        check.sent = self.settings.reuse.clocks()
        self._sent[check.id] = check
        return check

    def answered(self, response: v1.StreamCheckAccessResponse) -> None:
        """Takes an answer. One to a check that was given up, or that nobody asked for, is dropped."""
        self._failures = 0
        check = self._sent.pop(response.request_id, None)
        if check is None or check.is_finished or check.sent is None:
            return
        self._finish(check, self.settings.result(check.message, check.sent, response))

    def expire(self, now: float) -> None:
        """Gives up the checks whose deadline has passed."""
        late_ones = [check for check in (*self._sent.values(), *self._waiting) if check.deadline <= now]
        for check in late_ones:
            self._finish(check, late(check.attempts))
        self._waiting = deque(check for check in self._waiting if not check.is_finished)

    def next_deadline(self) -> float | None:
        """When to give up the next check."""
        deadlines = [check.deadline for check in (*self._sent.values(), *self._waiting) if not check.is_finished]
        return min(deadlines, default=None)

    def ended(self, error: VerigateError, now: float) -> float:
        """The connection has ended: what is worth repeating waits again, the rest fails. The seconds after which to open another."""
        self._failures += 1
        seconds = _retry.backoff(error.retry_after, self._failures)
        sent, self._sent = list(self._sent.values()), {}
        again = [check for check in sent if not check.is_finished and self._may_repeat(check, error, now + seconds)]
        self._waiting.extendleft(reversed(again))
        for check in sent:
            if check not in again:
                self._finish(check, _with_attempts(error, check.attempts))
        if error.code is not grpc.StatusCode.UNAVAILABLE:
            self.fail_waiting(error)
        return seconds

    def fail_all(self, error: VerigateError) -> None:
        """Ends everything."""
        for check in self._sent.values():
            self._finish(check, _with_attempts(error, check.attempts))
        self._sent.clear()
        self.fail_waiting(error)

    def fail_waiting(self, error: VerigateError) -> None:
        """Ends what was not sent."""
        waiting, self._waiting = self._waiting, deque()
        for check in waiting:
            self._finish(check, _with_attempts(error, check.attempts))

    def _may_repeat(self, check: Check, error: VerigateError, at: float) -> bool:
        is_outage = error.code is grpc.StatusCode.UNAVAILABLE and error.may_retry
        return is_outage and check.attempts < self.settings.attempts and at < check.deadline

    def _finish(self, check: Check, result: Answer | VerigateError) -> None:
        if check.is_finished:
            return
        check.is_finished = True
        self._unfinished.discard(check.id)
        if isinstance(result, VerigateError) and check.sent is not None:
            self.settings.reuse.record(check.message, check.sent, result)
        check.finish(result)


def _with_attempts(error: VerigateError, attempts: int) -> VerigateError:
    return VerigateError(
        error.code,
        error.message,
        retry_after=error.retry_after,
        violations=error.violations,
        attempts=attempts,
        may_retry=error.may_retry,
    )
