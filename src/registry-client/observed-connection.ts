import type { ClerkError } from '../core/errors.js';
import { parsePosition } from '../protocol/position.js';
import type {
  RegistryConnection,
  RegistryRequest,
  RegistryResponse,
  StreamEvent,
  StreamListener,
} from './connection.js';
import { serversLookup } from './parse-server-list.js';

/** What a server has stated with a response or an event. */
export interface ServerStatement {
  /** Value of the header `clerk-servers`, or empty. */
  readonly servers: string;
  readonly incarnation: string;
}

export interface ConnectionObserver {
  /**
   * Called with each response, with the event `open` of a stream, and with each event that has a field `servers`.
   *
   * @throws {@link ClerkError} when the response must not be used
   */
  onStatement(statement: ServerStatement, connection: RegistryConnection): void;
}

/**
 * A connection that passes the statements of its server to an observer. A learned server must state the incarnation of
 * the registry before it gets a request with a body, because a change at a foreign registry could not be undone.
 */
export class ObservedConnection implements RegistryConnection {
  readonly url: string;
  readonly #inner: RegistryConnection;
  readonly #observer: ConnectionObserver;
  readonly #isLearned: boolean;
  #isConfirmed: boolean;
  #uses = 0;
  #onUnused: (() => void) | undefined;

  /** @param isLearned - whether the server was named by the registry, and not by the program */
  constructor(inner: RegistryConnection, observer: ConnectionObserver, isLearned: boolean) {
    this.url = inner.url;
    this.#inner = inner;
    this.#observer = observer;
    this.#isLearned = isLearned;
    this.#isConfirmed = !isLearned;
  }

  request(request: RegistryRequest, signal: AbortSignal): Promise<RegistryResponse> {
    if (this.#isConfirmed || request.body === undefined) return this.#send(request, signal);
    return this.#confirm(request, signal).then(() => this.#send(request, signal));
  }

  stream(request: RegistryRequest, listener: StreamListener): () => void {
    this.#uses++;
    let isOpen = true;
    const end = (): void => {
      if (isOpen) this.#release();
      isOpen = false;
    };
    const stop = this.#inner.stream(request, {
      onRequest: () => listener.onRequest?.(),
      onKeyChanged: () => listener.onKeyChanged?.(),
      onActivity: () => listener.onActivity(),
      onEvent: (event) => {
        if (!isOpen) return;
        try {
          this.#observeEvent(event);
        } catch (error) {
          end();
          stop();
          listener.onEnd(error as ClerkError);
          return;
        }
        listener.onEvent(event);
      },
      onEnd: (error) => {
        end();
        listener.onEnd(error);
      },
    });
    return () => {
      end();
      stop();
    };
  }

  /** Closes the connection after its last request has ended, so that no response is lost. Then calls `onClosed`. */
  retire(onClosed: () => void): void {
    this.#onUnused = () => {
      void this.#inner.close();
      onClosed();
    };
    if (this.#uses === 0) this.#onUnused();
  }

  close(): Promise<void> {
    return this.#inner.close();
  }

  #confirm({ headersTimeoutMs }: RegistryRequest, signal: AbortSignal): Promise<unknown> {
    return this.#send(
      headersTimeoutMs === undefined ? serversLookup : { ...serversLookup, headersTimeoutMs },
      signal,
    );
  }

  #send(request: RegistryRequest, signal: AbortSignal): Promise<RegistryResponse> {
    this.#uses++;
    return this.#inner
      .request(request, signal)
      .then((response) => {
        const { servers = '', incarnation } = response;
        this.#observer.onStatement({ servers, incarnation }, this);
        this.#isConfirmed = true;
        return response;
      })
      .catch((error: unknown) => {
        // Another program may use the address from now on, so a learned server must state its incarnation again.
        this.#isConfirmed = !this.#isLearned;
        throw error;
      })
      .finally(() => this.#release());
  }

  #observeEvent({ type, id, data }: StreamEvent): void {
    const { servers } = (data ?? {}) as { readonly servers?: unknown };
    if (type !== 'open' && typeof servers !== 'string') return;
    const incarnation = parsePosition(id)?.incarnation ?? '';
    this.#observer.onStatement({ servers: typeof servers === 'string' ? servers : '', incarnation }, this);
  }

  #release(): void {
    if (--this.#uses === 0) this.#onUnused?.();
  }
}
