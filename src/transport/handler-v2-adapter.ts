import type { Duplex } from 'node:stream';
import type { Dispatcher } from 'undici';
import type { RequestHandler } from '../core/transport.js';
import { undici } from './load-undici.js';

/**
 * Converts undici's newer handler interface (`onRequestStart` …, Node 26) to the older one (`onConnect` …). Returns
 * an older handler unchanged.
 */
export function toRequestHandler(handler: Dispatcher.DispatchHandler): RequestHandler {
  return typeof handler.onRequestStart === 'function'
    ? new V2HandlerAdapter(handler)
    : (handler as unknown as RequestHandler);
}

class V2Controller implements Dispatcher.DispatchController {
  aborted = false;
  reason: Error | null = null;
  paused = false;
  rawHeaders: Buffer[] | string[] | null = null;
  rawTrailers: Buffer[] | string[] | null = null;
  resumeBody: (() => void) | undefined;
  readonly #abort: (reason?: Error) => void;

  constructor(abort: (reason?: Error) => void) {
    this.#abort = abort;
  }

  abort(reason: Error): void {
    if (this.aborted) return;
    this.aborted = true;
    this.reason = reason;
    this.#abort(reason);
  }

  pause(): void {
    this.paused = true;
  }

  resume(): void {
    if (!this.paused) return;
    this.paused = false;
    this.resumeBody?.();
  }
}

class V2HandlerAdapter implements RequestHandler {
  readonly #handler: Dispatcher.DispatchHandler;
  #controller = new V2Controller(() => undefined);

  constructor(handler: Dispatcher.DispatchHandler) {
    this.#handler = handler;
  }

  onConnect(abort: (reason?: Error) => void, context?: unknown): void {
    this.#controller = new V2Controller(abort);
    this.#handler.onRequestStart?.(this.#controller, context);
  }

  onHeaders(statusCode: number, headers: Buffer[], resume: () => void, statusText: string): boolean {
    this.#controller.resumeBody = resume;
    this.#controller.rawHeaders = headers;
    this.#handler.onResponseStart?.(
      this.#controller,
      statusCode,
      undici().util.parseHeaders(headers),
      statusText,
    );
    return !this.#controller.paused;
  }

  onData(chunk: Buffer): boolean {
    this.#handler.onResponseData?.(this.#controller, chunk);
    return !this.#controller.paused;
  }

  onComplete(trailers: string[] | null): void {
    this.#controller.rawTrailers = trailers;
    this.#handler.onResponseEnd?.(this.#controller, trailers ? undici().util.parseHeaders(trailers) : {});
  }

  onUpgrade(statusCode: number, headers: Buffer[] | string[] | null, socket: unknown): void {
    this.#controller.rawHeaders = headers;
    this.#handler.onRequestUpgrade?.(
      this.#controller,
      statusCode,
      headers ? undici().util.parseHeaders(headers) : {},
      socket as Duplex,
    );
  }

  onError(error: Error): void {
    this.#handler.onResponseError?.(this.#controller, error);
  }
}
