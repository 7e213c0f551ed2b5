/** Parsers of the requests about keys, groups and rights, and of the records in which a registry keeps them. */
import { matches, parseGlob } from '../../../src/core/glob.js';
import { parseRights } from '../../../src/core/access-right.js';
import * as schemas from '../../../src/protocol/identity-schemas.js';
import { exportLine } from '../../../src/protocol/request-schemas.js';
import { parseStrictJson } from '../../../src/server/http/strict-json.js';
import { validateInput } from '../../../src/server/http/validate-input.js';
import { toCompiledTriple } from '../../../src/server/naming/access/access-triple.js';
import { covers } from '../../../src/server/naming/access/caller-access.js';
import { evaluateAccess } from '../../../src/server/naming/access/evaluate-access.js';
import { resolvePrincipalPattern } from '../../../src/server/naming/access/principal-pattern.js';
import { decodeRecord } from '../../../src/server/naming/state/record-codec.js';
import { testParsers, type ParserCase } from './expect-robust.js';

const pin = `sha256/${'A'.repeat(43)}`;
const json = (value: unknown): string => JSON.stringify(value);
const jsonPieces = [
  '"__proto__":',
  'null',
  '1e999',
  '"name":',
  '{"',
  '"a":"b",',
  '\\ud800',
  '-1',
  '9007199254740993',
  '[[[[[[[[',
];

/** A request body, as the server reads it. */
function body(
  name: string,
  schema: Parameters<typeof validateInput>[0],
  valid: readonly unknown[],
): ParserCase {
  return {
    name,
    valid: valid.map(json),
    dictionary: jsonPieces,
    parse: (input) =>
      validateInput(schema as typeof schemas.ticketRequest, parseStrictJson(input.toString())) !== null,
  };
}

/** Fields of an input, separated by line feeds. */
const fields = (input: Buffer): readonly string[] => input.toString().split('\n');
const long = `/${'a'.repeat(60)}`.repeat(4);
const globs = ['/shop/**', '/shop/*/a*b', `/**/a/**/b/**/c`, `/${'*a'.repeat(8)}`];
const names = ['/shop/web', long, `/${'a'.repeat(63)}`, '/a/b'.repeat(8)];

const bodies: readonly ParserCase[] = [
  body('the body of an enrolment', schemas.enrolRequest, [
    { name: '/shop/web', token: 'clerk_token_x' },
    { name: '/a', instance: 'i', epoch: 1, ticket: 't' },
    { name: '/a', rotate: { spki: 'AAAA', proof: 'BBBB' } },
  ]),
  body('the body of a request for a ticket', schemas.ticketRequest, [{ service: '/shop/orders' }]),
  body('the body of a request for a token', schemas.tokenRequest, [{ principal: '/shop/web', ttlMs: 1_000 }]),
  body('the body of a revocation', schemas.revokeRequest, [{ principal: '/shop/web', key: pin }]),
  body('the body of a group', schemas.groupRequest, [
    { name: '/staff', members: ['/a', '/b'], guaranteedMs: 0, whenExpired: true },
  ]),
  body('the body of a change of rights', schemas.accessChangeRequest, [
    { change: 'allow', principal: '../web/*', path: '/shop/**', rights: ['call'], directory: '/shop' },
  ]),
  body('the body of an explanation of rights', schemas.accessExplainRequest, [
    { principal: '/a', path: '/b', right: 'call' },
  ]),
  body('a line of an import', exportLine, [
    { kind: 'group', name: '/staff', members: ['/a'], guaranteedMs: 0 },
    { kind: 'access', directory: '/shop', principal: '/a', path: '/shop/**', rights: ['call'] },
  ]),
];

const patterns: readonly ParserCase[] = [
  {
    name: 'a pattern, matched against a name',
    valid: globs.flatMap((glob) => names.map((name) => `${glob}\n${name}`)),
    dictionary: ['/**', '*', '*a', '/#1', '/'],
    parse: (input) => {
      const [glob, name = ''] = fields(input);
      matches(parseGlob(glob), name);
      return true;
    },
  },
  {
    name: 'a principal pattern, relative to a directory',
    valid: ['../web/*\n/shop', './a\n/x', '/shop/*\n/x'],
    dictionary: ['../', './', '/**', '*'],
    parse: (input) => {
      const [pattern = '', directory = ''] = fields(input);
      return resolvePrincipalPattern(pattern, parseGlob(directory).text).text !== '';
    },
  },
  {
    name: 'rights of a principal on a path',
    valid: globs.map((glob) => `/shop/web\n${glob}\ncall,read\n`).concat('../a\n/shop/a\nadmin\n/shop'),
    dictionary: ['/**', '*', '../', 'call,', 'admin'],
    parse: (input) => {
      const [principal, path, rights, directory] = fields(input);
      const triple = toCompiledTriple({ principal, path, rights, directory: directory || undefined });
      const view = {
        triplesIn: () => [triple],
        membersOf: () => undefined,
        presentName: (name: string) => name,
      };
      evaluateAccess(view, '/shop/web', long, 'call');
      return true;
    },
  },
  {
    name: 'two patterns, of which one covers the other',
    valid: globs.flatMap((glob) => globs.map((other) => `${glob}\n${other}`)),
    dictionary: ['/**', '*', '*a', '/'],
    parse: (input) => {
      const [outer, inner] = fields(input);
      covers(parseGlob(outer), parseGlob(inner));
      return true;
    },
  },
  {
    name: 'a list of rights',
    valid: ['call,read', 'admin', 'read, test ,call,advertise,write,launch,admin'],
    dictionary: ['call', ',', 'toString', '__proto__'],
    parse: (input) => parseRights(input.toString()).length > 0,
  },
  {
    name: 'the members of groups that contain groups',
    isTotal: true,
    valid: [
      '/a,/b\n/b,/c\n/c,/a\n/web',
      Array.from({ length: 40 }, (_, i) => `/${String(i)},/${String(i + 1)}`).join('\n'),
    ],
    dictionary: ['/a', ',', '\n', '/staff'],
    parse: (input) => {
      const lists = fields(input).map((line) => line.split(','));
      const membersOf = (name: string): readonly string[] | undefined => lists[name.length % lists.length];
      const triple = toCompiledTriple({ principal: '/staff', path: '/shop/**', rights: 'call' });
      const view = { triplesIn: () => [triple], membersOf, presentName: (name: string) => name };
      return evaluateAccess(view, '/absent/principal', '/shop/a', 'call') === undefined;
    },
  },
];

/** A record of the store: its key and its value. */
const records: ParserCase = {
  name: 'a record of a key, a token, a group or rights in the store',
  valid: [
    [`i /shop/web ${'A'.repeat(43)}`, json({ enrolledAt: 1, by: 'token' })],
    [`t ${'a'.repeat(64)}`, json({ principal: '/a', expiresAt: 1, issuedBy: '/b' })],
    ['a /shop', json({ triples: [{ principal: '/a', path: '**', rights: ['call'] }] })],
    ['e /staff', json({ kind: 'group', members: ['/a'], guaranteedMs: 0 })],
  ].map((record) => record.join('\n')),
  dictionary: ['i ', 't ', 'a ', 'e ', 'l ', 'p ', ...jsonPieces],
  parse: (input) => {
    const [key = '', value = ''] = fields(input);
    return typeof decodeRecord(key, value).kind === 'string';
  },
};

testParsers([...bodies, ...patterns, records], 20_312);
