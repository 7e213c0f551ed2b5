/** Tickets that a hostile client forges or steals, and tickets with which a hostile registry says too much. */
import { createPublicKey } from 'node:crypto';
import { digestOfPin } from '../../src/core/key-pin.js';
import type { CheckedCredentials } from '../../src/core/credentials.js';
import { systemKeys } from '../../src/runtime/system-keys.js';
import { toPublicJwk } from '../../src/tickets/public-jwk.js';
import { ticketHeader } from '../../src/tickets/ticket-header.js';
import { refusal, service, type AttackedFleet, type Party } from './attacked-fleet.js';
import type { Attack, Attacker, Refusal } from './attack.js';
import {
  claimsOf,
  encode,
  hmacTicket,
  signedTicket,
  type TicketParts,
  type TicketSigner,
} from './forged-ticket.js';

const header = 'tickets/ticket-header.ts';
const claims = 'tickets/ticket-claims.ts';
const verifier = 'tickets/ticket-verifier.ts';
const base64url = 'tickets/base64url.ts';
const jwk = 'tickets/public-jwk.ts';
const malformed = 'is malformed';
const invalid = 'has invalid claims';
const refused = '401 TICKET_REFUSED, not executed';

const keyOf = ({ credentials }: Party): CheckedCredentials => credentials as CheckedCredentials;
const signerOf = (fleet: AttackedFleet, client = fleet.web): TicketSigner => ({
  registry: fleet.registryKey,
  client: keyOf(client),
  service,
  now: Date.now() + fleet.shiftMs,
});

/** Sends each ticket as the honest client `/shop/web`, so that only the ticket can be the reason of a refusal. */
async function send(fleet: AttackedFleet, tickets: readonly string[]): Promise<Refusal[]> {
  const refusals: Refusal[] = [];
  for (const ticket of tickets) refusals.push(refusal(await fleet.web.call(ticket)));
  return refusals;
}

function attack(
  name: string,
  check: string,
  because: string,
  forge: (fleet: AttackedFleet, real: string) => readonly string[] | Promise<readonly string[]>,
  by: Attacker = 'client',
): Attack<AttackedFleet> {
  return {
    ...{ name, by, check, because, refusedAs: refused },
    run: async (fleet) => send(fleet, await forge(fleet, await fleet.ticketOf(fleet.web))),
  };
}

/** A hostile registry has the key of the registry, and signs what a registry never signs. */
function claimsAttack(name: string, what: string, changes: readonly TicketParts['claims'][]) {
  return attack(
    name,
    `${claims}: ${what}`,
    invalid,
    (fleet) => changes.map((change) => signedTicket(signerOf(fleet), { claims: change })),
    'registry',
  );
}

function headerAttack(name: string, check: string, changes: readonly Record<string, unknown>[]) {
  return attack(name, check, malformed, (fleet) =>
    changes.map((change) => signedTicket(signerOf(fleet), { header: change })),
  );
}

const split = (ticket: string) => ticket.split('.') as [string, string, string];
const flipped = (text: string, at: number): string => {
  const digits = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
  return text.slice(0, at) + digits.charAt((digits.indexOf(text.charAt(at)) + 32) % 64) + text.slice(at + 1);
};
const attackerKey = systemKeys.create('/registry');
const attackerEc = systemKeys.create('/registry', 'ES256');

