import { createHmac } from 'node:crypto';
import { CompactSign, importPKCS8 } from 'jose';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isClerkError } from '../../src/core/errors.js';
import { systemHashing } from '../../src/runtime/hashing.js';
import { systemKeys } from '../../src/runtime/system-keys.js';
import { TicketIssuer, type TicketGrant } from '../../src/tickets/ticket-issuer.js';
import { TicketVerifier, type TicketExpectation } from '../../src/tickets/ticket-verifier.js';

const seed = 20_261;
const start = Date.UTC(2026, 0, 1);
const registry = systemKeys.create('/registry');
const client = systemKeys.create('/shop/web');
const rogue = systemKeys.create('/registry');

interface World {
  readonly verifier: TicketVerifier;
  readonly issue: (grant?: Partial<TicketGrant>, lifeMs?: number) => Promise<string>;
  readonly clock: { now: number; wallNow(): number };
}

function world(signer = registry, pins = [signer.pin]): World {
  const clock = { now: start, wallNow: () => clock.now };
  const issuer = new TicketIssuer(signer, { ...clock, wallNow: clock.wallNow, ...systemHashing });
  return {
    clock,
    verifier: new TicketVerifier(() => pins, systemKeys, clock),
    issue: async (grant = {}, lifeMs) =>
      (
        await issuer.issue(
          {
            principal: client.name,
            clientPin: client.pin,
            service: '/shop/orders',
            rights: ['call'],
            incarnation: 'i1',
            ...grant,
          },
          lifeMs,
        )
      ).ticket,
  };
}

const expected: TicketExpectation = {
  clientPin: client.pin,
  isOwnService: (name) => name === '/shop/orders',
  isOutdated: (incarnation) => incarnation !== 'i1',
};

async function refusalOf(verifier: TicketVerifier, ticket: string, change = {}): Promise<string> {
  try {
    await verifier.verify(ticket, { ...expected, ...change });
    return 'accepted';
  } catch (error) {
    if (isClerkError(error) && error.code === 'TICKET_REFUSED') return error.message;
    throw error;
  }
}

const partsOf = (ticket: string) => ticket.split('.') as [string, string, string];
const json = (part: string) =>
  JSON.parse(Buffer.from(part, 'base64url').toString()) as Record<string, unknown>;
const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

test.each(['Ed25519', 'ES256'] as const)(
  'a ticket of a registry with an %s key is accepted',
  async (kind) => {
    const { verifier, issue } = world(systemKeys.create('/registry', kind));
    const ticket = await issue();
    expect(await verifier.verify(ticket, expected)).toEqual({
      principal: '/shop/web',
      service: '/shop/orders',
      rights: ['call'],
      id: json(partsOf(ticket)[1]).jti,
      expiresAt: start + 300_000,
      validUntil: start + 330_000,
    });
    expect(ticket.length).toBeLessThan(1_024);
  },
);

test('the header and the claims have the documented members', async () => {
  const [header, claims] = partsOf(await world().issue());
  expect(json(header)).toEqual({
    alg: 'EdDSA',
    typ: 'clerk-ticket+jwt',
    kid: registry.pin,
    jwk: { kty: 'OKP', crv: 'Ed25519', x: Buffer.from(registry.spki).subarray(12).toString('base64url') },
  });
  expect(json(claims)).toEqual({
    iss: registry.pin,
    sub: '/shop/web',
    aud: '/shop/orders',
    cnf: { 'spki#S256': client.pin.slice(7) },
    rights: ['call'],
    jti: expect.stringMatching(/^[0-9a-f]{32}$/) as unknown,
    inc: 'i1',
    iat: start / 1_000,
    exp: start / 1_000 + 300,
  });
});

test('a ticket is refused for another client, service or incarnation', async () => {
  const { verifier, issue } = world();
  const ticket = await issue();
  expect(await refusalOf(verifier, ticket, { clientPin: rogue.pin })).toBe(
    'The ticket was issued to another client',
  );
  expect(await refusalOf(verifier, ticket, { clientPin: undefined })).toMatch(/client proves its key/);
  expect(await refusalOf(verifier, ticket, { isOwnService: () => false })).toBe(
    'The ticket was issued for /shop/orders, which is not a name of this service',
  );
  expect(await refusalOf(verifier, ticket, { isOutdated: () => true })).toMatch(/lost its data/);
  expect(await refusalOf(verifier, ticket)).toBe('accepted');
});

