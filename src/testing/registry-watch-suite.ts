/** The part of a registry's contract that is about watches. */
import { strict as assert } from 'node:assert';
import type { EndpointInit } from '../core/endpoint.js';
import type { Resolution } from '../core/registry.js';
import { assertBound, contents, known, type RegistryCase, type Trial } from './registry-under-test.js';

type Contents = Readonly<Record<string, readonly EndpointInit[]>>;

/** A watch, with what it has said. */
interface Watched {
  readonly snapshots: ReadonlyMap<string, Resolution>[];
  readonly stop: () => void;
}

/** Cases that need a watch. */
export const watchCases: readonly RegistryCase[] = [
  {
    name: 'first gives the whole snapshot of a watch, not from within the call',
    needs: ['watch'],
    run: async (trial) => {
      for (const [glob, names] of Object.entries(globs)) {
        const watched = begin(trial, glob);
        assert.equal(watched.snapshots.length, 0, `watch('${glob}') called back before it returned`);
        await trial.until(() => assertLast(watched, only(names)));
        assertEach(watched, names);
        watched.stop();
      }
    },
  },
  {
    name: 'gives nothing more once a watch was ended, however often and soon',
    needs: ['watch'],
    run: async (trial) => {
      const [early, late] = [begin(trial, '/suite/**'), begin(trial, '/suite/**')];
      early.stop();
      await trial.until(() => assert.ok(late.snapshots.length > 0, 'no snapshot came'));
      late.stop();
      late.stop();
      early.stop();
      const count = late.snapshots.length;
      await trial.quiet();
      assert.equal(early.snapshots.length, 0, 'a snapshot came although the watch had been ended at once');
      assert.equal(late.snapshots.length, count, 'a snapshot came after the watch had been ended');
    },
  },
  {
    name: 'gives the whole snapshot after a change, also of what did not change, to every watch',
    needs: ['watch', 'put'],
    run: async (trial) => {
      const [all, one, ended] = [
        begin(trial, '/suite/**'),
        begin(trial, '/suite/orders'),
        begin(trial, '/suite/**'),
      ];
      await trial.until(() => {
        for (const { snapshots } of [all, one, ended]) assert.ok(snapshots.length > 0, 'no snapshot came');
      });
      ended.stop();
      const count = ended.snapshots.length;
      const fresh = [{ id: 'orders-9', address: 'http://127.0.0.1:3009' }];
      await trial.lever('put')('/suite/orders', fresh);
      await trial.until(() => {
        assertLast(all, { ...only(['/suite/idle', '/suite/orders/eu']), '/suite/orders': fresh });
        assertLast(one, { '/suite/orders': fresh });
      });
      await trial.quiet();
      assert.equal(ended.snapshots.length, count, 'a change was told to a watch that had been ended');
      all.stop();
      one.stop();
    },
  },
  {
    name: 'tells of a service that came, and leaves out one that went',
    needs: ['watch', 'put', 'remove'],
    run: async (trial) => {
      const watched = begin(trial, '/suite/*');
      const fresh = [{ id: 'new-1', address: 'http://127.0.0.1:3010' }];
      await trial.until(() => assertLast(watched, only(['/suite/idle', '/suite/orders'])));
      await trial.lever('put')('/suite/new', fresh);
      await trial.until(() =>
        assertLast(watched, { ...only(['/suite/idle', '/suite/orders']), '/suite/new': fresh }),
      );
      await trial.lever('remove')('/suite/orders');
      await trial.until(() => assertLast(watched, { ...only(['/suite/idle']), '/suite/new': fresh }));
      watched.stop();
    },
  },
  {
    name: 'shows no watch an empty world while it cannot tell',
    needs: ['watch', 'fail'],
    run: async (trial) => {
      const before = begin(trial, '/suite/**');
      await trial.until(() => assert.ok(before.snapshots.length > 0, 'no snapshot came'));
      await trial.lever('fail')(true);
      const during = begin(trial, '/suite/**');
      await trial.quiet();
      const names = ['/suite/idle', '/suite/orders', '/suite/orders/eu'];
      for (const watched of [before, during]) assertEach(watched, names);
      await trial.lever('fail')(false);
      await trial.until(() => assertLast(during, only(names)));
      before.stop();
      during.stop();
    },
  },
];

const globs: Readonly<Record<string, readonly string[]>> = {
  '/**': Object.keys(contents),
  '/suite/*': ['/suite/idle', '/suite/orders'],
  '/suite/orders': ['/suite/orders'],
  '/**/eu': ['/suite/orders/eu'],
  '/suite/nobody': [],
};

function begin(trial: Trial, glob: string): Watched {
  const snapshots: ReadonlyMap<string, Resolution>[] = [];
  const stop = trial.need('watch')(
    glob,
    (snapshot) => snapshots.push(known(snapshot)),
    () => undefined,
  );
  assert.equal(typeof stop, 'function', `watch('${glob}') gave no function to end it`);
  return { snapshots, stop };
}

/** The last snapshot is exactly this. */
function assertLast({ snapshots }: Watched, expected: Contents): void {
  const last = snapshots.at(-1);
  assert.ok(last, 'no snapshot came');
  assert.deepEqual([...last.keys()].sort(), Object.keys(expected).sort());
  for (const [name, endpoints] of Object.entries(expected)) assertBound(name, last.get(name), endpoints);
}

/** Every snapshot, not only the last, has all of these services as they were at first. */
function assertEach({ snapshots }: Watched, names: readonly string[]): void {
  for (const snapshot of snapshots) assertLast({ snapshots: [snapshot], stop: () => undefined }, only(names));
}

function only(names: readonly string[]): Contents {
  return Object.fromEntries(names.map((name) => [name, contents[name] ?? []]));
}
