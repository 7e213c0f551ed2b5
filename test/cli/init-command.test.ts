import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { startServer } from '../../src/server/index.js';
import { runCli } from './support/run-cli.js';

function scratchFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'binding-clerk-init-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, 'data');
}

const pin = 'sha256/[A-Za-z0-9_-]{43}';

test('init creates the key of the registry and an operator, and prints both', async () => {
  const data = scratchFolder();
  const { code, out, err } = await runCli(['init', '--data', data]);
  expect({ code, err }).toEqual({ code: 0, err: '' });
  expect(out).toMatch(new RegExp(`^Registry key  ${pin}\nOperator      ${data}/operator.identity\n`));
  expect(out).toContain(`clerk serve --data ${data}`);
  expect(statSync(join(data, 'operator.identity')).mode & 0o777).toBe(0o600);
  const server = await startServer({ port: 0, data });
  onTestFinished(() => server.close());
  expect(server.url).toMatch(/^https:/);
  expect(out).toContain(server.registryKey);
});

test('init --json prints exactly the registry key and the path of the operator', async () => {
  const data = scratchFolder();
  const { out } = await runCli(['init', '--data', data, '--json']);
  const printed = JSON.parse(out) as Record<string, string>;
  expect(printed).toEqual({
    registryKey: expect.stringMatching(new RegExp(`^${pin}$`)),
    operator: `${data}/operator.identity`,
  });
  expect(readFileSync(printed.operator as string, 'utf8')).toContain(printed.registryKey);
});

test('init refuses a folder that is initialized, and a folder in use', async () => {
  const data = scratchFolder();
  const open = await startServer({ port: 0, data });
  const inUse = await runCli(['init', '--data', data]);
  expect(inUse).toMatchObject({ code: 5, out: '' });
  expect(inUse.err).toMatch(/^clerk: .*in use/);
  await open.close();
  expect((await runCli(['init', '--data', data])).code).toBe(0);
  const again = await runCli(['init', '--data', data]);
  expect(again).toMatchObject({ code: 5, out: '' });
  expect(again.err).toContain('is already initialized; use the identity of its operator, or another folder');
});

test('init without a folder says what it needs', async () => {
  const { code, err } = await runCli(['init']);
  expect(code).toBe(2);
  expect(err).toContain("clerk: required option '-d, --data <folder>' not specified");
});
