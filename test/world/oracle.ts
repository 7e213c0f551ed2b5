/**
 * Knows everything that happened in a world and compares it with what was promised. Nothing here is told to the
 * clerks, and nothing that they say is believed without a look at the truth.
 */
import type { ClerkError, CallKind } from 'binding-clerk';
import type { Coverage } from './coverage.js';
import type { GroundTruth } from './ground-truth.js';

/** One call of a program, from its start to its end. */
export interface CallRecord {
  readonly id: string;
  readonly clerk: string;
  readonly service: string;
  readonly kind: CallKind;
  readonly method: 'request' | 'json' | 'call';
  readonly startedAt: number;
  readonly timeoutMs: number;
  /** While it runs, only faults that the gentle rule admits can happen. */
  readonly gentle: boolean;
  /** The clerk had a usable answer for the name when it began. */
  readonly cached: boolean;
  abortedAt: number | undefined;
  /** The clerk was destroyed under it. */
  destroyedAt: number | undefined;
  settledAt: number | undefined;
  outcome:
    | { readonly ok: true; readonly statusCode: number }
    | { readonly ok: false; readonly error: unknown }
    | undefined;
  /** In order. */
  readonly attempts: AttemptRecord[];
  /** Attempts that were given back unprocessed. */
  refusedStreams: number;
}

/** One attempt of a call. */
export interface AttemptRecord {
  readonly at: number;
  readonly endpoint: string;
  /** Whether the request may have left. */
  sent: boolean;
}

/** One attempt as it was begun by a clerk. */
interface CountedAttempt {
  readonly at: number;
  readonly isRetry: boolean;
  readonly attempt: AttemptRecord;
}

const windowMs = 10_000;

export class Oracle {
  readonly calls: CallRecord[] = [];
  readonly violations: string[] = [];
  /** The world has been at rest for long. */
  isCalm = false;
  /** Attempts by clerk and service. */
  readonly #attempts = new Map<string, CountedAttempt[]>();
  /** What a clerk was last told, by clerk and service. */
  readonly #lastResolutions = new Map<string, { readonly endpoints: number; readonly at: number }>();

  constructor(
    readonly truth: GroundTruth,
    readonly executions: (callId: string) => number,
    readonly marks: Coverage,
    readonly log: (line: string) => void,
  ) {}

  violate(clause: string, what: string): void {
    const line = `${clause} broken: ${what}`;
    this.violations.push(line);
    this.log(line);
  }

  /** A clerk heard an answer with that many endpoints. */
  resolved(clerk: string, service: string, endpoints: number): void {
    this.#lastResolutions.set(`${clerk} ${service}`, { endpoints, at: this.truth.now() });
  }

  /** Whether a clerk must know of endpoints: it was told of some, and there was nothing else to hear since. */
  hasResolution(clerk: string, service: string): boolean {
    const told = this.#lastResolutions.get(`${clerk} ${service}`);
    if (told === undefined || told.endpoints === 0) return false;
    return !this.truth.wasEmpty(service, told.at, this.truth.now());
  }

  /** An attempt begins. */
  attemptStarted(call: CallRecord, endpoint: string, now: number): AttemptRecord {
    const attempt = { at: now, endpoint, sent: false };
    if (call.settledAt !== undefined)
      this.violate('port', `${call.id} goes to ${endpoint} although it was settled`);
    call.attempts.push(attempt);
    if (call.attempts.length === 1) this.#count(call, { at: now, isRetry: false, attempt: attempt }, now);
    return attempt;
  }

  /** The request of an attempt may have left: C4.1, in the window that ends here. */
  attemptSent(call: CallRecord, attempt: AttemptRecord, now: number): void {
    const isRetry = call.attempts.some(({ sent }) => sent);
    attempt.sent = true;
    if (call.refusedStreams > 1 && call.kind === 'once')
      this.violate('C3.4', `${call.id} is sent again after it was given back twice`);
    if (!isRetry) return;
    if (call.kind === 'once')
      this.violate('C3.1', `${call.id} is 'once' and is sent again, to ${attempt.endpoint}`);
    this.#count(call, { at: now, isRetry, attempt: attempt }, now);
  }

