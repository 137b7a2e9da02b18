/** From messages to answers. An answer that is not understood is an error, and never an ALLOW. */

import { type Duration, type Timestamp, timestampDate } from '@bufbuild/protobuf/wkt';

import type { Answer, Decision, EvidenceInfo, EvidenceSource, Reason, ReasonCode, Remedy, StepUpLink } from './answers.js';
import { codeOf, milliseconds, UnusableAnswerError, VerigateError } from './errors.js';
import * as v1 from './gen/verigate/v1/access_pb.js';
import { cleaned } from './requests.js';

const DECISIONS: ReadonlyMap<number, Decision> = new Map([
  [v1.Decision.ALLOW, 'ALLOW'],
  [v1.Decision.STEP_UP, 'STEP_UP'],
  [v1.Decision.DENY, 'DENY'],
]);
/** Of the first and the last second of the years 1 to 9999, which the messages can carry. */
const INSTANT_SECONDS = [-62_135_596_800, 253_402_300_799] as const;

/** The answer to the request with this id. */
export function answerOf(response: v1.CheckAccessResponse, requestId: string): Answer {
  const decision = DECISIONS.get(response.decision);
  if (decision === undefined) {
    throw new UnusableAnswerError(`the service sent the decision ${response.decision}, which is not known here`);
  }
  if (response.requestId !== cleaned(requestId)) {
    throw new UnusableAnswerError('the service sent the answer to another request');
  }
  const { nextChange, stepUp } = response;
  return Object.freeze({
    allowed: decision === 'ALLOW',
    decision,
    reasons: response.reasons.map(reasonOf),
    decisionId: response.decisionId,
    policyRevision: response.policyRevision,
    decidedAt: instant(response.decidedAt),
    validUntil: instant(response.validUntil),
    validForMs: duration(response.validFor),
    nextChange: nextChange?.at && { at: date(nextChange.at), to: DECISIONS.get(nextChange.to) ?? 'DENY' },
    stepUp: stepUp && {
      remedies: stepUp.remedies.map(remedyOf),
      alternatives: stepUp.alternatives.map((set) => set.remedies.map(remedyOf)),
    },
    evidence: response.evidence && evidenceOf(response.evidence),
    degraded: response.degraded,
    requestId: response.requestId,
    error: undefined,
    reused: false,
  });
}

/** The answer to one of several requests. Throws its error. */
export function resultOf(one: v1.BatchCheckAccessResult | v1.StreamCheckAccessResponse, requestId: string): Answer {
  switch (one.result.case) {
    case 'response':
      return answerOf(one.result.value, requestId);
    case 'error': {
      const { code, message, retryAfter } = one.result.value;
      throw new VerigateError(codeOf(code), message, { retryAfterMs: duration(retryAfter), attempts: 1 });
    }
    default:
      throw new UnusableAnswerError('the service sent neither an answer nor an error');
  }
}

/** A link by which a person can verify again. */
export function linkOf(response: v1.BeginStepUpResponse): StepUpLink {
  const { stepUpId, verificationLink, traceId } = response;
  return Object.freeze({ stepUpId, verificationLink, traceId, expiresAt: instant(response.expiresAt) });
}

function date(timestamp: Timestamp): Date {
  const seconds = Number(timestamp.seconds);
  const [first, last] = INSTANT_SECONDS;
  if (seconds < first || seconds > last) throw new UnusableAnswerError('the service sent a time that is out of range');
  return timestampDate(timestamp);
}

function instant(timestamp: Timestamp | undefined): Date | undefined {
  return timestamp && date(timestamp);
}

function duration(lasts: Duration | undefined): number | undefined {
  return lasts && milliseconds(lasts);
}

function reasonOf(reason: v1.Reason): Reason {
  return {
    code: reasonCodeOf(reason.code),
    rule: reason.rule,
    effect: DECISIONS.get(reason.effect) ?? 'DENY',
    message: reason.message,
  };
}

function reasonCodeOf(code: v1.ReasonCode): ReasonCode {
  if (code === v1.ReasonCode.UNSPECIFIED) return 'UNKNOWN';
  // The names are those of the contract: the types of both are compared below.
  return (v1.ReasonCode[code] as Named<typeof v1.ReasonCode> | undefined) ?? 'UNKNOWN';
}

function sourceOf(source: v1.EvidenceSource): EvidenceSource {
  if (source === v1.EvidenceSource.UNSPECIFIED) return 'UNKNOWN';
  return (v1.EvidenceSource[source] as Named<typeof v1.EvidenceSource> | undefined) ?? 'UNKNOWN';
}

/** The names of the values that an enum of the contract has. */
type Named<E> = Exclude<keyof E, 'UNSPECIFIED'>;

function remedyOf({ remedy }: v1.Remedy): Remedy {
  switch (remedy.case) {
    case 'reverify':
      return { kind: 'reverify', maxAgeMs: duration(remedy.value.maxAge) };
    case 'authenticate': {
      const { acr, amr, maxAge, amrAllOf } = remedy.value;
      return { kind: 'authenticate', acr, amr, maxAgeMs: duration(maxAge), amrAllOf: amrAllOf.map((group) => group.amr) };
    }
    case 'grantScopes':
      return { kind: 'grantScopes', scopes: remedy.value.scopes };
    case 'wait':
      return { kind: 'wait', until: instant(remedy.value.until) };
    case 'identify':
      return { kind: 'identify' };
    default:
      return { kind: 'unknown' };
  }
}

function evidenceOf(evidence: v1.EvidenceInfo): EvidenceInfo {
  return {
    source: sourceOf(evidence.source),
    seenAt: instant(evidence.seenAt),
    verifiedAt: instant(evidence.verifiedAt),
    status: evidence.status,
    scopes: evidence.scopes,
    traceId: evidence.traceId,
    freshUntil: instant(evidence.freshUntil),
  };
}
