import type { Clock } from './clock.js';
import type { TransportFactory } from './transport.js';

/**
 * Port to time, randomness and the network. All timers, random numbers and connections of this library come from the
 * runtime, so a whole system can run in virtual time.
 */
export interface Runtime extends Clock {
  /** Creates the transport that connects to endpoints. */
  readonly transport: TransportFactory;
}
