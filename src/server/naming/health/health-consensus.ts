import type { Clock, Timer } from '../../../core/clock.js';
import type { HealthReport } from '../../../core/registry.js';
import { limits } from '../../../protocol/limits.js';
import type { NamingCommand, StatusChange } from '../commands/naming-command.js';
import { DelayQueue } from '../delay-queue.js';
import type { Registration } from '../state/name-entry.js';
import { ClearLimiter } from './clear-limiter.js';
import { statusOf, type EndpointStatus } from './endpoint-status.js';
import { Votes, type ReportedVerdict } from './votes.js';

/** Time that clients have to report, from the first `unreachable` report until it counts, ms. */
const reviewMs = 2_000;
/** A published status stays for at least this long, so that a flapping endpoint does not flood watches, ms. */
const minStatusMs = 2_000;

/** The parts of the name server that the consensus uses. */
export interface ConsensusDependencies {
  readonly clock: Clock;
  /** Finds the registration that a client reports on, by any name of its service. */
  readonly findRegistration: (name: string, id: string) => Registration | undefined;
  /** Submits a command that is built when its batch is planned. Never rejects. */
  readonly submit: (prepare: () => NamingCommand | undefined) => Promise<void>;
  /** Reports of one principal that are kept at a time. */
  readonly maxReportsPerPrincipal: number;
}

/** The latest report of one client on one endpoint. */
interface CountedReport {
  readonly review: EndpointReview;
  readonly key: string;
  readonly principal: string;
  verdict: ReportedVerdict;
}

/** An endpoint that is reported unreachable, or whose lease is overdue. */
interface EndpointReview {
  readonly registration: Registration;
  readonly epoch: number;
  readonly votes: Votes;
  readonly reports: Map<string, CountedReport>;
  isReviewed: boolean;
  isRenewalOverdue: boolean;
  /** The status that is published, or is about to be. */
  status: EndpointStatus;
}

/**
 * Shared health: the reports of all clients on an endpoint, and its lease, become one status that all clients see.
 * An `unreachable` report first starts a review, in which all clients that use the endpoint are asked. After 2 s the
 * endpoint is suspect while a majority cannot reach it. An overdue lease makes it suspect without a review.
 *
 * All of it is in memory only. Work is done per change; an endpoint without reports costs nothing.
 *
 * @see [B8](../../../../docs/background.md#b8)
 */
export class HealthConsensus {
  /** Reports received since this process started. */
  reports = 0;
  /** Verdicts in those reports. */
  endpointReports = 0;
  /** Times an endpoint became suspect. */
  suspectTransitions = 0;
  readonly #deps: ConsensusDependencies;
  readonly #reviews = new Map<Registration, EndpointReview>();
  readonly #clearLimiter = new ClearLimiter();
  /** Counted reports of each principal. */
  readonly #reportCounts = new Map<string, number>();
  readonly #reportExpiries = new DelayQueue<CountedReport>(limits.reportTtlMs);
  readonly #reviewDeadlines = new DelayQueue<EndpointReview>(reviewMs);
  readonly #statusHolds = new DelayQueue<EndpointReview>(minStatusMs);
  /** Reviews whose status is not submitted yet. */
  readonly #unpublished = new Set<EndpointReview>();
  #isPublishing = false;
  #timer: Timer | undefined;
  #timerAt = Infinity;
  #isClosed = false;

  constructor(deps: ConsensusDependencies) {
    this.#deps = deps;
  }

  /** Suspect endpoints, including those that panic mode hides. */
  get suspects(): number {
    let count = 0;
    for (const { status } of this.#reviews.values()) count += Number(status === 'suspect');
    return count;
  }

  /**
   * Adds the report of a client. Ignores verdicts on unknown endpoints and other epochs, and those beyond the maximum
   * of the principal.
   */
  addReport(principal: string, { clerk, reports }: HealthReport): void {
    this.reports++;
    this.endpointReports += reports.length;
    for (const { name, id, epoch, verdict } of reports) {
      const registration = this.#deps.findRegistration(name, id);
      if (registration?.epoch !== epoch || registration.draining || registration.isRemovalPending) continue;
      this.#count(registration, principal, clerk, verdict);
    }
    this.#arm();
  }

  /** These registrations have missed two renewals. */
  onRenewalOverdue(registrations: readonly Registration[]): void {
    for (const registration of registrations) {
      const review = this.#reviews.get(registration) ?? this.#startReview(registration);
      review.isRenewalOverdue = true;
      this.#evaluate(review);
    }
    this.#arm();
  }

  /** @param claimsHealthy - the endpoint knows that it is suspect, and reports that it works */
  onRenewed(registration: Registration, claimsHealthy: boolean): void {
    const review = this.#reviews.get(registration);
    if (review === undefined) return;
    review.isRenewalOverdue = false;
    if (claimsHealthy && review.status === 'suspect' && review.votes.unreachableReports > 0) {
      if (this.#clearLimiter.tryClear(registration, this.#deps.clock.now())) this.#clearReports(review);
    }
    this.#evaluate(review);
    this.#arm();
  }

  /** A registration was made again, with the same or another epoch, or began to drain. */
  onRegistered(registration: Registration): void {
    const review = this.#reviews.get(registration);
    if (review === undefined) return;
    if (review.epoch !== registration.epoch || registration.draining) this.onRemoved(registration);
    else this.onRenewed(registration, false);
  }

  onStatusApplied(registration: Registration): void {
    const { status } = registration;
    let review = this.#reviews.get(registration);
    if (
      review === undefined ? status === 'healthy' : review.status === status || this.#unpublished.has(review)
    )
      return;
    // The endpoint was removed and registered again while the status was written. The status is not its own.
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
    // A `reachable` report matters only while the endpoint has `unreachable` reports.
    if (review === undefined && verdict === 'reachable') return;
    const now = this.#deps.clock.now();
    const key = `${principal} ${clerk}`;
    let report = review?.reports.get(key);
    if (report === undefined) {
      const count = this.#reportCounts.get(principal) ?? 0;
      if (count >= this.#deps.maxReportsPerPrincipal) return;
      this.#reportCounts.set(principal, count + 1);
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
      isReviewed: false,
      isRenewalOverdue: false,
      status: 'healthy',
    };
    this.#reviews.set(registration, review);
    return review;
  }

  /** Removes all reports on an endpoint, and its timers. */
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
    const count = (this.#reportCounts.get(principal) ?? 0) - 1;
    if (count > 0) this.#reportCounts.set(principal, count);
    else this.#reportCounts.delete(principal);
  }

  #evaluate(review: EndpointReview): void {
    const { registration, votes } = review;
    const now = this.#deps.clock.now();
    if (votes.unreachableReports === 0) {
      review.isReviewed = false;
      this.#reviewDeadlines.delete(review);
    } else if (!review.isReviewed && !this.#reviewDeadlines.has(review))
      this.#reviewDeadlines.put(review, now);
    const status = statusOf(votes, review);
    if (status !== review.status) {
      // Evaluated again when the hold ends.
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
    const prepare = (): NamingCommand | undefined => {
      isPlanned = true;
      const changes = [...this.#unpublished].map(statusChangeOf);
      this.#unpublished.clear();
      return changes.length === 0 ? undefined : { kind: 'set-status', changes };
    };
    void this.#deps.submit(prepare).then(() => {
      this.#isPublishing = false;
      // A command that was never planned was rejected: the store cannot be written any more.
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
      // Received reports are counted before they are missed.
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
    // Holds end before reviews, so that an endpoint whose review begins now does not become suspect now.
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
