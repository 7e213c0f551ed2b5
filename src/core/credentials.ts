import type { KeyPin } from './key-pin.js';

/** Algorithm of a key: Ed25519, or ECDSA with P-256 and SHA-256. */
export type KeyAlgorithm = 'Ed25519' | 'ES256';

/** The name and the key with which a program proves who it is. */
export interface Credentials {
  /** The principal: an absolute name. */
  readonly name: string;
  /** Private key, in PEM (PKCS #8), not encrypted. */
  readonly key: string;
  /**
   * Certificate of the key, in PEM. Only the public key in the certificate is used; names and other fields are ignored.
   */
  readonly cert: string;
}

/** Returns the present credentials. Called before each use of the credentials, so a program can replace them. */
export type CredentialProvider = () => Credentials | Promise<Credentials>;

/** Credentials whose key and certificate belong together. */
export interface CheckedCredentials extends Credentials {
  /** Pin of the key. */
  readonly pin: KeyPin;
  /** Algorithm of the key. */
  readonly algorithm: KeyAlgorithm;
  /** The public key as SubjectPublicKeyInfo, in DER. */
  readonly spki: Uint8Array;
}

/** The credentials of a program, which may change while the program runs. */
export interface CredentialSource {
  /** @throws {@link ClerkError} `IDENTITY_INVALID` when the credentials cannot be read or are invalid */
  current(): Promise<CheckedCredentials>;
  /** The last result of `current`; undefined before the first call. */
  readonly last: CheckedCredentials | undefined;
  /** Calls the listener after each change of the credentials. Returns a function that removes the listener. */
  onChanged(listener: (next: CheckedCredentials, former: CheckedCredentials) => void): () => void;
}

export interface KeyTools {
  /**
   * Creates a key and its certificate. Default algorithm: Ed25519.
   * @throws {@link ClerkError} `NAME_INVALID` when the name is invalid
   */
  create(name: string, algorithm?: KeyAlgorithm): CheckedCredentials;
  /**
   * @throws {@link ClerkError} `IDENTITY_INVALID` when a field is missing or invalid, the key has another algorithm,
   * or the certificate belongs to another key. The message never contains the key.
   */
  check(credentials: unknown): CheckedCredentials;
  /**
   * Returns the pin of the public key in a certificate, in PEM or DER.
   *
   * @throws {@link ClerkError} `IDENTITY_INVALID` when the text is not a certificate
   */
  pinOf(certificate: string | Uint8Array): KeyPin;
  /** Like `pinOf`, but returns undefined for a key that must not be enrolled, and for an invalid certificate. */
  enrollablePinOf(certificate: string | Uint8Array): KeyPin | undefined;
  pinOfKey(spki: Uint8Array): KeyPin;
  /** Returns the signature in base64url. */
  sign(credentials: Credentials, text: string): string;
  /** Whether the signature is valid. Returns false for a key that must not be enrolled. Never throws. */
  verify(spki: Uint8Array, text: string, signature: string): boolean;
}
