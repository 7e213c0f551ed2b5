/** Parsers of what strangers send before they have proved anything: tickets, tokens, keys and certificates. */
import { generateKeyPairSync } from 'node:crypto';
import { parsePins } from '../../../src/core/key-pin.js';
import { isAllowedKey } from '../../../src/core/spki.js';
import { decodeIdentity, encodeIdentity } from '../../../src/identity/identity-file.js';
import { createEnrolToken, isEnrolToken } from '../../../src/protocol/enrol-token.js';
import { parseHandshake } from '../../../src/protocol/launch-handshake.js';
import { parseTicket } from '../../../src/registry/remote/parse-ticket.js';
import { systemHashing } from '../../../src/runtime/hashing.js';
import { systemKeys } from '../../../src/runtime/system-keys.js';
import { parsePublicJwk, toPublicJwk } from '../../../src/tickets/public-jwk.js';
import { decodeClaims } from '../../../src/tickets/ticket-claims.js';
import { readTicketHeader } from '../../../src/tickets/ticket-header.js';
import { claimsOf, signedTicket, type TicketSigner } from '../forged-ticket.js';
import { certificateOf } from '../rogue-certificate.js';
import { testParsers, type ParserCase } from './expect-robust.js';

const registry = systemKeys.create('/registry');
const registryEc = systemKeys.create('/registry', 'ES256');
const client = systemKeys.create('/shop/web');
const signer: TicketSigner = { registry, client, service: '/shop/orders', now: 1_790_000_000_000 };
const tickets = [signedTicket(signer), signedTicket({ ...signer, registry: registryEc })];
const claims = JSON.stringify(claimsOf(signer));
const parseJson = (input: Buffer): unknown => {
  try {
    return JSON.parse(input.toString());
  } catch {
    return undefined;
  }
};
const derOf = (pem: string): Buffer => Buffer.from(pem.replace(/-----[^-]+-----|\s/g, ''), 'base64');
const rsa = generateKeyPairSync('rsa', { modulusLength: 2_048 });
const certificates = [registry.cert, registryEc.cert, certificateOf(rsa.publicKey, rsa.privateKey)].map(
  derOf,
);
const identity = encodeIdentity({
  credentials: client,
  registry: ['https://127.0.0.1:4711'],
  registryKeys: [registry.pin],
});
const handshake = JSON.stringify({
  ...{ v: 1, name: '/shop/orders', registry: ['https://127.0.0.1:1'], instance: 'i', epoch: 1 },
  ...{ ticket: 't', registryKey: registry.pin },
});

const cases: readonly ParserCase[] = [
  {
    name: 'the header of a ticket',
    valid: tickets,
    dictionary: ['.', '=', 'eyJ', 'bm9uZQ', 'eyJhbGciOiJub25lIn0', tickets[0]?.split('.')[0] ?? ''],
    parse: (input) => readTicketHeader(input.toString('latin1')) !== undefined,
  },
  {
    name: 'the claims of a ticket',
    valid: [claims],
    dictionary: ['null', '1e999', '"aud":', '[]', '\ufeff', '-0', '1.0', '\\u0000', '9007199254740993'],
    parse: (input) => decodeClaims(input) !== undefined,
  },
  {
    name: 'a public key as JSON',
    valid: [registry, registryEc].map(({ spki, algorithm }) => JSON.stringify(toPublicJwk(spki, algorithm))),
    dictionary: ['"d":"AA",', 'RSA', 'P-384', 'X25519', '"kty":', 'null'],
    parse: (input) => parsePublicJwk(parseJson(input)) !== undefined,
  },
  {
    name: 'a ticket in the response of a registry',
    valid: [JSON.stringify({ ticket: tickets[0], expiresInMs: 1_000, service: '/shop/orders' })],
    dictionary: ['\\r\\n', '"ticket":', '-1', '1e400', 'null'],
    parse: (input) => parseTicket(parseJson(input), { url: 'https://registry' }).text !== '',
  },
  {
    name: 'a token of an operator',
    valid: [createEnrolToken(systemHashing)],
    dictionary: ['clerk_token_', '='],
    parse: (input) => isEnrolToken(input.toString()),
  },
  {
    name: 'pins of registry keys',
    valid: [registry.pin, `${registry.pin},${client.pin}`],
    dictionary: ['sha256/', ',', ' ', '+', '='],
    parse: (input) => parsePins(input.toString()).length > 0,
  },
  {
    name: 'a certificate in DER',
    valid: certificates,
    dictionary: ['\x30\x80', '\x30\x84\x7f\xff\xff\xff', '\x06\x03\x2b\x65\x70', '\x02\x01\x00'],
    parse: (input) => systemKeys.pinOf(input).startsWith('sha256/'),
  },
  {
    name: 'a public key in DER',
    valid: [Buffer.from(registry.spki), Buffer.from(registryEc.spki)],
    dictionary: ['\x30\x2a', '\x03\x21\x00', '\x04'],
    parse: (input) => {
      systemKeys.verify(input, 'text', 'AA'.repeat(43));
      return isAllowedKey(input);
    },
  },
  {
    name: 'an identity file',
    // OpenSSL tries several formats for each damaged key, which takes up to 1 ms.
    // `test/identity/identity-file.test.ts` reads 100,000 damaged files without parsing their keys.
    share: 0.05,
    valid: [identity],
    dictionary: ['-----BEGIN ENCRYPTED PRIVATE KEY-----', '"next":{}', '"v":1', 'null', '\\n'],
    parse: (input) => decodeIdentity(input.toString(), 'The file', systemKeys).credentials.name !== '',
  },
  {
    name: 'the handshake of a launch',
    valid: [handshake],
    dictionary: ['"epoch":', 'null', '1e999', '[]'],
    parse: (input) => parseHandshake(input.toString()).v === 1,
  },
];

testParsers(cases, 20_311);