test('a ticket is valid from 30 s before its issue until 30 s after its expiry', async () => {
  const { verifier, issue, clock } = world();
  const ticket = await issue();
  const at = async (offsetMs: number) => {
    clock.now = start + offsetMs;
    return refusalOf(verifier, ticket);
  };
  expect(await at(-30_001)).toMatch(/not valid yet/);
  expect(await at(-30_000)).toBe('accepted');
  expect(await at(329_999)).toBe('accepted');
  expect(await at(330_000)).toBe(
    'The ticket has expired. Send a new ticket. If the ticket is new, compare the clocks of registry and service',
  );
});

test('no ticket lives longer than 300 s', async () => {
  const { verifier, issue, clock } = world();
  const short = await issue({}, 5_000);
  const long = await issue({}, 86_400_000);
  clock.now = start + 35_000;
  expect(await refusalOf(verifier, short)).toBe(
    'The ticket has expired. Send a new ticket. If the ticket is new, compare the clocks of registry and service',
  );
  expect(await refusalOf(verifier, long)).toBe('accepted');
  clock.now = start + 330_000;
  expect(await refusalOf(verifier, long)).toBe(
    'The ticket has expired. Send a new ticket. If the ticket is new, compare the clocks of registry and service',
  );
});

test('a ticket of an unpinned registry is refused, and of each pinned registry accepted', async () => {
  const other = world(rogue);
  expect(await refusalOf(world().verifier, await other.issue())).toMatch(/does not accept/);
  const both = world(registry, [registry.pin, rogue.pin]);
  expect(await refusalOf(both.verifier, await other.issue())).toBe('accepted');
  expect(await refusalOf(both.verifier, await both.issue())).toBe('accepted');
});

/** Signs any header and payload with a key, as a rogue program could. */
async function forge(header: Record<string, unknown>, claims: unknown, pem = rogue.key): Promise<string> {
  const key = await importPKCS8(pem, 'EdDSA');
  return new CompactSign(Buffer.from(JSON.stringify(claims)))
    .setProtectedHeader({ ...header, alg: 'EdDSA' })
    .sign(key);
}

type Forgery = (ticket: string) => string | Promise<string>;
const genuine = (ticket: string) => json(partsOf(ticket)[0]);
const claimsOf = (ticket: string) => json(partsOf(ticket)[1]);
const withHeader =
  (change: Record<string, unknown>): Forgery =>
  (ticket) =>
    [encode({ ...genuine(ticket), ...change }), ...partsOf(ticket).slice(1)].join('.');
const withClaims =
  (change: Record<string, unknown>): Forgery =>
  (ticket) =>
    [partsOf(ticket)[0], encode({ ...claimsOf(ticket), ...change }), partsOf(ticket)[2]].join('.');
/** A ticket that the registry itself signed with these claims. */
const signed =
  (change: Record<string, unknown>): Forgery =>
  (ticket) =>
    forge(genuine(ticket), { ...claimsOf(ticket), ...change }, registry.key);
const rogueJwk = {
  kty: 'OKP',
  crv: 'Ed25519',
  x: Buffer.from(rogue.spki).subarray(12).toString('base64url'),
};

