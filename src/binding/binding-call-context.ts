import type { Clock } from '../core/clock.js';
import type { EventSink } from '../core/events.js';
import type { Health } from '../core/health.js';
import type { RetryLoop } from '../core/retry-loop.js';
import type { BindConfig } from './bind-config.js';
import { HedgingPolicy } from '../invoke/hedging-policy.js';
import { defaultAttemptTimeout, defaultRetries, type RetryConfig } from '../invoke/retry-settings.js';
import { firstSegmentOf } from '../invoke/route-class.js';
import type { RetryBudget } from '../invoke/retry-budget.js';
import type { AttemptTimeouts } from '../invoke/attempt-timeout.js';
import type { CallContext } from '../invoke/call-context.js';
import type { TimerWheel } from '../invoke/timer-wheel.js';
import { ServiceEndpointPicker } from './service-endpoint-picker.js';
import type { ServiceState } from './service-state.js';

/** Combines the {@link ServiceState}, which all bindings of the name share, with the options of one binding. */
export class BindingCallContext implements CallContext {
  readonly name: string;
  readonly clock: Clock;
  readonly wheel: TimerWheel;
  readonly health: Health;
  readonly budget: RetryBudget;
  readonly timeouts: AttemptTimeouts;
  readonly reporter: EventSink;
  readonly retry: RetryLoop;
  readonly connections: number;
  readonly maxPending: number;
  pendingCalls = 0;
  readonly retryConfig: RetryConfig = { retries: defaultRetries, attemptTimeout: defaultAttemptTimeout };
  readonly picker: ServiceEndpointPicker;
  readonly #hedging: HedgingPolicy | undefined;
  #policyHedging: HedgingPolicy | undefined;

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
    this.budget = service.budget;
    this.timeouts = service.attemptTimeouts;
    this.reporter = clerk.reporter;
    this.retry = clerk.retry;
    this.connections = clerk.config.connections;
    this.maxPending = clerk.config.maxPending;
    this.picker = new ServiceEndpointPicker(service, config);
    this.#hedging = config.hedge && new HedgingPolicy(config.hedge, service.budget);
  }

  get hedging(): HedgingPolicy | undefined {
    return this.picker.hedges
      ? (this.#policyHedging ??= new HedgingPolicy({ afterMs: 0, budgetRatio: 1 }, this.budget))
      : this.#hedging;
  }

  get serviceTimeoutMs(): number | undefined {
    return this.service.resolution?.timeoutMs;
  }

  routeOf(_method: string, path: string): string {
    return firstSegmentOf(path);
  }

  startCall(): void {
    this.service.clerk.callTracker.start();
  }

  finishCall(): void {
    this.service.clerk.callTracker.finish();
  }
}
