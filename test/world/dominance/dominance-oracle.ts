import type { ClerkError } from 'binding-clerk';
import type { Clock, HealthReport } from 'binding-clerk/extend';
import type { MemoryRequest, ServerReply } from 'binding-clerk/testing';
import type { Coverage } from '../coverage.js';
import type { CallRecord } from '../oracle.js';
import type { Replica } from '../replicas.js';
import { AnswerHistory } from './answer-history.js';
import { findLeak } from './call-secrets.js';
import { PlainRequest, type PlainResult } from './plain-request.js';

/** A call must end this long after the plain request at the latest, in ms. */
const marginMs = 20;
/** The clerk rounds deadlines down to whole ms. */
const deadlineRoundingMs = 1;
/** How long before an ejection for silence or a lost connection a fault of the endpoint must have been active, in ms. */
const hardEvidenceMs = 3_000;
/** The same for an ejection for failing answers. */
const failureEvidenceMs = 60_000;

export interface DominanceOracleOptions {
  readonly clock: Clock;
  readonly coverage: Coverage;
  /** Longest one-way latency of a message that is sent now, in ms. */
  readonly maxLatencyMs: () => number;
  /** Whether the endpoint with an instance id exists and has had no fault since an instant. */
  readonly isHealthySince: (id: string, at: number) => boolean;
  readonly log: (line: string) => void;
  readonly violate: (clause: string, what: string) => void;
}

/**
 * Checks that no call is worse off than a plain request (C9). Follows what a plain request of each safe or idempotent call meets
 * at the endpoint that was chosen first. The same server handles the same request at the same instant. It draws one latency, one
 * status and one refused response, whether or not the clerk waits for them. The oracle sees only servers, the network and the
 * results of calls. It shares no code with the clerk.
 *
 * Checked by C9.1: a call whose plain request is answered by its deadline succeeds 20 ms after that answer at the latest. A call
 * succeeds with a status below 400, or with the status of the plain request. Not checked by C9.1:
 *
 * - `once` calls, for which no second attempt is allowed
 * - calls that the program aborts, or whose clerk it destroys, before that instant
 * - calls whose plain request is answered after their deadline or never: it is lost, reset, refused, or handled by a server that
 *   is killed or stays paused
 * - calls whose first attempt is cancelled before its connection is established, since the plain request has no connection either
 * - calls whose plain request is answered with 429 or 5xx, or whose response is refused by the parser: it fails, and waiting for
 *   a better answer is allowed. They must still end by their deadline, with an answer.
 * - calls whose first attempt is at an ejected endpoint, as its probe or ejected since, if another endpoint answers them
 * - `json` calls whose plain response is cut in the middle of its body
 * - calls other than `json` that got a cut response: such a call accepts a response at its headers
 *
 * Not checked by C9.2: the ejection of an endpoint whose answers look like those of a failing endpoint (see {@link AnswerHistory}).
 *
 * Neither `retries: false` nor a body that can be sent only once is exempt: their first attempt continues.
 *
 * @see [C9](../../../docs/guarantees.md#c9)
 */
export class DominanceOracle {
  readonly #options: DominanceOracleOptions;
  readonly #plain = new Map<string, PlainRequest>();
  readonly #answers = new AnswerHistory();

  constructor(options: DominanceOracleOptions) {
    this.#options = options;
  }

  /** What a plain request of a call meets; undefined when the call is not followed. */
  plainOf(call: CallRecord): PlainRequest | undefined {
    return this.#plain.get(call.id);
  }

  /** The first attempt of a call starts. */
  callStarted(call: CallRecord): void {
    if (call.kind === 'once') return;
    const { clock, maxLatencyMs } = this.#options;
    const onResult = (result: PlainResult): void => this.#judge(call, result);
    this.#plain.set(call.id, new PlainRequest({ clock, maxLatencyMs, onResult }));
  }

