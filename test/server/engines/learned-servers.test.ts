/** A clerk that knows one of three server processes over etcd continues when that server is killed. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { createClerk } from 'binding-clerk';
import { advertise } from 'binding-clerk/service';
import { request } from 'undici';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { EngineProcess, freePorts, untilReady } from './engine-process.js';
import { EtcdCluster, etcdProgram } from './etcd-cluster.js';

const main = fileURLToPath(new URL('../../../src/cli/main.ts', import.meta.url));
const leftOut = 'leftOut' in etcdProgram ? etcdProgram.leftOut : undefined;
/** Five times the bound of 1 s. */
const maxMs = 5_000;
let etcd: EtcdCluster | undefined;

beforeAll(async () => {
  if (leftOut === undefined) etcd = await EtcdCluster.start();
}, 60_000);
afterAll(() => etcd?.close());

async function serve(port: number): Promise<EngineProcess> {
  const process_ = new EngineProcess(
    process.execPath,
    ['--import', 'tsx', main, 'serve', '--port', String(port)],
    { env: { ...process.env, CLERK_STORE: `etcd://${etcd!.hosts}/learned` } },
  );
  onTestFinished(() => process_.end());
  await untilReady(process_, async () => {
    const { statusCode } = await request(`http://127.0.0.1:${String(port)}/healthz`);
    if (statusCode !== 200) throw new Error('The server is not ready');
  });
  return process_;
}

test(
  'a clerk and a service that know one server continue when it is killed',
  { timeout: 180_000 },
  async ({ skip }) => {
    skip(leftOut !== undefined, leftOut);
    const ports = await freePorts(3);
    const servers = await Promise.all(ports.map(serve));
    const registry = `http://127.0.0.1:${String(ports[0])}`;
    const http = createServer((_request, response) => response.end('hello')).listen(0, '127.0.0.1');
    onTestFinished(() => void http.close());
    await new Promise((resolve) => http.once('listening', resolve));
    const address = `http://127.0.0.1:${String((http.address() as AddressInfo).port)}`;
    const service = await advertise({ registry, name: '/greeting', address, leaseMs: 3_000 });
    onTestFinished(() => service.close());
    const clerk = createClerk({ registry });
    onTestFinished(() => clerk.close());

    await expect
      .poll(async () => (await clerk.resolve('/clerk/registry')).endpoints.length, { timeout: 20_000 })
      .toBe(3);
    // Clients look up the list within 1 s of the first response that states it, or 5 s of a change.
    await setTimeout(6_000);
    await servers[0]!.end('SIGKILL');

    let longestMs = 0;
    const until = performance.now() + 5_000;
    for (let i = 0; performance.now() < until; i++) {
      const sentAt = performance.now();
      // A name that no lookup has cached.
      await expect(clerk.resolve(`/absent${String(i)}`)).rejects.toMatchObject({ code: 'NAME_NOT_FOUND' });
      longestMs = Math.max(longestMs, performance.now() - sentAt);
      const response = await clerk.fetch('http://greeting.clerk/');
      expect(await response.text()).toBe('hello');
      await setTimeout(100);
    }
    expect(longestMs).toBeLessThan(maxMs);
    // The service has renewed its lease of 3 s at another server.
    const found = await clerk.resolve('/greeting');
    expect(found.endpoints).toHaveLength(1);
  },
);
