import type { Clock, Timer } from '../../core/clock.js';
import { definedFields } from '../../core/defined-fields.js';
import { isoTime } from '../../core/iso-time.js';
import type { AuditKind } from '../../protocol/audit-messages.js';
import type { AuditEntry } from '../ports.js';
import type { AuditFields } from './audit-line.js';

export const ticketWindowMs = 3_600_000;
/** Keys and services that are counted apart in each hour. Tickets of the others have one common count. */
export const maxTicketCounts = 2_000;

interface Count {
  readonly fields: AuditFields;
  further: number;
  since: string;
}

/**
 * Limits how many lines issued tickets cause: a clerk requests one for each service every few minutes. In each hour, the
 * first ticket of a key for a service is recorded whole. The others are counted, and each count becomes one line at the
 * end of the hour.
 */
export class TicketWindow {
  readonly #clock: Clock;
  readonly #append: (kind: AuditKind, fields: AuditFields) => void;
  readonly #counts = new Map<string, Count>();
  #common = newCount({});
  #timer: Timer | undefined;

  constructor(clock: Clock, append: (kind: AuditKind, fields: AuditFields) => void) {
    this.#clock = clock;
    this.#append = append;
  }

  record(entry: AuditEntry): void {
    if (this.#timer === undefined) {
      this.#timer = this.#clock.setTimer(() => this.flush(), ticketWindowMs);
      this.#timer.setRef(false);
    }
    const { operation, names = [], principal, key } = entry;
    const id = [principal, key, ...names].join(' ');
    const found = this.#counts.get(id);
    if (found === undefined && this.#counts.size < maxTicketCounts) {
      this.#counts.set(id, newCount(definedFields({ operation, names, principal, key })));
      this.#append('ticket', entry);
      return;
    }
    const count = found ?? this.#common;
    if (count.further === 0) count.since = isoTime(this.#clock.wallNow());
    count.further += 1;
  }

  /** Appends the counts, and begins a new hour with the next ticket. */
  flush(): void {
    this.#timer?.cancel();
    this.#timer = undefined;
    for (const { fields, further, since } of [...this.#counts.values(), this.#common])
      if (further > 0) this.#append('tickets', { ...fields, count: further, since });
    this.#counts.clear();
    this.#common = newCount({});
  }
}

function newCount(fields: AuditFields): Count {
  return { fields, further: 0, since: '' };
}
