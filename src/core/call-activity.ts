export interface CallActivity {
  /** Number of calls in flight. A call is in flight until its response, or its upgraded connection, has closed. */
  readonly inFlight: number;
  readonly idleMs: number;
}
