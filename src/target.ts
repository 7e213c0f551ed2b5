/**
 * One name as one clerk knows it: the last answer, the endpoints and their health, what calls have taken, the retry
 * budget, and who is starting it. All bindings of the name share it.
 */
import { isFresh, type Answer } from './core/answer.js';
import { isLocal, parseAddress } from './core/address.js';
import type { Channels } from './core/candidate.js';
import type { Endpoint } from './core/endpoint.js';
import { isClerkError, reasonOf } from './core/errors.js';
import type { Factory } from './core/factory.js';
import { hostOfName } from './core/host.js';
import type { Opinion, Snapshot } from './core/registry.js';
import type { Channel } from './core/transport.js';
import { defaults } from './config.js';
import { launcherOf } from './factory/launcher.js';
import { Starter } from './factory/starter.js';
import { EndpointTable } from './health/table.js';
import { retryBudget } from './invoke/budget.js';
import { AttemptLimits } from './invoke/limits.js';
import { checkResolution } from './resolve/resolution.js';
import type { Shared } from './shared.js';
import { newlyMarked, testimonyOf } from './testimony.js';
import { usableFrom } from './usable.js';
import type { Party } from './witness.js';

/** While the registry is in trouble, a name in use is asked for this often, in ms. */
const staleAgainMs = 750;

/** See the file's header. */
export class Target implements Party {
  readonly table: EndpointTable;
  readonly limits = new AttemptLimits();
  readonly budget = retryBudget(defaults.retryShare, defaults.retryReserve);
  /** Called after endpoints or their health have changed. */
  readonly watchers = new Set<() => void>();
  /** Bindings that programs hold. */
  holders = 0;
  /** Endpoints that cannot be used from here, and why. */
  leftOut: readonly { readonly endpoint: Endpoint; readonly why: string }[] = [];
  #answer: Answer | undefined;
  #refreshAt = 0;
  #started: readonly Endpoint[] = [];
  #startedFrom: readonly Endpoint[] | undefined;
  #startedAt = 0;
  /** They advertise, so the registry knows of their end too. */
  #startedByRegistry = false;
  #starts = 0;
  #judged = false;
  #unwatch: (() => void) | undefined;
  #watching = false;
  #closed = false;
  readonly #starter: Starter;
  readonly #launcher: Factory | undefined;

  constructor(
    readonly name: string,
    readonly shared: Shared,
  ) {
    const { clock, reporter } = shared;
    this.#launcher = launcherOf(shared.registry);
    this.#starter = new Starter(name, clock, reporter, shared.signal, () => this.#paysStart());
    this.table = new EndpointTable({
      name,
      clock,
      reporter,
      open: (endpoint) => this.#open(endpoint),
      probeLimitMs: () => this.limits.mostMs,
      onSuspect: (endpoint) => this.#suspect(endpoint),
      onChange: () => {
        shared.witness.changed(this);
        for (const watcher of this.watchers) watcher();
      },
    });
  }

  /** The last answer, fresh or not. */
  get answer(): Answer | undefined {
    return this.#answer;
  }

  /** Endpoints that a factory of this program has started. */
  get started(): readonly Endpoint[] {
    return this.#started;
  }

  /** What can start it where the program has no factory: the registry, if it says so. */
  get launcher(): Factory | undefined {
    return this.#answer?.startable === true ? this.#launcher : undefined;
  }

