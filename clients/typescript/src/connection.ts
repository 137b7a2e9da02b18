/** The connection to the service: its address, TLS, the token, keepalive and reconnection. */

import { readFileSync } from 'node:fs';
import { isIP } from 'node:net';

import { type ChannelCredentials, type ClientOptions, credentials, Metadata } from '@grpc/grpc-js';

import { VerigateError } from './errors.js';

/** The token of the caller, or a function that returns it, called for each call. */
export type Token = string | (() => string | Promise<string>);

export const KEEPALIVE_MS = 20_000;
/** How long a ping may be unanswered before the connection counts as dead. */
const KEEPALIVE_TIMEOUT_MS = 5000;
/** After a failed connection the next is tried after about this, and then after longer, with jitter. */
const RECONNECT_MS = 200;
const RECONNECT_MS_MAX = 5000;
/** 256 answers of policies with very many rules exceed the 4 MiB that are usual. */
const ANSWER_BYTES_MAX = 32 * 1024 * 1024;

/** How to reach the service. */
export interface ConnectionSettings {
  /** The caller's token, sent as `authorization: Bearer …`; or a function that returns it, called for each call. */
  readonly token?: Token;
  /** File with the CA certificates that verify the service (PEM), in place of those of Node. */
  readonly ca?: string;
  /** Files with our certificate chain and its key (PEM). */
  readonly certificate?: string;
  readonly key?: string;
  /** Permits `http://` to other machines. */
  readonly plaintext?: boolean;
  /** After how long without traffic the connection is tested, at least 10 s. 20 s. */
  readonly keepaliveMs?: number;
}

/** How to reach the service, checked and read. */
export interface Connection {
  readonly target: string;
  readonly credentials: ChannelCredentials;
  readonly options: ClientOptions;
  readonly metadata: () => Promise<Metadata>;
}

/** Reads the files and checks what fits together. Throws TypeError for settings that do not, and what reading a file throws. */
export function connectionOf(address: string, settings: ConnectionSettings): Connection {
  const { token, ca, certificate, key } = settings;
  const { target, secure, local } = targetOf(address);
  if (!secure && !local && settings.plaintext !== true) {
    throw new TypeError(
      `\`${address}\` sends everything in plain text to another machine: use https://, or plaintext: true where something else encrypts`,
    );
  }
  if (!secure && (ca ?? certificate ?? key) !== undefined) {
    throw new TypeError(`ca, certificate and key are for an address that begins with https://, and \`${address}\` does not`);
  }
  if ((certificate === undefined) !== (key === undefined)) throw new TypeError('certificate and key are needed together');
  if (token !== undefined && typeof token !== 'function' && !isToken(token)) {
    throw new TypeError('the token is empty, or has blanks or characters that no header can carry: does it end with a line end?');
  }
  const keepaliveMs = settings.keepaliveMs ?? KEEPALIVE_MS;
  if (!(keepaliveMs >= 10_000)) throw new TypeError(`keepaliveMs is ${keepaliveMs}: at least 10000 are needed`);
  const read = (path: string | undefined) => (path === undefined ? null : readFileSync(path));
  return {
    target,
    credentials: secure ? credentials.createSsl(read(ca), read(key), read(certificate)) : credentials.createInsecure(),
    options: optionsOf(keepaliveMs, target),
    metadata: () => metadataOf(token),
  };
}

/** The target for grpc-js, whether it is reached by TLS, and whether it is on this machine. */
function targetOf(address: string): { target: string; secure: boolean; local: boolean } {
  if (address.startsWith('unix:')) {
    const path = address.slice('unix:'.length);
    if (!path.startsWith('/')) throw new TypeError(`\`${address}\` needs an absolute path, such as unix:/run/verigate/grpc.sock`);
    return { target: `unix:${path}`, secure: false, local: true };
  }
  if (!/^https?:\/\//.test(address)) throw new TypeError(`\`${address}\` must begin with https://, http:// or unix:`);
  const written = /^https?:\/\/(\[[0-9a-fA-F:.]+\]|[^/?#@:[\]]+):([0-9]{1,5})\/?$/.exec(address);
  const [, host, port] = written ?? [];
  if (host === undefined || port === undefined) {
    throw new TypeError(`\`${address}\` needs a scheme, a host and a port and nothing else, such as https://verigate.example.org:50051`);
  }
  return { target: `${host}:${port}`, secure: address.startsWith('https:'), local: isLoopback(host) };
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '[::1]' || (isIP(host) === 4 && host.startsWith('127.'));
}

function isToken(token: unknown): token is string {
  return typeof token === 'string' && /^[!-~]+$/.test(token);
}

/** The metadata of a call: the token, asked for again for each call if it is a function. */
async function metadataOf(token: Token | undefined): Promise<Metadata> {
  const metadata = new Metadata();
  if (token === undefined) return metadata;
  let value: unknown = token;
  try {
    if (typeof token === 'function') value = await token();
  } catch (error) {
    const name = error instanceof Error ? error.name : typeof error;
    throw new VerigateError('UNAUTHENTICATED', `no token could be obtained: ${name}`, { mayRetry: false });
  }
  if (!isToken(value)) {
    const details = 'the token is empty, or has blanks or characters that no header can carry';
    throw new VerigateError('UNAUTHENTICATED', details, { mayRetry: false });
  }
  metadata.set('authorization', `Bearer ${value}`);
  return metadata;
}

function optionsOf(keepaliveMs: number, target: string): ClientOptions {
  return {
    'grpc.keepalive_time_ms': keepaliveMs,
    'grpc.keepalive_timeout_ms': KEEPALIVE_TIMEOUT_MS,
    'grpc.keepalive_permit_without_calls': 1,
    'grpc.initial_reconnect_backoff_ms': RECONNECT_MS,
    'grpc.max_reconnect_backoff_ms': RECONNECT_MS_MAX,
    'grpc.max_receive_message_length': ANSWER_BYTES_MAX,
    // Which calls are repeated is decided here, and by nothing that DNS says.
    'grpc.enable_retries': 0,
    'grpc.service_config_disable_resolution': 1,
    // Each client has connections of its own, with its own credentials, and takes no proxy from the environment.
    'grpc.use_local_subchannel_pool': 1,
    'grpc.enable_http_proxy': 0,
    // The path of a socket is no authority that HTTP permits.
    ...(target.startsWith('unix:') ? { 'grpc.default_authority': 'localhost' } : {}),
  };
}
