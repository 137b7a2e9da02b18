/** The real service is frozen, killed and started again under the client. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { type Answer } from '@verigate/client';

import { connect, Service, shut } from './harness.js';

const ADA = { verificationId: 'ada-fresh', policy: 'front-door', identityId: 'id-ada' };

/** Asks until the answer is ALLOW; until then each is a denial by an error of the connection. */
async function untilAllowed(ask: () => Promise<Answer>): Promise<void> {
  const ends = performance.now() + 30_000;
  while (performance.now() < ends) {
    const answer = await ask();
    if (answer.allowed) return;
    shut(answer, 'UNAVAILABLE', 'DEADLINE_EXCEEDED');
  }
  assert.fail('no ALLOW');
}

test('a frozen service is a denial at the deadline', async (t) => {
  const service = await Service.start(t);
  const client = connect(t, service.address, { reuseCapacity: 10 });
  assert.ok((await client.checkAccess(ADA)).allowed);
  await service.freeze();
  const begun = performance.now();
  shut(await client.checkAccess(ADA, { deadlineMs: 300, reuse: false }), 'DEADLINE_EXCEEDED');
  assert.ok(performance.now() - begun < 5000);
  for (const answer of await client.batchCheckAccess([ADA, ADA], { deadlineMs: 300 })) shut(answer, 'DEADLINE_EXCEEDED');
  const stream = client.streamCheckAccess();
  const options = { deadlineMs: 300, reuse: false };
  const answers = await Promise.all(Array.from({ length: 40 }, () => stream.checkAccess(ADA, options)));
  for (const answer of answers) shut(answer, 'DEADLINE_EXCEEDED');
  assert.ok((await client.checkAccess(ADA)).reused, 'what may be reused still may');
  service.signal('SIGCONT');
  await untilAllowed(() => client.checkAccess(ADA, { reuse: false }));
  await untilAllowed(() => stream.checkAccess(ADA, { reuse: false }));
  stream.close();
});

test('a service that was killed is a denial until it is back', async (t) => {
  const service = await Service.start(t);
  const client = connect(t, service.address);
  const stream = client.streamCheckAccess();
  assert.ok((await client.checkAccess(ADA)).allowed && (await stream.checkAccess(ADA)).allowed);
  await service.kill();
  const options = { deadlineMs: 300 };
  for (let n = 0; n < 3; n++) {
    shut(await client.checkAccess(ADA, options), 'UNAVAILABLE', 'DEADLINE_EXCEEDED');
    shut(await stream.checkAccess(ADA, options), 'UNAVAILABLE', 'DEADLINE_EXCEEDED');
    for (const answer of await client.batchCheckAccess([ADA, ADA], options)) shut(answer, 'UNAVAILABLE', 'DEADLINE_EXCEEDED');
  }
  await service.restart();
  await untilAllowed(() => client.checkAccess(ADA));
  await untilAllowed(() => stream.checkAccess(ADA));
});

test('a service that stops answers what is in flight', async (t) => {
  const service = await Service.start(t);
  const stream = connect(t, service.address).streamCheckAccess();
  await untilAllowed(() => stream.checkAccess(ADA));
  service.signal('SIGTERM');
  const ends = performance.now() + 30_000;
  let answer = await stream.checkAccess(ADA);
  while (answer.allowed && performance.now() < ends) answer = await stream.checkAccess(ADA);
  shut(answer, 'UNAVAILABLE', 'DEADLINE_EXCEEDED');
});
