import type { Dispatcher, errors } from 'undici';
import type { Address } from '../core/address.js';
import type { Endpoint } from '../core/endpoint.js';
import { ClerkError } from '../core/errors.js';
import { tlsRequiredError } from '../core/tls-mismatch.js';
import type {
  Channel,
  ConnectionLimit,
  ProbeRequest,
  RequestHandler,
  TransportRequest,
} from '../core/transport.js';
import { addHeaders } from '../protocol/call-headers.js';
import { requestServername } from '../core/request-servername.js';
import { AddressChoice } from './address-choice.js';
import { inPieces } from './body-pieces.js';
import { fromBuiltinBody } from './builtin-undici.js';
import { originOf, type SharedPools, type PoolUser, type SharedPool } from './shared-pools.js';
import type { ProbeClient } from './probe.js';

/**
 * The HTTP connections to one endpoint. Calls that must run at most once use connections that are new or were idle for
 * less than 1,000 ms. A server is unlikely to close such a connection while the request arrives.
 */
export class HttpChannel implements Channel, PoolUser {
  readonly #endpoint: Endpoint;
  readonly #addresses: readonly Address[];
  readonly #authority: string;
  readonly #pools: SharedPools;
  readonly #probeClient: ProbeClient;
  /** Pools that get no new requests from this channel, but may still process earlier requests. */
  readonly #formerPools = new Set<SharedPool>();
  readonly #choice: AddressChoice;
  #closed = false;
  #shared: SharedPool | undefined;
  #fresh: SharedPool | undefined;
  #origin: string;
  readonly #answersTls: (address: Address) => Promise<boolean>;
  readonly #tlsAnswers = new Map<Address, Promise<boolean>>();

  constructor(
    endpoint: Endpoint,
    addresses: readonly Address[],
    authority: string,
    pools: SharedPools,
    probeClient: ProbeClient,
    answersTls: (address: Address) => Promise<boolean>,
  ) {
    this.#answersTls = answersTls;
    this.#endpoint = endpoint;
    this.#addresses = addresses;
    this.#choice = new AddressChoice(addresses);
    this.#authority = authority;
    this.#pools = pools;
    this.#probeClient = probeClient;
    this.#origin = originOf(this.address, authority);
  }

  get address(): Address {
    return this.#choice.current;
  }

