import type { Clock } from '../core/clock.js';
import { probationAnswers, prolongEjection, shortenEjection } from './ejection-duration.js';
import { minDoubtedRun, type EndpointState } from './endpoint-state.js';
import { EndpointTimers } from './endpoint-timers.js';
import {
  cautiousRate,
  comparedRate,
  exceedsFailureThreshold,
  isLongRun,
  isOutlier,
  minConsecutiveFailures,
  successRateStats,
  type MeasuredRate,
  type SuccessRateStats,
} from './outlier-detection.js';

/** During probation, a single failure ejects only if the best other endpoint has at least this success rate. */
const minProbationRate = 0.95;
const answerWeight = 0.1;
/** An endpoint whose `achieved` reaches this value no longer counts as failing. */
const recoveredShare = 0.95;
/** A failing endpoint whose `achieved` is below this value gets one more call after each success. */
const minSteadyShare = 0.5;
/** A failure that lowers `achieved` below this value sets `achieved` to 0. */
const minShare = 0.05;
/** After this time without a retracted failure, in ms, `doubtedRun` returns to `minDoubtedRun`. */
const retractedForMs = 30_000;
const maxDoubtedRun = 16;
/**
 * Maximum age of the compared success rates, in ms per member of the service, up to `maxStatsAgeMs`. With many
 * members, a comparison for each failed call would be expensive. An endpoint that fails too often by these rates is
 * compared again, with rates that are at most `minStatsAgeMs` old.
 */
const statsAgePerMemberMs = 0.2;
const maxStatsAgeMs = 1_000;
const minStatsAgeMs = 50;

export interface OutlierEjectorOptions {
  readonly clock: Clock;
  readonly members: () => readonly EndpointState[];
  /** Returns false if too many endpoints are ejected already. */
  readonly eject: (member: EndpointState, now: number) => boolean;
  readonly open: (member: EndpointState, now: number) => void;
  readonly onChange: () => void;
}

/**
 * Ejects endpoints that fail too often, at first for 1 s, then for twice as long each time, up to 30 s. An ejection
 * ends without a probe. Until the endpoint has had 5 successes, a single failure ejects the endpoint again. The call
 * may be the cause of a failure, so a repeatable call is retried at another endpoint. If the retry fails too, the
 * first failure is retracted. At most half of the endpoints are ejected because of failures. Any other endpoint that
 * fails too often counts as failing. A failing endpoint gets only a fraction of the calls for which it is picked. This
 * fraction is its recent success rate.
 * @see [decision 053](../../docs/decisions/053-failing-majority.md)
 * @see [C9.5](../../docs/guarantees.md#c9-5)
 */
export class OutlierEjector {
  readonly #options: OutlierEjectorOptions;
  readonly #returns: EndpointTimers;
  #stats: SuccessRateStats = successRateStats([]);
  /**
   * The two members with the highest {@link comparedRate}, best first, without ejected members and members with the
   * rate 0.
   */
  #best: (MeasuredRate & { readonly member: EndpointState })[] = [];
  #comparedAt = -Infinity;

  constructor(options: OutlierEjectorOptions) {
    this.#options = options;
    this.#returns = new EndpointTimers(options.clock);
  }

