"""Streams: pipelined, matched by `request_id`, opened again when they end."""

from __future__ import annotations

import contextlib
import threading
import time

import grpc
import pytest
from harness import allow
from verigate import CheckAccessRequest, Decision, VerigateError
from verigate.v1 import access_pb2 as v1


def request(number, **more):
    return CheckAccessRequest(f"v{number}", "front-door", **more)


def response(asked, decision=v1.DECISION_ALLOW):
    answer = allow(asked)
    answer.decision = decision
    return v1.StreamCheckAccessResponse(request_id=answer.request_id, response=answer)


@pytest.fixture
def open_stream(connect):
    opened = []

    def open_stream(address, in_flight=32, **settings):
        opened.append(connect(address, **settings).stream_check_access(in_flight=in_flight))
        return opened[-1]

    yield open_stream
    for stream in opened:
        stream.close()


def shut(answer, code):
    assert answer.decision is Decision.DENY and not answer.allowed and answer.error.code.name == code, answer.error


def test_the_real_service_answers_each_check_by_its_id(open_stream, service):
    stream = open_stream(service.address)
    asked = [
        CheckAccessRequest("ada-fresh", "front-door", "id-ada", request_id="a b"),
        CheckAccessRequest("ada-month-old", "front-door", "id-ada", request_id="c"),
        CheckAccessRequest("nobody", "front-door", request_id="d"),
        CheckAccessRequest("ada-fresh", "none", request_id="e"),
        CheckAccessRequest("../x", "front-door", request_id="f"),
        CheckAccessRequest("ada-fresh", "front-door", "id-ada"),
    ]
    answers = [result.result() for result in [stream.submit(one) for one in asked]]
    assert [answer.decision.value for answer in answers] == ["ALLOW", "STEP_UP", "DENY", "DENY", "DENY", "ALLOW"]
    assert [answer.request_id for answer in answers[:5]] == ["a_b", "c", "d", "e", "f"] and answers[5].request_id
    codes = [answer.error and answer.error.code.name for answer in answers]
    assert codes == [None, None, None, "NOT_FOUND", "INVALID_ARGUMENT", None]


def test_many_checks_are_all_answered(open_stream, service):
    stream = open_stream(service.address)
    results = [stream.submit(CheckAccessRequest("ada-fresh", "front-door", "id-ada")) for _ in range(1000)]
    assert all(result.result().allowed for result in results)


def test_answers_out_of_order_are_matched(open_stream, fake):
    def answers(requests, context, before):
        asked = [next(requests) for _ in range(10)]
        for one in reversed(asked):
            allowed = int(one.verification_id[1:]) % 2 == 0
            yield response(one, v1.DECISION_ALLOW if allowed else v1.DECISION_DENY)
        for one in requests:
            yield response(one)

    fake.stream = answers
    stream = open_stream(fake.address)
    results = [stream.submit(request(number)) for number in range(10)]
    assert [result.result().allowed for result in results] == [number % 2 == 0 for number in range(10)]


def test_a_late_answer_is_not_taken_for_that_to_another_check(open_stream, fake):
    released = threading.Event()

    def answers(requests, context, before):
        first = next(requests)
        released.wait(10)
        yield response(first)
        for one in requests:
            yield response(one, v1.DECISION_DENY)

    fake.stream = answers
    stream = open_stream(fake.address)
    shut(stream.submit(request(1, request_id="badge"), deadline=1.0).result(), "DEADLINE_EXCEEDED")
    # The id is still that of a check in flight: the answer to that one must not open the door for this one.
    shut(stream.submit(request(2, request_id="badge")).result(), "INVALID_ARGUMENT")
    released.set()
    third = stream.submit(request(3, request_id="other")).result()
    assert third.decision is Decision.DENY and third.error is None
    again = stream.submit(request(2, request_id="badge")).result()
    assert again.decision is Decision.DENY and again.error is None, "then the id may be used again"


def test_two_checks_in_flight_have_two_ids(open_stream, fake):
    fake.stream = lambda requests, context, before: (response(one) for one in requests)
    stream = open_stream(fake.address)
    first = stream.submit(request(1, request_id="a b"))
    second = stream.submit(request(2, request_id="a_b"))
    shut(second.result(), "INVALID_ARGUMENT")
    assert first.result().allowed
    assert stream.submit(request(2, request_id="a_b")).result().allowed


def test_answers_that_nobody_asked_for_open_nothing(open_stream, fake):
    def answers(requests, context, before):
        one = next(requests)
        stray = v1.CheckAccessRequest(request_id="stray")
        yield response(stray)
        yield v1.StreamCheckAccessResponse(response=allow(v1.CheckAccessRequest()))
        mixed = response(one)
        mixed.response.request_id = "stray"
        yield mixed
        two = next(requests)
        yield v1.StreamCheckAccessResponse(request_id=two.request_id)
        three = next(requests)
        yield v1.StreamCheckAccessResponse(request_id=three.request_id, error=v1.CheckError(code=0))
        four = next(requests)
        yield response(four, 77)

    fake.stream = answers
    stream = open_stream(fake.address)
    for number, code in enumerate(("INTERNAL", "INTERNAL", "UNKNOWN", "INTERNAL")):
        shut(stream.submit(request(number)).result(), code)


