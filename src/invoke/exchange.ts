/**
 * One HTTP call: takes a request and the handler that waits for its answer, and sees to it that the handler hears of
 * exactly one answer or one error. The first attempt goes straight to the transport; whatever comes after a failure
 * lives in the slow half below.
 *
 * Settles by its deadline, whatever endpoints, registry or factory do.
 */
import type { AsyncResource } from 'node:async_hooks';
import type { Kind } from '../core/call.js';
import type { Reachable } from '../core/candidate.js';
import { ClerkError, isClerkError } from '../core/errors.js';
import type { Endpoint } from '../core/endpoint.js';
import type { Evidence } from '../core/health.js';
import type { Channel, WireHandler, WireRequest } from '../core/transport.js';
import { Attempt, type AttemptOwner } from './attempt.js';
import { bodyFailed, isReplayable } from './body.js';
import { asCallersFault, callersFault, codeOf, evidenceOf, isFailureStatus, hasCode } from './classify.js';
import { KeptAnswer } from './kept-answer.js';
import type { LatencyWindow } from './limits.js';
import { isRetryStatus, retryAfterMs } from './rules.js';
import { overLimit, type Site, type Wish } from './site.js';
import { Trip } from './trip.js';
import type { WheelEntry } from './wheel.js';

/** A handler that reads the whole body can start again when the body breaks off. */
export interface WholeBodyHandler extends WireHandler {
  /** Forget what was heard; another answer follows. */
  restart(): void;
}

/** See the file's header. */
export class Exchange implements AttemptOwner, WheelEntry {
  expiresAt = 0;
  previous: WheelEntry | undefined = undefined;
  next: WheelEntry | undefined = undefined;

  /** Attempts made. */
  attempts = 0;
  readonly #site: Site;
  readonly #request: WireRequest;
  readonly #handler: WireHandler;
  readonly #kind: Kind;
  readonly #wish: Wish;
  readonly #scope: AsyncResource | undefined;
  readonly #startedAt: number;
  readonly #deadlineAt: number;
  readonly #whole: boolean;
  readonly #window: LatencyWindow;
  #attempt: Attempt | undefined;
  /** Counts among those that wait to be sent. */
  #waits = true;
  #accepted = false;
  #settled = false;
  /** The peer has taken back one attempt: it certainly did not run. */
  #withdrawn = false;
  #trip: Trip | undefined;
  #kept: KeptAnswer | undefined;
  #keptFrom: Attempt | undefined;
  /** The slow half waits for the current attempt. */
  #moved: { resolve(): void; reject(error: unknown): void } | undefined;

  /**
   * @param timeoutMs - from the start to the head of the answer, or to the end of the body for a {@link WholeBodyHandler}
   * @param scope - the caller's context, in which everything but the warm path runs
   */
  constructor(
    site: Site,
    request: WireRequest,
    handler: WireHandler,
    kind: Kind,
    wish: Wish,
    timeoutMs: number,
    scope: AsyncResource | undefined,
  ) {
    this.#site = site;
    this.#request = request;
    this.#handler = handler;
    this.#kind = kind;
    this.#wish = wish;
    this.#scope = scope;
    this.#whole = (handler as Partial<WholeBodyHandler>).restart !== undefined;
    this.#startedAt = site.clock.now();
    this.#deadlineAt = this.#startedAt + timeoutMs;
    this.#window = site.limits.of(request.method);
  }

  /** The endpoint that answers; undefined before there is one. */
  get endpoint(): Endpoint | undefined {
    return this.#attempt?.candidate.endpoint;
  }

