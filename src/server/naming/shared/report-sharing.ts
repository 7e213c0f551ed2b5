import type { Clock } from '../../../core/clock.js';
import type { HealthReport } from '../../../core/registry.js';
import { limits } from '../../../protocol/limits.js';
import type { NamingCommand } from '../commands/naming-command.js';
import type { Registration } from '../state/name-entry.js';
import type { SharedReport } from '../state/records.js';

/** Interval at which an unchanged report is sent again, in ms, because the receiver drops it after `reportTtlMs`. */
const repeatMs = limits.reportTtlMs / 2;

export interface ReportSharingDependencies {
  readonly clock: Clock;
  readonly findRegistration: (name: string, id: string) => Registration | undefined;
  readonly isJudgedHere: (registration: Registration) => boolean;
  readonly submit: (command: NamingCommand) => Promise<unknown>;
}

/**
 * Forwards client reports to the server at which the endpoint renews its lease, because only that server decides the
 * status of the endpoint. `reachable` reports about healthy endpoints are not forwarded, so they cause no writes.
 */
export class ReportSharing {
  readonly #deps: ReportSharingDependencies;
  /** When each report was last forwarded, oldest first. */
  readonly #sharedAt = new Map<string, number>();

  constructor(deps: ReportSharingDependencies) {
    this.#deps = deps;
  }

  share(principal: string, { clerk, reports }: HealthReport): void {
    const passed: SharedReport[] = [];
    for (const { name, id, epoch, verdict } of reports) {
      const registration = this.#deps.findRegistration(name, id);
      if (registration?.epoch !== epoch || registration.draining) continue;
      if (this.#deps.isJudgedHere(registration)) continue;
      if (verdict === 'reachable' && registration.status === 'healthy') continue;
      const report = { kind: 'report', name, id, epoch, principal, clerk, verdict } as const;
      if (this.#isDue(report)) passed.push(report);
    }
    if (passed.length === 0) return;
    // A failed write needs no retry here, because the client repeats its report.
    this.#deps.submit({ kind: 'share-reports', reports: passed }).catch(() => undefined);
  }

  #isDue({ name, id, epoch, principal, clerk, verdict }: SharedReport): boolean {
    const now = this.#deps.clock.now();
    for (const [key, at] of this.#sharedAt) {
      if (now - at < repeatMs) break;
      this.#sharedAt.delete(key);
    }
    const key = [name, id, epoch, principal, clerk, verdict].join(' ');
    if (this.#sharedAt.has(key) || this.#sharedAt.size >= limits.maxStoredReports) return false;
    this.#sharedAt.set(key, now);
    return true;
  }
}
