"""A stream of checks for asyncio: one task opens streams and reads the answers, another writes, and timers give up what is late."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

import grpc.aio

from . import _errors
from ._answers import Answer
from ._errors import VerigateError
from ._pipeline import Check, Pipeline
from ._requests import CheckAccessRequest, message_of
from ._settings import SERVICE, Settings, closed, denial
from .v1 import access_pb2 as v1

WRITE_AT_THE_END = "Internal error from Core"


class CheckStream:
    """Many checks, several at a time, over one stream that is opened at the first check and again when it ends. For one event loop."""

    def __init__(self, settings: Settings, connect: Callable[[], grpc.aio.Channel], in_flight: int) -> None:
        if not 1 <= in_flight <= 1000:
            raise ValueError(f"in_flight is {in_flight}: 1 to 1000 are possible")
        self._settings = settings
        self._connect = connect
        self._pipeline = Pipeline(settings, in_flight)
        # Set when there may be something to send.
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._is_closed = False

    @property
    def is_closed(self) -> bool:
        """Whether no more checks are taken."""
        return self._is_closed

    async def check_access(
        self, request: CheckAccessRequest, *, deadline: float | None = None, reuse: bool = True
    ) -> Answer:
        """Sends a check and waits for its answer, until its deadline at the latest. Several may wait at a time.

        `request_id` must differ from that of every other check in flight; without one, the check gets one. A check without an answer is a
        denial with `error`, or raises VerigateError with `on_error="raise"`.
        """
        try:
            return await self._check_access(request, deadline, reuse)
        except VerigateError as error:
            self._settings.raise_if_wanted(error)
            return denial(error, request.request_id)

    async def _check_access(self, request: CheckAccessRequest, deadline: float | None, reuse: bool) -> Answer:
        message = message_of(request)
        seconds = self._settings.seconds(deadline)
        known = self._settings.reuse.find(message) if reuse else None
        if known is not None:
            return known
        if self._is_closed:
            raise closed()
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Answer | VerigateError] = loop.create_future()

        def finish(result: Answer | VerigateError) -> None:
            # A caller that was cancelled takes no result.
            if not future.done():
                future.set_result(result)

        self._pipeline.add(Check(message, time.monotonic() + seconds, finish))
        if self._task is None:
            self._task = asyncio.create_task(self._run(), name="verigate-stream")
        self._wake.set()
        timer = loop.call_later(seconds, self._expire)
        try:
            result = await future
        finally:
            timer.cancel()
        if isinstance(result, VerigateError):
            raise result
        return result

    def _expire(self) -> None:
        # Timers of asyncio may fire a little early.
        self._pipeline.expire(time.monotonic() + 0.001)
        self._wake.set()

    async def close(self) -> None:
        """Ends the stream. What is in flight becomes CANCELLED."""
        self._is_closed = True
        self._pipeline.fail_all(closed())
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def _run(self) -> None:
        """Opens a stream whenever there is something to send, until it is closed."""
        while not self._is_closed:
            if not self._pipeline.has_waiting:
                self._wake.clear()
                await self._wake.wait()
                continue
            error = await self._read_one_stream()
            await asyncio.sleep(self._pipeline.ended(error, time.monotonic()))

    async def _read_one_stream(self) -> VerigateError:
        """Reads a stream to its end, and returns why it ended."""
        call: Any = None
        writer: asyncio.Task[None] | None = None
        try:
            metadata = self._settings.connection.metadata()
            method = self._connect().stream_stream(
                SERVICE + "StreamCheckAccess",
                request_serializer=v1.CheckAccessRequest.SerializeToString,
                response_deserializer=v1.StreamCheckAccessResponse.FromString,
            )
            call = method(metadata=metadata)
            writer = asyncio.create_task(self._write(call), name="verigate-stream-writer")
            async for response in call:
                self._pipeline.answered(response)
                self._wake.set()
            return VerigateError(grpc.StatusCode.UNAVAILABLE, "the service ended the stream")
        except Exception as raised:
            return _unhidden(_errors.of_rpc(raised, 1))
        finally:
            if writer is not None:
                writer.cancel()
                await asyncio.wait([writer])
            if call is not None:
                call.cancel()

    async def _write(self, call: Any) -> None:
        """Sends what there is to send, as there is room for it. Why a write fails is what reading ends with."""
        with contextlib.suppress(Exception):
            while True:
                check = self._pipeline.next_to_send()
                if check is None:
                    self._wake.clear()
                    await self._wake.wait()
                else:
                    await call.write(check.message)


def _unhidden(error: VerigateError) -> VerigateError:
    """What ended a stream. Where a write meets the end of the stream, grpcio reports an error of its own in place of what the service said."""
    if error.code is grpc.StatusCode.INTERNAL and error.message.startswith(WRITE_AT_THE_END):
        return VerigateError(grpc.StatusCode.UNAVAILABLE, "the stream has ended", attempts=error.attempts)
    return error
