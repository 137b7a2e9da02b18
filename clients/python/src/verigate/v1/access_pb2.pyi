import datetime

from google.protobuf import duration_pb2 as _duration_pb2
from google.protobuf import timestamp_pb2 as _timestamp_pb2
from google.protobuf.internal import containers as _containers
from google.protobuf.internal import enum_type_wrapper as _enum_type_wrapper
from google.protobuf import descriptor as _descriptor
from google.protobuf import message as _message
from collections.abc import Iterable as _Iterable, Mapping as _Mapping
from typing import ClassVar as _ClassVar, Optional as _Optional, Union as _Union

DESCRIPTOR: _descriptor.FileDescriptor

class Decision(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    DECISION_UNSPECIFIED: _ClassVar[Decision]
    DECISION_ALLOW: _ClassVar[Decision]
    DECISION_STEP_UP: _ClassVar[Decision]
    DECISION_DENY: _ClassVar[Decision]

class ReasonCode(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    REASON_CODE_UNSPECIFIED: _ClassVar[ReasonCode]
    REASON_CODE_VERIFICATION_NOT_FOUND: _ClassVar[ReasonCode]
    REASON_CODE_EVIDENCE_UNAVAILABLE: _ClassVar[ReasonCode]
    REASON_CODE_EVIDENCE_INVALID: _ClassVar[ReasonCode]
    REASON_CODE_STATUS_NOT_ACCEPTED: _ClassVar[ReasonCode]
    REASON_CODE_VERIFICATION_TOO_OLD: _ClassVar[ReasonCode]
    REASON_CODE_VERIFIED_AT_MISSING: _ClassVar[ReasonCode]
    REASON_CODE_VERIFIED_AT_IN_FUTURE: _ClassVar[ReasonCode]
    REASON_CODE_SCOPE_NOT_GRANTED: _ClassVar[ReasonCode]
    REASON_CODE_DATA_MISSING: _ClassVar[ReasonCode]
    REASON_CODE_UNDER_AGE: _ClassVar[ReasonCode]
    REASON_CODE_OVER_AGE: _ClassVar[ReasonCode]
    REASON_CODE_PHONE_NOT_ACCEPTED: _ClassVar[ReasonCode]
    REASON_CODE_IDENTITY_NOT_GIVEN: _ClassVar[ReasonCode]
    REASON_CODE_IDENTITY_MISMATCH: _ClassVar[ReasonCode]
    REASON_CODE_IDENTITY_NOT_LISTED: _ClassVar[ReasonCode]
    REASON_CODE_IDENTITY_BLOCKED: _ClassVar[ReasonCode]
    REASON_CODE_PROJECT_NOT_ACCEPTED: _ClassVar[ReasonCode]
    REASON_CODE_AUTHENTICATION_REQUIRED: _ClassVar[ReasonCode]
    REASON_CODE_ATTRIBUTE_NOT_ACCEPTED: _ClassVar[ReasonCode]
    REASON_CODE_OUTSIDE_SCHEDULE: _ClassVar[ReasonCode]
    REASON_CODE_DATA_INVALID: _ClassVar[ReasonCode]
    REASON_CODE_NO_ALTERNATIVE_MET: _ClassVar[ReasonCode]

class EvidenceSource(int, metaclass=_enum_type_wrapper.EnumTypeWrapper):
    __slots__ = ()
    EVIDENCE_SOURCE_UNSPECIFIED: _ClassVar[EvidenceSource]
    EVIDENCE_SOURCE_CACHE: _ClassVar[EvidenceSource]
    EVIDENCE_SOURCE_SHARED_CACHE: _ClassVar[EvidenceSource]
    EVIDENCE_SOURCE_UPSTREAM: _ClassVar[EvidenceSource]
    EVIDENCE_SOURCE_STALE: _ClassVar[EvidenceSource]
    EVIDENCE_SOURCE_NONE: _ClassVar[EvidenceSource]
DECISION_UNSPECIFIED: Decision
DECISION_ALLOW: Decision
DECISION_STEP_UP: Decision
DECISION_DENY: Decision
REASON_CODE_UNSPECIFIED: ReasonCode
REASON_CODE_VERIFICATION_NOT_FOUND: ReasonCode
REASON_CODE_EVIDENCE_UNAVAILABLE: ReasonCode
REASON_CODE_EVIDENCE_INVALID: ReasonCode
REASON_CODE_STATUS_NOT_ACCEPTED: ReasonCode
REASON_CODE_VERIFICATION_TOO_OLD: ReasonCode
REASON_CODE_VERIFIED_AT_MISSING: ReasonCode
REASON_CODE_VERIFIED_AT_IN_FUTURE: ReasonCode
REASON_CODE_SCOPE_NOT_GRANTED: ReasonCode
REASON_CODE_DATA_MISSING: ReasonCode
REASON_CODE_UNDER_AGE: ReasonCode
REASON_CODE_OVER_AGE: ReasonCode
REASON_CODE_PHONE_NOT_ACCEPTED: ReasonCode
REASON_CODE_IDENTITY_NOT_GIVEN: ReasonCode
REASON_CODE_IDENTITY_MISMATCH: ReasonCode
REASON_CODE_IDENTITY_NOT_LISTED: ReasonCode
REASON_CODE_IDENTITY_BLOCKED: ReasonCode
REASON_CODE_PROJECT_NOT_ACCEPTED: ReasonCode
REASON_CODE_AUTHENTICATION_REQUIRED: ReasonCode
REASON_CODE_ATTRIBUTE_NOT_ACCEPTED: ReasonCode
REASON_CODE_OUTSIDE_SCHEDULE: ReasonCode
REASON_CODE_DATA_INVALID: ReasonCode
REASON_CODE_NO_ALTERNATIVE_MET: ReasonCode
EVIDENCE_SOURCE_UNSPECIFIED: EvidenceSource
EVIDENCE_SOURCE_CACHE: EvidenceSource
EVIDENCE_SOURCE_SHARED_CACHE: EvidenceSource
EVIDENCE_SOURCE_UPSTREAM: EvidenceSource
EVIDENCE_SOURCE_STALE: EvidenceSource
EVIDENCE_SOURCE_NONE: EvidenceSource

class CheckAccessRequest(_message.Message):
    __slots__ = ("verification_id", "policy", "identity_id", "authentication", "attributes", "request_id")
    class AttributesEntry(_message.Message):
        __slots__ = ("key", "value")
        KEY_FIELD_NUMBER: _ClassVar[int]
        VALUE_FIELD_NUMBER: _ClassVar[int]
        key: str
        value: str
        def __init__(self, key: _Optional[str] = ..., value: _Optional[str] = ...) -> None: ...
    VERIFICATION_ID_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    IDENTITY_ID_FIELD_NUMBER: _ClassVar[int]
    AUTHENTICATION_FIELD_NUMBER: _ClassVar[int]
    ATTRIBUTES_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    verification_id: str
    policy: str
    identity_id: str
    authentication: Authentication
    attributes: _containers.ScalarMap[str, str]
    request_id: str
    def __init__(self, verification_id: _Optional[str] = ..., policy: _Optional[str] = ..., identity_id: _Optional[str] = ..., authentication: _Optional[_Union[Authentication, _Mapping]] = ..., attributes: _Optional[_Mapping[str, str]] = ..., request_id: _Optional[str] = ...) -> None: ...

class Authentication(_message.Message):
    __slots__ = ("acr", "amr", "auth_time")
    ACR_FIELD_NUMBER: _ClassVar[int]
    AMR_FIELD_NUMBER: _ClassVar[int]
    AUTH_TIME_FIELD_NUMBER: _ClassVar[int]
    acr: str
    amr: _containers.RepeatedScalarFieldContainer[str]
    auth_time: _timestamp_pb2.Timestamp
    def __init__(self, acr: _Optional[str] = ..., amr: _Optional[_Iterable[str]] = ..., auth_time: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class CheckAccessResponse(_message.Message):
    __slots__ = ("decision", "reasons", "decision_id", "policy_revision", "decided_at", "valid_until", "valid_for", "next_change", "step_up", "evidence", "degraded", "request_id")
    DECISION_FIELD_NUMBER: _ClassVar[int]
    REASONS_FIELD_NUMBER: _ClassVar[int]
    DECISION_ID_FIELD_NUMBER: _ClassVar[int]
    POLICY_REVISION_FIELD_NUMBER: _ClassVar[int]
    DECIDED_AT_FIELD_NUMBER: _ClassVar[int]
    VALID_UNTIL_FIELD_NUMBER: _ClassVar[int]
    VALID_FOR_FIELD_NUMBER: _ClassVar[int]
    NEXT_CHANGE_FIELD_NUMBER: _ClassVar[int]
    STEP_UP_FIELD_NUMBER: _ClassVar[int]
    EVIDENCE_FIELD_NUMBER: _ClassVar[int]
    DEGRADED_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    decision: Decision
    reasons: _containers.RepeatedCompositeFieldContainer[Reason]
    decision_id: str
    policy_revision: str
    decided_at: _timestamp_pb2.Timestamp
    valid_until: _timestamp_pb2.Timestamp
    valid_for: _duration_pb2.Duration
    next_change: Change
    step_up: StepUp
    evidence: EvidenceInfo
    degraded: bool
    request_id: str
    def __init__(self, decision: _Optional[_Union[Decision, str]] = ..., reasons: _Optional[_Iterable[_Union[Reason, _Mapping]]] = ..., decision_id: _Optional[str] = ..., policy_revision: _Optional[str] = ..., decided_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., valid_until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., valid_for: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., next_change: _Optional[_Union[Change, _Mapping]] = ..., step_up: _Optional[_Union[StepUp, _Mapping]] = ..., evidence: _Optional[_Union[EvidenceInfo, _Mapping]] = ..., degraded: bool = ..., request_id: _Optional[str] = ...) -> None: ...

class Reason(_message.Message):
    __slots__ = ("code", "rule", "effect", "message")
    CODE_FIELD_NUMBER: _ClassVar[int]
    RULE_FIELD_NUMBER: _ClassVar[int]
    EFFECT_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    code: ReasonCode
    rule: str
    effect: Decision
    message: str
    def __init__(self, code: _Optional[_Union[ReasonCode, str]] = ..., rule: _Optional[str] = ..., effect: _Optional[_Union[Decision, str]] = ..., message: _Optional[str] = ...) -> None: ...

class Change(_message.Message):
    __slots__ = ("at", "to")
    AT_FIELD_NUMBER: _ClassVar[int]
    TO_FIELD_NUMBER: _ClassVar[int]
    at: _timestamp_pb2.Timestamp
    to: Decision
    def __init__(self, at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., to: _Optional[_Union[Decision, str]] = ...) -> None: ...

class StepUp(_message.Message):
    __slots__ = ("remedies", "alternatives")
    REMEDIES_FIELD_NUMBER: _ClassVar[int]
    ALTERNATIVES_FIELD_NUMBER: _ClassVar[int]
    remedies: _containers.RepeatedCompositeFieldContainer[Remedy]
    alternatives: _containers.RepeatedCompositeFieldContainer[RemedySet]
    def __init__(self, remedies: _Optional[_Iterable[_Union[Remedy, _Mapping]]] = ..., alternatives: _Optional[_Iterable[_Union[RemedySet, _Mapping]]] = ...) -> None: ...

class RemedySet(_message.Message):
    __slots__ = ("remedies",)
    REMEDIES_FIELD_NUMBER: _ClassVar[int]
    remedies: _containers.RepeatedCompositeFieldContainer[Remedy]
    def __init__(self, remedies: _Optional[_Iterable[_Union[Remedy, _Mapping]]] = ...) -> None: ...

class Remedy(_message.Message):
    __slots__ = ("reverify", "authenticate", "grant_scopes", "wait", "identify")
    REVERIFY_FIELD_NUMBER: _ClassVar[int]
    AUTHENTICATE_FIELD_NUMBER: _ClassVar[int]
    GRANT_SCOPES_FIELD_NUMBER: _ClassVar[int]
    WAIT_FIELD_NUMBER: _ClassVar[int]
    IDENTIFY_FIELD_NUMBER: _ClassVar[int]
    reverify: Reverify
    authenticate: Authenticate
    grant_scopes: GrantScopes
    wait: Wait
    identify: Identify
    def __init__(self, reverify: _Optional[_Union[Reverify, _Mapping]] = ..., authenticate: _Optional[_Union[Authenticate, _Mapping]] = ..., grant_scopes: _Optional[_Union[GrantScopes, _Mapping]] = ..., wait: _Optional[_Union[Wait, _Mapping]] = ..., identify: _Optional[_Union[Identify, _Mapping]] = ...) -> None: ...

class Reverify(_message.Message):
    __slots__ = ("max_age",)
    MAX_AGE_FIELD_NUMBER: _ClassVar[int]
    max_age: _duration_pb2.Duration
    def __init__(self, max_age: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class Authenticate(_message.Message):
    __slots__ = ("acr", "amr", "max_age", "amr_all_of")
    ACR_FIELD_NUMBER: _ClassVar[int]
    AMR_FIELD_NUMBER: _ClassVar[int]
    MAX_AGE_FIELD_NUMBER: _ClassVar[int]
    AMR_ALL_OF_FIELD_NUMBER: _ClassVar[int]
    acr: _containers.RepeatedScalarFieldContainer[str]
    amr: _containers.RepeatedScalarFieldContainer[str]
    max_age: _duration_pb2.Duration
    amr_all_of: _containers.RepeatedCompositeFieldContainer[AmrGroup]
    def __init__(self, acr: _Optional[_Iterable[str]] = ..., amr: _Optional[_Iterable[str]] = ..., max_age: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ..., amr_all_of: _Optional[_Iterable[_Union[AmrGroup, _Mapping]]] = ...) -> None: ...

class AmrGroup(_message.Message):
    __slots__ = ("amr",)
    AMR_FIELD_NUMBER: _ClassVar[int]
    amr: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, amr: _Optional[_Iterable[str]] = ...) -> None: ...

class GrantScopes(_message.Message):
    __slots__ = ("scopes",)
    SCOPES_FIELD_NUMBER: _ClassVar[int]
    scopes: _containers.RepeatedScalarFieldContainer[str]
    def __init__(self, scopes: _Optional[_Iterable[str]] = ...) -> None: ...

class Wait(_message.Message):
    __slots__ = ("until",)
    UNTIL_FIELD_NUMBER: _ClassVar[int]
    until: _timestamp_pb2.Timestamp
    def __init__(self, until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class Identify(_message.Message):
    __slots__ = ()
    def __init__(self) -> None: ...

class EvidenceInfo(_message.Message):
    __slots__ = ("source", "seen_at", "verified_at", "status", "scopes", "trace_id", "fresh_until")
    SOURCE_FIELD_NUMBER: _ClassVar[int]
    SEEN_AT_FIELD_NUMBER: _ClassVar[int]
    VERIFIED_AT_FIELD_NUMBER: _ClassVar[int]
    STATUS_FIELD_NUMBER: _ClassVar[int]
    SCOPES_FIELD_NUMBER: _ClassVar[int]
    TRACE_ID_FIELD_NUMBER: _ClassVar[int]
    FRESH_UNTIL_FIELD_NUMBER: _ClassVar[int]
    source: EvidenceSource
    seen_at: _timestamp_pb2.Timestamp
    verified_at: _timestamp_pb2.Timestamp
    status: str
    scopes: _containers.RepeatedScalarFieldContainer[str]
    trace_id: str
    fresh_until: _timestamp_pb2.Timestamp
    def __init__(self, source: _Optional[_Union[EvidenceSource, str]] = ..., seen_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., verified_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ..., status: _Optional[str] = ..., scopes: _Optional[_Iterable[str]] = ..., trace_id: _Optional[str] = ..., fresh_until: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...

class BatchCheckAccessRequest(_message.Message):
    __slots__ = ("checks",)
    CHECKS_FIELD_NUMBER: _ClassVar[int]
    checks: _containers.RepeatedCompositeFieldContainer[CheckAccessRequest]
    def __init__(self, checks: _Optional[_Iterable[_Union[CheckAccessRequest, _Mapping]]] = ...) -> None: ...

class BatchCheckAccessResponse(_message.Message):
    __slots__ = ("results",)
    RESULTS_FIELD_NUMBER: _ClassVar[int]
    results: _containers.RepeatedCompositeFieldContainer[BatchCheckAccessResult]
    def __init__(self, results: _Optional[_Iterable[_Union[BatchCheckAccessResult, _Mapping]]] = ...) -> None: ...

class BatchCheckAccessResult(_message.Message):
    __slots__ = ("response", "error")
    RESPONSE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    response: CheckAccessResponse
    error: CheckError
    def __init__(self, response: _Optional[_Union[CheckAccessResponse, _Mapping]] = ..., error: _Optional[_Union[CheckError, _Mapping]] = ...) -> None: ...

class CheckError(_message.Message):
    __slots__ = ("code", "message", "retry_after")
    CODE_FIELD_NUMBER: _ClassVar[int]
    MESSAGE_FIELD_NUMBER: _ClassVar[int]
    RETRY_AFTER_FIELD_NUMBER: _ClassVar[int]
    code: int
    message: str
    retry_after: _duration_pb2.Duration
    def __init__(self, code: _Optional[int] = ..., message: _Optional[str] = ..., retry_after: _Optional[_Union[datetime.timedelta, _duration_pb2.Duration, _Mapping]] = ...) -> None: ...

class StreamCheckAccessResponse(_message.Message):
    __slots__ = ("request_id", "response", "error")
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    RESPONSE_FIELD_NUMBER: _ClassVar[int]
    ERROR_FIELD_NUMBER: _ClassVar[int]
    request_id: str
    response: CheckAccessResponse
    error: CheckError
    def __init__(self, request_id: _Optional[str] = ..., response: _Optional[_Union[CheckAccessResponse, _Mapping]] = ..., error: _Optional[_Union[CheckError, _Mapping]] = ...) -> None: ...

class BeginStepUpRequest(_message.Message):
    __slots__ = ("verification_id", "policy", "login_hint", "redirect_url", "request_id")
    VERIFICATION_ID_FIELD_NUMBER: _ClassVar[int]
    POLICY_FIELD_NUMBER: _ClassVar[int]
    LOGIN_HINT_FIELD_NUMBER: _ClassVar[int]
    REDIRECT_URL_FIELD_NUMBER: _ClassVar[int]
    REQUEST_ID_FIELD_NUMBER: _ClassVar[int]
    verification_id: str
    policy: str
    login_hint: str
    redirect_url: str
    request_id: str
    def __init__(self, verification_id: _Optional[str] = ..., policy: _Optional[str] = ..., login_hint: _Optional[str] = ..., redirect_url: _Optional[str] = ..., request_id: _Optional[str] = ...) -> None: ...

class BeginStepUpResponse(_message.Message):
    __slots__ = ("step_up_id", "verification_link", "trace_id", "expires_at")
    STEP_UP_ID_FIELD_NUMBER: _ClassVar[int]
    VERIFICATION_LINK_FIELD_NUMBER: _ClassVar[int]
    TRACE_ID_FIELD_NUMBER: _ClassVar[int]
    EXPIRES_AT_FIELD_NUMBER: _ClassVar[int]
    step_up_id: str
    verification_link: str
    trace_id: str
    expires_at: _timestamp_pb2.Timestamp
    def __init__(self, step_up_id: _Optional[str] = ..., verification_link: _Optional[str] = ..., trace_id: _Optional[str] = ..., expires_at: _Optional[_Union[datetime.datetime, _timestamp_pb2.Timestamp, _Mapping]] = ...) -> None: ...
