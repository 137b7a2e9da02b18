/** The client. */

import { create } from '@bufbuild/protobuf';
import { Client as GrpcClient } from '@grpc/grpc-js';

import { type Answer, denial, type StepUpLink } from './answers.js';
import { call } from './call.js';
import { VerigateError } from './errors.js';
import {
  BatchCheckAccessRequestSchema,
  BatchCheckAccessResponseSchema,
  BeginStepUpRequestSchema,
  BeginStepUpResponseSchema,
  type CheckAccessRequest as CheckMessage,
  CheckAccessRequestSchema,
  CheckAccessResponseSchema,
} from './gen/verigate/v1/access_pb.js';
import { type BeginStepUpRequest, beginMessageOf, type CheckAccessRequest, cleaned, messageOf } from './requests.js';
import {
  BATCH_CHECKS_MAX,
  type CallOptions,
  type CheckOptions,
  type ClientSettings,
  closed,
  errorOf,
  Settings,
  STEP_UP_DEADLINE_MS,
} from './settings.js';
import { CheckStream } from './stream.js';
import { linkOf } from './wire.js';

const CHECK = { name: 'CheckAccess', input: CheckAccessRequestSchema, output: CheckAccessResponseSchema };
const BATCH = { name: 'BatchCheckAccess', input: BatchCheckAccessRequestSchema, output: BatchCheckAccessResponseSchema };
const BEGIN = { name: 'BeginStepUp', input: BeginStepUpRequestSchema, output: BeginStepUpResponseSchema };

/** Asks one service, over one connection that is made at the first call and made again when it is lost. */
export class Client {
  readonly #settings: Settings;
  readonly #client: GrpcClient;
  readonly #closing = new AbortController();
  readonly #streams = new Set<CheckStream>();

  /**
   * `address` is `https://HOST:PORT`, `http://HOST:PORT` or `unix:/PATH`. Throws TypeError for settings that do not fit together, and what
   * reading a file throws.
   */
  constructor(address: string, settings: ClientSettings = {}) {
    this.#settings = new Settings(address, settings);
    const { target, credentials, options } = this.#settings.connection;
    this.#client = new GrpcClient(target, credentials, options);
  }

  /** Decides about one verification. A call without an answer is a denial with `error`, or throws VerigateError with `onError: "throw"`. */
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
    const sent = this.#settings.reuse.clocks();
    try {
      const response = await call(this.#client, this.#settings, CHECK, message, ms, this.#closing.signal);
      return this.#settings.judge(message, sent, response);
    } catch (thrown) {
      const error = errorOf(thrown);
      this.#settings.reuse.record(message, sent, error);
      throw error;
    }
  }

  /**
   * Makes 1 to 256 checks for one instant; the answers are in the order of the requests. Others are a RangeError. What is wrong with one check
   * is the `error` of its answer. A call without an answer is one denial for each check, or throws VerigateError with `onError: "throw"`. No
   * answer is reused here.
   */
  async batchCheckAccess(requests: readonly CheckAccessRequest[], options: CallOptions = {}): Promise<Answer[]> {
    if (!(requests.length >= 1 && requests.length <= BATCH_CHECKS_MAX)) {
      throw new RangeError(`a batch has 1 to ${BATCH_CHECKS_MAX} checks, and this one has ${requests.length}`);
    }
    const encoded = requests.map(encodedOf);
    const messages = encoded.filter((one): one is CheckMessage => !(one instanceof VerigateError));
    const asked = messages.length === 0 ? [] : await this.#batch(messages, options);
    const results = asked.values();
    return encoded.map((one, index) => {
      const result = one instanceof VerigateError ? one : (results.next().value ?? closed());
      return result instanceof VerigateError ? denial(result, cleaned(requests[index]?.requestId)) : result;
    });
  }

  async #batch(messages: CheckMessage[], options: CallOptions): Promise<(Answer | VerigateError)[]> {
    const sent = this.#settings.reuse.clocks();
    try {
      const ms = this.#settings.milliseconds(options);
      const request = create(BatchCheckAccessRequestSchema, { checks: messages });
      const response = await call(this.#client, this.#settings, BATCH, request, ms, this.#closing.signal);
      return this.#settings.judgeBatch(messages, sent, response);
    } catch (thrown) {
      const error = errorOf(thrown);
      this.#settings.throwIfWanted(error);
      return messages.map(() => error);
    }
  }

  /** Opens a stream for many checks, several at a time. Close it. */
  streamCheckAccess({ inFlight = 32 }: { readonly inFlight?: number } = {}): CheckStream {
    const stream = new CheckStream(this.#settings, this.#client, inFlight);
    if (this.#closing.signal.aborted) stream.close();
    // Those that are closed are dropped, so that the set does not grow.
    for (const open of this.#streams) if (open.isClosed) this.#streams.delete(open);
    this.#streams.add(stream);
    return stream;
  }

  /** Makes a link by which a person can verify again. Throws VerigateError if there is none, whatever `onError` is. */
  async beginStepUp(request: BeginStepUpRequest, options: CallOptions = {}): Promise<StepUpLink> {
    try {
      const message = beginMessageOf(request);
      const ms = this.#settings.milliseconds(options, STEP_UP_DEADLINE_MS);
      return linkOf(await call(this.#client, this.#settings, BEGIN, message, ms, this.#closing.signal));
    } catch (thrown) {
      throw errorOf(thrown);
    }
  }

  /** Ends the reuse of answers about this verification, or of all. */
  invalidate(verificationId?: string): void {
    this.#settings.reuse.invalidate(verificationId);
  }

  /** Closes the streams and the connection. What is in flight becomes CANCELLED. */
  close(): void {
    this.#closing.abort(closed());
    for (const stream of this.#streams) stream.close();
    this.#client.close();
  }
}

function encodedOf(request: CheckAccessRequest): CheckMessage | VerigateError {
  try {
    return messageOf(request);
  } catch (thrown) {
    return errorOf(thrown);
  }
}
