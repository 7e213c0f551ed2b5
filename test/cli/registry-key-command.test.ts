/** `clerk registry-key`, and another operator by `clerk init`. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { startServer } from '../../src/server/index.js';
import { runCli, type CliResult } from './support/run-cli.js';

const run = (line: string): Promise<CliResult> => runCli(line.split(' '));

async function securedFolder(): Promise<{ readonly data: string; readonly registryKey: string }> {
  const folder = mkdtempSync(join(tmpdir(), 'binding-clerk-key-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const data = join(folder, 'data');
  const { registryKey } = JSON.parse((await run(`init --data ${data} --json`)).out) as {
    readonly registryKey: string;
  };
  return { data, registryKey };
}

test('the key of a registry changes in three steps', async () => {
  const { data, registryKey } = await securedFolder();
  const prepared = await run(`registry-key prepare --data ${data}`);
  expect(prepared).toMatchObject({ code: 0, err: '' });
  const [, next = ''] =
    /^Registry key {3}(?:\S+)\nAlso accepted {2}(\S+)\nNext: clerk registry-key switch --data /.exec(
      prepared.out,
    ) ?? [];
  expect(prepared.out).toContain(registryKey);
  const early = await run(`registry-key switch --data ${data}`);
  expect(early).toMatchObject({ code: 5, out: '' });
  expect(early.err).toMatch(/must follow the step before it by 330 s.*\n {2}--force makes the change now\n$/);
  const switched = await run(`registry-key switch --data ${data} --force --json`);
  expect(JSON.parse(switched.out)).toEqual({
    registryKey: next,
    registryKeys: [next, registryKey],
    next: 'retire',
    nextInMs: expect.any(Number),
  });
  const retired = await run(`registry-key retire --data ${data} --force`);
  expect(retired.out).toBe(`Registry key  ${next}\nThe rotation is complete\n`);
});

test.each([
  ['registry-key switch --data DATA', 'There is no next key; make the step prepare first'],
  ['registry-key prepare --data DATA/other', 'has no registry key; run clerk init first'],
  ['registry-key begin --data DATA', 'Allowed choices are prepare, switch, retire'],
  ['registry-key prepare', "required option '-d, --data <folder>' not specified"],
  ['init --data DATA --revoke-others', 'Option --revoke-others requires --new-operator'],
  ['init --data DATA/other --new-operator', 'is not secured, so it has no operator'],
])('clerk %s exits with 2 and says why', async (line, message) => {
  const { data } = await securedFolder();
  const { code, out, err } = await run(line.replace('DATA', data));
  expect({ code, out }).toEqual({ code: 2, out: '' });
  expect(err).toContain(message);
});

test('another key of the operator is created, and the lost one is revoked', async () => {
  const { data, registryKey } = await securedFolder();
  const lost = `${data}/operator.identity`;
  const present = await run(`init --data ${data} --new-operator`);
  expect(present.code).toBe(5);
  expect(present.err).toContain('has a valid key; use the file, choose another file');
  const file = join(data, '..', 'new.identity');
  const created = await run(`init --data ${data} --new-operator ${file} --revoke-others --json`);
  expect(JSON.parse(created.out)).toEqual({ registryKey, operator: file });
  const server = await startServer({ port: 0, data });
  onTestFinished(() => server.close());
  expect((await run(`token /shop/web --identity ${file} --registry ${server.url}`)).code).toBe(0);
  expect((await run(`ls --identity ${lost} --registry ${server.url}`)).code).toBe(5);
});
