import { accessRights, type AccessRight } from '../../core/access-right.js';
import { ClerkError } from '../../core/errors.js';
import { isName, parseName } from '../../core/name.js';
import type { AccessEntry } from '../../protocol/identity-messages.js';
import { registryServersName } from '../../protocol/registry-servers.js';
import type { Caller, IdentityService, NameService, RightsBelow } from '../ports.js';

/** Checks the rights of the caller of a request, and creates the errors for missing rights. */
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
   * Whether the caller has a right on a name, without following links. Always true for a name that begins with a
   * directory identifier, because the right on its canonical name is checked later. Every caller may read the list of
   * servers.
   *
   * @param name - valid name, or `/`
   */
  has(name: string, right: AccessRight): boolean {
    if (name === registryServersName && (right === 'read' || right === 'test')) return true;
    return name.startsWith('/#') || this.#identities.access(this.caller, name, right) !== undefined;
  }

  /** Returns whether the caller has the right `test` on all, some or none of the possible names below a name. */
  knownBelow(name: string): RightsBelow {
    return this.#identities.rightsBelow(this.caller, name, 'test');
  }

  /** Version of the rights, incremented by each change. */
  get version(): number {
    return this.#identities.accessVersion;
  }

  /** Returns the entries of rights for the paths on which the caller has the right `admin`. */
  accessEntries(): readonly AccessEntry[] {
    return this.#identities.listAccess(undefined, this.caller);
  }

  rightsOn(name: string): readonly AccessRight[] {
    return accessRights.filter((right) => this.has(name, right));
  }

  /**
   * Returns the canonical name if the caller may read both the name and the canonical name; throws otherwise. Looks up
   * `text` only if the caller has the right `test` on it, so that the duration does not reveal whether the name exists.
   *
   * @throws {@link ClerkError} `NAME_NOT_FOUND` for an absent name, and for a name that the caller may not test;
   *   `FORBIDDEN` for an existing name that the caller may test but not read; `NAME_INVALID`
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

  /** Whether the caller may read a name and its canonical name. Neither name needs to exist. */
  canRead(name: string): boolean {
    return this.readableCanonical(name) !== undefined;
  }

  /**
   * Returns the canonical name, which need not exist; undefined unless the caller may read both the name and the
   * canonical name.
   */
  readableCanonical(name: string): string | undefined {
    if (!isName(name) || !this.has(name, 'read')) return undefined;
    const canonical = this.#names.canonicalOf(name);
    return canonical === name || (canonical !== undefined && this.has(canonical, 'read'))
      ? canonical
      : undefined;
  }

  /**
   * Requires a right on a name and on its canonical name.
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
   * Requires the right `write` on a name as it is, and on the name after the links above it are followed. Does not
   * follow a link at the name itself, because the change concerns that link.
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
   * Requires a right on `/`, for requests that concern the whole registry.
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

/**
 * The error for a name that does not exist.
 *
 * @param near - similar visible name, as a hint
 */
export function notFoundError(name: string, near?: string): ClerkError {
  const meant = near === undefined ? '' : `; did you mean ${near}?`;
  return new ClerkError('NAME_NOT_FOUND', absentMessage(name) + meant);
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
