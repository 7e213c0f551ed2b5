/** One service as a trip sees it: endpoints by id, who refuses until when, and what look-ups and starts bring. */
import type { Reachable } from '../../src/core/candidate.js';
import type { Health } from '../../src/core/health.js';
import { AttemptLimits } from '../../src/invoke/limits.js';
import { retryBudget } from '../../src/invoke/budget.js';
import type { Site, Wish } from '../../src/invoke/site.js';
import { Wheel } from '../../src/invoke/wheel.js';
import { HandClock } from '../support/clock.js';
import { endpoint, FakeChannel } from '../support/endpoints.js';
import { Recorder } from '../support/recorder.js';

export class FakeSite implements Site {
  readonly name = '/shop/orders';
  readonly policyName = 'random';
  readonly recordMs = undefined;
  readonly clock = new HandClock();
  readonly wheel = new Wheel(this.clock);
  readonly budget = retryBudget(0, 2);
  readonly hedging = undefined;
  readonly limits = new AttemptLimits();
  readonly reporter = new Recorder();
  readonly connections = 64;
  readonly maxPending = 1_024;
  waiting = 0;
  canStart = false;
  warm = true;
  candidates: Reachable[];
  /** Who refuses, and until when no dial is allowed. */
  readonly rests = new Map<string, number>();
  readonly looks: (readonly string[])[] = [];
  readonly starts: number[] = [];
  onLook: () => Promise<void> | void = () => {};
  onStart: () => Promise<void> | void = () => {};

  constructor(...ids: string[]) {
    this.candidates = ids.map(candidate);
  }

  readonly health: Health = {
    began: () => {},
    late: () => {},
    answered: () => {},
    reported: () => {},
    failed: () => {},
    ended: () => {},
    admits: ({ endpoint }, now) => now >= (this.rests.get(endpoint.id) ?? 0),
    restsUntil: ({ endpoint }) => this.rests.get(endpoint.id) ?? 0,
  };

  retry(): never {
    throw new Error('A trip loops nowhere');
  }

  chooseNow(): undefined {
    return undefined;
  }

  choose(): Reachable | undefined {
    return this.candidates[0];
  }

  async prepare(): Promise<void> {}

  chooseOther(now: number, _wish: Wish, tried: ReadonlySet<string>): Reachable | undefined {
    const others = this.candidates.filter(({ endpoint }) => !tried.has(endpoint.id));
    return others.find((one) => this.health.admits(one, now)) ?? others[0];
  }

  hasOther(_wish: Wish, tried: ReadonlySet<string>): boolean {
    return this.candidates.some(({ endpoint }) => !tried.has(endpoint.id));
  }

  isWarm(): boolean {
    return this.warm;
  }

  async lookAgain(suspects: ReadonlySet<string>): Promise<void> {
    this.looks.push([...suspects]);
    this.warm = true;
    await this.onLook();
  }

  async startAgain(triedAt: number): Promise<void> {
    this.starts.push(triedAt);
    await this.onStart();
  }

  enter(): void {}

  leave(): void {}
}

export function candidate(id: string): Reachable {
  const one = endpoint(id);
  return {
    endpoint: one,
    channel: new FakeChannel(one),
    secure: undefined,
    status: 'open',
    pending: 0,
    latencyMs: 0,
    report: undefined,
    warming: undefined,
    load: () => 0,
  };
}
