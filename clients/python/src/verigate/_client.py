"""The client for threads."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Any, Self, TypeVar, Unpack

import grpc

from . import _errors, _retry, _wire
from ._answers import Answer, StepUpLink
from ._errors import VerigateError
from ._requests import Authentication, CheckAccessRequest, message_of
from ._settings import SERVICE, STEP_UP_DEADLINE_SECONDS, Batch, ClientSettings, Settings, begin_message, closed, late
from ._stream import CheckStream
from .v1 import access_pb2 as v1

T = TypeVar("T")


class Client:
    """Asks one service, over one connection that is made at the first call and made again when it is lost. Safe for threads.

    `address` is `https://HOST:PORT`, `http://HOST:PORT` or `unix:/PATH`; the other settings are those of `ClientSettings`, by name.
    Raises ValueError for settings that do not fit together, and OSError for a file that cannot be read.
    """

    def __init__(self, address: str, **settings: Unpack[ClientSettings]) -> None:
        self._settings = Settings(address, **settings)
        self._closed = threading.Event()
        self._streams: set[CheckStream] = set()
        self._channel = _channel(self._settings)
        self._check = self._unary("CheckAccess", v1.CheckAccessRequest, v1.CheckAccessResponse)
        self._batch = self._unary("BatchCheckAccess", v1.BatchCheckAccessRequest, v1.BatchCheckAccessResponse)
        self._begin = self._unary("BeginStepUp", v1.BeginStepUpRequest, v1.BeginStepUpResponse)

    def check_access(
        self,
        verification_id: str,
        policy: str,
        *,
        identity_id: str = "",
        authentication: Authentication | None = None,
        attributes: Mapping[str, str] | None = None,
        request_id: str = "",
        deadline: float | None = None,
        reuse: bool = True,
    ) -> Answer:
        """Decides about one verification. `deadline` is in seconds; `reuse=False` asks although an ALLOW may be reused.

        A call without an answer is a denial with `error`, or raises VerigateError with `on_error="raise"`.
        """
        request = CheckAccessRequest(
            verification_id, policy, identity_id, authentication, attributes or {}, request_id
        )
        try:
            return self._check_access(request, deadline, reuse)
        except VerigateError as error:
            return self._settings.settle(error, request_id)

    def _check_access(self, request: CheckAccessRequest, deadline: float | None, reuse: bool) -> Answer:
        message = message_of(request)
        seconds = self._settings.seconds(deadline)
        known = self._settings.reuse.find(message) if reuse else None
        if known is not None:
            return known
        sent = self._settings.reuse.clocks()
        try:
            response = self._call(self._check, message, seconds)
        except VerigateError as error:
            self._settings.reuse.record(message, sent, error)
            raise
        return self._settings.judge(message, sent, response)

    def batch_check_access(
        self, requests: Iterable[CheckAccessRequest], *, deadline: float | None = None
    ) -> list[Answer]:
        """Makes 1 to 256 checks for one instant; the answers are in the order of the requests. Others are a ValueError.

        What is wrong with one check is the `error` of its answer. A call without an answer is one denial for each check, or raises
        VerigateError with `on_error="raise"`. No answer is reused here.
        """
        batch = Batch(requests)
        sent = self._settings.reuse.clocks()
        try:
            asked = []
            if batch.messages:
                seconds = self._settings.seconds(deadline)
                request = v1.BatchCheckAccessRequest(checks=batch.messages)
                response = self._call(self._batch, request, seconds)
                asked = self._settings.judge_batch(batch.messages, sent, response)
        except VerigateError as error:
            self._settings.raise_if_wanted(error)
            asked = batch.denied(error)
        return batch.answers(asked)

    def stream_check_access(self, *, in_flight: int = 32) -> CheckStream:
        """Opens a stream for many checks, several at a time. Use it in a `with` statement, or close it."""
        stream = CheckStream(self._settings, self._channel, in_flight)
        # Those that are closed are dropped, so that the set does not grow.
        self._streams = {open for open in self._streams if not open.is_closed} | {stream}
        return stream

    def begin_step_up(
        self,
        verification_id: str,
        policy: str,
        *,
        login_hint: str,
        redirect_url: str = "",
        request_id: str = "",
        deadline: float | None = None,
    ) -> StepUpLink:
        """Makes a link by which a person can verify again. Raises VerigateError if there is none, whatever `on_error` is.

        `request_id` is the idempotency key; without one, the call gets a random one, so that a retry makes no second link.
        """
        message = begin_message(verification_id, policy, login_hint, redirect_url, request_id)
        seconds = self._settings.seconds(deadline, STEP_UP_DEADLINE_SECONDS)
        return _wire.step_up_link(self._call(self._begin, message, seconds))

    def invalidate(self, verification_id: str | None = None) -> None:
        """Ends the reuse of answers about this verification, or of all."""
        self._settings.reuse.invalidate(verification_id)

    def close(self) -> None:
        """Closes the streams and the connection. What is in flight becomes CANCELLED."""
        self._closed.set()
        for stream in self._streams:
            stream.close()
        self._channel.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _unary(self, name: str, request: Any, response: Any) -> Callable[..., Any]:
        method: Callable[..., Any] = self._channel.unary_unary(
            SERVICE + name, request_serializer=request.SerializeToString, response_deserializer=response.FromString
        )
        return method

    def _call(self, method: Callable[..., T], request: Any, seconds: float) -> T:
        """Makes a call, and repeats it where that may help and the deadline permits it."""
        until = time.monotonic() + seconds
        attempts = 0
        while True:
            if self._closed.is_set():
                raise closed()
            left = until - time.monotonic()
            if left <= 0:
                raise late(attempts)
            metadata = self._settings.connection.metadata()
            attempts += 1
            try:
                return method(request, timeout=left, metadata=metadata)
            except Exception as raised:
                error = closed() if self._closed.is_set() else _errors.of_rpc(raised, attempts)
            delay = _retry.delay(error, attempts, self._settings.attempts, until - time.monotonic())
            if delay is None:
                raise error
            self._closed.wait(delay)


def _channel(settings: Settings) -> grpc.Channel:
    of = settings.connection
    if of.credentials is None:
        return grpc.insecure_channel(of.target, options=of.options)
    return grpc.secure_channel(of.target, of.credentials, options=of.options)
