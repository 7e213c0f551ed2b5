/** Parsers of requests to a registry, of its events, of its store, of manifests and of snapshot files. */
import type { Client } from 'undici';
import { parseWatchEntry } from '../../../src/registry/remote/parse-responses.js';
import { parsePosition } from '../../../src/protocol/position.js';
import { EventStream } from '../../../src/registry-client/event-stream.js';
import type { RegistryConnection, StreamEvent } from '../../../src/registry-client/connection.js';
import { ClerkError } from '../../../src/core/errors.js';
import { SnapshotFile } from '../../../src/resolve/snapshot-file.js';
import { identityRoutes } from '../../../src/server/http/identity-routes.js';
import { parseQuery } from '../../../src/server/http/query.js';
import { routes } from '../../../src/server/http/routes.js';
import { parseStrictJson } from '../../../src/server/http/strict-json.js';
import { validateInput } from '../../../src/server/http/validate-input.js';
import { parseManifest } from '../../../src/server/launcher/manifest.js';
import { decodeRecord } from '../../../src/server/naming/state/record-codec.js';
import { ManualClock } from '../../support/manual-clock.js';
import { testParsers, type ParserCase } from './expect-robust.js';

const json = (value: unknown): string => JSON.stringify(value);
const jsonPieces = [
  '"__proto__":',
  'null',
  '1e999',
  '"name":',
  '{"',
  '\\ud800',
  '-1',
  '9007199254740993',
  '[[[[',
];
const clock = new ManualClock();

/** The first line names the route. */
const all = new Map([...routes, ...identityRoutes].map((route) => [`${route.method} ${route.path}`, route]));
const requests = [
  ['GET /v1/resolve', 'name=/shop/orders'],
  ['GET /v1/list', 'glob=/shop/**&after=/shop/a'],
  ['GET /v1/search', 'glob=/**&zone=eu-1&tier=gold'],
  ['GET /v1/whois', 'address=http://127.0.0.1:3001'],
  ['POST /v1/define', json({ name: '/shop/orders', policy: 'load-aware', timeoutMs: 2_000 })],
  ['POST /v1/link', json({ name: '/a', target: '/b', guaranteedMs: 0, whenExpired: true })],
  ['POST /v1/move', json({ from: '/a', to: '/b' })],
  ['POST /v1/remove', json({ name: '/a', recursive: true, force: true })],
  [
    'POST /v1/register',
    json({ name: '/a', id: 'i', addresses: ['http://127.0.0.1:1'], leaseMs: 1_000, attributes: { a: 'b' } }),
  ],
  [
    'POST /v1/renew',
    json({ renewals: [{ name: '/a', id: 'i', epoch: 1, secret: 's', claimsHealthy: true }] }),
  ],
  ['POST /v1/withdraw', json({ name: '/a', id: 'i', epoch: 1, secret: 's', now: true })],
  [
    'POST /v1/report',
    json({ clerk: 'c', reports: [{ name: '/a', id: 'i', epoch: 1, verdict: 'unreachable' }] }),
  ],
  ['POST /v1/tickets', json({ service: '/shop/orders' })],
];

const stranger: ParserCase = {
  name: 'a request to a registry',
  valid: requests.map((lines) => lines.join('\n')),
  dictionary: [...jsonPieces, '&', '=', '%2', '%00', 'glob=', '/**'],
  parse: (input) => {
    const text = input.toString();
    const end = text.indexOf('\n');
    const route = all.get(text.slice(0, end));
    if (route === undefined) return false;
    const rest = text.slice(end + 1);
    const value: unknown = route.method === 'GET' ? parseQuery(`?${rest}`) : parseStrictJson(rest);
    const schema = route.requestSchema as Parameters<typeof validateInput>[0];
    return validateInput(schema, value) !== undefined;
  },
};

const connection = { url: 'http://registry' } as RegistryConnection;
const endpoint = {
  ...{ id: 'i', epoch: 1, addresses: ['http://127.0.0.1:1'], host: null, zone: null, version: null },
  ...{ weight: 1, attributes: {}, leaseMs: 10_000, state: 'up' },
};
const service = {
  ...{ name: '/a', canonical: '/a', kind: 'service', path: [], endpoints: [endpoint], policy: null },
  ...{ launchable: false, revision: '1', incarnation: 'x', guaranteedMs: 0, ttlMs: 5_000 },
};
const frame = (type: string, data: object): string => `event: ${type}\nid: x:1\ndata: ${json(data)}\n\n`;
const frames = [
  frame('open', { watch: 'w', resumed: false, heartbeatMs: 5_000 }),
  frame('put', { name: '/a', entry: service, statedAt: 1 }),
  frame('put', { name: '/b', entry: { kind: 'link', target: '/a', guaranteedMs: 5 } }),
  frame('current', { globs: ['/**'] }),
];
const contentType = [Buffer.from('content-type'), Buffer.from('text/event-stream')];

