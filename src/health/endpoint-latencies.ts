import type { EndpointState } from './endpoint-state.js';
import { LatencyScale } from './latency-scale.js';

export class EndpointLatencies {
  readonly #scale = new LatencyScale();
  readonly #members: () => readonly EndpointState[];

  constructor(members: () => readonly EndpointState[]) {
    this.#members = members;
  }

  observe(member: EndpointState, latencyMs: number, usualMs: number | undefined, now: number): number {
    const scaledMs = this.#scale.toCommon(latencyMs, usualMs);
    member.observe(member.latencyMs === 0 ? this.#cappedFirstMs(member, scaledMs) : scaledMs, now);
    return scaledMs;
  }

  /**
   * Learns a lower bound of the latency, for example from an attempt without a response. If the usual latency of the
   * route class is unknown, the bound is limited to ten times the mean latency of the other endpoints, because the
   * route may be slow at every endpoint.
   */
  observeAtLeast(member: EndpointState, elapsedMs: number, usualMs: number | undefined, now: number): void {
    const othersMs = usualMs === undefined ? this.#meanOfOthersMs(member) : 0;
    const scaledMs = this.#scale.toCommon(elapsedMs, usualMs);
    member.observeAtLeast(othersMs === 0 ? scaledMs : Math.min(scaledMs, 10 * othersMs), now);
  }

  /**
   * Raises the load of an endpoint after a failed attempt. An unknown latency is set to the mean latency of the other
   * endpoints, so that an endpoint that fails fast does not look fast.
   */
  penalize(member: EndpointState, now: number): void {
    const othersMs = member.latencyMs === 0 ? this.#meanOfOthersMs(member) : 0;
    if (othersMs > 0) member.observe(othersMs, now);
    member.penalize(now);
  }

  /**
   * Limits the first latency to twice the mean latency of the other endpoints. The first latency says little about
   * later ones, because it may include the time to connect, and the process may be cold.
   */
  #cappedFirstMs(member: EndpointState, latencyMs: number): number {
    const othersMs = this.#meanOfOthersMs(member);
    return othersMs === 0 ? latencyMs : Math.min(latencyMs, 2 * othersMs);
  }

  /** Mean latency of the other members that are not ejected, in ms; 0 if no latency is known. */
  #meanOfOthersMs(excluded: EndpointState): number {
    let sum = 0;
    let count = 0;
    for (const member of this.#members()) {
      if (member === excluded || member.status === 'closed' || member.latencyMs === 0) continue;
      sum += member.latencyMs;
      count++;
    }
    return count === 0 ? 0 : sum / count;
  }
}
