/** The commands that an open registry has too, against a secured registry. */
import { readFileSync, writeFileSync } from 'node:fs';
import { expect, test, vi } from 'vitest';
import { rotateRegistryKey } from '../../src/server/index.js';
import { securedCli } from './support/secured-cli.js';

test('names are defined, listed, moved, exported and imported by an operator', async () => {
  const cli = await securedCli();
  const ok = async (line: string): Promise<string> => {
    const { code, out, err } = await cli.run(line);
    expect({ code, err }, line).toEqual({ code: 0, err: '' });
    return out;
  };
  await ok('define /shop/orders --policy random --guarantee 0');
  await ok('link /shop/old /shop/orders --guarantee 0');
  await ok('group set /shop/staff /shop/web --guarantee 0');
  await ok('acl allow /shop/staff /shop/orders call');
  expect(await ok('ls /shop/**')).toMatch(/^\/shop\/old +link .*\n\/shop\/orders +service .*\n\/shop\/staff/);
  expect(await ok('resolve /shop/old')).toContain('policy random');
  expect(await ok('explain /shop/orders')).toContain('No endpoints');
  expect(await ok('status')).toMatch(/1 service, 0 endpoints, 1 link/);
  const exported = await ok('export');
  expect(exported.match(/"kind":"\w+"/g)?.sort()).toEqual([
    '"kind":"access"',
    '"kind":"access"',
    '"kind":"group"',
    '"kind":"link"',
    '"kind":"service"',
  ]);
  await ok('mv /shop/orders /shop/sales');
  await ok('rm /shop --recursive');
  const file = cli.pathOf('names.ndjson');
  writeFileSync(file, exported);
  await ok(`import ${file}`);
  expect(await ok('resolve /shop/old')).toContain('policy random');
  expect(await ok('acl explain /shop/web /shop/orders call')).toContain('through the group /shop/staff');
});

test('options may stand before a command with commands of its own, and after it', async () => {
  const cli = await securedCli();
  const env = { CLERK_IDENTITY: '' };
  for (const line of [
    `--json --identity ${cli.operator} acl ls`,
    `acl --json --identity ${cli.operator} ls`,
    `acl ls --json --identity ${cli.operator}`,
  ]) {
    const { code, out, err } = await cli.run(line, '', { env });
    expect({ code, err }, line).toEqual({ code: 0, err: '' });
    expect(JSON.parse(out)).toMatchObject({ principal: '/operator', path: '/**' });
  }
});

test('an option takes precedence over the environment, which takes precedence over the identity file', async () => {
  const [cli, other] = [await securedCli(), await securedCli()];
  await cli.run('define /here');
  const web = await cli.enroll('/shop/web');
  await cli.run('acl allow /shop/web /here read');
  const list = async (line: string, env: Record<string, string>, registry = ''): Promise<string> =>
    (await cli.run(line, '', { registry, env })).out;
  const here = expect.stringContaining('/here');
  expect(await list(`ls --identity ${web}`, { CLERK_IDENTITY: other.operator })).toEqual(here);
  const wrongKey = { CLERK_IDENTITY: web, CLERK_REGISTRY_KEY: other.registryKey };
  expect(await list('ls', wrongKey)).toBe('');
  expect(await list(`ls --registry-key ${cli.registryKey}`, wrongKey)).toEqual(here);
  const otherKey = { CLERK_IDENTITY: web, CLERK_REGISTRY_KEY: `${other.registryKey},${cli.registryKey}` };
  expect(await list('ls', otherKey)).toEqual(here);
  expect(await list('ls', otherKey, other.url)).toBe('');
  expect(await list(`ls --registry ${cli.url}`, otherKey, other.url)).toEqual(here);
});

test('a command keeps the next key of the registry in the identity file', async () => {
  const cli = await securedCli();
  const web = await cli.enroll('/shop/web');
  const { registryKeys: keys } = await rotateRegistryKey({ data: cli.pathOf('data'), step: 'prepare' });
  // The server reads its key again after a second.
  await vi.waitFor(
    async () => {
      expect((await cli.run('ls', web)).code).toBe(0);
      expect(JSON.parse(readFileSync(web, 'utf8'))).toMatchObject({ registryKey: keys });
    },
    { timeout: 20_000, interval: 200 },
  );
  expect(keys).toHaveLength(2);
});

test('the errors of a command with --json are JSON, also in a command of commands', async () => {
  const cli = await securedCli();
  const { code, out, err } = await cli.run('--json acl remove /shop/web /a call');
  expect({ code, out }).toEqual({ code: 3, out: '' });
  expect(JSON.parse(err)).toMatchObject({ error: { code: 'NAME_NOT_FOUND' } });
});