  onFailure(member: EndpointState, startedAt: number, now: number): void {
    member.lastFailureAt = now;
    if (now - member.lastRetractedAt > retractedForMs) member.doubtedRun = minDoubtedRun;
    // An attempt that started before the end of the ejection shows nothing about the present state of the endpoint.
    if (member.status === 'closed' || startedAt < member.returnedAt) return;
    member.successRate.count(false, now);
    if (member.consecutiveFailures === 0) member.runStartedAt = startedAt;
    member.consecutiveFailures++;
    if (member.isFailing) {
      this.#updateAchieved(member, 0);
      // An attempt that started before the last prolongation, at `failingSince`, causes no further prolongation.
      if (member.achieved === 0 && startedAt >= member.failingSince) prolongEjection(member, now);
      if (this.#options.eject(member, now)) this.#onEjected(member, now);
      return;
    }
    const ageMs = Math.min(maxStatsAgeMs, statsAgePerMemberMs * this.#options.members().length);
    if (!this.#failsTooOften(member, ageMs, now) || !this.#failsTooOften(member, minStatsAgeMs, now)) return;
    prolongEjection(member, now);
    if (this.#options.eject(member, now)) this.#onEjected(member, now);
    else if (this.#options.members().length > 1) {
      member.achieved =
        member.goodAnswersNeeded > 0 || member.consecutiveFailures >= minConsecutiveFailures
          ? 0
          : member.successRate.at(now).successRate;
      member.isFailing = true;
      member.isWatched = true;
      this.#options.onChange();
    }
  }

  onSuccess(member: EndpointState, startedAt: number): void {
    if (member.isFailing) {
      this.#updateAchieved(member, 1);
      // The endpoint may work again, so it gets the next call for which it is picked.
      if (member.achieved < minSteadyShare && startedAt >= member.failingSince) member.retryAt = startedAt;
      if (member.achieved < recoveredShare) return;
      this.#stopFailing(member);
      member.successRate.clear();
      this.#options.onChange();
    } else if (startedAt >= member.returnedAt) member.goodAnswersNeeded--;
    member.isWatched = member.goodAnswersNeeded > 0;
  }

  /**
   * Called when a call got failure responses from several endpoints, so the call itself may be the cause. Retracts the
   * failure of the first endpoint: it no longer counts. If that endpoint was ejected since the start of the call, the
   * ejection ends. Has no effect if no other endpoint seems to work, because all endpoints may be faulty.
   */
  onCallFailed([first, ...others]: readonly EndpointState[], startedAt: number, now: number): void {
    if (first === undefined || !others.some((other) => seemsToWork(other, first))) return;
    if (first.consecutiveFailures >= first.doubtedRun && !this.#isUntriedLeft(first, others))
      first.doubtedRun = Math.min(maxDoubtedRun, 2 * first.doubtedRun);
    first.lastRetractedAt = now;
    first.consecutiveFailures = Math.max(0, first.consecutiveFailures - 1);
    if (!first.isEjectedForFailures || first.lastEjectedAt < startedAt) return;
    this.#returns.cancel(first);
    first.returnedAt = now;
    shortenEjection(first);
    this.#options.open(first, now);
  }

  /**
   * Whether none of the other tried endpoints has ever succeeded, and another endpoint is left to try. The tried
   * endpoints may be faulty themselves, so their failures do not show that the call is the cause.
   */
  #isUntriedLeft(first: EndpointState, others: readonly EndpointState[]): boolean {
    return (
      others.every(({ lastGoodStartedAt }) => lastGoodStartedAt === 0) &&
      this.#options
        .members()
        .some((member) => member !== first && member.status === 'open' && !member.hasFailedLast)
    );
  }

  takesCall(member: EndpointState, now: number): boolean {
    if (now < member.retryAt) return this.#options.clock.random() < member.achieved;
    member.retryAt = now + member.ejectionMs;
    member.failingSince = now;
    return true;
  }

  /** Cancels the timer that ends the ejection of an endpoint, and ends probation. An ejected endpoint stays ejected. */
  cancel(member: EndpointState): void {
    this.#returns.cancel(member);
    this.#stopFailing(member);
    member.goodAnswersNeeded = 0;
    member.isWatched = false;
  }

  stop(): void {
    this.#returns.cancelAll();
  }

  /** Ends the ejection of an endpoint after `ejectionMs`. Used for unreachable endpoints if probes are switched off. */
  ejectForTime(member: EndpointState, now: number): void {
    prolongEjection(member, now);
    this.#onEjected(member, now);
  }

  #onEjected(member: EndpointState, now: number): void {
    this.#stopFailing(member);
    const { clock, open } = this.#options;
    this.#returns.set(member, member.ejectionMs, () => {
      member.returnedAt = clock.now();
      member.goodAnswersNeeded = probationAnswers;
      member.isWatched = true;
      open(member, clock.now());
    });
    member.returnedAt = now + member.ejectionMs;
  }

  #updateAchieved(member: EndpointState, answer: 0 | 1): void {
    member.achieved += answerWeight * (answer - member.achieved);
    if (answer === 0 && member.achieved < minShare) member.achieved = 0;
  }

