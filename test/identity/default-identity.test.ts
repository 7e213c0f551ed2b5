import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { DefaultIdentity } from '../../src/identity/default-identity.js';
import { IdentityFile } from '../../src/identity/identity-file.js';
import { systemFiles } from '../../src/runtime/system-files.js';
import { systemKeys } from '../../src/runtime/system-keys.js';
import { FakeEnrolments } from '../support/fake-enrolments.js';
import { ManualClock } from '../support/manual-clock.js';

const folder = mkdtempSync(join(tmpdir(), 'binding-clerk-default-identity-'));
afterAll(() => rmSync(folder, { recursive: true }));

const ticket = 'f'.repeat(64);

function world(env: Record<string, string>, changes: object = {}, isWorker = false) {
  const registry = new FakeEnrolments();
  registry.tokens.set(ticket, '/shop/orders');
  const line = JSON.stringify({
    v: 1,
    registry: ['https://127.0.0.1:4711'],
    name: '/shop/orders',
    instance: 'i-1',
    epoch: 7,
    ticket,
    registryKey: registry.credentials.pin,
    ...changes,
  });
  const identity = new DefaultIdentity({
    clock: new ManualClock(),
    files: systemFiles,
    keys: systemKeys,
    warn: () => undefined,
    send: registry.send,
    process: {
      env,
      isWorker,
      // The standard input of a worker never ends.
      readFirstLine: () => (isWorker ? new Promise<string>(() => undefined) : Promise.resolve(line)),
    },
  });
  return { registry, identity };
}

async function identityFile(): Promise<string> {
  const file = new IdentityFile(join(folder, 'orders.identity'), { files: systemFiles, keys: systemKeys });
  await file.write({ credentials: systemKeys.create('/shop/orders'), registry: [], registryKeys: [] });
  return file.path;
}

test('a launched instance enrols a key in memory with its ticket, once', async () => {
  const { registry, identity } = world({ CLERK_LAUNCHED: '1' });
  const [first, second] = await Promise.all([identity.open(), identity.open()]);
  expect(second).toBe(first);
  expect(await identity.open()).toBe(first);
  expect(first).toMatchObject({
    name: '/shop/orders',
    registry: ['https://127.0.0.1:4711'],
    registryKeys: [registry.credentials.pin],
  });
  expect([...registry.keys]).toEqual([[first.last?.pin, '/shop/orders']]);
  expect(registry.requests).toEqual(['/v1/enroll']);
  await expect(first.rotate()).rejects.toThrow(/cannot be rotated, because /);
});

test('a launched instance whose ticket is refused tries again when it is asked again', async () => {
  const { registry, identity } = world({ CLERK_LAUNCHED: '1' });
  registry.tokens.clear();
  await expect(identity.open()).rejects.toMatchObject({ code: 'TICKET_REFUSED' });
  registry.tokens.set(ticket, '/shop/orders');
  expect(await identity.open()).toMatchObject({ name: '/shop/orders' });
});

test('a handshake whose registry does not use HTTP is refused, and no key is enrolled', async () => {
  const { registry, identity } = world({ CLERK_LAUNCHED: '1' }, { registry: ['tcp://127.0.0.1:4711'] });
  await expect(identity.open()).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
    message: expect.stringContaining('registry must be an http: or https: URL'),
  });
  expect(registry.requests).toEqual([]);
});

test('a launched instance of a registry without keys uses the file of its environment', async () => {
  const CLERK_IDENTITY = await identityFile();
  const { registry, identity } = world(
    { CLERK_LAUNCHED: '1', CLERK_IDENTITY },
    { registryKey: 'a'.repeat(64) },
  );
  expect(await identity.open()).toMatchObject({ name: '/shop/orders', registry: [] });
  expect(registry.requests).toEqual([]);
});

test('a cluster worker of a launched service uses the file of its environment, and waits for no handshake', async () => {
  const CLERK_IDENTITY = await identityFile();
  const { identity } = world({ CLERK_LAUNCHED: '1', CLERK_IDENTITY }, {}, true);
  expect(await identity.open()).toMatchObject({ name: '/shop/orders' });
  await expect(world({ CLERK_LAUNCHED: '1' }, {}, true).identity.open()).rejects.toThrow(/cluster worker/);
});

test('without an identity in the environment, the error names the variable', async () => {
  for (const env of [{}, { CLERK_IDENTITY: '' }])
    await expect(world(env).identity.open()).rejects.toThrow(/set CLERK_IDENTITY/);
});
