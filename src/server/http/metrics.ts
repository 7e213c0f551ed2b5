import type { Clock, Timer } from '../../core/clock.js';
import type { StatusResponse } from '../../protocol/messages.js';
import type { NameService } from '../ports.js';

/** Upper bounds of the buckets of a histogram, in seconds. */
const bucketBounds = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];

/** A histogram of durations. */
export class Histogram {
  readonly #counts = new Array<number>(bucketBounds.length + 1).fill(0);
  #sum = 0;

  /**
   * Counts one duration.
   *
   * @param seconds - duration, in seconds; ≥ 0
   */
  observe(seconds: number): void {
    let at = 0;
    while (at < bucketBounds.length && seconds > (bucketBounds[at] as number)) at++;
    this.#counts[at] = (this.#counts[at] as number) + 1;
    this.#sum += seconds;
  }

  /** Returns the lines of this histogram in the Prometheus text format. */
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

/** Interval between two measurements of the event-loop delay, in ms. */
const sampleIntervalMs = 100;

/**
 * Metrics of one server in the Prometheus text format. Labels have methods, routes and statuses, but no service names
 * or addresses, so the number of time series is bounded.
 *
 * @see [C8.4](../../../docs/guarantees.md#c8-4)
 */
export class Metrics {
  /** Durations of successful writes to the store. */
  readonly commitSeconds = new Histogram();
  /** Number of record changes (records stored or deleted) written to the store. */
  committedRecords = 0;
  /** Number of writes to the store that failed. */
  commitFailures = 0;
  /** Delays of the event loop: how long after its due time a timer was called. */
  readonly eventLoopDelaySeconds = new Histogram();
  /** Number of times that the event queue of a watch overflowed because the client read too slowly. */
  watchOverflows = 0;
  /** Number of watches that were disconnected because the client did not read and the response buffer stayed full. */
  watchDisconnects = 0;
  readonly #requestCounts = new Map<string, Map<number, number>>();
  readonly #clock: Clock;
  #timer: Timer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#sampleEventLoop(clock.now());
  }

  /**
   * Returns a function that counts one request of a route under the status of the response. Callers keep the function
   * for all requests of the route, to save a map lookup per request.
   */
  requestCounter(method: string, path: string): (status: number) => void {
    const key = `method="${method}",route="${path}"`;
    const counts = this.#requestCounts.get(key) ?? new Map<number, number>();
    this.#requestCounts.set(key, counts);
    return (status) => counts.set(status, (counts.get(status) ?? 0) + 1);
  }

  /** Returns all metrics in the Prometheus text format. */
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
    addValue('clerk_leases_expired_total', 'counter', 'Endpoints whose lease expired', expiredRegistrations);
    addValue('clerk_reports_total', 'counter', 'Health reports received', healthStats.reports);
    addValue(
      'clerk_endpoint_reports_total',
      'counter',
      'Endpoints in health reports',
      healthStats.endpointReports,
    );
    addValue(
      'clerk_suspect_transitions_total',
      'counter',
      'Endpoints that became suspect',
      healthStats.suspectTransitions,
    );
    addValue('clerk_suspect_endpoints', 'gauge', 'Endpoints that are suspect', healthStats.suspects);
    addValue('clerk_links', 'gauge', 'Links', status.links);
    addValue('clerk_watches', 'gauge', 'Open watches', status.watches);
    addValue('clerk_degraded', 'gauge', '1 while the server is degraded', Number(status.degraded));
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
      'Duration of store writes',
      this.commitSeconds.expose('clerk_commit_seconds'),
    );
    addValue('clerk_commit_records_total', 'counter', 'Records written to the store', this.committedRecords);
    addValue('clerk_commit_failures_total', 'counter', 'Store writes that failed', this.commitFailures);
    addValue(
      'clerk_watch_overflows_total',
      'counter',
      'Watches resynchronized for a slow client',
      this.watchOverflows,
    );
    addValue(
      'clerk_watch_disconnects_total',
      'counter',
      'Watches disconnected because the client read nothing',
      this.watchDisconnects,
    );
    addMetric(
      'clerk_event_loop_delay_seconds',
      'histogram',
      'Delay of the event loop',
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
