"""From messages to answers. An answer that is not understood is an error, and never an ALLOW."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta, timezone
from typing import Any

import grpc

from ._answers import (
    Answer,
    Authenticate,
    Change,
    Decision,
    EvidenceInfo,
    EvidenceSource,
    GrantScopes,
    Identify,
    Reason,
    ReasonCode,
    Remedy,
    Reverify,
    StepUp,
    StepUpLink,
    UnknownRemedy,
    Wait,
)
from ._errors import UnusableAnswerError, VerigateError
from ._requests import cleaned
from .v1 import access_pb2 as v1

DECISIONS = {
    v1.DECISION_ALLOW: Decision.ALLOW,
    v1.DECISION_STEP_UP: Decision.STEP_UP,
    v1.DECISION_DENY: Decision.DENY,
}
_REASON_CODES: dict[int, ReasonCode] = {
    number: ReasonCode[name.removeprefix("REASON_CODE_")]
    for name, number in v1.ReasonCode.items()
    if number != v1.REASON_CODE_UNSPECIFIED
}
_SOURCES: dict[int, EvidenceSource] = {
    number: EvidenceSource[name.removeprefix("EVIDENCE_SOURCE_")]
    for name, number in v1.EvidenceSource.items()
    if number != v1.EVIDENCE_SOURCE_UNSPECIFIED
}


def answer(response: v1.CheckAccessResponse, request_id: str) -> Answer:
    """The answer to the request with this id."""
    decision = DECISIONS.get(response.decision)
    if decision is None:
        raise UnusableAnswerError(f"the service sent the decision {response.decision}, which is not known here")
    if response.request_id != cleaned(request_id):
        raise UnusableAnswerError("the service sent the answer to another request")
    try:
        return Answer(
            decision=decision,
            reasons=tuple(_reason(reason) for reason in response.reasons),
            decision_id=response.decision_id,
            policy_revision=response.policy_revision,
            decided_at=_instant(response, "decided_at"),
            valid_until=_instant(response, "valid_until"),
            valid_for=_duration(response, "valid_for"),
            next_change=_change(response),
            step_up=_step_up(response),
            evidence=_evidence(response),
            degraded=response.degraded,
            request_id=response.request_id,
        )
    except (ValueError, OverflowError) as error:
        raise UnusableAnswerError("the service sent a time that is out of range") from error


def result(one: v1.BatchCheckAccessResult | v1.StreamCheckAccessResponse, request_id: str) -> Answer:
    """The answer to one of several requests, or its error."""
    kind = one.WhichOneof("result")
    if kind == "response":
        return answer(one.response, request_id)
    if kind == "error":
        raise _check_error(one.error)
    raise UnusableAnswerError("the service sent neither an answer nor an error")


def step_up_link(response: v1.BeginStepUpResponse) -> StepUpLink:
    """A link by which a person can verify again."""
    try:
        expires_at = _instant(response, "expires_at")
    except (ValueError, OverflowError) as error:
        raise UnusableAnswerError("the service sent a time that is out of range") from error
    return StepUpLink(response.step_up_id, response.verification_link, response.trace_id, expires_at)


def _check_error(error: v1.CheckError) -> VerigateError:
    codes = {code.value[0]: code for code in grpc.StatusCode if code is not grpc.StatusCode.OK}
    try:
        retry_after = _duration(error, "retry_after")
    except (ValueError, OverflowError):
        retry_after = None
    code = codes.get(error.code, grpc.StatusCode.UNKNOWN)
    return VerigateError(code, error.message, retry_after=retry_after, attempts=1)


def _instant(message: Any, name: str) -> datetime | None:
    if not message.HasField(name):
        return None
    at: datetime = getattr(message, name).ToDatetime(tzinfo=timezone.utc)
    return at


def _duration(message: Any, name: str) -> timedelta | None:
    if not message.HasField(name):
        return None
    lasts: timedelta = getattr(message, name).ToTimedelta()
    return lasts


def _reason(reason: v1.Reason) -> Reason:
    code = _REASON_CODES.get(reason.code, ReasonCode.UNKNOWN)
    return Reason(code, reason.rule, DECISIONS.get(reason.effect, Decision.DENY), reason.message)


def _change(response: v1.CheckAccessResponse) -> Change | None:
    if not response.HasField("next_change"):
        return None
    at = _instant(response.next_change, "at")
    return None if at is None else Change(at, DECISIONS.get(response.next_change.to, Decision.DENY))


def _step_up(response: v1.CheckAccessResponse) -> StepUp | None:
    if not response.HasField("step_up"):
        return None
    sets = response.step_up.alternatives
    return StepUp(_remedies(response.step_up.remedies), tuple(_remedies(one.remedies) for one in sets))


def _remedies(remedies: Iterable[v1.Remedy]) -> tuple[Remedy, ...]:
    return tuple(_remedy(one) for one in remedies)


def _remedy(remedy: v1.Remedy) -> Remedy:
    match remedy.WhichOneof("remedy"):
        case "reverify":
            return Reverify(_duration(remedy.reverify, "max_age"))
        case "authenticate":
            of = remedy.authenticate
            groups = tuple(tuple(group.amr) for group in of.amr_all_of)
            return Authenticate(tuple(of.acr), tuple(of.amr), _duration(of, "max_age"), groups)
        case "grant_scopes":
            return GrantScopes(tuple(remedy.grant_scopes.scopes))
        case "wait":
            return Wait(_instant(remedy.wait, "until"))
        case "identify":
            return Identify()
        case _:
            return UnknownRemedy()


def _evidence(response: v1.CheckAccessResponse) -> EvidenceInfo | None:
    if not response.HasField("evidence"):
        return None
    of = response.evidence
    return EvidenceInfo(
        source=_SOURCES.get(of.source, EvidenceSource.UNKNOWN),
        seen_at=_instant(of, "seen_at"),
        verified_at=_instant(of, "verified_at"),
        status=of.status,
        scopes=tuple(of.scopes),
        trace_id=of.trace_id,
        fresh_until=_instant(of, "fresh_until"),
    )
