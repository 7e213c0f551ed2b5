import { expect, test } from 'vitest';
import { limits } from '../../../../src/protocol/limits.js';
import type { ExportLine } from '../../../../src/protocol/naming-messages.js';
import { nameServerHarness } from '../name-server-harness.js';

const { maxChangedNames } = limits;

function lines(count: number, directory: string, kind: 'link' | 'service' = 'service'): ExportLine[] {
  return Array.from({ length: count }, (_, i) => ({
    kind,
    name: `${directory}/n${i}`,
    target: '/t',
    guaranteedMs: 0,
  }));
}

/** A large batch waits for turns of other work. */
async function harness() {
  const { names, runtime } = await nameServerHarness();
  const settle = async <T>(change: Promise<T>): Promise<T> => {
    let isDone = false;
    const settled = change.finally(() => (isDone = true));
    settled.catch(() => undefined);
    while (!isDone) await runtime.advance(1);
    return settled;
  };
  const fill = async (count: number, directory: string): Promise<void> => {
    for (let i = 0; i < count; i += maxChangedNames)
      await settle(names.importLines(lines(Math.min(maxChangedNames, count - i), `${directory}/p${i}`)));
  };
  return { names: names, settle, fill };
}

test('a move or a removal of too many names is refused as a whole, and its parts succeed', async () => {
  const { names, settle, fill } = await harness();
  await fill(maxChangedNames + 1, '/big');
  const before = names.status().revision;
  await expect(settle(names.move({ from: '/big', to: '/moved' }))).rejects.toMatchObject({
    code: 'LIMIT_EXCEEDED',
    message: `The request to move /big affects more than ${maxChangedNames} names and endpoints, which is the maximum for one request; move smaller parts first`,
  });
  await expect(settle(names.remove({ name: '/big', recursive: true }))).rejects.toMatchObject({
    code: 'LIMIT_EXCEEDED',
  });
  // Without `recursive`, nothing is removed anyway.
  await expect(settle(names.remove({ name: '/big' }))).rejects.toMatchObject({
    code: 'FORBIDDEN',
    message: expect.stringContaining('/big has 1000 or more names below it'),
  });
  expect(names.status().revision).toBe(before);
  await settle(names.remove({ name: `/big/p${maxChangedNames}`, recursive: true, force: true }));
  await settle(names.remove({ name: '/big/p0/n0', force: true }));
  await settle(names.move({ from: '/big', to: '/moved' }));
  expect(names.resolve('/moved/p0/n1').canonical).toBe('/moved/p0/n1');
});

test('an import of too many lines is refused', async () => {
  const { names, settle } = await harness();
  await expect(settle(names.importLines(lines(maxChangedNames + 1, '/l')))).rejects.toMatchObject({
    code: 'LIMIT_EXCEEDED',
    message: `An import must have at most ${maxChangedNames} lines; got ${maxChangedNames + 1}; split the lines into several imports`,
  });
  expect(await settle(names.importLines(lines(maxChangedNames, '/l', 'link')))).toMatchObject({
    entries: maxChangedNames,
  });
});

test('a lookup during a long import guarantees no entry that the import changes', async () => {
  const { names, settle } = await harness();
  await names.define({ name: '/one' });
  await names.define({ name: '/two' });
  await names.link({ name: '/l', target: '/one', guaranteedMs: 60_000 });
  const link = { kind: 'link', name: '/l', target: '/two', guaranteedMs: 60_000 } as const;
  const imported = names.importLines([link, ...lines(maxChangedNames - 1, '/big')]);
  await Promise.resolve();
  await Promise.resolve();
  // The first lines are planned, and the last are not.
  expect(names.resolve('/l')).toMatchObject({ canonical: '/one', guaranteedMs: 0 });
  await settle(imported);
  expect(names.resolve('/l')).toMatchObject({ canonical: '/two' });
});

test('a rejected import leaves the guarantees of its entries as they were', async () => {
  const { names, settle } = await harness();
  await names.link({ name: '/l', target: '/one', guaranteedMs: 60_000 });
  await names.define({ name: '/one', guaranteedMs: 60_000 });
  const link = { kind: 'link', name: '/l', target: '/two', guaranteedMs: 60_000 } as const;
  const many = [link, ...lines(maxChangedNames - 2, '/big'), { kind: 'link', name: '/one', target: '/x' }];
  await expect(settle(names.importLines(many as ExportLine[]))).rejects.toMatchObject({ code: 'FORBIDDEN' });
  expect(names.resolve('/l')).toMatchObject({ canonical: '/one', guaranteedMs: 60_000 });
});

test('a search that reads much is answered in pages, which may be empty', { timeout: 180_000 }, async () => {
  const { names, settle, fill } = await harness();
  await fill(170_000, '/big');
  const first = await settle(names.searchInSlices('/**', {}));
  expect(first).toMatchObject({ entries: [], next: expect.stringMatching('^/big/') });
  const second = await settle(names.searchInSlices('/**', {}, first.next ?? undefined));
  expect(second).toMatchObject({ entries: [], next: null });
});
