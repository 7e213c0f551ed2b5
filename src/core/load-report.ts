import { describeValue } from './describe-value.js';

/**
 * The load of a service. Immutable.
 *
 * @see {@link https://github.com/grpc/proposal/blob/master/A51-custom-backend-metrics.md | gRFC A51} (ORCA)
 */
export interface Load {
  /** Share of its capacity in use: 0 idle, 1 full, above 1 overloaded. 0 to 100. */
  readonly utilization: number;
  /** Responses per second; 0 when not reported. 0 to 10^9. */
  readonly callsPerSecond: number;
  /** Failed calls per second; 0 when not reported. 0 to 10^9. */
  readonly errorsPerSecond: number;
}

/**
 * A load as it was received from its endpoint. Immutable.
 *
 * @see {@link https://github.com/grpc/proposal/blob/master/A58-client-side-weighted-round-robin-lb-policy.md | gRFC A58}
 */
export interface LoadReport extends Load {
  /** When it was received, on the monotonic clock. */
  readonly receivedAt: number;
}

/** A load as a program or a registry writes it. */
export interface LoadInit {
  /** Share of its capacity in use: 0 idle, 1 full, above 1 overloaded. 0 to 100. */
  readonly utilization: number;
  /** Responses per second, 0 to 10^9. Default 0: not reported. */
  readonly callsPerSecond?: number;
  /** Failed calls per second, 0 to 10^9. Default 0: not reported. */
  readonly errorsPerSecond?: number;
}

/** A load that was received through a registry, with its age. */
export interface AgedLoad extends Load {
  /** In ms, ≥ 0. */
  readonly ageMs: number;
}

/** Values above these are taken for errors. */
const maxUtilization = 100;
const maxPerSecond = 1e9;

/** Whether a value is a utilization within its range. */
export function isUtilization(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= maxUtilization;
}

/** Whether a value is a rate within its range. */
export function isRate(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= maxPerSecond;
}

/** Why a value is not a valid {@link LoadInit}; undefined when it is. */
export function loadError(value: unknown): string | undefined {
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return `load must be an object such as { utilization: 0.4 }; got ${describeValue(value)}`;
  const { utilization, callsPerSecond = 0, errorsPerSecond = 0 } = value as Partial<Record<string, unknown>>;
  if (!isUtilization(utilization))
    return `utilization must be a number from 0 (idle) over 1 (full) to ${String(maxUtilization)}; got ${describeValue(utilization)}`;
  for (const [key, rate] of Object.entries({ callsPerSecond, errorsPerSecond }))
    if (!isRate(rate)) return `${key} must be a number from 0 to 10^9; got ${describeValue(rate)}`;
  return undefined;
}
