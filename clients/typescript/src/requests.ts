/** What the service is asked. */

import { create, type MessageInitShape } from '@bufbuild/protobuf';
import { timestampFromDate } from '@bufbuild/protobuf/wkt';

import { VerigateError } from './errors.js';
import {
  type BeginStepUpRequest as BeginMessage,
  BeginStepUpRequestSchema,
  type CheckAccessRequest as CheckMessage,
  CheckAccessRequestSchema,
} from './gen/verigate/v1/access_pb.js';

/** How the person authenticated in the current session, in the terms of OpenID Connect. */
export interface Authentication {
  readonly acr?: string;
  readonly amr?: readonly string[];
  readonly authTime?: Date;
}

/** One check. The service says what each field may be: `proto/verigate/v1/access.proto`. */
export interface CheckAccessRequest {
  readonly verificationId: string;
  readonly policy: string;
  /** The identity of the owner of the badge or session. */
  readonly identityId?: string;
  readonly authentication?: Authentication;
  readonly attributes?: Readonly<Record<string, string>>;
  /** The caller's own id of this request, for the journal. */
  readonly requestId?: string;
}

/** A request for a link by which a person can verify again. */
export interface BeginStepUpRequest {
  readonly verificationId: string;
  readonly policy: string;
  /** The person's e-mail address. */
  readonly loginHint: string;
  readonly redirectUrl?: string;
  /** The idempotency key. Without one, the call gets a random one. */
  readonly requestId?: string;
}

/** The message of a check. What no message can hold is INVALID_ARGUMENT. */
export function messageOf(request: CheckAccessRequest): CheckMessage {
  if (typeof request !== 'object' || request === null) throw invalid('the request is no object');
  const init: MessageInitShape<typeof CheckAccessRequestSchema> = {
    verificationId: text('verificationId', request.verificationId),
    policy: text('policy', request.policy),
    identityId: text('identityId', request.identityId ?? ''),
    requestId: text('requestId', request.requestId ?? ''),
    attributes: attributesOf(request.attributes ?? {}),
  };
  const message = create(CheckAccessRequestSchema, init);
  if (request.authentication !== undefined) message.authentication = authenticationOf(request.authentication);
  return message;
}

/** The message that asks for a link. It always has an idempotency key, so that it can be repeated. */
export function beginMessageOf(request: BeginStepUpRequest): BeginMessage {
  return create(BeginStepUpRequestSchema, {
    verificationId: text('verificationId', request.verificationId),
    policy: text('policy', request.policy),
    loginHint: text('loginHint', request.loginHint),
    redirectUrl: text('redirectUrl', request.redirectUrl ?? ''),
    requestId: text('requestId', request.requestId ?? '') || crypto.randomUUID(),
  });
}

/** The id as the service sends it back: with `_` in place of each character that is not visible ASCII. */
export function cleaned(requestId: unknown): string {
  if (typeof requestId !== 'string') return '';
  return Array.from(requestId, (c) => (c >= '!' && c <= '~' ? c : '_')).join('');
}

function authenticationOf(given: Authentication): NonNullable<CheckMessage['authentication']> {
  if (typeof given !== 'object' || given === null) throw invalid('authentication is no object');
  const amr: unknown = given.amr ?? [];
  if (!Array.isArray(amr)) throw invalid('authentication.amr is no list');
  const holder = create(CheckAccessRequestSchema, {
    authentication: { acr: text('authentication.acr', given.acr ?? ''), amr: amr.map((one) => text('authentication.amr', one)) },
  });
  const { authentication } = holder;
  if (authentication === undefined) throw invalid('authentication cannot be encoded');
  if (given.authTime !== undefined) {
    if (!(given.authTime instanceof Date) || Number.isNaN(given.authTime.getTime())) {
      throw invalid('authentication.authTime is no date');
    }
    authentication.authTime = timestampFromDate(given.authTime);
  }
  return authentication;
}

function attributesOf(given: Readonly<Record<string, string>>): Record<string, string> {
  if (typeof given !== 'object' || given === null) throw invalid('attributes is no object');
  const entries = Object.entries(given).map(([key, value]) => [text('attributes', key), text('attributes', value)] as const);
  // In one order, so that equal requests have equal bytes.
  entries.sort(([a], [b]) => (a < b ? -1 : 1));
  return Object.fromEntries(entries);
}

function text(name: string, value: unknown): string {
  if (typeof value !== 'string') throw invalid(`${name} is no text`);
  // An encoder would send another character in place of half of a pair.
  if (/\p{Surrogate}/u.test(value)) throw invalid(`${name} is no valid text`);
  return value;
}

function invalid(details: string): VerigateError {
  return new VerigateError('INVALID_ARGUMENT', details);
}
