/**
 * Shared judgement: what many clerks say of an endpoint, and what its lease says, become one view that all are told. An
 * endpoint that somebody complains of is doubted first, which asks all who call it; once they have had the time to
 * speak, it is suspect for as long as a majority cannot reach it. A lease that falters needs no asking.
 *
 * Everything is in memory only, and work is done per change: who is not complained of is never looked at.
 *
 * @see "A Distributed Systems Architecture for the 1990's" B8
 */
import type { Clock, Timer } from '../../../core/clock.js';
import type { HealthReport } from '../../../core/registry.js';
import { limits } from '../../../protocol/limits.js';
import { ClearLimiter } from './clear-limiter.js';
import type { NamingCommand, StatusChange } from '../commands/naming-command.js';
import type { Registration } from '../state/name-entry.js';
import { Votes, statusOf, type EndpointStatus, type EndpointVerdict } from './votes.js';
import { DelayQueue } from '../delay-queue.js';

/** For how long after the first complaint the others are listened to before it counts, in ms. */
const reviewMs = 2_000;
/** What was told of an endpoint stays for so long at least, in ms: what wavers is not told every time. */
const minStatusMs = 2_000;

/** What judging works on. */
export interface ConsensusDependencies {
  readonly clock: Clock;
  /** The registration that a clerk means, whichever of its names it says. */
  readonly findRegistration: (name: string, id: string) => Registration | undefined;
  /** Hands in a command that is made when its turn comes. Never rejects. */
  readonly submit: (prepare: () => NamingCommand | undefined) => Promise<void>;
  /** Opinions of one principal that are kept at a time. */
  readonly maxReportsPerPrincipal: number;
}

/** One clerk's opinion of one endpoint. */
interface CountedReport {
  readonly review: EndpointReview;
  readonly key: string;
  readonly principal: string;
  verdict: EndpointVerdict;
}

/** An endpoint that something is held against. */
interface EndpointReview {
  readonly registration: Registration;
  readonly epoch: number;
  readonly votes: Votes;
  readonly reports: Map<string, CountedReport>;
  isReviewed: boolean;
  isRenewalOverdue: boolean;
  /** What was told last, or is about to be. */
  status: EndpointStatus;
}

/** See the file's header. */
export class HealthConsensus {
  /** Reports that came, opinions in them, and marks that were made, since this process began. */
  reports = 0;
  endpointReports = 0;
  suspectTransitions = 0;
  readonly #deps: ConsensusDependencies;
  readonly #reviews = new Map<Registration, EndpointReview>();
  readonly #clearLimiter = new ClearLimiter();
  /** Opinions of each principal that are kept. */
  readonly #reportCounts = new Map<string, number>();
  readonly #reportExpiries = new DelayQueue<CountedReport>(limits.reportTtlMs);
  readonly #reviewDeadlines = new DelayQueue<EndpointReview>(reviewMs);
  readonly #statusHolds = new DelayQueue<EndpointReview>(minStatusMs);
  /** Cases whose standing is to be told. */
  readonly #unpublished = new Set<EndpointReview>();
  #isPublishing = false;
  #timer: Timer | undefined;
  #timerAt = Infinity;
  #isClosed = false;

  constructor(deps: ConsensusDependencies) {
    this.#deps = deps;
  }

