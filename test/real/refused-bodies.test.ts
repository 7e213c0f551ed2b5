/** Whatever ends a call before its body is read, the file of that body is closed. */
import { createReadStream, writeFileSync, type ReadStream } from 'node:fs';
import { once } from 'node:events';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { runInbound } from '../../src/core/inbound-request.js';
import { scratchFolder } from './scratch-folder.js';
import { testClerk, type TestClerk } from './test-clerk.js';
import { unusedAddress } from './web-server.js';

type Send = (given: TestClerk, body: never) => Promise<unknown>;

const post = { method: 'POST' } as const;
const origin = 'http://orders.shop.clerk/';
const half = { ...post, duplex: 'half' } as const;
const raise = (): never => {
  throw new Error('failed');
};
/** Runs within a request that has no time left. */
const late = <T>(run: () => T): T =>
  runInbound({ deadlineAt: performance.now() + 1, attempt: 1, isFinished: false }, run);

const situations: readonly [situation: string, send: Send][] = [
  ['text() of an unknown name', ({ clerk }, body) => clerk.bind('/unknown').text('/', { ...post, body })],
  ['bytes() of an unknown name', ({ clerk }, body) => clerk.bind('/unknown').bytes('/', { ...post, body })],
  [
    'json() of a closed clerk',
    async ({ clerk, orders }, body) => {
      await clerk.close();
      return orders.json('/', { ...post, body });
    },
  ],
  [
    'request() of a closed clerk',
    async ({ clerk, orders }, body) => {
      await clerk.close();
      return orders.request({ ...post, path: '/', body });
    },
  ],
  [
    'clerk.request() of a closed clerk',
    async ({ clerk }, body) => {
      await clerk.close();
      return clerk.request('/shop/orders/', { ...post, body });
    },
  ],
  [
    'fetch() of a closed clerk',
    async ({ clerk }, body) => {
      await clerk.close();
      return clerk.fetch(origin, { ...half, body });
    },
  ],
  ['json() without time left', ({ orders }, body) => late(() => orders.json('/', { ...post, body }))],
  ['fetch() without time left', ({ clerk }, body) => late(() => clerk.fetch(origin, { ...half, body }))],
  [
    'a routeOf function that throws',
    ({ clerk }, body) => clerk.bind('/shop/orders', { routeOf: raise }).json('/', { ...post, body }),
  ],
  [
    'a policy that throws',
    ({ clerk }, body) => clerk.bind('/shop/orders', { policy: raise }).request({ ...post, path: '/', body }),
  ],
  [
    'an affinity function that throws',
    ({ clerk }, body) => clerk.bind('/shop/orders', { affinity: raise }).text('/', { ...post, body }),
  ],
  ['an invalid header', ({ orders }, body) => orders.bytes('/', { ...post, body, headers: { 'a b': '1' } })],
  ['an invalid query', ({ orders }, body) => orders.bytes('/', { ...post, body, query: 'x' as never })],
  [
    'a refused option of gather()',
    ({ orders }, body) => orders.gather({ ...post, path: '/', body, timeoutMs: -1 }),
  ],
  [
    'a refused kind of fetch()',
    ({ clerk }, body) => clerk.fetch(origin, { ...half, body, kind: 'x' } as never),
  ],
  [
    'an invalid method of fetch()',
    ({ clerk }, body) => clerk.fetch(origin, { ...half, body, method: 'G T' }),
  ],
  [
    'options of fetch() for another host',
    ({ clerk }, body) => clerk.fetch('http://127.0.0.1:1/', { ...half, body, timeoutMs: 5 }),
  ],
  [
    'clerk.dispatcher and an unknown name',
    ({ clerk }, body) =>
      clerk.dispatcher.request({ ...post, origin: 'http://unknown.clerk', path: '/', body }),
  ],
];

async function openFile(): Promise<ReadStream> {
  const path = join(scratchFolder(), 'body');
  writeFileSync(path, 'two pizzas');
  const stream = createReadStream(path);
  onTestFinished(() => void stream.destroy());
  await once(stream, 'open');
  return stream;
}

test.each(situations)('%s closes the file of the body', async (_situation, send) => {
  const given = testClerk([await unusedAddress()]);
  const stream = await openFile();

  await expect(send(given, stream as never)).rejects.toThrow();

  await vi.waitFor(() => expect(stream.closed).toBe(true), 5_000);
});
