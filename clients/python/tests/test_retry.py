"""Which calls are repeated, when, and how many times."""

from __future__ import annotations

import time
from datetime import timedelta

import grpc
import pytest
from google.protobuf import any_pb2, duration_pb2
from google.rpc import error_details_pb2, status_pb2
from harness import allow, free_port
from verigate import Decision, VerigateError, _retry
from verigate.v1 import access_pb2 as v1

PERSON = ("ada-fresh", "front-door")


def details(milliseconds):
    """RetryInfo as the service sends it."""
    delay = duration_pb2.Duration()
    delay.FromMilliseconds(milliseconds)
    retry = error_details_pb2.RetryInfo(retry_delay=delay)
    packed = any_pb2.Any()
    packed.Pack(retry)
    return ("grpc-status-details-bin", status_pb2.Status(code=14, details=[packed]).SerializeToString())


def fails(times, code, *metadata):
    def check(request, context, before):
        if before >= times:
            return allow(request)
        context.set_trailing_metadata(metadata)
        context.abort(code, "made up")

    return check


@pytest.mark.parametrize(("times", "allowed"), [(0, True), (1, True), (2, True), (3, False)])
def test_unavailable_is_repeated_twice(connect, fake, times, allowed):
    fake.check = fails(times, grpc.StatusCode.UNAVAILABLE)
    answer = connect(fake.address).check_access(*PERSON)
    assert answer.allowed is allowed and fake.calls == min(times + 1, 3)
    if not allowed:
        assert answer.error.code is grpc.StatusCode.UNAVAILABLE and answer.error.attempts == 3


@pytest.mark.parametrize(
    "code", [code for code in grpc.StatusCode if code not in (grpc.StatusCode.OK, grpc.StatusCode.UNAVAILABLE)]
)
def test_no_other_error_is_repeated_whatever_the_service_says(connect, fake, code):
    fake.check = fails(1, code, details(1), ("grpc-retry-pushback-ms", "1"))
    answer = connect(fake.address).check_access(*PERSON)
    assert not answer.allowed and answer.error.code is code and fake.calls == 1
    assert answer.error.retry_after == timedelta(milliseconds=1)


@pytest.mark.parametrize("hint", [details(300), ("grpc-retry-pushback-ms", "300")])
def test_a_retry_waits_as_long_as_the_service_says(connect, fake, hint):
    fake.check = fails(1, grpc.StatusCode.UNAVAILABLE, hint)
    begun = time.monotonic()
    assert connect(fake.address).check_access(*PERSON).allowed
    assert time.monotonic() - begun >= 0.3


@pytest.mark.parametrize("hint", [details(60_000), ("grpc-retry-pushback-ms", "60000")])
def test_no_retry_is_made_beyond_the_deadline_and_nobody_waits_for_it(connect, fake, hint):
    fake.check = fails(1, grpc.StatusCode.UNAVAILABLE, hint)
    begun = time.monotonic()
    answer = connect(fake.address).check_access(*PERSON, deadline=30)
    assert time.monotonic() - begun < 15
    assert answer.decision is Decision.DENY and answer.error.code is grpc.StatusCode.UNAVAILABLE and fake.calls == 1
    assert answer.error.retry_after == timedelta(minutes=1)


@pytest.mark.parametrize("hint", ["-1", "soon", "", "1e3", "9999999999"])
def test_a_pushback_that_is_no_time_says_not_to_repeat(connect, fake, hint):
    fake.check = fails(1, grpc.StatusCode.UNAVAILABLE, ("grpc-retry-pushback-ms", hint))
    assert not connect(fake.address).check_access(*PERSON).allowed
    assert fake.calls == 1


def test_details_that_cannot_be_read_change_nothing(connect, fake):
    fake.check = fails(1, grpc.StatusCode.UNAVAILABLE, ("grpc-status-details-bin", b"\xff\xff"))
    assert connect(fake.address).check_access(*PERSON).allowed


def test_the_deadline_is_that_of_all_attempts_together(connect, fake):
    fake.check = fails(2, grpc.StatusCode.UNAVAILABLE, ("grpc-retry-pushback-ms", "200"))
    # A longer one is rounded on the wire.
    assert connect(fake.address, deadline=5.0).check_access(*PERSON).allowed
    first, second, third = fake.seconds
    assert first > second + 0.09 and second > third + 0.09


def test_attempts_is_a_setting(connect, fake):
    fake.check = fails(9, grpc.StatusCode.UNAVAILABLE)
    assert connect(fake.address, attempts=1).check_access(*PERSON).error.attempts == 1
    assert fake.calls == 1


def test_every_attempt_for_a_link_has_the_same_idempotency_key(connect, fake):
    keys = []

    def begin(request, context, before):
        keys.append(request.request_id)
        if before == 0:
            context.abort(grpc.StatusCode.UNAVAILABLE, "made up")
        return v1.BeginStepUpResponse(step_up_id="id")

    fake.begin = begin
    client = connect(fake.address)
    assert client.begin_step_up(*PERSON, login_hint="ada@example.com").step_up_id == "id"
    assert len(keys) == 2 and keys[0] == keys[1] != ""
    client.begin_step_up(*PERSON, login_hint="ada@example.com")
    assert keys[2] != keys[0]
    client.begin_step_up(*PERSON, login_hint="ada@example.com", request_id="mine")
    assert keys[3] == "mine"


def test_a_link_that_is_not_made_is_raised(connect, fake):
    fake.begin = lambda request, context, before: context.abort(grpc.StatusCode.RESOURCE_EXHAUSTED, "too many")
    with pytest.raises(VerigateError, match="RESOURCE_EXHAUSTED: too many"):
        connect(fake.address).begin_step_up(*PERSON, login_hint="ada@example.com")


def test_nothing_listens(connect):
    begun = time.monotonic()
    answer = connect(f"http://127.0.0.1:{free_port()}").check_access(*PERSON)
    assert not answer.allowed and answer.error.code is grpc.StatusCode.UNAVAILABLE
    assert time.monotonic() - begun < 5


def test_delays_have_jitter_and_are_bounded():
    for failures in range(1, 40):
        delays = {_retry.backoff(None, failures) for _ in range(20)}
        assert len(delays) > 1 and 0 < min(delays) and max(delays) <= _retry.DELAY_SECONDS_MAX
        named = {_retry.backoff(timedelta(seconds=1), failures) for _ in range(20)}
        assert len(named) > 1 and 1 <= min(named) and max(named) <= 1.2
