/**
 * Which checks of a stream are sent, answered, repeated or given up. It waits for nothing and knows no clock: instants are arguments, in
 * milliseconds of one monotonic clock.
 */

import { randomBytes } from 'node:crypto';

import type { Answer } from './answers.js';
import { VerigateError } from './errors.js';
import type { CheckAccessRequest, StreamCheckAccessResponse } from './gen/verigate/v1/access_pb.js';
import { cleaned } from './requests.js';
import { backoff } from './retry.js';
import type { Reading } from './reuse.js';
import { late, type Settings } from './settings.js';

/** How many checks may wait to be sent, for each that may be in flight. */
const WAITING_PER_IN_FLIGHT = 64;

/** One check of a stream. */
export interface Check {
  readonly message: CheckAccessRequest;
  readonly deadline: number;
  readonly finish: (result: Answer | VerigateError) => void;
}

interface Kept extends Check {
  /** By which the service answers it. */
  readonly id: string;
  attempts: number;
  sent: Reading | undefined;
  isFinished: boolean;
}

/** The checks of one stream, across the connections that it uses one after the other. */
export class Pipeline {
  readonly #settings: Settings;
  readonly #inFlight: number;
  #waiting: Kept[] = [];
  /** By id, also those that were given up: a late answer must not be taken for that to another check with the same id. */
  readonly #sent = new Map<string, Kept>();
  readonly #unfinished = new Set<string>();
  #failures = 0;
  readonly #prefix = randomBytes(6).toString('hex');
  #count = 0;

  constructor(settings: Settings, inFlight: number) {
    this.#settings = settings;
    this.#inFlight = inFlight;
  }

  /** Takes a check. Without an id it gets one; an id that another check still has is refused. */
  add(check: Check): void {
    if (check.message.requestId === '') check.message.requestId = `${this.#prefix}-${++this.#count}`;
    const id = cleaned(check.message.requestId);
    if (this.#unfinished.has(id) || this.#sent.has(id)) {
      throw new VerigateError('INVALID_ARGUMENT', 'the requestId is that of another check in flight');
    }
    if (this.#waiting.length >= this.#inFlight * WAITING_PER_IN_FLIGHT) {
      throw new VerigateError('RESOURCE_EXHAUSTED', `${this.#waiting.length} checks wait already`);
    }
    this.#unfinished.add(id);
    this.#waiting.push({ ...check, id, attempts: 0, sent: undefined, isFinished: false });
  }

  /** Whether something is to be sent. */
  get hasWaiting(): boolean {
    return this.#waiting.length > 0;
  }

  /** The next check to send now, unless as many are in flight as may be. */
  nextToSend(): CheckAccessRequest | undefined {
    if (this.#sent.size >= this.#inFlight) return undefined;
    const check = this.#waiting.shift();
    if (check === undefined) return undefined;
    check.attempts++;
    check.sent = this.#settings.reuse.clocks();
    this.#sent.set(check.id, check);
    return check.message;
  }

  /** Takes an answer. One to a check that was given up, or that nobody asked for, is dropped. */
  answered(response: StreamCheckAccessResponse): void {
    this.#failures = 0;
    const check = this.#sent.get(response.requestId);
    this.#sent.delete(response.requestId);
    if (check === undefined || check.isFinished || check.sent === undefined) return;
    this.#finish(check, this.#settings.result(check.message, check.sent, response));
  }

  /** Gives up the checks whose deadline has passed. */
  expire(now: number): void {
    for (const check of [...this.#sent.values(), ...this.#waiting]) {
      if (check.deadline <= now) this.#finish(check, late(check.attempts));
    }
    this.#waiting = this.#waiting.filter((check) => !check.isFinished);
  }

  /** The connection has ended: what is worth repeating waits again, the rest fails. After how many milliseconds to open another. */
  ended(error: VerigateError, now: number): number {
    this.#failures++;
    const after = backoff(error.retryAfterMs, this.#failures);
    const sent = [...this.#sent.values()];
    this.#sent.clear();
    const again = sent.filter((check) => !check.isFinished && this.#mayRepeat(check, error, now + after));
    for (const check of sent) if (!again.includes(check)) this.#finish(check, error.after(check.attempts));
    this.#waiting = [...again, ...this.#waiting];
    if (error.code !== 'UNAVAILABLE') this.#failWaiting(error);
    return after;
  }

  /** Ends everything. */
  failAll(error: VerigateError): void {
    for (const check of this.#sent.values()) this.#finish(check, error.after(check.attempts));
    this.#sent.clear();
    this.#failWaiting(error);
  }

  #failWaiting(error: VerigateError): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const check of waiting) this.#finish(check, error.after(check.attempts));
  }

  #mayRepeat(check: Kept, error: VerigateError, at: number): boolean {
    const isOutage = error.code === 'UNAVAILABLE' && error.mayRetry;
    return isOutage && check.attempts < this.#settings.attempts && at < check.deadline;
  }

  #finish(check: Kept, result: Answer | VerigateError): void {
    if (check.isFinished) return;
    check.isFinished = true;
    this.#unfinished.delete(check.id);
    if (result instanceof VerigateError && check.sent !== undefined) {
      this.#settings.reuse.record(check.message, check.sent, result);
    }
    check.finish(result);
  }
}
