/** Closing a clerk whose registry port fails or hangs: every connection is closed all the same. */
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';
import { createClerk } from 'binding-clerk';
import type { Registry } from 'binding-clerk/extend';
import { createFakeRuntime } from 'binding-clerk/testing';
import { expect, test, vi } from 'vitest';
import { rawPeer } from '../real/raw-peer.js';
import { webServer } from '../real/web-server.js';

const ignore = (): void => undefined;

function warningLogger() {
  const warnings: string[] = [];
  const warn = (text: string): void => void warnings.push(text);
  return { warnings, logger: { debug: ignore, info: ignore, error: ignore, warn } };
}

/** A clerk that has an idle connection to a server. */
async function connectedClerk(port: Partial<Registry>) {
  const server = await webServer((_request, response) => void response.end('{}'));
  const { logger, warnings } = warningLogger();
  const clerk = createClerk({
    logger,
    registry: {
      resolve: () => ({ kind: 'bound', endpoints: [server.address], ttlMs: 60_000 }),
      ...port,
    },
  });
  await clerk.bind('/shop/orders').json('/');
  const connections = promisify(server.server.getConnections.bind(server.server));
  expect(await connections()).toBe(1);
  return { clerk, connections, warnings };
}

const throwsAtStop = {
  watch: () => () => {
    throw new Error('The stop failed');
  },
};
const rejectsAtStop = { watch: () => () => Promise.reject(new Error('The stop failed')) };

test.each([
  ['close', 'throws', throwsAtStop],
  ['close', 'rejects', rejectsAtStop],
  ['destroy', 'throws', throwsAtStop],
  ['destroy', 'rejects', rejectsAtStop],
] as const)('%s() closes the connections when the end of a watch %s', async (how, _fails, port) => {
  let closed = 0;
  const { clerk, connections, warnings } = await connectedClerk({
    ...port,
    close: () => {
      closed++;
    },
  });
  const next = clerk.watch('/shop/*').next();

  await clerk[how]();

  expect(await next).toEqual({ done: true, value: undefined });
  await vi.waitFor(async () => expect(await connections()).toBe(0));
  expect([...warnings].sort()).toEqual([
    'The registry could not stop the watch of /shop/*: The stop failed',
    'The registry could not stop the watch of /shop/orders: The stop failed',
  ]);
  expect(closed).toBe(1);
});

test.each(['close', 'destroy'] as const)(
  '%s() closes the connections, then rejects, when the registry fails to close',
  async (how) => {
    const { clerk, connections } = await connectedClerk({
      close: () => {
        throw new Error('The file is locked');
      },
    });

    await expect(clerk[how]()).rejects.toThrow('The file is locked');

    await vi.waitFor(async () => expect(await connections()).toBe(0));
  },
);

test('destroy() waits at most 1 s for a registry that does not close', async () => {
  const runtime = createFakeRuntime({ seed: 1 });
  const { logger, warnings } = warningLogger();
  const clerk = createClerk({
    runtime,
    logger,
    registry: { resolve: () => ({ kind: 'absent' }), close: () => new Promise<void>(ignore) },
  });
  let isDestroyed = false;
  const destroyed = clerk.destroy().then(() => (isDestroyed = true));

  await runtime.advance(999);
  expect([isDestroyed, warnings]).toEqual([false, []]);
  await runtime.advance(1);
  await destroyed;

  expect(warnings).toEqual(['The registry did not close within 1000 ms; clerk.destroy() waits no longer']);
});

test.each(['close', 'destroy'] as const)(
  'the callback of dispatcher.%s() gets the error when the registry fails to close',
  async (how) => {
    const { clerk } = await connectedClerk({
      close: () => {
        throw new Error('The file is locked');
      },
    });
    const dispatcher = clerk.dispatcher as unknown as Record<
      typeof how,
      (callback: (error: unknown) => void) => void
    >;
    const error = await new Promise<unknown>((resolve) => dispatcher[how](resolve));
    expect(error).toMatchObject({ message: 'The file is locked' });
  },
);

test('close() after destroy() resolves when the connections are closed and the registry is closed', async () => {
  let closed = false;
  const { clerk } = await connectedClerk({
    close: async () => {
      await sleep(20);
      closed = true;
    },
  });
  void clerk.destroy();
  await clerk.close();
  expect(closed).toBe(true);
});

test('destroy() ends every call, and closes the registry, although a handler of the program throws', async () => {
  let closed = 0;
  const { clerk } = await connectedClerk({
    close: () => {
      closed++;
    },
  });
  const silent = await rawPeer('no-response');
  const uncaught: unknown[] = [];
  const onUncaught = (error: unknown): void => void uncaught.push(error);
  const vitestListeners = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException').on('uncaughtException', onUncaught);
  const other = createClerk({
    registry: {
      resolve: () => ({ kind: 'bound', endpoints: [silent.address] }),
      close: () => {
        closed++;
      },
    },
  });
  const ended: number[] = [];
  for (const number of [1, 2, 3]) {
    const handler = {
      onConnect: ignore,
      onHeaders: () => true,
      onData: () => true,
      onComplete: ignore,
      onError: () => {
        ended.push(number);
        throw new Error(`handler ${String(number)}`);
      },
    };
    other.dispatcher.dispatch({ origin: 'http://orders.shop.clerk', path: '/', method: 'GET' }, handler);
  }
  await vi.waitFor(() => expect(silent.executed).toHaveLength(3));

  await other.destroy();

  process.off('uncaughtException', onUncaught);
  for (const listener of vitestListeners) process.on('uncaughtException', listener);
  expect([...ended].sort()).toEqual([1, 2, 3]);
  expect(uncaught).toHaveLength(3);
  expect(closed).toBe(1);
  await clerk.destroy();
});
