/** When an endpoint is set aside, as functions of numbers: no clock, no state. */

/** How many of a service may be set aside, counting those that are. Always leaves one. @see promises C2.4 */
export function mayEject(hard: boolean, members: number, closed: number): boolean {
  return closed + 1 <= (hard ? members - 1 : Math.floor(members / 2));
}

/** Whether answers that say "failed" are reason enough: five in a row, or one in five of the last 30 s. */
export function failsTooOften(consecutive: number, total: number, goodShare: number): boolean {
  return consecutive >= 5 || (total >= 5 && goodShare < 0.8);
}

/**
 * How long to wait before the next probe, in ms: a tenth of the time it has been away, so that probing adds little to
 * the outage, within 250 ms … 5 s; more for one that was set aside several times within a minute. Spread by a fifth.
 *
 * @param awayMs - since it was set aside
 * @param ejections - how often that happened lately, this time included
 * @param random - uniform in [0, 1)
 */
export function probeDelayMs(awayMs: number, ejections: number, random: number): number {
  const least = 250 * 2 ** Math.min(Math.max(ejections - 1, 0), 4);
  return Math.min(5_000, Math.max(least, awayMs / 10)) * (0.8 + 0.4 * random);
}

/**
 * Rest before the next dial of an endpoint that refuses, in ms: full jitter over 100 ms, doubled with each refusal, up
 * to 5 s. @see promises C4.1
 */
export function restMs(refusals: number, random: number): number {
  return random * Math.min(5_000, 100 * 2 ** Math.max(refusals - 1, 0));
}
