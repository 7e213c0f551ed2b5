import { expect, test } from 'vitest';
import { localCaller, nameServerHarness, registration } from '../name-server-harness.js';

test('an import applies all lines or none, and an export can be imported again', async () => {
  const { names } = await nameServerHarness();
  await names.define({
    name: '/a',
    policy: 'random',
    timeoutMs: 2_000,
    guaranteedMs: 0,
    launch: { manifest: 'm', params: { n: 1 } },
  });
  await names.link({ name: '/l', target: '/a' });
  const { id } = await names.directory({ name: '/d' });
  await names.register(registration('/implicit', 'i'), localCaller);
  const lines = [...names.exportLines()];
  expect(lines.map((line) => `${line.kind} ${'name' in line ? line.name : line.path}`)).toEqual([
    'service /a',
    'directory /d',
    'link /l',
  ]);
  const other = await nameServerHarness();
  const bad = [...lines, { kind: 'link', name: '/a', target: '/b' } as const];
  await expect(other.names.importLines(bad)).rejects.toMatchObject({
    code: 'FORBIDDEN',
    message: expect.stringContaining('Line 4'),
  });
  expect(other.names.status()).toMatchObject({ services: 0, links: 0 });
  expect(await other.names.importLines(lines)).toMatchObject({ entries: 3 });
  expect([...other.names.exportLines()]).toEqual(lines);
  expect(other.names.resolve(`/${id}`).canonical).toBe('/d');
  const { revision } = other.names.status();
  await other.names.importLines(lines);
  expect(other.names.status().revision).toBe(revision);
});
