/** The async context of snapshots. @see [C9.3](../../../docs/guarantees.md#c9-3) */
import { AsyncLocalStorage } from 'node:async_hooks';
import { startServer } from 'binding-clerk/server';
import { expect, onTestFinished, test, vi } from 'vitest';
import { retryLoop } from '../../../src/runtime/p-retry-loop.js';
import { paths } from '../../../src/protocol/paths.js';
import { httpConnection } from '../../../src/registry-client/http-connection.js';
import { serverRegistry } from '../../../src/registry/remote/server-registry.js';
import { systemClock } from '../../../src/runtime/system-clock.js';
import { undici } from '../../../src/transport/load-undici.js';

const requestId = new AsyncLocalStorage<string>();

test('the snapshots of a watch do not run in the context of the call that opened the stream', async () => {
  const server = await startServer({ port: 0 });
  const connect = (url: string) => httpConnection(url, { clock: systemClock, tls: {}, undici });
  const registry = requestId.run('clerk', () =>
    serverRegistry({ urls: [server.url], clock: systemClock, retry: retryLoop, connect }),
  );
  onTestFinished(async () => {
    await registry.close();
    await server.close();
  });
  const contexts: (string | undefined)[] = [];
  const record = (): void => void contexts.push(requestId.getStore());
  requestId.run('call', () => registry.watch('/a', record));
  await vi.waitFor(() => expect(contexts).toHaveLength(1), 5_000);
  const operator = connect(server.url);
  await requestId.run('operator', () =>
    operator.request({ path: paths.define, body: { name: '/a' } }, new AbortController().signal),
  );
  await vi.waitFor(() => expect(contexts).toHaveLength(2), 5_000);
  await operator.close();
  expect(contexts).toEqual(['clerk', 'clerk']);
});
