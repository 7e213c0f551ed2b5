import { expect, test } from 'vitest';
import type { ClerkError } from '../../../src/core/errors.js';
import type { Logger } from '../../../src/core/logger.js';
import { ControllableStore, localCaller, nameServerHarness, registration } from './name-server-harness.js';

/** A store of records in a folder with this identity. */
class FolderStore extends ControllableStore {
  constructor(
    readonly folderIdentity: string | undefined,
    from?: ControllableStore,
  ) {
    super();
    for (const [key, value] of from?.records ?? []) this.records.set(key, value);
  }
}

/** Opens a folder, launches a service there, and returns its store. */
async function usedFolder(identity: string | undefined): Promise<FolderStore> {
  const store = new FolderStore(identity);
  const { names } = await nameServerHarness({ store });
  await names.register(registration('/a', 'a-1'), localCaller);
  await names.launches.recordIntent({
    ...{ name: '/a', manifest: 'm', instance: 'a-2' },
    ...{ ticketHash: 'h', registryKey: 'k', startedAt: 1 },
  });
  await names.close();
  return store;
}

async function reopen(identity: string | undefined, from: FolderStore, adopt = false) {
  const store = new FolderStore(identity, from);
  const warnings: string[] = [];
  const noop = (): void => undefined;
  const logger: Logger = { debug: noop, info: noop, error: noop, warn: (line) => warnings.push(line) };
  const { names } = await nameServerHarness({ store, adopt, logger });
  await names.close();
  const { incarnation } = names.status();
  return { store, incarnation, launches: names.launches.all().length, warnings, names };
}

test.each([
  ['the same', '7@100', '7@100'],
  ['of unknown creation', '7@100', '7'],
  ['of creation that was unknown before', '7', '7@100'],
  ['unknown', '7@100', undefined],
  ['of a folder whose file system states none', undefined, undefined],
])('a folder whose identity is %s is the original', async (_what, before, after) => {
  const used = await usedFolder(before);
  const { incarnation, launches, warnings } = await reopen(after, used);
  expect(incarnation).toBe(used.records.get('m incarnation'));
  expect([launches, warnings]).toEqual([1, []]);
});

test.each([
  ['another inode number', '8@100'],
  ['an inode number that is used again', '7@200'],
])('a folder with %s is a copy, and its registry owns no process', async (_what, identity) => {
  const used = await usedFolder('7@100');
  const owner = used.records.get('m owner');
  const copy = await reopen(identity, used);
  expect(copy.incarnation > (used.records.get('m incarnation') as string)).toBe(true);
  expect(copy.launches).toBe(0);
  expect(copy.warnings).toEqual([
    expect.stringMatching(/is a copy of another data folder.*\(number of processes: 1\).*--adopt/),
  ]);
  expect(copy.store.records.get('m owner')).not.toBe(owner);
  expect(copy.store.records.get('m key')).not.toBe(used.records.get('m key'));
  // A position of the original proves nothing to the copy, and the reverse.
  const again = await reopen(identity, copy.store);
  expect(again).toMatchObject({ incarnation: copy.incarnation, launches: 0, warnings: [] });
  const adopted = await reopen(identity, again.store, true);
  expect(adopted).toMatchObject({ incarnation: copy.incarnation, launches: 1 });
  expect(adopted.names.launches.all()).toMatchObject([{ instance: 'a-2', owner }]);
});

test('a copy that is adopted continues as the original', async () => {
  const used = await usedFolder('7@100');
  const adopted = await reopen('8@200', used, true);
  expect(adopted).toMatchObject({
    incarnation: used.records.get('m incarnation'),
    launches: 1,
    warnings: [],
  });
  expect(adopted.store.records.get('m key')).toBe(used.records.get('m key'));
  expect(await reopen('8@200', adopted.store)).toMatchObject({ launches: 1, warnings: [] });
});

test('a copy assigns no epoch of the original', async () => {
  const used = await usedFolder('7');
  const store = new FolderStore('8', used);
  const { names } = await nameServerHarness({ store });
  const { epoch } = await names.register(registration('/a', 'a-3'), localCaller);
  expect(epoch).toBeGreaterThan(1_000_000);
});

test('a store of a later version or with a damaged record is not opened', async () => {
  const damage = async (key: string, value: string): Promise<string> => {
    const { names, store } = await nameServerHarness();
    await names.register(registration('/a', 'i'), localCaller);
    await names.close();
    store.records.set(key, value);
    return nameServerHarness({ store }).then(
      () => 'opened',
      (error: unknown) => `${(error as ClerkError).code}: ${(error as ClerkError).message}`,
    );
  };
  expect(await damage('m format', '2')).toMatch(
    /^REGISTRY_INVALID: The format version of the store must be at most 1; got 2, which a later release of the server has written;/,
  );
  for (const key of ['e /a', 'p /a i', 'c /a', 'f /a j', 'l /a i', 'm revision', 'm floor', 'e //', 'y /a'])
    expect(await damage(key, '{"kind":"servi'), key).toMatch(
      `REGISTRY_INVALID: Record '${key}' of the store is damaged`,
    );
  expect(
    await damage(
      'p /gone i',
      '{"principal":"x","endpoint":{"id":"i","epoch":1,"leaseMs":1000,"addresses":[]}}',
    ),
  ).toMatch("'e /gone'");
  expect(await damage('e /b', '{"kind":"link","target":"/a","guaranteedMs":0}')).toBe('opened');
});
