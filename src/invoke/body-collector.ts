import { AsyncResource } from 'node:async_hooks';
import type { Address } from '../core/address.js';
import { ClerkError, type ClerkErrorCode, type Execution } from '../core/errors.js';
import { responseTooLargeError } from '../core/response-limit.js';
import type { RequestHandler } from '../core/transport.js';
import { parseExecutionHeaders } from './idempotency-headers.js';

/** Buffers the whole response body, so that a call can be retried after a truncated body. */
export interface WholeBodyHandler extends RequestHandler {
  restart(): void;
  /**
   * Called before `onHeaders` of each final response.
   * @param otherExecution - whether another attempt of the call may have been executed
   */
  startResponse(address: Address, otherExecution: Execution): void;
}

const maxQuotedCharacters = 4_096;
/** A UTF-8 character has at most 4 bytes. */
const maxQuotedBytes = 4 * maxQuotedCharacters;

export class BodyCollector<T> extends AsyncResource implements WholeBodyHandler {
  readonly promise: Promise<T>;
  readonly #requestName: string;
  readonly #parse: (body: Buffer, statusCode: number) => T;
  readonly #signal: AbortSignal | undefined;
  readonly #maxBytes: number;
  #removeAbortListener: (() => void) | undefined;
  #resolve!: (value: T) => void;
  #reject!: (error: unknown) => void;
  #firstChunk: Buffer | undefined;
  #moreChunks: Buffer[] | undefined;
  #bytes = 0;
  #statusCode = 0;
  #address: Address | undefined;
  #otherExecution: Execution = 'none';
  /** Whether the endpoint states that the call was not executed, and no other attempt may have been executed. */
  #isNotExecuted = false;

  /**
   * @param requestName - the subject of error messages, such as "GET /orders"
   * @param parse - converts the body to the result; an error that it throws rejects the promise
   * @param signal - aborts the call
   * @param maxBytes - maximum size of the body; a larger body fails the call with `BODY_TOO_LARGE`
   */
  constructor(
    requestName: string,
    parse: (body: Buffer, statusCode: number) => T,
    signal: AbortSignal | undefined,
    maxBytes: number,
  ) {
    super('CLERK_COLLECT');
    this.#requestName = requestName;
    this.#parse = parse;
    this.#signal = signal;
    this.#maxBytes = maxBytes;
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
    this.#bytes += chunk.length;
    if (this.#statusCode >= 400) {
      // The error quotes only the beginning of the body, so later chunks are dropped.
      if (this.#bytes - chunk.length > maxQuotedBytes) return true;
    } else if (this.#bytes > this.#maxBytes) throw responseTooLargeError(this.#requestName, this.#maxBytes);
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
        `${this.#requestName} received a protocol upgrade instead of a response body; use dispatcher.upgrade() to upgrade a connection`,
      ),
    );
  }

  restart(): void {
    this.#firstChunk = undefined;
    this.#moreChunks = undefined;
    this.#bytes = 0;
    this.#statusCode = 0;
  }

  #body(): Buffer {
    if (this.#firstChunk === undefined) return Buffer.alloc(0);
    return this.#moreChunks === undefined
      ? this.#firstChunk
      : Buffer.concat([this.#firstChunk, ...this.#moreChunks]);
  }

  #badStatusError(body: Buffer): ClerkError {
    const bodyText = body.subarray(0, maxQuotedBytes).toString('utf8').slice(0, maxQuotedCharacters);
    const message = `${this.#requestName} received status ${String(this.#statusCode)}`;
    if (!this.#isNotExecuted)
      return new ClerkError('BAD_STATUS', message, {
        execution: 'done',
        statusCode: this.#statusCode,
        bodyText,
      });
    const { code, reason } = readRefusal(bodyText);
    const fullMessage =
      reason === undefined ? message : `${message}; the service did not execute the request: ${reason}`;
    if (code !== undefined && refusalCodes[this.#statusCode] === code)
      return new ClerkError(code, fullMessage, { execution: 'none' });
    return new ClerkError('BAD_STATUS', fullMessage, {
      execution: 'none',
      statusCode: this.#statusCode,
      bodyText,
    });
  }
}

/** The codes with which `authenticate` of a service refuses a request, by response status. */
const refusalCodes: Readonly<Record<number, ClerkErrorCode>> = { 401: 'TICKET_REFUSED', 403: 'FORBIDDEN' };

interface Refusal {
  readonly code?: ClerkErrorCode | undefined;
  readonly reason?: string | undefined;
}

function readRefusal(bodyText: string): Refusal {
  try {
    const { error } = JSON.parse(bodyText) as { readonly error?: Readonly<Record<string, unknown>> };
    const { code, message } = error ?? {};
    return {
      code: code === 'TICKET_REFUSED' || code === 'FORBIDDEN' ? code : undefined,
      reason: typeof message === 'string' ? message : undefined,
    };
  } catch {
    return {};
  }
}
