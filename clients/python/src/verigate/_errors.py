"""Why a call has no answer of the service."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import grpc
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2

DETAILS = "grpc-status-details-bin"
PUSHBACK = "grpc-retry-pushback-ms"


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """A wrong field of a request. An empty `field`: how many more there are."""

    field: str
    description: str


class VerigateError(Exception):
    """A call without an answer. `code` says what kind of error it is:

    INVALID_ARGUMENT, NOT_FOUND (no such policy), UNAUTHENTICATED, PERMISSION_DENIED, RESOURCE_EXHAUSTED, DEADLINE_EXCEEDED,
    OUT_OF_RANGE (too large), UNAVAILABLE, UNIMPLEMENTED, CANCELLED (the client was closed), or INTERNAL (an unusable answer).
    """

    def __init__(
        self,
        code: grpc.StatusCode,
        message: str,
        *,
        retry_after: timedelta | None = None,
        violations: tuple[FieldViolation, ...] = (),
        attempts: int = 0,
        may_retry: bool = True,
    ) -> None:
        super().__init__(f"{code.name}: {message}")
        self.code = code
        self.message = message
        # When to ask again, at the earliest. `None`: no time is known.
        self.retry_after = retry_after
        # The wrong fields of the request, for INVALID_ARGUMENT.
        self.violations = violations
        # How many times the service was asked.
        self.attempts = attempts
        # False if the service said not to ask again.
        self.may_retry = may_retry


class UnusableAnswerError(VerigateError):
    """The service answered what this version of the package does not know, or what is no answer to the request."""

    def __init__(self, message: str) -> None:
        super().__init__(grpc.StatusCode.INTERNAL, message)


def of_rpc(error: Any, attempts: int) -> VerigateError:
    """The error of a call by what grpcio raised."""
    if isinstance(error, VerigateError):
        return error
    if not isinstance(error, grpc.RpcError) or not hasattr(error, "code"):
        return VerigateError(grpc.StatusCode.UNKNOWN, f"the call failed: {type(error).__name__}", attempts=attempts)
    code = error.code()
    if not isinstance(code, grpc.StatusCode) or code is grpc.StatusCode.OK:
        code = grpc.StatusCode.UNKNOWN
    trailing: Any = error.trailing_metadata()
    # Not `dict(trailing)`: for that, older versions of grpc.aio have the wrong keys.
    metadata: dict[str, Any] = {}
    for name, value in trailing or ():
        metadata[name] = value
    retry_after, violations = _details(metadata.get(DETAILS))
    pushback, may_retry = _pushback(metadata.get(PUSHBACK))
    return VerigateError(
        code,
        error.details() or "no details",
        retry_after=retry_after if pushback is None else pushback,
        violations=violations,
        attempts=attempts,
        may_retry=may_retry,
    )


def _details(encoded: Any) -> tuple[timedelta | None, tuple[FieldViolation, ...]]:
    """RetryInfo and BadRequest of a status. What cannot be read is without effect."""
    retry_after = None
    violations: list[FieldViolation] = []
    try:
        status = status_pb2.Status.FromString(encoded or b"")
        for detail in status.details:
            retry, wrong = error_details_pb2.RetryInfo(), error_details_pb2.BadRequest()
            if detail.Unpack(retry):
                retry_after = retry.retry_delay.ToTimedelta()
            elif detail.Unpack(wrong):
                violations += _violations(wrong.field_violations)
    except (ValueError, TypeError, OverflowError, DecodeError):
        pass
    return retry_after, tuple(violations)


def _violations(wrong: Iterable[Any]) -> list[FieldViolation]:
    return [FieldViolation(one.field, one.description) for one in wrong]


def _pushback(value: Any) -> tuple[timedelta | None, bool]:
    """When to ask again, and whether to ask again at all: a value that is no number, or a negative one, says not to (gRFC A6)."""
    if value is None:
        return None, True
    text = value.decode("ascii", "replace") if isinstance(value, bytes) else str(value)
    if not text.isdecimal() or len(text) > 9:
        return None, False
    return timedelta(milliseconds=int(text)), True
