/** Pages of the audit log, on a folder in memory and in virtual time. */
import { expect, test } from 'vitest';
import { allLines, auditHarness, wallStartAt } from './audit-harness.js';

const change = (name: string, principal = '/shop/web') => ({
  operation: 'define',
  names: [name],
  principal,
});

test('pages follow each other over all files, and a page ends at its limit', async () => {
  const harness = await auditHarness({ maxFileBytes: 2_000, maxFiles: 100 });
  for (let i = 0; i < 200; i++) await harness.log.recordChange(change(`/n${i}`));
  expect(harness.folder.files.size).toBeGreaterThan(5);
  const lines = await allLines(harness, { maxLines: 7 });
  expect(lines.map(({ seq }) => seq)).toEqual(Array.from({ length: 201 }, (_, i) => wallStartAt + i));
  const page = await harness.read({ maxLines: 7 });
  expect(page.lines).toHaveLength(7);
  expect(page.more).toBe(true);
});

test('since begins with the lines of that time, also in a later file', async () => {
  const harness = await auditHarness({ maxFileBytes: 1_000, maxFiles: 100 });
  for (let i = 0; i < 60; i++) {
    await harness.runtime.advance(1_000);
    await harness.log.recordChange(change(`/n${i}`));
  }
  for (const i of [0, 1, 30, 59]) {
    harness.folder.operations.length = 0;
    const lines = await allLines(harness, { since: wallStartAt + (i + 1) * 1_000 });
    expect(lines[0]?.names).toEqual([`/n${i}`]);
    expect(lines).toHaveLength(60 - i);
  }
  expect(harness.folder.operations.filter((operation) => operation === 'read').length).toBeLessThan(5);
  expect(await allLines(harness, { since: wallStartAt + 61_000 })).toEqual([]);
});

test('a filter with few matches ends a page after a bounded number of bytes', async () => {
  const harness = await auditHarness();
  const batch = Array.from({ length: 2_000 }, (_, i) => change(`/n${i}`));
  for (let i = 0; i < 10; i++) await Promise.all(batch.map((one) => harness.log.recordChange(one)));
  await harness.log.recordChange(change('/wanted', '/rare'));
  expect(harness.folder.text.length).toBeGreaterThan(2_000_000);
  const isWanted = ({ principal }: { readonly principal?: string }): boolean => principal === '/rare';
  const page = await harness.read({ isWanted });
  expect([page.lines, page.more]).toEqual([[], true]);
  expect((await allLines(harness, { isWanted })).map(({ names }) => names)).toEqual([['/wanted']]);
});

test('a reader that waits gets a new line at once, and otherwise an empty page in time', async () => {
  const harness = await auditHarness();
  const { log, runtime } = harness;
  const { next } = await harness.read();
  const pages: unknown[] = [];
  const wait = (isWanted = (): boolean => true): void =>
    void harness.read({ after: next, waitMs: 20_000, isWanted }).then((page) => pages.push(page));
  wait();
  await runtime.advance(10_000);
  expect(pages).toEqual([]);
  await log.recordChange(change('/a'));
  await runtime.advance(0);
  expect(pages).toMatchObject([{ lines: [{ names: ['/a'] }], more: false }]);
  wait(() => false);
  await log.recordChange(change('/b'));
  await runtime.advance(19_999);
  expect(pages).toHaveLength(1);
  await runtime.advance(1);
  expect(pages[1]).toMatchObject({ lines: [], more: false });
});

test('a signal ends the wait', async () => {
  const { read, runtime } = await auditHarness();
  const { next } = await read();
  const controller = new AbortController();
  const page = read({ after: next, waitMs: 20_000, signal: controller.signal });
  await runtime.advance(1);
  controller.abort();
  expect(await page).toMatchObject({ lines: [], next });
});

