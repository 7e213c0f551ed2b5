/**
 * Reads a whole answer without a stream in between: what `json`, `text` and `bytes` are made of. The promise resolves
 * with the body when it is complete, and rejects for a status of 400 or above.
 */
import { AsyncResource } from 'node:async_hooks';
import { ClerkError } from '../core/errors.js';
import type { WholeBodyHandler } from './troubled.js';

const quotedCharacters = 4_096;

/** A handler that collects a whole body. */
export class Collector<T> extends AsyncResource implements WholeBodyHandler {
  readonly promise: Promise<T>;
  readonly #name: string;
  readonly #read: (body: Buffer, statusCode: number) => T;
  readonly #signal: AbortSignal | undefined;
  #unwatch: (() => void) | undefined;
  #resolve!: (value: T) => void;
  #reject!: (error: unknown) => void;
  #first: Buffer | undefined;
  #rest: Buffer[] | undefined;
  #statusCode = 0;

  /**
   * @param name - of the request, for messages
   * @param read - turns the body into the value; what it throws rejects the promise
   * @param signal - the caller's; gives the call up when it aborts
   */
  constructor(name: string, read: (body: Buffer, statusCode: number) => T, signal: AbortSignal | undefined) {
    super('CLERK_COLLECT');
    this.#name = name;
    this.#read = read;
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
    this.#unwatch = () => signal.removeEventListener('abort', onAbort);
  }

  onHeaders(statusCode: number): boolean {
    if (statusCode >= 200) this.#statusCode = statusCode;
    return true;
  }

  onData(chunk: Buffer): boolean {
    if (this.#first === undefined) this.#first = chunk;
    else (this.#rest ??= []).push(chunk);
    return true;
  }

  onComplete(): void {
    this.#unwatch?.();
    const body = this.#body();
    if (this.#statusCode >= 400) {
      this.#reject(this.#refusal(body));
      return;
    }
    try {
      this.#resolve(this.#read(body, this.#statusCode));
    } catch (error) {
      this.#reject(error);
    }
  }

  onError(error: Error): void {
    this.#unwatch?.();
    this.#reject(error);
  }

  onUpgrade(): void {
    this.#unwatch?.();
    this.#reject(
      new ClerkError('CONFIG_INVALID', `${this.#name} switched protocols where a body was expected`),
    );
  }

  restart(): void {
    this.#first = undefined;
    this.#rest = undefined;
    this.#statusCode = 0;
  }

  #body(): Buffer {
    if (this.#first === undefined) return Buffer.alloc(0);
    return this.#rest === undefined ? this.#first : Buffer.concat([this.#first, ...this.#rest]);
  }

  #refusal(body: Buffer): ClerkError {
    // No character takes more than four bytes.
    const bodyText = body
      .subarray(0, 4 * quotedCharacters)
      .toString('utf8')
      .slice(0, quotedCharacters);
    return new ClerkError('STATUS', `${this.#name} was answered with status ${String(this.#statusCode)}`, {
      execution: 'done',
      statusCode: this.#statusCode,
      bodyText,
    });
  }
}
