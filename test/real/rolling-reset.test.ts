/**
 * A manifest that is edited while its service runs, and `clerk reset --rolling` under calls.
 *
 * @see [C6.8](../../docs/guarantees.md#c6-8)
 */
import { setTimeout } from 'node:timers/promises';
import { createClerk } from 'binding-clerk';
import { expect, onTestFinished, test } from 'vitest';
import { runCli } from '../cli/support/run-cli.js';
import { LaunchedHost } from './launched-host.js';

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
