/** Streams: pipelined, matched by `requestId`, opened again when they end. */

import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';

import { create } from '@bufbuild/protobuf';
import { status } from '@grpc/grpc-js';
import { type CheckStream, type ClientSettings, type ErrorCode, VerigateError } from '@verigate/client';

import { abort, allow, connect, FakeService, Service, shut, sleep, streamed, v1 } from './harness.js';

type Stream = Parameters<FakeService['stream']>[0];

const request = (number: number, requestId?: string) => ({
  verificationId: `v${number}`,
  policy: 'front-door',
  ...(requestId === undefined ? {} : { requestId }),
});

function open(test: TestContext, address: string, settings: ClientSettings = {}, inFlight = 32): CheckStream {
  const stream = connect(test, address, settings).streamCheckAccess({ inFlight });
  test.after(() => stream.close());
  return stream;
}

/** Ends a stream of the fake service with an error. */
function fail(stream: Stream, code: status, metadata: Record<string, string> = {}): void {
  try {
    abort(code, metadata);
  } catch (failure) {
    stream.emit('error', failure);
  }
}

/** Answers each check with ALLOW. */
const echo: FakeService['stream'] = (stream) => {
  stream.on('data', (asked: v1.CheckAccessRequest) => stream.write(streamed(asked)));
  stream.on('end', () => stream.end());
};

test('the real service answers each check by its id', async (t) => {
  const service = await Service.start(t);
  const stream = open(t, service.address);
  const ada = { verificationId: 'ada-fresh', policy: 'front-door', identityId: 'id-ada' };
  const answers = await Promise.all(
    [
      { ...ada, requestId: 'a b' },
      { ...ada, verificationId: 'ada-month-old', requestId: 'c' },
      { ...ada, verificationId: 'nobody', requestId: 'd' },
      { ...ada, policy: 'none', requestId: 'e' },
      { ...ada, verificationId: '../x', requestId: 'f' },
    ].map((one) => stream.checkAccess(one)),
  );
  assert.deepEqual(
    answers.map(({ decision, requestId, error }) => [decision, requestId, error?.code]),
    [
      ['ALLOW', 'a_b', undefined],
      ['STEP_UP', 'c', undefined],
      ['DENY', 'd', undefined],
      ['DENY', 'e', 'NOT_FOUND'],
      ['DENY', 'f', 'INVALID_ARGUMENT'],
    ],
  );
  const many = await Promise.all(Array.from({ length: 1000 }, () => stream.checkAccess(ada)));
  assert.ok(many.every((answer) => answer.allowed && answer.requestId !== ''));
  const raising = open(t, service.address, { onError: 'throw' });
  await assert.rejects(raising.checkAccess({ ...ada, policy: 'none' }), /NOT_FOUND/);
  await assert.rejects(raising.checkAccess({ ...ada, verificationId: '\ud800' }), VerigateError);
});

test('answers out of order are matched', async (t) => {
  const fake = await FakeService.start(t);
  fake.stream = (stream) => {
    const asked: v1.CheckAccessRequest[] = [];
    stream.on('data', (one: v1.CheckAccessRequest) => {
      if (asked.push(one) < 10) return;
      for (const each of asked.reverse()) {
        const isEven = Number(each.verificationId.slice(1)) % 2 === 0;
        stream.write(streamed(each, isEven ? v1.Decision.ALLOW : v1.Decision.DENY));
      }
    });
  };
  const stream = open(t, fake.address);
  const answers = await Promise.all(Array.from({ length: 10 }, (_, number) => stream.checkAccess(request(number))));
  assert.deepEqual(
    answers.map((answer) => answer.allowed),
    answers.map((_, number) => number % 2 === 0),
  );
});

test('a late answer is not taken for that to another check', async (t) => {
  const fake = await FakeService.start(t);
  let release = () => undefined as unknown;
  fake.stream = (stream) => {
    stream.on('data', (asked: v1.CheckAccessRequest) => {
      if (asked.verificationId === 'v1') release = () => stream.write(streamed(asked));
      else stream.write(streamed(asked, v1.Decision.DENY));
    });
  };
  const stream = open(t, fake.address);
  shut(await stream.checkAccess(request(1, 'badge'), { deadlineMs: 1000 }), 'DEADLINE_EXCEEDED');
  // The id is still that of a check in flight: the answer to that one must not open the door for this one.
  shut(await stream.checkAccess(request(2, 'badge')), 'INVALID_ARGUMENT');
  release();
  const third = await stream.checkAccess(request(3, 'other'));
  assert.ok(third.decision === 'DENY' && third.error === undefined);
  const again = await stream.checkAccess(request(2, 'badge'));
  assert.ok(again.decision === 'DENY' && again.error === undefined, 'then the id may be used again');
});

test('two checks in flight have two ids', async (t) => {
  const fake = await FakeService.start(t);
  fake.stream = echo;
  const stream = open(t, fake.address);
  const [first, second] = await Promise.all([stream.checkAccess(request(1, 'a b')), stream.checkAccess(request(2, 'a_b'))]);
  assert.ok(first.allowed);
  shut(second, 'INVALID_ARGUMENT');
  assert.ok((await stream.checkAccess(request(2, 'a_b'))).allowed);
});

