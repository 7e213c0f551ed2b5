/** No call leaves a listener on a signal that the program uses again. */
import { getEventListeners } from 'node:events';
import { expect, test, vi } from 'vitest';
import { testClerk, type TestClerk } from './test-clerk.js';
import { webServer } from './web-server.js';

type Use = (given: TestClerk, signal: AbortSignal) => Promise<unknown>;

const ignore = (): void => undefined;
const uses: readonly [what: string, use: Use][] = [
  ['json()', ({ orders }, signal) => orders.json('/', { signal })],
  ['bytes()', ({ orders }, signal) => orders.bytes('/', { signal })],
  [
    'request() and text()',
    async ({ orders }, signal) => (await orders.request({ path: '/', signal })).body.text(),
  ],
  [
    'request() and dump()',
    async ({ orders }, signal) => (await orders.request({ path: '/', signal })).body.dump(),
  ],
  [
    'request() and destroy()',
    async ({ orders }, signal) => {
      const { body } = await orders.request({ path: '/', signal });
      body.on('error', ignore).destroy();
    },
  ],
  [
    'request() of a HEAD whose body is not read',
    ({ orders }, signal) => orders.request({ path: '/', method: 'HEAD', signal }),
  ],
  [
    'request() of a 204 whose body is not read',
    ({ orders }, signal) => orders.request({ path: '/empty', signal }),
  ],
  [
    'clerk.request()',
    async ({ clerk }, signal) => (await clerk.request('/shop/orders/', { signal })).body.text(),
  ],
  [
    'gather()',
    async ({ orders }, signal) => {
      for (const result of await orders.gather({ path: '/', signal }))
        if (result.ok) await result.response.body.text();
    },
  ],
  ['call()', ({ orders }, signal) => orders.call(() => 1, { signal })],
  [
    'call() that fails',
    ({ orders }, signal) => orders.call(() => Promise.reject(new Error('failed')), { signal }).catch(ignore),
  ],
  ['acquire()', async ({ orders }, signal) => (await orders.acquire({ signal })).release('success')],
  ['ready()', ({ orders }, signal) => orders.ready({ signal })],
  ['a refused option', ({ orders }, signal) => orders.json('/', { signal, timeoutMs: -1 }).catch(ignore)],
  ['an unknown name', ({ clerk }, signal) => clerk.bind('/unknown').json('/', { signal }).catch(ignore)],
];

test.each(uses)('many calls with one signal leave no listener: %s', async (_what, use) => {
  const server = await webServer((request, response) => {
    if (request.url === '/empty') response.writeHead(204).end();
    else response.end('{}');
  });
  const given = testClerk([server.address]);
  const { signal } = new AbortController();

  for (let round = 0; round < 5; round++)
    await Promise.all(Array.from({ length: 10 }, () => use(given, signal)));

  await vi.waitFor(() => expect(getEventListeners(signal, 'abort')).toEqual([]));
});
