"""Whatever goes wrong is a typed denial, or is raised: never an ALLOW."""

from __future__ import annotations

import threading
import time
from datetime import datetime

import grpc
import pytest
from harness import allow
from verigate import Authentication, CheckAccessRequest, Decision, UnusableAnswerError, VerigateError
from verigate.v1 import access_pb2 as v1

PERSON = ("ada-fresh", "front-door")


def shut(answer, code):
    assert answer.decision is Decision.DENY and not answer.allowed and not answer
    assert answer.error is not None and answer.error.code.name == code, answer.error
    return answer.error


@pytest.mark.parametrize("number", [0, 4, 5, 99, -1, 2**31 - 1])
def test_a_decision_that_is_not_known_opens_nothing(connect, fake, number):
    fake.check = lambda request, context, before: v1.CheckAccessResponse(decision=number)
    fake.batch = lambda request, context: v1.BatchCheckAccessResponse(
        results=[v1.BatchCheckAccessResult(response=v1.CheckAccessResponse(decision=number))]
    )
    client = connect(fake.address)
    assert isinstance(shut(client.check_access(*PERSON), "INTERNAL"), UnusableAnswerError)
    (one,) = client.batch_check_access([CheckAccessRequest(*PERSON)])
    shut(one, "INTERNAL")
    with pytest.raises(UnusableAnswerError):
        connect(fake.address, on_error="raise").check_access(*PERSON)


@pytest.mark.parametrize("code", [code for code in grpc.StatusCode if code is not grpc.StatusCode.OK])
def test_every_error_of_a_call_is_a_denial_or_is_raised(connect, fake, code):
    fake.check = lambda request, context, before: context.abort(code, "made up")
    error = shut(connect(fake.address).check_access(*PERSON, request_id="a b"), code.name)
    assert error.message == "made up"
    with pytest.raises(VerigateError) as raised:
        connect(fake.address, on_error="raise").check_access(*PERSON)
    assert raised.value.code is code


def test_the_answer_to_another_request_opens_nothing(connect, fake):
    fake.check = lambda request, context, before: v1.CheckAccessResponse(decision=v1.DECISION_ALLOW, request_id="other")
    client = connect(fake.address)
    shut(client.check_access(*PERSON), "INTERNAL")
    shut(client.check_access(*PERSON, request_id="mine"), "INTERNAL")


@pytest.mark.parametrize("count", [0, 1, 3])
def test_a_batch_with_another_number_of_results_opens_nothing(connect, fake, count):
    one = v1.BatchCheckAccessResult(response=v1.CheckAccessResponse(decision=v1.DECISION_ALLOW))
    fake.batch = lambda request, context: v1.BatchCheckAccessResponse(results=[one] * count)
    answers = connect(fake.address).batch_check_access([CheckAccessRequest(*PERSON)] * 2)
    assert len(answers) == 2
    for answer in answers:
        shut(answer, "INTERNAL")


def test_a_result_of_a_batch_that_is_neither_answer_nor_error_opens_nothing(connect, fake):
    ok = v1.BatchCheckAccessResult(error=v1.CheckError(code=0, message="ok?"))
    fake.batch = lambda request, context: v1.BatchCheckAccessResponse(results=[v1.BatchCheckAccessResult(), ok])
    first, second = connect(fake.address).batch_check_access([CheckAccessRequest(*PERSON)] * 2)
    shut(first, "INTERNAL")
    shut(second, "UNKNOWN")


def test_a_time_that_is_out_of_range_opens_nothing(connect, fake):
    def check(request, context, before):
        response = allow(request)
        if before % 2:
            response.valid_for.seconds = 2**62
        else:
            response.decided_at.seconds = 2**62
        return response

    fake.check = check
    client = connect(fake.address, reuse_capacity=10)
    for _ in range(4):
        shut(client.check_access(*PERSON), "INTERNAL")


