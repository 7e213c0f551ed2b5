export interface CallActivity {
  /** A call is in flight until its response, or its upgraded connection, has closed. */
  readonly inFlight: number;
  readonly idleMs: number;
}
