"""An ALLOW may be reused for as long as the service says, and nothing else is ever reused."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import grpc
import pytest
from harness import allow
from verigate import Authentication, CheckAccessRequest
from verigate._reuse import Reading, Reuse
from verigate.v1 import access_pb2 as v1

PERSON = ("ada-fresh", "front-door")
NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)


class Clocks:
    """Clocks that a test moves."""

    def __init__(self):
        self.now = Reading(1000.0, 5000.0)

    def __call__(self):
        return self.now

    def go(self, monotonic, wall=None):
        wall = monotonic if wall is None else wall
        self.now = Reading(self.now.monotonic + monotonic, self.now.wall + wall)


@pytest.fixture
def clocks():
    return Clocks()


def with_clocks(client, clocks, capacity=10):
    client._settings.reuse = Reuse(capacity, clocks)
    return client


def allowing(valid_for=60):
    return lambda request, context, before: allow(request, valid_for)


def test_an_allow_is_reused_until_its_time_is_over(connect, fake, clocks):
    fake.check = allowing(60)
    client = with_clocks(connect(fake.address), clocks)
    assert not client.check_access(*PERSON).reused
    clocks.go(59.5)
    again = client.check_access(*PERSON, request_id="badge 7")
    assert again.allowed and again.reused and fake.calls == 1
    assert again.valid_for == timedelta(seconds=0.5) and again.request_id == "badge_7"
    clocks.go(0.5)
    assert not client.check_access(*PERSON).reused and fake.calls == 2


def test_the_time_counts_from_before_the_request_was_sent(connect, fake, clocks):
    def check(request, context, before):
        clocks.go(50)
        return allow(request, 60)

    fake.check = check
    client = with_clocks(connect(fake.address), clocks)
    client.check_access(*PERSON)
    assert client.check_access(*PERSON).valid_for == timedelta(seconds=10)
    clocks.go(10)
    assert not client.check_access(*PERSON).reused


@pytest.mark.parametrize(("monotonic", "wall"), [(60, 0), (0, 60), (60, -3600), (61, 61)])
def test_the_clock_by_which_more_time_has_passed_counts(connect, fake, clocks, monotonic, wall):
    fake.check = allowing(60)
    client = with_clocks(connect(fake.address), clocks)
    client.check_access(*PERSON)
    clocks.go(monotonic, wall)
    assert not client.check_access(*PERSON).reused


def test_a_clock_that_is_set_back_makes_no_reuse_longer(connect, fake, clocks):
    fake.check = allowing(60)
    client = with_clocks(connect(fake.address), clocks)
    client.check_access(*PERSON)
    clocks.go(30, -3600)
    assert client.check_access(*PERSON).valid_for == timedelta(seconds=30)


VARIATIONS = [
    {"verification_id": "ben"},
    {"policy": "server-room"},
    {"identity_id": "id-ben"},
    {"identity_id": ""},
    {"attributes": {"site": "hq"}},
    {"attributes": {"site": "lab", "x": "y"}},
    {"attributes": {}},
    {"authentication": None},
    {"authentication": Authentication("mfa", ("hwk",))},
    {"authentication": Authentication("mfa", ("hwk",), NOW + timedelta(seconds=1))},
    {"authentication": Authentication("mfa", ("hwk", "pin"), NOW)},
    {"authentication": Authentication("low", ("hwk",), NOW)},
]


@pytest.mark.parametrize("other", VARIATIONS)
def test_only_the_same_request_is_answered_again(connect, fake, other):
    fake.check = allowing(60)
    client = connect(fake.address, reuse_capacity=10)
    given = {
        "verification_id": "ada",
        "policy": "front-door",
        "identity_id": "id-ada",
        "attributes": {"site": "lab", "floor": "2"},
        "authentication": Authentication("mfa", ("hwk",), NOW),
    }
    client.check_access(**given)
    same = given | {"attributes": {"floor": "2", "site": "lab"}}
    assert client.check_access(**same).reused
    assert not client.check_access(**given | other).reused and fake.calls == 2


def test_every_field_of_a_request_but_its_id_is_in_the_key():
    fields = {field.name for field in v1.CheckAccessRequest.DESCRIPTOR.fields} - {"request_id"}
    assert fields == {name for one in VARIATIONS for name in one}


@pytest.mark.parametrize("decision", [v1.DECISION_STEP_UP, v1.DECISION_DENY, 0, 9])
def test_nothing_but_an_allow_is_reused(connect, fake, decision):
    def check(request, context, before):
        response = allow(request, 60)
        response.decision = decision
        return response

    fake.check = check
    client = connect(fake.address, reuse_capacity=10)
    for _ in range(2):
        answer = client.check_access(*PERSON)
        assert not answer.allowed and not answer.reused
    assert fake.calls == 2


@pytest.mark.parametrize("seconds", [0, -1])
def test_an_allow_without_a_time_is_not_reused(connect, fake, seconds):
    fake.check = allowing(seconds)
    client = connect(fake.address, reuse_capacity=10)
    client.check_access(*PERSON)
    assert not client.check_access(*PERSON).reused


def test_nothing_is_reused_unless_it_is_wanted(connect, fake):
    fake.check = allowing(60)
    client = connect(fake.address)
    client.check_access(*PERSON)
    assert not client.check_access(*PERSON).reused
    client = connect(fake.address, reuse_capacity=1)
    client.check_access(*PERSON)
    assert client.check_access(*PERSON).reused and not client.check_access(*PERSON, reuse=False).reused


def deny(request, context, before):
    return v1.CheckAccessResponse(decision=v1.DECISION_DENY, request_id=request.request_id)


def test_a_newer_answer_ends_the_reuse(connect, fake):
    for answers in (deny, lambda r, c, b: c.abort(grpc.StatusCode.PERMISSION_DENIED, ""), lambda r, c, b: v1.CheckAccessResponse()):
        client = connect(fake.address, reuse_capacity=10)
        fake.check = allowing(60)
        assert client.check_access(*PERSON).allowed
        fake.check = answers
        assert client.check_access(*PERSON).allowed, "the reuse is permitted"
        assert not client.check_access(*PERSON, reuse=False).allowed
        assert not client.check_access(*PERSON).allowed


def test_an_outage_does_not_end_it(connect, fake):
    fake.check = allowing(60)
    client = connect(fake.address, reuse_capacity=10)
    client.check_access(*PERSON)
    for code in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.RESOURCE_EXHAUSTED, grpc.StatusCode.DEADLINE_EXCEEDED):
        fake.check = lambda request, context, before: context.abort(code, "made up")
        assert not client.check_access(*PERSON, reuse=False).allowed
        assert client.check_access(*PERSON).reused


def message(verification_id="ada"):
    return v1.CheckAccessRequest(verification_id=verification_id, policy="front-door")


def answer(seconds=60):
    from verigate import _wire

    return _wire.answer(allow(message(), seconds), "")


def test_an_allow_that_arrives_after_a_later_denial_is_not_kept(clocks):
    reuse = Reuse(10, clocks)
    early = clocks()
    clocks.go(1)
    later = clocks()
    denied = replace(answer(), decision=type(answer().decision).DENY)
    reuse.record(message(), later, denied)
    reuse.record(message(), early, answer())
    assert reuse.find(message()) is None
    reuse.record(message(), later, answer())
    assert reuse.find(message()) is None, "of two at once the denial counts"
    clocks.go(1)
    reuse.record(message(), clocks(), answer())
    assert reuse.find(message()).allowed


def test_what_is_in_flight_when_it_is_invalidated_is_not_kept(clocks):
    for verification_id in ("ada", None):
        reuse = Reuse(10, clocks)
        sent = clocks()
        reuse.record(message(), sent, answer())
        reuse.invalidate(verification_id)
        assert reuse.find(message()) is None
        reuse.record(message(), sent, answer())
        assert reuse.find(message()) is None


def test_invalidation_of_one_verification_leaves_the_others(connect, fake):
    fake.check = allowing(60)
    client = connect(fake.address, reuse_capacity=10)
    client.check_access("ada", "front-door")
    client.check_access("ben", "front-door")
    client.invalidate("ada")
    assert not client.check_access("ada", "front-door").reused and client.check_access("ben", "front-door").reused
    client.invalidate()
    assert not client.check_access("ben", "front-door").reused


def test_the_number_of_answers_is_bounded(clocks):
    reuse = Reuse(3, clocks)
    for number in range(10):
        reuse.record(message(f"v{number}"), clocks(), answer())
        reuse.find(message("v0"))
        assert len(reuse) <= 3
    assert reuse.find(message("v0")) is not None, "what is used stays"
    assert reuse.find(message("v9")) is not None and reuse.find(message("v5")) is None


def test_the_real_service_says_how_long(connect, service):
    client = connect(service.address, reuse_capacity=10)
    named = {"identity_id": "id-ada"}
    first = client.check_access(*PERSON, **named)
    again = client.check_access(*PERSON, **named)
    assert again.reused and again.decision_id == first.decision_id and again.valid_for < first.valid_for
    assert not client.check_access("ada-fresh", "server-room", **named).reused
    assert not client.check_access("ada-fresh", "server-room", **named).reused, "that policy permits no reuse"


def test_streams_and_batches_keep_what_may_be_reused(connect, fake):
    fake.check = allowing(60)
    request = CheckAccessRequest(*PERSON)
    fake.batch = lambda asked, context: v1.BatchCheckAccessResponse(
        results=[v1.BatchCheckAccessResult(response=allow(one, 60)) for one in asked.checks]
    )
    client = connect(fake.address, reuse_capacity=10)
    client.batch_check_access([request])
    assert client.check_access(*PERSON).reused and fake.calls == 0
    stream = client.stream_check_access()
    assert stream.submit(request).result().reused and fake.calls == 0
    stream.close()
