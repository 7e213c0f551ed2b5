/** What a service says of its own load: data. */

/** One report, as it arrived. Immutable. @see gRPC A51 (ORCA), A58 */
export interface LoadReport {
  /** How much of what it can do is in use: 0 idle, 1 full; above 1 overloaded. Finite, ≥ 0. */
  readonly utilization: number;
  /** Calls a second that it answers; 0 when it does not say. Finite, ≥ 0. */
  readonly callsPerSecond: number;
  /** Calls a second that it fails; 0 when it does not say. Finite, ≥ 0. */
  readonly errorsPerSecond: number;
  /** When it arrived here, on the monotonic clock. */
  readonly receivedAt: number;
}
