/** Reuse of ALLOW for as long as the service permits it (`valid_for`). Nothing else is ever reused. */

import { clone, toBinary } from '@bufbuild/protobuf';

import type { Answer } from './answers.js';
import { type ErrorCode, VerigateError } from './errors.js';
import { type CheckAccessRequest, CheckAccessRequestSchema } from './gen/verigate/v1/access_pb.js';
import { cleaned } from './requests.js';

/** After these errors, what the service said before still holds. Any other error is about this request, and ends the reuse. */
const OUTAGES: ReadonlySet<ErrorCode> = new Set(['UNAVAILABLE', 'DEADLINE_EXCEEDED', 'RESOURCE_EXHAUSTED', 'CANCELLED']);

/** An instant by two clocks, in milliseconds: the one is never set, and the other also runs while the machine sleeps. */
export interface Reading {
  readonly monotonic: number;
  readonly wall: number;
}

/** Now. */
export function readClocks(): Reading {
  return { monotonic: performance.now(), wall: Date.now() };
}

/** The time that has passed by the clock by which more has: that makes a reuse shorter, never longer. */
function passed(from: Reading, to: Reading): number {
  return Math.max(to.monotonic - from.monotonic, to.wall - from.wall);
}

interface Entry {
  readonly verificationId: string;
  readonly sent: Reading;
  /** Undefined: the latest answer was no ALLOW that may be reused. */
  readonly answer: (Answer & { readonly validForMs: number }) | undefined;
}

/** The answers that may be reused: at most `capacity`, the least recently used are dropped first. */
export class Reuse {
  readonly #capacity: number;
  readonly clocks: () => Reading;
  /** In the order of their use, because a map keeps the order of insertion. */
  readonly #entries = new Map<string, Entry>();
  /** What was asked no later than this is not kept: it may rest on what was invalidated. */
  #invalidated = Number.NEGATIVE_INFINITY;

  constructor(capacity: number, clocks: () => Reading = readClocks) {
    this.#capacity = capacity;
    this.clocks = clocks;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** An earlier ALLOW to the same request, with the rest of its `validForMs`. */
  find(request: CheckAccessRequest): Answer | undefined {
    if (this.#capacity === 0) return undefined;
    const key = keyOf(request);
    const entry = this.#entries.get(key);
    if (entry?.answer === undefined) return undefined;
    const left = entry.answer.validForMs - passed(entry.sent, this.clocks());
    this.#entries.delete(key);
    if (!(left > 0)) return undefined;
    this.#entries.set(key, entry);
    return Object.freeze({ ...entry.answer, validForMs: left, requestId: cleaned(request.requestId), reused: true });
  }

  /** Keeps an ALLOW. Anything else ends the reuse of an ALLOW to a request that was sent earlier. */
  record(request: CheckAccessRequest, sent: Reading, result: Answer | VerigateError): void {
    if (this.#capacity === 0) return;
    if (result instanceof VerigateError && OUTAGES.has(result.code)) return;
    const answer = reusable(result);
    if (answer !== undefined && sent.monotonic <= this.#invalidated) return;
    const entry = { verificationId: request.verificationId, sent, answer };
    const key = keyOf(request);
    const known = this.#entries.get(key);
    if (known !== undefined && !replaces(entry, known)) return;
    this.#entries.delete(key);
    this.#entries.set(key, entry);
    for (const oldest of this.#entries.keys()) {
      if (this.#entries.size <= this.#capacity) break;
      this.#entries.delete(oldest);
    }
  }

  /** Drops the answers about this verification, or all. */
  invalidate(verificationId: string | undefined): void {
    this.#invalidated = this.clocks().monotonic;
    for (const [key, entry] of this.#entries) {
      if (verificationId === undefined || entry.verificationId === verificationId) this.#entries.delete(key);
    }
  }
}

function reusable(result: Answer | VerigateError): Entry['answer'] {
  if (result instanceof VerigateError || !result.allowed) return undefined;
  const { validForMs } = result;
  return validForMs !== undefined && validForMs > 0 ? { ...result, validForMs } : undefined;
}

/** Whether it was sent later; of two that were sent at once, the one that opens nothing counts. */
function replaces(entry: Entry, known: Entry): boolean {
  if (entry.sent.monotonic === known.sent.monotonic) return entry.answer === undefined;
  return entry.sent.monotonic > known.sent.monotonic;
}

/** Everything that the decision depends on: the whole request but its own id. */
function keyOf(request: CheckAccessRequest): string {
  const rest = clone(CheckAccessRequestSchema, request);
  rest.requestId = '';
  return Buffer.from(toBinary(CheckAccessRequestSchema, rest)).toString('latin1');
}
