/** An ALLOW may be reused for as long as the service says, and nothing else is ever reused. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { create } from '@bufbuild/protobuf';
import { status } from '@grpc/grpc-js';
import { type Answer, type CheckAccessRequest, VerigateError } from '@verigate/client';

import { abort, allow, connect, FakeService, Service, v1 } from './harness.js';
import { messageOf } from '../node_modules/@verigate/client/dist/requests.js';
import { type Reading, Reuse } from '../node_modules/@verigate/client/dist/reuse.js';
import { answerOf } from '../node_modules/@verigate/client/dist/wire.js';

const PERSON = { verificationId: 'ada-fresh', policy: 'front-door' };

/** Clocks that a test moves. */
class Clocks {
  now: Reading = { monotonic: 1000, wall: 5000 };
  readonly read = () => this.now;

  go(monotonic: number, wall = monotonic): void {
    this.now = { monotonic: this.now.monotonic + monotonic, wall: this.now.wall + wall };
  }
}

const message = (verificationId = 'ada') => messageOf({ verificationId, policy: 'front-door' });
const answer = (seconds = 60) => answerOf(allow({ requestId: '' }, seconds), '');

test('an ALLOW is reused until its time is over, which counts from before the request was sent', () => {
  const clocks = new Clocks();
  const reuse = new Reuse(10, clocks.read);
  const sent = clocks.read();
  clocks.go(50_000);
  reuse.record(message(), sent, answer());
  clocks.go(9_500);
  const again = reuse.find({ ...message(), requestId: 'badge 7' });
  assert.ok(again?.allowed && again.reused && Object.isFrozen(again));
  assert.equal(again.validForMs, 500);
  assert.equal(again.requestId, 'badge_7');
  clocks.go(500);
  assert.equal(reuse.find(message()), undefined);
});

test('the clock by which more time has passed counts', () => {
  for (const [monotonic, wall] of [
    [60_000, 0],
    [0, 60_000],
    [60_000, -3_600_000],
  ] as const) {
    const clocks = new Clocks();
    const reuse = new Reuse(10, clocks.read);
    reuse.record(message(), clocks.read(), answer());
    clocks.go(monotonic, wall);
    assert.equal(reuse.find(message()), undefined);
  }
  const clocks = new Clocks();
  const reuse = new Reuse(10, clocks.read);
  reuse.record(message(), clocks.read(), answer());
  clocks.go(30_000, -3_600_000);
  assert.equal(reuse.find(message())?.validForMs, 30_000, 'a clock that is set back makes no reuse longer');
});

const GIVEN: CheckAccessRequest = {
  verificationId: 'ada',
  policy: 'front-door',
  identityId: 'id-ada',
  attributes: { site: 'lab', floor: '2' },
  authentication: { acr: 'mfa', amr: ['hwk'], authTime: new Date(1000) },
};
const VARIATIONS: Partial<CheckAccessRequest>[] = [
  { verificationId: 'ben' },
  { policy: 'server-room' },
  { identityId: 'id-ben' },
  { identityId: '' },
  { attributes: { site: 'lab' } },
  { attributes: { site: 'lab', x: '2' } },
  { attributes: {} },
  { authentication: {} },
  { authentication: { acr: 'mfa', amr: ['hwk'] } },
  { authentication: { acr: 'mfa', amr: ['hwk'], authTime: new Date(1001) } },
  { authentication: { acr: 'mfa', amr: ['hwk', 'pin'], authTime: new Date(1000) } },
  { authentication: { acr: 'low', amr: ['hwk'], authTime: new Date(1000) } },
];

test('only the same request is answered again', async (t) => {
  const fake = await FakeService.start(t);
  fake.check = (request) => allow(request, 60);
  const client = connect(t, fake.address, { reuseCapacity: 10 });
  await client.checkAccess(GIVEN);
  assert.ok((await client.checkAccess({ ...GIVEN, attributes: { floor: '2', site: 'lab' }, requestId: 'x' })).reused);
  for (const [index, other] of VARIATIONS.entries()) {
    assert.ok(!(await client.checkAccess({ ...GIVEN, ...other })).reused, JSON.stringify(other));
    assert.equal(fake.calls, index + 2);
  }
  const fields = new Set(VARIATIONS.flatMap((one) => Object.keys(one)));
  const wanted = v1.CheckAccessRequestSchema.fields.map((field) => field.localName).filter((name) => name !== 'requestId');
  assert.deepEqual([...fields].sort(), wanted.sort());
});

test('nothing but an ALLOW with a time is reused', async (t) => {
  const fake = await FakeService.start(t);
  for (const decision of [v1.Decision.STEP_UP, v1.Decision.DENY, 0, 9 as v1.Decision]) {
    fake.check = (request) => allow(request, 60, { decision });
    const client = connect(t, fake.address, { reuseCapacity: 10 });
    for (let n = 0; n < 2; n++) {
      const one = await client.checkAccess(PERSON);
      assert.ok(!one.allowed && !one.reused);
    }
  }
  for (const seconds of [0, -1]) {
    fake.check = (request) => allow(request, seconds);
    const client = connect(t, fake.address, { reuseCapacity: 10 });
    await client.checkAccess(PERSON);
    assert.ok(!(await client.checkAccess(PERSON)).reused);
  }
});

