/** A request keeps the method, path, headers, query and options that it had when the program made the call. */
import type { RequestListener } from 'node:http';
import { describe, expect, test } from 'vitest';
import { request as undiciRequest } from 'undici';
import type { Clerk, Binding, RequestOptions } from 'binding-clerk';
import { testClerk } from './test-clerk.js';
import { rawPeer } from './raw-peer.js';
import { clerkErrorOf } from './clerk-error-of.js';
import { webServer } from './web-server.js';

interface Seen {
  readonly target: string;
  readonly authorization: string | undefined;
  readonly tags: string | undefined;
}

/** Responds with what the request contained. */
const echo: RequestListener = ({ method, url, headers }, response) => {
  const seen: Seen = {
    target: `${String(method)} ${String(url)}`,
    authorization: headers.authorization,
    tags: headers['x-tag'] as string | undefined,
  };
  response.end(JSON.stringify(seen));
};

type Send = (
  given: { readonly clerk: Clerk; readonly orders: Binding },
  options: RequestOptions,
) => Promise<unknown>;

const callers: readonly [name: string, send: Send][] = [
  ['request()', ({ orders }, options) => orders.request(options).then(({ body }) => body.json())],
  ['json()', ({ orders }, options) => orders.json(options)],
  ['text()', ({ orders }, options) => orders.text(options).then((text) => JSON.parse(text) as unknown)],
  [
    'bytes()',
    ({ orders }, options) =>
      orders.bytes(options).then((bytes) => JSON.parse(Buffer.from(bytes).toString()) as unknown),
  ],
  [
    'clerk.request()',
    ({ clerk }, { path, ...options }) =>
      clerk.request(`/shop/orders${path}`, options).then(({ body }) => body.json()),
  ],
  [
    'clerk.dispatcher',
    ({ clerk }, { path, ...options }) =>
      undiciRequest(`http://orders.shop.clerk${path}`, {
        ...(options as object),
        dispatcher: clerk.dispatcher,
      }).then(({ body }) => body.json()),
  ],
];

const entries: [string, string][] = [
  ['authorization', 'Bearer pizza'],
  ['x-tag', 'one'],
];

const headerForms: readonly [form: string, make: () => unknown][] = [
  ['Headers', () => new Headers(entries)],
  ['headers.entries()', () => new Headers(entries).entries()],
  ['map.entries()', () => new Map(entries).entries()],
  [
    'a generator',
    () =>
      (function* () {
        yield* entries;
      })(),
  ],
  ['a list of names and values', () => entries.flat()],
  ['a record', () => Object.fromEntries(entries)],
];

describe.each(callers)('%s', (name, send) => {
  test.each(headerForms)('sends headers given as %s again with a retry', async (_form, make) => {
    const first = await rawPeer('reset');
    const second = await webServer(echo);
    const given = testClerk([first.address, second.address]);
    // The first peer receives requests of one of the first calls, whatever the policy of the caller's binding.
    for (let i = 0; i < 20 && first.executed.length === 0; i++) {
      const seen = await send(given, { path: '/', headers: make() as never });
      expect(seen).toMatchObject({ authorization: 'Bearer pizza', tags: 'one' });
    }

    expect(first.executed.map(({ headers }) => headers.authorization)).toEqual(['Bearer pizza']);
  });

  test('sends the headers, query and path that the options had at the time of the call', async () => {
    const server = await webServer(echo);
    const given = testClerk([server.address]);
    const headers: Record<string, string | string[]> = {};
    const tags: string[] = [];
    const query: Record<string, unknown> = {};
    const options = { path: '/', headers, query };
    // undici itself combines the path and query of a URL before it calls a dispatcher.
    const calls = Array.from({ length: 5 }, (_, i) => {
      tags.splice(0, tags.length, `tag ${String(i)}`);
      Object.assign(headers, { authorization: `caller ${String(i)}`, 'x-tag': tags });
      Object.assign(query, { caller: i, list: [i, i] });
      options.path = `/${String(i)}`;
      return send(given, options);
    });
    tags.push('late');
    headers.authorization = 'late';
    query.caller = 'late';
    options.path = '/late';

    const seen = await Promise.all(calls);

    expect(seen).toEqual(
      seen.map((_, i) => ({
        target: `GET /${String(i)}?caller=${String(i)}&list=${String(i)}&list=${String(i)}`,
        authorization: `caller ${String(i)}`,
        tags: `tag ${String(i)}`,
      })),
    );
  });
});

test('gather sends headers given as an iterator to every endpoint', async () => {
  const servers = [await webServer(echo), await webServer(echo), await webServer(echo)];
  const { orders } = testClerk(servers.map(({ address }) => address));

  const results = await orders.gather({ path: '/', headers: new Headers(entries).entries() as never });

  const seen: unknown[] = [];
  for (const result of results) seen.push(result.ok ? await result.response.body.json() : result.error);
  expect(seen).toEqual(servers.map(() => ({ target: 'GET /', authorization: 'Bearer pizza', tags: 'one' })));
});

test('headers that are not pairs of a name and a value are refused', async () => {
  const { orders } = testClerk([(await webServer(echo)).address]);

  const error = await clerkErrorOf(orders.json('/', { headers: new Set(['authorization']) as never }));

  expect(error.code).toBe('CONFIG_INVALID');
});
