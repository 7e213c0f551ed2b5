import type { Address } from '../../core/address.js';
import type { Clock } from '../../core/clock.js';
import { ClerkError } from '../../core/errors.js';
import type { Channel, ProbeRequest, RequestHandler, TransportRequest } from '../../core/transport.js';
import type { MemoryConnection } from './memory-connection.js';
import { MemoryExchange, type MemoryAttempt } from './memory-exchange.js';
import { isStreamRefused } from './socket-errors.js';
import { MemoryPool } from './memory-pool.js';
import type { MemoryRequest } from './memory-request.js';
import { lowerCaseHeaders } from './request-headers.js';

export interface MemoryChannelOptions {
  readonly endpoint: string;
  readonly addresses: readonly Address[];
  readonly connections: number;
  readonly clock: Clock;
  readonly callIdHeader: string;
  /**
   * Opens a connection. `ref` states whether the pending connection keeps the process alive. `done` is called at most
   * once, and never before `dial` returns.
   */
  dial(address: string, ref: boolean, done: (result: MemoryConnection | Error) => void): void;
  onAttempt(attempt: MemoryAttempt): void;
}

const keepAliveMs = 4_000;
const freshMs = 1_000;
const defaultProbe: ProbeRequest = { method: 'OPTIONS', path: '/' };

/** The channel to one endpoint of a memory network, with connection pools and several addresses as over HTTP. */
export class MemoryChannel implements Channel {
  readonly #options: MemoryChannelOptions;
  readonly #retired = new Set<MemoryPool>();
  readonly #probes = new Set<(error: Error) => void>();
  /** The addresses that have failed since the last successful connection or probe. */
  readonly #failed = new Set<Address>();
  #index = 0;
  #shared: MemoryPool | undefined;
  #fresh: MemoryPool | undefined;
  #closed: Error | undefined;

  constructor(options: MemoryChannelOptions) {
    this.#options = options;
  }

  get address(): Address {
    return this.#options.addresses[this.#index] as Address;
  }

  dispatch(request: TransportRequest, handler: RequestHandler, freshOnly: boolean): void {
    const { endpoint, addresses, callIdHeader } = this.#options;
    // All addresses have failed, so the next request starts again with the first address.
    if (this.#failed.size === addresses.length) this.#failed.clear();
    const read = this.#toMemoryRequest(request, false);
    const callId = read.headers[callIdHeader];
    const attempt: MemoryAttempt = { endpoint, address: read.address, callId, result: 'connecting' };
    this.#options.onAttempt(attempt);
    this.#send(read, handler, attempt, freshOnly);
  }

  connect(): Promise<void> {
    return new Promise((resolve, reject) => {
      const connected = new Error('The connection is established; no request is sent on it');
      const handler = partialHandler({
        onConnect() {
          resolve();
          throw connected;
        },
        onError(error) {
          if (error !== connected) reject(error);
        },
      });
      this.#send(this.#toMemoryRequest({ path: '/', method: 'HEAD' }, true), handler, undefined, false);
    });
  }

  async probe(timeoutMs: number, request: ProbeRequest = defaultProbe): Promise<void> {
    const index = await Promise.any(
      this.#options.addresses.map((address, i) => this.#probe(address, timeoutMs, request).then(() => i)),
    );
    this.#failed.clear();
    if (index === this.#index) return;
    this.#index = index;
    this.resetConnections();
  }

  #probe({ text }: Address, timeoutMs: number, request: ProbeRequest): Promise<void> {
    const { clock } = this.#options;
    return new Promise((resolve, reject) => {
      let hangUp = (): void => undefined;
      let isSettled = false;
      const end = (error?: Error): void => {
        if (isSettled) return;
        isSettled = true;
        this.#probes.delete(end);
        timer.cancel();
        hangUp();
        if (error) reject(error);
        else resolve();
      };
      const timer = clock.setTimer(() => {
        end(new Error(`${text} did not respond within ${String(Math.round(timeoutMs))} ms`));
      }, timeoutMs);
      timer.setRef(false);
      this.#probes.add(end);
      this.#options.dial(text, false, (result) => {
        if (result instanceof Error) {
          end(result);
          return;
        }
        hangUp = () => result.close();
        if (isSettled) {
          hangUp();
          return;
        }
        const handler = partialHandler({
          onHeaders() {
            end();
            return true;
          },
          onError: end,
        });
        const probe = this.#toMemoryRequest(request, true);
        new MemoryExchange(result, probe, handler, undefined, undefined, () => undefined).start();
      });
    });
  }

  wasNotProcessed(error: Error): boolean {
    return isStreamRefused(error);
  }

  wasReused(handler: RequestHandler): boolean {
    return [this.#shared, this.#fresh, ...this.#retired].some((pool) => pool?.wasReused(handler) === true);
  }

  resetConnections(): void {
    for (const pool of [this.#shared, this.#fresh]) {
      if (pool === undefined) continue;
      this.#retired.add(pool);
      void pool.close().then(() => this.#retired.delete(pool));
    }
    this.#shared = this.#fresh = undefined;
  }

  nextAddress(from: Address): boolean {
    const { addresses } = this.#options;
    this.#failed.add(from);
    if (!this.#failed.has(this.address)) return addresses.length > 1;
    const next = addresses.findIndex((address) => !this.#failed.has(address));
    this.#index = Math.max(0, next);
    this.resetConnections();
    return next >= 0;
  }

  async close(): Promise<void> {
    this.#closed ??= new ClerkError('CLERK_CLOSED', `The connections to ${this.address.text} are closed`);
    this.#stop();
    await Promise.all([...this.#retired].map((pool) => pool.close()));
  }

  destroy(error: Error): Promise<void> {
    this.#closed ??= error;
    this.#stop();
    for (const pool of [...this.#retired]) pool.destroy(error);
    return Promise.resolve();
  }

  #stop(): void {
    for (const end of [...this.#probes]) end(new Error('The channel is closed'));
    this.resetConnections();
  }

  #send(
    request: MemoryRequest,
    handler: RequestHandler,
    attempt: MemoryAttempt | undefined,
    freshOnly: boolean,
  ): void {
    if (this.#closed) {
      handler.onError(this.#closed);
      return;
    }
    const pool = freshOnly
      ? (this.#fresh ??= this.#createPool(freshMs))
      : (this.#shared ??= this.#createPool(keepAliveMs));
    pool.enqueue({ request, handler, attempt, callId: attempt?.callId });
  }

  #createPool(idleMs: number): MemoryPool {
    const { connections, clock } = this.#options;
    const { text } = this.address;
    return new MemoryPool({
      connections,
      keepAliveMs: idleMs,
      now: () => clock.now(),
      dial: (done) => {
        this.#options.dial(text, true, (result) => {
          if (!(result instanceof Error)) this.#failed.clear();
          done(result);
        });
      },
    });
  }

  #toMemoryRequest({ path, method, headers, body }: TransportRequest, isProbe: boolean): MemoryRequest {
    return { address: this.address.text, path, method, headers: lowerCaseHeaders(headers), body, isProbe };
  }
}

function partialHandler(callbacks: Partial<RequestHandler>): RequestHandler {
  return {
    onConnect: () => undefined,
    onHeaders: () => true,
    onData: () => true,
    onComplete: () => undefined,
    onError: () => undefined,
    onUpgrade: () => undefined,
    ...callbacks,
  };
}
