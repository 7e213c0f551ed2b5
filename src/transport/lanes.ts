/**
 * Connections to one address, each an undici `Client`. A free one is found at once however many there are; a request
 * that finds none waits in line, first come first served, and may leave it. Nothing else is lost: every request given to
 * it is heard of by its handler, and a request that undici refuses leaves its connection as free as it was.
 *
 * undici's own `Pool` looks through all its clients for every request, and never again uses one that refused a request.
 */
import type { Client, Dispatcher } from 'undici';
import type { Clock } from '../core/clock.js';
import type { WireHandler } from '../core/transport.js';
import { Line, type Waiting } from './line.js';

/** What lanes are made with. */
export interface LanesOptions {
  /** Most connections, ≥ 1. */
  readonly connections: number;
  /** Requests that one connection takes at a time, ≥ 1. */
  readonly pipelining: number;
  /** How long a connection gets new requests, in ms; 0 for ever. */
  readonly ttlMs: number;
  readonly clock: Clock;
  /** Makes a client; it connects by itself when it is first used. */
  readonly open: () => Client;
}

interface Lane {
  readonly client: Client;
  /** In the list of those that can take a request. */
  free: boolean;
  /** When its connection was made; 0 before. */
  connectedAt: number;
}

/** See the file's header. */
export class Lanes {
  readonly #options: LanesOptions;
  #lanes: Lane[] = [];
  /** The one that became free last is used next, so no more of them stay warm than are needed. */
  readonly #free: Lane[] = [];
  /** Too old for new requests, with some that are not finished; each closes after its last. */
  readonly #ageing = new Set<Client>();
  /** Empty whenever a lane is free. */
  readonly #line = new Line();
  #closed: Promise<void> | undefined;
  #onLineEmpty: (() => void) | undefined;

  constructor(options: LanesOptions) {
    this.#options = options;
  }

  /** Sends a request, now or when its turn has come. Never throws. */
  dispatch(request: Dispatcher.DispatchOptions, handler: WireHandler): void {
    const lane = this.#take();
    if (lane === undefined) this.#line.join(request, handler);
    else if (this.#send(lane, request, handler)) this.#release(lane);
  }

  /**
   * Lets a request go that still waits in line: it is not sent, and its handler hears nothing more.
   *
   * @returns whether it waited here
   */
  leave(handler: WireHandler): boolean {
    const left = this.#line.leave(handler);
    if (left && this.#line.isEmpty) this.#onLineEmpty?.();
    return left;
  }

  /** Lets all that were given to it finish, those in line too, then closes. */
  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  /** Fails everything that is not finished with `error`. */
  async destroy(error: Error): Promise<void> {
    for (let next = this.#line.next(); next; next = this.#line.next()) next.handler.onError(error);
    this.#onLineEmpty?.();
    await Promise.all(this.#clients().map((client) => client.destroy(error)));
  }

  async #close(): Promise<void> {
    if (!this.#line.isEmpty) await new Promise<void>((resolve) => (this.#onLineEmpty = resolve));
    // Those that were destroyed meanwhile have no more to finish.
    const left = this.#clients().filter((client) => !client.destroyed);
    await Promise.all(left.map((client) => client.close()));
  }

  #clients(): Client[] {
    return [...this.#lanes.map(({ client }) => client), ...this.#ageing];
  }

  #take(): Lane | undefined {
    const { ttlMs, connections } = this.#options;
    for (let lane = this.#free.pop(); lane !== undefined; lane = this.#free.pop()) {
      if (ttlMs === 0 || !this.#isOld(lane)) {
        lane.free = false;
        return lane;
      }
      this.#age(lane);
    }
    return this.#lanes.length < connections ? this.#open() : undefined;
  }

  #age(lane: Lane): void {
    const { client } = lane;
    // Its mark of being free stays, so it never comes back.
    this.#lanes = this.#lanes.filter((other) => other !== lane);
    this.#ageing.add(client);
    void client.close().then(() => this.#ageing.delete(client));
  }

  #isOld({ connectedAt }: Lane): boolean {
    const { ttlMs, clock } = this.#options;
    return connectedAt > 0 && clock.now() - connectedAt > ttlMs;
  }

  #open(): Lane {
    const lane: Lane = { client: this.#options.open(), free: false, connectedAt: 0 };
    lane.client.on('drain', () => this.#release(lane));
    lane.client.on('connect', () => (lane.connectedAt = this.#options.clock.now()));
    this.#lanes.push(lane);
    return lane;
  }

  /** Hands a request over. @returns whether the lane can take another one at once; else it says so by `drain` */
  #send({ client }: Lane, request: Dispatcher.DispatchOptions, handler: WireHandler): boolean {
    if (client.dispatch(request, handler)) return true;
    // undici says "no more for now" of a request that it refuses too, and no `drain` would ever follow.
    return handler.failed ?? client.stats.size < this.#options.pipelining;
  }

  /** The lane can take a request: the next in line, or whoever comes. */
  #release(lane: Lane): void {
    while (!lane.free) {
      const next = this.#line.next();
      if (next === undefined) {
        lane.free = true;
        this.#free.push(lane);
        this.#onLineEmpty?.();
      } else if (!this.#send(lane, asOfNow(next), next.handler)) {
        return;
      }
    }
  }
}

/** A request as it is to be sent after its wait. */
function asOfNow({ request, handler }: Waiting): Dispatcher.DispatchOptions {
  return (handler.onTurn?.(request) ?? request) as Dispatcher.DispatchOptions;
}
