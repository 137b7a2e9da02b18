/** What the tests start: the service beside the simulated vendor, and a service of their own that answers as a test says. */

import { type ChildProcess, spawn } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

import { create, type DescMessage, fromBinary, type MessageShape, toBinary } from '@bufbuild/protobuf';
import * as grpc from '@grpc/grpc-js';
import { type Answer, Client, type ClientSettings } from '@verigate/client';

import * as v1 from './gen/verigate/v1/access_pb.js';

export { v1 };
export const BINARY = process.env['VERIGATE_BINARY'] ?? '';
export const REPOSITORY = process.env['VERIGATE_REPOSITORY'] ?? '';
const START_MS = 30_000;

/** Something after which what was started is ended. */
type Test = { after: (end: () => unknown) => void };

/** Waits. */
export const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** The first line of an output that fits. What follows is read and dropped. */
function lineOf(child: ChildProcess, output: NodeJS.ReadableStream | null, fits: (line: string) => boolean): Promise<string> {
  return new Promise((resolve, reject) => {
    if (output === null) return reject(new Error('no output'));
    const timer = setTimeout(() => reject(new Error(`${child.spawnargs.join(' ')} does not start`)), START_MS);
    const lines = createInterface({ input: output });
    lines.on('line', (line) => fits(line) && resolve(line));
    lines.on('close', () => reject(new Error(`${child.spawnargs.join(' ')} has ended`)));
    child.once('exit', () => clearTimeout(timer));
    void Promise.resolve().then(() => lines.once('line', () => clearTimeout(timer)));
  });
}

function killed(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve();
    child.once('exit', () => resolve());
    child.kill('SIGKILL');
  });
}

/** The service beside the simulated vendor, with the sample policies and configuration; `more` is appended to the configuration. */
export class Service {
  readonly folder = mkdtempSync(join(tmpdir(), 'verigate-'));
  listen = '127.0.0.1:0';
  #vendor: ChildProcess | undefined;
  #child: ChildProcess | undefined;
  #vendorUrl = '';

  static async start(test: Test, { listen = '', more = '' } = {}): Promise<Service> {
    const service = new Service();
    test.after(() => service.stop());
    const config = readFileSync(join(REPOSITORY, 'deploy/sim/verigate.toml'), 'utf8');
    writeFileSync(join(service.folder, 'verigate.toml'), config + more);
    chmodSync(join(service.folder, 'verigate.toml'), 0o600);
    if (listen) service.listen = listen;
    service.#vendor = spawn(BINARY, ['sim', '--listen', '127.0.0.1:0'], { stdio: ['ignore', 'pipe', 'ignore'] });
    const line = await lineOf(service.#vendor, service.#vendor.stdout, (one) => one.includes('listens on'));
    service.#vendorUrl = line.split(' ').at(-1) ?? '';
    await service.restart();
    return service;
  }

  /** Starts it, after it was killed at the same address. */
  async restart(): Promise<void> {
    const env = {
      ...process.env,
      VERIGATE_INCODE__URL: this.#vendorUrl,
      VERIGATE_GRPC__LISTEN: this.listen,
      VERIGATE_HTTP__LISTEN: '127.0.0.1:0',
      VERIGATE_ADMIN__LISTEN: '127.0.0.1:0',
      VERIGATE_JOURNAL__PATH: join(this.folder, 'decisions.jsonl'),
      VERIGATE_LOG__FORMAT: 'json',
    };
    const config = join(this.folder, 'verigate.toml');
    this.#child = spawn(BINARY, ['serve', '--config', config], { env, cwd: REPOSITORY, stdio: ['ignore', 'ignore', 'pipe'] });
    const line = await lineOf(this.#child, this.#child.stderr, (one) => one.includes('"service_ready"'));
    this.listen = /"grpc":"([^"]*)"/.exec(line)?.[1] ?? '';
  }

  get address(): string {
    return this.listen.startsWith('unix:') ? this.listen : `http://${this.listen}`;
  }

  get secureAddress(): string {
    return `https://localhost:${this.listen.split(':').at(-1)}`;
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  /** Stops all its threads, and waits until they have. */
  async freeze(): Promise<void> {
    this.signal('SIGSTOP');
    const tasks = `/proc/${this.#child?.pid}/task`;
    for (const task of readdirSync(tasks)) {
      while (!/\) T /.test(readFileSync(join(tasks, task, 'stat'), 'utf8'))) await sleep(1);
    }
  }

