/** A stream given as a body is destroyed when the call fails before the stream is read, so that its file is closed. */
import { createReadStream, writeFileSync, type ReadStream } from 'node:fs';
import { once } from 'node:events';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { describe, expect, onTestFinished, test } from 'vitest';
import type { Binding, Clerk } from 'binding-clerk';
import { testClerk } from './test-clerk.js';
import { scratchFolder } from './scratch-folder.js';
import { unusedAddress } from './web-server.js';

type Send = (given: { readonly clerk: Clerk; readonly orders: Binding }, body: never) => Promise<unknown>;

const post = { method: 'POST' } as const;
const senders: readonly [name: string, (options: object) => Send][] = [
  [
    'request()',
    (options) =>
      ({ orders }, body) =>
        orders.request({ ...post, path: '/', body, ...options }),
  ],
  [
    'json()',
    (options) =>
      ({ orders }, body) =>
        orders.json('/', { ...post, body, ...options }),
  ],
  [
    'text()',
    (options) =>
      ({ orders }, body) =>
        orders.text('/', { ...post, body, ...options }),
  ],
  [
    'bytes()',
    (options) =>
      ({ orders }, body) =>
        orders.bytes('/', { ...post, body, ...options }),
  ],
  [
    'clerk.request()',
    (options) =>
      ({ clerk }, body) =>
        clerk.request('/shop/orders/7', { ...post, body, ...options }),
  ],
  [
    'clerk.fetch()',
    (options) =>
      ({ clerk }, body) =>
        clerk.fetch('http://orders.shop.clerk/', { ...post, body, duplex: 'half', ...options } as never),
  ],
];

const failures: readonly [situation: string, options: object][] = [
  ['the endpoint refuses the connection', {}],
  ['the signal was aborted before the call', { signal: AbortSignal.abort() }],
  ['an option is refused', { timeoutMs: -1 }],
  ['the kind is refused', { kind: 'often' }],
];

async function openFile(): Promise<ReadStream> {
  const path = join(scratchFolder(), 'body');
  writeFileSync(path, 'two pizzas');
  const stream = createReadStream(path);
  onTestFinished(() => void stream.destroy());
  await once(stream, 'open');
  return stream;
}

async function expectClosed(stream: ReadStream): Promise<void> {
  if (!stream.closed) await new Promise<void>((resolve) => stream.once('close', resolve));
  expect(stream.closed).toBe(true);
}

describe.each(senders)('%s closes the file of its body', (_name, send) => {
  test.each(failures)('when %s', async (_situation, options) => {
    const given = testClerk([await unusedAddress()]);
    const stream = await openFile();

    await expect(send(options)(given, stream as never)).rejects.toThrow();

    await expectClosed(stream);
  });

  test('also when the body is a web stream', async () => {
    const given = testClerk([await unusedAddress()]);
    const stream = await openFile();

    await expect(send({})(given, Readable.toWeb(stream) as never)).rejects.toThrow();

    await expectClosed(stream);
  });
});

const unknownNames: readonly [name: string, Send][] = [
  ['json()', ({ clerk }, body) => clerk.bind('/unknown').json('/', { ...post, body })],
  ['request()', ({ clerk }, body) => clerk.bind('/unknown').request({ ...post, path: '/', body })],
  ['gather()', ({ clerk }, body) => clerk.bind('/unknown').gather({ ...post, path: '/', body })],
  ['clerk.request()', ({ clerk }, body) => clerk.request('/unknown/7', { ...post, body })],
  ['clerk.request() without a name', ({ clerk }, body) => clerk.request('//', { ...post, body })],
  [
    'clerk.fetch()',
    ({ clerk }, body) => clerk.fetch('http://unknown.clerk/', { ...post, body, duplex: 'half' } as never),
  ],
  [
    'clerk.fetch() with a port',
    ({ clerk }, body) => clerk.fetch('http://orders.clerk:99/', { ...post, body, duplex: 'half' } as never),
  ],
];

test.each(unknownNames)('%s of an unknown name closes the file of its body', async (_name, send) => {
  const given = testClerk([await unusedAddress()]);
  const stream = await openFile();

  await expect(send(given, stream as never)).rejects.toThrow();

  await expectClosed(stream);
});

test('an option that is given twice closes the file of the body', async () => {
  const { orders } = testClerk([await unusedAddress()]);
  const stream = await openFile();

  await expect(orders.json('/', { ...post, path: '/', body: stream } as never)).rejects.toThrow();

  await expectClosed(stream);
});
