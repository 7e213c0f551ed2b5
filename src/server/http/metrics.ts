import type { Clock, Timer } from '../../core/clock.js';
import type { StatusResponse, StatusTotals } from '../../protocol/status-messages.js';
import type { NameService } from '../ports.js';

/** Upper bounds of the histogram buckets, in seconds. */
const bucketBounds = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];

export class Histogram {
  readonly #counts = new Array<number>(bucketBounds.length + 1).fill(0);
  #sum = 0;

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
      return `${name}_bucket{le="${bound}"} ${count}`;
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

const sampleIntervalMs = 100;
const minTextIntervalMs = 1_000;

/**
 * The metrics of one server. Labels contain only methods, routes and statuses, which bounds the number of time
 * series.
 *
 * @see [C8.4](../../../docs/guarantees.md#c8-4)
 */
export class Metrics {
  readonly commitSeconds = new Histogram();
  committedRecords = 0;
  commitFailures = 0;
  readonly eventLoopDelaySeconds = new Histogram();
  watchOverflows = 0;
  watchDisconnects = 0;
  readonly #requestCounts = new Map<string, Map<number, number>>();
  readonly #clock: Clock;
  #timer: Timer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#sampleEventLoop(clock.now());
  }

  requestCounter(method: string, path: string): (status: number) => void {
    const key = `method="${method}",route="${path}"`;
    const counts = this.#requestCounts.get(key) ?? new Map<number, number>();
    this.#requestCounts.set(key, counts);
    return (status) => counts.set(status, (counts.get(status) ?? 0) + 1);
  }

  expose(
    status: StatusResponse & StatusTotals,
    {
      expiredRegistrations,
      fenceCount,
      healthStats,
    }: Pick<NameService, 'expiredRegistrations' | 'fenceCount' | 'healthStats'>,
    connections: number,
  ): string {
    const requests = [...this.#requestCounts].flatMap(([key, counts]) =>
      [...counts].map(([code, count]) => `clerk_http_requests_total{${key},status="${code}"} ${count}`),
    );
    const metrics: readonly (readonly [
      name: string,
      help: string,
      number | readonly string[] | Histogram,
    ])[] = [
      ['clerk_services', 'Services', status.services],
      ['clerk_endpoints', 'Endpoints', status.endpoints],
      ['clerk_leases_expired_total', 'Endpoints whose lease expired', expiredRegistrations],
      ['clerk_fences', 'Ended instances whose last epochs are kept', fenceCount],
      ['clerk_reports_total', 'Health reports received', healthStats.reports],
      ['clerk_endpoint_reports_total', 'Endpoints in health reports', healthStats.endpointReports],
      ['clerk_suspect_transitions_total', 'Endpoints that became suspect', healthStats.suspectTransitions],
      ['clerk_suspect_endpoints', 'Endpoints that are suspect', healthStats.suspects],
      ['clerk_links', 'Links', status.links],
      ['clerk_watches', 'Open watches', status.watches],
      [
        'clerk_degraded',
        '1 while the removal of expired endpoints is delayed, or the store or the audit log cannot be written; otherwise 0',
        Number(status.degraded),
      ],
      ['clerk_connections', 'Open connections', connections],
      ['clerk_http_requests_total', 'Requests answered', requests],
      ['clerk_commit_seconds', 'Duration of store writes', this.commitSeconds],
      ['clerk_commit_records_total', 'Records written to the store', this.committedRecords],
      ['clerk_commit_failures_total', 'Store writes that failed', this.commitFailures],
      ['clerk_watch_overflows_total', 'Overflows of the event queues of slow clients', this.watchOverflows],
      [
        'clerk_watch_disconnects_total',
        'Watches disconnected because the response buffer stayed full',
        this.watchDisconnects,
      ],
      ['clerk_event_loop_delay_seconds', 'Delay of the event loop', this.eventLoopDelaySeconds],
    ];
    const lines = metrics.flatMap(([name, help, value]) => {
      const type = value instanceof Histogram ? 'histogram' : name.endsWith('_total') ? 'counter' : 'gauge';
      const samples =
        value instanceof Histogram
          ? value.expose(name)
          : typeof value === 'number'
            ? [`${name} ${value}`]
            : value;
      return [`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...samples];
    });
    return `${lines.join('\n')}\n`;
  }

  /** Returns a function that returns the text of `expose`. The function calls `expose` at most once a second. */
  textSource(expose: () => string): () => string {
    let text = '';
    let madeAt = -Infinity;
    return () => {
      const now = this.#clock.now();
      if (now - madeAt >= minTextIntervalMs) {
        text = expose();
        madeAt = now;
      }
      return text;
    };
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
