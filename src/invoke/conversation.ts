/**
 * A call in any protocol: the program does the talking, on the endpoint it is given, and is asked again on another one
 * where its kind allows that. Nothing is known of how far its talk got, so everything counts as sent.
 */
import type { Kind } from '../core/call.js';
import type { Reachable } from '../core/candidate.js';
import type { Endpoint } from '../core/endpoint.js';
import { ClerkError } from '../core/errors.js';
import type { Stage } from '../core/outcome.js';
import type { Tried } from './account.js';
import { codeOf } from './classify.js';
import { overLimit, type Site, type Wish } from './site.js';
import { timeOf, type Terms } from './terms.js';
import { Trip } from './trip.js';
import type { WheelEntry } from './wheel.js';

/** What a program's talk is told. */
export interface TalkContext {
  /** Aborted when the attempt is given up or the call is over; stop talking then. */
  readonly signal: AbortSignal;
  /** Number of the attempt; the first is 1. */
  readonly number: number;
}

/** The program's talk with one endpoint. */
export type Talk<T> = (endpoint: Endpoint, context: TalkContext) => Promise<T> | T;

/** What a conversation is made with. */
export interface ConversationOptions {
  readonly kind: Kind;
  readonly wish: Wish;
  readonly terms: Terms;
  readonly signal: AbortSignal | undefined;
  /** The talk sends nothing, so a failure of it leaves nothing unknown. */
  readonly sendsNothing?: boolean;
}

const method = '(call)';

/** The attempt that is under way. */
interface Running extends Tried {
  readonly beganAt: number;
  readonly controller: AbortController;
  readonly fail: (error: unknown) => void;
}

/** Talks to an endpoint of the service, and to another one if that failed and may be repeated. */
export function converse<T>(site: Site, talk: Talk<T>, options: ConversationOptions): Promise<T> {
  return new Promise((resolve, reject) => {
    new Conversation(site, talk, options, resolve as (value: unknown) => void, reject).start();
  });
}

/** Chooses an endpoint and nothing more: looks up, starts and waits if that must come first, within the call's time. */
export function settle(site: Site, options: ConversationOptions): Promise<Reachable> {
  return new Promise((resolve, reject) => {
    new Conversation(site, undefined, options, resolve as (value: unknown) => void, reject).start();
  });
}

/** The endpoint with the address that is in use. */
export function inUse(candidate: Reachable): Endpoint {
  const address = candidate.channel.address.text;
  return address === candidate.endpoint.address
    ? candidate.endpoint
    : Object.freeze({ ...candidate.endpoint, address });
}

class Conversation<T> implements WheelEntry {
  expiresAt = 0;
  previous: WheelEntry | undefined = undefined;
  next: WheelEntry | undefined = undefined;
  readonly #trip: Trip;
  #number = 0;
  /** How far a talk has got that is under way: nobody knows, so as far as it can. */
  readonly #stage: Stage;
  #running: Running | undefined;

