/** The port to the identities and rights of the registry; part of `ports.ts`. */
import type { AccessRight } from '../core/access-right.js';
import type { KeyPin } from '../core/key-pin.js';
import type {
  AccessChangeRequest,
  AccessEntry,
  AccessExplainRequest,
  AccessExplainResponse,
  EnrolRequest,
  EnrolResponse,
  GroupRequest,
  IdentityMessage,
  RevokeRequest,
  RevokeResponse,
  TokenRequest,
  TokenResponse,
} from '../protocol/identity-messages.js';
import type { ChangeResponse } from '../protocol/naming-messages.js';

/** The caller of a request. In an open server, all clients in a range of IP addresses are one principal. */
export interface Caller {
  /**
   * Principal of the caller, whose quotas the request uses. A name, or in an open server a text such as
   * `address:10.0.0.1`.
   */
  readonly principal: string;
  /** Key that the client has proved on the connection; undefined in an open server. */
  readonly pin?: KeyPin | undefined;
  /**
   * The launched instance that owns the key; undefined for a key of a principal. The key of an instance has fewer
   * rights than a key of its principal.
   */
  readonly instance?: InstanceOfKey | undefined;
  /** Certificate of the connection, DER in base64. Stored with an endpoint that the caller registers. */
  readonly cert?: string | undefined;
}

export interface InstanceOfKey {
  readonly id: string;
  readonly epoch: number;
}

export interface KeyOwner {
  readonly principal: string;
  readonly instance?: InstanceOfKey | undefined;
}

/**
 * The keys, groups and rights of the registry. Reads are synchronous and show only durable state. A change is durable
 * and effective when its promise resolves.
 */
export interface IdentityService {
  /** Whether the registry is secured. */
  readonly isInitialized: boolean;
  /** Returns the owner of a live key; undefined for an unknown, retired or revoked key. Takes constant time. */
  ownerOf(pin: KeyPin): KeyOwner | undefined;
  /** Version that is incremented by each change that can affect {@link IdentityService.access}. */
  readonly accessVersion: number;
  touch(pin: KeyPin): void;
  /**
   * Returns why the caller has a right on a name; undefined without the right. Links are not followed.
   *
   * @param name - a valid name, or `/` for the whole registry
   */
  access(caller: Caller, name: string, right: AccessRight): AccessGrant | undefined;
  /**
   * Returns whether the caller has a right on all, some or none of the possible names below a name. The duration does
   * not depend on which names exist.
   */
  rightsBelow(caller: Caller, name: string, right: AccessRight): RightsBelow;
  explain(request: AccessExplainRequest): AccessExplainResponse;
  /**
   * Enrols the first operator, with all rights on all names.
   *
   * @throws {@link ClerkError} `FORBIDDEN` when a key was enrolled before
   */
  enrolOperator(principal: string, pin: KeyPin): Promise<void>;
  /**
   * Enrols another key of the operator, and gives the operator all rights on all names.
   *
   * @param revokeOthers - whether to revoke all other keys of the operator and to remove its unused tokens
   * @throws {@link ClerkError} `LIMIT_EXCEEDED` when the operator has 8 live keys
   */
  replaceOperator(principal: string, pin: KeyPin, revokeOthers: boolean): Promise<void>;
  /** @throws {@link ClerkError} `FORBIDDEN` without the right `admin` on the principal */
  issueToken(request: TokenRequest, caller: Caller): Promise<TokenResponse>;
  /**
   * Enrols a key with a token or a launch ticket, or rotates the key of the connection.
   *
   * @param pin - key that the client has proved on the connection
   * @throws {@link ClerkError} `TICKET_REFUSED`, with the same message for every reason
   */
  enrol(request: EnrolRequest, pin: KeyPin): Promise<Omit<EnrolResponse, 'registryKeys'>>;
  /**
   * Revokes keys. Endpoints that were registered with a revoked key are removed.
   *
   * @throws {@link ClerkError} `FORBIDDEN` without the right `admin` on the principal; `NAME_NOT_FOUND` when the
   *   principal has no such key
   */
  revoke(request: RevokeRequest, caller: Caller): Promise<RevokeResponse>;
  /** @throws {@link ClerkError} `FORBIDDEN` without the right `write` on the group */
  setGroup(request: GroupRequest, caller: Caller): Promise<ChangeResponse>;
  /**
   * @throws {@link ClerkError} `FORBIDDEN` when the caller lacks the right `admin` on the path, or a right that it
   *   would grant
   */
  changeAccess(request: AccessChangeRequest, caller: Caller): Promise<ChangeResponse>;
  /** Returns the keys of the principals on which the caller has the right `admin`, sorted by principal. */
  listIdentities(principal: string | undefined, caller: Caller): readonly IdentityMessage[];
  /**
   * Returns the rights on the paths on which the caller has the right `admin`. With `path`, returns only the rights
   * that the directories on this path hold.
   */
  listAccess(path: string | undefined, caller: Caller): readonly AccessEntry[];
}

/** `some`: the caller has the right on certain names below, which need not exist. */
export type RightsBelow = 'none' | 'some' | 'all';

export type AccessGrant =
  /** Every principal may advertise and read its own name. */
  | { readonly kind: 'own-name' }
  | {
      readonly kind: 'triple';
      readonly directory: string;
      readonly triple: AccessTriple;
      /** The right of the triple that includes the requested right. */
      readonly right: AccessRight;
      /** Nested groups, from the group of the triple to the group of the principal; empty without groups. */
      readonly groups: readonly string[];
    };

/**
 * A grant of rights, as stored in a directory. The path is relative to the directory, so that the grant stays valid
 * when the directory moves.
 *
 * @see [G7](../../docs/background.md#g7)
 */
export interface AccessTriple {
  /**
   * Glob of principals, absolute or relative to the directory. A glob without wildcards may also be the name of a
   * group.
   */
  readonly principal: string;
  /** Glob of names, relative to the directory, without a leading `/`. */
  readonly path: string;
  readonly rights: readonly AccessRight[];
}
