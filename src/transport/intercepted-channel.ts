import type { Dispatcher } from 'undici';
import type { Address } from '../core/address.js';
import { quote } from '../core/describe-value.js';
import { ClerkError } from '../core/errors.js';
import type { Interceptor } from '../core/interceptors.js';
import type {
  Channel,
  ConnectionLimit,
  ProbeRequest,
  RequestHandler,
  TransportRequest,
} from '../core/transport.js';
import type { Send } from '../core/undici-port.js';
import { composeInterceptors } from './compose-interceptors.js';
import { InterceptedAttempt } from './intercepted-attempt.js';

const attemptKey: unique symbol = Symbol('binding-clerk.attempt');

type AttemptOptions = Dispatcher.DispatchOptions & { readonly [attemptKey]?: InterceptedAttempt };

/** The channel of one endpoint with interceptors for each attempt. Probes and dials bypass the interceptors. */
export class InterceptedChannel implements Channel {
  readonly #channel: Channel;
  readonly #authority: string;
  readonly #interceptors: readonly Interceptor[];
  readonly #attempts = new WeakMap<RequestHandler, InterceptedAttempt>();
  #composed: Send | undefined;

  /** @param authority - host in the origin of requests over a Unix socket */
  constructor(channel: Channel, authority: string, interceptors: readonly Interceptor[]) {
    this.#channel = channel;
    this.#authority = authority;
    this.#interceptors = interceptors;
  }

  get address(): Address {
    return this.#channel.address;
  }

  dispatch(request: TransportRequest, handler: RequestHandler, freshOnly: boolean): void {
    const origin = this.#originOf(this.address);
    const attempt = new InterceptedAttempt(handler, request, origin, (sent, inner) =>
      this.#channel.dispatch(sent, inner, freshOnly),
    );
    this.#attempts.set(handler, attempt);
    try {
      this.#composed ??= composeInterceptors(this.#interceptors, sendAttempt);
      const options = { ...request, origin, [attemptKey]: attempt };
      this.#composed(options as unknown as Dispatcher.DispatchOptions, attempt.outer);
    } catch (error) {
      attempt.fail(error as Error);
    }
  }

  cancelQueued(handler: RequestHandler): void {
    const inner = this.#attempts.get(handler)?.cancel();
    if (inner !== undefined) this.#channel.cancelQueued?.(inner);
  }

  isQueued(handler: RequestHandler): boolean {
    const inner = this.#attempts.get(handler)?.inner;
    return inner !== undefined && this.#channel.isQueued?.(inner) === true;
  }

  queuedBy(handler: RequestHandler): ConnectionLimit | undefined {
    const inner = this.#attempts.get(handler)?.inner;
    return inner === undefined ? undefined : this.#channel.queuedBy?.(inner);
  }

  wasReused(handler: RequestHandler): boolean {
    const inner = this.#attempts.get(handler)?.inner;
    return inner !== undefined && this.#channel.wasReused?.(inner) === true;
  }

  wasNotProcessed(error: Error): boolean {
    return this.#channel.wasNotProcessed?.(error) === true;
  }

  connect(signal?: AbortSignal): Promise<void> {
    return this.#channel.connect(signal);
  }

  probe(timeoutMs: number, request?: ProbeRequest): Promise<void> {
    return this.#channel.probe(timeoutMs, request);
  }

  resetConnections(): void {
    this.#channel.resetConnections();
  }

  nextAddress(from: Address): boolean {
    return this.#channel.nextAddress(from);
  }

  close(): Promise<void> {
    return this.#channel.close();
  }

  destroy(error: Error): Promise<void> {
    return this.#channel.destroy(error);
  }

  #originOf({ text, socketPath, protocol }: Address): string {
    if (socketPath === undefined) return new URL(text).origin;
    return `${protocol === 'https' ? 'https' : 'http'}://${this.#authority}`;
  }
}

function sendAttempt(options: AttemptOptions, handler: RequestHandler): void {
  const attempt = options[attemptKey];
  if (attempt !== undefined) attempt.send(options, handler);
  else
    handler.onError(
      new ClerkError(
        'CONFIG_INVALID',
        `An attempt interceptor must pass on the options that it got, or a copy with all of them, such as { ...options, headers }; got other options for ${quote(options.path)}`,
      ),
    );
}
