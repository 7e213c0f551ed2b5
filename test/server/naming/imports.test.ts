import { expect, test } from 'vitest';
import type { ExportLine, ImportOptions } from '../../../src/protocol/naming-messages.js';
import { codeOf, localCaller, nameServerHarness, registration } from './name-server-harness.js';

const service = (name: string, policy: string | null = null): ExportLine => ({
  kind: 'service',
  name,
  policy,
  guaranteedMs: 5_000,
  launch: null,
});

/** A name server in which `/used` is guaranteed by a lookup, and `/free` is not. */
async function inUse() {
  const harness = await nameServerHarness();
  const { names } = harness;
  await names.importLines([service('/used'), service('/free'), service('/same')]);
  names.resolve('/used');
  const run = async (lines: readonly ExportLine[], options: ImportOptions = {}) => {
    const { added, changed, removed, unchanged, waiting } = await names.importLines(
      lines,
      undefined,
      options,
    );
    const namesOf = (list: readonly { name: string }[]) => list.map(({ name }) => name);
    return {
      added: namesOf(added),
      changed: namesOf(changed),
      removed: namesOf(removed),
      unchanged: namesOf(unchanged),
      waiting: namesOf(waiting),
    };
  };
  const policyOf = (name: string) =>
    [...names.exportLines()].find((line) => line.kind === 'service' && line.name === name);
  return { ...harness, names, run, policyOf };
}

const next = [service('/used', 'random'), service('/free', 'random'), service('/same'), service('/new')];

test('an import of an entry in use is refused whole', async () => {
  const { names, policyOf } = await inUse();
  expect(await codeOf(names.importLines(next))).toBe('CHANGE_TOO_EARLY');
  expect(policyOf('/free')).toMatchObject({ policy: null });
  expect(policyOf('/new')).toBeUndefined();
});

test('a dry run reports the difference, and changes nothing', async () => {
  const { names, run, store } = await inUse();
  const before = [...names.exportLines()];
  const written = store.batches.length;
  expect(await run(next, { dryRun: true })).toEqual({
    added: ['/new'],
    changed: [],
    removed: [],
    unchanged: ['/same'],
    waiting: ['/used', '/free'],
  });
  expect([[...names.exportLines()], store.batches.length]).toEqual([before, written]);
});

test('with whenExpired, the changes of present entries apply together when the last guarantee has ended', async () => {
  const { run, policyOf, runtime, names } = await inUse();
  expect(await run(next, { whenExpired: true })).toMatchObject({
    added: ['/new'],
    waiting: ['/used', '/free'],
  });
  expect(policyOf('/new')).toBeDefined();
  const policies = () => ['/used', '/free'].map((name) => names.resolve(name).policy);
  for (let i = 0; i < 20; i++) {
    await runtime.advance(500);
    expect([
      [null, null],
      ['random', 'random'],
    ]).toContainEqual(policies());
  }
  expect(policies()).toEqual(['random', 'random']);
});

test('an import that is repeated while its changes wait is accepted', async () => {
  const { run } = await inUse();
  await run(next, { whenExpired: true });
  expect(await run(next, { whenExpired: true })).toMatchObject({
    unchanged: ['/same', '/new'],
    waiting: ['/used', '/free'],
  });
});

test('prune of a name in use is refused as a whole, or waits with whenExpired', async () => {
  const lines = [service('/free'), service('/same'), service('/new')];
  const { names, run, policyOf, runtime } = await inUse();
  const refused = await names.importLines(lines, undefined, { prune: true }).catch((error: unknown) => error);
  expect(refused).toMatchObject({
    code: 'CHANGE_TOO_EARLY',
    message: expect.stringMatching(
      /^The import has no line for \/used, and \/used cannot be removed yet/,
    ) as string,
  });
  expect([policyOf('/used'), policyOf('/new')]).toEqual([expect.anything(), undefined]);
  expect(await run(lines, { prune: true, whenExpired: true })).toMatchObject({
    added: ['/new'],
    waiting: ['/used'],
  });
  expect(policyOf('/used')).toBeDefined();
  await runtime.advance(6_000);
  expect([policyOf('/used'), policyOf('/free')]).toEqual([undefined, expect.anything()]);
});

test('prune removes what no line names, and keeps endpoints and the links of moves', async () => {
  const { names, run, runtime } = await inUse();
  await runtime.advance(6_000);
  await names.register(registration('/free', 'one'), localCaller);
  await names.link({ name: '/alias', target: '/same' });
  await names.define({ name: '/former' });
  await names.move({ from: '/former', to: '/present' });
  const lines = [service('/same'), service('/present')];
  expect(await run(lines, { prune: true })).toEqual({
    added: [],
    changed: [],
    removed: ['/alias', '/free', '/used'],
    unchanged: ['/same', '/present'],
    waiting: [],
  });
  expect(names.list('/**', undefined, 10).entries.map(({ name }) => name)).toEqual([
    '/former',
    '/free',
    '/present',
    '/same',
  ]);
  expect(names.resolve('/free').endpoints).toHaveLength(1);
  expect(await run(lines, { prune: true })).toMatchObject({ removed: [], unchanged: ['/same', '/present'] });
});

test('a scheduled change is shown until it is cancelled, and the guarantees given meanwhile stay', async () => {
  const { names, run, runtime } = await inUse();
  await names.define({ name: '/long', guaranteedMs: 20_000 });
  names.resolve('/long');
  await run([service('/used', 'random'), { ...service('/long', 'random') }], { whenExpired: true });
  expect(names.status().scheduled?.map(({ name }) => name)).toEqual(['/used', '/long']);
  expect(names.resolve('/used').scheduled).toEqual([
    { name: '/used', change: 'replace', appliesInMs: 20_250 },
  ]);
  await runtime.advance(10_000);
  const { guaranteedMs } = names.resolve('/used');
  await names.cancel({ name: '/used' });
  // A list begins no guarantee.
  expect(names.list('/used', undefined, 1).entries[0]).not.toHaveProperty('scheduled');
  expect(await codeOf(names.cancel({ name: '/used' }))).toBe('NAME_NOT_FOUND');
  await runtime.advance(guaranteedMs - 10);
  expect(await codeOf(names.define({ name: '/used', policy: 'random' }))).toBe('CHANGE_TOO_EARLY');
});
