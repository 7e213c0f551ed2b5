/**
 * What this clerk tells the registry of endpoints: whom it cannot reach, that it can again, and, when the registry asks,
 * whom it reaches. Behind the calls and never on one's path: at most one message a second for all names, repeated every
 * few seconds while it holds. A report that fails is forgotten; the next one says how things are then.
 *
 * @see "A Distributed Systems Architecture for the 1990's" B8; promises C4.4
 */
import { withTimeout, type Clock, type Timer } from '../core/clock.js';
import type { EndpointReport, Registry } from '../core/registry.js';

/** Shortest time between two reports, in ms. */
const minReportIntervalMs = 1_000;
/** What is new waits for so long, spread over a second so that clerks that saw the same do not speak at once. */
const reportDelayMs = 250;
const reportJitterMs = 1_000;
/** An opinion is repeated after about so long, in ms: well within the ten seconds that the server keeps it. */
const repeatIntervalMs = 4_000;
/** What is due that soon goes along, in ms. */
const coalesceMs = 500;
/** Opinions in one report. */
const maxReportsPerMessage = 100;
/** Endpoints that are spoken of at a time; the rest is not. */
const maxTrackedEndpoints = 1_000;
/** For how long a report may be under way, in ms. */
const reportTimeoutMs = 3_000;

/** Who knows endpoints of a service. */
export interface HealthSource {
  /** What is known lately of these, by their ids; nothing of the others. */
  endpointReports(ids: ReadonlyMap<string, unknown>, now: number): readonly EndpointReport[];
}

/** What witnessing needs. */
export interface HealthReporterOptions {
  readonly clock: Clock;
  readonly registry: Registry;
  /** Aborted when the clerk closes. */
  readonly signal: AbortSignal;
}

/** An endpoint that is spoken of. */
interface TrackedReport {
  /** The registry wants to know. */
  isQueried: boolean;
  lastVerdict: EndpointReport['verdict'] | undefined;
  dueAt: number;
}

/** Endpoints of one service that are spoken of. */
interface TrackedReports {
  readonly byId: Map<string, TrackedReport>;
  /** Something may have changed: looked at then. */
  checkAt: number;
}

/** See the file's header. Keeps no process alive. */
export class HealthReporter {
  readonly #options: HealthReporterOptions;
  readonly #tracked = new Map<HealthSource, TrackedReports>();
  #count = 0;
  /** Drawn when it is first needed: a clerk that never reports draws nothing. */
  #clerkId = '';
  #sentAt = -Infinity;
  #isSending = false;
  #timer: Timer | undefined;
  #timerAt = Infinity;

