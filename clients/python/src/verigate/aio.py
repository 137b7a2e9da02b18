"""The client for asyncio: `verigate.aio.Client`. Its methods are those of `verigate.Client`, to be awaited."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from types import TracebackType
from typing import Any, Self, Unpack

import grpc.aio

from . import _errors, _retry, _wire
from ._aio_stream import CheckStream
from ._answers import Answer, StepUpLink
from ._errors import VerigateError
from ._requests import Authentication, CheckAccessRequest, message_of
from ._settings import (
    SERVICE,
    STEP_UP_DEADLINE_SECONDS,
    Batch,
    ClientSettings,
    Settings,
    begin_message,
    closed,
    late,
)
from .v1 import access_pb2 as v1

__all__ = ["CheckStream", "Client"]


class Client:
    """Asks one service, over one connection that is made at the first call and made again when it is lost. For one event loop.

    `address` and the settings are those of `verigate.Client`. Open on `(await …).allowed`: a coroutine that is not awaited has no
    `allowed`, but counts as true.
    """

    def __init__(self, address: str, **settings: Unpack[ClientSettings]) -> None:
        self._settings = Settings(address, **settings)
        self._channel: grpc.aio.Channel | None = None
        self._closed = asyncio.Event()
        self._streams: set[CheckStream] = set()

    async def check_access(
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
            return await self._check_access(request, deadline, reuse)
        except VerigateError as error:
            return self._settings.settle(error, request_id)

    async def _check_access(self, request: CheckAccessRequest, deadline: float | None, reuse: bool) -> Answer:
        message = message_of(request)
        seconds = self._settings.seconds(deadline)
        known = self._settings.reuse.find(message) if reuse else None
        if known is not None:
            return known
        sent = self._settings.reuse.clocks()
        try:
            response = await self._call("CheckAccess", message, v1.CheckAccessResponse, seconds)
        except VerigateError as error:
            self._settings.reuse.record(message, sent, error)
            raise
        return self._settings.judge(message, sent, response)

    async def batch_check_access(
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
                response = await self._call("BatchCheckAccess", request, v1.BatchCheckAccessResponse, seconds)
                asked = self._settings.judge_batch(batch.messages, sent, response)
        except VerigateError as error:
            self._settings.raise_if_wanted(error)
            asked = batch.denied(error)
        return batch.answers(asked)

    def stream_check_access(self, *, in_flight: int = 32) -> CheckStream:
        """Opens a stream for many checks, several at a time. Use it in an `async with` statement, or close it."""
        stream = CheckStream(self._settings, self._connect, in_flight)
        # Those that are closed are dropped, so that the set does not grow.
        self._streams = {open for open in self._streams if not open.is_closed} | {stream}
        return stream

    async def begin_step_up(
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
        return _wire.step_up_link(await self._call("BeginStepUp", message, v1.BeginStepUpResponse, seconds))

    def invalidate(self, verification_id: str | None = None) -> None:
        """Ends the reuse of answers about this verification, or of all."""
        self._settings.reuse.invalidate(verification_id)

    async def close(self) -> None:
        """Closes the streams and the connection. What is in flight becomes CANCELLED."""
        self._closed.set()
        for stream in self._streams:
            await stream.close()
        if self._channel is not None:
            await self._channel.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    def _connect(self) -> grpc.aio.Channel:
        """The channel, made within the event loop that uses it."""
        if self._channel is None:
            of = self._settings.connection
            if of.credentials is None:
                self._channel = grpc.aio.insecure_channel(of.target, options=of.options)
            else:
                self._channel = grpc.aio.secure_channel(of.target, of.credentials, options=of.options)
        return self._channel

    async def _call(self, name: str, request: Any, response: Any, seconds: float) -> Any:
        """Makes a call, and repeats it where that may help and the deadline permits it."""
        until = time.monotonic() + seconds
        method: Callable[..., Any] | None = None
        attempts = 0
        while True:
            if self._closed.is_set():
                raise closed()
            left = until - time.monotonic()
            if left <= 0:
                raise late(attempts)
            metadata = self._settings.connection.metadata()
            method = method or self._connect().unary_unary(
                SERVICE + name,
                request_serializer=type(request).SerializeToString,
                response_deserializer=response.FromString,
            )
            attempts += 1
            try:
                return await method(request, timeout=left, metadata=metadata)
            except asyncio.CancelledError:
                # Raised too where the channel was closed, and nobody has cancelled the task.
                if not self._closed.is_set() or is_cancelled():
                    raise
                raise closed() from None
            except Exception as raised:
                error = closed() if self._closed.is_set() else _errors.of_rpc(raised, attempts)
            delay = _retry.delay(error, attempts, self._settings.attempts, until - time.monotonic())
            if delay is None:
                raise error
            await asyncio.sleep(delay)


def is_cancelled() -> bool:
    """Whether the present task was cancelled."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0