  /** A repeat was refused for want of budget, long after a storm: there must have been many of them lately. */
  #checkBudget({ id, clerk, service }: CallRecord, now: number): void {
    const list = this.#attempts.get(`${clerk} ${service}`) ?? [];
    const repeats = list.filter(({ at, isRetry }) => isRetry && at > now - windowMs - 1_000).length;
    if (repeats >= 15) return;
    this.violate(
      'C4.2',
      `${id} is refused a repeat after ${repeats} of them in 11 s; the budget must refill`,
    );
  }

  /** An attempt was given back unprocessed: it was never sent, as far as load goes. */
  streamRefused(call: CallRecord, attempt: AttemptRecord): void {
    attempt.sent = false;
    call.refusedStreams++;
    const list = this.#attempts.get(`${call.clerk} ${call.service}`) ?? [];
    const index = list.findIndex((attempted) => attempted.attempt === attempt && attempted.isRetry);
    if (index >= 0) list.splice(index, 1);
  }

  #count(call: CallRecord, attempted: CountedAttempt, now: number): void {
    const key = `${call.clerk} ${call.service}`;
    const list = (this.#attempts.get(key) ?? []).filter(({ at }) => at > now - windowMs - 1_000);
    list.push(attempted);
    this.#attempts.set(key, list);
    if (!attempted.isRetry) return;
    const inWindow = list.filter(({ at }) => at > now - windowMs);
    const repeats = inWindow.filter(({ isRetry }) => isRetry).length;
    const allowed = 0.1 * (inWindow.length - repeats) + 30;
    if (repeats > allowed)
      this.violate('C4.1', `${key}: ${repeats} re-sent attempts in 10 s, ${allowed} are allowed`);
  }

  /** A call ended, well or not. */
  callSettled(call: CallRecord, outcome: NonNullable<CallRecord['outcome']>, now: number): void {
    if (call.settledAt !== undefined) this.violate('C2.2', `${call.id} was settled twice`);
    call.settledAt = now;
    call.outcome = outcome;
    const limit = call.startedAt + call.timeoutMs + 20;
    if (now > limit)
      this.violate('C2.2', `${call.id} was settled ${(now - limit + 20).toFixed(1)} ms after its deadline`);
    const ended = call.abortedAt ?? call.destroyedAt;
    if (ended !== undefined && now > ended + 20) {
      this.violate('C2.2', `${call.id} was settled ${(now - ended).toFixed(1)} ms after it was aborted`);
    }
    if (!outcome.ok) this.#checkError(call, outcome.error as ClerkError, now);
    this.#recordCoverage(call, outcome);
  }

  /** What an error claims of the registry must be so. */
  #checkError(call: CallRecord, error: ClerkError, now: number): void {
    const { code } = error;
    const { clerk, service, id } = call;
    if (typeof code !== 'string') {
      this.violate(
        'errors',
        `${id} failed with ${String(error)}, which is no ClerkError: ${String((error as Error).stack)}`,
      );
      return;
    }
    if (code === 'BAD_STATUS' && (error.statusCode ?? 0) < 400) {
      this.violate('C2.1', `${id} got a body that no server has sent: ${error.message}`);
    }
    if (code === 'CLERK_CLOSED' && call.destroyedAt === undefined) {
      this.violate('close', `${id} failed with CLERK_CLOSED although nobody destroyed ${clerk}`);
    }
    const givenUp = error.outcomes?.some((one) => one.stage === 'sent' && one.code === 'ATTEMPT_TIMEOUT');
    if (call.kind === 'once' && givenUp)
      this.violate('C2.1', `${id} is 'once', and was given up before its deadline although it was sent`);
    if (code === 'BUDGET_EXHAUSTED' && this.isCalm) this.#checkBudget(call, now);
    const registryError = code === 'REGISTRY_UNREACHABLE' || code === 'REGISTRY_INVALID';
    if (registryError && call.cached && !this.truth.wasEmpty(service, call.startedAt, now)) {
      this.violate('C1.4', `${id} failed with ${code} although ${clerk} knew ${service}: ${error.message}`);
    }
    if ((code === 'NO_ENDPOINT' || code === 'NAME_NOT_FOUND') && !this.truth.wasEmpty(service, 0, now)) {
      this.violate('C1.4', `${id} failed with ${code}, and ${service} was never empty`);
    }
    const unasked = code === 'DEADLINE_EXCEEDED' && call.attempts.length === 0 && call.timeoutMs >= 150;
    // Gentle: somebody is well, so it is not a rest of those who refuse that was waited for.
    if (unasked && call.cached && call.gentle) {
      this.violate(
        'C1.6',
        `${id} waited ${call.timeoutMs} ms for the registry although ${clerk} knew ${service}`,
      );
    }
    if (
      call.gentle &&
      call.kind !== 'once' &&
      call.timeoutMs >= 6_000 &&
      !registryError &&
      code !== 'BUDGET_EXHAUSTED'
    ) {
      if (call.abortedAt === undefined && call.destroyedAt === undefined) {
        this.violate('C2.1', `${id} failed although a well endpoint was left: ${code} ${error.message}`);
      }
    }
  }

  /** The end of the world: what was claimed of executions must be so, also for requests that arrived late. */
  checkExecutions(): void {
    for (const call of this.calls) {
      const { id, kind, outcome } = call;
      const runs = this.executions(id);
      if (outcome === undefined) {
        this.violate('C2.2', `${id} was never settled`);
        continue;
      }
      if (kind === 'once' && runs > 1) this.violate('C3.1', `${id} is 'once' and ran ${runs} times`);
      if (runs > 1) this.marks.hit('idempotent-run-twice');
      if (outcome.ok) {
        if (runs === 0) this.violate('C3.2', `${id} succeeded and never ran`);
        continue;
      }
      const { execution, code } = outcome.error as ClerkError;
      if (execution === 'none' && runs > 0)
        this.violate('C3.2', `${id} failed with ${code}, execution 'none', and ran ${runs} times`);
      if (execution === 'done' && runs === 0)
        this.violate('C3.2', `${id} failed with ${code}, execution 'done', and never ran`);
      if (execution === 'unknown') this.marks.hit(runs > 0 ? 'unknown-but-run' : 'unknown-not-run');
      // Nothing was handed to a connection, or once and back: then there is nothing unknown about it.
      const sent = call.refusedStreams > 1 || call.attempts.some((attempt) => attempt.sent);
      if (execution !== 'none' && !sent)
        this.violate('C3.2', `${id} failed with ${code}, execution '${execution}', and was never sent`);
    }
  }

  #recordCoverage(
    { kind, attempts, abortedAt, gentle, method, refusedStreams }: CallRecord,
    outcome: NonNullable<CallRecord['outcome']>,
  ): void {
    const { marks } = this;
    if (gentle) marks.hit('gentle-call');
    if (outcome.ok) {
      marks.hit('ok');
      if (kind === 'once') marks.hit('ok-once');
      if (attempts.length > 1) marks.hit('ok-after-failover');
      if (attempts.length > 1 && kind === 'once')
        marks.hit(refusedStreams > 0 ? 'once-resent-withdrawn' : 'once-resent-unsent');
      if (attempts.length > 1 && method === 'call') marks.hit('talk-failed-over');
      if (outcome.statusCode >= 500) marks.hit('failed-status-returned');
      return;
    }
    const sent = attempts.some((attempt) => attempt.sent);
    switch ((outcome.error as ClerkError).code) {
      case 'NO_ENDPOINT':
        return marks.hit('no-endpoint');
      case 'NAME_NOT_FOUND':
        return marks.hit('name-not-found');
      case 'REGISTRY_UNREACHABLE':
      case 'REGISTRY_INVALID':
        return marks.hit('registry-error-first');
      case 'ENDPOINTS_EXHAUSTED':
        return marks.hit('exhausted');
      case 'DEADLINE_EXCEEDED':
        return marks.hit(sent ? 'deadline' : 'deadline-unsent');
      case 'OUTCOME_UNKNOWN':
        return marks.hit('outcome-unknown');
      case 'BUDGET_EXHAUSTED':
        return marks.hit('budget-refused');
      case 'BAD_STATUS':
        return marks.hit('status-thrown');
      case 'ABORTED':
        if (abortedAt === undefined) return;
        return marks.hit(sent ? 'aborted-sent' : 'aborted');
      case 'FACTORY_FAILED':
        return marks.hit('factory-failed');
      default:
    }
  }
}
