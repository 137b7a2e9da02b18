"""What the tests start: the service beside the simulated vendor, and a service of their own that answers as a test says."""

from __future__ import annotations

import asyncio
import json
import os
import queue
import re
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import grpc
import verigate
import verigate.aio
from verigate._requests import cleaned
from verigate.v1 import access_pb2 as v1

REPOSITORY = Path(__file__).resolve().parents[3]
BINARY = os.environ["VERIGATE_BINARY"]
START_SECONDS = 30


class Process:
    """A process that is ended with its test. The first line that fits is read from its output."""

    def __init__(self, arguments: list[str], **options: Any) -> None:
        self._process = subprocess.Popen(arguments, text=True, **options)
        self.pid = self._process.pid

    def line(self, output: Any, fits: Callable[[str], bool]) -> str:
        """The first line that fits. What follows is read and dropped, so that the process can write."""
        found: queue.Queue[str | None] = queue.Queue()

        def read() -> None:
            for line in output:
                if fits(line):
                    found.put(line)
            found.put(None)

        threading.Thread(target=read, daemon=True).start()
        line = found.get(timeout=START_SECONDS)
        assert line is not None, f"{self._process.args} has ended: {self._process.wait()}"
        return line

    @property
    def stdout(self) -> Any:
        return self._process.stdout

    @property
    def stderr(self) -> Any:
        return self._process.stderr

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def freeze(self) -> None:
        """Stops all its threads, and waits until they have."""
        self.signal(signal.SIGSTOP)
        states = Path(f"/proc/{self.pid}/task").glob("*/stat")
        for state in list(states):
            while state.read_text().rsplit(")", 1)[1].split()[0] != "T":
                time.sleep(0.001)

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        for output in (self._process.stdout, self._process.stderr):
            if output is not None:
                output.close()