  constructor(
    readonly site: Site,
    readonly talk: Talk<T> | undefined,
    readonly options: ConversationOptions,
    /** With what the talk returned, or with the candidate where there is no talk. */
    readonly resolve: (value: unknown) => void,
    readonly reject: (error: unknown) => void,
  ) {
    const startedAt = site.clock.now();
    this.#stage = options.sendsNothing === true ? 'waiting' : 'sent';
    this.#trip = new Trip(site, {
      kind: options.kind,
      wish: options.wish,
      replayable: true,
      repeats: options.terms.repeats,
      startedAt,
      deadlineAt: startedAt + timeOf(options.terms, site.recordMs),
    });
  }

  start(): void {
    const { site, options } = this;
    if (options.signal?.aborted === true) {
      this.reject(this.#trip.aborted(options.signal.reason));
      return;
    }
    try {
      site.enter();
    } catch (error) {
      this.reject(error);
      return;
    }
    options.signal?.addEventListener('abort', this.#onAbort);
    site.wheel.set(this, this.#trip.options.deadlineAt);
    void this.#run();
  }

  expire(now: number): void {
    const running = this.#running;
    const { site } = this;
    if (now >= this.#trip.options.deadlineAt) {
      if (running) this.#end(running, 'DEADLINE_EXCEEDED', new Error('The call ran out of time'), now);
      this.#settle(this.#trip.late());
    } else if (running && this.#graceUntil(running, now) > 0) {
      site.wheel.set(this, Math.min(this.#graceUntil(running, now), this.#trip.options.deadlineAt));
    } else if (running && this.#trip.mayMoveOn(this.#stage, running.candidate, now)) {
      const error = new ClerkError(
        'DEADLINE_EXCEEDED',
        `${running.candidate.endpoint.id} did not answer within ${String(Math.round(now - running.beganAt))} ms`,
      );
      this.#end(running, 'ATTEMPT_TIMEOUT', error, now);
      running.fail(error);
    } else {
      site.wheel.set(this, this.#trip.askAgainAt(this.#stage, now));
    }
  }

  cut(error: Error): void {
    this.#giveUp(error);
    this.#settle(this.#trip.endedBy(error));
  }

  async #run(): Promise<void> {
    const { site } = this;
    const trip = this.#trip;
    try {
      const { talk } = this;
      let candidate = await this.#choose();
      if (candidate === undefined) return;
      trip.goOn();
      if (talk === undefined) {
        this.#close();
        this.resolve(candidate);
        return;
      }
      site.budget.deposit(site.clock.now());
      let chosen = site.policyName;
      const value = await site.retry(
        () =>
          // Whoever watches, or this loop's own steps, may have let the program end the call.
          trip.settled ? Promise.reject(trip.lost()) : this.#attempt(talk, candidate as Reachable, chosen),
        async () => {
          trip.goOn();
          site.wheel.set(this, trip.options.deadlineAt);
          const from = trip.outcomes.at(-1);
          candidate = await trip.next();
          trip.goOn();
          chosen = 'failover';
          if (from && site.reporter.wants('failover'))
            site.reporter.report('failover', {
              name: site.name,
              from: from.endpoint,
              to: candidate.endpoint.id,
              outcome: from,
            });
        },
      );
      if (trip.settled) return;
      this.#close();
      this.resolve(value);
    } catch (error) {
      this.#settle(error);
    }
  }

  /** Undefined when the call was settled meanwhile. */
  async #choose(): Promise<Reachable | undefined> {
    const { site, options } = this;
    let candidate = site.choose(site.clock.now(), options.wish);
    if (candidate) return candidate;
    if (site.waiting >= site.maxPending) throw overLimit(site);
    site.waiting++;
    try {
      while (candidate === undefined) {
        await site.prepare(options.wish, () => this.#reckon());
        const now = site.clock.now();
        if (this.#trip.settled) return undefined;
        if (this.#trip.isTooLate(now)) throw this.#trip.late();
        candidate = site.chooseNow(now, options.wish);
      }
      return candidate;
    } finally {
      site.waiting--;
    }
  }

  /** The service's record is known now, and may say how long a call may take. */
  #reckon(): void {
    const { options, settled } = this.#trip;
    if (settled) return;
    options.deadlineAt = options.startedAt + timeOf(this.options.terms, this.site.recordMs);
    this.site.wheel.set(this, options.deadlineAt);
  }

  #attempt(talk: Talk<T>, candidate: Reachable, chosen: string): Promise<T> {
    const { site } = this;
    const number = ++this.#number;
    const beganAt = site.clock.now();
    const controller = new AbortController();
    if (this.#trip.takePayment()) site.budget.spent(beganAt);
    site.health.began(candidate);
    if (site.reporter.wants('picked'))
      site.reporter.report('picked', { name: site.name, endpoint: candidate.endpoint.id, chosen, number });
    return new Promise<T>((resolve, reject) => {
      if (this.#trip.settled) {
        site.health.ended(candidate);
        reject(this.#trip.lost());
        return;
      }
      const { address } = candidate.channel;
      const stage = this.#stage;
      const running = { candidate, address, number, chosen, stage, beganAt, controller, fail: reject };
      this.#running = running;
      // A call that must run at most once cannot be given up for another try: only the deadline ends it.
      if (this.options.kind !== 'once')
        site.wheel.set(
          this,
          Math.min(this.#trip.options.deadlineAt, beganAt + site.limits.of(method).limitAt(beganAt)),
        );
      // At once: a call that is given up in this tick knows whether it ran.
      new Promise<T>((begun) => {
        begun(talk(inUse(candidate), { signal: controller.signal, number }));
      }).then(
        (value) => {
          if (this.#running !== running) return;
          const now = site.clock.now();
          const tookMs = now - beganAt - site.wheel.lag.since(beganAt);
          this.#running = undefined;
          site.limits.of(method).record(tookMs, now);
          site.health.answered(candidate, tookMs, now);
          site.health.ended(candidate);
          if (site.reporter.wants('attempt'))
            this.#trip.note({ ...running, stage: 'answered' }, 'success', 'ok', now - beganAt);
          resolve(value);
        },
        (error: unknown) => {
          if (this.#running !== running) return;
          this.#end(running, codeOf(error), error, site.clock.now());
          reject(error instanceof Error ? error : new Error(String(error)));
        },
      );
    });
  }

  /** An attempt is over without a value. */
  #end(running: Running, code: string, error: unknown, now: number): void {
    const { site } = this;
    this.#running = undefined;
    const { candidate, beganAt } = running;
    const timedOut = code === 'ATTEMPT_TIMEOUT' || code === 'DEADLINE_EXCEEDED';
    // A deadline that this process slept through says nothing of the endpoint.
    const isExcused = timedOut && this.#graceUntil(running, now) > 0;
    if (timedOut && !isExcused)
      site.limits.of(method).record(now - beganAt - site.wheel.lag.since(beganAt), now);
    const evidence = timedOut ? 'silence' : isSystemError(error) ? 'reset' : 'status';
    if (!isExcused) site.health.failed(candidate, evidence, beganAt, now);
    site.health.ended(candidate);
    this.#trip.note(running, isExcused ? 'ignored' : 'failure', code, now - beganAt, error);
    running.controller.abort(error);
  }

  /** See {@link OwnLag.graceUntil}. */
  #graceUntil({ beganAt }: Running, now: number): number {
    const { wheel, limits } = this.site;
    return wheel.lag.graceUntil(beganAt, limits.of(method).limitAt(now), now);
  }

  readonly #onAbort = (): void => {
    const reason: unknown = this.options.signal?.reason;
    this.#giveUp(reason);
    this.#settle(this.#trip.aborted(reason));
  };

  /** Ends the attempt that is under way through no fault of the endpoint. */
  #giveUp(reason: unknown): void {
    const running = this.#running;
    if (running === undefined) return;
    this.#running = undefined;
    this.site.health.ended(running.candidate);
    this.#trip.note(running, 'ignored', 'ABORTED', this.site.clock.now() - running.beganAt, reason);
    running.controller.abort(reason);
  }

  #settle(error: unknown): void {
    if (this.#trip.settled) return;
    this.#close();
    this.reject(error);
  }

  #close(): void {
    this.#trip.end();
    this.options.signal?.removeEventListener('abort', this.#onAbort);
    this.site.wheel.clear(this);
    this.site.leave();
  }
}

/** For health only: an error of the operating system is hard evidence, one of the program's own is a failed answer. */
function isSystemError(error: unknown): boolean {
  return error instanceof Error && typeof (error as NodeJS.ErrnoException).syscall === 'string';
}
