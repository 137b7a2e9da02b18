"""When a call is repeated: after UNAVAILABLE alone, a few times, and never beyond its deadline."""

from __future__ import annotations

import random
from datetime import timedelta

import grpc

from ._errors import VerigateError

ATTEMPTS = 3
# Where the service names no time: at most this, and twice that for each further attempt.
FIRST_DELAY_SECONDS = 0.05
DELAY_SECONDS_MAX = 1.0
# How much later than the service says, at most, as a share of the time that it says.
JITTER = 0.2


def delay(error: VerigateError, attempts: int, attempts_max: int, seconds_left: float) -> float | None:
    """The seconds after which to repeat a call that was made `attempts` times. `None`: not at all."""
    if error.code is not grpc.StatusCode.UNAVAILABLE or not error.may_retry or attempts >= attempts_max:
        return None
    seconds = backoff(error.retry_after, attempts)
    return seconds if seconds < seconds_left else None


def backoff(retry_after: timedelta | None, failures: int) -> float:
    """The seconds to wait after this number of failures in a row, with jitter."""
    if retry_after is not None:
        named = max(retry_after.total_seconds(), 0.0)
        return named * (1 + random.uniform(0, JITTER))
    longest = min(FIRST_DELAY_SECONDS * 2 ** min(failures - 1, 10), DELAY_SECONDS_MAX)
    return random.uniform(longest / 2, longest)
