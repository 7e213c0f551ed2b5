/** A watch of a server that is killed repeatedly: no event is lost, invented or reverted. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test, vi } from 'vitest';
import type { BoundResolution, Resolution } from '../../../src/core/registry.js';
import { retryLoop } from '../../../src/runtime/p-retry-loop.js';
import { serverRegistry } from '../../../src/registry/remote/server-registry.js';
import { systemClock } from '../../../src/runtime/system-clock.js';
import { undici } from '../../../src/transport/load-undici.js';
import { httpConnection } from '../../../src/registry-client/http-connection.js';
import { limits } from '../../../src/protocol/limits.js';
import { paths } from '../../../src/protocol/paths.js';
import { freePort } from '../../support/free-port.js';
import { nodeArguments } from '../../support/compiled-programs.js';

const program = fileURLToPath(new URL('../../server/programs/serve.ts', import.meta.url));
const kills = 6;

/** Starts servers on one folder and port. Each is loaded before its predecessor is killed. */
function servers(
  data: string,
  port: number,
): { load(): ChildProcess; begin(child: ChildProcess): Promise<void> } {
  return {
    load() {
      const child = spawn(process.execPath, [...nodeArguments(program), data, String(port)], {
        stdio: ['pipe', 'pipe', 'inherit'],
      });
      onTestFinished(() => void child.kill('SIGKILL'));
      return child;
    },
    async begin(child) {
      const output: string[] = [];
      const lines = createInterface(child.stdout!).on('line', (line) => output.push(line));
      child.stdin!.write('begin\n');
      await vi.waitFor(() => expect(output.some((line) => line.startsWith('http'))).toBe(true), {
        timeout: 10_000,
        interval: 10,
      });
      lines.close();
      child.stdout!.resume();
    },
  };
}

test('a watch survives kill -9 of its server every second', { timeout: 180_000 }, async () => {
  const folder = await mkdtemp(join(tmpdir(), 'clerk-kills-'));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const { load, begin } = servers(join(folder, 'data'), port);
  let server = load();
  await begin(server);
  const connect = (address: string) => httpConnection(address, { clock: systemClock, tls: {}, undici });
  const registry = serverRegistry({ urls: [url], clock: systemClock, retry: retryLoop, connect });
  const writer = connect(url);
  onTestFinished(async () => {
    await registry.close();
    await writer.close();
  });

  /** Highest acknowledged and highest written version of each service. */
  const acknowledged = new Map<string, number>();
  const written = new Map<string, number>();
  const faults: string[] = [];
  const seen = new Map<string, number>();
  let snapshots = 0;
  registry.watch('/**', (snapshot) => {
    snapshots++;
    const found = snapshot as ReadonlyMap<string, Resolution>;
    for (const name of seen.keys()) if (!found.has(name)) faults.push(`${name} is gone`);
    for (const [name, resolution] of found) {
      const [endpoint] = (resolution as BoundResolution).endpoints as { attributes: { version: string } }[];
      const version = Number(endpoint?.attributes.version ?? 0);
      if (version < (seen.get(name) ?? 0)) faults.push(`${name} went back to ${version}`);
      if (version > (written.get(name) ?? 0)) faults.push(`${name} has ${version}, which was never written`);
      seen.set(name, version);
    }
  });

  let writing = true;
  const write = async (name: string): Promise<void> => {
    for (let version = 1; writing; version++) {
      written.set(name, version);
      const body = {
        name,
        id: 'one',
        addresses: ['http://127.0.0.1:9'],
        attributes: { version: String(version) },
        leaseMs: limits.maxLeaseMs,
      };
      try {
        const { status } = await writer.request({ path: paths.register, body }, new AbortController().signal);
        if (status === 200) acknowledged.set(name, version);
      } catch {
        await setTimeout(20);
      }
    }
  };
  const writers = Array.from({ length: 8 }, (_, i) => write(`/kills/s${i}`));
  for (let kill = 0; kill < kills; kill++) {
    const next = load();
    await setTimeout(1_000);
    await vi.waitFor(() => expect(snapshots).toBeGreaterThan(0), { timeout: 10_000 });
    server.kill('SIGKILL');
    await once(server, 'exit');
    await begin(next);
    server = next;
    // The watch has reconnected and reports changes.
    const before = snapshots;
    await vi.waitFor(() => expect(snapshots).toBeGreaterThan(before), { timeout: 10_000 });
  }
  writing = false;
  await Promise.all(writers);
  await vi.waitFor(
    () => {
      for (const [name, version] of acknowledged) expect(seen.get(name)).toBeGreaterThanOrEqual(version);
    },
    { timeout: 10_000 },
  );
  expect(acknowledged.size).toBe(8);
  expect(faults).toEqual([]);
});
