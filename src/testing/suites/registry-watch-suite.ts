/** The part of a registry's contract that is about watches. */
import { strict as assert } from 'node:assert';
import type { EndpointInit } from '../../core/endpoint.js';
import type { Resolution } from '../../core/registry.js';
import {
  assertBound,
  sampleContents,
  presentEntries,
  type RegistryCase,
  type RegistryHarness,
} from './registry-harness.js';

type ExpectedContents = Readonly<Record<string, readonly EndpointInit[]>>;

/** A watch, with what it has said. */
interface WatchRecord {
  readonly snapshots: ReadonlyMap<string, Resolution>[];
  readonly stop: () => void;
}

/** Cases that need a watch. */
export const watchCases: readonly RegistryCase[] = [
  {
    name: 'first gives the whole snapshot of a watch, not from within the call',
    requires: ['watch'],
    run: async (trial) => {
      for (const [glob, names] of Object.entries(globs)) {
        const watched = startWatch(trial, glob);
        assert.equal(watched.snapshots.length, 0, `watch('${glob}') called back before it returned`);
        await trial.eventually(() => assertLast(watched, sampleOf(names)));
        assertEvery(watched, names);
        watched.stop();
      }
    },
  },
  {
    name: 'gives nothing more once a watch was ended, however often and soon',
    requires: ['watch'],
    run: async (trial) => {
      const [early, late] = [startWatch(trial, '/suite/**'), startWatch(trial, '/suite/**')];
      early.stop();
      await trial.eventually(() => assert.ok(late.snapshots.length > 0, 'no snapshot came'));
      late.stop();
      late.stop();
      early.stop();
      const count = late.snapshots.length;
      await trial.quietPeriod();
      assert.equal(early.snapshots.length, 0, 'a snapshot came although the watch had been ended at once');
      assert.equal(late.snapshots.length, count, 'a snapshot came after the watch had been ended');
    },
  },
  {
    name: 'gives the whole snapshot after a change, also of what did not change, to every watch',
    requires: ['watch', 'put'],
    run: async (trial) => {
      const [all, one, ended] = [
        startWatch(trial, '/suite/**'),
        startWatch(trial, '/suite/orders'),
        startWatch(trial, '/suite/**'),
      ];
      await trial.eventually(() => {
        for (const { snapshots } of [all, one, ended]) assert.ok(snapshots.length > 0, 'no snapshot came');
      });
      ended.stop();
      const count = ended.snapshots.length;
      const fresh = [{ id: 'orders-9', address: 'http://127.0.0.1:3009' }];
      await trial.control('put')('/suite/orders', fresh);
      await trial.eventually(() => {
        assertLast(all, { ...sampleOf(['/suite/idle', '/suite/orders/eu']), '/suite/orders': fresh });
        assertLast(one, { '/suite/orders': fresh });
      });
      await trial.quietPeriod();
      assert.equal(ended.snapshots.length, count, 'a change was told to a watch that had been ended');
      all.stop();
      one.stop();
    },
  },
  {
    name: 'tells of a service that came, and leaves out one that went',
    requires: ['watch', 'put', 'remove'],
    run: async (trial) => {
      const watched = startWatch(trial, '/suite/*');
      const fresh = [{ id: 'new-1', address: 'http://127.0.0.1:3010' }];
      await trial.eventually(() => assertLast(watched, sampleOf(['/suite/idle', '/suite/orders'])));
      await trial.control('put')('/suite/new', fresh);
      await trial.eventually(() =>
        assertLast(watched, { ...sampleOf(['/suite/idle', '/suite/orders']), '/suite/new': fresh }),
      );
      await trial.control('remove')('/suite/orders');
      await trial.eventually(() =>
        assertLast(watched, { ...sampleOf(['/suite/idle']), '/suite/new': fresh }),
      );
      watched.stop();
    },
  },
  {
    name: 'shows no watch an empty world while it cannot tell',
    requires: ['watch', 'fail'],
    run: async (trial) => {
      const before = startWatch(trial, '/suite/**');
      await trial.eventually(() => assert.ok(before.snapshots.length > 0, 'no snapshot came'));
      await trial.control('fail')(true);
      const during = startWatch(trial, '/suite/**');
      await trial.quietPeriod();
      const names = ['/suite/idle', '/suite/orders', '/suite/orders/eu'];
      for (const watched of [before, during]) assertEvery(watched, names);
      await trial.control('fail')(false);
      await trial.eventually(() => assertLast(during, sampleOf(names)));
      before.stop();
      during.stop();
    },
  },
];

const globs: Readonly<Record<string, readonly string[]>> = {
  '/**': Object.keys(sampleContents),
  '/suite/*': ['/suite/idle', '/suite/orders'],
  '/suite/orders': ['/suite/orders'],
  '/**/eu': ['/suite/orders/eu'],
  '/suite/nobody': [],
};

function startWatch(harness: RegistryHarness, glob: string): WatchRecord {
  const snapshots: ReadonlyMap<string, Resolution>[] = [];
  const stop = harness.method('watch')(
    glob,
    (snapshot) => snapshots.push(presentEntries(snapshot)),
    () => undefined,
  );
  assert.equal(typeof stop, 'function', `watch('${glob}') gave no function to end it`);
  return { snapshots, stop };
}

/** The last snapshot is exactly this. */
function assertLast({ snapshots }: WatchRecord, expected: ExpectedContents): void {
  const last = snapshots.at(-1);
  assert.ok(last, 'no snapshot came');
  assert.deepEqual([...last.keys()].sort(), Object.keys(expected).sort());
  for (const [name, endpoints] of Object.entries(expected)) assertBound(name, last.get(name), endpoints);
}

/** Every snapshot, not only the last, has all of these services as they were at first. */
function assertEvery({ snapshots }: WatchRecord, names: readonly string[]): void {
  for (const snapshot of snapshots)
    assertLast({ snapshots: [snapshot], stop: () => undefined }, sampleOf(names));
}

function sampleOf(names: readonly string[]): ExpectedContents {
  return Object.fromEntries(names.map((name) => [name, sampleContents[name] ?? []]));
}
