export interface CallActivity {
  /** A call is in flight until its response, or its upgraded connection, has closed. */
  readonly inFlight: number;
  /** Time since the last call began or ended; 0 while a call is in flight. */
  readonly idleMs: number;
}
