/**
 * How much heavier an endpoint's load weighs for what the endpoint says of itself.
 *
 * Latency and calls in flight tell what this clerk makes of an endpoint; only the endpoint knows what all others make of
 * it. What it says comes on top, and only ever against it: the factor is never below 1, so an endpoint that calls itself
 * idle, or says nonsense, draws no more calls than one that says nothing.
 */

/** Above this more is not heavier: 1.25 and 16. */
const maxUtilization = 1.25;

/**
 * The factor: 1 + 4 u⁶, with u the utilization up to 1.25. A service with room is faster or slower for many reasons, and
 * calls need not be moved for it: up to 0.7 the factor stays below 1.5, which `load-aware` takes for the same load. Near
 * 1 waiting times explode, and so does this: 2.0 at 0.8, 3.1 at 0.9, 5 at 1, 16 from 1.25 on. It is bounded, so that an
 * overloaded endpoint goes on getting some calls, by which it is found out when it has room again.
 *
 * @see M/M/1: time in system ∝ 1 / (1 − u), which has no value where a service is overloaded
 */
export function utilizationPenalty(utilization: number): number {
  const u = Math.min(utilization, maxUtilization);
  const cube = u * u * u;
  return 1 + 4 * cube * cube;
}
