/**
 * One start of one service: from the process to the registration that says it can be called, and from there until all
 * of its processes are gone. Whatever ends it, its endpoint is withdrawn, its group ended and its record forgotten, in
 * this order; the record outlives the processes, so that a server that is killed in between finds them again.
 */
import { within, type Timer } from '../../core/clock.js';
import { reasonOf } from '../../core/errors.js';
import type { ProcessExit } from '../../core/processes.js';
import type { LaunchRecord } from '../ports.js';
import { foundBody, type Body } from './body.js';
import { endedAll, markOf, withdrawn } from './ending.js';
import { endingOf, saying } from './reasons.js';
import { recordNow, remembered } from './remembering.js';
import type { Awaited, Site } from './site.js';

/** What ran for less than this was never well. */
const wellAfterMs = 10_000;
/** How long one that has been called may take to end when asked. */
const drainMs = 6_500;
/** How long one that was never called may. */
const graceMs = 2_000;
/** How long its children may take when it is gone: the next start waits for them. */
const orphanMs = 500;
/** How long the registry may take to tell everybody, before a service is ended all the same. */
const tellMs = 1_000;

/** How a start went. `stopped`: somebody wanted it so. */
export type Arrival =
  { readonly kind: 'up' } | { readonly kind: 'failed' | 'stopped'; readonly reason: string };

/** What a start is made with. */
export interface LaunchedInit {
  readonly record: LaunchRecord;
  readonly body: Body;
  /** Whether it has registered before. */
  readonly isUp: boolean;
  readonly readyMs: number;
  readonly idleStopMs: number | undefined;
  /** When it was last used, in ms on the monotonic clock. */
  readonly usedAt: () => number;
  /** It did not come up; called before `arrived` settles. */
  readonly onFailed: (reason: string) => void;
  /** It ended by itself after it had come up. */
  readonly onGone: (reason: string, wasWell: boolean) => void;
  /** Nothing is left of it. */
  readonly onOver: () => void;
}

/** A start, looked after until it is over or let go. */
export class Launched implements Awaited {
  readonly #site: Site;
  readonly #init: LaunchedInit;
  /** Settles once. Never rejects. */
  readonly arrived: Promise<Arrival>;
  /** Resolves when nothing is left of it. Never rejects. */
  readonly over: Promise<void>;
  #body: Body;
  #state: 'starting' | 'up' | 'ending' | 'over';
  #upAt: number;
  #timer: Timer | undefined;
  #settle!: (arrival: Arrival) => void;
  #finish!: () => void;

