import { accessRights, type AccessRight } from '../../core/access-right.js';
import { ClerkError } from '../../core/errors.js';
import { isName, parseName } from '../../core/name.js';
import type { AccessEntry } from '../../protocol/identity-messages.js';
import type { Caller, IdentityService, NameService } from '../ports.js';

/** The rights of the caller of a request, and the errors of a caller without rights. */
export class RequestRights {
  readonly caller: Caller;
  readonly #identities: IdentityService;
  readonly #names: Pick<NameService, 'canonicalOf'>;

  constructor(caller: Caller, identities: IdentityService, names: Pick<NameService, 'canonicalOf'>) {
    this.caller = caller;
    this.#identities = identities;
    this.#names = names;
  }

  /**
   * Whether the caller has a right on a name as it stands, without following links. Returns true for a name that begins
   * with a directory identifier: what counts is the canonical name.
   *
   * @param name - valid name, or `/`
   */
  has(name: string, right: AccessRight): boolean {
    return name.startsWith('/#') || this.#identities.access(this.caller, name, right) !== undefined;
  }

  /** Rises with each change of rights. */
  get version(): number {
    return this.#identities.accessVersion;
  }

  /** The grants of rights whose paths the caller administrates. */
  accessEntries(): readonly AccessEntry[] {
    return this.#identities.listAccess(undefined, this.caller);
  }

  rightsOn(name: string): readonly AccessRight[] {
    return accessRights.filter((right) => this.has(name, right));
  }

  /**
   * Returns the canonical name if the caller may read both names. Otherwise throws the error for an absent name.
   * Without a right on `text`, no name is looked up, so the duration does not reveal whether the name exists.
   *
   * @throws {@link ClerkError} `NAME_NOT_FOUND`; `FORBIDDEN` for a name that the caller may only test, and that
   * exists;
   * `NAME_INVALID`
   * @see [C7.4](../../../docs/guarantees.md#c7-4)
   */
  requireReadable(text: string, exists: (name: string) => boolean): string {
    const name = parseName(text);
    if (!this.has(name, 'test')) throw new HiddenNameError(name);
    const canonical = this.#names.canonicalOf(name);
    if (canonical === undefined) throw notFoundError(name);
    if (!this.has(canonical, 'test')) throw new HiddenNameError(name);
    if (this.has(name, 'read') && this.has(canonical, 'read')) return canonical;
    if (!exists(name)) throw notFoundError(name);
    throw this.#forbiddenError(name, 'read');
  }

  /** Whether the caller may read a name and the name behind its links, which may be absent. */
  canRead(name: string): boolean {
    if (!isName(name) || !this.has(name, 'read')) return false;
    const canonical = this.#names.canonicalOf(name);
    return canonical !== undefined && (canonical === name || this.has(canonical, 'read'));
  }

  /**
   * Requires a right on a name, and on the name behind its links.
   *
   * @throws {@link ClerkError} `FORBIDDEN`, whether or not the name exists; `NAME_INVALID`
   */
  require(text: string, right: AccessRight): void {
    const name = parseName(text);
    if (!this.has(name, right)) throw this.#forbiddenError(name, right);
    const canonical = this.#names.canonicalOf(name);
    if (canonical === undefined) throw notFoundError(name);
    if (canonical !== name && !this.has(canonical, right)) throw this.#forbiddenError(name, right);
  }

  /**
   * Requires the right `write` on a name, and on the name behind the links of its parents. A link at the end is not
   * followed.
   *
   * @throws {@link ClerkError} `FORBIDDEN`, whether or not the name exists; `NAME_INVALID`
   */
  requireWrite(text: string): void {
    const name = parseName(text);
    if (!this.has(name, 'write')) throw this.#forbiddenError(name, 'write');
    const end = name.lastIndexOf('/');
    const parent = end === 0 ? '' : this.#names.canonicalOf(name.slice(0, end));
    if (parent === undefined) throw notFoundError(name);
    const canonical = parent + name.slice(end);
    if (canonical !== name && !this.has(canonical, 'write')) throw this.#forbiddenError(name, 'write');
  }

  /**
   * Requires a right on the registry as a whole.
   *
   * @throws {@link ClerkError} `FORBIDDEN`
   */
  requireOnRoot(right: AccessRight): void {
    if (!this.has('/', right)) throw this.#forbiddenError('/', right);
  }

  #forbiddenError(name: string, right: AccessRight): ClerkError {
    const { principal } = this.caller;
    return new ClerkError(
      'FORBIDDEN',
      `${principal} must have the right ${right} on ${name}; ask an operator to allow it`,
    );
  }
}

/** The error for a name that does not exist. */
export function notFoundError(name: string): ClerkError {
  return new ClerkError('NAME_NOT_FOUND', absentMessage(name));
}

/** The error for a name that the caller may not see. Clients cannot distinguish it from {@link notFoundError}. */
class HiddenNameError extends ClerkError {
  constructor(name: string) {
    super('NAME_NOT_FOUND', absentMessage(name));
  }
}

export function isHiddenName(error: unknown): boolean {
  return error instanceof HiddenNameError;
}

function absentMessage(name: string): string {
  return `${name} does not exist`;
}
