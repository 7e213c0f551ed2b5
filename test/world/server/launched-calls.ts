import type { ServerReply } from 'binding-clerk/testing';
import type { RenewRequest } from '../../../src/protocol/registration-messages.js';
import { paths } from '../../../src/protocol/paths.js';
import type { RegistryConnection } from '../../../src/registry-client/connection.js';
import { ActivityMeter } from '../../../src/service/activity-meter.js';
import type { SimulatedProcess } from './simulated-process.js';

/**
 * The calls of a launched program. The meter of a service counts them, and so does the simulation, which checks each report of
 * the meter.
 *
 * @see [C6.6](../../../docs/guarantees.md#c6-6)
 */
export class LaunchedCalls {
  /** Number of calls that the program handles. */
  inFlight = 0;
  /** When the last call began or ended. */
  lastAt: number;
  readonly #process: SimulatedProcess;
  readonly #meter: ActivityMeter;
  readonly #violate: (clause: string, what: string) => void;
  #onIdle: (() => void)[] = [];

  constructor(process: SimulatedProcess, violate: (clause: string, what: string) => void) {
    this.#process = process;
    this.#meter = new ActivityMeter(process);
    this.#violate = violate;
    this.lastAt = process.now();
  }

  /** The program handles a call. A lost request never reaches it. */
  begin({ behavior = 'respond', delayMs = 0, bodyDelayMs = 0 }: ServerReply): void {
    if (behavior === 'hang') return;
    const end = this.#meter.begin();
    this.inFlight++;
    this.lastAt = this.#process.now();
    this.#process.setTimer(() => {
      end();
      this.inFlight--;
      this.lastAt = this.#process.now();
      if (this.inFlight === 0) for (const callback of this.#onIdle.splice(0)) callback();
    }, delayMs + bodyDelayMs);
  }

  /** Calls back when no call is in flight, as a server does that is closed. */
  whenIdle(callback: () => void): void {
    if (this.inFlight === 0) callback();
    else this.#onIdle.push(callback);
  }

  /** A connection whose renewals state the calls. */
  reportedBy(connection: RegistryConnection): RegistryConnection {
    return {
      ...connection,
      request: (request, signal) => {
        if (request.path !== paths.renew) return connection.request(request, signal);
        const { renewals } = request.body as RenewRequest;
        const activity = this.#report();
        return connection.request(
          { ...request, body: { renewals: renewals.map((renewal) => ({ ...renewal, activity })) } },
          signal,
        );
      },
    };
  }

  #report(): ActivityMeter['current'] {
    const { current } = this.#meter;
    const { inFlight, idleMs } = current;
    if (inFlight !== this.inFlight || idleMs > this.#process.now() - this.lastAt)
      this.#violate(
        'C6.6',
        `${this.#process.id} reports ${inFlight} calls and ${idleMs} ms without one; it handles ${this.inFlight}, the last was ${(this.#process.now() - this.lastAt).toFixed(0)} ms ago`,
      );
    return current;
  }
}