export const ticketAttacks: readonly Attack<AttackedFleet>[] = [
  {
    name: 'a call without a ticket, or with the ticket in another place',
    by: 'client',
    check: 'service/authenticate/authenticate-handler.ts: ticket present',
    refusedAs: refused,
    because: 'must have a ticket in the header clerk-ticket',
    async run(fleet) {
      const ticket = await fleet.ticketOf(fleet.web);
      const places = [{}, { authorization: `Bearer ${ticket}` }, { cookie: `clerk-ticket=${ticket}` }];
      return Promise.all(places.map(async (headers) => refusal(await fleet.web.call(undefined, headers))));
    },
  },
  attack('a ticket longer than 4,096 characters', `${header}: length`, malformed, (fleet, real) => {
    const [head, body, signature] = split(real);
    const long = signedTicket(signerOf(fleet), { claims: { jti: '0'.repeat(4_000) } });
    return [`${head}.${body}${'A'.repeat(4_096)}.${signature}`, long, 'a'.repeat(8_000)];
  }),
  attack(
    'a ticket with another number of parts, such as an encrypted token or two tickets in one header',
    `${header}: number of parts`,
    malformed,
    (_, real) => {
      const [head, body, signature] = split(real);
      return [
        'x',
        `${head}.${body}`,
        `${real}.${signature}`,
        `${real}.${head}.`,
        `${real}, ${real}`,
        `${head}..`,
      ];
    },
  ),
  attack(
    'another spelling of a valid ticket: padding, blanks, standard base64, unused bits',
    `${base64url}: one spelling`,
    malformed,
    (_, real) => {
      const [head, body, signature] = split(real);
      const last = signature.slice(0, -1);
      return [
        `${real}==`,
        `${head}. ${body}.${signature}`,
        `${head}.${body}.${last}${signature.endsWith('A') ? 'B' : 'B'}`,
        `${head}=.${body}.${signature}`,
        `${head}.${body}.+/${signature.slice(2)}`,
      ].filter((text) => text !== real);
    },
  ),
  attack(
    'a signature of another length, such as none or a DER signature',
    `${header}: length of the signature`,
    malformed,
    (_, real) => {
      const [head, body, signature] = split(real);
      return [
        `${head}.${body}.`,
        `${head}.${body}.${signature.slice(0, 80)}`,
        `${head}.${body}.${signature}AAAA`,
      ];
    },
  ),
  attack('a payload that is not base64url', `${header}: payload`, malformed, (_, real) => {
    const [head, body, signature] = split(real);
    return [`${head}..${signature}`, `${head}.${body}%.${signature}`, `${head}.{"iss":1}.${signature}`];
  }),
  attack(
    'a header that is not a JSON object, or not UTF-8',
    `${base64url}: JSON object`,
    malformed,
    (fleet, real) => {
      const [, body, signature] = split(real);
      const whole = JSON.stringify(ticketHeader(fleet.registryKey));
      return ['[]', 'null', '1', '"x"', '{', `${whole}x`, Buffer.from(whole, 'utf16le')]
        .map((head) => `${encode(head)}.${body}.${signature}`)
        .concat(`${encode(Buffer.from([0xff, 0xfe, 0x7b, 0x7d]))}.${body}.${signature}`);
    },
  ),
  headerAttack(
    'a header with crit, b64, jku, x5u, x5c, zip, cty or a nested token',
    `${header}: no other members`,
    [
      { crit: ['exp'] },
      { b64: false, crit: ['b64'] },
      { jku: 'https://attacker.example/keys' },
      { x5u: 'https://attacker.example/cert' },
      { x5c: ['MIIB'] },
      { zip: 'DEF' },
      { cty: 'JWT' },
      { kid2: 'x' },
    ],
  ),
  headerAttack('a header without one of its members', `${header}: all members`, [
    { typ: undefined },
    { kid: undefined },
    { jwk: undefined },
    { alg: undefined },
  ]),
  headerAttack('a token of another type', `${header}: type`, [
    { typ: 'JWT' },
    { typ: 'at+jwt' },
    { typ: 'Clerk-Ticket+JWT' },
    { typ: ['clerk-ticket+jwt'] },
  ]),
  headerAttack('a key id with a path, an address or a query', `${header}: form of the key id`, [
    { kid: '../../../../dev/null' },
    { kid: 'file:///etc/passwd' },
    { kid: "' OR 1=1 --" },
    { kid: '__proto__' },
    { kid: `sha256/${'B'.repeat(43)}` },
    { kid: ['sha256/x'] },
  ]),
  headerAttack(
    'an algorithm that is not that of the key: none, HS256, RS256, ES256, other cases',
    `${header}: algorithm of the key`,
    [
      ...[
        'none',
        'None',
        'NONE',
        '',
        'HS256',
        'RS256',
        'PS256',
        'ES256',
        'ES512',
        'eddsa',
        'Ed448',
        'dir',
      ].map((alg) => ({ alg })),
      { alg: ['EdDSA'] },
    ],
  ),
  attack(
    'an unsigned ticket, and HMACs with the public key of the registry as their secret',
    `${header}: algorithm of the key`,
    malformed,
    (fleet) => {
      const signer = signerOf(fleet);
      const { spki, cert, pin } = fleet.registryKey;
      const pem = createPublicKey(cert).export({ type: 'spki', format: 'pem' });
      const [, body] = split(signedTicket(signer));
      const none = `${encode({ ...ticketHeader(fleet.registryKey), alg: 'none' })}.${body}.`;
      return [
        none,
        ...[spki, pem, cert, pin].map((secret) => hmacTicket(signer, secret as string)),
        hmacTicket(signer, spki, 'HS512'),
      ];
    },
  ),
  headerAttack('a key of another type or curve in the header', `${jwk}: type and curve`, [
    { jwk: { kty: 'RSA', n: 'AQAB', e: 'AQAB' } },
    { jwk: { kty: 'oct', k: 'AAAA' } },
    { jwk: { kty: 'OKP', crv: 'X25519', x: 'A'.repeat(43) } },
    { jwk: { kty: 'EC', crv: 'P-384', x: 'A'.repeat(64), y: 'A'.repeat(64) } },
    { jwk: null },
    { jwk: [] },
  ]),
  attack('a private key or more members in the key of the header', `${jwk}: members`, malformed, (fleet) => {
    const key = toPublicJwk(fleet.registryKey.spki, 'Ed25519');
    return [{ d: 'AAAA' }, { kid: 'x' }, { x5u: 'https://attacker.example' }, { alg: 'none' }].map((more) =>
      signedTicket(signerOf(fleet), { header: { jwk: { ...key, ...more } } }),
    );
  }),
  headerAttack('a key with coordinates of another length', `${jwk}: length of the coordinates`, [
    { jwk: { kty: 'OKP', crv: 'Ed25519', x: '' } },
    { jwk: { kty: 'OKP', crv: 'Ed25519', x: 'AA' } },
    { jwk: { kty: 'OKP', crv: 'Ed25519', x: 'A'.repeat(44) } },
    { alg: 'ES256', jwk: { kty: 'EC', crv: 'P-256', x: 'A'.repeat(43), y: '' } },
  ]),
  attack(
    'a ticket that the attacker has signed with its own key, named by its own key id',
    `${verifier}: pinned keys`,
    'was signed with a key that this service does not accept',
    (fleet) =>
      [attackerKey, attackerEc, keyOf(fleet.rogue)].map((key) =>
        signedTicket({ ...signerOf(fleet), registry: key }),
      ),
  ),
  attack(
    'a ticket signed with the key of the attacker in the header, under the key id of the registry',
    `${verifier}: key matches key id`,
    'does not match the key id in the ticket',
    (fleet) =>
      [attackerKey, attackerEc].map((key) =>
        signedTicket({ ...signerOf(fleet), registry: key }, { header: { kid: fleet.registryPin } }),
      ),
  ),
  attack(
    'a changed ticket, parts of two tickets, and rights added to a real ticket',
    `${verifier}: signature`,
    'has an invalid signature',
    async (fleet, real) => {
      const [head, body, signature] = split(real);
      const [, otherBody] = split(await fleet.ticketOf(fleet.operator));
      const widened = {
        ...(JSON.parse(Buffer.from(body, 'base64url').toString()) as object),
        rights: ['admin'],
      };
      const flips = Array.from({ length: 40 }, (_, i) => `${head}.${body}.${flipped(signature, i * 2)}`);
      return [
        `${head}.${otherBody}.${signature}`,
        `${head}.${encode(widened)}.${signature}`,
        `${head}.${body}.${'A'.repeat(86)}`,
        ...flips,
      ];
    },
  ),
  claimsAttack('claims that are not JSON object', 'JSON object', [
    '[]',
    'null',
    '{',
    '1',
    Buffer.from([0xff]),
  ]),
  claimsAttack('claims with a missing member, or with more members', 'members', [
    ...['iss', 'sub', 'aud', 'cnf', 'rights', 'jti', 'inc', 'iat', 'exp'].map((name) => ({
      [name]: undefined,
    })),
    { nbf: 1 },
    { admin: true },
  ]),
  claimsAttack('an issuer that is not a pin', 'issuer', [
    { iss: 'https://registry' },
    { iss: 7 },
    { iss: null },
  ]),
  attack(
    'a ticket whose issuer is another registry than its signer',
    `${verifier}: issuer is the signer`,
    invalid,
    (fleet) => [signedTicket(signerOf(fleet), { claims: { iss: attackerKey.pin } })],
    'registry',
  ),
  claimsAttack('a principal that is not a name', 'principal', [
    { sub: 'shop/web' },
    { sub: '/shop/../operator' },
    { sub: ['/operator'] },
    { sub: '/shop/*' },
  ]),
  claimsAttack('an audience that is not a name: a list, a glob, a number', 'audience', [
    { aud: [service] },
    { aud: '/**' },
    { aud: 1 },
    { aud: null },
  ]),
  claimsAttack('a confirmation with other members', 'members of the confirmation', [
    { cnf: {} },
    { cnf: { jkt: 'x' } },
    { cnf: 'x' },
    { cnf: null },
    { cnf: { 'spki#S256': 'A'.repeat(43), 'x5t#S256': 'A'.repeat(43) } },
  ]),
  claimsAttack('a confirmation that is not a SHA-256', 'confirmed key', [
    { cnf: { 'spki#S256': '' } },
    { cnf: { 'spki#S256': `${'A'.repeat(42)}B` } },
    { cnf: { 'spki#S256': ['A'.repeat(43)].concat('x') } },
    { cnf: { 'spki#S256': null } },
  ]),
  claimsAttack('rights that are not list, or a long list', 'list of rights', [
    { rights: 'call' },
    { rights: { call: true } },
    { rights: Array.from({ length: 17 }, () => 'call') },
  ]),
  claimsAttack('an unknown right', 'known rights', [
    { rights: ['call', 'root'] },
    { rights: ['__proto__'] },
    { rights: [['call']] },
  ]),
  claimsAttack('an invalid ticket id', 'ticket id', [{ jti: '' }, { jti: 'G'.repeat(32) }, { jti: 1 }]),
  claimsAttack('an invalid incarnation', 'incarnation', [{ inc: 1 }, { inc: 'x'.repeat(129) }]),
  claimsAttack('times that are not whole positive numbers', 'times', [
    { iat: '1' },
    { iat: 0 },
    { iat: -1 },
    { iat: 1.5 },
    { exp: 1e300 },
    { exp: null },
    { iat: true },
  ]),
  attack(
    'a ticket that ends before it begins',
    `${claims}: order of times`,
    invalid,
    (fleet) => {
      const { iat } = claimsOf(signerOf(fleet));
      return [{ exp: iat }, { exp: Number(iat) - 1 }].map((change) =>
        signedTicket(signerOf(fleet), { claims: change }),
      );
    },
    'registry',
  ),
  attack(
    'a ticket that lives longer than 300 s',
    `${claims}: life`,
    invalid,
    (fleet) => {
      const iat = Number(claimsOf(signerOf(fleet)).iat);
      return [301, 3_600, 1e9].map((life) => signedTicket(signerOf(fleet), { claims: { exp: iat + life } }));
    },
    'registry',
  ),
  attack(
    'a ticket from the future, beyond 30 s of clock skew',
    `${verifier}: begin`,
    'is not valid yet',
    (fleet) =>
      [31, 120, 86_400].map((s) => signedTicket({ ...signerOf(fleet), now: Date.now() + s * 1_000 + 1_000 })),
    'registry',
  ),
  attack('an old ticket, beyond 30 s of clock skew', `${verifier}: end`, 'has expired', (fleet) =>
    [331, 3_600, 86_400].map((s) => signedTicket({ ...signerOf(fleet), now: Date.now() - s * 1_000 })),
  ),
  {
    ...{ name: 'a ticket that a connection has accepted, after its end', by: 'client', refusedAs: refused },
    check: 'service/authenticate/connection-tickets.ts: end of an accepted ticket',
    because: 'has expired',
    async run(fleet) {
      const ticket = await fleet.ticketOf(fleet.web);
      await fleet.callHonestly(ticket);
      fleet.shiftMs += 331_000;
      try {
        return [refusal(await fleet.web.call(ticket))];
      } finally {
        fleet.shiftMs -= 331_000;
      }
    },
  },
  {
    ...{ name: 'a stolen ticket, sent with the key of the thief', by: 'client', refusedAs: refused },
    check: `${verifier}: confirmed key`,
    because: 'was issued to another client',
    async run(fleet) {
      const ticket = await fleet.ticketOf(fleet.web);
      const twin = fleet.party(systemKeys.create('/shop/web'));
      const thieves = [fleet.rogue, fleet.orders, fleet.operator, twin];
      return Promise.all(thieves.map(async (thief) => refusal(await thief.call(ticket))));
    },
  },
  {
    ...{ name: 'a stolen ticket, sent without a client certificate', by: 'client', refusedAs: refused },
    check: `${verifier}: confirmed key`,
    because: 'requires that the client proves its key on the connection',
    run: async (fleet) => [refusal(await fleet.anonymous.call(await fleet.ticketOf(fleet.web)))],
  },
  {
    ...{ name: 'a ticket that was accepted on the connection of another client', by: 'client' },
    check: 'service/authenticate/connection-tickets.ts: tickets by connection',
    refusedAs: refused,
    because: 'was issued to another client',
    async run(fleet) {
      const ticket = await fleet.ticketOf(fleet.web);
      await fleet.callHonestly(ticket);
      const refusals = await Promise.all([1, 2, 3].map(async () => refusal(await fleet.rogue.call(ticket))));
      await fleet.callHonestly(ticket);
      return [...refusals, refusal(await fleet.rogue.call(ticket))];
    },
  },
  attack(
    'a ticket for another service, or for a name beside, above or below the service',
    `${verifier}: audience`,
    'was issued for',
    (fleet) =>
      ['/shop/stock', '/shop', '/shop/orders/a', '/shop/orders2', '/shop/web'].map((aud) =>
        signedTicket(signerOf(fleet), { claims: { aud } }),
      ),
  ),
  {
    ...{ name: 'a ticket without the right call', by: 'client' },
    check: 'service/authenticate/ticket-policy.ts: right call',
    because: "does not contain the right 'call'",
    refusedAs: '403 FORBIDDEN, not executed',
    run: async (fleet) =>
      send(
        fleet,
        [[], ['read'], ['admin', 'write', 'launch', 'advertise', 'test', 'read']].map((rights) =>
          signedTicket(signerOf(fleet), { claims: { rights } }),
        ),
      ),
  },
  {
    ...{ name: 'an honest service relays the ticket of its caller to another service', by: 'server' },
    check: `${verifier}: confirmed key`,
    refusedAs: refused,
    because: 'was issued to another client',
    run: async (fleet) => [refusal(await fleet.orders.call(await fleet.ticketOf(fleet.web)))],
  },
  {
    ...{ name: 'a ticket whose confirmation names the key of a server', by: 'server', refusedAs: refused },
    check: `${verifier}: confirmed key`,
    because: 'was issued to another client',
    run: async (fleet) =>
      send(fleet, [
        signedTicket(signerOf(fleet), {
          claims: { cnf: { 'spki#S256': digestOfPin(keyOf(fleet.orders).pin) } },
        }),
      ]),
  },
  {
    ...{ name: 'a ticket from before the registry lost its data', by: 'client', refusedAs: refused },
    check: `${verifier}: incarnation`,
    because: 'was issued before the registry lost its data',
    async prepare({ knownRegistries, registryPin }) {
      knownRegistries.update({ keys: [registryPin], incarnation: 'later' });
      knownRegistries.confirm([registryPin]);
    },
    run: async (fleet) =>
      send(
        fleet,
        ['', 'earlier', 'late'].map((inc) => signedTicket(signerOf(fleet), { claims: { inc } })),
      ),
  },
  {
    ...{ name: 'a ticket of a key that the registry has replaced', by: 'client', refusedAs: refused },
    check: 'service/known-registries.ts: present keys of the registry',
    because: 'was signed with a key that this service does not accept',
    async prepare({ knownRegistries, registryPin }) {
      const next = systemKeys.create('/registry').pin;
      knownRegistries.update({ keys: [registryPin, next], incarnation: 'later' });
      knownRegistries.update({ keys: [next], incarnation: 'later' });
    },
    run: async (fleet) =>
      send(fleet, [
        signedTicket(signerOf(fleet)),
        signedTicket(signerOf(fleet), { claims: { inc: 'later' } }),
      ]),
  },
];
