/** A call that gets no connection because a limit of the clerk is reached: the error names the limit. */
import type { RequestListener } from 'node:http';
import { isClerkError, type ClerkOptions, type RequestOptions } from 'binding-clerk';
import { expect, test } from 'vitest';
import { clerkErrorOf } from './clerk-error-of.js';
import { testClerk } from './test-clerk.js';
import { webServer } from './web-server.js';

/**
 * A clerk all of whose connections are in use by responses without an end. Without response headers, the endpoints
 * would become suspect, and later calls would use new connections.
 */
async function fullClerk(options: Omit<ClerkOptions, 'registry'>) {
  const endless: RequestListener = (_request, response) => void response.write('1');
  const [a, b] = [await webServer(endless), await webServer(endless)];
  const { orders } = testClerk([a.address, b.address], options, { timeoutMs: 300 });
  const hold = async (): Promise<void> => {
    const { body } = await orders.request({ path: '/held', timeoutMs: 60_000, retries: false });
    body.on('error', () => undefined);
  };
  await hold();
  return { orders, hold, a, b };
}

test.each<[string, Omit<RequestOptions, 'path'>]>([
  ['a call that may be retried', {}],
  ['a call without retries', { retries: false }],
])('over maxSockets, the error of %s names the limit', async (_what, options) => {
  const { orders, a, b } = await fullClerk({ maxSockets: 1 });
  const error = await clerkErrorOf(orders.json('/x', options));
  expect(error).toMatchObject({ code: 'DEADLINE_EXCEEDED', execution: 'none' });
  expect(error.message).toMatch(
    /^Call to \/shop\/orders exceeded its deadline of 300 ms after \d attempts?: An attempt at endpoint .* waited \d+ ms for a connection and was not sent, since the only socket of the clerk was in use\. Raise the option maxSockets of createClerk\(\), or make fewer calls at a time\. An unread response body keeps its connection in use, so read or discard each body$/,
  );
  expect(error.cause).toMatchObject({ code: 'LIMIT_EXCEEDED', execution: 'none' });
  for (const { error: cause } of error.outcomes)
    expect(isClerkError(cause) && cause.message).toContain('maxSockets');
  expect(a.requests).toEqual(['GET /held']);
  expect(b.requests).toEqual([]);
});

test('over the connections of an endpoint, the error names that limit', async () => {
  const { orders, hold, a, b } = await fullClerk({ connections: 1 });
  await hold();
  const error = await clerkErrorOf(orders.json('/x', { retries: false }));
  expect(error).toMatchObject({ code: 'DEADLINE_EXCEEDED', execution: 'none' });
  expect(error.message).toContain(
    'the only connection to the endpoint was in use. Raise the option connections',
  );
  expect(error.cause).toMatchObject({ code: 'LIMIT_EXCEEDED', execution: 'none' });
  for (const server of [a, b]) expect(server.requests).toEqual(['GET /held']);
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
