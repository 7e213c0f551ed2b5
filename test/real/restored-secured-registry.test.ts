/** A secured registry is restored from a backup while services and clients with tickets use it. */
import { cpSync, rmSync } from 'node:fs';
import { createServer } from 'node:https';
import { join } from 'node:path';
import { expect, onTestFinished, test, vi } from 'vitest';
import { createClerk } from 'binding-clerk';
import { openIdentity, type Identity } from 'binding-clerk/identity';
import { initializeRegistry, startServer } from 'binding-clerk/server';
import { advertise, authenticate } from 'binding-clerk/service';
import { operatorConnection } from './operator-connection.js';
import { scratchFolder } from './scratch-folder.js';

test('no call fails when a restored registry makes the tickets of its clients void', async () => {
  const folder = scratchFolder();
  const [data, backup] = [join(folder, 'data'), join(folder, 'backup')];
  const { registryKey, operator } = await initializeRegistry(data);
  let registry = await startServer({ port: 0, data });
  onTestFinished(() => registry.close());
  const { url, port } = registry;
  const operate = await operatorConnection(url, operator);
  const enrol = async (name: string): Promise<Identity> => {
    const { token } = await operate('/v1/tokens', { principal: name });
    return openIdentity({ name, token, registry: url, registryKey });
  };
  const [orders, web] = [await enrol('/shop/orders'), await enrol('/shop/web')];
  await operate('/v1/acl', {
    ...{ change: 'allow', principal: '/shop/web', path: '/shop/orders', rights: ['call'] },
  });
  const restart = async (prepare: () => void): Promise<void> => {
    await registry.close();
    prepare();
    registry = await startServer({ port, data });
  };
  await restart(() => cpSync(data, backup, { recursive: true }));

  // The response shows with which ticket the request was accepted.
  const handler = authenticate(
    (request, response) => response.end(String(request.headers['clerk-ticket']).slice(-20)),
    { identity: orders },
  );
  const server = createServer(orders.tls(), handler).listen(0, '127.0.0.1');
  onTestFinished(() => {
    server.close();
    server.closeAllConnections();
  });
  const ad = await advertise({
    ...{ name: '/shop/orders', address: server, identity: orders, leaseMs: 1_000, drainOnSignal: false },
  });
  onTestFinished(() => ad.close());
  const clerk = createClerk({ registry: url, registryKey, identity: web });
  onTestFinished(() => clerk.destroy());
  const binding = clerk.bind('/shop/orders');
  const first = await binding.text('/');
  const answers: string[] = [];
  const failures: unknown[] = [];
  let isDone = false;
  const calls = (async () => {
    while (!isDone) {
      await binding.text('/', { method: 'POST', body: '{}' }).then(
        (answer) => answers.push(answer),
        (error: unknown) => failures.push(error),
      );
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  })();
  await operate('/v1/define', { name: '/shop/lost' });
  await vi.waitFor(() => expect(answers.length).toBeGreaterThan(5), 20_000);
  // The ticket of the clerk would be valid for minutes.
  expect(new Set(answers)).toEqual(new Set([first]));

  await restart(() => {
    rmSync(data, { recursive: true });
    cpSync(backup, data, { recursive: true });
  });
  await vi.waitFor(() => expect([failures, answers.at(-1) === first]).toEqual([[], false]), 20_000);
  isDone = true;
  await calls;
  expect(failures).toEqual([]);
}, 60_000);
