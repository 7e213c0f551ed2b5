import type { Clock, Timer } from '../../../core/clock.js';
import type { HealthReport } from '../../../core/registry.js';
import { Quotas } from '../../../core/quotas.js';
import { limits } from '../../../protocol/limits.js';
import type { PrepareCommand, StatusChange } from '../commands/naming-command.js';
import { DelayQueue } from '../delay-queue.js';
import type { Registration } from '../state/name-entry.js';
import { isStarting } from '../state/record-codec.js';
import { CallEvidence } from './call-evidence.js';
import { ClearLimiter } from './clear-limiter.js';
import { statusOf, type EndpointStatus } from './suspect-rule.js';
import { Votes, type ReportedVerdict } from './votes.js';

/** Duration of a review, in ms, in which the other clients of the endpoint can send reports. */
const reviewMs = 2_000;
const minStatusMs = 2_000;

export interface ConsensusDependencies {
  readonly clock: Clock;
  readonly findRegistration: (name: string, id: string) => Registration | undefined;
  readonly submit: (prepare: PrepareCommand) => Promise<void>;
  /**
   * Whether this server decides the status of an endpoint. If false, another server decides it. Default: always true.
   */
  readonly judges?: ((registration: Registration) => boolean) | undefined;
  readonly maxReportsPerPrincipal: number;
  /** Called when a report is ignored because its principal, or the server, has the maximum number of reports. */
  readonly onReportLimit: (principal: string) => void;
}

interface CountedReport {
  readonly review: EndpointReview;
  readonly key: string;
  readonly principal: string;
  verdict: ReportedVerdict;
}

interface EndpointReview {
  readonly registration: Registration;
  readonly epoch: number;
  readonly votes: Votes;
  readonly reports: Map<string, CountedReport>;
  readonly calls: CallEvidence;
  isReviewed: boolean;
  isRenewalOverdue: boolean;
  status: EndpointStatus;
}

/**
 * Decides the status of each endpoint from client reports and renewals. All clients get the same status. An
 * `unreachable` report starts a review of 2 s, in which lookups ask all clients for reports. After the review, the
 * endpoint is suspect while most principals vote `unreachable`, unless its renewals show calls since the first
 * report. An overdue renewal makes the endpoint suspect without a review. A single server stores neither reports nor
 * statuses.
 *
 * @see [B8](../../../../docs/background.md#b8)
 */
export class HealthConsensus {
  reports = 0;
  endpointReports = 0;
  suspectTransitions = 0;
  readonly #deps: ConsensusDependencies;
  readonly #reviews = new Map<Registration, EndpointReview>();
  readonly #clearLimiter = new ClearLimiter();
  readonly #quotas = new Quotas();
  readonly #reportExpiries = new DelayQueue<CountedReport>(limits.reportTtlMs);
  readonly #reviewDeadlines = new DelayQueue<EndpointReview>(reviewMs);
  readonly #statusHolds = new DelayQueue<EndpointReview>(minStatusMs);
  readonly #unpublished = new Set<EndpointReview>();
  #isPublishing = false;
  #timer: Timer | undefined;
  #timerAt = Infinity;
  #isClosed = false;

  constructor(deps: ConsensusDependencies) {
    this.#deps = deps;
  }

