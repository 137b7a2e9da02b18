// Asks the service by grpc-js or connect-node. Reads one line of JSON, and prints one line for each case; in a load, one when standard
// input ends.

import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createInterface } from 'node:readline';

const [library, modules] = process.argv.slice(2);
const require = createRequire(`${modules}/`);
const TIMEOUT_MS = 5000;
const WORKERS = 3;
// After this number of calls a client is replaced, so that new connections are made.
const CALLS_PER_CLIENT = 5;
const read = (path) => (path ? readFileSync(path) : undefined);

function grpcJs(test) {
  const grpc = require('@grpc/grpc-js');
  const credentials = grpc.credentials.createSsl(
    read(test.ca),
    read(test.key) ?? null,
    read(test.certificate) ?? null,
  );
  const options = { 'grpc.use_local_subchannel_pool': 1 };
  const client = new grpc.Client(test.target, credentials, options);
  // verification_id = "fresh", policy = "front-door"
  const request = Buffer.from('\x0a\x05fresh\x12\x0afront-door');
  const same = (bytes) => bytes;
  const ask = () =>
    new Promise((resolve) => {
      const metadata = new grpc.Metadata();
      if (test.token) metadata.set('authorization', `Bearer ${test.token}`);
      const deadline = Date.now() + TIMEOUT_MS;
      const path = '/verigate.v1.AccessService/CheckAccess';
      client.makeUnaryRequest(path, same, same, request, metadata, { deadline }, (error, answer) => {
        if (error) resolve(grpc.status[error.code]);
        else resolve(answer[0] === 8 && answer[1] === 1 ? 'ALLOW' : answer.toString('hex'));
      });
    });
  return { ask, close: () => client.close() };
}

function connectNode(test) {
  const { Code, createClient } = require('@connectrpc/connect');
  const { Http2SessionManager, createGrpcTransport } = require('@connectrpc/connect-node');
  const { createFileRegistry, fromBinary } = require('@bufbuild/protobuf');
  const { FileDescriptorSetSchema } = require('@bufbuild/protobuf/wkt');
  const descriptors = fromBinary(FileDescriptorSetSchema, read(test.descriptors));
  const service = createFileRegistry(descriptors).getService('verigate.v1.AccessService');
  const baseUrl = `https://${test.target}`;
  const nodeOptions = { ca: read(test.ca), key: read(test.key), cert: read(test.certificate) };
  const sessionManager = new Http2SessionManager(baseUrl, {}, nodeOptions);
  const client = createClient(service, createGrpcTransport({ baseUrl, sessionManager }));
  const headers = test.token ? { authorization: `Bearer ${test.token}` } : {};
  const ask = async () => {
    try {
      const request = { verificationId: 'fresh', policy: 'front-door' };
      const answer = await client.checkAccess(request, { headers, timeoutMs: TIMEOUT_MS });
      return answer.decision === 1 ? 'ALLOW' : `${answer.decision}`;
    } catch (error) {
      return (Code[error.code] ?? `${error}`).toUpperCase();
    }
  };
  return { ask, close: () => sessionManager.abort() };
}

const connect = library === 'grpc-js' ? grpcJs : connectNode;

async function load(test, ended) {
  let stopped = false;
  ended.then(() => (stopped = true));
  const found = [];
  const work = async (keeps) => {
    let client = connect(test);
    for (let calls = 1; !stopped; calls++) {
      found.push(await client.ask());
      if (!keeps && calls % CALLS_PER_CLIENT === 0) {
        client.close();
        client = connect(test);
      }
    }
    client.close();
  };
  await Promise.all([...Array(WORKERS).keys()].map((n) => work(n === 0)));
  const wrong = found.filter((result) => result !== 'ALLOW');
  console.log(`${found.length} ${wrong.length} ${wrong.slice(0, 3)}`);
}

const lines = createInterface({ input: process.stdin });
const ended = new Promise((resolve) => lines.once('close', resolve));
const line = await new Promise((resolve) => lines.once('line', resolve));
const asked = JSON.parse(line);
if (asked.load) {
  await load(asked.cases[0], ended);
} else {
  for (const test of asked.cases) {
    const client = connect(test);
    console.log(await client.ask());
    client.close();
  }
}
process.exit(0);
