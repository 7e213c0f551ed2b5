/** What a person reads of an explanation, and what a program does. In virtual time. */
import { inspect } from 'node:util';
import { createClerk } from 'binding-clerk';
import type { Registry } from 'binding-clerk/extend';
import { createFakeRuntime, createMemoryNetwork } from 'binding-clerk/testing';
import { expect, test } from 'vitest';

function world() {
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
    orders: clerk.bind('/shop/old', { version: '^2', policy: 'round-robin', timeoutMs: 2_000 }),
  };
}

test('before the first look-up it says so', () => {
  expect(String(world().orders.explain())).toBe(
    '/shop/old by round-robin, not looked up yet, a call has 2000 ms, goes elsewhere after 250 ms, 30 repeats left\n  nobody is known',
  );
});

test('one line of what holds for all, one for each endpoint and why not', async () => {
  const { orders, runtime } = world();
  for (let i = 0; i < 4; i++) await orders.json('/');
  await runtime.advance(10);
  const explanation = orders.explain();
  const [head, ...lines] = String(explanation).split('\n');
  expect(head).toMatch(
    /^\/shop\/old → \/shop\/orders by round-robin, looked up [\d.]+ ms ago, good for 5000 ms, a call has 2000 ms, goes elsewhere after [\d.]+ ms, \d+ repeats? left$/,
  );
  expect(lines).toEqual([
    expect.stringMatching(/^ {2}a {7}http:\/\/a {9}open, 0 pending, [\d.]+ ms, score [\d.]+$/),
    '  silent  http://silent    set aside after a failure (refused); probed until it gives a sign of life',
    '  old     http://old:8080  version 1.4.0 does not satisfy ^2',
  ]);
  expect(inspect(explanation)).toBe(String(explanation));
});

test('a program gets all of it as data', async () => {
  const { orders } = world();
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
