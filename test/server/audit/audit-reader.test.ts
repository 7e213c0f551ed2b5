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
  expect(lines.map(({ seq }) => seq)).toEqual(Array.from({ length: 201 }, (_, i) => i + 1));
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
    '1.ndjson:0',
    '../../etc/passwd:0',
    '9999999999999999.ndjson:0',
    `${[...harness.folder.files.keys()].at(-1) ?? ''}:99999`,
    '0000000000000001.ndjson:-1',
  ])
    await expect(harness.read({ after })).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
});

test('a position within a line continues with the next line', async () => {
  const harness = await auditHarness();
  await harness.log.recordChange(change('/a'));
  await harness.log.recordChange(change('/b'));
  const [name = ''] = harness.folder.files.keys();
  const second = harness.folder.text.indexOf('\n') + 20;
  const page = await harness.read({ after: `${name}:${second}` });
  expect(page.lines.map(({ names }) => names)).toEqual([['/b']]);
});
