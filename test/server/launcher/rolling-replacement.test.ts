/** Manifests that change under a running service, and its rolling replacement. @see [C6.8](../../../docs/guarantees.md#c6-8) */
import { expect, test } from 'vitest';
import { ClerkError } from '../../../src/core/errors.js';
import type { Manifest } from '../../../src/server/launcher/manifest.js';
import type { Launcher } from '../../../src/server/ports.js';
import { completeManifest, FakeHost, minimalManifest, outcomeOf } from './fake-host.js';

/** A host whose manifest can be edited on disk. */
class EditedHost extends FakeHost {
  onDisk: Manifest | ClerkError;

  constructor(maxInstances = 2) {
    super();
    this.onDisk = completeManifest(`${minimalManifest}maxInstances: ${String(maxInstances)}\n`);
    this.manifests.set('orders', this.onDisk);
    this.extra = {
      readManifest: async () => {
        if (this.onDisk instanceof ClerkError) throw this.onDisk;
        return this.onDisk;
      },
    };
  }

  edit(more: string): void {
    this.onDisk = completeManifest(`${minimalManifest}${more}\n`);
  }

  get outdatedLines(): readonly string[] {
    return this.lines.filter((line) => /outdated|matches its manifest/.test(line));
  }

  /** Runs a rolling reset to its end. */
  async rolled(launcher: Launcher): Promise<string> {
    let outcome: string | undefined;
    const reset = launcher.reset({ name: '/shop/orders', rolling: true });
    void outcomeOf(reset).then((text) => (outcome = text));
    for (let ms = 0; outcome === undefined && ms < 60_000; ms += 50) await this.clock.advance(50);
    return outcome ?? 'it never settled';
  }
}

test('an edited manifest is reported once, until it is the old one again', async () => {
  const host = new EditedHost();
  const launcher = await host.open();
  await host.launch(launcher);
  await host.clock.advance(20_000);
  expect([launcher.outdated(), host.outdatedLines]).toEqual([[], []]);
  const before = host.onDisk;
  host.edit('maxInstances: 2\nargs: [--fast]');
  await host.clock.advance(20_000);
  const { instance } = host.processes.all[0]!.handshake;
  const reason = 'manifest orders was edited since the process was started';
  expect(launcher.outdated()).toEqual([{ name: '/shop/orders', id: instance, reason }]);
  expect(host.outdatedLines).toEqual([
    `/shop/orders (${instance}) is outdated: ${reason}; when the manifest is correct, run clerk reset /shop/orders --rolling`,
  ]);
  host.onDisk = new ClerkError('CONFIG_INVALID', 'line 2: exec is required');
  await host.clock.advance(20_000);
  expect(launcher.outdated()).toMatchObject([
    { reason: 'manifest orders cannot be used: line 2: exec is required' },
  ]);
  host.onDisk = before;
  await host.clock.advance(20_000);
  expect(launcher.outdated()).toEqual([]);
  expect(host.outdatedLines).toHaveLength(3);
});

test('a link that leads elsewhere is reported, also by a server that was started afterwards', async () => {
  const host = new EditedHost();
  const first = await host.open();
  await host.launch(first);
  host.onDisk = { ...(host.onDisk as Manifest), programPath: '/srv/v2/orders' };
  await host.clock.advance(6_000);
  const reason = 'a path in manifest orders now leads to a different file; the program is now /srv/v2/orders';
  expect(first.outdated()).toMatchObject([{ reason }]);
  await first.close();
  host.manifests.set('orders', host.onDisk);
  const second = await host.open();
  await host.clock.advance(100);
  expect(second.outdated()).toMatchObject([{ reason }]);
});

test('a rolling reset starts the new instance, with the manifest on disk, before it drains the old one', async () => {
  const host = new EditedHost();
  host.names.appliesInMs = 5_000;
  const launcher = await host.open();
  await host.launch(launcher);
  host.edit('maxInstances: 2\nargs: [--fast]');
  await host.clock.advance(6_000);
  expect(await host.rolled(launcher)).toBe('started');
  const [old, replacement] = host.processes.all;
  expect(old).toMatchObject({ isAlive: false, signals: ['SIGTERM'] });
  expect(replacement!.options.args).toEqual(['--fast', '/shop/orders']);
  expect(host.names.journal.filter((line) => /registered|draining/.test(line))).toEqual([
    'registered /shop/orders',
    'registered /shop/orders',
    'draining /shop/orders',
  ]);
  await host.clock.advance(100);
  expect(launcher.outdated()).toEqual([]);
  expect(host.names.resolve('/shop/orders').endpoints).toMatchObject([
    { id: replacement!.handshake.instance },
  ]);
});

