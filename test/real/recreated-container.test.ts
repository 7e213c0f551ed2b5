/**
 * A registry in a container, made of a pid namespace and a mount namespace with a boot id of its own. A new container on the
 * same folder is not a copy, and the process ids that the former container has left behind mean nothing in it.
 *
 * @see [C6.7](../../docs/guarantees.md#c6-7), [decision 078](../../docs/decisions/078-copied-data-folder.md)
 */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { name, RegistryHost, type ServedFolder } from './registry-host.js';

/**
 * Number of other processes of the later containers. They have the process ids from 2 on, so one of them has the id of the
 * process that the first container has launched.
 */
const others = 200;
/** Each of them sleeps for this time in s, by which the test finds them. */
const sleepSeconds = `86400.${String(process.pid)}`;

const canMakeContainers = ((): boolean => {
  try {
    execFileSync('unshare', ['--pid', '--mount', '--fork', '--mount-proc', 'true'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
})();

/** Command that runs a program as process 1 of a new container, beside other processes, with a boot id. */
function container(host: RegistryHost, bootId: string, count = others): readonly string[] {
  const file = join(host.folder, bootId);
  writeFileSync(file, `${bootId}\n`);
  const script = [
    `mount --bind ${file} /proc/sys/kernel/random/boot_id`,
    `for i in $(seq ${String(count)}); do sleep ${sleepSeconds} & done`,
    'exec "$@"',
  ].join('\n');
  const unshare = ['unshare', '--pid', '--mount', '--fork', '--kill-child', '--mount-proc'];
  return [...unshare, 'sh', '-ec', script, 'sh'];
}

function sleepers(): number {
  const isSleeper = (pid: string): boolean => {
    try {
      return readFileSync(`/proc/${pid}/cmdline`, 'utf8') === `sleep\0${sleepSeconds}\0`;
    } catch {
      return false;
    }
  };
  return readdirSync('/proc').filter((pid) => /^[0-9]+$/.test(pid) && isSleeper(pid)).length;
}

async function endContainer(server: ServedFolder): Promise<string> {
  const log = await server.end();
  for (let i = 0; i < 500 && sleepers() > 0; i++) await new Promise((resolve) => setTimeout(resolve, 20));
  return log;
}

test.skipIf(!canMakeContainers)(
  'a new container on the same folder continues the registry, and its processes of the same ids are left alone',
  { timeout: 240_000 },
  async () => {
    const host = new RegistryHost(true);
    const first = await host.serve('data', [], container(host, 'boot-1', 1));
    await first.post('define', { name, launch: { manifest: 'orders' } });
    expect(await first.post('launch', { name })).toMatchObject({ started: true });
    const incarnation = await first.incarnation();
    expect(host.starts[0]!.pid).toBeLessThan(others);
    expect(await endContainer(first)).toMatch(/process id 1\..*--init/);
    host.copy('data', 'copy');

    for (const bootId of ['boot-1', 'boot-2']) {
      const next = await host.serve('data', [], container(host, bootId));
      expect(await next.incarnation()).toBe(incarnation);
      expect(await next.post('launch', { name })).toMatchObject({ started: true });
      expect(await next.post('stop', { name })).toEqual({ stopped: 1 });
      expect(await next.post('launch', { name })).toMatchObject({ started: true });
      expect(sleepers()).toBe(others);
      expect(await endContainer(next)).not.toMatch(/is a copy/);
    }

    const copy = await host.serve('copy', [], container(host, 'boot-1'));
    expect((await copy.incarnation()) > incarnation).toBe(true);
    expect(await copy.post('stop', { name })).toEqual({ stopped: 0 });
    expect(sleepers()).toBe(others);
    expect(await endContainer(copy)).toMatch(
      /is a copy of another data folder.*processes that the original has launched \(number of processes: 1\)/,
    );
  },
);
