/** The text and the data of an explanation, in virtual time. */
import { inspect } from 'node:util';
import { createClerk } from 'binding-clerk';
import type { Registry } from 'binding-clerk/extend';
import { createFakeRuntime, createMemoryNetwork } from 'binding-clerk/testing';
import { expect, test } from 'vitest';

function setup() {
  const runtime = createFakeRuntime({ seed: 5, autoAdvance: true });
  const network = createMemoryNetwork(runtime);
  runtime.transport = network.transport;
  const registry: Registry = {
    resolve: (name) =>
      name === '/shop/old'
        ? { kind: 'link', target: '/shop/orders' }
        : {
            kind: 'bound',
            ttlMs: 5_000,
            endpoints: [
              { id: 'a', address: 'http://a', version: '2.1.0' },
              { id: 'silent', address: 'http://silent', version: '2.0.0' },
              { id: 'old', address: 'http://old:8080', version: '1.4.0' },
            ],
          },
  };
  network.server('http://a').handler = () => ({ statusCode: 200, body: '"a"' });
  const clerk = createClerk({ registry, runtime });
  return {
    runtime,
    network,
    orders: clerk.bind('/shop/old', { version: '^2', policy: 'round-robin', timeoutMs: 2_000 }),
  };
}

test('before the first lookup the text says so', () => {
  expect(String(setup().orders.explain())).toBe(
    '/shop/old by round-robin, not looked up yet, call timeout 2000 ms, attempt timeout 250 ms until one is learned, at most 4 retries per call, retried statuses 429 502 503 504, 20 retries left, probed by OPTIONS /\n  no known endpoint',
  );
});

test('the text has a summary line, and a line for each endpoint with its score or the reason it is excluded', async () => {
  const { orders, runtime } = setup();
  for (let i = 0; i < 4; i++) await orders.json('/');
  await runtime.advance(10);
  const explanation = orders.explain();
  const [head, ...lines] = String(explanation).split('\n');
  expect(head).toMatch(
    /^\/shop\/old → \/shop\/orders by round-robin, looked up [\d.]+ ms ago, valid for 5000 ms, call timeout 2000 ms, attempt timeout 250 ms until one is learned, at most 4 retries per call, retried statuses 429 502 503 504, \d+ retr(y|ies) left, probed by OPTIONS \/$/,
  );
  expect(lines).toEqual([
    expect.stringMatching(/^ {2}a {7}http:\/\/a {9}open, 0 pending, [\d.]+ ms, score [\d.]+$/),
    '  silent  http://silent    ejected, since the endpoint refused a connection; probed until the endpoint responds; the probe may be a call, which starts a second attempt after 20 ms',
    '  old     http://old:8080  version 1.4.0 does not satisfy ^2',
  ]);
  expect(inspect(explanation)).toBe(String(explanation));
});

test('an explanation is plain data', async () => {
  const { orders } = setup();
  for (let i = 0; i < 4; i++) await orders.json('/');
  const explanation = orders.explain();
  const copy = JSON.parse(JSON.stringify(explanation)) as object;
  expect(copy).toMatchObject({
    name: '/shop/old',
    canonical: '/shop/orders',
    candidates: [{}],
    leftOut: [{}, {}],
  });
  expect(Object.keys({ ...explanation })).not.toContain('toString');
});

test('an endpoint that fails or is silent is excluded with that reason', async () => {
  const runtime = createFakeRuntime({ seed: 5, autoAdvance: true });
  const network = createMemoryNetwork(runtime);
  runtime.transport = network.transport;
  const registry: Registry = {
    resolve: () => ({
      kind: 'bound',
      ttlMs: Infinity,
      endpoints: ['good', 'failing', 'silent'].map((id) => ({ id, address: `http://${id}` })),
    }),
  };
  network.server('http://good').handler = () => ({ statusCode: 200, body: '1' });
  network.server('http://failing').handler = () => ({ statusCode: 503, body: '' });
  network.server('http://silent').handler = () => ({ statusCode: 200, body: '1' });
  const orders = createClerk({ registry, runtime }).bind('/shop/orders', { policy: 'round-robin' });
  const reasons = () => orders.explain().leftOut.map(({ endpoint, reason }) => `${endpoint.id}: ${reason}`);
  for (let i = 0; i < 30 && reasons().length === 0; i++) await orders.json('/');
  expect(reasons()).toEqual([
    expect.stringMatching(
      /^failing: ejected, since too many responses of the endpoint were failures \(the last \d+ in a row\); used again when the ejection time ends, without a probe$/,
    ),
  ]);
  network.server('http://silent').pause();
  for (let i = 0; i < 3 && reasons().length === 1; i++) await orders.json('/');
  expect(reasons()).toContain(
    'silent: suspect, since the endpoint did not respond in time; used only as a last resort until the endpoint responds',
  );
});

test('the text has the learned attempt timeout of each route class, and the first one of other routes', async () => {
  const { orders } = setup();
  for (let i = 0; i < 12; i++) await orders.json('/orders/7');
  const { initialAttemptTimeoutMs, learnedAttemptTimeouts } = orders.explain();
  expect(initialAttemptTimeoutMs).toBe(250);
  expect(learnedAttemptTimeouts).toEqual([{ method: 'GET', route: 'orders', timeoutMs: 25 }]);
  expect(String(orders.explain())).toContain(
    ", learned attempt timeout 25 ms for GET 'orders' and 250 ms for other route classes, ",
  );
});

test('the text has one attempt timeout if the program fixed it', () => {
  const { runtime } = setup();
  const clerk = createClerk({ registry: { '/s': 'http://a' }, runtime });
  const text = String(clerk.bind('/s', { attemptTimeoutMs: 80 }).explain());
  expect(text).toContain(', attempt timeout 80 ms, ');
});

test('the text has the load that an endpoint reports, also above its capacity', async () => {
  const { orders, network } = setup();
  network.server('http://a').handler = () => ({
    statusCode: 200,
    headers: { 'endpoint-load-metrics': 'TEXT application_utilization=2' },
    body: '1',
  });
  for (let i = 0; i < 4; i++) await orders.json('/');
  expect(String(orders.explain())).toContain(', reports a load of 200 % of its capacity, ');
});

test('the changes that the registry has scheduled are shown, with the time from now', async () => {
  const runtime = createFakeRuntime({ seed: 5 });
  const registry: Registry = {
    resolve: () => ({
      kind: 'bound',
      ttlMs: 60_000,
      endpoints: [],
      scheduled: [
        { name: '/shop', change: 'replace', appliesInMs: 300 },
        { name: '/shop/orders', change: 'remove', appliesInMs: 9_000 },
      ],
    }),
  };
  const orders = createClerk({ registry, runtime }).bind('/shop/orders');
  const failing = expect(orders.json('/')).rejects.toMatchObject({ code: 'NO_ENDPOINT' });
  await runtime.advance(1_000);
  await failing;
  expect(orders.explain().scheduled).toEqual([
    { name: '/shop', change: 'replace', appliesInMs: 0 },
    { name: '/shop/orders', change: 'remove', appliesInMs: 8_000 },
  ]);
  expect(String(orders.explain())).toContain(
    ', /shop will change in 0 ms, /shop/orders will be removed in 8000 ms, ',
  );
});
