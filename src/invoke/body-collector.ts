import { AsyncResource } from 'node:async_hooks';
import type { Address } from '../core/address.js';
import { ClerkError, type Execution } from '../core/errors.js';
import type { RequestHandler } from '../core/transport.js';
import { parseExecutionHeaders } from './at-most-once.js';

/**
 * A handler that buffers the whole response body. If the body is truncated, the call can be retried, and the response
 * of the retry replaces the truncated response.
 */
export interface WholeBodyHandler extends RequestHandler {
  /** Discards everything received so far, because another response follows. */
  restart(): void;
  /**
   * Called before each call of `onHeaders` with a final response.
   *
   * @param address - the address from which the response comes
   * @param otherExecution - whether the endpoints of the other attempts may have executed the call
   */
  startResponse(address: Address, otherExecution: Execution): void;
}

const maxQuotedCharacters = 4_096;

/**
 * Reads a whole response body without a stream, for `json`, `text` and `bytes`. `promise` resolves with the parsed body
 * when the body is complete. `promise` rejects when the call fails or the status is ≥ 400.
 */
export class BodyCollector<T> extends AsyncResource implements WholeBodyHandler {
  readonly promise: Promise<T>;
  readonly #requestName: string;
  readonly #parse: (body: Buffer, statusCode: number) => T;
  readonly #signal: AbortSignal | undefined;
  #removeAbortListener: (() => void) | undefined;
  #resolve!: (value: T) => void;
  #reject!: (error: unknown) => void;
  #firstChunk: Buffer | undefined;
  #moreChunks: Buffer[] | undefined;
  #statusCode = 0;
  #address: Address | undefined;
  #otherExecution: Execution = 'none';
  /** Whether the endpoint states that it did not execute the call, and no other endpoint may have executed the call. */
  #isNotExecuted = false;

  /**
   * @param requestName - the name of the request, used as the subject of error messages
   * @param parse - parses the body; an error thrown by `parse` rejects the promise
   * @param signal - the signal of the caller; aborting the signal aborts the call
   */
  constructor(
    requestName: string,
    parse: (body: Buffer, statusCode: number) => T,
    signal: AbortSignal | undefined,
  ) {
    super('CLERK_COLLECT');
    this.#requestName = requestName;
    this.#parse = parse;
    this.#signal = signal;
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
  }

  onConnect(abort: (reason?: Error) => void): void {
    const signal = this.#signal;
    if (signal === undefined) return;
    const onAbort = (): void => abort(signal.reason as Error);
    if (signal.aborted) {
      onAbort();
      return;
    }
    signal.addEventListener('abort', onAbort);
    this.#removeAbortListener = () => signal.removeEventListener('abort', onAbort);
  }

  startResponse(address: Address, otherExecution: Execution): void {
    this.#address = address;
    this.#otherExecution = otherExecution;
  }

  onHeaders(statusCode: number, headers: readonly Buffer[] = []): boolean {
    if (statusCode >= 200) this.#statusCode = statusCode;
    if (statusCode >= 400)
      this.#isNotExecuted =
        this.#address !== undefined &&
        this.#otherExecution === 'none' &&
        parseExecutionHeaders(headers, this.#address).isNotExecuted;
    return true;
  }

  onData(chunk: Buffer): boolean {
    if (this.#firstChunk === undefined) this.#firstChunk = chunk;
    else (this.#moreChunks ??= []).push(chunk);
    return true;
  }

  onComplete(): void {
    this.#removeAbortListener?.();
    const body = this.#body();
    if (this.#statusCode >= 400) {
      this.#reject(this.#badStatusError(body));
      return;
    }
    try {
      this.#resolve(this.#parse(body, this.#statusCode));
    } catch (error) {
      this.#reject(error);
    }
  }

  onError(error: Error): void {
    this.#removeAbortListener?.();
    this.#reject(error);
  }

  onUpgrade(): void {
    this.#removeAbortListener?.();
    this.#reject(
      new ClerkError(
        'CONFIG_INVALID',
        `${this.#requestName} received a protocol upgrade; a response body was expected`,
      ),
    );
  }

  restart(): void {
    this.#firstChunk = undefined;
    this.#moreChunks = undefined;
    this.#statusCode = 0;
  }

  #body(): Buffer {
    if (this.#firstChunk === undefined) return Buffer.alloc(0);
    return this.#moreChunks === undefined
      ? this.#firstChunk
      : Buffer.concat([this.#firstChunk, ...this.#moreChunks]);
  }

  #badStatusError(body: Buffer): ClerkError {
    // A UTF-8 character has at most 4 bytes, so the first `maxQuotedCharacters` characters need no further bytes.
    const bodyText = body
      .subarray(0, 4 * maxQuotedCharacters)
      .toString('utf8')
      .slice(0, maxQuotedCharacters);
    const message = `${this.#requestName} received status ${String(this.#statusCode)}`;
    return new ClerkError('BAD_STATUS', this.#isNotExecuted ? message + reasonIn(bodyText) : message, {
      execution: this.#isNotExecuted ? 'none' : 'done',
      statusCode: this.#statusCode,
      bodyText,
    });
  }
}

/**
 * Returns the message with which a service states why it did not execute a call; empty when the body has no such
 * message.
 */
function reasonIn(bodyText: string): string {
  try {
    const { error } = JSON.parse(bodyText) as { readonly error?: { readonly message?: unknown } };
    return typeof error?.message === 'string' ? ` and did not run: ${error.message}` : '';
  } catch {
    return '';
  }
}
