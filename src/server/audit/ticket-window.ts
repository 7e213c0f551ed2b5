import type { Clock, Timer } from '../../core/clock.js';
import { definedFields } from '../../core/defined-fields.js';
import { isoTime } from '../../core/iso-time.js';
import type { AuditKind } from '../../protocol/audit-messages.js';
import type { AuditEntry } from '../ports.js';
import type { AuditFields } from './audit-line.js';

export const ticketWindowMs = 3_600_000;
/**
 * Maximum number of pairs of key and service that are counted separately, per hour. Further tickets share one count.
 */
export const maxTicketCounts = 2_000;

interface Count {
  readonly fields: AuditFields;
  further: number;
  since: string;
}

/**
 * Limits the number of lines that issued tickets cause, because each client requests a ticket per service every few
 * minutes. The first ticket of a key for a service in an hour gets a line. Further tickets are counted, and each
 * count becomes one line at the end of the hour.
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

  /** Appends a line for each count. The next ticket starts a new hour. */
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
