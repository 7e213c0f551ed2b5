import { AsyncResource } from 'node:async_hooks';
import type { Clock, Timer } from '../core/clock.js';
import type { EndpointReport, Registry } from '../core/registry.js';
import { withDeadline } from '../core/with-deadline.js';

const minReportIntervalMs = 1_000;
const reportDelayMs = 250;
const reportJitterMs = 1_000;
/**
 * Interval between two reports about one endpoint, in ms. Shorter than the 10 s after which the registry discards a
 * report.
 */
const repeatIntervalMs = 4_000;
/** A message contains the reports that are due now or within this time, in ms. */
const coalesceMs = 500;
const maxReportsPerMessage = 100;
/** Maximum number of tracked endpoints of all services. Further endpoints are not reported. */
const maxTrackedEndpoints = 1_000;
const reportTimeoutMs = 3_000;

export interface HealthSource {
  endpointReports(ids: ReadonlyMap<string, unknown>, now: number): readonly EndpointReport[];
}

export interface HealthReporterOptions {
  readonly clock: Clock;
  readonly registry: Registry;
  readonly signal: AbortSignal;
}

interface TrackedEndpoint {
  isQueried: boolean;
  lastVerdict: EndpointReport['verdict'] | undefined;
  dueAt: number;
}

interface TrackedService {
  readonly byId: Map<string, TrackedEndpoint>;
  /** When the verdicts are next compared with the reported verdicts; Infinity for never. */
  checkAt: number;
}

/**
 * Reports to the registry which endpoints are unreachable or have recovered. Also reports the endpoints about which the
 * registry asks (queried endpoints). Sends one message for all services, at most once per second. A failed message is
 * not sent again, because the next message has the current state.
 * @see [B8](../../docs/background.md#b8)
 * @see [C4.4](../../docs/guarantees.md#c4-4)
 */
export class HealthReporter {
  readonly #options: HealthReporterOptions;
  readonly #tracked = new Map<HealthSource, TrackedService>();
  #count = 0;
  #clerkId = '';
  #sentAt = -Infinity;
  #isSending = false;
  #timer: Timer | undefined;
  #timerAt = Infinity;
  readonly #context = new AsyncResource('CLERK_HEALTH_REPORT');

