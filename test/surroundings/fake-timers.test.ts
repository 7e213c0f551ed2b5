/** Fake timers of test runners, while a clerk calls over real sockets. */
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { mock } from 'node:test';
import { install } from '@sinonjs/fake-timers';
import { createClerk, type Clerk } from 'binding-clerk';
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest';

let server: Server;

beforeAll(async () => {
  server = createServer((request, response) => {
    if (request.url !== '/never') response.end('"ok"');
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
});

afterAll(() => {
  server.close();
  server.closeAllConnections();
});

function openClerk(create = createClerk): Clerk {
  const clerk = create({
    registry: { '/shop/orders': `http://127.0.0.1:${(server.address() as AddressInfo).port}` },
  });
  onTestFinished(() => clerk.destroy());
  return clerk;
}

/** Each starts fake timers, and returns a function that restores the timers. */
const fakes: Readonly<Record<string, () => () => void>> = {
  vitest: () => {
    vi.useFakeTimers();
    return () => void vi.useRealTimers();
  },
  'sinon, without nextTick and queueMicrotask': () => {
    const clock = install({ toNotFake: ['nextTick', 'queueMicrotask'] });
    return () => clock.uninstall();
  },
  'node:test': () => {
    mock.timers.enable();
    return () => mock.timers.reset();
  },
};

describe.each(Object.keys(fakes))('fake timers of %s', (name) => {
  const begin = fakes[name] as () => () => void;

  test('calls and deadlines work during and after them', async () => {
    const orders = openClerk().bind('/shop/orders');
    const never = { path: '/never', timeoutMs: 200 };
    const end = begin();
    try {
      expect(await orders.json('/')).toBe('ok');
      expect(await orders.json('/')).toBe('ok');
      await expect(orders.request(never)).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    } finally {
      end();
    }
    await expect(orders.request(never)).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
    expect(await orders.json('/')).toBe('ok');
  });

  test('a clerk that is loaded during them has deadlines after them', { timeout: 60_000 }, async () => {
    vi.resetModules();
    const end = begin();
    let clerk: Clerk;
    try {
      clerk = openClerk((await import('binding-clerk')).createClerk);
      expect(await clerk.bind('/shop/orders').json('/')).toBe('ok');
    } finally {
      end();
    }
    const orders = clerk.bind('/shop/orders');
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    const call = orders.request({ path: '/never', timeoutMs: 200 });
    await expect(call).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
  });
});

test('a clerk recovers from a call during fake nextTick and queueMicrotask of sinon, which never run', async () => {
  const orders = openClerk().bind('/shop/orders');
  expect(await orders.json('/')).toBe('ok');
  // Until the timers of that call have ended, so that the next call sets new ones.
  await new Promise((resolve) => setTimeout(resolve, 100));
  const clock = install();
  orders.json('/').catch(() => undefined);
  clock.uninstall();
  const call = orders.request({ path: '/never', timeoutMs: 200 });
  await expect(call).rejects.toMatchObject({ code: 'DEADLINE_EXCEEDED' });
  expect(await orders.json('/')).toBe('ok');
});
