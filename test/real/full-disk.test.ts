/** A registry whose disk is full. Needs Linux and root, for a disk of 1 MiB in memory. */
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createClerk, isClerkError } from 'binding-clerk';
import { expect, onTestFinished, test, vi } from 'vitest';
import { canSimulateHosts } from './network-namespaces.js';
import { RegistryHost, name, type ServedFolder } from './registry-host.js';

/** Five times the delay between two attempts to write the store. */
const recoveryMs = 5_000;

/** Runs a program in a mount namespace, where a folder is a disk of 1 MiB. */
const withSmallDisk = (folder: string): readonly string[] => [
  ...['unshare', '--mount', 'sh', '-c'],
  `mount -t tmpfs -o size=1m,mode=700 tmpfs ${folder} && exec "$@"`,
  'sh',
];

/** Fills the disk of a registry to the last byte. Returns the path of the file that fills it. */
async function fillDisk(registry: ServedFolder, folder: string): Promise<string> {
  const fill = join('/proc', String(registry.program.child.pid), 'root', folder, '.fill');
  try {
    for (let i = 0; ; i++) writeFileSync(fill, Buffer.alloc(4_096), { flag: 'a' });
  } catch (error) {
    expect(error).toMatchObject({ code: 'ENOSPC' });
  }
  // The last page of a file has space for some changes.
  for (let i = 0; ; i++) {
    const { error } = await registry.post('define', { name: `/fill/${String(i)}` });
    if (error?.code === 'REGISTRY_UNREACHABLE') return fill;
    expect(i).toBeLessThan(1_000);
  }
}

test.runIf(canSimulateHosts)(
  'a full disk refuses starts at once, and changes are accepted when it has space',
  { timeout: 120_000 },
  async () => {
    const host = new RegistryHost();
    const data = join(host.folder, 'data');
    mkdirSync(data);
    const registry = await host.serve('data', [], withSmallDisk(data));
    await registry.post('define', { name, launch: { manifest: 'orders' } });
    await registry.post('define', { name: '/acknowledged' });
    const fill = await fillDisk(registry, data);
    const clerk = createClerk({ registry: registry.url });
    onTestFinished(() => clerk.destroy());
    const orders = clerk.bind(name, { timeoutMs: 30_000 });
    const startedAt = performance.now();
    const failure: unknown = await orders.json('/').catch((error: unknown) => error);
    expect(performance.now() - startedAt).toBeLessThan(recoveryMs);
    expect(isClerkError(failure) && [failure.code, failure.message, failure.execution]).toEqual([
      'START_FAILED',
      expect.stringContaining(`Data folder '${data}' could not be written: ENOSPC: no space left on device`),
      'none',
    ]);
    expect(isClerkError(failure) && failure.message).toContain('free space on the disk');
    expect((await fetch(`${registry.url}/healthz`)).status).toBe(503);
    expect(host.starts).toEqual([]);

    rmSync(fill);
    const freedAt = performance.now();
    while ((await registry.post('define', { name: '/after' })).error !== undefined)
      expect(performance.now() - freedAt).toBeLessThan(recoveryMs);
    expect((await fetch(`${registry.url}/healthz`)).status).toBe(200);
    // The clerk waits after a failed start.
    const answer = await vi.waitFor(() => orders.json('/'), { timeout: 20_000, interval: 200 });
    expect(answer).toEqual({ pid: host.starts[0]?.pid });
    const names = ((await (await fetch(`${registry.url}/v1/list?glob=/**`)).json()) as { entries: any[] })
      .entries;
    expect(names.map((entry) => entry.name as string)).toEqual(
      expect.arrayContaining(['/acknowledged', '/after']),
    );
    const log = await registry.end();
    expect(log.match(/is read-only, because its store failed/g)).toHaveLength(1);
    expect(log.match(/can be written again/g)).toHaveLength(1);
    expect(readFileSync(join('/proc', 'self', 'mounts'), 'utf8')).not.toContain(data);
  },
);
