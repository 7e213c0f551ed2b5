import type { Dispatcher } from 'undici';
import type { Clock, Timer } from '../core/clock.js';
import { isClerkError } from '../core/errors.js';
import type { RequestHandler } from '../core/transport.js';
import type { RegistryRequest, RegistryResponse } from './connection.js';
import { lostResponseError, unreachableError } from './connection-errors.js';
import { toDispatchOptions } from './dispatch-options.js';
import { JsonBodyReader, readResponseHead, type ResponseHead } from './json-response.js';
import { LineReader } from './line-reader.js';
import type { SeenPosition } from './seen-position.js';
import type { RegistryDialer } from './unref-connector.js';

export interface RegistryRequestOptions {
  readonly clock: Clock;
  /** Opens the connections to a server that must prove its key. Default: undici opens them. */
  readonly dialer?: RegistryDialer | undefined;
}

export const connectTimeoutMs = 1_500;
export const headersTimeoutMs = 3_000;
const bodyTimeoutMs = 3_000;

/** One request to a registry server, from its dispatch to the parsed response. */
export class RegistryRequestHandler implements RequestHandler {
  readonly #subject: string;
  readonly #body: JsonBodyReader;
  #head: ResponseHead | undefined;
  #lines: LineReader | undefined;
  #resume: (() => void) | undefined;
  #abort: ((reason?: Error) => void) | undefined;
  #timer: Timer | undefined;
  #isSettled = false;

  constructor(
    readonly request: RegistryRequest,
    readonly seen: SeenPosition,
    readonly url: string,
    readonly options: RegistryRequestOptions,
    readonly signal: AbortSignal,
    readonly resolve: (response: RegistryResponse) => void,
    readonly reject: (error: unknown) => void,
  ) {
    this.#subject = `The request to ${request.path} at ${url}`;
    this.#body = new JsonBodyReader(this.#subject, request.maxResponseBytes);
  }

  start(pool: Dispatcher): void {
    this.signal.addEventListener('abort', this.#onAbort);
    this.#startTimeout(connectTimeoutMs, 'no connection was established');
    try {
      pool.dispatch(toDispatchOptions(this.request, this.seen), this);
    } catch (error) {
      this.onError(error as Error);
    }
  }

  onConnect(abort: (reason?: Error) => void): void {
    // An error of `onConnect` makes undici drop the request.
    if (this.#isSettled) throw new Error('The request was aborted');
    this.#abort = abort;
    this.#startTimeout(this.request.headersTimeoutMs ?? headersTimeoutMs, 'no response headers arrived');
  }

  onHeaders(status: number, headers: Buffer[], resume: () => void): boolean {
    if (this.#isSettled || status < 200) return true;
    this.#resume = resume;
    try {
      this.#head = readResponseHead(status, headers, this.#subject);
      this.options.dialer?.onResponse?.(this.#head);
      if (this.request.onLines && status === 200 && isLines(this.#head)) {
        this.#lines = new LineReader(this.#subject);
        this.#startTimeout(this.#bodyTimeoutMs, 'no line of the response body arrived');
      } else this.#startTimeout(this.#bodyTimeoutMs, 'no complete response body arrived');
    } catch (error) {
      this.#fail(error);
    }
    return true;
  }

  onData(chunk: Buffer): boolean {
    if (this.#isSettled) return true;
    try {
      if (this.#lines === undefined) this.#body.append(chunk);
      else return this.#deliver(this.#lines.append(chunk), () => this.#resume?.());
    } catch (error) {
      this.#fail(error);
    }
    return true;
  }

  onComplete(): void {
    if (this.#isSettled) return;
    try {
      if (this.#lines === undefined || this.#deliver(this.#lines.end(), () => this.#succeed()))
        this.#succeed();
    } catch (error) {
      this.#fail(error);
    }
  }

  #succeed(): void {
    if (this.#isSettled) return;
    this.#finish();
    const { status, revision, incarnation, position, servers, contentType } = this.#head as ResponseHead;
    const body = this.#lines === undefined ? this.#body.parse(contentType) : undefined;
    this.seen.record(position);
    this.resolve({
      ...{ status, revision, incarnation, position, body, bodyBytes: this.#body.bytes },
      ...(servers !== '' && { servers }),
    });
  }

  /**
   * Passes lines to `onLines`. Returns true if there is no line. Otherwise returns false, and calls `onDelivered` when
   * the promise of `onLines` has resolved. No timeout runs until then.
   */
  #deliver(lines: readonly unknown[], onDelivered: () => void): boolean {
    this.#timer?.cancel();
    if (lines.length === 0) {
      this.#startTimeout(this.#bodyTimeoutMs, 'no line of the response body arrived');
      return true;
    }
    (this.request.onLines as NonNullable<RegistryRequest['onLines']>)(lines).then(
      () => {
        if (this.#isSettled) return;
        this.#startTimeout(this.#bodyTimeoutMs, 'no line of the response body arrived');
        onDelivered();
      },
      (error: unknown) => this.#fail(error),
    );
    return false;
  }

  get #bodyTimeoutMs(): number {
    return Math.max(bodyTimeoutMs, this.request.headersTimeoutMs ?? 0);
  }

  onError(error: Error): void {
    this.#fail(error);
  }

  onUpgrade(): void {
    this.#fail(new Error('the server switched to another protocol'));
  }

  readonly #onAbort = (): void => this.#fail(this.signal.reason);

  #startTimeout(timeoutMs: number, problem: string): void {
    this.#timer?.cancel();
    this.#timer = this.options.clock.setTimer(
      () => this.#fail(new Error(`${problem} within ${String(Math.round(timeoutMs))} ms`)),
      timeoutMs,
    );
    this.#timer.setRef(false);
  }

  #fail(error: unknown): void {
    if (this.#isSettled) return;
    this.#finish();
    const wasSent = this.#abort !== undefined;
    const { aborted } = this.signal;
    if (isClerkError(error) && !aborted) this.reject(error);
    else if (wasSent && this.request.isChange === true) this.reject(lostResponseError(this.url, error));
    else this.reject(aborted ? error : unreachableError(this.url, error));
    this.#abort?.(new Error('The request was aborted'));
  }

  #finish(): void {
    this.#isSettled = true;
    this.#timer?.cancel();
    this.signal.removeEventListener('abort', this.#onAbort);
  }
}

function isLines({ contentType }: ResponseHead): boolean {
  return contentType.startsWith('application/x-ndjson');
}
