/**
 * What a launcher gave this process: its name, its ticket and the registry that started it, as one line on standard
 * input. Whoever advertises the launched name first presents the ticket; it is worth nothing afterwards.
 *
 * @see Tcl-DP T6, T9
 */
import { ClerkError } from '../core/errors.js';
import { isName } from '../core/name.js';
import { shown } from '../core/shown.js';
import type { LaunchLine } from '../wire/messages.js';
import type { OwnProcess } from './surroundings.js';

/** See the file's header. */
export class Launched {
  readonly #process: OwnProcess;
  #line: Promise<LaunchLine | undefined> | undefined;
  #claimed = false;

  constructor(process: OwnProcess) {
    this.#process = process;
  }

  /** What the launcher said; undefined when nobody launched this process. @throws a `ClerkError` `CONFIG_INVALID` */
  line(): Promise<LaunchLine | undefined> {
    this.#line ??= this.#read();
    return this.#line;
  }

  /**
   * The line for whoever advertises a name, once: what is advertised after the launched name is as free as in any
   * other process.
   *
   * @throws a `ClerkError` `NAME_MISMATCH` when another name comes before the launched one
   */
  claim(line: LaunchLine, name: string): LaunchLine | undefined {
    if (this.#claimed) return undefined;
    if (line.name !== name)
      throw new ClerkError(
        'NAME_MISMATCH',
        `This process was launched as ${line.name} and advertises ${name}; advertise ${line.name} first, or leave the name out`,
      );
    this.#claimed = true;
    return line;
  }

  async #read(): Promise<LaunchLine | undefined> {
    if (this.#process.env.CLERK_LAUNCHED !== '1') return undefined;
    return checked(await this.#process.firstLine());
  }
}

function checked(text: string): LaunchLine {
  let raw: unknown;
  try {
    raw = JSON.parse(text);
  } catch {
    throw refused('it is no JSON');
  }
  const line = (typeof raw === 'object' && raw !== null ? raw : {}) as Partial<Record<string, unknown>>;
  if (line.v !== 1) throw refused(`its version is ${shown(line.v)}, and 1 is known here`);
  if (!isName(line.name)) throw refused('it has no name');
  if (!Array.isArray(line.registry) || !line.registry.every((url) => typeof url === 'string'))
    throw refused('it has no list of registry addresses');
  for (const key of ['instance', 'ticket', 'registryKey'])
    if (typeof line[key] !== 'string' || line[key] === '') throw refused(`it has no ${key}`);
  if (!Number.isSafeInteger(line.epoch)) throw refused('it has no epoch');
  return raw as LaunchLine;
}

/** The line itself is a secret and is not quoted. @see promises C8.4 */
function refused(why: string): ClerkError {
  return new ClerkError(
    'CONFIG_INVALID',
    `CLERK_LAUNCHED is set, but the line on standard input cannot be used: ${why}; unset it if no launcher started this process`,
  );
}
