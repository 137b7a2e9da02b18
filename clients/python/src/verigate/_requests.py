"""What the service is asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timezone
from typing import Any

import grpc

from ._errors import VerigateError
from .v1 import access_pb2 as v1


@dataclass(frozen=True, slots=True)
class Authentication:
    """How the person authenticated in the current session, in the terms of OpenID Connect."""

    acr: str = ""
    amr: tuple[str, ...] = ()
    # With a time zone; one without is refused, because it names no instant.
    auth_time: datetime | None = None


@dataclass(frozen=True, slots=True)
class CheckAccessRequest:
    """One check. The service says what each field may be: `proto/verigate/v1/access.proto`."""

    verification_id: str
    policy: str
    # The identity of the owner of the badge or session. Empty: not given.
    identity_id: str = ""
    authentication: Authentication | None = None
    attributes: Mapping[str, str] = field(default_factory=dict)
    # The caller's own id of this request, for the journal.
    request_id: str = ""

    def with_request_id(self, request_id: str) -> CheckAccessRequest:
        """The same check under another id."""
        return replace(self, request_id=request_id)


def message_of(request: CheckAccessRequest) -> v1.CheckAccessRequest:
    """The message of a check. What no message can hold is INVALID_ARGUMENT."""
    for name in ("verification_id", "policy", "identity_id", "request_id"):
        # A field that is `None` would be sent as if it were not given.
        if not isinstance(getattr(request, name), str):
            raise _invalid(f"{name} is no text")
    try:
        message = v1.CheckAccessRequest(
            verification_id=request.verification_id,
            policy=request.policy,
            identity_id=request.identity_id,
            attributes=dict(request.attributes),
            request_id=request.request_id,
        )
        if request.authentication is not None:
            message.authentication.CopyFrom(_authentication(request.authentication))
        return message
    except (TypeError, ValueError, AttributeError, OverflowError) as error:
        raise _invalid("the request cannot be encoded") from error


def _authentication(given: Authentication) -> v1.Authentication:
    if isinstance(given.amr, str):
        raise _invalid("authentication.amr is one text: give a tuple of methods")
    message = v1.Authentication(acr=given.acr, amr=given.amr)
    if given.auth_time is not None:
        if given.auth_time.tzinfo is None:
            raise _invalid("authentication.auth_time has no time zone: use datetime.now(timezone.utc)")
        message.auth_time.FromDatetime(given.auth_time.astimezone(timezone.utc))
    return message


def step_up_message(**fields: Any) -> v1.BeginStepUpRequest:
    """The message that asks for a link. What no message can hold is INVALID_ARGUMENT."""
    try:
        return v1.BeginStepUpRequest(**fields)
    except (TypeError, ValueError) as error:
        raise _invalid("the request cannot be encoded") from error


def cleaned(request_id: str) -> str:
    """The id as the service sends it back: with `_` in place of each character that is not visible ASCII."""
    return "".join(c if "!" <= c <= "~" else "_" for c in request_id)


def _invalid(message: str) -> VerigateError:
    return VerigateError(grpc.StatusCode.INVALID_ARGUMENT, message)