def test_no_more_are_in_flight_than_may_be(open_stream, fake):
    arrived = []
    released = threading.Event()

    def answers(requests, context, before):
        def read():
            with contextlib.suppress(grpc.RpcError):
                arrived.extend(requests)

        reader = threading.Thread(target=read, daemon=True)
        reader.start()
        released.wait(10)
        sent = 0
        while context.is_active():
            while sent < len(arrived):
                yield response(arrived[sent])
                sent += 1
            time.sleep(0.001)

    fake.stream = answers
    stream = open_stream(fake.address, in_flight=4)
    results = [stream.submit(request(number)) for number in range(20)]
    while len(arrived) < 4:
        stream.submit(request(99), deadline=0.01).result()
    for _ in range(20):
        stream.submit(request(99), deadline=0.01).result()
    assert len(arrived) == 4
    released.set()
    assert all(result.result().allowed for result in results)


def test_what_waits_is_bounded(open_stream, fake):
    released = threading.Event()

    def answers(requests, context, before):
        released.wait(10)
        for one in requests:
            yield response(one)

    fake.stream = answers
    stream = open_stream(fake.address, in_flight=1)
    results = [stream.submit(request(number)) for number in range(200)]
    shut(results[-1].result(), "RESOURCE_EXHAUSTED")
    released.set()
    assert sum(result.result().allowed for result in results) in (64, 65)


def test_a_stream_that_ends_is_opened_again_and_what_was_not_answered_is_repeated(open_stream, fake):
    def answers(requests, context, before):
        one = next(requests)
        if before == 0:
            yield response(one)
            next(requests)
            context.set_trailing_metadata((("grpc-retry-pushback-ms", "20"),))
            context.abort(grpc.StatusCode.UNAVAILABLE, "the connection is to be replaced")
        while True:
            yield response(one)
            one = next(requests)

    fake.stream = answers
    stream = open_stream(fake.address)
    results = [stream.submit(request(number)) for number in range(8)]
    assert [result.result().error for result in results] == [None] * 8
    assert fake.calls == 2


def test_a_stream_that_always_ends_is_a_denial(open_stream, fake):
    def answers(requests, context, before):
        next(requests)
        context.abort(grpc.StatusCode.UNAVAILABLE, "made up")
        yield

    fake.stream = answers
    stream = open_stream(fake.address)
    answer = stream.submit(request(1)).result()
    shut(answer, "UNAVAILABLE")
    assert answer.error.attempts == 3 and fake.calls == 3


@pytest.mark.parametrize("code", ["UNAUTHENTICATED", "OUT_OF_RANGE", "INVALID_ARGUMENT", "RESOURCE_EXHAUSTED", "CANCELLED"])
def test_a_stream_that_ends_by_another_error_denies_what_was_in_flight(open_stream, fake, code):
    def answers(requests, context, before):
        one = next(requests)
        if before == 0:
            context.abort(grpc.StatusCode[code], "made up")
        yield response(one)

    fake.stream = answers
    stream = open_stream(fake.address, attempts=3)
    shut(stream.submit(request(1)).result(), code)
    assert stream.submit(request(2)).result().allowed, "the next check opens another"


def test_a_service_that_ends_a_stream_without_an_error_has_not_answered(open_stream, fake):
    def answers(requests, context, before):
        next(requests)
        return
        yield

    fake.stream = answers
    shut(open_stream(fake.address).submit(request(1)).result(), "UNAVAILABLE")


def test_a_stream_that_is_closed_denies(open_stream, fake):
    fake.stream = lambda requests, context, before: (response(one) for one in iter(lambda: time.sleep(0.01), 1))
    stream = open_stream(fake.address)
    waiting = stream.submit(request(1))
    stream.close()
    shut(waiting.result(), "CANCELLED")
    shut(stream.submit(request(2)).result(), "CANCELLED")


def test_errors_are_raised_where_that_is_wanted(open_stream, service):
    stream = open_stream(service.address, on_error="raise")
    with pytest.raises(VerigateError, match="NOT_FOUND"):
        stream.submit(CheckAccessRequest("ada-fresh", "none")).result()
    with pytest.raises(VerigateError, match="INVALID_ARGUMENT"):
        stream.submit(CheckAccessRequest("\ud800", "front-door")).result()
    with pytest.raises(VerigateError, match="DEADLINE_EXCEEDED"):
        stream.submit(CheckAccessRequest("ada-fresh", "front-door"), deadline=-1).result()
