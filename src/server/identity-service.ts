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

/** The sender of a request. Without authentication, all clients with one IP address share one principal. */
export interface Caller {
  /** Principal whose quotas the request uses: a name, or without authentication such as `address:127.0.0.1`. */
  readonly principal: string;
  /** Key that the connection has proved. Undefined without authentication. */
  readonly pin?: KeyPin | undefined;
  /** The launched instance that owns the key. Such a key has the rights of this instance only. */
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
  /** Whether a key was ever enrolled. */
  readonly isInitialized: boolean;
  /** Returns the owner of a live key. Undefined for a key that is unknown, retired or revoked. Takes constant time. */
  ownerOf(pin: KeyPin): KeyOwner | undefined;
  /** Rises with each change that can alter the result of {@link IdentityService.access}. */
  readonly accessVersion: number;
  touch(pin: KeyPin): void;
  /**
   * Returns why the caller has a right on a name; undefined without the right. Links are not followed.
   *
   * @param name - a valid name; `/` for the registry as a whole
   */
  access(caller: Caller, name: string, right: AccessRight): AccessGrant | undefined;
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
   * @param revokeOthers - whether all other keys and the unused tokens of the operator end
   * @throws {@link ClerkError} `LIMIT_EXCEEDED` when the operator has 8 live keys
   */
  replaceOperator(principal: string, pin: KeyPin, revokeOthers: boolean): Promise<void>;
  /** @throws {@link ClerkError} `FORBIDDEN` without the right `admin` on the principal */
  issueToken(request: TokenRequest, caller: Caller): Promise<TokenResponse>;
  /**
   * Enrols a key with a token or a launch ticket, or rotates the key of the connection.
   *
   * @param pin - key that the connection has proved
   * @throws {@link ClerkError} `TICKET_REFUSED` with one message for every reason
   */
  enrol(request: EnrolRequest, pin: KeyPin): Promise<Omit<EnrolResponse, 'registryKeys'>>;
  /**
   * Revokes keys. Endpoints that were registered with a revoked key are removed.
   *
   * @throws {@link ClerkError} `FORBIDDEN` without the right `admin` on the principal; `NAME_NOT_FOUND` when no live key
   *   is meant
   */
  revoke(request: RevokeRequest, caller: Caller): Promise<RevokeResponse>;
  /** @throws {@link ClerkError} `FORBIDDEN` without the right `write` on the group */
  setGroup(request: GroupRequest, caller: Caller): Promise<ChangeResponse>;
  /**
   * @throws {@link ClerkError} `FORBIDDEN` when the caller lacks the right `admin` on the path, or a right that it gives
   */
  changeAccess(request: AccessChangeRequest, caller: Caller): Promise<ChangeResponse>;
  /** Keys of the principals that the caller administrates, sorted by principal. */
  listIdentities(principal: string | undefined, caller: Caller): readonly IdentityMessage[];
  /** Rights whose path the caller administrates. With `path`, only rights that a directory on this path holds. */
  listAccess(path: string | undefined, caller: Caller): readonly AccessEntry[];
}

export type AccessGrant =
  /** Every principal may advertise and read its own name. */
  | { readonly kind: 'own-name' }
  | {
      readonly kind: 'triple';
      readonly directory: string;
      readonly triple: AccessTriple;
      /** The right of the triple that includes the requested right. */
      readonly right: AccessRight;
      /** Groups within groups, from the group of the triple to the principal; empty without groups. */
      readonly groups: readonly string[];
    };

/**
 * A grant of rights, as a directory stores it. The path is relative to the directory, so the grant is still valid
 * after a move of the directory.
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
