import { expect, test } from 'vitest';
import { limits } from '../../../../src/protocol/limits.js';
import { codeOf, localCaller, nameServerHarness, registration } from '../name-server-harness.js';

const other = { principal: 'other' };

test('names count for the principal that creates them until they are removed, also after a restart', async () => {
  const harness = await nameServerHarness({ maxNamesPerPrincipal: 3 });
  const link = (name: string, caller = localCaller) =>
    codeOf(harness.names.link({ name, target: '/x', guaranteedMs: 0 }, caller));
  expect(await link('/a')).toBe('done');
  expect(await codeOf(harness.names.define({ name: '/b', guaranteedMs: 0 }, localCaller))).toBe('done');
  expect(await codeOf(harness.names.directory({ name: '/c' }, localCaller))).toBe('done');
  expect(await link('/d')).toBe('LIMIT_EXCEEDED');
  expect(await link('/d', other)).toBe('done');
  await harness.restart();
  expect(await link('/e')).toBe('LIMIT_EXCEEDED');
  // A change by another principal leaves the name with its creator.
  expect(await codeOf(harness.names.link({ name: '/a', target: '/y', guaranteedMs: 0 }, other))).toBe('done');
  expect(await link('/e')).toBe('LIMIT_EXCEEDED');
  await harness.names.remove({ name: '/a', force: true }, other);
  expect(await link('/e')).toBe('done');
  expect(await link('/f')).toBe('LIMIT_EXCEEDED');
});

test('services that registrations leave behind count, and the error names the option', async () => {
  const { names } = await nameServerHarness({ maxNamesPerPrincipal: 2 });
  for (const name of ['/a', '/b']) {
    const { epoch, secret } = await names.register(registration(name, 'i'), localCaller);
    await names.withdraw({ name, id: 'i', epoch, secret, now: true }, localCaller);
  }
  await expect(names.register(registration('/c', 'i'), localCaller)).rejects.toThrow(
    'can create at most 2 names, which the change exceeds; remove names, or raise the limit with --max-names-per-principal',
  );
  expect(await codeOf(names.register(registration('/a', 'j'), localCaller))).toBe('done');
});

test('a move keeps the creators, and its link counts for the principal that moves', async () => {
  const { names } = await nameServerHarness({ maxNamesPerPrincipal: 2 });
  const link = (name: string, caller = localCaller) =>
    codeOf(names.link({ name, target: '/x', guaranteedMs: 0 }, caller));
  for (const name of ['/a/1', '/a/2']) await link(name);
  expect(await codeOf(names.move({ from: '/a', to: '/b' }, localCaller))).toBe('LIMIT_EXCEEDED');
  expect(await codeOf(names.move({ from: '/a', to: '/b' }, other))).toBe('done');
  expect(await link('/c')).toBe('LIMIT_EXCEEDED');
  expect(await link('/c', other)).toBe('done');
  expect(await link('/d', other)).toBe('LIMIT_EXCEEDED');
});

test('an import counts all its lines, and commands of one batch count together', async () => {
  const { names } = await nameServerHarness({ maxNamesPerPrincipal: 3 });
  const line = (name: string) => ({ kind: 'link', name, target: '/x', guaranteedMs: 0 }) as const;
  const importNames = (...imported: string[]) => codeOf(names.importLines(imported.map(line), localCaller));
  expect(await importNames('/a', '/b', '/c', '/d')).toBe('LIMIT_EXCEEDED');
  expect(await Promise.all([importNames('/a', '/b'), importNames('/c', '/d'), importNames('/e')])).toEqual([
    'done',
    'LIMIT_EXCEEDED',
    'done',
  ]);
});

test('a service with large launch parameters counts once for each KiB, up to a maximum', async () => {
  const { names } = await nameServerHarness({ maxNamesPerPrincipal: 7 });
  const define = (name: string, bytes: number) => {
    const launch = { manifest: 'm', params: { p: 'x'.repeat(bytes) } };
    return codeOf(names.define({ name, guaranteedMs: 0, launch }, localCaller));
  };
  expect(await define('/a', 4_000)).toBe('done');
  expect(await define('/b', 2_000)).toBe('LIMIT_EXCEEDED');
  expect(await define('/b', 1_500)).toBe('done');
  expect(await define('/a', 10)).toBe('done');
  expect(await define('/b', 3_000)).toBe('done');
  const { names: roomy } = await nameServerHarness();
  const launch = { manifest: 'm', params: { p: 'x'.repeat(limits.maxEntryBytes) } };
  expect(await codeOf(roomy.define({ name: '/a', launch }, localCaller))).toBe('LIMIT_EXCEEDED');
});
