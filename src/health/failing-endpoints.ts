import type { Clock } from '../core/clock.js';
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

/** Shortest time for which an endpoint is ejected for failing answers, in ms. */
const minStayMs = 1_000;
/** Longest time for which an endpoint is ejected for failing answers, in ms. */
const maxStayMs = 30_000;
/** After this time without an ejection, in ms, the next ejection lasts only `minStayMs`. */
const forgiveMs = 60_000;
/**
 * Number of good answers that an endpoint must give after an ejection. Until then, a single bad answer ejects the
 * endpoint again.
 */
const probationAnswers = 5;
/**
 * A single bad answer after an ejection ejects again only if the best other endpoint has at least this success rate.
 */
const minProbationRate = 0.95;
/** Weight of the newest answer in `achieved`, the smoothed share of good answers of a failing endpoint. */
const answerWeight = 0.1;
/** Value of `achieved` from which an endpoint no longer counts as failing. */
const recoveredShare = 0.95;
/** While `achieved` is below this value, the endpoint gets one more call after each good answer. */
const minSteadyShare = 0.5;
/** A bad answer that lowers `achieved` below this value sets `achieved` to 0. */
const minShare = 0.05;
/** If no answer of an endpoint was retracted for this time, in ms, its `doubtedRun` is reset to `minDoubtedRun`. */
const retractedForMs = 30_000;
const maxDoubtedRun = 16;
/**
 * Maximum age, per member, of the success rates to which an endpoint is compared, in ms. The whole maximum age is at
 * most 1,000 ms. It would be too expensive to compute the rates of many members for each failed call. If the endpoint
 * seems to fail, the comparison is repeated with `minStatsAgeMs`.
 */
const statsAgePerMemberMs = 0.2;
const maxStatsAgeMs = 1_000;
const minStatsAgeMs = 50;

/** Options of {@link FailingEndpoints}. */
export interface FailingEndpointsOptions {
  readonly clock: Clock;
  readonly members: () => readonly EndpointState[];
  /**
   * Ejects an endpoint. Returns false if the endpoint was not ejected, because too many endpoints are ejected already.
   */
  readonly eject: (member: EndpointState, now: number) => boolean;
  /** Opens an endpoint whose ejection has ended. */
  readonly open: (member: EndpointState, now: number) => void;
  /** Called when an endpoint is counted as failing, or is no longer counted as failing. */
  readonly onChange: () => void;
}

/**
 * Ejects endpoints whose answers fail too often.
 *
 * The first ejection of an endpoint lasts 1 s. The duration doubles with each further ejection, up to 30 s. After 60 s
 * without an ejection, the next ejection lasts 1 s again.
 *
 * An ejection for failing answers ends without a probe. Until a returned endpoint has given 5 good answers, a single
 * bad answer ejects the endpoint again. This rule applies only while the best other endpoint has a success rate of at
 * least 0.95.
 *
 * A failing answer may also be the fault of the call. So a repeatable call that gets a failing answer of a doubted
 * endpoint is tried at another endpoint. If the call fails there too, the first answer does not count.
 *
 * At most half of the endpoints are ejected for failing answers. If a further endpoint fails too often, this endpoint
 * is not ejected but counts as failing. A failing endpoint gets a part of the calls for which it is picked. This part
 * equals its recent share of good answers. A failing endpoint also gets one call each time an ejection would have
 * ended. While most of its answers are bad, a failing endpoint also gets one call after each good answer.
 *
 * @see [decision 053](../../docs/decisions/053-failing-majority.md)
 * @see [C9.5](../../docs/guarantees.md#c9-5)
 */
export class FailingEndpoints {
  readonly #options: FailingEndpointsOptions;
  /** Timers that end the ejections. */
  readonly #returns: EndpointTimers;
  #stats: SuccessRateStats = successRateStats([]);
  /**
   * Of the members that are not ejected, the two with the highest {@link comparedRate}, best first. Members with the
   * rate 0 are left out.
   */
  #best: (MeasuredRate & { readonly member: EndpointState })[] = [];
  #comparedAt = -Infinity;

  constructor(options: FailingEndpointsOptions) {
    this.#options = options;
    this.#returns = new EndpointTimers(options.clock);
  }

