import fc from 'fast-check';
import { expect, test } from 'vitest';
import { systemKeys } from '../../src/runtime/system-keys.js';
import { decodeBase64url } from '../../src/tickets/base64url.js';
import { parsePublicJwk, spkiOfJwk, toPublicJwk } from '../../src/tickets/public-jwk.js';
import { decodeClaims, encodeClaims, type TicketClaims } from '../../src/tickets/ticket-claims.js';
import { readTicketHeader, ticketHeader } from '../../src/tickets/ticket-header.js';

const seed = 20_262;
const registry = systemKeys.create('/registry');
const header = ticketHeader(registry);
const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');
const signature = 'A'.repeat(86);

const claims: TicketClaims = {
  issuer: registry.pin,
  principal: '/shop/web',
  service: '/shop/orders',
  clientPin: registry.pin,
  rights: ['call'],
  id: '0'.repeat(32),
  incarnation: 'i1',
  issuedAt: 1_790_000_000,
  expiresAt: 1_790_000_300,
};

test('claims and headers are read back as they were written', () => {
  expect(decodeClaims(encodeClaims(claims))).toEqual(claims);
  expect(readTicketHeader(`${encode(header)}.e30.${signature}`)).toEqual(header);
});

test.each(['Ed25519', 'ES256'] as const)('a %s key survives its JSON form', (algorithm) => {
  for (let i = 0; i < 20; i++) {
    const { spki } = systemKeys.create('/x', algorithm);
    const jwk = toPublicJwk(spki, algorithm);
    expect(parsePublicJwk(jwk)).toEqual(jwk);
    expect(Buffer.from(spkiOfJwk(jwk)).equals(Buffer.from(spki))).toBe(true);
  }
});

test('base64url has one spelling for each list of bytes', () => {
  fc.assert(
    fc.property(fc.string({ maxLength: 12 }), (text) => {
      const bytes = decodeBase64url(text);
      if (bytes !== undefined) expect(bytes.toString('base64url')).toBe(text);
    }),
    { seed, numRuns: 20_000 },
  );
});

test('100,000 damaged headers are read as the genuine header or not at all', () => {
  const text = `${encode(header)}.${'A'.repeat(200)}.${signature}`;
  fc.assert(
    fc.property(
      fc.nat(text.length),
      fc.nat(12),
      fc.string({ unit: 'binary', maxLength: 6 }),
      (at, cut, added) => {
        const read = readTicketHeader(text.slice(0, at) + added + text.slice(at + cut));
        if (read?.kid === header.kid && read.jwk.x === header.jwk.x) expect(read).toEqual(header);
      },
    ),
    { seed, numRuns: 100_000 },
  );
});

test('100,000 damaged claims are read as valid claims or not at all', () => {
  const text = Buffer.from(encodeClaims(claims)).toString();
  const characters = '0,1,9,a,z,/,",{,},[,],:,-,.,e,E,\\\\,u, ,\u0000';
  fc.assert(
    fc.property(
      fc.nat(text.length),
      fc.nat(8),
      fc.string({ unit: fc.constantFrom(...characters.split(',')), maxLength: 6 }),
      (at, cut, added) => {
        const read = decodeClaims(Buffer.from(text.slice(0, at) + added + text.slice(at + cut)));
        if (read !== undefined) expect(decodeClaims(encodeClaims(read))).toEqual(read);
      },
    ),
    { seed, numRuns: 100_000 },
  );
});

test('deeply nested JSON is not a header and not claims', () => {
  const deep = '['.repeat(3_000);
  expect(readTicketHeader(`${Buffer.from(deep).toString('base64url')}.e30.${signature}`)).toBeUndefined();
  expect(decodeClaims(Buffer.from(deep))).toBeUndefined();
});
