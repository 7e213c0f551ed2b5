import type { CredentialSource } from './credentials.js';
import type { KeyPin } from './key-pin.js';

/** Options for `createServer` of `node:https` and `createSecureServer` of `node:http2`. */
export interface IdentityTlsOptions {
  /** Private key, in PEM. */
  readonly key: string;
  /** Certificate of the key, in PEM. */
  readonly cert: string;
  /** Always TLS 1.3. */
  readonly minVersion: 'TLSv1.3';
  /** Always true: the server asks each client for its key. */
  readonly requestCert: true;
  /**
   * Always false: no certificate authority signs the keys. `authenticate` compares the key of the client with the key
   * in the client's ticket.
   */
  readonly rejectUnauthorized: false;
  /** Time for which a TLS session can be resumed, in s. */
  readonly sessionTimeout: number;
}

/** The name and the key of a program, and the registry where the key is enrolled. */
export interface Identity extends CredentialSource {
  /** The principal: an absolute name. */
  readonly name: string;
  /** Addresses of the registry servers where the key is enrolled; empty when unknown. */
  readonly registry: readonly string[];
  /** Pins of the registry keys; empty when unknown. */
  readonly registryKeys: readonly KeyPin[];
  /**
   * Replaces the registry keys in the identity file with keys that a registry has announced. On the same connection,
   * the registry must have proved one of its keys. Ignored if `keys` contains no known key. Never throws.
   */
  learnRegistryKeys(keys: readonly KeyPin[]): void;
  /**
   * Options for a server of `node:https` or `node:http2`, with the present key. `advertise` replaces the key of the
   * server when the identity changes.
   */
  tls(): IdentityTlsOptions;
  /**
   * Replaces the key. The old key enrols the new key at the registry, and stays valid for 330 s. After a crash, the
   * next call of `rotate` continues the rotation.
   *
   * @throws {@link ClerkError} `IDENTITY_INVALID` when the program provides the credentials itself, the registry is
   * unknown, or the registry refuses the key
   * @throws {@link ClerkError} `REGISTRY_UNREACHABLE` when the registry does not respond
   */
  rotate(): Promise<void>;
  /** Removes all listeners. */
  close(): void;
}

export function isIdentity(value: unknown): value is Identity {
  const { current, tls } = (value ?? {}) as Partial<Identity>;
  return typeof current === 'function' && typeof tls === 'function';
}
