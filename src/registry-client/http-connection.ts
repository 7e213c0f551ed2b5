import type { Dispatcher, Pool } from 'undici';
import { parseAddress, type Address } from '../core/address.js';
import type { Clock, Timer } from '../core/clock.js';
import { ClerkError, isClerkError, errorMessage } from '../core/errors.js';
import type { TlsOptions, RequestHandler } from '../core/transport.js';
import { positionHeader } from '../protocol/position.js';
import type { RegistryConnection, RegistryResponse, RegistryRequest, StreamListener } from './connection.js';
import { EventStream } from './event-stream.js';
import { JsonBodyReader, readResponseHead, type ResponseHead } from './json-response.js';
import { LineReader } from './line-reader.js';
import { SeenPosition } from './seen-position.js';
import {
  originOf,
  unrefConnector,
  type RegistryDialer,
  type UndiciModule,
  type UnrefConnector,
} from './unref-connector.js';

export interface HttpConnectionOptions {
  readonly clock: Clock;
  readonly tls: TlsOptions;
  /** Not called before the first request or stream. */
  readonly undici: () => UndiciModule;
  /** Opens the connections to a server that must prove its key. Default: undici opens them with `tls`. */
  readonly dialer?: RegistryDialer | undefined;
}

const connectTimeoutMs = 1_500;
const headersTimeoutMs = 3_000;
const bodyTimeoutMs = 3_000;
const maxConnections = 16;

/**
 * Creates a client of one registry server, with JSON over HTTP. An abort before the connection exists prevents the
 * request.
 *
 * @param url - `http(s)://host:port`, `unix:/path` or `unix+https:/path`
 * @throws {@link ClerkError} `CONFIG_INVALID` when the URL is invalid
 */
export function httpConnection(url: string, options: HttpConnectionOptions): RegistryConnection {
  return new HttpConnection(parseAddress(url), options);
}

class HttpConnection implements RegistryConnection {
  readonly url: string;
  readonly #address: Address;
  readonly #options: HttpConnectionOptions;
  readonly #streams = new Map<EventStream, StreamListener>();
  readonly #seen = new SeenPosition();
  #pool: Pool | undefined;
  #connector: UnrefConnector | undefined;
  #isClosed = false;
  readonly #stopListening: (() => void) | undefined;

  constructor(address: Address, options: HttpConnectionOptions) {
    this.url = address.text;
    this.#address = address;
    this.#options = options;
    this.#stopListening = options.dialer?.onChanged(() => this.#onKeyChanged());
  }