  dispatch(request: TransportRequest, handler: RequestHandler, freshOnly: boolean): void {
    if (this.#closed) {
      handler.onError(new ClerkError('CLERK_CLOSED', `The connections to ${this.address.text} are closed`));
      return;
    }
    if (this.#choice.isExhausted) this.#choice.onConnected();
    try {
      const { pool, authority } = this.#poolFor(freshOnly);
      pool.dispatch(this.#toDispatchOptions(request, authority), handler, this.#origin);
    } catch (error) {
      handler.onError(error as Error);
    }
  }

  cancelQueued(handler: RequestHandler): void {
    for (const { pool } of this.#usedPools()) if (pool.cancel(handler)) return;
  }

  isQueued(handler: RequestHandler): boolean {
    return this.#usedPools().some(({ pool }) => pool.isQueued(handler));
  }

  queuedBy(handler: RequestHandler): ConnectionLimit | undefined {
    return this.#usedPools()
      .find(({ pool }) => pool.isQueued(handler))
      ?.pool.reachedLimit();
  }

  connect(signal?: AbortSignal): Promise<void> {
    return new Promise<void>((resolve, reject) => {
      const connectedSignal = new Error('Connected');
      const cancel = (): void => this.cancelQueued(handler);
      const handler: RequestHandler = {
        onConnect() {
          signal?.removeEventListener('abort', cancel);
          resolve();
          throw connectedSignal;
        },
        onHeaders: () => true,
        onData: () => true,
        onComplete: () => undefined,
        onUpgrade: () => undefined,
        onError: (error) => {
          signal?.removeEventListener('abort', cancel);
          if (error !== connectedSignal) reject(error);
        },
      };
      signal?.addEventListener('abort', cancel);
      this.dispatch({ path: '/', method: 'HEAD' }, handler, false);
    });
  }

  async probe(timeoutMs: number, request?: ProbeRequest): Promise<void> {
    const probes = this.#addresses.map(async (address, index) => {
      const target = { endpoint: this.#endpoint, address, authority: this.#authority };
      await this.#probeClient.probe(target, timeoutMs, request);
      return index;
    });
    const index = await Promise.any(probes);
    this.onConnected();
    this.#change(() => this.#choice.select(index));
  }

  wasNotProcessed(error: Error): boolean {
    const { code } = error as NodeJS.ErrnoException;
    return code === 'ERR_HTTP2_STREAM_ERROR' && error.message.includes('NGHTTP2_REFUSED_STREAM');
  }

  wasReused(handler: RequestHandler): boolean {
    return this.#usedPools().some(({ pool }) => pool.wasReused(handler));
  }

  /**
   * Finds out whether the server requires TLS. A TLS server that receives an HTTP request closes the connection, and
   * may send a TLS alert first.
   */
  explain(error: Error, hasResponded: boolean): Promise<Error> | undefined {
    const { address } = this;
    if (address.protocol !== 'http' || this.#closed) return undefined;
    if (isTlsAlert(error)) return Promise.resolve(tlsRequiredError(address.text));
    if (!isUnansweredClose(error)) return undefined;
    let answer = this.#tlsAnswers.get(address);
    if (answer === undefined) {
      if (hasResponded) return undefined;
      this.#tlsAnswers.set(address, (answer = this.#answersTls(address)));
    }
    return answer.then((isTls) => {
      if (!isTls) this.#tlsAnswers.delete(address);
      return isTls ? tlsRequiredError(address.text) : error;
    });
  }

  resetConnections(): void {
    // A socket that is still connecting cannot be half-open, so pools without an established connection are kept.
    for (const shared of [this.#shared, this.#fresh]) {
      if (shared?.pool.hasOpen !== true) continue;
      this.#pools.replace(shared);
      this.#leave(shared);
      if (shared === this.#shared) this.#shared = undefined;
      else this.#fresh = undefined;
    }
  }

  nextAddress(from: Address): boolean {
    return this.#change(() => this.#choice.onDialFailed(from));
  }

  onConnected(): void {
    this.#choice.onConnected();
  }

  async close(): Promise<void> {
    this.#close(new ClerkError('CLERK_CLOSED', `The connections to ${this.address.text} are closed`));
    await Promise.all([...this.#formerPools].map((shared) => this.#pools.release(shared, this)));
  }

  /** Also fails the requests of other names in the same pools. A clerk always destroys all its channels together. */
  async destroy(error: Error): Promise<void> {
    this.#close(error);
    await Promise.all([...this.#formerPools].map(({ pool }) => pool.destroy(error)));
  }

  #close(error: Error): void {
    this.#closed = true;
    this.#probeClient.abortAll(error);
    this.#leavePools();
  }

  #usedPools(): SharedPool[] {
    return [this.#fresh, this.#shared, ...this.#formerPools].filter((shared) => shared !== undefined);
  }

  #poolFor(freshOnly: boolean): SharedPool {
    const current = freshOnly ? this.#fresh : this.#shared;
    if (current?.isRetired === false) return current;
    if (current) this.#leave(current);
    const target = { endpoint: this.#endpoint, address: this.address, authority: this.#authority };
    const next = this.#pools.acquire(target, freshOnly, this);
    if (freshOnly) this.#fresh = next;
    else this.#shared = next;
    return next;
  }

  /** Runs `choose`, which may change the address. After a change, new requests use other pools. */
  #change<T>(choose: () => T): T {
    const before = this.address;
    const result = choose();
    if (this.address !== before) {
      this.#origin = originOf(this.address, this.#authority);
      this.#leavePools();
    }
    return result;
  }

  #leavePools(): void {
    for (const shared of [this.#shared, this.#fresh]) if (shared) this.#leave(shared);
    this.#shared = this.#fresh = undefined;
  }

  #leave(shared: SharedPool): void {
    for (const former of this.#formerPools) if (former.isClosed) this.#formerPools.delete(former);
    this.#formerPools.add(shared);
    void this.#pools.release(shared, this);
  }

  /**
   * Several names may share a pool, and undici sends the host of the first name. A request to another name therefore
   * gets its own `Host` header.
   */
  #toDispatchOptions(request: TransportRequest, poolAuthority: string): Dispatcher.DispatchOptions {
    let sent = request;
    if (poolAuthority !== this.#authority) sent = addHeaders(sent, [['host', this.#authority]]);
    if (this.address.protocol === 'https' && !('servername' in sent))
      sent = { ...sent, servername: requestServername } as TransportRequest;
    const body = fromBuiltinBody(sent.body);
    if (body !== sent.body) sent = { ...sent, body };
    return inPieces(sent) as unknown as Dispatcher.DispatchOptions;
  }
}

/** Whether the server closed a connection on which it had sent no byte. */
function isUnansweredClose(error: Error): boolean {
  const { code, socket } = error as Partial<errors.SocketError>;
  return code === 'UND_ERR_SOCKET' && socket?.bytesRead === 0;
}

/** Whether the response is a TLS record of type alert. */
function isTlsAlert(error: Error): boolean {
  const { name, data } = error as { readonly name: string; readonly data?: string };
  return name === 'HTTPParserError' && data?.startsWith('\x15\x03') === true;
}
