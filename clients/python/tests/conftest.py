"""Fixtures: the service, and both clients, each of which every test of behaviour tries."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import verigate
from harness import FakeService, OfAsyncio, Service, Vendor


@pytest.fixture(scope="session")
def vendor() -> Iterator[Vendor]:
    vendor = Vendor()
    yield vendor
    vendor.process.kill()


@pytest.fixture(scope="session")
def service(vendor: Vendor, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    service = Service(vendor, tmp_path_factory.mktemp("service"))
    yield service
    service.process.kill()


@pytest.fixture
def start(vendor: Vendor, tmp_path: Path) -> Iterator[Callable[..., Service]]:
    """Starts a service for one test."""
    started: list[Service] = []

    def start(**options: Any) -> Service:
        started.append(Service(vendor, tmp_path, **options))
        return started[-1]

    yield start
    for service in started:
        service.process.kill()


@pytest.fixture
def fake() -> Iterator[FakeService]:
    fake = FakeService()
    yield fake
    fake.stop()


@pytest.fixture(params=["threads", "asyncio"])
def connect(request: pytest.FixtureRequest) -> Iterator[Callable[..., Any]]:
    """Makes a client."""
    made: list[Any] = []

    def connect(address: str, **settings: Any) -> Any:
        # Much: other tests may keep the machine busy.
        settings = {"deadline": 20.0} | settings
        if settings["deadline"] is None:
            del settings["deadline"]
        kind = verigate.Client if request.param == "threads" else OfAsyncio
        made.append(kind(address, **settings))
        return made[-1]

    yield connect
    for client in made:
        client.close()
