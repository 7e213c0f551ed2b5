/** A registry moves from a data folder to an engine and back, also after an interruption at each write. */
import { expect, test } from 'vitest';
import { migrateRecords } from '../../../src/server/naming/migration/migrate-records.js';
import { logPlace, storePlace, type RecordPlace } from '../../../src/server/naming/migration/record-place.js';
import { openNameServer } from '../../../src/server/naming/open-name-server.js';
import { openSharedNameServer } from '../../../src/server/naming/open-shared-name-server.js';
import { untilIdle } from '../../../src/server/naming/shared/idle-log.js';
import type { NameService, Store } from '../../../src/server/ports.js';
import { memoryStore } from '../../../src/server/store/memory-store.js';
import { codeOf, localCaller, registration, testRuntime } from '../naming/name-server-harness.js';
import { SimulatedEngine } from './simulated-engine.js';
import { renewAt } from './shared-servers.js';

const options = { version: '1.0.0' };

/** A folder and an engine; each write to one of them may be the last one. */
class World {
  readonly runtime = testRuntime();
  readonly records = new Map<string, string>();
  readonly engine = new SimulatedEngine({ clock: this.runtime });
  /** Writes that are still made. */
  writesLeft = Infinity;
  writes = 0;

  readonly #openStore = (): Store => {
    const store = memoryStore(this.records);
    return {
      load: () => store.load(),
      write: async (changes) => {
        this.#countWrite();
        await store.write(changes);
      },
      recover: () => store.recover(),
      close: () => store.close(),
    };
  };

  get folder(): RecordPlace {
    return storePlace(this.#openStore, 'The folder');
  }

  async log(): Promise<RecordPlace> {
    const log = this.engine.connect('migration');
    await log.open();
    await untilIdle(log, this.runtime);
    const counted = {
      ...log,
      append: async (...args: Parameters<typeof log.append>) => {
        this.#countWrite();
        return log.append(...args);
      },
    };
    return logPlace(counted, this.runtime);
  }

  /** Starts a server over the folder or the engine. */
  async serve(place: 'folder' | 'engine'): Promise<NameService> {
    if (place === 'folder') return openNameServer(memoryStore(this.records), this.runtime, options);
    const log = this.engine.connect(`server-${this.engine.appends}`);
    await log.open();
    return openSharedNameServer(log, this.runtime, options);
  }

  async migrate(to: 'folder' | 'engine'): Promise<unknown> {
    const [folder, log] = [this.folder, await this.log()];
    try {
      return await (to === 'engine'
        ? migrateRecords(folder, log, this.runtime)
        : migrateRecords(log, folder, this.runtime));
    } finally {
      await folder.close();
      await log.close();
    }
  }

  #countWrite(): void {
    if (++this.writes > this.writesLeft) throw new Error('The process has ended');
  }
}

/** Fills the registry, and returns what must hold in the new place. */
async function filled(world: World): Promise<{ secret: string; position: string; incarnation: string }> {
  const names = await world.serve('folder');
  await names.define({ name: '/shop/orders', guaranteedMs: 60_000 });
  await names.link({ name: '/orders', target: '/shop/orders' });
  for (let i = 0; i < 3; i++) await names.register(registration('/shop/orders', 'again'), localCaller);
  const { secret } = await names.register(
    registration('/shop/orders', 'a', { leaseMs: 30_000 }),
    localCaller,
  );
  const { secret: gone } = await names.register(registration('/shop/orders', 'gone'), localCaller);
  await names.withdraw({ name: '/shop/orders', id: 'gone', epoch: 5, secret: gone, now: true }, localCaller);
  const attributes = { text: 'x'.repeat(6_000) };
  for (let i = 0; i < 60; i++)
    await names.register(registration(`/many/s${i}`, 'i', { attributes, leaseMs: 600_000 }), localCaller);
  const { position } = names;
  const { incarnation } = names.status();
  await names.close();
  return { secret, position, incarnation };
}

