import { createHmac, sign } from 'node:crypto';
import { digestOfPin } from '../../src/core/key-pin.js';
import type { CheckedCredentials } from '../../src/core/credentials.js';
import { ticketHeader } from '../../src/tickets/ticket-header.js';

export interface TicketParts {
  /** Changes to the protected header; a text replaces the whole header. */
  readonly header?: Readonly<Record<string, unknown>> | string | undefined;
  /** Changes to the claims; a text or bytes replace all claims. */
  readonly claims?: Readonly<Record<string, unknown>> | string | Uint8Array | undefined;
}

export interface TicketSigner {
  readonly registry: CheckedCredentials;
  readonly client: CheckedCredentials;
  readonly service: string;
  readonly now: number;
}

export const encode = (value: unknown): string =>
  Buffer.from(
    value instanceof Uint8Array ? value : typeof value === 'string' ? value : JSON.stringify(value),
  ).toString('base64url');

/** Members with the value undefined are left out. */
export function claimsOf({ registry, client, service, now }: TicketSigner): Record<string, unknown> {
  const issuedAt = Math.floor(now / 1_000);
  return {
    iss: registry.pin,
    sub: client.name,
    aud: service,
    cnf: { 'spki#S256': digestOfPin(client.pin) },
    rights: ['read', 'test', 'call'],
    jti: '0'.repeat(32),
    inc: 'i1',
    iat: issuedAt,
    exp: issuedAt + 300,
  };
}

/** A ticket with any content, and a valid signature of the signer. */
export function signedTicket(signer: TicketSigner, { header, claims }: TicketParts = {}): string {
  const head = typeof header === 'string' ? header : { ...ticketHeader(signer.registry), ...header };
  const isWhole = typeof claims === 'string' || claims instanceof Uint8Array;
  const content = `${encode(head)}.${encode(isWhole ? claims : { ...claimsOf(signer), ...claims })}`;
  return `${content}.${signatureOf(content, signer.registry)}`;
}

function signatureOf(content: string, { key, algorithm }: CheckedCredentials): string {
  const signer = { key, dsaEncoding: 'ieee-p1363' } as const;
  return sign(algorithm === 'Ed25519' ? null : 'sha256', Buffer.from(content), signer).toString('base64url');
}

/** A ticket whose HMAC has a public text as its secret. */
export function hmacTicket(signer: TicketSigner, secret: string | Uint8Array, alg = 'HS256'): string {
  const [, claims] = signedTicket(signer).split('.') as [string, string, string];
  const content = `${encode({ ...ticketHeader(signer.registry), alg })}.${claims}`;
  const bits = alg === 'HS512' ? 'sha512' : 'sha256';
  return `${content}.${createHmac(bits, secret).update(content).digest('base64url')}`;
}
