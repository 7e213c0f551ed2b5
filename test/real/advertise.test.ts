/** Services in processes of their own: what keeps them alive, and how they end. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { createClerk } from 'binding-clerk';
import { startServer, type Server } from 'binding-clerk/server';
import { advertise } from 'binding-clerk/service';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { spawnProgram } from './spawn-program.js';

async function registry(): Promise<Server> {
  const server = await startServer({ port: 0 });
  onTestFinished(() => server.close());
  return server;
}

async function endpoints(url: string): Promise<{ id: string; state: string }[]> {
  const reply = await fetch(`${url}/v1/resolve?name=/shop/orders`);
  const { endpoints: found } = (await reply.json()) as { endpoints?: { id: string; state: string }[] };
  return found ?? [];
}

/** An answer that can be used for a moment only. */
function brief(port: number): object {
  return {
    name: '/shop/orders',
    canonical: '/shop/orders',
    kind: 'service',
    path: [{ name: '/shop/orders', kind: 'service', guaranteedMs: 200 }],
    endpoints: [
      {
        id: 'a',
        epoch: 1,
        addresses: [`http://127.0.0.1:${port}`],
        host: null,
        zone: null,
        version: null,
        weight: 1,
        attributes: {},
        leaseMs: 10_000,
        state: 'up',
      },
    ],
    policy: null,
    launchable: false,
    revision: '1',
    incarnation: 'i',
    guaranteedMs: 200,
    ttlMs: 200,
  };
}

describe('what keeps a process alive', () => {
  test('advertising alone does not', async () => {
    const { url } = await registry();
    const { code, stdout, stderr } = await spawnProgram('advertising.ts', ['address-only', url]).result;
    expect([code, stdout, stderr]).toEqual([0, 'registered\n', '']);
  });

  test('waiting to be registered does, and is said', async () => {
    const first = await startServer({ port: 0 });
    await first.close();
    const waiting = spawnProgram('advertising.ts', ['address-only', first.url]);
    await setTimeout(3_000);
    expect(waiting.child.exitCode).toBeNull();
    const second = await startServer({ port: first.port });
    onTestFinished(() => second.close());
    const { code, stdout, stderr } = await waiting.result;
    expect([code, stdout]).toEqual([0, 'registered\n']);
    expect(stderr).toMatch(/ClerkWarning: \/shop\/orders cannot be registered for now/);
  });

  test('a question that the registry does not answer does not, once nobody waits', async () => {
    const http = createServer((_request, response) => response.end('"done"')).listen(0, '127.0.0.1');
    const said: string[] = [];
    let questions = 0;
    const hanging = createServer((request, response) => {
      if (request.url?.startsWith('/v1/resolve') !== true) return;
      const { port } = http.address() as AddressInfo;
      if (questions++ === 0) {
        response.end(JSON.stringify(brief(port)));
        return;
      }
      // The program has a connection of before, and ends with its question on it.
      request.socket.once('close', () => said.push('gone'));
      void setTimeout(2_000).then(() => said.push('answered'));
    }).listen(0, '127.0.0.1');
    onTestFinished(() => {
      for (const server of [http, hanging]) {
        server.closeAllConnections();
        server.close();
      }
    });
    await vi.waitFor(() => expect(http.listening && hanging.listening).toBe(true));
    const url = `http://127.0.0.1:${(hanging.address() as AddressInfo).port}`;
    const { code, stdout } = await spawnProgram('advertising.ts', ['hanging-registry', url]).result;
    expect([code, stdout]).toEqual([0, 'done\ndone\n']);
    await vi.waitFor(() => expect(said[0]).toBe('gone'));
  });

  test('a clerk with a registry and open watches does not', async () => {
    const { url } = await registry();
    const http = createServer((_request, response) => response.end('"done"')).listen(0, '127.0.0.1');
    const ad = await advertise({ name: '/shop/orders', address: http, registry: url, drainOnSignal: false });
    onTestFinished(async () => {
      await ad.close();
      http.close();
    });
    const { code, stdout, stderr } = await spawnProgram('advertising.ts', ['clerk', url]).result;
    expect([code, stdout, stderr]).toEqual([0, 'done\n', '']);
  });
});

describe('SIGTERM', { timeout: 30_000 }, () => {
  test('drains, answers what is in flight, and ends the process by that signal', async () => {
    const { url } = await registry();
    const service = spawnProgram('advertising.ts', ['server', url]);
    const address = await service.waitForLine('at');
    const clerk = createClerk({ registry: url });
    onTestFinished(() => clerk.destroy());
    const orders = clerk.bind('/shop/orders');
    const working = service.waitForLine('working');
    const slow = orders.text('/slow');
    await working;
    service.child.kill('SIGTERM');
    await vi.waitFor(async () => expect(await endpoints(url)).toMatchObject([{ state: 'draining' }]));
    // Who does not know yet is served.
    expect(await (await fetch(address)).text()).toBe('quick');
    expect(await slow).toBe('slow');
    const { stdout, code } = await service.result;
    expect(stdout).toContain('drained');
    expect([code, service.child.signalCode]).toEqual([null, 'SIGTERM']);
    await vi.waitFor(async () => expect(await endpoints(url)).toEqual([]), { timeout: 2_000 });
  });

  test('a second one ends it at once', async () => {
    const { url } = await registry();
    const service = spawnProgram('advertising.ts', ['server', url]);
    await service.waitForLine('at');
    service.child.kill('SIGTERM');
    await vi.waitFor(async () => expect(await endpoints(url)).toMatchObject([{ state: 'draining' }]));
    service.child.kill('SIGTERM');
    const { stdout } = await service.result;
    expect([service.child.signalCode, stdout.includes('drained')]).toEqual(['SIGTERM', false]);
  });

  test('whoever else listens for it decides when the process ends', async () => {
    const { url } = await registry();
    const service = spawnProgram('advertising.ts', ['listener-of-its-own', url]);
    await service.waitForLine('at');
    service.child.kill('SIGTERM');
    const { code, stdout } = await service.result;
    expect([code, stdout.includes('drained')]).toEqual([7, true]);
  });

  test('killed outright, it is gone when its lease is over', async () => {
    const { url } = await registry();
    const service = spawnProgram('advertising.ts', ['server', url]);
    await service.waitForLine('at');
    service.child.kill('SIGKILL');
    expect(await endpoints(url)).toHaveLength(1);
    await vi.waitFor(async () => expect(await endpoints(url)).toEqual([]), {
      timeout: 16_000,
      interval: 200,
    });
  });
});

test('where a server listens is read from it', async () => {
  const { url } = await registry();
  const http = createServer().listen(0, '127.0.0.1');
  const ad = await advertise({ name: '/shop/orders', address: http, registry: url, drainOnSignal: false });
  expect(ad.addresses).toEqual([`http://127.0.0.1:${(http.address() as AddressInfo).port}`]);
  await ad.close();
  http.close();
});
