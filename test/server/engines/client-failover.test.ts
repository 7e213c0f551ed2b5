/** A client of two server processes over one etcd. One of them is paused or killed, and no request fails. */
import { fileURLToPath } from 'node:url';
import { setTimeout } from 'node:timers/promises';
import { administer } from 'binding-clerk/admin';
import { remoteRegistry } from 'binding-clerk';
import type { BoundResolution } from 'binding-clerk/extend';
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
    { env: { ...process.env, CLERK_STORE: `etcd://${etcd!.hosts}/failover` } },
  );
  onTestFinished(() => process_.end());
  await untilReady(process_, async () => {
    const { statusCode } = await request(`http://127.0.0.1:${String(port)}/healthz`);
    if (statusCode !== 200) throw new Error('The server is not ready');
  });
  return process_;
}

test(
  'when the server in use hangs or dies, lookups and the watch continue at another server, and none fails',
  { timeout: 180_000 },
  async ({ skip }) => {
    skip(leftOut !== undefined, leftOut);
    const ports = await freePorts(2);
    const urls = ports.map((port) => `http://127.0.0.1:${String(port)}`);
    const servers = await Promise.all(ports.map(serve));
    const registry = remoteRegistry(urls);
    onTestFinished(() => registry.close());
    let shown = '';
    registry.watch('/link', (snapshot) => {
      shown = (snapshot as ReadonlyMap<string, BoundResolution>).get('/link')?.canonical ?? '';
    });

    /** Changes the link at one server, and looks it up at any server until both show the change. */
    const change = async (url: string, target: string): Promise<void> => {
      const admin = await administer({ registry: url });
      await admin.define(target);
      await admin.link('/link', target, { guaranteedMs: 0 });
      await admin.close();
      const from = performance.now();
      for (let canonical = ''; canonical !== target || shown !== target;) {
        const sentAt = performance.now();
        const found = await registry.resolve('/link');
        canonical = found.kind === 'bound' ? (found.canonical ?? '') : '';
        const now = performance.now();
        expect(now - sentAt).toBeLessThan(maxMs);
        expect(now - from).toBeLessThan(2 * maxMs);
        await setTimeout(50);
      }
    };

    await change(urls[0]!, '/first');
    for (const [i, target] of ['/second', '/third'].entries()) {
      servers[i]!.signal('SIGSTOP');
      await change(urls[1 - i]!, target);
      servers[i]!.signal('SIGCONT');
      await change(urls[i]!, `${target}-again`);
    }
    // The client has left the second server, so it uses the first one.
    await servers[0]!.end('SIGKILL');
    await change(urls[1]!, '/last');
  },
);
