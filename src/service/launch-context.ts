/**
 * What a launcher gave this process: its name, its ticket and the registry that started it, as one line on standard
 * input. Whoever advertises the launched name first presents the ticket; it is worth nothing afterwards.
 *
 * @see Tcl-DP T6, T9
 */
import { ClerkError } from '../core/errors.js';
import { isName } from '../core/name.js';
import { quote } from '../core/describe-value.js';
import type { LaunchHandshake } from '../protocol/messages.js';
import type { ProcessPort } from './service-runtime.js';

/** See the file's header. */
export class LaunchContext {
  readonly #process: ProcessPort;
  #handshake: Promise<LaunchHandshake | undefined> | undefined;
  #isClaimed = false;

  constructor(process: ProcessPort) {
    this.#process = process;
  }

  /** What the launcher said; undefined when nobody launched this process. @throws a `ClerkError` `CONFIG_INVALID` */
  handshake(): Promise<LaunchHandshake | undefined> {
    this.#handshake ??= this.#read();
    return this.#handshake;
  }

  /**
   * The line for whoever advertises a name, once: what is advertised after the launched name is as free as in any
   * other process.
   *
   * @throws a `ClerkError` `NAME_MISMATCH` when another name comes before the launched one
   */
  claim(handshake: LaunchHandshake, name: string): LaunchHandshake | undefined {
    if (this.#isClaimed) return undefined;
    if (handshake.name !== name)
      throw new ClerkError(
        'NAME_MISMATCH',
        `This process was launched as ${handshake.name} and advertises ${name}; advertise ${handshake.name} first, or leave the name out`,
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
    throw handshakeError('it is no JSON');
  }
  const fields = (typeof raw === 'object' && raw !== null ? raw : {}) as Partial<Record<string, unknown>>;
  if (fields.v !== 1) throw handshakeError(`its version is ${quote(fields.v)}, and 1 is known here`);
  if (!isName(fields.name)) throw handshakeError('it has no name');
  if (!Array.isArray(fields.registry) || !fields.registry.every((url) => typeof url === 'string'))
    throw handshakeError('it has no list of registry addresses');
  for (const key of ['instance', 'ticket', 'registryKey'])
    if (typeof fields[key] !== 'string' || fields[key] === '') throw handshakeError(`it has no ${key}`);
  if (!Number.isSafeInteger(fields.epoch)) throw handshakeError('it has no epoch');
  return raw as LaunchHandshake;
}

/** The line itself is a secret and is not quoted. @see promises C8.4 */
function handshakeError(why: string): ClerkError {
  return new ClerkError(
    'CONFIG_INVALID',
    `CLERK_LAUNCHED is set, but the line on standard input cannot be used: ${why}; unset it if no launcher started this process`,
  );
}