  constructor(options: HealthReporterOptions) {
    this.#options = options;
    options.signal.addEventListener('abort', () => this.#timer?.cancel());
  }

  onUnreachable(source: HealthSource, id: string): void {
    if (this.#isIdle) return;
    const endpoint = this.#track(source, id);
    if (endpoint === undefined || endpoint.lastVerdict === 'unreachable') return;
    endpoint.dueAt = Math.min(endpoint.dueAt, this.#nextDueAt());
    this.#schedule();
  }

  /** @param ids - the queried endpoints of the service; all others are no longer queried */
  onQueried(source: HealthSource, ids: readonly string[]): void {
    if (this.#isIdle) return;
    const queried = new Set(ids);
    for (const [id, endpoint] of this.#tracked.get(source)?.byId ?? [])
      if (!queried.has(id)) endpoint.isQueried = false;
    for (const id of queried) {
      const endpoint = this.#track(source, id);
      if (endpoint === undefined || endpoint.isQueried) continue;
      endpoint.isQueried = true;
      endpoint.dueAt = Math.min(endpoint.dueAt, this.#nextDueAt());
    }
    this.#schedule();
  }

  onHealthChanged(source: HealthSource): void {
    const service = this.#tracked.get(source);
    if (service === undefined || service.checkAt !== Infinity) return;
    service.checkAt = this.#nextDueAt();
    this.#schedule();
  }

  remove(source: HealthSource): void {
    this.#count -= this.#tracked.get(source)?.byId.size ?? 0;
    this.#tracked.delete(source);
  }

  get #isIdle(): boolean {
    return this.#options.registry.report === undefined || this.#options.signal.aborted;
  }

  #nextDueAt(): number {
    const { clock } = this.#options;
    return clock.now() + reportDelayMs + reportJitterMs * clock.random();
  }

  #track(source: HealthSource, id: string): TrackedEndpoint | undefined {
    let service = this.#tracked.get(source);
    let endpoint = service?.byId.get(id);
    if (endpoint !== undefined || this.#count >= maxTrackedEndpoints) return endpoint;
    endpoint = { isQueried: false, lastVerdict: undefined, dueAt: Infinity };
    if (service === undefined) this.#tracked.set(source, (service = { byId: new Map(), checkAt: Infinity }));
    service.byId.set(id, endpoint);
    this.#count++;
    return endpoint;
  }

  #schedule(): void {
    if (this.#isSending || this.#isIdle) return;
    let at = Infinity;
    for (const { byId, checkAt } of this.#tracked.values()) {
      at = Math.min(at, checkAt);
      for (const { dueAt } of byId.values()) at = Math.min(at, dueAt);
    }
    at = Math.max(at, this.#sentAt + minReportIntervalMs);
    if (at === this.#timerAt) return;
    this.#timer?.cancel();
    this.#timerAt = at;
    this.#timer = undefined;
    if (at === Infinity) return;
    const { clock } = this.#options;
    this.#timer = clock.setTimer(() => this.#onTimer(), Math.max(0, at - clock.now()));
    this.#timer.setRef(false);
  }

  #onTimer(): void {
    this.#timerAt = Infinity;
    const reports = this.#collectDue(this.#options.clock.now());
    if (reports.length > 0) void this.#send(reports);
    else this.#schedule();
  }

  /** Returns the reports for the next message. No longer tracks the endpoints that need no further report. */
  #collectDue(now: number): readonly EndpointReport[] {
    const found = new Map<string, EndpointReport>();
    for (const [source, service] of [...this.#tracked]) {
      if (found.size >= maxReportsPerMessage) break;
      const { byId } = service;
      const isChecked = service.checkAt <= now;
      if (!isChecked && ![...byId.values()].some(({ dueAt }) => dueAt <= now + coalesceMs)) continue;
      service.checkAt = Infinity;
      const reportsById = new Map(source.endpointReports(byId, now).map((report) => [report.id, report]));
      for (const [id, endpoint] of [...byId]) {
        const report = reportsById.get(id);
        if (endpoint.dueAt > now + coalesceMs && (!isChecked || endpoint.lastVerdict === report?.verdict))
          continue;
        if (found.size >= maxReportsPerMessage) {
          endpoint.dueAt = now;
          continue;
        }
        if (report !== undefined && isWorthReporting(report, endpoint))
          found.set(`${report.name} ${id}`, report);
        this.#scheduleNext(byId, id, report, now);
      }
      if (byId.size === 0) this.#tracked.delete(source);
      else if (found.size > 0) {
        this.#tracked.delete(source);
        this.#tracked.set(source, service);
      }
    }
    return [...found.values()];
  }

  /** Schedules the next report of an unreachable or queried endpoint. No longer tracks any other endpoint. */
  #scheduleNext(
    byId: Map<string, TrackedEndpoint>,
    id: string,
    report: EndpointReport | undefined,
    now: number,
  ): void {
    const endpoint = byId.get(id) as TrackedEndpoint;
    byId.delete(id);
    endpoint.lastVerdict = report?.verdict;
    if (endpoint.isQueried || report?.verdict === 'unreachable') {
      endpoint.dueAt = now + repeatIntervalMs * (0.75 + 0.5 * this.#options.clock.random());
      // Moves the endpoint to the end of the map, so that all endpoints are reported in turn.
      byId.set(id, endpoint);
    } else this.#count--;
  }

  async #send(reports: readonly EndpointReport[]): Promise<void> {
    const { clock, registry, signal } = this.#options;
    this.#isSending = true;
    this.#sentAt = clock.now();
    if (this.#clerkId === '') this.#clerkId = randomId(() => clock.random());
    const deadline = {
      clock,
      limitMs: reportTimeoutMs,
      onTimeout: () =>
        new Error(`The registry did not accept a health report within ${String(reportTimeoutMs)} ms`),
      parents: [{ signal, error: () => signal.reason as unknown }],
    };
    const report = { clerk: this.#clerkId, reports };
    // Runs in the async context of the clerk, not of the call that failed first.
    await this.#context
      .runInAsyncScope(() => withDeadline(deadline, async (signal) => registry.report?.(report, { signal })))
      .catch(() => undefined);
    this.#isSending = false;
    this.#schedule();
  }
}

/** `reachable` is reported only for an endpoint that is queried or was last reported as `unreachable`. */
function isWorthReporting({ verdict }: EndpointReport, { isQueried, lastVerdict }: TrackedEndpoint): boolean {
  return verdict === 'unreachable' || isQueried || lastVerdict === 'unreachable';
}

function randomId(random: () => number): string {
  return Array.from({ length: 4 }, () =>
    Math.floor(random() * 36 ** 6)
      .toString(36)
      .padStart(6, '0'),
  ).join('');
}
