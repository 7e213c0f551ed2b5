/** A secured registry as a user sets it up: each command and each program is a process. */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterEach, expect, test } from 'vitest';
import { systemKeys } from '../../src/runtime/system-keys.js';
import { spawnCli, spawnScript } from './support/spawn-cli.js';

type Spawned = ReturnType<typeof spawnCli>;

const running: Spawned[] = [];
const folders: string[] = [];
afterEach(async () => {
  for (const { child, ended } of running.splice(0)) {
    child.kill('SIGKILL');
    await ended;
  }
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true, force: true });
});

function started(spawned: Spawned): Spawned {
  running.push(spawned);
  return spawned;
}

/** Resolves with the standard output. Node prints its warnings with the process id. */
async function run(line: string, env: Record<string, string>, input?: string): Promise<string> {
  const { child, ended } = spawnCli(line.split(' '), env);
  child.stdin.end(input ?? '');
  const { code, out, err } = await ended;
  expect(code, `${line}: ${err}`).toBe(0);
  expect(err).not.toMatch(/\(node:\d+\)/);
  return out.trim();
}

const greeter = fileURLToPath(new URL('programs/greeter.ts', import.meta.url));

// Fifteen processes, one after the other.
const timeout = 120_000;

test('two services and a stranger on one machine', { timeout }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'binding-clerk-six-'));
  folders.push(folder);
  const [data, orders, web, stranger] = ['data', 'orders', 'web', 'stranger'].map((file) =>
    join(folder, file),
  );
  const { registryKey, operator } = JSON.parse(await run(`init --data ${data} --json`, {})) as {
    readonly [key: string]: string;
  };
  const serve = started(spawnCli(['serve', '--port', '0', '--data', String(data)]));
  const url = (await serve.until(/^https:.*\n/)).trim();
  const asOperator = { CLERK_REGISTRY: url, CLERK_IDENTITY: String(operator) };
  for (const [name, file] of [
    ['/shop/orders', orders],
    ['/shop/web', web],
    ['/stranger', stranger],
  ]) {
    const token = await run(`token ${name}`, asOperator);
    const enroll = `enroll ${file} --name ${name} --token - --registry-key ${registryKey}`;
    await run(enroll, { CLERK_REGISTRY: url }, token);
  }
  await run('acl allow /shop/web /shop/* call', asOperator);

  const service = started(spawnScript(greeter, [], { CLERK_REGISTRY: '', CLERK_IDENTITY: String(orders) }));
  await service.until(/advertised/);
  expect(await run('call /shop/orders /', { CLERK_IDENTITY: String(web) })).toBe('hello /shop/web');
  expect(await run(`ls --identity ${web}`, {})).toBe('/shop/orders  service  1 endpoint');

  const watch = started(spawnCli(['watch', '/shop/*', '--identity', String(web)]));
  await watch.until(/^\+ \/shop\/orders {2}1 endpoint/m);
  watch.child.kill('SIGINT');
  expect(await watch.ended).toMatchObject({ code: 0, err: '' });

  const refused = spawnCli(['call', '/shop/orders', '/', '--identity', String(stranger)]);
  expect(await refused.ended).toMatchObject({
    code: 3,
    out: '',
    err: 'clerk: No service is registered as /shop/orders\n  The request did not run\n  The registry does not show names that you may not read; clerk acl explain shows your rights\n',
  });
  const anonymous = spawnCli(['call', '/shop/orders', '/', '--registry', url], {
    CLERK_REGISTRY_KEY: String(registryKey),
  });
  expect((await anonymous.ended).code).toBe(5);

  service.child.kill('SIGTERM');
  expect((await service.ended).err).toBe('');
  serve.child.kill('SIGTERM');
  const served = await serve.ended;
  expect([served.code, served.err]).toEqual([
    0,
    `clerk: Names are stored in ${data}\nclerk: The key of the registry is ${registryKey}\n`,
  ]);
});

