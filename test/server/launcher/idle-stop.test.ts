/** Services without calls are drained and stopped. @see [C6.6](../../../docs/guarantees.md#c6-6) */
import { expect, test } from 'vitest';
import type { Launcher } from '../../../src/server/ports.js';
import { FakeHost, completeManifest, minimalManifest } from './fake-host.js';
import type { FakeProcess } from './fake-processes.js';

/** A host whose service is stopped after 10 s without a call. Its services renew every 3 s. */
class IdleHost extends FakeHost {
  /** Calls in flight, and when the last call began or ended; undefined for a service that does not count. */
  calls: { inFlight: number; lastAt: number } | undefined = { inFlight: 0, lastAt: 0 };

  constructor(more = '') {
    super();
    this.manifests.set('orders', completeManifest(`${minimalManifest}idleStopMs: 10000\n${more}`));
  }

  /** Starts the service and lets it renew. */
  async started(): Promise<{ launcher: Launcher; process: FakeProcess }> {
    const launcher = await this.open();
    await this.launch(launcher);
    const process = this.processes.all.at(-1)!;
    const renew = (): void => {
      if (!process.isAlive) return;
      if (this.calls) {
        const { inFlight, lastAt } = this.calls;
        const idleMs = inFlight > 0 ? 0 : this.clock.now() - lastAt;
        this.names.renewed(process.handshake.instance, { inFlight, idleMs });
      }
      this.clock.setTimer(renew, 3_000);
    };
    this.clock.setTimer(renew, 3_000);
    return { launcher, process };
  }

  get stopLines(): readonly string[] {
    return this.lines.filter((line) => /not called|report its calls/.test(line));
  }
}

test('a service without calls is drained and stopped, and the next call starts it again', async () => {
  const host = new IdleHost();
  const { launcher, process } = await host.started();
  await host.clock.advance(9_000);
  expect(process.signals).toEqual([]);
  await host.clock.advance(4_000);
  expect(process.isAlive).toBe(false);
  expect(host.names.journal).toContain('draining /shop/orders');
  expect(host.names.resolve('/shop/orders').endpoints).toEqual([]);
  expect(host.stopLines).toEqual([
    expect.stringMatching(/^Draining \/shop\/orders \(orders-\w+\), which was not called for 10000 ms$/),
  ]);
  expect(await host.launch(launcher)).toBe('started');
});

test('a service that is called all the time without lookups is never stopped', async () => {
  const host = new IdleHost();
  const { process } = await host.started();
  for (let i = 0; i < 100; i++) {
    host.calls = { inFlight: 0, lastAt: host.clock.now() };
    await host.clock.advance(5_000);
  }
  expect(process.signals).toEqual([]);
});

test('a service is not stopped during a call of an hour', async () => {
  const host = new IdleHost();
  const { process } = await host.started();
  host.calls = { inFlight: 1, lastAt: host.clock.now() };
  await host.clock.advance(3_600_000);
  expect(process.signals).toEqual([]);
  host.calls = { inFlight: 0, lastAt: host.clock.now() };
  await host.clock.advance(9_000);
  expect(process.signals).toEqual([]);
  await host.clock.advance(4_100);
  expect(process.isAlive).toBe(false);
});

test('a service that does not report its calls is never stopped, and the log says why, once', async () => {
  const host = new IdleHost();
  host.calls = undefined;
  const { process } = await host.started();
  await host.clock.advance(3_600_000);
  expect(process.signals).toEqual([]);
  expect(host.stopLines).toEqual([
    expect.stringMatching(/does not report its calls.*pass the server of the service to advertise\(\)/),
  ]);
});

test('a launch request counts as use', async () => {
  const host = new IdleHost();
  const { launcher, process } = await host.started();
  for (let i = 0; i < 10; i++) {
    await host.clock.advance(6_000);
    expect(await host.launch(launcher)).toBe('found');
  }
  expect(process.signals).toEqual([]);
});

test('after a restart of the server, the idle time counts from the restart', async () => {
  const host = new IdleHost();
  const { launcher, process } = await host.started();
  await host.clock.advance(9_000);
  await launcher.close();
  await host.open();
  await host.clock.advance(9_000);
  expect(process.signals).toEqual([]);
  await host.clock.advance(4_100);
  expect(process.isAlive).toBe(false);
});

test('a draining service gets SIGTERM only when clients no longer use it, and has drainMs to end its calls', async () => {
  const host = new IdleHost('drainMs: 20000\n');
  host.names.appliesInMs = 5_000;
  const { process } = await host.started();
  process.ignoresSigterm = true;
  await host.clock.advance(12_100);
  expect(host.names.resolve('/shop/orders').endpoints).toMatchObject([{ state: 'draining' }]);
  await host.clock.advance(4_300);
  expect(process.signals).toEqual([]);
  await host.clock.advance(300);
  expect(process.signals).toEqual(['SIGTERM']);
  await host.clock.advance(19_000);
  expect(process.signals).toEqual(['SIGTERM']);
  await host.clock.advance(1_100);
  expect(process.signals).toEqual(['SIGTERM', 'SIGKILL']);
  expect(host.names.launches.all()).toEqual([]);
});

test('a draining service that ends by itself is not waited for', async () => {
  const host = new IdleHost();
  host.names.appliesInMs = 60_000;
  const { launcher, process } = await host.started();
  await host.clock.advance(12_100);
  process.exit(0);
  expect(await host.launch(launcher)).toBe('started');
  expect(host.processes.alive).toBe(1);
});

test('a call during the idle stop gets the next launch', async () => {
  const host = new IdleHost();
  host.names.appliesInMs = 5_000;
  const { launcher, process } = await host.started();
  await host.clock.advance(12_100);
  const call = host.startLaunch(launcher);
  await host.clock.advance(4_700);
  expect(process.isAlive).toBe(false);
  await host.clock.advance(1_000);
  expect(await call).toBe('started');
  expect(host.processes.alive).toBe(1);
});

test('a server that closes during a drain ends it gently, once', async () => {
  for (const [afterMs, signals] of [
    [1_000, ['SIGTERM']],
    [6_000, ['SIGTERM']],
  ] as const) {
    const host = new IdleHost();
    host.names.appliesInMs = 5_000;
    const { launcher, process } = await host.started();
    process.ignoresSigterm = true;
    await host.clock.advance(12_100 + afterMs);
    await launcher.close();
    await host.clock.advance(60_000);
    expect(process.signals).toEqual(signals);
  }
});

test('a draining process that is frozen is killed when its service is called', async () => {
  const host = new IdleHost();
  host.names.appliesInMs = 5_000;
  const { launcher, process } = await host.started();
  await host.clock.advance(12_100);
  process.isStopped = process.ignoresSigterm = true;
  expect(await host.launch(launcher)).toBe('started');
  expect(process.signals).toEqual(['SIGKILL']);
});
