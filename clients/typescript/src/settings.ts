/** The settings of a client, and the parts of its calls that wait for nothing. */

import { type Answer, denial } from './answers.js';
import { type Connection, type ConnectionSettings, connectionOf } from './connection.js';
import { UnusableAnswerError, VerigateError } from './errors.js';
import type * as v1 from './gen/verigate/v1/access_pb.js';
import { ATTEMPTS } from './retry.js';
import { type Reading, Reuse } from './reuse.js';
import { answerOf, resultOf } from './wire.js';

export const DEADLINE_MS = 1000;
/** The service asks the vendor for a link, and answers within 2.5 seconds. */
export const STEP_UP_DEADLINE_MS = 3000;
export const BATCH_CHECKS_MAX = 256;
/** The longest time of a timer. */
const TIMER_MS_MAX = 2 ** 31 - 1;

/** The settings of a client, each with its default. Times are in milliseconds. */
export interface ClientSettings extends ConnectionSettings {
  /** Deadline of a call that names none, with all its attempts. 1000. */
  readonly deadlineMs?: number;
  /** What a check without an answer becomes: "deny", an answer with DENY and the error; or "throw". "deny". */
  readonly onError?: 'deny' | 'throw';
  /** How many times a call is made at most, the first one included. 3. */
  readonly attempts?: number;
  /** How many ALLOW may be kept for reuse within their `validForMs`. 0: none is reused. */
  readonly reuseCapacity?: number;
}

/** What a call may say of itself. */
export interface CallOptions {
  /** In milliseconds; that of the client unless it is given. */
  readonly deadlineMs?: number;
}

/** What a check may say of itself. */
export interface CheckOptions extends CallOptions {
  /** Whether an earlier ALLOW may be given. True. */
  readonly reuse?: boolean;
}

/** The settings, checked. */
export class Settings {
  readonly connection: Connection;
  readonly deadlineMs: number;
  readonly attempts: number;
  readonly #throws: boolean;
  reuse: Reuse;

  constructor(address: string, settings: ClientSettings) {
    const { deadlineMs = DEADLINE_MS, onError = 'deny', attempts = ATTEMPTS, reuseCapacity = 0 } = settings;
    if (onError !== 'deny' && onError !== 'throw') throw new TypeError(`onError is \`${onError}\`: use "deny" or "throw"`);
    if (!isTime(deadlineMs) || deadlineMs <= 0) throw new TypeError(`deadlineMs is ${deadlineMs}: milliseconds above 0 are needed`);
    if (!Number.isInteger(attempts) || attempts < 1 || attempts > 10) throw new TypeError(`attempts is ${attempts}: 1 to 10 are possible`);
    if (!Number.isInteger(reuseCapacity) || reuseCapacity < 0) {
      throw new TypeError(`reuseCapacity is ${reuseCapacity}: 0 or more are needed`);
    }
    this.connection = connectionOf(address, settings);
    this.deadlineMs = deadlineMs;
    this.attempts = attempts;
    this.#throws = onError === 'throw';
    this.reuse = new Reuse(reuseCapacity);
  }

  /** The deadline of a call, in milliseconds from now. One that has passed is DEADLINE_EXCEEDED. */
  milliseconds(options: CallOptions, fallback: number = this.deadlineMs): number {
    const { deadlineMs = fallback } = options;
    if (!isTime(deadlineMs)) throw new VerigateError('INVALID_ARGUMENT', 'deadlineMs is no number of milliseconds that a timer can have');
    if (deadlineMs <= 0) throw new VerigateError('DEADLINE_EXCEEDED', 'the deadline had passed before the call');
    return deadlineMs;
  }

  /** What a check without an answer becomes: a denial with the error, or the error itself. */
  settle(error: VerigateError, requestId: string): Answer {
    this.throwIfWanted(error);
    return denial(error, requestId);
  }

  /** Throws the error, if errors are to be thrown. */
  throwIfWanted(error: VerigateError): void {
    if (this.#throws) throw error;
  }

  /** The answer that a response is, which may then be reused. */
  judge(message: v1.CheckAccessRequest, sent: Reading, response: v1.CheckAccessResponse): Answer {
    return orThrow(this.#recorded(message, sent, () => answerOf(response, message.requestId)));
  }

  /** The answers of a batch, in the order of the requests. What is wrong with one is a denial, whatever `onError` is. */
  judgeBatch(messages: readonly v1.CheckAccessRequest[], sent: Reading, response: v1.BatchCheckAccessResponse): (Answer | VerigateError)[] {
    const { results } = response;
    if (results.length !== messages.length) {
      throw new UnusableAnswerError(`the service sent ${results.length} results for ${messages.length} checks`);
    }
    return messages.map((message, index) => {
      const one = results[index];
      return one ? this.result(message, sent, one) : new UnusableAnswerError('a result is missing');
    });
  }

  /** The answer to one of several checks, or its own error. */
  result(
    message: v1.CheckAccessRequest,
    sent: Reading,
    one: v1.BatchCheckAccessResult | v1.StreamCheckAccessResponse,
  ): Answer | VerigateError {
    return this.#recorded(message, sent, () => resultOf(one, message.requestId));
  }

  #recorded(message: v1.CheckAccessRequest, sent: Reading, judge: () => Answer): Answer | VerigateError {
    let result: Answer | VerigateError;
    try {
      result = judge();
    } catch (error) {
      result = errorOf(error);
    }
    this.reuse.record(message, sent, result);
    return result;
  }
}

/** The error that something thrown is. */
export function errorOf(thrown: unknown): VerigateError {
  if (thrown instanceof VerigateError) return thrown;
  const name = thrown instanceof Error ? thrown.name : typeof thrown;
  return new VerigateError('INTERNAL', `the client failed: ${name}`, { mayRetry: false });
}

/** A call of a client that is closed. */
export function closed(): VerigateError {
  return new VerigateError('CANCELLED', 'the client is closed', { mayRetry: false });
}

/** A call without an answer in time. */
export function late(attempts: number): VerigateError {
  return new VerigateError('DEADLINE_EXCEEDED', 'no answer within the deadline', { attempts });
}

function orThrow(result: Answer | VerigateError): Answer {
  if (result instanceof VerigateError) throw result;
  return result;
}

function isTime(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value <= TIMER_MS_MAX;
}
