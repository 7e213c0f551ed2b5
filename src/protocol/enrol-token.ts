import type { Hashing } from './launch-proof.js';

/** The prefix lets secret scanners recognize a token in repositories and logs. */
const prefix = 'clerk_token_';
// 32 bytes are 43 base64url characters. The last character has 4 bits of the token and 2 zero bits.
const pattern = /^clerk_token_[A-Za-z0-9_-]{42}[AEIMQUYcgkosw048]$/;

export const enrolTokenTtl = Object.freeze({ minMs: 1_000, defaultMs: 600_000, maxMs: 86_400_000 });

/** Creates a token that enrols one key of one principal, once. */
export function createEnrolToken({ randomHex }: Pick<Hashing, 'randomHex'>): string {
  return prefix + Buffer.from(randomHex(32), 'hex').toString('base64url');
}

export function isEnrolToken(value: unknown): value is string {
  return typeof value === 'string' && pattern.test(value);
}
