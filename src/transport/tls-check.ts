import type { Address } from '../core/address.js';
import { sleep, type Clock } from '../core/clock.js';
import type { TransportOptions } from '../core/transport.js';
import { createDial } from './connector.js';

/** Time limit of a check. A TLS server answers the first message of a handshake at once. */
const timeoutMs = 500;
/** Maximum time for which a failed attempt waits for the check, because its call may succeed at another endpoint. */
const maxWaitMs = 20;

/** Remembers which addresses answer a TLS handshake. */
export class TlsCheck {
  readonly #options: TransportOptions;
  readonly #clock: Clock;
  readonly #answering = new Set<string>();

  constructor(options: TransportOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
  }

  /**
   * Whether the server at an address without TLS answers a TLS handshake. False if the answer takes more than 20 ms. A
   * later answer is remembered for the next check. Never rejects.
   */
  async answers(address: Address): Promise<boolean> {
    if (this.#answering.has(address.text)) return true;
    const answer = answersTls(address, this.#options, this.#clock).then((isTls) => {
      if (isTls) this.#answering.add(address.text);
      return isTls;
    });
    return Promise.race([answer, sleep(this.#clock, maxWaitMs, false).then(() => false)]);
  }
}

/** Never rejects. Takes at most 500 ms. */
function answersTls(address: Address, options: TransportOptions, clock: Clock): Promise<boolean> {
  const { connect } = options.undici;
  if (typeof connect === 'function') return Promise.resolve(false);
  const unchecked = { ...(connect as object | undefined), rejectUnauthorized: false };
  const dial = createDial(
    { ...address, protocol: 'https' },
    { ...options, undici: { ...options.undici, connect: unchecked } },
  );
  return new Promise((resolve) => {
    const timer = clock.setTimer(() => {
      resolve(false);
      socket?.destroy();
    }, timeoutMs);
    const socket = dial({ hostname: '', host: '', port: '', protocol: 'https:' }, (error, connected) => {
      timer.cancel();
      connected?.destroy();
      // A TLS error also shows that the server uses TLS: it may require a client certificate.
      resolve(error === null || (error as NodeJS.ErrnoException).code?.startsWith('ERR_SSL_') === true);
    });
  });
}
