"""Answers of the real service, as values with types."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import grpc
import pytest
from verigate import (
    Answer,
    Authenticate,
    Authentication,
    CheckAccessRequest,
    Decision,
    EvidenceSource,
    Identify,
    ReasonCode,
    Reverify,
    VerigateError,
)

ADA = {"identity_id": "id-ada"}


def test_an_allow_has_everything_that_the_service_says(connect, service):
    client = connect(service.address)
    answer = client.check_access("ada-fresh", "front-door", **ADA, request_id="badge 7")
    assert answer.allowed and answer and answer.decision is Decision.ALLOW
    assert answer.error is None and not answer.reused and not answer.degraded and answer.reasons == ()
    assert answer.request_id == "badge_7" and len(answer.policy_revision) == 16
    assert answer.valid_for == timedelta(minutes=10) and answer.valid_until - answer.decided_at == answer.valid_for
    assert answer.decided_at.tzinfo is timezone.utc and answer.next_change.to is Decision.STEP_UP
    assert answer.evidence.status == "VERIFIED" and answer.evidence.source in (EvidenceSource.UPSTREAM, EvidenceSource.CACHE)
    assert answer.step_up is None


def test_a_step_up_has_its_reasons_and_its_remedies(connect, service):
    answer = connect(service.address).check_access("ada-month-old", "front-door", **ADA)
    assert answer.decision is Decision.STEP_UP and not answer.allowed and not answer and answer.error is None
    (reason,) = answer.reasons
    assert reason.code is ReasonCode.VERIFICATION_TOO_OLD and reason.effect is Decision.STEP_UP
    assert reason.rule == "verified_within: 30d" and reason.message
    assert answer.step_up.remedies == (Reverify(timedelta(days=30)),)
    assert answer.step_up.alternatives == (answer.step_up.remedies,)
    assert answer.valid_for is None and answer.next_change.to is Decision.DENY


def test_a_deny_has_its_reasons(connect, service):
    client = connect(service.address)
    answer = client.check_access("nobody", "front-door", **ADA)
    assert answer.decision is Decision.DENY and not answer.allowed and answer.error is None
    assert [reason.code for reason in answer.reasons] == [ReasonCode.VERIFICATION_NOT_FOUND]
    unknown = client.check_access("ada-fresh", "front-door")
    assert unknown.step_up.remedies == (Identify(),) and not unknown.allowed


def test_authentication_and_attributes_are_sent(connect, service):
    client = connect(service.address)
    answer = client.check_access("ada-month-old", "sso-admin", **ADA)
    remedies = [remedy for one in answer.step_up.alternatives for remedy in one]
    assert any(isinstance(remedy, Authenticate) and remedy.max_age == timedelta(minutes=15) for remedy in remedies)
    now = Authentication(amr=("hwk",), auth_time=datetime.now(timezone.utc))
    assert client.check_access("ada-month-old", "sso-admin", **ADA, authentication=now).allowed
    attributes = {"ticket": "open"}
    assert client.check_access("ada-fresh", "help-desk-reset", **ADA, attributes=attributes).allowed
    assert not client.check_access("ada-fresh", "help-desk-reset", **ADA, attributes={"ticket": "shut"}).allowed


def test_a_batch_keeps_the_order_and_each_check_has_its_own_error(connect, service):
    requests = [
        CheckAccessRequest("ada-fresh", "front-door", "id-ada", request_id="a"),
        CheckAccessRequest("ada-fresh", "none", "id-ada", request_id="b"),
        CheckAccessRequest("../x", "front-door", request_id="c"),
        CheckAccessRequest("\ud800", "front-door", request_id="d"),
        CheckAccessRequest("ada-month-old", "front-door", "id-ada", request_id="a"),
    ]
    for on_error in ("deny", "raise"):
        answers = connect(service.address, on_error=on_error).batch_check_access(requests)
        assert [answer.decision.value for answer in answers] == ["ALLOW", "DENY", "DENY", "DENY", "STEP_UP"]
        assert [answer.request_id for answer in answers] == ["a", "b", "c", "d", "a"]
        codes = [answer.error and answer.error.code.name for answer in answers]
        assert codes == [None, "NOT_FOUND", "INVALID_ARGUMENT", "INVALID_ARGUMENT", None]
    # By now nothing has to be fetched.
    assert len({answer.decided_at for answer in answers if answer.error is None}) == 1


def test_a_batch_has_1_to_256_checks(connect, service):
    client = connect(service.address)
    one = CheckAccessRequest("ada-fresh", "front-door", "id-ada")
    assert len(client.batch_check_access([one] * 256)) == 256
    for requests in ([], [one] * 257):
        with pytest.raises(ValueError, match="1 to 256"):
            client.batch_check_access(requests)


def test_a_link_is_made_once_for_one_request_id(connect, service):
    client = connect(service.address)
    asked = {"login_hint": "ada@example.com", "redirect_url": "https://sso.example.com/step-up"}
    links = [client.begin_step_up("ada-month-old", "front-door", **asked, request_id=f"{id(client)}") for _ in range(2)]
    assert links[0] == links[1] and links[0].verification_link and links[0].trace_id
    assert links[0].expires_at > datetime.now(timezone.utc)
    assert links[0].verification_link not in repr(links[0])
    other = client.begin_step_up("ada-month-old", "front-door", **asked)
    assert other.step_up_id != links[0].step_up_id
    with pytest.raises(VerigateError) as refused:
        client.begin_step_up("ada-month-old", "front-door", login_hint="no address", redirect_url="https://other.example")
    assert {violation.field for violation in refused.value.violations} == {"login_hint", "redirect_url"}


@pytest.mark.parametrize("decision", [*Decision])
def test_only_an_allow_without_an_error_is_true(decision):
    assert bool(decision) is (decision is Decision.ALLOW)
    answer = Answer(decision=decision)
    assert bool(answer) is answer.allowed is (decision is Decision.ALLOW)
    error = VerigateError(grpc.StatusCode.UNKNOWN, "made up")
    assert not Answer(decision=decision, error=error).allowed
