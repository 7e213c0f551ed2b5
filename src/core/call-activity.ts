/** How much a service is called, as the service counts its calls. */
export interface CallActivity {
  /** Number of calls in flight. A call is in flight until its response, or its upgraded connection, has closed. */
  readonly inFlight: number;
  /** Time since the last call began or ended, in ms; 0 while a call is in flight. */
  readonly idleMs: number;
}
