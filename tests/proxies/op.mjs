// An OpenID provider for the tests: node op.mjs REDIRECT_URI. It prints its address, which is its issuer.
//
// Who signs in is believed. A login without acr_values is one by password; with them, the form asks for a code too, and the login is of the first
// class that was asked for. `ago` says how many seconds ago the person is to have authenticated.
import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import { createRequire } from 'node:module';

const require = createRequire(new URL('../../target/proxies/js/', import.meta.url));
const { Provider, interactionPolicy } = await import(require.resolve('oidc-provider'));

const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
const server = createServer();
await new Promise((listening) => server.listen(0, '127.0.0.1', listening));
const issuer = `http://127.0.0.1:${server.address().port}`;

// Who is signed in with another class than those that are asked for signs in again.
const policy = interactionPolicy.base();
policy.get('login').checks.add(new interactionPolicy.Check('class', 'another class is asked for', (context) => {
  const { params, session } = context.oidc;
  const classes = params.acr_values?.split(' ') ?? [];
  return classes.length > 0 && !classes.includes(session.acr);
}));

const provider = new Provider(issuer, {
  jwks: { keys: [{ ...privateKey.export({ format: 'jwk' }), kid: 'op', alg: 'RS256', use: 'sig' }] },
  clients: [{
    client_id: 'app',
    client_secret: process.argv[3],
    redirect_uris: [process.argv[2]],
    // Without it, the ID token says when the person authenticated only if max_age was asked for.
    require_auth_time: true,
  }],
  acrValues: ['urn:x:mfa', 'urn:x:pwd'],
  claims: { openid: ['sub', 'acr'], profile: ['verification'] },
  conformIdTokenClaims: false,
  cookies: { keys: ['of a test'] },
  features: { devInteractions: { enabled: false } },
  findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, verification: id }) }),
  interactions: { policy, url: (_, interaction) => `/interaction/${interaction.uid}` },
  pkce: { required: () => false },
  // Nobody is asked for consent.
  async loadExistingGrant(context) {
    const { client, session } = context.oidc;
    const grant = new provider.Grant({ clientId: client.clientId, accountId: session.accountId });
    grant.addOIDCScope('openid profile');
    await grant.save();
    return grant;
  },
});

async function interact(request, response) {
  const { params } = await provider.interactionDetails(request, response);
  const asked = params.acr_values?.split(' ').filter((value) => value !== '')[0];
  if (request.method !== 'POST') {
    response.setHeader('content-type', 'text/html');
    const code = asked ? '<input name="code">' : '';
    response.end(`<!doctype html><title>Sign in</title><form method="post" name="login"><input name="account"><input name="ago" value="0">${code}</form>`);
    return;
  }
  let body = '';
  for await (const part of request) body += part;
  const form = new URLSearchParams(body);
  const isStrong = asked && form.get('code') === '123456';
  const login = {
    accountId: form.get('account'),
    acr: isStrong ? asked : 'urn:x:pwd',
    amr: isStrong ? ['pwd', 'otp'] : ['pwd'],
    ts: Math.floor(Date.now() / 1000) - Number(form.get('ago')),
  };
  await provider.interactionFinished(request, response, { login }, { mergeWithLastSubmission: false });
}

const callback = provider.callback();
server.on('request', (request, response) => {
  if (request.url.startsWith('/interaction/')) {
    interact(request, response).catch((error) => response.writeHead(500).end(String(error)));
  } else {
    callback(request, response);
  }
});
console.log(issuer);
