import type { Clock, Timer } from '../core/clock.js';
import type { EndpointState } from './endpoint-state.js';
import {
  assumedRate,
  comparedRate,
  exceedsFailureThreshold,
  isLongRun,
  isOutlier,
  minConsecutiveFailures,
  successRateStats,
  type SuccessRateStats,
} from './outlier-detection.js';

/** Shortest and longest time for which an endpoint is ejected for failing answers, in ms. */
const minStayMs = 1_000;
const maxStayMs = 30_000;
/** Time without an ejection after which the next ejection is short again, in ms. */
const forgiveMs = 60_000;
/** Number of good answers after a return until a single bad answer no longer ejects. */
const probationAnswers = 5;
/** Success rate of the best other endpoint from which a single bad answer ejects after a return. */
const minProbationRate = 0.95;
/** Weight of one answer in the share of good answers that a failing endpoint has achieved. */
const answerWeight = 0.1;
/** Achieved share from which an endpoint no longer fails, and below which it counts as 0. */
const recoveredShare = 0.95;
const minShare = 0.05;
/**
 * How long the success rates of the other endpoints are reused, in ms: until an endpoint seems to fail, and then. With
 * many members, computing them for each failed call would be too expensive.
 */
const maxStatsAgeMs = 1_000;
const minStatsAgeMs = 50;

/** Options of {@link FailingEndpoints}. */
export interface FailingEndpointsOptions {
  readonly clock: Clock;
  readonly members: () => readonly EndpointState[];
  /** Ejects an endpoint; returns false when too many endpoints are ejected already. */
  readonly eject: (member: EndpointState, now: number) => boolean;
  /** Opens an endpoint whose ejection has ended. */
  readonly open: (member: EndpointState, now: number) => void;
  /** Called when an endpoint began or ceased to fail. */
  readonly onChange: () => void;
}

/**
 * Judges endpoints by the statuses of their answers.
 *
 * An endpoint whose answers fail too often is ejected for 1 s, and returns without a probe. After its return, one bad
 * answer ejects it again until it has given 5 good answers, unless the other endpoints fail as often. The time doubles with each ejection up to 30 s, and is 1 s
 * again after 60 s without one.
 *
 * An endpoint that fails but may not be ejected, because half of the endpoints are, gets the part of its calls that it
 * has lately answered well, and at least one call whenever an ejection would have ended.
 *
 * @see [decision 053](../../docs/decisions/053-failing-majority.md)
 * @see [C9.5](../../docs/guarantees.md#c9-5)
 */
export class FailingEndpoints {
  readonly #options: FailingEndpointsOptions;
  readonly #returns = new Map<EndpointState, Timer>();
  #stats: SuccessRateStats = successRateStats([]);
  /** The two open members with the highest success rates that can be compared, best first. */
  #best: { readonly member: EndpointState; readonly rate: number }[] = [];
  #comparedAt = -Infinity;

  constructor(options: FailingEndpointsOptions) {
    this.#options = options;
  }

  /** Called when an attempt that started at `startedAt` ended with a failing answer, or lost its connection. */
  onFailure(member: EndpointState, startedAt: number, now: number): void {
    // An attempt from before or during an ejection says nothing about the time after it.
    if (member.status === 'closed' || startedAt < member.returnedAt) return;
    member.successRate.count(false, now);
    member.consecutiveFailures++;
    if (member.isFailing) {
      this.#updateAchieved(member, 0);
      // An attempt that started before the endpoint began to fail, or before its last retry, adds nothing new.
      if (member.achieved === 0 && startedAt >= member.failingSince) this.#prolong(member, now);
      if (this.#options.eject(member, now)) this.#onEjected(member, now);
      return;
    }
    if (!this.#failsTooOften(member, maxStatsAgeMs, now) || !this.#failsTooOften(member, minStatsAgeMs, now))
      return;
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
      if (member.achieved < recoveredShare) return;
      this.#stopFailing(member);
      member.successRate.clear();
      this.#options.onChange();
    } else if (startedAt >= member.returnedAt) member.goodAnswersNeeded--;
    member.isWatched = member.goodAnswersNeeded > 0;
  }

  /** Whether a failing endpoint that was picked gets the call. The call must go to another endpoint otherwise. */
  takesCall(member: EndpointState, now: number): boolean {
    if (now < member.retryAt) return this.#options.clock.random() < member.achieved;
    member.retryAt = now + member.stayMs;
    member.failingSince = now;
    return true;
  }

  /** Ends the ejection for failing answers, without a return. Called for other evidence, and on removal. */
  cancel(member: EndpointState): void {
    this.#returns.get(member)?.cancel();
    this.#returns.delete(member);
    this.#stopFailing(member);
    member.goodAnswersNeeded = 0;
    member.isWatched = false;
  }

  stop(): void {
    for (const timer of this.#returns.values()) timer.cancel();
    this.#returns.clear();
  }

  /** Ejects an endpoint for a time, for evidence that no probe can take back since probes are switched off. */
  ejectForTime(member: EndpointState, now: number): void {
    this.#prolong(member, now);
    this.#onEjected(member, now);
  }

  #onEjected(member: EndpointState, now: number): void {
    this.#stopFailing(member);
    const { clock, open } = this.#options;
    const timer = clock.setTimer(() => {
      this.#returns.delete(member);
      member.returnedAt = clock.now();
      member.goodAnswersNeeded = probationAnswers;
      member.isWatched = true;
      open(member, clock.now());
    }, member.stayMs);
    timer.setRef(false);
    this.#returns.set(member, timer);
    member.returnedAt = now + member.stayMs;
  }

  /** Sets the next stay: twice the last one, or 1 s if the last one ended long ago. */
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
    const bestRate = (best?.member === member ? second : best)?.rate;
    if (bestRate === undefined) {
      // No other endpoint has enough attempts. A success rate then says nothing: a route may fail everywhere.
      const assumed = this.#assumedRateBeside(member, now);
      return (
        (goodAnswersNeeded > 0 && assumed >= minProbationRate) || isLongRun(consecutiveFailures, assumed)
      );
    }
    return (
      (goodAnswersNeeded > 0 && bestRate >= minProbationRate) ||
      exceedsFailureThreshold(consecutiveFailures, total, successRate, bestRate) ||
      isOutlier(total, successRate, this.#stats)
    );
  }

  /** Returns the best success rate of the other open members, however few their attempts; 1 if there are none. */
  #assumedRateBeside(member: EndpointState, now: number): number {
    const rates = this.#options
      .members()
      .filter((other) => other !== member && other.status === 'open')
      .map((other) => assumedRate(other.successRate.at(now)));
    return rates.length === 0 ? 1 : Math.max(...rates);
  }

  /** Computes the success rates of the open members, and the best two. */
  #compare(now: number): void {
    this.#comparedAt = now;
    this.#best = [];
    const rates = this.#options.members().flatMap((member) => {
      if (member.status === 'closed') return [];
      const counted = member.successRate.at(now);
      const rate = comparedRate(counted);
      const [first, second] = this.#best;
      if (rate > (first?.rate ?? 0)) this.#best = first ? [{ member, rate }, first] : [{ member, rate }];
      else if (rate > (second?.rate ?? 0) && first) this.#best = [first, { member, rate }];
      return [counted];
    });
    this.#stats = successRateStats(rates);
  }
}
