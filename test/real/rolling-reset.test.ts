/**
 * A manifest that is edited, or whose link is turned, while its service runs, and `clerk reset --rolling` under calls.
 *
 * @see [C6.8](../../docs/guarantees.md#c6-8)
 */
import { mkdirSync, readlinkSync, renameSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { createClerk } from 'binding-clerk';
import { expect, onTestFinished, test } from 'vitest';
import { runCli } from '../cli/support/run-cli.js';
import { LaunchedHost } from './launched-host.js';
import { scratchFolder } from './scratch-folder.js';

test.each([
  [2, 'the new process starts first'],
  [1, 'callers wait for the new process'],
])(
  'an edited manifest is shown, and a rolling reset fails no call; with maxInstances %d, %s',
  { timeout: 120_000 },
  async (maxInstances) => {
    const host = new LaunchedHost([`maxInstances: ${String(maxInstances)}`]);
    const { url } = await host.serve();
    const clerk = createClerk({ registry: url });
    onTestFinished(() => clerk.destroy());
    const orders = clerk.bind(host.name);
    const call = (path: string, method = 'GET') =>
      orders.json<{ pid: number }>(path, { method, timeoutMs: 60_000 });
    const { pid: old } = await call('/');

    host.writeManifest([`maxInstances: ${String(maxInstances)}`, 'idleStopMs: 600000']);
    await expect
      .poll(async () => (await host.get('status')).outdated, { timeout: 30_000 })
      .toMatchObject([
        { name: host.name, reason: 'manifest orders was edited since the process was started' },
      ]);
    expect((await host.get('list?glob=/**')).entries).toMatchObject([{ endpoints: 1, outdated: 1 }]);
    expect((await runCli(['status', '--registry', url])).out).toMatch(
      /\/shop\/orders \(orders-\w+\) is outdated: manifest orders was edited/,
    );
    expect((await runCli(['ls', '--registry', url])).out).toMatch(/1 endpoint, 1 outdated/);
    expect(host.lines.filter((line) => line.includes('is outdated'))).toHaveLength(1);

    const results: Promise<unknown>[] = [
      call('/slow?ms=3000'),
      orders.text('/bytes?ms=3000', { method: 'POST', timeoutMs: 60_000 }),
    ];
    let isOver = false;
    const reset = runCli(['reset', host.name, '--rolling', '--registry', url]).finally(() => (isOver = true));
    while (!isOver) {
      results.push(call('/'), call('/', 'POST'));
      await setTimeout(50);
    }
    expect(await reset).toMatchObject({ code: 0 });
    await Promise.all(results);
    const { pid } = await call('/');
    expect(pid).not.toBe(old);
    expect([host.pids.length, host.running]).toEqual([2, [pid]]);
    expect((await host.get('status')).outdated).toBeUndefined();
  },
);

test(
  'a link that leads elsewhere is shown as an edited manifest is, and a rolling reset starts in the new folder',
  { timeout: 120_000 },
  async () => {
    const releases = scratchFolder();
    const current = join(releases, 'current');
    const turnTo = (release: string): void => {
      mkdirSync(join(releases, release));
      symlinkSync(release, `${current}.new`);
      renameSync(`${current}.new`, current);
    };
    turnTo('release-1');
    const host = new LaunchedHost([], current);
    const { url } = await host.serve();
    const workingFolders = () => host.running.map((pid) => readlinkSync(`/proc/${String(pid)}/cwd`));
    // The program reports its process after its registration.
    const expectFolder = (release: string): Promise<void> =>
      expect.poll(workingFolders, { timeout: 30_000 }).toEqual([join(releases, release)]);
    await host.post('launch', { name: host.name });
    await expectFolder('release-1');
    expect((await host.get('status')).outdated).toBeUndefined();

    turnTo('release-2');
    const reason = 'a path in manifest orders now leads to a different file; the program is now /usr/bin/env';
    await expect
      .poll(async () => (await host.get('status')).outdated, { timeout: 30_000 })
      .toMatchObject([{ name: host.name, reason }]);
    expect((await runCli(['ls', '--registry', url])).out).toMatch(/1 endpoint, 1 outdated/);
    expect(host.lines.filter((line) => line.includes(`is outdated: ${reason}`))).toHaveLength(1);

    expect(await runCli(['reset', host.name, '--rolling', '--registry', url])).toMatchObject({ code: 0 });
    await expectFolder('release-2');
    expect((await host.get('status')).outdated).toBeUndefined();
  },
);