test('answers that nobody asked for, and those that are none, open nothing', async (t) => {
  const fake = await FakeService.start(t);
  let count = 0;
  fake.stream = (stream) => {
    stream.on('data', (asked: v1.CheckAccessRequest) => {
      const { requestId } = asked;
      const mixed = streamed(asked);
      if (mixed.result.case === 'response') mixed.result.value.requestId = 'stray';
      const none = create(v1.StreamCheckAccessResponseSchema, { requestId });
      const zero = create(v1.StreamCheckAccessResponseSchema, { requestId, result: { case: 'error', value: { code: 0 } } });
      stream.write(create(v1.StreamCheckAccessResponseSchema, { result: { case: 'response', value: allow({ requestId: '' }) } }));
      stream.write(create(v1.StreamCheckAccessResponseSchema, { requestId: 'stray', result: { case: 'response', value: allow(asked) } }));
      stream.write([mixed, none, zero][count++] ?? streamed(asked, 77 as v1.Decision));
    });
  };
  const stream = open(t, fake.address);
  for (const code of ['INTERNAL', 'INTERNAL', 'UNKNOWN', 'INTERNAL']) shut(await stream.checkAccess(request(count)), code);
});

test('no more are in flight than may be, and what waits is bounded', async (t) => {
  const fake = await FakeService.start(t);
  const arrived: v1.CheckAccessRequest[] = [];
  let opened: Stream | undefined;
  fake.stream = (stream) => {
    opened = stream;
    stream.on('data', (asked: v1.CheckAccessRequest) => {
      arrived.push(asked);
      if (isReleased) stream.write(streamed(asked));
    });
  };
  let isReleased = false;
  const stream = open(t, fake.address, {}, 4);
  const results = Array.from({ length: 300 }, (_, number) => stream.checkAccess(request(number)));
  shut(await (results[299] ?? assert.fail()), 'RESOURCE_EXHAUSTED');
  while (arrived.length < 4) await sleep(1);
  for (let n = 0; n < 20; n++) await sleep(1);
  assert.equal(arrived.length, 4);
  isReleased = true;
  for (const asked of [...arrived]) opened?.write(streamed(asked));
  const allowed = (await Promise.all(results)).filter((answer) => answer.allowed).length;
  assert.ok(allowed >= 256 && allowed <= 260, `${allowed}`);
});

test('a stream that ends is opened again, and what was not answered is repeated', async (t) => {
  const fake = await FakeService.start(t);
  fake.stream = (stream, before) => {
    if (before > 0) return echo(stream, before);
    let count = 0;
    stream.on('data', (asked: v1.CheckAccessRequest) => {
      if (count++ === 0) stream.write(streamed(asked));
      else if (count === 3) fail(stream, status.UNAVAILABLE, { 'grpc-retry-pushback-ms': '20' });
    });
  };
  const stream = open(t, fake.address);
  const answers = await Promise.all(Array.from({ length: 8 }, (_, n) => stream.checkAccess(request(n))));
  assert.deepEqual(
    answers.map((answer) => answer.error),
    answers.map(() => undefined),
  );
  assert.equal(fake.calls, 2);
});

test('a stream that always ends is a denial', async (t) => {
  const fake = await FakeService.start(t);
  fake.stream = (stream) => stream.on('data', () => fail(stream, status.UNAVAILABLE));
  const answer = await open(t, fake.address).checkAccess(request(1));
  assert.equal(shut(answer, 'UNAVAILABLE').attempts, 3);
  assert.equal(fake.calls, 3);
});

test('a stream that ends by another error denies what was in flight', async (t) => {
  for (const code of ['UNAUTHENTICATED', 'OUT_OF_RANGE', 'INVALID_ARGUMENT', 'RESOURCE_EXHAUSTED'] as ErrorCode[]) {
    const fake = await FakeService.start(t);
    fake.stream = (stream, before) => (before > 0 ? echo(stream, before) : stream.on('data', () => fail(stream, status[code])));
    const stream = open(t, fake.address);
    shut(await stream.checkAccess(request(1)), code);
    assert.ok((await stream.checkAccess(request(2))).allowed, 'the next check opens another');
  }
});

test('a service that ends a stream without an error has not answered', async (t) => {
  const fake = await FakeService.start(t);
  fake.stream = (stream) => stream.on('data', () => stream.end());
  shut(await open(t, fake.address).checkAccess(request(1)), 'UNAVAILABLE');
});

test('a stream that is closed denies', async (t) => {
  const fake = await FakeService.start(t);
  const stream = open(t, fake.address);
  const waiting = stream.checkAccess(request(1));
  await sleep(10);
  stream.close();
  shut(await waiting, 'CANCELLED');
  shut(await stream.checkAccess(request(2)), 'CANCELLED');
});
