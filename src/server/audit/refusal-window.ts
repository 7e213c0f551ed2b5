import type { Clock, Timer } from '../../core/clock.js';
import { definedFields } from '../../core/defined-fields.js';
import { isoTime } from '../../core/iso-time.js';
import type { AuditKind } from '../../protocol/audit-messages.js';
import type { AuditEntry } from '../ports.js';
import type { AuditFields } from './audit-line.js';

export const windowMs = 60_000;
/** Maximum number of requests of one client with one error code that get their own line, per minute. */
export const maxWholePerClient = 10;
/** Maximum number of requests of all clients that get their own line, per minute. */
export const maxWhole = 500;
/**
 * Maximum number of pairs of client and error code that are counted separately, per minute. Further clients share one
 * count per error code.
 */
export const maxCounts = 500;

type Append = (kind: AuditKind, fields: AuditFields) => void;

interface Count {
  readonly kind: 'refusal' | 'failure';
  readonly client: Pick<AuditEntry, 'principal' | 'from'>;
  readonly result: string;
  whole: number;
  further: number;
  since: string;
}

/**
 * Limits the number of lines that rejected requests cause. The first requests of a client in a minute each get a
 * line. Further requests are counted, and each count becomes one line at the end of the minute.
 */
export class RefusalWindow {
  readonly #clock: Clock;
  readonly #append: Append;
  readonly #counts = new Map<string, Count>();
  #whole = 0;
  #timer: Timer | undefined;

  constructor(clock: Clock, append: Append) {
    this.#clock = clock;
    this.#append = append;
  }

  record(kind: Count['kind'], entry: AuditEntry): void {
    if (this.#timer === undefined) {
      this.#timer = this.#clock.setTimer(() => this.flush(), windowMs);
      this.#timer.setRef(false);
    }
    const count = this.#countOf(kind, entry);
    if (count.whole < maxWholePerClient && this.#whole < maxWhole) {
      count.whole += 1;
      this.#whole += 1;
      this.#append(kind, entry);
      return;
    }
    if (count.further === 0) count.since = isoTime(this.#clock.wallNow());
    count.further += 1;
  }

  /** Appends a line for each count. The next request starts a new minute. */
  flush(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    for (const { client, result, further, since } of this.#counts.values())
      if (further > 0) this.#append('refusals', { ...client, result, count: further, since });
    this.#counts.clear();
    this.#whole = 0;
  }

  #countOf(kind: Count['kind'], { principal, from, result = '' }: AuditEntry): Count {
    const client = definedFields(principal === undefined ? { from } : { principal });
    const key = `${kind} ${result} ${principal ?? from ?? ''}`;
    const found = this.#counts.get(key);
    if (found !== undefined) return found;
    const isApart = this.#counts.size < maxCounts;
    const commonKey = `${kind} ${result}`;
    const common = isApart ? undefined : this.#counts.get(commonKey);
    if (common !== undefined) return common;
    const count: Count = {
      ...{ kind, result, whole: 0, further: 0, since: '' },
      client: isApart ? client : {},
    };
    this.#counts.set(isApart ? key : commonKey, count);
    return count;
  }
}
