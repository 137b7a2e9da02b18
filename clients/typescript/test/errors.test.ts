/** Whatever goes wrong is a typed denial, or is thrown: never an ALLOW. */

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';

import { create } from '@bufbuild/protobuf';
import { status } from '@grpc/grpc-js';
import { Client, type CheckAccessRequest, type ClientSettings, type ErrorCode, UnusableAnswerError, VerigateError } from '@verigate/client';

import { abort, allow, connect, FakeService, freePort, shut, v1 } from './harness.js';

const PERSON = { verificationId: 'ada-fresh', policy: 'front-door' };

test('a decision that is not known opens nothing', async (t) => {
  const fake = await FakeService.start(t);
  const client = connect(t, fake.address);
  for (const number of [0, 4, 5, 99, -1, 2 ** 31 - 1]) {
    const decision = number as v1.Decision;
    fake.check = (request) => allow(request, 0, { decision });
    fake.batch = ({ checks }) =>
      create(v1.BatchCheckAccessResponseSchema, {
        results: checks.map((one) => ({ result: { case: 'response' as const, value: allow(one, 0, { decision }) } })),
      });
    assert.ok(shut(await client.checkAccess(PERSON), 'INTERNAL') instanceof UnusableAnswerError);
    for (const answer of await client.batchCheckAccess([PERSON])) shut(answer, 'INTERNAL');
    await assert.rejects(connect(t, fake.address, { onError: 'throw' }).checkAccess(PERSON), UnusableAnswerError);
  }
});

test('every error of a call is a denial or is thrown', async (t) => {
  const fake = await FakeService.start(t);
  const codes = Object.keys(status).filter((name) => Number.isNaN(Number(name)) && name !== 'OK') as ErrorCode[];
  assert.equal(codes.length, 16);
  for (const code of codes) {
    fake.check = () => abort(status[code]);
    assert.equal(shut(await connect(t, fake.address).checkAccess(PERSON), code).details, 'made up');
    await assert.rejects(connect(t, fake.address, { onError: 'throw' }).checkAccess(PERSON), (error) => {
      return error instanceof VerigateError && error.code === code;
    });
  }
});

test('the answer to another request opens nothing', async (t) => {
  const fake = await FakeService.start(t);
  fake.check = () => allow({ requestId: 'other' });
  const client = connect(t, fake.address);
  shut(await client.checkAccess(PERSON), 'INTERNAL');
  shut(await client.checkAccess({ ...PERSON, requestId: 'mine' }), 'INTERNAL');
});

test('a batch with another number of results opens nothing, and neither does a result without an answer', async (t) => {
  const fake = await FakeService.start(t);
  const client = connect(t, fake.address);
  const value = allow({ requestId: '' });
  for (const count of [0, 1, 3]) {
    const results = Array.from({ length: count }, () => ({ result: { case: 'response' as const, value } }));
    fake.batch = () => create(v1.BatchCheckAccessResponseSchema, { results });
    const answers = await client.batchCheckAccess([PERSON, PERSON]);
    assert.equal(answers.length, 2);
    for (const answer of answers) shut(answer, 'INTERNAL');
  }
  const none = { result: { case: 'error' as const, value: { code: 0, message: 'ok?' } } };
  fake.batch = () => create(v1.BatchCheckAccessResponseSchema, { results: [{}, none] });
  const [first, second] = await client.batchCheckAccess([PERSON, PERSON]);
  assert.ok(first && second);
  shut(first, 'INTERNAL');
  shut(second, 'UNKNOWN');
});

test('a time that is out of range opens nothing', async (t) => {
  const fake = await FakeService.start(t);
  const client = connect(t, fake.address, { reuseCapacity: 10 });
  const seconds = 2n ** 62n;
  for (const more of [{ validFor: { seconds } }, { decidedAt: { seconds } }, { validUntil: { seconds: -seconds } }]) {
    fake.check = (request) => allow(request, 0, more);
    shut(await client.checkAccess(PERSON), 'INTERNAL');
  }
});

test('what cannot be sent is a denial and is not sent', async (t) => {
  const fake = await FakeService.start(t);
  const wrong = [
    { verificationId: '\ud800' },
    { verificationId: undefined },
    { verificationId: null },
    { verificationId: 7 },
    { policy: ['front-door'] },
    { attributes: { a: 1 } },
    { attributes: 'text' },
    { attributes: { 'a\udcff': 'b' } },
    { attributes: { a: 'b\udcff' } },
    { authentication: 'hwk' },
    { authentication: { amr: 'hwk' } },
    { authentication: { amr: [7] } },
    { authentication: { authTime: new Date('none') } },
    { authentication: { authTime: '2026-01-01' } },
    { requestId: 7 },
  ];
  for (const more of wrong) {
    const request = { ...PERSON, ...more } as unknown as CheckAccessRequest;
    shut(await connect(t, fake.address).checkAccess(request), 'INVALID_ARGUMENT');
    await assert.rejects(connect(t, fake.address, { onError: 'throw' }).checkAccess(request), VerigateError);
  }
  for (const request of [undefined, null, 'ada-fresh']) {
    assert.ok(!(await connect(t, fake.address).checkAccess(request as never)).allowed);
  }
  for (const deadlineMs of [Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31, '100' as never]) {
    shut(await connect(t, fake.address).checkAccess(PERSON, { deadlineMs }), 'INVALID_ARGUMENT');
  }
  for (const deadlineMs of [0, -1]) shut(await connect(t, fake.address).checkAccess(PERSON, { deadlineMs }), 'DEADLINE_EXCEEDED');
  assert.equal(fake.calls, 0);
});

