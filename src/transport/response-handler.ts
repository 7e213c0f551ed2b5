import { AsyncResource } from 'node:async_hooks';
import type { Endpoint } from '../core/endpoint.js';
import { releaseBody } from '../core/release-body.js';
import type { RequestHandler } from '../core/transport.js';
import { ResponseBody } from './response-body.js';
import type { Dispatcher } from 'undici';
import { undici } from './load-undici.js';

export interface ResponseContext {
  readonly method: string;
  readonly path: string;
  readonly body: unknown;
  readonly signal: AbortSignal | undefined;
  readonly responseHeaders: 'raw' | null | undefined;
  readonly onInfo: ((info: { statusCode: number; headers: HeaderRecord }) => void) | undefined;
  readonly highWaterMark: number | undefined;
  /** Name of the service. */
  readonly name: string;
  /** Maximum size of a body that is read whole, in bytes. */
  readonly maxResponseSize: number;
  readonly opaque: unknown;
  readonly endpoint: Endpoint | undefined;
  readonly attempts: number;
}

type HeaderRecord = Record<string, string | string[]>;

export interface ReceivedResponse extends Dispatcher.ResponseData {
  readonly endpoint: Endpoint;
  readonly attempts: number;
}

export class ResponseHandler extends AsyncResource implements RequestHandler {
  readonly #context: ResponseContext;
  readonly #resolve: (response: ReceivedResponse) => void;
  readonly #reject: (error: unknown) => void;
  readonly #trailers: Record<string, string> = {};
  #body: ResponseBody | undefined = undefined;
  #abort: ((reason?: Error) => void) | undefined = undefined;
  #removeAbortListener: (() => void) | undefined = undefined;

  constructor(
    context: ResponseContext,
    resolve: (response: ReceivedResponse) => void,
    reject: (error: unknown) => void,
  ) {
    super('CLERK_REQUEST');
    this.#context = context;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  onConnect(abort: (reason?: Error) => void): void {
    this.#abort = abort;
    const { signal } = this.#context;
    if (signal === undefined) return;
    const onAbort = (): void => {
      const reason = signal.reason as Error;
      if (this.#body) this.#body.fail(reason);
      else abort(reason);
    };
    if (signal.aborted) {
      onAbort();
      return;
    }
    signal.addEventListener('abort', onAbort);
    this.#removeAbortListener = () => signal.removeEventListener('abort', onAbort);
  }

  onHeaders(statusCode: number, rawHeaders: Buffer[], resume: () => void, statusText: string): boolean {
    const context = this.#context;
    const parsed = undici().util.parseHeaders(rawHeaders);
    const headers = context.responseHeaders === 'raw' ? rawHeaderList(rawHeaders) : parsed;
    if (statusCode < 200) {
      context.onInfo?.({ statusCode, headers: headers as typeof parsed });
      return true;
    }
    const length = context.method === 'HEAD' ? undefined : parsed['content-length'];
    const body = new ResponseBody({
      resume: resume,
      abort: () => this.#abort?.(),
      contentType: String(parsed['content-type'] ?? ''),
      contentLength: length === undefined ? undefined : Number(length),
      highWaterMark: context.highWaterMark,
      maxBytes: context.maxResponseSize,
      subject: () => `${context.method} ${context.path} of ${context.name}`,
    });
    this.#body = body;
    if (this.#removeAbortListener) body.on('close', this.#removeAbortListener);
    this.#resolve({
      statusCode,
      statusText,
      headers: headers as typeof parsed,
      trailers: this.#trailers,
      opaque: (context.opaque ?? null) as null,
      body: body as unknown as ReceivedResponse['body'],
      context: {},
      endpoint: context.endpoint as Endpoint,
      attempts: context.attempts,
    });
    return true;
  }

  onData(chunk: Buffer): boolean {
    return (this.#body as ResponseBody).append(chunk);
  }

  onComplete(trailers: string[] | null): void {
    if (trailers !== null && trailers.length > 0)
      Object.assign(this.#trailers, undici().util.parseHeaders(trailers as never));
    const body = this.#body as ResponseBody;
    body.complete();
    // The program may leave an empty body unread. The body then never closes, so remove the abort listener now.
    if (body.isEmpty) this.#removeAbortListener?.();
  }

  onUpgrade(): void {
    this.#reject(new TypeError('request() does not support upgrades; use dispatcher.upgrade()'));
  }

  onError(error: Error): void {
    const body = this.#body;
    // The error follows one microtask later, so that the caller can first add listeners to the body.
    if (body) queueMicrotask(() => body.fail(error));
    else {
      this.#removeAbortListener?.();
      this.#reject(error);
    }
    releaseBody(this.#context.body, error);
  }
}

function rawHeaderList(rawHeaders: readonly Buffer[]): string[] {
  return rawHeaders.map((header) => header.toString('latin1'));
}