  /** Endpoints that are suspect, shown as such or not. */
  get suspects(): number {
    let count = 0;
    for (const { status } of this.#reviews.values()) count += Number(status === 'suspect');
    return count;
  }

  /**
   * Takes what a clerk says. Of what is not known, of another life of an instance, and beyond what a principal may have
   * kept, nothing is taken and nothing is said.
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

  /** These have missed two renewals. */
  onRenewalOverdue(registrations: readonly Registration[]): void {
    for (const registration of registrations) {
      const about = this.#reviews.get(registration) ?? this.#startReview(registration);
      about.isRenewalOverdue = true;
      this.#evaluate(about);
    }
    this.#arm();
  }

  /**
   * One was renewed.
   *
   * @param claimsHealthy - it was told that it is suspect, and says that it is well
   */
  onRenewed(registration: Registration, claimsHealthy: boolean): void {
    const about = this.#reviews.get(registration);
    if (about === undefined) return;
    about.isRenewalOverdue = false;
    if (claimsHealthy && about.status === 'suspect' && about.votes.unreachableReports > 0) {
      if (this.#clearLimiter.tryClear(registration, this.#deps.clock.now())) this.#clearReports(about);
    }
    this.#evaluate(about);
    this.#arm();
  }

  /** One came back, or changed what it said of itself. */
  onRegistered(registration: Registration): void {
    const about = this.#reviews.get(registration);
    if (about === undefined) return;
    if (about.epoch !== registration.epoch || registration.draining) this.onRemoved(registration);
    else this.onRenewed(registration, false);
  }

  /** What was told of one is seen from now on. */
  onStatusApplied(registration: Registration): void {
    const { status } = registration;
    let about = this.#reviews.get(registration);
    if (about === undefined ? status === 'good' : about.status === status || this.#unpublished.has(about))
      return;
    // It went and came back while its mark was on its way, and nobody said it of who it is now.
    about ??= this.#startReview(registration);
    about.status = status;
    this.#evaluate(about);
    this.#arm();
  }

  /** One is not there any more. */
  onRemoved(registration: Registration): void {
    const about = this.#reviews.get(registration);
    if (about === undefined) return;
    this.#clearReports(about);
    this.#unpublished.delete(about);
    this.#reviews.delete(registration);
  }

  close(): void {
    this.#isClosed = true;
    this.#timer?.cancel();
  }

  #count(registration: Registration, principal: string, clerk: string, verdict: EndpointVerdict): void {
    let about = this.#reviews.get(registration);
    // Praise of whom nobody complains of changes nothing.
    if (about === undefined && verdict === 'reachable') return;
    const now = this.#deps.clock.now();
    const key = `${principal} ${clerk}`;
    let heard = about?.reports.get(key);
    if (heard === undefined) {
      const kept = this.#reportCounts.get(principal) ?? 0;
      if (kept >= this.#deps.maxReportsPerPrincipal) return;
      this.#reportCounts.set(principal, kept + 1);
      about ??= this.#startReview(registration);
      heard = { review: about, key, principal, verdict };
      about.reports.set(key, heard);
      about.votes.count(principal, verdict, 1);
    } else if (heard.verdict !== verdict) {
      heard.review.votes.count(principal, heard.verdict, -1);
      heard.verdict = verdict;
      heard.review.votes.count(principal, verdict, 1);
    }
    this.#reportExpiries.put(heard, now);
    this.#evaluate(heard.review);
  }

  #startReview(registration: Registration): EndpointReview {
    const { epoch } = registration;
    const about: EndpointReview = {
      registration,
      epoch,
      votes: new Votes(),
      reports: new Map(),
      isReviewed: false,
      isRenewalOverdue: false,
      status: 'good',
    };
    this.#reviews.set(registration, about);
    return about;
  }

  /** Forgets all that was said of it so far. */
  #clearReports(about: EndpointReview): void {
    for (const heard of [...about.reports.values()]) {
      this.#reportExpiries.delete(heard);
      this.#removeReport(heard);
    }
    this.#reviewDeadlines.delete(about);
    this.#statusHolds.delete(about);
  }

  #removeReport({ review, key, principal, verdict }: CountedReport): void {
    review.reports.delete(key);
    review.votes.count(principal, verdict, -1);
    const kept = (this.#reportCounts.get(principal) ?? 0) - 1;
    if (kept > 0) this.#reportCounts.set(principal, kept);
    else this.#reportCounts.delete(principal);
  }

  #evaluate(about: EndpointReview): void {
    const { registration, votes } = about;
    const now = this.#deps.clock.now();
    if (votes.unreachableReports === 0) {
      about.isReviewed = false;
      this.#reviewDeadlines.delete(about);
    } else if (!about.isReviewed && !this.#reviewDeadlines.has(about)) this.#reviewDeadlines.put(about, now);
    const standing = statusOf(votes, about);
    if (standing !== about.status) {
      // Looked at again when the hold is over.
      if (this.#statusHolds.has(about)) return;
      this.#statusHolds.put(about, now);
      if (standing === 'suspect') this.suspectTransitions++;
      about.status = standing;
      this.#unpublished.add(about);
      this.#publish();
    }
    if (standing !== 'good' || this.#statusHolds.has(about)) return;
    this.#clearReports(about);
    this.#reviews.delete(registration);
  }

  #publish(): void {
    if (this.#isPublishing || this.#isClosed || this.#unpublished.size === 0) return;
    this.#isPublishing = true;
    let isTaken = false;
    const prepare = (): NamingCommand | undefined => {
      isTaken = true;
      const marks = [...this.#unpublished].map(statusChangeOf);
      this.#unpublished.clear();
      return marks.length === 0 ? undefined : { kind: 'mark', changes: marks };
    };
    void this.#deps.submit(prepare).then(() => {
      this.#isPublishing = false;
      // Where nothing can be changed any more, nothing is told.
      if (isTaken) this.#publish();
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
      // What has arrived while this process was busy is heard before it is missed.
      clock.afterPendingIo(() => this.#onTimer());
    }, at - clock.now());
    this.#timer.setRef(false);
  }

  #onTimer(): void {
    if (this.#isClosed) return;
    this.#timerAt = Infinity;
    const now = this.#deps.clock.now();
    for (const heard of this.#reportExpiries.takeDue(now)) {
      this.#removeReport(heard);
      this.#evaluate(heard.review);
    }
    // First: nobody is marked in the same moment in which it was to be asked about.
    for (const about of this.#statusHolds.takeDue(now)) this.#evaluate(about);
    for (const about of this.#reviewDeadlines.takeDue(now)) {
      about.isReviewed = true;
      this.#evaluate(about);
    }
    this.#arm();
  }
}

function statusChangeOf({ registration: { entry, id }, epoch, status }: EndpointReview): StatusChange {
  return { name: entry.name, id, epoch, status: status };
}
