/** `clerk.fetch` leaves no listener on the caller's signal, and obeys the signal as `fetch` does. */
import { getEventListeners } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test, vi } from 'vitest';
import type { Clerk } from 'binding-clerk';
import { testClerk } from './test-clerk.js';
import { unusedAddress, webServer, type WebServer } from './web-server.js';

const url = 'http://orders.shop.clerk/orders';
const longBody = 'x'.repeat(1_000_000);

function shop(): Promise<WebServer> {
  return webServer((request, response) => {
    if (request.url === '/empty') response.statusCode = 204;
    if (request.url === '/hang') return;
    if (request.url === '/slow') {
      response.write('first');
      return;
    }
    response.end(request.url === '/long' ? longBody : '{"ok":true}');
  });
}

type Use = (clerk: Clerk, signal: AbortSignal) => Promise<unknown>;

const uses: readonly [what: string, use: Use][] = [
  ['text() at once', (clerk, signal) => clerk.fetch(url, { signal }).then((response) => response.text())],
  [
    'json() some time after the response',
    async (clerk, signal) => {
      const response = await clerk.fetch(url, { signal });
      await sleep(5);
      return response.json();
    },
  ],
  [
    'a long body',
    (clerk, signal) =>
      clerk.fetch(`${url.slice(0, -7)}/long`, { signal }).then((response) => response.text()),
  ],
  [
    'a cancelled body',
    (clerk, signal) => clerk.fetch(url, { signal }).then((response) => response.body?.cancel()),
  ],
  ['HEAD', (clerk, signal) => clerk.fetch(url, { signal, method: 'HEAD' })],
  ['a response without a body', (clerk, signal) => clerk.fetch(`${url.slice(0, -7)}/empty`, { signal })],
  [
    'call options',
    (clerk, signal) =>
      clerk.fetch(url, { signal, kind: 'safe', timeoutMs: 5_000 }).then((response) => response.text()),
  ],
  [
    'a clone',
    async (clerk, signal) => {
      const response = await clerk.fetch(url, { signal });
      const clone = response.clone();
      return [await response.text(), await clone.text()];
    },
  ],
  [
    'a failure',
    (clerk, signal) => clerk.fetch('http://nobody.shop.clerk/', { signal }).catch(() => undefined),
  ],
  ['an invalid option', (clerk, signal) => clerk.fetch(url, { signal, timeoutMs: 0 }).catch(() => undefined)],
  [
    'an invalid method',
    (clerk, signal) => clerk.fetch(url, { signal, method: 'G T' }).catch(() => undefined),
  ],
];

test.each(uses)('many calls with one signal leave no listener: %s', async (_what, use) => {
  const { clerk } = testClerk([(await shop()).address]);
  const { signal } = new AbortController();

  for (let round = 0; round < 10; round++)
    await Promise.all(Array.from({ length: 10 }, () => use(clerk, signal)));

  await vi.waitFor(() => expect(getEventListeners(signal, 'abort')).toEqual([]));
});

const aborts: readonly [
  when: string,
  run: (clerk: Clerk, controller: AbortController) => Promise<unknown>,
][] = [
  [
    'before the call',
    (clerk, controller) => {
      controller.abort(new Error('too late'));
      return clerk.fetch(url, { signal: controller.signal });
    },
  ],
  [
    'while the call waits for the response',
    (clerk, controller) => {
      setTimeout(() => controller.abort(new Error('too late')), 50);
      return clerk.fetch('http://orders.shop.clerk/hang', { signal: controller.signal });
    },
  ],
  [
    'while the body arrives',
    async (clerk, controller) => {
      const response = await clerk.fetch('http://orders.shop.clerk/slow', { signal: controller.signal });
      setTimeout(() => controller.abort(new Error('too late')), 50);
      return response.text();
    },
  ],
  [
    'after the whole response has arrived and before it is read',
    async (clerk, controller) => {
      const response = await clerk.fetch(url, { signal: controller.signal });
      await sleep(50);
      controller.abort(new Error('too late'));
      return response.text();
    },
  ],
];

test.each(aborts)('an abort %s rejects with the reason', async (_when, run) => {
  const { clerk } = testClerk([(await shop()).address]);
  const controller = new AbortController();

  await expect(run(clerk, controller)).rejects.toThrow('too late');

  expect(getEventListeners(controller.signal, 'abort')).toEqual([]);
});

test('a signal is obeyed for a host outside .clerk, too', async () => {
  const { address } = await shop();
  const { clerk } = testClerk([await unusedAddress()]);
  const controller = new AbortController();
  const { signal } = controller;

  expect(await (await clerk.fetch(`${address}/orders`, { signal })).json()).toEqual({ ok: true });
  await vi.waitFor(() => expect(getEventListeners(signal, 'abort')).toEqual([]));
  setTimeout(() => controller.abort(new Error('too late')), 50);
  await expect(clerk.fetch(`${address}/hang`, { signal })).rejects.toThrow('too late');
});
