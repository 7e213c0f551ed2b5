/**
 * The data folder of a registry is replaced by an older copy while clerks call, a watch is open and services renew
 * their leases.
 *
 * @see [C1.4](../../docs/guarantees.md#c1-4), [A24](../../docs/guarantees.md#a24)
 */
import { cpSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { createClerk } from 'binding-clerk';
import { advertise, atMostOnce } from 'binding-clerk/service';
import { expect, onTestFinished, test, vi } from 'vitest';
import { spawnProgram, type SpawnedProgram } from './spawn-program.js';
import { scratchFolder } from './scratch-folder.js';

const patience = { timeout: 20_000, interval: 50 };

class Registry {
  readonly folder = scratchFolder();
  readonly data = join(this.folder, 'data');
  readonly backup = join(this.folder, 'backup');
  url = '';
  #server!: SpawnedProgram;

  async start(): Promise<void> {
    this.#server = spawnProgram('registry.ts', [this.data, this.url === '' ? '0' : new URL(this.url).port]);
    this.url = await this.#server.waitForLine('at');
  }

  async kill(): Promise<void> {
    this.#server.child.kill('SIGKILL');
    await this.#server.result;
  }

  async post(path: string, body: object): Promise<void> {
    const response = await fetch(`${this.url}/v1/${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    expect(response.status).toBe(200);
  }

  async status(): Promise<{ incarnation: string; revision: string }> {
    return (await (await fetch(`${this.url}/v1/status`)).json()) as { incarnation: string; revision: string };
  }
}

async function advertiseService(registry: string, name: string, id: string) {
  let executions = 0;
  const server = createServer(
    atMostOnce((_request, response) => {
      executions++;
      response.end(id);
    }),
  ).listen(0, '127.0.0.1');
  const ad = await advertise({
    name,
    id,
    address: server,
    registry,
    leaseMs: 3_000,
    drainOnSignal: false,
  });
  onTestFinished(async () => {
    await ad.close();
    server.closeAllConnections();
    server.close();
  });
  return { ad, executions: () => executions };
}

test.each([
  // The files of the copy are written into the folder, which stays the same folder.
  { how: 'written over the folder', keepsFolder: true },
  { how: 'in place of the folder', keepsFolder: false },
])('no call fails after an older copy was restored $how', { timeout: 120_000 }, async ({ keepsFolder }) => {
  const registry = new Registry();
  await registry.start();
  const kept = await advertiseService(registry.url, '/shop/orders', 'orders-1');
  await registry.kill();
  cpSync(registry.data, registry.backup, { recursive: true });
  await registry.start();
  await registry.post('define', { name: '/shop/ghost' });
  const added = await advertiseService(registry.url, '/shop/added', 'added-1');
  // Each start raises the revision, so that the registry is far beyond the copy.
  await registry.kill();
  await registry.start();
  await registry.post('define', { name: '/shop/late' });

  const clerk = createClerk({ registry: registry.url });
  onTestFinished(() => clerk.close());
  const known = new Set<string>();
  const watched = (async () => {
    for await (const change of clerk.watch('/shop/*'))
      if (change.type === 'delete') known.delete(change.name);
      else known.add(change.name);
  })();
  watched.catch(() => undefined);
  let isCalling = true;
  const errors: unknown[] = [];
  let calls = 0;
  const call = async (name: string): Promise<void> => {
    const binding = clerk.bind(name);
    while (isCalling) {
      await binding
        .text({ path: '/', method: 'POST', body: 'x' })
        .catch((error: unknown) => errors.push(error));
      calls++;
      await sleep(20);
    }
  };
  const callers = ['/shop/orders', '/shop/added'].map(call);
  await vi.waitFor(
    () => expect([...known].sort()).toEqual(['/shop/added', '/shop/ghost', '/shop/late', '/shop/orders']),
    patience,
  );
  const before = await registry.status();

  await registry.kill();
  for (const name of readdirSync(registry.data))
    if (!keepsFolder || name !== 'lock') rmSync(join(registry.data, name), { recursive: true });
  if (!keepsFolder) rmSync(registry.data, { recursive: true });
  const source = keepsFolder ? readdirSync(registry.backup).filter((name) => name !== 'lock') : ['.'];
  for (const name of source)
    cpSync(join(registry.backup, name), join(registry.data, name), {
      recursive: true,
      preserveTimestamps: true,
    });
  await registry.start();
  const restartedAt = Date.now();
  await vi.waitFor(() => expect([...known].sort()).toEqual(['/shop/added', '/shop/orders']), patience);
  const noticedMs = Date.now() - restartedAt;
  const after = await registry.status();
  expect(after.incarnation > before.incarnation).toBe(true);
  expect(noticedMs).toBeLessThan(15_000);
  await sleep(4_000);
  isCalling = false;
  await Promise.all(callers);
  expect(errors).toEqual([]);
  expect(calls).toBeGreaterThan(20);
  expect(kept.executions() + added.executions()).toBe(calls);
  expect([kept.ad.state, added.ad.state]).toEqual(['registered', 'registered']);
  // The new incarnation is taken once.
  expect((await registry.status()).incarnation).toBe(after.incarnation);
});
