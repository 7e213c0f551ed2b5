import type { Clock } from '../core/clock.js';
import { describeValue } from '../core/describe-value.js';
import { ClerkError, errorMessage } from '../core/errors.js';
import type { Endpoint } from '../core/endpoint.js';
import type { EndpointTls } from '../core/endpoint-tls.js';
import type { EventSink } from '../core/events.js';
import type { Health } from '../core/health.js';
import type { BindConfig } from './bind-config.js';
import { HedgingPolicy } from '../invoke/hedging-policy.js';
import type { RetryOverrides } from '../core/retry-options.js';
import { mergeRetryConfig, type RetryConfig } from '../invoke/retry-settings.js';
import { firstSegmentOf } from '../invoke/route-class.js';
import type { AttemptTimeouts } from '../invoke/attempt-timeout.js';
import type { CallContext } from '../invoke/call-context.js';
import type { Interceptor } from '../core/interceptors.js';
import type { Channel } from '../core/transport.js';
import { hostnameOf } from '../core/clerk-hostname.js';
import type { UndiciPort } from '../core/undici-port.js';
import type { TimerWheel } from '../invoke/timer-wheel.js';
import { ServiceEndpointPicker } from './service-endpoint-picker.js';
import { toEndpointTls } from './to-endpoint-tls.js';
import type { ServiceState } from './service-state.js';

export class BindingCallContext implements CallContext {
  readonly name: string;
  readonly clock: Clock;
  readonly wheel: TimerWheel;
  readonly health: Health;
  readonly timeouts: AttemptTimeouts;
  readonly reporter: EventSink;
  readonly connections: number;
  readonly maxPending: number;
  readonly maxResponseSize: number;
  pendingCalls = 0;
  readonly picker: ServiceEndpointPicker;
  /**
   * The interceptors of the binding, followed by those of the clerk. The last interceptor of a list is the outermost.
   */
  readonly interceptors: Readonly<Record<'call' | 'attempt', readonly Interceptor[]>>;
  readonly intercepted: ((channel: Channel) => Channel) | undefined;
  readonly #hedging: HedgingPolicy | undefined;
  readonly #config: BindConfig;
  #policyHedging: HedgingPolicy | undefined;
  /** Settings of calls without `retries` and `attemptTimeoutMs`. Merged again when the service config changes. */
  #retryConfig: RetryConfig | undefined;
  #mergedFor: RetryOverrides | undefined;

  /** @throws {@link ClerkError} `CONFIG_INVALID` when the policy, version or affinity of the binding is invalid */
  constructor(
    readonly service: ServiceState,
    config: BindConfig,
  ) {
    const { clerk } = service;
    this.name = service.name;
    this.clock = clerk.clock;
    this.wheel = clerk.timerWheel;
    this.health = service.table;
    this.timeouts = service.attemptTimeouts;
    this.reporter = clerk.reporter;
    this.connections = clerk.config.connections;
    this.maxPending = clerk.config.maxPending;
    this.maxResponseSize = clerk.config.maxResponseSize;
    this.interceptors = {
      call: [...config.interceptors.call, ...clerk.config.interceptors.call],
      attempt: [...config.interceptors.attempt, ...clerk.config.interceptors.attempt],
    };
    this.intercepted = interceptedChannels(clerk.undici, this.name, this.interceptors.attempt);
    this.picker = new ServiceEndpointPicker(service, config);
    if (config.probe !== undefined) service.probe = config.probe;
    if (config.factory !== undefined) service.hasOwnFactory = true;
    this.#config = config;
    this.#hedging = config.hedge && new HedgingPolicy(config.hedge);
  }

  retryConfig(overrides: RetryOverrides | undefined): RetryConfig {
    const { retryOverrides } = this.service;
    if (overrides !== undefined) return this.#merge(retryOverrides, this.#config, overrides);
    if (this.#retryConfig === undefined || this.#mergedFor !== retryOverrides) {
      this.#mergedFor = retryOverrides;
      this.#retryConfig = this.#merge(retryOverrides, this.#config);
    }
    return this.#retryConfig;
  }

  #merge(...levels: RetryOverrides[]): RetryConfig {
    return mergeRetryConfig(levels, (ratio, minPerSecond) => this.service.budgetFor(ratio, minPerSecond));
  }

  get hedging(): HedgingPolicy | undefined {
    return this.picker.hedges
      ? (this.#policyHedging ??= new HedgingPolicy({ afterMs: 0, budgetRatio: 1 }))
      : this.#hedging;
  }

  get serviceTimeoutMs(): number | undefined {
    return this.service.resolution?.timeoutMs;
  }

  routeOf(method: string, path: string): string {
    const { routeOf } = this.#config;
    if (routeOf === undefined) return firstSegmentOf(path);
    let route: unknown;
    try {
      route = routeOf(method, path);
    } catch (error) {
      throw this.#routeError(errorMessage(error), error);
    }
    if (typeof route === 'string') return route;
    throw this.#routeError(`the function must return a string; got ${describeValue(route)}`);
  }

  #routeError(problem: string, cause?: unknown): ClerkError {
    return new ClerkError('CONFIG_INVALID', `The routeOf function of ${this.name} failed: ${problem}`, {
      cause,
    });
  }

  ticketFor(endpoint: Endpoint): string | undefined {
    return this.service.tickets.textFor(endpoint);
  }

  renewTicket(endpoint: Endpoint, refused: string | undefined): Promise<void> | undefined {
    return this.service.tickets.renew(endpoint, refused);
  }

  tlsFor(endpoint: Endpoint): EndpointTls | undefined {
    const { credentials, keyTools } = this.service.clerk;
    return toEndpointTls(endpoint, credentials?.last, keyTools);
  }

  get registryFailure(): ClerkError | undefined {
    return this.service.clerk.registryFailure();
  }

  startCall(): void {
    this.service.clerk.callTracker.start();
  }

  finishCall(): void {
    this.service.clerk.callTracker.finish();
  }
}

function interceptedChannels(
  undici: UndiciPort,
  name: string,
  interceptors: readonly Interceptor[],
): ((channel: Channel) => Channel) | undefined {
  if (interceptors.length === 0) return undefined;
  const authority = hostnameOf(name);
  const intercepted = new WeakMap<Channel, Channel>();
  return (channel) => {
    let outer = intercepted.get(channel);
    if (outer === undefined) {
      outer = undici.interceptChannel(channel, authority, interceptors);
      intercepted.set(channel, outer);
    }
    return outer;
  };
}