  /** Begins. Whatever goes wrong arrives at the handler. */
  start(): void {
    const site = this.#site;
    try {
      site.enter();
    } catch (error) {
      this.#waits = false;
      this.#settled = true;
      this.#handler.onError(error as Error);
      return;
    }
    if (site.waiting >= site.maxPending) {
      this.#waits = false;
      this.#settle(overLimit(site));
      return;
    }
    site.waiting++;
    this.#handler.onConnect(this.cancel);
    if (this.#settled) return;
    let candidate: Reachable | undefined;
    try {
      candidate = site.choose(this.#startedAt, this.#wish);
    } catch (error) {
      this.#settle(error as Error);
      return;
    }
    if (candidate !== undefined) {
      site.budget.deposit(this.#startedAt);
      this.#send(candidate, site.policyName, this.#startedAt);
    } else {
      site.wheel.set(this, this.#deadlineAt);
      this.#inScope(() => void this.#prepare());
    }
  }

  #send(candidate: Reachable, chosen: string, now: number): void {
    const site = this.#site;
    const kind = this.#kind;
    const channel = this.#channelTo(candidate);
    const attempt = new Attempt(this, candidate, channel, ++this.attempts, chosen, now, kind !== 'once');
    this.#attempt = attempt;
    if (this.#trip) attempt.paid = this.#trip.takePayment();
    site.health.began(candidate);
    const limitAt = now + this.#window.limitMs;
    site.wheel.set(this, limitAt < this.#deadlineAt ? limitAt : this.#deadlineAt);
    if (site.reporter.wants('picked'))
      site.reporter.report('picked', {
        name: site.name,
        endpoint: candidate.endpoint.id,
        chosen,
        number: attempt.number,
      });
    channel.dispatch(this.#request, attempt, kind === 'once');
    attempt.taken = true;
  }

  #channelTo(candidate: Reachable): Channel {
    return this.#wish.secure ? (candidate.secure ?? candidate.channel) : candidate.channel;
  }

  onSent(attempt: Attempt): void {
    if (this.#waits) {
      this.#waits = false;
      this.#site.waiting--;
    }
    if (attempt.paid) {
      attempt.paid = false;
      this.#site.budget.spent(this.#site.clock.now());
    }
    // What may have run is not given up for another try: only the deadline ends it now.
    if (!attempt.repeatable) this.#site.wheel.set(this, this.#deadlineAt);
  }

  onInformation(
    attempt: Attempt,
    statusCode: number,
    headers: Buffer[],
    resume: () => void,
    statusText: string,
  ): boolean {
    return attempt !== this.#attempt || this.#handler.onHeaders(statusCode, headers, resume, statusText);
  }

  onHead(
    attempt: Attempt,
    statusCode: number,
    headers: Buffer[],
    resume: () => void,
    statusText: string,
  ): boolean {
    const site = this.#site;
    const now = site.clock.now();
    const latencyMs = now - attempt.beganAt;
    attempt.stage = 'answered';
    attempt.statusCode = statusCode;
    attempt.latencyMs = latencyMs;
    this.#window.record(latencyMs, now);
    if (isFailureStatus(statusCode)) site.health.failed(attempt.candidate, 'status', attempt.beganAt, now);
    else site.health.answered(attempt.candidate, latencyMs, now);
    if (isRetryStatus(statusCode) && this.#passesOver(attempt, statusCode, headers, statusText, now))
      return true;
    this.#accept();
    if (this.#whole) site.wheel.set(this, this.#deadlineAt);
    else site.wheel.clear(this);
    return this.#handler.onHeaders(statusCode, headers, resume, statusText);
  }

  onPiece(attempt: Attempt, chunk: Buffer): boolean {
    if (attempt === this.#keptFrom) {
      if (this.#kept?.add(chunk) === false) attempt.abort(new Error('The answer is too large to keep'));
      return true;
    }
    return this.#handler.onData(chunk);
  }

  onEnd(attempt: Attempt, trailers: string[] | null): void {
    if (attempt === this.#keptFrom) {
      this.#over(attempt);
      this.#kept?.end(trailers);
      return;
    }
    this.#succeed(attempt);
    this.#handler.onComplete(trailers);
  }

  onSwitched(
    attempt: Attempt,
    statusCode: number,
    headers: Buffer[] | string[] | null,
    socket: unknown,
  ): void {
    const site = this.#site;
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
    this.#handler.onUpgrade(statusCode, headers, socket);
  }

  onPieceSent(chunkSize: number, totalBytesSent: number): void {
    this.#handler.onBodySent?.(chunkSize, totalBytesSent);
  }

  onAllSent(): void {
    this.#handler.onRequestSent?.();
  }

  onFailed(attempt: Attempt, error: Error): void {
    if (attempt === this.#keptFrom) {
      this.#over(attempt);
      this.#kept?.drop();
      return;
    }
    if (this.#settled) return;
    const site = this.#site;
    const now = site.clock.now();
    if (bodyFailed(this.#request.body, error)) {
      this.#noteTo(attempt, 'ignored', error, now);
      this.#settle(this.#journey().bodyFailed(error));
      return;
    }
    // Its endpoint is gone from the registry, and its connections with it: nothing was sent, and nobody is to blame.
    if (attempt.stage === 'waiting' && isClerkError(error) && error.code === 'CLOSED') {
      this.#noteTo(attempt, 'ignored', error, now);
      this.#moveOn();
      return;
    }
    const fault = callersFault(error) ?? (attempt.taken || hasCode(error) ? undefined : 'CONFIG_INVALID');
    if (fault !== undefined) {
      this.#noteTo(attempt, 'ignored', error, now);
      this.#settle(asCallersFault(fault, site.name, error, this.#journey()));
      return;
    }
    // At most once a call: a peer that refuses stream after stream is not believed for ever.
    if (attempt.stage === 'sent' && !this.#withdrawn && attempt.channel.withdrew?.(error) === true) {
      this.#withdrawn = true;
      attempt.stage = 'waiting';
    }
    const { stage } = attempt;
    if (stage === 'waiting' && !this.#withdrawn && attempt.channel.nextAddress(attempt.address)) {
      this.#redial(attempt, now);
      return;
    }
    site.health.failed(attempt.candidate, evidenceOf(stage), attempt.beganAt, now);
    this.#noteTo(attempt, 'failure', error, now);
    if (this.#accepted && !this.#whole) {
      // The program has the head and part of the body: this is how it learns that the rest is lost.
      this.#settle(
        new ClerkError('OUTCOME_UNKNOWN', `The answer of ${site.name} broke off (${codeOf(error)})`, {
          execution: 'done',
          outcomes: this.#journey().outcomes,
          cause: error,
        }),
      );
      return;
    }
    this.#moveOn();
  }

  /** The wheel's call: an attempt's limit or the call's deadline has come. */
  expire(now: number): void {
    if (this.#settled) return;
    if (now >= this.#deadlineAt) {
      this.#timeOut(now);
      return;
    }
    const attempt = this.#attempt;
    const site = this.#site;
    if (attempt === undefined || attempt.abandoned || attempt.stage === 'answered') {
      site.wheel.set(this, this.#deadlineAt);
      return;
    }
    // A call that waits for a free connection is not the endpoint's fault, and would only wait elsewhere.
    const queued = attempt.stage === 'waiting' && attempt.candidate.pending > site.connections;
    if (!queued && attempt.stage === 'waiting' && attempt.channel.nextAddress(attempt.address)) {
      attempt.abandon(new Error('The address did not let anybody in'));
      this.#redial(attempt, now);
      return;
    }
    if (queued || !this.#journey().mayMoveOn(attempt.stage, attempt.candidate, now)) {
      site.wheel.set(this, this.#deadlineAt);
      return;
    }
    this.#giveUp(attempt, 'silence', 'ATTEMPT_TIMEOUT', now);
    this.#moveOn();
  }

  /** The clerk is destroyed. */
  cut(error: Error): void {
    this.#end(error, () => this.#journey().cut(error));
  }

  // ---- what comes after a failure

  /** The program aborts, or undici's handler does for it. */
  readonly cancel = (reason?: Error): void => {
    this.#end(reason, () => this.#journey().aborted(reason));
  };

  #end(reason: Error | undefined, error: () => ClerkError): void {
    if (this.#settled) return;
    const attempt = this.#attempt;
    if (attempt && !attempt.over) this.#noteTo(attempt, 'ignored', reason, this.#site.clock.now());
    const given = error();
    attempt?.abandon(given);
    // Once the program has the head, its own reason is what its stream ends with.
    this.#settle(this.#accepted && !this.#whole && reason !== undefined ? reason : given);
  }

  #timeOut(now: number): void {
    const attempt = this.#attempt;
    if (attempt && !attempt.over) this.#giveUp(attempt, 'silence', 'DEADLINE_EXCEEDED', now);
    if (this.#kept?.whole === true) this.#handOver(this.#kept);
    else this.#settle(this.#journey().late());
  }

  /** Ends an attempt that has not answered. */
  #giveUp(attempt: Attempt, evidence: Evidence, code: string, now: number): void {
    const site = this.#site;
    const error = new ClerkError(
      'DEADLINE_EXCEEDED',
      `${attempt.candidate.endpoint.id} did not answer within ${String(Math.round(now - attempt.beganAt))} ms`,
    );
    if (attempt.stage !== 'answered') {
      this.#window.record(now - attempt.beganAt, now);
      site.health.failed(attempt.candidate, evidence, attempt.beganAt, now);
    }
    this.#journey().note(
      attempt.candidate,
      attempt.address.text,
      attempt.number,
      attempt.chosen,
      attempt.stage,
      'failure',
      code,
      now - attempt.beganAt,
      error,
    );
    this.#over(attempt);
    attempt.abandon(error);
  }

  #redial(attempt: Attempt, now: number): void {
    const again = new Attempt(
      this,
      attempt.candidate,
      attempt.channel,
      attempt.number,
      attempt.chosen,
      now,
      attempt.repeatable,
    );
    again.paid = attempt.paid;
    attempt.paid = false;
    this.#attempt = again;
    this.#site.wheel.set(this, Math.min(now + this.#window.limitMs, this.#deadlineAt));
    attempt.channel.dispatch(this.#request, again, this.#kind === 'once');
    again.taken = true;
  }

  async #prepare(): Promise<void> {
    const site = this.#site;
    try {
      for (;;) {
        await site.prepare(this.#wish);
        if (this.#settled) return;
        const now = site.clock.now();
        const candidate = site.chooseNow(now, this.#wish);
        if (candidate === undefined) continue;
        site.budget.deposit(now);
        this.#send(candidate, site.policyName, now);
        return;
      }
    } catch (error) {
      this.#settle(error as Error);
    }
  }

  /** An attempt has failed and is noted: the first time this enters the loop, later it reports to it. */
  #moveOn(): void {
    this.#accepted = false;
    if (this.#whole) (this.#handler as WholeBodyHandler).restart();
    const moved = this.#moved;
    if (moved) {
      this.#moved = undefined;
      moved.reject(undefined);
      return;
    }
    this.#inScope(() => void this.#failOver());
  }

  async #failOver(): Promise<void> {
    const site = this.#site;
    const trip = this.#journey();
    let candidate: Reachable | undefined;
    try {
      await site.retry(
        // The first attempt is the one that has just failed on the warm path.
        (number) =>
          number === 1
            ? Promise.reject(new Error('The first attempt failed'))
            : new Promise<void>((resolve, reject) => {
                this.#moved = { resolve, reject };
                const from = trip.outcomes.at(-1);
                const to = candidate as Reachable;
                if (from && site.reporter.wants('failover'))
                  site.reporter.report('failover', {
                    name: site.name,
                    from: from.endpoint,
                    to: to.endpoint.id,
                    outcome: from,
                  });
                this.#send(to, 'failover', site.clock.now());
              }),
        async () => {
          site.wheel.set(this, this.#deadlineAt);
          candidate = await trip.next();
          if (this.#settled) throw trip.lost();
        },
      );
    } catch (error) {
      // Nobody did better than an answer that was passed over, if there was one.
      if (this.#kept && (await this.#kept.ready)) this.#handOver(this.#kept);
      else this.#settle(error as Error);
    }
  }

  /** Nobody did better than an answer that was passed over: the program gets that. */
  #handOver(kept: KeptAnswer): void {
    if (this.#settled) return;
    this.#attempt = this.#keptFrom;
    this.#close();
    kept.deliver(this.#handler);
  }

  /** Whether an answer that says "not now" is passed over for another try; then it is kept aside. */
  #passesOver(
    attempt: Attempt,
    statusCode: number,
    headers: Buffer[],
    statusText: string,
    now: number,
  ): boolean {
    if (this.#kind === 'once') return false;
    const trip = this.#journey();
    const waitMs =
      statusCode === 429 || statusCode === 503
        ? retryAfterMs(headers, this.#site.clock.wallNow())
        : undefined;
    const moves = statusCode !== 429 && trip.mayMoveOn('answered', attempt.candidate, now);
    if (!moves && (waitMs === undefined || !trip.mayWait('answered', waitMs, now))) return false;
    this.#dropKept();
    this.#kept = new KeptAnswer(
      statusCode,
      headers.map((header) => Buffer.from(header)),
      statusText,
    );
    this.#keptFrom = attempt;
    trip.note(
      attempt.candidate,
      attempt.address.text,
      attempt.number,
      attempt.chosen,
      'answered',
      statusCode === 429 ? 'ignored' : 'failure',
      String(statusCode),
      attempt.latencyMs,
    );
    this.#moveOn();
    return true;
  }

  // ---- bookkeeping

  #accept(): void {
    this.#accepted = true;
    const moved = this.#moved;
    if (moved) {
      this.#moved = undefined;
      moved.resolve();
    }
  }

  #succeed(attempt: Attempt): void {
    this.#over(attempt);
    if (this.#site.reporter.wants('attempt'))
      this.#journey().note(
        attempt.candidate,
        attempt.address.text,
        attempt.number,
        attempt.chosen,
        'answered',
        isFailureStatus(attempt.statusCode) ? 'failure' : 'success',
        String(attempt.statusCode),
        attempt.latencyMs,
      );
    this.#close();
  }

  #noteTo(attempt: Attempt, verdict: 'failure' | 'ignored', error: unknown, now: number): void {
    this.#journey().note(
      attempt.candidate,
      attempt.address.text,
      attempt.number,
      attempt.chosen,
      attempt.stage,
      verdict,
      error === undefined ? 'ABORTED' : codeOf(error),
      now - attempt.beganAt,
      error,
    );
    this.#over(attempt);
  }

  #over(attempt: Attempt): void {
    if (attempt.over) return;
    attempt.over = true;
    if (attempt.paid) this.#site.budget.refund();
    attempt.paid = false;
    this.#site.health.ended(attempt.candidate);
  }

  #settle(error: Error): void {
    if (this.#settled) return;
    this.#close();
    this.#handler.onError(error);
  }

  /** Another answer takes its place, or nobody wants it any more. */
  #dropKept(): void {
    const from = this.#keptFrom;
    if (from === undefined) return;
    this.#kept?.drop();
    this.#over(from);
    from.abandon(new Error('The answer was passed over for another one'));
  }

  #close(): void {
    this.#settled = true;
    if (this.#keptFrom !== this.#attempt) this.#dropKept();
    const site = this.#site;
    site.wheel.clear(this);
    if (this.#waits) {
      this.#waits = false;
      site.waiting--;
    }
    if (this.#trip) {
      this.#trip.settled = true;
      if (this.#trip.takePayment()) site.budget.refund();
    }
    if (this.#moved) this.#accept();
    site.leave();
  }

  #journey(): Trip {
    return (this.#trip ??= new Trip(this.#site, {
      kind: this.#kind,
      wish: this.#wish,
      replayable: isReplayable(this.#request.body),
      startedAt: this.#startedAt,
      deadlineAt: this.#deadlineAt,
    }));
  }

  #inScope(run: () => void): void {
    const scope = this.#scope;
    if (scope) scope.runInAsyncScope(run);
    else run();
  }
}
