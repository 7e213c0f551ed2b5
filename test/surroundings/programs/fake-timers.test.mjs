/** Tests of a program, for the test runner of Node: calls and deadlines during and after `mock.timers`. */
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { after, before, mock, test } from 'node:test';
import { createClerk } from 'binding-clerk';

const server = createServer((request, response) => {
  if (request.url !== '/never') response.end('"ok"');
});
let clerk;
let orders;

before(async () => {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  clerk = createClerk({ registry: { '/shop/orders': `http://127.0.0.1:${server.address().port}` } });
  orders = clerk.bind('/shop/orders');
});

after(async () => {
  await clerk.destroy();
  server.close();
  server.closeAllConnections();
});

async function callAndExceedDeadline() {
  assert.equal(await orders.json('/'), 'ok');
  await assert.rejects(orders.request({ path: '/never', timeoutMs: 200 }), { code: 'DEADLINE_EXCEEDED' });
  assert.equal(await orders.json('/'), 'ok');
}

test('calls and deadlines work during fake timers', async () => {
  mock.timers.enable();
  try {
    const now = Date.now();
    await callAndExceedDeadline();
    assert.equal(Date.now(), now);
  } finally {
    mock.timers.reset();
  }
});

test('calls and deadlines work after fake timers', callAndExceedDeadline);

test('a test with timers of its own works too', async (context) => {
  context.mock.timers.enable({ apis: ['setTimeout', 'Date'] });
  let isRung = false;
  setTimeout(() => (isRung = true), 60_000);
  await callAndExceedDeadline();
  assert.equal(isRung, false);
  context.mock.timers.tick(60_000);
  assert.equal(isRung, true);
});
