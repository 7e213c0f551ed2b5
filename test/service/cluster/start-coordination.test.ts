import { expect, test } from 'vitest';
import type { IdempotencyStore } from '../../../src/core/idempotency-store.js';
import { memoryCalls } from '../../../src/service/at-most-once/store/memory-idempotency-store.js';
import type { PrimaryPort } from '../../../src/service/cluster/cluster-messages.js';
import { startCoordination } from '../../../src/service/cluster/start-coordination.js';
import { recordedLogger } from '../at-most-once/guarded-service.js';

function start(options: object, port: Partial<PrimaryPort> = {}): string[] {
  const settings: string[] = [];
  startCoordination(options, {
    port: {
      isPrimary: true,
      hasWorkers: false,
      isCoordinated: false,
      setSettings: (text) => void settings.push(text),
      send: () => undefined,
      isAlive: () => true,
      onMessage: () => undefined,
      onExit: () => undefined,
      ...port,
    },
    wallNow: () => 1_000,
    randomId: () => 'random',
    logger: recordedLogger(),
    advertise: () => Promise.reject(new Error('not called')),
    guard: () => () => undefined,
    learnMoves: () => Promise.resolve(),
  });
  return settings;
}

function durableCalls(properties: PropertyDescriptorMap = {}): IdempotencyStore {
  return Object.defineProperties(memoryCalls(), { isDurable: { value: true }, ...properties });
}

test('the workers get the instance id and the properties of the store', () => {
  expect(start({}).map((text) => JSON.parse(text) as unknown)).toEqual([
    { id: 'random', startedAt: 1_000, isDurable: false },
  ]);
  const store = durableCalls({ scope: { value: 'orders' } });
  expect(start({ store, id: 'orders-1' }).map((text) => JSON.parse(text) as unknown)).toEqual([
    { id: 'orders-1', startedAt: 1_000, isDurable: true, scope: 'orders' },
  ]);
});

test.each<[string, object, Partial<PrimaryPort>]>([
  ["the unknown option 'stores'", { stores: memoryCalls() }, {}],
  ["a store with the method 'begin'", { store: {} }, {}],
  ['an id of 1 to 128', { id: 'a b', store: durableCalls() }, {}],
  ["a durable store for the option 'id'", { id: 'orders-1' }, {}],
  ['called in the primary', {}, { isPrimary: false }],
  ['before the first cluster.fork()', {}, { hasWorkers: true }],
  ['called once', {}, { isCoordinated: true }],
])('invalid use is refused: %s', (message, options, port) => {
  expect(() => start(options, port)).toThrow(
    expect.objectContaining({ code: 'CONFIG_INVALID', message: expect.stringContaining(message) as string }),
  );
});
