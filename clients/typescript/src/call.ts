/** One call with all its attempts, within one deadline. */

import { type DescMessage, fromBinary, type MessageShape, toBinary } from '@bufbuild/protobuf';
import type { Client as GrpcClient, Metadata } from '@grpc/grpc-js';

import { ofRpc, VerigateError } from './errors.js';
import { delay } from './retry.js';
import { errorOf, late, type Settings } from './settings.js';

export const SERVICE = '/verigate.v1.AccessService/';

/** What a call sends and gets. */
export interface Method<I extends DescMessage, O extends DescMessage> {
  readonly name: string;
  readonly input: I;
  readonly output: O;
}

/**
 * Makes a call, and repeats it where that may help and the deadline permits it. `closing` is aborted, with the error, when the client is closed.
 */
export async function call<I extends DescMessage, O extends DescMessage>(
  client: GrpcClient,
  settings: Settings,
  method: Method<I, O>,
  request: MessageShape<I>,
  deadlineMs: number,
  closing: AbortSignal,
): Promise<MessageShape<O>> {
  const until = performance.now() + deadlineMs;
  let attempts = 0;
  const stop = new AbortController();
  const close = () => stop.abort(closing.reason);
  if (closing.aborted) throw errorOf(closing.reason);
  closing.addEventListener('abort', close, { once: true });
  const timer = setTimeout(() => stop.abort(late(attempts)), deadlineMs);
  try {
    for (;;) {
      const metadata = await unlessStopped(settings.connection.metadata(), stop.signal);
      attempts++;
      try {
        return await attempt(client, method, request, metadata, until - performance.now(), stop.signal);
      } catch (thrown) {
        const error = ofRpc(thrown as object, attempts);
        const after = delay(error, attempts, settings.attempts, until - performance.now());
        if (after === undefined || stop.signal.aborted) throw error;
        await pause(after, stop.signal);
      }
    }
  } finally {
    clearTimeout(timer);
    closing.removeEventListener('abort', close);
  }
}

function attempt<I extends DescMessage, O extends DescMessage>(
  client: GrpcClient,
  { name, input, output }: Method<I, O>,
  request: MessageShape<I>,
  metadata: Metadata,
  leftMs: number,
  signal: AbortSignal,
): Promise<MessageShape<O>> {
  return new Promise((resolve, reject) => {
    const running = client.makeUnaryRequest(
      SERVICE + name,
      (message: MessageShape<I>) => Buffer.from(toBinary(input, message)),
      (bytes: Buffer) => fromBinary(output, bytes),
      request,
      metadata,
      { deadline: Date.now() + leftMs },
      (error, response) => {
        signal.removeEventListener('abort', stop);
        if (error) reject(error);
        else if (response === undefined) reject(new VerigateError('INTERNAL', 'the service sent no message'));
        else resolve(response);
      },
    );
    const stop = () => {
      reject(signal.reason);
      running.cancel();
    };
    signal.addEventListener('abort', stop, { once: true });
  });
}

/** Waits, unless the call is stopped. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const waited = new Promise<void>((resolve) => {
    timer = setTimeout(resolve, ms);
  });
  try {
    await unlessStopped(waited, signal);
  } finally {
    clearTimeout(timer);
  }
}

/** What is awaited, or the reason for which the call is stopped before. */
async function unlessStopped<T>(awaited: Promise<T>, signal: AbortSignal): Promise<T> {
  if (signal.aborted) throw errorOf(signal.reason);
  let stop: (() => void) | undefined;
  const stopped = new Promise<never>((_, reject) => {
    stop = () => reject(errorOf(signal.reason));
    signal.addEventListener('abort', stop, { once: true });
  });
  try {
    return await Promise.race([awaited, stopped]);
  } finally {
    if (stop !== undefined) signal.removeEventListener('abort', stop);
  }
}
