/**
 * A folder that cannot be written for a while, whether or not the failed write reached the disk. No call runs
 * meanwhile, and none is reported as running. Calls are accepted again when the folder can be written.
 */
import { describe, expect, onTestFinished, test } from 'vitest';
import type { CallRecord } from 'binding-clerk/service';
import { DiskIdempotencyStore } from '../../../../src/service/at-most-once/store/disk-idempotency-store.js';
import { MemoryFolder } from '../../../server/store/memory-folder.js';
import { randomHex } from '../../../server/store/store-options.js';
import { callId, guardedService } from '../guarded-service.js';

function call(number: number, createdAt = 1_800_000_000_000 + number): CallRecord {
  return { id: callId(createdAt, number), createdAt: createdAt, fingerprint: 'f', owner: 'o 1' };
}

const response = { status: 200, headers: [['x', 'y']] as const, body: Buffer.from('z') };
const closed = {
  code: 'CLERK_CLOSED',
  message: expect.stringContaining('No space left on device') as string,
};

type Failure = 'before it is written' | 'after it was written';

/** A folder whose writes fail on demand. */
function failingFolder(): {
  readonly folder: MemoryFolder;
  readonly store: DiskIdempotencyStore;
  fail: Failure | undefined;
} {
  const folder = new MemoryFolder();
  const store = openIn(folder);
  const failing = { folder, store, fail: undefined as Failure | undefined };
  folder.hook = (operation, _, perform) => {
    const fail = operation === 'write' ? failing.fail : undefined;
    if (fail !== 'before it is written') perform();
    if (fail !== undefined) throw new Error('No space left on device');
  };
  onTestFinished(() => store.close());
  return failing;
}

function openIn(folder: MemoryFolder): DiskIdempotencyStore {
  return new DiskIdempotencyStore('/calls', { openFolder: folder.open, randomHex });
}

describe.each<Failure>(['before it is written', 'after it was written'])('a write fails %s', (failure) => {
  test('no call is accepted while the folder cannot be written, and each call is accepted once afterwards', async () => {
    const failing = failingFolder();
    const { store } = failing;
    await store.begin(call(1));
    failing.fail = failure;
    const together = await Promise.allSettled([2, 2, 3].map((number) => store.begin(call(number))));
    for (const one of together) expect(one).toMatchObject({ status: 'rejected', reason: closed });
    const killed = openIn(failing.folder.copy());
    onTestFinished(() => killed.close());
    for (let i = 0; i < 3; i++)
      for (const number of [2, 3, 4]) await expect(store.begin(call(number))).rejects.toMatchObject(closed);
    expect((await store.begin(call(1))).state).toBe('running');

    expect((await killed.begin(call(1))).state).toBe('running');
    // Its owner is another process, so it counts as unknown.
    expect((await killed.begin(call(2))).state).toBe(failure === 'after it was written' ? 'running' : 'new');
    expect((await killed.begin(call(4))).state).toBe('new');

    failing.fail = undefined;
    for (const number of [2, 3, 4]) {
      expect((await store.begin(call(number))).state).toBe('new');
      expect((await store.begin(call(number))).state).toBe('running');
    }
    expect((await store.begin(call(1))).state).toBe('running');
    await store.end(call(4).id, { state: 'done', response });
    await store.close();
    const next = openIn(failing.folder);
    onTestFinished(() => next.close());
    for (const number of [1, 2, 3]) expect((await next.begin(call(number))).state).toBe('running');
    expect((await next.begin(call(4))).state).toBe('done');
  });

  test('stored calls are still found, and no end can be stored', async () => {
    const failing = failingFolder();
    const { store } = failing;
    for (const number of [1, 2, 3, 4]) await store.begin(call(number));
    await store.end(call(1).id, { state: 'done', response });
    await store.end(call(2).id, { state: 'interrupted' });
    failing.fail = failure;
    const operations = [store.end(call(3).id, { state: 'done', response }), store.begin(call(5))];
    for (const one of await Promise.allSettled(operations)) expect(one).toMatchObject({ reason: closed });
    await expect(store.end(call(4).id, { state: 'interrupted' })).rejects.toMatchObject(closed);
    await expect(store.withdraw(call(4).id)).rejects.toMatchObject(closed);
    expect(await store.begin(call(1))).toEqual({ state: 'done', fingerprint: 'f', response });
    expect((await store.begin(call(2))).state).toBe('interrupted');
    expect((await store.begin(call(3))).state).toBe('running');
    expect((await store.begin(call(4))).state).toBe('running');
  });

  test('a retry of a call that could not be stored learns that nothing ran, and runs the call once afterwards', async () => {
    const failing = failingFolder();
    await failing.store.open();
    const world = guardedService({ store: failing.store });
    failing.fail = failure;
    const notRun = { status: 503, notExecuted: '1', idempotency: undefined };
    const first = await Promise.all([world.call(), world.call()]);
    for (const one of [...first, await world.call(), await world.call()]) expect(one).toMatchObject(notRun);
    expect(world.runs).toEqual([]);
    failing.fail = undefined;
    expect(await world.call()).toMatchObject({ status: 201, idempotency: undefined });
    await expect.poll(async () => (await world.call()).idempotency).toBe('replayed');
    expect(world.runs).toHaveLength(1);
    // The failure was logged once, and its end.
    expect(world.log.lines).toEqual([
      expect.stringContaining('their keys cannot be stored: Folder'),
      expect.stringContaining('can be stored again'),
    ]);
  });

  test('a folder that could not be opened is opened again', async () => {
    const failing = failingFolder();
    failing.fail = failure;
    for (let i = 0; i < 2; i++) await expect(failing.store.begin(call(1))).rejects.toThrow('No space left');
    failing.fail = undefined;
    expect(await failing.store.begin(call(1))).toEqual({ state: 'new' });
  });

  test('a retry of an ended call is not reported as running', async () => {
    const failing = failingFolder();
    const world = guardedService({ store: failing.store });
    world.handler = () => {
      failing.fail = failure;
      return new Response('made');
    };
    expect(await world.call()).toMatchObject({ status: 200, body: 'made' });
    // The response of the failed write counts as lost.
    await expect.poll(async () => (await world.call()).idempotency).toBe('unknown');
    expect(world.runs).toHaveLength(1);
    await failing.store.close();
    failing.fail = undefined;
    const next = openIn(failing.folder);
    onTestFinished(() => next.close());
    const after = guardedService({ store: next, incarnation: 'incarnation-2' });
    expect((await after.call({ id: callId(world.now()) })).idempotency).toBe(
      failure === 'after it was written' ? 'replayed' : 'unknown',
    );
    expect(after.runs).toEqual([]);
  });
});