/** @returns the events, or undefined when the stream was ended because of its input */
function readStream(input: Buffer): readonly StreamEvent[] | undefined {
  const events: StreamEvent[] = [];
  let hasEnded = false;
  const stream = new EventStream(
    { dispatch: () => true, destroy: () => Promise.resolve() } as unknown as Client,
    {
      ...{ url: 'http://registry', clock, startTimeoutMs: 1, onHead: undefined },
      connectionError: (error) => new ClerkError('REGISTRY_UNREACHABLE', String(error)),
      destroyConnecting: () => void (hasEnded = true),
    },
    {
      onActivity: () => undefined,
      onEvent: (event) => void events.push(event),
      onEnd: () => undefined,
    },
  );
  stream.onHeaders(200, contentType);
  stream.onData(input);
  return hasEnded ? undefined : events;
}

const events: ParserCase = {
  name: 'the events of a watch',
  valid: [frames.join(''), ...frames],
  dictionary: [...jsonPieces, '\n\n', 'data: ', 'event: put', 'id: ', 'retry: -1', '\r', '\ufeff'],
  parse: (input) => {
    const received = readStream(input);
    for (const { type, id, data } of received ?? []) {
      parsePosition(id);
      const entry = (data as { readonly entry?: unknown } | null)?.entry;
      if (type === 'put') parseWatchEntry(entry, connection, 0);
    }
    return received !== undefined && received.length > 0;
  },
};

const records: ParserCase = {
  name: 'a record of the store',
  valid: [
    [
      'e /shop/orders',
      json({ kind: 'service', defined: true, policy: null, launch: null, guaranteedMs: 5_000 }),
    ],
    ['e /shop/a', json({ kind: 'link', target: '/shop/orders', guaranteedMs: 5_000, moved: true })],
    ['p /shop/orders i', json({ secretHash: 'a'.repeat(64), principal: 'p', endpoint })],
    ['c /shop/orders', json({ epoch: 7 })],
    ['f /shop/orders i', json({ epoch: 7, withdrawn: true, principal: 'p' })],
  ].map((record) => record.join('\n')),
  dictionary: ['e ', 'p ', 'c ', 'f ', 'l ', 'm ', ...jsonPieces],
  parse: (input) => {
    const [key = '', value = ''] = input.toString().split('\n');
    return typeof decodeRecord(key, value).kind === 'string';
  },
};

/** The parser of YAML takes the most time, so each manifest has few fields. */
const manifest = 'version: 1\nservice: /a\nexec: /b\n';
const fields = [
  "args: [-p, '${p}']\nparams:\n  p: { type: integer, min: 1, max: 9 }\n",
  "params:\n  p: { type: string, pattern: '[a-z]{1,8}' }\n",
  'env: [PATH, HOME]\nreadyMs: 5000\nmaxInstances: 3\n',
];

const manifests: ParserCase = {
  name: 'a manifest',
  // The parser of YAML takes a third of a millisecond.
  share: 0.2,
  maxBytes: 1_024,
  valid: fields.map((field) => `${manifest}${field}`),
  dictionary: ['&a', '*a', '<<: ', '!!js', '? ', '|', '>', '- ', '${', '([a-z]+)+', '{', '[', '0x', '.inf'],
  parse: (input) => parseManifest('orders.yaml', input.toString()).file !== '',
};

const snapshotLine = json({
  ...{ name: '/shop/orders', requestedWallAt: clock.wallNow() - 1_000, canonical: '/shop/orders' },
  endpoints: [{ id: 'i', epoch: 1, addresses: ['http://127.0.0.1:1'], weight: 1, attributes: {} }],
});

const snapshots: ParserCase = {
  name: 'a snapshot file',
  valid: [`{"v":2}\n${snapshotLine}\n`],
  dictionary: [...jsonPieces, '\n', '"requestedWallAt":', '{"v":2}', '"endpoints":'],
  parse: (input) => {
    let warnings = 0;
    const ignore = (): void => undefined;
    const file = new SnapshotFile({
      ...{ path: 'known.json', clock, maxStaleMs: 3_600_000 },
      files: { read: () => input.toString(), replace: () => Promise.resolve() },
      logger: {
        debug: ignore,
        info: ignore,
        error: ignore,
        warn: () => {
          warnings++;
        },
      },
    });
    file.load();
    return file.find('/shop/orders') !== undefined && warnings === 0;
  },
};

testParsers([stranger, events, records, manifests, snapshots], 20_313);
