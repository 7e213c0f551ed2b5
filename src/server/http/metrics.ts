/**
 * Counters and the text that Prometheus reads. Labels are routes and statuses only: no name of a service and no address,
 * which could be any number.
 *
 * @see promises C8.4
 */
import type { Clock, Timer } from '../../core/clock.js';
import type { StatusResponse } from '../../protocol/messages.js';
import type { NameService } from '../ports.js';

/** Upper bounds of a histogram's buckets, in seconds. */
const bucketBounds = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];

/** Durations by size. */
export class Histogram {
  readonly #counts = new Array<number>(bucketBounds.length + 1).fill(0);
  #sum = 0;

  /** @param seconds - ≥ 0 */
  observe(seconds: number): void {
    let at = 0;
    while (at < bucketBounds.length && seconds > (bucketBounds[at] as number)) at++;
    this.#counts[at] = (this.#counts[at] as number) + 1;
    this.#sum += seconds;
  }

  expose(name: string): string[] {
    let count = 0;
    const buckets = bucketBounds.map((bound, at) => {
      count += this.#counts[at] as number;
      return `${name}_bucket{le="${String(bound)}"} ${count}`;
    });
    count += this.#counts[bucketBounds.length] as number;
    return [
      ...buckets,
      `${name}_bucket{le="+Inf"} ${count}`,
      `${name}_sum ${this.#sum}`,
      `${name}_count ${count}`,
    ];
  }
}

/** How often the event loop is looked at, in ms. */
const sampleIntervalMs = 100;

/** What a server counts of itself. */
export class Metrics {
  /** Of writes of the store. */
  readonly commitSeconds = new Histogram();
  /** Records in them. */
  committedRecords = 0;
  /** Writes that failed. */
  commitFailures = 0;
  /** How much later than asked for the event loop came round. */
  readonly eventLoopDelaySeconds = new Histogram();
  /** Streams that began anew because their reader was slow, and those that were cut for it. */
  watchOverflows = 0;
  watchDisconnects = 0;
  readonly #requestCounts = new Map<string, Map<number, number>>();
  readonly #clock: Clock;
  #timer: Timer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#sampleEventLoop(clock.now());
  }

  /** The counter of a route; kept, so that counting costs no look-up by name. */
  requestCounter(method: string, path: string): (status: number) => void {
    const key = `method="${method}",route="${path}"`;
    const counts = this.#requestCounts.get(key) ?? new Map<number, number>();
    this.#requestCounts.set(key, counts);
    return (status) => counts.set(status, (counts.get(status) ?? 0) + 1);
  }

  /** Everything, in Prometheus's text form. */
  expose(
    status: StatusResponse,
    { expiredRegistrations, healthStats }: Pick<NameService, 'expiredRegistrations' | 'healthStats'>,
    connections: number,
  ): string {
    const lines: string[] = [];
    const addMetric = (name: string, type: string, help: string, samples: readonly string[]): void => {
      lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...samples);
    };
    const addValue = (name: string, type: string, help: string, value: number): void =>
      addMetric(name, type, help, [`${name} ${value}`]);
    addValue('clerk_services', 'gauge', 'Services', status.services);
    addValue('clerk_endpoints', 'gauge', 'Endpoints', status.endpoints);
    addValue(
      'clerk_leases_expired_total',
      'counter',
      'Endpoints dropped since nobody renewed them',
      expiredRegistrations,
    );
    addValue('clerk_reports_total', 'counter', 'Reports of clerks', healthStats.reports);
    addValue('clerk_opinions_total', 'counter', 'Opinions of endpoints in them', healthStats.endpointReports);
    addValue(
      'clerk_marks_total',
      'counter',
      'Times that an endpoint became suspect',
      healthStats.suspectTransitions,
    );
    addValue('clerk_suspects', 'gauge', 'Endpoints that are suspect', healthStats.suspects);
    addValue('clerk_links', 'gauge', 'Links', status.links);
    addValue('clerk_watches', 'gauge', 'Open watches', status.watches);
    addValue('clerk_degraded', 'gauge', '1 while degraded', Number(status.degraded));
    addValue('clerk_connections', 'gauge', 'Open connections', connections);
    const requests = [...this.#requestCounts].flatMap(([key, counts]) =>
      [...counts].map(
        ([code, count]) => `clerk_http_requests_total{${key},status="${String(code)}"} ${String(count)}`,
      ),
    );
    addMetric('clerk_http_requests_total', 'counter', 'Requests answered', requests);
    addMetric(
      'clerk_commit_seconds',
      'histogram',
      'Writes of the store',
      this.commitSeconds.expose('clerk_commit_seconds'),
    );
    addValue('clerk_commit_records_total', 'counter', 'Records written', this.committedRecords);
    addValue('clerk_commit_failures_total', 'counter', 'Writes that failed', this.commitFailures);
    addValue(
      'clerk_watch_overflows_total',
      'counter',
      'Watches begun anew for a slow reader',
      this.watchOverflows,
    );
    addValue(
      'clerk_watch_cuts_total',
      'counter',
      'Watches cut for a reader that took nothing',
      this.watchDisconnects,
    );
    addMetric(
      'clerk_event_loop_delay_seconds',
      'histogram',
      'How late the event loop came round',
      this.eventLoopDelaySeconds.expose('clerk_event_loop_delay_seconds'),
    );
    return `${lines.join('\n')}\n`;
  }

  close(): void {
    this.#timer?.cancel();
  }

  #sampleEventLoop(timerSetAt: number): void {
    this.#timer = this.#clock.setTimer(() => {
      const now = this.#clock.now();
      this.eventLoopDelaySeconds.observe(Math.max(0, now - timerSetAt - sampleIntervalMs) / 1_000);
      this.#sampleEventLoop(now);
    }, sampleIntervalMs);
    this.#timer.setRef(false);
  }
}
