/** Messages about keys, rights and groups. */
import type { AccessRight } from '../core/access-right.js';
import type { KeyPin } from '../core/key-pin.js';

/** Enrols the key of the connection as a key of the principal `name`. */
export type EnrolRequest = TokenEnrolRequest | LaunchEnrolRequest | RotationRequest;

export interface TokenEnrolRequest {
  readonly name: string;
  /** Token of {@link TokenResponse}. */
  readonly token: string;
}

/** Enrols a key of one launched instance. The ticket stays valid for the registration. */
export interface LaunchEnrolRequest {
  readonly name: string;
  readonly instance: string;
  readonly epoch: number;
  readonly ticket: string;
}

/** Sent on a connection of the old key. */
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
  /** Present keys of the registry. */
  readonly registryKeys: readonly KeyPin[];
  /** After a rotation: time until the old key ends, in ms. */
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

export interface TokenResponse {
  readonly token: string;
  readonly expiresInMs: number;
  /** Wall-clock time, as ISO 8601. */
  readonly expiresAt: string;
}

/** A key of a principal. Times are wall-clock times, as ISO 8601. */
export interface IdentityMessage {
  readonly principal: string;
  readonly key: KeyPin;
  readonly enrolledAt: string;
  /** How the key was enrolled. */
  readonly by: 'init' | 'token' | 'launch' | 'rotation';
  /** The launched instance that owns the key. */
  readonly instance?: { readonly id: string; readonly epoch: number };
  /** Since the start of the server; absent for a key that was not used since then. */
  readonly lastUsedAt?: string;
  /** When a rotation ends or has ended the key. */
  readonly retiresAt?: string;
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

export interface RevokeResponse {
  readonly revoked: readonly KeyPin[];
  /** Time until the last ticket of the keys ends, in ms. */
  readonly ticketsEndInMs: number;
}

/** Creates a group, or replaces its members. */
export interface GroupRequest {
  readonly name: string;
  /** Names of principals and of other groups. */
  readonly members: readonly string[];
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
  /** Directory that holds the rights. Default: the segments of `path` before the first wildcard. */
  readonly directory?: string;
}

/** A grant of rights that a directory holds. */
export interface AccessEntry {
  readonly directory: string;
  /** As it was written: absolute, or relative to the directory. */
  readonly principal: string;
  /** Absolute glob of names. */
  readonly path: string;
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

export interface AccessExplainResponse {
  readonly allowed: boolean;
  /** Which rights decided, and through which groups. */
  readonly reason: string;
  /** The entry that allows the access. A principal may read and advertise its own name without an entry. */
  readonly entry?: AccessEntry;
  /** Groups from the entry to the principal. */
  readonly groups?: readonly string[];
}
