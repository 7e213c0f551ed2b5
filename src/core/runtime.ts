import type { Clock } from './clock.js';
import type { TransportFactory } from './transport.js';

/** Port to time, randomness and the network. With a runtime of its own, a test can run a clerk in virtual time. */
export interface Runtime extends Clock {
  /** Creates the transport that connects to endpoints. */
  readonly transport: TransportFactory;
  /** Maximum number of open files and sockets of the process. Default: the limit of the system (`ulimit -n`). */
  maxOpenFiles?(): number;
}
