/** `clerk registry-key`, and another operator by `clerk init`. */
import { mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
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
    /^Registry key {2}(?:\S+)\nNext key {6}(\S+)\nNext: clerk registry-key switch --data \S+, in 330 s /.exec(
      prepared.out,
    ) ?? [];
  expect(prepared.out).toContain(registryKey);
  const early = await run(`registry-key switch --data ${data}`);
  expect(early).toMatchObject({ code: 5, out: '' });
  expect(early.err).toMatch(
    /must not come earlier than 330 s after the previous step.*\n {2}--force makes the change now\n$/,
  );
  const switched = await run(`registry-key switch --data ${data} --force --json`);
  expect(JSON.parse(switched.out)).toEqual({
    registryKey: next,
    registryKeys: [next, registryKey],
    next: 'retire',
    nextInMs: expect.any(Number),
  });
  expect((await run(`registry-key switch --data ${data}`)).out).toContain(
    `Former key    ${registryKey}\nClients that know both keys still accept the former key; a client that knows only the former key refuses the registry\nNext: clerk registry-key retire `,
  );
  const retired = await run(`registry-key retire --data ${data} --force`);
  expect(retired.out).toBe(`Registry key  ${next}\nThe rotation is complete\n`);
});

test('each step updates the identity file of the operator in the folder', async () => {
  const { data, registryKey } = await securedFolder();
  const operator = join(data, 'operator.identity');
  const keysOf = (file: string): unknown =>
    (JSON.parse(readFileSync(file, 'utf8')) as { registryKey: unknown }).registryKey;
  await run(`registry-key prepare --data ${data}`);
  const [first, next] = keysOf(operator) as string[];
  expect(first).toBe(registryKey);
  await run(`registry-key switch --data ${data} --force`);
  expect(keysOf(operator)).toEqual([next, registryKey]);
  const server = await startServer({ port: 0, data });
  onTestFinished(() => server.close());
  expect(server.registryKeys).toEqual([next, registryKey]);
  expect(await run(`ls --identity ${operator} --registry ${server.url}`)).toMatchObject({ code: 0 });
  await run(`registry-key retire --data ${data} --force`);
  expect(keysOf(operator)).toEqual([next]);
});

test('an identity file that was elsewhere during a rotation learns the key that --registry-key states', async () => {
  const { data, registryKey } = await securedFolder();
  const away = join(data, '..', 'away.identity');
  renameSync(join(data, 'operator.identity'), away);
  await run(`registry-key prepare --data ${data}`);
  await run(`registry-key switch --data ${data} --force`);
  await run(`registry-key retire --data ${data} --force`);
  const server = await startServer({ port: 0, data });
  onTestFinished(() => server.close());
  const list = `ls --identity ${away} --registry ${server.url}`;
  const unknown = await run(list);
  expect(unknown.code).toBe(5);
  expect(unknown.err).toContain('the key that clerk serve and clerk registry-key print');
  expect(readFileSync(away, 'utf8')).toContain(registryKey);
  expect(await run(`${list} --registry-key ${String(server.registryKey)}`)).toMatchObject({ code: 0 });
  await vi.waitFor(async () => expect((await run(list)).code).toBe(0));
});

test('a registry that does not know the key of an identity file does not change the file', async () => {
  const [own, other] = [await securedFolder(), await securedFolder()];
  const operator = join(own.data, 'operator.identity');
  const before = readFileSync(operator, 'utf8');
  const server = await startServer({ port: 0, data: other.data });
  onTestFinished(() => server.close());
  const line = `ls --identity ${operator} --registry ${server.url} --registry-key ${other.registryKey}`;
  expect((await run(line)).code).toBe(5);
  await new Promise(setImmediate);
  expect(readFileSync(operator, 'utf8')).toBe(before);
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
