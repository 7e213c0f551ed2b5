/**
 * On a connection that another call opened, the events of a request run in the async context of the call of that request.
 *
 * @see [C9.3](../../docs/guarantees.md#c9-3)
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { Readable } from 'node:stream';
import { expect, onTestFinished, test, vi } from 'vitest';
import { testClerk } from './test-clerk.js';
import { webServer } from './web-server.js';

const requestId = new AsyncLocalStorage<string>();
const here = (): string => requestId.getStore() ?? 'none';

/** A server that ends the upload of `/upload` in the given way, and a connection that the call `opener` has opened. */
async function setup(how: 'reset' | 'early response') {
  const server = await webServer((request, response) => {
    if (request.url !== '/upload') {
      request.resume().on('end', () => response.end('{}'));
      return;
    }
    request.once('data', () => {
      if (how === 'reset') request.socket.resetAndDestroy();
      else response.writeHead(413, { connection: 'close' }).end('{}');
    });
  });
  const { orders } = testClerk([server.address], { connections: 1 });
  await requestId.run('opener', () => orders.json('/', { method: 'POST', body: 'x' }));
  return orders;
}

test.each([
  ['reset', ['error in upload', 'close in upload']],
  ['early response', ['close in upload']],
] as const)(
  'the events of a request body run in the context of its call after: %s',
  async (how, expected) => {
    const orders = await setup(how);
    const seen: string[] = [];
    await requestId.run('upload', async () => {
      // The body has no end, so only the server ends the upload.
      const body = new Readable({ read: () => undefined });
      body.push('x');
      for (const event of ['error', 'close']) body.on(event, () => seen.push(`${event} in ${here()}`));
      await orders.json('/upload', { method: 'POST', body }).catch(() => undefined);
    });
    await vi.waitFor(() => expect(seen).toEqual(expected));
  },
);

test('undici publishes the error of a request in the context of its call', async () => {
  const orders = await setup('reset');
  const seen: string[] = [];
  const onError = (): void => void seen.push(here());
  subscribe('undici:request:error', onError);
  onTestFinished(() => void unsubscribe('undici:request:error', onError));
  await requestId.run('upload', () =>
    orders.json('/upload', { method: 'POST', body: 'x' }).catch(() => undefined),
  );
  expect(seen).toEqual(['upload']);
});
