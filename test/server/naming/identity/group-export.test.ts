import { expect, test } from 'vitest';
import type { ExportLine } from '../../../../src/protocol/naming-messages.js';
import { codeOf, nameServerHarness } from '../name-server-harness.js';
import { operator, pin, securedHarness } from './identity-harness.js';

test('a group is guaranteed, frozen and moved like a name', async () => {
  const { names, identities, runtime } = await securedHarness();
  const set = (members: readonly string[], more: object = {}) =>
    identities.setGroup({ name: '/g', members, ...more }, operator);
  await set(['/a', '/b', '/a'], { guaranteedMs: 10_000 });
  expect(names.resolve('/g')).toMatchObject({ kind: 'group', endpoints: [] });
  expect(names.list('/g', undefined, 10).entries).toEqual([{ name: '/g', kind: 'group', members: 2 }]);
  expect(await codeOf(set(['not a name']))).toBe('NAME_INVALID');
  expect(await codeOf(set(['/a']))).toBe('CHANGE_TOO_EARLY');
  const { appliesInMs } = await set(['/a'], { whenExpired: true });
  expect(appliesInMs).toBeGreaterThan(9_000);
  await runtime.advance(11_000);
  expect([...names.exportLines()]).toContainEqual({
    ...{ kind: 'group', name: '/g', members: ['/a'], guaranteedMs: 10_000 },
  });
  expect(await codeOf(names.define({ name: '/g' }, operator))).toBe('FORBIDDEN');
  expect(await codeOf(names.register({ name: '/g', id: 'i', addresses: ['http://h:1'] }, operator))).toBe(
    'FORBIDDEN',
  );
  await names.move({ from: '/g', to: '/h' }, operator);
  expect([...names.exportLines()]).toContainEqual({
    ...{ kind: 'group', name: '/h', members: ['/a'], guaranteedMs: 10_000 },
  });
  const many = Array.from({ length: 1_001 }, (_, i) => `/p/x${i}`);
  expect(await codeOf(identities.setGroup({ name: '/many', members: many }, operator))).toBe(
    'LIMIT_EXCEEDED',
  );
});

test('groups and rights are exported, and imported with the rights of the importer', async () => {
  const source = await securedHarness();
  await source.identities.setGroup({ name: '/people/staff', members: ['/people/ann'] }, operator);
  await source.allow('/people/staff', '/shop/**', 'call');
  await source.identities.changeAccess(
    { change: 'allow', principal: '../web', path: '/shop/eu/orders', rights: ['read'] },
    operator,
  );
  const lines = [...source.names.exportLines()];
  expect(lines.map(({ kind }) => kind)).toEqual(['group', 'access', 'access', 'access']);

  const target = await securedHarness();
  const ann = await target.enrol('/people/ann', pin(1));
  expect(await codeOf(target.names.importLines(lines, ann))).toBe('FORBIDDEN');
  expect(await codeOf(target.names.importLines(lines))).toBe('FORBIDDEN');
  expect([...target.names.exportLines()]).toHaveLength(1);
  await target.names.importLines(lines, operator);
  expect([...target.names.exportLines()]).toEqual(lines);
  expect(target.identities.access(ann, '/shop/orders', 'call')).toBeDefined();
  await target.names.importLines(lines, operator);
  expect([...target.names.exportLines()]).toEqual(lines);
});

test('an importer gives no right that it does not have', async () => {
  const { names, enrol, allow } = await securedHarness();
  const ann = await enrol('/people/ann', pin(1));
  await allow('/people/ann', '/shop/**', 'write', 'admin');
  const right = (path: string, ...rights: ('write' | 'call')[]): ExportLine => ({
    ...{ kind: 'access', directory: '/', principal: '/people/ann', path, rights },
  });
  expect(await codeOf(names.importLines([right('/shop/**', 'call')], ann))).toBe('FORBIDDEN');
  expect(await codeOf(names.importLines([right('/**', 'write')], ann))).toBe('FORBIDDEN');
  expect(await codeOf(names.importLines([right('/shop/**', 'write')], ann))).toBe('done');
});

test('an open registry accepts no rights, which would count once it is secured', async () => {
  const { names } = await nameServerHarness();
  const lines: readonly ExportLine[] = [
    { kind: 'access', directory: '/', principal: '/x', path: '/**', rights: ['admin'] },
    { kind: 'group', name: '/g', members: ['/x'] },
  ];
  for (const line of lines)
    expect(await codeOf(names.importLines([line], { principal: '/x' }))).toBe('FORBIDDEN');
});
