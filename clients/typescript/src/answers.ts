/** What the service answers. The fields are those of `proto/verigate/v1/access.proto`; durations are in milliseconds. */

import type { VerigateError } from './errors.js';

/** What a door or a gateway must do. Only `ALLOW` opens anything. */
export type Decision = 'ALLOW' | 'STEP_UP' | 'DENY';

/** Why a rule is not met. `UNKNOWN`: a reason that this version of the package does not know. */
export type ReasonCode =
  | 'UNKNOWN'
  | 'VERIFICATION_NOT_FOUND'
  | 'EVIDENCE_UNAVAILABLE'
  | 'EVIDENCE_INVALID'
  | 'STATUS_NOT_ACCEPTED'
  | 'VERIFICATION_TOO_OLD'
  | 'VERIFIED_AT_MISSING'
  | 'VERIFIED_AT_IN_FUTURE'
  | 'SCOPE_NOT_GRANTED'
  | 'DATA_MISSING'
  | 'UNDER_AGE'
  | 'OVER_AGE'
  | 'PHONE_NOT_ACCEPTED'
  | 'IDENTITY_NOT_GIVEN'
  | 'IDENTITY_MISMATCH'
  | 'IDENTITY_NOT_LISTED'
  | 'IDENTITY_BLOCKED'
  | 'PROJECT_NOT_ACCEPTED'
  | 'AUTHENTICATION_REQUIRED'
  | 'ATTRIBUTE_NOT_ACCEPTED'
  | 'OUTSIDE_SCHEDULE'
  | 'DATA_INVALID'
  | 'NO_ALTERNATIVE_MET';

/** Where evidence came from. `UNKNOWN`: a source that this version of the package does not know. */
export type EvidenceSource = 'UNKNOWN' | 'CACHE' | 'SHARED_CACHE' | 'UPSTREAM' | 'STALE' | 'NONE';

/** One rule that is not met. */
export interface Reason {
  readonly code: ReasonCode;
  /** The rule in the words of the policy, such as "verified_within: 30d". */
  readonly rule: string;
  /** What this rule alone asks for: STEP_UP or DENY. */
  readonly effect: Decision;
  /** For people. */
  readonly message: string;
}

/** The next change that time alone brings. A decision that this version of the package does not know is DENY. */
export interface Change {
  readonly at: Date;
  readonly to: Decision;
}

/** One thing that would help. */
export type Remedy =
  /** Verify again, not longer ago than `maxAgeMs`; without it, of any age. */
  | { readonly kind: 'reverify'; readonly maxAgeMs: number | undefined }
  /** Authenticate again: one of `acr` (if there are any) and one of each group of `amrAllOf`, not longer ago than `maxAgeMs`. */
  | {
      readonly kind: 'authenticate';
      readonly acr: readonly string[];
      readonly amr: readonly string[];
      readonly maxAgeMs: number | undefined;
      readonly amrAllOf: readonly (readonly string[])[];
    }
  /** Let the verification carry the data of these scopes. */
  | { readonly kind: 'grantScopes'; readonly scopes: readonly string[] }
  /** Ask again, not before this instant. */
  | { readonly kind: 'wait'; readonly until: Date | undefined }
  /** Send `identityId`. */
  | { readonly kind: 'identify' }
  /** A remedy that this version of the package does not know. */
  | { readonly kind: 'unknown' };

/** What would make it ALLOW: any one of the alternatives, each with all its remedies. `remedies` is the first alternative. */
export interface StepUp {
  readonly remedies: readonly Remedy[];
  readonly alternatives: readonly (readonly Remedy[])[];
}

/** What a decision rests on. No data of a person. */
export interface EvidenceInfo {
  readonly source: EvidenceSource;
  readonly seenAt: Date | undefined;
  readonly verifiedAt: Date | undefined;
  readonly status: string;
  readonly scopes: readonly string[];
  readonly traceId: string;
  readonly freshUntil: Date | undefined;
}

/**
 * The answer to one check. Open on `allowed`, and on nothing else. A check that failed is an answer too: DENY, with what happened in `error`.
 * Instants are by the clock of the service.
 */
export interface Answer {
  /** Whether the person may pass. */
  readonly allowed: boolean;
  readonly decision: Decision;
  /** One for each rule that is not met. Empty for ALLOW. */
  readonly reasons: readonly Reason[];
  /** Names the decision in the journal. Empty if there was an error. */
  readonly decisionId: string;
  /** The digest of the policies that decided. */
  readonly policyRevision: string;
  /** The instant that the decision was made for. */
  readonly decidedAt: Date | undefined;
  /** Until when the answer may be reused (exclusive), by the clock of the service. Undefined: not at all. */
  readonly validUntil: Date | undefined;
  /** The same as a duration, which counts from when the request was sent; if `reused`, from now. */
  readonly validForMs: number | undefined;
  readonly nextChange: Change | undefined;
  readonly stepUp: StepUp | undefined;
  readonly evidence: EvidenceInfo | undefined;
  /** The vendor could not be asked, and the decision rests on stale evidence or on none; or the clocks are apart. */
  readonly degraded: boolean;
  /** The caller's own id of the request, as the service has cleaned it. */
  readonly requestId: string;
  /** Why there is no decision of the service. The decision is then DENY. */
  readonly error: VerigateError | undefined;
  /** Whether this is an earlier ALLOW, which may still be reused. */
  readonly reused: boolean;
}

/** A link by which a person can verify again. Give it to that person alone. It grants nothing. */
export interface StepUpLink {
  readonly stepUpId: string;
  readonly verificationLink: string;
  /** The id of the new verification. Empty if the vendor does not say. */
  readonly traceId: string;
  readonly expiresAt: Date | undefined;
}

/** The typed denial of a check that failed. */
export function denial(error: VerigateError, requestId: string): Answer {
  return Object.freeze({
    allowed: false,
    decision: 'DENY',
    reasons: [],
    decisionId: '',
    policyRevision: '',
    decidedAt: undefined,
    validUntil: undefined,
    validForMs: undefined,
    nextChange: undefined,
    stepUp: undefined,
    evidence: undefined,
    degraded: false,
    requestId,
    error,
    reused: false,
  });
}
