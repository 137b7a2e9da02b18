"""What both clients have in common: their settings, and how a call without an answer ends."""

from __future__ import annotations

import math
import uuid
from collections.abc import Iterable, Sequence
from typing import Literal, TypeAlias, TypedDict

import grpc

from . import _retry, _wire
from ._answers import Answer, Decision
from ._connection import KEEPALIVE_SECONDS, Connection, FilePath, Token, connection
from ._errors import UnusableAnswerError, VerigateError
from ._requests import CheckAccessRequest, cleaned, message_of, step_up_message
from ._reuse import Reading, Reuse
from .v1 import access_pb2 as v1

OnError: TypeAlias = Literal["deny", "raise"]

SERVICE = "/verigate.v1.AccessService/"
DEADLINE_SECONDS = 1.0
# The service asks the vendor for a link, and answers within 2.5 seconds.
STEP_UP_DEADLINE_SECONDS = 3.0
BATCH_CHECKS_MAX = 256


class ClientSettings(TypedDict, total=False):
    """The settings of a client, each with its default. Times are in seconds."""

    # The caller's token, sent as `authorization: Bearer …`; or a function that returns it, called for each call. None.
    token: Token | None
    # Files in PEM: the CA certificates that verify the service, in place of those of this machine; our certificate chain and its key. None.
    ca: FilePath | None
    certificate: FilePath | None
    key: FilePath | None
    # Permits `http://` to other machines. False.
    plaintext: bool
    # Deadline of a call that names none. 1.0.
    deadline: float
    # What a check without an answer becomes: "deny", an answer with DENY and the error; or "raise". "deny".
    on_error: OnError
    # How many times a call is made at most, the first one included. 3.
    attempts: int
    # How many ALLOW may be kept for reuse within their `valid_for`. 0: none is reused.
    reuse_capacity: int
    # After how long without traffic the connection is tested, at least 10. 20.0.
    keepalive: float


class Settings:
    """The settings of a client, and the parts of its calls that wait for nothing."""

    def __init__(
        self,
        address: str,
        *,
        token: Token | None = None,
        ca: FilePath | None = None,
        certificate: FilePath | None = None,
        key: FilePath | None = None,
        plaintext: bool = False,
        deadline: float = DEADLINE_SECONDS,
        on_error: OnError = "deny",
        attempts: int = _retry.ATTEMPTS,
        reuse_capacity: int = 0,
        keepalive: float = KEEPALIVE_SECONDS,
    ) -> None:
        if on_error not in ("deny", "raise"):
            raise ValueError(f'on_error is `{on_error}`: use "deny" or "raise"')
        if not _is_deadline(deadline):
            raise ValueError(f"deadline is {deadline}: seconds above 0 are needed")
        if not 1 <= attempts <= 10:
            raise ValueError(f"attempts is {attempts}: 1 to 10 are possible")
        if reuse_capacity < 0:
            raise ValueError(f"reuse_capacity is {reuse_capacity}: 0 or more are needed")
        self.connection: Connection = connection(
            address, token=token, ca=ca, certificate=certificate, key=key, plaintext=plaintext, keepalive=keepalive
        )
        self.deadline = deadline
        self.on_error = on_error
        self.attempts = attempts
        self.reuse = Reuse(reuse_capacity)

    def seconds(self, deadline: float | None, default: float | None = None) -> float:
        """The deadline of a call, in seconds from now. One that has passed is DEADLINE_EXCEEDED."""
        if deadline is None:
            return self.deadline if default is None else default
        if not isinstance(deadline, (int, float)) or not math.isfinite(deadline):
            raise VerigateError(grpc.StatusCode.INVALID_ARGUMENT, "the deadline is no finite number of seconds")
        if deadline <= 0:
            raise VerigateError(grpc.StatusCode.DEADLINE_EXCEEDED, "the deadline had passed before the call")
        return deadline

    def settle(self, error: VerigateError, request_id: object) -> Answer:
        """What a check without an answer becomes: a denial with the error, or the error itself."""
        self.raise_if_wanted(error)
        return denial(error, request_id)

    def raise_if_wanted(self, error: VerigateError) -> None:
        """Raises the error, if errors are to be raised."""
        if self.on_error == "raise":
            raise error

    def judge(self, message: v1.CheckAccessRequest, sent: Reading, response: v1.CheckAccessResponse) -> Answer:
        """The answer that a response is, which may then be reused."""
        try:
            answer = _wire.answer(response, message.request_id)
        except VerigateError as error:
            self.reuse.record(message, sent, error)
            raise
        self.reuse.record(message, sent, answer)
        return answer

    def judge_batch(
        self, messages: Sequence[v1.CheckAccessRequest], sent: Reading, response: v1.BatchCheckAccessResponse
    ) -> list[Answer]:
        """The answers of a batch, in the order of the requests. What is wrong with one is a denial, whatever `on_error` is."""
        if len(response.results) != len(messages):
            raise UnusableAnswerError(f"the service sent {len(response.results)} results for {len(messages)} checks")
        results = (self.result(message, sent, one) for message, one in zip(messages, response.results))
        named = zip(messages, results)
        return [one if isinstance(one, Answer) else denial(one, message.request_id) for message, one in named]

    def result(
        self,
        message: v1.CheckAccessRequest,
        sent: Reading,
        one: v1.BatchCheckAccessResult | v1.StreamCheckAccessResponse,
    ) -> Answer | VerigateError:
        """The answer to one of several checks, or its own error."""
        result: Answer | VerigateError
        try:
            result = _wire.result(one, message.request_id)
        except VerigateError as error:
            result = error
        self.reuse.record(message, sent, result)
        return result


