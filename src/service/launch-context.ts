import { ClerkError } from '../core/errors.js';
import { parseHandshake } from '../protocol/launch-handshake.js';
import type { LaunchHandshake } from '../protocol/launch-messages.js';
import type { ProcessPort } from './service-runtime.js';

/**
 * Holds the launch handshake, which the launcher writes to standard input as one line. The first advertisement of the
 * process must have the name of the launched service. This advertisement sends the launch ticket to the registry.
 *
 * @see [T6](../../docs/background.md#t6), [T9](../../docs/background.md#t9)
 */
export class LaunchContext {
  readonly #process: ProcessPort;
  #handshake: Promise<LaunchHandshake | undefined> | undefined;
  #isClaimed = false;

  constructor(process: ProcessPort) {
    this.#process = process;
  }

  /**
   * Resolves to undefined when no launcher started this process.
   *
   * @throws {@link ClerkError} `CONFIG_INVALID` when the line on standard input is not a handshake
   */
  handshake(): Promise<LaunchHandshake | undefined> {
    this.#handshake ??= this.#read();
    return this.#handshake;
  }

  /**
   * Returns the handshake for the first advertisement. Returns undefined for later advertisements, which may have any
   * name.
   *
   * @throws {@link ClerkError} `NAME_MISMATCH` when the first advertisement does not have the name, or a former name, of
   * the launched service
   */
  claim(handshake: LaunchHandshake, name: string): LaunchHandshake | undefined {
    if (this.#isClaimed) return undefined;
    if (handshake.name !== name && handshake.formerNames?.includes(name) !== true)
      throw new ClerkError(
        'NAME_MISMATCH',
        `The launcher started this process for ${handshake.name}, so the first service that this process advertises must be ${handshake.name}; got ${name}. Advertise ${handshake.name} first, or omit the name`,
      );
    this.#isClaimed = true;
    return handshake;
  }

  async #read(): Promise<LaunchHandshake | undefined> {
    if (this.#process.env.CLERK_LAUNCHED !== '1') return undefined;
    return parseHandshake(await this.#process.readFirstLine());
  }
}
