import type { Pool } from 'undici';
import { parseAddress, type Address } from '../core/address.js';
import type { TlsOptions } from '../core/transport.js';
import type { RegistryConnection, RegistryResponse, RegistryRequest, StreamListener } from './connection.js';
import { unreachableError } from './connection-errors.js';
import { toDispatchOptions } from './dispatch-options.js';
import { EventStream } from './event-stream.js';
import {
  connectTimeoutMs,
  headersTimeoutMs,
  RegistryRequestHandler,
  type RegistryRequestOptions,
} from './registry-request-handler.js';
import { SeenPosition } from './seen-position.js';
import { originOf, unrefConnector, type UndiciModule, type UnrefConnector } from './unref-connector.js';

export interface HttpConnectionOptions extends RegistryRequestOptions {
  readonly tls: TlsOptions;
  /** Not called before the first request or stream. */
  readonly undici: () => UndiciModule;
}

const maxConnections = 16;

/**
 * Creates a client of one registry server, with JSON over HTTP. If the signal aborts before the connection exists, the
 * request is not sent.
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
        // Only the listener knows the heartbeat interval, so the listener measures the time without bytes.
        bodyTimeout: 0,
      }),
      {
        url: this.url,
        clock,
        startTimeoutMs: request.startTimeoutMs ?? connectTimeoutMs + headersTimeoutMs,
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

  /** Uses new connections from now on, because the server identifies this program by the key of the connection. */
  #onKeyChanged(): void {
    // The pool closes after its requests in flight have ended. Later requests use another pool.
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