test('every call has a deadline', async (t) => {
  const fake = await FakeService.start(t);
  fake.begin = () => create(v1.BeginStepUpResponseSchema);
  const client = new Client(fake.address);
  t.after(() => client.close());
  await client.checkAccess(PERSON);
  await client.checkAccess(PERSON, { deadlineMs: 250 });
  await connect(t, fake.address, { deadlineMs: 500 }).checkAccess(PERSON);
  await client.beginStepUp({ ...PERSON, loginHint: 'ada@example.com' });
  [1000, 250, 500, 3000].forEach((expected, index) => {
    const ms = fake.deadlinesMs[index] ?? 0;
    assert.ok(ms > expected * 0.4 && ms < expected + 100, `${ms} for ${expected}`);
  });
});

test('a service that does not answer is a denial at the deadline', async (t) => {
  const fake = await FakeService.start(t);
  fake.check = () => new Promise(() => undefined);
  shut(await connect(t, fake.address).checkAccess(PERSON, { deadlineMs: 200 }), 'DEADLINE_EXCEEDED');
  assert.equal(fake.calls, 1);
});

test('nothing listens', async (t) => {
  const client = connect(t, `http://127.0.0.1:${await freePort()}`);
  shut(await client.checkAccess(PERSON), 'UNAVAILABLE');
  for (const answer of await client.batchCheckAccess([PERSON, PERSON])) shut(answer, 'UNAVAILABLE');
});

test('a client that is closed denies, also what is in flight', async (t) => {
  const fake = await FakeService.start(t);
  const client = connect(t, fake.address);
  fake.check = () => new Promise(() => undefined);
  const flying = client.checkAccess(PERSON, { deadlineMs: 20_000 });
  while (fake.calls === 0) await new Promise((resolve) => setTimeout(resolve, 1));
  client.close();
  shut(await flying, 'CANCELLED');
  shut(await client.checkAccess(PERSON), 'CANCELLED');
  shut(await client.streamCheckAccess().checkAccess(PERSON), 'CANCELLED');
  assert.equal(fake.calls, 1);
});

test('settings that cannot work are errors', () => {
  const wrong: [string, ClientSettings, RegExp][] = [
    ['127.0.0.1:50051', {}, /must begin with/],
    ['ftp://127.0.0.1:50051', {}, /must begin with/],
    ['http://127.0.0.1', {}, /a port/],
    ['http://127.0.0.1:50051/path', {}, /nothing else/],
    ['http://user@127.0.0.1:50051', {}, /nothing else/],
    ['http://127.0.0.1@192.0.2.1:50051', {}, /nothing else/],
    ['unix:relative', {}, /absolute path/],
    ['http://192.0.2.1:50051', {}, /plain text/],
    ['http://127.0.0.1.example.org:50051', {}, /plain text/],
    ['http://verigate.example:50051', { token: 'vg_a' }, /plain text/],
    ['http://127.0.0.1:50051', { ca: 'ca.crt' }, /https:/],
    ['https://127.0.0.1:50051', { key: 'door.key' }, /together/],
    ['http://127.0.0.1:50051', { token: 'vg_a\n' }, /line end/],
    ['http://127.0.0.1:50051', { token: '' }, /empty/],
    ['http://127.0.0.1:50051', { deadlineMs: 0 }, /deadlineMs/],
    ['http://127.0.0.1:50051', { deadlineMs: Number.POSITIVE_INFINITY }, /deadlineMs/],
    ['http://127.0.0.1:50051', { attempts: 0 }, /attempts/],
    ['http://127.0.0.1:50051', { reuseCapacity: -1 }, /reuseCapacity/],
    ['http://127.0.0.1:50051', { keepaliveMs: 1 }, /keepaliveMs/],
    ['http://127.0.0.1:50051', { onError: 'allow' as 'deny' }, /onError/],
  ];
  for (const [address, settings, said] of wrong) assert.throws(() => new Client(address, settings), { name: 'TypeError', message: said });
});

test('no token is shown', async (t) => {
  const fake = await FakeService.start(t);
  const client = connect(t, fake.address, { token: 'vg_secret' });
  fake.check = () => abort(status.UNAUTHENTICATED);
  const shown = inspect([client, await client.checkAccess(PERSON)], { depth: 10, showHidden: true });
  assert.ok(!shown.includes('secret'));
});