test('with maxInstances 1, the old instance is drained first, and callers get the new one', async () => {
  const host = new EditedHost(1);
  host.names.appliesInMs = 5_000;
  const launcher = await host.open();
  await host.launch(launcher);
  const rolling = outcomeOf(launcher.reset({ name: '/shop/orders', rolling: true }));
  await host.clock.advance(1_000);
  const calls = Array.from({ length: 5 }, () => host.startLaunch(launcher));
  expect(host.processes.all).toHaveLength(1);
  await host.clock.advance(6_000);
  expect(await rolling).toBe('started');
  expect(
    (await Promise.all(calls)).filter((outcome) => outcome === 'started' || outcome === 'found'),
  ).toHaveLength(5);
  expect(host.processes.all.map(({ isAlive }) => isAlive)).toEqual([false, true]);
  expect(host.lines.some((line) => /drained first, because maxInstances is reached/.test(line))).toBe(true);
});

test('a new instance that clients do not know yet is not stopped as idle', async () => {
  const host = new EditedHost();
  host.names.appliesInMs = 5_000;
  host.edit('maxInstances: 2\nidleStopMs: 1500');
  host.manifests.set('orders', host.onDisk as Manifest);
  const launcher = await host.open();
  await host.launch(launcher);
  const renew = (): void => {
    const replacement = host.processes.all[1];
    if (replacement !== undefined)
      host.names.renewed(replacement.handshake.instance, { inFlight: 0, idleMs: 60_000 });
    host.clock.setTimer(renew, 500).setRef(false);
  };
  renew();
  expect(await host.rolled(launcher)).toBe('started');
  expect(host.processes.all).toMatchObject([{ isAlive: false }, { isAlive: true, signals: [] }]);
  await host.clock.advance(8_000);
  expect(host.processes.alive).toBe(0);
});

test('when the new instance cannot start, the old one keeps running', async () => {
  for (const maxInstances of [1, 2]) {
    const host = new EditedHost(maxInstances);
    const problems: string[] = [];
    host.extra = { ...host.extra, programChangeReason: async () => problems[0] };
    const launcher = await host.open();
    await host.launch(launcher);
    problems.push('the program is gone');
    expect(await host.rolled(launcher)).toBe(
      'START_FAILED: /shop/orders could not be started: the program is gone',
    );
    host.onDisk = new ClerkError('CONFIG_INVALID', 'line 2: exec is required');
    for (const rolling of [true, false])
      await expect(launcher.reset({ name: '/shop/orders', rolling })).rejects.toMatchObject({
        code: 'CONFIG_INVALID',
      });
    expect(host.processes.all).toMatchObject([{ isAlive: true, signals: [] }]);
    expect(host.names.resolve('/shop/orders').endpoints).toMatchObject([{ state: 'up' }]);
  }
});

test('when the new instance does not register, the old one keeps serving', async () => {
  const host = new EditedHost();
  const launcher = await host.open();
  await host.launch(launcher);
  host.programsCrash();
  expect(await host.rolled(launcher)).toMatch(/^START_FAILED: .*exited with code 3/);
  expect(host.processes.all[0]).toMatchObject({ isAlive: true, signals: [] });
  expect(await host.launch(launcher)).toBe('found');
});

test('concurrent rolling resets share one replacement, and a service without processes is started', async () => {
  const host = new EditedHost();
  const launcher = await host.open();
  expect(await host.rolled(launcher)).toBe('started');
  const other = outcomeOf(launcher.reset({ name: '/shop/orders', rolling: true }));
  expect(await host.rolled(launcher)).toBe('started');
  expect(await other).toBe('started');
  expect(host.processes.all).toHaveLength(2);
});

test('a stop during a rolling reset ends it', async () => {
  const host = new EditedHost();
  const launcher = await host.open();
  await host.launch(launcher);
  const rolling = outcomeOf(launcher.reset({ name: '/shop/orders', rolling: true }));
  await host.clock.advance(100);
  const stopping = launcher.stop({ name: '/shop/orders' });
  await host.clock.advance(10_000);
  expect(await stopping).toEqual({ stopped: 2 });
  expect(await rolling).toMatch(/^START_FAILED: .*an operator stopped the service/);
  expect(host.processes.alive).toBe(0);
});

test('an old instance that is frozen is not drained but killed', async () => {
  const host = new EditedHost();
  host.names.appliesInMs = 5_000;
  const launcher = await host.open();
  await host.launch(launcher);
  host.processes.all[0]!.isStopped = true;
  expect(await host.rolled(launcher)).toBe('started');
  expect(host.processes.all).toMatchObject([{ signals: ['SIGKILL'] }, { isAlive: true }]);
});
