/** What one timeout covers: lookup, waiting and response, over every API. */
import { createClerk, type Clerk } from 'binding-clerk';
import type { Registry } from 'binding-clerk/extend';
import { createFakeRuntime, createMemoryNetwork } from 'binding-clerk/testing';
import { expect, onTestFinished, test } from 'vitest';
import { testClerk } from './test-clerk.js';
import { clerkErrorOf } from './clerk-error-of.js';
import { webServer } from './web-server.js';

test('a deferred response is delivered alone when the deadline truncates another one', async () => {
  const sorry = await webServer((_request, response) => void response.writeHead(503).end('sorry'));
  const half = await webServer((_request, response) => {
    response.writeHead(200, { 'content-length': '100' });
    response.write('HALF OF B');
  });
  const { orders } = testClerk([sorry.address, half.address]);
  const error = await clerkErrorOf(orders.text('/', { timeoutMs: 600 }));
  expect(error).toMatchObject({ code: 'BAD_STATUS', statusCode: 503, bodyText: 'sorry' });
});

test.each([undefined, 500])('gather() has one timeout that includes the lookup: %s', async (timeoutMs) => {
  const { clerk, runtime } = clerkWithSlowLookup(450, { timeoutMs: 500 });
  const beganAt = runtime.now();
  const [gathered] = await clerk
    .bind('/shop/orders')
    .gather({ path: '/', ...(timeoutMs !== undefined && { timeoutMs }) });
  expect(gathered).toMatchObject({ error: { code: 'DEADLINE_EXCEEDED' } });
  expect(runtime.now() - beganAt).toBeLessThanOrEqual(520);
});

test('clerk.request() has one timeout that includes the lookup', async () => {
  const { clerk, runtime } = clerkWithSlowLookup(150);
  const beganAt = runtime.now();
  const error = await clerkErrorOf(clerk.request('/shop/orders', { timeoutMs: 200 }));
  expect([error.code, error.execution]).toEqual(['DEADLINE_EXCEEDED', 'unknown']);
  expect(runtime.now() - beganAt).toBeLessThanOrEqual(220);
});

test('clerk.request() waits for the lookup only until its deadline', async () => {
  const { clerk, runtime } = clerkWithSlowLookup(60_000);
  const beganAt = runtime.now();
  const error = await clerkErrorOf(clerk.request('/shop/orders', { timeoutMs: 200 }));
  expect([error.code, error.execution]).toEqual(['DEADLINE_EXCEEDED', 'none']);
  expect(runtime.now() - beganAt).toBeLessThanOrEqual(220);
});

test('nothing is sent with less than 10 ms left', async () => {
  const { clerk, timeouts } = clerkWithSlowLookup(495);
  const error = await clerkErrorOf(clerk.bind('/shop/orders').text('/', { method: 'POST', timeoutMs: 500 }));
  expect([error.code, error.execution]).toEqual(['DEADLINE_EXCEEDED', 'none']);
  expect(timeouts).toEqual([]);
});

test.each([
  ['clerk.request', (clerk: Clerk) => clerk.request('/shop/orders/7', { method: 'POST', timeoutMs: 500 })],
  ['gather', (clerk: Clerk) => clerk.bind('/shop/orders').gather({ path: '/', timeoutMs: 500 })],
])('nothing is sent with less than 10 ms left by %s', async (_what, call) => {
  const { clerk, timeouts } = clerkWithSlowLookup(495);
  const error = await clerkErrorOf(call(clerk));
  expect([error.code, error.execution]).toEqual(['DEADLINE_EXCEEDED', 'none']);
  expect(timeouts).toEqual([]);
});

test('a timeout below 10 ms is enough if no time was lost', async () => {
  const { clerk } = clerkWithSlowLookup(0, {}, 0);
  expect(await clerk.bind('/shop/orders').text('/', { timeoutMs: 8 })).toBe('a');
});

test('a wait for Retry-After ends with the call', async () => {
  const { clerk, runtime, network } = clerkWithSlowLookup(0);
  network.server('http://a').handler = () => ({ statusCode: 503, headers: { 'retry-after': '8' } });
  const controller = new AbortController();
  const call = clerk.bind('/shop/orders').text('/', { signal: controller.signal });
  await runtime.advance(200);
  controller.abort();
  expect((await clerkErrorOf(call)).code).toBe('ABORTED');
  expect(runtime.refTimers).toBe(0);
});

/** In virtual time: a clerk with a slow registry, and a server `a`. */
function clerkWithSlowLookup(
  lookupMs: number,
  record: { readonly timeoutMs?: number } = {},
  delayMs = 60_000,
) {
  const runtime = createFakeRuntime({ seed: 3, autoAdvance: true });
  const network = createMemoryNetwork(runtime);
  runtime.transport = network.transport;
  const timeouts: (string | undefined)[] = [];
  network.server('http://a').handler = ({ headers }) => {
    timeouts.push(headers['clerk-timeout-ms']);
    return { statusCode: 200, body: 'a', delayMs };
  };
  const registry: Registry = {
    resolve: async (name) => {
      await new Promise<void>((resolve) => runtime.setTimer(resolve, lookupMs));
      if (name !== '/shop/orders') return { kind: 'absent' };
      return { kind: 'bound', endpoints: [{ id: 'a', address: 'http://a' }], ttlMs: 60_000, ...record };
    },
  };
  const clerk = createClerk({ registry, runtime });
  onTestFinished(() => clerk.destroy());
  return { clerk, runtime, network, timeouts };
}
