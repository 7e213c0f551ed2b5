import type { CheckedCredentials, CredentialSource } from '../core/credentials.js';

/** Credentials that never change. */
export function fixedCredentials(credentials: CheckedCredentials): CredentialSource {
  return {
    last: credentials,
    current: () => Promise.resolve(credentials),
    onChanged: () => () => undefined,
  };
}
