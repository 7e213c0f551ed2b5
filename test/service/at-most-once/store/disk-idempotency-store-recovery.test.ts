/**
 * A folder whose writes fail at any operation, again and again. The store has every acknowledged call, and no other call once
 * it has recovered; a process that is killed meanwhile leaves a folder with every acknowledged call.
 */
import { expect, test } from 'vitest';
import type { CallLookup, CallRecord } from 'binding-clerk/service';
import { createFakeRuntime } from 'binding-clerk/testing';
import { DiskIdempotencyStore } from '../../../../src/service/at-most-once/store/disk-idempotency-store.js';
import { MemoryFolder } from '../../../server/store/memory-folder.js';
import { randomHex } from '../../../server/store/store-options.js';
import { callId } from '../guarded-service.js';

const createdAt = 1_800_000_000_000;
const numbers = Array.from({ length: 8 }, (_, i) => i);
const call = (number: number): CallRecord => ({
  id: callId(createdAt + number, number),
  createdAt: createdAt + number,
  fingerprint: 'f',
  owner: 'o 1',
});

type State = CallLookup['state'];
/** The state of each call that a `begin` must find; `new` for a call that is not stored. */
type States = readonly State[];

const open = (folder: MemoryFolder): DiskIdempotencyStore =>
  new DiskIdempotencyStore('/calls', { openFolder: folder.open, randomHex, maxFileBytes: 3_000 });

/** The states in a copy of a folder, as the next process finds them. */
async function statesIn(folder: MemoryFolder): Promise<States> {
  const store = open(folder);
  const states: State[] = [];
  for (const number of numbers) states.push((await store.begin(call(number))).state);
  await store.close();
  return states;
}

test('a store that fails at any operation has all acknowledged calls, and no other after its recovery', async () => {
  let failures = 0;
  for (let seed = 1; seed <= 25; seed++) {
    const runtime = createFakeRuntime({ seed });
    const random = (): number => runtime.random();
    const folder = new MemoryFolder();
    const store = open(folder);
    await store.open();
    let isFailing = false;
    let states: States = numbers.map(() => 'new');
    /** What a process that starts now may find. */
    let allowed: readonly States[] = [states];
    const copies: { readonly folder: MemoryFolder; readonly allowed: readonly States[] }[] = [];
    folder.hook = (operation, _name, perform) => {
      if (random() < 0.03) copies.push({ folder: folder.copy(), allowed });
      if (operation === 'read' || !isFailing || random() < 0.3) perform();
      else if (random() < 0.5) {
        perform();
        throw new Error('ENOSPC: no space left on device');
      } else throw new Error('ENOSPC: no space left on device');
    };
    /** Makes a change of one call, which is stored or has no effect. */
    const change = async (number: number, after: State, write: () => Promise<unknown>): Promise<void> => {
      const changed = states.map((state, i) => (i === number ? after : state));
      allowed = [...allowed, changed];
      isFailing = random() < 0.2;
      const isStored = await write().then(
        () => true,
        () => false,
      );
      if (isStored) {
        states = changed;
        allowed = [states];
      } else failures++;
      // After a failure, the batch may stay on disk until the next write.
    };
    for (let i = 0; i < 60; i++) {
      const number = Math.floor(random() * numbers.length);
      const one = call(number);
      const body = Buffer.alloc(random() < 0.05 ? 70_000 : Math.floor(random() * 300));
      switch (states[number]) {
        case 'new':
          await change(number, 'running', async () =>
            expect(await store.begin(one)).toEqual({ state: 'new' }),
          );
          break;
        case 'running':
          if (random() < 0.3) await change(number, 'new', () => store.withdraw(one.id));
          else
            await change(number, 'done', () =>
              store.end(one.id, { state: 'done', response: { status: 200, headers: [], body } }),
            );
          break;
        default:
          expect((await store.begin(one)).state, `seed ${String(seed)}`).toBe(states[number]);
      }
    }
    isFailing = false;
    // A write that succeeds removes what failed writes have left.
    const last = { ...call(100), id: callId(createdAt + 100, 100) };
    await store.begin(last);
    expect(await statesIn(folder.copy()), `seed ${String(seed)}`).toEqual(states);
    await store.close();
    folder.hook = (_operation, _name, perform) => perform();
    expect(await statesIn(folder), `seed ${String(seed)}`).toEqual(states);
    expect([...folder.files.keys()]).not.toContain('.space-check');
    for (const copy of copies)
      expect(copy.allowed, `seed ${String(seed)}`).toContainEqual(await statesIn(copy.folder));
  }
  expect(failures).toBeGreaterThan(100);
});

test('a folder that can be written again accepts calls only when it has space for more than the next one', async () => {
  const folder = new MemoryFolder();
  const store = open(folder);
  await store.open();
  let freeBytes = 0;
  folder.hook = (operation, name, perform) => {
    const before = folder.files.get(name)?.length ?? 0;
    perform();
    const grownBytes = (folder.files.get(name)?.length ?? 0) - before;
    if (operation === 'write' && grownBytes > freeBytes) throw new Error('ENOSPC: no space left on device');
  };
  const refused = {
    code: 'CLERK_CLOSED',
    message: expect.stringMatching(/ENOSPC.*\. Free space on the disk.*accepted again when/) as string,
  };
  await expect(store.begin(call(1))).rejects.toMatchObject(refused);
  freeBytes = 4_096;
  await expect(store.begin(call(1))).rejects.toMatchObject(refused);
  expect([...folder.files.keys()]).not.toContain('.space-check');
  freeBytes = 1_000_000;
  expect(await store.begin(call(1))).toEqual({ state: 'new' });
  await store.close();
});

test('a call that is on disk is accepted, although the file for the next calls cannot be created', async () => {
  const folder = new MemoryFolder();
  const store = open(folder);
  await store.open();
  let isFailing = true;
  folder.hook = (operation, name, perform) => {
    if (isFailing && operation === 'create' && name === 'journal-00000002') throw new Error('EMFILE');
    perform();
  };
  const size = (): number => folder.files.get('journal-00000001')?.length ?? 0;
  let number = 0;
  while (size() < 3_000) expect(await store.begin(call(++number))).toEqual({ state: 'new' });
  for (let i = 0; i < 2; i++) await expect(store.begin(call(number + 1))).rejects.toThrow('EMFILE');
  isFailing = false;
  expect(await store.begin(call(number + 1))).toEqual({ state: 'new' });
  expect((await store.begin(call(number))).state).toBe('running');
  await store.close();
  const next = open(folder);
  for (let i = 1; i <= number + 1; i++) expect((await next.begin(call(i))).state).toBe('running');
  await next.close();
});
