import type { AsyncResource } from 'node:async_hooks';
import type { ConnectedCandidate } from '../core/candidate.js';
import type { ClerkError, Execution } from '../core/errors.js';
import type { CallKind } from '../core/idempotency.js';
import type { Outcome, Stage, Verdict } from '../core/outcome.js';
import type { CallContext } from './call-context.js';
import type { CallDeadline } from './call-deadline.js';

export interface AttemptRecord {
  readonly candidate: ConnectedCandidate;
  readonly address: { readonly text: string };
  readonly number: number;
  readonly pickReason: string;
  readonly stage: Stage;
  readonly retryAfterMs?: number | undefined;
}

export interface CallInfo {
  readonly kind: CallKind;
  readonly startedAt: number;
  /** The first lookup may change the deadline, because the service config may set the call timeout. */
  readonly deadlineAt: number;
  /** The limits from which `deadlineAt` was computed. */
  readonly deadline?: CallDeadline;
  readonly hasRun?: boolean;
  /** Id under which the service may have recorded the call; undefined if the service records no calls. */
  readonly callId?: string | undefined;
  readonly asyncContext: AsyncResource;
}

export class AttemptLog {
  readonly outcomes: Outcome[] = [];
  /**
   * The last error that did not end the call, because the call waited for a change of its service. Undefined if the
   * call has not waited.
   */
  waitedFor: ClerkError | undefined;
  #mayHaveRun = false;

  constructor(
    readonly context: CallContext,
    readonly call: CallInfo,
  ) {}

  /**
   * `done` if the call accepted response headers. `unknown` if it accepted none, and the request of a recorded attempt
   * was sent. `none` if no such request was sent. @see [C3.2](../../docs/guarantees.md#c3-2)
   */
  get execution(): Execution {
    if (!this.#mayHaveRun) return 'none';
    return this.call.hasRun === true ? 'done' : 'unknown';
  }

  record(
    { candidate, address, number, pickReason, stage, retryAfterMs }: AttemptRecord,
    verdict: Verdict,
    code: string,
    durationMs: number,
    error?: unknown,
  ): Outcome {
    const outcome: Outcome = Object.freeze({
      attempt: number,
      endpoint: candidate.endpoint.id,
      address: address.text,
      pickReason,
      stage,
      verdict,
      code,
      durationMs: Math.round(durationMs * 100) / 100,
      ...(retryAfterMs === undefined ? undefined : { retryAfterMs }),
      ...(error === undefined ? undefined : { error }),
    });
    this.outcomes.push(outcome);
    if (stage !== 'waiting') this.#mayHaveRun = true;
    const { reporter, name } = this.context;
    if (reporter.hasListeners('attempt'))
      this.call.asyncContext.runInAsyncScope(() => reporter.emit('attempt', { name, outcome }));
    return outcome;
  }
}
