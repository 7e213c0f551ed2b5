import type { Clock } from './clock.js';
import type { TransportFactory } from './transport.js';

/**
 * The port to time, randomness and the network. All waiting, drawing and connecting of this library goes through it, so a
 * whole system can run in virtual time.
 */
export interface Runtime extends Clock {
  /** Opens connections to endpoints. */
  readonly transport: TransportFactory;
}
