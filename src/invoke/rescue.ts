/**
 * The slow half of an HTTP call: waiting for somebody to call, and whatever comes after a failure. Gives attempts up,
 * tries other addresses and other endpoints, keeps an answer that said "not now" in case nobody does better, and ends the
 * call with one error that tells what it has been through.
 */
import type { Reachable } from '../core/candidate.js';
import { ClerkError, isClerkError, type Execution } from '../core/errors.js';
import type { Attempt } from './attempt.js';
import { bodyFailed, isReplayable } from './body.js';
import { asCallersFault, callersFault, codeOf, evidenceOf, hasCode, isFailureStatus } from './classify.js';
import type { Hedging } from './hedging.js';
import type { Keeper } from './keeper.js';
import { open } from './opening.js';
import { Refusals } from './refusals.js';
import { Rivalry } from './rivalry.js';
import { isQueued } from './site.js';
import { Trip } from './trip.js';
import type { Troubled, WholeBodyHandler } from './troubled.js';

/** See the file's header. */
export class Rescue {
  readonly #call: Troubled;
  readonly #trip: Trip;
  /** The peer has taken back one attempt: it certainly did not run. */
  #withdrawn = false;
  readonly #refusals: Refusals;
  /** A second attempt beside the first, if the service is hedged. */
  #rivalry: Rivalry | undefined;
  /** Why the program gave up while it was given an answer that was kept. */
  #cancelled: Error | undefined;
  /** The loop waits for the current attempt. */
  #moved: { resolve(): void; reject(error: unknown): void } | undefined;

