/** 'once' calls of a caller whose clock is wrong, to a service with an idempotency store. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createClerk } from 'binding-clerk';
import { atMostOnce } from 'binding-clerk/service';
import { expect, onTestFinished, test } from 'vitest';
import { systemClock } from '../../src/runtime/system-clock.js';
import { clerkErrorOf } from './clerk-error-of.js';
import { webServer } from './web-server.js';

const hour = 3_600_000;

/** A call from a caller whose clock shows `wallNow`, and the number of executions. */
async function call(wallNow: () => number) {
  let runs = 0;
  const handler = atMostOnce((_request: IncomingMessage, response: ServerResponse) => {
    runs++;
    response.end('ran');
  });
  const { address } = await webServer((request, response) => handler(request, response));
  const clerk = createClerk({
    registry: { '/shop/orders': { address, attributes: { 'at-most-once': 'a' } } },
    runtime: { ...systemClock, wallNow },
  });
  onTestFinished(() => clerk.destroy());
  const orders = clerk.bind('/shop/orders');
  const error = await clerkErrorOf(orders.text('/', { method: 'POST', body: 'order' }));
  const { statusCode, body } = await orders.request({ path: '/', method: 'POST', body: 'order' });
  return { error, statusCode, text: await body.text(), runs };
}

test.each([
  ['25 h behind', () => Date.now() - 25 * hour, /the clock of the client is 25 h behind/],
  ['in 1970', () => 5_000, /the clock of the client is 5\d(\.\d)? years behind/],
  ['25 h ahead', () => Date.now() + 25 * hour, /is 25 h ahead of the clock of this service/],
])(
  'with a clock %s, the error names the clock, and the call did not run',
  async (_name, wallNow, message) => {
    const { error, statusCode, text, runs } = await call(wallNow);
    expect(error).toMatchObject({ code: 'BAD_STATUS', statusCode: 410, execution: 'none' });
    expect(error.message).toMatch(message);
    expect([statusCode, runs]).toEqual([410, 0]);
    expect(text).toMatch(message);
  },
);
