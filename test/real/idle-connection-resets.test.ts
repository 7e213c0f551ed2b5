/** A server that closes an idle connection at the moment at which a request arrives on it. */
import { expect, test } from 'vitest';
import type { BindOptions, ClerkOptions } from 'binding-clerk';
import { clerkErrorOf } from './clerk-error-of.js';
import { rawPeer } from './raw-peer.js';
import { testClerk } from './test-clerk.js';

async function setUp(options: Omit<ClerkOptions, 'registry'> = {}, bind: BindOptions = {}) {
  const peer = await rawPeer('reset-on-reuse');
  return { peer, ...testClerk([peer.address], options, bind) };
}

test('an idle connection is reset by each second request: no repeatable call fails', async () => {
  const { peer, orders } = await setUp();

  for (let call = 0; call < 60; call++) await orders.json('/orders/7');

  expect(peer.executed).toHaveLength(60);
});

test('several idle connections are reset at once: every call is sent again on a new connection', async () => {
  const { peer, orders } = await setUp({ connections: 8 });
  const round = (): Promise<unknown> =>
    Promise.all(Array.from({ length: 8 }, () => orders.json('/orders/7')));

  for (let rounds = 0; rounds < 10; rounds++) await round();

  expect(peer.executed).toHaveLength(80);
  const used = peer.executed.map(({ connection }) => connection);
  expect(new Set(used).size).toBe(80);
});

test('of several idle connections that are reset, a call meets only one', async () => {
  const { peer, orders } = await setUp({}, { retries: { budget: { ratio: 0, minPerSecond: 0 } } });
  await Promise.all(Array.from({ length: 8 }, () => orders.json('/orders/7')));

  await orders.json('/orders/7');

  expect(peer.executed).toHaveLength(9);
});

test('the retry after a reset idle connection uses no retry of the budget', async () => {
  const { outcomes, orders } = await setUp({}, { retries: { budget: { ratio: 0, minPerSecond: 0 } } });
  await orders.json('/orders/7');
  await orders.json('/orders/7');
  await orders.json('/orders/7');

  expect(outcomes.filter(({ stage }) => stage === 'sent')).not.toEqual([]);
});

test('at the limit of connections, an idle connection makes room for the new one', async () => {
  const { peer, orders } = await setUp({ connections: 2 });
  await Promise.all([orders.json('/orders/7'), orders.json('/orders/7')]);

  await orders.json('/orders/7');

  expect(peer.executed).toHaveLength(3);
});

test('a new connection that is reset before a response costs a retry of the budget', async () => {
  const { peer, orders } = await setUp({}, { retries: { budget: { ratio: 0, minPerSecond: 0 } } });
  peer.behavior = 'reset';

  const error = await clerkErrorOf(orders.json('/orders/7'));

  expect([error.code, peer.executed.length]).toEqual(['BUDGET_EXHAUSTED', 1]);
});

test('a once call on an idle connection that is reset is not sent again', async () => {
  const { peer, orders } = await setUp();
  await orders.request({ path: '/orders', method: 'POST', body: '{}' }).then(({ body }) => body.dump());
  const errors = [];
  for (let call = 0; call < 4 && errors.length === 0; call++) {
    const before = peer.executed.length;
    const reply = orders.request({ path: '/orders', method: 'POST', body: '{}' });
    const error = await reply.then(({ body }) => body.dump()).catch((error: unknown) => error);
    if (error) errors.push([(error as { code: string }).code, peer.executed.length - before]);
  }

  expect(errors).toEqual([['OUTCOME_UNKNOWN', 0]]);
});

test('retries: false keeps a call on a reset idle connection from being sent again', async () => {
  const { orders, outcomes } = await setUp({}, { retries: false });
  const calls = async (): Promise<void> => {
    for (let call = 0; call < 4; call++) await orders.json('/orders/7');
  };

  const error = await clerkErrorOf(calls());

  expect(error.execution).toBe('unknown');
  expect(outcomes.filter(({ stage }) => stage === 'sent')).toHaveLength(1);
});