  async kill(): Promise<void> {
    if (this.#child) await killed(this.#child);
  }

  async stop(): Promise<void> {
    await this.kill();
    if (this.#vendor) await killed(this.#vendor);
    rmSync(this.folder, { recursive: true, force: true });
  }
}

type Stream = grpc.ServerDuplexStream<v1.CheckAccessRequest, v1.StreamCheckAccessResponse>;
type Failure = { code: grpc.status; details?: string; metadata?: grpc.Metadata };

/** Refuses a call. */
export function abort(code: grpc.status, metadata?: Record<string, string | Buffer>): never {
  const all = new grpc.Metadata();
  for (const [name, value] of Object.entries(metadata ?? {})) all.set(name, value);
  throw { code, details: 'made up', metadata: all } satisfies Failure;
}

type Time = { seconds: bigint };
type More = { decision?: v1.Decision; validFor?: Time; decidedAt?: Time; validUntil?: Time };

/** An ALLOW, which may be reused for this number of seconds. */
export function allow(request: { requestId: string }, validFor = 0, more: More = {}) {
  const requestId = Array.from(request.requestId, (c) => (c >= '!' && c <= '~' ? c : '_')).join('');
  const lasts = validFor ? { validFor: { seconds: BigInt(validFor) } } : {};
  return create(v1.CheckAccessResponseSchema, { decision: v1.Decision.ALLOW, requestId, ...lasts, ...more });
}

/** The same as a message of a stream. */
export function streamed(request: v1.CheckAccessRequest, decision = v1.Decision.ALLOW): v1.StreamCheckAccessResponse {
  const value = allow(request, 0, { decision });
  return create(v1.StreamCheckAccessResponseSchema, { requestId: value.requestId, result: { case: 'response', value } });
}

/** A service that answers as a test says. What a handler throws is the status of its call. */
export class FakeService {
  calls = 0;
  readonly metadata: grpc.Metadata[] = [];
  readonly deadlinesMs: number[] = [];
  check: (request: v1.CheckAccessRequest, before: number) => v1.CheckAccessResponse | Promise<v1.CheckAccessResponse> = (request) =>
    allow(request);
  batch: (request: v1.BatchCheckAccessRequest) => v1.BatchCheckAccessResponse = () => abort(grpc.status.UNIMPLEMENTED);
  begin: (request: v1.BeginStepUpRequest, before: number) => v1.BeginStepUpResponse = () => abort(grpc.status.UNIMPLEMENTED);
  stream: (stream: Stream, before: number) => void = () => undefined;
  address = '';
  readonly #server = new grpc.Server();

  static async start(test: Test): Promise<FakeService> {
    const fake = new FakeService();
    fake.#serve();
    const port = await new Promise<number>((resolve, reject) => {
      fake.#server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) =>
        error ? reject(error) : resolve(bound),
      );
    });
    test.after(() => fake.#server.forceShutdown());
    fake.address = `http://127.0.0.1:${port}`;
    return fake;
  }

  #serve(): void {
    const method = (name: string, input: DescMessage, output: DescMessage, isStream = false) => ({
      path: `/verigate.v1.AccessService/${name}`,
      requestStream: isStream,
      responseStream: isStream,
      requestSerialize: (message: MessageShape<DescMessage>) => Buffer.from(toBinary(input, message)),
      requestDeserialize: (bytes: Buffer) => fromBinary(input, bytes),
      responseSerialize: (message: MessageShape<DescMessage>) => Buffer.from(toBinary(output, message)),
      responseDeserialize: (bytes: Buffer) => fromBinary(output, bytes),
    });
    // The messages of the handlers differ.
    const unary = (answer: (request: never) => unknown) => (call: any, reply: any) => {
      this.#count(call.metadata, call.getDeadline());
      Promise.resolve()
        .then(() => answer(call.request as never))
        .then(
          (response) => reply(null, response),
          (failure) => reply(failure),
        );
    };
    this.#server.addService(
      {
        check: method('CheckAccess', v1.CheckAccessRequestSchema, v1.CheckAccessResponseSchema),
        batch: method('BatchCheckAccess', v1.BatchCheckAccessRequestSchema, v1.BatchCheckAccessResponseSchema),
        begin: method('BeginStepUp', v1.BeginStepUpRequestSchema, v1.BeginStepUpResponseSchema),
        stream: method('StreamCheckAccess', v1.CheckAccessRequestSchema, v1.StreamCheckAccessResponseSchema, true),
      },
      {
        check: unary((request) => this.check(request, this.calls - 1)),
        batch: unary((request) => this.batch(request)),
        begin: unary((request) => this.begin(request, this.calls - 1)),
        stream: (stream: Stream) => {
          this.#count(stream.metadata, stream.getDeadline());
          stream.on('error', () => undefined);
          this.stream(stream, this.calls - 1);
        },
      },
    );
  }

  #count(metadata: grpc.Metadata, deadline: grpc.Deadline): void {
    this.calls++;
    this.metadata.push(metadata);
    this.deadlinesMs.push(Number(deadline) - Date.now());
  }
}

/** A client that is closed with its test. */
export function connect(test: Test, address: string, settings: ClientSettings = {}): Client {
  // Much: other tests may keep the machine busy.
  const client = new Client(address, { deadlineMs: 20_000, ...settings });
  test.after(() => client.close());
  return client;
}

/** Fails unless this is a denial by an error of this code. */
export function shut(answer: Answer, ...codes: string[]): NonNullable<Answer['error']> {
  if (answer.allowed !== false || answer.decision !== 'DENY' || answer.error === undefined) throw new Error(`no denial: ${JSON.stringify(answer)}`);
  if (!codes.includes(answer.error.code)) throw new Error(`${answer.error.message} is not one of ${codes.join(', ')}`);
  return answer.error;
}

/** A port on which nothing listens. */
export function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const bound = server.address();
      const port = typeof bound === 'object' && bound !== null ? bound.port : 0;
      server.close(() => resolve(port));
    });
  });
}
