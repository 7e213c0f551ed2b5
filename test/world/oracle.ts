import { isClerkError, type CallKind, type ClerkError } from 'binding-clerk';
import type { CallMethod } from './call-method.js';
import type { Coverage } from './coverage.js';
import type { CallManner } from './dominance/caller-habits.js';
import type { GroundTruth } from './ground-truth.js';

/** One call of a client, from start to end. */
export interface CallRecord {
  readonly id: string;
  readonly clerk: string;
  readonly service: string;
  readonly kind: CallKind;
  readonly method: CallMethod;
  readonly manner: Omit<CallManner, 'method'>;
  readonly startedAt: number;
  readonly timeoutMs: number;
  /** Only faults under which it must succeed can happen during the call. */
  readonly isSurvivable: boolean;
  /** The clerk had a usable lookup result when the call began. */
  readonly cached: boolean;
  /** The call waits until an endpoint can be used. */
  readonly waitsForReady: boolean;
  abortedAt: number | undefined;
  /** When the clerk was destroyed during the call. */
  destroyedAt: number | undefined;
  settledAt: number | undefined;
  outcome:
    | { readonly ok: true; readonly statusCode: number }
    | { readonly ok: false; readonly error: unknown }
    | undefined;
  /** In order. */
  readonly attempts: AttemptRecord[];
  /** The endpoint of the first attempt was ejected when that attempt started, as its probe, or when the call ended. */
  isFirstEndpointEjected: boolean;
  /** The connection was lost in the middle of the body of a response. */
  hasBrokenBody: boolean;
  /** Number of attempts rejected with REFUSED_STREAM. */
  refusedStreams: number;
  /** An attempt was lost with a connection that had served another request. The next attempt is then free, once. */
  lostReused: 'no' | 'free-retry' | 'retried';
}

/** One attempt of a call. */
export interface AttemptRecord {
  readonly at: number;
  readonly endpoint: string;
  /** Whether the request may have been sent. */
  sent: boolean;
}

/** One attempt, for the retry limit. */
interface CountedAttempt {
  readonly at: number;
  readonly isRetry: boolean;
  readonly attempt: AttemptRecord;
}

const windowMs = 10_000;
/** Errors with which no call ends that waits until the service is ready, unless it may have run. */
const unreadyCodes: readonly unknown[] = [
  'NO_ENDPOINT',
  'NAME_NOT_FOUND',
  'ENDPOINTS_EXHAUSTED',
  'REGISTRY_UNREACHABLE',
];

/**
 * Knows everything that happens in a simulation, and checks it against the guarantees. Clerks receive nothing from it, and what
 * they report is compared with the ground truth.
 */
export class Oracle {
  readonly calls: CallRecord[] = [];
  readonly violations: string[] = [];
  /** There have been no faults for a long time. */
  isCalm = false;
  /** Attempts by clerk and service. */
  readonly #attempts = new Map<string, CountedAttempt[]>();
  /** Last lookup result, by clerk and service. */
  readonly #lastResolutions = new Map<string, { readonly endpoints: number; readonly at: number }>();

  constructor(
    readonly truth: GroundTruth,
    readonly executions: (callId: string) => number,
    readonly coverage: Coverage,
    readonly log: (line: string) => void,
  ) {}

  violate(clause: string, what: string): void {
    const line = `${clause} broken: ${what}`;
    this.violations.push(line);
    this.log(line);
  }

  /** A clerk received a lookup result with this many endpoints. */
  resolved(clerk: string, service: string, endpoints: number): void {
    this.#lastResolutions.set(`${clerk} ${service}`, { endpoints, at: this.truth.now() });
  }

  /** Whether a clerk must have endpoints: its last result had some, and the service was never empty since. */
  hasResolution(clerk: string, service: string): boolean {
    const last = this.#lastResolutions.get(`${clerk} ${service}`);
    if (last === undefined || last.endpoints === 0) return false;
    return !this.truth.wasEmptyForClients(service, last.at, this.truth.now());
  }

  /** An attempt begins. */
  attemptStarted(call: CallRecord, endpoint: string, now: number): AttemptRecord {
    const attempt = { at: now, endpoint, sent: false };
    if (call.settledAt !== undefined)
      this.violate('port', `${call.id} is sent to ${endpoint} although it was settled`);
    call.attempts.push(attempt);
    if (call.attempts.length === 1) this.#count(call, { at: now, isRetry: false, attempt }, now);
    return attempt;
  }

  /** The request of an attempt may have been sent. Checks C4.1 in the window that ends here. */
  attemptSent(call: CallRecord, attempt: AttemptRecord, now: number): void {
    const isRetry = call.attempts.some(({ sent }) => sent);
    attempt.sent = true;
    if (call.refusedStreams > 1 && call.kind === 'once')
      this.violate('C3.4', `${call.id} is retried after two REFUSED_STREAM`);
    if (!isRetry) return;
    if (call.kind === 'once')
      this.violate('C3.1', `${call.id} is 'once' and is retried at ${attempt.endpoint}`);
    if (call.lostReused === 'free-retry') {
      call.lostReused = 'retried';
      this.coverage.hit('resent-after-reused-connection');
    } else this.#count(call, { at: now, isRetry, attempt }, now);
  }

