import type { Coverage } from '../coverage.js';
import type { CallRecord } from '../oracle.js';
import type { Clock } from 'binding-clerk/extend';
import type { AbortInstant } from './caller-habits.js';

export interface CallerAbortsOptions {
  readonly clock: Clock;
  readonly coverage: Coverage;
  readonly log: (line: string) => void;
}

/** Aborts calls after a time, or at an instant of the call. */
export class CallerAborts {
  readonly #options: CallerAbortsOptions;
  readonly #reached = new Map<string, (instant: AbortInstant) => void>();

  constructor(options: CallerAbortsOptions) {
    this.#options = options;
  }

  /** The signal of a call that is aborted some time; undefined when the call is not aborted. */
  signalFor(record: CallRecord, afterMs: number | undefined): AbortSignal | undefined {
    const abortsAt = abortInstantOf(record);
    if (afterMs === undefined && abortsAt === undefined) return undefined;
    const { clock, coverage, log } = this.#options;
    const controller = new AbortController();
    const abort = (): void => {
      if (controller.signal.aborted) return;
      if (record.settledAt === undefined) record.abortedAt = clock.now();
      coverage.hit(abortsAt === undefined ? 'fault:caller-abort' : 'habit:caller-aborts-anytime');
      log(`${record.id} is aborted`);
      controller.abort();
    };
    if (abortsAt === undefined) {
      clock.setTimer(() => {
        if (record.settledAt === undefined) abort();
      }, afterMs ?? 0);
    } else {
      this.#reached.set(record.id, (instant) => {
        if (instant === abortsAt) abort();
      });
      this.reached(record, 'before');
    }
    return controller.signal;
  }

  /** A call has reached an instant at which its caller may abort it. */
  reached({ id }: CallRecord, instant: AbortInstant): void {
    this.#reached.get(id)?.(instant);
    if (instant === 'ended') this.#reached.delete(id);
  }
}

function abortInstantOf({ method, manner: { abortsAt } }: CallRecord): AbortInstant | undefined {
  // `fetch` of undici 7 fails an assertion when its signal aborts while it dispatches the request.
  return method === 'fetch' && (abortsAt === 'dispatched' || abortsAt === 'sent') ? 'returned' : abortsAt;
}
