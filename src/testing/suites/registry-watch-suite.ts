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

interface WatchRecord {
  readonly snapshots: ReadonlyMap<string, Resolution>[];
  readonly stop: () => void;
}

export const watchCases: readonly RegistryCase[] = [
  {
    name: 'first delivers the complete snapshot, after watch() has returned',
    requires: ['watch'],
    run: async (harness) => {
      for (const [glob, names] of Object.entries(globs)) {
        const watched = startWatch(harness, glob);
        assert.equal(watched.snapshots.length, 0, `watch('${glob}') delivered a snapshot before it returned`);
        await harness.eventually(() => assertLast(watched, sampleOf(names)));
        assertEvery(watched, names);
        watched.stop();
      }
    },
  },
  {
    name: 'delivers nothing to a stopped watch, even after an immediate or repeated stop',
    requires: ['watch'],
    run: async (harness) => {
      const [early, late] = [startWatch(harness, '/suite/**'), startWatch(harness, '/suite/**')];
      early.stop();
      await harness.eventually(() => assert.ok(late.snapshots.length > 0, 'no snapshot arrived'));
      late.stop();
      late.stop();
      early.stop();
      const count = late.snapshots.length;
      await harness.quietPeriod();
      assert.equal(early.snapshots.length, 0, 'a snapshot arrived although the watch was stopped at once');
      assert.equal(late.snapshots.length, count, 'a snapshot arrived after the watch was stopped');
    },
  },
  {
    name: 'delivers the complete snapshot after a change, to every watch',
    requires: ['watch', 'put'],
    run: async (harness) => {
      const [all, one, ended] = [
        startWatch(harness, '/suite/**'),
        startWatch(harness, '/suite/orders'),
        startWatch(harness, '/suite/**'),
      ];
      await harness.eventually(() => {
        for (const { snapshots } of [all, one, ended]) assert.ok(snapshots.length > 0, 'no snapshot arrived');
      });
      ended.stop();
      const count = ended.snapshots.length;
      const fresh = [{ id: 'orders-9', address: 'http://127.0.0.1:3009' }];
      await harness.control('put')('/suite/orders', fresh);
      await harness.eventually(() => {
        assertLast(all, { ...sampleOf(['/suite/idle', '/suite/orders/eu']), '/suite/orders': fresh });
        assertLast(one, { '/suite/orders': fresh });
      });
      await harness.quietPeriod();
      assert.equal(ended.snapshots.length, count, 'a change was delivered to a stopped watch');
      all.stop();
      one.stop();
    },
  },
  {
    name: 'adds a new service to the snapshot, and omits a removed service',
    requires: ['watch', 'put', 'remove'],
    run: async (harness) => {
      const watched = startWatch(harness, '/suite/*');
      const fresh = [{ id: 'new-1', address: 'http://127.0.0.1:3010' }];
      await harness.eventually(() => assertLast(watched, sampleOf(['/suite/idle', '/suite/orders'])));
      await harness.control('put')('/suite/new', fresh);
      await harness.eventually(() =>
        assertLast(watched, { ...sampleOf(['/suite/idle', '/suite/orders']), '/suite/new': fresh }),
      );
      await harness.control('remove')('/suite/orders');
      await harness.eventually(() =>
        assertLast(watched, { ...sampleOf(['/suite/idle']), '/suite/new': fresh }),
      );
      watched.stop();
    },
  },
  {
    name: 'never delivers an empty snapshot while the backend fails',
    requires: ['watch', 'fail'],
    run: async (harness) => {
      const before = startWatch(harness, '/suite/**');
      await harness.eventually(() => assert.ok(before.snapshots.length > 0, 'no snapshot arrived'));
      await harness.control('fail')(true);
      const during = startWatch(harness, '/suite/**');
      await harness.quietPeriod();
      const names = ['/suite/idle', '/suite/orders', '/suite/orders/eu'];
      for (const watched of [before, during]) assertEvery(watched, names);
      await harness.control('fail')(false);
      await harness.eventually(() => assertLast(during, sampleOf(names)));
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
  '/suite/unknown': [],
};

function startWatch(harness: RegistryHarness, glob: string): WatchRecord {
  const snapshots: ReadonlyMap<string, Resolution>[] = [];
  const stop = harness.method('watch')(
    glob,
    (snapshot) => snapshots.push(presentEntries(snapshot)),
    () => undefined,
  );
  assert.equal(typeof stop, 'function', `watch('${glob}') must return a function`);
  return { snapshots, stop };
}

function assertLast({ snapshots }: WatchRecord, expected: ExpectedContents): void {
  const last = snapshots.at(-1);
  assert.ok(last, 'no snapshot arrived');
  assert.deepEqual([...last.keys()].sort(), Object.keys(expected).sort());
  for (const [name, endpoints] of Object.entries(expected)) assertBound(name, last.get(name), endpoints);
}

function assertEvery({ snapshots }: WatchRecord, names: readonly string[]): void {
  for (const snapshot of snapshots)
    assertLast({ snapshots: [snapshot], stop: () => undefined }, sampleOf(names));
}

function sampleOf(names: readonly string[]): ExpectedContents {
  return Object.fromEntries(names.map((name) => [name, sampleContents[name] ?? []]));
}
