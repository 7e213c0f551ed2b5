/**
 * One HTTP call: takes a request and the handler that waits for its answer, and sees to it that the handler hears of
 * exactly one answer or one error. This is the warm half: the first attempt goes straight to the transport. Whatever
 * must wait, fails or comes late is left to a {@link Rescue}, which is made only then.
 *
 * Settles by its deadline, whatever endpoints, registry or factory do.
 */
import type { AsyncResource } from 'node:async_hooks';
import type { Kind } from '../core/call.js';
import type { Reachable } from '../core/candidate.js';
import type { Endpoint } from '../core/endpoint.js';
import type { WireHandler, WireRequest } from '../core/transport.js';
import { callHeaders } from '../wire/call-headers.js';
import { loadIn } from '../wire/load-metrics.js';
import { Attempt, FollowedAttempt } from './attempt.js';
import { isFailureStatus } from './classify.js';
import type { LatencyWindow } from './limits.js';
import { Identity, scopeOf } from './once.js';
import { Rescue } from './rescue.js';
import { isRetryStatus } from './rules.js';
import { overLimit, type Site, type Wish } from './site.js';
import { telling, type Told } from './telling.js';
import { tellsTime, timeOf, type Terms } from './terms.js';
import type { Troubled, WholeBodyHandler } from './troubled.js';
import type { WheelEntry } from './wheel.js';

/** See the file's header. */
export class Exchange implements Troubled {
  expiresAt = 0;
  previous: WheelEntry | undefined = undefined;
  next: WheelEntry | undefined = undefined;

  attempts = 0;
  attempt: Attempt | undefined = undefined;
  accepted = false;
  settled = false;
  readonly whole: boolean;
  readonly window: LatencyWindow;
  readonly startedAt: number;
  deadlineAt: number;
  /** Counts among those that wait to be sent. */
  #waits = true;
  #rescue: Rescue | undefined = undefined;
  #identity: Identity | undefined = undefined;

  /**
   * @param terms - its time runs from the start to the head of the answer, or to the end of the body for a {@link WholeBodyHandler}
   * @param scope - the caller's context, in which everything but the warm path runs
   */
  constructor(
    readonly site: Site,
    readonly request: WireRequest,
    readonly handler: WireHandler,
    readonly kind: Kind,
    readonly wish: Wish,
    readonly terms: Terms,
    readonly scope: AsyncResource,
  ) {
    this.whole = (handler as Partial<WholeBodyHandler>).restart !== undefined;
    this.startedAt = site.clock.now();
    // Whole numbers: a fraction would take a place of its own in memory. Never later, or deadlines grew from hop to hop.
    this.deadlineAt = Math.floor(this.startedAt + timeOf(terms, site.recordMs));
    this.window = site.limits.of(request.method);
  }

