/** The call context of one service: endpoints by id, their connection backoff, and the effects of lookups and starts. */
import type { ConnectedCandidate } from '../../src/core/candidate.js';
import type { Health } from '../../src/core/health.js';
import { AttemptTimeouts } from '../../src/invoke/attempt-timeout.js';
import type { CallContext } from '../../src/invoke/call-context.js';
import type { EndpointPicker, PickConstraints } from '../../src/invoke/endpoint-picker.js';
import { retryBudget } from '../../src/invoke/retry-budget.js';
import type { RetryOverrides } from '../../src/core/retry-options.js';
import { mergeRetryConfig, type RetryConfig } from '../../src/invoke/retry-settings.js';
import { TimerWheel } from '../../src/invoke/timer-wheel.js';
import { endpoint, FakeChannel } from '../support/endpoints.js';
import { EventRecorder } from '../support/event-recorder.js';
import { ManualClock } from '../support/manual-clock.js';

export class FakeCallContext implements CallContext, EndpointPicker {
  readonly name = '/shop/orders';
  readonly policyName = 'random';
  readonly serviceTimeoutMs = undefined;
  readonly clock = new ManualClock();
  readonly wheel = new TimerWheel(this.clock);
  /** Allows two retries at once. */
  readonly budget = retryBudget(0, 4);
  readonly hedging = undefined;
  readonly intercepted = undefined;
  readonly timeouts = new AttemptTimeouts();
  readonly reporter = new EventRecorder();
  readonly connections = 64;
  readonly maxPending = 1_024;
  pendingCalls = 0;
  canStart = false;
  fresh = true;
  /** Ids of the endpoints that a start has replaced. */
  readonly replaced = new Set<string>();
  candidates: ConnectedCandidate[];
  /** When an endpoint in connection backoff may be dialed again, by id. */
  readonly nextDialAt = new Map<string, number>();
  readonly refreshes: (readonly string[])[] = [];
  readonly starts: number[] = [];
  onRefresh: () => Promise<void> | void = () => {};
  onStart: () => Promise<void> | void = () => {};

  constructor(...ids: string[]) {
    this.candidates = ids.map(candidate);
  }

  readonly health: Health = {
    attemptStarted: () => {},
    attemptAbandoned: () => {},
    responseReceived: () => {},
    loadReported: () => {},
    attemptFailed: () => {},
    callFailed: () => undefined,
    attemptLate: () => {},
    uploadContinued: () => {},
    attemptHeld: () => {},
    attemptEnded: () => {},
    canDial: ({ endpoint }, now) => now >= (this.nextDialAt.get(endpoint.id) ?? 0),
    nextDialAt: ({ endpoint }) => this.nextDialAt.get(endpoint.id) ?? 0,
  };

  retryConfig(overrides: RetryOverrides = {}): RetryConfig {
    return mergeRetryConfig([overrides], () => this.budget);
  }

  ticketFor(): string | undefined {
    return undefined;
  }

  renewTicket(): undefined {
    return undefined;
  }

  tlsFor(): undefined {
    return undefined;
  }

  routeOf(): string {
    return '';
  }

  readonly trialDueAt = Infinity;

  pickTrial(): undefined {
    return undefined;
  }

  pick(): undefined {
    return undefined;
  }

  pickCached(): ConnectedCandidate | undefined {
    return this.candidates[0];
  }

  async prepare(): Promise<void> {}

  pickAlternative(
    now: number,
    _constraints: PickConstraints,
    tried: ReadonlySet<string>,
  ): ConnectedCandidate | undefined {
    const others = this.candidates.filter(({ endpoint }) => !tried.has(endpoint.id));
    return others.find((one) => this.health.canDial(one, now)) ?? others[0];
  }

  hasAlternative(_constraints: PickConstraints, tried: ReadonlySet<string>): boolean {
    return this.candidates.some(({ endpoint }) => !tried.has(endpoint.id));
  }

  isReplaced({ endpoint }: ConnectedCandidate): boolean {
    return this.replaced.has(endpoint.id);
  }

  isFresh(): boolean {
    return this.fresh;
  }

  async refreshResolution(suspects: ReadonlySet<string>): Promise<void> {
    this.refreshes.push([...suspects]);
    this.fresh = true;
    await this.onRefresh();
  }

  resolvedAt(): number {
    return Infinity;
  }

  lookAgain(): Promise<void> {
    return Promise.resolve();
  }

  untilChanged(): Promise<void> {
    return Promise.resolve();
  }

  async startService(attemptedAt: number): Promise<void> {
    this.starts.push(attemptedAt);
    await this.onStart();
  }

  startCall(): void {}

  finishCall(): void {}
}

export function candidate(id: string): ConnectedCandidate {
  const one = endpoint(id);
  return {
    endpoint: one,
    channel: new FakeChannel(one),
    tlsChannel: undefined,
    status: 'open',
    isTrial: false,
    isFailing: false,
    isOnProbation: false,
    hasFailedLast: false,
    isDoubted: false,
    pending: 0,
    held: 0,
    latencyMs: 0,
    loadReport: undefined,
    slowStart: undefined,
    load: () => 0,
  };
}