  constructor(options: HealthReporterOptions) {
    this.#options = options;
    options.signal.addEventListener('abort', () => this.#timer?.cancel());
  }

  /** Hard evidence was seen against an endpoint. */
  onUnreachable(source: HealthSource, id: string): void {
    if (this.#isIdle) return;
    const report = this.#track(source, id);
    if (report === undefined || report.lastVerdict === 'unreachable') return;
    report.dueAt = Math.min(report.dueAt, this.#nextDueAt());
    this.#schedule();
  }

  /** The registry asks about these endpoints of a service, and about no others. */
  onQueried(source: HealthSource, ids: readonly string[]): void {
    if (this.#isIdle) return;
    const queried = new Set(ids);
    for (const [id, report] of this.#tracked.get(source)?.byId ?? [])
      if (!queried.has(id)) report.isQueried = false;
    for (const id of queried) {
      const report = this.#track(source, id);
      if (report === undefined || report.isQueried) continue;
      report.isQueried = true;
      report.dueAt = Math.min(report.dueAt, this.#nextDueAt());
    }
    this.#schedule();
  }

  /** Endpoints of a service, or their health, have changed. */
  onHealthChanged(source: HealthSource): void {
    const reports = this.#tracked.get(source);
    if (reports === undefined || reports.checkAt !== Infinity) return;
    reports.checkAt = this.#nextDueAt();
    this.#schedule();
  }

  /** Nobody is interested in a service any more. */
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

  #track(source: HealthSource, id: string): TrackedReport | undefined {
    let reports = this.#tracked.get(source);
    let report = reports?.byId.get(id);
    if (report !== undefined || this.#count >= maxTrackedEndpoints) return report;
    report = { isQueried: false, lastVerdict: undefined, dueAt: Infinity };
    if (reports === undefined) this.#tracked.set(source, (reports = { byId: new Map(), checkAt: Infinity }));
    reports.byId.set(id, report);
    this.#count++;
    return report;
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

  /** What is to be said now; who needs not be spoken of any more is forgotten. */
  #collectDue(now: number): readonly EndpointReport[] {
    const found = new Map<string, EndpointReport>();
    for (const [source, tracked] of [...this.#tracked]) {
      if (found.size >= maxReportsPerMessage) break;
      const { byId } = tracked;
      const isChecked = tracked.checkAt <= now;
      if (!isChecked && ![...byId.values()].some(({ dueAt }) => dueAt <= now + coalesceMs)) continue;
      tracked.checkAt = Infinity;
      const known = new Map(source.endpointReports(byId, now).map((opinion) => [opinion.id, opinion]));
      for (const [id, report] of [...byId]) {
        const opinion = known.get(id);
        if (report.dueAt > now + coalesceMs && (!isChecked || report.lastVerdict === opinion?.verdict))
          continue;
        if (found.size >= maxReportsPerMessage) {
          report.dueAt = now;
          continue;
        }
        if (opinion !== undefined && isWorthReporting(opinion, report))
          found.set(`${opinion.name} ${id}`, opinion);
        this.#scheduleNext(byId, id, opinion, now);
      }
      if (byId.size === 0) this.#tracked.delete(source);
      else if (found.size > 0) {
        this.#tracked.delete(source);
        this.#tracked.set(source, tracked);
      }
    }
    return [...found.values()];
  }

  /** Whether and when it is spoken of again. */
  #scheduleNext(
    byId: Map<string, TrackedReport>,
    id: string,
    opinion: EndpointReport | undefined,
    now: number,
  ): void {
    const report = byId.get(id) as TrackedReport;
    byId.delete(id);
    report.lastVerdict = opinion?.verdict;
    if (report.isQueried || opinion?.verdict === 'unreachable') {
      report.dueAt = now + repeatIntervalMs * (0.75 + 0.5 * this.#options.clock.random());
      // Who was spoken of last is the last to be spoken of again.
      byId.set(id, report);
    } else this.#count--;
  }

  async #send(reports: readonly EndpointReport[]): Promise<void> {
    const { clock, registry, signal } = this.#options;
    this.#isSending = true;
    this.#sentAt = clock.now();
    if (this.#clerkId === '') this.#clerkId = randomId(() => clock.random());
    const controller = new AbortController();
    const stop = (): void => controller.abort(signal.reason);
    signal.addEventListener('abort', stop);
    try {
      const report = { clerk: this.#clerkId, reports };
      const sent = Promise.resolve().then(() => registry.report?.(report, { signal: controller.signal }));
      await withTimeout(
        clock,
        reportTimeoutMs,
        sent,
        () => new Error('The registry took too long over a report'),
      );
    } catch (error) {
      // Nobody waits for it, and how things are then is said next time.
      controller.abort(error);
    } finally {
      signal.removeEventListener('abort', stop);
    }
    this.#isSending = false;
    this.#schedule();
  }
}

/** That one can be reached says only who is asked, or had said that it cannot. */
function isWorthReporting({ verdict }: EndpointReport, { isQueried, lastVerdict }: TrackedReport): boolean {
  return verdict === 'unreachable' || isQueried || lastVerdict === 'unreachable';
}

/** 100 random bits and more, in letters and digits. */
function randomId(random: () => number): string {
  return Array.from({ length: 4 }, () =>
    Math.floor(random() * 36 ** 6)
      .toString(36)
      .padStart(6, '0'),
  ).join('');
}