  /**
   * Called when an attempt ended with a failing answer, or lost its connection.
   *
   * @param startedAt - when the attempt started
   */
  onFailure(member: EndpointState, startedAt: number, now: number): void {
    member.lastFailureAt = now;
    if (now - member.lastRetractedAt > retractedForMs) member.doubtedRun = minDoubtedRun;
    // An attempt that started before the endpoint returned shows nothing about the endpoint after its return.
    if (member.status === 'closed' || startedAt < member.returnedAt) return;
    member.successRate.count(false, now);
    if (member.consecutiveFailures === 0) member.runStartedAt = startedAt;
    member.consecutiveFailures++;
    if (member.isFailing) {
      this.#updateAchieved(member, 0);
      // An attempt that started before `failingSince` shows nothing new about the endpoint.
      if (member.achieved === 0 && startedAt >= member.failingSince) this.#prolong(member, now);
      if (this.#options.eject(member, now)) this.#onEjected(member, now);
      return;
    }
    const ageMs = Math.min(maxStatsAgeMs, statsAgePerMemberMs * this.#options.members().length);
    if (!this.#failsTooOften(member, ageMs, now) || !this.#failsTooOften(member, minStatsAgeMs, now)) return;
    this.#prolong(member, now);
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

  /** Called for each good answer of an endpoint that `isWatched`. */
  onSuccess(member: EndpointState, startedAt: number): void {
    if (member.isFailing) {
      this.#updateAchieved(member, 1);
      // The endpoint may work again, so the next call for which it is picked goes there.
      if (member.achieved < minSteadyShare && startedAt >= member.failingSince) member.retryAt = startedAt;
      if (member.achieved < recoveredShare) return;
      this.#stopFailing(member);
      member.successRate.clear();
      this.#options.onChange();
    } else if (startedAt >= member.returnedAt) member.goodAnswersNeeded--;
    member.isWatched = member.goodAnswersNeeded > 0;
  }

  /**
   * Called when a call ended with a failing answer, after failing answers of several endpoints. The answer of the first
   * endpoint is retracted: it no longer counts in the run of failing answers, but still counts in the success rate. If
   * the first endpoint was ejected for failing answers since the start of the call, the ejection ends. If the first
   * endpoint was doubted, its `doubtedRun` is doubled, up to 16.
   *
   * Has no effect if none of the other endpoints seems to work. In this case the endpoints, not the call, may be the
   * cause.
   */
  onCallFailed([first, ...others]: readonly EndpointState[], startedAt: number, now: number): void {
    if (first === undefined || !others.some((other) => seemsToWork(other, first))) return;
    if (first.consecutiveFailures >= first.doubtedRun)
      first.doubtedRun = Math.min(maxDoubtedRun, 2 * first.doubtedRun);
    first.lastRetractedAt = now;
    first.consecutiveFailures = Math.max(0, first.consecutiveFailures - 1);
    if (!first.isEjectedForFailures || first.lastEjectedAt < startedAt) return;
    this.#returns.cancel(first);
    first.returnedAt = now;
    first.stayMs = first.stayMs > minStayMs ? first.stayMs / 2 : 0;
    this.#options.open(first, now);
  }

  /** Whether a failing endpoint that was picked gets the call. If false, the call must go to another endpoint. */
  takesCall(member: EndpointState, now: number): boolean {
    if (now < member.retryAt) return this.#options.clock.random() < member.achieved;
    member.retryAt = now + member.stayMs;
    member.failingSince = now;
    return true;
  }

  /**
   * Forgets that an endpoint is failing or ejected for failing answers. Does not open the endpoint. Called when the
   * endpoint is unreachable, was opened early or was removed.
   */
  cancel(member: EndpointState): void {
    this.#returns.cancel(member);
    this.#stopFailing(member);
    member.goodAnswersNeeded = 0;
    member.isWatched = false;
  }

  stop(): void {
    this.#returns.cancelAll();
  }

  /**
   * Opens an ejected endpoint after `stayMs`. Called for an unreachable endpoint when probes are switched off, since no
   * probe can then end the ejection.
   */
  ejectForTime(member: EndpointState, now: number): void {
    this.#prolong(member, now);
    this.#onEjected(member, now);
  }

  #onEjected(member: EndpointState, now: number): void {
    this.#stopFailing(member);
    const { clock, open } = this.#options;
    this.#returns.set(member, member.stayMs, () => {
      member.returnedAt = clock.now();
      member.goodAnswersNeeded = probationAnswers;
      member.isWatched = true;
      open(member, clock.now());
    });
    member.returnedAt = now + member.stayMs;
  }

  /** Doubles `stayMs`, up to 30 s. Sets `stayMs` to 1 s if the last timed ejection ended 60 s ago or earlier. */
  #prolong(member: EndpointState, now: number): void {
    const isForgiven = member.stayMs === 0 || now - Math.max(member.returnedAt, member.retryAt) >= forgiveMs;
    member.stayMs = isForgiven ? minStayMs : Math.min(maxStayMs, 2 * member.stayMs);
    member.failingSince = now;
    member.retryAt = now + member.stayMs;
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
    // A run of failing answers counts only if it is longer than `doubtedRun`. In a shorter run, no call was tried at
    // another endpoint, so no answer could be retracted.
    const isRun = goodAnswersNeeded > 0 || consecutiveFailures > member.doubtedRun;
    const isAlone = isRun && this.#failsAlone(member);
    if (compared === undefined) {
      // No other endpoint has enough attempts for a comparison. The success rate of one endpoint alone proves nothing:
      // a route may fail at every endpoint.
      return isAlone && isLongRun(consecutiveFailures, this.#cautiousRateBeside(member, now));
    }
    return (
      (isAlone && goodAnswersNeeded > 0 && compared.rate >= minProbationRate) ||
      exceedsFailureThreshold(isAlone ? consecutiveFailures : 0, total, successRate, compared) ||
      isOutlier(total, successRate, this.#stats)
    );
  }

  /**
   * Whether another endpoint that is not ejected seems to have worked since the run of failures of `member` began. Such
   * an endpoint has given no failing answer since then. It has also answered an attempt that started later, or it has
   * no attempt in flight. If there is no such endpoint, a route or a caller may be the cause of the failures.
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

  /**
   * Returns the highest {@link cautiousRate} of the other members that are not ejected; 0.5 if there is no such member.
   */
  #cautiousRateBeside(member: EndpointState, now: number): number {
    const rates = this.#options
      .members()
      .filter((other) => other !== member && other.status === 'open')
      .map((other) => cautiousRate(other.successRate.at(now)));
    return Math.max(0.5, ...rates);
  }

  /** Computes the success-rate statistics of the members that are not ejected, and the best two of these members. */
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
 * Whether `other` seems to work, although `other` failed a call that `first` had failed before. True if the last answer
 * of `other` to another call was good. Also true if `other` has answered no other call, and `first` has recently given
 * good answers.
 */
function seemsToWork(other: EndpointState, first: EndpointState): boolean {
  if (other === first || other.consecutiveFailures > 0) return false;
  const hasWorked = first.lastGoodStartedAt > 0 && first.consecutiveFailures < maxDoubtedRun;
  return other.lastGoodStartedAt > 0 || hasWorked;
}