  /** Whether the caller's handler wants to hear how the request's body goes. */
  get #follows(): boolean {
    return this.handler.onRequestSent !== undefined || this.handler.onBodySent !== undefined;
  }

  /** The endpoint that answers; undefined before there is one. */
  get endpoint(): Endpoint | undefined {
    return this.attempt?.candidate.endpoint;
  }

  /** Begins. Whatever goes wrong arrives at the handler. */
  start(): void {
    const { site, startedAt } = this;
    try {
      site.enter();
    } catch (error) {
      this.#waits = false;
      this.settled = true;
      this.handler.onError(error as Error);
      return;
    }
    if (site.waiting >= site.maxPending) {
      this.#waits = false;
      this.settle(overLimit(site));
      return;
    }
    site.waiting++;
    try {
      this.handler.onConnect((reason) => this.#cancel(reason));
    } catch (error) {
      this.settle(error as Error);
    }
    if (this.settled) return;
    let candidate: Reachable | undefined;
    try {
      candidate = site.choose(startedAt, this.wish);
    } catch (error) {
      this.settle(error as Error);
      return;
    }
    if (candidate === undefined) {
      this.#rescued().prepare();
      return;
    }
    site.budget.deposit(startedAt);
    this.send(candidate, site.policyName, startedAt, false);
  }

  send(candidate: Reachable, chosen: string, now: number, paid: boolean): void {
    const { site, kind } = this;
    // A policy is the program's, which may have ended the call in it.
    if (this.settled) {
      if (paid) site.budget.refund();
      return;
    }
    const channel = this.wish.secure ? (candidate.secure ?? candidate.channel) : candidate.channel;
    const number = ++this.attempts;
    const attempt = new (this.#follows ? FollowedAttempt : Attempt)(
      this,
      candidate,
      channel,
      number,
      chosen,
      now,
      kind !== 'once',
      paid,
    );
    this.attempt = attempt;
    site.health.began(candidate);
    const limitAt = Math.ceil(now + this.window.limitAt(now));
    site.wheel.set(this, limitAt < this.deadlineAt ? limitAt : this.deadlineAt);
    if (site.reporter.wants('picked')) this.#reportPick(attempt);
    channel.dispatch(this.wire(attempt, now), attempt, kind === 'once');
    attempt.taken = true;
    if (site.hedging !== undefined && number === 1 && kind !== 'once')
      this.#rescued().hedges(site.hedging, now);
  }

  wire({ number, candidate: { endpoint } }: Attempt, now: number): WireRequest {
    const isTimed = tellsTime(this.terms, this.site.recordMs);
    const scope = this.kind === 'once' ? scopeOf(endpoint) : undefined;
    if (number === 1 && !isTimed && scope === undefined) return this.request;
    const told: Told[number][] = [];
    if (isTimed) told.push([callHeaders.timeLeft, String(Math.max(1, Math.floor(this.deadlineAt - now)))]);
    if (number > 1) told.push([callHeaders.attempt, String(number)]);
    if (scope !== undefined) {
      this.#identity ??= new Identity(this.site.clock);
      told.push(...this.#identity.toldTo(endpoint, number > 1 && this.#rescued().execution !== 'none'));
    }
    return telling(this.request, told);
  }

  onTurn(attempt: Attempt, request: WireRequest): WireRequest {
    const { headers } = this.wire(attempt, this.site.clock.now());
    return { ...request, headers };
  }

  onSent(attempt: Attempt): void {
    if (this.#waits) {
      this.#waits = false;
      this.site.waiting--;
    }
    if (attempt.paid) {
      attempt.paid = false;
      this.site.budget.spent(this.site.clock.now());
    }
    // What may have run is not given up for another try: only the deadline ends it now.
    if (!attempt.repeatable) this.site.wheel.set(this, this.deadlineAt);
  }

  onInformation(
    attempt: Attempt,
    statusCode: number,
    headers: Buffer[],
    resume: () => void,
    statusText: string,
  ): boolean {
    try {
      return this.handler.onHeaders(statusCode, headers, resume, statusText);
    } catch (error) {
      return this.#thrown(attempt, error);
    }
  }

  onHead(
    attempt: Attempt,
    statusCode: number,
    headers: Buffer[],
    resume: () => void,
    statusText: string,
  ): boolean {
    const { site } = this;
    const now = site.clock.now();
    const { beganAt } = attempt;
    const { lag } = site.wheel;
    const latencyMs = now - beganAt - (lag.lastAt > beganAt ? lag.since(beganAt) : 0);
    attempt.stage = 'answered';
    attempt.statusCode = statusCode;
    attempt.latencyMs = latencyMs;
    this.window.record(latencyMs, now);
    if (isFailureStatus(statusCode)) site.health.failed(attempt.candidate, 'status', beganAt, now);
    else site.health.answered(attempt.candidate, latencyMs, now);
    const load = loadIn(headers);
    if (load !== undefined) site.health.reported(attempt.candidate, load, now);
    if (isRetryStatus(statusCode) && this.#rescued().passesOver(attempt, headers, statusText, now))
      return true;
    if (
      statusCode >= 400 &&
      this.kind === 'once' &&
      this.#rescued().takesBack(attempt, headers, statusText, now)
    )
      return true;
    this.#rescue?.won(attempt, now);
    this.#accept();
    if (this.whole) site.wheel.set(this, this.deadlineAt);
    else site.wheel.clear(this);
    try {
      return this.handler.onHeaders(statusCode, headers, resume, statusText);
    } catch (error) {
      return this.#thrown(attempt, error);
    }
  }

  onPiece(attempt: Attempt, chunk: Buffer): boolean {
    try {
      return this.handler.onData(chunk);
    } catch (error) {
      return this.#thrown(attempt, error);
    }
  }

  onEnd(attempt: Attempt, trailers: string[] | null): void {
    this.#succeed(attempt);
    try {
      this.handler.onComplete(trailers);
    } catch (error) {
      this.handler.onError(error as Error);
    }
  }

  onSwitched(
    attempt: Attempt,
    statusCode: number,
    headers: Buffer[] | string[] | null,
    socket: unknown,
  ): void {
    const { site } = this;
    const now = site.clock.now();
    attempt.stage = 'answered';
    attempt.statusCode = statusCode;
    attempt.latencyMs = now - attempt.beganAt;
    site.health.answered(attempt.candidate, attempt.latencyMs, now);
    site.wheel.clear(this);
    this.#accept();
    // The connection is the program's from here on, and counts as a call in flight until it ends.
    const { candidate } = attempt;
    attempt.over = true;
    const emitter = socket as { once?(event: string, listener: () => void): void } | undefined;
    if (emitter?.once) emitter.once('close', () => site.health.ended(candidate));
    else site.health.ended(candidate);
    this.#succeed(attempt);
    this.handler.onUpgrade(statusCode, headers, socket);
  }

  onPieceSent(chunkSize: number, totalBytesSent: number): void {
    this.handler.onBodySent?.(chunkSize, totalBytesSent);
  }

  onAllSent(): void {
    this.handler.onRequestSent?.();
  }

  onFailed(attempt: Attempt, error: Error): void {
    if (!this.settled) this.#rescued().failed(attempt, error);
  }

  /** The wheel's call: an attempt's limit or the call's deadline has come. */
  expire(now: number): void {
    if (!this.settled) this.#rescued().expire(now);
  }

  /** The clerk is destroyed. */
  cut(error: Error): void {
    if (!this.settled) this.#rescued().cut(error);
  }

  over(attempt: Attempt): void {
    if (attempt.over) return;
    attempt.over = true;
    if (attempt.paid) this.site.budget.refund();
    attempt.paid = false;
    this.site.health.ended(attempt.candidate);
  }

  reckon(): void {
    this.deadlineAt = Math.floor(this.startedAt + timeOf(this.terms, this.site.recordMs));
  }

  settle(error: Error): void {
    if (this.settled) return;
    this.close();
    this.handler.onError(error);
  }

  close(): void {
    this.settled = true;
    const { site } = this;
    site.wheel.clear(this);
    if (this.#waits) {
      this.#waits = false;
      site.waiting--;
    }
    this.#rescue?.settled();
    site.leave();
  }

  /** The program aborts, or undici's handler does for it. */
  #cancel(reason: Error | undefined): void {
    if (!this.settled) this.#rescued().cancel(reason);
    else this.#rescue?.cancel(reason);
  }

  /** The program's handler threw. */
  #thrown(attempt: Attempt, error: unknown): boolean {
    this.#rescued().thrown(attempt, error as Error);
    return true;
  }

  #accept(): void {
    this.accepted = true;
    this.#rescue?.accepted();
  }

  #succeed(attempt: Attempt): void {
    this.over(attempt);
    if (this.site.reporter.wants('attempt')) this.#rescued().noteSuccess(attempt);
    this.close();
  }

  #rescued(): Rescue {
    return (this.#rescue ??= new Rescue(this));
  }

  #reportPick({ candidate, chosen, number }: Attempt): void {
    const { name, reporter } = this.site;
    reporter.report('picked', { name, endpoint: candidate.endpoint.id, chosen, number });
  }
}
