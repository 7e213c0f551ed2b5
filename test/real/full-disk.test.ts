/** A registry whose disk is full, or would be. Needs Linux and root, for small disks in memory. */
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { createClerk, isClerkError } from 'binding-clerk';
import { expect, onTestFinished, test, vi } from 'vitest';
import { canSimulateHosts } from './network-namespaces.js';
import { RegistryHost, name, type ServedFolder } from './registry-host.js';

/** Five times the delay between two attempts to write the store. */
const recoveryMs = 5_000;

/** Runs a program in a mount namespace, where a folder is a small disk. */
const withSmallDisk = (folder: string, mebibytes: number): readonly string[] => [
  ...['unshare', '--mount', 'sh', '-c'],
  `mount -t tmpfs -o size=${String(mebibytes)}m,mode=700 tmpfs ${folder} && exec "$@"`,
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

const plainName = '/shop/plain';

/** Registers an endpoint of a service that no program serves. Returns what its renewals and its withdrawal must state. */
async function registerPlain(registry: ServedFolder, id: string, leaseMs: number): Promise<object> {
  const request = { name: plainName, id, addresses: ['http://127.0.0.1:9'], leaseMs };
  const { epoch, secret } = await registry.post('register', request);
  return { name: plainName, id, epoch, secret };
}

async function endpointsOf(registry: ServedFolder): Promise<readonly string[]> {
  const response = await fetch(`${registry.url}/v1/resolve?name=${plainName}`);
  const { endpoints } = (await response.json()) as { endpoints: readonly { readonly id: string }[] };
  return endpoints.map(({ id }) => id).sort();
}

test.runIf(canSimulateHosts)(
  'a full disk refuses starts at once, and changes are accepted when it has space',
  { timeout: 120_000 },
  async () => {
    const host = new RegistryHost();
    const data = join(host.folder, 'data');
    mkdirSync(data);
    const registry = await host.serve('data', [], withSmallDisk(data, 1));
    await registry.post('define', { name, launch: { manifest: 'orders' } });
    await registry.post('define', { name: '/acknowledged' });
    const dying = await registerPlain(registry, 'dies', 1_000);
    const leaving = await registerPlain(registry, 'leaves', 600_000);
    await registerPlain(registry, 'lives', 600_000);
    const renewal = setInterval(() => void registry.post('renew', { renewals: [dying] }), 200);
    onTestFinished(() => clearInterval(renewal));
    const fill = await fillDisk(registry, data);
    expect(await endpointsOf(registry)).toEqual(['dies', 'leaves', 'lives']);
    clearInterval(renewal);
    const withdrawal = await registry.post('withdraw', { ...leaving, now: true });
    expect(withdrawal.error).toMatchObject({ code: 'REGISTRY_UNREACHABLE' });
    await expect.poll(() => endpointsOf(registry), { timeout: 30_000 }).toEqual(['lives']);
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
    const health = await fetch(`${registry.url}/healthz`);
    expect([health.status, await health.json()]).toMatchObject([503, { problems: [{ part: 'store' }] }]);
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
    expect(await endpointsOf(registry)).toEqual(['lives']);
    const log = await registry.end();
    expect(log.match(/is read-only, because its store failed/g)).toHaveLength(1);
    expect(log.match(/can be written again/g)).toHaveLength(1);
    expect(readFileSync(join('/proc', 'self', 'mounts'), 'utf8')).not.toContain(data);
  },
);

test.runIf(canSimulateHosts)(
  'a launched program that writes without end takes no space that the store of the registry needs',
  { timeout: 180_000 },
  async () => {
    const host = new RegistryHost();
    const data = join(host.folder, 'data');
    const progress = join(host.folder, 'progress');
    const diskMebibytes = 8;
    const blockBytes = 65_536;
    mkdirSync(data);
    // About 1 MB/s. The launcher looks every 500 ms, so the reserve of a quarter of the disk lasts for several looks.
    const block = `head -c ${String(blockBytes)} /dev/zero; i=$((i + 1)); echo $i > ${progress}; sleep 0.05`;
    host.writeManifest(`(i=0; while [ -e ${host.gate} ]; do ${block}; done) & `);
    const registry = await host.serve('data', [], withSmallDisk(data, diskMebibytes));
    await registry.post('define', { name, launch: { manifest: 'orders' } });
    expect(await registry.post('launch', { name })).toMatchObject({ started: true });
    const written = (): number =>
      existsSync(progress) ? Number(readFileSync(progress, 'utf8')) * blockBytes : 0;
    for (let i = 0; written() < 1.5 * diskMebibytes * 1_048_576; i++) {
      expect(await registry.post('define', { name: `/names/${String(i)}` })).not.toHaveProperty('error');
      await setTimeout(100);
    }
    expect((await fetch(`${registry.url}/healthz`)).status).toBe(200);
    expect(await registry.post('stop', { name })).toEqual({ stopped: 1 });
    const log = await registry.end();
    expect(log).not.toContain('read-only');
    expect(
      log.match(/The disk is almost full, so earlier output in the log .*shop[.]orders[.]log was removed/g),
    ).toHaveLength(1);
  },
);