test('a position in a removed file continues at the oldest line, and an invalid one is refused', async () => {
  const harness = await auditHarness({ maxFileBytes: 1_000, maxFiles: 2 });
  const { next } = await harness.read();
  for (let i = 0; i < 50; i++) await harness.log.recordChange(change(`/n${i}`));
  const page = await harness.read({ after: next });
  expect(page.lines[0]?.seq).toBe(harness.folder.lines[0].seq);
  for (const after of [
    'x',
    '-1',
    '1.5',
    '1@1.ndjson:0',
    '1@../../etc/passwd:0',
    '1@0000000000000001.ndjson:-1',
    '0000000000000001.ndjson:0',
    '9999999999999999',
    String(Number(harness.folder.lines.at(-1).seq) + 1),
  ])
    await expect(harness.read({ after })).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
});

test('the number of a line is a position, in every file and at the end', async () => {
  const harness = await auditHarness({ maxFileBytes: 1_000, maxFiles: 100 });
  for (let i = 0; i < 50; i++) await harness.log.recordChange(change(`/n${i}`));
  const all = await allLines(harness);
  expect(harness.folder.files.size).toBeGreaterThan(5);
  for (const [i, { seq }] of all.entries())
    expect(await allLines(harness, { after: String(seq) })).toEqual(all.slice(i + 1));
  expect(await allLines(harness, { after: '0' })).toEqual(all);
});

test('a position is only a hint where its line is: any other place is searched', async () => {
  const harness = await auditHarness({ maxFileBytes: 1_000, maxFiles: 100 });
  for (let i = 0; i < 20; i++) await harness.log.recordChange(change(`/n${i}`));
  const all = await allLines(harness);
  const [first = '', second = ''] = harness.folder.files.keys();
  const seq = all[2]?.seq ?? 0;
  const [, later = ''] = (await harness.read({ maxLines: 6 })).next.split('@');
  for (const place of [
    `${first}:7`,
    `${first}:99999`,
    `${second}:0`,
    `${second}:7`,
    '0000000000000001.ndjson:0',
    later,
  ])
    expect(await allLines(harness, { after: `${seq}@${place}` })).toEqual(all.slice(3));
});

test.each([
  // The lines end at the same places.
  '/next',
  '/longer-name',
])('after a restore, a reader gets each new line once, wherever it has stopped (%s)', async (name) => {
  const first = await auditHarness();
  for (let i = 0; i < 5; i++) await first.log.recordChange(change(`/kept${i}`));
  await first.log.close();
  const backup = first.folder.copy();
  const original = await auditHarness({ folder: first.folder, runtime: first.runtime });
  for (let i = 0; i < 20; i++) await original.log.recordChange(change(`/lost${i}`));
  const { next } = await original.read();
  const { next: early } = await original.read({ maxLines: 3 });
  await first.runtime.advance(1_000);
  const restored = await auditHarness({ folder: backup, runtime: first.runtime });
  for (let i = 0; i < 20; i++) await restored.log.recordChange(change(`${name}${i}`));
  const namesOf = async (after: string): Promise<unknown> =>
    (await allLines(restored, { after })).map(({ kind, names }) => names?.[0] ?? kind);
  const added = ['start', ...Array.from({ length: 20 }, (_, i) => `${name}${i}`)];
  expect(await namesOf(next)).toEqual(added);
  expect(await namesOf(early)).toEqual(['/kept2', '/kept3', '/kept4', 'stop', ...added]);
});

test('a reader that searches a long file gets on, page by page', async () => {
  const harness = await auditHarness();
  const batch = Array.from({ length: 2_000 }, (_, i) => change(`/n${i}`));
  for (let i = 0; i < 10; i++) await Promise.all(batch.map((one) => harness.log.recordChange(one)));
  expect(harness.folder.text.length).toBeGreaterThan(2_000_000);
  const last = harness.folder.lines.at(-2).seq as number;
  expect((await allLines(harness, { after: String(last) })).map(({ seq }) => seq)).toEqual([last + 1]);
});
