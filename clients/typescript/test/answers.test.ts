/** Answers of the real service, as values with types. */

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';

import { type CheckAccessRequest, VerigateError } from '@verigate/client';

import { connect, Service } from './harness.js';

const ADA = { verificationId: 'ada-fresh', policy: 'front-door', identityId: 'id-ada' };

let service: Service;
const ends: (() => unknown)[] = [];
before(async () => {
  service = await Service.start({ after: (end) => ends.push(end) });
});
after(() => Promise.all(ends.map((end) => end())));

test('an ALLOW has everything that the service says', async (t) => {
  const answer = await connect(t, service.address).checkAccess({ ...ADA, requestId: 'badge 7' });
  assert.ok(answer.allowed && answer.decision === 'ALLOW' && answer.error === undefined && !answer.reused && !answer.degraded);
  assert.equal(answer.requestId, 'badge_7');
  assert.match(answer.policyRevision, /^[0-9a-f]{16}$/);
  assert.equal(answer.validForMs, 600_000);
  assert.equal(Number(answer.validUntil) - Number(answer.decidedAt), 600_000);
  assert.ok(answer.nextChange?.at instanceof Date && answer.nextChange.to === 'STEP_UP');
  assert.equal(answer.evidence?.status, 'VERIFIED');
  assert.ok(['UPSTREAM', 'CACHE'].includes(answer.evidence.source));
  assert.deepEqual(answer.reasons, []);
  assert.ok(Object.isFrozen(answer));
});

test('a STEP_UP has its reasons and its remedies', async (t) => {
  const answer = await connect(t, service.address).checkAccess({ ...ADA, verificationId: 'ada-month-old' });
  assert.ok(!answer.allowed && answer.decision === 'STEP_UP' && answer.error === undefined);
  assert.deepEqual(answer.reasons, [
    {
      code: 'VERIFICATION_TOO_OLD',
      rule: 'verified_within: 30d',
      effect: 'STEP_UP',
      message: 'the verification was made too long ago',
    },
  ]);
  const remedies = [{ kind: 'reverify', maxAgeMs: 30 * 86_400_000 }];
  assert.deepEqual(answer.stepUp, { remedies, alternatives: [remedies] });
  assert.equal(answer.validForMs, undefined);
});

test('a DENY has its reasons', async (t) => {
  const client = connect(t, service.address);
  const answer = await client.checkAccess({ ...ADA, verificationId: 'nobody' });
  assert.ok(!answer.allowed && answer.decision === 'DENY' && answer.error === undefined);
  assert.deepEqual(
    answer.reasons.map((reason) => reason.code),
    ['VERIFICATION_NOT_FOUND'],
  );
  const unknown = await client.checkAccess({ verificationId: 'ada-fresh', policy: 'front-door' });
  assert.deepEqual(unknown.stepUp?.remedies, [{ kind: 'identify' }]);
});

test('authentication and attributes are sent', async (t) => {
  const client = connect(t, service.address);
  const admin = { ...ADA, verificationId: 'ada-month-old', policy: 'sso-admin' };
  const answer = await client.checkAccess(admin);
  assert.ok(answer.stepUp?.alternatives.flat().some((one) => one.kind === 'authenticate' && one.maxAgeMs === 900_000));
  const authentication = { amr: ['hwk'], authTime: new Date() };
  assert.ok((await client.checkAccess({ ...admin, authentication })).allowed);
  const reset = { ...ADA, policy: 'help-desk-reset' };
  assert.ok((await client.checkAccess({ ...reset, attributes: { ticket: 'open' } })).allowed);
  assert.ok(!(await client.checkAccess({ ...reset, attributes: { ticket: 'shut' } })).allowed);
  const odd = JSON.parse('{"__proto__": "x", "ticket": "open"}') as Record<string, string>;
  assert.ok((await client.checkAccess({ ...reset, attributes: odd })).allowed);
});

test('a batch keeps the order, and each check has its own error', async (t) => {
  const requests: CheckAccessRequest[] = [
    { ...ADA, requestId: 'a' },
    { ...ADA, policy: 'none', requestId: 'b' },
    { verificationId: '../x', policy: 'front-door', requestId: 'c' },
    { verificationId: '\ud800', policy: 'front-door', requestId: 'd' },
    { ...ADA, verificationId: 'ada-month-old', requestId: 'a' },
  ];
  for (const onError of ['deny', 'throw'] as const) {
    const answers = await connect(t, service.address, { onError }).batchCheckAccess(requests);
    assert.deepEqual(
      answers.map(({ decision, requestId, error }) => [decision, requestId, error?.code]),
      [
        ['ALLOW', 'a', undefined],
        ['DENY', 'b', 'NOT_FOUND'],
        ['DENY', 'c', 'INVALID_ARGUMENT'],
        ['DENY', 'd', 'INVALID_ARGUMENT'],
        ['STEP_UP', 'a', undefined],
      ],
    );
    // Nothing has to be fetched any more.
    if (onError === 'throw') assert.equal(Number(answers[0]?.decidedAt), Number(answers[4]?.decidedAt));
  }
});

test('a batch has 1 to 256 checks', async (t) => {
  const client = connect(t, service.address);
  assert.equal((await client.batchCheckAccess(Array<CheckAccessRequest>(256).fill(ADA))).length, 256);
  for (const count of [0, 257]) await assert.rejects(client.batchCheckAccess(Array<CheckAccessRequest>(count).fill(ADA)), RangeError);
});

test('a link is made once for one requestId', async (t) => {
  const client = connect(t, service.address);
  const asked = {
    verificationId: 'ada-month-old',
    policy: 'front-door',
    loginHint: 'ada@example.com',
    redirectUrl: 'https://sso.example.com/step-up',
  };
  const first = await client.beginStepUp({ ...asked, requestId: 'once' });
  assert.deepEqual(await client.beginStepUp({ ...asked, requestId: 'once' }), first);
  assert.ok(first.verificationLink && first.traceId && first.expiresAt instanceof Date);
  assert.notEqual((await client.beginStepUp(asked)).stepUpId, first.stepUpId);
  await assert.rejects(client.beginStepUp({ ...asked, loginHint: 'none', redirectUrl: 'https://other.example' }), (error) => {
    assert.ok(error instanceof VerigateError);
    assert.deepEqual(error.violations.map(({ field }) => field).sort(), ['login_hint', 'redirect_url']);
    return true;
  });
});
