/**
 * A door: reads badges, asks Verigate, pulses the lock, and writes what happened to standard output, one line of JSON each.
 *
 * A badge read is a line on standard input: the badge's number, its verification id and its identity id, as your reader's driver and your list
 * of badges would give them. Whatever goes wrong keeps the door shut. While Verigate cannot be reached, it opens only for those whom it has
 * let in before, for as long as the policy permits (`reuse`).
 */

import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';

import { type Answer, Client } from '@verigate/client';

/** A card read is judged slow at half a second. */
const DEADLINE_MS = 500;
/** Without traffic the connection is tested after this; the door is behind NAT. */
const KEEPALIVE_MS = 25_000;
/** People who use this door within the time for which an ALLOW may be reused. */
const REUSE_CAPACITY = 1000;

const { values: given } = parseArgs({
  options: {
    server: { type: 'string', default: 'http://127.0.0.1:50051' },
    policy: { type: 'string', default: 'front-door' },
    'token-file': { type: 'string' },
    ca: { type: 'string' },
    certificate: { type: 'string' },
    key: { type: 'string' },
  },
});
const { server = '', policy = '', ca, certificate, key } = given;
const tokenFile = given['token-file'];

const client = new Client(server, {
  deadlineMs: DEADLINE_MS,
  keepaliveMs: KEEPALIVE_MS,
  reuseCapacity: REUSE_CAPACITY,
  ...(ca === undefined ? {} : { ca }),
  ...(certificate === undefined ? {} : { certificate }),
  ...(key === undefined ? {} : { key }),
  // Read again for each call, so that the file can be replaced.
  ...(tokenFile === undefined ? {} : { token: () => readFileSync(tokenFile, 'utf8').trim() }),
});
write('door_started', { policy, server });

let isReachable = true;
const reads = createInterface({ input: process.stdin });
process.once('SIGINT', () => reads.close());
for await (const line of reads) {
  const [badge, verificationId, identityId, ...more] = line.trim().split(/\s+/);
  if (badge === undefined || verificationId === undefined || identityId === undefined || more.length > 0) {
    write('read_malformed');
    continue;
  }
  const answer = await client.checkAccess({ verificationId, policy, identityId });
  if (answer.allowed) pulseLock();
  write('badge_read', { badge, opened: answer.allowed, ...shown(answer) });
  if (!answer.reused) noteOutage(answer);
}
client.close();
write('door_stopped');

/** Opens the lock for a moment. A real door drives its relay here. */
function pulseLock(): void {}

/** What the journal of the door says about an answer, and the display beside it. No data of a person. */
function shown(answer: Answer) {
  return {
    decision: answer.decision,
    display: display(answer),
    reasons: answer.reasons.map((reason) => reason.code),
    decision_id: answer.decisionId,
    reused: answer.reused,
    degraded: answer.degraded,
    error: answer.error?.message ?? null,
  };
}

/** What the person at the door is shown. It gives no reason for a denial: the badge may have been stolen. */
function display(answer: Answer): string {
  if (answer.allowed) return 'welcome';
  if (answer.error !== undefined) return 'please try again, or call the reception';
  if (answer.stepUp?.remedies.some((remedy) => remedy.kind === 'reverify')) return 'please verify your identity again';
  if (answer.reasons.some((reason) => reason.code === 'OUTSIDE_SCHEDULE')) return 'closed at this time';
  return 'no access';
}

/** Writes when the service gets out of reach, and when it is back. */
function noteOutage({ error }: Answer): void {
  const wasReachable = isReachable;
  isReachable = error === undefined || !['UNAVAILABLE', 'DEADLINE_EXCEEDED'].includes(error.code);
  if (isReachable !== wasReachable) write(isReachable ? 'service_reachable' : 'service_unreachable');
}

function write(event: string, fields: object = {}): void {
  console.log(JSON.stringify({ at: new Date().toISOString(), event, ...fields }));
}
