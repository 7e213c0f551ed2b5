/**
 * The only door to time, chance and the world outside. Everything in this library that waits, draws, connects or asks
 * for the machine's name does it through one of these, so that a whole system can run in virtual time.
 */
import type { Clock } from './clock.js';
import type { TransportFactory } from './transport.js';

/** Time, chance and the world outside. */
export interface Runtime extends Clock {
  /** Opens connections to endpoints. */
  readonly transport: TransportFactory;
}
