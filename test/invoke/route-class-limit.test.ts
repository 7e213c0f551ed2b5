/** Route classes take a bounded amount of memory, however many paths a program calls. In virtual time. */
import { expect, test } from 'vitest';
import { AttemptTimeouts, type AttemptTimeout } from '../../src/invoke/attempt-timeout.js';
import { joinWorld } from './join-world.js';

test('100,000 route classes have 257 attempt timeouts, whatever their methods', () => {
  const timeouts = new AttemptTimeouts();
  const found = new Set<AttemptTimeout>();
  for (let i = 0; i < 100_000; i++) {
    found.add(timeouts.forRoute('GET', `class ${String(i)}`));
    found.add(timeouts.forRoute(`METHOD${String(i)}`, 'x'.repeat(i % 50)));
  }
  expect(found.size).toBe(257);
});

test('calls with an id as their first path segment leave the timeout of a known route as it is', async () => {
  const world = joinWorld(3, ({ path }) => ({ delayMs: path.startsWith('/orders') ? 5 : 400 }), {
    policy: 'round-robin',
  });
  for (let i = 0; i < 40; i++) await world.get('/orders/1');
  // Each of 600 paths is a class of its own, or shares the timeout of those beyond the limit.
  await Promise.all(Array.from({ length: 600 }, (_, i) => world.get(`/${String(i)}`)));
  world.received.length = 0;
  // A fast route still finds a silent server soon.
  world.cluster.pause('a');
  for (let i = 0; i < 6; i++) expect((await world.get('/orders/1')).ms).toBeLessThan(100);
  expect(world.ejected).toEqual([]);
});
