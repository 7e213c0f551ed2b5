/** Advertised services in processes of their own: what keeps them alive, and how they end. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { createClerk } from 'binding-clerk';
import { startServer, type Server } from 'binding-clerk/server';
import { advertise } from 'binding-clerk/service';
import { describe, expect, onTestFinished, test, vi } from 'vitest';
import { spawnProgram } from './spawn-program.js';
import { freePort } from '../support/free-port.js';

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

/** A lookup response that is valid for 200 ms. */
function shortLivedLookup(port: number): object {
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
  test('an advertisement does not', async () => {
    const { url } = await registry();
    const { code, stdout, stderr } = await spawnProgram('advertised-service.ts', ['address-only', url])
      .result;
    expect([code, stdout]).toEqual([0, 'starting\n']);
    expect(stderr).toMatch(/ is registered as starting, because no address accepts a connection/);
  });

  test('waiting for the registration does, with a warning', async () => {
    const first = await startServer({ port: await freePort() });
    await first.close();
    const waiting = spawnProgram('advertised-service.ts', ['address-only', first.url]);
    await once(waiting.child.stderr!, 'data');
    await setTimeout(1_000);
    expect(waiting.child.exitCode).toBeNull();
    const second = await startServer({ port: first.port });
    onTestFinished(() => second.close());
    const { code, stdout, stderr } = await waiting.result;
    expect([code, stdout]).toEqual([0, 'starting\n']);
    expect(stderr).toMatch(/ClerkWarning: \/shop\/orders cannot be registered: /);
  });

  test('a registry request without response does not, once no caller waits for it', async () => {
    const http = createServer((_request, response) => response.end('"done"')).listen(0, '127.0.0.1');
    const order: string[] = [];
    let lookups = 0;
    const hanging = createServer((request, response) => {
      if (request.url?.startsWith('/v1/resolve') !== true) return;
      const { port } = http.address() as AddressInfo;
      if (lookups++ === 0) {
        response.end(JSON.stringify(shortLivedLookup(port)));
        return;
      }
      // The program still has a connection, and ends with its request on it.
      request.socket.once('close', () => order.push('gone'));
      void setTimeout(2_000).then(() => order.push('responded'));
    }).listen(0, '127.0.0.1');
    onTestFinished(() => {
      for (const server of [http, hanging]) {
        server.closeAllConnections();
        server.close();
      }
    });
    await vi.waitFor(() => expect(http.listening && hanging.listening).toBe(true));
    const url = `http://127.0.0.1:${(hanging.address() as AddressInfo).port}`;
    const { code, stdout } = await spawnProgram('advertised-service.ts', ['hanging-registry', url]).result;
    expect([code, stdout]).toEqual([0, 'done\ndone\n']);
    await vi.waitFor(() => expect(order[0]).toBe('gone'));
  });

  test('a clerk with a registry and open watches does not', async () => {
    const { url } = await registry();
    const http = createServer((_request, response) => response.end('"done"')).listen(0, '127.0.0.1');
    const ad = await advertise({ name: '/shop/orders', address: http, registry: url, drainOnSignal: false });
    onTestFinished(async () => {
      await ad.close();
      http.close();
    });
    const { code, stdout, stderr } = await spawnProgram('advertised-service.ts', ['clerk', url]).result;
    expect([code, stdout, stderr]).toEqual([0, 'done\n', '']);
  });
});

describe('SIGTERM', { timeout: 30_000 }, () => {
  test('drains, completes requests in flight, and ends the process by that signal', async () => {
    const { url } = await registry();
    const service = spawnProgram('advertised-service.ts', ['server', url]);
    const address = await service.waitForLine('at');
    const clerk = createClerk({ registry: url });
    onTestFinished(() => clerk.destroy());
    const orders = clerk.bind('/shop/orders');
    const working = service.waitForLine('working');
    const slow = orders.text('/slow');
    await working;
    service.child.kill('SIGTERM');
    await vi.waitFor(async () => expect(await endpoints(url)).toMatchObject([{ state: 'draining' }]));
    // A client with a cached lookup is still served.
    expect(await (await fetch(address)).text()).toBe('quick');
    expect(await slow).toBe('slow');
    const { stdout, code } = await service.result;
    expect(stdout).toContain('drained');
    expect([code, service.child.signalCode]).toEqual([null, 'SIGTERM']);
    await vi.waitFor(async () => expect(await endpoints(url)).toEqual([]), { timeout: 2_000 });
  });

  test('a second one ends the process at once', async () => {
    const { url } = await registry();
    const service = spawnProgram('advertised-service.ts', ['server', url]);
    await service.waitForLine('at');
    service.child.kill('SIGTERM');
    await vi.waitFor(async () => expect(await endpoints(url)).toMatchObject([{ state: 'draining' }]));
    service.child.kill('SIGTERM');
    const { stdout } = await service.result;
    expect([service.child.signalCode, stdout.includes('drained')]).toEqual(['SIGTERM', false]);
  });

  test('SIGINT drains too, and ends the process by that signal', async () => {
    const { url } = await registry();
    const service = spawnProgram('advertised-service.ts', ['server', url]);
    await service.waitForLine('at');
    service.child.kill('SIGINT');
    const { stdout } = await service.result;
    expect([service.child.signalCode, stdout.includes('drained')]).toEqual(['SIGINT', true]);
  });

  test('the process stays alive if the program listens for SIGTERM too', async () => {
    const { url } = await registry();
    const service = spawnProgram('advertised-service.ts', ['listener-of-its-own', url]);
    await service.waitForLine('at');
    service.child.kill('SIGTERM');
    const { code, stdout } = await service.result;
    expect([code, stdout.includes('drained')]).toEqual([7, true]);
  });

  test('a killed service disappears when its lease expires', async () => {
    const { url } = await registry();
    const service = spawnProgram('advertised-service.ts', ['server', url]);
    await service.waitForLine('at');
    service.child.kill('SIGKILL');
    expect(await endpoints(url)).toHaveLength(1);
    await vi.waitFor(async () => expect(await endpoints(url)).toEqual([]), {
      timeout: 16_000,
      interval: 200,
    });
  });
});

test('the address of a server is read from it', async () => {
  const { url } = await registry();
  const http = createServer().listen(0, '127.0.0.1');
  const ad = await advertise({ name: '/shop/orders', address: http, registry: url, drainOnSignal: false });
  expect(ad.addresses).toEqual([`http://127.0.0.1:${(http.address() as AddressInfo).port}`]);
  await ad.close();
  http.close();
});