  constructor(call: Troubled) {
    const { site, kind, wish, request, terms, startedAt, deadlineAt } = call;
    this.#call = call;
    this.#trip = new Trip(site, {
      kind,
      wish,
      replayable: isReplayable(request.body),
      repeats: terms.repeats,
      startedAt,
      deadlineAt,
    });
    this.#refusals = new Refusals(call, this.#trip);
  }

  /** Whether the call may have run so far. */
  get execution(): Execution {
    return this.#trip.execution;
  }

  /** Nobody can be chosen yet: looks up, starts, waits, and sends the first attempt then. */
  prepare(): void {
    open(this.#call, this.#trip);
  }

  /** The first attempt was sent, and a second one may be asked before it answers. */
  hedges(hedging: Hedging, now: number): void {
    this.#rivalry = new Rivalry(this.#call, this.#trip, hedging);
    this.#rivalry.plan(now);
  }

  /** The head of an answer that the program gets has arrived. */
  won(attempt: Attempt, now: number): void {
    this.#rivalry?.won(attempt, now);
  }

  /** An attempt has failed. */
  failed(attempt: Attempt, error: Error): void {
    const call = this.#call;
    const { site } = call;
    const now = site.clock.now();
    if (bodyFailed(call.request.body, error)) {
      this.#note(attempt, 'ignored', error, now);
      this.#rivalry?.stop(attempt);
      call.settle(this.#trip.bodyFailed(error));
      return;
    }
    // Its endpoint is gone from the registry, and its connections with it: nothing was sent, and nobody is to blame.
    if (attempt.stage === 'waiting' && isClerkError(error) && error.code === 'CLOSED') {
      const isAlone = this.#rivalry?.outlives(attempt, now) !== true;
      this.#note(attempt, 'ignored', error, now);
      if (isAlone) this.#moveOn();
      return;
    }
    const fault = callersFault(error) ?? (attempt.taken || hasCode(error) ? undefined : 'CONFIG_INVALID');
    if (fault !== undefined) {
      this.#note(attempt, 'ignored', error, now);
      this.#rivalry?.stop(attempt);
      call.settle(asCallersFault(fault, site.name, error, this.#trip));
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
    const isAlone = this.#rivalry?.outlives(attempt, now) !== true;
    this.#note(attempt, 'failure', error, now);
    if (!isAlone) return;
    // Once the program has the head and part of the body, this is how it learns that the rest is lost.
    if (call.accepted && !call.whole) call.settle(this.#trip.brokenOff(codeOf(error), error));
    else this.#moveOn();
  }

  /** The limit of the attempt under way, or the call's deadline, has come. */
  expire(now: number): void {
    const call = this.#call;
    const { site } = call;
    if (now >= call.deadlineAt) {
      const { attempt } = call;
      this.#rivalry?.stop(attempt);
      // One whose answer is kept aside has answered.
      if (attempt && !attempt.over && attempt.owner === call) this.#giveUp(attempt, 'DEADLINE_EXCEEDED', now);
      const kept = this.#refusals.whole;
      if (kept) this.#handOver(kept);
      else call.settle(this.#trip.late());
      return;
    }
    if (this.#rivalry?.expire(now, (late) => this.#lateBesides(late, now)) === true) return;
    const { attempt } = call;
    if (attempt === undefined || attempt.abandoned || attempt.stage === 'answered') {
      site.wheel.set(call, call.deadlineAt);
      return;
    }
    const graceUntil = site.wheel.lag.graceUntil(attempt.beganAt, call.window.limitAt(now), now);
    if (graceUntil > 0) {
      site.wheel.set(call, Math.min(graceUntil, call.deadlineAt));
      return;
    }
    // A call that waits for a free connection is not the endpoint's fault, and would only wait elsewhere.
    const queued = attempt.stage === 'waiting' && isQueued(attempt.candidate, site);
    if (!queued && attempt.stage === 'waiting' && attempt.channel.nextAddress(attempt.address)) {
      attempt.abandon(new Error('The address did not let anybody in'));
      this.#redial(attempt, now);
      return;
    }
    if (queued || !this.#trip.mayMoveOn(attempt.stage, attempt.candidate, now)) {
      site.wheel.set(call, this.#trip.askAgainAt(attempt.stage, now));
      return;
    }
    this.#giveUp(attempt, 'ATTEMPT_TIMEOUT', now);
    this.#moveOn();
  }

  /** The program gives the call up, perhaps while it is given an answer that was kept. */
  cancel(reason: Error | undefined): void {
    if (this.#call.settled) this.#cancelled ??= reason ?? this.#trip.aborted(reason);
    else this.#end(reason, () => this.#trip.aborted(reason));
  }

  /** The program's own handler threw: that ends the call, and says nothing of the endpoint. */
  thrown(attempt: Attempt, error: Error): void {
    const call = this.#call;
    if (call.settled) return;
    this.#rivalry?.stop(attempt);
    if (!attempt.over) this.#note(attempt, 'ignored', error, call.site.clock.now());
    attempt.abandon(error);
    call.settle(call.accepted && !call.whole ? error : this.#trip.threw(error));
  }

  /** The call ends with its clerk. */
  cut(error: Error): void {
    this.#end(error, () => this.#trip.endedBy(error));
  }

  /** Whether an answer that says "not now" is passed over for another try; then it is kept aside. */
  passesOver(attempt: Attempt, headers: Buffer[], statusText: string, now: number): boolean {
    const call = this.#call;
    const trip = this.#trip;
    const { statusCode } = attempt;
    if (call.kind === 'once') return false;
    if (this.#rivalry?.outlives(attempt, now) === true) {
      trip.note(attempt, 'failure', String(statusCode), attempt.latencyMs);
      call.over(attempt);
      attempt.abandon(new Error('The other attempt is waited for'));
      return true;
    }
    if (!this.#refusals.passesOver(attempt, headers, statusText, now)) return false;
    this.#moveOn();
    return true;
  }

  /** Whether an answer to a call that must run at most once is no answer to the program. */
  takesBack(attempt: Attempt, headers: Buffer[], statusText: string, now: number): boolean {
    const what = this.#refusals.takesBack(attempt, headers, statusText, now);
    if (what === 'again') this.#moveOn();
    else if (what === 'lost') this.#call.settle(this.#trip.lost());
    return what !== 'answer';
  }

  /** The handler gets the answer of the attempt under way. */
  accepted(): void {
    const moved = this.#moved;
    this.#moved = undefined;
    moved?.resolve();
  }

  /** Somebody watches attempts, and this one has succeeded. */
  noteSuccess(attempt: Attempt): void {
    const verdict = isFailureStatus(attempt.statusCode) ? 'failure' : 'success';
    this.#trip.note(attempt, verdict, String(attempt.statusCode), attempt.latencyMs);
  }

  /** The call is over. */
  settled(): void {
    this.#rivalry?.stop();
    this.#refusals.settled();
    this.#trip.end();
    this.accepted();
  }

  #end(reason: Error | undefined, error: () => ClerkError): void {
    const call = this.#call;
    const { attempt } = call;
    this.#rivalry?.stop(attempt);
    if (attempt && !attempt.over) this.#note(attempt, 'ignored', reason, call.site.clock.now());
    const given = error();
    attempt?.abandon(given);
    // Once the program has the head, its own reason is what its stream ends with.
    call.settle(call.accepted && !call.whole && reason !== undefined ? reason : given);
  }

  /** Ends an attempt that has not answered. */
  #giveUp(attempt: Attempt, code: string, now: number): void {
    const call = this.#call;
    const { site } = call;
    const { stage, candidate, beganAt } = attempt;
    const error = new ClerkError(
      'DEADLINE_EXCEEDED',
      `${candidate.endpoint.id} did not answer within ${String(Math.round(now - beganAt))} ms`,
    );
    const { lag } = site.wheel;
    // A deadline that this process slept through says nothing of the endpoint.
    const isExcused = stage !== 'answered' && lag.graceUntil(beganAt, call.window.limitAt(now), now) > 0;
    if (stage !== 'answered' && !isExcused) {
      call.window.record(now - beganAt - lag.since(beganAt), now);
      const dialing = stage === 'waiting' && !isQueued(attempt.candidate, site);
      site.health.failed(candidate, dialing ? 'unreached' : 'silence', beganAt, now);
    }
    this.#trip.note(attempt, isExcused ? 'ignored' : 'failure', code, now - beganAt, error);
    call.over(attempt);
    attempt.abandon(error);
  }

  /** One of two attempts is late: it goes on at its next address, or the other one goes on alone. */
  #lateBesides(attempt: Attempt, now: number): void {
    const isWaiting = attempt.stage === 'waiting';
    if (isWaiting && isQueued(attempt.candidate, this.#call.site)) {
      this.#rivalry?.drops(attempt);
    } else if (isWaiting && attempt.channel.nextAddress(attempt.address)) {
      attempt.abandon(new Error('The address did not let anybody in'));
      this.#redial(attempt, now);
    } else {
      this.#rivalry?.outlives(attempt, now);
      this.#giveUp(attempt, 'ATTEMPT_TIMEOUT', now);
    }
  }

  /** The same attempt once more, at the channel's next address. */
  #redial(attempt: Attempt, now: number): void {
    const call = this.#call;
    const again = attempt.again(now);
    if (this.#rivalry?.replaces(attempt, again) !== true) call.attempt = again;
    call.site.wheel.set(call, Math.min(now + call.window.limitAt(now), call.deadlineAt));
    this.#rivalry?.waits(now);
    again.channel.dispatch(call.wire(again, now), again, call.kind === 'once');
    again.taken = true;
  }

  /** An attempt has failed and is noted: the first time this enters the loop, later it reports to it. */
  #moveOn(): void {
    const call = this.#call;
    call.accepted = false;
    if (call.whole) (call.handler as WholeBodyHandler).restart();
    const moved = this.#moved;
    this.#moved = undefined;
    if (moved) moved.reject(undefined);
    else call.scope.runInAsyncScope(() => void this.#failOver());
  }

  async #failOver(): Promise<void> {
    const call = this.#call;
    const { site } = call;
    const trip = this.#trip;
    let candidate: Reachable | undefined;
    try {
      await site.retry(
        // The first attempt is the one that has just failed on the warm path.
        (number) =>
          number === 1
            ? Promise.reject(new Error('The first attempt failed'))
            : new Promise<void>((resolve, reject) => {
                this.#moved = { resolve, reject };
                this.#report(candidate as Reachable);
                // Whoever watches, or this loop's own steps, may have let the program end the call.
                if (call.settled) resolve();
                else call.send(candidate as Reachable, 'failover', site.clock.now(), trip.takePayment());
              }),
        async () => {
          trip.goOn();
          site.wheel.set(call, call.deadlineAt);
          candidate = await trip.next();
          trip.goOn();
        },
      );
    } catch (error) {
      // Nobody did better than an answer that was passed over, if there was one.
      const kept = await this.#refusals.later();
      if (kept) this.#handOver(kept);
      else call.settle(error as Error);
    }
  }

  #report(to: Reachable): void {
    const { name, reporter } = this.#call.site;
    const outcome = this.#trip.outcomes.at(-1);
    if (outcome && reporter.wants('failover'))
      reporter.report('failover', { name, from: outcome.endpoint, to: to.endpoint.id, outcome });
  }

  /** Nobody did better than an answer that was passed over: the program gets that. */
  #handOver({ attempt, answer }: Keeper): void {
    const call = this.#call;
    if (call.settled) return;
    call.attempt = attempt;
    // Part of another answer may have come.
    if (call.whole) (call.handler as WholeBodyHandler).restart();
    call.close();
    answer.deliver(call.handler, () => this.#cancelled);
  }

  #note(attempt: Attempt, verdict: 'failure' | 'ignored', error: unknown, now: number): void {
    const code = error === undefined ? 'ABORTED' : codeOf(error);
    this.#trip.note(attempt, verdict, code, now - attempt.beganAt, error);
    this.#call.over(attempt);
  }
}
