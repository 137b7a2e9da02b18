/** When a call is repeated: after UNAVAILABLE alone, a few times, and never beyond its deadline. Times are in milliseconds. */

import type { VerigateError } from './errors.js';

export const ATTEMPTS = 3;
/** Where the service names no time: at most this, and twice that for each further attempt. */
const FIRST_DELAY_MS = 50;
export const DELAY_MS_MAX = 1000;
/** How much later than the service says, at most, as a share of the time that it says. */
const JITTER = 0.2;

/** After how long to repeat a call that was made `attempts` times. Undefined: not at all. */
export function delay(error: VerigateError, attempts: number, attemptsMax: number, leftMs: number): number | undefined {
  if (error.code !== 'UNAVAILABLE' || !error.mayRetry || attempts >= attemptsMax) return undefined;
  const after = backoff(error.retryAfterMs, attempts);
  return after < leftMs ? after : undefined;
}

/** How long to wait after this number of failures in a row, with jitter. */
export function backoff(retryAfterMs: number | undefined, failures: number): number {
  if (retryAfterMs !== undefined) return Math.max(retryAfterMs, 0) * (1 + Math.random() * JITTER);
  const longest = Math.min(FIRST_DELAY_MS * 2 ** Math.min(failures - 1, 10), DELAY_MS_MAX);
  return longest * (0.5 + Math.random() / 2);
}
