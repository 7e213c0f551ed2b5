import type { Duplex } from 'node:stream';
import type { Dispatcher } from 'undici';
import type { RequestHandler } from '../core/transport.js';

type HeaderRecord = Record<string, string | string[] | undefined>;

/**
 * Converts undici's older handler interface (`onConnect` …) to the newer one (`onRequestStart` …), which interceptors
 * expect. Returns a newer handler unchanged.
 */
export function toDispatchHandler(
  handler: RequestHandler | Dispatcher.DispatchHandler,
): Dispatcher.DispatchHandler {
  return 'onRequestStart' in handler && typeof handler.onRequestStart === 'function'
    ? handler
    : new DispatchHandlerAdapter(handler as RequestHandler);
}

class DispatchHandlerAdapter implements Dispatcher.DispatchHandler {
  readonly #handler: RequestHandler;

  constructor(handler: RequestHandler) {
    this.#handler = handler;
  }

  onRequestStart(controller: Dispatcher.DispatchController, context: unknown): void {
    this.#handler.onConnect((reason) => controller.abort(reason as Error), context);
  }

  onRequestUpgrade(
    _controller: Dispatcher.DispatchController,
    statusCode: number,
    headers: HeaderRecord,
    socket: Duplex,
  ): void {
    this.#handler.onUpgrade(statusCode, toRawHeaders(headers), socket);
  }

  onResponseStart(
    controller: Dispatcher.DispatchController,
    statusCode: number,
    headers: HeaderRecord,
    statusText?: string,
  ): void {
    const resume = (): void => controller.resume();
    const accepted = this.#handler.onHeaders(statusCode, toRawHeaders(headers), resume, statusText ?? '');
    // A handler may return undefined, which does not pause the body.
    if ((accepted as unknown) === false) controller.pause();
  }

  onResponseData(controller: Dispatcher.DispatchController, chunk: Buffer): void {
    if ((this.#handler.onData(chunk) as unknown) === false) controller.pause();
  }

  onResponseEnd(_controller: Dispatcher.DispatchController, trailers: HeaderRecord): void {
    this.#handler.onComplete(toRawHeaders(trailers) as unknown as string[]);
  }

  onResponseError(_controller: Dispatcher.DispatchController, error: Error): void {
    this.#handler.onError(error);
  }
}

/** Encodes headers as Latin-1, because undici has decoded them as Latin-1. */
function toRawHeaders(headers: HeaderRecord | null | undefined): Buffer[] {
  const raw: Buffer[] = [];
  for (const [name, value] of Object.entries(headers ?? {}))
    for (const each of Array.isArray(value) ? value : [value])
      if (each !== undefined) raw.push(Buffer.from(name, 'latin1'), Buffer.from(each, 'latin1'));
  return raw;
}
