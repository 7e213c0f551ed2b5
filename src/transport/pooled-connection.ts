import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { Client } from 'undici';
import type { Clock } from '../core/clock.js';
import type { RequestHandler } from '../core/transport.js';
import { onGracefulGoAway } from './graceful-goaway.js';

export interface ConnectionListener {
  onDial(socket: Socket | undefined): void;
  onConnected(socket: Socket): void;
  onAccepted?(socket: Socket): void;
}

export interface ConnectionEvents {
  onConnected(connection: PooledConnection): void;
  onGoAway(connection: PooledConnection): void;
}

export class PooledConnection implements ConnectionListener {
  readonly client: Client;
  /** `idle`: free, and without a request since the last sweep of the pool. */
  usage: 'busy' | 'free' | 'idle' = 'busy';
  isOpen = false;
  isCounted = false;
  isHttp2 = false;
  /** Whether the socket was already open when the last request was passed to the client. */
  isReused = false;
  connectedAt = 0;
  lastHandler: RequestHandler | undefined;
  isObserved = false;
  readonly waiting = new Set<RequestHandler>();
  #socket: Socket | undefined;
  #dialedAt = 0;
  readonly #events: ConnectionEvents;

  constructor(createClient: (listener: ConnectionListener) => Client, events: ConnectionEvents) {
    this.#events = events;
    this.client = createClient(this);
  }

  get isEmpty(): boolean {
    return this.client.stats.size === 0;
  }

  /** The socket, if it is still open after undici has released it. This happens after a protocol upgrade. */
  get releasedSocket(): Socket | undefined {
    return this.#socket?.destroyed === false ? this.#socket : undefined;
  }

  onDial(socket: Socket | undefined): void {
    this.#socket = socket;
    if (this.isUnneededDial) this.stopDial(unneededError());
  }

  onConnected(socket: Socket): void {
    this.#socket = socket;
    this.isOpen = true;
    this.isReused = false;
    this.isHttp2 = (socket as Partial<TLSSocket>).alpnProtocol === 'h2';
    this.#events.onConnected(this);
  }

  onAccepted(socket: Socket): void {
    if (this.isHttp2) onGracefulGoAway(socket, () => this.#events.onGoAway(this));
  }

  /**
   * If `isObserved`, runs the event listeners of the socket in the async context of the last request. If not, the
   * listeners run in the context of the request that opened the socket.
   */
  bindEvents(): void {
    const socket = this.#socket;
    if (socket === undefined || Object.hasOwn(socket, 'emit')) return;
    const emit = socket.emit.bind(socket) as (...args: unknown[]) => boolean;
    socket.emit = (...args: unknown[]) => {
      const scope = this.isObserved ? this.lastHandler?.asyncContext : undefined;
      return scope ? scope.runInAsyncScope(emit, undefined, ...args) : emit(...args);
    };
  }

  get isUnneededDial(): boolean {
    return !this.isOpen && !this.isEmpty && this.waiting.size === 0;
  }

  startDial(handler: RequestHandler, clock: Clock): void {
    this.waiting.add(handler);
    this.#dialedAt = clock.now();
  }

  /** Stops connecting once the dial has lasted `graceMs`, unless a request waits for the socket. */
  endUnneededDial(clock: Clock, graceMs: number): void {
    if (!this.isUnneededDial) return;
    const leftMs = this.#dialedAt + graceMs - clock.now();
    if (leftMs > 0) clock.setTimer(() => this.endUnneededDial(clock, graceMs), leftMs).setRef(false);
    else this.stopDial(unneededError());
  }

  /** Destroys a connecting socket. undici then fails the requests that wait for the socket. */
  stopDial(reason: Error): void {
    if (!this.isOpen) this.#socket?.destroy(reason);
  }
}

function unneededError(): Error {
  return new Error('The last request that waited for the connection has ended');
}