class Vendor:
    """The simulated vendor."""

    def __init__(self) -> None:
        self.process = Process([BINARY, "sim", "--listen", "127.0.0.1:0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        line = self.process.line(self.process.stdout, lambda line: "listens on" in line)
        self.url = line.split()[-1]


class Service:
    """The service, with the sample policies and configuration. `more` is appended to the configuration."""

    def __init__(self, vendor: Vendor, folder: Path, *, listen: str = "127.0.0.1:0", more: str = "") -> None:
        self._environment = os.environ | {
            "VERIGATE_INCODE__URL": vendor.url,
            "VERIGATE_GRPC__LISTEN": listen,
            "VERIGATE_HTTP__LISTEN": "127.0.0.1:0",
            "VERIGATE_ADMIN__LISTEN": "127.0.0.1:0",
            "VERIGATE_JOURNAL__PATH": str(folder / "decisions.jsonl"),
            "VERIGATE_LOG__FORMAT": "json",
        }
        self.journal = folder / "decisions.jsonl"
        self._config = folder / "verigate.toml"
        sample = (REPOSITORY / "deploy/sim/verigate.toml").read_text()
        self._config.write_text(sample + more)
        self._config.chmod(0o600)
        self._start()

    def _start(self) -> None:
        self.process = Process(
            [BINARY, "serve", "--config", str(self._config)],
            env=self._environment,
            cwd=REPOSITORY,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        line = self.process.line(self.process.stderr, lambda line: '"service_ready"' in line)
        self.listen = re.search(r'"grpc":"([^"]*)"', line).group(1)

    @property
    def address(self) -> str:
        return self.listen if self.listen.startswith("unix:") else f"http://{self.listen}"

    @property
    def secure_address(self) -> str:
        return f"https://localhost:{self.listen.rsplit(':', 1)[1]}"

    def restart(self) -> None:
        """Starts it again at the same address, after it was killed."""
        self._environment["VERIGATE_GRPC__LISTEN"] = self.listen
        self._start()

    def decisions(self) -> list[dict[str, Any]]:
        """The decisions in the journal."""
        lines = [json.loads(line) for line in self.journal.read_text().splitlines()]
        return [line for line in lines if "decision" in line]


class FakeService:
    """A service that answers as a test says. `check` gets a request and the context of grpcio, and how many calls there were before."""

    def __init__(self) -> None:
        self.calls = 0
        self.metadata: list[dict[str, Any]] = []
        self.seconds: list[float] = []
        self.check: Callable[[v1.CheckAccessRequest, grpc.ServicerContext, int], v1.CheckAccessResponse] = _allow
        self.batch: Callable[[v1.BatchCheckAccessRequest, grpc.ServicerContext], v1.BatchCheckAccessResponse]
        self.stream: Callable[[Iterator[v1.CheckAccessRequest], grpc.ServicerContext, int], Iterator[Any]]
        self.begin: Callable[[v1.BeginStepUpRequest, grpc.ServicerContext, int], v1.BeginStepUpResponse]
        self._workers = ThreadPoolExecutor(16)
        self._server = grpc.server(self._workers)
        self._server.add_generic_rpc_handlers((self._handler(),))
        self.port = self._server.add_insecure_port("127.0.0.1:0")
        self._server.start()
        self.address = f"http://127.0.0.1:{self.port}"

    def stop(self) -> None:
        self._server.stop(0).wait()
        self._workers.shutdown()

    def _counted(self, context: grpc.ServicerContext) -> int:
        before = self.calls
        self.calls += 1
        self.metadata.append(dict(context.invocation_metadata()))
        self.seconds.append(context.time_remaining())
        return before

    def _handler(self) -> Any:
        def unary(answer: Any, request: Any, response: Any) -> Any:
            return grpc.unary_unary_rpc_method_handler(answer, request.FromString, response.SerializeToString)

        return grpc.method_handlers_generic_handler(
            "verigate.v1.AccessService",
            {
                "CheckAccess": unary(
                    lambda request, context: self.check(request, context, self._counted(context)),
                    v1.CheckAccessRequest,
                    v1.CheckAccessResponse,
                ),
                "BatchCheckAccess": unary(
                    lambda request, context: self.batch(request, context),
                    v1.BatchCheckAccessRequest,
                    v1.BatchCheckAccessResponse,
                ),
                "BeginStepUp": unary(
                    lambda request, context: self.begin(request, context, self._counted(context)),
                    v1.BeginStepUpRequest,
                    v1.BeginStepUpResponse,
                ),
                "StreamCheckAccess": grpc.stream_stream_rpc_method_handler(
                    lambda requests, context: self.stream(requests, context, self._counted(context)),
                    v1.CheckAccessRequest.FromString,
                    v1.StreamCheckAccessResponse.SerializeToString,
                ),
            },
        )


def _allow(request: v1.CheckAccessRequest, context: Any, before: int) -> v1.CheckAccessResponse:
    return allow(request)


def allow(request: v1.CheckAccessRequest, valid_for: int = 0) -> v1.CheckAccessResponse:
    """An ALLOW, which may be reused for this number of seconds."""
    response = v1.CheckAccessResponse(decision=v1.DECISION_ALLOW, request_id=cleaned(request.request_id))
    if valid_for:
        response.valid_for.seconds = valid_for
    return response


class OfAsyncio:
    """The client of asyncio as if it were that for threads, so that both are held to the same tests."""

    def __init__(self, address: str, **settings: Any) -> None:
        self.client = verigate.aio.Client(address, **settings)
        self._loop = asyncio.new_event_loop()
        self._settings = self.client._settings
        self.invalidate = self.client.invalidate

    def check_access(self, *arguments: Any, **named: Any) -> verigate.Answer:
        return self._loop.run_until_complete(self.client.check_access(*arguments, **named))

    def batch_check_access(self, *arguments: Any, **named: Any) -> list[verigate.Answer]:
        return self._loop.run_until_complete(self.client.batch_check_access(*arguments, **named))

    def begin_step_up(self, *arguments: Any, **named: Any) -> verigate.StepUpLink:
        return self._loop.run_until_complete(self.client.begin_step_up(*arguments, **named))

    def stream_check_access(self, **named: Any) -> OfAsyncioStream:
        return OfAsyncioStream(self._loop, self.client.stream_check_access(**named))

    def close(self) -> None:
        if not self._loop.is_closed():
            self._loop.run_until_complete(self.client.close())
            self._loop.run_until_complete(asyncio.sleep(0))
            self._loop.close()


class OfAsyncioStream:
    """A stream of asyncio as if it were one for threads."""

    def __init__(self, loop: asyncio.AbstractEventLoop, stream: verigate.aio.CheckStream) -> None:
        self._loop = loop
        self._stream = stream
        self._pipeline = stream._pipeline

    def submit(self, request: verigate.CheckAccessRequest, **named: Any) -> OfAsyncioResult:
        task = self._loop.create_task(self._stream.check_access(request, **named))
        # Until it has been taken by the stream.
        self._loop.run_until_complete(asyncio.sleep(0))
        return OfAsyncioResult(self._loop, task)

    def close(self) -> None:
        self._loop.run_until_complete(self._stream.close())


class OfAsyncioResult:
    def __init__(self, loop: asyncio.AbstractEventLoop, task: asyncio.Task[verigate.Answer]) -> None:
        self._loop = loop
        self._task = task

    def result(self) -> verigate.Answer:
        return self._loop.run_until_complete(self._task)


def free_port() -> int:
    """A port on which nothing listens."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
        return port
