/** Cluster workers whose service an operator moves. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { AdvertisementEmitter } from '../../../src/service/advertisement-emitter.js';
import type { Advertisement } from '../../../src/service/advertisement.js';
import { memoryCalls } from '../../../src/service/at-most-once/store/memory-idempotency-store.js';
import type { PrimaryMessage, WorkerRequest } from '../../../src/service/cluster/cluster-messages.js';
import { PrimaryLink } from '../../../src/service/cluster/primary-link.js';
import { WorkerAdvertisement } from '../../../src/service/cluster/worker-advertisement.js';
import { WorkerCoordinator, type JoinResponse } from '../../../src/service/cluster/worker-coordinator.js';
import { createFakeRuntime } from '../../../src/testing/fake-runtime.js';
import { recordedLogger } from '../at-most-once/guarded-service.js';

/** The registration of the primary. */
class PrimaryAdvertisement extends AdvertisementEmitter {
  name = '/shop/orders';
  readonly id = 'one';
  readonly epoch = 1;
  readonly addresses = ['http://10.0.0.7:3001'];
  readonly registry = ['http://127.0.0.1:4711'];

  move(to: string): void {
    const from = this.name;
    this.name = to;
    this.emit('moved', { name: to, id: this.id, from });
  }
}

/** A primary and its workers, which exchange messages as JSON. */
function startCluster() {
  const settings = { id: 'one', startedAt: 0, isDurable: false };
  const logger = recordedLogger();
  const primary = new PrimaryAdvertisement(logger);
  const workers = new Map<number, (message: unknown) => void>();
  let receive = (_worker: number, _message: unknown): void => undefined;
  new WorkerCoordinator({
    port: {
      isPrimary: true,
      hasWorkers: false,
      isCoordinated: false,
      setSettings: () => undefined,
      send: (worker, message: PrimaryMessage) =>
        workers.get(worker)?.(JSON.parse(JSON.stringify(message)) as unknown),
      isAlive: () => true,
      onMessage: (listener) => (receive = listener),
      onExit: () => undefined,
    },
    store: memoryCalls(),
    settings,
    logger,
    advertise: () => Promise.resolve(primary as unknown as Advertisement),
    guard: () => () => undefined,
    learnMoves: async () => primary.move('/learned'),
  }).start();
  const join = async (worker: number) => {
    const link = new PrimaryLink(
      {
        isWorker: true,
        settings: undefined,
        sharesListener: () => true,
        send: (message: WorkerRequest) => receive(worker, message),
        onMessage: (listener) => void workers.set(worker, listener),
      },
      settings,
    );
    const joined = (await link.request('join', {
      options: { name: '/shop/orders' },
      bound: { port: 3001 },
      isSecure: false,
      isAtMostOnce: false,
    })) as JoinResponse;
    const moves: string[] = [];
    const ad = new WorkerAdvertisement({
      link,
      joined,
      clock: createFakeRuntime({ seed: 1 }),
      logger,
      inFlight: undefined as never,
      load: undefined as never,
      drainMs: 0,
      onKey: () => undefined,
      onMoved: (from, to) => moves.push(`${from} → ${to}`),
      onEnded: () => undefined,
    });
    ad.on('moved', ({ from, name }) => moves.push(`event ${from} ${name} ${ad.name}`));
    return { ad, moves, link, joined };
  };
  return { primary, join };
}

test('each worker learns the present name once, with the same event', async () => {
  const { primary, join } = startCluster();
  const workers = [await join(1), await join(2)];
  primary.move('/shop/sales');
  for (const { ad, moves } of workers) {
    expect(moves).toEqual(['/shop/orders → /shop/sales', 'event /shop/orders /shop/sales /shop/sales']);
    expect(ad.name).toBe('/shop/sales');
  }
});

test('a worker that joins after a move has the present name, and shares the registration', async () => {
  const { primary, join } = startCluster();
  const first = await join(1);
  primary.move('/shop/sales');
  const second = await join(2);
  expect([second.ad.name, second.ad.id, second.moves]).toEqual(['/shop/sales', first.ad.id, []]);
  primary.move('/eu/sales');
  expect(second.moves).toEqual(['/shop/sales → /eu/sales', 'event /shop/sales /eu/sales /eu/sales']);
  expect(first.ad.name).toBe('/eu/sales');
});

test('a worker that asks for moves learns them before the response, and a later worker gets the former names', async () => {
  const { primary, join } = startCluster();
  const first = await join(1);
  await first.link.request('learn-moves');
  expect(first.moves[0]).toBe('/shop/orders → /learned');
  primary.move('/shop/sales');
  expect((await join(2)).joined).toMatchObject({
    name: '/shop/sales',
    formerNames: expect.arrayContaining(['/shop/orders', '/learned']),
  });
});

test('a worker that has left does not follow a move', async () => {
  const { primary, join } = startCluster();
  const [first, second] = [await join(1), await join(2)];
  await first.ad.close();
  await nextTurn();
  primary.move('/shop/sales');
  expect([first.moves, second.ad.name]).toEqual([[], '/shop/sales']);
});
