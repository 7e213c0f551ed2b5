/** The identity of a host, in network namespaces and with boot ids. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished, test } from 'vitest';
import { hostId } from '../../src/runtime/host-id.js';
import { canSimulateHosts } from '../real/network-namespaces.js';

const source = fileURLToPath(new URL('../../src/runtime/host-id.ts', import.meta.url));

/** The host id of a process that a command runs, such as `['nice']`. */
function hostIdIn(...wrapper: readonly string[]): string {
  const print = `import(${JSON.stringify(source)}).then(({ hostId }) => console.log(hostId()))`;
  const program = [process.execPath, '--import', 'tsx', '--eval', print];
  return execFileSync('env', [...wrapper, ...program], { encoding: 'utf8' }).trim();
}

/** Runs a program with another boot id. */
function withBootId(bootId: string): readonly string[] {
  const folder = mkdtempSync(join(tmpdir(), 'clerk-boot-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const file = join(folder, 'boot_id');
  writeFileSync(file, `${bootId}\n`);
  const script = `mount --bind ${file} /proc/sys/kernel/random/boot_id && exec "$@"`;
  return ['unshare', '--mount', 'sh', '-ec', script, 'sh'];
}

test.skipIf(!canSimulateHosts)(
  'processes share a host id only if they share the boot and the network namespace',
  { timeout: 60_000 },
  () => {
    const id = hostId();
    expect(hostIdIn()).toBe(id);
    const others = [hostIdIn('unshare', '--net'), hostIdIn(...withBootId('another-boot'))];
    expect(new Set([id, ...others]).size).toBe(3);
    for (const each of [id, ...others]) expect(each).toMatch(/^[^/]+\/[0-9]+$/);
  },
);
