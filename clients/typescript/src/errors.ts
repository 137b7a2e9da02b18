/** Why a call has no answer of the service. */

import { fromBinary } from '@bufbuild/protobuf';
import { anyUnpack, type Duration } from '@bufbuild/protobuf/wkt';
import { type Metadata, status } from '@grpc/grpc-js';

import { BadRequestSchema, RetryInfoSchema } from './gen/google/rpc/error_details_pb.js';
import { StatusSchema } from './gen/google/rpc/status_pb.js';

const DETAILS = 'grpc-status-details-bin';
const PUSHBACK = 'grpc-retry-pushback-ms';

/** The codes of gRPC, but for that of success. */
export type ErrorCode = Exclude<keyof typeof status, 'OK'>;

/** A wrong field of a request. An empty `field`: how many more there are. */
export interface FieldViolation {
  readonly field: string;
  readonly description: string;
}

interface More {
  readonly retryAfterMs?: number | undefined;
  readonly violations?: readonly FieldViolation[];
  readonly attempts?: number;
  readonly mayRetry?: boolean;
}

/**
 * A call without an answer. `code` says what kind of error it is: INVALID_ARGUMENT, NOT_FOUND (no such policy), UNAUTHENTICATED,
 * PERMISSION_DENIED, RESOURCE_EXHAUSTED, DEADLINE_EXCEEDED, OUT_OF_RANGE (too large), UNAVAILABLE, UNIMPLEMENTED, CANCELLED (the client was
 * closed), or INTERNAL (an unusable answer).
 */
export class VerigateError extends Error {
  override readonly name: string = 'VerigateError';
  readonly code: ErrorCode;
  /** What the service says, without the code. */
  readonly details: string;
  /** When to ask again, at the earliest. Undefined: no time is known. */
  readonly retryAfterMs: number | undefined;
  /** The wrong fields of the request, for INVALID_ARGUMENT. */
  readonly violations: readonly FieldViolation[];
  /** How many times the service was asked. */
  readonly attempts: number;
  /** False if the service said not to ask again. */
  readonly mayRetry: boolean;

  constructor(code: ErrorCode, details: string, more: More = {}) {
    super(`${code}: ${details}`);
    this.code = code;
    this.details = details;
    this.retryAfterMs = more.retryAfterMs;
    this.violations = more.violations ?? [];
    this.attempts = more.attempts ?? 0;
    this.mayRetry = more.mayRetry ?? true;
  }

  /** The same error after this number of attempts. */
  after(attempts: number): VerigateError {
    const { retryAfterMs, violations, mayRetry } = this;
    return new VerigateError(this.code, this.details, { retryAfterMs, violations, mayRetry, attempts });
  }
}

/** The service answered what this version of the package does not know, or what is no answer to the request. */
export class UnusableAnswerError extends VerigateError {
  override readonly name: string = 'UnusableAnswerError';

  constructor(details: string) {
    super('INTERNAL', details);
  }
}

/** The code of this number. Success is no error's, and neither is a number without a name. */
export function codeOf(number: number): ErrorCode {
  const name = status[number] as keyof typeof status | undefined;
  return name === undefined || name === 'OK' ? 'UNKNOWN' : name;
}

/** The error of a call by what grpc-js reports. */
export function ofRpc(
  error: { readonly code?: unknown; readonly details?: unknown; readonly metadata?: Metadata | undefined },
  attempts: number,
): VerigateError {
  if (error instanceof VerigateError) return error;
  if (typeof error.code !== 'number') {
    const name = error instanceof Error ? error.name : typeof error;
    return new VerigateError('UNKNOWN', `the call failed: ${name}`, { attempts });
  }
  const { retryAfterMs, violations } = detailsOf(error.metadata?.get(DETAILS)[0]);
  const pushback = error.metadata?.get(PUSHBACK)[0];
  // gRFC A6: a value that is no number, or a negative one, says not to ask again.
  const isTime = pushback === undefined || /^[0-9]{1,9}$/.test(String(pushback));
  return new VerigateError(codeOf(error.code), typeof error.details === 'string' ? error.details : 'no details', {
    retryAfterMs: pushback !== undefined && isTime ? Number(pushback) : retryAfterMs,
    violations,
    attempts,
    mayRetry: isTime,
  });
}

/** RetryInfo and BadRequest of a status. What cannot be read is without effect. */
function detailsOf(encoded: unknown): { retryAfterMs: number | undefined; violations: FieldViolation[] } {
  let retryAfterMs: number | undefined;
  const violations: FieldViolation[] = [];
  try {
    if (!(encoded instanceof Uint8Array)) return { retryAfterMs, violations };
    for (const detail of fromBinary(StatusSchema, encoded).details) {
      const retry = anyUnpack(detail, RetryInfoSchema);
      if (retry?.retryDelay) retryAfterMs = milliseconds(retry.retryDelay);
      const wrong = anyUnpack(detail, BadRequestSchema);
      for (const { field, description } of wrong?.fieldViolations ?? []) violations.push({ field, description });
    }
  } catch {
    // The code is enough.
  }
  return { retryAfterMs, violations };
}

/** The longest duration that the messages can carry, in seconds. */
const SECONDS_MAX = 315_576_000_000;

/** A duration in whole milliseconds, rounded down. */
export function milliseconds(duration: Duration): number {
  const seconds = Number(duration.seconds);
  if (Math.abs(seconds) > SECONDS_MAX) throw new UnusableAnswerError('the service sent a time that is out of range');
  return seconds * 1000 + Math.floor(duration.nanos / 1_000_000);
}
