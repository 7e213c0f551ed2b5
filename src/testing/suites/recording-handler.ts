import { strict as assert } from 'node:assert';
import type { RequestHandler } from '../../core/transport.js';

export interface RecordingOptions {
  readonly throwInConnect?: Error;
  readonly abortInConnect?: Error;
  readonly abortInHeaders?: Error;
  readonly pauseInHeaders?: boolean;
}

/**
 * Records the calls of its methods. Throws an AssertionError when a method is called after `onComplete` or `onError`.
 */
export class RecordingHandler implements RequestHandler {
  /** The called methods, such as `onHeaders 200`. Consecutive calls of `onData` are recorded once. */
  readonly calls: string[] = [];
  readonly ended: Promise<void>;
  readonly headReceived: Promise<void>;
  body = '';
  error: Error | undefined;
  abort: (reason?: Error) => void = () => undefined;
  resume: () => void = () => undefined;
  readonly #options: RecordingOptions;
  #onEnded!: () => void;
  #onHeadReceived!: () => void;

  constructor(options: RecordingOptions = {}) {
    this.#options = options;
    this.ended = new Promise((resolve) => (this.#onEnded = resolve));
    this.headReceived = new Promise((resolve) => (this.#onHeadReceived = resolve));
  }

  onConnect(abort: (reason?: Error) => void): void {
    this.#record('onConnect');
    this.abort = abort;
    const { throwInConnect, abortInConnect } = this.#options;
    if (throwInConnect) throw throwInConnect;
    if (abortInConnect) abort(abortInConnect);
  }

  onHeaders(statusCode: number, headers: Buffer[], resume: () => void): boolean {
    this.#record(`onHeaders ${String(statusCode)}`);
    assert.ok(
      headers.every((header) => Buffer.isBuffer(header)) && headers.length % 2 === 0,
      'headers must be pairs of buffers',
    );
    this.resume = resume;
    const { abortInHeaders, pauseInHeaders } = this.#options;
    if (statusCode >= 200) this.#onHeadReceived();
    if (abortInHeaders) this.abort(abortInHeaders);
    return pauseInHeaders !== true;
  }

  onData(chunk: Buffer): boolean {
    if (this.calls.at(-1) !== 'onData') this.#record('onData');
    this.body += chunk.toString();
    return true;
  }

  onComplete(): void {
    this.#record('onComplete');
    this.#onEnded();
  }

  onError(error: Error): void {
    this.#record('onError');
    this.error = error;
    this.#onEnded();
  }

  onUpgrade(): void {
    this.#record('onUpgrade');
  }

  #record(call: string): void {
    const last = this.calls.at(-1);
    assert.ok(last !== 'onComplete' && last !== 'onError', `${call} was called after ${String(last)}`);
    this.calls.push(call);
  }
}
