/** TLS, client certificates, tokens and Unix sockets, with the real service. */

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';

import type { ClientSettings } from '@verigate/client';

import { BINARY, connect, FakeService, Service, shut } from './harness.js';

const ADA = { verificationId: 'ada-fresh', policy: 'front-door', identityId: 'id-ada' };
const folder = mkdtempSync(join(tmpdir(), 'verigate-pki-'));
const file = (name: string) => join(folder, name);
let token = '';
let more = '';

before(() => {
  const openssl = (...given: string[]) => execFileSync('openssl', given, { cwd: folder, stdio: 'ignore' });
  const key = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
  for (const ca of ['ca', 'other-ca']) {
    const use = 'keyUsage=critical,keyCertSign,cRLSign';
    openssl('req', '-x509', ...key, '-keyout', `${ca}.key`, '-out', `${ca}.crt`, '-subj', `/CN=${ca}`, '-days', '2', '-addext', use);
  }
  const leaves = [
    ['server', 'ca', 'DNS:localhost'],
    ['door', 'ca', 'URI:spiffe://example.org/door/1'],
    ['stranger', 'other-ca', 'URI:spiffe://example.org/door/1'],
  ] as const;
  for (const [name, ca, names] of leaves) {
    openssl('req', '-new', ...key, '-keyout', `${name}.key`, '-out', `${name}.csr`, '-subj', '/');
    writeFileSync(file('ext'), `subjectAltName=critical,${names}\nkeyUsage=critical,digitalSignature\n`);
    const signed = ['-CA', `${ca}.crt`, '-CAkey', `${ca}.key`, '-CAcreateserial', '-days', '1', '-extfile', 'ext'];
    openssl('x509', '-req', '-in', `${name}.csr`, '-out', `${name}.crt`, ...signed);
  }
  for (const name of readdirSync(folder)) if (name.endsWith('.key')) chmodSync(file(name), 0o600);
  const made = execFileSync(BINARY, ['token', 'new', 'badge'], { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] }).split('\n');
  token = made[0] ?? '';
  const caller = 'policies = ["front-door"]\nasserts = ["identity"]\n';
  more = `
[grpc.tls]
certificate = "${file('server.crt')}"
key = "${file('server.key')}"
client_ca = "${file('ca.crt')}"
[callers.door]
certificate = ["spiffe://example.org/door/*"]
${caller}
[callers.badge]
token_sha256 = ["${made[1]}"]
${caller}`;
});

after(() => rmSync(folder, { recursive: true }));

test('a door with a certificate or a token is let in and no one else', async (t) => {
  const service = await Service.start(t, { more });
  const ca = file('ca.crt');
  const own = (name: string) => ({ ca, certificate: file(`${name}.crt`), key: file(`${name}.key`) });
  for (const settings of [own('door'), { ca, token }, { ca, token: () => Promise.resolve(token) }]) {
    const client = connect(t, service.secureAddress, settings);
    assert.ok((await client.checkAccess(ADA)).allowed);
    shut(await client.checkAccess({ ...ADA, policy: 'server-room' }), 'PERMISSION_DENIED');
    assert.ok((await client.streamCheckAccess().checkAccess(ADA)).allowed);
  }
  const refused: [ClientSettings, string][] = [
    [{ ca }, 'UNAUTHENTICATED'],
    [{ ca, token: `vg_aaaaaaaa_${'A'.repeat(43)}` }, 'UNAUTHENTICATED'],
    [own('stranger'), 'UNAVAILABLE'],
    [{ ca: file('other-ca.crt'), token }, 'UNAVAILABLE'],
    [{ token }, 'UNAVAILABLE'],
  ];
  for (const [settings, code] of refused) shut(await connect(t, service.secureAddress, settings).checkAccess(ADA), code);
  const plain = connect(t, service.secureAddress.replace('https', 'http'), { token });
  assert.ok(!(await plain.checkAccess(ADA)).allowed);
  const named = connect(t, service.secureAddress.replace('localhost', '127.0.0.1'), { ca, token });
  assert.ok(!(await named.checkAccess(ADA)).allowed, 'the certificate is for another name');
});

test('a Unix socket', async (t) => {
  const service = await Service.start(t, { listen: `unix:${folder}/grpc.sock` });
  assert.ok((await connect(t, service.address).checkAccess(ADA)).allowed);
});

test('a token that cannot be obtained is a denial', async (t) => {
  const fake = await FakeService.start(t);
  const tokens = [
    () => Promise.reject(new Error('secret')),
    () => {
      throw new Error('secret');
    },
    () => '',
    () => 'two lines\n',
    () => 'ü',
    () => undefined as never,
  ];
  for (const one of tokens) {
    const client = connect(t, fake.address, { token: one });
    assert.ok(!shut(await client.checkAccess(ADA), 'UNAUTHENTICATED').message.includes('secret'));
    shut(await client.streamCheckAccess().checkAccess(ADA), 'UNAUTHENTICATED');
  }
  const never = connect(t, fake.address, { token: () => new Promise(() => undefined) });
  shut(await never.checkAccess(ADA, { deadlineMs: 100 }), 'DEADLINE_EXCEEDED');
  shut(await never.streamCheckAccess().checkAccess(ADA, { deadlineMs: 100 }), 'DEADLINE_EXCEEDED');
  assert.equal(fake.calls, 0);
});

test('a token is asked for again for each call', async (t) => {
  const fake = await FakeService.start(t);
  const tokens = ['vg_old', 'vg_new'];
  const client = connect(t, fake.address, { token: () => tokens.shift() ?? '' });
  await client.checkAccess(ADA);
  await client.checkAccess(ADA);
  assert.deepEqual(
    fake.metadata.map((metadata) => metadata.get('authorization')),
    [['Bearer vg_old'], ['Bearer vg_new']],
  );
});

test('no proxy of the environment is used', async (t) => {
  const fake = await FakeService.start(t);
  const names = ['http_proxy', 'https_proxy', 'grpc_proxy'];
  for (const name of names) process.env[name] = 'http://127.0.0.1:1';
  t.after(() => {
    for (const name of names) delete process.env[name];
  });
  assert.ok((await connect(t, fake.address).checkAccess(ADA)).allowed);
});
