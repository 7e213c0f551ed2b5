import { parseAddress, type Address } from '../core/address.js';
import type { Clock } from '../core/clock.js';
import { quote } from '../core/describe-value.js';
import { ClerkError } from '../core/errors.js';
import { addressesOf, type ServerLike } from './server-addresses.js';

/**
 * Maximum number of instance checks, each on its own connection. One check is not enough, because any process that
 * shares the listener may accept a connection.
 */
const maxAsked = 8;
const timeoutMs = 1_000;

export interface SharedListenerCheckOptions {
  readonly clock: Clock;
  /** Id with which this server answers an instance check. */
  readonly id: string;
  readonly askInstance: (address: Address, id: string, signal: AbortSignal) => Promise<string | undefined>;
}

/**
 * Refuses a listener that other processes share, by handle, by descriptor or by `SO_REUSEPORT`, because a retry could
 * reach a process that has no record of the call. A listener that does not answer in HTTP/1.1 is accepted.
 *
 * @throws {@link ClerkError} `CONFIG_INVALID` when another process answers
 * @see [decision 153](../../docs/decisions/153-shared-listeners-are-asked.md)
 */
export async function refuseSharedListener(
  server: ServerLike,
  { clock, id, askInstance }: SharedListenerCheckOptions,
): Promise<void> {
  const [text = ''] = addressesOf(server, { hostAddresses: () => [], statedHost: undefined }).addresses;
  const controller = new AbortController();
  const timer = clock.setTimer(() => controller.abort(), timeoutMs);
  timer.setRef(false);
  try {
    for (let asked = 0; asked < maxAsked; asked++) {
      const answer = await askInstance(parseAddress(text), id, controller.signal);
      if (answer === undefined) return;
      if (answer !== id) throw sharedError(text, answer);
    }
  } finally {
    timer.cancel();
  }
}

function sharedError(address: string, other: string): ClerkError {
  const who = other === '' ? 'a process without an instance id' : `instance ${quote(other)}`;
  return new ClerkError(
    'CONFIG_INVALID',
    `advertise() with atMostOnce: the listener at ${address} is shared with ${who}. That process has no records of the calls of this process, so it would reject their retries or run the calls again. Share the listener with node:cluster and coordinateWorkers(), or listen on a separate port in each process`,
  );
}