test('nothing is reused unless it is wanted', async (t) => {
  const fake = await FakeService.start(t);
  fake.check = (request) => allow(request, 60);
  const plain = connect(t, fake.address);
  await plain.checkAccess(PERSON);
  assert.ok(!(await plain.checkAccess(PERSON)).reused);
  const client = connect(t, fake.address, { reuseCapacity: 1 });
  await client.checkAccess(PERSON);
  assert.ok((await client.checkAccess(PERSON)).reused);
  assert.ok(!(await client.checkAccess(PERSON, { reuse: false })).reused);
});

test('a newer answer ends the reuse, and an outage does not', async (t) => {
  const fake = await FakeService.start(t);
  const deny: FakeService['check'] = (request) => allow(request, 0, { decision: v1.Decision.DENY });
  const ends: FakeService['check'][] = [deny, () => abort(status.PERMISSION_DENIED), () => create(v1.CheckAccessResponseSchema)];
  const outages = [status.UNAVAILABLE, status.DEADLINE_EXCEEDED, status.RESOURCE_EXHAUSTED].map((code) => () => abort(code));
  for (const [answers, isEnd] of [...ends.map((one) => [one, true] as const), ...outages.map((one) => [one, false] as const)]) {
    const client = connect(t, fake.address, { reuseCapacity: 10 });
    fake.check = (request) => allow(request, 60);
    await client.checkAccess(PERSON);
    fake.check = answers;
    assert.ok((await client.checkAccess(PERSON)).reused);
    assert.ok(!(await client.checkAccess(PERSON, { reuse: false })).allowed);
    assert.equal((await client.checkAccess(PERSON)).allowed, !isEnd);
  }
});

test('an ALLOW that arrives after a later denial is not kept', () => {
  const clocks = new Clocks();
  const reuse = new Reuse(10, clocks.read);
  const early = clocks.read();
  clocks.go(1);
  const later = clocks.read();
  const denied: Answer = { ...answer(), allowed: false, decision: 'DENY' };
  reuse.record(message(), later, denied);
  reuse.record(message(), early, answer());
  assert.equal(reuse.find(message()), undefined);
  reuse.record(message(), later, answer());
  assert.equal(reuse.find(message()), undefined, 'of two at once the denial counts');
  clocks.go(1);
  reuse.record(message(), clocks.read(), answer());
  assert.ok(reuse.find(message())?.allowed);
  reuse.record(message(), clocks.read(), new VerigateError('NOT_FOUND', 'made up'));
  assert.equal(reuse.find(message()), undefined);
});

test('what is invalidated is not reused, also if it is in flight', () => {
  for (const verificationId of ['ada', undefined]) {
    const clocks = new Clocks();
    const reuse = new Reuse(10, clocks.read);
    const sent = clocks.read();
    reuse.record(message(), sent, answer());
    reuse.record(message('ben'), sent, answer());
    reuse.invalidate(verificationId);
    assert.equal(reuse.find(message()), undefined);
    assert.equal(reuse.find(message('ben')) !== undefined, verificationId !== undefined);
    reuse.record(message(), sent, answer());
    assert.equal(reuse.find(message()), undefined);
  }
});

test('the number of answers is bounded', () => {
  const clocks = new Clocks();
  const reuse = new Reuse(3, clocks.read);
  for (let number = 0; number < 10; number++) {
    reuse.record(message(`v${number}`), clocks.read(), answer());
    reuse.find(message('v0'));
    assert.ok(reuse.size <= 3);
  }
  assert.ok(reuse.find(message('v0')) && reuse.find(message('v9')) && !reuse.find(message('v5')));
});

test('the real service says how long', async (t) => {
  const service = await Service.start(t);
  const client = connect(t, service.address, { reuseCapacity: 10 });
  const ada = { ...PERSON, identityId: 'id-ada' };
  const first = await client.checkAccess(ada);
  const again = await client.checkAccess(ada);
  assert.ok(again.reused && again.decisionId === first.decisionId && (again.validForMs ?? 0) <= (first.validForMs ?? 0));
  assert.ok(!(await client.checkAccess({ ...ada, policy: 'server-room' })).reused);
  assert.ok(!(await client.checkAccess({ ...ada, policy: 'server-room' })).reused, 'that policy permits no reuse');
  const stream = client.streamCheckAccess();
  assert.ok((await stream.checkAccess(ada)).reused);
  stream.close();
  client.invalidate('ada-fresh');
  await client.batchCheckAccess([ada]);
  assert.ok((await client.checkAccess(ada)).reused, 'what a batch was answered may be reused');
});