@pytest.mark.parametrize(
    "wrong",
    [
        {"verification_id": "\ud800"},
        {"verification_id": None},
        {"verification_id": 7},
        {"policy": ["front-door"]},
        {"attributes": {"a": 1}},
        {"attributes": "text"},
        {"attributes": {"\udcff": "a"}},
        {"authentication": "hwk"},
        {"authentication": Authentication(amr="hwk")},
        {"authentication": Authentication(auth_time=datetime(2026, 1, 1))},
        {"request_id": 7},
        {"deadline": float("nan")},
        {"deadline": "1"},
    ],
)
def test_what_cannot_be_sent_is_a_denial_and_is_not_sent(connect, fake, wrong):
    given = {"verification_id": "ada-fresh", "policy": "front-door"} | wrong
    shut(connect(fake.address).check_access(**given), "INVALID_ARGUMENT")
    with pytest.raises(VerigateError):
        connect(fake.address, on_error="raise").check_access(**given)
    assert fake.calls == 0


def test_a_deadline_that_has_passed_is_a_denial_and_is_not_sent(connect, fake):
    for deadline in (0, -1, -0.001):
        shut(connect(fake.address).check_access(*PERSON, deadline=deadline), "DEADLINE_EXCEEDED")
    assert fake.calls == 0


def test_every_call_has_a_deadline(connect, fake):
    fake.begin = lambda request, context, before: v1.BeginStepUpResponse()
    client = connect(fake.address, deadline=None)
    client.check_access(*PERSON)
    client.check_access(*PERSON, deadline=0.25)
    connect(fake.address, deadline=0.5).check_access(*PERSON)
    client.begin_step_up(*PERSON, login_hint="ada@example.com")
    for seconds, expected in zip(fake.seconds, (1.0, 0.25, 0.5, 3.0), strict=True):
        assert expected * 0.4 < seconds < expected + 0.1


def test_a_service_that_does_not_answer_is_a_denial_at_the_deadline(connect, fake):
    released = threading.Event()
    fake.check = lambda request, context, before: released.wait(10) and allow(request)
    client = connect(fake.address)
    begun = time.monotonic()
    shut(client.check_access(*PERSON, deadline=0.2), "DEADLINE_EXCEEDED")
    assert time.monotonic() - begun < 5
    released.set()
    assert fake.calls == 1, "it is not asked again"


def test_a_client_that_is_closed_denies(connect, fake):
    client = connect(fake.address)
    if hasattr(client, "client"):
        client._loop.run_until_complete(client.client.close())
    else:
        client.close()
    shut(client.check_access(*PERSON), "CANCELLED")
    assert fake.calls == 0


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"address": "127.0.0.1:50051"}, "must begin with"),
        ({"address": "ftp://127.0.0.1:50051"}, "must begin with"),
        ({"address": "http://127.0.0.1"}, "needs a host and a port"),
        ({"address": "http://127.0.0.1:50051/path"}, "more than"),
        ({"address": "http://user@127.0.0.1:50051"}, "more than"),
        ({"address": "unix:relative"}, "absolute path"),
        ({"address": "http://192.0.2.1:50051"}, "plain text"),
        ({"address": "http://verigate.example:50051", "token": "vg_a"}, "plain text"),
        ({"address": "http://127.0.0.1:50051", "ca": "ca.crt"}, "https://"),
        ({"address": "https://127.0.0.1:50051", "key": "door.key"}, "together"),
        ({"token": "vg_a\n"}, "line end"),
        ({"token": ""}, "empty"),
        ({"deadline": 0}, "deadline"),
        ({"deadline": float("inf")}, "deadline"),
        ({"attempts": 0}, "attempts"),
        ({"reuse_capacity": -1}, "reuse_capacity"),
        ({"keepalive": 1}, "keepalive"),
        ({"on_error": "allow"}, "on_error"),
    ],
)
def test_settings_that_cannot_work_are_errors(connect, settings, said):
    given = {"address": "http://127.0.0.1:50051"} | settings
    with pytest.raises(ValueError, match=said):
        connect(given.pop("address"), **given)


def test_no_token_is_shown(connect, fake):
    client = connect(fake.address, token="vg_secret")
    assert "secret" not in repr(vars(client._settings)) + repr(client._settings.connection)
    fake.check = lambda request, context, before: context.abort(grpc.StatusCode.UNAUTHENTICATED, "no")
    assert "secret" not in repr(client.check_access(*PERSON))