  get suspects(): number {
    let count = 0;
    for (const { status } of this.#reviews.values()) count += Number(status === 'suspect');
    return count;
  }

  /**
   * Stores the reports of a client. Ignores reports about unknown, draining and starting endpoints, and about another
   * epoch. A principal with `maxReportsPerPrincipal` reports can only change these reports.
   */
  addReport(principal: string, { clerk, reports }: HealthReport): void {
    this.reports++;
    this.endpointReports += reports.length;
    for (const { name, id, epoch, verdict } of reports) {
      const registration = this.#deps.findRegistration(name, id);
      if (registration?.epoch !== epoch || registration.draining || registration.isRemovalPending) continue;
      if (isStarting(registration.json) || this.#deps.judges?.(registration) === false) continue;
      this.#count(registration, principal, clerk, verdict);
    }
    this.#arm();
  }

  onRenewalOverdue(registrations: readonly Registration[]): void {
    for (const registration of registrations) {
      const review = this.#reviews.get(registration) ?? this.#startReview(registration);
      review.isRenewalOverdue = true;
      this.#evaluate(review);
    }
    this.#arm();
  }

  /** @param servedAgoMs - time since the last answered call; undefined when the endpoint does not count its calls */
  onRenewed(registration: Registration, claimsHealthy: boolean, servedAgoMs?: number): void {
    const review = this.#reviews.get(registration);
    if (review === undefined) return;
    review.calls.onRenewed(this.#deps.clock.now(), servedAgoMs);
    review.isRenewalOverdue = false;
    if (claimsHealthy && review.status === 'suspect' && review.votes.unreachableReports > 0) {
      if (this.#clearLimiter.tryClear(registration, this.#deps.clock.now())) this.#clearReports(review);
    }
    this.#evaluate(review);
    this.#arm();
  }

  onRegistered(registration: Registration): void {
    const review = this.#reviews.get(registration);
    if (review === undefined) return;
    if (review.epoch !== registration.epoch || registration.draining) this.onRemoved(registration);
    else this.onRenewed(registration, false);
  }

  onStatusApplied(registration: Registration): void {
    if (this.#deps.judges?.(registration) === false) return;
    const { status } = registration;
    let review = this.#reviews.get(registration);
    if (
      review === undefined ? status === 'healthy' : review.status === status || this.#unpublished.has(review)
    )
      return;
    // The endpoint may have registered again while this status was written. In this case, the review of the new
    // registration decides the status.
    review ??= this.#startReview(registration);
    review.status = status;
    this.#evaluate(review);
    this.#arm();
  }

  onRemoved(registration: Registration): void {
    const review = this.#reviews.get(registration);
    if (review === undefined) return;
    this.#clearReports(review);
    this.#unpublished.delete(review);
    this.#reviews.delete(registration);
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  #count(registration: Registration, principal: string, clerk: string, verdict: ReportedVerdict): void {
    let review = this.#reviews.get(registration);
    // A `reachable` report counts only if the endpoint already has a review.
    if (review === undefined && verdict === 'reachable') return;
    const now = this.#deps.clock.now();
    const key = `${principal} ${clerk}`;
    let report = review?.reports.get(key);
    if (report === undefined) {
      const isFull = this.#quotas.total >= limits.maxStoredReportsOfAll;
      if (isFull || !this.#quotas.tryAcquire(principal, this.#deps.maxReportsPerPrincipal)) {
        this.#deps.onReportLimit(principal);
        return;
      }
      review ??= this.#startReview(registration);
      report = { review, key, principal, verdict };
      review.reports.set(key, report);
      review.votes.count(principal, verdict, 1);
    } else if (report.verdict !== verdict) {
      report.review.votes.count(principal, report.verdict, -1);
      report.verdict = verdict;
      report.review.votes.count(principal, verdict, 1);
    }
    this.#reportExpiries.put(report, now);
    this.#evaluate(report.review);
  }

  #startReview(registration: Registration): EndpointReview {
    const { epoch } = registration;
    const review: EndpointReview = {
      registration,
      epoch,
      votes: new Votes(),
      reports: new Map(),
      calls: new CallEvidence(),
      isReviewed: false,
      isRenewalOverdue: false,
      status: 'healthy',
    };
    this.#reviews.set(registration, review);
    return review;
  }

  #clearReports(review: EndpointReview): void {
    for (const report of [...review.reports.values()]) {
      this.#reportExpiries.delete(report);
      this.#removeReport(report);
    }
    this.#reviewDeadlines.delete(review);
    this.#statusHolds.delete(review);
  }

  #removeReport({ review, key, principal, verdict }: CountedReport): void {
    review.reports.delete(key);
    review.votes.count(principal, verdict, -1);
    this.#quotas.release(principal);
  }

  #evaluate(review: EndpointReview): void {
    const { registration, votes } = review;
    const now = this.#deps.clock.now();
    review.calls.setComplaint(votes.unreachableReports === 0 ? undefined : now);
    if (votes.unreachableReports === 0) {
      review.isReviewed = false;
      this.#reviewDeadlines.delete(review);
    } else if (!review.isReviewed && !this.#reviewDeadlines.has(review))
      this.#reviewDeadlines.put(review, now);
    const calls = review.calls.state(registration, now);
    const status = statusOf(votes, { ...review, calls });
    if (status !== review.status) {
      // The status changed less than 2 s ago. It stays for 2 s in all; then a timer evaluates the review again.
      if (this.#statusHolds.has(review)) return;
      this.#statusHolds.put(review, now);
      if (status === 'suspect') this.suspectTransitions++;
      review.status = status;
      this.#unpublished.add(review);
      this.#publish();
    }
    if (status !== 'healthy' || this.#statusHolds.has(review)) return;
    this.#clearReports(review);
    this.#reviews.delete(registration);
  }

  #publish(): void {
    if (this.#isPublishing || this.#isClosed || this.#unpublished.size === 0) return;
    this.#isPublishing = true;
    let isPlanned = false;
    const prepare: PrepareCommand = () => {
      isPlanned = true;
      const changes = [...this.#unpublished].map(statusChangeOf);
      this.#unpublished.clear();
      return changes.length === 0 ? undefined : { kind: 'set-status', changes };
    };
    void this.#deps.submit(prepare).then(() => {
      this.#isPublishing = false;
      // A command that was never planned was rejected: the store cannot be written, or the server closes. Publication
      // stops.
      if (isPlanned) this.#publish();
      else this.#unpublished.clear();
    });
  }

  #arm(): void {
    const at = Math.min(
      this.#reportExpiries.nextDueAt,
      this.#reviewDeadlines.nextDueAt,
      this.#statusHolds.nextDueAt,
    );
    if (at === this.#timerAt || this.#isClosed) return;
    const { clock } = this.#deps;
    this.#timer?.cancel();
    this.#timerAt = at;
    this.#timer = undefined;
    if (at === Infinity) return;
    this.#timer = clock.setTimer(() => {
      // Reports that have arrived but were not read yet count before other reports expire.
      clock.afterPendingIo(() => this.#onTimer());
    }, at - clock.now());
    this.#timer.setRef(false);
  }

  #onTimer(): void {
    if (this.#isClosed) return;
    this.#timerAt = Infinity;
    const now = this.#deps.clock.now();
    for (const report of this.#reportExpiries.takeDue(now)) {
      this.#removeReport(report);
      this.#evaluate(report.review);
    }
    // Statuses that have lasted 2 s are evaluated before reviews end, so that an endpoint becomes `reviewing` before
    // `suspect`.
    for (const review of this.#statusHolds.takeDue(now)) this.#evaluate(review);
    for (const review of this.#reviewDeadlines.takeDue(now)) {
      review.isReviewed = true;
      this.#evaluate(review);
    }
    this.#arm();
  }
}

function statusChangeOf({ registration: { entry, id }, epoch, status }: EndpointReview): StatusChange {
  return { name: entry.name, id, epoch, status };
}
