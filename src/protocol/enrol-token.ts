import type { Hashing } from './launch-proof.js';

/** The prefix lets scanners of repositories and logs recognize a token. */
const prefix = 'clerk_token_';
// Of the 43 digits for 32 bytes, the last digit holds 4 bits and 2 zero bits.
const pattern = /^clerk_token_[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/;

export const enrolTokenTtl = Object.freeze({ minMs: 1_000, defaultMs: 600_000, maxMs: 86_400_000 });

/** With a token, one key of one principal can be enrolled, once. */
export function createEnrolToken({ randomHex }: Pick<Hashing, 'randomHex'>): string {
  return prefix + Buffer.from(randomHex(32), 'hex').toString('base64url');
}

export function isEnrolToken(value: unknown): value is string {
  return typeof value === 'string' && pattern.test(value);
}
