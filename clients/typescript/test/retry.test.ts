/** Which calls are repeated, when, and how many times. */

import assert from 'node:assert/strict';
import { test } from 'node:test';

import { create, toBinary } from '@bufbuild/protobuf';
import { anyPack, durationFromMs } from '@bufbuild/protobuf/wkt';
import { status } from '@grpc/grpc-js';
import { type ErrorCode, VerigateError } from '@verigate/client';

import { RetryInfoSchema } from './gen/google/rpc/error_details_pb.js';
import { StatusSchema } from './gen/google/rpc/status_pb.js';
import { abort, allow, connect, FakeService, shut, v1 } from './harness.js';
import { backoff, DELAY_MS_MAX } from '../node_modules/@verigate/client/dist/retry.js';

const PERSON = { verificationId: 'ada-fresh', policy: 'front-door' };

/** RetryInfo as the service sends it. */
function details(ms: number) {
  const retry = create(RetryInfoSchema, { retryDelay: durationFromMs(ms) });
  const encoded = toBinary(StatusSchema, create(StatusSchema, { code: 14, details: [anyPack(RetryInfoSchema, retry)] }));
  return { 'grpc-status-details-bin': Buffer.from(encoded) };
}

/** Fails this number of times. */
function fails(times: number, code: ErrorCode, metadata?: Record<string, string | Buffer>): FakeService['check'] {
  return (request, before) => (before < times ? abort(status[code], metadata) : allow(request));
}

test('UNAVAILABLE is repeated twice', async (t) => {
  for (const times of [0, 1, 2, 3]) {
    const fake = await FakeService.start(t);
    fake.check = fails(times, 'UNAVAILABLE');
    const answer = await connect(t, fake.address).checkAccess(PERSON);
    assert.equal(answer.allowed, times < 3);
    assert.equal(fake.calls, Math.min(times + 1, 3));
    if (!answer.allowed) assert.equal(shut(answer, 'UNAVAILABLE').attempts, 3);
  }
});

test('no other error is repeated, whatever the service says', async (t) => {
  const codes = Object.keys(status).filter((name) => Number.isNaN(Number(name)) && !['OK', 'UNAVAILABLE'].includes(name));
  for (const code of codes as ErrorCode[]) {
    const fake = await FakeService.start(t);
    fake.check = fails(1, code, { ...details(1), 'grpc-retry-pushback-ms': '1' });
    assert.equal(shut(await connect(t, fake.address).checkAccess(PERSON), code).retryAfterMs, 1);
    assert.equal(fake.calls, 1);
  }
});

test('a retry waits as long as the service says', async (t) => {
  for (const hint of [details(300), { 'grpc-retry-pushback-ms': '300' }]) {
    const fake = await FakeService.start(t);
    fake.check = fails(1, 'UNAVAILABLE', hint);
    const begun = performance.now();
    assert.ok((await connect(t, fake.address).checkAccess(PERSON)).allowed);
    assert.ok(performance.now() - begun >= 295);
  }
});

test('no retry is made beyond the deadline, and nobody waits for it', async (t) => {
  for (const hint of [details(60_000), { 'grpc-retry-pushback-ms': '60000' }]) {
    const fake = await FakeService.start(t);
    fake.check = fails(1, 'UNAVAILABLE', hint);
    const begun = performance.now();
    assert.equal(shut(await connect(t, fake.address).checkAccess(PERSON, { deadlineMs: 30_000 }), 'UNAVAILABLE').retryAfterMs, 60_000);
    assert.ok(performance.now() - begun < 15_000);
    assert.equal(fake.calls, 1);
  }
});

test('a pushback that is no time says not to repeat', async (t) => {
  for (const hint of ['-1', 'soon', '1e3', '9999999999']) {
    const fake = await FakeService.start(t);
    fake.check = fails(1, 'UNAVAILABLE', { 'grpc-retry-pushback-ms': hint });
    shut(await connect(t, fake.address).checkAccess(PERSON), 'UNAVAILABLE');
    assert.equal(fake.calls, 1);
  }
});

test('details that cannot be read change nothing', async (t) => {
  const fake = await FakeService.start(t);
  fake.check = fails(1, 'UNAVAILABLE', { 'grpc-status-details-bin': Buffer.from([255, 255]) });
  assert.ok((await connect(t, fake.address).checkAccess(PERSON)).allowed);
});

test('the deadline is that of all attempts together', async (t) => {
  const fake = await FakeService.start(t);
  fake.check = fails(2, 'UNAVAILABLE', { 'grpc-retry-pushback-ms': '100' });
  assert.ok((await connect(t, fake.address).checkAccess(PERSON)).allowed);
  const [first = 0, second = 0, third = 0] = fake.deadlinesMs;
  assert.ok(first > second + 80 && second > third + 80, `${fake.deadlinesMs}`);
});

test('every attempt for a link has the same idempotency key', async (t) => {
  const fake = await FakeService.start(t);
  const keys: string[] = [];
  fake.begin = (request, before) => {
    keys.push(request.requestId);
    return before === 0 ? abort(status.UNAVAILABLE) : create(v1.BeginStepUpResponseSchema, { stepUpId: 'id' });
  };
  const client = connect(t, fake.address);
  const asked = { ...PERSON, loginHint: 'ada@example.com' };
  assert.equal((await client.beginStepUp(asked)).stepUpId, 'id');
  assert.ok(keys.length === 2 && keys[0] === keys[1] && keys[0] !== '');
  await client.beginStepUp(asked);
  assert.notEqual(keys[2], keys[0]);
  await client.beginStepUp({ ...asked, requestId: 'mine' });
  assert.equal(keys[3], 'mine');
  fake.begin = () => abort(status.RESOURCE_EXHAUSTED);
  await assert.rejects(client.beginStepUp(asked), VerigateError);
});

test('delays have jitter and are bounded', () => {
  for (let failures = 1; failures < 40; failures++) {
    const delays = Array.from({ length: 20 }, () => backoff(undefined, failures));
    assert.ok(new Set(delays).size > 1 && Math.min(...delays) > 0 && Math.max(...delays) <= DELAY_MS_MAX);
    const named = Array.from({ length: 20 }, () => backoff(1000, failures));
    assert.ok(new Set(named).size > 1 && Math.min(...named) >= 1000 && Math.max(...named) <= 1200);
  }
});