  /** A server handles a request of a call. Checks C9.3. */
  requestHandled(
    call: CallRecord,
    attempt: number,
    replica: Replica,
    request: MemoryRequest,
    reply: ServerReply,
  ): void {
    const leak = findLeak(call, request);
    if (leak !== undefined)
      this.#options.violate(
        'C9.3',
        `${replica.id} receives ${call.id} (${call.method}, headers as ${call.manner.headerForm}), attempt ${attempt}, with ${leak}`,
      );
    const { clock } = this.#options;
    this.#answers.add(replica.id, clock.now(), (reply.statusCode ?? 200) >= 500);
    if (attempt === 0) this.#plain.get(call.id)?.handled(replica, reply);
  }

  /** Checks C9.2: an endpoint that is ejected has had a fault. */
  ejected(clerk: string, id: string, reason: string): void {
    const withinMs = reason === 'failures' ? failureEvidenceMs : hardEvidenceMs;
    const now = this.#options.clock.now();
    if (reason === 'failures' && this.#answers.looksFailing(id, now)) return;
    if (this.#options.isHealthySince(id, now - withinMs))
      this.#options.violate('C9.2', `${clerk} ejects the healthy ${id}: ${reason}`);
  }

  /** Checks C9.2: an endpoint that is reported unreachable has had a fault. */
  reported(clerk: string, { reports }: HealthReport): void {
    for (const { id, verdict } of reports) {
      // A report repeats what was true when the endpoint was last asked.
      if (verdict === 'unreachable' && this.#options.isHealthySince(id, this.#options.clock.now() - 15_000))
        this.#options.violate('C9.2', `${clerk} reports the healthy ${id} as unreachable`);
    }
  }

  #judge(call: CallRecord, result: PlainResult): void {
    const { clock, coverage, log } = this.#options;
    this.#plain.delete(call.id);
    if (call.attempts.length > 1)
      log(`${call.id} plain: ${result.kind} ${result.kind === 'answered' ? result.statusCode : ''}`);
    if (result.kind === 'failed') return coverage.hit('plain-failed');
    if (result.at > call.startedAt + call.timeoutMs - deadlineRoundingMs)
      return coverage.hit('plain-too-late');
    if (result.kind === 'unreadable') {
      coverage.hit('plain-unreadable');
      clock.setTimer(() => this.#checkUnreadable(call, result.at), marginMs + 0.001);
      return;
    }
    const { statusCode, isComplete } = result;
    if (call.method === 'json' && !isComplete) return;
    if (statusCode === 429 || statusCode >= 500) {
      coverage.hit('plain-failing');
      const restMs = call.startedAt + call.timeoutMs - result.at;
      clock.setTimer(() => this.#checkAnswered(call, result), restMs + marginMs + 0.001);
      return;
    }
    coverage.hit(call.attempts.length > 1 ? 'plain-answered-joined' : 'plain-answered');
    clock.setTimer(() => this.#checkSuccess(call, statusCode, result.at), marginMs + 0.001);
  }

  #checkSuccess(call: CallRecord, statusCode: number, at: number): void {
    const { id, outcome, settledAt } = call;
    if (this.#isExempt(call, at)) return;
    if (call.attempts.length > 1 && settledAt === at) this.#options.coverage.hit('first-attempt-won');
    const answer = `a plain request to ${call.attempts[0]?.endpoint ?? ''} gets ${statusCode} after ${(at - call.startedAt).toFixed(1)} ms`;
    if (outcome === undefined || settledAt === undefined)
      this.#options.violate('C9.1', `${id} has not ended, and ${answer}`);
    else if (call.isFirstEndpointEjected && isAnswer(outcome)) return;
    else if (!isSuccess(outcome, statusCode))
      this.#options.violate(
        'C9.1',
        `${id} ${describe(outcome)} after ${(settledAt - call.startedAt).toFixed(1)} ms, and ${answer}`,
      );
    else if (settledAt > at + marginMs)
      this.#options.violate(
        'C9.1',
        `${id} succeeds after ${(settledAt - call.startedAt).toFixed(1)} ms, and ${answer}`,
      );
  }

  /** A call may wait for a better answer than a failing one, but must not end without an answer because of that. */
  #checkAnswered(call: CallRecord, { at, statusCode }: PlainResult & { readonly statusCode: number }): void {
    const { id, outcome } = call;
    if (this.#isExempt(call, Infinity) || outcome === undefined || outcome.ok) return;
    if (
      (outcome.error as ClerkError).code === 'BAD_STATUS' ||
      (call.isFirstEndpointEjected && isAnswer(outcome))
    )
      return;
    const answer = `a plain request gets ${statusCode} after ${(at - call.startedAt).toFixed(1)} ms`;
    this.#options.violate('C9.1', `${id} ${describe(outcome)}, and ${answer}`);
  }

  /** A response that the parser refuses is an answer: it ends a call with one attempt, is not retried, and has its own code. */
  #checkUnreadable(call: CallRecord, at: number): void {
    const { id, outcome, attempts } = call;
    if (this.#isExempt(call, at)) return;
    const later = attempts.find((attempt) => attempt.at > at);
    if (later !== undefined)
      return this.#options.violate(
        'C9.2',
        `${id} is retried at ${later.endpoint} after a response that cannot be parsed`,
      );
    if (attempts.length > 1) return;
    if (outcome === undefined)
      return this.#options.violate('C9.2', `${id} continues after a response that cannot be parsed`);
    const code = outcome.ok ? undefined : (outcome.error as ClerkError).code;
    if (code !== 'RESPONSE_INVALID')
      this.#options.violate('C9.2', `${id} ${describe(outcome)} after a response that cannot be parsed`);
  }

  #isExempt({ method, abortedAt, destroyedAt, hasBrokenBody }: CallRecord, at: number): boolean {
    const endedAt = Math.min(abortedAt ?? Infinity, destroyedAt ?? Infinity);
    return endedAt < Infinity && endedAt <= at + marginMs ? true : hasBrokenBody && method !== 'json';
  }
}

function isAnswer(outcome: NonNullable<CallRecord['outcome']>): boolean {
  if (outcome.ok) return true;
  const { code } = outcome.error as ClerkError;
  return code === 'BAD_STATUS' || code === 'RESPONSE_INVALID';
}

function isSuccess(outcome: NonNullable<CallRecord['outcome']>, plainStatus: number): boolean {
  const status = outcome.ok ? outcome.statusCode : (outcome.error as ClerkError).statusCode;
  return status === plainStatus || (outcome.ok && outcome.statusCode < 400);
}

function describe(outcome: NonNullable<CallRecord['outcome']>): string {
  if (outcome.ok) return `has the status ${outcome.statusCode}`;
  const { code, message } = outcome.error as ClerkError;
  return `fails with ${code} (${message})`;
}