def denial(error: VerigateError, request_id: object) -> Answer:
    """The typed denial of a check that failed."""
    shown = cleaned(request_id) if isinstance(request_id, str) else ""
    return Answer(decision=Decision.DENY, error=error, request_id=shown)


class Batch:
    """The checks of one batch. One that cannot be encoded is denied by itself, and the others are asked."""

    def __init__(self, requests: Iterable[CheckAccessRequest]) -> None:
        self._requests = list(requests)
        if not 1 <= len(self._requests) <= BATCH_CHECKS_MAX:
            raise ValueError(f"a batch has 1 to {BATCH_CHECKS_MAX} checks, and this one has {len(self._requests)}")
        self._encoded = [_encoded(request) for request in self._requests]
        self.messages = [one for one in self._encoded if isinstance(one, v1.CheckAccessRequest)]

    def answers(self, asked: Iterable[Answer]) -> list[Answer]:
        """The answers to all of them, in order, by the answers to those that were asked."""
        answers = iter(asked)
        pairs = zip(self._requests, self._encoded)
        return [denial(one, of.request_id) if isinstance(one, VerigateError) else next(answers) for of, one in pairs]

    def denied(self, error: VerigateError) -> list[Answer]:
        """The denials of all that were asked."""
        return [denial(error, message.request_id) for message in self.messages]


def _encoded(request: CheckAccessRequest) -> v1.CheckAccessRequest | VerigateError:
    try:
        return message_of(request)
    except VerigateError as error:
        return error


def begin_message(
    verification_id: str, policy: str, login_hint: str, redirect_url: str, request_id: str
) -> v1.BeginStepUpRequest:
    """The message that asks for a link. It always has an idempotency key, so that it can be repeated."""
    return step_up_message(
        verification_id=verification_id,
        policy=policy,
        login_hint=login_hint,
        redirect_url=redirect_url,
        request_id=request_id or str(uuid.uuid4()),
    )


def closed() -> VerigateError:
    """A call of a client that is closed."""
    return VerigateError(grpc.StatusCode.CANCELLED, "the client is closed", may_retry=False)


def late(attempts: int) -> VerigateError:
    """A call without an answer in time."""
    message = "no answer within the deadline"
    return VerigateError(grpc.StatusCode.DEADLINE_EXCEEDED, message, attempts=attempts)


def _is_deadline(deadline: object) -> bool:
    return isinstance(deadline, (int, float)) and math.isfinite(deadline) and deadline > 0
