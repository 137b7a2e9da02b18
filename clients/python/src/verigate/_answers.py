"""What the service answers, as values that cannot change. Their fields are those of `proto/verigate/v1/access.proto`."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from ._errors import VerigateError


class Decision(Enum):
    """What a door or a gateway must do. Only `ALLOW` opens anything, and only `ALLOW` is true."""

    ALLOW = "ALLOW"
    STEP_UP = "STEP_UP"
    DENY = "DENY"

    def __bool__(self) -> bool:
        return self is Decision.ALLOW


class ReasonCode(Enum):
    """Why a rule is not met. `UNKNOWN`: a reason that this version of the package does not know."""

    UNKNOWN = "UNKNOWN"
    VERIFICATION_NOT_FOUND = "VERIFICATION_NOT_FOUND"
    EVIDENCE_UNAVAILABLE = "EVIDENCE_UNAVAILABLE"
    EVIDENCE_INVALID = "EVIDENCE_INVALID"
    STATUS_NOT_ACCEPTED = "STATUS_NOT_ACCEPTED"
    VERIFICATION_TOO_OLD = "VERIFICATION_TOO_OLD"
    VERIFIED_AT_MISSING = "VERIFIED_AT_MISSING"
    VERIFIED_AT_IN_FUTURE = "VERIFIED_AT_IN_FUTURE"
    SCOPE_NOT_GRANTED = "SCOPE_NOT_GRANTED"
    DATA_MISSING = "DATA_MISSING"
    UNDER_AGE = "UNDER_AGE"
    OVER_AGE = "OVER_AGE"
    PHONE_NOT_ACCEPTED = "PHONE_NOT_ACCEPTED"
    IDENTITY_NOT_GIVEN = "IDENTITY_NOT_GIVEN"
    IDENTITY_MISMATCH = "IDENTITY_MISMATCH"
    IDENTITY_NOT_LISTED = "IDENTITY_NOT_LISTED"
    IDENTITY_BLOCKED = "IDENTITY_BLOCKED"
    PROJECT_NOT_ACCEPTED = "PROJECT_NOT_ACCEPTED"
    AUTHENTICATION_REQUIRED = "AUTHENTICATION_REQUIRED"
    ATTRIBUTE_NOT_ACCEPTED = "ATTRIBUTE_NOT_ACCEPTED"
    OUTSIDE_SCHEDULE = "OUTSIDE_SCHEDULE"
    DATA_INVALID = "DATA_INVALID"
    NO_ALTERNATIVE_MET = "NO_ALTERNATIVE_MET"


class EvidenceSource(Enum):
    """Where evidence came from. `UNKNOWN`: a source that this version of the package does not know."""

    UNKNOWN = "UNKNOWN"
    CACHE = "CACHE"
    SHARED_CACHE = "SHARED_CACHE"
    UPSTREAM = "UPSTREAM"
    STALE = "STALE"
    NONE = "NONE"


@dataclass(frozen=True, slots=True)
class Reason:
    """One rule that is not met."""

    code: ReasonCode
    # The rule in the words of the policy, such as "verified_within: 30d".
    rule: str
    # What this rule alone asks for: STEP_UP or DENY.
    effect: Decision
    # For people.
    message: str


@dataclass(frozen=True, slots=True)
class Change:
    """The next change that time alone brings."""

    at: datetime
    # A decision that this version of the package does not know is DENY.
    to: Decision


@dataclass(frozen=True, slots=True)
class Reverify:
    """Verify again, not longer ago than `max_age`; `None`: of any age."""

    max_age: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Authenticate:
    """Authenticate again: one of `acr` (if there are any) and one of each group of `amr_all_of`, not longer ago than `max_age`."""

    acr: tuple[str, ...] = ()
    amr: tuple[str, ...] = ()
    max_age: timedelta | None = None
    amr_all_of: tuple[tuple[str, ...], ...] = ()


@dataclass(frozen=True, slots=True)
class GrantScopes:
    """Let the verification carry the data of these scopes."""

    scopes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Wait:
    """Ask again, not before this instant. `None`: no instant is known."""

    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Identify:
    """Send `identity_id`."""


@dataclass(frozen=True, slots=True)
class UnknownRemedy:
    """A remedy that this version of the package does not know."""


Remedy: TypeAlias = Reverify | Authenticate | GrantScopes | Wait | Identify | UnknownRemedy


@dataclass(frozen=True, slots=True)
class StepUp:
    """What would make it ALLOW: any one of the alternatives, each with all its remedies. `remedies` is the first alternative."""

    remedies: tuple[Remedy, ...]
    alternatives: tuple[tuple[Remedy, ...], ...]


@dataclass(frozen=True, slots=True)
class EvidenceInfo:
    """What a decision rests on. No data of a person."""

    source: EvidenceSource
    seen_at: datetime | None
    verified_at: datetime | None
    status: str
    scopes: tuple[str, ...]
    trace_id: str
    fresh_until: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The answer to one check. Open on `allowed`, and on nothing else.

    A check that failed is an answer too: DENY, with what happened in `error`. Instants are in UTC, by the clock of the service.
    """

    decision: Decision
    # One for each rule that is not met. Empty for ALLOW.
    reasons: tuple[Reason, ...] = ()
    # Names the decision in the journal. Empty if there was an error.
    decision_id: str = ""
    # The digest of the policies that decided.
    policy_revision: str = ""
    # The instant that the decision was made for.
    decided_at: datetime | None = None
    # Until when the answer may be reused (exclusive), by the clock of the service. `None`: not at all.
    valid_until: datetime | None = None
    # The same as a duration, which counts from when the request was sent; if `reused`, from now.
    valid_for: timedelta | None = None
    next_change: Change | None = None
    step_up: StepUp | None = None
    evidence: EvidenceInfo | None = None
    # The vendor could not be asked, and the decision rests on stale evidence or on none; or the clocks are apart.
    degraded: bool = False
    # The caller's own id of the request, as the service has cleaned it.
    request_id: str = ""
    # Why there is no decision of the service. The decision is then DENY.
    error: VerigateError | None = None
    # Whether this is an earlier ALLOW, which may still be reused.
    reused: bool = False

    @property
    def allowed(self) -> bool:
        """Whether the person may pass."""
        return self.decision is Decision.ALLOW and self.error is None

    def __bool__(self) -> bool:
        return self.allowed


@dataclass(frozen=True, slots=True)
class StepUpLink:
    """A link by which a person can verify again. Give it to that person alone. It grants nothing."""

    step_up_id: str
    verification_link: str
    # The id of the new verification. Empty if the vendor does not say.
    trace_id: str
    expires_at: datetime | None

    def __repr__(self) -> str:
        return f"StepUpLink(step_up_id={self.step_up_id!r}, expires_at={self.expires_at!r})"
