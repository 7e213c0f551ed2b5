/**
 * Launched services without calls are drained and stopped, and no call is lost.
 *
 * @see [C6.6](../../docs/guarantees.md#c6-6)
 */
import { once } from 'node:events';
import { request, type IncomingMessage } from 'node:http';
import type { Socket } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { createClerk } from 'binding-clerk';
import { expect, onTestFinished, test } from 'vitest';
import { LaunchedHost } from './launched-host.js';

/** A service that is stopped after 1 s without a call, and renews its registration every 333 ms. */
async function idleHost() {
  const host = new LaunchedHost(['idleStopMs: 1000']);
  const server = await host.serve();
  const clerk = createClerk({ registry: server.url });
  onTestFinished(() => clerk.destroy());
  const orders = clerk.bind(host.name);
  const call = (path = '/', method = 'GET') =>
    orders.json<{ pid: number }>(path, { method, timeoutMs: 60_000 });
  return { host, clerk, call };
}

test(
  'a service in use keeps its process, and is stopped and started again after its last call',
  { timeout: 120_000 },
  async () => {
    const { host, call } = await idleHost();
    const { pid } = await call();
    // Over a warm binding, with a pause below `idleStopMs` between two calls.
    for (let i = 0; i < 10; i++) {
      await setTimeout(500);
      expect(await call()).toEqual({ pid });
    }
    await expect.poll(() => host.running, { timeout: 30_000 }).toEqual([]);
    const again = await call();
    expect(again.pid).not.toBe(pid);
    expect(host.pids).toEqual([pid, again.pid]);
  },
);

test(
  'a call under way, a long body and an upgraded connection keep the process',
  { timeout: 120_000 },
  async () => {
    const { host, clerk, call } = await idleHost();
    const { pid } = await call();
    for (const method of ['GET', 'POST']) expect(await call('/slow?ms=4000', method)).toEqual({ pid });
    const body = await clerk.bind(host.name).bytes('/bytes?ms=4000', { timeoutMs: 60_000 });
    expect(Buffer.from(body).toString()).toBe(`a{"pid":${String(pid)}}`);
    const [endpoint] = (await host.get(`resolve?name=${host.name}`)).endpoints;
    const upgrade = request(endpoint.addresses[0], {
      headers: { connection: 'upgrade', upgrade: 'echo' },
      agent: false,
    }).end();
    const [, socket] = (await once(upgrade, 'upgrade')) as [IncomingMessage, Socket];
    await setTimeout(4_000);
    expect(host.running).toEqual([pid]);
    socket.write('hello');
    expect(String((await once(socket, 'data'))[0])).toBe('hello');
    socket.destroy();
    await expect.poll(() => host.running, { timeout: 30_000 }).toEqual([]);
  },
);

test(
  'no call is lost while idle processes are drained under callers that come back',
  { timeout: 120_000 },
  async () => {
    const { host, call } = await idleHost();
    await call();
    // The pause is longer than `idleStopMs`, so each call may meet the decision or the drain.
    for (const pauseMs of [1_300, 1_600, 1_900, 2_200]) {
      await setTimeout(pauseMs);
      // A POST that is cut is not sent again.
      const { pid } = await call('/slow?ms=1500', 'POST');
      expect(host.pids).toContain(pid);
    }
    // A client with an earlier lookup calls a process that drains. The call lasts longer than the guarantee of lookups,
    // so the process gets SIGTERM during the call.
    const [{ addresses }] = (await host.get(`resolve?name=${host.name}`)).endpoints;
    const drains = () => host.lines.filter((line) => line.startsWith('Draining ')).length;
    const before = drains();
    await expect.poll(drains, { timeout: 30_000, interval: 5 }).toBe(before + 1);
    const response = await fetch(`${addresses[0]}/slow?ms=8000`, { method: 'POST' });
    expect(await response.json()).toEqual({ pid: host.pids.at(-1) });
    await expect.poll(() => host.running, { timeout: 30_000 }).toEqual([]);
  },
);
