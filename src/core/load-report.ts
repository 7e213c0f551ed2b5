/** What a service says of its own load: data. */

/** How loaded a service is. Immutable. @see gRPC A51 (ORCA) */
export interface Load {
  /** How much of what it can do is in use: 0 idle, 1 full; above 1 overloaded. 0 to 100. */
  readonly utilization: number;
  /** Calls a second that it answers; 0 when it does not say. 0 to 10^9. */
  readonly callsPerSecond: number;
  /** Calls a second that it fails; 0 when it does not say. 0 to 10^9. */
  readonly errorsPerSecond: number;
}

/** One report, as it arrived. Immutable. @see gRPC A51 (ORCA), A58 */
export interface LoadReport extends Load {
  /** When it arrived here, on the monotonic clock. */
  readonly receivedAt: number;
}

/** A load as a program or a registry writes it. */
export interface LoadInit {
  /** How much of what it can do is in use: 0 idle, 1 full; above 1 overloaded. 0 to 100. */
  readonly utilization: number;
  /** Calls a second that it answers. 0 to 10^9. Default 0: it does not say. */
  readonly callsPerSecond?: number;
  /** Calls a second that it fails. 0 to 10^9. Default 0: it does not say. */
  readonly errorsPerSecond?: number;
}

/** A load that somebody else tells of, and how old it may be by now. */
export interface AgedLoad extends Load {
  /** In ms, ≥ 0. */
  readonly ageMs: number;
}

/** More is nonsense: a hundred times what it can do. */
const maxUtilization = 100;
const maxPerSecond = 1e9;

/** Whether it is a utilization that can be believed. */
export function isUtilization(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= maxUtilization;
}

/** Whether it is a rate that can be believed. */
export function isRate(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= maxPerSecond;
}

/** What is wrong with a load, in words, or undefined. @see LoadInit */
export function loadError(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return 'a load is an object such as { utilization: 0.4 }';
  const { utilization, callsPerSecond = 0, errorsPerSecond = 0 } = value as Partial<Record<string, unknown>>;
  if (!isUtilization(utilization))
    return `utilization is ${describeInput(utilization)}; it must be a number from 0 (idle) over 1 (full) to ${String(maxUtilization)}`;
  for (const [key, rate] of Object.entries({ callsPerSecond, errorsPerSecond }))
    if (!isRate(rate)) return `${key} is ${describeInput(rate)}; it must be a number from 0 to 10^9`;
  return undefined;
}

function describeInput(value: unknown): string {
  return typeof value === 'number' || value === undefined || value === null
    ? String(value)
    : `a ${typeof value}`;
}