  constructor(site: Site, init: LaunchedInit) {
    this.#site = site;
    this.#init = init;
    this.#body = init.body;
    this.#state = init.isUp ? 'up' : 'starting';
    this.#upAt = -Infinity;
    const arrived = new Promise<Arrival>((resolve) => (this.#settle = resolve));
    this.arrived = arrived.finally(() => site.awaited.delete(init.record.instance));
    this.over = new Promise((resolve) => (this.#finish = resolve));
    if (init.isUp) this.#cameUp();
    else this.#await(init.readyMs);
    this.#watch();
  }

  get record(): LaunchRecord {
    return this.#init.record;
  }

  get isEnding(): boolean {
    return this.#state === 'ending' || this.#state === 'over';
  }

  /** It has registered. Only who has used its ticket is believed to be it. */
  registered(): void {
    if (this.#state !== 'starting' || recordNow(this.#site, this.record)?.redeemed !== true) return;
    this.#state = 'up';
    this.#upAt = this.#site.runtime.now();
    this.#cameUp();
    if (this.#body.pid === undefined) void this.#seek();
  }

  /** Resolves once nobody is sent there any more, if it came up and its process is gone by now. Never rejects. */
  async looked(): Promise<void> {
    if (this.#state !== 'up' || !this.#body.isGone()) return;
    await withdrawn(this.#site, this.record, true);
  }

  /** Gives up a start; one that has come up is not concerned. */
  fail(reason: string): void {
    if (this.#state !== 'starting') return;
    this.#init.onFailed(reason);
    this.#settle({ kind: 'failed', reason });
    void this.#end(graceMs);
  }

  /** Ends it, and resolves when it is over. */
  stop(reason: string): Promise<void> {
    this.#settle({ kind: 'stopped', reason });
    if (this.#state === 'up') void this.#drain();
    else if (this.#state === 'starting') void this.#end(graceMs);
    return this.over;
  }

  /** Looks after it no more. What runs goes on, but what is being ended is ended now. */
  release(reason: string): void {
    this.#settle({ kind: 'stopped', reason });
    this.#timer?.cancel();
    this.#body.release();
    if (this.#state === 'ending')
      void this.#site.processes.signal(this.#body.group, markOf(this.record), 'SIGKILL');
    this.#state = 'over';
    this.#finish();
  }

  #await(readyMs: number): void {
    this.#site.awaited.set(this.record.instance, this);
    const seconds = (readyMs / 1_000).toFixed(1);
    this.#after(readyMs, () => this.fail(`it did not register within ${seconds} s and was ended`));
  }

  #cameUp(): void {
    this.#settle({ kind: 'up' });
    this.#timer?.cancel();
    const { idleStopMs, usedAt } = this.#init;
    if (idleStopMs === undefined) return;
    const beganAt = this.#site.runtime.now();
    const look = (): void => {
      const restMs = Math.max(beganAt, usedAt()) + idleStopMs - this.#site.runtime.now();
      if (restMs > 0) {
        this.#after(restMs, look);
        return;
      }
      const { name, instance } = this.record;
      this.#site.logger.info(
        `${name} (${instance}) is ended: nobody has used it for ${String(idleStopMs)} ms`,
      );
      void this.stop('nobody has used it');
    };
    this.#after(idleStopMs, look);
  }

  #after(delayMs: number, callback: () => void): void {
    this.#timer = this.#site.runtime.setTimer(callback, delayMs);
    this.#timer.setRef(false);
  }

  #watch(): void {
    void this.#body.exited.then((exit) => this.#exited(exit));
  }

  async #exited(exit: ProcessExit): Promise<void> {
    if (this.#state === 'over') return;
    const reason = `it ${endingOf(exit)}`;
    if (this.#state === 'starting') {
      this.fail(`${reason} before it registered${await this.#words()}`);
      return;
    }
    // Nobody is to be sent there for a moment longer than it takes.
    void withdrawn(this.#site, this.record, true);
    if (this.#state === 'ending') return;
    const { name, instance } = this.record;
    this.#site.logger.warn(`${name} (${instance}): ${reason}`);
    this.#init.onGone(reason, this.#site.runtime.now() - this.#upAt >= wellAfterMs);
    await this.#end(orphanMs);
  }

  async #words(): Promise<string> {
    return saying(await this.#body.lastWords());
  }

  async #end(limitMs: number): Promise<void> {
    this.#state = 'ending';
    this.#timer?.cancel();
    const { record } = this;
    const gone = await endedAll(this.#site, this.#body.group, markOf(record), limitMs);
    if (this.#isOver()) return;
    if (!gone)
      this.#site.logger.error(`${record.name} (${record.instance}) has processes that cannot be ended`);
    await withdrawn(this.#site, record, true);
    await this.#forget();
  }

  async #drain(): Promise<void> {
    this.#state = 'ending';
    const slow = new Error('the registry is slow');
    const told = withdrawn(this.#site, this.record, false);
    await within(this.#site.runtime, tellMs, told, () => slow).catch(() => undefined);
    if (!this.#isOver()) await this.#end(drainMs);
  }

  #isOver(): boolean {
    return this.#state === 'over';
  }

  /** Nothing is left to look after. */
  async #forget(): Promise<void> {
    const { names, logger } = this.#site;
    const { name, instance } = this.record;
    this.#body.release();
    this.#timer?.cancel();
    try {
      await names.launches.forget(name, instance);
    } catch (error) {
      logger.warn(`The record of ${name} (${instance}) stays: ${reasonOf(error)}`);
    }
    if (this.#isOver()) return;
    this.#state = 'over';
    this.#init.onOver();
    this.#finish();
  }

  /** It is there after all: finds its process. Where this host cannot, it is left to itself. */
  async #seek(): Promise<void> {
    const { processes, runtime, logger } = this.#site;
    const { name, instance } = this.record;
    const pid = await processes.find(markOf(this.record)).catch(() => undefined);
    const identity = pid === undefined ? undefined : processes.identityOf(pid);
    if (this.isEnding) return;
    if (pid === undefined || identity === undefined) {
      logger.info(`${name} (${instance}) runs, and its process is not known; it is left to itself`);
      return this.#forget();
    }
    this.#body = foundBody(processes, runtime, pid, identity);
    this.#watch();
    await remembered(this.#site, this.record, pid, identity).catch((error: unknown) =>
      logger.warn(`The process of ${name} (${instance}) cannot be written down: ${reasonOf(error)}`),
    );
  }
}