test('an endpoint is advertised, resolved and explained with its key', { timeout }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'binding-clerk-advertise-'));
  folders.push(folder);
  const [data, file] = ['data', 'orders'].map((name) => join(folder, name));
  const { registryKey, operator } = JSON.parse(await run(`init --data ${data} --json`, {})) as {
    readonly [key: string]: string;
  };
  const serve = started(spawnCli(['serve', '--port', '0', '--data', String(data)]));
  const url = (await serve.until(/^https:.*\n/)).trim();
  const asOperator = { CLERK_REGISTRY: url, CLERK_IDENTITY: String(operator) };
  const token = await run('token /shop/orders', asOperator);
  const enroll = `enroll ${file} --name /shop/orders --token ${token} --registry-key ${registryKey} --json`;
  const { key } = JSON.parse(await run(enroll, { CLERK_REGISTRY: url })) as { readonly key: string };
  const identity = JSON.parse(readFileSync(String(file), 'utf8')) as { readonly [key: string]: string };
  const { port, close } = await listen(createServer({ key: identity.key, cert: identity.cert }));
  const address = `https://127.0.0.1:${port}`;
  const advertise = started(spawnCli(['advertise', '/shop/orders', address, '--identity', String(file)]));
  await advertise.until(/^Registered \/shop\/orders/m);
  const resolved = JSON.parse(await run('resolve /shop/orders --json', asOperator));
  expect(resolved).toMatchObject({ proved: true, endpoints: [{ key }] });
  expect(await run('resolve /shop/orders', asOperator)).toContain(key);
  const explained = JSON.parse(await run('explain /shop/orders --json', asOperator));
  expect(explained).toMatchObject({ proved: true, identity: '/operator', candidates: [{ key }] });
  expect(await run('explain /shop/orders', asOperator)).toMatch(/endpoints prove their keys,[^]*KEY +STATUS/);
  advertise.child.kill('SIGTERM');
  expect(await advertise.ended).toMatchObject({ code: 0, err: '' });
  await close();
});

test('a warning is a message of the command, and not one of Node', { timeout }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'binding-clerk-warning-'));
  folders.push(folder);
  const [present, next, registryKey] = [1, 2, 3].map(() => systemKeys.create('/shop/web'));
  const file = join(folder, 'web.identity');
  const unfinished = {
    ...{ v: 1, name: '/shop/web', key: present?.key, cert: present?.cert },
    ...{ registry: ['https://127.0.0.1:9'], registryKey: registryKey?.pin },
    next: { key: next?.key, cert: next?.cert },
  };
  writeFileSync(file, JSON.stringify(unfinished), { mode: 0o600 });
  const { code, err } = await spawnCli(['ls', '--identity', file]).ended;
  expect(code).toBe(4);
  expect(err).toMatch(/^clerk: Identity file '.*' has an unfinished rotation, which could not be finished: /);
  expect(err).not.toContain('(node:');
});

test('serve prints where it listens, and both keys during a rotation', { timeout }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'binding-clerk-serve-'));
  folders.push(folder);
  const data = join(folder, 'data');
  await run(`init --data ${data}`, {});
  const prepared = JSON.parse(await run(`registry-key prepare --data ${data} --json`, {})) as {
    readonly registryKeys: readonly string[];
  };
  const [present, next] = prepared.registryKeys;
  const serve = started(spawnCli(['serve', '--port', '0', '--data', data, '--host', '0.0.0.0']));
  const err = await serve.until(/also announces.*\n/, 'err');
  expect(err).toMatch(/^clerk: The server listens on 0\.0\.0\.0, port \d+$/m);
  expect(err).toContain(`The key of the registry is ${String(present)}\n`);
  expect(err).toContain(`The registry also announces the key ${String(next)},`);
});

async function listen(server: Server): Promise<{ readonly port: number; close(): Promise<void> }> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const close = async (): Promise<void> => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
  return { port: (server.address() as AddressInfo).port, close };
}
