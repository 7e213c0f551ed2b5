/** The key of a running registry changes while services and clients with identity files use it. */
import { readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import { join } from 'node:path';
import { connect } from 'node:tls';
import { expect, onTestFinished, test, vi } from 'vitest';
import { createClerk, type Clerk, type ClerkOptions } from 'binding-clerk';
import { openIdentity } from 'binding-clerk/identity';
import { initializeRegistry, rotateRegistryKey, startServer } from 'binding-clerk/server';
import { advertise, authenticate, callerOf } from 'binding-clerk/service';
import { systemKeys } from '../../src/runtime/system-keys.js';
import { operatorConnection } from './operator-connection.js';
import { scratchFolder } from './scratch-folder.js';

const keysIn = (path: string): readonly string[] =>
  (JSON.parse(readFileSync(path, 'utf8')) as { registryKey: string[] }).registryKey;

/** The key that the registry proves to a new client. */
async function provedKey(url: string): Promise<string> {
  const { port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect({ port: Number(port), host: '127.0.0.1', rejectUnauthorized: false }, () => {
      resolve(systemKeys.pinOf(socket.getPeerX509Certificate()?.raw ?? ''));
      socket.destroy();
    }).on('error', reject);
  });
}

test('no call and no registration is lost while the key of the registry changes', async () => {
  const folder = scratchFolder();
  const data = join(folder, 'data');
  const { registryKey: first, operator } = await initializeRegistry(data);
  const registry = await startServer({ port: 0, data });
  onTestFinished(() => registry.close());
  const { url } = registry;
  const operate = await operatorConnection(url, operator);
  const enrol = async (name: string): Promise<string> => {
    const { token } = await operate('/v1/tokens', { principal: name });
    const file = join(folder, `${name.slice(name.lastIndexOf('/') + 1)}.identity`);
    (await openIdentity({ file, name, token, registry: url, registryKey: first })).close();
    return file;
  };
  const [ordersFile, webFile] = [await enrol('/shop/orders'), await enrol('/shop/web')];
  await operate('/v1/acl', {
    ...{ change: 'allow', principal: '/shop/web', path: '/shop/orders', rights: ['call'] },
  });

  const orders = await openIdentity(ordersFile);
  // The service states one key, as an environment variable would.
  const handler = authenticate((request, response) => response.end(callerOf(request)?.principal), {
    ...{ identity: orders, registryKey: first },
  });
  const server = createServer(orders.tls(), handler).listen(0, '127.0.0.1');
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  const ad = await advertise({
    ...{ name: '/shop/orders', address: server, identity: orders, registryKey: first },
    ...{ registry: url, leaseMs: 1_500, drainOnSignal: false },
  });
  onTestFinished(() => ad.close());
  const lost = vi.fn();
  ad.on('lost', lost);

  const openClerk = (options: ClerkOptions): Clerk => {
    const clerk = createClerk({ registry: url, ...options });
    onTestFinished(() => clerk.destroy());
    return clerk;
  };
  const clerks = [openClerk({ identity: webFile }), openClerk({ identity: webFile, registryKey: first })];
  const failures: unknown[] = [];
  let calls = 0;
  let isDone = false;
  const callForEver = async (clerk: Clerk): Promise<void> => {
    while (!isDone) {
      try {
        expect(await clerk.bind('/shop/orders').text('/')).toBe('/shop/web');
        // A list is never cached, so the clerk asks the registry.
        await clerk.list('/shop/*');
        calls++;
      } catch (error) {
        failures.push(error);
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  };
  const loops = clerks.map(callForEver);
  /** A program that starts now, and makes one call. */
  const newProgram = async (options: ClerkOptions = {}): Promise<string> => {
    const clerk = createClerk({ registry: url, identity: webFile, ...options });
    try {
      return await clerk.bind('/shop/orders').text('/');
    } finally {
      await clerk.close();
    }
  };
  const knowKeys = (keys: readonly string[]): Promise<void> =>
    vi.waitFor(
      async () => {
        await operate('/v1/tokens', { principal: '/shop/other' });
        for (const file of [ordersFile, webFile, operator]) expect(keysIn(file)).toEqual(keys);
      },
      { timeout: 60_000, interval: 200 },
    );

  const { registryKeys } = await rotateRegistryKey({ data, step: 'prepare', force: true });
  const second = registryKeys[1] as string;
  await knowKeys([first, second]);
  expect(await provedKey(url)).toBe(first);

  await rotateRegistryKey({ data, step: 'switch', force: true });
  await vi.waitFor(async () => expect(await provedKey(url)).toBe(second), { timeout: 30_000, interval: 200 });
  expect(await newProgram()).toBe('/shop/web');
  expect(await newProgram({ registryKey: [first, second] })).toBe('/shop/web');
  await expect(newProgram({ registryKey: first })).rejects.toMatchObject({ code: 'ENDPOINT_UNPROVEN' });

  await rotateRegistryKey({ data, step: 'retire', force: true });
  await knowKeys([second]);
  expect(await newProgram()).toBe('/shop/web');
  const before = calls;
  await vi.waitFor(() => expect(calls).toBeGreaterThan(before + 20), { timeout: 30_000 });
  isDone = true;
  await Promise.all(loops);
  expect(failures).toEqual([]);
  expect(lost).not.toHaveBeenCalled();
  expect(ad.state).toBe('registered');
}, 120_000);
