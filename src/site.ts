/**
 * One service as one binding calls it: the shared target, seen through the binding's version, policy and factory.
 * What a choice needs is prepared when the endpoints or their health change, not per call.
 */
import type { Reachable } from './core/candidate.js';
import type { Clock } from './core/clock.js';
import { ClerkError, isClerkError, reasonOf } from './core/errors.js';
import type { Reporter } from './core/events.js';
import type { Health } from './core/health.js';
import type { Picker, Policy, PolicyFunction, PolicyWord } from './core/policy.js';
import type { Retry } from './core/retry.js';
import type { BindConfig } from './config.js';
import type { RetryBudget } from './invoke/budget.js';
import type { AttemptLimits } from './invoke/limits.js';
import type { Site, Wish } from './invoke/site.js';
import { patienceMs } from './invoke/trip.js';
import type { Wheel } from './invoke/wheel.js';
import { policyOf } from './select/policy-of.js';
import { fitting } from './select/version.js';
import type { Target } from './target.js';

/** Candidates prepared for choosing. */
interface Prepared {
  /** All that fit the version and the scheme. */
  readonly all: readonly Reachable[];
  /** Those that are chosen from. */
  readonly eligible: readonly Reachable[];
  readonly pick: Picker;
}

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
  readonly #context: { now: number; random: () => number; affinity: string | undefined };
  #policy: Policy | undefined;
  #policyFrom: string | undefined;
  #madeFor = -1;
  #any: Prepared = nothing;
  #secure: Prepared | undefined;

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
    this.#context = { now: 0, random: () => shared.clock.random(), affinity: undefined };
    // A policy or a range that cannot work is refused when the binding is made, not when it is first used.
    if (config.policy !== undefined) this.#policy = policyOf(config.policy);
    if (config.version !== undefined) fitting([], config.version);
  }

  get policyName(): string {
    return this.#policy?.name ?? 'none';
  }

  get canStart(): boolean {
    return this.#config.factory !== undefined;
  }

  choose(now: number, wish: Wish): Reachable | undefined {
    const { target } = this;
    return target.isWarm(now) ? this.chooseNow(now, wish) : undefined;
  }

  chooseNow(now: number, wish: Wish): Reachable | undefined {
    const { target } = this;
    target.table.called();
    const prepared = this.#prepared(wish.secure);
    const chosen = this.#pick(prepared.pick, now, wish.affinity);
    if (chosen === undefined || target.table.admits(chosen, now)) return chosen;
    // It refuses and its next dial is paced; somebody else may be free.
    return prepared.eligible.find((candidate) => target.table.admits(candidate, now));
  }

  chooseOther(now: number, wish: Wish, tried: ReadonlySet<string>): Reachable | undefined {
    const { all } = this.#prepared(wish.secure);
    const untried = all.filter((candidate) => !tried.has(candidate.endpoint.id));
    const open = untried.filter((candidate) => candidate.status === 'open');
    for (const tier of [open, untried]) {
      const ready = tier.filter((candidate) => this.health.admits(candidate, now));
      if (ready.length > 0) return this.#pick(this.#make(all, ready), now, wish.affinity) ?? ready[0];
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
    return this.#prepared(wish.secure).all.some(
      (candidate) => candidate.status === 'open' && !tried.has(candidate.endpoint.id),
    );
  }

  async prepare(wish: Wish): Promise<void> {
    const { target, name } = this;
    const { factory } = this.#config;
    const now = this.clock.now();
    if (!target.isWarm(now)) {
      const answer = await target.look();
      if (target.table.members.length === 0) {
        if (factory) await target.start(factory);
        else if (target.leftOut.length > 0)
          throw new ClerkError(
            'NO_ENDPOINT',
            `No endpoint of ${name} can be used from here: ${String(target.leftOut[0]?.why)}`,
          );
        else if (answer.kind === 'absent')
          throw new ClerkError(
            'NAME_NOT_FOUND',
            `The registry knows no ${name}; check the name, or give bind() a factory that can start it`,
          );
        else
          throw new ClerkError(
            'NO_ENDPOINT',
            `Nobody runs ${name}: the registry has the service and no endpoint; start one, or give bind() a factory that can`,
          );
      }
    }
    const prepared = this.#prepared(wish.secure);
    if (prepared.all.length === 0) throw this.#nobodyFits(wish);
    // Everybody refuses and rests: worth waiting for only if that ends soon.
    const at = this.clock.now();
    if (prepared.eligible.some((candidate) => this.health.admits(candidate, at))) {
      if (this.#pick(prepared.pick, at, wish.affinity) !== undefined) return;
      throw new ClerkError(
        'NO_ENDPOINT',
        `The policy of ${name} chose nobody among ${String(prepared.eligible.length)}; it must return one of the candidates, or undefined if the call shall fail`,
      );
    }
    const restsMs = Math.min(...prepared.eligible.map((candidate) => this.health.restsUntil(candidate))) - at;
    if (restsMs <= patienceMs) {
      await this.#pause(Math.max(restsMs, 1));
    } else if (factory) {
      await target.startAgain(factory, at);
    } else {
      throw new ClerkError(
        'ENDPOINTS_EXHAUSTED',
        `No endpoint of ${name} could be reached lately; the next one is tried in ${String(Math.round(restsMs))} ms`,
      );
    }
  }

  isWarm(now: number): boolean {
    return this.target.isWarm(now);
  }

  lookAgain(suspects: ReadonlySet<string>): Promise<void> {
    return this.target.lookAgain(suspects);
  }

  async startAgain(triedAt: number): Promise<void> {
    const { factory } = this.#config;
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
    return this.#prepared(false);
  }

  #prepared(secure: boolean): Prepared {
    const { table } = this.target;
    if (this.#madeFor !== table.version) {
      this.#madeFor = table.version;
      this.#any = this.#prepareAll(table.members);
      this.#secure = undefined;
    }
    if (!secure) return this.#any;
    return (this.#secure ??= this.#prepareAll(table.members.filter((member) => member.secure !== undefined)));
  }

  #prepareAll(members: readonly Reachable[]): Prepared {
    const { version } = this.#config;
    const ids =
      version === undefined
        ? undefined
        : new Set(
            fitting(
              members.map(({ endpoint }) => endpoint),
              version,
            ).map(({ id }) => id),
          );
    const all = ids === undefined ? members : members.filter(({ endpoint }) => ids.has(endpoint.id));
    const open = all.filter((candidate) => candidate.status === 'open');
    const usable = open.length > 0 ? open : all;
    // Each step leaves out what is used only if there is nothing else.
    const eligible = preferred(
      preferred(usable, ({ endpoint }) => endpoint.state === 'up'),
      ({ endpoint }) => endpoint.weight > 0,
    );
    return { all, eligible, pick: this.#make(all, eligible) };
  }

  #make(all: readonly Reachable[], candidates: readonly Reachable[]): Picker {
    return this.#policyNow().prepare({ candidates, all, standpoint: this.target.shared.standpoint });
  }

  /** The program's policy, else the service's own, else the default. */
  #policyNow(): Policy {
    const own = this.#config.policy;
    const word = own === undefined ? (this.target.answer?.policy ?? 'local-first') : undefined;
    let policy = this.#policy;
    if (policy === undefined || (word !== undefined && word !== this.#policyFrom)) {
      policy = this.#policyNamed(own ?? (word as PolicyWord));
      this.#policyFrom = word;
      this.#policy = policy;
    }
    return policy;
  }

  #policyNamed(rule: PolicyWord | Policy | PolicyFunction): Policy {
    try {
      return policyOf(rule);
    } catch (error) {
      this.target.shared.logger.warn(
        `${this.name} asks for a policy that is not known here: ${reasonOf(error)}`,
      );
      return policyOf('local-first');
    }
  }

  #pick(pick: Picker, now: number, affinity: string | undefined): Reachable | undefined {
    const context = this.#context as { now: number; affinity: string | undefined };
    context.now = now;
    context.affinity = affinity;
    try {
      return pick(this.#context) as Reachable | undefined;
    } catch (error) {
      if (isClerkError(error)) {
        throw new ClerkError(error.code, `${this.name}: ${error.message}`, { cause: error.cause ?? error });
      }
      throw new ClerkError('CONFIG_INVALID', `The policy of ${this.name} threw: ${reasonOf(error)}`, {
        cause: error,
      });
    }
  }

  #nobodyFits(wish: Wish): ClerkError {
    const { members } = this.target.table;
    const { version } = this.#config;
    const offered = [...new Set(members.map(({ endpoint }) => endpoint.version ?? 'none'))].join(', ');
    if (version !== undefined && this.#prepared(false).all.length === 0) {
      return new ClerkError(
        'VERSION_MISMATCH',
        `Nobody runs ${this.name} in version ${version}; what runs is ${offered}`,
      );
    }
    return new ClerkError(
      'NO_ENDPOINT',
      wish.secure
        ? `No endpoint of ${this.name} speaks TLS; use http:// to admit the others`
        : `Nobody runs ${this.name}`,
    );
  }

  #pause(ms: number): Promise<void> {
    return new Promise((resolve) => {
      this.wheel.set(
        { expiresAt: 0, previous: undefined, next: undefined, expire: () => resolve(), cut: () => resolve() },
        this.clock.now() + ms,
      );
    });
  }
}

/** Those that fit, or all where none does. */
function preferred(
  candidates: readonly Reachable[],
  fits: (candidate: Reachable) => boolean,
): readonly Reachable[] {
  const some = candidates.filter(fits);
  return some.length > 0 ? some : candidates;
}

const nothing: Prepared = { all: [], eligible: [], pick: () => undefined };
