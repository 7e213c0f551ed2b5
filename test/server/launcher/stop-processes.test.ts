import { expect, test } from 'vitest';
import { FakeHost, outcomeOf } from './fake-host.js';

test('stop drains the endpoint, then sends SIGTERM, and SIGKILL after 6.5 s', async () => {
  const host = new FakeHost();
  const launcher = await host.open();
  await host.launch(launcher);
  const [process] = host.processes.all;
  process!.ignoresSigterm = true;
  process!.children = 1;
  const stopping = launcher.stop({ name: '/shop/orders' });
  await host.clock.advance(0);
  expect(host.names.resolve('/shop/orders').endpoints).toMatchObject([{ state: 'draining' }]);
  expect(process!.signals).toEqual(['SIGTERM']);
  await host.clock.advance(6_400);
  expect(process!.signals).toEqual(['SIGTERM']);
  await host.clock.advance(150);
  expect(process!.signals).toEqual(['SIGTERM', 'SIGKILL']);
  expect(await stopping).toEqual({ stopped: 1 });
  expect(host.names.journal.slice(-2)).toEqual(['draining /shop/orders', 'withdrawn /shop/orders']);
  expect(host.names.resolve('/shop/orders').endpoints).toEqual([]);
  expect(host.names.launches.all()).toEqual([]);
});

test('stop waits for children that outlive their parent', async () => {
  const host = new FakeHost();
  const launcher = await host.open();
  await host.launch(launcher);
  const [process] = host.processes.all;
  process!.ignoresSigterm = true;
  process!.children = 1;
  const stopping = launcher.stop({ name: '/shop/orders' });
  await host.clock.advance(100);
  process!.exit(0);
  await host.clock.advance(0);
  expect(host.names.resolve('/shop/orders').endpoints).toEqual([]);
  expect(host.processes.alive).toBe(1);
  await host.clock.advance(6_500);
  expect(await stopping).toEqual({ stopped: 1 });
  expect(host.processes.alive).toBe(0);
});

test('stop of a service without launches returns 0', async () => {
  const host = new FakeHost();
  const launcher = await host.open();
  expect(await launcher.stop({ name: '/shop/orders' })).toEqual({ stopped: 0 });
  await expect(launcher.stop({ name: '/nowhere' })).rejects.toMatchObject({ code: 'NAME_NOT_FOUND' });
});

test('stop cancels a start in progress or stops its process, and rejects its callers', async () => {
  for (const afterMs of [0, 50, 199]) {
    const host = new FakeHost();
    if (afterMs === 0) host.names.gate = () => new Promise((resolve) => host.clock.setTimer(resolve, 20));
    const launcher = await host.open();
    const caller = host.startLaunch(launcher);
    await host.clock.advance(afterMs);
    const stopping = launcher.stop({ name: '/shop/orders' });
    await host.clock.advance(3_000);
    expect(await caller).toBe('START_FAILED: /shop/orders was not started: an operator stopped the service');
    expect(await stopping).toEqual({ stopped: afterMs === 0 ? 0 : 1 });
    expect(host.processes.alive).toBe(0);
    expect(host.names.launches.all()).toEqual([]);
    expect(host.processes.all).toHaveLength(afterMs === 0 ? 0 : 1);
    // A stop on request is not a failure, so there is no backoff.
    host.names.gate = async () => {};
    expect(await host.launch(launcher)).toBe('started');
  }
});

test('a process that is spawned while its start is cancelled is stopped', async () => {
  const host = new FakeHost();
  const spawn = host.processes.spawn.bind(host.processes);
  host.processes.spawn = async (options) => {
    await new Promise<void>((resolve) => host.clock.setTimer(resolve, 20));
    return spawn(options);
  };
  const launcher = await host.open();
  const caller = host.startLaunch(launcher);
  await host.clock.advance(10);
  const stopping = launcher.stop({ name: '/shop/orders' });
  await host.clock.advance(100);
  expect(await stopping).toEqual({ stopped: 1 });
  expect(await caller).toMatch(/^START_FAILED: .* an operator stopped the service$/);
  expect(host.processes.all).toMatchObject([{ isAlive: false, signals: ['SIGTERM'] }]);
  expect(host.names.launches.all()).toEqual([]);
});

test('a launch from before a move is stopped under the new name', async () => {
  const host = new FakeHost();
  const launcher = await host.open();
  await host.launch(launcher);
  host.names.define('/store/orders', { manifest: 'orders' });
  host.names.links.set('/shop/orders', '/store/orders');
  const stopping = launcher.stop({ name: '/store/orders' });
  await host.clock.advance(100);
  expect(await stopping).toEqual({ stopped: 1 });
  expect(host.processes.alive).toBe(0);
});

test('reset stops a service, clears its start backoff and starts it again', async () => {
  const host = new FakeHost();
  const launcher = await host.open();
  host.programsCrash(1, 0);
  for (let i = 0; i < 3; i++) {
    await host.launch(launcher);
    await host.clock.advance(4_000);
  }
  expect(await host.launch(launcher)).toMatch(/\(start backoff\)/);
  host.programsRegister();
  const first = outcomeOf(launcher.reset({ name: '/shop/orders' }));
  await host.clock.advance(300);
  expect(await first).toBe('started');
  const second = outcomeOf(launcher.reset({ name: '/shop/orders' }));
  await host.clock.advance(300);
  expect(await second).toBe('started');
  expect(host.processes.all.map(({ isAlive }) => isAlive)).toEqual([false, false, false, false, true]);
});

test('reset rejects a service without a launch rule', async () => {
  const host = new FakeHost();
  host.names.define('/shop/by-hand');
  const launcher = await host.open();
  await expect(launcher.reset({ name: '/shop/by-hand' })).rejects.toMatchObject({ code: 'FORBIDDEN' });
});
