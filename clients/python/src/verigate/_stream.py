"""A stream of checks for threads: one thread reads the answers, one gives up what is late, and grpcio writes in one of its own."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from types import TracebackType
from typing import Any, Self

import grpc

from . import _errors
from ._answers import Answer
from ._errors import VerigateError
from ._pipeline import Check, Pipeline
from ._requests import CheckAccessRequest, message_of
from ._settings import SERVICE, Settings, closed, denial
from .v1 import access_pb2 as v1


class CheckStream:
    """Many checks, several at a time, over one stream that is opened at the first check and again when it ends. Safe for threads."""

    def __init__(self, settings: Settings, channel: grpc.Channel, in_flight: int) -> None:
        if not 1 <= in_flight <= 1000:
            raise ValueError(f"in_flight is {in_flight}: 1 to 1000 are possible")
        self._settings = settings
        self._method = channel.stream_stream(
            SERVICE + "StreamCheckAccess",
            request_serializer=v1.CheckAccessRequest.SerializeToString,
            response_deserializer=v1.StreamCheckAccessResponse.FromString,
        )
        self._pipeline = Pipeline(settings, in_flight)
        lock = threading.RLock()
        self._changed = threading.Condition(lock)
        # That a check is to be given up earlier than all others.
        self._earlier = threading.Condition(lock)
        self._gives_up_at: float | None = None
        self._results: list[Callable[[], None]] = []
        self._call: Any = None
        self._is_closed = False
        self._threads: list[threading.Thread] = []

    @property
    def is_closed(self) -> bool:
        """Whether no more checks are taken."""
        return self._is_closed

    def submit(
        self, request: CheckAccessRequest, *, deadline: float | None = None, reuse: bool = True
    ) -> Future[Answer]:
        """Sends a check. Its future has the answer at its deadline at the latest, as `Client.check_access` returns or raises it.

        `request_id` must differ from that of every other check in flight; without one, the check gets one.
        """
        future: Future[Answer] = Future()
        future.set_running_or_notify_cancel()
        try:
            message = message_of(request)
            seconds = self._settings.seconds(deadline)
            known = self._settings.reuse.find(message) if reuse else None
            if known is not None:
                future.set_result(known)
                return future
            check = Check(message, time.monotonic() + seconds, self._finisher(future, message))
            with self._changed:
                if self._is_closed:
                    raise closed()
                self._pipeline.add(check)
                self._start()
                self._changed.notify_all()
                if self._gives_up_at is None or check.deadline < self._gives_up_at:
                    self._earlier.notify_all()
        except VerigateError as error:
            self._resolve(future, error, request.request_id)
        return future

    def check_access(
        self, request: CheckAccessRequest, *, deadline: float | None = None, reuse: bool = True
    ) -> Answer:
        """Sends a check and waits for its answer."""
        return self.submit(request, deadline=deadline, reuse=reuse).result()

    def close(self) -> None:
        """Ends the stream. What is in flight becomes CANCELLED."""
        with self._changed:
            self._is_closed = True
            self._pipeline.fail_all(closed())
            call = self._call
            self._changed.notify_all()
            self._earlier.notify_all()
        self._deliver()
        if call is not None:
            call.cancel()
        for thread in self._threads:
            if thread is not threading.current_thread():
                thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _start(self) -> None:
        if not self._threads:
            for work in (self._run, self._give_up_late):
                thread = threading.Thread(target=work, name="verigate-stream", daemon=True)
                self._threads.append(thread)
                thread.start()

    def _finisher(
        self, future: Future[Answer], message: v1.CheckAccessRequest
    ) -> Callable[[Answer | VerigateError], None]:
        def finish(result: Answer | VerigateError) -> None:
            # Callbacks of futures run without the lock.
            self._results.append(lambda: self._resolve(future, result, message.request_id))

        return finish

    def _resolve(self, future: Future[Answer], result: Answer | VerigateError, request_id: object) -> None:
        if isinstance(result, Answer):
            future.set_result(result)
        elif self._settings.on_error == "raise":
            future.set_exception(result)
        else:
            future.set_result(denial(result, request_id))

    def _deliver(self) -> None:
        with self._changed:
            results, self._results = self._results, []
        for deliver in results:
            deliver()

    def _run(self) -> None:
        """Opens a stream whenever there is something to send, until it is closed."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._is_closed or self._pipeline.has_waiting)
                if self._is_closed:
                    return
            error = self._read_one_stream()
            with self._changed:
                seconds = self._pipeline.ended(error, time.monotonic())
            self._deliver()
            with self._changed:
                self._changed.wait_for(lambda: self._is_closed, timeout=seconds)

    def _read_one_stream(self) -> VerigateError:
        """Reads a stream to its end, and returns why it ended."""
        over = threading.Event()
        try:
            metadata = self._settings.connection.metadata()
            call = self._method(self._requests(over), metadata=metadata)
            with self._changed:
                self._call = call
                if self._is_closed:
                    call.cancel()
            for response in call:
                with self._changed:
                    self._pipeline.answered(response)
                    self._changed.notify_all()
                self._deliver()
            return VerigateError(grpc.StatusCode.UNAVAILABLE, "the service ended the stream")
        except Exception as raised:
            return _errors.of_rpc(raised, 1)
        finally:
            over.set()
            with self._changed:
                self._call = None
                self._changed.notify_all()

    def _requests(self, over: threading.Event) -> Iterator[v1.CheckAccessRequest]:
        """What to send on one stream, as there is room for it."""
        while True:
            with self._changed:
                check = None
                while check is None:
                    if over.is_set() or self._is_closed:
                        return
                    check = self._pipeline.next_to_send()
                    if check is None:
                        self._changed.wait()
            yield check.message

    def _give_up_late(self) -> None:
        while True:
            with self._changed:
                if self._is_closed:
                    return
                at = self._gives_up_at = self._pipeline.next_deadline()
                self._earlier.wait(None if at is None else max(at - time.monotonic(), 0))
                self._pipeline.expire(time.monotonic())
            self._deliver()
