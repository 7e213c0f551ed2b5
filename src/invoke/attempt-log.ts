import type { AsyncResource } from 'node:async_hooks';
import type { ConnectedCandidate } from '../core/candidate.js';
import type { Execution } from '../core/errors.js';
import type { CallKind } from '../core/idempotency.js';
import type { Outcome, Stage, Verdict } from '../core/outcome.js';
import type { CallContext } from './call-context.js';

/** The data of an attempt from which its {@link Outcome} is created. */
export interface AttemptRecord {
  readonly candidate: ConnectedCandidate;
  /** The address to which the attempt is sent. */
  readonly address: { readonly text: string };
  /** Number of the attempt within its call; the first attempt is 1. */
  readonly number: number;
  /** Why the endpoint was picked: see {@link Outcome.pickReason}. */
  readonly pickReason: string;
  /** The stage that the attempt reached. */
  readonly stage: Stage;
}

/** The facts of a call that its attempt log and its errors need. */
export interface CallInfo {
  readonly kind: CallKind;
  readonly startedAt: number;
  /**
   * Deadline of the call, on the clock's scale. May change until the first attempt: a lookup may return a service
   * config that sets the call timeout.
   */
  readonly deadlineAt: number;
  /**
   * Whether the headers of a response have shown that the call was executed. The body of that response may still fail.
   */
  readonly hasRun?: boolean;
  /** The async context of the caller, in which events of the call are emitted. */
  readonly asyncContext: AsyncResource;
}

/** The outcomes of a call's attempts so far, and whether any of these attempts may have been executed. */
export class AttemptLog {
  readonly outcomes: Outcome[] = [];
  #mayHaveRun = false;

  constructor(
    readonly context: CallContext,
    readonly call: CallInfo,
  ) {}

  /**
   * `done` if the headers of a response were accepted, `unknown` if the request of any recorded attempt was sent,
   * otherwise `none`.
   *
   * @see [C3.2](../../docs/guarantees.md#c3-2)
   */
  get execution(): Execution {
    if (!this.#mayHaveRun) return 'none';
    return this.call.hasRun === true ? 'done' : 'unknown';
  }

  /** Records the outcome of an attempt that ended, and emits an `attempt` event with the outcome. */
  record(
    { candidate, address, number, pickReason, stage }: AttemptRecord,
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
