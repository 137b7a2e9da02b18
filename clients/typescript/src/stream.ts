/** A stream of checks, which is opened at the first check and again when it ends. */

import { fromBinary, toBinary } from '@bufbuild/protobuf';
import type { Client as GrpcClient, ClientDuplexStream, Metadata, StatusObject } from '@grpc/grpc-js';

import type { Answer } from './answers.js';
import { pause, SERVICE } from './call.js';
import { ofRpc, VerigateError } from './errors.js';
import {
  type CheckAccessRequest as CheckMessage,
  CheckAccessRequestSchema,
  type StreamCheckAccessResponse,
  StreamCheckAccessResponseSchema,
} from './gen/verigate/v1/access_pb.js';
import { Pipeline } from './pipeline.js';
import { type CheckAccessRequest, cleaned, messageOf } from './requests.js';
import { type CheckOptions, closed, errorOf, type Settings } from './settings.js';

/** Many checks, several at a time, over one stream that is opened at the first check and again when it ends. */
export class CheckStream {
  readonly #settings: Settings;
  readonly #client: GrpcClient;
  readonly #pipeline: Pipeline;
  readonly #closing = new AbortController();
  #open: ClientDuplexStream<CheckMessage, StreamCheckAccessResponse> | undefined;
  #isRunning = false;

  constructor(settings: Settings, client: GrpcClient, inFlight: number) {
    if (!Number.isInteger(inFlight) || inFlight < 1 || inFlight > 1000) {
      throw new TypeError(`inFlight is ${inFlight}: 1 to 1000 are possible`);
    }
    this.#settings = settings;
    this.#client = client;
    this.#pipeline = new Pipeline(settings, inFlight);
  }

  /** Whether no more checks are taken. */
  get isClosed(): boolean {
    return this.#closing.signal.aborted;
  }

  /**
   * Sends a check. Its answer is there at its deadline at the latest, as `Client.checkAccess` returns or throws it. Several may be under way.
   * `requestId` must differ from that of every other check in flight; without one, the check gets one.
   */
  async checkAccess(request: CheckAccessRequest, options: CheckOptions = {}): Promise<Answer> {
    try {
      return await this.#check(request, options);
    } catch (thrown) {
      return this.#settings.settle(errorOf(thrown), cleaned(request?.requestId));
    }
  }

  async #check(request: CheckAccessRequest, options: CheckOptions): Promise<Answer> {
    const message = messageOf(request);
    const ms = this.#settings.milliseconds(options);
    const known = options.reuse === false ? undefined : this.#settings.reuse.find(message);
    if (known !== undefined) return known;
    if (this.isClosed) throw closed();
    const deadline = performance.now() + ms;
    const result = new Promise<Answer | VerigateError>((finish) => {
      this.#pipeline.add({ message, deadline, finish });
    });
    this.#send();
    void this.#run();
    // Timers may fire a little early.
    const timer = setTimeout(() => this.#pipeline.expire(Math.max(performance.now(), deadline)), ms);
    try {
      const answer = await result;
      if (answer instanceof VerigateError) throw answer;
      return answer;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Ends the stream. What is in flight becomes CANCELLED. */
  close(): void {
    this.#closing.abort(closed());
    this.#pipeline.failAll(closed());
    this.#open?.cancel();
  }

  /** Opens a stream whenever there is something to send. Ends when there is nothing, and is started again by the next check. */
  async #run(): Promise<void> {
    if (this.#isRunning) return;
    this.#isRunning = true;
    try {
      while (this.#pipeline.hasWaiting && !this.isClosed) {
        const error = await this.#readOneStream();
        const after = this.#pipeline.ended(error, performance.now());
        if (!this.isClosed) await pause(after, this.#closing.signal);
      }
    } catch (thrown) {
      this.#pipeline.failAll(errorOf(thrown));
    } finally {
      this.#isRunning = false;
    }
  }

  /** Reads a stream to its end, and returns why it ended. */
  async #readOneStream(): Promise<VerigateError> {
    let metadata: Metadata;
    try {
      metadata = await this.#settings.connection.metadata();
    } catch (thrown) {
      return errorOf(thrown);
    }
    if (this.isClosed) return closed();
    const open = this.#client.makeBidiStreamRequest<CheckMessage, StreamCheckAccessResponse>(
      `${SERVICE}StreamCheckAccess`,
      (message) => Buffer.from(toBinary(CheckAccessRequestSchema, message)),
      (bytes) => fromBinary(StreamCheckAccessResponseSchema, bytes),
      metadata,
    );
    return new Promise((resolve) => {
      let isOver = false;
      open.on('data', (response: StreamCheckAccessResponse) => {
        // By then its id may be that of another check.
        if (isOver) return;
        this.#pipeline.answered(response);
        this.#send();
      });
      // `status` has all that `error` has, and comes also without one.
      open.on('error', () => undefined);
      open.on('status', (status: StatusObject) => {
        this.#open = undefined;
        const ended = new VerigateError('UNAVAILABLE', 'the service ended the stream');
        // What has arrived before may still be in the buffer of the stream.
        setImmediate(() => {
          isOver = true;
          resolve(status.code === 0 ? ended : ofRpc(status, 1));
        });
      });
      this.#open = open;
      this.#send();
    });
  }

  /** Sends what there is room for. */
  #send(): void {
    while (this.#open !== undefined) {
      const message = this.#pipeline.nextToSend();
      if (message === undefined) return;
      this.#open.write(message);
    }
  }
}