  /** Whether a call may use what is known, at once. Asks ahead of time when an answer that is in use grows old. */
  isWarm(now: number): boolean {
    const answer = this.#answer;
    if (answer === undefined || this.table.members.length === 0) return false;
    if (answer.ttlMs === Infinity) return true;
    // What this program started itself needs no registry to be called.
    const own = answer.endpoints.length === 0 && this.#started.length > 0 && !this.#startedByRegistry;
    if (!own && !isFresh(answer, now, this.shared.clock.wallNow())) return false;
    if (now >= this.#refreshAt) this.#refresh(now);
    return true;
  }

  /** Looks the name up, from memory if that is fresh. Rejects with a `ClerkError`. */
  async look(): Promise<Answer> {
    this.#watch();
    const answer = await this.shared.cached.resolve(this.name);
    this.adopt(answer);
    return answer;
  }

  /** Looks it up again because endpoints failed; never rejects. */
  async lookAgain(suspects: ReadonlySet<string>): Promise<void> {
    try {
      this.adopt(await this.shared.cached.refresh(this.name, suspects));
    } catch {
      // Whoever needs the answer asks for it and is told why there is none.
    }
  }

  /** Takes over an answer. */
  adopt(answer: Answer): void {
    if (this.#closed) return;
    if (answer === this.#answer) {
      // Nothing newer came of a look-up ahead of time.
      if (this.#refreshAt === Infinity) this.#refreshAt = this.shared.clock.now() + staleAgainMs;
      return;
    }
    const before = this.#answer;
    this.#answer = answer;
    // Asked again when four fifths are over, a little spread, so that no call ever waits for it.
    const share = 0.75 + 0.1 * this.shared.clock.random();
    // A stale one is old already: the next try is counted from now.
    this.#refreshAt = answer.stale
      ? this.shared.clock.now() + staleAgainMs
      : answer.askedAt + answer.ttlMs * share;
    const areGone = this.#startedByRegistry && !answer.stale && answer.askedAt > this.#startedAt;
    const had = this.#started.length;
    if (answer.endpoints.length > 0 || areGone) this.#started = [];
    if (before?.endpoints !== answer.endpoints || this.#started.length !== had) this.#populate();
    if (answer.loads && !answer.stale) this.table.told(answer.loads, answer.askedAt);
    this.#attend(before, answer);
  }

  opinions(ids: ReadonlyMap<string, unknown>, now: number): readonly Opinion[] {
    return testimonyOf(this.table.members, ids, this.#answer?.canonical ?? this.name, now);
  }

  /** Takes one start out of the budget, if there is one to take. */
  #paysStart(): boolean {
    const now = this.shared.clock.now();
    if (!this.budget.tryWithdraw(now)) return false;
    this.budget.spent(now);
    return true;
  }

  /** Has the service started, unless somebody was started already; resolves when there is somebody to call. */
  async start(factory: Factory): Promise<void> {
    if (this.#started.length === 0) this.#populateFrom(await this.#starter.start(factory), factory);
  }

  /**
   * Has it started again, because what was started cannot be reached.
   *
   * @param triedAt - when the attempt that found nobody began: a start since then is what it wanted
   */
  async startAgain(factory: Factory, triedAt: number): Promise<void> {
    if (this.#startedAt > triedAt) return;
    // Each start is judged once, by whether anybody that it brought up has ever answered.
    if (this.#started.length > 0 && !this.#judged) {
      this.#judged = true;
      if (this.table.members.every((member) => member.heardAt === 0)) this.#starter.disappointed();
      else this.#starter.succeeded();
    }
    this.#populateFrom(await this.#starter.start(factory), factory);
    // Whom the registry knows goes before who was started: it may know others by now.
    if (factory === this.#launcher) await this.lookAgain(new Set());
  }

  /** Finishes what is in flight and forgets the rest. */
  async close(): Promise<void> {
    this.#stop();
    await Promise.all(this.#channels().map((channel) => channel.close()));
  }

  /** Cuts everything. */
  async destroy(error: Error): Promise<void> {
    this.#stop();
    await Promise.all(this.#channels().map((channel) => channel.destroy(error)));
  }

  #stop(): void {
    this.#closed = true;
    this.#unwatch?.();
    this.table.stop();
    this.shared.witness.forget(this);
    this.shared.lastKnownGood.forget(this.name);
  }

  #refresh(now: number): void {
    this.#refreshAt = Infinity;
    this.shared.cached.refresh(this.name, new Set()).then(
      (answer) => this.adopt(answer),
      () => {
        this.#refreshAt = now + 1_000;
      },
    );
  }

  #populateFrom(started: readonly Endpoint[], factory: Factory): void {
    // Callers that shared the flight bring the same list.
    if (this.#closed || this.#startedFrom === started) return;
    this.#startedFrom = started;
    this.#startedAt = this.shared.clock.now();
    this.#startedByRegistry = factory === this.#launcher;
    this.#judged = false;
    // A new number each time, so that nothing learned of the one before is held against it.
    this.#starts++;
    this.#started = started.map((endpoint) =>
      Object.freeze({ ...endpoint, epoch: endpoint.epoch === 0 ? this.#starts : endpoint.epoch }),
    );
    this.#populate();
  }

  #populate(): void {
    const { standpoint } = this.shared;
    const endpoints: Endpoint[] = [];
    const leftOut: { endpoint: Endpoint; why: string }[] = [];
    const known = this.#answer?.endpoints ?? [];
    for (const raw of known.length > 0 ? known : this.#started) {
      const endpoint =
        raw.host === undefined && raw.addresses.some((text) => isLocal(parseAddress(text)))
          ? { ...raw, host: standpoint.host }
          : raw;
      if (usableFrom(this.shared.standpoint, endpoint).length === 0)
        leftOut.push({
          endpoint,
          why: `its only addresses are unix sockets of host ${String(endpoint.host)}`,
        });
      else endpoints.push(Object.freeze(endpoint));
    }
    this.leftOut = leftOut;
    this.table.update(endpoints);
  }

  #channels(): readonly Channel[] {
    return this.table.members.flatMap((member) => member.channels);
  }

  #open(endpoint: Endpoint): Channels {
    const usable = usableFrom(this.shared.standpoint, endpoint);
    const withTls = usable.filter(({ protocol }) => protocol === 'https');
    const host = hostOfName(this.name);
    const channel = this.shared.transport.open(endpoint, usable, host);
    if (withTls.length === 0) return { channel, secure: undefined };
    return {
      channel,
      secure:
        withTls.length === usable.length ? channel : this.shared.transport.open(endpoint, withTls, host),
    };
  }

  /** Whom the registry asks about, and whom it marks. */
  #attend(before: Answer | undefined, { doubted, endpoints }: Answer): void {
    if (doubted === undefined && before?.doubted === undefined) return;
    const { reporter, witness } = this.shared;
    witness.asked(this, doubted ?? []);
    if (!reporter.wants('suspect')) return;
    for (const endpoint of newlyMarked(before?.endpoints, endpoints))
      reporter.report('suspect', { name: this.name, endpoint, reason: 'marked' });
  }

  #suspect(endpoint: string): void {
    if (this.#closed || this.#answer === undefined) return;
    this.shared.witness.saw(this, endpoint);
    void this.lookAgain(new Set([endpoint]));
  }

  /** Has the registry push changes of this name, if it can. */
  #watch(): void {
    const { registry, logger } = this.shared;
    if (this.#watching || this.#closed || registry.watch === undefined) return;
    this.#watching = true;
    try {
      this.#unwatch = registry.watch(
        this.name,
        (snapshot) => this.#onSnapshot(snapshot),
        (error) => logger.warn(`The watch of ${this.name} broke off: ${reasonOf(error)}`),
      );
    } catch (error) {
      logger.warn(`The registry cannot watch ${this.name}: ${reasonOf(error)}`);
    }
  }

  #onSnapshot(snapshot: Snapshot): void {
    if (this.#closed) return;
    const { clock, cached, lastKnownGood, logger } = this.shared;
    const named = snapshot instanceof Map ? snapshot : new Map<string, unknown>(Object.entries(snapshot));
    try {
      const checked = checkResolution(
        named.has(this.name) ? named.get(this.name) : { kind: 'absent' },
        this.name,
      );
      // What stands behind a link is not watched: the next look-up walks there.
      if (checked.kind === 'link') return;
      const answer: Answer = Object.freeze({
        ...checked,
        kind: checked.kind,
        name: this.name,
        askedAt: clock.now(),
        askedWallAt: clock.wallNow(),
        stale: false,
      });
      if (!lastKnownGood.learn(answer)) return;
      cached.learn(answer);
      this.adopt(answer);
    } catch (error) {
      logger.warn(isClerkError(error) ? error.message : reasonOf(error));
    }
  }
}