const forgeries: readonly (readonly [string, Forgery])[] = [
  ['an empty text', () => ''],
  ['two parts', (ticket) => partsOf(ticket).slice(0, 2).join('.')],
  ['four parts', (ticket) => `${ticket}.`],
  ['a space at the end', (ticket) => `${ticket} `],
  ['a ticket above the length limit', (ticket) => `${ticket}${'A'.repeat(4_096)}`],
  ['the algorithm none', withHeader({ alg: 'none' })],
  [
    'the algorithm none without a signature',
    (ticket) => `${encode({ ...genuine(ticket), alg: 'none' })}.${partsOf(ticket)[1]}.`,
  ],
  ['no signature', (ticket) => `${partsOf(ticket).slice(0, 2).join('.')}.`],
  [
    'an HMAC with the public key as its secret',
    (ticket) => {
      const text = `${encode({ ...genuine(ticket), alg: 'HS256' })}.${partsOf(ticket)[1]}`;
      return `${text}.${createHmac('sha256', registry.spki).update(text).digest('base64url')}`;
    },
  ],
  ['the algorithm of another kind of key', withHeader({ alg: 'ES256' })],
  ['the algorithm in small letters', withHeader({ alg: 'eddsa' })],
  ['a list of algorithms', withHeader({ alg: ['EdDSA'] })],
  ['another type', withHeader({ typ: 'JWT' })],
  ['an additional header member', withHeader({ crit: ['exp'] })],
  ['the key address of a rogue', withHeader({ jku: 'http://127.0.0.1/keys' })],
  ['a certificate in the header', withHeader({ x5c: ['MII'] })],
  ['a key id that is a path', withHeader({ kid: '../../etc/passwd' })],
  ['a key id that is a prototype member', withHeader({ kid: '__proto__' })],
  ['the key id of the rogue', withHeader({ kid: rogue.pin })],
  ['the key of the rogue under the id of the registry', withHeader({ jwk: rogueJwk })],
  [
    'a signature of the rogue under the id of the registry',
    (ticket) => forge({ ...genuine(ticket), jwk: rogueJwk }, claimsOf(ticket)),
  ],
  [
    'a signature of the rogue beside the key of the registry',
    (ticket) => forge(genuine(ticket), claimsOf(ticket)),
  ],
  [
    'a ticket of the rogue',
    (ticket) =>
      forge({ ...genuine(ticket), kid: rogue.pin, jwk: rogueJwk }, { ...claimsOf(ticket), iss: rogue.pin }),
  ],
  ['a key with a private part', withHeader({ jwk: { ...rogueJwk, d: rogueJwk.x } })],
  ['a key of another curve', withHeader({ jwk: { kty: 'OKP', crv: 'X25519', x: rogueJwk.x } })],
  ['a short key', withHeader({ jwk: { ...rogueJwk, x: 'AAAA' } })],
  ['another service', withClaims({ aud: '/shop/admin' })],
  ['another client', withClaims({ cnf: { 'spki#S256': rogue.pin.slice(7) } })],
  ['more rights', withClaims({ rights: ['call', 'admin'] })],
  ['a longer life', withClaims({ exp: start / 1_000 + 3_000 })],
  ['another principal', withClaims({ sub: '/operator' })],
  [
    'the signature of another ticket',
    async (ticket) => {
      const [header, claims] = partsOf(ticket);
      return [header, claims, partsOf(await world().issue({ service: '/x' }))[2]].join('.');
    },
  ],
  [
    'the claims of another ticket',
    async (ticket) => {
      const [header, , signature] = partsOf(ticket);
      return [header, partsOf(await world().issue({ service: '/x' }))[1], signature].join('.');
    },
  ],
  ['a signature in standard base64', (ticket) => `${ticket}==`],
  ['signed claims with a missing member', signed({ jti: undefined })],
  ['signed claims with an additional member', signed({ nbf: 1 })],
  ['signed claims with several services', signed({ aud: ['/shop/orders', '/shop/admin'] })],
  ['signed claims of another issuer', signed({ iss: rogue.pin })],
  ['signed claims with an unknown right', signed({ rights: ['call', 'root'] })],
  ['signed claims with a life above 300 s', signed({ exp: start / 1_000 + 301 })],
  ['signed claims that expire before their issue', signed({ exp: start / 1_000 - 1 })],
  ['signed claims with times as text', signed({ iat: String(start / 1_000) })],
  ['signed claims with an endless time', signed({ exp: Number.MAX_VALUE })],
  ['signed claims with another confirmation', signed({ cnf: { jkt: client.pin.slice(7) } })],
  ['signed claims with two confirmations', signed({ cnf: { 'spki#S256': client.pin.slice(7), jkt: 'x' } })],
  ['signed claims without a confirmation', signed({ cnf: {} })],
  [
    'signed claims that are a list',
    async (ticket) => forge(genuine(ticket), [claimsOf(ticket)], registry.key),
  ],
  [
    'a signed statement of another type',
    (ticket) => forge({ ...genuine(ticket), typ: 'clerk-rotation' }, claimsOf(ticket), registry.key),
  ],
];

test.each(forgeries)('refuses %s', async (_, change) => {
  const { verifier, issue } = world();
  const ticket = await issue();
  const forged = await change(ticket);
  const message = await refusalOf(verifier, forged);
  expect(message).toMatch(/^The ticket /);
  if (forged.length > 20) expect(message).not.toContain(forged.slice(0, 20));
  expect(await refusalOf(verifier, ticket)).toBe('accepted');
});

test('a changed character anywhere in a ticket is never accepted', async () => {
  const { verifier, issue } = world();
  const ticket = await issue();
  await fc.assert(
    fc.asyncProperty(
      fc.nat(ticket.length - 1),
      fc.constantFrom('A', 'a', '0', '-', '_', '.', '=', '+', '/', ' ', '{'),
      async (at, character) => {
        const changed = ticket.slice(0, at) + character + ticket.slice(at + 1);
        if (changed !== ticket) expect(await refusalOf(verifier, changed)).not.toBe('accepted');
      },
    ),
    { seed, numRuns: 1_000 },
  );
});

test('a removed pin ends the acceptance of its tickets at once', async () => {
  const pins = [registry.pin];
  const { issue } = world();
  const verifier = new TicketVerifier(() => pins, systemKeys, { wallNow: () => start });
  const ticket = await issue();
  expect(await refusalOf(verifier, ticket)).toBe('accepted');
  pins.pop();
  expect(await refusalOf(verifier, ticket)).toMatch(/does not accept/);
});
