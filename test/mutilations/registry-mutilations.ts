import { join } from 'node:path';
import { isClerkError } from '../../src/core/errors.js';
import { systemHashing } from '../../src/runtime/hashing.js';
import { systemClock } from '../../src/runtime/system-clock.js';
import { openNameServer } from '../../src/server/naming/open-name-server.js';
import type { NameService, RecordChange, Store } from '../../src/server/ports.js';
import { journalStore } from '../../src/server/store/journal-store.js';
import { salvageData } from 'binding-clerk/server';
import { storeOptions } from '../server/store/store-options.js';
import { imageOf, mutilate, writeImage, type FolderImage, type Mutilation } from './mutilate.js';

/** What a start did with a mutilated folder. */
export interface MutilationResult {
  readonly outcome: 'opened' | 'refused' | 'skipped';
  readonly what: string;
  readonly saved?: 'all' | 'part' | 'nothing';
}

const runtime = { ...systemClock, ...systemHashing };
const options = { version: '1.0.0', isStartable: () => false };

/**
 * Fills a data folder at random, kills its server, mutilates the folder and starts again.
 *
 * @throws when the start serves anything but all that was acknowledged, or refuses with another code
 */
export async function mutilateRegistry(
  folder: string,
  kind: Mutilation,
  random: () => number,
): Promise<MutilationResult> {
  const minCheckpointBytes = 400 + Math.floor(random() * 6_000);
  const states: Map<string, string>[] = [];
  const older: FolderImage[] = [];
  const source = join(folder, 'source');
  const store = journalStore(source, { ...storeOptions, minCheckpointBytes });
  const names = await openNameServer(recording(store, states), runtime, options);
  for (let count = Math.floor(random() * 60); count >= 0; count--) {
    await changeSomething(names, random);
    if (random() < 0.1) older.push(imageOf(source));
  }
  const acknowledged = states.length - 1;
  // One change may be in flight when the process ends.
  const inFlight = random() < 0.3 ? changeSomething(names, random) : undefined;
  const image = imageOf(source);
  await inFlight;
  await names.close();
  await store.close();
  const victim = join(folder, 'victim');
  writeImage(victim, image);
  const what = mutilate(victim, kind, older, random);
  if (what === undefined) return { outcome: 'skipped', what: kind };
  const allowed = states.slice(acknowledged).map(toText);
  const before = imageOf(victim);
  const next = journalStore(victim, { ...storeOptions, minCheckpointBytes });
  try {
    const found = await next.load();
    if (!allowed.includes(toText(found))) throw new Error(`${what}: wrong records are served`);
    await next.write([{ key: 'x', value: 'y' }]);
    await next.close();
    const again = journalStore(victim, storeOptions);
    const text = toText(await again.load());
    await again.close();
    if (text !== toText(new Map([...found, ['x', 'y']])))
      throw new Error(`${what}: the next start lost records`);
    return { outcome: 'opened', what };
  } catch (error) {
    await next.close();
    if (!isClerkError(error) || error.code !== 'REGISTRY_INVALID') throw error;
    const after = imageOf(victim);
    for (const [name, bytes] of before)
      if (!name.startsWith('lock') && after.get(name)?.equals(bytes) !== true)
        throw new Error(`${what}: the refused start changed ${name}`, { cause: error });
    const saved = await checkSalvage(victim, join(folder, 'saved'), what, allowed, states);
    return { outcome: 'refused', what, saved };
  }
}

async function checkSalvage(
  victim: string,
  target: string,
  what: string,
  allowed: readonly string[],
  states: readonly ReadonlyMap<string, string>[],
): Promise<'all' | 'part' | 'nothing'> {
  const report = await salvageData(victim, target).catch((error: unknown) => {
    if (isClerkError(error) && error.code === 'REGISTRY_INVALID') return undefined;
    throw error;
  });
  if (report === undefined) return 'nothing';
  const store = journalStore(target, storeOptions);
  const records = new Map(await store.load());
  await store.close();
  if (report.lost.length === 0) {
    if (!allowed.includes(toText(records)))
      throw new Error(`${what}: salvage lost records and does not say so`);
    return 'all';
  }
  for (const [key, value] of records)
    if (
      !/^[mc] /.test(key) &&
      !value.includes('"defined":false') &&
      !states.some((state) => state.get(key) === value)
    )
      throw new Error(`${what}: salvage invented ${key}`);
  const last = states.at(-1) as ReadonlyMap<string, string>;
  if (records.get('m incarnation') === last.get('m incarnation'))
    throw new Error(`${what}: salvage kept the incarnation`);
  for (const [key, value] of last) {
    if (!key.startsWith('c ')) continue;
    const kept = epochOf(records.get(key) ?? `{"epoch":${records.get('m floor')}}`);
    if (kept <= epochOf(value)) throw new Error(`${what}: salvage lets ${key} assign an epoch twice`);
  }
  const opened = journalStore(target, storeOptions);
  await (await openNameServer(opened, runtime, options)).close();
  await opened.close();
  return 'part';
}

function epochOf(json: string): number {
  return (JSON.parse(json) as { epoch: number }).epoch;
}

function toText(records: ReadonlyMap<string, string>): string {
  return JSON.stringify([...records].sort());
}

/** Passes the calls of a store on, and records the state after each acknowledged write. */
function recording(store: Store, states: Map<string, string>[]): Store {
  return {
    load: async () => {
      const records = await store.load();
      states.push(new Map(records));
      return records;
    },
    write: async (changes: readonly RecordChange[]) => {
      await store.write(changes);
      const state = new Map(states.at(-1));
      for (const { key, value } of changes)
        if (value === undefined) state.delete(key);
        else state.set(key, value);
      states.push(state);
    },
    recover: () => store.recover(),
    close: () => store.close(),
  };
}

async function changeSomething(names: NameService, random: () => number): Promise<void> {
  const number = Math.floor(random() * 6);
  const name = `/service/${number}`;
  const id = `i${Math.floor(random() * 4)}`;
  const caller = { principal: 'test' };
  const draw = random();
  const change = async (): Promise<unknown> => {
    if (draw < 0.5)
      return names.register(
        { name, id, addresses: [`http://127.0.0.1:${3_000 + number}`], leaseMs: 3_600_000 },
        caller,
      );
    if (draw < 0.7) {
      const epoch = names.search(name, {}).entries[0]?.endpoints.find((one) => one.id === id)?.epoch;
      return epoch === undefined ? undefined : names.withdraw({ name, id, epoch, now: true });
    }
    if (draw < 0.8) return names.link({ name: `/link/${number}`, target: name });
    if (draw < 0.9)
      return names.define({ name: `/defined/${number}`, timeoutMs: 1_000 + Math.floor(random() * 100) });
    return names.remove({ name: `/link/${number}` });
  };
  await change().catch((error: unknown) => {
    if (!isClerkError(error)) throw error;
  });
}
