import type { AccessRight } from '../core/access-right.js';
import type { KeyPin } from '../core/key-pin.js';
import type {
  AccessEntry,
  AccessExplainResponse,
  IdentityMessage,
  RevokeResponse,
  TokenResponse,
} from '../protocol/identity-messages.js';
import type { ChangeResponse, ChangeScheduling } from '../protocol/naming-messages.js';
import type { AdminRequestOptions } from './admin-request-options.js';

/** Options of a change of rights. */
export interface AccessOptions extends AdminRequestOptions {
  /** Directory that stores the rights. Default: the segments of the path before its first wildcard. */
  readonly directory?: string;
}

/** Gives, removes, lists and explains rights. Each change needs the right `admin` on the path. */
export interface AccessAdmin {
  /**
   * Gives rights on a path.
   *
   * @param principal - a principal, a group, or a glob; a relative glob such as `../web/*` is relative to the directory
   * @param path - absolute glob of names
   */
  allow(
    principal: string,
    path: string,
    rights: readonly AccessRight[],
    options?: AccessOptions,
  ): Promise<ChangeResponse>;
  /**
   * Removes rights that were given with exactly this principal and path. Default of `rights`: all rights. A ticket that
   * a client received before the removal stays valid until it expires.
   */
  remove(
    principal: string,
    path: string,
    rights?: readonly AccessRight[],
    options?: AccessOptions,
  ): Promise<ChangeResponse>;
  /**
   * Lists the rights on the paths that the program administers. With `path`, lists only the rights that are stored in a
   * directory on this path.
   */
  list(path?: string, options?: AdminRequestOptions): Promise<readonly AccessEntry[]>;
  /** Returns whether a principal has a right on a name, and why. */
  explain(
    principal: string,
    path: string,
    right: AccessRight,
    options?: AdminRequestOptions,
  ): Promise<AccessExplainResponse>;
}

/** Options of {@link GroupAdmin.set}. */
export interface GroupOptions extends ChangeScheduling, AdminRequestOptions {
  /** Time for which clients may rely on the members after a lookup, in ms, at most 7 days. Default 5,000. */
  readonly guaranteedMs?: number;
}

/** A group and its members. */
export interface GroupEntry {
  /** Absolute name of the group. */
  readonly name: string;
  /** Names of principals and of other groups. */
  readonly members: readonly string[];
}

/** Creates and lists groups. `RegistryAdmin.remove` removes a group. */
export interface GroupAdmin {
  /** Creates a group, or replaces its members. */
  set(name: string, members: readonly string[], options?: GroupOptions): Promise<ChangeResponse>;
  /** Yields the groups whose names match a glob. Default: all groups. */
  list(glob?: string, options?: AdminRequestOptions): AsyncGenerator<GroupEntry, void, void>;
}

/** Options of {@link IdentityAdmin.createToken}. */
export interface TokenOptions extends AdminRequestOptions {
  /** Time for which the token is valid, in ms, 1,000 … 86,400,000. Default 600,000. */
  readonly ttlMs?: number;
}

/** Options of {@link IdentityAdmin.revoke}. */
export interface RevokeOptions extends AdminRequestOptions {
  /** The key to revoke. Default: all keys and unused tokens of the principal. */
  readonly key?: KeyPin;
}

/** Creates enrolment tokens, lists and revokes keys. Needs the right `admin` on the principal. */
export interface IdentityAdmin {
  /** Creates a one-time token with which one key of a principal can be enrolled. */
  createToken(principal: string, options?: TokenOptions): Promise<TokenResponse>;
  /** Lists the keys of the principals that the program administers, or of one of these principals. */
  list(principal?: string, options?: AdminRequestOptions): Promise<readonly IdentityMessage[]>;
  /**
   * Revokes one key of a principal, or all its keys. Endpoints that were registered with a revoked key are removed at
   * once.
   */
  revoke(principal: string, options?: RevokeOptions): Promise<RevokeResponse>;
}
