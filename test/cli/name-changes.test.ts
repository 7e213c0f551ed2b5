/** Directories, scheduled changes and edits in bulk, by the commands, at a bundled server in this process. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { startServer } from '../../src/server/index.js';
import { runCli } from './support/run-cli.js';

let registry: string;

beforeEach(async () => {
  const server = await startServer({ port: 0 });
  onTestFinished(() => server.close());
  registry = server.url;
});

/** Runs a command line. Resolves with exit code and output: `0 Defined /a  revision N`. */
async function runLine(line: string): Promise<string> {
  const { code, out, err } = await runCli(line.split(' '), { registry });
  return `${code} ${out}${err}`.replace(/revision \d+/g, 'revision N').trimEnd();
}

const service = (name: string, more: object = {}) => JSON.stringify({ kind: 'service', name, ...more });

/** A file with the lines, which ends with the test. */
function fileOf(...lines: readonly string[]): string {
  const folder = mkdtempSync(join(tmpdir(), 'clerk-names-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const path = join(folder, 'names.ndjson');
  writeFileSync(path, lines.map((line) => `${line}\n`).join(''));
  return path;
}

/** Defines services that clerks rely on for 1 min. */
async function inUse(...names: readonly string[]): Promise<void> {
  for (const name of names) {
    await runLine(`define ${name} --guarantee 60000`);
    await runLine(`resolve ${name}`);
  }
}

test('a scheduled change is shown by resolve, explain and status, until cancel takes it back', async () => {
  await inUse('/a');
  await runLine('define /a --policy random --when-expired');
  expect(await runLine('resolve /a')).toMatch(/\/a will change in (1 min|\d+ s)/);
  expect(await runLine('explain /a')).toMatch(/\/a will change in (1 min|\d+ s)/);
  expect(JSON.parse((await runLine('explain /a --json')).slice(2))).toMatchObject({
    scheduled: [{ name: '/a', change: 'replace' }],
  });
  expect(await runLine('status')).toContain('; cancel it with clerk cancel /a');
  expect(await runLine('cancel /a')).toBe('0 Cancelled the scheduled change of /a  revision N');
  for (const command of ['resolve /a', 'explain /a', 'status'])
    expect(await runLine(command)).not.toContain('will change');
  expect(await runLine('resolve /a --json')).toContain('"policy":null');
  expect(await runLine('cancel /a')).toMatch(/^3 clerk: /);
  expect(await runLine('cancel /nowhere')).toMatch(/^3 clerk: /);
});

test('cancel --recursive takes back the changes of all names below a name', async () => {
  await inUse('/shop/a', '/shop/b', '/other');
  for (const name of ['/shop/a', '/shop/b', '/other']) await runLine(`rm ${name} --when-expired`);
  expect(await runLine('status')).toContain('/shop/a will be removed in');
  expect(await runLine('cancel /shop --recursive')).toMatch(/^0 Cancelled the scheduled change of \/shop/);
  const status = await runLine('status');
  expect(status).not.toContain('/shop/');
  expect(status).toContain('/other will be removed in');
});

test('mkdir creates a directory whose identifier stands for it, also after a move', async () => {
  const { id } = JSON.parse((await runLine('mkdir /shop --json')).slice(2)) as { id: string };
  expect(id).toMatch(/^#[0-9a-f]+$/);
  expect(await runLine('mkdir /shop')).toBe(`0 Directory /shop has the identifier ${id}  revision N`);
  await runLine('define /shop/orders --guarantee 0');
  await runLine('mv /shop /store');
  expect(await runLine(`resolve /${id}/orders`)).toMatch(/^0 .*\/store\/orders {2}service/);
  expect(await runLine('ls /')).toMatch(/^0 \/shop {3}link {7}→ \/store\n\/store {2}directory/);
});

test('mkdir changes the guarantee of a directory as define does that of a service', async () => {
  await runLine('mkdir /shop --guarantee 60000');
  await runLine('define /shop/orders --guarantee 0');
  const { id } = JSON.parse((await runLine('mkdir /shop --json')).slice(2)) as { id: string };
  expect(await runLine(`resolve /${id}/orders --json`)).toContain('"kind":"directory","guaranteedMs":60');
  expect(await runLine('mkdir /shop --guarantee 0')).toMatch(/^5 clerk: .*\n {2}--when-expired /);
  expect(await runLine('mkdir /shop --guarantee 0 --when-expired')).toMatch(
    /^0 \/shop is frozen and will change in (1 min|\d+ s)/,
  );
  expect(await runLine('mkdir /shop --guarantee -1')).toMatch(/^2 /);
});

test('apply makes the names those of a file, and with --dry-run only prints the difference', async () => {
  await runLine('define /old --guarantee 0');
  await runLine('define /kept --guarantee 0');
  const file = fileOf(
    service('/kept', { guaranteedMs: 0 }),
    service('/new', { guaranteedMs: 0, policy: 'random' }),
    '{"kind":"link","name":"/alias","target":"/new"}',
  );
  const before = await runLine('ls');
  const difference = ['\\+ +/new +service', '\\+ +/alias +link', '- +/old +service'].join('\n');
  expect(await runLine(`apply ${file} --prune --dry-run`)).toMatch(
    new RegExp(`^0 ${difference}\nThe import of 3 lines would result in: 2 added, 1 removed, 1 unchanged`),
  );
  expect(await runLine('ls')).toBe(before);
  expect(await runLine(`apply ${file} --prune`)).toMatch(
    new RegExp(`^0 ${difference}\nImported 3 entries: 2 added, 1 removed, 1 unchanged`),
  );
  expect(await runLine('ls')).toMatch(/^0 \/alias +link +→ \/new\n\/kept .*\n\/new /);
  expect(await runLine(`apply ${file} --prune`)).toContain('Imported 3 entries: 3 unchanged');
});

test('apply of a name in use changes nothing, names --when-expired, and then schedules all changes', async () => {
  await inUse('/used');
  const file = fileOf(service('/new'), service('/used', { guaranteedMs: 60_000, policy: 'random' }));
  expect(await runLine(`apply ${file}`)).toMatch(/^5 clerk: [^]*--when-expired/);
  expect(await runLine('ls')).not.toContain('/new');
  const dryRun = await runLine(`apply ${file} --dry-run`);
  expect(dryRun).toMatch(/… +\/used +service +policy, in (1 min|\d+ s)/);
  expect(dryRun).toContain('The waiting changes need --when-expired');
  expect(await runLine(`apply ${file} --when-expired`)).toMatch(/Imported 2 entries: 1 added, 1 waiting/);
  expect(await runLine('status')).toContain('/used will change in');
  expect(await runLine('cancel /used')).toMatch(/^0 /);
});

test('apply of a file with a faulty line applies none of it, and a file that is missing is named', async () => {
  const file = fileOf(service('/x'), service('x'));
  expect(await runLine(`apply ${file}`)).toMatch(/^2 clerk: [^]*line 2/i);
  expect(await runLine('ls')).toBe('0 No name matches /**');
  expect(await runLine('apply /no/such/file')).toMatch(/^2 clerk: .*\/no\/such\/file/);
  const { code } = await runCli(['apply', '-'], { registry, stdin: `${service('/x')}\n` });
  expect([code, await runLine('ls')]).toEqual([0, '0 /x  service  0 endpoints']);
});

test('apply refuses a file that cannot be applied as a whole, and applies none of it', async () => {
  const file = fileOf(...Array.from({ length: 2_001 }, (_, i) => service(`/many/n${i}`)));
  expect(await runLine(`apply ${file}`)).toMatch(
    /^\d+ clerk: clerk apply takes at most 2000 lines .*clerk import/,
  );
  expect(await runLine('ls')).toBe('0 No name matches /**');
});

test('a name that does not exist gets the name that was meant', async () => {
  await runLine('define /shop/orders --guarantee 0');
  await runLine('define /shop/bills/eu --guarantee 0');
  for (const command of ['resolve', 'explain', 'rm'])
    expect(await runLine(`${command} /shop/ordes`)).toMatch(/^3 clerk: .*; did you mean \/shop\/orders\?/);
  expect(await runLine('resolve /shp/bils/eu')).toContain('did you mean /shop/bills/eu?');
  for (const command of ['call', 'cancel'])
    expect(await runLine(`${command} /shop/ordes`)).toMatch(/^3 clerk: .*; did you mean \/shop\/orders\?/);
  expect(await runLine('mv /shop/ordes /shop/sales')).toContain('did you mean /shop/orders?');
  expect(await runLine('resolve /entirely/different')).not.toContain('did you mean');
});
