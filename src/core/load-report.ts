import { describeValue } from './describe-value.js';
import { isObject } from './is-object.js';

/**
 * The load of an endpoint. Immutable. @see {@link
 * https://github.com/grpc/proposal/blob/master/A51-custom-backend-metrics.md | gRFC A51} (ORCA)
 */
export interface Load {
  /** Load divided by capacity: 0 when idle, 1 at full capacity, above 1 when overloaded; at most 100. */
  readonly utilization: number;
  /** Responses per second, from 0 to 10^9; 0 also when not reported. */
  readonly callsPerSecond: number;
  /** Failed calls per second, from 0 to 10^9; 0 also when not reported. */
  readonly errorsPerSecond: number;
}

/** A load that this client received from an endpoint. Immutable. */
export interface LoadReport extends Load {
  /** When the load was received, in ms on the monotonic clock. */
  readonly receivedAt: number;
}

/** A load as a program or a registry passes it to the clerk. */
export interface LoadInit {
  /** As in {@link Load.utilization}. */
  readonly utilization: number;
  /** Responses per second, from 0 to 10^9. Default 0, which means not reported. */
  readonly callsPerSecond?: number;
  /** Failed calls per second, from 0 to 10^9. Default 0, which means not reported. */
  readonly errorsPerSecond?: number;
}

export interface AgedLoad extends Load {
  readonly ageMs: number;
}

export function isUtilization(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= 100;
}

export function isRate(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= 1e9;
}

export function loadError(value: unknown): string | undefined {
  if (!isObject(value))
    return `load must be an object such as { utilization: 0.4 }; got ${describeValue(value)}`;
  const { utilization, callsPerSecond = 0, errorsPerSecond = 0 } = value;
  if (!isUtilization(utilization))
    return `utilization must be a number from 0 to 100; got ${describeValue(utilization)}; write 1 for full capacity, or 0.5 for half of the capacity`;
  for (const [key, rate] of Object.entries({ callsPerSecond, errorsPerSecond }))
    if (!isRate(rate)) return `${key} must be a number from 0 to 10^9; got ${describeValue(rate)}`;
  return undefined;
}
