/**
 * Counters and the text that Prometheus reads. Labels are routes and statuses only: no name of a service and no address,
 * which could be any number.
 *
 * @see promises C8.4
 */
import type { Clock, Timer } from '../../core/clock.js';
import type { StatusReply } from '../../wire/messages.js';
import type { NameService } from '../ports.js';

/** Upper bounds of a histogram's buckets, in seconds. */
const bounds = [
  0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];

/** Durations by size. */
export class Histogram {
  readonly #counts = new Array<number>(bounds.length + 1).fill(0);
  #sum = 0;

  /** @param seconds - ≥ 0 */
  add(seconds: number): void {
    let at = 0;
    while (at < bounds.length && seconds > (bounds[at] as number)) at++;
    this.#counts[at] = (this.#counts[at] as number) + 1;
    this.#sum += seconds;
  }

  lines(name: string): string[] {
    let count = 0;
    const buckets = bounds.map((bound, at) => {
      count += this.#counts[at] as number;
      return `${name}_bucket{le="${String(bound)}"} ${count}`;
    });
    count += this.#counts[bounds.length] as number;
    return [
      ...buckets,
      `${name}_bucket{le="+Inf"} ${count}`,
      `${name}_sum ${this.#sum}`,
      `${name}_count ${count}`,
    ];
  }
}

/** How often the event loop is looked at, in ms. */
const lookMs = 100;

/** What a server counts of itself. */
export class Metrics {
  /** Of writes of the store. */
  readonly commits = new Histogram();
  /** Records in them. */
  records = 0;
  /** Writes that failed. */
  failures = 0;
  /** How much later than asked for the event loop came round. */
  readonly delays = new Histogram();
  /** Streams that began anew because their reader was slow, and those that were cut for it. */
  overflows = 0;
  cuts = 0;
  readonly #requests = new Map<string, Map<number, number>>();
  readonly #clock: Clock;
  #timer: Timer | undefined;

  constructor(clock: Clock) {
    this.#clock = clock;
    this.#look(clock.now());
  }

  /** The counter of a route; kept, so that counting costs no look-up by name. */
  counter(method: string, path: string): (status: number) => void {
    const key = `method="${method}",route="${path}"`;
    const counts = this.#requests.get(key) ?? new Map<number, number>();
    this.#requests.set(key, counts);
    return (status) => counts.set(status, (counts.get(status) ?? 0) + 1);
  }

  /** Everything, in Prometheus's text form. */
  text(
    status: StatusReply,
    { expired, judged }: Pick<NameService, 'expired' | 'judged'>,
    connections: number,
  ): string {
    const lines: string[] = [];
    const tell = (name: string, type: string, help: string, values: readonly string[]): void => {
      lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, ...values);
    };
    const single = (name: string, type: string, help: string, value: number): void =>
      tell(name, type, help, [`${name} ${value}`]);
    single('clerk_services', 'gauge', 'Services', status.services);
    single('clerk_endpoints', 'gauge', 'Endpoints', status.endpoints);
    single('clerk_leases_expired_total', 'counter', 'Endpoints dropped since nobody renewed them', expired);
    single('clerk_reports_total', 'counter', 'Reports of clerks', judged.reports);
    single('clerk_opinions_total', 'counter', 'Opinions of endpoints in them', judged.opinions);
    single('clerk_marks_total', 'counter', 'Times that an endpoint became suspect', judged.marks);
    single('clerk_suspects', 'gauge', 'Endpoints that are suspect', judged.suspects);
    single('clerk_links', 'gauge', 'Links', status.links);
    single('clerk_watches', 'gauge', 'Open watches', status.watches);
    single('clerk_degraded', 'gauge', '1 while degraded', Number(status.degraded));
    single('clerk_connections', 'gauge', 'Open connections', connections);
    const requests = [...this.#requests].flatMap(([key, counts]) =>
      [...counts].map(
        ([code, count]) => `clerk_http_requests_total{${key},status="${String(code)}"} ${String(count)}`,
      ),
    );
    tell('clerk_http_requests_total', 'counter', 'Requests answered', requests);
    tell(
      'clerk_commit_seconds',
      'histogram',
      'Writes of the store',
      this.commits.lines('clerk_commit_seconds'),
    );
    single('clerk_commit_records_total', 'counter', 'Records written', this.records);
    single('clerk_commit_failures_total', 'counter', 'Writes that failed', this.failures);
    single('clerk_watch_overflows_total', 'counter', 'Watches begun anew for a slow reader', this.overflows);
    single('clerk_watch_cuts_total', 'counter', 'Watches cut for a reader that took nothing', this.cuts);
    tell(
      'clerk_event_loop_delay_seconds',
      'histogram',
      'How late the event loop came round',
      this.delays.lines('clerk_event_loop_delay_seconds'),
    );
    return `${lines.join('\n')}\n`;
  }

  close(): void {
    this.#timer?.cancel();
  }

  #look(startedAt: number): void {
    this.#timer = this.#clock.setTimer(() => {
      const now = this.#clock.now();
      this.delays.add(Math.max(0, now - startedAt - lookMs) / 1_000);
      this.#look(now);
    }, lookMs);
    this.#timer.setRef(false);
  }
}
