import { parseAddress, type Address } from '../core/address.js';
import { backoffBoundMs } from '../core/backoff.js';
import { sleep, type Clock } from '../core/clock.js';
import type { Logger } from '../core/logger.js';
import { withDeadline } from '../core/with-deadline.js';
import { isAborted } from '../core/abort-signal.js';

export interface StartingEndpointOptions {
  readonly clock: Clock;
  readonly logger: Logger;
  readonly label: string;
  readonly addresses: () => readonly string[];
  /** Undefined for a service whose server already listens. The endpoint of such a service is up at once. */
  readonly acceptsConnection: ((address: Address, signal: AbortSignal) => Promise<boolean>) | undefined;
}

/** Time limit of the check before the registration, in ms. */
const firstCheckMs = 250;
/** Time limit of each later check, in ms. */
const checkMs = 1_000;
/** Delays between checks. They have no jitter, because only this process connects to its addresses. */
const backoff = { firstMs: 25, maxMs: 250 };
/** Maximum time in the state `starting`, in ms, because the address may be reachable only from other hosts. */
const maxStartingMs = 30_000;
/** Delay before another attempt to register as up, in ms. */
const retryMs = 500;

/**
 * Connects to the stated addresses of a service until an address accepts a connection. Until then the endpoint is
 * registered as `starting`, for at most 30,000 ms.
 *
 * @see [C5.9](../../docs/guarantees.md#c5-9)
 */
export class StartingEndpoint {
  readonly #options: StartingEndpointOptions;
  #isStarting = false;

  constructor(options: StartingEndpointOptions) {
    this.#options = options;
  }

  get isStarting(): boolean {
    return this.#isStarting;
  }

  /** Checks the addresses before the registration. Never rejects. */
  async check(signal: AbortSignal): Promise<void> {
    if (this.#options.acceptsConnection === undefined) return;
    this.#isStarting = !(await this.#isAccepted(firstCheckMs, signal));
  }

  /**
   * Waits until an address accepts a connection, then registers the endpoint as up. Ends early when `signal` aborts.
   * Never rejects.
   *
   * @param register - registers the endpoint as up, and resolves to whether the registry has accepted the
   *   registration; called again if it resolves to false or rejects
   */
  async untilUp(signal: AbortSignal, register: () => Promise<boolean>): Promise<void> {
    if (!this.#isStarting) return;
    const { clock, logger, label, addresses } = this.#options;
    const list = addresses().join(', ');
    logger.warn(
      `${label} is registered as starting, because no address accepts a connection: ${list}; clients do not call this endpoint until an address accepts a connection, or 30 s have passed`,
    );
    const isAccepted = await this.#untilAccepted(signal);
    if (isAborted(signal)) return;
    this.#isStarting = false;
    while (!(await register().catch(() => false))) {
      await sleep(clock, retryMs, false);
      if (isAborted(signal)) return;
    }
    logger.warn(
      isAccepted
        ? `${label} is registered as up, because an address accepts connections: ${addresses().join(', ')}`
        : `${label} is registered as up, although no address accepted a connection from this host within 30 s: ${addresses().join(', ')}; check the addresses, unless only other hosts can reach them`,
    );
  }

  /** Resolves to false after 30 s, and when `signal` aborts. */
  async #untilAccepted(signal: AbortSignal): Promise<boolean> {
    const { clock } = this.#options;
    const until = clock.now() + maxStartingMs;
    for (let checks = 1; !isAborted(signal) && clock.now() < until; checks++) {
      await sleep(clock, Math.min(backoffBoundMs(backoff, checks), until - clock.now()), false);
      if (isAborted(signal)) return false;
      if (await this.#isAccepted(Math.min(checkMs, until - clock.now()), signal)) return true;
    }
    return false;
  }

  async #isAccepted(limitMs: number, signal: AbortSignal): Promise<boolean> {
    const { clock, addresses, acceptsConnection } = this.#options;
    const noConnection = (): Error => new Error('No address accepts a connection');
    const deadline = {
      ...{ clock, limitMs, onTimeout: noConnection, parents: [{ signal, error: noConnection }] },
      // The first connection ends the attempts at the other addresses.
      abortsOnSuccess: true,
    };
    try {
      await withDeadline(deadline, (attempts) =>
        Promise.any(
          addresses().map(async (text) => {
            if ((await acceptsConnection?.(parseAddress(text), attempts)) !== true) throw noConnection();
          }),
        ),
      );
      return true;
    } catch {
      return false;
    }
  }
}
