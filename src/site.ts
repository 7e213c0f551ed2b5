/**
 * One service as one binding calls it: the shared target, seen through the binding's version, policy and factory.
 */
import type { Reachable } from './core/candidate.js';
import type { Clock } from './core/clock.js';
import type { Reporter } from './core/events.js';
import type { Factory } from './core/factory.js';
import type { Health } from './core/health.js';
import type { Retry } from './core/retry.js';
import { Choosing, type Prepared } from './choosing.js';
import type { BindConfig } from './bind-config.js';
import { Hedging } from './invoke/hedging.js';
import type { RetryBudget } from './invoke/budget.js';
import type { AttemptLimits } from './invoke/limits.js';
import type { Site, Wish } from './invoke/site.js';
import { scopeOf } from './invoke/once.js';
import { patienceMs } from './invoke/trip.js';
import type { Wheel } from './invoke/wheel.js';
import { nobodyChosen, nobodyFits, nobodyThere, nobodyUp } from './nobody.js';
import type { Target } from './target.js';

/** See the file's header. */
export class BindingSite implements Site {
  readonly name: string;
  readonly clock: Clock;
  readonly wheel: Wheel;
  readonly health: Health;
  readonly budget: RetryBudget;
  readonly limits: AttemptLimits;
  readonly reporter: Reporter;
  readonly retry: Retry;
  readonly connections: number;
  readonly maxPending: number;
  waiting = 0;
  readonly #config: BindConfig;
  readonly #choosing: Choosing;
  readonly #hedging: Hedging | undefined;
  #racing: Hedging | undefined;

  /** @throws a `ClerkError` `CONFIG_INVALID` when what the program asks for cannot work */
  constructor(
    readonly target: Target,
    config: BindConfig,
  ) {
    const { shared } = target;
    this.name = target.name;
    this.clock = shared.clock;
    this.wheel = shared.wheel;
    this.health = target.table;
    this.budget = target.budget;
    this.limits = target.limits;
    this.reporter = shared.reporter;
    this.retry = shared.retry;
    this.connections = shared.config.connections;
    this.maxPending = shared.config.maxPending;
    this.#config = config;
    this.#choosing = new Choosing(target, config);
    this.#hedging = config.hedge && new Hedging(config.hedge, target.budget);
  }

  get hedging(): Hedging | undefined {
    return this.#choosing.races
      ? (this.#racing ??= new Hedging({ afterMs: 0, share: 1 }, this.budget))
      : this.#hedging;
  }

  get policyName(): string {
    return this.#choosing.policyName;
  }

  /** What the policy has to say of a candidate, in words. */
  standing(candidate: Reachable): string | undefined {
    return this.#choosing.standing(candidate);
  }

  get recordMs(): number | undefined {
    return this.target.answer?.timeoutMs;
  }

  get canStart(): boolean {
    return this.#factory !== undefined;
  }

  /** The program's own, else the registry, if that says that it can start the service. */
  get #factory(): Factory | undefined {
    return this.#config.factory ?? this.target.launcher;
  }

  choose(now: number, wish: Wish): Reachable | undefined {
    const { target } = this;
    return target.isWarm(now) ? this.chooseNow(now, wish) : undefined;
  }

  chooseNow(now: number, wish: Wish): Reachable | undefined {
    const { target } = this;
    target.table.called();
    const prepared = this.#choosing.prepared(wish.secure);
    const { eligible } = prepared;
    const chosen = this.#choosing.pick(prepared.pick, now, wish.affinity);
    if (chosen !== undefined && target.table.admits(chosen, now)) return chosen;
    // It refuses and its next dial is paced; somebody else may be free.
    const free = eligible.find((candidate) => target.table.admits(candidate, now));
    if (chosen === undefined && free !== undefined) throw nobodyChosen(this.name, eligible);
    return free;
  }

  chooseOther(now: number, wish: Wish, tried: ReadonlySet<string>): Reachable | undefined {
    const { all, eligible } = this.#choosing.prepared(wish.secure);
    const isUntried = (candidate: Reachable): boolean =>
      !tried.has(candidate.endpoint.id) && remembers(candidate, wish);
    const untried = all.filter(isUntried);
    const open = untried.filter((candidate) => candidate.status === 'open');
    for (const tier of [eligible.filter(isUntried), open, untried]) {
      const ready = tier.filter((candidate) => this.health.admits(candidate, now));
      if (ready.length > 0) {
        const pick = this.#choosing.among(all, ready, wish.secure);
        return this.#choosing.pick(pick, now, wish.affinity) ?? ready[0];
      }
    }
    // All of them refuse and rest: the one that is up first.
    return untried.reduce<Reachable | undefined>(
      (best, candidate) =>
        best === undefined || this.health.restsUntil(candidate) < this.health.restsUntil(best)
          ? candidate
          : best,
      undefined,
    );
  }

  hasOther(wish: Wish, tried: ReadonlySet<string>): boolean {
    return this.#choosing
      .prepared(wish.secure)
      .all.some(
        (candidate) =>
          candidate.status === 'open' && !tried.has(candidate.endpoint.id) && remembers(candidate, wish),
      );
  }

  async prepare(wish: Wish, learned: () => void): Promise<void> {
    const { eligible } = await this.learn(wish, learned);
    const { target, name } = this;
    const now = this.clock.now();
    if (eligible.some((candidate) => this.health.admits(candidate, now))) return;
    // Everybody refuses and rests: worth waiting for only if that ends soon.
    const restsMs = Math.min(...eligible.map((candidate) => this.health.restsUntil(candidate))) - now;
    const factory = this.#factory;
    if (restsMs <= patienceMs) await this.wheel.pause(Math.max(restsMs, 1));
    else if (factory) await target.startAgain(factory, now);
    else throw nobodyUp(name, restsMs);
    // What is known may have run out meanwhile.
    if (!target.isWarm(this.clock.now())) await target.look();
  }

  /**
   * Looks up, and starts, if that must come first.
   *
   * @param learned - called when the service's record is known
   * @returns those who fit, at least one
   * @throws a `ClerkError` when there is nobody
   */
  async learn(wish: Wish, learned: () => void): Promise<Prepared> {
    const { target } = this;
    if (target.isWarm(this.clock.now())) {
      learned();
    } else {
      const answer = await target.look();
      learned();
      if (target.table.members.length === 0) {
        const factory = this.#factory;
        if (factory === undefined) throw nobodyThere(target, answer);
        await target.start(factory);
      }
    }
    const prepared = this.#choosing.prepared(wish.secure);
    if (prepared.all.length > 0) return prepared;
    const mismatch = this.roster().all.length === 0;
    throw nobodyFits(target, mismatch ? this.#config.version : undefined, wish);
  }

  isWarm(now: number): boolean {
    return this.target.isWarm(now);
  }

  lookAgain(suspects: ReadonlySet<string>): Promise<void> {
    return this.target.lookAgain(suspects);
  }

  async startAgain(triedAt: number): Promise<void> {
    const factory = this.#factory;
    if (factory) await this.target.startAgain(factory, triedAt);
  }

  enter(): void {
    this.target.shared.gate.enter();
  }

  leave(): void {
    this.target.shared.gate.leave();
  }

  /** All that fit the version, for `gather` and `explain`; those to choose from among them. */
  roster(): Prepared {
    return this.#choosing.prepared(false);
  }
}

/** Whether the call is remembered there, if that matters. */
function remembers({ endpoint }: Reachable, { scope }: Wish): boolean {
  return scope === undefined || scopeOf(endpoint) === scope;
}