async function expectComplete(
  names: NameService,
  expected: Awaited<ReturnType<typeof filled>>,
): Promise<void> {
  expect(names.status().incarnation).toBe(expected.incarnation);
  // The position of a client is one of this registry, and the registry has not lost it.
  await names.checkPositions(expected.position);
  expect(names.status().incarnation).toBe(expected.incarnation);
  const found = names.resolve('/orders');
  expect(found.canonical).toBe('/shop/orders');
  expect(found.endpoints.map(({ id, epoch }) => [id, epoch])).toEqual([
    ['again', 3],
    ['a', 4],
  ]);
  const renewal = { name: '/shop/orders', id: 'a', epoch: 4, secret: expected.secret };
  expect((await renewAt(names, { renewals: [renewal] }, localCaller)).results).toEqual(['renewed']);
  expect(names.list('/many/*', undefined, 100).entries).toHaveLength(60);
}

test('epochs, leases, guarantees and the incarnation are kept in an engine, and back in the folder', async () => {
  const world = new World();
  const expected = await filled(world);
  await world.migrate('engine');
  const names = await world.serve('engine');
  await expectComplete(names, expected);
  expect(await codeOf(names.link({ name: '/orders', target: '/many/s1' }))).toBe('CHANGE_TOO_EARLY');
  const registered = await names.register(registration('/shop/orders', 'gone'), localCaller);
  expect(registered.epoch).toBe(6);
  const { position } = names;
  await names.close();
  await expect(world.serve('folder')).rejects.toMatchObject({ code: 'CONFIG_INVALID' });

  await world.migrate('folder');
  await expect(world.serve('engine')).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  const back = await world.serve('folder');
  await back.checkPositions(position);
  expect(back.status().incarnation).toBe(expected.incarnation);
  expect((await back.register(registration('/shop/orders', 'gone'), localCaller)).epoch).toBe(7);
  await back.close();
});

test('after an end at each write, one place can be used, and a second run completes the move', async () => {
  const counted = new World();
  const expected = await filled(counted);
  await counted.migrate('engine');
  const { writes } = counted;
  expect(writes).toBeGreaterThan(4);
  for (let last = 0; last < writes; last++) {
    const world = new World();
    await filled(world);
    world.writesLeft = last;
    // The append of the log is tried again for 3 s.
    const migrated = codeOf(world.migrate('engine'));
    await world.runtime.advance(10_000);
    expect(await migrated).not.toBe('done');
    world.writesLeft = Infinity;
    const served = [];
    for (const place of ['folder', 'engine'] as const) {
      if (place === 'engine' && world.engine.batches.length === 0) continue;
      const names = await world.serve(place).catch(() => undefined);
      if (names !== undefined) served.push(place);
      await names?.close();
    }
    expect(served.length).toBeLessThanOrEqual(1);
    if (last < writes - 1) expect(served).toEqual(['folder']);
    await world.migrate('engine');
    const names = await world.serve('engine');
    await expectComplete(names, { ...expected, incarnation: names.status().incarnation });
    await names.close();
  }
});

test('a place with other names, a moved registry and an engine in use are refused', async () => {
  const [world, other] = [new World(), new World()];
  await filled(world);
  await filled(other);
  await other.migrate('engine');
  const foreign = await other.log();
  await expect(migrateRecords(world.folder, foreign, world.runtime)).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringContaining('already has names'),
  });
  await expect(other.migrate('engine')).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringContaining('has moved this registry to the simulated engine'),
  });
  const names = await other.serve('engine');
  const refused = codeOf(other.migrate('folder'));
  await other.runtime.advance(20_000);
  expect(await refused).toBe('FORBIDDEN');
  await names.close();
  const empty = new World();
  await expect(empty.migrate('engine')).rejects.toMatchObject({
    message: expect.stringContaining('has no names'),
  });
});
