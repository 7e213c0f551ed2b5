/** A response whose body does not arrive in full: however it is read and ended, its error states that the call ran. */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { expect, test } from 'vitest';
import type { ClerkError, ClerkOptions } from 'binding-clerk';
import { clerkErrorOf } from './clerk-error-of.js';
import { rawPeer } from './raw-peer.js';
import { testClerk, type TestClerk } from './test-clerk.js';
import { webServer } from './web-server.js';

/** A clerk at a server that sends the headers and the first bytes of a body of 1,000 bytes, and then nothing. */
async function stalledClerk(options: Omit<ClerkOptions, 'registry'> = {}): Promise<TestClerk> {
  const server = await webServer((request, response) => {
    request.resume();
    response.writeHead(200, { 'content-length': '1000' });
    response.write('half');
  });
  return testClerk([server.address], options);
}

const post = { path: '/', method: 'POST', body: 'x' } as const;

/** Resolves when undici has received the next response headers. */
function headersReceived(): Promise<void> {
  return new Promise((resolve) => {
    const listener = (): void => {
      unsubscribe('undici:request:headers', listener);
      setImmediate(resolve);
    };
    subscribe('undici:request:headers', listener);
  });
}

type End = (test: TestClerk) => Promise<unknown>;
const ends: readonly (readonly [string, ClerkOptions, End])[] = [
  ['close() after closeTimeoutMs', { closeTimeoutMs: 100 }, ({ clerk }) => clerk.close()],
  ['destroy()', {}, ({ clerk }) => clerk.destroy()],
  ['destroy() with an error', {}, ({ clerk }) => clerk.destroy(new Error('enough'))],
];

test.each(ends)('%s fails an unread body with the facts of its call', async (_name, options, end) => {
  const stalled = await stalledClerk(options);
  const { statusCode, body } = await stalled.orders.request(post);
  await end(stalled);

  expect(statusCode).toBe(200);
  expect(await clerkErrorOf(body.text())).toMatchObject({
    code: 'CLERK_CLOSED',
    execution: 'done',
    outcomes: [{ stage: 'answered', code: 'CLERK_CLOSED' }],
  });
});

test.each(ends)(
  '%s fails an unread body of fetch with the facts of its call',
  async (_name, options, end) => {
    const stalled = await stalledClerk(options);
    const response = await stalled.clerk.fetch('http://orders.shop.clerk/', { method: 'POST', body: 'x' });
    const text = response.text().catch((error: unknown) => (error as Error).cause as ClerkError);
    await end(stalled);

    expect(await text).toMatchObject({
      code: 'CLERK_CLOSED',
      execution: 'done',
      outcomes: [{ stage: 'answered' }],
    });
  },
);

test.each(ends)(
  '%s fails a read of the whole body with the facts of its call',
  async (_name, options, end) => {
    const stalled = await stalledClerk(options);
    const received = headersReceived();
    const read = clerkErrorOf(stalled.orders.text(post));
    await received;
    await end(stalled);

    expect(await read).toMatchObject({
      code: 'CLERK_CLOSED',
      execution: 'done',
      outcomes: [{ stage: 'answered' }],
    });
  },
);

test('a body that is not complete at the deadline is named as such', async () => {
  const { orders } = await stalledClerk();
  const error = await clerkErrorOf(orders.json({ ...post, timeoutMs: 200 }));

  expect(error).toMatchObject({
    code: 'DEADLINE_EXCEEDED',
    execution: 'done',
    outcomes: [{ stage: 'answered' }],
    cause: {
      execution: 'done',
      message: expect.stringMatching(/^The response body of endpoint .* was not complete within/),
    },
  });
  expect(error.message).toMatch(/after 1 attempt: the response body was not complete$/);
});

test('bodyTimeout gives json and request the same execution', async () => {
  const { orders } = await stalledClerk({ undici: { bodyTimeout: 100 } });
  const { body } = await orders.request(post);
  const errors = await Promise.all([clerkErrorOf(orders.json(post)), clerkErrorOf(body.json())]);

  for (const error of errors) expect(error).toMatchObject({ code: 'DEADLINE_EXCEEDED', execution: 'done' });
});

test('a reset in the body gives json and request the same execution', async () => {
  const peer = await rawPeer('reset-in-body');
  const { orders } = testClerk([peer.address]);
  const { body } = await orders.request(post);
  const ofRequest = await clerkErrorOf(body.json());
  const ofJson = await clerkErrorOf(orders.json(post));

  for (const error of [ofRequest, ofJson])
    expect(error).toMatchObject({
      code: 'OUTCOME_UNKNOWN',
      execution: 'done',
      outcomes: [{ stage: 'answered' }],
    });
  expect(ofJson.message).toContain('its response body ended early');
});

test('a GET whose every response breaks off fails with the cause and the execution of a broken body', async () => {
  const peer = await rawPeer('reset-in-body');
  const { orders } = testClerk([peer.address]);
  const error = await clerkErrorOf(orders.json('/'));

  expect(error).toMatchObject({ code: 'ENDPOINTS_EXHAUSTED', execution: 'done' });
  expect(error.message).toContain('No endpoint of /shop/orders sent a complete response');
});
