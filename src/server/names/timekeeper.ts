/**
 * Makes happen what only time brings about, on one timer: leases that end, services that vanish, frozen entries that
 * change. What arrived while this process was busy is handled before anybody is judged late.
 */
import type { Clock, Timer } from '../../core/clock.js';
import { limits } from '../../wire/limits.js';
import type { Command, Dropped } from './command.js';
import type { Judging } from './judging.js';
import type { Leases } from './leases.js';
import { marginMs, type Promises } from './promises.js';
import type { Registration } from './place.js';
import type { Tables } from './tables.js';

/** A service that nobody defined stays this long after its last endpoint. */
const emptyMs = 300_000;

/** What time works on. */
export interface Timed {
  readonly clock: Clock;
  readonly tables: Tables;
  readonly leases: Leases;
  readonly judging: Judging;
  readonly promises: Promises;
  /** Hands in a command that is made when its turn comes. Never rejects. */
  readonly submit: (prepare: () => Command | undefined) => Promise<void>;
}

export class Timekeeper {
  readonly #world: Timed;
  /** By name: when a service that nobody defined and nobody runs goes. */
  readonly #emptyUntil = new Map<string, number>();
  #timer: Timer | undefined;
  #timerAt = Infinity;
  /** When leases were looked at last; undefined while there are none. */
  #lookedAt: number | undefined;
  /** Registrations that were dropped since nobody renewed them. */
  expired = 0;
  #isDropping = false;
  #isClosed = false;

  constructor(world: Timed) {
    this.#world = world;
  }

  /** Starts the time of everything that a store had. */
  begin(): void {
    for (const name of this.#world.tables.places.keys()) this.look(name);
    this.#arm();
  }

  /** A registration came or changed: its lease, or its time to drain, runs from now unless it goes on from before. */
  registered(registration: Registration): void {
    const { clock, leases, judging } = this.#world;
    const { draining, leaseMs, place } = registration;
    const drainMs = Math.max(limits.answerTtlMs, place.record.promiseMs) + marginMs;
    if (registration.endsAt === 0) registration.endsAt = clock.now() + (draining ? drainMs : leaseMs);
    leases.keep(registration);
    judging.registered(registration);
  }

  /** Looks at a name that changed. `inMs` is what its change waits for, where it was frozen now. */
  look(name: string, inMs?: number): void {
    const { tables, promises, clock } = this.#world;
    const place = tables.places.get(name);
    const record = place?.record;
    if (record?.pending === undefined) promises.thaw(name);
    else if (promises.frozenUntil(name) === undefined)
      promises.freeze(name, clock.now() + (inMs ?? promises.remaining(name, record.promiseMs)));
    const isIdle =
      record?.kind === 'service' &&
      !record.defined &&
      record.pending === undefined &&
      (place?.service?.endpoints.size ?? 0) === 0;
    if (!isIdle) this.#emptyUntil.delete(name);
    else if (!this.#emptyUntil.has(name)) this.#emptyUntil.set(name, clock.now() + emptyMs);
  }

  /** Everything was looked at; the timer follows. */
  looked(): void {
    this.#arm();
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  #arm(): void {
    if (this.#isClosed) return;
    const { clock, leases, promises } = this.#world;
    const now = clock.now();
    let at = Infinity;
    if (leases.size > 0) at = (this.#lookedAt ??= now) + leases.tickMs;
    else this.#lookedAt = undefined;
    // They were put in in the order in which they come out.
    for (const until of this.#emptyUntil.values()) {
      at = Math.min(at, until);
      break;
    }
    for (const until of promises.frozen().values()) at = Math.min(at, until);
    at = Math.max(at, now);
    // One that is overdue rings as soon as it can, and must say by how much.
    if (at === this.#timerAt || this.#timerAt < now) return;
    this.#timer?.cancel();
    this.#timerAt = at;
    this.#timer = undefined;
    if (at === Infinity) return;
    this.#timer = clock.setTimer(() => this.#ring(), at - now);
    this.#timer.setRef(false);
  }

  #ring(): void {
    const { clock, leases } = this.#world;
    const now = clock.now();
    const lateMs = now - this.#timerAt;
    // It may have begun right after leases were looked at last.
    if (lateMs >= leases.tickMs) leases.stalled(lateMs + leases.tickMs, now);
    clock.afterArrivals(() => {
      if (this.#isClosed) return;
      this.#timerAt = Infinity;
      if (leases.size > 0) this.#lookedAt = clock.now();
      this.#work(clock.now());
      this.#arm();
    });
  }

  #work(now: number): void {
    const { promises, submit } = this.#world;
    this.#drop(now);
    for (const [name, until] of this.#emptyUntil) {
      if (until > now) break;
      this.#emptyUntil.delete(name);
      void submit(() => ({ kind: 'vanish', name }));
    }
    for (const [name, until] of promises.frozen()) {
      if (until > now) continue;
      // Not asked for twice; it thaws when it is done.
      promises.freeze(name, Infinity);
      void submit(() => ({ kind: 'complete', name }));
    }
  }

  #drop(now: number): void {
    const { leases, judging, submit } = this.#world;
    const due = leases.due(now);
    judging.faltered(leases.faltered());
    if (due.length === 0 || this.#isDropping) return;
    this.#isDropping = true;
    const prepare = (): Command | undefined => {
      const endpoints: Dropped[] = [];
      for (const registration of due) {
        // It may have been renewed while this waited for its turn.
        if (!leases.hasEnded(registration)) continue;
        registration.leaving = true;
        if (!registration.draining) this.expired += 1;
        endpoints.push({ name: registration.place.name, id: registration.id, epoch: registration.epoch });
      }
      return endpoints.length === 0 ? undefined : { kind: 'drop', endpoints };
    };
    void submit(prepare).then(() => {
      this.#isDropping = false;
    });
  }
}