  #stopFailing(member: EndpointState): void {
    member.isFailing = false;
    member.achieved = 1;
  }

  #failsTooOften(member: EndpointState, maxAgeMs: number, now: number): boolean {
    const { consecutiveFailures, goodAnswersNeeded } = member;
    const { total, successRate } = member.successRate.at(now);
    if (now - this.#comparedAt >= maxAgeMs) this.#compare(now);
    const [best, second] = this.#best;
    const compared = best?.member === member ? second : best;
    // A failed call is retried at another endpoint only after `doubtedRun` consecutive failures. Earlier failures are
    // never retracted, even if the calls are the cause, so they do not count as a run.
    const isRun = goodAnswersNeeded > 0 || consecutiveFailures > member.doubtedRun;
    const isAlone = isRun && this.#failsAlone(member);
    if (compared === undefined) {
      // No other endpoint has enough attempts for a comparison. The success rate of one endpoint proves nothing,
      // since a route may fail at every endpoint.
      return isAlone && isLongRun(consecutiveFailures, this.#cautiousRateBeside(member, now));
    }
    return (
      (isAlone && goodAnswersNeeded > 0 && compared.rate >= minProbationRate) ||
      exceedsFailureThreshold(isAlone ? consecutiveFailures : 0, total, successRate, compared) ||
      isOutlier(total, successRate, this.#stats)
    );
  }

  /**
   * Whether another endpoint seems to have worked since the run of failures of `member` began. If not, a route or a
   * caller may be the cause.
   */
  #failsAlone(member: EndpointState): boolean {
    const { runStartedAt } = member;
    return this.#options
      .members()
      .some(
        (other) =>
          other !== member &&
          other.status === 'open' &&
          other.lastFailureAt < runStartedAt &&
          (other.lastGoodStartedAt > runStartedAt || other.pending === 0),
      );
  }

  /** Highest {@link cautiousRate} of the other members that are not ejected; at least 0.5. */
  #cautiousRateBeside(member: EndpointState, now: number): number {
    const rates = this.#options
      .members()
      .filter((other) => other !== member && other.status === 'open')
      .map((other) => cautiousRate(other.successRate.at(now)));
    return Math.max(0.5, ...rates);
  }

  #compare(now: number): void {
    this.#comparedAt = now;
    this.#best = [];
    const rates = this.#options.members().flatMap((member) => {
      if (member.status === 'closed') return [];
      const counted = member.successRate.at(now);
      const rate = comparedRate(counted);
      const { total } = counted;
      const [first, second] = this.#best;
      if (rate > (first?.rate ?? 0))
        this.#best = first ? [{ member, rate, total }, first] : [{ member, rate, total }];
      else if (rate > (second?.rate ?? 0) && first) this.#best = [first, { member, rate, total }];
      return [counted];
    });
    this.#stats = successRateStats(rates);
  }
}

/**
 * Whether `other`, at which the same call failed after `first`, works for other calls. The last response of `other` to
 * another call decides. If `other` has responded to no other call, the recent successes of `first` decide.
 */
function seemsToWork(other: EndpointState, first: EndpointState): boolean {
  if (other === first || other.consecutiveFailures > 0) return false;
  const hasWorked = first.lastGoodStartedAt > 0 && first.consecutiveFailures < maxDoubtedRun;
  return other.lastGoodStartedAt > 0 || hasWorked;
}
