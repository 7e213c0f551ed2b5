import type * as undiciModule from 'undici';
import type { Dispatcher, Pool } from 'undici';
import type { Clock } from '../core/clock.js';
import {
  StoreHttpError,
  type StoreHttp,
  type StoreRequest,
  type StoreResponse,
  type StoreStreamListener,
  type StoreTls,
} from '../core/store-http.js';
import { errorMessage } from '../core/errors.js';
import { localhostLookup } from '../core/localhost-lookup.js';

const connectTimeoutMs = 2_000;
const maxConnections = 16;
/** A longer response is an error, because a response is held in memory. */
const maxResponseBytes = 256 * 1024 * 1024;

export interface SystemStoreHttpOptions {
  readonly undici: () => typeof undiciModule;
  readonly clock: Clock;
  readonly tls?: StoreTls | undefined;
}

/** Sends requests through pools of undici, one for each origin. */
export function systemStoreHttp(options: SystemStoreHttpOptions): StoreHttp {
  return new UndiciStoreHttp(options);
}

class UndiciStoreHttp implements StoreHttp {
  readonly #options: SystemStoreHttpOptions;
  readonly #pools = new Map<string, Pool>();
  readonly #streams = new Set<() => void>();
  #isClosed = false;

  constructor(options: SystemStoreHttpOptions) {
    this.#options = options;
  }

  async request(request: StoreRequest): Promise<StoreResponse> {
    const limit = this.#startLimit(request);
    try {
      const response = await this.#send(request, limit.signal);
      return { status: response.statusCode, body: await readText(response) };
    } catch (error) {
      throw toStoreHttpError(error, limit);
    } finally {
      limit.end();
    }
  }

  openStream(request: StoreRequest, listener: StoreStreamListener): () => void {
    const limit = this.#startLimit(request);
    let isStopped = false;
    const stop = (): void => {
      isStopped = true;
      this.#streams.delete(stop);
      limit.abort(new Error('the stream was closed'));
    };
    this.#streams.add(stop);
    const end = (error: StoreHttpError | undefined, response?: StoreResponse): void => {
      limit.end();
      if (isStopped) return;
      isStopped = true;
      this.#streams.delete(stop);
      listener.onEnd(error, response);
    };
    const run = async (): Promise<void> => {
      const response = await this.#send(request, limit.signal);
      if (response.statusCode >= 400) {
        end(undefined, { status: response.statusCode, body: await readText(response) });
        return;
      }
      limit.cancelTimer();
      for await (const line of linesOf(response.body)) if (!isStopped) listener.onLine(line);
      end(undefined);
    };
    run().catch((error: unknown) => end(toStoreHttpError(error, limit) as StoreHttpError));
    return stop;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    for (const stop of [...this.#streams]) stop();
    const pools = [...this.#pools.values()];
    this.#pools.clear();
    await Promise.all(pools.map((pool) => pool.destroy(new Error('the connection was closed'))));
  }

  #send({ origin, path, method, headers, body }: StoreRequest, signal: AbortSignal) {
    if (this.#isClosed) throw new StoreHttpError('The connections to the database are closed', true);
    return this.#poolOf(origin).request({
      path,
      method,
      headers: { ...headers, ...(body !== undefined && { 'content-type': 'application/json' }) },
      ...(body !== undefined && { body }),
      signal,
    });
  }

  #poolOf(origin: string): Pool {
    let pool = this.#pools.get(origin);
    if (pool === undefined) {
      const { undici, tls } = this.#options;
      const connect = {
        ...localhostLookup(new URL(origin).hostname),
        ...tls,
        timeout: connectTimeoutMs,
      } as NonNullable<Pool.Options['connect']>;
      pool = new (undici().Pool)(origin, {
        connections: maxConnections,
        connect,
        headersTimeout: 0,
        bodyTimeout: 0,
      });
      this.#pools.set(origin, pool);
    }
    return pool;
  }

  #startLimit({ timeoutMs, signal }: StoreRequest): RequestLimit {
    return new RequestLimit(this.#options.clock, timeoutMs, signal);
  }
}

/** Aborts a request at its time limit, and when the signal of the caller aborts. */
class RequestLimit {
  readonly #controller = new AbortController();
  readonly #cancel: () => void;
  readonly #forget: () => void;

  constructor(clock: Clock, timeoutMs: number, outer: AbortSignal | undefined) {
    const timer = clock.setTimer(
      () =>
        this.#controller.abort(
          new StoreHttpError(`no response within ${String(Math.ceil(timeoutMs))} ms`, false),
        ),
      timeoutMs,
    );
    timer.setRef(false);
    this.#cancel = () => timer.cancel();
    const onAbort = (): void => this.#controller.abort(outer?.reason);
    this.#forget = () => outer?.removeEventListener('abort', onAbort);
    if (outer?.aborted === true) onAbort();
    else outer?.addEventListener('abort', onAbort, { once: true });
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Why the request was aborted; undefined if it was not aborted. */
  get reason(): unknown {
    const { aborted, reason } = this.#controller.signal as { aborted: boolean; reason: unknown };
    return aborted ? reason : undefined;
  }

  abort(reason: Error): void {
    this.end();
    this.#controller.abort(reason);
  }

  cancelTimer(): void {
    this.#cancel();
  }

  end(): void {
    this.#cancel();
    this.#forget();
  }
}

async function readText({ body }: Dispatcher.ResponseData): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of body as AsyncIterable<Buffer>) {
    bytes += part.length;
    if (bytes > maxResponseBytes)
      throw new Error(`the response must have at most ${String(maxResponseBytes)} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts).toString('utf8');
}

async function* linesOf(body: AsyncIterable<Buffer>): AsyncGenerator<string> {
  let parts: Buffer[] = [];
  let bytes = 0;
  for await (const part of body) {
    let from = 0;
    for (let at = part.indexOf(10); at >= 0; at = part.indexOf(10, from)) {
      yield Buffer.concat([...parts, part.subarray(from, at)]).toString('utf8');
      parts = [];
      bytes = 0;
      from = at + 1;
    }
    if (from === part.length) continue;
    parts.push(part.subarray(from));
    bytes += part.length - from;
    if (bytes > maxResponseBytes)
      throw new Error(`a line of the response is longer than ${String(maxResponseBytes)} bytes`);
  }
}

/** Errors of a connection that was never established. */
const unsentCodes = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EACCES',
  'EPROTO',
  'UND_ERR_CONNECT_TIMEOUT',
]);

function toStoreHttpError(error: unknown, limit: RequestLimit): unknown {
  if (limit.reason !== undefined) return limit.reason;
  if (error instanceof StoreHttpError) return error;
  const { code = '' } = error as NodeJS.ErrnoException;
  const isHandshake = /^ERR_(SSL|TLS)|CERT|SIGNATURE/.test(code);
  return new StoreHttpError(errorMessage(error), isHandshake || unsentCodes.has(code), error);
}