  /** The budget refused a retry long after a storm, which is right only after many recent retries. */
  #checkBudget({ id, clerk, service }: CallRecord, now: number): void {
    const list = this.#attempts.get(`${clerk} ${service}`) ?? [];
    const retries = list.filter(({ at, isRetry }) => isRetry && at > now - windowMs - 1_000).length;
    if (retries >= 15) return;
    this.violate('C4.2', `${id} is refused a retry after ${retries} retries in 11 s; the budget must refill`);
  }

  /** An attempt was rejected with REFUSED_STREAM. It does not count as a retry. */
  streamRefused(call: CallRecord, attempt: AttemptRecord): void {
    attempt.sent = false;
    call.refusedStreams++;
    const list = this.#attempts.get(`${call.clerk} ${call.service}`) ?? [];
    const index = list.findIndex((attempted) => attempted.attempt === attempt && attempted.isRetry);
    if (index >= 0) list.splice(index, 1);
  }

  #count(call: CallRecord, attempted: CountedAttempt, now: number): void {
    const key = `${call.clerk} ${call.service}`;
    const list = this.#attempts.get(key) ?? [];
    this.#attempts.set(key, list);
    // In order of time, so that the oldest attempts come first.
    const kept = list.findIndex(({ at }) => at > now - windowMs - 1_000);
    list.splice(0, kept < 0 ? list.length : kept);
    list.push(attempted);
    if (!attempted.isRetry) return;
    const inWindow = list.filter(({ at }) => at > now - windowMs);
    const retries = inWindow.filter(({ isRetry }) => isRetry).length;
    const allowed = 0.1 * (inWindow.length - retries) + 30;
    if (retries > allowed) this.violate('C4.1', `${key}: ${retries} retries in 10 s, ${allowed} are allowed`);
  }

  /** A call ended, successfully or not. */
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

  /** Checks what an error says about the registry. */
  #checkError(call: CallRecord, error: ClerkError, now: number): void {
    const { code } = error;
    const { clerk, service, id } = call;
    if (typeof code !== 'string') {
      this.violate(
        'errors',
        `${id} failed with ${String(error)}, which is not a ClerkError: ${String((error as Error).stack)}`,
      );
      return;
    }
    if (code === 'BAD_STATUS' && (error.statusCode ?? 0) < 400) {
      this.violate('C2.1', `${id} received a body that no server sent: ${error.message}`);
    }
    if (code === 'CLERK_CLOSED' && call.destroyedAt === undefined) {
      this.violate('close', `${id} failed with CLERK_CLOSED although ${clerk} was not destroyed`);
    }
    if (call.waitsForReady && error.execution === 'none' && unreadyCodes.includes(code))
      this.violate(
        'C2.8',
        `${id} waits until ${service} is ready, and failed with ${code}: ${error.message}`,
      );
    const givenUp = error.outcomes?.some((one) => one.stage === 'sent' && one.code === 'ATTEMPT_TIMEOUT');
    if (call.kind === 'once' && givenUp)
      this.violate('C2.1', `${id} is 'once' and was sent, and timed out before its deadline`);
    if (code === 'BUDGET_EXHAUSTED' && call.lostReused === 'free-retry')
      this.violate('C4.1', `${id} is refused the free retry after a reused connection was lost`);
    if (code === 'BUDGET_EXHAUSTED' && this.isCalm) this.#checkBudget(call, now);
    // At its deadline, a call that waits until the service is ready says for what it waited.
    const { code: waitedFor } =
      ((call.waitsForReady && code === 'DEADLINE_EXCEEDED' ? error.cause : undefined) as
        { code?: string } | undefined) ?? {};
    const registryError = [code, waitedFor].some(
      (one) => one === 'REGISTRY_UNREACHABLE' || one === 'REGISTRY_INVALID',
    );
    if (registryError && call.cached && !this.truth.wasEmptyForClients(service, call.startedAt, now)) {
      this.violate(
        'C1.4',
        `${id} failed with ${code} although ${clerk} had endpoints of ${service}: ${error.message}`,
      );
    }
    if (
      (code === 'NO_ENDPOINT' || code === 'NAME_NOT_FOUND') &&
      !this.truth.wasEmptyForClients(service, 0, now)
    ) {
      this.violate('C1.4', `${id} failed with ${code} although ${service} was never empty`);
    }
    const unasked = code === 'DEADLINE_EXCEEDED' && call.attempts.length === 0 && call.timeoutMs >= 150;
    // With a healthy endpoint left, the call did not wait for the dial backoff of refusing ones.
    if (unasked && call.cached && call.isSurvivable) {
      this.violate(
        'C1.6',
        `${id} waited ${call.timeoutMs} ms for the registry although ${clerk} had endpoints of ${service}`,
      );
    }
    if (
      call.isSurvivable &&
      call.kind !== 'once' &&
      call.timeoutMs >= 6_000 &&
      !registryError &&
      code !== 'BUDGET_EXHAUSTED'
    ) {
      // A body that can be sent only once stays at the endpoint to which it was sent.
      const isBound = call.manner.sendsStream && call.attempts.some((attempt) => attempt.sent);
      if (call.abortedAt === undefined && call.destroyedAt === undefined && !isBound) {
        this.violate('C2.1', `${id} failed although a healthy endpoint was left: ${code} ${error.message}`);
      }
    }
  }

  /** At the end, checks the reported executions against the actual ones, including requests that arrived late. */
  checkExecutions(): void {
    for (const call of this.calls) {
      const { id, kind, outcome } = call;
      const runs = this.executions(id);
      if (outcome === undefined) {
        this.violate('C2.2', `${id} never settled`);
        continue;
      }
      if (kind === 'once' && runs > 1) this.violate('C3.1', `${id} is 'once' and was executed ${runs} times`);
      if (runs > 1) this.coverage.hit('idempotent-run-twice');
      if (outcome.ok) {
        if (runs === 0) this.violate('C3.2', `${id} succeeded and was never executed`);
        continue;
      }
      const { execution, code, cause } = outcome.error as ClerkError;
      // The `AbortError` of fetch, and the reason of an aborted dispatch, do not say it.
      if ((call.method === 'fetch' || call.method === 'dispatch') && code === 'ABORTED') continue;
      if (isClerkError(cause) && cause.execution !== execution)
        this.violate(
          'C3.2',
          `${id} failed with ${code}, execution '${execution}', and its cause states '${cause.execution}'`,
        );
      if (execution === 'none' && runs > 0)
        this.violate('C3.2', `${id} failed with ${code}, execution 'none', and was executed ${runs} times`);
      if (execution === 'done' && runs === 0)
        this.violate('C3.2', `${id} failed with ${code}, execution 'done', and was never executed`);
      if (execution === 'unknown') this.coverage.hit(runs > 0 ? 'unknown-but-run' : 'unknown-not-run');
      // If nothing was written, or only rejected with REFUSED_STREAM once, the execution is known. A body that can be sent only
      // once is not sent again after that, and the call may end as unknown.
      const maxRefusedStreams = call.manner.sendsStream ? 0 : 1;
      const sent = call.refusedStreams > maxRefusedStreams || call.attempts.some((attempt) => attempt.sent);
      if (execution !== 'none' && !sent)
        this.violate('C3.2', `${id} failed with ${code}, execution '${execution}', and was never sent`);
    }
  }

  #recordCoverage(
    { kind, attempts, abortedAt, isSurvivable, method, refusedStreams, ...call }: CallRecord,
    outcome: NonNullable<CallRecord['outcome']>,
  ): void {
    const { coverage } = this;
    if (isSurvivable) coverage.hit('survivable-call');
    if (outcome.ok) {
      coverage.hit('ok');
      if (kind === 'once') coverage.hit('ok-once');
      if (call.waitsForReady && this.truth.wasEmptyForClients(call.service, call.startedAt, call.startedAt))
        coverage.hit('waited-for-ready');
      const mayMove = call.service.startsWith('/w/s');
      if (mayMove && this.truth.wasLink(call.service, call.startedAt, this.truth.now()))
        coverage.hit('moved-call');
      if (attempts.length > 1) coverage.hit('ok-after-failover');
      if (attempts.length > 1 && kind === 'once')
        coverage.hit(refusedStreams > 0 ? 'once-resent-refused-stream' : 'once-resent-unsent');
      if (attempts.length > 1 && method === 'call') coverage.hit('custom-call-failed-over');
      if (outcome.statusCode >= 500) coverage.hit('failed-status-returned');
      return;
    }
    const sent = attempts.some((attempt) => attempt.sent);
    switch ((outcome.error as ClerkError).code) {
      case 'NO_ENDPOINT':
        return coverage.hit('no-endpoint');
      case 'NAME_NOT_FOUND':
        return coverage.hit('name-not-found');
      case 'REGISTRY_UNREACHABLE':
      case 'REGISTRY_INVALID':
        return coverage.hit('registry-error-first');
      case 'ENDPOINTS_EXHAUSTED':
        return coverage.hit('exhausted');
      case 'DEADLINE_EXCEEDED':
        return coverage.hit(sent ? 'deadline' : 'deadline-unsent');
      case 'OUTCOME_UNKNOWN':
        return coverage.hit('outcome-unknown');
      case 'BUDGET_EXHAUSTED':
        return coverage.hit('budget-refused');
      case 'BAD_STATUS':
        return coverage.hit('status-thrown');
      case 'ABORTED':
        if (abortedAt === undefined) return;
        return coverage.hit(sent ? 'aborted-sent' : 'aborted');
      case 'FACTORY_FAILED':
        return coverage.hit('factory-failed');
      default:
    }
  }
}
