/** A call that gets no connection because a limit of the clerk is reached: the error names the limit. */
import { isClerkError, type ClerkOptions, type RequestOptions } from 'binding-clerk';
import { expect, test } from 'vitest';
import { clerkErrorOf } from './clerk-error-of.js';
import { testClerk } from './test-clerk.js';
import { webServer } from './web-server.js';

/** A clerk all of whose connections are in use by calls without a response. */
async function fullClerk(options: Omit<ClerkOptions, 'registry'>) {
  const [a, b] = [await webServer(() => undefined), await webServer(() => undefined)];
  const { clerk, orders } = testClerk([a.address, b.address], options, { timeoutMs: 300 });
  const held = orders.request({ path: '/held', timeoutMs: 60_000, retries: false });
  held.catch(() => undefined);
  await a.waitForRequests(1);
  return { clerk, orders, a, b };
}

test.each<[string, Omit<RequestOptions, 'path'>]>([
  ['a call that may be retried', {}],
  ['a call without retries', { retries: false }],
])('over maxSockets, the error of %s names the limit', async (_what, options) => {
  const { orders, a, b } = await fullClerk({ maxSockets: 1 });
  const error = await clerkErrorOf(orders.json('/x', options));
  expect(error).toMatchObject({ code: 'DEADLINE_EXCEEDED', execution: 'none' });
  expect(error.message).toMatch(
    /^Call to \/shop\/orders exceeded its deadline of 300 ms after \d attempts?: An attempt at endpoint .* waited \d+ ms for a connection and was not sent, since the only socket of the clerk was in use; raise maxSockets of createClerk\(\), make fewer calls at a time, and read or discard each response body$/,
  );
  expect(error.cause).toMatchObject({ code: 'LIMIT_EXCEEDED', execution: 'none' });
  for (const { error: cause } of error.outcomes)
    expect(isClerkError(cause) && cause.message).toContain('maxSockets');
  expect(a.requests).toEqual(['GET /held']);
  expect(b.requests).toEqual([]);
});

test('over the connections of an endpoint, the error names that limit', async () => {
  const { orders, b } = await fullClerk({ connections: 1 });
  orders.request({ path: '/held', timeoutMs: 60_000, retries: false }).catch(() => undefined);
  await b.waitForRequests(1);
  const error = await clerkErrorOf(orders.json('/x', { retries: false }));
  expect(error).toMatchObject({ code: 'DEADLINE_EXCEEDED', execution: 'none' });
  expect(error.message).toContain('the only connection to the endpoint was in use; raise connections');
  expect(error.cause).toMatchObject({ code: 'LIMIT_EXCEEDED', execution: 'none' });
});

test('the cause of an exceeded deadline agrees with the error about the execution', async () => {
  const silent = await webServer(() => undefined);
  const { orders } = testClerk([silent.address], {}, { timeoutMs: 300 });
  for (const call of [orders.json('/x'), orders.call(() => new Promise(() => undefined))]) {
    const error = await clerkErrorOf(call);
    expect(error).toMatchObject({ code: 'DEADLINE_EXCEEDED', execution: 'unknown' });
    expect(error.cause).toMatchObject({ code: 'DEADLINE_EXCEEDED', execution: 'unknown' });
    expect((error.cause as Error).message).toMatch(/^Endpoint .* did not respond within \d+ ms$/);
  }
});
