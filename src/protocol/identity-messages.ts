/** Messages about keys, rights and groups. */
import type { AccessRight } from '../core/access-right.js';
import type { KeyPin } from '../core/key-pin.js';

/** Enrols the key of the connection as a key of the principal `name`. */
export type EnrolRequest = TokenEnrolRequest | LaunchEnrolRequest | RotationRequest;

export interface TokenEnrolRequest {
  readonly name: string;
  /** The token in a {@link TokenResponse}. */
  readonly token: string;
}

/** Enrols a key of one launched instance. The instance registers with the same ticket afterwards. */
export interface LaunchEnrolRequest {
  readonly name: string;
  readonly instance: string;
  readonly epoch: number;
  readonly ticket: string;
}

/** Enrols the next key of a principal. Sent on a connection that has proved the former key. */
export interface RotationRequest {
  readonly name: string;
  readonly rotate: {
    /** The new key as SubjectPublicKeyInfo: DER in base64url. */
    readonly spki: string;
    /** Signature of `rotationStatement` by the new key, in base64url. */
    readonly proof: string;
  };
}

export interface EnrolResponse {
  readonly name: string;
  /** The enrolled key. */
  readonly key: KeyPin;
  /** The keys of the registry that clients must accept, the present key first. */
  readonly registryKeys: readonly KeyPin[];
  /** After a rotation: time until the old key becomes invalid, in ms. */
  readonly retiresInMs?: number;
}

/** Requests a ticket with which the client can call a service. */
export interface TicketRequest {
  readonly service: string;
}

export interface TicketResponse {
  /** Value of the header `clerk-ticket`. Valid only on connections with the key of this connection. */
  readonly ticket: string;
  readonly expiresInMs: number;
  /** Canonical name of the service. */
  readonly service: string;
  /** The instances of the service that have a key. */
  readonly instances: readonly InstanceKeyMessage[];
}

export interface InstanceKeyMessage {
  readonly id: string;
  readonly epoch: number;
  readonly key: KeyPin;
  /** The key before a rotation, for as long as it is valid. */
  readonly formerKey?: KeyPin;
  /** Certificate of the key: DER in base64. */
  readonly cert?: string;
}

export interface TokenRequest {
  readonly principal: string;
  /** Time for which the token is valid, in ms, 1 s to 24 h. Default 10 min. */
  readonly ttlMs?: number;
}

/** The result of a request for a token. */
export interface TokenResponse {
  /** One-time token with which a key of the principal is enrolled. */
  readonly token: string;
  /** Time until the token expires, in ms. */
  readonly expiresInMs: number;
  /** Wall-clock time, as ISO 8601. */
  readonly expiresAt: string;
}

/** An instance that a launcher has started. */
export interface LaunchedInstance {
  /** Instance id. */
  readonly id: string;
  /** Fencing number of the registration. */
  readonly epoch: number;
}

/** A key of a principal. Times are wall-clock times, as ISO 8601. */
export interface IdentityMessage {
  /** Name of the principal. */
  readonly principal: string;
  /** Pin of the key. */
  readonly key: KeyPin;
  /** When the key was enrolled. */
  readonly enrolledAt: string;
  /** How the key was enrolled. */
  readonly by: 'init' | 'token' | 'launch' | 'rotation';
  /** The launched instance that owns the key. */
  readonly instance?: LaunchedInstance;
  /** When the key was last used. Absent for a key that was not used since the start of the server. */
  readonly lastUsedAt?: string;
  /** When the key becomes or became invalid because of a rotation. */
  readonly retiresAt?: string;
  /** When the key was revoked. Absent for a key that was not revoked. */
  readonly revokedAt?: string;
}

export interface IdentitiesResponse {
  readonly identities: readonly IdentityMessage[];
}

/** Revokes one key of a principal, or all keys. */
export interface RevokeRequest {
  readonly principal: string;
  readonly key?: KeyPin;
}

/** The result of a revocation. */
export interface RevokeResponse {
  /** Pins of the revoked keys. */
  readonly revoked: readonly KeyPin[];
  /** Time until the last ticket of the keys expires, in ms. */
  readonly ticketsEndInMs: number;
}

/** Creates a group, or replaces its members. */
export interface GroupRequest {
  /** Name of the group. */
  readonly name: string;
  /** Names of principals and of other groups. */
  readonly members: readonly string[];
  /** A lookup guarantees for this time that the group does not change, in ms. Default 5,000. */
  readonly guaranteedMs?: number;
  /** Applies the change when the guarantee of the group has ended. */
  readonly whenExpired?: boolean;
}

/** Adds rights, or removes rights. */
export interface AccessChangeRequest {
  readonly change: 'allow' | 'remove';
  /** Glob of principals, or the name of a group; may be relative to the directory. */
  readonly principal: string;
  /** Absolute glob of names. */
  readonly path: string;
  readonly rights: readonly AccessRight[];
  /** Directory that stores the rights. Default: the segments of `path` before the first wildcard. */
  readonly directory?: string;
}

/** A grant of rights that a directory stores. */
export interface AccessEntry {
  /** Directory that stores the rights. */
  readonly directory: string;
  /**
   * Glob of principals, or the name of a group, as an operator has written it: absolute, or relative to the directory.
   */
  readonly principal: string;
  /** Absolute glob of names. */
  readonly path: string;
  /** The granted rights. */
  readonly rights: readonly AccessRight[];
}

export interface AccessListResponse {
  readonly entries: readonly AccessEntry[];
}

export interface AccessExplainRequest {
  readonly principal: string;
  readonly path: string;
  readonly right: AccessRight;
}

/** Why a principal has a right, or does not have the right. */
export interface AccessExplainResponse {
  /** Whether the principal has the right. */
  readonly allowed: boolean;
  /** The entry and the groups that give the right, or a statement that no entry gives it, as text for an operator. */
  readonly reason: string;
  /** The entry that allows the access. A principal may read and advertise its own name without an entry. */
  readonly entry?: AccessEntry;
  /** Nested groups, from the group in the entry to the group of the principal. Absent without `entry`. */
  readonly groups?: readonly string[];
}
