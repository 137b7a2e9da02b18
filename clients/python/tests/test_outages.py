"""The real service is frozen, killed and started again under the clients."""

from __future__ import annotations

import signal
import time

import grpc
from verigate import CheckAccessRequest, Decision

ASKED = {"identity_id": "id-ada"}
PERSON = ("ada-fresh", "front-door")
REQUEST = CheckAccessRequest(*PERSON, identity_id="id-ada")


def shut(answer):
    assert answer.decision is Decision.DENY and not answer.allowed and answer.error is not None
    return answer.error.code


def until_allowed(ask):
    """Asks until the answer is ALLOW; until then each is a denial by an error of the connection."""
    ends = time.monotonic() + 30
    while time.monotonic() < ends:
        answer = ask()
        if answer.allowed:
            return
        assert shut(answer) in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
    raise AssertionError("no ALLOW")


def test_a_frozen_service_is_a_denial_at_the_deadline(connect, start):
    service = start()
    client = connect(service.address, reuse_capacity=10)
    assert client.check_access(*PERSON, **ASKED).allowed
    service.process.freeze()
    begun = time.monotonic()
    assert shut(client.check_access(*PERSON, **ASKED, deadline=0.3, reuse=False)) is grpc.StatusCode.DEADLINE_EXCEEDED
    assert time.monotonic() - begun < 5
    batch = client.batch_check_access([REQUEST] * 3, deadline=0.3)
    assert [shut(answer) for answer in batch] == [grpc.StatusCode.DEADLINE_EXCEEDED] * 3
    stream = client.stream_check_access()
    results = [stream.submit(REQUEST, deadline=0.3, reuse=False) for _ in range(40)]
    assert {shut(result.result()) for result in results} == {grpc.StatusCode.DEADLINE_EXCEEDED}
    assert client.check_access(*PERSON, **ASKED).reused, "what may be reused still may"
    assert not client.check_access("ben-name-only", "front-door", deadline=0.2).allowed
    service.process.signal(signal.SIGCONT)
    until_allowed(lambda: client.check_access(*PERSON, **ASKED, reuse=False))
    until_allowed(lambda: stream.submit(REQUEST, reuse=False).result())
    stream.close()


def test_a_service_that_was_killed_is_a_denial_until_it_is_back(connect, start):
    service = start()
    client = connect(service.address)
    stream = client.stream_check_access()
    assert client.check_access(*PERSON, **ASKED).allowed and stream.submit(REQUEST).result().allowed
    service.process.kill()
    for _ in range(3):
        shut(client.check_access(*PERSON, **ASKED, deadline=0.3))
        shut(stream.submit(REQUEST, deadline=0.3).result())
        for answer in client.batch_check_access([REQUEST] * 2, deadline=0.3):
            shut(answer)
    service.restart()
    until_allowed(lambda: client.check_access(*PERSON, **ASKED))
    until_allowed(lambda: stream.submit(REQUEST).result())
    stream.close()


def test_a_service_that_stops_answers_what_is_in_flight(connect, start):
    service = start()
    client = connect(service.address)
    stream = client.stream_check_access()
    until_allowed(lambda: stream.submit(REQUEST).result())
    service.process.signal(signal.SIGTERM)
    ends = time.monotonic() + 30
    while (answer := stream.submit(REQUEST, deadline=1.0).result()).allowed and time.monotonic() < ends:
        pass
    assert shut(answer) in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.DEADLINE_EXCEEDED)
    stream.close()
