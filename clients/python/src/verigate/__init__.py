"""Asks Verigate whether a verification satisfies a policy. `verigate.Client` is for threads, `verigate.aio.Client` for asyncio."""

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
from ._client import Client
from ._errors import FieldViolation, UnusableAnswerError, VerigateError
from ._requests import Authentication, CheckAccessRequest
from ._stream import CheckStream

__all__ = [
    "Answer",
    "Authenticate",
    "Authentication",
    "Change",
    "CheckAccessRequest",
    "CheckStream",
    "Client",
    "Decision",
    "EvidenceInfo",
    "EvidenceSource",
    "FieldViolation",
    "GrantScopes",
    "Identify",
    "Reason",
    "ReasonCode",
    "Remedy",
    "Reverify",
    "StepUp",
    "StepUpLink",
    "UnknownRemedy",
    "UnusableAnswerError",
    "VerigateError",
    "Wait",
]