  request(request: RegistryRequest, signal: AbortSignal): Promise<RegistryResponse> {
    this.#options.dialer?.poll?.();
    return new Promise((resolve, reject) => {
      if (signal.aborted) reject(signal.reason);
      else if (this.#isClosed) reject(unreachableError(this.url, new Error('the connection is closed')));
      else
        new RegistryRequestHandler(
          request,
          this.#seen,
          this.url,
          this.#options,
          signal,
          resolve,
          reject,
        ).start((this.#pool ??= this.#createPool()));
    });
  }

  stream(request: RegistryRequest, listener: StreamListener): () => void {
    const { clock, dialer } = this.#options;
    dialer?.poll?.();
    const undici = this.#options.undici();
    const connector = this.#createConnector(undici);
    const stream = new EventStream(
      new undici.Client(originOf(this.#address), {
        connect: connector.connect,
        headersTimeout: 0,
        // Only the listener knows the heartbeat interval, so it measures the time without bytes.
        bodyTimeout: 0,
      }),
      {
        url: this.url,
        clock,
        startTimeoutMs: connectTimeoutMs + headersTimeoutMs,
        connectionError: (error) => unreachableError(this.url, error),
        destroyConnecting: connector.destroyConnecting,
        onHead: dialer?.onResponse?.bind(dialer),
      },
      {
        onRequest: () => listener.onRequest?.(),
        onActivity: () => listener.onActivity(),
        onEvent: (event) => {
          this.#seen.record(event.id);
          listener.onEvent(event);
        },
        onEnd: (error) => {
          this.#streams.delete(stream);
          listener.onEnd(error);
        },
      },
    );
    this.#streams.set(stream, listener);
    stream.start(toDispatchOptions(request, this.#seen));
    return () => {
      this.#streams.delete(stream);
      stream.stop();
    };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#stopListening?.();
    for (const stream of this.#streams.keys()) stream.stop();
    this.#streams.clear();
    const destroyed = this.#pool?.destroy(unreachableError(this.url, new Error('the connection is closed')));
    this.#connector?.destroyConnecting();
    await destroyed;
  }

  /** The server knows this program by the key of the connection. */
  #onKeyChanged(): void {
    // Requests in flight end first. A closed pool cannot fail later requests, because they use another pool.
    this.#pool?.close().catch(() => undefined);
    this.#pool = undefined;
    for (const listener of [...this.#streams.values()]) listener.onKeyChanged?.();
  }

  #createConnector(undici: UndiciModule): UnrefConnector {
    const { tls, dialer } = this.#options;
    return unrefConnector({ undici, address: this.#address, tls, dialer, timeoutMs: connectTimeoutMs });
  }

  #createPool(): Pool {
    const undici = this.#options.undici();
    this.#connector = this.#createConnector(undici);
    return new undici.Pool(originOf(this.#address), {
      connections: maxConnections,
      connect: this.#connector.connect,
      headersTimeout: 0,
      bodyTimeout: 0,
    });
  }
}

class RegistryRequestHandler implements RequestHandler {
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
    readonly options: HttpConnectionOptions,
    readonly signal: AbortSignal,
    readonly resolve: (response: RegistryResponse) => void,
    readonly reject: (error: unknown) => void,
  ) {
    this.#subject = `The request to ${request.path} at ${url}`;
    this.#body = new JsonBodyReader(this.#subject, request.maxResponseBytes);
  }

  start(pool: Dispatcher): void {
    this.signal.addEventListener('abort', this.#onAbort);
    this.#startTimeout(connectTimeoutMs, 'no connection');
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
    this.#startTimeout(this.request.headersTimeoutMs ?? headersTimeoutMs, 'no response headers');
  }

  onHeaders(status: number, headers: Buffer[], resume: () => void): boolean {
    if (this.#isSettled || status < 200) return true;
    this.#resume = resume;
    try {
      this.#head = readResponseHead(status, headers, this.#subject);
      this.options.dialer?.onResponse?.(this.#head);
      if (this.request.onLines && status === 200 && isLines(this.#head)) {
        this.#lines = new LineReader(this.#subject);
        this.#startTimeout(this.#bodyTimeoutMs, 'no line of the response body');
      } else this.#startTimeout(this.#bodyTimeoutMs, 'no complete response body');
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
    const { status, revision, incarnation, position, contentType } = this.#head as ResponseHead;
    const body = this.#lines === undefined ? this.#body.parse(contentType) : undefined;
    this.seen.record(position);
    this.resolve({ status, revision, incarnation, position, body });
  }

  /**
   * Passes lines to `onLines`. Returns true without lines. Otherwise returns false, and calls `onDelivered` when the
   * promise of `onLines` has resolved. Meanwhile no timeout runs.
   */
  #deliver(lines: readonly unknown[], onDelivered: () => void): boolean {
    this.#timer?.cancel();
    if (lines.length === 0) {
      this.#startTimeout(this.#bodyTimeoutMs, 'no line of the response body');
      return true;
    }
    (this.request.onLines as NonNullable<RegistryRequest['onLines']>)(lines).then(
      () => {
        if (this.#isSettled) return;
        this.#startTimeout(this.#bodyTimeoutMs, 'no line of the response body');
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
      () => this.#fail(new Error(`${problem} arrived within ${String(timeoutMs)} ms`)),
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

function toDispatchOptions(
  { path, query, body, position }: RegistryRequest,
  seen: SeenPosition,
): Dispatcher.DispatchOptions {
  const accept = ['accept', 'application/json, text/event-stream', 'accept-encoding', 'identity'];
  const positions = seen.forRequest(position);
  if (positions !== '') accept.push(positionHeader, positions);
  const isLines = body instanceof Uint8Array;
  if (body === undefined)
    return {
      method: 'GET',
      path: query === undefined ? path : `${path}?${new URLSearchParams(query).toString()}`,
      headers: accept,
    };
  return {
    method: 'POST',
    path,
    headers: [...accept, 'content-type', isLines ? 'application/x-ndjson' : 'application/json'],
    body: isLines ? body : JSON.stringify(body),
  };
}

function lostResponseError(url: string, reason: unknown): ClerkError {
  return new ClerkError(
    'REGISTRY_UNREACHABLE',
    `The connection to the registry at ${url} failed before the response arrived (${errorMessage(reason)}). The registry may have made the change; check the entry in the registry before you repeat the request`,
    { execution: 'unknown', cause: reason },
  );
}

function unreachableError(url: string, error: unknown): ClerkError {
  const { code } = error as { readonly code?: unknown };
  if (isInvalidResponse(error))
    return new ClerkError(
      'REGISTRY_INVALID',
      `The response of ${url} is not valid HTTP: ${errorMessage(error)}; check that the address belongs to a registry`,
      { cause: error },
    );
  const refused = code === 'ECONNREFUSED' || code === 'ENOENT';
  return new ClerkError(
    'REGISTRY_UNREACHABLE',
    refused
      ? `No registry listens at ${url}; start one with 'npx clerk serve', or set another registry address`
      : `The registry at ${url} is unreachable: ${tlsProblem(code) ?? errorMessage(error)}`,
    { cause: error },
  );
}

/** Undefined for an error that is not about TLS. */
function tlsProblem(code: unknown): string | undefined {
  switch (code) {
    case 'ERR_SSL_WRONG_VERSION_NUMBER':
      return 'the server does not use TLS; use http:, or secure the registry';
    case 'DEPTH_ZERO_SELF_SIGNED_CERT':
      return 'no certificate authority vouches for its certificate; set the option registryKey or $CLERK_REGISTRY_KEY to the key of the registry';
    default:
      return undefined;
  }
}

/** False for a response that ends early, although undici reports a parser error for it. */
function isInvalidResponse(error: unknown): boolean {
  const { name, code, message } = error as Partial<NodeJS.ErrnoException>;
  return (
    code === 'UND_ERR_HEADERS_OVERFLOW' ||
    (name === 'HTTPParserError' && message?.includes('Invalid EOF state') !== true)
  );
}
