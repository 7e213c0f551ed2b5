/**
 * Real processes that register one instance id. @see [C5.8](../../docs/guarantees.md#c5-8)
 */
import { expect, test, vi } from 'vitest';
import { spawnProgram, type SpawnedProgram } from './spawn-program.js';
import { scratchFolder } from './scratch-folder.js';

interface Listed {
  readonly epoch: number;
  readonly addresses: readonly string[];
}

const soon = { timeout: 15_000, interval: 50 };

async function startRegistry(): Promise<string> {
  return spawnProgram('registry.ts', [scratchFolder(), '0']).waitForLine('at');
}

async function listed(url: string): Promise<readonly Listed[]> {
  const reply = await fetch(`${url}/v1/resolve?name=/shop/orders`);
  const { endpoints = [] } = (await reply.json()) as { endpoints?: Listed[] };
  return endpoints.map(({ epoch, addresses }) => ({ epoch, addresses }));
}

async function post(url: string, path: string, body: object): Promise<{ status: number; text: string }> {
  const headers = { 'content-type': 'application/json' };
  const response = await fetch(url + path, { method: 'POST', headers, body: JSON.stringify(body) });
  return { status: response.status, text: await response.text() };
}

async function startService(url: string): Promise<SpawnedProgram> {
  const service = spawnProgram('leased-service.ts', [url, 'orders-1']);
  await service.waitForLine('registered');
  return service;
}

test('the second of two processes with one id ends with the cause, and the first lives on', async () => {
  const url = await startRegistry();
  await startService(url);
  const before = await listed(url);
  const second = spawnProgram('leased-service.ts', [url, 'orders-1']);
  const { code, stderr } = await second.result;
  expect(code).not.toBe(0);
  expect(stderr).toContain(`Instance 'orders-1' of /shop/orders is in use by the process at`);
  expect(stderr).toContain(before[0]?.addresses[0]);
  expect(stderr).toContain('Give each process its own id');
  expect(await listed(url)).toEqual(before);
});

test('a stranger that repeats what lookups show neither takes over, renews nor withdraws a live service', async () => {
  const url = await startRegistry();
  await startService(url);
  const before = await listed(url);
  const epoch = before[0]?.epoch ?? 0;
  const id = { name: '/shop/orders', id: 'orders-1' };
  const addresses = ['http://127.0.0.1:9'];
  const refused = [
    await post(url, '/v1/register', { ...id, addresses }),
    await post(url, '/v1/register', { ...id, addresses, epoch }),
    await post(url, '/v1/register', { ...id, addresses, epoch: epoch + 1, secret: 'guess' }),
    await post(url, '/v1/renew', { renewals: [{ ...id, epoch }] }),
    await post(url, '/v1/withdraw', { ...id, epoch, now: true }),
    await post(url, '/v1/withdraw', { ...id, epoch, secret: 'guess' }),
  ];
  for (const { status, text } of refused)
    expect({ status, text }).toEqual({ status: 403, text: expect.stringContaining('"FORBIDDEN"') });
  expect(await listed(url)).toEqual(before);
});

test('a service that a stranger displaced at its own addresses is back within a renewal', async () => {
  const url = await startRegistry();
  const service = await startService(url);
  const [before] = await listed(url);
  const { epoch, addresses } = before as Listed;
  const stolen = { name: '/shop/orders', id: 'orders-1', addresses, leaseMs: 604_800_000 };
  const { status, text } = await post(url, '/v1/register', stolen);
  expect(status).toBe(200);
  const stranger = JSON.parse(text) as { epoch: number; secret: string };
  await vi.waitFor(async () => {
    const [now] = await listed(url);
    expect(now?.epoch).toBeGreaterThan(stranger.epoch);
  }, soon);
  const renewal = { name: '/shop/orders', id: 'orders-1', epoch: stranger.epoch, secret: stranger.secret };
  const fenced = await post(url, '/v1/renew', { renewals: [renewal] });
  expect(fenced.text).toContain('"fenced"');
  expect(stranger.epoch).toBeGreaterThan(epoch);
  expect(service.child.exitCode).toBeNull();
});

test('a service that was killed comes back by itself at another port', async () => {
  const url = await startRegistry();
  const first = await startService(url);
  const [before] = await listed(url);
  first.child.kill('SIGKILL');
  await startService(url);
  const after = await listed(url);
  expect(after).toHaveLength(1);
  expect(after[0]?.addresses).not.toEqual(before?.addresses);
  expect(after[0]?.epoch).toBeGreaterThan(before?.epoch ?? 0);
});
