import { ClerkError } from '../core/errors.js';
import { isName } from '../core/name.js';
import { quote } from '../core/describe-value.js';
import type { LaunchHandshake } from '../protocol/messages.js';
import type { ProcessPort } from './service-runtime.js';

/**
 * Holds the launch handshake, which the launcher writes to standard input as one line. The first advertisement of the
 * process must have the name of the launched service. It sends the one-time ticket.
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
   * Returns undefined except for the first advertisement. Further advertisements may have any name.
   *
   * @throws {@link ClerkError} `NAME_MISMATCH` when the first advertisement does not have the name of the launched
   * service
   */
  claim(handshake: LaunchHandshake, name: string): LaunchHandshake | undefined {
    if (this.#isClaimed) return undefined;
    if (handshake.name !== name)
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

function parseHandshake(text: string): LaunchHandshake {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch {
    throw handshakeError('the line is not valid JSON');
  }
  const fields = (typeof raw === 'object' && raw !== null ? raw : {}) as Partial<Record<string, unknown>>;
  if (fields.v !== 1) throw handshakeError(`its version must be 1; got ${quote(fields.v)}`);
  if (!isName(fields.name)) throw handshakeError('its name is missing or invalid');
  if (!Array.isArray(fields.registry) || !fields.registry.every((url) => typeof url === 'string'))
    throw handshakeError('its list of registry addresses is missing');
  for (const key of ['instance', 'ticket', 'registryKey'])
    if (typeof fields[key] !== 'string' || fields[key] === '') throw handshakeError(`its ${key} is missing`);
  if (!Number.isSafeInteger(fields.epoch)) throw handshakeError('its epoch is missing');
  return raw as LaunchHandshake;
}

/** The message does not quote the line, which contains secrets. @see [C8.4](../../docs/guarantees.md#c8-4) */
function handshakeError(why: string): ClerkError {
  return new ClerkError(
    'CONFIG_INVALID',
    `CLERK_LAUNCHED is set, but the line on standard input is not a launch handshake: ${why}; unset CLERK_LAUNCHED if no launcher started this process`,
  );
}
